/* nats_impl.h - what the files of this folder share */
#ifndef ZC_PARSERS_NATS_IMPL_H
#define ZC_PARSERS_NATS_IMPL_H

#include "parsers/nats/nats.h"

enum nats_op {
	NATS_NONE,
	NATS_INFO,
	NATS_CONNECT,
	NATS_PUB,
	NATS_HPUB,
	NATS_SUB,
	NATS_UNSUB,
	NATS_MSG,
	NATS_HMSG,
	NATS_PING,
	NATS_PONG,
	NATS_OK,
	NATS_ERR,
};

struct nats_line {
	enum nats_op op;
	struct str subject, reply; /* absent: there is none */
	struct str rest;	   /* behind the operation */
	uint64_t headers, size;	   /* of all that follows: of it the headers */
	size_t len;		   /* of the line, with its end */
};

/* 1: *l is filled; 0: more is needed; -1: `from` sends nothing of that kind. */
int nats_line(const uint8_t *p, size_t n, enum sender from, struct nats_line *l);

/* The operation by its name, whatever its case. */
enum nats_op nats_op_of(const char *p, size_t n, enum sender from);

/* May the name of one begin so? */
int nats_op_begins(const char *p, size_t n);

enum probe_result nats_probe(const struct probe *in, unsigned *client);
extern const struct protocol_mask nats_mask;

#endif
