/*
 * json_writer.h - streaming JSON (RFC 8259) into a struct out
 *
 * Objects and arrays, one line per top-level object. The writer keeps the commas right; balance is
 * the caller's. Keys are literals that need no escape. Strings come out as valid UTF-8 whatever
 * goes in: each octet that is part of no valid sequence becomes U+FFFD; control characters and DEL
 * are escaped.
 */
#ifndef ZC_SINKS_JSON_WRITER_H
#define ZC_SINKS_JSON_WRITER_H

#include "sinks/format.h"
#include "sinks/out.h"

struct json {
	struct out *out;
	int more; /* a value came before this one in the innermost object or array */
};

static inline void json_comma(struct json *j)
{
	if (j->more)
		out_char(j->out, ',');
	j->more = 1;
}

static inline void json_open(struct json *j, char bracket)
{
	out_char(j->out, bracket);
	j->more = 0;
}

static inline void json_close(struct json *j, char bracket)
{
	out_char(j->out, bracket);
	j->more = 1;
}

/* Ends a line that json_open(j, '{') began. */
static inline void json_end_line(struct json *j)
{
	json_close(j, '}');
	out_char(j->out, '\n');
	j->more = 0;
}

/* An object at the top level begins: {"time":"…","type":"TYPE". */
void json_begin_line(struct json *j, struct fmt_clock *clock, uint64_t time_ns, const char *type);
void json_time(struct json *j, const char *key, struct fmt_clock *clock, uint64_t time_ns);
void json_addr(struct json *j, const char *key, const uint8_t addr[16]);

static inline void json_key_n(struct json *j, const char *key, size_t n)
{
	char *p = out_reserve(j->out, n + 4);

	if (j->more)
		*p++ = ',';
	j->more = 1;
	*p++ = '"';
	p = (char *)memcpy(p, key, n) + n;
	*p++ = '"';
	*p++ = ':';
	out_commit(j->out, p);
}

/* key: a literal with its quotes, a comma before and a colon behind. */
static inline void json_key_literal(struct json *j, const char *key, size_t n)
{
	char *p = out_reserve(j->out, n);

	if (j->more)
		p = (char *)memcpy(p, key, n) + n;
	else
		p = (char *)memcpy(p, key + 1, n - 1) + n - 1;
	j->more = 1;
	out_commit(j->out, p);
}

/* A key as literal: its length is known when compiling. */
#define json_key(j, lit) json_key_literal((j), ",\"" lit "\":", sizeof(lit) + 3)

void json_string(struct json *j, const char *s, size_t n);

/*
 * A string in pieces: json_quote, json_piece..., json_quote. A character must lie in one piece.
 */
static inline void json_quote(struct json *j)
{
	out_char(j->out, '"');
}

void json_piece(struct json *j, const char *s, size_t n);

static inline void json_u64_value(struct json *j, uint64_t v)
{
	out_commit(j->out, fmt_u64(out_reserve(j->out, FMT_U64_MAX), v));
}

#define json_u64(j, lit, v) (json_key(j, lit), json_u64_value(j, v))
#define json_cstr(j, lit, s) (json_key(j, lit), json_string((j), (s), strlen(s)))
#define json_str(j, lit, s) (json_key(j, lit), json_string((j), (s).p, (s).n))

#endif
