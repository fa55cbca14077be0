/* What makes reading heads cheap says the same as what is plain. */
#include "parsers/field_names.h"
#include "parsers/http1/http1_impl.h"
#include "parsers/http1/http1_marks.h"
#include "parsers/http1/http1_protocol.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/tap.h"

static uint32_t seed = 1;

static unsigned chance(unsigned n)
{
	seed = seed * 1664525u + 1013904223u;
	return (seed >> 16) % n;
}

static void test_marks(void)
{
	int same = 1;

	for (size_t n = 0; n < 200; n++) {
		uint8_t *p = malloc(n + 1); /* what is read behind it is an error */

		for (size_t i = 0; i < n; i++)
			p[i] = (uint8_t)"\n:a\x8a\xba"[chance(5)];
		for (size_t at = 0; at < n; at++) {
			struct marks a = marks_of(p, at, n), b = marks_plain(p, at, n);

			same &= a.lf == b.lf && a.colon == b.colon;
		}
		free(p);
	}
	ok(same, "line ends and colons, sixteen at a time and one by one");
}

static const char *const names[] = {
	"Host", "HOST", "X-Real-IP", "Content-Type", "Accept", "User-Agent", "b3", "Via",
	"Content-Length", "Connection", "traceparent", "X-Forwarded-For", "Ho", "Hosts", "",
	"Ho(st",
	"x-b3-traceid", "X-Envoy-Expected-Rq-Timeout-Ms", "Cookie", "Referer",
};

/* A request with some fields, a few of which are odd. */
static size_t make(char *p)
{
	char *end = p + sprintf(p, "GET /%u HTTP/1.1\r\n", chance(3));

	for (unsigned i = chance(16); i; i--) {
		const char *name = names[chance(sizeof(names) / sizeof(*names))];
		const char *before = chance(9) ? "" : " \t";
		const char *colon = chance(12) ? ":" : "";
		const char *blank = chance(4) ? " " : " \t ";
		static const char *const odd[] = {"\n", " \r\n", "\r\n x\r\n", "\t\n"};
		const char *eol = chance(9) ? "\r\n" : odd[chance(4)];

		end += sprintf(end, "%s%s%s%s%.*s%s", name, before, colon, blank, (int)chance(50),
			       "1, a:b c keep-alive,close; q=0.5, and so on and on to the end",
			       eol);
	}
	return (size_t)(end + sprintf(end, "\r\n") - p);
}

/* Are those that were noted those that are found line by line? */
static int same_fields(const struct http1_event *ev)
{
	struct str name, value;
	size_t pos = 0;
	unsigned i = 0;

	if (!ev->notes)
		return 1;
	while (http1_field_next(ev->fields, &pos, &name, &value)) {
		enum field_name id = field_name_of(name.p, name.n);
		const struct field_note *f = &ev->notes->at[i];

		if (id < FIELD_CORE)
			continue;
		if (i++ >= ev->notes->n || f->name != id || f->len != value.n ||
		    (value.n && ev->fields.p + f->off != value.p))
			return 0;
	}
	return i == ev->notes->n;
}

static void test_notes(void)
{
	unsigned noted = 0, same = 1;

	for (unsigned round = 0; round < 20000; round++) {
		struct http1_event ev;
		struct http1 h;
		char p[2048];
		size_t n = make(p), used;

		http1_init(&h, HTTP1_REQUEST);
		if (http1_next(&h, (uint8_t *)p, n, &used, &ev) != PARSE_EVENT)
			continue;
		noted += ev.notes && ev.notes->n;
		same &= (unsigned)same_fields(&ev);
	}
	ok(noted > 5000, "fields are noted");
	ok(same, "the same fields as line by line");
}

static int same_event(const struct http1_event *a, const struct http1_event *b)
{
	if (a->type != b->type || a->flags != b->flags || a->framing != b->framing ||
	    a->content_length != b->content_length || a->fields.p != b->fields.p ||
	    a->fields.n != b->fields.n || a->head_len != b->head_len || !a->notes != !b->notes)
		return 0;
	if (!a->notes)
		return 1;
	return a->notes->n == b->notes->n &&
	       !memcmp(a->notes->at, b->notes->at, a->notes->n * sizeof(a->notes->at[0]));
}

static int same_str(struct str a, struct str b)
{
	return a.p == b.p && a.n == b.n;
}

/* n bytes at p, to a parser that reads all heads and to one that is new to each of them. */
static int reads_the_same(struct http1 *old, enum http1_kind kind, const char *p, size_t n)
{
	enum parse_status st;
	struct http1_event a, b;
	size_t used, more;
	struct http1 new;

	http1_init(&new, kind);
	old->state = new.state;
	old->remaining = old->scanned = 0;
	old->unsure = old->started = old->tunnel = old->interim = 0;
	st = http1_next(old, (const uint8_t *)p, n, &used, &a);
	if (st != http1_next(&new, (const uint8_t *)p, n, &more, &b) || used != more)
		return 0;
	return st != PARSE_EVENT ||
	       (old->state == new.state && old->remaining == new.remaining &&
		old->untouched == new.untouched && same_event(&a, &b) && a.kind == b.kind &&
		a.status == b.status && a.minor == b.minor && same_str(a.method, b.method) &&
		same_str(a.target, b.target) && same_str(a.reason, b.reason));
}

static void test_memo(void)
{
	unsigned same = 1, repeated = 0;
	struct http1_memo memo = {0};
	struct http1 old;
	char p[2048];
	size_t n = 0;

	http1_init(&old, HTTP1_REQUEST);
	old.memo = &memo;
	for (unsigned round = 0; round < 20000; round++) {
		if (!n || !chance(3))
			n = make(p);
		else if (chance(2))
			p[n / 2] ^= (char)chance(2);
		else
			repeated++;
		same &= (unsigned)reads_the_same(&old, HTTP1_REQUEST, p, n);
	}
	ok(repeated > 5000 && same, "a head that comes again says what it says the first time");
}

/* A head of the same lines as the one before, mostly, of which some have other values. */
static size_t make_like(char *p, enum http1_kind kind, unsigned lines[6])
{
	static const char *const values[] = {
		"", " ", " 1", " 12345", " 7, 7", " 7, 8", " x", " keep-alive", " close", " a\tb",
		" \t a b \t", " 99999999999999999999", " 127.0.0.1:8080", " Sun, 29 Nov 2026",
		" a:b:c", " a\r\n b", " a\rb", " gzip, chunked", " \x7f\xff",
	};
	const unsigned nnames = sizeof(names) / sizeof(*names);
	const unsigned nvalues = sizeof(values) / sizeof(*values);
	char *end = p;

	if (!chance(40))
		for (unsigned i = 0; i < 6; i++)
			lines[i] = chance(nnames);
	if (kind == HTTP1_REQUEST)
		end += sprintf(end, "%s /%.*s HTTP/1.%u%s\n", chance(30) ? "GET" : "POST",
			       (int)chance(12), "item?id=\x01 x1", chance(30) != 0,
			       chance(30) ? "\r" : " \r");
	else
		end += sprintf(end, "HTTP/1.1 %u %s\r\n", chance(9) ? 200 : 500 + chance(9),
			       chance(30) ? "OK" : "NO");
	for (unsigned i = 0; i < 6; i++) {
		const char *name = chance(60) ? names[lines[i]] : "Accept-Encoding";
		const char *value = chance(4) ? " 127.0.0.1" : values[chance(nvalues)];

		if (chance(60))
			end += sprintf(end, "%s:%s%s\n", name, value, chance(60) ? "\r" : "");
	}
	end += sprintf(end, "\r\n%.*s", (int)chance(24), "content\r\nof any kind at all");
	return (size_t)(end - p);
}

static void test_memo_of(enum http1_kind kind)
{
	unsigned same = 1, by_memo = 0, lines[6] = {0, 1, 2, 8, 9, 11};
	struct http1_memo memo = {0};
	struct http1 old;
	char text[2048];

	http1_init(&old, kind);
	old.memo = &memo;
	for (unsigned round = 0; round < 200000; round++) {
		size_t n = make_like(text, kind, lines);
		struct http1_meaning m;
		struct http1_event ev;
		struct field_notes notes;
		char *p;

		n -= chance(4) ? 0 : chance((unsigned)n);
		p = malloc(n + 1); /* what is read behind it is an error */
		memcpy(p, text, n);
		by_memo += (unsigned)http1_memo_head(&memo, (uint8_t *)p, n, &ev, &m, &notes);
		same &= (unsigned)reads_the_same(&old, kind, p, n);
		free(p);
	}
	ok(by_memo > 10000, "%s with other values are known", kind == HTTP1_REQUEST ? "requests"
									    : "responses");
	ok(same, "and say what they say to who knows of nothing");
}

/* Less is there than is compared at once, behind a first line that became shorter. */
static void test_memo_short(void)
{
	static const char whole[] = "E /x HTTP/1.1\r\nHost: a\r\n\r\n";
	static const char part[] = "E / HTTP/1.1\r\nH";
	struct http1_memo memo = {0};
	struct http1 old;
	char *p = malloc(sizeof(part) - 1); /* what is read before or behind it is an error */
	int same = 1;

	http1_init(&old, HTTP1_REQUEST);
	old.memo = &memo;
	for (int i = 0; i < 3; i++)
		same &= reads_the_same(&old, HTTP1_REQUEST, whole, sizeof(whole) - 1);
	memcpy(p, part, sizeof(part) - 1);
	ok(same && reads_the_same(&old, HTTP1_REQUEST, p, sizeof(part) - 1),
	   "a few bytes of another one");
	free(p);
}

/* The same of messages, which are made of heads. */
static void test_messages(enum sender from)
{
	const struct protocol *http1 = &http1_protocol;
	unsigned same = 1, again = 0, lines[6] = {0, 1, 2, 8, 9, 11};
	void *memory = calloc(1, http1->memo_size), *old = calloc(1, http1->state_size);
	void *new = calloc(1, http1->state_size);
	char p[2048];
	size_t n = 0;

	for (unsigned round = 0; round < 20000 && same; round++) {
		struct message a, b;
		size_t used[2];

		if (!n || !chance(4))
			n = make_like(p, from == FROM_CLIENT ? HTTP1_REQUEST : HTTP1_RESPONSE,
				      lines);
		memset(old, 0, http1->state_size);
		memset(new, 0, http1->state_size);
		http1->begin(old, 0);
		http1->begin(new, 0);
		http1->memo(old, memory);
		http1->answers(old, ANSWER_SURE, 0);
		http1->answers(new, ANSWER_SURE, 0);
		message_init(&a);
		message_init(&b);
		same &= http1->next(old, from, (uint8_t *)p, n, &used[0], &a) ==
			http1->next(new, from, (uint8_t *)p, n, &used[1], &b);
		again += a.same != 0;
		same &= !a.notes == !b.notes && (!a.notes || a.notes->n == b.notes->n);
		a.notes = b.notes = NULL;
		a.same = b.same = 0;
		same &= used[0] == used[1] && !memcmp(&a, &b, offsetof(struct message, attr));
	}
	ok(again > 5000 && same, "messages of the same bytes are the same");
	free(memory);
	free(old);
	free(new);
}

static void test_names(void)
{
	static const struct {
		const char *name;
		enum field_name field;
	} all[] = {
		{"connection", FIELD_CONNECTION}, {"content-length", FIELD_CONTENT_LENGTH},
		{"expect", FIELD_EXPECT}, {"proxy-connection", FIELD_PROXY_CONNECTION},
		{"transfer-encoding", FIELD_TRANSFER_ENCODING}, {"upgrade", FIELD_UPGRADE},
		{"x-amzn-trace-id", FIELD_AMZN_TRACE_ID}, {"authorization", FIELD_AUTHORIZATION},
		{"b3", FIELD_B3}, {"x-b3-spanid", FIELD_B3_SPAN_ID},
		{"x-b3-traceid", FIELD_B3_TRACE_ID}, {"x-client-trace-id", FIELD_CLIENT_TRACE_ID},
		{"content-type", FIELD_CONTENT_TYPE}, {"cookie", FIELD_COOKIE},
		{"x-correlation-id", FIELD_CORRELATION_ID},
		{"x-envoy-expected-rq-timeout-ms", FIELD_ENVOY_TIMEOUT},
		{"forwarded", FIELD_FORWARDED}, {"x-forwarded-for", FIELD_FORWARDED_FOR},
		{"x-forwarded-proto", FIELD_FORWARDED_PROTO}, {"grpc-timeout", FIELD_GRPC_TIMEOUT},
		{"host", FIELD_HOST}, {"http2-settings", FIELD_HTTP2_SETTINGS},
		{"x-real-ip", FIELD_REAL_IP}, {"referer", FIELD_REFERER},
		{"x-request-id", FIELD_REQUEST_ID}, {"traceparent", FIELD_TRACEPARENT},
		{"user-agent", FIELD_USER_AGENT}, {"via", FIELD_VIA},
		{"x-amz-date", FIELD_AMZ_DATE},
	};
	size_t n = sizeof(all) / sizeof(*all);
	int known = 1, other = 1;

	for (size_t i = 0; i < n; i++) {
		size_t len = strlen(all[i].name);
		char word[40];

		for (size_t k = 0; k < len; k++)
			word[k] = (char)toupper(all[i].name[k]);
		known &= field_name_of(all[i].name, len) == all[i].field;
		known &= field_name_of(word, len) == all[i].field;
		for (size_t k = 0; k < len; k++) {
			word[k] ^= 1;
			other &= field_name_of(word, len) == FIELD_UNKNOWN;
			word[k] ^= 1;
		}
	}
	is_u64(n, FIELD_NAMES - 1, "each name has its row here");
	ok(known, "names in whatever case");
	ok(other, "and no others");
}

int main(void)
{
	test_marks();
	test_notes();
	test_memo();
	test_memo_short();
	test_memo_of(HTTP1_REQUEST);
	test_memo_of(HTTP1_RESPONSE);
	test_messages(FROM_CLIENT);
	test_messages(FROM_SERVER);
	test_names();
	return tap_done();
}
