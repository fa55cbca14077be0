/*
 * redact_head.c - overwrites the secrets in heads of HTTP/1, see redact.h
 *
 * Not a parser: it must not lose its way where a parser may give up, and a mistake towards hiding
 * is better than one towards showing. So it looks at lines, takes what looks like a start-line for
 * one wherever a line begins, and follows the framing only to know where the next head begins.
 */
#include <string.h>

#include "core/redact.h"
#include "core/redact_scan.h"

#define MAX_HEAD 65536u

enum state {
	LINE, /* in the first word of a line: method, version or field name; the initial one */
	LINE_BEGIN, /* behind a LF: a fold, the empty line, or another line */
	OWS,	    /* between colon and value */
	IN_VALUE,   /* value says of what kind */
	CONTENT,    /* of unknown length */
	COUNTED,    /* content; `left` octets to come */
	CHUNK_SIZE,
	CHUNK_EXT,
	CHUNK_DATA, /* `left` octets to come, CRLF included */
};

enum value { PLAIN, HIDDEN, URI, TARGET, LENGTH, CODINGS };

static int is_upper_token(uint8_t c)
{
	return (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

/* Do these octets begin a message beyond reasonable doubt? */
static int looks_like_start(const uint8_t *p, size_t n)
{
	size_t i = 0;

	if (n >= 10 && !memcmp(p, "HTTP/1.", 7) && p[8] == ' ' && p[9] >= '1' && p[9] <= '9')
		return 1;
	while (i < n && i < 24 && is_upper_token(p[i]))
		i++;
	if (i < 3 || n - i < 3 || p[i] != ' ')
		return 0;
	return p[i + 1] == '/' || (p[i + 1] == '*' && p[i + 2] == ' ') ||
	       (n - i > 5 && !memcmp(p + i + 1, "http", 4)) || (i == 7 && !memcmp(p, "CONNECT", 7));
}

static void begin_line(struct redact_head *r)
{
	r->state = LINE;
	r->odd = r->lower = 0;
	redact_name_reset(&r->scan.name);
}

/* strict: only a start-line may come, anything else is content. */
static void begin_message(struct redact_head *r, int strict)
{
	memset(r, 0, sizeof(*r));
	r->strict = (uint8_t)strict;
}

static void begin_value(struct redact_head *r, enum value value)
{
	r->state = IN_VALUE;
	r->value = (uint8_t)value;
	r->te_match = 0;
	if (value == URI || value == TARGET)
		redact_scan_uri(&r->scan);
}

/* A line that belongs to no head: inside of one, or where one may be, it is passed over. */
static void bad_line(struct redact_head *r, int at_end)
{
	if (!r->start_line && r->strict)
		r->state = CONTENT;
	else if (at_end)
		r->state = LINE_BEGIN;
	else
		begin_value(r, PLAIN);
}

static int name_is(const struct redact_head *r, const char *name)
{
	return r->scan.name.n == strlen(name) && !r->scan.name.cut &&
	       !memcmp(r->scan.name.b, name, r->scan.name.n);
}

static void field_name(struct redact_head *r)
{
	enum value value = PLAIN;

	if (r->odd || !r->scan.name.n || (r->strict && !r->start_line)) {
		bad_line(r, 0);
		return;
	}
	if (redact_name_is_secret_field(&r->scan.name))
		value = HIDDEN;
	else if (redact_name_is_uri_field(&r->scan.name))
		value = URI;
	else if (name_is(r, "contentlength"))
		value = LENGTH;
	else if (name_is(r, "transferencoding"))
		value = CODINGS;
	if (value == LENGTH)
		r->length = 0;
	begin_value(r, value);
	r->state = OWS;
}

/* A space ends the first word of a line: is it a start-line? */
static void first_word(struct redact_head *r)
{
	struct redact_name name = r->scan.name;
	int version = name.n >= 6 && !memcmp(name.b, "http/", 5);

	if (redact_name_is_secret_field(&name) && !r->odd)
		return; /* a space before the colon must not save a secret */
	if (!name.n || r->odd || (!version && r->lower)) {
		bad_line(r, 0);
		return;
	}
	begin_message(r, 0);
	r->start_line = 1;
	begin_value(r, version ? PLAIN : TARGET);
}

static void line_octet(struct redact_head *r, uint8_t c)
{
	if (c == ':') {
		field_name(r);
	} else if (c == ' ' || c == '\t') {
		first_word(r);
	} else if (c == '\n') {
		/* an empty line may precede a message, RFC 9112 section 2.2 */
		if (r->scan.name.n)
			bad_line(r, 1);
	} else if (c != '\r') {
		r->lower |= c >= 'a' && c <= 'z';
		r->odd |= c < '!' || c > '~' || (strchr("\"(),;<=>?@[\\]{}", c) != NULL);
		redact_name_add(&r->scan.name, (char)c, 0);
		if (!r->start_line && (r->strict ? r->odd : c < '!' || c > '~'))
			r->state = CONTENT;
	}
}

/* The empty line: what comes next? */
static void head_end(struct redact_head *r)
{
	uint64_t length = r->have_length ? r->length : 0;
	int chunked = r->chunked, trailers = r->trailers, known = r->start_line;

	begin_message(r, known);
	if (trailers || !known)
		return;
	if (chunked) {
		r->chunked = 1;
		r->state = CHUNK_SIZE;
	} else if (length) {
		r->left = length;
		r->state = COUNTED;
	}
}

/* An octet of a value that says something about framing. */
static void framing_octet(struct redact_head *r, uint8_t c)
{
	static const char chunked[] = "chunked";

	if (r->value == LENGTH && c >= '0' && c <= '9' && r->length < UINT64_MAX / 20) {
		r->length = r->length * 10 + (uint64_t)(c - '0');
		r->have_length = 1;
	} else if (r->value == CODINGS) {
		r->te_match = (c | 0x20) == chunked[r->te_match] ? (uint8_t)(r->te_match + 1) :
								   (c | 0x20) == 'c';
		if (r->te_match == sizeof(chunked) - 1) {
			r->chunked = 1;
			r->te_match = 0;
		}
	}
}

/* Octets of a value; returns how many of them were dealt with. */
static size_t value_octets(struct redact_head *r, uint8_t *p, size_t n)
{
	const uint8_t *lf = memchr(p, '\n', n);
	size_t len = lf ? (size_t)(lf - p) : n;

	for (size_t i = 0; i < len && r->value != PLAIN; i++) {
		if (p[i] == '\r')
			continue;
		if (r->value == TARGET && p[i] == ' ')
			r->value = PLAIN;
		else if (r->value == HIDDEN)
			p[i] = 'x';
		else if (r->value == LENGTH || r->value == CODINGS)
			framing_octet(r, p[i]);
		else if (redact_scan_step(&r->scan, (const char *)p + i, (const char *)p + len,
					  !lf))
			p[i] = 'x';
	}
	if (lf)
		r->state = LINE_BEGIN;
	return lf ? len + 1 : n;
}

static void chunk_octet(struct redact_head *r, uint8_t c)
{
	uint8_t low = c | 0x20;
	unsigned digit = c >= '0' && c <= '9' ? (unsigned)(c - '0') :
			 low >= 'a' && low <= 'f' ? (unsigned)(low - 'a' + 10) : 16;

	if (c == '\n') {
		r->state = CHUNK_DATA;
		r->left += 2;
		if (r->left == 2) { /* the last chunk */
			r->trailers = r->start_line = 1;
			r->state = LINE_BEGIN;
		}
	} else if (r->state == CHUNK_SIZE && digit < 16 && r->left < UINT64_MAX >> 8) {
		r->left = r->left << 4 | digit;
	} else {
		r->state = CHUNK_EXT;
	}
}

/* Passes n octets of content or a chunk, fewer if it ends before. */
static uint64_t pass(struct redact_head *r, uint64_t n)
{
	uint64_t len = n < r->left ? n : r->left;

	r->left -= len;
	if (r->left)
		return len;
	if (r->state == CHUNK_DATA)
		r->state = CHUNK_SIZE;
	else
		begin_message(r, 1);
	return len;
}

static size_t octets(struct redact_head *r, uint8_t *p, size_t n)
{
	switch ((enum state)r->state) {
	case LINE_BEGIN:
		if (*p == ' ' || *p == '\t') {
			r->state = OWS; /* a folded line goes on as it began */
			return 0;
		}
		if (*p == '\n')
			head_end(r);
		if (*p == '\r' || *p == '\n')
			return 1;
		begin_line(r);
		return 0;
	case LINE:
		line_octet(r, *p);
		return 1;
	case OWS:
		if (*p == ' ' || *p == '\t')
			return 1;
		r->state = IN_VALUE;
		return 0;
	case IN_VALUE:
		return value_octets(r, p, n);
	case CHUNK_SIZE:
	case CHUNK_EXT:
		chunk_octet(r, *p);
		return 1;
	case COUNTED:
	case CHUNK_DATA:
		return (size_t)pass(r, n);
	case CONTENT:
		break;
	}
	return n;
}

void redact_head_feed(struct redact_head *r, uint8_t *p, size_t n)
{
	size_t used;

	if (looks_like_start(p, n) && (r->state != IN_VALUE || r->value == PLAIN))
		begin_message(r, 0);
	for (; n; p += used, n -= used) {
		used = octets(r, p, n);
		if (r->state > IN_VALUE)
			continue;
		r->head_len += (uint32_t)used;
		if (r->head_len > MAX_HEAD) {
			begin_message(r, 1);
			r->state = CONTENT;
		}
	}
}

void redact_head_gap(struct redact_head *r, uint64_t n)
{
	while (n && (r->state == COUNTED || r->state == CHUNK_DATA))
		n -= pass(r, n);
	if (!n || r->state == CONTENT)
		return;
	if (r->state == IN_VALUE && r->value != PLAIN)
		return; /* what follows may be the rest of a secret: hidden up to the end of line */
	begin_message(r, 0);
	begin_value(r, PLAIN);
}
