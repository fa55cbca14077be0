/*
 * test_trace.c - what becomes of linked spans: clocks of several recordings, trees and critical
 * paths, waterfalls, names of hosts; and what the engine reads from heads
 */
#include "cli/hosts.c"
#include "core/clocks.h"
#include "sinks/sink.h"
#include "sinks/trace_tree.h"
#include "parsers/http1/http1_protocol.h"
#include "tests/unit/feed.h"
#include "tests/unit/tap.h"

#include <unistd.h>

/* ---- clocks */

static void segment(struct clocks *c, unsigned rec, uint64_t conn, int dir, uint32_t seq,
		    uint32_t len, uint64_t time)
{
	struct zc_ev_segment s = { .ev = { ZC_EV_SEGMENT, 0, sizeof(s), time, conn }, .seq = seq,
				   .ack = 5, .orig_len = len, .dir = (uint8_t)dir,
				   .tcp_flags = ZC_TCP_ACK };

	clocks__event(c, rec, &s.ev, 0);
}

static void two_clocks(void)
{
	struct clocks *c = clocks__new(3);
	struct clock_offset o;

	/*
	 * request out at 1000, there after 30; response back after 50: the other clock is 7000
	 * ahead
	 */
	segment(c, 0, 1, ZC_TX, 100, 10, 1000);
	segment(c, 1, 9, ZC_RX, 100, 10, 1030 + 7000);
	segment(c, 1, 9, ZC_TX, 900, 20, 1100 + 7000);
	segment(c, 0, 1, ZC_RX, 900, 20, 1150);
	/* a slower one, and a retransmission, tell less and do no harm */
	segment(c, 0, 1, ZC_TX, 110, 10, 2000);
	segment(c, 0, 1, ZC_TX, 110, 10, 2900);
	segment(c, 1, 9, ZC_RX, 110, 10, 2930 + 7000);
	clocks__estimate(c);
	o = clocks__offset(c, 1);
	ok(o.ns >= 6950 && o.ns <= 7030, "the offset lies between the bounds (%lld)",
	   (long long)o.ns);
	is_u64(o.error, 40, "its error is half the shortest round trip");
	is_u64(o.matched, 3, "segments seen in both");
	is_u64(clocks__offset(c, 2).matched, 0, "nothing in common, nothing known");
	is_u64(clocks__offset(c, 2).ns, 0, "and nothing moved");
	clocks__free(c);

	c = clocks__new(2);
	segment(c, 0, 1, ZC_TX, 100, 10, 1000);
	segment(c, 1, 9, ZC_RX, 100, 10, 1030);
	segment(c, 1, 9, ZC_TX, 900, 20, 1100);
	segment(c, 0, 1, ZC_RX, 900, 20, 1150);
	clocks__estimate(c);
	ok(!clocks__offset(c, 1).ns && clocks__offset(c, 1).error == 80,
	   "clocks that may be the same are");
	clocks__free(c);
}

/* Captures show both sides from the server's end. */
static void turned(void)
{
	struct clocks *c = clocks__new(2);

	segment(c, 0, 1, ZC_RX, 100, 10, 1000);
	segment(c, 1, 9, ZC_RX, 100, 10, 1030 + 7000);
	segment(c, 1, 9, ZC_TX, 900, 20, 1100 + 7000);
	segment(c, 0, 1, ZC_TX, 900, 20, 1150);
	clocks__estimate(c);
	ok(clocks__turned(c, 0, 1) && !clocks__turned(c, 1, 9),
	   "the client's side is the slower one");
	ok(clocks__offset(c, 1).ns >= 6950 && clocks__offset(c, 1).ns <= 7030, "its clock");
	clocks__free(c);
	c = clocks__new(2);
	segment(c, 1, 9, ZC_RX, 100, 10, 1000);
	segment(c, 0, 1, ZC_RX, 100, 10, 1030 + 7000);
	segment(c, 0, 1, ZC_TX, 900, 20, 1100 + 7000);
	segment(c, 1, 9, ZC_TX, 900, 20, 1150);
	clocks__estimate(c);
	ok(!clocks__turned(c, 0, 1) && clocks__turned(c, 1, 9), "also if it is the second file");
	ok(clocks__offset(c, 1).ns <= -6950 && clocks__offset(c, 1).ns >= -7030, "a clock behind");
	clocks__free(c);
}

static void open_conn(struct clocks *c, unsigned rec, uint64_t conn, uint8_t client)
{
	struct zc_ev_open o = { .ev = { ZC_EV_OPEN, 0, sizeof(o), 1000, conn },
				.laddr = { [15] = 1 },
				.raddr = { [15] = client }, .lport = 80 };

	clocks__event(c, rec, &o.ev, 0);
}

/*
 * Stamps of whole microseconds, with a way of less than one: a request is stamped one later on the
 * server's side when it crosses the next microsecond, and so is a response on the client's.
 */
static void exchange_us(struct clocks *c, uint64_t conn, uint32_t n, int up, int down)
{
	uint64_t t = 1000000ull * n;

	segment(c, 0, conn, ZC_RX, 100 * n, 10, t);
	segment(c, 1, conn + 100, ZC_RX, 100 * n, 10, t + (up ? 1000 : 0));
	segment(c, 1, conn + 100, ZC_TX, 7 + 100 * n, 20, t + 50000);
	segment(c, 0, conn, ZC_TX, 7 + 100 * n, 20, t + 50000 + (down ? 1000 : 0));
}

static void coarse_stamps(void)
{
	struct clocks *c = clocks__new(2);

	for (uint64_t conn = 1; conn <= 4; conn++) {
		open_conn(c, 0, conn, 9);
		open_conn(c, 1, conn + 100, 9);
	}
	for (uint32_t i = 1; i <= 40; i++)
		exchange_us(c, 1 + i % 3, i, i % 2, i % 3 == 0);
	exchange_us(c, 4, 41, 0, 0);
	clocks__estimate(c);
	ok(clocks__turned(c, 0, 1) && clocks__turned(c, 0, 2) && clocks__turned(c, 0, 3),
	   "a way about as short as the stamps are coarse is seen over many exchanges");
	ok(clocks__turned(c, 0, 4), "and holds for what else there is between these hosts");
	ok(!clocks__turned(c, 1, 101) && !clocks__turned(c, 1, 104), "for one side only");
	ok(!clocks__offset(c, 1).ns && clocks__offset(c, 1).error <= 2000, "clocks: the same");
	clocks__free(c);

	c = clocks__new(2);
	for (uint32_t i = 1; i <= 4; i++)
		exchange_us(c, 1, i, i == 1, 0);
	clocks__estimate(c);
	ok(!clocks__turned(c, 0, 1) && !clocks__turned(c, 1, 101), "a rounded stamp is no way");
	clocks__free(c);
}

/* ---- trees */

static struct span make(uint8_t id, uint8_t parent, enum span_kind kind, uint64_t start,
			uint64_t took)
{
	struct span s = { .kind = kind, .protocol = &http11_name, .time_ns = start,
			  .duration_ns = took, .span_id = { id },
			  .parent_id = { parent }, .has_parent = parent != 0,
			  .parent_here = parent != 0,
			  .trace_id = { 7 }, .method = { "GET", 3 }, .path = { "/a", 2 },
			  .status = 200,
			  .service = kind == SPAN_SERVER ? "shop" : "front",
			  .queue_ns = SPAN_UNKNOWN,
			  .link = parent ? "thread" : NULL };

	return s;
}

static const struct trace_row *row(const struct trace_tree *t, uint8_t id)
{
	for (int i = 0; i < t->n; i++)
		if (t->row[i].span->span_id[0] == id)
			return &t->row[i];
	return NULL;
}

static void tree(void)
{
	static struct trace_tree t;
	struct span s[] = {
		make(1, 0, SPAN_SERVER, 1000000, 1000000), make(2, 1, SPAN_CLIENT, 1100000, 200000),
		make(3, 1, SPAN_CLIENT, 1400000, 500000), make(4, 1, SPAN_CLIENT, 1450000, 100000),
		make(5, 1, SPAN_CLIENT, 1500000, 9000000), make(6, 3, SPAN_SERVER, 1410000, 480000),
	};
	struct span *p[] = { &s[5], &s[4], &s[3], &s[2], &s[1], &s[0] };
	uint64_t sum = 0;

	trace_tree_build(&t, p, 6);
	ok(row(&t, 1)->depth == 0 && row(&t, 3)->depth == 1 && row(&t, 6)->depth == 2, "depths");
	ok(row(&t, 1)->critical && row(&t, 2)->critical && row(&t, 3)->critical &&
	   row(&t, 6)->critical,
	   "what was waited for is on the critical path");
	ok(!row(&t, 4)->critical, "a call beside a longer one is not");
	ok(!row(&t, 5)->critical, "a call that outlives its parent is not");
	is_u64(row(&t, 1)->self, 300000, "what the root did itself");
	is_u64(row(&t, 3)->self, 20000, "what the network took");
	is_u64(row(&t, 6)->self, 480000, "what the slow hop took");
	for (int i = 0; i < t.n; i++)
		sum += t.row[i].self;
	is_u64(sum, 1000000, "the parts add up to the whole");
	ok(!trace_parent_missing(p, 6), "no parent is missing");
	ok(trace_parent_missing(p, 5), "now the root is");
	s[5].parent_id[0] = 99;
	s[5].parent_here = 0;
	ok(!trace_parent_missing(p, 6), "a parent from outside is not waited for");
	/* a circle, which only a forged context can make */
	s[0].has_parent = 1;
	s[0].parent_id[0] = 3;
	trace_tree_build(&t, p, 6);
	ok(t.root >= 0, "a circle has a root somewhere");
	s[3].duration_ns = SPAN_UNKNOWN;
	trace_tree_build(&t, p, 6);
	ok(row(&t, 4)->end == row(&t, 4)->start, "a duration that is not known");
}

/* ---- waterfall */

static const char *text_of(struct out *o)
{
	*out_reserve(o, 1) = '\0';
	return o->buf;
}

static void waterfall(void)
{
	struct out out;
	struct sink_options o = { .out = &out };
	struct sink *k;
	struct span root = make(1, 0, SPAN_SERVER, 5000000000, 80000000);
	struct span call = make(2, 1, SPAN_CLIENT, 5010000000, 60000000);
	uint64_t ms = 1000000;

	out_init(&out, -1, -1);
	k = sink_waterfall_new(&o);
	k->ops->span(k, &call); /* before time was told */
	k->ops->tick(k, 5080 * ms);
	k->ops->tick(k, 5600 * ms);
	is_str(text_of(&out), "", "a trace waits for the parent that is to come");
	k->ops->span(k, &root);
	k->ops->tick(k, 5700 * ms);
	is_str(text_of(&out), "", "and for a moment of quiet");
	k->ops->tick(k, 5900 * ms);
	ok(strstr(text_of(&out), "2 spans\n") && strstr(out.buf, "shop GET /a 200\n") &&
	   strstr(out.buf, "└─ front → -") && strstr(out.buf, "(thread)"), "then it is shown");
	ok(strstr(out.buf, "critical path: - 60.0ms (75%), shop 20.0ms (25%)") != NULL,
	   "its critical path");
	out.n = 0;
	k->ops->span(k, &call);
	k->ops->tick(k, 6200 * ms);
	k->ops->tick(k, 35000 * ms);
	is_str(text_of(&out), "", "patience");
	k->ops->tick(k, 37000 * ms);
	ok(strstr(text_of(&out), "1 span, not finished") != NULL, "has an end");
	out.n = 0;
	call.path = (struct str){ "/\033[2J", 5 };
	call.parent_id[0] = 0;
	call.has_parent = 0;
	k->ops->span(k, &call);
	k->ops->finish(k, NULL);
	ok(!strchr(text_of(&out), '\033') && strstr(out.buf, "\\x1b"),
	   "nothing is done to the terminal");
	k->ops->free(k);
	out.n = 0;
	out_release(&out);
}

/* One request, and calls 2 to 9 of it: 6 fails, 8 is of another route; 10 is the other end of 3. */
static const char *calls(struct out *out, int unfold)
{
	struct sink_options o = { .out = out, .unfold = unfold };
	struct span root = make(1, 0, SPAN_SERVER, 5000000000, 90000000);
	struct sink *k = sink_waterfall_new(&o);

	out->n = 0;
	for (uint8_t id = 2; id < 11; id++) {
		struct span s = make(id, 1, SPAN_CLIENT, 5000000000 + id * 5000000ull, 2000000);

		s.route = id == 8 ? (struct str){ "/b/{id}", 7 } : (struct str){ "/a/{id}", 7 };
		s.error = id == 6 ? SPAN_ERR_STATUS : SPAN_OK;
		if (id == 10) {
			s = make(10, 3, SPAN_SERVER, 5015000000, 1500000);
			s.parent_here = 1;
		}
		k->ops->span(k, &s);
	}
	k->ops->span(k, &root);
	k->ops->finish(k, NULL);
	k->ops->free(k);
	return text_of(out);
}

static int lines_in(const char *s)
{
	int n = 0;

	for (; (s = strchr(s, '\n')); s++)
		n++;
	return n;
}

static void folding(void)
{
	struct out out;
	const char *text;

	out_init(&out, -1, -1);
	text = calls(&out, 0);
	ok(strstr(text, "├─ front → - GET /a/{id} ×6 (thread)") != NULL, "calls that are alike");
	ok(strstr(text, " 10.0ms  12.0ms  12.0ms  ") != NULL,
	   "from the first, the sum of their times");
	ok(strstr(text, "error=status") != NULL, "one that fails is a row of its own");
	is_u64(lines_in(text), 2 + 1 + 1 + 2 + 2, "so many rows");
	text = calls(&out, 1);
	ok(!strstr(text, "×"), "unfolded");
	is_u64(lines_in(text), 2 + 1 + 8 + 1 + 2, "each is a row");
	out.n = 0;
	out_release(&out);
}

/* Two proxies of one name, as in a chain of Envoys. */
static void same_names(void)
{
	struct out out;
	struct sink_options o = { .out = &out };
	struct span s[] = { make(1, 0, SPAN_SERVER, 5000000000, 80000000),
			    make(2, 1, SPAN_CLIENT, 5010000000, 60000000),
			    make(3, 2, SPAN_SERVER, 5011000000, 58000000) };
	struct sink *k;

	for (int i = 0; i < 3; i++) {
		s[i].service = "envoy";
		s[i].has_addr = 1;
		s[i].server_port = i ? 8001 : 8000;
		s[i].pid = i < 2 ? 7 : 8;
	}
	out_init(&out, -1, -1);
	k = sink_waterfall_new(&o);
	for (int i = 0; i < 3; i++)
		k->ops->span(k, &s[i]);
	k->ops->finish(k, NULL);
	ok(strstr(text_of(&out), " envoy:8000 GET") &&
	   strstr(out.buf, "└─ envoy:8000 → envoy:8001 GET") &&
	   strstr(out.buf, "└─ envoy:8001 GET"), "two of one name are told apart by their ports");
	ok(strstr(out.buf, "path: envoy:8001 58.0ms") != NULL, "in the critical path, too");
	k->ops->free(k);
	out.n = 0;
	s[1].server_port = s[2].server_port = 8000;
	k = sink_waterfall_new(&o);
	for (int i = 0; i < 3; i++)
		k->ops->span(k, &s[i]);
	k->ops->finish(k, NULL);
	ok(strstr(text_of(&out), "└─ envoy#7 → envoy#8 GET") != NULL, "or by their processes");
	k->ops->free(k);
	out.n = 0;
	out_release(&out);
}

static int no_match(void *ctx, const struct span *s)
{
	(void)ctx;
	return s->status == 500;
}

static void slowest_and_many(void)
{
	struct out out;
	struct sink_options o = { .out = &out, .slowest = 2, .match = no_match };
	struct sink *k;
	struct span s = make(1, 0, SPAN_SERVER, 5000000000, 1000000);
	const char *first, *second;

	out_init(&out, -1, -1);
	k = sink_waterfall_new(&o);
	for (unsigned i = 0; i < 20000; i++) {
		s.trace_id[14] = (uint8_t)(i >> 8);
		s.trace_id[15] = (uint8_t)i;
		s.duration_ns = 1000000 + (i * 7919 % 20000) * 100;
		s.status = i % 2 ? 500 : 200;
		k->ops->span(k, &s);
	}
	for (int i = 0; i < 600; i++) { /* more spans than a tree takes */
		s.trace_id[0] = 9;
		s.status = 200;
		s.duration_ns = 10;
		k->ops->span(k, &s);
	}
	is_str(text_of(&out), "", "nothing before the end");
	k->ops->finish(k, NULL);
	first = strstr(text_of(&out), "trace ");
	second = first ? strstr(first + 1, "trace ") : NULL;
	ok(first && second && !strstr(second + 1, "trace "), "two of twenty thousand");
	ok(strstr(out.buf, " 500") && !strstr(out.buf, " 200"), "only such as match");
	ok(second && (strstr(first, "  3.00ms, ") || strstr(first, "  2.99ms, ")), "the slowest");
	k->ops->free(k);
	out.n = 0;
	out_release(&out);
}

/* ---- heads, by way of the engine */

static const struct span *served(struct feed *f, const char *fields)
{
	char text[512];

	snprintf(text, sizeof(text), "GET / HTTP/1.1\r\n%s\r\n", fields);
	feed_text(f, ZC_RX, text);
	feed_text(f, ZC_TX, "HTTP/1.1 204 No Content\r\n\r\n");
	return &f->span[f->nspans - 1].s;
}

static void contexts(void)
{
	struct feed f;
	const struct span *s;

	feed_begin(&f, NULL);
	feed_open(&f, ZC_ROLE_SERVER, 0);
	s = served(&f, "traceparent: 00-0102030405060708090a0b0c0d0e0f10-1112131415161718-01\r\n");
	ok(s->trace_id[0] == 1 && s->parent_id[0] == 0x11 && s->has_parent && !s->parent_here,
	   "traceparent");
	s = served(&f,
		   "b3: 80f198ee56343ba864fe8b2a57d3eff7-e457b5a2e4d86bd1-1-05e3ac9a4f6e3b90\r\n");
	ok(s->trace_id[0] == 0x80 && s->parent_id[0] == 0xe4, "b3 in one field");
	is_str(s->link, "request-id", "and its name");
	s = served(&f, "X-B3-TraceId: 64fe8b2a57d3eff7\r\nX-B3-SpanId: e457b5a2e4d86bd1\r\n");
	ok(!s->trace_id[0] && s->trace_id[8] == 0x64 && s->parent_id[0] == 0xe4,
	   "b3 in several, short");
	s = served(&f, "X-Amzn-Trace-Id: Root=1-67891233-abcdef012345678912345678;"
		       "Parent=53995c3f42cd8ad8;Sampled=1\r\n");
	ok(s->trace_id[0] == 0x67 && s->trace_id[4] == 0xab && s->parent_id[0] == 0x53,
	   "x-amzn-trace-id");
	s = served(&f, "b3: 0\r\nX-B3-SpanId: e457b5a2e4d86bd1\r\n"
		       "X-Amzn-Trace-Id: Root=1-6789123z-\r\n");
	ok(!s->has_parent, "what is none of these is none");
	s = served(&f, "b3: 80f198ee56343ba864fe8b2a57d3eff7-\r\n");
	ok(!s->has_parent && s->trace_id[0] == 0x80, "a trace without a span");
	feed_end(&f);
}

/* ---- hosts */

static void hosts_file(void)
{
	char path[] = "/tmp/zctrace-hosts-XXXXXX";
	uint8_t v4[16] = { [10] = 0xff, [11] = 0xff, [12] = 10, [15] = 7 };
	uint8_t lo[16] = { [10] = 0xff, [11] = 0xff, [12] = 127, [15] = 1 };
	uint8_t v6[16] = { 0xfd, [15] = 1 };
	int fd = mkstemp(path);
	static const char text[] = "127.0.0.1 localhost\n# 10.0.0.7 no\n"
				   "10.0.0.7\tshop.test shop # x\n"
				   "fd00::1 six\nnonsense here\n10.0.0.7 other\n10.0.0.8\n";
	struct hosts *h;

	ok(fd >= 0 && write(fd, text, sizeof(text) - 1) == sizeof(text) - 1, "a hosts file");
	close(fd);
	h = hosts__new(path, 0);
	is_str(hosts__name(h, v4, 1), "shop.test", "an address and its first name");
	is_str(hosts__name(h, v6, 1), "six", "IPv6");
	is_str(hosts__name(h, lo, 1), NULL, "loopback has no name");
	v4[15] = 8;
	is_str(hosts__name(h, v4, 1), NULL, "an address without a name");
	hosts__free(h);
	unlink(path);
	/* DNS is asked, and nobody waits for it */
	h = hosts__new(NULL, 1);
	v4[12] = 192, v4[14] = 2; /* nobody's */
	for (uint64_t i = 1; i < 1000000; i++)
		if (hosts__name(h, v4, i))
			break;
	ok(h->resolver->nquestions <= 1,
	   "a million looks at one address ask once, and do not block");
	hosts__free(h);
}

/* A look-up that is still under way at the end holds what the resolver of the C library made. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
	return "leak:res_context_send";
}

int main(void)
{
	two_clocks();
	turned();
	coarse_stamps();
	tree();
	waterfall();
	folding();
	same_names();
	slowest_and_many();
	contexts();
	hosts_file();
	return tap_done();
}
