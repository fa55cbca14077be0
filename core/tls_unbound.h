/*
 * tls_unbound.h - TLS streams of which the socket is not known
 *
 * One connection would be shown twice where nothing ties them: by what its stream carries, and as
 * one that stays encrypted. So a socket without a stream is not shown if its process has had,
 * during the socket's life, a stream with exchanges and without a socket. Each stream stands for
 * one socket; which one it is stays unknown, and no address follows from it.
 */
#ifndef ZC_CORE_TLS_UNBOUND_H
#define ZC_CORE_TLS_UNBOUND_H

#include <stdint.h>

struct conn;
struct engine;

#define TLS_UNBOUND_PAST 64u

/* Those that have ended: the last ones. */
struct tls_unbound_past {
	struct {
		uint64_t born;
		uint32_t pid; /* 0: it was taken */
	} stream[TLS_UNBOUND_PAST];
	unsigned n; /* in all */
};

/* A stream, or any other connection, leaves the table. */
void tls_unbound_end(struct engine *e, struct conn *c);

/* 1: the socket c may be that of one of these streams, which no other socket will be. */
int tls_unbound_take(struct engine *e, const struct conn *c);

#endif
