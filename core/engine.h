/*
 * engine.h - events in, spans out
 *
 * The heart of the program: connections, reassembly, parsers, exchanges. It knows neither the
 * kernel nor any output format. Single-threaded; no allocation per event once its tables are warm;
 * every table has a limit, evicts the longest unused entry, and counts what it evicted.
 */
#ifndef ZC_CORE_ENGINE_H
#define ZC_CORE_ENGINE_H

#include <stdint.h>
#include "bpf/events.h"
#include "core/span.h"

struct engine;
struct source;

/* A note: anything worth telling that is no span. All borrowed for the call. */
struct note {
	const char *name; /* "lost", "process-gone", "listening", "routes-limit", … */
	const char *text; /* one line for people */
	uint64_t time_ns; /* wall clock */
	/* key/value pairs for JSON beside time, type, note; numbers only */
	struct {
		const char *key;
		uint64_t value;
	} field[6];
	int nfields;
};

/* What a process is called; why its TLS stays encrypted. NULL: not known. */
struct process_names {
	const char *service, *runtime, *container, *container_name, *resource, *tls_unseen;
	uint64_t changes; /* grows whenever the names of any process change */
};

/*
 * What went by on a connection, by direction: 0 to the server, 1 to the client. Of whatever
 * protocol, and of datagrams. Everything is borrowed for the call.
 */
struct engine_flow {
	uint64_t conn;
	const uint8_t *client_addr, *server_addr;
	uint16_t client_port, server_port;
	int is_server; /* seen at the server's end: 1, the client's: 0; -1: at which is a guess, */
	int at_server; /* this one */
	int datagram;
	const char *protocol; /* as in struct engine_conn */
	uint32_t pid, peer_pid; /* 0: not known */
	const char *comm, *peer_comm; /* NULL: not known */
	struct process_names names;
	const char *peer_service; /* as in struct span */
	/* not filled in by the engine: zones, and what the ends are called, if it is known */
	const char *client_zone, *server_zone, *client_name, *server_name;
	uint64_t bytes[2], packets[2]; /* payload, with what is sent again; packets 0: unknown */
	uint64_t rtt_ns, min_rtt_ns; /* 0: not known */
	uint32_t retransmits;	     /* segments, of the ends that are seen; */
	uint32_t needless;	     /* of these, those that had arrived before */
	uint64_t dup_acks[2];	     /* acknowledgements that say again what one said before */
	/* of these, what came since it was told last */
	uint64_t interval_bytes[2], interval_packets[2], interval_ns;
	uint32_t interval_retransmits, interval_failed;
	const char *state;	     /* open, closed, reset, failed */
	enum span_error error; /* of a failed one */
	int errnum;	   /* the kernel's, of it; 0: not known, or the client has given up */
	uint64_t first_ns, last_ns, time_ns; /* wall clock: opened or first seen, last used; now */
	int first, last;     /* it was not told before; nothing more will be told of it */
	int both_ends;	     /* the other end is a flow, too, of the same bytes, */
	int twin;	     /* which counts them: the server's does */
	int preexisting;     /* what went by before it was seen is not counted */
};

/* What is left out of spans where nobody reads it, bit set. */
#define ENGINE_NO_IDS 1u  /* span_id, trace_id; whose child it is stays */
#define ENGINE_NO_PEER 2u /* peer_service */

struct engine_options {
	uint32_t unread;      /* ENGINE_NO_* */
	uint32_t body_bytes;  /* keep the first octets of content; 0: none */
	uint32_t names;	      /* rows of parsers/names/names.h that are in use, as bits */
	int keep_fields;      /* keep field lines of heads for the sinks */
	int redact;	      /* of these, not the values that HPACK marks as never indexed;
				 of hosts, not the userinfo */
	uint32_t max_conns;   /* 0: default 65536 */
	uint64_t start;	      /* from the source */
	int64_t wall_offset;  /* from the source */
	void (*on_span)(void *ctx, const struct span *s);
	void (*on_note)(void *ctx, const struct note *n);
	/* NULL: nobody counts what goes by */
	void (*on_flow)(void *ctx, const struct engine_flow *f);
	/* feedback to the kernel side; NULL: none */
	void (*on_policy)(void *ctx, const struct zc_policy *w);
	int no_plain; /* for tests: usual exchanges, too, are made in the general way */
	int keep_doubted; /* exchanges in doubt may wait for their proof, see doubted.h */
	/*
	 * names for a process that an event mentions; may be NULL. Strings live until the next
	 * event.
	 */
	void (*process_names)(void *ctx, uint32_t pid, struct process_names *out);
	/* it speaks TLS that is not seen so far: its names will be asked for why; may be NULL */
	void (*tls_unseen)(void *ctx, uint32_t pid);
	/* the route of a path: returns a string that lives as long as the engine; may be NULL */
	struct str (*route)(void *ctx, struct str path, int is_key);
	void *ctx;
};

struct engine_stats {
	uint64_t events, spans;
	uint64_t lost_events;
	uint64_t uncaptured_bytes; /* went by, wanted, but not captured */
	uint64_t skipped_bytes;	   /* went by, not wanted, counted only */
	uint64_t unparsed_bytes;   /* captured but not understood */
	uint64_t evicted_conns;
	uint32_t conns, in_flight;
};

struct engine *engine__new(const struct engine_options *o); /* NULL: out of memory */
void engine__event(struct engine *e, const struct zc_ev *ev);

/*
 * Time passes: now is the source's clock. Declares gaps that will not be filled, flushes what has
 * waited. Call every 20 ms or so of source time; cheap when there is nothing to do.
 */
void engine__tick(struct engine *e, uint64_t now);

/* The end: exchanges in flight become spans (incomplete: in-flight). */
void engine__finish(struct engine *e);
void engine__stats(const struct engine *e, struct engine_stats *out);
void engine__free(struct engine *e);

/*
 * Tells the connections on which something went by since they were told last; those whose last
 * line is to come soon only with `ending`.
 */
void engine__flows(struct engine *e, int ending);

/* What heads and content are kept of from now on, as in the options. */
void engine__keep(struct engine *e, int fields, uint32_t body_bytes);

/* Which names within HTTP are in use from now on, as in the options. */
void engine__names(struct engine *e, uint32_t names);

/* Requests without a complete answer, for the dashboard. Calls fn for each; s is partly filled. */
void engine__in_flight(struct engine *e, void (*fn)(void *ctx, const struct span *s), void *ctx);

/* A connection for people to look at. Everything is borrowed for the call. */
struct engine_conn {
	uint64_t conn;
	const uint8_t *local, *remote; /* addresses as in struct span; NULL: not known */
	uint16_t local_port, remote_port;
	int is_server;		/* 1: requests come in; 0: they go out; -1: none was seen */
	const char *protocol; /* "http/1.1"; "opaque": nothing that we know; NULL: not known yet */
	const char *tls_version; /* "1.3"; NULL: not known, or no TLS */
	const char *tls_sni;	/* the name that the client asked for; NULL: same */
	const char *tls_unseen; /* why it stays encrypted; NULL: it does not, or who knows */
	uint32_t pid;
	const char *comm;
	uint64_t age_ns, idle_ns;	/* age: SPAN_UNKNOWN if it was open before we looked */
	uint64_t requests, in_flight;
	uint64_t in_bytes, out_bytes; /* received, sent; of opaque ones with on_flow only */
	uint64_t rtt_ns;	      /* 0: not known */
	uint32_t retransmits;	      /* segments, of the ends that are seen */
	/* what is doubtful */
	int preexisting, lost, closing, reset;
	uint64_t uncaptured;		/* octets announced, but not captured */
};

/*
 * Calls fn for each connection, the longest unused one first. Of one whose plaintext is seen, that
 * is the plaintext.
 */
void engine__connections(struct engine *e, void (*fn)(void *ctx, const struct engine_conn *c),
			 void *ctx);

#endif
