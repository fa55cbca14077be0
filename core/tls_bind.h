/*
 * tls_bind.h - for tls_stream.c: which socket a TLS stream belongs to
 *
 * Rules of evidence are in tls_stream.h. c: a stream; sock: a socket's cookie.
 */
#ifndef ZC_CORE_TLS_BIND_H
#define ZC_CORE_TLS_BIND_H

#include <stdint.h>

struct conn;
struct engine;

/* The socket was used inside the library's call. */
void tls_bind_fact(struct engine *e, struct conn *c, uint64_t sock);

/* What a thread did before or after a call points to this socket. */
struct tls_stream_piece {
	uint64_t sock;
	uint32_t plain, wire; /* octets of content and of ciphertext */
	int alone;	      /* the thread had used no other such socket for a while */
};
void tls_bind_evidence(struct engine *e, struct conn *c, const struct tls_stream_piece *p);

/* Can `plain` octets of content have become, or been, `wire` octets of ciphertext? */
int tls_stream_sizes_fit(uint32_t plain, uint32_t wire, int dir);

/* Positions of c are called as the other end calls them, if both are known from the beginning. */
void tls_stream_anchor(struct conn *c);

#endif
