/*
 * link.h - which exchange caused which
 *
 * A node stands for one exchange, from its request's head until its span and those of the calls
 * that it caused are shown. Nodes of the two ends of one connection meet in a table; nodes of
 * requests being served wait in their process for the calls that are made on their behalf.
 *
 * Evidence, the strongest first; where it fits several parents it only narrows the choice, and a
 * choice that stays open is no link:
 *
 *   traceparent  the call carries the trace context of one request in flight in the process
 *   socket       the two ends of one connection: sequence numbers of the request's first octet
 *                and, where the connection was seen from its beginning, of the first octets of both
 *                directions; else also addresses, or what the request's segment acknowledges
 *                (addresses differ behind NAT, which leaves both numbers alone)
 *   request-id   the call carries the request id of one request in flight in the process
 *   payload      the call has the very octets of the head of one request in flight
 *   goroutine    the goroutine on whose behalf the call is made, or the one that has begun it, has
 *                read exactly one request, and leaves no work undone when it answers
 *   thread       the thread that makes the call serves exactly one request
 *   head         the call repeats method, target and end-to-end fields of one request in flight
 *                (method and target, where an HTTP/2 connection is older than our look at it, and
 *                its fields refer to what was sent before), and comes from a forwarder: it says so
 *                (Via, X-Forwarded-For, ...), or the process did nothing else the last times
 *                (payload, head: of several such requests, the one that was not forwarded yet)
 *   only         one request is in flight in the process, and the goroutine is not known
 *
 * That there is one request at the moment may be chance: `only`, and `thread` where threads serve
 * many (they poll their sockets), have to be earned, see habit.h. A thread that has answered has
 * finished with that request.
 *
 * `thread` and `only` need to know of all requests in flight. Where a process has connections that
 * were open before anybody looked, and that have shown no request since, or where events were lost,
 * they say nothing for LINK_BLIND. Nor does `goroutine` of what was read before events were lost.
 *
 * A server end links by socket only; a call by all else. A context that names a span that nobody
 * here has seen stays the parent of what has no other.
 *
 * Memory: one node per exchange in flight, per span held and per ancestor of those; processes are
 * limited to LINK_MAX_PROCS. The work of one call grows with the requests in flight in its process,
 * of which no more than LINK_MAX_SERVING are looked at; a busier process gets no link.
 */
#ifndef ZC_CORE_LINK_H
#define ZC_CORE_LINK_H

#include <stdint.h>

#include "core/id.h"
#include "core/span.h"

#define LINK_MAX_PROCS 4096u
#define LINK_MAX_SERVING 4096u
#define LINK_BLIND 5000000000ull /* ns */

struct links;
struct link_node;

/* What the head of a request tells. Hashes are 0 where there is nothing. */
struct link_head {
	uint64_t bytes;     /* of the whole head */
	uint64_t request;    /* of method, target and fields that forwarders leave alone */
	/* of method and target: speaks where fields of one of both were not seen */
	uint64_t target;
	uint64_t request_id;
	uint64_t group;	     /* of method and path without what varies: what makes requests alike */
	uint32_t marks;	     /* grows with each field that a forwarder adds or extends */
	uint8_t has_trace, has_parent; /* of context */
	const char *how;     /* the kind of context: a link's name */
	struct traceparent context;
};

/* Where an exchange takes place. */
struct link_place {
	enum span_kind kind;
	uint64_t connection; /* hash of its addresses */
	uint32_t seq;	     /* sequence number of the request's first octet */
	uint32_t stream_id;
	uint8_t has_first;
	uint32_t first[2];   /* of the connection: requests' direction, responses' */
	uint8_t has_ack;
	uint32_t ack; /* what the segment acknowledged that made the request's head complete */
	uint64_t time;	     /* when the first octet of the request went by */
	uint32_t pid;	     /* 0: not known yet; tells hosts apart, see core/source.h */
	/*
	 * Of a server's end: the client's may come into view later, even when all is over. That is
	 * so with TLS, where a write is told when it has returned.
	 */
	uint8_t awaits;
};

/*
 * now: the time, which the caller keeps. start: since when calls and requests would have been seen;
 * 0: since the first that is told. NULL: out of memory.
 */
struct links *links__new(const uint64_t *now, uint64_t start);
void links__free(struct links *l);

/*
 * What is known of a process beforehand, asked once for each. May stay NULL.
 * LINK_THREADS_MIGRATE: threads take over each other's requests: `thread` is no evidence there.
 * LINK_THREADS_KEEP: never: where connections pass from thread to thread, these are a pool's, and
 * each has but the request that it has read.
 * LINK_FORWARDS: it is a proxy: trusted for `head` from the first call on, as long as it keeps to
 * it.
 */
#define LINK_THREADS_MIGRATE 1u
#define LINK_FORWARDS 2u
#define LINK_THREADS_KEEP 4u
void links__on_process(struct links *l, unsigned (*traits)(void *ctx, uint32_t pid), void *ctx);

/* A request begins. NULL: out of memory; all functions take that for a node about nothing. */
struct link_node *links__begin(struct links *l, const struct link_place *p,
			       const struct link_head *h);

struct link_io {
	uint32_t pid, tid;
	uint64_t goroutine; /* 0: not known */
	uint64_t time;
	int has_sleeps;
	uint32_t sleeps; /* see zc_ev_io */
	int young;	 /* the thread began not long ago (ZC_OLD) */
	int polled;
	int moved; /* another thread than that of the request before on the same connection */
};

/* The application has read (server) or written (client) the request. */
void links__io(struct links *l, struct link_node *n, const struct link_io *io);

/* The application has read more of the request (server), or the response (client). */
void links__read(struct links *l, struct link_node *n, const struct link_io *io);

/* A process has begun, or has begun to be another one: nothing is known of it. */
void links__process(struct links *l, uint32_t pid);

/* Thread `by` of the process has begun thread tid. */
void links__thread(struct links *l, uint32_t pid, uint32_t tid, uint32_t by, uint64_t time);

/*
 * step 1: a connection to this process came into view on which a request may be under way; -1: this
 * one is known now, or gone.
 */
void links__blind(struct links *l, uint32_t pid, int step, uint64_t time);

/* Events were lost, of any process: what was in flight may be answered, and more may have come. */
void links__lost(struct links *l);

/* The exchange is over, or given up. The node stays valid until links__put. */
void links__end(struct links *l, struct link_node *n);

/* Fills ids, parent and link of s; the same but for the span's own id and its trace's. */
void links__ids(const struct link_node *n, struct span *s);
void links__parent(const struct link_node *n, struct span *s);

/*
 * May the ids still change, because it is not known yet who made a call further up, or because the
 * other end may still come into view?
 */
int links__open(const struct link_node *n);

/*
 * The response brought a message with this context, whose sender's span is span_id (NULL: it is not
 * known), of process pid. It counts where nothing else is known of why the call was made.
 */
void links__received(struct link_node *n, const struct traceparent *context,
		     const uint8_t span_id[SPAN_ID_LEN], uint32_t pid);

/*
 * What the exchange of n is told by at both of its ends. *pid, span_id: of who sent the request, as
 * far as that is seen; else of n. Returns 0 if n is NULL.
 */
uint64_t links__sender(const struct link_node *n, uint32_t *pid, uint8_t span_id[SPAN_ID_LEN]);

/* The process at the other end; 0 if it is not known. */
uint32_t links__peer(const struct link_node *n);

void links__put(struct links *l, struct link_node *n);

#endif
