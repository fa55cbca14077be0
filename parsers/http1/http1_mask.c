/*
 * http1_mask.c - overwrites the secrets in heads of HTTP/1
 *
 * Not a parser: it must not lose its way where a parser may give up, and a mistake towards hiding
 * is better than one towards showing. So whatever the framing says, octets at the start of a call
 * that look like a start-line begin a head. Content is hidden by content_mask.h, unless it is asked
 * for; content that looks like a head (a transcript of HTTP) is treated as one.
 *
 * Framing is followed as far as it takes to find the next head (Content-Length, chunked, gaps).
 * Where that cannot be said everything is hidden up to the next start-line, which is found as the
 * parser finds it. Hidden is, too, what a client sends behind a request for another protocol, until
 * it is known what became of it: a tunnel (CONNECT), or an upgrade to what is not WebSocket.
 */
#include "parsers/content/content_mask.h"
#include "parsers/http1/http1_impl.h"
#include "parsers/http1/http1_protocol.h"
#include "parsers/http2/http2.h"
#include "parsers/redact_scan.h"

#define MAX_HEAD 65536u
#define MAX_WORD 16u /* octets that tell whether a start-line has begun */

/* mask_shared.word */
#define ASKED_TUNNEL 1u
#define ASKED_HEAD 2u /* ever */
#define IN_WEBSOCKET 4u

enum where {
	SEEKING, /* a start-line is looked for; the initial one, if it is not the direction's start
		  */
	LINE,	 /* in the first word of a line: method, version or field name */
	LINE_BEGIN, /* behind a LF: a fold, the empty line, or another line */
	OWS,	    /* between colon and value */
	IN_VALUE,   /* value says of what kind */
	CONTENT,    /* of unknown length */
	COUNTED,    /* content; `left` octets to come */
	CHUNK_SIZE,
	CHUNK_EXT,
	CHUNK_DATA, /* `left` octets to come, CRLF included */
};

enum value { PLAIN, HIDDEN, URI, TARGET, STATUS, LENGTH, CODINGS, UPGRADE, TYPE };

struct mask { /* flat, for protocol_mask */
	uint8_t server;
	uint8_t doubt;	/* until the first start-line: a method must be one that everybody knows */
	uint8_t either; /* nor is it known who sends */
	uint8_t unsure; /* the start-line in hand may be none */
	uint8_t nword;
	char word[MAX_WORD]; /* how it begins */
	uint8_t where, value, odd, match;
	uint8_t fresh;	 /* content is due of which nothing has come */
	uint8_t endless; /* content goes on until the connection ends */
	uint8_t wait;	 /* behind this message nothing stays until a start-line comes */
	uint8_t asked;	 /* content is asked for */
	/* of the message */
	uint8_t start_line, connect, head, upgrade, websocket, chunked, trailers, have_length;
	uint8_t amz_events;
	uint16_t status;
	uint32_t head_len;
	uint64_t left, length;
	struct redact_scan scan;
	struct content_mask content;
};

/* Do these octets begin a message beyond reasonable doubt? */
static int looks_like_start(const struct mask *k, const uint8_t *p, size_t n)
{
	size_t i = octet_run(p, min_size(n, HTTP1_MAX_METHOD), TOKEN);

	if (k->server)
		return n >= 10 && !memcmp(p, "HTTP/1.", 7) && p[8] == ' ' && is_digit(p[9]);
	if (http1_probe(p, n, HTTP1_REQUEST) == PROBE_YES)
		return 1;
	if (i < 3 || n - i < 3 || p[i] != ' ' || !memcmp(p, "PRI ", 4))
		return 0;
	return p[i + 1] == '/' || (p[i + 1] == '*' && p[i + 2] == ' ') ||
	       (n - i > 5 && !memcmp(p + i + 1, "http", 4)) || (i == 7 && !memcmp(p, "CONNECT", 7));
}

static void begin_line(struct mask *k)
{
	k->where = LINE;
	k->odd = 0;
	redact_name_reset(&k->scan.name);
}

/* A message is due, or may be. */
static void begin_message(struct mask *k, int unsure)
{
	*k = (struct mask){.server = k->server,
			   .doubt = k->doubt,
			   .either = k->either,
			   .asked = k->asked,
			   .unsure = (uint8_t)unsure};
	begin_line(k);
}

static void seek(struct mask *k)
{
	begin_message(k, 1);
	k->where = SEEKING;
}

static void begin_value(struct mask *k, enum value value)
{
	k->where = IN_VALUE;
	k->value = (uint8_t)value;
	k->match = 0;
	if (value == URI || value == TARGET)
		redact_scan_uri(&k->scan);
}

static void begin_content(struct mask *k, enum where where, enum content_form form)
{
	k->where = (uint8_t)where;
	content_mask_begin(&k->content, k->asked ? CONTENT_SHOWN : form);
}

/* A line that is no field, or where a message is due, something else. */
static void bad_line(struct mask *k, int at_end)
{
	if (!k->start_line)
		begin_content(k, CONTENT, CONTENT_HIDDEN);
	else if (at_end)
		k->where = LINE_BEGIN;
	else
		begin_value(k, PLAIN);
}

static int name_is(const struct mask *k, const char *name)
{
	return k->scan.name.n == strlen(name) && !k->scan.name.cut &&
	       !memcmp(k->scan.name.b, name, k->scan.name.n);
}

static enum value value_of(struct mask *k)
{
	if (redact_name_is_secret_field(&k->scan.name))
		return HIDDEN;
	if (redact_name_is_uri_field(&k->scan.name))
		return URI;
	if (name_is(k, "contentlength"))
		return LENGTH;
	if (name_is(k, "transferencoding"))
		return CODINGS;
	if (name_is(k, "contenttype"))
		return TYPE;
	return name_is(k, "upgrade") ? UPGRADE : PLAIN;
}

static void field_name(struct mask *k)
{
	if (k->odd || !k->scan.name.n || !k->start_line) {
		bad_line(k, 0);
		return;
	}
	begin_value(k, value_of(k));
	k->where = OWS;
	if (k->value == LENGTH)
		k->length = 0;
	else if (k->value == UPGRADE)
		k->upgrade = 1;
}

/* The first word of a start-line. */
static void begin_head(struct mask *k)
{
	k->start_line = 1;
	k->connect = (uint8_t)name_is(k, "connect");
	k->head = (uint8_t)name_is(k, "head");
	if (!k->server &&
	    name_is(k, "pri")) /* no method (RFC 9113 section 3.4): what follows are frames */
		seek(k);
	else
		begin_value(k, k->server ? STATUS : TARGET);
}

/* A space ends the first word of a line. */
static void first_word(struct mask *k)
{
	int version = k->scan.name.n >= 6 && !memcmp(k->scan.name.b, "http/", 5);

	if (k->start_line && redact_name_is_secret_field(&k->scan.name) && !k->odd)
		return; /* a space before the colon must not save a secret */
	if (k->start_line || !k->scan.name.n || k->odd || version != k->server)
		bad_line(k, 0);
	else
		begin_head(k);
}

static void line_octet(struct mask *k, uint8_t c)
{
	if (c == ':') {
		field_name(k);
	} else if (is_blank(c)) {
		first_word(k);
	} else if (c == '\n') {
		/* an empty line may precede a message, RFC 9112 section 2.2 */
		if (k->scan.name.n)
			bad_line(k, 1);
	} else if (c != '\r') {
		k->odd |= !(http1_octet_class[c] & TOKEN) && c != '/';
		redact_name_add(&k->scan.name, (char)c);
		if (!k->start_line && k->odd)
			begin_content(k, CONTENT, CONTENT_HIDDEN);
	}
}

/* ---- a start-line that may be none */

/* Of a method that everybody knows: a path, a URI, or what CONNECT asks for. */
static enum probe_result fits_target(const struct mask *k)
{
	const char *blank = memchr(k->word, ' ', k->nword);
	size_t n = blank ? (size_t)(k->word + k->nword - blank - 1) : 0;

	if (!n)
		return PROBE_MORE;
	if (blank[1] == '/' || blank[1] == '*' || k->connect)
		return PROBE_YES;
	if (memcmp(blank + 1, "http", min_size(n, 4)))
		return PROBE_NO;
	return n < 4 ? PROBE_MORE : PROBE_YES;
}

/* YES: it is a start-line, as far as this octet. */
static enum probe_result fits(struct mask *k, uint8_t c)
{
	const uint8_t *word = (const uint8_t *)k->word;

	if (k->nword == MAX_WORD)
		return PROBE_YES;
	if (!k->nword && (c == '\r' || c == '\n'))
		return PROBE_MORE;
	k->word[k->nword++] = (char)c;
	if (k->either)
		k->server = http1_probe(word, k->nword, HTTP1_RESPONSE) != PROBE_NO;
	if (k->server && http1_probe(word, k->nword, HTTP1_RESPONSE) != PROBE_NO)
		return k->nword < 10 ? PROBE_MORE : PROBE_YES;
	if (k->server || (k->doubt ? http1_probe_known(word, k->nword)
				   : http1_probe(word, k->nword, HTTP1_REQUEST)) == PROBE_NO)
		return PROBE_NO;
	return k->doubt ? fits_target(k) : c == ' ' ? PROBE_YES : PROBE_MORE;
}

/* Is it one, as far as these octets? Returns how many of them, if it is none, are hidden now. */
static size_t settle(struct mask *k, uint8_t *p, size_t n)
{
	for (size_t i = 0; i < n && k->unsure; i++) {
		enum probe_result r = fits(k, p[i]);

		if (r == PROBE_NO) {
			seek(k);
			memset(p, 'x', i + 1);
			return i + 1;
		}
		if (r == PROBE_YES)
			k->unsure = k->doubt = 0;
	}
	return 0;
}

static size_t find_start(struct mask *k, uint8_t *p, size_t n)
{
	size_t from = 0, at;
	int inner = 0;
	enum probe_result r = http1_find_start(p, n, k->server ? HTTP1_RESPONSE : HTTP1_REQUEST,
					       &inner, &from, &at);

	if (http1_empty_lines(p, at) != at)
		memset(p, 'x', at);
	k->doubt = r != PROBE_YES;
	if (at < n)
		begin_message(k, k->doubt);
	return at;
}

/* ---- the end of a head */

/* Is the upgrade to what is not WebSocket, whose frames are left as they are? */
static int is_other(const struct mask *k)
{
	return (k->upgrade || k->status == 101) && !k->websocket;
}

/* Is another protocol agreed upon? */
static int is_switch(const struct mask *k, struct mask_shared *both)
{
	if (!k->server || k->status < 101)
		return 0;
	if (k->status == 101)
		return is_other(k);
	if (k->status >= 200 && both->word & ASKED_TUNNEL) {
		both->word &= (uint8_t)~ASKED_TUNNEL;
		return k->status < 300;
	}
	return 0;
}

static void content_follows(struct mask *k, const struct mask *head, struct mask_shared *both)
{
	int none =
		head->server && (head->status < 200 || head->status == 204 || head->status == 304);
	enum content_form form = head->amz_events ? CONTENT_AMZ_EVENTS : CONTENT_UNKNOWN;

	k->fresh = 1;
	if (head->status == 101) {
		begin_content(k, CONTENT, CONTENT_WEBSOCKET);
		both->word |= IN_WEBSOCKET;
	} else if (none) {
		return;
	} else if (head->chunked) {
		k->chunked = 1;
		begin_content(k, CHUNK_SIZE, form);
	} else if (head->have_length && head->length) {
		k->left = head->length;
		begin_content(k, COUNTED, form);
	} else if (head->server && !head->have_length && !(both->word & ASKED_HEAD)) {
		k->endless = 1;
		begin_content(k, CONTENT, form);
	}
}

/* The empty line: what comes next? */
static void head_end(struct mask *k, struct mask_shared *both)
{
	struct mask head = *k;

	begin_message(k, 0);
	k->wait = head.trailers ? head.wait : !head.server && (head.connect || is_other(&head));
	if (!head.trailers && (head.connect || head.head))
		both->word |= head.connect ? ASKED_TUNNEL : ASKED_HEAD;
	if (!head.trailers)
		both->switched = (uint8_t)is_switch(&head, both);
	if (!head.trailers && !both->switched)
		content_follows(k, &head, both);
	if (k->wait && k->where == LINE)
		seek(k);
}

/* ---- octets */

static void match(struct mask *k, uint8_t c, const char *word, uint8_t *found)
{
	c |= 0x20;
	k->match = c == (uint8_t)word[k->match] ? (uint8_t)(k->match + 1) : c == (uint8_t)word[0];
	if (!word[k->match]) {
		*found = 1;
		k->match = 0;
	}
}

/* An octet of a value that says something about framing. */
static void framing_octet(struct mask *k, uint8_t c)
{
	if (k->value == CODINGS) {
		match(k, c, "chunked", &k->chunked);
	} else if (k->value == UPGRADE) {
		match(k, c, "websocket", &k->websocket);
	} else if (k->value == TYPE) {
		match(k, c, "amazon.eventstream", &k->amz_events);
	} else if (k->value == STATUS) {
		if (is_digit(c) && k->status < 1000)
			k->status = (uint16_t)(k->status * 10 + c - '0');
		else if (k->status)
			k->value = PLAIN;
	} else if (is_digit(c) && k->length < UINT64_MAX / 20) {
		k->length = k->length * 10 + (uint64_t)(c - '0');
		k->have_length = 1;
	}
}

/* Octets of a value; returns how many of them were dealt with. */
static size_t value_octets(struct mask *k, uint8_t *p, size_t n)
{
	const uint8_t *lf = memchr(p, '\n', n);
	size_t len = lf ? (size_t)(lf - p) : n;

	for (size_t i = 0; i < len && k->value != PLAIN; i++) {
		if (p[i] == '\r')
			continue;
		if (k->value == TARGET && p[i] == ' ')
			k->value = PLAIN;
		else if (k->value == HIDDEN)
			p[i] = 'x';
		else if (k->value >= STATUS)
			framing_octet(k, p[i]);
		else if (redact_scan_step(&k->scan, (const char *)p + i, (const char *)p + len,
					  !lf))
			p[i] = 'x';
	}
	if (lf)
		k->where = LINE_BEGIN;
	return lf ? len + 1 : n;
}

static void chunk_octet(struct mask *k, uint8_t c)
{
	uint8_t low = c | 0x20;
	unsigned digit = is_digit(c)		    ? (unsigned)(c - '0')
			 : low >= 'a' && low <= 'f' ? (unsigned)(low - 'a' + 10)
						    : 16;

	if (c == '\n') {
		k->where = CHUNK_DATA;
		k->left += 2;
		if (k->left == 2) { /* the last chunk */
			k->trailers = k->start_line = 1;
			k->where = LINE_BEGIN;
		}
	} else if (k->where == CHUNK_SIZE && digit < 16 && k->left < UINT64_MAX >> 8) {
		k->left = k->left << 4 | digit;
	} else {
		k->where = CHUNK_EXT;
	}
}

/* Passes n octets of content or a chunk, fewer if it ends before; p NULL: they are missing. */
static uint64_t pass(struct mask *k, uint8_t *p, uint64_t n)
{
	uint64_t len = n < k->left ? n : k->left;
	uint64_t crlf = k->where == CHUNK_DATA ? 2 : 0; /* of a chunk; behind its content */
	uint64_t inside = k->left > crlf ? k->left - crlf : 0;

	if (inside > len)
		inside = len;
	if (p)
		content_mask_feed(&k->content, p, (size_t)inside);
	else if (inside)
		content_mask_gap(&k->content, inside);
	k->left -= len;
	if (k->left)
		return len;
	if (k->where == CHUNK_DATA)
		k->where = CHUNK_SIZE;
	else if (k->wait)
		seek(k);
	else
		begin_message(k, 0);
	return len;
}

static size_t line_begin(struct mask *k, struct mask_shared *both, uint8_t c)
{
	if (is_blank(c)) {
		k->where = OWS; /* a folded line goes on as it began */
		return 0;
	}
	if (c == '\n')
		head_end(k, both);
	if (c == '\r' || c == '\n')
		return 1;
	begin_line(k);
	return 0;
}

static size_t octets(struct mask *k, struct mask_shared *both, uint8_t *p, size_t n)
{
	size_t hidden;

	switch ((enum where)k->where) {
	case SEEKING: return find_start(k, p, n);
	case LINE_BEGIN: return line_begin(k, both, *p);
	case LINE:
		if (!settle(k, p, 1))
			line_octet(k, *p);
		return 1;
	case OWS:
		if (is_blank(*p))
			return 1;
		k->where = IN_VALUE;
		return 0;
	case IN_VALUE: hidden = settle(k, p, n); return hidden ? hidden : value_octets(k, p, n);
	case CHUNK_SIZE:
	case CHUNK_EXT: chunk_octet(k, *p); return 1;
	case COUNTED:
	case CHUNK_DATA: return (size_t)pass(k, p, n);
	case CONTENT: content_mask_feed(&k->content, p, n); break;
	}
	return n;
}

/* ---- the interface */

static void mask_begin(void *state, enum sender from, unsigned flags)
{
	struct mask *k = state;

	memset(k, 0, sizeof(*k));
	k->server = from == FROM_SERVER;
	k->asked = !!(flags & MASK_CONTENT);
	k->doubt = k->either = !!(flags & MASK_DOUBT);
	if (flags & MASK_START)
		begin_message(k, 1);
	else
		seek(k);
}

static int is_preface(const struct mask *k, const uint8_t *p, size_t n)
{
	return !k->server && k->where <= CONTENT && n >= HTTP2_PREFACE_LEN &&
	       !memcmp(p, HTTP2_PREFACE, HTTP2_PREFACE_LEN);
}

static size_t mask_feed(void *state, struct mask_shared *both, uint8_t *p, size_t n)
{
	struct mask *k = state;
	size_t at = 0, used;

	if (is_preface(k, p, n)) {
		both->switched = 1;
		return 0;
	}
	if (k->where != SEEKING && !k->doubt && (k->where != IN_VALUE || k->value == PLAIN) &&
	    looks_like_start(k, p, n))
		begin_message(k, 0);
	for (; at < n && !both->switched; at += used) {
		if (k->fresh && k->where != LINE && looks_like_start(k, p + at, n - at))
			begin_message(k, 0); /* the response to HEAD has none */
		k->fresh = 0;
		used = octets(k, both, p + at, n - at);
		if (k->where > IN_VALUE || k->where == SEEKING)
			continue;
		k->head_len += (uint32_t)used;
		if (k->head_len > MAX_HEAD)
			seek(k);
	}
	return at;
}

static int mask_gap(void *state, struct mask_shared *both, uint64_t n)
{
	struct mask *k = state;

	k->fresh = 0;
	while (n && (k->where == COUNTED || k->where == CHUNK_DATA))
		n -= pass(k, NULL, n);
	if (n && k->where == CONTENT)
		content_mask_gap(&k->content, n);
	if (n && !k->endless && !(both->word & IN_WEBSOCKET))
		seek(k);
	return 1;
}

const struct protocol_mask http1_mask = {
	.state_size = sizeof(struct mask),
	.begin = mask_begin,
	.feed = mask_feed,
	.gap = mask_gap,
};
