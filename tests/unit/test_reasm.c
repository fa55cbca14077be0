/* Reassembly of one direction: every octet once, in order, as data or as a gap. */
#include <stdlib.h>

#include "core/reasm.h"
#include "tests/unit/tap.h"

#define MS 1000000ull

/* What the sink saw, drawn: the octet itself, '-' cut, '?' missing, '!' overflow. */
struct log {
	char got[4096];
	uint64_t time[4096], next;
	uint64_t hold_back; /* take nothing while fewer octets than this are there */
	size_t n, kept_at_gap;
	int bad;
};

static struct pool pool;

static size_t log_data(void *ctx, struct reasm *s, const uint8_t *p, size_t n, uint64_t pos)
{
	struct log *l = ctx;

	if (!n || (l->next && pos != l->next))
		l->bad++;
	l->next = pos;
	if (n < l->hold_back)
		return 0;
	for (size_t i = 0; i < n && l->n < sizeof(l->got) - 1; i++) {
		l->time[l->n] = reasm_time(s, pos + i);
		l->got[l->n++] = (char)p[i];
	}
	l->next = pos + n;
	return n;
}

static void log_gap(void *ctx, struct reasm *s, uint64_t pos, uint64_t n, enum reasm_gap why,
		    struct str kept)
{
	struct log *l = ctx;

	(void)s;
	if (!n || (l->next && pos != l->next + kept.n))
		l->bad++;
	l->kept_at_gap += kept.n;
	l->next = pos + n;
	for (uint64_t i = 0; i < n && l->n < sizeof(l->got) - 1; i++)
		l->got[l->n++] = why == REASM_TRUNCATED ? '-' : why == REASM_MISSING ? '?' : '!';
}

struct rig {
	struct reasm s, peer;
	struct reasm_sink k, peer_k;
	struct log log, peer_log;
	uint32_t base;
	uint64_t now;
};

static void rig_init(struct rig *r, uint32_t base)
{
	memset(r, 0, sizeof(*r));
	reasm_init(&r->s);
	reasm_init(&r->peer);
	r->k = (struct reasm_sink){log_data, log_gap, &r->log, &pool};
	r->peer_k = (struct reasm_sink){log_data, log_gap, &r->peer_log, &pool};
	r->base = base;
	r->now = 1000 * MS;
}

static void rig_end(struct rig *r)
{
	reasm_flush(&r->s, NULL, &r->k, r->now);
	reasm_release(&r->s, &pool);
	reasm_flush(&r->peer, NULL, &r->peer_k, r->now);
	reasm_release(&r->peer, &pool);
}

/* Segment of s: octets `text` at offset off. */
static void seg(struct rig *r, uint32_t off, const char *text)
{
	struct reasm_seg g = {.time = r->now++, .data = (const uint8_t *)text, .seq = r->base + off,
			       .len = (uint32_t)strlen(text), .cap_len = (uint32_t)strlen(text)};

	reasm_add(&r->s, &r->peer, &r->k, &g);
}

static void syn(struct rig *r)
{
	struct reasm_seg g = {.time = r->now++, .seq = r->base, .syn = 1};

	reasm_add(&r->s, &r->peer, &r->k, &g);
}

static void test_order(uint32_t base, const char *what)
{
	struct rig r;

	rig_init(&r, base);
	syn(&r);
	seg(&r, 0, "abc");
	seg(&r, 3, "def");
	is_str(r.log.got, "abcdef", what);
	seg(&r, 9, "jkl");
	seg(&r, 12, "mno");
	is_str(r.log.got, "abcdef", "a hole holds back what follows");
	seg(&r, 0, "ABCDEF");
	seg(&r, 6, "ghi");
	is_str(r.log.got, "abcdefghijklmno", "retransmission changes nothing, the hole is filled");
	is_u64(r.log.time[9], r.now - 4, "an octet has the time at which it was seen first");
	seg(&r, 18, "stu");
	seg(&r, 12, "MNOpqrSTUvw");
	is_str(r.log.got, "abcdefghijklmnopqrstuvw", "of overlapping octets the first seen win");
	ok(!r.log.bad && !pool.used, "positions are continuous, nothing stays allocated");
	rig_end(&r);
}

static void test_keep(void)
{
	struct rig r;
	char one[2] = "a";

	rig_init(&r, 0xfffffff0u);
	r.log.hold_back = 30;
	for (uint32_t i = 0; i < 30; i++, one[0]++)
		seg(&r, i, one);
	is_str(r.log.got, "abcdefghijklmnopqrstuvwxyz{|}~",
	       "what the sink does not take comes again");
	is_u64(r.log.time[0], 1000 * MS, "time of the first of 30 segments");
	is_u64(r.log.time[29], 1000 * MS + 29, "time of the last");
	ok(!pool.used, "the buffer goes back");
	seg(&r, 30, "xyz");
	seg(&r, 40, "later");
	r.now += 3000 * MS;
	r.log.hold_back = 0;
	reasm_run(&r.s, &r.peer, &r.k, r.now);
	is_u64(r.log.kept_at_gap, 3, "a gap shows what was kept before it");
	is_str(r.log.got + 30, "???????later", "and drops it");
	rig_end(&r);
	ok(!r.log.bad, "positions are continuous");
}

static void test_patience(void)
{
	struct rig r;

	rig_init(&r, 5);
	syn(&r);
	seg(&r, 3, "def");
	ok(reasm_run(&r.s, &r.peer, &r.k, r.now + 1999 * MS) == 1, "a hole waits");
	is_str(r.log.got, "", "for two seconds");
	ok(reasm_run(&r.s, &r.peer, &r.k, r.now + 2001 * MS) == 0, "and then no longer");
	is_str(r.log.got, "???def", "is a gap then");
	seg(&r, 0, "abc");
	is_str(r.log.got, "???def", "what comes too late is not delivered twice");
	rig_end(&r);

	rig_init(&r, 5);
	syn(&r);
	seg(&r, 3, "def");
	reasm_prove(&r.s, reasm_pos(&r.s, r.base + 6), r.now);
	reasm_run(&r.s, &r.peer, &r.k, r.now + 9 * MS);
	is_str(r.log.got, "", "a hole proven to have gone by waits for swapped events");
	reasm_run(&r.s, &r.peer, &r.k, r.now + 10 * MS);
	is_str(r.log.got, "???def", "but not longer");
	reasm_prove(&r.s, reasm_pos(&r.s, r.base + 8), r.now + 20 * MS);
	reasm_run(&r.s, &r.peer, &r.k, r.now + 30 * MS);
	is_str(r.log.got, "???def??", "so does a tail of which nothing was seen");
	rig_end(&r);

	rig_init(&r, 5);
	syn(&r);
	struct reasm_seg g = {.time = r.now, .data = (const uint8_t *)"def", .seq = 8, .len = 3,
			       .cap_len = 3, .lost = 1};
	reasm_add(&r.s, &r.peer, &r.k, &g);
	is_str(r.log.got, "???def", "known loss of a sender's own segment is a gap at once");
	rig_end(&r);
}

static void test_cut(void)
{
	struct rig r;
	struct reasm_seg g = {.data = (const uint8_t *)"ghi", .seq = 4, .len = 10, .cap_off = 3,
			       .cap_len = 3};

	rig_init(&r, 0);
	seg(&r, 0, "abcdEFGHI");
	reasm_add(&r.s, &r.peer, &r.k, &g);
	is_str(r.log.got, "abcdEFGHIi----", "the part of a cut segment that is new");
	rig_end(&r);
	rig_init(&r, 0);
	syn(&r);
	reasm_add(&r.s, &r.peer, &r.k, &g);
	seg(&r, 0, "abcdEF");
	is_str(r.log.got, "abcd---ghi----", "cut on both sides, out of order");
	rig_end(&r);
}

/* A response must not overtake its request. */
static void test_peer(void)
{
	struct rig r;
	struct reasm_seg req = {.data = (const uint8_t *)"req", .seq = 100, .len = 3, .cap_len = 3};
	struct reasm_seg resp = {.data = (const uint8_t *)"resp", .seq = 500, .len = 4,
				  .cap_len = 4, .ack = 106, .has_ack = 1};

	rig_init(&r, 500);
	syn(&r);
	r.peer.follows = 0;
	req.time = r.now;
	reasm_add(&r.peer, &r.s, &r.peer_k, &req);
	resp.time = r.now;
	reasm_add(&r.s, &r.peer, &r.k, &resp);
	is_str(r.log.got, "", "a response waits for the request that it acknowledges");
	req.seq = 103;
	reasm_add(&r.peer, &r.s, &r.peer_k, &req);
	ok(!reasm_run(&r.s, &r.peer, &r.k, r.now), "which comes");
	is_str(r.log.got, "resp", "and then goes on");
	resp.seq = 504;
	resp.ack = 110;
	reasm_add(&r.s, &r.peer, &r.k, &resp);
	reasm_run(&r.peer, &r.s, &r.peer_k, r.now + 11 * MS);
	reasm_run(&r.s, &r.peer, &r.k, r.now + 11 * MS);
	is_str(r.peer_log.got, "reqreq????", "a request that does not come is a gap");
	is_str(r.log.got, "respresp", "before its response");
	rig_end(&r);
}

/* What keeps a connection alive has a byte of its own, where the peer has received another one. */
static void test_probe(void)
{
	struct rig r;
	struct reasm_seg ack = {.seq = 100, .ack = 504, .has_ack = 1};
	struct reasm_seg probe = {.data = (const uint8_t *)"", .seq = 503, .len = 1, .cap_len = 1};

	rig_init(&r, 500);
	syn(&r);
	seg(&r, 0, "ab");
	probe.time = ack.time = r.now;
	reasm_add(&r.peer, &r.s, &r.peer_k, &ack);
	reasm_add(&r.s, &r.peer, &r.k, &probe);
	reasm_run(&r.s, &r.peer, &r.k, r.now + REASM_PATIENCE);
	is_str(r.log.got, "ab??", "the byte of a probe is none of the stream's");
	rig_end(&r);
}

static void test_end(void)
{
	struct rig r;
	struct reasm_seg fin = {.seq = 6, .fin = 1};

	rig_init(&r, 0);
	syn(&r);
	seg(&r, 0, "abc");
	fin.time = r.now;
	reasm_add(&r.s, &r.peer, &r.k, &fin);
	ok(!reasm_at_end(&r.s), "FIN behind a hole is not the end yet");
	seg(&r, 3, "def");
	ok(reasm_at_end(&r.s), "now it is");
	reasm_prove(&r.s, reasm_pos(&r.s, 7), r.now);
	ok(!reasm_run(&r.s, &r.peer, &r.k, r.now + 100 * MS), "an acknowledged FIN is no hole");
	is_str(r.log.got, "abcdef", "nor an octet");
	rig_end(&r);
}

/* SYNs fix numbers only when something confirms them. */
static void test_numbering(void)
{
	static const char *const want[] = {"ABC", "tABC", "tfABC", "tfoABC"};
	struct reasm_seg ack = {
		.has_ack = 1, .len = 3, .cap_len = 3, .data = (const uint8_t *)"ack"};
	struct reasm_seg tfo = {.seq = 100, .syn = 1, .len = 3, .cap_len = 3,
				.data = (const uint8_t *)"tfo"};
	struct rig r;

	for (uint32_t confirmed = 0; confirmed < REASM_SYNS; confirmed++) {
		rig_init(&r, 0);
		for (uint32_t i = 0; i < REASM_SYNS; i++) {
			r.base = 1000 + i * (1u << 30);
			syn(&r);
		}
		r.base = 1000 + confirmed * (1u << 30);
		ack.ack = r.base;
		ack.time = r.now++;
		reasm_add(&r.peer, &r.s, &r.peer_k, &ack);
		is_u64(r.s.first, (1ull << 32) + r.base, "the SYN that is acknowledged counts");
		r.base += confirmed % 2 ? 0 : 1u << 30;
		syn(&r);
		r.base = 1000 + confirmed * (1u << 30);
		seg(&r, 0, "abc");
		is_str(r.log.got, "abc", "a later one does not");
		rig_end(&r);
	}
	rig_init(&r, 7);
	syn(&r);
	r.base = 2000000000;
	seg(&r, 3, "def");
	is_str(r.log.got, "def", "a payload that fits no SYN begins the stream");
	ok(!r.s.from_syn && !r.log.bad, "in its middle");
	rig_end(&r);

	for (uint32_t accepted = 0; accepted < 4; accepted++) {
		rig_init(&r, 100);
		tfo.time = r.now++;
		reasm_add(&r.s, &r.peer, &r.k, &tfo);
		ok(reasm_run(&r.s, &r.peer, &r.k, r.now + REASM_PATIENCE), "a SYN's octets wait");
		is_str(r.log.got, "", "until they are acknowledged");
		ack.ack = 100 + accepted;
		ack.time = r.now++;
		reasm_add(&r.peer, &r.s, &r.peer_k, &ack);
		seg(&r, accepted, "ABC");
		is_str(r.log.got, want[accepted], "those that were not come again");
		rig_end(&r);
	}
	is_u64(pool.used, 0, "all memory went back");
}

static void test_limits(void)
{
	struct rig r;
	static char big[60001];
	struct reasm_seg g = {.data = (const uint8_t *)big, .len = 60000, .cap_len = 60000};
	struct pool small;

	memset(big, 'x', 60000);
	rig_init(&r, 0);
	syn(&r);
	for (uint32_t i = 0; i < REASM_PEND_MAX + 1; i++)
		seg(&r, 2 + 2 * i, "y");
	ok(r.s.npend == REASM_PEND_MAX, "no more than so many segments wait");
	ok(!strncmp(r.log.got, "!!y", 3), "the oldest hole is a gap then, by our own limit");
	rig_end(&r);

	rig_init(&r, 0);
	syn(&r);
	for (uint32_t i = 0; i < REASM_PEND_MAX; i++)
		seg(&r, 2 + 2 * i, "y");
	reasm_prove(&r.s, r.s.next + 1, r.now);
	seg(&r, 2 + 2 * REASM_PEND_MAX, "y");
	ok(!strncmp(r.log.got, "?!y", 3), "but not where it is proven that it went by unseen");
	rig_end(&r);

	rig_init(&r, 0);
	syn(&r);
	for (uint32_t i = 0; i < 8; i++) {
		g.seq = 10 + 60000 * i + i;
		g.time = r.now++;
		reasm_add(&r.s, &r.peer, &r.k, &g);
		if (r.s.pend_bytes > REASM_PEND_BYTES)
			break;
	}
	ok(r.s.pend_bytes <= REASM_PEND_BYTES && r.s.npend, "nor so many octets");
	rig_end(&r);

	rig_init(&r, 0);
	r.log.hold_back = 1000000;
	seg(&r, 0, big);
	seg(&r, 60000, big);
	ok(r.log.got[0] == '!' && !r.s.keep, "a sink that never takes does not fill memory");
	rig_end(&r);
	is_u64(pool.used, 0, "all memory went back");

	pool_init(&small, 1024);
	rig_init(&r, 0);
	r.k.pool = &small;
	syn(&r);
	seg(&r, 3, "def");
	for (uint32_t i = 0; i < 20; i++)
		seg(&r, 10 + 3 * i, "gh");
	seg(&r, 0, "abc");
	ok(!strncmp(r.log.got, "abcdef", 6), "without memory what is in order still goes on");
	reasm_prove(&r.s, r.s.next + 63, r.now);
	reasm_flush(&r.s, NULL, &r.k, r.now);
	ok(strstr(r.log.got, "gh?gh?!!!") && !strchr(strchr(r.log.got, '!'), '?'),
	   "what had no room is told from what was not seen");
	reasm_release(&r.s, &small);
	ok(!r.log.bad && !small.used, "and nothing is wrong");
	pool_release(&small);
}

static uint32_t seed = 1;

static uint32_t below(uint32_t n)
{
	seed = seed * 1664525 + 1013904223;
	return (seed >> 8) % n;
}

/* Mostly what comes next in this direction; now and then anything else that there may be. */
static struct reasm_seg any_segment(const struct reasm *s, const struct reasm *peer, uint64_t now)
{
	static const char text[] = "abcdefghijklmnopqrstuvwxyz";
	struct reasm_seg g = {.time = now, .data = (const uint8_t *)text, .seq = (uint32_t)s->next,
			      .len = 1 + below(20), .ack = (uint32_t)peer->next};

	g.cap_len = g.len;
	g.has_ack = below(30) > 0;
	if (!below(8))
		g.seq += below(40) - 15;
	if (!below(8))
		g.ack += below(40) - 15;
	if (!below(20))
		g.cap_off = below(g.len);
	if (g.cap_off || !below(20))
		g.cap_len = below(g.len - g.cap_off);
	if (!below(40))
		g.len = g.cap_len = g.cap_off = 0;
	g.syn = !below(60);
	g.fin = !below(60);
	g.lost = !below(20);
	return g;
}

static int is_same(const struct rig *a, const struct rig *b)
{
	return a->s.next == b->s.next && a->s.proven == b->s.proven && a->s.fin == b->s.fin &&
	       a->s.npend == b->s.npend && a->s.cur_time == b->s.cur_time &&
	       a->s.cur_need == b->s.cur_need && a->s.cur_pos == b->s.cur_pos &&
	       a->peer.next == b->peer.next && a->peer.proven == b->peer.proven &&
	       !a->s.keep == !b->s.keep && a->log.n == b->log.n && a->log.next == b->log.next &&
	       a->peer_log.n == b->peer_log.n;
}

/* The shorter way of reasm_add() for what comes as it should, and the one for all. */
static void test_shorter(void)
{
	static struct rig r[2];
	unsigned same = 0, all = 0, order = 0;

	for (unsigned round = 0; round < 2000; round++) {
		for (int i = 0; i < 2; i++) {
			rig_init(&r[i], 0);
			r[i].log.hold_back = r[i].peer_log.hold_back = round % 3 ? 0 : 12;
		}
		for (unsigned n = 0; n < 40; n++) {
			int back = below(2) > 0;
			struct reasm_seg g = any_segment(back ? &r->peer : &r->s,
							 back ? &r->s : &r->peer, r->now);

			order += g.seq == (uint32_t)(back ? &r->peer : &r->s)->next;
			for (int i = 0; i < 2; i++) {
				struct rig *q = &r[i];

				(i ? reasm_add_any : reasm_add)(
					back ? &q->peer : &q->s, back ? &q->s : &q->peer,
					back ? &q->peer_k : &q->k, &g);
				if (n % 7 == 0)
					reasm_prove(&q->s, q->s.next + n, q->now);
				q->now += MS;
			}
			all++;
			same += (unsigned)is_same(&r[0], &r[1]);
		}
		same -= memcmp(r[0].log.got, r[1].log.got, r[0].log.n) ||
			memcmp(r[0].log.time, r[1].log.time, r[0].log.n * sizeof(uint64_t)) ||
			memcmp(r[0].peer_log.got, r[1].peer_log.got, r[0].peer_log.n);
		for (int i = 0; i < 2; i++)
			rig_end(&r[i]);
	}
	ok(order > all / 2 && same == all, "what comes in order is delivered as all else");
}

int main(void)
{
	pool_init(&pool, 64u << 20);
	test_order(1000, "in order");
	test_order(0xfffffff8u, "in order, around the wrap of sequence numbers");
	test_order(0x7ffffffcu, "in order, around half of the sequence numbers");
	test_keep();
	test_patience();
	test_cut();
	test_peer();
	test_probe();
	test_end();
	test_numbering();
	test_limits();
	test_shorter();
	pool_release(&pool);
	return tap_done();
}
