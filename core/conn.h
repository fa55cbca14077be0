/*
 * conn.h - connections, by socket cookie, the longest unused one first to go
 */
#ifndef ZC_CORE_CONN_H
#define ZC_CORE_CONN_H

#include <stddef.h>
#include <stdint.h>

#include "bpf/events.h"
#include "core/id.h"
#include "core/list.h"
#include "core/network.h"
#include "core/reasm.h"
#include "core/traffic.h"

struct engine;
struct exchange;
struct keyed;
struct tls_session;
struct protocol;
struct protocol_name;
struct same_head;
struct conn;

#define CONN_IO_MARKS 4

/* The application read or wrote everything before seq. */
struct io_mark {
	uint64_t time;
	uint32_t seq, pid, tid;
	uint64_t goroutine; /* 0: not known */
	uint32_t sleeps;
	uint16_t flags, age; /* ZC_IO_* and zc_ev_io, as the two before */
};

static inline struct io_mark io_mark_of(const struct zc_ev_io *io)
{
	return (struct io_mark){io->ev.time, io->seq, io->pid, io->tid, io->goroutine, io->sleeps,
				io->ev.flags, io->age};
}

/* When the application has read or written one direction. */
struct half_io {
	/* the latest, oldest first from mark[n % CONN_IO_MARKS] once it is full */
	struct io_mark mark[CONN_IO_MARKS];
	uint32_t n; /* never 0 */
	uint32_t to; /* the furthest of all of it */
	uint32_t gone; /* that of those which are no longer among mark */
	/* the first that passed the start of an incomplete head, or of what is still to come */
	uint8_t kept_valid;
	uint64_t kept_pos;
	struct io_mark kept;
};

/* One direction of a connection. */
struct half {
	struct reasm reasm;
	struct exchange *x; /* whose message is being parsed */
	/* bytes before its protocol: of a PROXY header, of what asked for a tunnel */
	uint64_t lead;
	/* where that message started; or where one is sought, as the other direction tells */
	uint64_t msg_pos;
	uint64_t last_time; /* when the last octet consumed went by */
	uint64_t gap_end;   /* behind the last content of which no segment was seen; 0: none */
	union {
		struct {
			uint8_t in_message; /* HEAD came, END or ABORT did not */
			uint8_t ended;	    /* nothing more comes */
			/* of the head that is kept there is an exchange already */
			uint8_t torn;
			uint8_t unsure; /* requests: where they begin is not certain */
		};
		uint32_t unusual; /* 0: none of these is set */
	};
	uint8_t mid_line;   /* requests: what was passed over last ends within a line */
	uint8_t proxied;    /* PROXY headers in lead, of several proxies one behind the other */
	uint8_t stray;	    /* something else stood where one was due; 2: a frame's head */
	uint8_t hint_valid; /* ack_hint is */
	uint32_t ack_hint;  /* what the other direction acknowledged last */

	struct half_io *io; /* NULL: it was not read or written, as far as is known */

	/* what was last told to the kernel side */
	uint64_t skip_to;
	uint32_t cap;
	uint8_t reported_frames;

	uint8_t frames; /* HTTP/2: of long DATA frames only the heads are wanted */

	/* octets and segments in which no message was found */
	uint64_t unrecognized_bytes;
	/* behind the last of them, before anything else was; how far their sender had received */
	uint64_t unrecognized_end, unrecognized_need;
	uint32_t unrecognized_segs;
};

/* Why the exchanges of a connection end before their responses. */
enum conn_end {
	CONN_EVICTED,  /* no longer followed */
	CONN_FINISHED, /* tracing ends */
	CONN_DROPPED,  /* no span is wanted */
};

/* How a protocol was recognised. */
struct conn_begin {
	const struct protocol *protocol;
	struct half *half; /* where: at pos of this direction */
	uint64_t pos;
	unsigned client; /* the client's direction; PROBE_NO_DIR: not known */
	int start;	 /* its first byte comes next, in both directions */
};

/* What a protocol does with its connections: conn_ops.h has the table of them. */
struct conn_ops {
	const struct protocol_name *name; /* whose they are; NULL: of many */
	/*
	 * The connection speaks it; c->protocol is set. 0: there is no memory for it, and nothing
	 * has changed.
	 */
	int (*begin)(struct conn *c, const struct conn_begin *b);
	/*
	 * The same where both ends have agreed upon it; x asked for that, and is taken. NULL, or
	 * x NULL: nobody knows. 0: as above. Of those without it, what follows is probed.
	 */
	int (*upgraded)(struct conn *c, struct exchange *x);
	/* for struct reasm_sink */
	size_t (*data)(struct conn *c, struct half *h, const uint8_t *p, size_t n, uint64_t pos);
	void (*gap)(struct conn *c, struct half *h, uint64_t pos, uint64_t n, enum reasm_gap why,
		    struct str kept);
	/*
	 * Direction h is over, at this time. For responses, requests that are still open end with
	 * it; so it is called again when another one has come.
	 */
	void (*eof)(struct conn *c, struct half *h, uint64_t time);
	/* the application read or wrote; half_io_add() has been called */
	void (*io)(struct conn *c, const struct zc_ev_io *io);
	void (*lost)(struct conn *c); /* events of it, of whatever kind, were lost */
	/* ends all that is open, and releases what the protocol has allocated */
	void (*end)(struct conn *c, enum conn_end why);
	/* how many of the next octets of h nobody needs; UINT64_MAX: all */
	uint64_t (*unneeded)(const struct conn *c, const struct half *h);
	/* are its segments not needed, with its plaintext followed? NULL: they are */
	int (*quiet)(struct conn *c);
	/* the rest of the request of x, which has its response, was not seen in time */
	void (*expire)(struct conn *c, struct exchange *x);
	/* each exchange that waits for its response */
	void (*each)(const struct conn *c, void (*fn)(void *ctx, struct exchange *x), void *ctx);
};

#define CONN_ENDED 8u /* a power of two */

/* Where the last answers ended. */
struct conn_ended {
	uint64_t at[CONN_ENDED];
	uint8_t n;
};

#define CONN_GAP_REST 1 /* it began in a message that was seen: most likely the rest of that */
#define CONN_GAP_HEAD 2 /* it began where another one did */

/* See wording.h; of the row since anything was lost, or did not fit. */
struct wording {
	uint64_t pos; /* of the first request that was answered in it; 0: there is none */
	/* bit k - 1: what is k places before, behind what was answered, is ruled out */
	uint32_t unfit_before, unfit_after;
	uint8_t fitting; /* answers that fit what they were taken for */
};

struct conn {
	struct conn *hash_next; /* or the next free one */
	struct list lru, stalled, closing;
	struct list doubted; /* in engine.doubted, while there are some: see doubted.h */
	struct engine *engine;
	uint64_t cookie;
	uint64_t used; /* when it was last moved to the young end */
	uint64_t born; /* when it came into view */

	struct half half[2]; /* ZC_RX, ZC_TX */
	const struct conn_ops *ops;	  /* NULL: nobody knows yet what it is, or it is opaque */
	const struct protocol *protocol; /* NULL: the same */
	void *state;			  /* of ops: what they, and the parser, remember */
	void *memo;			  /* see struct protocol; NULL: it has none */
	struct same_head *same_head;	  /* of exchange_same.c; NULL: nothing */
	uint8_t opaque;			  /* nothing of it is understood, or wanted */
	uint8_t request_dir; /* when the protocol is known: the direction that carries requests */

	uint8_t preexisting;	   /* existed before we looked, for all we know */
	uint8_t opened;	   /* OPEN was seen */
	uint8_t has_addr, role;
	uint8_t reset, forgotten;
	uint8_t given_up; /* by its kernel: SPAN_ERR_TIMEOUT, SPAN_ERR_UNREACHABLE; 0: it was not */
	uint8_t superseded; /* its socket is used for another one */
	uint8_t reported;	   /* the kernel side has a policy for it */
	uint8_t quiet;
	union {
		struct {
			/* a request was seen to come before the answer to the one before it */
			uint8_t pipelined;
			/* octets were lost between responses: which comes next is not certain */
			uint8_t resp_gap; /* CONN_GAP_*; 0: none */
			/* behind what is not this protocol: no span before an answer fits */
			uint8_t unproven;
			/* something that wants to be one, and was not understood */
			uint8_t broken_request;
			/* switching waits for the end of the request that asked for it */
			uint8_t switch_waits;
			uint8_t datagram; /* a conversation of a socket, see datagram.h */
		};
		uint64_t unusual; /* 0: none of these is set */
	};
	struct wording wording;
	/* see certainty.h */
	/* exchanges in a row about whose ends both directions agreed, at most 255 */
	uint8_t in_step;
	uint8_t steps;	 /* as many of them end the doubt */
	uint8_t untried; /* requests were lost before its client was seen to wait for an answer */
	uint8_t several; /* in doubt: what was found may be requests of who does not wait */
	uint8_t on_trial; /* so many were seen, and what comes may still contradict them */
	uint32_t doubt;	 /* SPAN_*: why messages may belong together otherwise; 0: they do not */
	uint64_t answer_end, answer_ack; /* the last answer: its end, and how far its sender had */
	uint64_t answer_time; /* received requests when it began; answer_end 0: unknown */
	/* end of the responses so far when requests were lost; 0: they were not */
	uint64_t gap_need;
	/* what its client had received when it sent the last request that was found; 0: none */
	uint64_t found_need;
	/* requests before this position have their answers, or will not get them */
	uint64_t answered_to;
	/*
	 * where answers would end that have not the content that they announce, because of what
	 * they answer, which is in doubt: the last ones that have not been reached
	 */
	uint64_t bare_end[2];
	/* of captures: requests that were open at once at most, while nothing was in doubt */
	uint32_t most_open;
	struct conn_ended *ended; /* if its client pipelines; NULL: none */
	uint8_t had_more;  /* when the last answer began, more had come than all of its request */
	/* a client that waits for several answers at once, see certainty.c */
	uint8_t round;	      /* requests since it had all answers; 0: unknown, at most 255 */
	uint8_t round_before; /* the same of the round before this one */
	uint8_t rounds;	      /* how many show that it is one */
	uint64_t round_pos, round_need; /* of the first request of this round */
	uint8_t overlaps;  /* one that was found did not wait for an answer: the client may not */
	uint8_t lost;	   /* events of it were lost some time */
	uint8_t lost_end;  /* of these, some at its very end */
	uint8_t unread;	   /* it ended with bytes that were never read, enough for an answer */
	uint8_t requested; /* a request was seen */
	uint8_t unseen;	   /* since the last one another one was lost, and is not answered yet */
	uint8_t switching; /* to this protocol, as the ends have agreed; NULL: nobody knows */
	const struct protocol_name *switch_to;
	uint8_t again;	   /* the rest of what came is to be looked at anew */
	uint8_t mistaken; /* it was taken for HTTP/2, once */
	uint8_t rejoined;  /* its protocol was lost and is found again somewhere in the middle */
	uint64_t resp_lost; /* where the last loss in the responses ended */
	uint64_t req_gap;  /* position of the last loss between requests; 0: none */
	uint64_t open_time, established_time, end_time, expires;
	uint32_t unasked;  /* segments captured although nothing was wanted */
	uint64_t uncopied; /* octets of segments announced, but not captured */

	uint8_t laddr[16], raddr[16];
	uint16_t lport, rport;
	uint32_t netns; /* of loopback addresses; else 0 */
	struct conn_network network;
	struct traffic traffic;
	struct exchange *connect; /* it failed, and is not told yet, see connect.h */
	uint32_t open_tid; /* thread that opened it; 0: not known */
	uint32_t pid, tid; /* tid: of the thread that read the last request, see exchange_link.c */
	uint32_t blind_pid;  /* process that may serve a request on it that was not seen; 0: none */
	char comm[17];
	char peer_comm[17];
	uint8_t id_hash_valid;
	uint32_t peer_pid; /* of the process at the other end; 0: not known, or not on this host */
	uint64_t id_hash;

	/* exchanges not complete, in order of their requests */
	struct exchange *head, *tail;
	struct exchange *no_io; /* the first of them that waits for its io_time */
	struct exchange *doubted_head, *doubted_tail;
	uint64_t doubted_since;
	struct exchange *ongoing; /* the long one, in no queue: see MESSAGE_LONG */
	/* answers, complete, to what is yet to be asked; in order */
	struct exchange *early, *early_tail;
	struct keyed *keyed; /* those not complete by key; NULL: the protocol answers in order */
	uint32_t nqueued, ndoubted, nearly;
	/* SPAN_LOST_EVENTS or SPAN_NOT_CAPTURED: what the last gap was; 0: none yet */
	uint32_t missing;
	uint64_t nexchanges;
	/* complete, but for the application's reading them */
	struct exchange *wait_head, *wait_tail;

	/*
	 * answered before its content came, which a next request seems to replace; if not, it ends
	 * here
	 */
	struct exchange *withheld;
	uint64_t withheld_end;

	struct traceparent tunnel; /* of the CONNECT within whose tunnel this is; if in_tunnel */
	uint8_t in_tunnel;
	uint8_t bypassed; /* it was read by ways that are not seen */
	struct exchange *upgraded; /* agreed to another protocol; of WebSocket: the one there is */

	struct tls_session *session; /* of a stream of a TLS library; NULL: it is none */
	struct conn *socket; /* of a stream: the socket's connection; NULL: not known */
	struct conn *tls_stream;   /* of a socket: its stream */
};

/* Nothing of it is understood from here on, or wanted. */
static inline void conn_opaque(struct conn *c)
{
	c->ops = NULL;
	c->opaque = 1;
}

/* Why bytes of it are missing, for a span's `incomplete`. */
static inline uint32_t conn_missing(const struct conn *c)
{
	return c->missing ? c->missing : SPAN_LOST_EVENTS;
}

/* What an exchange has that its connection's end cuts short: an enum span_error. */
static inline uint8_t conn_end_error(const struct conn *c)
{
	return c->given_up ? c->given_up : c->reset ? SPAN_ERR_RESET : SPAN_ERR_CLOSED;
}

/* Ciphertext reached a client that its library was never asked for: answers may be in it. */
static inline int conn_answers_unread(const struct conn *c)
{
	return c->unread && c->session && c->role != ZC_ROLE_SERVER;
}

#define CONN_TOUCH 10000000ull /* ns */

struct conn_table {
	struct conn **bucket;
	uint32_t nbuckets; /* a power of two */
	uint32_t count;
	struct list lru; /* oldest first */
	struct conn *idle;
	uint32_t nidle;
	struct conn *last; /* the one found last */
};

int conn_table_init(struct conn_table *t); /* -ENOMEM */
void conn_table_release(struct conn_table *t); /* all connections must be removed before */

struct conn *conn_find_any(struct conn_table *t, uint64_t cookie);

/* Mostly it is the one found last. */
static inline struct conn *conn_find(struct conn_table *t, uint64_t cookie)
{
	return t->last && t->last->cookie == cookie ? t->last : conn_find_any(t, cookie);
}

void conn_move(struct conn_table *t, struct conn *c, uint64_t now); /* to the young end */

/* Marks c as used at time now. Coarse: what was used a moment ago is not moved. */
static inline void conn_touch(struct conn_table *t, struct conn *c, uint64_t now)
{
	if (now >= c->used + CONN_TOUCH)
		conn_move(t, c, now);
}

/* A new connection, zeroed but for its lists and streams; NULL: out of memory. */
struct conn *conn_add(struct conn_table *t, uint64_t cookie);

/* c has ended, and its socket connects anew: whoever asks for its cookie means another one. */
void conn_supersede(struct conn_table *t, struct conn *c);

/* Takes it out of table and lists. Streams and exchanges must have been released. */
void conn_remove(struct conn_table *t, struct conn *c);

/* The longest unused connection, or NULL. */
struct conn *conn_oldest(struct conn_table *t);

/*
 * The first I/O in direction h after which octet `pos` had been read or written; NULL if none is
 * known, or if it cannot be told whether it was the first.
 */
const struct io_mark *half_io_passing(const struct half *h, uint64_t pos);
void half_io_add(struct half *h, const struct zc_ev_io *io); /* or not, without memory for it */

#endif
