/*
 * procread.h - what /proc tells about a process
 *
 * The service is what an administrator would call the process (service.h). The runtime is the
 * language it was written in, as far as the executable shows: go, nodejs, python, java, ruby, php,
 * dotnet, rust, cpp, or generic. The container is the id in its control group's path, if there is
 * one, with the name that its engine has for it (container.h).
 */
#ifndef ZC_CLI_PROCREAD_H
#define ZC_CLI_PROCREAD_H

#include <stddef.h>
#include <stdint.h>
#include "bpf/events.h"

/* Two processes of the same pid, or two programs in the same process, differ in this. */
struct proc_identity {
	uint64_t start; /* clock ticks after boot */
	uint64_t inode, device; /* of the executable; 0 if it may not be seen */
};

/* 0, or a negative errno (all zero then): there is no such process. */
int proc_identity_read(uint32_t pid, struct proc_identity *out);

/* Fills service, runtime, container. 0, or a negative errno: nothing could be found out. */
int proc_names_read(uint32_t pid, struct zc_ev_names *out);

/*
 * The same without the runtime, which takes longest to find: what it is called, and of which
 * container it is.
 */
int proc_called_read(uint32_t pid, struct zc_ev_names *out);

/* The first run of exactly 64 hexadecimal digits; NULL if there is none. */
const char *proc_container_id(const char *cgroup);

#endif
