/*
 * names.h - names for what travels in HTTP: GraphQL, JSON-RPC, MCP, language models, …
 *
 * One row of the table in names.c for each. A row says by the head of a request whether that may be
 * one, reads some of its content and of the response's, and names what it has seen as attributes.
 * Pure, as parsers are: one struct names for an exchange, in memory of the caller's.
 *
 * Content is looked at only where a row has asked for it, up to so many bytes as it has said, and
 * not where it is compressed. Nothing of it is kept but names: no text, no values. What does not
 * prove itself to be of a row has no name; neither has what lies behind a gap.
 */
#ifndef ZC_PARSERS_NAMES_H
#define ZC_PARSERS_NAMES_H

#include "parsers/attrs.h"
#include "parsers/names/form_scan.h"
#include "parsers/names/json_scan.h"

/* Fields of heads that rows know of, each with its name in small letters. */
#define NAMES_FIELDS(X)                                                                            \
	X(CONTENT_TYPE, "content-type")                                                            \
	X(CONTENT_ENCODING, "content-encoding")                                                    \
	X(USER_AGENT, "user-agent")                                                                \
	X(AMZ_TARGET, "x-amz-target")                                                              \
	X(AMZ_SHA256, "x-amz-content-sha256")                                                      \
	X(AMZ_DATE, "x-amz-date")                                                                  \
	X(AMZ_COPY_SOURCE, "x-amz-copy-source")                                                    \
	X(AMZ_ID_2, "x-amz-id-2")                                                                  \
	X(AMZ_REQUEST_ID, "x-amz-request-id")                                                      \
	X(AMZN_REQUEST_ID, "x-amzn-requestid")                                                     \
	X(BEDROCK_INPUT, "x-amzn-bedrock-input-token-count")                                       \
	X(BEDROCK_OUTPUT, "x-amzn-bedrock-output-token-count")                                     \
	X(ANTHROPIC_VERSION, "anthropic-version")                                                  \
	X(CONNECT_VERSION, "connect-protocol-version")                                             \
	X(ELASTIC_PRODUCT, "x-elastic-product")                                                    \
	X(MCP_VERSION, "mcp-protocol-version")                                                     \
	X(MCP_SESSION, "mcp-session-id")

#define X(id, name) NAMES_##id,
enum names_field { NAMES_FIELDS(X) NAMES_NFIELDS };
#undef X

struct names_head {
	struct str method, path, query, host; /* of the request; p == NULL: absent */
	int status;			      /* of the response */
	uint8_t form; /* enum names_form: how its content can be read; filled when it is taken */
	struct str field[NAMES_NFIELDS];
};

/* One more field of the head, its name in whatever case. */
void names_field(struct names_head *h, struct str name, struct str value);

enum names_form {
	NAMES_NOTHING, /* not read, or not any more */
	NAMES_JSON,
	NAMES_EVENTS, /* text/event-stream whose data are JSON */
	NAMES_LINES,  /* JSON texts, a line each */
	NAMES_AMZ_EVENTS, /* application/vnd.amazon.eventstream whose payloads are JSON */
	NAMES_FORM,   /* application/x-www-form-urlencoded */
};

struct names;

/* Of a request, by its head: it is none; it may be one; if it is any, then this one. */
enum names_may { NAMES_NO, NAMES_MAYBE, NAMES_ONLY };

/* A row. What may be absent is NULL. */
struct naming {
	const char *name; /* for --names */
	/* The head of a request. What is to be read of it is said by names_read(). */
	enum names_may (*request)(struct names *n, const struct names_head *h);
	/* The head of the response. */
	void (*response)(struct names *n, const struct names_head *h);
	/* A value in the content; which: 0 request, 1 response. Of forms the path is the name. */
	void (*value)(struct names *n, int which, const struct json_value *v);
	/* content is missing, or is longer than what is looked at */
	void (*gap)(struct names *n, int which);
	/* What is told of such requests apart in tables, behind their path. NULL: no more. */
	const struct attr_def *group[3];
};

#define NAMES_MAX 16u
#define NAMES_TEXT_MAX 640u

/* Private, but for failed and refused. Zeroed by names_begin(). */
struct names {
	const struct naming *row;     /* it is this; NULL: not certain yet */
	const struct naming *calling; /* whose function is running */
	uint32_t bit;		      /* and its bit in may_be */
	uint32_t may_be;	      /* bits of the table */
	uint8_t form[2];	      /* enum names_form */
	uint8_t wanted;		      /* it is worth to have content copied */
	uint8_t reading;	      /* which the scanner is at */
	uint8_t failed;		      /* the content says that it failed, */
	uint8_t refused;	      /* or that only who asked is to blame */
	uint8_t line;		      /* of NAMES_EVENTS: where in a line */
	struct {		      /* of NAMES_AMZ_EVENTS: how much of a message has come, */
		uint32_t at, headers, size; /* and as far as they are known, its lengths */
	} event;
	uint8_t ungrouped;	      /* the path tells such requests apart */
	uint8_t word[10];	      /* the rows' own, rows.h */
	uint32_t left[2];	      /* bytes of content that may still be looked at */
	uint64_t tokens[3];	      /* of one kind, by where they came from */
	uint32_t nvalues, ntext;
	struct names_value {
		const struct attr_def *def;
		const struct naming *row;
		uint32_t off, len, room; /* len 0: it is not told */
		uint64_t n;
	} value[NAMES_MAX];
	char text[NAMES_TEXT_MAX];
	union {
		struct json_scan json;
		struct form_scan forms;
	};
};

/* ---- for who has the exchange */

extern const struct naming *const namings[];
extern const unsigned nnamings;

/*
 * The head of a request; rows: bits of the table. Returns 0 if it is none of them, and n is of no
 * use.
 */
int names_begin(struct names *n, uint32_t rows, struct names_head *h);

/* It is none of them, as its content has shown: nothing more need be told to it. */
static inline int names_over(const struct names *n)
{
	return !n->row && !n->may_be;
}

/* The head of its final response. */
void names_response(struct names *n, struct names_head *h);

/* The next content; bytes of it are missing. */
void names_content(struct names *n, int which, const uint8_t *p, size_t len);
void names_gap(struct names *n, int which);

/* What ends a stream of Connect. */
void names_trailers(struct names *n, struct str json);

/* Should content in this direction be copied for it? */
int names_wants(const struct names *n, int which);

/* The i-th attribute; 0: there are no more. */
int names_attr(const struct names *n, unsigned i, struct attr *a);

/* What is told apart in tables: 0 bytes: nothing. At most cap bytes into out. */
size_t names_group(const struct names *n, char *out, size_t cap);

/* ---- for rows */

/* It is this one. */
void names_claim(struct names *n);

/* It is not. */
void names_disclaim(struct names *n);

/* Content of this form is to be read, so much of it; wanted: it should be copied for that. */
void names_read(struct names *n, int which, enum names_form form, uint32_t limit, int wanted);

/* A later value of one kind counts. Nothing of texts that are empty or too long. */
void names_text(struct names *n, const struct attr_def *def, struct str s);
void names_word(struct names *n, const struct attr_def *def, const char *s);
void names_number(struct names *n, const struct attr_def *def, uint64_t v);
void names_drop(struct names *n, const struct attr_def *def);

/* Kept, and told only if that is said later; it is forgotten with names_let_go(). */
void names_hold(struct names *n, const struct attr_def *def, struct str s);
struct str names_held(const struct names *n, const struct attr_def *def);
void names_let_go(struct names *n);

/* Of several in one request: what is not the same for all of them has no name. */
void names_agree(struct names *n, const struct attr_def *def, struct str s);

/* p == NULL: there is none. */
struct str names_get(const struct names *n, const struct attr_def *def);

/* The value's text if it is a string that is there as a whole; else p == NULL. */
struct str names_string(const struct json_value *v);

/* Is it a member of the object itself, of none within it, and none of these (NULL behind them)? */
int names_is_foreign(const struct json_value *v, const char *const *members);

/* ---- words */

int names_equal(struct str s, const char *word);
int names_begins(struct str s, const char *word);
int names_ends(struct str s, const char *word);
int names_contains(struct str s, const char *word);

#endif
