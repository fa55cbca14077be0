/*
 * tlsbin_priv.h - what the parts that look for TLS functions know of each other
 *
 * Each finder fills struct tlsbin_find of its library: addresses by number of name. tlsbin.c makes
 * points of them at the end.
 */
#ifndef ZC_ATTACH_TLSBIN_PRIV_H
#define ZC_ATTACH_TLSBIN_PRIV_H

#include "attach/elf.h"
#include "attach/tlsbin.h"

/*
 * The functions that are looked for. What follows SSL_ERR is not probed: it tells libraries apart.
 */
enum tls_name {
	SSL_READ, SSL_READ_EX, SSL_READ_EARLY, SSL_READ_INTERNAL,
	SSL_WRITE, SSL_WRITE_EX, SSL_WRITE_EX2, SSL_WRITE_EARLY, SSL_WRITE_INTERNAL,
	SSL_WRITE_INTERNAL2, SSL_SENDFILE, SSL_FREE, SSL_DO_HANDSHAKE, SSL_CONNECT, SSL_ACCEPT,
	SSL_ERR_VSET, SSL_ERR_SET, SSL_ERR_PUT,
	GNUTLS_RECV, GNUTLS_RECV_SEQ, GNUTLS_SEND, GNUTLS_SEND2, GNUTLS_DEINIT, GNUTLS_HANDSHAKE,
	GO_READ, GO_WRITE, GO_HANDSHAKE, GO_CLOSE, GO_ROUNDTRIP, GO_FLUSH,
	MARK_BORINGSSL, MARK_BORINGSSL2, MARK_BORINGSSL3, MARK_VERSION, MARK_VERSION_GNUTLS,
	TLS_NAMES
};

enum tls_family { FAMILY_SSL, FAMILY_GNUTLS, FAMILY_GO };

struct tls_name_info {
	uint8_t family;
	uint8_t func; /* enum zc_tls_func; 0: a mark */
	uint8_t internal; /* no name that a user can give */
	const char *name;
};

extern const struct tls_name_info tls_names[TLS_NAMES];
/* The number of a name that users may give for a library, or -1. */
int tls_name_find(int lib, const char *func);

/* What was found of one library. */
struct tlsbin_find {
	const char *how; /* NULL: nothing was found, not even that it is there */
	char version[48], missing[160];
	uint64_t va[TLS_NAMES];	  /* 0: not found */
	uint64_t size[TLS_NAMES]; /* octets, 0: not told */
};

struct tlsbin_work {
	struct elf *e;
	struct tlsbin_find lib[TLSBIN_MAX + 1]; /* by enum zc_tls_lib */
};

/* tlsbin_scan of a file that is open. e is not closed; its table of functions may be made. */
int tlsbin_scan_elf(struct elf *e, const struct tlsbin_given *given, size_t ngiven,
		    struct tlsbin out[TLSBIN_MAX]);
/*
 * Adds a point at an address; 0 also when it has one already or the address is not code; -ENOMEM.
 */
int tlsbin_add(const struct elf *e, struct tlsbin *b, uint64_t va, int func, int is_return);
/* Copies "OpenSSL 3.0.19" out of "OpenSSL 3.0.19 27 Jan 2026" at p; 0: not such a text. */
int tlsbin_openssl_version(const char *p, size_t n, char out[48]);
/* The same by looking through read-only data. */
void tlsbin_find_version(const struct elf *e, char out[48]);

/*
 * gobin.c: completes what .symtab told of crypto/tls (how, va, size) with version and, where
 * symbols are missing, with the table of functions. how stays NULL if there is no crypto/tls.
 */
void gobin_find(const struct elf *e, struct tlsbin_find *f);
/* Points of Go: entries, and the RETs of Read and Write. 0 or -ENOMEM. */
int gobin_points(const struct elf *e, struct tlsbin_find *f, struct tlsbin *b);

#endif
