/*
 * test_conn_ids.c - TLS streams: what both ends call an exchange, and how they find each other
 */
#include "tests/unit/tls_stream_feed.h"

/* Both ends of one connection, the client's first. */
static void open_both(int flags)
{
	uint32_t seq = f.seq[0];

	open_sock(77, ZC_ROLE_SERVER, flags);
	f.seq[0] = f.seq[1];
	f.seq[1] = seq;
	open_sock(88, ZC_ROLE_CLIENT, flags);
}

static void exchange(struct talker *client, struct talker *server, const char *request)
{
	say(client, TX, request);
	say(server, RX, request);
	say(server, TX, OK);
	say(client, RX, OK);
}

static const struct span *find_span(enum span_kind kind, const char *path)
{
	for (unsigned i = 0; i < f.nspans; i++)
		if (span(i)->kind == kind && !strcmp(f.span[i].path, path))
			return span(i);
	return NULL;
}

static int linked(const char *path)
{
	const struct span *c = find_span(SPAN_CLIENT, path), *s = find_span(SPAN_SERVER, path);

	return c && s && s->has_parent && !memcmp(s->parent_id, c->span_id, SPAN_ID_LEN) &&
	       !memcmp(s->trace_id, c->trace_id, TRACE_ID_LEN) && !strcmp(s->link, "socket");
}

static void test_ends_meet(void)
{
	struct talker server = talker(1, 77), client = talker(2, 88);
	uint8_t first[SPAN_ID_LEN];

	feed_begin(&f, NULL);
	open_both(ZC_OPEN_SEQ);
	client.pid = 5555;
	client.lib = ZC_TLS_GNUTLS;
	exchange(&client, &server, GET);
	exchange(&client, &server, GET_B);
	pass();
	is_u64(f.nspans, 4, "both ends of two exchanges");
	ok(linked("/a") && linked("/b"), "the ends of each are linked by their socket");
	ok(memcmp(span(0)->span_id, span(2)->span_id, SPAN_ID_LEN) != 0, "each has its own ids");
	memcpy(first, find_span(SPAN_SERVER, "/b")->span_id, SPAN_ID_LEN);
	feed_end(&f);

	/* the server's end alone, and other numbers of streams: the same names */
	feed_begin(&f, NULL);
	f.now += 5 * FEED_MS;
	server = talker(9, 77);
	open_sock(77, ZC_ROLE_SERVER, ZC_OPEN_SEQ);
	say(&server, RX, GET);
	say(&server, TX, OK);
	say(&server, RX, GET_B);
	say(&server, TX, OK);
	ok(!memcmp(find_span(SPAN_SERVER, "/b")->span_id, first, SPAN_ID_LEN),
	   "an exchange is called the same wherever it is seen");
	feed_end(&f);
}

/* The client's write returns when all is over at the server. */
static void test_client_late(void)
{
	struct talker server = talker(1, 77), client = talker(2, 88);
	unsigned before;

	feed_begin(&f, NULL);
	open_both(ZC_OPEN_SEQ);
	exchange(&client, &server, GET);
	say(&server, RX, GET_B);
	before = f.nspans;
	say(&server, TX, OK);
	is_u64(f.nspans, before, "a server's span waits for the client's end");
	say(&client, TX, GET_B);
	say(&client, RX, OK);
	pass();
	ok(f.nspans == 4 && linked("/b"), "and is linked to it");

	say(&server, RX, GET_B);
	say(&server, TX, OK);
	feed_tick(&f, 30 * FEED_MS);
	is_u64(f.nspans, 4, "it waits");
	feed_tick(&f, 25 * FEED_MS);
	ok(f.nspans == 5 && !span(4)->has_parent, "but 50 ms at most; then it is shown");
	feed_end(&f);
}

static void test_joined_late(void)
{
	struct talker server = talker(1, 77), client = talker(2, 88);

	feed_begin(&f, NULL);
	open_both(ZC_OPEN_SEQ);
	client.flags = server.flags = ZC_PLAIN_INSIDE; /* not from their beginning */
	exchange(&client, &server, GET);
	pass();
	ok(f.nspans == 2 && !find_span(SPAN_SERVER, "/a")->has_parent, "joined late: no link");
	ok(memcmp(span(0)->trace_id, span(1)->trace_id, TRACE_ID_LEN) != 0, "no common trace");
	ok(span(0)->has_addr && span(1)->has_addr, "addresses all the same");
	feed_end(&f);

	/* one end knows its positions, the other does not */
	feed_begin(&f, NULL);
	open_both(ZC_OPEN_SEQ);
	server = talker(1, 77);
	client = talker(2, 88);
	client.flags = ZC_PLAIN_INSIDE;
	exchange(&client, &server, GET);
	pass();
	ok(f.nspans == 2 && !find_span(SPAN_SERVER, "/a")->has_parent,
	   "one end joined late: no link");
	feed_end(&f);

	/* streams of which no socket is known begin alike */
	feed_begin(&f, NULL);
	server = talker(1, 0);
	client = talker(2, 0);
	server.flags = client.flags = ZC_PLAIN_FRESH;
	exchange(&client, &server, GET);
	exchange(&client, &server, GET_B);
	pass();
	ok(f.nspans == 4 && !linked("/a") && !linked("/b"),
	   "no socket known: no link, though both begin at position 0");
	ok(memcmp(find_span(SPAN_CLIENT, "/b")->trace_id, find_span(SPAN_SERVER, "/b")->trace_id,
		  TRACE_ID_LEN) != 0,
	   "and no common id");
	feed_end(&f);
}

/* Streams are numbered from 1 on by each run, on each host. */
static void test_private_ids(void)
{
	struct talker t;
	uint8_t trace[TRACE_ID_LEN], id[SPAN_ID_LEN];

	for (int run = 0; run < 3; run++) {
		struct engine_options o = {.wall_offset = run < 2 ? 1000 : 2000};

		feed_begin(&f, &o);
		t = talker(1, 0);
		t.flags = 0;
		say(&t, RX, GET);
		say(&t, TX, OK);
		if (run) {
			ok(!memcmp(trace, span(0)->trace_id, TRACE_ID_LEN) == (run == 1) &&
				   !memcmp(id, span(0)->span_id, SPAN_ID_LEN) == (run == 1),
			   run == 1 ? "the same in a replay" : "another in another run");
		} else {
			memcpy(trace, span(0)->trace_id, TRACE_ID_LEN);
			memcpy(id, span(0)->span_id, SPAN_ID_LEN);
		}
		feed_end(&f);
	}
}

/* A stream that is met with a position, and one whose first octets were lost on the way. */
static void test_first_lost(void)
{
	struct talker server = talker(1, 77), client = talker(2, 88);
	int wrong = 0;

	feed_begin(&f, NULL);
	open_both(ZC_OPEN_SEQ);
	client.pos[TX] = 100;
	client.lost = 1;
	exchange(&client, &server, GET);
	pass();
	ok(f.nspans == 2 && !find_span(SPAN_SERVER, "/a")->has_parent,
	   "the first octets were lost: no link");
	feed_end(&f);

	/* of the answers */
	feed_begin(&f, NULL);
	server = talker(1, 77);
	open_sock(77, ZC_ROLE_SERVER, ZC_OPEN_SEQ);
	say(&server, RX, GET);
	server.pos[TX] += (uint32_t)strlen(OK);
	server.lost = 1;
	say(&server, RX, GET);
	say(&server, TX, OK);
	for (int i = 0; i < 3; i++) {
		say(&server, RX, GET_B);
		say(&server, TX, OK);
	}
	pass();
	for (unsigned i = 0; i < f.nspans; i++)
		wrong += !strcmp(f.span[i].path, "/a") && !span(i)->incomplete;
	ok(f.nspans == 5 && !wrong,
	   "the first answer was lost: nobody knows which request the next one answers");
	ok(!span(f.nspans - 1)->incomplete && span(f.nspans - 1)->status == 200,
	   "after that all is well");
	feed_end(&f);
}

/* What shows that content had gone by before the first call that was seen. */
static void test_began_before(void)
{
	struct talker t = talker(1, 77);

	feed_begin(&f, NULL);
	open_sock(77, ZC_ROLE_SERVER, ZC_OPEN_SEQ);
	shake_hands(RX);
	t.wire_seq = f.seq[RX] + 500; /* where content began, and 500 octets more */
	say(&t, RX, GET);
	ok(!conn_of(t.id)->session->anchored && conn_of(t.id)->preexisting,
	   "requests had been read before: joined late");
	feed_end(&f);

	feed_begin(&f, NULL);
	open_sock(77, ZC_ROLE_SERVER, ZC_OPEN_SEQ);
	shake_hands(RX);
	t = talker(1, 77);
	t.wire_seq = f.seq[TX] + 500; /* tickets came first */
	say_part(&t, TX, "\0\0\0\4\0\0\0\0\0", 9, 9);
	ok(!conn_of(t.id)->preexisting && conn_of(t.id)->session->anchored,
	   "a server that speaks first has sent tickets");
	t.wire_seq = f.seq[RX];
	say(&t, RX, GET);
	ok(conn_of(t.id)->session->anchored, "its requests are seen from their beginning");
	feed_end(&f);

	feed_begin(&f, NULL);
	open_sock(77, ZC_ROLE_CLIENT, ZC_OPEN_SEQ);
	shake_hands(TX);
	t = talker(1, 77);
	t.wire_seq = f.seq[RX];
	say(&t, RX, OK);
	t.wire_seq = f.seq[TX] + 100;
	say(&t, TX, GET);
	ok(!conn_of(t.id)->session->anchored && conn_of(t.id)->preexisting,
	   "a client whose first request was written before: joined late");
	feed_end(&f);
}

/* A connection begins in clear, is a tunnel then, and carries TLS. */
static void test_tunnel(void)
{
	struct talker t = talker(1, 77);

	feed_begin(&f, NULL);
	open_sock(77, ZC_ROLE_CLIENT, ZC_OPEN_SEQ);
	feed_text(&f, TX, "CONNECT h:443 HTTP/1.1\r\nHost: h\r\n\r\n");
	feed_io(&f, TX, 0, 4242);
	feed_text(&f, RX, "HTTP/1.1 200 OK\r\n\r\n");
	feed_io(&f, RX, 0, 4242);
	say(&t, TX, GET);
	say(&t, RX, OK);
	ok(f.nspans == 2 && span(1)->has_addr, "an exchange in clear, and one in the tunnel");
	ok(!span(0)->tls, "the first without TLS");
	is_str(f.span[0].scheme, "http", "and so is its scheme");
	ok(memcmp(span(0)->span_id, span(1)->span_id, SPAN_ID_LEN) != 0,
	   "each has an id of its own");
	ok(!memcmp(span(0)->span_id, span(1)->parent_id, SPAN_ID_LEN) &&
		   !memcmp(span(0)->trace_id, span(1)->trace_id, TRACE_ID_LEN) &&
		   !strcmp(span(1)->link, "tunnel"),
	   "that in the tunnel belongs to the one that opened it");
	feed_end(&f);
}

int main(void)
{
	test_ends_meet();
	test_client_late();
	test_joined_late();
	test_private_ids();
	test_first_lost();
	test_began_before();
	test_tunnel();
	return tap_done();
}
