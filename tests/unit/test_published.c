/*
 * test_published.c - deliveries under their publishes, by the context that both have
 */
#include "core/published.h"
#include "tests/unit/feed.h"
#include "tests/unit/tap.h"

#define RX ZC_RX
#define TX ZC_TX

#define CONTEXT(trace, parent) "NATS/1.0\r\ntraceparent: 00-" trace "-" parent "-01\r\n\r\nx\r\n"
#define TRACE "0af7651916cd43dd8448eb211c80319c"
#define ONE CONTEXT(TRACE, "b7ad6b7169203331")
#define TWO CONTEXT(TRACE, "b7ad6b7169203332")

static struct feed f;

static const struct span *span(unsigned i)
{
	return &f.span[i].s;
}

/* Each connection has its own sequence numbers. */
static void use(uint64_t conn)
{
	static uint32_t seq[3][2];

	memcpy(seq[f.conn], f.seq, sizeof(f.seq));
	f.conn = conn;
	memcpy(f.seq, seq[conn], sizeof(f.seq));
}

static void open(uint64_t conn)
{
	use(conn);
	feed_open(&f, ZC_ROLE_CLIENT, ZC_OPEN_SEQ);
	feed_text(&f, RX, "INFO {\"server_id\":\"x\"}\r\n");
	feed_text(&f, TX, "CONNECT {\"verbose\":false}\r\n");
}

static void message(uint64_t conn, int dir, const char *line, const char *rest)
{
	use(conn);
	feed_text(&f, dir, line);
	feed_text(&f, dir, rest);
}

static void publish(uint64_t conn, const char *rest)
{
	message(conn, TX, "HPUB a 82 83\r\n", rest);
}

static void deliver(uint64_t conn, const char *rest)
{
	message(conn, RX, "HMSG a 1 82 83\r\n", rest);
}

static int is_child(unsigned child, unsigned parent)
{
	const struct span *c = span(child);

	return c->has_parent && !memcmp(c->parent_id, span(parent)->span_id, SPAN_ID_LEN) &&
	       !memcmp(c->trace_id, span(parent)->trace_id, TRACE_ID_LEN) && c->has_told_parent;
}

static int is_told(unsigned child, const char *end)
{
	const struct span *c = span(child);

	return c->has_parent && !memcmp(c->parent_id, c->told_parent, SPAN_ID_LEN) &&
	       !memcmp(c->parent_id, "\xb7\xad\x6b\x71\x69\x20\x33", 7) &&
	       c->parent_id[7] == (uint8_t)*end;
}

static void engine(void)
{
	unsigned n;

	feed_begin(&f, NULL);
	f.conn = 0;
	open(1);
	open(2);
	n = f.nspans;
	publish(1, ONE);
	deliver(2, ONE);
	deliver(2, ONE);
	ok(f.nspans == n + 3 && is_child(n + 1, n) && is_child(n + 2, n) &&
		   span(n + 1)->sender_pid == 4242,
	   "a delivery is a child of its publish, and so is another of the same");
	deliver(2, TWO);
	ok(f.nspans == n + 4 && is_told(n + 3, "\x32") && !span(n + 3)->sender_pid,
	   "of one that is not seen, of the span that the context names");
	publish(1, TWO);
	publish(1, TWO);
	deliver(2, TWO);
	ok(f.nspans == n + 7 && is_told(n + 6, "\x32"), "and so where several publishes have it");
	feed_end(&f);
}

static void table(void)
{
	struct published_table *t = NULL;
	struct traceparent c = {.parent_id = {1}};
	struct published p = {.exchange = 7, .pid = 1};

	ok(!published_find(t, &c), "nothing is known");
	published_add(&t, &c, &p, 0);
	p.pid = 2;
	published_add(&t, &c, &p, 1);
	p.pid = 3;
	published_add(&t, &c, &p, 0);
	ok(published_find(t, &c) && published_find(t, &c)->pid == 2, "the better one stays");
	p.exchange = 8;
	published_add(&t, &c, &p, 0);
	ok(!published_find(t, &c), "of two none");
	for (uint32_t i = 0; i < 100000; i++) {
		memcpy(c.trace_id, &i, sizeof(i));
		published_add(&t, &c, &p, 1);
	}
	ok(published_find(t, &c) != NULL, "the latest is there");
	memset(c.trace_id, 0, sizeof(c.trace_id));
	ok(!published_find(t, &c), "the first has made room");
	published_free(t);
}

int main(void)
{
	engine();
	table();
	return tap_done();
}
