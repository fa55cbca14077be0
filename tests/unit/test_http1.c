/*
 * HTTP/1: input to event log. Every case runs whole, octet by octet, and cut in two at every
 * offset, and must give the same log each time; the input lies against an unreadable page.
 */
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "parsers/http1/http1.h"
#include "tests/unit/tap.h"

#define ROOM (1u << 19)
#define LOG_ROOM (1u << 20)

struct piece {
	const char *p;
	size_t n;
	uint64_t gap; /* octets missing behind it */
};

struct http_case {
	const char *name;
	enum http1_kind kind;
	const char *methods; /* answered, one word per response; NULL: no http1_expect() */
	int eof;
	struct piece in[4];
	const char *want;
};

#define S(text) { text, sizeof(text) - 1, 0 }
#define GAP(text, gap) { text, sizeof(text) - 1, gap }

/* ---- the log */

static char *text;
static size_t text_n;
static char last_kind; /* 'b': inside a body line, 's': inside a skip line */
static uint64_t last_skip, last_gap;

__attribute__((format(printf, 1, 2))) static void put(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	text_n += (size_t)vsnprintf(text + text_n, LOG_ROOM - text_n, fmt, ap);
	va_end(ap);
	if (text_n >= LOG_ROOM)
		abort();
}

static void put_str(struct str s)
{
	for (size_t i = 0; i < s.n; i++) {
		uint8_t c = (uint8_t)s.p[i];

		if (c < 0x20 || c > 0x7e || c == '\\')
			put("\\%02x", c);
		else
			put("%c", c);
	}
}

static void flush(void)
{
	if (last_gap)
		put("<gap %llu>", (unsigned long long)last_gap);
	if (last_skip)
		put("skip %llu", (unsigned long long)last_skip);
	if (last_kind)
		put("\n");
	last_kind = 0;
	last_gap = last_skip = 0;
}

static void put_fields(struct str fields)
{
	struct str name, value;
	size_t pos = 0;
	int n = 0;

	put("{");
	while (http1_field_next(fields, &pos, &name, &value)) {
		put("%s", n++ ? "; " : "");
		put_str(name);
		put("=");
		put_str(value);
	}
	put("}");
}

static void put_head(const struct http1_event *ev)
{
	static const char *const flag[] = { "lf",    "fold",   "cl-rep", "cl-conf", "cl-te",
					    "cl-inv", "keep",  "up",	 "100",
					    NULL,     "cut" };
	static const char *const framing[] = { "none", "length", "chunked", "close" };

	if (ev->kind == HTTP1_REQUEST) {
		put("req ");
		put_str(ev->method);
		put(" ");
		put_str(ev->target);
	} else {
		put("resp %d ", ev->status);
		put_str(ev->reason);
	}
	put(" 1.%d %s", ev->minor, framing[ev->framing]);
	if (ev->framing == HTTP1_LENGTH)
		put(" %llu", (unsigned long long)ev->content_length);
	for (unsigned i = 0; i < sizeof(flag) / sizeof(flag[0]); i++)
		if (flag[i] && ev->flags & (1u << i))
			put(" +%s", flag[i]);
	put(" head %u ", ev->head_len);
	put_fields(ev->fields);
	put("%s\n", ev->interim ? " interim" : "");
}

static void put_content(const struct http1_event *ev)
{
	if (last_kind != 'b')
		flush();
	if (!last_kind)
		put("body ");
	last_kind = 'b';
	if (ev->gap) {
		last_gap += ev->gap;
		return;
	}
	if (last_gap)
		put("<gap %llu>", (unsigned long long)last_gap);
	last_gap = 0;
	put_str(ev->data);
}

static void put_event(const struct http1_event *ev)
{
	if (ev->type == HTTP1_EV_CONTENT) {
		put_content(ev);
		return;
	}
	flush();
	switch (ev->type) {
	case HTTP1_EV_HEAD: put_head(ev); break;
	case HTTP1_EV_TRAILERS:
		put("trailers ");
		put_fields(ev->fields);
		put("\n");
		break;
	case HTTP1_EV_END: put("end%s\n", ev->interim ? " interim" : ""); break;
	case HTTP1_EV_ABORT: put("abort\n"); break;
	case HTTP1_EV_CONTENT: break;
	}
}

/* ---- the run */

struct feed {
	struct http1 h;
	const char *methods;
	int over, broken;
	uint8_t held[ROOM];
	size_t nheld;
};

static uint8_t *arena; /* ROOM octets with an unreadable page on either side */
static struct feed feed;

static void expect_next(struct feed *f)
{
	size_t n;

	if (!f->methods || !*f->methods)
		return;
	n = strcspn(f->methods, " ");
	http1_expect(&f->h, (struct str){ f->methods, n });
	f->methods += n + (f->methods[n] == ' ');
}

static int inside(struct str s, const uint8_t *p, size_t n)
{
	const uint8_t *q = (const uint8_t *)s.p;

	return !s.p || (q >= p && q <= p + n && s.n <= (size_t)(p + n - q));
}

static void check_event(struct feed *f, const struct http1_event *ev, const uint8_t *p, size_t n,
			size_t used)
{
	if (!inside(ev->method, p, n) || !inside(ev->target, p, n) || !inside(ev->reason, p, n) ||
	    !inside(ev->fields, p, n) || !inside(ev->data, p, n) || used > n ||
	    (ev->type == HTTP1_EV_HEAD && ev->head_len > used) ||
	    (ev->type == HTTP1_EV_END && ev->kind == HTTP1_ANY))
		f->broken = 1;
}

/* All that the octets held give. low: they start behind an unreadable page, else end before one. */
static void drain(struct feed *f, int low)
{
	uint8_t *p = low ? arena : arena + ROOM - f->nheld;
	size_t n = f->nheld, used;
	struct http1_event ev;
	enum parse_status r;
	int idle_turns = 0;

	memcpy(p, f->held, n);
	for (;;) {
		r = http1_next(&f->h, p, n, &used, &ev);
		idle_turns = used ? 0 : idle_turns + 1;
		if (used > n || idle_turns > 3 || r == PARSE_BAD) {
			f->broken = 1;
			return;
		}
		if (r == PARSE_EVENT) {
			check_event(f, &ev, p, n, used);
			put_event(&ev);
			if (ev.type == HTTP1_EV_END && !ev.interim)
				expect_next(f);
		} else if (r == PARSE_SKIPPED) {
			if (last_kind != 's')
				flush();
			last_kind = 's';
			last_skip += used;
		}
		p += used;
		n -= used;
		if (r == PARSE_END) {
			if (!f->over++) {
				flush();
				put("over\n");
			}
			n = 0;
		}
		if (r == PARSE_END || (r == PARSE_MORE && !(used && n)))
			break;
	}
	if (n > HTTP1_MAX_HEAD)
		f->broken = 1;
	memcpy(f->held, p, n);
	f->nheld = n;
}

static void gap(struct feed *f, uint64_t n)
{
	struct http1_event ev;
	enum parse_status r;
	uint64_t used;

	f->nheld = 0;
	for (int turns = 0; n; n -= used) {
		r = http1_gap(&f->h, n, &used, &ev);
		turns = used ? 0 : turns + 1;
		if (used > n || turns > 3) {
			f->broken = 1;
			return;
		}
		if (r == PARSE_EVENT) {
			put_event(&ev);
		} else if (r == PARSE_SKIPPED) {
			flush();
			put("missing %llu\n", (unsigned long long)used);
		}
	}
}

static void eof(struct feed *f)
{
	struct http1_event ev;

	for (int turns = 0; http1_eof(&f->h, &ev) == PARSE_EVENT; turns++) {
		put_event(&ev);
		if (turns > 3) {
			f->broken = 1;
			return;
		}
	}
}

static size_t append(struct feed *f, const char *p, size_t n)
{
	if (f->nheld + n > ROOM)
		abort();
	memcpy(f->held + f->nheld, p, n);
	f->nheld += n;
	return n;
}

/* Feeds `step` octets at a time, or with step 0 all up to `cut` and then the rest. */
static void run_case(const struct http_case *c, size_t step, size_t cut, int low)
{
	size_t at = 0;

	text_n = 0;
	last_kind = 0;
	last_gap = last_skip = 0;
	http1_init(&feed.h, c->kind);
	feed.methods = c->methods;
	feed.over = feed.broken = 0;
	feed.nheld = 0;
	expect_next(&feed);
	for (const struct piece *in = c->in; in->p; in++) {
		for (size_t i = 0, n; i < in->n; i += n, at += n) {
			n = in->n - i;
			if (step && n > step)
				n = step;
			else if (!step && at < cut && n > cut - at)
				n = cut - at;
			append(&feed, in->p + i, n);
			drain(&feed, low);
		}
		if (in->gap)
			gap(&feed, in->gap);
	}
	if (c->eof)
		eof(&feed);
	flush();
	put("%s", "");
	text[text_n] = 0;
}

static size_t case_length(const struct http_case *c)
{
	size_t n = 0;

	for (const struct piece *in = c->in; in->p; in++)
		n += in->n;
	return n;
}

static void test_case(const struct http_case *c)
{
	size_t n = case_length(c), stride = n > 4096 ? n / 97 : 1, bad = 0;
	char name[128];

	run_case(c, 0, 0, 0);
	is_str(text, c->want, c->name);
	bad += (size_t)feed.broken;
	run_case(c, 0, 0, 1);
	bad += feed.broken || strcmp(text, c->want);
	snprintf(name, sizeof(name), "%s, octet by octet", c->name);
	run_case(c, n > 4096 ? 61 : 1, 0, 0);
	is_str(text, c->want, name);
	bad += (size_t)feed.broken;
	for (size_t cut = 1; cut < n; cut += stride) {
		run_case(c, 0, cut, 0);
		if (feed.broken || strcmp(text, c->want)) {
			if (!bad++)
				printf("# cut at %zu gives\n# %s\n", cut, text);
		}
	}
	ok(!bad, "%s, cut at each of %zu offsets", c->name, n);
}

#include "tests/unit/test_http1_cases.h"

/* ---- what is too long for a literal */

static char *repeat(const char *before, char c, size_t n, const char *after)
{
	size_t b = strlen(before), a = strlen(after);
	char *s = malloc(b + n + a + 1);

	if (!s)
		abort();
	memcpy(s, before, b);
	memset(s + b, c, n);
	memcpy(s + b + n, after, a + 1);
	return s;
}

static void test_long(const char *name, char *in, const char *want)
{
	struct http_case c = { name, HTTP1_REQUEST, NULL, 1, { { in, strlen(in), 0 } }, want };
	size_t heads = 0;

	run_case(&c, 0, 0, 0);
	for (const char *p = text; (p = strstr(p, "req ")); p++)
		heads++;
	if (want)
		test_case(&c);
	else
		ok(heads == 1 && !strstr(text, "skip") && !feed.broken, "%s", name);
	free(in);
}

/* The log of a head that is too long: its beginning, n octets of filling, the end of it. */
static void test_cut(const char *name, char *in, const char *before, size_t n, const char *after)
{
	char *want = repeat(before, 'x', n, after);

	test_long(name, in, want);
	free(want);
}

static void test_limits(void)
{
	const char *next = "\r\n\r\nGET /2 HTTP/1.1\r\n\r\n";
	const char *got = "req GET /2 1.1 none +keep head 19 {}\nend\n";
	char want[256];

	test_long("a head of just 64 KiB",
		  repeat("GET / HTTP/1.1\r\nA: ", 'x', HTTP1_MAX_HEAD - 23, "\r\n\r\n"), NULL);
	test_cut("a head one octet longer",
		 repeat("GET / HTTP/1.1\r\nA: ", 'x', HTTP1_MAX_HEAD - 22, next),
		 "req GET / 1.1 none +cut head 65535 {A=", HTTP1_MAX_HEAD - 22,
		 "}\nend\nreq GET /2 1.1 none +keep head 19 {}\nend\n");
	snprintf(want, sizeof(want), "req GET / 1.1 none +cut head 22 {B=b}\nend\n%s", got);
	test_long("a head much longer", repeat("GET / HTTP/1.1\r\nB: b\r\nA: ", 'x', 200000, next),
		  want);
	snprintf(
		want, sizeof(want),
		"req POST / 1.1 none +cut head 17 {}\nbody GET / HTTP/1.1\\0d\\0a\\0d\\0a\nend\n%s",
		got);
	test_long("whose last fields say how long the content is",
		  repeat("POST / HTTP/1.1\r\nA: ", 'x', 100000,
			 "\r\nContent-Length: 18\r\n\r\nGET / HTTP/1.1\r\n\r\nGET /2 "
			 "HTTP/1.1\r\n\r\n"),
		  want);
	test_long("a target of nearly 64 KiB",
		  repeat("GET /", 'x', HTTP1_MAX_HEAD - 18, " HTTP/1.1\r\n\r\n"), NULL);
	test_cut("a target beyond it",
		 repeat("GET /", 'x', 70000, " HTTP/1.1\r\n\r\nGET /2 HTTP/1.1\r\n\r\n"),
		 "req GET /", HTTP1_MAX_HEAD - 5,
		 " 1.1 none +cut head 65536 {}\nend\nreq GET /2 1.1 none +keep head 19 {}\nend\n");
	snprintf(want, sizeof(want), "skip %u\n%s", 70000u, got);
	test_long("a long word", repeat("", 'x', 70000, "GET /2 HTTP/1.1\r\n\r\n"), want);
	snprintf(want, sizeof(want),
		 "req POST / 1.1 chunked +keep head 47 {Transfer-Encoding=chunked}\n"
		 "abort\nskip %u\n%s", 5003u - 4096u, got);
	test_long("a chunk extension without end",
		  repeat("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1;", 'x', 5000,
			 "\nGET /2 HTTP/1.1\r\n\r\n"), want);
}

/* ---- single functions */

/* Where one is joined, the end of a content may come before a head. */
static void test_probe_known(void)
{
	static const struct {
		const char *p;
		enum probe_result want;
	} t[] = {
		{ "", PROBE_MORE },
		{ "\r\n", PROBE_MORE },
		{ "G", PROBE_MORE },
		{ "\r\nGET /", PROBE_MORE },
		{ "GET / HTTP/1.1\r\n", PROBE_YES },
		{ "\nDELETE /x HTTP/1.0\r\n", PROBE_YES },
		{ "b", PROBE_NO },
		{ "bGET / HTTP/1.1\r\n", PROBE_NO },
		{ "PROPFIND / HTTP/1.1\r\n", PROBE_YES },
		{ "MYOWN / HTTP/1.1\r\n", PROBE_NO },
		{ "GET / FTP/1.1\r\n", PROBE_NO },
		{ "HTTP/1.1 200 OK\r\n", PROBE_NO },
	};

	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		size_t n = strlen(t[i].p);
		uint8_t *p = arena + ROOM - n;

		memcpy(p, t[i].p, n);
		is_u64(http1_probe_known(p, n), t[i].want, t[i].p);
	}
}

static void test_probe(void)
{
	static const struct {
		const char *p;
		enum http1_kind kind;
		enum probe_result want;
	} t[] = {
		{ "", HTTP1_ANY, PROBE_MORE },
		{ "G", HTTP1_ANY, PROBE_MORE },
		{ "H", HTTP1_RESPONSE, PROBE_MORE },
		{ "G", HTTP1_RESPONSE, PROBE_NO },
		{ "HTTP/1.1 ", HTTP1_REQUEST, PROBE_NO },
		{ "HTTP/1.1 ", HTTP1_ANY, PROBE_MORE },
		{ "HTTP/2", HTTP1_ANY, PROBE_NO },
		{ "\r", HTTP1_ANY, PROBE_MORE },
		{ "\r\n\r\nGET /", HTTP1_ANY, PROBE_MORE },
		{ "GET / HTTP/1.1\r\n", HTTP1_ANY, PROBE_YES },
		{ "GET / HTTP/1.1\r\n", HTTP1_RESPONSE, PROBE_NO },
		{ "MKCALENDAR / HTTP/1.1\n", HTTP1_REQUEST, PROBE_YES },
		{ "HTTP/1.1 200 OK\r\n", HTTP1_ANY, PROBE_YES },
		{ "HTTP/1.0 404\r\n", HTTP1_RESPONSE, PROBE_YES },
		{ "PRI * HTTP/2.0\r\n\r\n", HTTP1_ANY, PROBE_NO },
		{ "EHLO example.org\r\n", HTTP1_ANY, PROBE_NO },
		{ "*1\r\n$4\r\nPING\r\n", HTTP1_ANY, PROBE_NO },
		{ "\x16\x03\x01\x02", HTTP1_ANY, PROBE_NO },
		{ "SSH-2.0-OpenSSH_9.2\r\n", HTTP1_ANY, PROBE_NO },
	};

	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		size_t n = strlen(t[i].p);
		uint8_t *p = arena + ROOM - n;

		memcpy(p, t[i].p, n);
		is_u64(http1_probe(p, n, t[i].kind), t[i].want, "probe");
	}
	ok(http1_probe(NULL, 0, HTTP1_ANY) == PROBE_MORE, "probe of nothing");
	test_probe_known();
}

/* Feeds a string that gives events; returns what is left of it. */
static size_t feed_string(struct http1 *h, const char *s)
{
	size_t n = strlen(s), used;
	struct http1_event ev;
	enum parse_status r;

	do {
		r = http1_next(h, (const uint8_t *)s, n, &used, &ev);
		s += used;
		n -= used;
	} while (r == PARSE_EVENT || r == PARSE_SKIPPED);
	return n;
}

static void test_unneeded(void)
{
	struct http1_event ev;
	struct http1 h;
	uint64_t used;

	http1_init(&h, HTTP1_REQUEST);
	ok(!http1_unneeded(&h), "fresh: needs all");
	feed_string(&h, "POST / HTTP/1.1\r\nContent-Le");
	ok(!http1_unneeded(&h), "inside a head: needs all");
	http1_init(&h, HTTP1_REQUEST);
	feed_string(&h, "POST / HTTP/1.1\r\nContent-Length: 10\r\n\r\nabc");
	is_u64(http1_unneeded(&h), 7, "known length: the rest of it");
	is_u64(http1_gap(&h, 9, &used, &ev), PARSE_EVENT, "a gap beyond the content");
	ok(used == 7 && ev.gap == 7 && !ev.data.n, "takes no more than the content");
	is_u64(http1_gap(&h, 2, &used, &ev), PARSE_EVENT, "then comes the END");
	ok(!used && ev.type == HTTP1_EV_END, "and takes nothing");
	is_u64(http1_gap(&h, 2, &used, &ev), PARSE_SKIPPED, "the rest is between messages");
	is_u64(used, 2, "and is passed over");

	http1_init(&h, HTTP1_RESPONSE);
	feed_string(&h, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1f;a=b\r\nabc");
	is_u64(http1_unneeded(&h), 28, "chunked: the rest of the chunk");
	http1_gap(&h, 28, &used, &ev);
	is_u64(http1_unneeded(&h), 0, "chunked: then the line end");
	http1_init(&h, HTTP1_RESPONSE);
	feed_string(&h, "HTTP/1.0 200 OK\r\n\r\n");
	is_u64(http1_unneeded(&h), UINT64_MAX, "until close: nothing more");
	is_u64(http1_gap(&h, UINT64_MAX, &used, &ev), PARSE_EVENT, "until close: any gap");
	is_u64(used, UINT64_MAX, "until close: all of it");
}

static void check_fields(const char *in, const char *want)
{
	size_t n = strlen(in);
	char *p = (char *)arena + ROOM - n;

	memcpy(p, in, n);
	text_n = 0;
	put_fields((struct str){ p, n });
	is_str(text, want, "fields");
}

static void test_fields(void)
{
	struct str name, value;
	size_t pos = 0;

	check_fields("", "{}");
	check_fields("A: b\r\n", "{A=b}");
	check_fields("A:b", "{A=b}");
	check_fields("A:", "{A=}");
	check_fields("A", "{}");
	check_fields(":", "{}");
	check_fields("A:\r\nB:\t \r\nC:c", "{A=; B=; C=c}");
	check_fields("A : b \t\r\n", "{A=b}");
	check_fields("A: b\r\n c\r\n\td\r\nE: f\n", "{A=b\\0d\\0a c\\0d\\0a\\09d; E=f}");
	check_fields(" lost\r\nA: b\n", "{A=b}");
	check_fields("no field\r\n folded\r\nA: b:c\r\n", "{A=b:c}");
	check_fields("(): x\r\n\r\nA: \xff\x01\r\n", "{A=\\ff\\01}");
	ok(!http1_field_next((struct str){ NULL, 0 }, &pos, &name, &value), "no fields");
	pos = 0;
	http1_field_next((struct str){ "A:\r\n", 4 }, &pos, &name, &value);
	ok(value.p && !value.n, "an empty value is present");
}

/*
 * Garbage in which much might be a start, octet by octet, must not be looked at again and again.
 * Looking at all that is held each time would be up to 2^35 octets, some ten seconds.
 */
static void test_linear(void)
{
	static const char *const unit[] = { "GET /", "POST /x HTTP/1.", "HTTP/1.1 200 ", "A /\n",
					    "x ", "GET ", "H", "/", "GET / HTTP/1.1\r\nA" };
	struct http1_event ev;
	struct http1 h;

	for (size_t k = 0; k < sizeof(unit) / sizeof(unit[0]); k++) {
		size_t len = strlen(unit[k]), used, at = 0;
		clock_t start = clock();

		for (size_t i = 0; i < ROOM; i++)
			arena[i] = (uint8_t)(i ? unit[k][i % len] : 1);
		http1_init(&h, HTTP1_ANY);
		for (size_t end = 1; end <= ROOM; end++) {
			while (http1_next(&h, arena + at, end - at, &used, &ev) != PARSE_MORE)
				at += used;
			at += used;
		}
		ok(ROOM - at <= HTTP1_MAX_HEAD, "garbage %zu: skipped", k);
		ok(clock() - start < CLOCKS_PER_SEC, "garbage %zu: no octet is looked at often", k);
	}
}

int main(void)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	uint8_t *map = mmap(NULL, ROOM + 2 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (map == MAP_FAILED || mprotect(map + page, ROOM, PROT_READ | PROT_WRITE))
		return 1;
	arena = map + page;
	text = malloc(LOG_ROOM);
	if (!text)
		return 1;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		test_case(&cases[i]);
	test_limits();
	test_probe();
	test_unneeded();
	test_fields();
	test_linear();
	free(text);
	munmap(map, ROOM + 2 * page);
	return tap_done();
}
