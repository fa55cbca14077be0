/*
 * test_wording.c - answers that say what they answer, of clients that do not wait for them
 */
#include "parsers/sql/sql_words.h"
#include "tests/unit/certainty_feed.h"

#define ROUNDS 24u

static void ask(unsigned key)
{
	char s[32];

	snprintf(s, sizeof(s), "get k%u\r\n", key);
	feed_text(&f, RX, s);
}

static void answer(unsigned key)
{
	char s[64];

	snprintf(s, sizeof(s), "VALUE k%u 0 2\r\nok\r\nEND\r\n", key);
	feed_text(&f, TX, s);
}

/* A simple query; the answer says how its column is called. */
static void ask_sql(unsigned n)
{
	char s[64] = "Q";
	int len = snprintf(s + 5, sizeof(s) - 5, "select c%u from t", n) + 1;

	memcpy(s + 1, (uint8_t[]){0, 0, 0, (uint8_t)(len + 4)}, 4);
	feed_octets(&f, RX, s, (size_t)len + 5);
}

static void answer_sql(unsigned n)
{
	char s[128] = "T", *p = s + 7;
	int len = snprintf(p, 16, "c%u", n) + 1;

	memcpy(s + 1, (uint8_t[]){0, 0, 0, (uint8_t)(4 + 2 + len + 18), 0, 1}, 6);
	memset(p + len, 0, 18);
	p += len + 18;
	memcpy(p, "C\0\0\0\rSELECT 1\0Z\0\0\0\5I", 20);
	feed_octets(&f, TX, s, (size_t)(p + 20 - s));
}

struct way {
	void (*ask)(unsigned), (*answer)(unsigned);
	unsigned keys; /* so many different ones are asked for */
};

/* In rounds of two, as always before; a whole round is lost. */
static void rounds(const struct way *w, unsigned from, unsigned to)
{
	for (unsigned i = from; i < to; i++) {
		w->ask(2 * i % w->keys);
		w->ask((2 * i + 1) % w->keys);
		w->answer(2 * i % w->keys);
		w->answer((2 * i + 1) % w->keys);
	}
}

static unsigned certain(void)
{
	unsigned n = 0;

	for (unsigned i = 0; i < f.nspans; i++)
		n += !span(i)->incomplete;
	return n;
}

static void end(void)
{
	feed_tick(&f, 50 * MS);
	feed_flag(&f, RX, ZC_TCP_RST);
	feed_close(&f, 0, 0);
	feed_tick(&f, 50 * MS);
	feed_tick(&f, 50 * MS);
}

static void test_lost(const struct way *w, const char *name)
{
	capture();
	rounds(w, 0, 3);
	f.seq[RX] += 40;
	f.seq[TX] += 60;
	rounds(w, 3, ROUNDS);
	end();
	if (w->keys > 16)
		ok(certain() > 2 * ROUNDS - 12, "%s: behind a loss, all but what it touched", name);
	else
		ok(certain() <= 10, "%s: not where all of them say the same", name);
	feed_end(&f);
}

static void test_joined(const struct way *w, const char *name)
{
	struct engine_options o = {.keep_doubted = 1};

	feed_begin(&f, &o);
	feed_open(&f, ZC_ROLE_SERVER, ZC_OPEN_PREEXISTING);
	rounds(w, 0, ROUNDS);
	end();
	ok(certain() >= 2 * ROUNDS - 2, "%s: the same of one that is joined", name);
	feed_end(&f);
}

/* Two are under way all the time; one of them was not seen, so each gets the answer before its. */
static void test_shifted(const struct way *w, const char *name)
{
	unsigned wrong = 0;

	capture();
	rounds(w, 0, 3);
	f.nspans = 0;
	f.seq[RX] += 30; /* the request for what is answered first */
	for (unsigned i = 0; i < 2 * ROUNDS; i++) {
		w->ask(i + 1);
		w->answer(i);
	}
	end();
	for (unsigned i = 0; i < f.nspans; i++)
		wrong += !span(i)->incomplete;
	ok(f.nspans > ROUNDS && !wrong, "%s: the answer before its own proves nothing", name);
	feed_end(&f);
}

/* The same of a client whose keys come again after three. */
static void test_again(void)
{
	unsigned wrong = 0;

	capture();
	for (unsigned i = 0; i < 6; i++) {
		ask_sql(i % 3);
		answer_sql(i % 3);
	}
	ask_sql(0);
	ask_sql(1);
	answer_sql(0);
	answer_sql(1);
	f.nspans = 0;
	f.seq[RX] += 60;
	for (unsigned i = 0; i < 3 * ROUNDS; i++) {
		ask_sql(i % 3);
		answer_sql(i % 3);
	}
	end();
	for (unsigned i = 0; i < f.nspans; i++)
		wrong += !span(i)->incomplete;
	ok(f.nspans > ROUNDS && !wrong, "three that were not seen, and the same again");
	feed_end(&f);
}

static int fit(const char *word, const char *operation, const char *shape)
{
	struct sql_words w = {.n = 0};

	sql_words_add(&w, word, strlen(word));
	return sql_words_fit((struct str){w.p, w.n}, (struct str){operation, strlen(operation)},
			     (struct str){shape, strlen(shape)});
}

static void test_sql(void)
{
	ok(fit("Name", "SELECT", "select t.NAME from t") == 1, "a column, in any case");
	ok(fit("name", "SELECT", "select nickname, name_2 from t") == -1, "not a part of another");
	ok(fit("name", "SELECT", "select * from t") == 0, "all columns");
	ok(fit("name", "SELECT", "select a \xe2\x80\xa6 from t") == 0, "a shape that was cut");
	ok(fit("name", "FETCH", "FETCH ?") == 0, "columns of something else");
	ok(fit("INSERT", "SELECT", "select a from t") == -1, "what was done");
	ok(fit("ROLLBACK", "COMMIT", "COMMIT") == 0, "what was not done");
	ok(fit("?column?", "SELECT", "select ?") == 1, "a column without a name");
	ok(fit("int4", "SELECT", "select ?::int") == 1, "a name that the server makes");
	ok(fit("a", "SELECT", "") == 0, "a statement that is not known");
}

int main(void)
{
	static const struct way keys = {ask, answer, 1000}, sql = {ask_sql, answer_sql, 1000},
				alike = {ask_sql, answer_sql, 1};

	test_lost(&sql, "postgresql");
	test_lost(&alike, "postgresql");
	test_joined(&keys, "memcached");
	test_joined(&sql, "postgresql");
	test_shifted(&sql, "postgresql");
	test_again();
	test_sql();
	return tap_done();
}
