/*
 * fuzz_http1.c - the HTTP/1 parser on any octets, cut anywhere, with gaps
 *
 * Input: one octet of kind and options, eight of cut points, then the stream. The stream is parsed
 * once whole and once in pieces of the lengths that the cut octets give, and must give the same
 * events. With option 8 a gap follows each 0xff octet: the octet after it says how long.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "parsers/http1/http1.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define NCUTS 8
#define OPT_EOF 4
#define OPT_GAPS 8
#define OPT_HEAD 16
#define OPT_CONNECT 32

struct run {
	struct http1 h;
	struct http1_memo memo;
	uint64_t digest; /* of the events so far, content and skips by their octets */
	uint64_t skipped, content, events;
	uint8_t options;
	int over;
};

static void need(int what)
{
	if (!what)
		abort();
}

static void mix(struct run *r, const void *p, size_t n)
{
	const uint8_t *q = p;

	for (size_t i = 0; i < n; i++)
		r->digest = (r->digest ^ q[i]) * UINT64_C(0x100000001b3);
}

static void mix_u64(struct run *r, uint64_t v)
{
	mix(r, &v, sizeof(v));
}

static void mix_str(struct run *r, struct str s, const uint8_t *p, size_t n)
{
	const uint8_t *q = (const uint8_t *)s.p;

	mix_u64(r, s.p ? s.n : UINT64_MAX);
	if (!s.p) {
		need(!s.n);
		return;
	}
	need(q >= p && q <= p + n && s.n <= (size_t)(p + n - q));
	mix(r, s.p, s.n);
}

static void check_fields(struct str fields)
{
	struct str name, value;
	size_t pos = 0, before = 0;

	while (http1_field_next(fields, &pos, &name, &value)) {
		need(pos > before && pos <= fields.n && name.n && name.p >= fields.p);
		need(name.p + name.n <= value.p && value.p + value.n <= fields.p + fields.n);
		before = pos;
	}
}

static void see_event(struct run *r, const struct http1_event *ev, const uint8_t *p, size_t n)
{
	r->events++;
	if (ev->type == HTTP1_EV_CONTENT) {
		/* how content is divided among events is not what must be the same */
		need(!ev->gap || !ev->data.n);
		need(ev->gap || ev->data.n);
		r->content += ev->gap + ev->data.n;
		mix(r, ev->data.p, ev->data.n);
		return;
	}
	mix_u64(r, r->content);
	mix_u64(r, r->skipped);
	mix_u64(r, (uint64_t)ev->type << 8 | (uint64_t)ev->interim << 4 | ev->kind);
	if (ev->type == HTTP1_EV_HEAD) {
		need(ev->kind == HTTP1_REQUEST || ev->kind == HTTP1_RESPONSE);
		need(ev->minor >= 0 && ev->minor <= 9 && ev->head_len <= HTTP1_MAX_HEAD);
		need(ev->kind == HTTP1_REQUEST ? ev->method.n && ev->target.n
					       : ev->status >= 100 && ev->status <= 999);
		mix_u64(r, (uint64_t)ev->flags << 32 | ev->head_len);
		mix_u64(r, (uint64_t)ev->status << 8 | (uint64_t)ev->framing << 4 |
				   (uint64_t)ev->minor);
		mix_u64(r, ev->content_length);
		mix_str(r, ev->method, p, n);
		mix_str(r, ev->target, p, n);
		mix_str(r, ev->reason, p, n);
	}
	mix_str(r, ev->fields, p, n);
	check_fields(ev->fields);
}

static void expect(struct run *r)
{
	if (r->options & OPT_HEAD)
		http1_expect(&r->h, (struct str){ "HEAD", 4 });
	if (r->options & OPT_CONNECT)
		http1_expect(&r->h, (struct str){ "CONNECT", 7 });
}

/* Parses a copy exactly as long as the input; returns how many octets were not consumed. */
static size_t drain(struct run *r, const uint8_t *from, size_t size)
{
	uint8_t *copy = malloc(size ? size : 1), *p = copy;
	size_t n = size, used, left;
	enum parse_status s;
	struct http1_event ev;
	int still = 0;

	memcpy(copy, from, size);
	for (;;) {
		uint64_t unneeded = http1_unneeded(&r->h);

		s = http1_next(&r->h, p, n, &used, &ev);
		need(used <= n && s != PARSE_BAD);
		still = used ? 0 : still + 1;
		need(still <= 3);
		if (s == PARSE_EVENT) {
			need(!unneeded || ev.type == HTTP1_EV_CONTENT);
			need(ev.type != HTTP1_EV_HEAD || ev.head_len <= used);
			see_event(r, &ev, p, n);
			if (ev.type == HTTP1_EV_END && !ev.interim)
				expect(r);
		} else if (s == PARSE_SKIPPED) {
			need(used > 0);
			r->skipped += used;
		}
		p += used;
		n -= used;
		if (s == PARSE_END) {
			r->over = 1;
			n = 0;
		}
		if (s == PARSE_END || (s == PARSE_MORE && !(used && n)))
			break;
	}
	need(n <= HTTP1_MAX_HEAD);
	left = n;
	free(copy);
	return left;
}

static void gap(struct run *r, uint64_t n)
{
	struct http1_event ev;
	uint64_t used;
	enum parse_status s;

	for (int still = 0; n; n -= used) {
		s = http1_gap(&r->h, n, &used, &ev);
		need(used <= n && (s == PARSE_EVENT || used == n));
		still = used ? 0 : still + 1;
		need(still <= 2);
		if (s == PARSE_EVENT)
			see_event(r, &ev, NULL, 0);
	}
}

static void eof(struct run *r)
{
	struct http1_event ev;
	int i = 0;

	while (http1_eof(&r->h, &ev) == PARSE_EVENT) {
		need(ev.type == HTTP1_EV_END || ev.type == HTTP1_EV_ABORT);
		see_event(r, &ev, NULL, 0);
		need(++i <= 2);
	}
}

/* How far the stream goes before its next gap; *n: how long that is; *next: what is behind it. */
static size_t stretch(const uint8_t *p, size_t size, uint8_t options, uint64_t *n, size_t *next)
{
	const uint8_t *mark = options & OPT_GAPS ? memchr(p, 0xff, size) : NULL;
	size_t len = mark ? (size_t)(mark - p) : size;

	*next = mark ? len + 2 : size;
	*n = 0;
	if (mark) /* never none: what the parser has not consumed before it is dropped */
		*n = len + 1 == size ? 1 : mark[1] == 0xff ? UINT64_MAX : mark[1] + 1u;
	if (*next > size)
		*next = size;
	return len;
}

static void parse(struct run *r, const uint8_t *p, size_t size, const uint8_t *cuts,
		  uint8_t options)
{
	size_t ncut = 0, next;
	uint64_t missing;

	memset(r, 0, sizeof(*r));
	r->options = options;
	http1_init(&r->h, (enum http1_kind)(options % 4 % 3));
	r->h.memo = &r->memo;
	expect(r);
	for (; size; p += next, size -= next) {
		size_t len = stretch(p, size, options, &missing, &next), start = 0, end = 0;

		while (end < len) {
			size_t step = cuts ? cuts[ncut++ % NCUTS] % 64u + 1u : len;

			end = len - end < step ? len : end + step;
			start = end - drain(r, p + start, end - start);
		}
		gap(r, missing);
	}
	if (options & OPT_EOF)
		eof(r);
	mix_u64(r, r->content);
	mix_u64(r, r->skipped);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t ones[NCUTS];
	struct run whole, cut, single;
	enum probe_result probe;

	if (size < 1 + NCUTS)
		return 0;
	data += 1 + NCUTS;
	size -= 1 + NCUTS;
	probe = http1_probe(data, size, HTTP1_ANY);
	for (size_t n = 0; n < size && n < 64; n++) {
		enum probe_result early = http1_probe(data, n, HTTP1_ANY);

		need(early == PROBE_MORE || early == probe);
	}
	parse(&whole, data, size, NULL, data[-1 - NCUTS]);
	parse(&cut, data, size, data - NCUTS, data[-1 - NCUTS]);
	need(whole.digest == cut.digest && whole.over == cut.over);
	need(!memcmp(&whole.h, &cut.h, offsetof(struct http1, memo)));
	if (size <= 2048) {
		parse(&single, data, size, ones, data[-1 - NCUTS]);
		need(whole.digest == single.digest && whole.over == single.over);
	}
	return 0;
}
