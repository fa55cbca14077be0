/*
 * tls_session.h - what a connection has that is a stream of a TLS library: see tls_stream.h
 */
#ifndef ZC_CORE_TLS_SESSION_H
#define ZC_CORE_TLS_SESSION_H

#include <stdint.h>

#include "core/conn.h"

struct tls_conn;
struct tls_stream_wait;

struct tls_session {
	struct conn *conn;
	struct tls_conn *handshake; /* what that of its socket told, which has gone, or NULL */
	struct list waiting;	  /* in engine.tls_stream_waiting */
	struct tls_stream_wait *waits; /* read, and to be taken later */
	struct list unbound; /* see tls_unbound.h */
	uint32_t nwaits;
	uint32_t writes; /* how many have been taken */
	uint32_t overhead; /* of the pieces of evidence so far: wire less content */
	uint32_t first_len; /* content of the first of them */
	uint64_t born;	    /* wall clock: when it came into view */
	uint64_t sock;	    /* the socket's cookie, also when that has gone; 0: not known */
	uint64_t candidate; /* socket that evidence points to */
	uint64_t wire_time; /* when the last octets that were read from the socket had arrived */
	uint32_t wire_end;  /* sequence number behind them */
	uint32_t rest;	    /* how many of them may not have been told */
	uint32_t anchor[2]; /* sequence number at which its first octet counts, by direction */
	uint8_t lib;	    /* enum zc_tls_lib */
	uint8_t agree, against; /* pieces of evidence */
	/* pieces in which sizes are equal to the byte; their lengths differ */
	uint8_t exact, distinct;
	uint8_t fact;	    /* its socket is one */
	uint8_t binding_refuted;   /* evidence was wrong */
	uint8_t watched;    /* its handshake was seen from the beginning */
	uint8_t fresh;	    /* seen from its first octet */
	uint8_t anchored;
	uint8_t counted; /* a socket was taken for its own, see tls_unbound.h */
};

/* Do its positions count from its socket's first octets? */
static inline int tls_session_anchored(const struct conn *c)
{
	return c->session && c->session->anchored;
}

#endif
