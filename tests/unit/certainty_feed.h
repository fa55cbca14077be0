/* For tests of certainty: connections, what is lost of them, and their spans in one line each. */
#include "core/engine_impl.h"
#include "tests/unit/feed.h"
#include "tests/unit/tap.h"

#define MS FEED_MS
#define RX ZC_RX
#define TX ZC_TX

#define GET(path) "GET " path " HTTP/1.1\r\nHost: example.org\r\n\r\n"
#define ANSWER(status, n, content) \
	"HTTP/1.1 " status " X\r\nContent-Length: " n "\r\n\r\n" content
#define OK2 ANSWER("200", "2", "ok")
#define NO2 ANSWER("404", "2", "no")

static struct feed f;

__attribute__((unused)) static const struct span *span(unsigned i)
{
	return &f.span[i].s;
}

/* Spans in one line each: method, path, status, error, what is missing. */
__attribute__((unused)) static const char *shown(void)
{
	static char text[4096];
	size_t n = 0;

	text[0] = 0;
	for (unsigned i = 0; i < f.nspans; i++) {
		const char *error = span_error_name(span(i)->error);

		n += (size_t)snprintf(text + n, sizeof(text) - n, "%s%s %s %d%s%s", i ? "; " : "",
				      f.span[i].method, f.span[i].path, span(i)->status,
				      error ? " " : "", error ? error : "");
		for (unsigned bit = 0; bit < SPAN_INCOMPLETE_BITS; bit++)
			if (span(i)->incomplete & 1u << bit)
				n += (size_t)snprintf(text + n, sizeof(text) - n, " %s",
						      span_incomplete_name(bit));
	}
	return text;
}

__attribute__((unused)) static void server(void)
{
	feed_begin(&f, NULL);
	feed_open(&f, ZC_ROLE_SERVER, ZC_OPEN_SEQ);
}

/* As many exchanges as show that the client waits for its answers. */
__attribute__((unused)) static void settled(void)
{
	server();
	for (int i = 0; i < 3; i++) {
		feed_text(&f, RX, GET("/"));
		feed_text(&f, TX, OK2);
	}
	f.nspans = 0;
}

__attribute__((unused)) static void lose(int dir, const char *what)
{
	f.seq[dir] += (uint32_t)strlen(what);
}

__attribute__((unused)) static void over(const char *want, const char *name)
{
	feed_close(&f, 0, 0);
	feed_tick(&f, 50 * MS);
	feed_tick(&f, 50 * MS);
	is_str(shown(), want, name);
	feed_end(&f);
}

__attribute__((unused)) static void capture(void)
{
	struct engine_options o = {.keep_doubted = 1};

	feed_begin(&f, &o);
	feed_open(&f, ZC_ROLE_SERVER, ZC_OPEN_SEQ);
}
