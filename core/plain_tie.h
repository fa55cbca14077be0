/*
 * plain_tie.h - for plain.c: which socket a TLS stream belongs to
 *
 * Rules of evidence are in plain.h. c: a stream; sock: a socket's cookie.
 */
#ifndef ZC_CORE_PLAIN_TIE_H
#define ZC_CORE_PLAIN_TIE_H

#include <stdint.h>

struct conn;
struct engine;

/* The socket was used inside the library's call. */
void plain_tie_fact(struct engine *e, struct conn *c, uint64_t sock);

/* What a thread did before or after a call points to this socket. */
struct plain_piece {
	uint64_t sock;
	uint32_t plain, wire; /* octets of content and of ciphertext */
	int alone;	      /* the thread had used no other such socket for a while */
};
void plain_tie_evidence(struct engine *e, struct conn *c, const struct plain_piece *p);

/* Can `plain` octets of content have become, or been, `wire` octets of ciphertext? */
int plain_sizes_fit(uint32_t plain, uint32_t wire, int dir);

/* Positions of c are called as the other end calls them, if both are known from the beginning. */
void plain_anchor(struct conn *c);

#endif
