/*
 * http1.h - HTTP/1.0 and HTTP/1.1 messages (RFC 9110, RFC 9112), tolerantly
 *
 * One struct http1 per direction. A direction carries requests or responses; which of the two is
 * found from the first head when the parser is made with HTTP1_ANY.
 *
 * Order of events per message: HEAD, CONTENT*, (TRAILERS)?, END. 1xx responses are HEAD + END with
 * ev->interim set. A message cut short gives ABORT in place of END; a head cut short gives ABORT
 * without a HEAD before it.
 *
 * What is accepted as the start of a message depends on where it stands. Where one is due (at the
 * first octet ever, and after a complete message) any method, blanks for the single spaces, and
 * white space inside an origin-form target pass. Elsewhere (after garbage, a gap or a bad message)
 * the start line must be strict, its target of one of the four forms of RFC 9112 section 3.2, and
 * be followed by a field line or the empty line; and the method must be one that everybody knows,
 * as the end of a content may be glued to it, or a part of it be missing. This finds the request
 * that follows the tail of a body, and seldom the one that a text mentions: who asks must find out.
 */
#ifndef ZC_PARSERS_HTTP1_H
#define ZC_PARSERS_HTTP1_H

#include "parsers/field_names.h"
#include "parsers/parser.h"

#define HTTP1_MAX_HEAD 65536u /* of longer heads, this much is told: HTTP1_HEAD_TRUNCATED */
#define HTTP1_MAX_METHOD 64u  /* longer tokens are not taken for methods */

enum http1_kind { HTTP1_ANY, HTTP1_REQUEST, HTTP1_RESPONSE };

enum http1_event_type {
	HTTP1_EV_HEAD,
	HTTP1_EV_CONTENT,  /* data: content octets without chunk framing */
	HTTP1_EV_TRAILERS, /* fields: the trailer section */
	HTTP1_EV_END,      /* the message is complete; its last octet is the last one consumed */
	HTTP1_EV_ABORT,    /* the message cannot be followed to its end (gap, bad chunk, close) */
};

/* What is remarkable about a message, bit set. */
#define HTTP1_BARE_LF 0x001	      /* lines that end in LF alone */
#define HTTP1_OBS_FOLD 0x002	      /* obsolete line folding, RFC 9112 section 5.2 */
#define HTTP1_CL_REPEATED 0x004	      /* Content-Length more than once, same value */
#define HTTP1_CL_CONFLICT 0x008	      /* Content-Length more than once, different values */
#define HTTP1_CL_AND_TE 0x010	      /* both; Transfer-Encoding wins, section 6.3 */
#define HTTP1_CL_INVALID 0x020	      /* not a number that fits in 63 bits */
#define HTTP1_KEEP_ALIVE 0x040	      /* the connection persists after this message, section 9.3 */
#define HTTP1_UPGRADE 0x080	      /* request: Upgrade with Connection: upgrade; response: 101 */
#define HTTP1_EXPECT_CONTINUE 0x100   /* Expect: 100-continue */
#define HTTP1_HEAD_TRUNCATED 0x400    /* a long head: its rest is read, but not told */
/*
 * request: its last transfer coding is not chunked, or there is none, or chunked is there twice, or
 * where a request before it ended was not certain
 */
#define HTTP1_FRAMING_DOUBT 0x200

/*
 * Framing that the standard calls an error (RFC 9112 section 6.3) is followed as far as it can be:
 * of conflicting lengths the first counts; an invalid length is no content for a request, content
 * until close for a response; a request whose last transfer coding is not chunked has no content.
 * Should that be wrong, what follows is garbage between messages.
 */

/*
 * Of a head longer than HTTP1_MAX_HEAD the first lines, or the first octets of the start line, make
 * a HEAD with HTTP1_HEAD_TRUNCATED and without framing. The fields that follow are read for what
 * they say about framing, but for lines longer than HTTP1_MAX_LINE, and passed over.
 */
#define HTTP1_MAX_LINE 8192u

enum http1_framing {
	HTTP1_NO_CONTENT,
	HTTP1_LENGTH,	  /* content_length octets */
	HTTP1_CHUNKED,
	HTTP1_UNTIL_CLOSE, /* responses only */
};

struct http1_event {
	enum http1_event_type type;
	enum http1_kind kind;  /* REQUEST or RESPONSE, set on HEAD */
	uint32_t flags;	       /* HEAD: HTTP1_* above */
	int minor;	       /* HEAD: version 1.minor */
	int status;	       /* HEAD of a response: 100..999 */
	int interim;	       /* HEAD, END: a 1xx response other than 101 */
	enum http1_framing framing; /* HEAD */
	uint64_t content_length;    /* HEAD with HTTP1_LENGTH; of what answers HEAD what it says */
	struct str method;     /* HEAD of a request: a token */
	struct str target;     /* HEAD of a request: request-target as on the wire */
	struct str reason;     /* HEAD of a response */
	struct str fields;     /* HEAD, TRAILERS: the field lines, for http1_field_next */
	const struct field_notes *notes; /* HEAD: see there; NULL: there are none */
	uint32_t same; /* HEAD: as message.same */
	struct str data;       /* CONTENT */
	uint32_t head_len; /* HEAD: octets from the start line through the empty line, or so far */
	uint64_t gap;	       /* CONTENT: octets of it that are missing (data is empty then) */
};

/* Private: what the fields of a head say about framing and connection. */
struct http1_meaning {
	uint32_t flags;
	uint8_t length_seen, coding_seen, chunked;
	uint8_t odd_coding; /* a Transfer-Encoding of none, or chunked twice */
	uint8_t close, keep_alive, proxy_close, proxy_keep_alive, upgrade, upgrade_option;
	uint64_t length;
};

/*
 * A short head that was read, so that those that follow are cheap: most heads of a connection are
 * one that came before, or differ from it in some values. Zeroed before the parser gets it; what is
 * in it is private, see http1_memo.c.
 */
#define HTTP1_MEMO 256u
#define HTTP1_MEMO_LINES 16u

/* What a line begins with: n octets at text[at]; of a field line its name, and the colon. */
struct http1_memo_line {
	uint16_t at;
	uint8_t n, name; /* name: enum field_name */
};

struct http1_memo {
	uint32_t number; /* grows with each head that is kept */
	uint32_t flags;
	uint16_t fields, last, len; /* where fields begin, the empty line, and its end; or 0 */
	uint16_t status, method_n;
	uint16_t word, word_n; /* target, or reason: where, and how long */
	uint8_t kind, minor, framing, nlines;
	uint8_t others; /* heads since that were not it, in a row */
	struct http1_meaning meaning; /* of the fields */
	struct field_notes notes;
	struct http1_memo_line line[HTTP1_MEMO_LINES]; /* the start line is the first */
	uint8_t text[HTTP1_MEMO + 16]; /* what lies behind may be compared, too */
};

struct http1 {
	/* Private, but for `memo`. */
	uint8_t kind, state, method_class;
	uint8_t tunnel;	  /* after the END that is due this protocol is over */
	uint8_t interim;  /* the message is a 1xx response */
	uint8_t inner;	  /* lost: the next octet stands behind a blank or a colon */
	uint8_t started;  /* the incomplete head is beyond doubt the head of a message */
	uint8_t digits;	  /* a chunk-size has at least one digit */
	uint8_t unsure;	  /* where a request ended was not certain */
	uint8_t found;	  /* this message started where it was looked for */
	uint8_t untouched; /* of its content, framing included, nothing has come */
	uint32_t scanned; /* octets of an incomplete head or trailer section already looked at */
	/* chunk-size line: octets so far; long head: in a line that is passed over */
	uint32_t line_len;
	uint64_t remaining; /* content or chunk octets still to come */
	/* of a long head: what its start line said, and its fields so far */
	uint16_t status;
	uint8_t minor;
	struct http1_meaning meaning;
	/*
	 * The caller's, who may hand it to the parser, or take it away, before any call; NULL: what
	 * the parser does it does without it, too. Members up to here make the state.
	 */
	struct http1_memo *memo;
	struct field_notes notes; /* of the last head */
};

void http1_init(struct http1 *h, enum http1_kind kind);

/*
 * Do these octets look like the start of an HTTP/1 message (request or response, as `kind` says)?
 * PROBE_MORE only if every octet so far fits. n may be 0.
 */
enum probe_result http1_probe(const uint8_t *p, size_t n, enum http1_kind kind);

/*
 * Do they begin with a line that wants to be a request and is none: a method that everybody knows,
 * a version, and in between what may not be there?
 */
int http1_probe_broken(const uint8_t *p, size_t n);

/*
 * The same of a request where one is joined somewhere: what ends there of a content may look like a
 * method, or make another one of the method behind it. So it has to be one that everybody knows.
 */
enum probe_result http1_probe_known(const uint8_t *p, size_t n);

/*
 * Consumes octets from p and says what they are. Call it until it returns PARSE_MORE with nothing
 * consumed or nothing left: END consumes no octets, so it may be due when n is 0. With PARSE_MORE
 * the caller keeps p + *used and calls again with more behind it; at most HTTP1_MAX_HEAD octets
 * need to be kept. Content is never kept. Empty lines before a start line (RFC 9112 section 2.2)
 * are consumed with PARSE_MORE or with the HEAD: the message starts head_len before the end of what
 * the HEAD consumed.
 * PARSE_END: after a 101 response, or a 2xx to CONNECT; nothing more is parsed, and the caller
 * feeds the other direction no more either. Nothing is consumed.
 * Garbage between messages: PARSE_SKIPPED with the octets to pass over. PARSE_BAD is not returned.
 */
enum parse_status http1_next(struct http1 *h, const uint8_t *p, size_t n, size_t *used,
			     struct http1_event *ev);

/*
 * Before the head of a response is parsed the parser must know the request that it answers, for
 * HEAD and CONNECT (RFC 9112 section 6.3). Without this call it takes the method for GET.
 * Reset at the END of each final response.
 */
void http1_expect(struct http1 *h, struct str method);

/*
 * Does p begin with the very head that had this number in event.same? Then it is consumed, as by
 * http1_next(), without an event. 0: nothing is known about that. h->memo must not be NULL.
 */
int http1_next_same(struct http1 *h, const uint8_t *p, size_t n, uint32_t number);

/*
 * n octets of this direction are missing. What http1_next() left unconsumed before them is void:
 * the caller drops it. Call again with the rest of the gap until *used adds up to n:
 * - inside content of known length, or until close, PARSE_EVENT with a CONTENT event whose gap says
 *   how many of them it consumed;
 * - an END that is due comes first: PARSE_EVENT, *used 0;
 * - elsewhere the message, if any, is aborted: PARSE_EVENT with ABORT, *used 0;
 * - then PARSE_SKIPPED with *used == n, and the parser looks for the next start of a message;
 * - PARSE_END with *used == n where http1_next() would return it.
 */
enum parse_status http1_gap(struct http1 *h, uint64_t n, uint64_t *used, struct http1_event *ev);

/*
 * The direction has ended (FIN or close). PARSE_EVENT with END (one that is due, or content until
 * close) or ABORT (message incomplete, an incomplete head included), or PARSE_END when nothing was
 * open. Call until PARSE_END.
 */
enum parse_status http1_eof(struct http1 *h, struct http1_event *ev);

/*
 * None of the content of this message has come, and none will: the other direction has said so (a
 * final status in place of 100, RFC 9110 section 10.1.1; a next request behind the head of an
 * answer to HEAD). END is due. Returns 0, and changes nothing, unless content is due and not begun.
 */
int http1_no_content(struct http1 *h);

/* Is END due, and no tunnel behind it? Then it is taken for told. */
int http1_take_end(struct http1 *h);

/*
 * The same with the content before it, where its length is announced and n octets have come: how
 * many of them it is; 0: nothing has changed.
 */
size_t http1_take_content(struct http1 *h, size_t n);

/* Is content due of which nothing has come, framing included? */
int http1_untouched(const struct http1 *h);

/* Is it in a head that is one beyond doubt? */
int http1_begun(const struct http1 *h);

/* Is a start looked for? Let it be so. */
int http1_lost(const struct http1 *h);
void http1_lose(struct http1 *h);

/*
 * The parser went astray: n more octets of content come, without an event for what they belong to.
 */
void http1_resume(struct http1 *h, uint64_t n);

/* Is the start of the message that is being parsed one that was found, not one that was due? */
int http1_was_found(const struct http1 *h);

/*
 * How many of the next octets the parser does not need to see (content in the middle of which it
 * is): they may be passed to http1_gap() unseen. UINT64_MAX: until close.
 */
uint64_t http1_unneeded(const struct http1 *h);

/* May what was kept be the beginning of a head? */
int http1_in_head(const struct http1 *h);

/*
 * What is known of a head of which only the first n octets were seen: its start line and complete
 * fields; of a line that is cut itself the status, or the method and what is there of the path, and
 * head_len is 0. Framing is not filled. 0: nothing.
 */
int http1_torn_head(const uint8_t *p, size_t n, enum http1_kind kind, struct http1_event *ev);

/*
 * Next field line of `fields`, starting with *pos == 0. Returns 1 and the name (as on the wire) and
 * the value without surrounding white space; folded values keep their line breaks; 0 at the end.
 * Lines that are no field lines are passed over.
 */
int http1_field_next(struct str fields, size_t *pos, struct str *name, struct str *value);

#endif
