/*
 * exchange.h - one request and what answers it, from the request's first octet until its span
 *
 * An exchange belongs to its connection's queue until both messages are complete, then possibly
 * to its list of those that wait for the application to read the response, then to the engine's
 * free list. Its strings lie in one block that grows and is used again by later exchanges.
 */
#ifndef ZC_CORE_EXCHANGE_H
#define ZC_CORE_EXCHANGE_H

#include <stdint.h>

#include "core/block.h"
#include "core/id.h"
#include "core/list.h"
#include "core/network.h"
#include "core/payload.h"
#include "core/span.h"
#include "parsers/protocol.h"

#define EXCHANGE_MAX_FIELDS 65536u /* octets of field lines kept per head */

struct engine;
struct conn;
struct link_node;

/* As struct attr, its text in the block. */
struct exchange_attr {
	const struct attr_def *def;
	union {
		struct text s;
		uint64_t n;
	};
};
#define EXCHANGE_ATTRS 12u

struct exchange {
	struct exchange *next; /* in the connection's queue or waiting list, or the free list */
	struct exchange *prev, *key_next; /* with its connection's `keyed` alone */
	struct list timer;     /* in engine.waiting, engine.reading or engine.overtaken */
	struct conn *conn;
	uint64_t seq;
	uint64_t alike;	   /* as in its span */
	uint64_t key;	   /* message.key, with `keyed` */
	uint32_t form;	   /* message.form of the request */
	uint64_t req_pos;  /* position of the first octet of the request */
	uint64_t req_end;  /* position behind its last one, when req_done */
	uint64_t resp_pos; /* position of the first octet of the response, when resp_started */
	uint64_t resp_end; /* position behind the last octet of the response */
	/* position in the responses up to which its sender had them; 0: unknown */
	uint64_t need;
	uint64_t need_end; /* the same, or more, when its last byte was sent */

	/* source clock; SPAN_UNKNOWN if so */
	uint64_t req_first; /* first octet of the request went by */
	uint64_t io_time;   /* the application read (server) or wrote (client) it */
	uint64_t resp_first, resp_last;
	uint64_t end; /* client: the application read the last octet; else when it ended */
	uint64_t overtaken; /* of pending_read.h: a later request was written then; 0: none */

	uint64_t req_bytes, resp_bytes, req_body_bytes, resp_body_bytes;
	uint32_t pid, tid;
	uint32_t incomplete;
	uint32_t suspect; /* SPAN_*: why its response may be another's, see certainty.h */
	uint16_t status;
	const struct protocol_name *protocol;
	uint8_t error;	  /* enum span_error */

	uint8_t found;	  /* its start was looked for, it was not due there */
	uint8_t beside;	  /* it was sent together with one that was found, perhaps as its content */
	uint8_t boundary; /* where it starts a message does: the other direction says so */
	/* perhaps it is a part of what was lost: it is shown only with an answer */
	uint8_t tentative;
	uint8_t waits;	  /* for an interim response, before it sends its content */
	uint8_t rested;	  /* nothing had gone by for so long that nothing was outstanding */
	uint8_t sound;	  /* both directions agree where it begins and ends */
	uint8_t due;	  /* its messages began where they were due */
	uint8_t owed;	  /* a request before it that was not seen is to be answered first; */
	/* 1: or one of which it is a part, see certainty.c; 2: that one was answered */
	uint8_t in_row;
	uint8_t req_done, resp_done;
	uint8_t resp_started; /* at least an interim response was seen */
	uint8_t req_unsized;  /* the request's end was not seen, so its size is not known */
	uint8_t req_cut;      /* it was answered, and then ended before its content had come */
	uint8_t resp_unsized; /* same of the response, and its end in time */
	uint8_t req_uncounted;	/* octets of it may be missing from the count, */
	uint8_t resp_uncounted; /* but its end was seen */
	uint8_t io_done;      /* io_time is known, or can no longer be learned */
	uint8_t one_way;      /* a request that gets no response */
	uint8_t silent;	      /* one that may get none */
	uint8_t reversed;     /* the server asks: what a broker delivers */
	uint8_t failed, refused; /* the response says so; refused: for the client only */
	uint8_t counts_notices;
	uint16_t retries;     /* a datagram was sent again as often */
	uint8_t maybe_grpc;   /* its kind of content is in an entry from before we looked */
	uint8_t trailers;     /* the response ended with some */
	uint8_t infers_status; /* gRPC's, by its form */
	uint8_t hides_status;  /* gRPC's may be among them, in an entry from before we looked */
	uint8_t switches;     /* answered by agreeing to another protocol */
	uint8_t aborted;	      /* ended before its response did; end says when */
	uint8_t traceparents; /* how many the request had; one is valid, more are none */
	uint8_t has_traceparent;
	struct traceparent traceparent;
	/* of a delivery: its publish, which stands between it and traceparent's parent */
	uint8_t has_sender, sender_id[SPAN_ID_LEN];
	uint32_t sender_pid; /* 0: not known */
	struct link_node *node; /* NULL: an orphan response, or no memory */

	/* HTTP/2 */
	uint32_t stream_id; /* 0: none */
	uint64_t path_key; /* which unseen path; 0: it is known, or there is none */
	uint64_t stall;	   /* how long the response stood still for want of window */
	int64_t error_code; /* of RST_STREAM or GOAWAY; -1: none */

	struct exchange_network network;

	struct payload *payload; /* messages in the content; NULL: not of such a kind */
	struct naming_state *naming; /* what travels in HTTP, see naming.h; NULL: nothing known */
	int grpc_status;	 /* -1: not known */
	uint64_t grpc_timeout;	 /* ns */
	uint64_t notices, notice_bytes; /* of a long exchange */
	uint32_t nattrs;

	struct text method, scheme, host, path, query, req_fields, resp_fields, grpc_message;
	struct text group; /* what makes requests alike; absent: the routes decide */
	struct text settings; /* HTTP2-Settings of a request to upgrade */
	struct block text;
	struct block body[2]; /* request, response */
	struct exchange_attr *attr; /* nattrs of EXCHANGE_ATTRS; NULL: it never had any */
};

/* One of its texts; valid until one is added. */
static inline struct str exchange_str(const struct exchange *x, struct text t)
{
	if (t.off == TEXT_NONE)
		return (struct str){NULL, 0};
	return (struct str){x->text.p + t.off, t.len};
}

/* An empty exchange; NULL: out of memory. */
struct exchange *exchange_new(struct engine *e, struct conn *c);
void exchange_put(struct engine *e, struct exchange *x); /* to the free list */
void exchange_free(struct exchange *x);

/* The head of the request, of the response. What does not fit in memory is left out. */
void exchange_request(struct engine *e, struct exchange *x, const struct message *m);
void exchange_response(struct engine *e, struct exchange *x, const struct message *m);

/* What only the end of a message told; a notice that is counted. */
void exchange_end(struct exchange *x, int which, const struct message *m);
void exchange_notice(struct exchange *x, const struct message *m);

/* A notice that names something, see MESSAGE_NAMES. */
void exchange_names(struct engine *e, const struct conn *c, const struct message *m);

/* Content; which: 0 request, 1 response. Octets that are missing come as gap, without data. */
void exchange_content(struct engine *e, struct exchange *x, int which, struct str data,
		      uint64_t gap);

/* How many of the next octets of content nobody needs; UINT64_MAX: all. */
uint64_t exchange_unneeded(const struct engine *e, const struct exchange *x, int which);

/* Is content in this direction looked into, by whoever it is? */
int exchange_reads_content(const struct exchange *x, int which);

/* Messages are counted from now on, if there is memory. */
void exchange_count_messages(struct engine *e, struct exchange *x, enum payload_kind kind);

/*
 * For exchange_h2.c: the host, without the userinfo of the authority where secrets are hidden; a
 * copy of s; the parts of a request-target that begins with a path.
 */
struct text exchange_host(const struct engine *e, struct exchange *x, struct str authority);
static inline struct text exchange_text(struct exchange *x, struct str s)
{
	return block_put(&x->text, s.p, s.n);
}
void exchange_set_path(struct exchange *x, struct str target);
void exchange_set_content_type(struct engine *e, struct exchange *x, int which, struct str type);
void exchange_set_traceparent(struct exchange *x, struct str value);

/*
 * Fills *s from x. Pointers go into x and its connection. now: what an exchange in flight has
 * lasted until.
 */
void exchange_span(struct engine *e, const struct exchange *x, uint64_t now, struct span *s);

/* Shows the span, or holds it until it is known whom it belongs to; gives x back. */
void exchange_emit(struct engine *e, struct exchange *x);

#endif
