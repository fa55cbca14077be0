/*
 * protocol.h - what a protocol is: one folder under parsers/, one row of the table in protocols.c
 *
 * A row says how to recognise the protocol, how to read it, how its requests and responses pair,
 * which secrets it holds and which attributes its spans carry. All of it is pure: bytes in, events
 * out; no I/O, no clock, no globals that change, no allocation (see also parser.h). What is done
 * with the messages - connections, queues, times, loss, spans - is the core's, and is the same for
 * all of them (core/pairing.h). What the outputs show of a protocol comes from its row and from the
 * attributes of its messages: nothing outside of its folder names it.
 */
#ifndef ZC_PARSERS_PROTOCOL_H
#define ZC_PARSERS_PROTOCOL_H

#include <string.h>

#include "parsers/field_names.h"
#include "parsers/parser.h"

/* ---- attributes: what spans carry beside their common part */

enum attr_type {
	ATTR_STRING,
	ATTR_NUMBER,
	ATTR_DURATION, /* nanoseconds */
	ATTR_SIZE,     /* bytes */
	ATTR_CODE,     /* a number that name() may have a word for */
	ATTR_WORD,     /* a number that is shown as its word, and not at all if it has none */
};

#define ATTR_SECRET 0x01u    /* shown only with --no-redact */
#define ATTR_URI 0x02u	     /* redacted as request-targets are: values of secret-looking names */
#define ATTR_STATEMENT 0x04u /* of a query language: literals were taken out, see db_query */
#define ATTR_IN_LINE 0x08u   /* in the line of text outputs, not only in JSON and the details */
#define ATTR_FAILURE 0x10u   /* what went wrong: shown where there is room for one reason */

#define ATTR_NAME_MAX 24

/* One for each attribute, for all protocols that have it; its address is its identity: attrs.h. */
struct attr_def {
	const char *key;  /* in JSON and for --filter: "db_query" */
	const char *otel; /* OpenTelemetry's name: "db.query.text"; NULL: it has none */
	const char *help; /* one line, for the manual and for --filter */
	enum attr_type type;
	unsigned flags; /* ATTR_* */
	/*
	 * the word for a number of ATTR_CODE, ATTR_WORD, which may be made in buf; NULL: it has
	 * none
	 */
	const char *(*name)(uint64_t code, char buf[ATTR_NAME_MAX]);
};

struct attr {
	const struct attr_def *def;
	union {
		struct str s; /* ATTR_STRING */
		uint64_t n;   /* all others */
	};
};

/* ---- names */

#define NAME_CONNECTION 0x1u   /* spans are connections as a whole: no method, no path */
#define NAME_FIXED_METHOD 0x2u /* the method says nothing: lines leave it out (gRPC: POST) */
#define NAME_KEYS 0x4u	       /* targets are keys, not paths, and requests may have none */

/*
 * What spans are called. A protocol has one such name, or several for its versions; what is carried
 * in content (gRPC, WebSocket) has names of its own. Its address is its identity.
 */
struct protocol_name {
	const char *name;     /* `protocol` in JSON: "redis" */
	/* in text lines, of server and client ends: RedisServer, RedisClient */
	const char *label[2];
	/*
	 * Under which attribute message.operation and message.target are shown: db_operation for
	 * `method`, and so on. NULL: as method and path.
	 */
	const struct attr_def *operation, *target;
	/* the attribute that is its status in lines; NULL: `status` */
	const struct attr_def *status;
	const char *start_line; /* of heads that are put together for people: "HTTP/1.1"; or NULL */
	unsigned flags;
};

/* ---- messages: what a parser makes of the bytes */

/* Who sent it. Known when a connection's protocol is; of datagrams, by who sent the first. */
enum sender { FROM_CLIENT, FROM_SERVER };

enum message_type {
	/*
	 * A message begins, or has begun: its first byte is `head_len` before the end of what the
	 * call consumed. Everything that is known already is in it. A parser that knows all about
	 * a message only at its end still gives HEAD first: times are taken from it.
	 */
	MESSAGE_HEAD,
	/* Bytes of its content in `data`, or, where they are missing, their number in `gap`. */
	MESSAGE_CONTENT,
	/*
	 * The message is complete; its last byte is the last one consumed. May carry what only the
	 * end tells: status, failed, operation, target, group, attributes. Consumes nothing if it
	 * is due without another byte.
	 */
	MESSAGE_END,
	/* It cannot be followed to its end: it is malformed, or bytes that matter are missing. */
	MESSAGE_ABORT,
	/*
	 * Something of the connection and of no exchange: a greeting, a notification. With
	 * MESSAGE_COUNTED one message of the connection's long exchange, if it has one.
	 */
	MESSAGE_NOTICE,
	/*
	 * From here on both directions carry something else: what follows is probed. The exchange
	 * whose response this follows is complete. Nothing more is asked of this parser.
	 */
	MESSAGE_SWITCH,
};

/* Flags of messages. */
/*
 * HEAD: it answers a request. Most of what a server sends does, but the protocol says so: what a
 * broker delivers is a request of its own, which the client may answer (BY_KEY).
 */
#define MESSAGE_RESPONSE 0x0001u
#define MESSAGE_ONE_WAY 0x0002u	 /* HEAD: a request that gets no response: it ends with its END */
#define MESSAGE_INTERIM 0x0004u	 /* HEAD, END: a response that another one follows (1xx) */
#define MESSAGE_FAILED 0x0008u	 /* HEAD, END: of a response: an error, for both ends */
#define MESSAGE_REFUSED 0x0010u	 /* same: an error for who asked, not for who serves (4xx) */
#define MESSAGE_TORN 0x0020u	 /* HEAD: parts of it were not seen; its bytes end at a gap */
#define MESSAGE_BAD 0x0040u	 /* HEAD, ABORT: what came breaks the protocol's rules */
/*
 * HEAD of a response: from now on the exchange is the connection's long one. It leaves the queue,
 * so that others are answered beside it; NOTICEs are counted on it; it ends with a MESSAGE_END that
 * has this flag too, or with the connection, and neither is an error (SUBSCRIBE, MONITOR).
 */
#define MESSAGE_LONG 0x0080u
#define MESSAGE_COUNTED 0x0100u	 /* NOTICE, CONTENT: one message of those that the span counts */
#define MESSAGE_FIELDS 0x0200u	 /* HEAD: `fields` holds what a trace context may be in */
#define MESSAGE_UNSIZED 0x0400u	 /* HEAD: the length of its content is not announced */
/*
 * HEAD: asks for, or agrees to, another protocol. END: MESSAGE_SWITCH is due without another byte.
 */
#define MESSAGE_UPGRADE 0x0800u
#define MESSAGE_TRUNCATED 0x1000u /* HEAD: too long to be told as a whole */
#define MESSAGE_FOUND 0x2000u	 /* HEAD: its start was looked for, it was not due there */
#define MESSAGE_WAITS 0x4000u /* HEAD of a request: its content comes only if the server wants it */
/* HEAD, END of a request: it names something (a prepared statement) that was not seen. */
#define MESSAGE_UNSEEN 0x8000u

/*
 * NOTICE: `target` is the name of what has the id `operation`. HEAD, END: `target`, up to its first
 * comma, is such an id, for which the name is shown if a NOTICE on any connection has told it.
 */
#define MESSAGE_NAMES 0x8000u
#define MESSAGE_BY_ID 0x10000u

/*
 * HEAD of a request: it may get no response, which is no error (quiet commands). HEAD of a
 * response, without bytes: what follows shows that there was none.
 */
#define MESSAGE_SILENT 0x20000u

/*
 * HEAD of a response, BY_KEY: where no request with its key is open it is none, and shown as
 * nothing; with MESSAGE_ONE_WAY it is then a request of its own.
 */
#define MESSAGE_IF_ASKED 0x40000u
/* HEAD of a response, BY_KEY: it answers the `size` keys before its own, too, as far as open. */
#define MESSAGE_ALL 0x80000u
/* CONTENT, END, ABORT, BY_KEY: of the message of this key, which need not be the latest. */
#define MESSAGE_KEYED 0x100000u
/*
 * HEAD, CONTENT, IN_ORDER, of next(): it is complete with this. No END comes that would say so, and
 * of a response that answers what is ANSWER_SURE no CONTENT: it may come in `data` of HEAD.
 */
#define MESSAGE_ENDS 0x200000u
/*
 * HEAD, END of a response, IN_ORDER: by its form it is no answer to what is ANSWER_KNOWN. With HEAD
 * it has not begun, and nothing is consumed: answers() tells of the next request.
 */
#define MESSAGE_OTHER 0x400000u
/*
 * HEAD of a request: how many of its bytes are content is not known. HEAD of a response: another
 * one came before it (INTERIM), so without that its bytes cannot be counted. END: it had content
 * that was not told, the message as a whole is as long as it is.
 */
#define MESSAGE_UNCOUNTED 0x800000u

#define MESSAGE_ATTRS 16u

/*
 * Zeroed by the caller before each call, but for attr[]. What is not known stays zero. Everything
 * is borrowed: it lies in the input or in the parser's state, and is valid until the next call.
 */
struct message {
	enum message_type type;
	uint32_t flags;
	uint32_t head_len; /* HEAD: bytes from the message's first one to the last consumed */
	/*
	 * HEAD of a request: whatever the parser needs to know of it to read the response; it gets
	 * it back by answers(). HEAD of a response, BY_KEY: that of the request that it answers,
	 * where the response tells it, so that another request of the same key is not taken for it;
	 * else 0.
	 */
	uint32_t form;
	uint64_t key; /* PAIRING_BY_KEY: of all types but NOTICE and SWITCH: whose message it is */
	int status;   /* as `status` in JSON; 0: none */
	/* the name of this exchange, if it is not the protocol's own (HTTP/1.0); NULL: it is */
	const struct protocol_name *name;
	struct str operation; /* GET, SELECT, Produce */
	struct str target;    /* path, statement, topic */
	struct str query;     /* of a target that is a URI: what is behind its `?` */
	union {
		struct str scheme; /* HEAD of a request */
		/*
		 * HEAD, END of a response, IN_ORDER, as far as what it answers is ANSWER_KNOWN:
		 * what fits() is asked about
		 */
		struct str words;
	};
	struct str host;
	/*
	 * What makes requests alike, as the route. Absent: the routes of --route and the heuristic
	 * decide by the target.
	 */
	struct str group;
	struct str fields; /* field lines for http1_field_next(): HEAD, END */
	/*
	 * The value of a traceparent that comes otherwise than in `fields`; p NULL: none. HEAD of a
	 * request; HEAD, END of a response: of what it brings.
	 */
	struct str context;
	/* HEAD: those of `fields` that the core knows; NULL: it is to look for them */
	const struct field_notes *notes;
	/*
	 * HEAD: the same number as another one of this connection and sender had: the very same
	 * bytes, told in the same way. 0: not known.
	 */
	uint32_t same;
	struct str data;   /* CONTENT; behind a HEAD with MESSAGE_ENDS, not a part of head_len */
	uint64_t gap;	   /* CONTENT: bytes of it that are missing; data is empty then */
	/*
	 * NOTICE that is counted: bytes in it; MESSAGE_ALL: how many keys. HEAD of a response,
	 * IN_ORDER: of content that it announces, and has not because of what it answers
	 */
	uint64_t size;
	unsigned nattrs;
	struct attr attr[MESSAGE_ATTRS];
};

/* The caller's part: before next(), gap(), eof(). */
static inline void message_init(struct message *m)
{
	memset(m, 0, offsetof(struct message, attr));
}

/* Adds an attribute, unless there is no room. */
static inline void message_text(struct message *m, const struct attr_def *def, struct str s)
{
	if (s.p && m->nattrs < MESSAGE_ATTRS)
		m->attr[m->nattrs++] = (struct attr){.def = def, .s = s};
}

static inline void message_number(struct message *m, const struct attr_def *def, uint64_t n)
{
	if (m->nattrs < MESSAGE_ATTRS)
		m->attr[m->nattrs++] = (struct attr){.def = def, .n = n};
}

/* ---- recognising */

#define PROBE_NO_DIR 2u

/*
 * Bytes of a connection of which nobody knows yet what it speaks. Directions are 0 and 1; which of
 * them is the client's is what probing also finds out.
 */
struct probe {
	const uint8_t *p; /* n bytes, the next ones of direction dir */
	size_t n;
	unsigned dir;
	unsigned client; /* the client's direction, if that is known; PROBE_NO_DIR: it is not */
	/*
	 * These were asked about before, and the result was MORE: what the other direction sends
	 * now. With WAIT more of it is waited for. NULL: nothing.
	 */
	const uint8_t *answer;
	size_t nanswer;
	uint8_t start;	 /* p is the first byte of its direction */
	uint8_t joined;	 /* the connection existed before we looked: anything may have gone by */
	uint8_t torn;	 /* what follows is missing: PROBE_MORE does not help */
	uint8_t later;	 /* other bytes of its direction came before p, or were lost */
	uint8_t segment; /* p is where a segment or datagram begins */
	uint8_t datagram;    /* UDP: all of it is there */
	uint16_t port;	     /* of the server, or 0 */
	uint32_t unrecognized; /* segments of this direction so far in which nothing was found */
};

/* ---- masking */

/* Flags of begin(). */
#define MASK_START 0x1u /* the direction's first byte comes next; else somewhere */
#define MASK_DOUBT 0x2u /* it may be another protocol: what could be its secrets is hidden */

#define MASK_CONTENT 0x4u /* what messages of HTTP carry is asked for */

#define MASK_ASKED 64u

/* What one direction tells the other. Of the connection; zeroed where the protocol begins. */
struct mask_shared {
	uint8_t switched; /* behind what was taken another protocol begins, in both directions */
	uint8_t word;	  /* the protocol's own */
	uint32_t nasked;  /* requests so far; of the latest, how their responses are laid out */
	struct {
		uint32_t key, form;
	} asked[MASK_ASKED];
};

/*
 * Overwrites secrets in place, for recordings; nothing changes its length, and what is masked still
 * parses to the same events. One state per direction. It is flat: it may be copied, and is, to try
 * again from an earlier place.
 */
struct protocol_mask {
	size_t state_size;
	void (*begin)(void *state, enum sender from, unsigned flags);
	/*
	 * The next n bytes, cut anywhere; calls begin where segments do. Returns how many were
	 * taken; fewer than n: from there on it is not this protocol, or another follows, and the
	 * rest is as it was and is probed.
	 */
	size_t (*feed)(void *state, struct mask_shared *both, uint8_t *p, size_t n);
	/* n bytes are missing. 0: where the next message begins cannot be told any more. */
	int (*gap)(void *state, struct mask_shared *both, uint64_t n);
};

/* ---- the row */

enum pairing {
	PAIRING_IN_ORDER, /* each final response answers the oldest request */
	PAIRING_BY_KEY,	  /* the one with the same key */
	PAIRING_NONE,	  /* no responses: what there is ends by itself, or is one-way */
};

#define TRANSPORT_STREAM 0x1u	/* TCP, UNIX stream sockets, and inside TLS */
#define TRANSPORT_DATAGRAM 0x2u /* UDP: next() gets one whole datagram, and takes all of it */

/* begin(): one bit for each direction that was joined somewhere, not at its first byte. */
#define BEGIN_JOINED(from) (1u << (from))
#define BEGIN_DATAGRAM 0x4u /* what comes are datagrams */

/* Of what a response answers: it is known; and there is no doubt that it is this. */
#define ANSWER_KNOWN 1
#define ANSWER_SURE 2

/* Where the parser of one direction stands, or is to stand. */
enum place {
	PLACE_START,   /* a message is due, or none of the following */
	PLACE_SEEK,    /* a start is looked for */
	PLACE_HEAD,    /* in a head that is one beyond doubt; not to stand there */
	PLACE_CONTENT, /* content is due of which nothing has come; to stand there: n bytes of it */
	PLACE_END,     /* the message ends here, without the content that is due */
};

struct protocol {
	struct protocol_name name;
	/* all names that its spans may have, NULL behind the last; NULL: only its own */
	const struct protocol_name *const *names;
	/* what a port or a program hints at, where nothing was seen: "http"; NULL: the name */
	const char *family;
	unsigned transports;
	/*
	 * Hints, never proof: ports (0 behind the last) and how names of programs begin (NULL
	 * behind the last). Of the ports, those from tls_ports on are usual inside TLS.
	 */
	const uint16_t *ports, *tls_ports;
	const char *const *programs;
	enum pairing pairing;

	/* Of a connection, both directions; zeroed before begin(). No pointers into itself. */
	size_t state_size;

	/*
	 * Is it this? PROBE_YES sets *client to the client's direction, or to PROBE_NO_DIR if even
	 * that is not known; with PROBE_MORE it may. in->n may be 0.
	 */
	enum probe_result (*probe)(const struct probe *in, unsigned *client);

	/*
	 * The rest may be NULL where the core has operations of its own for the protocol
	 * (core/conn_ops.c).
	 */

	void (*begin)(void *state, unsigned joined);
	/*
	 * Consumes bytes that `from` sent and says what they are. Called until it returns
	 * PARSE_MORE with nothing consumed or nothing left; END may be due when n is 0. What is not
	 * consumed comes again with more behind it, at most 64 KiB. With PARSE_SKIPPED the bytes
	 * were not understood: a message may have been among them. PARSE_BAD: it is another
	 * protocol.
	 */
	enum parse_status (*next)(void *state, enum sender from, const uint8_t *p, size_t n,
				  size_t *used, struct message *m);
	/*
	 * n bytes are missing; before them lies what next() had left unconsumed (kept, on the first
	 * call for a gap): a torn head may be made of it. Called again with the rest of n until
	 * *used adds up to n; kept bytes do not count.
	 * - inside content of known length: PARSE_EVENT with CONTENT whose gap says how many;
	 * - an END that is due comes first, *used 0; elsewhere the message, if any, is aborted:
	 *   PARSE_EVENT with ABORT, *used 0;
	 * - then PARSE_SKIPPED with *used == n, and a start is looked for: messages may have been
	 *   among what is missing. PARSE_MORE with *used == n: certainly none were.
	 */
	enum parse_status (*gap)(void *state, enum sender from, struct str kept, uint64_t n,
				 uint64_t *used, struct message *m);
	/*
	 * The direction has ended. PARSE_EVENT with END (one that is due, content until close, the
	 * long exchange) or ABORT, or PARSE_END when nothing is open. Called until PARSE_END.
	 */
	enum parse_status (*eof)(void *state, enum sender from, struct message *m);
	/* How many of the next bytes need not be seen and may come as a gap; UINT64_MAX: all. */
	uint64_t (*unneeded)(const void *state, enum sender from);
	/*
	 * Before the head of a response is read (IN_ORDER), or after it has told its key (BY_KEY):
	 * the form of the request that it answers. known: ANSWER_*, 0: that request was not seen.
	 * NULL: the form of responses does not depend on it.
	 */
	void (*answers)(void *state, int known, uint32_t form);

	/*
	 * Can a response that says these words answer a request of this form and operation, whose
	 * group, or else target, is `text`? 1: they are from it; -1: it cannot; 0: nobody knows.
	 * NULL: responses do not tell.
	 */
	int (*fits)(struct str words, uint32_t form, struct str operation, struct str text);

	/*
	 * One direction may tell where messages of the other one begin or end, and whether content
	 * came. NULL: what the parser finds by itself is all there is.
	 */
	enum place (*place)(const void *state, enum sender from);
	void (*move)(void *state, enum sender from, enum place to, uint64_t n);

	/*
	 * Memory of memo_size bytes, zeroed, in which the parser may keep what makes messages cheap
	 * that come again; NULL: it is taken away. What next() tells is the same with and without,
	 * but for message.same. memo NULL: it has no use for any.
	 */
	size_t memo_size;
	void (*memo)(void *state, void *memory);

	const struct protocol_mask *mask;	   /* NULL: recorded by length only */
	const struct attr_def *const *attrs;	   /* NULL behind the last; NULL: none */
};

/* ---- the table: protocols.c */

/* Spans of connections that did not come about. */
extern const struct protocol_name tcp_name;

/* In the order in which they are asked. */
extern const struct protocol *const protocols[];
extern const unsigned nprotocols;

struct probed {
	enum probe_result result;
	const struct protocol *protocol; /* YES: this one; MORE: the first that may be; NO: NULL */
	unsigned client;		 /* the client's direction; PROBE_NO_DIR: not known */
};

/*
 * What do these bytes look like? The one place where that is decided. Those whose port it is are
 * asked first; the first YES counts.
 */
struct probed probe_all(const struct probe *in);

/* The i-th of all names that spans may have; NULL behind the last. */
const struct protocol_name *protocol_name_at(unsigned i);

/* Guesses by port, by program; NULL: no idea. *tls: that port is usual with TLS around it. */
const struct protocol *protocol_by_port(uint16_t port, int *tls);
const struct protocol *protocol_by_program(const char *comm);

#endif
