/*
 * objects.h - the compiled kernel side, carried inside the program
 */
#ifndef ZC_ATTACH_OBJECTS_H
#define ZC_ATTACH_OBJECTS_H

#include <stddef.h>

extern const char bpf_sock_start[], bpf_sock_end[];
extern const char bpf_tls_start[], bpf_tls_end[];
extern const char bpf_selftest_start[], bpf_selftest_end[];

#endif
