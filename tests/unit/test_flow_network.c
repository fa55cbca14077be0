/* What the packets of a captured connection tell: sent again, copies, reordered, round trips. */
#include "tests/unit/tap.h"

#include <stdlib.h>
#include <string.h>

#include "bpf/events.h"
#include "core/flow_network.h"

#define CLIENT 0
#define SERVER 1
#define SYN ZC_TCP_SYN
#define ACK ZC_TCP_ACK
#define MS 1000000ull

static struct flow_network net;
static uint64_t now;
static int window = 1000;

/* A segment, `us` microseconds after the one before. */
static struct flow_news put(int src, uint32_t us, uint32_t seq, uint32_t len, uint32_t ack,
			    int flags)
{
	struct frame f = {.seq = seq, .ack = ack, .orig_len = len, .flags = (uint8_t)flags,
			  .window = (uint16_t)window};

	now += us * 1000ull;
	return flow_network_segment(&net, &f, src, now);
}

/* The handshake, seen where the client is 2 ms off and the server 8 ms. */
static void begin(void)
{
	memset(&net, 0, sizeof(net));
	now = 1000 * MS;
	put(CLIENT, 0, 99, 0, 0, SYN);
	put(SERVER, 8000, 499, 0, 100, SYN | ACK);
	put(CLIENT, 2000, 100, 0, 500, ACK);
}

/* What fills the middle of one hole leaves two. */
static void split_holes(void)
{
	begin();
	for (uint32_t i = 1; i < 3 * FLOW_HOLES; i++)
		put(CLIENT, 10, 100 + 100 * i, 10, 500, ACK);
	for (uint32_t i = 1; i < 3 * FLOW_HOLES; i++)
		put(CLIENT, 10, 150 + 100 * i, 10, 500, ACK);
	ok(net.side[CLIENT].nholes == FLOW_HOLES, "for their halves, too, there is room for some");
}

static void round_trips(void)
{
	memset(&net, 0, sizeof(net));
	now = 1000 * MS;
	put(CLIENT, 0, 99, 0, 0, SYN);
	ok(!put(SERVER, 8000, 499, 0, 100, SYN | ACK).rtt, "one part is no round trip");
	ok(put(CLIENT, 2000, 100, 0, 500, ACK).rtt, "the handshake has both");
	is_u64(flow_network_rtt(&net), 10000, "which make the time");
	put(CLIENT, 0, 100, 50, 500, ACK);
	ok(!put(SERVER, 40000, 500, 0, 150, ACK).rtt, "a single segment's may have been delayed");
	put(CLIENT, 0, 150, 50, 500, ACK);
	ok(!put(SERVER, 90000, 500, 70, 200, ACK).rtt, "a response may have waited");
	put(CLIENT, 50000, 200, 50, 570, ACK);
	ok(put(SERVER, 4000, 570, 70, 250, ACK).rtt, "but not when it comes sooner");
	is_u64(flow_network_rtt(&net), 6000, "which is the time now");
	for (uint32_t i = 0; i < 60; i++) {
		put(CLIENT, 50000, 250 + i * 100, 50, 570, ACK);
		put(SERVER, 12000, 640, 0, 350 + i * 100, ACK);
		put(CLIENT, 0, 300 + i * 100, 50, 570, ACK);
	}
	is_u64(flow_network_rtt(&net), 6000, "what acknowledges more was not for this one");
	net.side[CLIENT].timed = 0;
	for (uint32_t i = 0; i < 60; i++) {
		net.side[CLIENT].unacked = 1;
		put(CLIENT, 50000, 10000 + i * 100, 100, 570, ACK);
		put(SERVER, 12000, 640, 0, 10100 + i * 100, ACK);
	}
	ok(flow_network_rtt(&net) > 13000 && flow_network_rtt(&net) <= 14000,
	   "what acknowledges two segments is sent at once: %u", flow_network_rtt(&net));
	is_u64(flow_network_min_rtt(&net), 6000, "the least one stays");
}

static void sent_again(void)
{
	struct flow_news n;
	uint64_t first;

	begin();
	put(SERVER, 1000, 500, 100, 100, ACK);
	first = now;
	put(SERVER, 0, 600, 100, 100, ACK);
	n = put(SERVER, 200000, 500, 100, 100, ACK);
	ok(n.resent && n.first == first && n.flags == ZC_RETRANSMIT_PROBE,
	   "it had come here before: lost behind it");
	put(CLIENT, 1000, 100, 0, 700, ACK);
	n = put(SERVER, 200000, 500, 100, 100, ACK);
	ok(n.resent && n.flags == ZC_RETRANSMIT_NEEDLESS, "acknowledged before: needless");
	is_u64(net.side[SERVER].resent, 2, "two of them");
	n = put(SERVER, 1000, 650, 100, 100, ACK);
	ok(n.resent && net.side[SERVER].end == 750, "with new bytes behind the old ones");

	begin();
	put(SERVER, 1000, 600, 100, 100, ACK);
	first = now;
	n = put(SERVER, 30000, 500, 100, 100, ACK);
	ok(n.resent && n.first == first && n.flags == ZC_RETRANSMIT_LOST,
	   "a hole, filled later: lost in front of it");
	is_u64(net.side[SERVER].nholes, 0, "it is no hole any more");
	n = put(SERVER, 30000, 500, 100, 100, ACK);
	ok(n.resent && n.flags == ZC_RETRANSMIT_PROBE, "and once again");

	begin();
	put(SERVER, 1000, 800, 100, 100, ACK);
	ok(put(SERVER, 30000, 600, 50, 100, ACK).flags == ZC_RETRANSMIT_LOST, "a hole's middle");
	is_u64(net.side[SERVER].nholes, 2, "leaves two");
	n = put(SERVER, 30000, 500, 200, 100, ACK);
	ok(n.resent && n.flags == ZC_RETRANSMIT_PROBE, "one that has old bytes, too");
	is_u64(net.side[SERVER].nholes, 1, "leaves one");
}

static void not_sent_again(void)
{
	struct flow_news n;

	begin();
	put(SERVER, 1000, 500, 100, 100, ACK);
	ok(!put(SERVER, 40, 500, 100, 100, ACK).resent, "a copy, captured at another place");
	ok(!put(SERVER, 4000, 500, 100, 100, ACK).resent, "nobody sends again within half a trip");
	put(SERVER, 1000, 700, 100, 100, ACK);
	ok(!put(SERVER, 2000, 600, 100, 100, ACK).resent, "reordered");
	put(CLIENT, 9000, 100, 0, 800, ACK);
	ok(!put(SERVER, 500000, 799, 1, 100, ACK).resent, "a keep-alive with a byte");
	ok(!put(SERVER, 500000, 799, 0, 100, ACK).resent, "and without");
	put(SERVER, 1000, 800, 100, 100, ACK);
	put(SERVER, 10, 900, 100, 100, ACK);
	for (int i = 0; i < 3; i++)
		put(CLIENT, 10, 100, 0, 800, ACK);
	n = put(SERVER, 10, 800, 100, 100, ACK);
	ok(n.resent && !n.flags,
	   "however soon, where acknowledgements ask for it");
}

/* So much is sent that what is remembered of it does not reach back by half a round trip. */
static void busy_sender(void)
{
	uint32_t seq = 500;

	begin();
	for (int i = 0; i < 100; i++, seq += 100)
		put(SERVER, 400, seq, 100, 100, ACK);
	ok(!put(SERVER, 400, seq - 100, 100, 100, ACK).resent, "a copy of the latest");
	ok(put(SERVER, 400, 700, 100, 100, ACK).resent, "one of long ago is none");
	is_u64(net.side[SERVER].needless, 0, "nobody has acknowledged it");
	put(CLIENT, 400, 100, 0, seq, ACK);
	ok(put(SERVER, 400, 700, 100, 100, ACK).resent, "nor is this one");
	is_u64(net.side[SERVER].needless, 1, "which was needless");
}

static uint32_t dup_acks(void)
{
	return net.side[CLIENT].dup_acks;
}

static void acknowledged_again(void)
{
	begin();
	put(SERVER, 1000, 600, 100, 100, ACK);
	put(CLIENT, 10, 100, 0, 500, ACK);
	put(SERVER, 10, 700, 100, 100, ACK);
	put(CLIENT, 10, 100, 0, 500, ACK);
	is_u64(dup_acks(), 2, "for each segment behind a hole");
	put(CLIENT, 10, 100, 10, 500, ACK);
	put(SERVER, 10, 500, 100, 110, ACK);
	put(CLIENT, 10, 110, 0, 800, ACK);
	window = 2000;
	put(CLIENT, 10, 110, 0, 800, ACK);
	is_u64(dup_acks(), 2, "neither data, nor more, nor a window says the same again");
	put(CLIENT, 10, 100, 0, 800, ACK);
	is_u64(dup_acks(), 2, "nor what was overtaken");
	put(SERVER, 9000, 799, 0, 110, ACK);
	put(CLIENT, 10, 110, 0, 800, ACK);
	put(SERVER, 9000, 799, 1, 110, ACK);
	put(CLIENT, 10, 110, 0, 800, ACK);
	is_u64(dup_acks(), 2, "nor what answers a keep-alive");
	put(SERVER, 10, 700, 100, 110, ACK);
	put(CLIENT, 10, 110, 0, 800, ACK);
	is_u64(dup_acks(), 3, "what came twice is acknowledged again");
	put(CLIENT, 10, 110, 0, 800, ACK | ZC_TCP_FIN);
	is_u64(dup_acks(), 3, "and an end is one");
	window = 1000;
}

static void syns(void)
{
	memset(&net, 0, sizeof(net));
	put(CLIENT, 0, 99, 0, 0, SYN);
	ok(!put(CLIENT, 100, 99, 0, 0, SYN).resent, "a copy of a SYN");
	ok(put(CLIENT, 1000000, 99, 0, 0, SYN).flags & ZC_RETRANSMIT_SYN, "a SYN that is repeated");
	put(SERVER, 1000, 499, 0, 100, SYN | ACK);
	put(CLIENT, 1000, 100, 0, 500, ACK);
	is_u64(flow_network_rtt(&net), 0, "which of them was answered is not known");

	for (int late = 0; late < 2; late++) { /* by the clock of the other host */
		memset(&net, 0, sizeof(net));
		put(CLIENT, 0, 99, 0, 0, SYN);
		if (late) {
			put(SERVER, 1000, 499, 0, 100, SYN | ACK);
			put(CLIENT, 1000000, 100, 0, 500, ACK);
		}
		ok(!put(CLIENT, 20000, 99, 0, 0, SYN).resent, "a SYN of a second capture");
		put(CLIENT, 1000000, 100, 50, 500, ACK);
		ok(!put(CLIENT, 1000000, 100, 50, 500, ACK).resent, "and what is behind it");
	}
}

static void windows(void)
{
	begin();
	window = 0;
	ok(put(CLIENT, 100, 100, 0, 500, ACK).window && net.side[CLIENT].window_closed, "closed");
	ok(!put(CLIENT, 100, 100, 0, 500, ACK).window, "still");
	ok(!put(CLIENT, 100, 100, 0, 0, ZC_TCP_RST).window, "a reset has none");
	window = 5;
	ok(put(CLIENT, 100, 100, 0, 500, ACK).window && !net.side[CLIENT].window_closed, "open");
	window = 1000;
}

static void many_holes(void)
{
	uint32_t seq = 500, n = 0, want = 3 * FLOW_HOLES;

	begin();
	for (unsigned i = 0; i < want; i++)
		put(SERVER, 100, seq += 200, 100, 100, ACK);
	ok(net.side[SERVER].nholes == FLOW_HOLES, "there is room for some holes");
	for (seq = 600; seq < 500 + 200 * want; seq += 200)
		n += (uint32_t)put(SERVER, 20000, seq, 100, 100, ACK).resent;
	is_u64(n, want, "what fills the others is sent again all the same");
	is_u64(net.side[SERVER].nholes, 0, "none is left");
}

/* Bursts are found where they were noted, one by one in a list without an end. */
static void bursts(void)
{
	static struct {
		uint64_t time;
		uint32_t end;
	} all[64];
	struct sent s = {0};
	uint32_t n = 0, end = ~0u - 300, wrong = 0, late = 0;
	uint64_t time = MS;

	is_u64(sent_time(&s, end), 0, "nothing has left");
	for (unsigned round = 0; round < 200 && n < 60; round++) {
		uint32_t first;

		time += round % 3 ? MS / 4 : 2 * MS;
		end += 1 + round % 50;
		if (!n || time - all[n - 1].time >= SENT_BURST)
			all[n++].time = time;
		all[n - 1].end = end;
		wrong += !sent_add(&s, end, time) || sent_add(&s, end - 1, time);
		first = n > SENT_MARKS ? n - SENT_MARKS : 0;
		for (uint32_t i = first; i < n; i++)
			wrong += sent_time(&s, all[i].end - 1) != all[i].time;
		wrong += sent_time(&s, end) != 0;
		late += n > SENT_MARKS && sent_long_ago(&s, all[first].end - 1) &&
			!sent_long_ago(&s, all[first].end);
		if (n == 1)
			wrong += s.before != NULL;
	}
	ok(n == 60 && !wrong, "%u bursts, %u of them wrong", n, wrong);
	ok(late > 50, "what left before those that are remembered did so long ago: %u", late);
	free(s.before);
}

int main(void)
{
	split_holes();
	round_trips();
	sent_again();
	not_sent_again();
	busy_sender();
	acknowledged_again();
	syns();
	windows();
	many_holes();
	bursts();
	return tap_done();
}
