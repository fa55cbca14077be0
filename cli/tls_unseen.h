/*
 * tls_unseen.h - why the TLS of a traced process stays encrypted, in a few words for its spans
 *
 * --doctor says the same at length, with what helps (blind.h). Here nothing is looked into that the
 * probes have looked into already, so it may be asked while tracing, once for a process.
 */
#ifndef ZC_CLI_TLS_UNSEEN_H
#define ZC_CLI_TLS_UNSEEN_H

#include <stddef.h>
#include <stdint.h>

struct attach;

/* "": its libraries are probed, and no other one is known to be there. attach: NULL: no probes. */
void tls_unseen_read(struct attach *attach, uint32_t pid, char *out, size_t size);

#endif
