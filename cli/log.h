/*
 * log.h - what the program has to say beside its output
 */
#ifndef ZC_CLI_LOG_H
#define ZC_CLI_LOG_H

/* "zctrace: …" and a line feed on standard error. */
__attribute__((format(printf, 1, 2))) void log_line(const char *fmt, ...);

#endif
