/*
 * test_tls_conn.c - connections of TLS through the engine: what is wanted, what spans come of them
 */
#include "bpf/tls.h"
#include "core/conn.h"
#include "core/engine_impl.h"
#include "core/tls_conn.h"
#include "core/tls_session.h"
#include "tests/unit/feed.h"
#include "tests/unit/tap.h"
#include "tests/unit/tls_feed.h"
#include "parsers/http1/http1_protocol.h"
#include "parsers/tls/tls_protocol.h"

static struct feed f;

#define RX ZC_RX
#define TX ZC_TX
#define span(i) (&f.span[i].s)

static void hello(int dir, const char *hex)
{
	uint8_t buf[1024];
	size_t n = talk_hex(hex, buf);

	feed_octets(&f, dir, (const char *)buf, n);
}

static void record(int dir, unsigned type, unsigned len)
{
	char r[5 + 20000] = {(char)type, 3, 3, (char)(len >> 8), (char)len};

	feed_octets(&f, dir, r, 5 + len);
}

static void begin(int role)
{
	feed_begin(&f, NULL);
	feed_open(&f, role, ZC_OPEN_SEQ);
}

/* Until the client's Finished; in a client's connection the directions are the other way round. */
static void shake_hands(int client)
{
	hello(client, rfc8448_client);
	hello(!client, rfc8448_server);
	record(!client, 23, 674);
	record(client, 23, 53);
}

static void close_conn(void)
{
	feed_flag(&f, RX, ZC_TCP_FIN);
	feed_flag(&f, TX, ZC_TCP_FIN);
	feed_close(&f, 0, 0);
	feed_tick(&f, 100 * FEED_MS);
}

static struct conn *the_conn(void)
{
	return conn_oldest(&f.e->conns);
}

static void test_whole(void)
{
	struct engine_stats stats;
	uint64_t opened, done;

	begin(ZC_ROLE_SERVER);
	opened = f.now - FEED_US;
	shake_hands(RX);
	done = f.now - FEED_US;
	ok(f.want.dir[RX].cap == 0 && f.want.dir[TX].cap == 0 && !f.want.quiet,
	   "after the handshake nothing is wanted, but announced");
	feed_cut(&f, TX, 100000);
	feed_cut(&f, RX, 500);
	ok(f.nspans == 0, "it lasts");
	close_conn();
	is_u64(f.nspans, 1, "one span");
	ok(span(0)->protocol == &tls_protocol.name && span(0)->kind == SPAN_SERVER &&
		   !span(0)->incomplete && span(0)->error == SPAN_OK && span(0)->stream_id == 0,
	   "of the connection");
	is_str(span(0)->tls, "unknown", "by a library that is not known");
	is_str(f.span[0].host, "server", "its host is the server's name");
	is_str(f.span[0].route, "*encrypted server*", "and its route");
	is_str(f.span[0].path, "(none)", "it has no path");
	is_str(f.span[0].scheme, "(none)", "nor scheme");
	ok(attr_number(span(0), tls_version) == 0x0304 &&
		   attr_number(span(0), tls_cipher) == 0x1301 &&
		   !attr_string(span(0), tls_alert_from) &&
		   attr_number(span(0), tls_alert) == SPAN_UNKNOWN,
	   "version and cipher");
	is_u64(attr_number(span(0), handshake), done - opened - FEED_US,
	       "handshake: to the client's Finished");
	is_u64(span(0)->req_bytes, 201 + 58 + 500, "octets from the client");
	is_u64(span(0)->resp_bytes, 95 + 679 + 100000, "octets from the server");
	is_u64(span(0)->time_ns, opened, "since it was opened");
	ok(span(0)->duration_ns > done - opened && span(0)->duration_ns < 20 * FEED_US,
	   "until it ended");
	engine__stats(f.e, &stats);
	ok(stats.uncaptured_bytes == 0 && stats.unparsed_bytes == 0, "nothing is missed");
	feed_end(&f);
	is_u64(f.nspans, 1, "and no more");
}

static void test_client(void)
{
	begin(ZC_ROLE_CLIENT);
	shake_hands(TX);
	close_conn();
	ok(f.nspans == 1 && span(0)->kind == SPAN_CLIENT &&
		   attr_number(span(0), handshake) == 3 * FEED_US,
	   "a client's connection");
	ok(span(0)->req_bytes == 201 + 58 && span(0)->resp_bytes == 95 + 679, "its octets");
	feed_end(&f);

	/* nobody knows the role, but who says hello */
	feed_begin(&f, NULL);
	feed_flag(&f, RX, ZC_TCP_SYN);
	shake_hands(TX);
	close_conn();
	ok(f.nspans == 1 && span(0)->kind == SPAN_CLIENT, "the role is known by the ClientHello");
	feed_end(&f);
}

static void test_failed(void)
{
	static const char alert[] = {21, 3, 3, 0, 2, 2, 40};

	begin(ZC_ROLE_SERVER);
	hello(RX, rfc8448_client);
	feed_octets(&f, TX, alert, 7);
	is_u64(f.nspans, 0, "whose library it is may still be told");
	close_conn();
	ok(f.nspans == 1 && span(0)->error == SPAN_ERR_HANDSHAKE &&
		   attr_number(span(0), tls_alert) == 40 && span(0)->duration_ns == FEED_US &&
		   attr_number(span(0), handshake) == SPAN_UNKNOWN,
	   "an alert in clear ends a handshake");
	is_str(attr_string(span(0), tls_alert_from), "server", "the server's");
	feed_end(&f);

	begin(ZC_ROLE_SERVER);
	hello(RX, rfc8448_client);
	hello(TX, rfc8448_server);
	record(TX, 23, 674);
	record(RX, 23, 19);
	is_u64(f.nspans, 0, "what an encrypted alert says may still be told");
	close_conn();
	ok(f.nspans == 1 && span(0)->error == SPAN_ERR_HANDSHAKE &&
		   attr_number(span(0), tls_alert) == SPAN_UNKNOWN &&
		   span(0)->duration_ns == 3 * FEED_US,
	   "an encrypted alert ends a handshake");
	is_str(attr_string(span(0), tls_alert_from), "client", "the client's");
	feed_end(&f);

	begin(ZC_ROLE_SERVER);
	hello(RX, rfc8448_client);
	hello(TX, rfc8448_server);
	record(TX, 23, 19);
	engine__finish(f.e);
	ok(f.nspans == 1 && span(0)->error == SPAN_ERR_HANDSHAKE && !span(0)->incomplete,
	   "it is told as well if tracing ends before the connection");
	feed_end(&f);

	begin(ZC_ROLE_SERVER);
	hello(RX, rfc8448_client);
	hello(TX, rfc8448_server);
	record(TX, 23, 674);
	close_conn();
	ok(f.nspans == 1 && span(0)->error == SPAN_ERR_CLOSED &&
		   !attr_string(span(0), tls_alert_from) &&
		   attr_number(span(0), tls_version) == 0x0304,
	   "closed before the handshake ended");
	feed_end(&f);

	begin(ZC_ROLE_SERVER);
	hello(RX, rfc8448_client);
	feed_text(&f, TX, "HTTP/1.1 400 Bad Request\r\n\r\n");
	close_conn();
	ok(f.nspans == 1 && span(0)->error == SPAN_ERR_PROTOCOL, "answered in the clear");
	feed_end(&f);

	begin(ZC_ROLE_SERVER);
	hello(RX, rfc8448_client);
	feed_flag(&f, RX, ZC_TCP_RST);
	feed_close(&f, 0, 0);
	feed_tick(&f, 100 * FEED_MS);
	ok(f.nspans == 1 && span(0)->error == SPAN_ERR_RESET, "reset before the handshake ended");
	feed_end(&f);

	begin(ZC_ROLE_SERVER);
	hello(RX, rfc8448_client);
	hello(TX, rfc8448_server);
	f.seq[TX] += 679; /* a segment that was not seen */
	f.seq[RX] += 58;
	feed_cut(&f, TX, 1000);
	feed_cut(&f, RX, 1000);
	feed_tick(&f, 3000 * FEED_MS);
	close_conn();
	ok(f.nspans == 1 && span(0)->error == SPAN_OK && span(0)->incomplete == SPAN_LOST_EVENTS,
	   "where octets were missed nobody can say that it failed");
	feed_end(&f);
}

static void test_late(void)
{
	feed_begin(&f, NULL);
	feed_open(&f, ZC_ROLE_SERVER, ZC_OPEN_PREEXISTING);
	record(RX, 23, 100);
	record(TX, 23, 5000);
	ok(the_conn()->ops == &tls_conn_ops && f.want.dir[TX].cap == 0, "known by its records");
	close_conn();
	ok(f.nspans == 1 && span(0)->incomplete == SPAN_ATTACHED_LATE &&
		   attr_number(span(0), tls_version) == SPAN_UNKNOWN &&
		   attr_number(span(0), handshake) == SPAN_UNKNOWN && span(0)->resp_bytes == 5005,
	   "a connection that was open before");
	is_str(f.span[0].route, "*encrypted*", "its server's name is not known");
	feed_end(&f);

	feed_begin(&f, NULL);
	feed_open(&f, ZC_ROLE_SERVER, 0);
	shake_hands(RX);
	engine__finish(f.e);
	ok(f.nspans == 1 && span(0)->incomplete == SPAN_IN_FLIGHT &&
		   span(0)->duration_ns == SPAN_UNKNOWN,
	   "tracing ends before it");
	feed_end(&f);
}

static void test_starttls(void)
{
	begin(ZC_ROLE_SERVER);
	feed_octets(&f, RX, "\0\0\0\x8\4\xd2\x16\x2f", 8); /* PostgreSQL: SSLRequest */
	feed_octets(&f, TX, "S", 1);
	shake_hands(RX);
	ok(the_conn()->ops == &tls_conn_ops &&
		   tls_info_of(the_conn())->hs.state == TLS_OPEN,
	   "PostgreSQL");
	close_conn();
	ok(f.nspans == 1 && span(0)->resp_bytes == 95 + 679 &&
		   attr_number(span(0), tls_version) == 0x0304,
	   "one span");
	feed_end(&f);

	begin(ZC_ROLE_SERVER);
	feed_text(&f, TX, "220 server ESMTP\r\n");
	feed_text(&f, RX, "EHLO client\r\n");
	feed_text(&f, TX, "250-server\r\n250 STARTTLS\r\n");
	feed_text(&f, RX, "STARTTLS\r\n");
	feed_text(&f, TX, "220 go ahead\r\n");
	shake_hands(RX);
	ok(the_conn()->ops == &tls_conn_ops &&
		   tls_info_of(the_conn())->hs.state == TLS_OPEN,
	   "SMTP");
	feed_end(&f);
}

/* The kernel side has forgotten what is wanted, as another connection took its place. */
static void test_reminder(void)
{
	unsigned before;

	begin(ZC_ROLE_SERVER);
	shake_hands(RX);
	before = f.nwants;
	for (int i = 0; i < 64; i++)
		record(TX, 23, 100);
	is_u64(f.nwants, before + 1, "it is reminded now and then");
	ok(f.want.dir[TX].cap == 0, "that nothing is wanted");
	feed_end(&f);
}

/* What the application reads from or writes to the library, inside of which the socket is used. */
static void plaintext(int dir, const char *text)
{
	static uint32_t seq[2];
	uint32_t n = (uint32_t)strlen(text);
	struct zc_ev_plain *p = calloc(1, sizeof(*p) + n);

	if (f.nspans == 0 && dir == RX && !strncmp(text, "GET /1", 6))
		seq[0] = seq[1] = 0;
	p->ev = feed_head(&f, ZC_EV_PLAIN, sizeof(*p) + n);
	p->ev.flags = ZC_PLAIN_INSIDE | ZC_PLAIN_FRESH;
	p->ev.conn = ZC_TLS_STREAM | 1;
	p->sock = f.conn;
	p->call_time = p->wire_time = p->wire_last = p->ev.time;
	p->pid = p->tid = 4242;
	p->seq = seq[dir];
	p->wire_len = n + 22;
	p->orig_len = p->cap_len = n;
	p->dir = (__u8)dir;
	p->lib = ZC_TLS_OPENSSL;
	memcpy(p + 1, text, n);
	seq[dir] += n;
	engine__event(f.e, &p->ev);
	free(p);
}

static void test_bound(void)
{
	const struct conn *c;

	begin(ZC_ROLE_SERVER);
	shake_hands(RX);
	for (int i = 0; i < 2; i++) {
		record(RX, 23, 60);
		plaintext(RX, i ? "GET /2 HTTP/1.1\r\n\r\n" : "GET /1 HTTP/1.1\r\n\r\n");
		record(TX, 23, 60);
		plaintext(TX, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
	}
	ok(f.nspans == 2 && span(0)->protocol == &http11_name && span(1)->status == 200,
	   "its requests");
	is_str(span(0)->tls, "openssl", "by a library that is known");
	ok(attr_number(span(0), tls_version) == 0x0304 &&
		   attr_number(span(0), tls_cipher) == 0x1301 &&
		   strlen(attr_string(span(0), tls_sni)) == 6 &&
		   attr_number(span(0), handshake) == 3 * FEED_US &&
		   !attr_string(span(0), tls_alert_from),
	   "the first gets what the handshake told");
	ok(attr_number(span(1), tls_version) == 0x0304 &&
		   attr_number(span(1), handshake) == SPAN_UNKNOWN,
	   "the second without its duration");
	c = conn_find(&f.e->conns, f.conn);
	ok(c->quiet && !c->half[RX].cap && !c->half[TX].cap,
	   "the ciphertext is not even announced");
	close_conn();
	feed_end(&f);
	is_u64(f.nspans, 2, "and there is no span of it");
}

struct shown {
	unsigned n, flights;
	char version[8], sni[32], protocol[8];
};

static void show_conn(void *ctx, const struct engine_conn *c)
{
	struct shown *s = ctx;

	s->n++;
	snprintf(s->version, sizeof(s->version), "%s", c->tls_version ? c->tls_version : "");
	snprintf(s->sni, sizeof(s->sni), "%s", c->tls_sni ? c->tls_sni : "");
	snprintf(s->protocol, sizeof(s->protocol), "%s", c->protocol ? c->protocol : "");
}

static void show_flight(void *ctx, const struct span *s)
{
	(void)s;
	((struct shown *)ctx)->flights++;
}

static void test_shown(void)
{
	struct shown s = {0};

	begin(ZC_ROLE_SERVER);
	shake_hands(RX);
	engine__connections(f.e, show_conn, &s);
	engine__in_flight(f.e, show_flight, &s);
	ok(s.n == 1 && s.flights == 0, "a connection, not a request in flight");
	is_str(s.version, "1.3", "its version");
	is_str(s.sni, "server", "its name");
	is_str(s.protocol, "tls", "its protocol");
	feed_end(&f);
}

/* More handshakes at a time than are followed. */
static void test_limit(void)
{
	struct engine_options o = {.max_conns = TLS_CONN_MAX_OPENING + 10};

	feed_begin(&f, &o);
	for (unsigned i = 0; i < TLS_CONN_MAX_OPENING + 1; i++) {
		f.conn = 100 + i;
		feed_open(&f, ZC_ROLE_SERVER, ZC_OPEN_SEQ);
		hello(RX, rfc8448_client);
	}
	is_u64(f.e->tls_opening, TLS_CONN_MAX_OPENING, "so many are followed");
	ok(f.want.dir[RX].cap == 0 && f.want.conn == f.conn,
	   "of the one too many nothing is wanted");
	close_conn();
	ok(f.nspans == 1 && span(0)->error == SPAN_OK && span(0)->req_bytes == 201,
	   "but its octets count");
	feed_end(&f);
}

int main(void)
{
	test_whole();
	test_client();
	test_failed();
	test_late();
	test_starttls();
	test_reminder();
	test_bound();
	test_shown();
	test_limit();
	return tap_done();
}
