/*
 * tlsbin.h - the functions to probe in the TLS libraries that an ELF file contains
 *
 * What is looked at, the first that yields something for a library:
 *   dynamic symbols  what a shared library, or an executable such as Node, defines for others
 *   symbols          .symtab, of static code that is not stripped
 *   gopclntab        Go's own table of functions, which stripping leaves (Go 1.18 on, and 1.17)
 *   pattern          stripped static OpenSSL 3, OpenSSL 1.1 and BoringSSL: functions that
 *                    tell their own name, file and line when they report an error; see tlspattern.h
 * Addresses given by the user (--tls-symbol) come before all of these for the functions they name.
 *
 * Nothing is guessed: a function is told when its symbol or exactly one fitting place was found and
 * lies in an executable segment. A function that a version does not have is no reason to complain.
 *
 * ERR_set_error of OpenSSL 3 is left out where ERR_vset_error is there, which it calls.
 * Functions of a library may call one another (SSL_read_early_data calls SSL_read_ex,
 * SSL_connect calls SSL_do_handshake): who probes them counts the outermost call only.
 * A point lies where a probe costs least, which may be some octets into the function (tlsentry.h).
 * Of OpenSSL whose ssl_read_internal is a function of its own, that one may be told and not
 * SSL_read and SSL_read_ex, which call it; the same holds for writing. gnutls_record_send is left
 * out where it only calls gnutls_record_send2.
 *
 * The file is mapped and only needed pages are read; nothing stays mapped. It may be of any octets.
 * No globals; thread-safe.
 */
#ifndef ZC_ATTACH_TLSBIN_H
#define ZC_ATTACH_TLSBIN_H

#include <stddef.h>
#include <stdint.h>
#include "bpf/tls.h"

#define TLSBIN_MAX 4 /* as many as there are libraries */

struct tlsbin_point {
	uint64_t offset;   /* in the file, as uprobes want it */
	uint8_t func;      /* enum zc_tls_func */
	uint8_t is_return; /* 0: the first instruction; 1: a RET (Go only; others use uretprobes) */
};

struct tlsbin {
	uint8_t lib;	   /* enum zc_tls_lib */
	const char *how; /* "dynamic symbols", "symbols", "gopclntab", "pattern", "given"; static */
	char version[48];  /* "OpenSSL 3.0.19", "GnuTLS 3.7.9", "go1.26.8"; "" not known */
	char missing[160]; /* what cannot be probed, why, and the remedy, in one line; "" nothing */
	struct tlsbin_point *point; /* owned, sorted by offset, one for an offset */
	size_t npoints;
};

/*
 * One --tls-symbol LIB:FUNC=ADDR. addr: virtual address as nm and objdump print it, of the
 * function's first instruction (not a file offset, and without the address that the program is
 * loaded at).
 */
struct tlsbin_given {
	const char *lib, *func;
	uint64_t addr;
};

/*
 * fd: an open file, its position neither used nor changed, not closed. is_exe: given addresses are
 * of this file (they are addresses in the executable and are ignored for libraries).
 * Returns how many of out[] are filled (0: no TLS library in this file, or an ELF file of another
 * class than 64 bits little-endian), or negative errno: -ENOEXEC not an ELF file, -EINVAL a given
 * name is wrong (see tlsbin_name), -ENOMEM, or that of fstat and mmap; then nothing is to be freed.
 * A library without points has `missing`; one with points has it when something important is
 * missing.
 */
int tlsbin_scan(int fd, int is_exe, const struct tlsbin_given *given, size_t ngiven,
		struct tlsbin out[TLSBIN_MAX]);
void tlsbin_free(struct tlsbin *b); /* what it owns; b itself is the caller's */

/*
 * LIB (openssl, boringssl, gnutls, go) and FUNC (SSL_read, gnutls_record_recv, Read or
 * crypto/tls.(*Conn).Read, ...) to enum zc_tls_lib and enum zc_tls_func. 0, or -EINVAL with one
 * line in err that says what is wrong and which names there are. lib_out and func_out may be NULL.
 */
int tlsbin_name(const char *lib, const char *func, int *lib_out, int *func_out, char *err,
		size_t errlen);
const char *tlsbin_lib_name(int lib); /* "openssl", ...; NULL: no such library */

#endif
