/*
 * tlsentry.h - where in a function a probe costs least
 *
 * The kernel replaces an instruction by a trap. If it knows what the instruction does (pushes,
 * calls, jumps), that is all; else it has the processor execute a copy and trap once more, which
 * costs as much again, or several times as much in a virtual machine. So where a function begins
 * with another instruction, a place nearby is taken at which the arguments are still where they
 * were.
 */
#ifndef ZC_ATTACH_TLSENTRY_H
#define ZC_ATTACH_TLSENTRY_H

#include "attach/tlsbin_priv.h"

/*
 * The place for the function at va: itself, or behind an ENDBR64, where the return address is still
 * on top of the stack; of Go's (go: 1) the branch of its stack check.
 */
uint64_t tlsentry_place(const struct elf *e, uint64_t va, int go);

/*
 * Where OpenSSL's SSL_read and SSL_read_ex both just call ssl_read_internal, that is what is to be
 * probed: BIO_f_ssl calls it, too. The same of writing. What has no good place and only
 * calls another one of the library's functions for applications, as gnutls_record_send does, need
 * not be probed. The file's table of functions may be made.
 */
void tlsentry_inner(struct elf *e, struct tlsbin_find *f);

#endif
