/*
 * service.h - what a process is called, by its executable and its arguments
 *
 * For an interpreter that is the script, module, archive or main class that it runs. A launcher of
 * applications (gunicorn, uvicorn, flask, ...) is called after the application; a script whose name
 * says nothing (index.js, manage.py, __main__.py) after its directory. A title that the process has
 * put in the place of its arguments counts for what it says. Everything else is called after its
 * executable.
 */
#ifndef ZC_CLI_SERVICE_H
#define ZC_CLI_SERVICE_H

#include <stddef.h>

/*
 * n octets of cmdline are arguments that each end with NUL, or a title. cwd: the working directory,
 * "" if it is not known. out has room for size octets, at least 2.
 */
void service_name(const char *exe, const char *cmdline, size_t n, const char *cwd, char *out,
		  size_t size);

/* The runtime that an executable's name stands for, or NULL. */
const char *service_runtime(const char *exe);

#endif
