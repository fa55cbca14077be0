/* Capture files and interfaces: packets of every link type become the right events. */
#include "tests/unit/tap.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/packets.h"
#include "core/source_file.h"

#define SEC 1000000000ull
#define FIN 0x01
#define SYN 0x02
#define RST 0x04
#define ACK 0x10

/* ---- making packets */

struct buffer {
	uint8_t d[1 << 18];
	size_t n;
};

static void put(struct buffer *b, const void *p, size_t n)
{
	if (b->n + n > sizeof(b->d))
		abort();
	memcpy(b->d + b->n, p, n);
	b->n += n;
}

static void put16(struct buffer *b, uint32_t v)
{
	put(b, (uint8_t[]){(uint8_t)(v >> 8), (uint8_t)v}, 2);
}

static void put32(struct buffer *b, uint32_t v)
{
	put16(b, v >> 16);
	put16(b, v & 0xffff);
}

static void put_host32(struct buffer *b, uint32_t v)
{
	put(b, &v, sizeof(v));
}

/* One segment; to_server chooses the direction between 10.0.0.2:cport and 10.0.0.1:80. */
struct tcp {
	int to_server;
	uint16_t cport, sport; /* 0: 40000, 80 */
	uint32_t seq, ack;
	uint8_t flags;
	const char *text;
};

static void put_tcp(struct buffer *b, const struct tcp *t)
{
	uint16_t c = t->cport ? t->cport : 40000, s = t->sport ? t->sport : 80;

	put16(b, t->to_server ? c : s);
	put16(b, t->to_server ? s : c);
	put32(b, t->seq);
	put32(b, t->ack);
	put(b, (uint8_t[]){0x60, t->flags, 0xff, 0xff, 0, 0, 0, 0, 1, 1, 1, 0}, 12); /* options */
	put(b, t->text ? t->text : "", t->text ? strlen(t->text) : 0);
}

static uint32_t tcp_size(const struct tcp *t)
{
	return 24 + (uint32_t)(t->text ? strlen(t->text) : 0);
}

static void put_ipv4(struct buffer *b, const struct tcp *t)
{
	put(b, (uint8_t[]){0x46, 0}, 2); /* four octets of options */
	put16(b, 24 + tcp_size(t));
	put(b, (uint8_t[]){0, 0, 0x40, 0, 64, 6, 0, 0}, 8);
	put(b, (uint8_t[]){10, 0, 0, t->to_server ? 2 : 1, 10, 0, 0, t->to_server ? 1 : 2}, 8);
	put32(b, 0x01010100);
	put_tcp(b, t);
}

/* ext: extension headers, the first of type `next`; the last one says TCP. */
static void put_ipv6(struct buffer *b, const struct tcp *t, uint8_t next, const void *ext,
		     uint32_t n)
{
	put32(b, 0x60000000);
	put16(b, n + tcp_size(t));
	put(b, (uint8_t[]){next, 64}, 2);
	put(b, "\xfd\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 15);
	put(b, (uint8_t[]){t->to_server ? 2 : 1}, 1);
	put(b, "\xfd\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 15);
	put(b, (uint8_t[]){t->to_server ? 1 : 2}, 1);
	put(b, ext, n);
	put_tcp(b, t);
}

static void pcap_begin(struct buffer *b, uint32_t magic, uint32_t link)
{
	b->n = 0;
	put_host32(b, magic);
	put(b, (uint16_t[]){2, 4}, 4);
	put(b, (uint32_t[]){0, 0, 262144, link}, 16);
}

/* One record; cap 0: all of it was captured. */
static void pcap_packet(struct buffer *b, uint64_t ns, const struct buffer *packet, size_t cap)
{
	cap = cap ? cap : packet->n;
	put_host32(b, (uint32_t)(ns / SEC));
	put_host32(b, (uint32_t)(ns % SEC));
	put_host32(b, (uint32_t)cap);
	put_host32(b, (uint32_t)packet->n);
	put(b, packet->d, cap);
}

static void pcap_tcp(struct buffer *b, uint64_t ns, struct tcp t)
{
	static struct buffer p;

	p.n = 0;
	put_ipv4(&p, &t);
	pcap_packet(b, ns, &p, 0);
}

/* ---- what comes of them */

struct seen {
	int opens, segments, closes;
	struct zc_ev_open open;		/* the last of each */
	struct zc_ev_segment segment;
	struct zc_ev_close close;
	struct zc_ev_flow flow;
	uint64_t conns[16]; /* of the segments, in order */
	uint64_t rx, tx;    /* captured octets */
	uint64_t missing;
	char text[2][256];
	char order[64]; /* a letter per event */
};

static void see(void *ctx, const struct zc_ev *ev)
{
	struct seen *s = ctx;
	const struct zc_ev_segment *seg = (const struct zc_ev_segment *)ev;
	static const char letters[] = {[ZC_EV_SEGMENT] = 'S',	 [ZC_EV_OPEN] = 'O',
				       [ZC_EV_CLOSE] = 'C',	 [ZC_EV_RETRANSMIT] = 'R',
				       [ZC_EV_WINDOW] = 'W'};
	size_t n = strlen(s->order), at;

	if (ev->kind == ZC_EV_FLOW) {
		memcpy(&s->flow, ev, sizeof(s->flow));
		return;
	}
	if (n + 1 < sizeof(s->order))
		s->order[n] = letters[ev->kind];
	if (ev->kind == ZC_EV_OPEN) {
		s->opens++;
		memcpy(&s->open, ev, sizeof(s->open));
	} else if (ev->kind == ZC_EV_CLOSE) {
		s->closes++;
		memcpy(&s->close, ev, sizeof(s->close));
	} else if (ev->kind == ZC_EV_SEGMENT) {
		if (s->segments < 16)
			s->conns[s->segments] = ev->conn;
		s->segments++;
		memcpy(&s->segment, ev, sizeof(s->segment));
		*(seg->dir == ZC_TX ? &s->tx : &s->rx) += seg->cap_len;
		s->missing += seg->orig_len - seg->cap_len;
		at = strlen(s->text[seg->dir]);
		if (at + seg->cap_len < 256)
			memcpy(s->text[seg->dir] + at, seg + 1, seg->cap_len);
	}
}

static struct seen seen;
static struct packets_counts counts;
static char err[256], said[256];

/* Plays octets as a file. 0, or -1 if they were refused. */
static int play(const struct buffer *b, const struct packets_options *o)
{
	uint8_t *exact = malloc(b->n ? b->n : 1);
	struct source *s;
	int n;

	memcpy(exact, b->d, b->n);
	memset(&seen, 0, sizeof(seen));
	err[0] = said[0] = 0;
	s = packets__open(bytes__memory(exact, b->n, "octets"), o, err, sizeof(err));
	if (s) {
		while ((n = s->ops->poll(s, see, &seen, 0)) >= 0)
			;
		if (n != -ENODATA)
			ok(0, "a file ends with ENODATA, not %d", n);
		snprintf(said, sizeof(said), "%s", s->ops->error(s) ? s->ops->error(s) : "");
		packets__counts(s, &counts);
		s->ops->free(s);
	}
	free(exact);
	return s ? 0 : -1;
}

static struct buffer file, packet;
static const struct packets_options all;
static const struct bytes_options plain;
static const char get[] = "GET / HTTP/1.1\r\n\r\n";
static const char reply[] = "HTTP/1.1 204 No Content\r\n\r\n";

#define REQUEST ((struct tcp){.to_server = 1, .seq = 101, .ack = 501, .flags = ACK, .text = get})
#define RESPONSE ((struct tcp){.seq = 501, .ack = 119, .flags = ACK, .text = reply})

/* An exchange in the middle of a connection, each packet behind the given link header. */
static void check_link(const char *name, uint32_t link, const void *header, size_t n, int family)
{
	struct tcp t[2] = {REQUEST, RESPONSE};

	pcap_begin(&file, 0xa1b23c4d, link);
	for (int i = 0; i < 2; i++) {
		packet.n = 0;
		put(&packet, header, n);
		if (family == 4)
			put_ipv4(&packet, &t[i]);
		else
			put_ipv6(&packet, &t[i], 6, "", 0);
		put(&packet, "\0\0\0\0\0\0", 6); /* padding is no payload */
		pcap_packet(&file, 5 * SEC + (unsigned)i, &packet, 0);
	}
	ok(!play(&file, &all), "%s: opens %s", name, err);
	is_str(seen.order, "OSS", name);
	is_str(seen.text[ZC_RX], get, name);
	is_str(seen.text[ZC_TX], reply, name);
	ok(seen.open.lport == 80 && seen.open.rport == 40000 && seen.open.family == family &&
		   seen.open.laddr[15] == 1 && seen.open.raddr[15] == 2,
	   "%s: addresses", name);
	is_u64(seen.segment.ev.time, 5 * SEC + 1, "nanoseconds");
	is_u64(seen.missing, 0, "complete");
}

static void test_links(void)
{
	static const uint8_t mac[12] = {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2};
	uint8_t h[32];

#define ETHERNET(...)                                                                              \
	memcpy(h, mac, 12);                                                                        \
	memcpy(h + 12, (uint8_t[]){__VA_ARGS__}, sizeof((uint8_t[]){__VA_ARGS__}))
	ETHERNET(8, 0);
	check_link("Ethernet, IPv4", 1, h, 14, 4);
	ETHERNET(0x86, 0xdd);
	check_link("Ethernet, IPv6", 1, h, 14, 6);
	ETHERNET(0x81, 0, 0, 7, 8, 0);
	check_link("VLAN", 1, h, 18, 4);
	ETHERNET(0x88, 0xa8, 0, 7, 0x81, 0, 0, 8, 0x86, 0xdd);
	check_link("QinQ", 1, h, 22, 6);
	memset(h, 0, sizeof(h));
	h[14] = 8;
	check_link("Linux cooked", 113, h, 16, 4);
	memset(h, 0, sizeof(h));
	h[0] = 0x86;
	h[1] = 0xdd;
	check_link("Linux cooked 2", 276, h, 20, 6);
	check_link("BSD loopback", 0, "\2\0\0\0", 4, 4);
	check_link("BSD loopback, IPv6", 0, "\x1e\0\0\0", 4, 6);
	check_link("OpenBSD loopback", 108, "\0\0\0\2", 4, 4);
	check_link("raw IP", 101, "", 0, 4);
	check_link("raw IP, IPv6", 101, "", 0, 6);
	check_link("raw IP as 12", 12, "", 0, 4);
	check_link("raw IP as 14", 14, "", 0, 6);
	check_link("LINKTYPE_IPV4", 228, "", 0, 4);
	check_link("LINKTYPE_IPV6", 229, "", 0, 6);
	pcap_begin(&file, 0xa1b2c3d4, 147);
	pcap_tcp(&file, SEC, REQUEST);
	play(&file, &all);
	is_u64(counts.unknown, 1, "others are counted");
}

static void test_extension_headers(void)
{
	static const uint8_t ext[] = {
		/* hop by hop */
		60, 0, 1, 4, 0, 0, 0, 0,
		/* destination options, 16 octets */
		43, 1, 1, 12, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
		/* routing */
		51, 0, 4, 0, 0, 0, 0, 0,
		/* authentication, 12 octets */
		44, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1,
		/* first fragment */
		6, 0, 0, 1, 0, 0, 0, 9,
	};
	static const uint8_t later[] = {6, 0, 0, 9, 0, 0, 0, 9};
	struct tcp t = REQUEST;

	pcap_begin(&file, 0xa1b23c4d, 101);
	packet.n = 0;
	put_ipv6(&packet, &t, 0, ext, sizeof(ext));
	pcap_packet(&file, SEC, &packet, 0);
	packet.n = 0;
	put_ipv6(&packet, &t, 44, later, sizeof(later));
	pcap_packet(&file, SEC, &packet, 0);
	packet.n = 0;
	put_ipv6(&packet, &t, 58, "", 0);
	pcap_packet(&file, SEC, &packet, 0);
	play(&file, &all);
	is_str(seen.text[ZC_RX], get, "behind all extension headers");
	is_u64(counts.fragments, 2, "the packet of these fragments is not whole");
	is_u64(counts.other, 1, "one is ICMPv6");
}

static void test_ipv4_oddities(void)
{
	struct tcp t = REQUEST;
	uint32_t big = 70000;

	pcap_begin(&file, 0xa1b23c4d, 101);
	packet.n = 0;
	put_ipv4(&packet, &t);
	packet.d[6] = 0x20; /* first fragment */
	pcap_packet(&file, SEC, &packet, 0);
	packet.d[6] = 0x20;
	packet.d[7] = 3; /* later fragment */
	pcap_packet(&file, SEC, &packet, 0);
	packet.d[9] = 17; /* UDP */
	pcap_packet(&file, SEC, &packet, 0);
	packet.d[9] = 6;
	packet.d[0] = 0x41; /* header of four octets */
	pcap_packet(&file, SEC, &packet, 0);
	play(&file, &all);
	is_u64(seen.segments, 1, "the first fragment gives what it has");
	is_u64(counts.fragments, 3, "packets that are not whole are counted");
	is_u64(counts.malformed, 1, "and nonsense");

	/* put together by the network card: longer than the header's length can tell */
	pcap_begin(&file, 0xa1b23c4d, 101);
	packet.n = 0;
	put_ipv4(&packet, &t);
	packet.d[2] = packet.d[3] = 0;
	memset(packet.d + packet.n, 'x', big);
	packet.n += big;
	pcap_packet(&file, SEC, &packet, 0);
	play(&file, &all);
	is_u64(seen.segment.orig_len, big + sizeof(get) - 1, "length 0 means that of the frame");
	is_u64(seen.segment.cap_len, ZC_MAX_CAPTURE, "of which a segment carries its limit");
	is_u64(seen.segment.ev.size, sizeof(seen.segment) + ZC_MAX_CAPTURE, "as its size tells");

	/* a last fragment, of a frame that says to be of 4 GiB */
	pcap_begin(&file, 0xa1b23c4d, 101);
	packet.n = 0;
	put_ipv4(&packet, &t);
	memset(packet.d + 2, 0, 2);
	packet.d[6] = 4;
	pcap_packet(&file, SEC, &packet, 0);
	memset(file.d + file.n - packet.n - 4, 0xff, 4);
	play(&file, &all);
	is_u64(counts.malformed, 1, "no frame is of 4 GiB");
}

static void test_snaplen(void)
{
	struct tcp t = REQUEST;

	packet.n = 0;
	put_ipv4(&packet, &t);
	pcap_begin(&file, 0xa1b23c4d, 101);
	pcap_packet(&file, SEC, &packet, 24 + 24 + 5);
	play(&file, &all);
	is_u64(seen.segment.orig_len, sizeof(get) - 1, "cut by the snapshot length: true length");
	is_u64(seen.segment.cap_len, 5, "and what is there");
	pcap_begin(&file, 0xa1b23c4d, 101);
	pcap_packet(&file, SEC, &packet, 24 + 14);
	pcap_packet(&file, SEC, &packet, 24 + 13);
	play(&file, &all);
	is_u64(seen.segments, 1, "up to the TCP flags will do");
	is_u64(seen.segment.orig_len, sizeof(get) - 1, "the length is known even so");
	is_u64(counts.truncated, 1, "less will not");
}

/* Every packet cut at every length, ending where its memory does. */
static void test_cut(void)
{
	static const int links[] = {0, 1, 12, 14, 101, 108, 113, 228, 229, 276};
	struct tcp t = REQUEST;
	int wrong = 0, tcp = 0;

	for (size_t l = 0; l < sizeof(links) / sizeof(links[0]); l++)
		for (int pad = 0; pad <= 24; pad += 2) {
			packet.n = 0;
			put(&packet, "\0\0\0\0\0\0\0\0\0\0\0\0\x81\0\0\0\x08\0\0\0\x81\0\0\0",
			    (size_t)pad);
			if (pad % 4)
				put_ipv6(&packet, &t, 0, "\x06\0\0\0\0\0\0", 8);
			else
				put_ipv4(&packet, &t);
			for (size_t n = 0; n <= packet.n; n++) {
				uint8_t *exact = malloc(n ? n : 1);
				struct frame f;

				memcpy(exact, packet.d, n);
				if (frame_decode(links[l], exact, (uint32_t)n, (uint32_t)packet.n,
						 &f) == FRAME_TCP) {
					tcp++;
					wrong += f.cap_len > f.orig_len || f.payload < exact ||
						 f.payload + f.cap_len > exact + n;
				}
				free(exact);
			}
		}
	is_u64(wrong, 0, "cut packets: payload lies within the packet");
	ok(tcp > 100, "some of them are good (%d)", tcp);
}

static void test_connection(void)
{
	pcap_begin(&file, 0xa1b23c4d, 101);
	pcap_tcp(&file, SEC, (struct tcp){.to_server = 1, .seq = 0xfffffff0, .flags = SYN});
	pcap_tcp(&file, SEC, (struct tcp){.to_server = 1, .seq = 0xfffffff0, .flags = SYN});
	pcap_tcp(&file, SEC, (struct tcp){.seq = 500, .ack = 0xfffffff1, .flags = SYN | ACK});
	is_u64(play(&file, &all), 0, "handshake");
	is_u64(seen.segment.seq, 501, "the SYN's event has the first octet's sequence number");
	pcap_tcp(&file, SEC, (struct tcp){.to_server = 1, .seq = 0xfffffff1, .flags = ACK});
	pcap_tcp(&file, SEC, (struct tcp){.to_server = 1, .seq = 0xfffffff1, .flags = ACK,
					  .text = get});
	play(&file, &all);
	is_u64(seen.segment.seq, 0xfffffff1, "sequence number before it wraps");
	pcap_tcp(&file, SEC, (struct tcp){.to_server = 1, .seq = 3, .flags = ACK | FIN});
	pcap_tcp(&file, SEC, (struct tcp){.seq = 501, .ack = 3, .flags = ACK, .text = reply});
	pcap_tcp(&file, 2 * SEC, (struct tcp){.seq = 528, .ack = 4, .flags = ACK | FIN});
	pcap_tcp(&file, 2 * SEC, (struct tcp){.to_server = 1, .seq = 4, .ack = 529, .flags = ACK});
	play(&file, &all);
	is_str(seen.order, "OSSSSSSSC", "a whole connection; a bare ACK is no event");
	is_u64(seen.open.role, ZC_ROLE_SERVER, "the side that was sent a SYN serves");
	is_u64(seen.open.ev.flags & ZC_OPEN_PREEXISTING, 0, "seen from its beginning");
	is_u64(seen.open.lport, 80, "its port");
	is_u64(seen.close.bytes[ZC_RX], sizeof(get) - 1, "octets in");
	is_u64(seen.close.bytes[ZC_TX], sizeof(reply) - 1, "octets out");

	/* a late retransmission still belongs to it, and after the linger is passed over */
	pcap_tcp(&file, 2 * SEC + SEC / 4, (struct tcp){.seq = 501, .flags = ACK, .text = reply});
	pcap_tcp(&file, 2 * SEC + SEC, (struct tcp){.seq = 501, .flags = ACK, .text = reply});
	play(&file, &all);
	is_str(seen.order, "OSSSSSSSRSC", "sent again; CLOSE comes after a while");
	pcap_tcp(&file, 2 * SEC + SEC,
		 (struct tcp){.seq = 900501, .ack = 900004, .flags = ACK, .text = reply});
	play(&file, &all);
	is_str(seen.order, "OSSSSSSSRSCOS", "other numbers are another connection");
	ok(seen.open.ev.flags & ZC_OPEN_PREEXISTING,
	   "that is joined late");
}

static void test_unanswered(void)
{
	pcap_begin(&file, 0xa1b23c4d, 101);
	pcap_tcp(&file, SEC, (struct tcp){.to_server = 1, .seq = 100, .flags = SYN});
	play(&file, &all);
	is_str(seen.order, "OS", "of one SYN nobody knows what came of it");
	pcap_tcp(&file, 2 * SEC, (struct tcp){.to_server = 1, .seq = 100, .flags = SYN});
	pcap_tcp(&file, 4 * SEC, (struct tcp){.to_server = 1, .seq = 100, .flags = SYN});
	play(&file, &all);
	is_str(seen.order, "OSSRSRC", "sent again and not answered");
	is_u64(seen.close.error, ETIMEDOUT, "so it timed out");
	is_u64(seen.close.ev.time, 4 * SEC, "nobody knows for how long after the last SYN");
	pcap_tcp(&file, 5 * SEC, (struct tcp){.seq = 500, .ack = 101, .flags = SYN | ACK});
	play(&file, &all);
	is_str(seen.order, "OSSRSRS", "answered at last");
	is_u64(seen.flow.packets[ZC_RX], 3, "packets to the server");
	is_u64(seen.flow.packets[ZC_TX], 1, "and from it");
}

static void test_reuse(void)
{
	pcap_begin(&file, 0xa1b23c4d, 101);
	pcap_tcp(&file, SEC, (struct tcp){.to_server = 1, .seq = 100, .flags = SYN});
	pcap_tcp(&file, SEC, REQUEST);
	pcap_tcp(&file, SEC, (struct tcp){.to_server = 1, .seq = 9000, .flags = SYN});
	play(&file, &all);
	is_str(seen.order, "OSSOS", "a new SYN on the same addresses may be a new connection");
	pcap_tcp(&file, SEC, (struct tcp){.seq = 7, .ack = 9001, .flags = SYN | ACK});
	play(&file, &all);
	is_str(seen.order, "OSSOSSC", "when it is answered, it is");
	ok(seen.conns[0] == seen.conns[1] && seen.conns[1] != seen.conns[2], "with its own id");

	pcap_begin(&file, 0xa1b23c4d, 101);
	pcap_tcp(&file, SEC, (struct tcp){.to_server = 1, .seq = 100, .flags = SYN});
	pcap_tcp(&file, SEC, (struct tcp){.ack = 101, .flags = RST | ACK});
	pcap_tcp(&file, SEC, (struct tcp){.to_server = 1, .seq = 100, .flags = SYN});
	play(&file, &all);
	is_str(seen.order, "OSSC", "the same SYN after a reset is the same attempt");
	is_u64(seen.close.ev.flags, ZC_CLOSE_CONNECT, "it was a connect");
	is_u64(seen.close.error, ECONNREFUSED, "that was refused");

	pcap_begin(&file, 0xa1b23c4d, 101);
	pcap_tcp(&file, SEC, (struct tcp){.to_server = 1, .flags = RST});
	pcap_tcp(&file, SEC, (struct tcp){.to_server = 1, .flags = FIN | ACK});
	pcap_tcp(&file, SEC, (struct tcp){.to_server = 1, .flags = ACK});
	play(&file, &all);
	is_str(seen.order, "", "the end of what was never seen is nothing");

	pcap_begin(&file, 0xa1b23c4d, 101);
	pcap_tcp(&file, SEC, REQUEST);
	pcap_tcp(&file, SEC, (struct tcp){.to_server = 1, .seq = 2000, .flags = FIN | ACK});
	pcap_tcp(&file, SEC, (struct tcp){.to_server = 1, .seq = 90000, .flags = ACK, .text = get});
	play(&file, &all);
	is_str(seen.order, "OSSOS", "what comes behind a FIN is another connection");

	pcap_begin(&file, 0xa1b23c4d, 101);
	pcap_tcp(&file, SEC, (struct tcp){.to_server = 1, .seq = 100, .flags = SYN});
	pcap_tcp(&file, SEC, REQUEST);
	pcap_tcp(&file, SEC, (struct tcp){.to_server = 1, .seq = 100 + sizeof(get), .ack = 9000,
					  .flags = ACK});
	pcap_tcp(&file, SEC, (struct tcp){.to_server = 1, .seq = 9000, .flags = SYN});
	pcap_tcp(&file, SEC, (struct tcp){.seq = 7, .ack = 9001, .flags = SYN | ACK});
	play(&file, &all);
	is_str(seen.order, "OSSOSSSC", "an answer that was not seen is told by who received it");

	for (int first = 0; first < 2; first++) {
		pcap_begin(&file, 0xa1b23c4d, 101);
		pcap_tcp(&file, SEC, first ? RESPONSE : REQUEST);
		pcap_tcp(&file, SEC, (struct tcp){.to_server = 1, .seq = 100 + 18 * (uint32_t)first,
						  .flags = SYN});
		play(&file, &all);
		is_str(seen.order, "OSS", "the connection's own SYN may come late");
	}
}

static void test_which_side(void)
{
	static const struct port_range odd = {50000, 50010};
	struct packets_options o = {.ports = &odd, .nports = 1};
	/* a server on 50051 that a client on 33000 talks to: the ports mislead */
	struct tcp t = {.to_server = 1, .cport = 33000, .sport = 50051, .flags = ACK, .text = get};

	pcap_begin(&file, 0xa1b23c4d, 101);
	pcap_tcp(&file, SEC, t);
	play(&file, &all);
	ok(seen.open.lport == 50051 && seen.open.role == ZC_ROLE_SERVER, "who is asked serves");
	t.to_server = 0;
	t.text = reply;
	pcap_begin(&file, 0xa1b23c4d, 101);
	pcap_tcp(&file, SEC, t);
	play(&file, &all);
	ok(seen.open.lport == 50051 && seen.open.role == ZC_ROLE_SERVER, "who answers serves");
	t.text = "body";
	pcap_begin(&file, 0xa1b23c4d, 101);
	pcap_tcp(&file, SEC, t);
	play(&file, &all);
	ok(seen.open.lport == 33000 && seen.open.role == ZC_ROLE_UNKNOWN, "else it is a guess");
	play(&file, &o);
	is_u64(seen.opens, 0, "a connection of other ports is not wanted");
	is_u64(counts.tcp, 1, "but counted");
	t.sport = 50010;
	pcap_begin(&file, 0xa1b23c4d, 101);
	pcap_tcp(&file, SEC, t);
	play(&file, &o);
	ok(seen.open.lport == 50010 && seen.open.role == ZC_ROLE_SERVER, "the wanted port serves");
}

static void test_eviction(void)
{
	struct packets_options o = {.max_flows = 10};

	pcap_begin(&file, 0xa1b23c4d, 101);
	for (uint16_t i = 0; i < 100; i++) {
		struct tcp t = REQUEST;

		t.cport = (uint16_t)(1000 + i);
		pcap_tcp(&file, SEC, t);
		t.cport = 1000; /* always in use, so never the one to go */
		pcap_tcp(&file, SEC, t);
	}
	play(&file, &o);
	is_u64(seen.opens, 100, "the connection in use is kept");
	is_u64(counts.evicted_flows, 90, "the others go, the longest unused first");
	is_u64(seen.closes, 0, "which is no end that was seen");
}

static void test_formats(void)
{
	size_t whole;

	pcap_begin(&file, 0xa1b2c3d4, 101);
	pcap_tcp(&file, 5 * SEC + 123456, REQUEST);
	play(&file, &all);
	is_u64(seen.segment.ev.time, 5 * SEC + 123456000, "microseconds");
	whole = file.n;
	pcap_tcp(&file, 6 * SEC, RESPONSE);
	for (file.n--; file.n > whole; file.n--)
		if (play(&file, &all) || seen.segments != 1 || !strstr(said, "octets: "))
			ok(0, "cut at %zu: %d segments, %s", file.n, seen.segments, said);
	play(&file, &all);
	is_str(said, "", "cut at a packet's end: nothing wrong");
	file.n = 10;
	ok(play(&file, &all) && strstr(err, "octets"), "no header: %s", err);
}

static void refused(const char *name, const void *data, size_t n, const char *want)
{
	char path[64];
	FILE *f;

	snprintf(path, sizeof(path), "/tmp/zctrace-test-packets-%d", (int)getpid());
	f = fopen(path, "wb");
	fwrite(data, 1, n, f);
	fclose(f);
	err[0] = 0;
	ok(!source_open_file(path, &all, &plain, err, sizeof(err)) && strstr(err, want) &&
		   strstr(err, "zctrace-test-packets"),
	   "%s: %s", name, err);
	unlink(path);
}

static void test_open_file(void)
{
	char path[64];
	struct source *s;
	FILE *f;

	refused("empty file", "", 0, "empty");
	refused("foreign file", "\x7f" "ELF....", 8, "(starts with 7f 45 4c 46 2e 2e 2e 2e)");
	refused("short file", "ab", 2, "(starts with 61 62)");
	refused("compressed file", "\x1f\x8b\x08\0\0\0\0\0", 8, "compressed data is cut off");
	refused("half a pcapng file", "\x0a\x0d\x0d\x0a", 4, "not a capture file");
	ok(!source_open_file("/nonexistent/x.pcap", &all, &plain, err, sizeof(err)), "%s", err);
	is_str(err, "/nonexistent/x.pcap: No such file or directory", "missing file");
	ok(!source_open_file("/", &all, &plain, err, sizeof(err)) && strstr(err, "directory"), "%s",
	   err);

	pcap_begin(&file, 0xa1b23c4d, 101);
	for (int i = 0; i < 500; i++) /* more than one look at the file */
		pcap_tcp(&file, SEC, REQUEST);
	snprintf(path, sizeof(path), "/tmp/zctrace-test-packets-%d", (int)getpid());
	f = fopen(path, "wb");
	fwrite(file.d, 1, file.n, f);
	fclose(f);
	s = source_open_file(path, &all, &plain, err, sizeof(err));
	memset(&seen, 0, sizeof(seen));
	while (s && s->ops->poll(s, see, &seen, 0) >= 0)
		;
	is_u64(seen.segments, 500, "a capture is known by its content");
	ok(s && !s->ops->error(s) && s->start == SEC && !s->live && !s->wall_offset, "its times");
	if (s)
		s->ops->free(s);
	unlink(path);
}

/* A connection to ourselves, seen on the loopback interface. */
static void test_interface(void)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(a);
	int l = socket(AF_INET, SOCK_STREAM, 0), c = socket(AF_INET, SOCK_STREAM, 0), fd, perm;
	struct packets_options o = {.nports = 1};
	struct port_range range;
	struct source *s;

	if (bind(l, (struct sockaddr *)&a, len) || listen(l, 1) ||
	    getsockname(l, (struct sockaddr *)&a, &len))
		abort();
	range.first = range.last = ntohs(a.sin_port);
	o.ports = &range;
	ok(!packets__open_interface("nonesuch0", &o, &perm, err, sizeof(err)) &&
		   (perm || strstr(err, "nonesuch0")), "%s", err);
	s = packets__open_interface("lo", &o, &perm, err, sizeof(err));
	if (!s && perm) {
		printf("ok %d # SKIP %s\n", ++tap_count, err);
		return;
	}
	ok(s && s->live && !s->wall_offset, "capturing on lo %s", s ? "" : err);
	memset(&seen, 0, sizeof(seen));
	connect(c, (struct sockaddr *)&a, len);
	fd = accept(l, NULL, NULL);
	ok(write(c, get, sizeof(get) - 1) > 0 && write(fd, reply, sizeof(reply) - 1) > 0,
	   "traffic");
	close(fd);
	close(c);
	close(l);
	for (int i = 0; s && i < 200 && !seen.closes; i++)
		if (s->ops->poll(s, see, &seen, 20) < 0)
			break;
	is_u64(seen.open.lport, range.first, "the listening side serves");
	is_str(seen.text[ZC_RX], get, "live: the request");
	is_str(seen.text[ZC_TX], reply, "live: the response");
	is_u64(seen.closes, 1, "live: closed while nothing more came");
	if (s)
		s->ops->free(s);
}

int main(void)
{
	test_links();
	test_extension_headers();
	test_ipv4_oddities();
	test_snaplen();
	test_cut();
	test_connection();
	test_unanswered();
	test_reuse();
	test_which_side();
	test_eviction();
	test_formats();
	test_open_file();
	test_interface();
	return tap_done();
}
