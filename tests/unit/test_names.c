/*
 * Names of what travels in HTTP: each conversation whole, cut anywhere, byte by byte, and with a
 * gap anywhere, behind which nothing may be told that is not told of the whole.
 */
#include "parsers/content/content_mask.h"
#include "tests/unit/names_feed.h"
#include "tests/unit/tap.h"

#define ALL UINT32_MAX

struct talk {
	const char *name;
	const char *request, *response; /* heads and content */
	const char *want;
	size_t nresponse; /* 0: it has no NUL */
	int in_base64;	  /* what it tells is, and is not recorded */
};

#define JSON "Content-Type: application/json\r\n"
#define OK "HTTP/1.1 200 OK\r\n" JSON "\r\n"
#define EVENTS "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\n\r\n"
#define AMZ_EVENTS                                                                                 \
	"HTTP/1.1 200 OK\r\nContent-Type: application/vnd.amazon.eventstream\r\n\r\n"
#define POST(path) "POST " path " HTTP/1.1\r\n" JSON "\r\n"
/* a case ends where it has no more to say */
#pragma GCC diagnostic ignored "-Wmissing-field-initializers"

static const struct talk talks[] = {
#include "tests/unit/test_names_cases.h"
};

static struct str str_of(const char *s)
{
	return (struct str){s, strlen(s)};
}

struct cut {
	size_t at, gap; /* of all content; gap: so much is missing there */
	int bytes;	/* one at a time */
	int masked;	/* as a recording has it */
};

static unsigned leaks;

/* What a recording has of content; returned with its text in memory that is to be freed. */
static struct str masked(struct str s, int amz_events)
{
	struct content_mask m;
	char *copy = malloc(s.n + 1);

	memcpy(copy, s.p, s.n);
	content_mask_begin(&m, amz_events ? CONTENT_AMZ_EVENTS : CONTENT_UNKNOWN);
	content_mask_feed(&m, (uint8_t *)copy, s.n);
	leaks += memmem(copy, s.n, "secret", 6) != NULL;
	return (struct str){copy, s.n};
}

static void feed(struct names *n, int which, struct str s, const struct cut *c, size_t before)
{
	size_t at = c->at < before ? 0 : c->at - before, gap = c->gap;

	if (c->bytes) {
		for (size_t i = 0; i < s.n; i++)
			give(n, which, (struct str){s.p + i, 1});
		return;
	}
	if (c->at < before)
		gap = 0;
	if (at > s.n)
		at = s.n;
	if (gap > s.n - at)
		gap = s.n - at;
	give(n, which, (struct str){s.p, at});
	if (gap)
		names_gap(n, which);
	give(n, which, (struct str){s.p + at + gap, s.n - at - gap});
}

/* What is told: "attr=value …". */
static void run(const struct talk *t, uint32_t rows, const struct cut *c, char *log, size_t cap)
{
	struct str request = str_of(t->request), response = str_of(t->response);
	struct names *n = malloc(sizeof(*n));
	struct names_head h = {0};
	size_t first;

	if (t->nresponse)
		response.n = t->nresponse;
	memset(n, 0xa5, sizeof(*n));
	head_of(&request, &h);
	*log = '\0';
	if (!names_begin(n, rows, &h)) {
		free(n);
		return;
	}
	first = request.n;
	if (c->masked)
		request = masked(request, 0);
	feed(n, 0, request, c, 0);
	if (c->masked)
		free((void *)request.p);
	if (response.n) {
		head_of(&response, &h);
		names_response(n, &h);
		if (c->masked)
			response = masked(response, h.form == NAMES_AMZ_EVENTS);
		feed(n, 1, response, c, first);
		if (c->masked)
			free((void *)response.p);
	}
	names_log(n, log, cap);
	free(n);
}

static size_t content(const char *text)
{
	const char *at = strstr(text, "\r\n\r\n");

	return at ? strlen(at + 4) : 0;
}

/* Each thing that is told is told of the whole, too. Groups may have less. */
static int is_part(char *log, const char *whole)
{
	char *group = strchr(log, '('), word[512];

	if (group)
		*group = '\0';
	for (char *save, *one = strtok_r(log, " ", &save); one; one = strtok_r(NULL, " ", &save)) {
		snprintf(word, sizeof(word), "%s ", one);
		if (!strstr(whole, word))
			return 0;
	}
	return 1;
}

static void try_talk(const struct talk *t)
{
	size_t n = content(t->request) + content(t->response), bad = 0, false_names = 0;
	char log[2048], want[2048];
	struct cut c = {0};

	run(t, ALL, &c, want, sizeof(want));
	is_str(want, t->want, t->name);
	for (c.at = 0; c.at <= n; c.at++) {
		run(t, ALL, &c, log, sizeof(log));
		bad += strcmp(log, want) != 0;
	}
	c = (struct cut){.bytes = 1};
	run(t, ALL, &c, log, sizeof(log));
	bad += strcmp(log, want) != 0;
	ok(!bad, "%s: cut anywhere", t->name);
	if (!t->in_base64) {
		c = (struct cut){.masked = 1};
		run(t, ALL, &c, log, sizeof(log));
		is_str(log, want, "as it is recorded");
	}
	for (unsigned k = 0; k < 4; k++)
		for (c = (struct cut){0, 1u + k * k * 7, 0}; c.at < n; c.at++) {
			run(t, ALL, &c, log, sizeof(log));
			if (!is_part(log, want) && !false_names++)
				printf("# %zu+%zu: %s\n", c.at, c.gap, log);
		}
	ok(!false_names, "%s: nothing false with a gap", t->name);
	c = (struct cut){0};
	run(t, 0, &c, log, sizeof(log));
	is_str(log, "", "nothing without rows");
}

static int count_value(void *ctx, const struct json_value *v)
{
	char *log = ctx;

	snprintf(log + strlen(log), 1024 - strlen(log), "%.*s:%d:%.*s%s ", (int)v->path.n,
		 v->path.p, v->type, (int)v->text.n, v->text.p, v->cut ? "…" : "");
	return 1;
}

static void json(const char *text, const char *want, int sound)
{
	char log[1024] = "", piece[1024] = "";
	struct json_scan s = {0};
	size_t n = strlen(text);
	int ok_all = 1;

	is_u64(json_scan(&s, (const uint8_t *)text, n, count_value, log), sound, text);
	is_str(log, want, text);
	memset(&s, 0, sizeof(s));
	for (size_t i = 0; i < n; i++)
		ok_all = json_scan(&s, (const uint8_t *)text + i, 1, count_value, piece);
	is_str(piece, want, "byte by byte");
	is_u64(ok_all, sound, "and as sound");
}

static void long_texts(void)
{
	static char text[70000];
	struct json_scan s = {0};
	char log[2048] = "";
	size_t n = (size_t)sprintf(text, "{\"a\":\"");

	memset(text + n, 'x', 60000);
	sprintf(text + n + 60000, "\",\"%0100d\":1,\"b\":2}", 7);
	is_u64(json_scan(&s, (uint8_t *)text, strlen(text), count_value, log), 1, "a long string");
	ok(strlen(log) < 600 && strstr(log, "…") && strstr(log, "b:1:2"), "is cut: %s", log);
	memset(text, '[', 200);
	text[200] = '\0';
	memset(&s, 0, sizeof(s));
	*log = '\0';
	is_u64(json_scan(&s, (uint8_t *)text, 200, count_value, log), 0,
	       "what is nested too deep is given up");
}

int main(void)
{
	json("{\"a\":1}", ":3: a:1:1 :5: ", 1);
	json(" [ {\"a\" : [true, null]} , -2.5e3 ] ",
	     ":4: []:3: [].a:4: [].a[]:2:true [].a[]:2:null []:5: []:1:-2.5e3 :5: ", 1);
	json("{\"a\":{\"b\":{\"c\":\"\\u00e9\\n\\\"\\ud83d\\ude00\"}},\"d\":{}}",
	     ":3: a:3: a.b:3: a.b.c:0:\xc3\xa9\n\"?? d:3: :5: ", 1);
	json("{\"a\" 1}", ":3: ", 0);
	json("{\"a\":[1}", ":3: a:4: a[]:1:1 ", 0);
	json("hello", "", 1);
	json("<html>", "", 0);
	json("{\"a\":\"\\x\"}", ":3: ", 0);
	json("{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":1},\"b\":2}}}}},\"c\":3}",
	     ":3: a:3: a.a:3: a.a.a:3: a.a.a.a:3: a.a.a.a.a:3: a.a.a.a.a.a:3: "
	     "a.a.a.a.a.b:1:2 c:1:3 :5: ", 1);
	long_texts();
	for (size_t i = 0; i < sizeof(talks) / sizeof(talks[0]); i++)
		try_talk(&talks[i]);
	is_u64(leaks, 0, "nothing else is recorded");
	return tap_done();
}
