/*
 * What went by on the network, by pair, process, peer, port, zone: sums, windows, baseline, limits.
 */
#include <stdlib.h>

#include "cli/tui/model.h"
#include "tests/unit/tap.h"

#define BASE 1700000000000000000ull
#define SECOND 1000000000ull

static const uint8_t addr_a[16] = {[10] = 0xff, [11] = 0xff, [12] = 10, [15] = 1},
		     addr_b[16] = {[10] = 0xff, [11] = 0xff, [12] = 10, [15] = 2};

/* curl at its end of a connection to shop, in the given second. */
static struct engine_flow make(uint64_t conn, uint64_t second)
{
	return (struct engine_flow){
		.conn = conn,
		.client_addr = addr_a,
		.server_addr = addr_b,
		.client_port = 40000,
		.server_port = 80,
		.pid = 7,
		.client_name = "curl",
		.server_name = "shop",
		.client_zone = "office",
		.interval_bytes = {100, 1000},
		.interval_packets = {2, 3},
		.interval_ns = SECOND / 2,
		.bytes = {100, 1000},
		.packets = {2, 3},
		.rtt_ns = 3000,
		.min_rtt_ns = 1000,
		.state = "open",
		.first = 1,
		.time_ns = BASE + second * SECOND,
	};
}

static struct engine_flow other_end(struct engine_flow f)
{
	f.conn += 100;
	f.pid = 8;
	f.is_server = f.at_server = 1;
	return f;
}

static const struct net_row *row(const struct net *n, enum net_by by, const char *name)
{
	const struct net_table *t = &n->table[by];

	for (unsigned i = 0; i < t->n; i++)
		if (!strcmp(t->row[i]->name, name))
			return t->row[i];
	return NULL;
}

static void test_groups(void)
{
	static const struct {
		enum net_by by;
		const char *name;
		uint64_t out, in, conns;
	} want[] = {
		{NET_BY_PAIR, "curl → shop", 100, 1000, 1},
		{NET_BY_PROCESS, "curl 7", 100, 1000, 1},
		{NET_BY_PROCESS, "shop 8", 1000, 100, 1},
		{NET_BY_PEER, "shop", 100, 1000, 1},
		{NET_BY_PEER, "curl", 1000, 100, 1},
		{NET_BY_PORT, "80 tcp", 100, 1000, 1},
		{NET_BY_ZONE, "office → -", 100, 1000, 1},
	};
	struct engine_flow client = make(1, 0), server = other_end(client);
	struct net n = {0};

	client.both_ends = client.twin = server.both_ends = 1;
	client.interval_retransmits = 2;
	net_add(&n, &client);
	net_add(&n, &server);
	for (unsigned i = 0; i < sizeof(want) / sizeof(*want); i++) {
		const struct net_row *r = row(&n, want[i].by, want[i].name);

		ok(r && r->all.bytes[0] == want[i].out && r->all.bytes[1] == want[i].in &&
			   r->all.conns == want[i].conns,
		   "by %s: %s", net_by_name(want[i].by), want[i].name);
	}
	is_u64(n.table[NET_BY_PAIR].n, 1, "both ends of a connection are one row of pairs");
	is_u64(n.table[NET_BY_PAIR].total->all.bytes[1], 1000, "and count once in all");
	is_u64(n.table[NET_BY_PAIR].row[0]->all.retransmits, 2, "what each end sent again counts");
	is_u64(n.table[NET_BY_PAIR].row[0]->min_rtt, 1000, "the least round trip");
	net_release(&n);
}

static void test_no_names(void)
{
	struct engine_flow f = make(1, 0);
	struct net n = {0};

	f.client_name = f.server_name = f.client_zone = NULL;
	f.pid = 0;
	f.datagram = 1;
	net_add(&n, &f);
	ok(row(&n, NET_BY_PAIR, "10.0.0.1 → 10.0.0.2:80") != NULL, "ends without a name");
	ok(row(&n, NET_BY_PORT, "80 udp") && row(&n, NET_BY_PROCESS, "(unknown)"),
	   "a port of datagrams, a process that is not known");
	net_release(&n);
}

static void test_windows(void)
{
	struct engine_flow f = make(1, 1);
	const struct net_row *r;
	struct net_counts c;
	struct net n = {0};

	for (uint64_t s = 1; s <= 400; s++) {
		f.time_ns = BASE + s * SECOND;
		f.first = s == 1;
		net_add(&n, &f);
	}
	r = row(&n, NET_BY_PAIR, "curl → shop");
	net_window(&n, r, 0, f.time_ns, &c);
	is_u64(c.bytes[0], 40000, "all");
	is_u64(c.conns, 1, "a connection counts when it is told first");
	net_window(&n, r, 10, f.time_ns, &c);
	is_u64(c.bytes[0], 1000, "10 s");
	is_u64(net_window_ns(&n, 10, f.time_ns + SECOND / 2), 9 * SECOND + SECOND / 2, "which are");
	net_window(&n, r, 60, f.time_ns, &c);
	ok(c.bytes[0] <= 6000 && c.bytes[0] >= 5500, "1 m: %llu", (unsigned long long)c.bytes[0]);
	is_u64(c.bytes[0] / 100,
	       (net_window_ns(&n, 60, f.time_ns) + SECOND) / SECOND, "as many as its seconds");
	net_window(&n, r, 10, f.time_ns + 20 * SECOND, &c);
	is_u64(c.bytes[0], 0, "nothing lately");
	net_mark(&n, f.time_ns);
	f.time_ns += SECOND;
	net_add(&n, &f);
	net_window(&n, r, 0, f.time_ns, &c);
	is_u64(c.bytes[0], 100, "since the baseline");
	net_window(&n, r, 300, f.time_ns, &c);
	is_u64(c.bytes[0], 100, "and a window does not reach behind it");
	net_unmark(&n);
	net_window(&n, r, 0, f.time_ns, &c);
	is_u64(c.bytes[0], 40100, "without it");
	net_release(&n);
}

static uint64_t bytes_between(const struct net *n, uint64_t from, uint64_t to, uint64_t now)
{
	struct net_past p = net_past(n, BASE + from * SECOND, BASE + to * SECOND,
				     BASE + now * SECOND);
	struct net_counts c;

	net_between(row(n, NET_BY_PAIR, "curl → shop"), &p, &c);
	return c.bytes[0];
}

/* 100 bytes each second for two hours. BASE is 20 seconds behind a minute. */
static void test_past(void)
{
	uint64_t now = 7200, begin;
	struct net_past p;
	struct net n = {0};

	for (uint64_t second = 0; second < now; second++) {
		struct engine_flow f = make(1, second);

		f.first = !second;
		net_add(&n, &f);
	}
	is_u64(bytes_between(&n, 7190, 7193, now), 300, "a moment ago: three seconds of them");
	is_u64(bytes_between(&n, 7000, 7100, now), 10000, "minutes ago");
	is_u64(bytes_between(&n, 7001, 7099, now), 10000, "in whole slices of five seconds");
	is_u64(bytes_between(&n, 5000, 5500, now), 540 * 100, "an hour ago in whole minutes");
	p = net_past(&n, BASE + 5000 * SECOND, BASE + 5500 * SECOND, BASE + now * SECOND);
	is_u64((p.from - BASE) / SECOND, 4960, "which are told: from");
	is_u64((p.to - BASE) / SECOND, 5500, "to");
	is_u64(bytes_between(&n, 100, 200, now), 0, "nothing is kept of what is too long ago");
	p = net_past(&n, BASE, BASE + 200 * SECOND, BASE + now * SECOND);
	ok(p.from == p.to, "and that is told");
	p = net_past(&n, 0, UINT64_MAX, BASE + now * SECOND);
	begin = (p.from - BASE) / SECOND;
	ok(begin > now - 64 * 60 && begin <= now - 63 * 60, "from where it is kept: %llu",
	   (unsigned long long)begin);
	is_u64(p.to, BASE + now * SECOND, "until now");
	net_release(&n);
	p = net_past(&n, BASE, BASE + SECOND, BASE + SECOND);
	ok(p.from == p.to, "nothing came");
}

static void test_failed(void)
{
	struct engine_flow f = make(1, 1);
	const struct net_row *r;
	struct net n = {0};

	f.error = SPAN_ERR_REFUSED;
	f.interval_failed = 1;
	net_add(&n, &f);
	f.first = 0;
	f.interval_failed = 0;
	f.last = 1;
	net_add(&n, &f);
	r = row(&n, NET_BY_PAIR, "curl → shop");
	is_u64(r->all.failed, 1, "a connection that failed counts once");
	is_u64(r->all.conns, 1, "and is one");
	net_release(&n);
}

static unsigned flows_kept(const struct net *n)
{
	unsigned kept = 0;

	for (size_t i = 0; n->flows && i < (size_t)WAYS << NET_FLOW_BITS; i++)
		kept += n->flows[i].way.key != 0;
	return kept;
}

static void test_limits(void)
{
	struct engine_flow f;
	struct net n = {0};
	uint64_t sum = 0;

	for (unsigned i = 0; i < 20000; i++) {
		char name[16];

		f = make(i + 1, i / 100);
		snprintf(name, sizeof(name), "c%u", i % 1000);
		f.client_name = name;
		net_add(&n, &f);
	}
	is_u64(n.table[NET_BY_PAIR].n, NET_ROWS, "so many rows");
	for (unsigned i = 0; i < NET_ROWS; i++)
		sum += n.table[NET_BY_PAIR].row[i]->all.bytes[0];
	is_u64(sum + n.table[NET_BY_PAIR].others->all.bytes[0], 20000 * 100,
	       "what has no row of its own counts among the others");
	is_u64(n.table[NET_BY_PAIR].total->all.bytes[0], 20000 * 100, "all together");
	is_u64(n.table[NET_BY_PORT].n, 1, "one port");
	ok(flows_kept(&n) <= WAYS << NET_FLOW_BITS && flows_kept(&n) > 1000,
	   "connections are kept up to a limit: %u", flows_kept(&n));
	net_release(&n);
}

/* Pausing, clearing and taking that back lose nothing. */
static void test_model(void)
{
	struct engine_flow f = make(1, 1);
	struct model m;

	model_init(&m);
	model_flow(&m, &f);
	model_pause(&m);
	f.time_ns += SECOND;
	f.first = 0;
	f.bytes[0] = 200;
	model_flow(&m, &f);
	is_u64(m.now->f.net.table[NET_BY_PAIR].row[0]->all.bytes[0], 100, "paused: nothing moves");
	model_resume(&m);
	is_u64(m.now->f.net.table[NET_BY_PAIR].row[0]->all.bytes[0], 200, "it goes on: all of it");
	is_u64(flows_kept(&m.now->f.net), 1, "of one connection");
	model_clear(&m);
	ok(!m.now->f.net.table[NET_BY_PAIR].n, "cleared");
	f.time_ns += SECOND;
	model_flow(&m, &f);
	is_u64(m.now->f.net.table[NET_BY_PAIR].total->all.bytes[0], 100, "what came since");
	model_undo(&m);
	is_u64(m.now->f.net.table[NET_BY_PAIR].total->all.bytes[0], 300, "taken back");
	model_release(&m);
}

int main(void)
{
	test_groups();
	test_no_names();
	test_windows();
	test_past();
	test_failed();
	test_limits();
	test_model();
	return tap_done();
}
