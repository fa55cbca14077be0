/*
 * packets.c - see packets.h
 */
#include "core/packets.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <netinet/in.h>
#include <unistd.h>

#include <pcap/pcap.h>

#include "core/capture.h"
#include "core/fragments.h"
#include "parsers/protocol.h"

#define BATCH 512
/* Batches without an event (no TCP in them) before poll returns, to let the caller do its work. */
#define DULL_BATCHES 64

#define SNAPLEN 262144
#define LIVE_TIMEOUT_MS 20
#define LIVE_BUFFER (16 << 20)
#define STATS_NS 1000000000ull

#define CLOSED_KINDS 5 /* as many as frame.c has names for */

struct packets {
	struct source source;
	struct capture *capture; /* of a file, */
	pcap_t *pcap;		 /* of an interface */
	struct flows *flows;
	unsigned nports; /* that are asked for; 0: all */
	struct fragments *fragments;
	int dlt, fd; /* of an interface */
	uint32_t subsecond; /* nanoseconds that a packet's tv_usec counts */
	int events; /* in this call of poll */
	source_event_fn fn;
	void *ctx;
	uint64_t stats_at;
	uint32_t dropped; /* as libpcap counts: 32 bits that may wrap */
	uint64_t last;	  /* time of the last packet */
	struct packets_counts counts;
	const char *closed[CLOSED_KINDS]; /* what could not be looked into */
	int unknown_link;		  /* of the last packet that was not read for it */
	uint32_t snaplen;		  /* of the longest packet that was cut */
	struct source_stats stats;
	char name[128];
	char err[512];
};

/* ---- packets */

static void count_closed(struct packets *p, const char *what)
{
	for (int i = 0; i < CLOSED_KINDS; i++)
		if (!p->closed[i] || !strcmp(p->closed[i], what)) {
			p->closed[i] = what;
			break;
		}
	p->counts.closed++;
}

static void count(struct packets *p, enum frame_result res, const struct frame *seg)
{
	p->counts.packets++;
	switch (res) {
	case FRAME_TCP: p->counts.tcp++; break;
	case FRAME_OTHER:
	case FRAME_REFUSED:
	case FRAME_UDP: p->counts.other++; break;
	case FRAME_FRAGMENT: break;
	case FRAME_CLOSED: count_closed(p, seg->closed); break;
	case FRAME_SHORT: p->counts.truncated++; break;
	case FRAME_BAD: p->counts.malformed++; break;
	}
}

/*
 * A fragment is kept until its packet is whole. The first one has a segment's beginning, which
 * counts now: the others may never come.
 */
static enum frame_result put_together(struct packets *p, uint64_t time, struct frame *seg)
{
	enum frame_result res = FRAME_FRAGMENT;
	const struct frame_fragment first = seg->fragment;
	uint32_t n, cap_len, len;
	const uint8_t *data;

	while (res == FRAME_FRAGMENT) {
		p->counts.fragments++;
		n = fragments__add(p->fragments, time, seg, &data, &cap_len, &len);
		if (!n)
			break;
		p->counts.fragments -= n;
		res = frame_decode_whole(seg->fragment.protocol, data, cap_len, len, seg);
	}
	if (res != FRAME_FRAGMENT || first.offset || first.protocol != IPPROTO_TCP ||
	    frame_decode_whole(IPPROTO_TCP, first.data, first.cap_len, first.len, seg) != FRAME_TCP)
		return res;
	seg->flags &= (uint8_t)~ZC_TCP_FIN; /* it lies behind the rest */
	seg->partial = 1;
	p->events += flows__segment(p->flows, time, seg);
	return res;
}

/* Is it one of those ports that are asked for, or of all those of a protocol that is known? */
static int is_wanted(const struct packets *p, const struct frame *seg)
{
	const uint16_t port[2] = {seg->sport, seg->dport};
	const struct protocol *protocol;
	int tls;

	if (p->nports)
		return flows__wants(p->flows, seg);
	for (int i = 0; i < 2; i++) {
		protocol = protocol_by_port(port[i], &tls);
		if (protocol && protocol->transports & TRANSPORT_DATAGRAM && !tls)
			return 1;
	}
	return 0;
}

/*
 * A datagram becomes one of its server's socket: that of the lower port. error: it was a question,
 * and was turned away.
 */
static int datagram(struct packets *p, uint64_t time, const struct frame *seg, uint8_t error)
{
	uint8_t buffer[sizeof(struct zc_ev_datagram) + ZC_MAX_CAPTURE];
	struct zc_ev_datagram *d = (struct zc_ev_datagram *)(void *)buffer;
	int rx = seg->dport < seg->sport;
	uint32_t n = error ? 0 : seg->cap_len;

	if (!is_wanted(p, seg) || !seg->orig_len || n > ZC_MAX_CAPTURE || (error && !rx))
		return 0;
	memset(d, 0, sizeof(*d));
	d->ev = (struct zc_ev){ZC_EV_DATAGRAM, 0, (uint32_t)sizeof(*d) + n, time, 0};
	memcpy(d->laddr, rx ? seg->dst : seg->src, 16);
	memcpy(d->raddr, rx ? seg->src : seg->dst, 16);
	d->lport = rx ? seg->dport : seg->sport;
	d->rport = rx ? seg->sport : seg->dport;
	d->family = seg->family;
	d->dir = rx && !error ? ZC_RX : ZC_TX;
	d->error = error;
	for (int i = 0; i < 16; i++)
		d->ev.conn = d->ev.conn * 31 + d->laddr[i];
	d->ev.conn = ((d->ev.conn * 31 + seg->domain) << 16 | d->lport) & ((1ull << 61) - 1);
	d->orig_len = error ? 0 : seg->orig_len;
	d->cap_len = n;
	memcpy(d + 1, seg->payload, n);
	p->fn(p->ctx, &d->ev);
	return 1;
}

static void take(struct packets *p, const struct capture_packet *packet)
{
	enum frame_result res;
	struct frame seg;

	if (!p->counts.packets && !p->source.live)
		p->source.start = packet->time;
	p->last = packet->time;
	if (!frame_knows(packet->link)) {
		p->counts.packets++;
		p->counts.unknown++;
		p->unknown_link = packet->link;
		return;
	}
	res = frame_decode(packet->link, packet->data, packet->cap_len, packet->orig_len, &seg);
	if (res == FRAME_FRAGMENT)
		res = put_together(p, packet->time, &seg);
	count(p, res, &seg);
	if ((res == FRAME_TCP && seg.cap_len < seg.orig_len) || res == FRAME_SHORT)
		p->snaplen = p->snaplen < packet->cap_len ? packet->cap_len : p->snaplen;
	p->counts.cut += res == FRAME_TCP && seg.cap_len < seg.orig_len;
	p->events += res == FRAME_TCP ? flows__segment(p->flows, packet->time, &seg)
				      : flows__tick(p->flows, packet->time);
	if ((res == FRAME_UDP || res == FRAME_REFUSED) &&
	    datagram(p, packet->time, &seg, res == FRAME_REFUSED ? ECONNREFUSED : 0)) {
		p->events++;
		p->counts.udp++;
		p->counts.other--;
	}
}

static void on_packet(u_char *user, const struct pcap_pkthdr *h, const u_char *bytes)
{
	struct packets *p = (struct packets *)user;

	take(p, &(struct capture_packet){
			.time = (uint64_t)h->ts.tv_sec * 1000000000ull +
				(uint64_t)h->ts.tv_usec * p->subsecond,
			.link = p->dlt, .cap_len = h->caplen, .orig_len = h->len, .data = bytes});
}

static uint64_t clock_ns(clockid_t id)
{
	struct timespec ts;

	clock_gettime(id, &ts);
	return (uint64_t)ts.tv_sec * 1000000000ull + (uint64_t)ts.tv_nsec;
}

/* ---- files */

static int file_poll(struct source *s, source_event_fn fn, void *ctx, int timeout_ms)
{
	struct packets *p = (struct packets *)s;
	struct capture_packet packet;
	int n = 1;

	flows__set_receiver(p->flows, fn, ctx);
	p->fn = fn;
	p->ctx = ctx;
	p->events = 0;
	for (int i = 0; i < DULL_BATCHES * BATCH && p->events < BATCH; i++) {
		/* what has come is handed out before there is any waiting */
		n = capture__next(p->capture, &packet, i ? 0 : timeout_ms);
		if (n <= 0)
			break;
		take(p, &packet);
	}
	if (n < 0 && n != -EINTR && !p->events)
		p->events = flows__finish(p->flows, BATCH);
	p->stats.events += (uint64_t)p->events;
	return p->events || n >= 0 ? p->events : n;
}

/* ---- interfaces */

/* What the kernel or the interface dropped since we last asked becomes an event. */
static void ask_losses(struct packets *p)
{
	struct zc_ev_lost lost = {
		.ev = {.kind = ZC_EV_LOST, .size = sizeof(lost), .time = clock_ns(CLOCK_REALTIME)}};
	uint64_t now = clock_ns(CLOCK_MONOTONIC);
	struct pcap_stat st;
	uint32_t dropped;

	if (now < p->stats_at + STATS_NS)
		return;
	p->stats_at = now;
	if (pcap_stats(p->pcap, &st))
		return;
	dropped = st.ps_drop + st.ps_ifdrop;
	lost.count = dropped - p->dropped;
	p->dropped = dropped;
	if (!lost.count)
		return;
	p->stats.lost_events += lost.count;
	p->events++;
	p->fn(p->ctx, &lost.ev);
}

static int live_poll(struct source *s, source_event_fn fn, void *ctx, int timeout_ms)
{
	struct packets *p = (struct packets *)s;
	struct pollfd pfd = {.fd = p->fd, .events = POLLIN};
	int n;

	p->fn = fn;
	p->ctx = ctx;
	p->events = 0;
	flows__set_receiver(p->flows, fn, ctx);
	ask_losses(p);
	n = p->events ? 0 : poll(&pfd, 1, timeout_ms);
	if (n > 0) {
		n = pcap_dispatch(p->pcap, 2 * BATCH, on_packet, (u_char *)p);
		if (n < 0) {
			snprintf(p->err, sizeof(p->err), "%s: %s", p->name, pcap_geterr(p->pcap));
			return -EIO;
		}
	} else if (n == 0) {
		uint64_t now = clock_ns(CLOCK_REALTIME);

		/* packets may still wait in the kernel: give them their time */
		now -= (uint64_t)LIVE_TIMEOUT_MS * 1000000u;
		if (now > p->last)
			p->events += flows__tick(p->flows, now);
	}
	p->stats.events += (uint64_t)p->events;
	return p->events;
}

/* ---- common */

static void packets_stats(struct source *s, struct source_stats *out)
{
	*out = ((struct packets *)s)->stats;
}

static const char *packets_error(struct source *s)
{
	struct packets *p = (struct packets *)s;

	if (p->capture)
		return capture__error(p->capture);
	return p->err[0] ? p->err : NULL;
}

static void describe_closed(const struct packets *p, char *text, size_t size)
{
	int used = snprintf(text, size, "encrypted or in tunnels that are not opened (");

	for (int i = 0; i < CLOSED_KINDS && p->closed[i]; i++)
		used += snprintf(text + used, size - (size_t)used, "%s%s", i ? ", " : "",
				 p->closed[i]);
	snprintf(text + used, size - (size_t)used, ")");
}

static int packets_unread(struct source *s, char *text, size_t size)
{
	const struct packets *p = (const struct packets *)s;
	const struct packets_counts *c = &p->counts;
	static const struct capture_counts none;
	const struct capture_counts *f = p->capture ? capture__counts(p->capture) : &none;
	char cut[128], closed[192], link[96];
	const struct {
		uint64_t n;
		const char *what;
	} cause[] = {
		{c->tcp || c->udp ? 0 : c->other, "not TCP over IP"},
		{c->cut, cut},
		{c->fragments,
		 "fragments of IP packets whose others are missing (a filter by ports "
		 "leaves them out)"},
		{c->closed, closed},
		{c->truncated, "cut before the end of their TCP header (capture with -s 0)"},
		{c->malformed, "malformed"},
		{c->unknown, link},
		{flows__copies(p->flows), "again of connections that had ended (captured at two "
					  "places, or sent again late)"},
		{f->unnamed, "of interfaces that the file does not describe"},
		{f->dropped, "dropped by whoever captured"},
	};
	int used = 0;

	snprintf(cut, sizeof(cut),
		 "cut within their payload, at %u bytes (heads may be incomplete; "
		 "capture with -s 0)",
		 p->snaplen);
	describe_closed(p, closed, sizeof(closed));
	snprintf(link, sizeof(link), "of a link type that cannot be read (%d)", p->unknown_link);
	for (size_t i = 0; i < sizeof(cause) / sizeof(cause[0]) && (size_t)used < size; i++)
		if (cause[i].n)
			used += snprintf(text + used, size - (size_t)used, "%s%llu %s",
					 used ? ", " : "", (unsigned long long)cause[i].n,
					 cause[i].what);
	if (used && (size_t)used < size)
		used += snprintf(text + used, size - (size_t)used, "; of %llu packets",
				 (unsigned long long)c->packets);
	if (f->secrets && (size_t)used < size)
		used += snprintf(text + used, size - (size_t)used,
				 "%skeys of TLS connections in the "
				 "file (Decryption Secrets Block) are not used",
				 used ? "; " : "");
	return used != 0;
}

static void packets_free(struct source *s)
{
	struct packets *p = (struct packets *)s;

	if (p->pcap)
		pcap_close(p->pcap);
	capture__free(p->capture);
	flows__free(p->flows);
	fragments__free(p->fragments);
	free(p);
}

static const struct source_ops file_ops = {
	.poll = file_poll,
	.stats = packets_stats,
	.error = packets_error,
	.unread = packets_unread,
	.free = packets_free,
};

static const struct source_ops live_ops = {
	.poll = live_poll,
	.stats = packets_stats,
	.error = packets_error,
	.unread = packets_unread,
	.free = packets_free,
};

void packets__counts(const struct source *s, struct packets_counts *out)
{
	const struct packets *p = (const struct packets *)s;

	*out = p->counts;
	out->copies = flows__copies(p->flows);
	out->evicted_flows = flows__evicted(p->flows);
}

static struct packets *new_packets(const char *name, const struct packets_options *o, char *err,
				   size_t errlen)
{
	struct flows_options fo = {
		.ports = o->ports, .nports = o->nports, .max_flows = o->max_flows};
	struct packets *p = calloc(1, sizeof(*p));

	if (p) {
		snprintf(p->name, sizeof(p->name), "%s", name);
		p->fd = -1;
		p->nports = o->nports;
		p->flows = flows__new(&fo);
		p->fragments = fragments__new();
		if (p->flows && p->fragments)
			return p;
		packets_free(&p->source);
	}
	snprintf(err, errlen, "%s: %s", name, strerror(ENOMEM));
	return NULL;
}

/* What is to be known once p->pcap is open. 0, or -1 with a line in err. */
static int learn_format(struct packets *p, char *err, size_t errlen)
{
	const char *link;

	p->dlt = pcap_datalink(p->pcap);
	p->subsecond = pcap_get_tstamp_precision(p->pcap) == PCAP_TSTAMP_PRECISION_NANO ? 1 : 1000;
	if (frame_knows(p->dlt))
		return 0;
	link = pcap_datalink_val_to_name(p->dlt);
	snprintf(err, errlen, "%s: packets of link type %d (%s) cannot be read", p->name, p->dlt,
		 link ? link : "not known");
	return -1;
}

struct source *packets__open(struct bytes *in, const struct packets_options *o, char *err,
			     size_t errlen)
{
	struct packets *p = new_packets(bytes__name(in), o, err, errlen);

	if (!p) {
		bytes__free(in);
		return NULL;
	}
	p->source.ops = &file_ops;
	p->capture = capture__open(in, err, errlen);
	if (p->capture) {
		p->source.waits = capture__waits(p->capture);
		return &p->source;
	}
	packets_free(&p->source);
	return NULL;
}

/* What the ports asked for may be in: fragments, IPv6 behind an extension header, tunnels. */
#define INSIDE "ip6 proto 0 or ip6 proto 43 or ip6 proto 44 or ip6 proto 60"
#define TUNNELS                                                                                    \
	" or ip[6:2] & 0x3fff != 0 or ip proto 4 or ip proto 41 or ip proto 47 or ip proto 97 "    \
	"or ip6 proto 4 or ip6 proto 41 or ip6 proto 47 or udp dst port 2152 or udp dst port "     \
	"4789 or "                                                                                 \
	"udp dst port 4790 or udp dst port 6081 or udp dst port 6635 or udp dst port 8472"
#define SHIMS                                                                                      \
	" or ether proto 0x8100 or ether proto 0x88a8 or ether proto 0x8847 or ether proto 0x8864"

/* Not every link layer has an expression for each of them. */
static int set_filter_text(struct packets *p, const char *text)
{
	struct bpf_program prog;
	int err;

	if (pcap_compile(p->pcap, &prog, text, 1, PCAP_NETMASK_UNKNOWN))
		return -1;
	err = pcap_setfilter(p->pcap, &prog);
	pcap_freecode(&prog);
	return err;
}

/*
 * Lets the kernel drop what the flows would drop, as far as pcap's language goes. That no filter
 * can be set costs time only.
 */
static void set_filter(struct packets *p, const struct packets_options *o)
{
	char ports[1536] = "tcp or ", text[3072];
	size_t at = 0;

	for (unsigned i = 0; o->nports <= 32 && i < o->nports; i++)
		at += (size_t)snprintf(ports + at, sizeof(ports) - at, "tcp portrange %u-%u or ",
				       o->ports[i].first, o->ports[i].last);
	snprintf(text, sizeof(text), "%s" INSIDE TUNNELS SHIMS, ports);
	if (!set_filter_text(p, text))
		return;
	snprintf(text, sizeof(text), "%s" INSIDE TUNNELS, ports);
	set_filter_text(p, text);
}

static int activate(struct packets *p, int *perm, char *err, size_t errlen)
{
	int res;

	pcap_set_snaplen(p->pcap, SNAPLEN);
	pcap_set_timeout(p->pcap, LIVE_TIMEOUT_MS);
	pcap_set_buffer_size(p->pcap, LIVE_BUFFER);
	pcap_set_tstamp_precision(p->pcap, PCAP_TSTAMP_PRECISION_NANO);
	res = pcap_activate(p->pcap);
	if (res >= 0)
		return 0;
	*perm = res == PCAP_ERROR_PERM_DENIED || res == PCAP_ERROR_PROMISC_PERM_DENIED;
	if (*perm)
		snprintf(err, errlen, "%s: capturing needs CAP_NET_RAW (run as root)", p->name);
	else if (res == PCAP_ERROR)
		snprintf(err, errlen, "%s: %s", p->name, pcap_geterr(p->pcap));
	else
		snprintf(err, errlen, "%s: %s", p->name, pcap_statustostr(res));
	return -1;
}

struct source *packets__open_interface(const char *name, const struct packets_options *o,
				       int *perm, char *err, size_t errlen)
{
	struct packets *p = new_packets(name, o, err, errlen);
	char text[PCAP_ERRBUF_SIZE] = "";

	*perm = 0;
	if (!p)
		return NULL;
	p->source.ops = &live_ops;
	p->source.live = p->source.waits = 1;
	p->pcap = pcap_create(name, text);
	if (!p->pcap) {
		snprintf(err, errlen, "%s: %s", name, text);
		goto fail;
	}
	if (activate(p, perm, err, errlen) || learn_format(p, err, errlen))
		goto fail;
	set_filter(p, o);
	p->fd = pcap_get_selectable_fd(p->pcap);
	if (pcap_setnonblock(p->pcap, 1, text) || p->fd < 0) {
		snprintf(err, errlen, "%s: %s", name, text[0] ? text : "cannot be waited for");
		goto fail;
	}
	p->source.start = clock_ns(CLOCK_REALTIME);
	return &p->source;
fail:
	packets_free(&p->source);
	return NULL;
}
