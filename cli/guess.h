/*
 * guess.h - what a service probably speaks, by its program and its port
 *
 * Nothing is asked and no octet seen: whatever shows this must call it a guess.
 */
#ifndef ZC_CLI_GUESS_H
#define ZC_CLI_GUESS_H

#include <stdint.h>

struct guess {
	const char *protocol; /* as in the `protocol` of spans, without versions; NULL: no idea */
	int decoded;	      /* zctrace understands it */
	int tls;	      /* the port is one for TLS */
};

struct guess guess_protocol(uint16_t port, const char *comm);

#endif
