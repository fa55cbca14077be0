/* Outputs beside each other: work of sinks, readers that take nothing, readers that leave. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "cli/instrumented.c"
#include "cli/exporters.c" /* as cli/ is in no library */
#include "cli/outputs.c"
#include "tap.h"

/* Of the rest of cli/, only what files need. */
void log_line(const char *fmt, ...)
{
	(void)fmt;
}

int options_has_output(const struct options *o, enum output format)
{
	(void)o, (void)format;
	return 0;
}

int color_wanted(enum color when, int fd)
{
	(void)fd;
	return when == COLOR_ALWAYS;
}

const char *output_name(enum output format)
{
	return format == OUTPUT_JSON ? "json" : "another";
}

/* A sink that sends `left` pieces, one at a time when it is given time to. */
struct sending {
	struct sink sink;
	unsigned left, spans, freed;
	uint64_t now;
};

static void count_span(struct sink *k, const struct span *s)
{
	(void)s;
	((struct sending *)k)->spans++;
}

static int send_one(struct sink *k, uint64_t now)
{
	struct sending *s = (struct sending *)k;

	s->now = now;
	s->left -= s->left > 0;
	return s->left > 0;
}

static void count_free(struct sink *k)
{
	((struct sending *)k)->freed++;
}

static const struct sink_ops sender_ops = {
	.span = count_span, .work = send_one, .free = count_free,
};

static unsigned told;
static char last_text[400];

static void on_gone(void *ctx, const char *text)
{
	(void)ctx;
	told++;
	snprintf(last_text, sizeof(last_text), "%s", text);
}

static const struct output_spec specs[3] = {
	{ .format = OUTPUT_JSON, .file = "a" },
	{ .format = OUTPUT_TEXT, .file = "b" },
	{ .format = OUTPUT_WATERFALL, .file = "c" },
};

static void setup(struct outputs *u, struct sending *s, const int *fds, unsigned n)
{
	*u = (struct outputs){ .n = n, .on_gone = on_gone };
	told = 0;
	for (unsigned i = 0; i < n; i++) {
		s[i] = (struct sending){ .sink.ops = &sender_ops };
		u->way[i].spec = &specs[i];
		u->way[i].fd = fds[i];
		u->way[i].sink = &s[i].sink;
		if (out_init(&u->way[i].out, fds[i], -1))
			exit(1);
	}
}

static void test_work(void)
{
	int fds[2] = { open("/dev/null", O_WRONLY), open("/dev/null", O_WRONLY) };
	struct outputs u;
	struct sending s[2];
	struct span span = { .status = 200 };

	setup(&u, s, fds, 2);
	s[0].left = 3;
	s[1].left = 1;
	is_u64(outputs_work(&u, 5, 0), 1, "outputs: one of two has more to send");
	is_u64(outputs_work(&u, 6, 1), 1, "outputs: also when all is to be written");
	is_u64(outputs_work(&u, 7, 1), 0, "outputs: until none has");
	ok(s[0].now == 7 && s[1].now == 7, "outputs: all are told the time");
	ok(outputs_span(&u, &span, 1) && s[0].spans == 1 && s[1].spans == 1,
	   "outputs: a span for each");
	ok(!outputs_span(&u, &span, 0) && s[0].spans == 1,
	   "outputs: none for what the filter takes out");
	outputs_release(&u);
	ok(s[0].freed == 1 && s[1].freed == 1, "outputs: each is freed once");
}

static void test_traces(void)
{
	int fds[3] = { open("/dev/null", O_WRONLY), open("/dev/null", O_WRONLY),
		       open("/dev/null", O_WRONLY) };
	struct outputs u;
	struct sending s[3];
	struct span span = { .status = 200 };

	setup(&u, s, fds, 3);
	ok(!outputs_span(&u, &span, 0) && !s[0].spans && !s[1].spans && s[2].spans == 1,
	   "outputs: traces are whole, whatever the filter says");
	outputs_release(&u);
}

static void fill(struct output_way *w, size_t n)
{
	static const char text[4096];

	for (; n && !w->out.error; n -= n < sizeof(text) ? n : sizeof(text))
		out_bytes(&w->out, text, n < sizeof(text) ? n : sizeof(text));
}

/* One reader is slow: it gets everything, in order. */
static void test_slow(void)
{
	int slow[2], fds[2];
	struct outputs u;
	struct sending s[2];
	size_t got = 0, wrong = 0;
	char in[65536];

	if (pipe(slow) || fcntl(slow[0], F_SETFL, O_NONBLOCK))
		exit(1);
	fds[0] = slow[1];
	fds[1] = open("/dev/null", O_WRONLY);
	setup(&u, s, fds, 2);
	outputs_start(&u, 1);
	for (size_t i = 0; i < 1000000; i++)
		out_char(&u.way[0].out, (char)('a' + i % 23));
	for (int round = 0; round < 1000 && got < 1000000; round++) {
		ssize_t n = read(slow[0], in, sizeof(in));

		for (ssize_t i = 0; i < n; i++, got++)
			wrong += in[i] != (char)('a' + got % 23);
		outputs_work(&u, 1, 0);
	}
	ok(got == 1000000 && !wrong && !u.way[0].gone,
	   "outputs: a slow reader gets everything in order: %zu, %zu wrong", got, wrong);
	close(slow[0]);
	outputs_release(&u);
}

/* One reader takes nothing. */
static void test_stuck(void)
{
	int stuck[2], fds[2];
	struct outputs u;
	struct sending s[2];
	struct pollfd p;

	if (pipe(stuck))
		exit(1);
	fds[0] = stuck[1];
	fds[1] = open("/dev/null", O_WRONLY);
	setup(&u, s, fds, 2);
	outputs_start(&u, 1);
	fill(&u.way[0], 200000);
	outputs_work(&u, 1, 0);
	p = (struct pollfd){ .fd = stuck[0], .events = POLLIN };
	ok(poll(&p, 1, 0) == 1 && !u.way[0].gone && u.way[0].out.n > 0 && u.way[0].out.n < 200000,
	   "outputs: what is not taken at once waits");
	fill(&u.way[0], 400000);
	outputs_work(&u, 2, 0);
	ok(!u.way[0].gone && u.way[0].out.n > OUT_SIZE,
	   "outputs: what is more than the buffer is kept, too, and nobody waits");
	usleep((OUT_PATIENCE_MS + 50) * 1000);
	outputs_work(&u, 2, 0);
	ok(u.way[0].gone && u.failed && told == 1 &&
		   strstr(last_text, "-o json=a: nobody reads it"),
	   "outputs: a reader that takes nothing is given up: %s", last_text);
	outputs_work(&u, 3, 1);
	ok(told == 1 && !outputs_gone(&u), "outputs: told once, and the other stays");
	outputs_span(&u, &(struct span){ .status = 200 }, 1);
	ok(s[0].spans == 0 && s[1].spans == 1, "outputs: and gets what comes");
	close(stuck[0]);
	outputs_release(&u);
}

static void test_left(void)
{
	int a[2], b[2], fds[2];
	struct outputs u;
	struct sending s[2];

	if (pipe(a) || pipe(b))
		exit(1);
	fds[0] = a[1];
	fds[1] = b[1];
	setup(&u, s, fds, 2);
	outputs_work(&u, 1, 0);
	ok(!told && !outputs_gone(&u), "outputs: both readers are there");
	close(a[0]);
	outputs_work(&u, 2, 0);
	ok(told == 1 && u.way[0].gone && !outputs_gone(&u) &&
		   strstr(last_text, "its reader has left"),
	   "outputs: one leaves, which is told: %s", last_text);
	close(b[0]);
	outputs_work(&u, 3, 0);
	ok(told == 1 && outputs_gone(&u) && !u.failed,
	   "outputs: the last one leaves, which ends it quietly");
	outputs_release(&u);
	ok(!outputs_gone(&u), "outputs: none at all is not the end");
}

int main(void)
{
	signal(SIGPIPE, SIG_IGN);
	test_work();
	test_traces();
	test_slow();
	test_stuck();
	test_left();
	return tap_done();
}
