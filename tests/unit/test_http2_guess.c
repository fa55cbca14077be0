/* Frames that are found again after a loss may be content, and are contradicted. */
#include "tests/unit/h2_feed.h"

static const char text[] = "<p><p><p><p><p><p>";

static void exchange(uint32_t stream, const char *path)
{
	get(stream, path);
	flush(RX);
	OK(END_STREAM, stream);
	flush(TX);
}

/* In direction dir a head is lost, and what is in out was content, with a text behind it. */
static void lose(int dir)
{
	f.seq[dir] += 40;
	flush(dir);
	put(&out, text, sizeof(text) - 1);
	flush(dir);
	feed_flag(&f, !dir, 0);
	feed_tick(&f, 15 * MS);
}

static int shows(const char *path)
{
	int n = 0;

	for (unsigned i = 0; i < f.nspans; i++)
		n += !strcmp(f.span[i].path, path);
	return n;
}

static void test_framing_ends(void)
{
	begin(NULL);
	exchange(1, "/a");
	get(3, "/content");
	lose(RX);
	exchange(3, "/b");
	exchange(5, "/c");
	ok(f.nspans == 3 && shows("/b") == 1 && shows("/c") == 1 && !span(1)->incomplete,
	   "where frames end in something else, they were none");
	feed_end(&f);
}

static void test_old_number(void)
{
	begin(NULL);
	exchange(15, "/a");
	get(3, "/content");
	lose(RX);
	exchange(17, "/b");
	feed_flag(&f, TX, ZC_TCP_FIN);
	feed_tick(&f, 15 * MS);
	ok(f.nspans == 2 && shows("/b") == 1, "nor is a request whose number was passed by");
	feed_end(&f);
}

static void test_twice(void)
{
	begin(NULL);
	exchange(1, "/a");
	get(3, "/content");
	f.seq[RX] += 40;
	flush(RX);
	feed_flag(&f, TX, 0);
	feed_tick(&f, 15 * MS);
	get(3, "/b"); /* its number shows that the first was content */
	flush(RX);
	OK(END_STREAM, 3);
	flush(TX);
	exchange(5, "/c");
	ok(!shows("/content") && shows("/c") == 1, "a stream is begun once");
	feed_end(&f);
}

static void test_never_asked(void)
{
	begin(NULL);
	exchange(15, "/a");
	OK(END_STREAM, 3);
	lose(TX);
	exchange(17, "/b");
	feed_flag(&f, TX, ZC_TCP_FIN);
	feed_tick(&f, 15 * MS);
	ok(f.nspans == 2 && shows("/b") == 1, "nor is an answer that nobody asked for");
	feed_end(&f);
}

static void test_good_bye(void)
{
	begin(NULL);
	exchange(1, "/a");
	get(3, "/b");
	flush(RX);
	OK(0, 3);
	frame(&out, 7, 0, 0, "\0\0\0\1\0\0\0\0", 8);
	f.seq[TX] += 40;
	flush(TX);
	feed_flag(&f, RX, 0);
	feed_tick(&f, 15 * MS);
	engine__finish(f.e);
	ok(f.nspans == 2 && !span(1)->error && span(1)->incomplete, "what they end is in doubt");
	feed_end(&f);
}

static void test_reset_before(void)
{
	begin(NULL);
	exchange(1, "/a");
	get(3, "/b");
	flush(RX);
	f.seq[RX] += 13;
	frame(&out, 3, 0, 3, "\0\0\0\x08", 4);
	flush(TX);
	feed_tick(&f, 15 * MS);
	feed_tick(&f, 15 * MS);
	engine__finish(f.e);
	ok(f.nspans == 2 && span(1)->error == SPAN_ERR_RESET && span(1)->incomplete,
	   "who reset it, and when, is in doubt if the client's may be lost");
	feed_end(&f);
}

int main(void)
{
	test_framing_ends();
	test_old_number();
	test_twice();
	test_never_asked();
	test_good_bye();
	test_reset_before();
	return tap_done();
}
