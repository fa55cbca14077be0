/*
 * blind.h - what of a process will not be seen, why, and what helps
 */
#ifndef ZC_CLI_BLIND_H
#define ZC_CLI_BLIND_H

#include "cli/procinfo.h"

struct blind {
	char what[200]; /* "TLS by NSS" */
	char why[260];
	char remedy[260]; /* "": none is known */
};

/* Sockets of a process that no probe of ours looks at. */
struct unseen_sockets {
	unsigned unix_listeners;
	uint16_t quic_port; /* a UDP socket where HTTP/3 usually is; 0: none */
};

void unseen_sockets_find(const struct proc_info *p, struct unseen_sockets *out);

/* Calls fn for each; NULL for u: not looked for. */
void blind_each(const struct proc_info *p, const struct unseen_sockets *u,
		void (*fn)(void *ctx, const struct blind *b), void *ctx);

#endif
