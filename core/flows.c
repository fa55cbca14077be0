/*
 * flows.c - see flows.h
 */
#include "core/flows.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "core/flow_network.h"
#include "core/flow_past.h"
#include "core/list.h"
#include "parsers/protocol.h"

#define FLOWS_DEFAULT 65536u
#define FLOWS_LIMIT (1u << 24)

/* Sequence numbers further apart than this are not of one connection. */
#define FAR (64u << 20)
#define DOMAINS 3 /* in which one direction is seen */
#define SYN_DATA_MAX 65536u

/* Retransmissions and segments out of order come this long after a connection's end. */
#define LINGER_NS 500000000ull
/* For so long nobody has answered: Linux waits for 64 s after its last SYN. */
#define TRYING_NS 70000000000ull
#define FLOW_NS 1000000000ull /* between two FLOWs of one connection */
#define LISTENERS 16u	       /* of which it is known how many do not answer */

struct flow {
	struct flow *next; /* in its bucket, or among the unused */
	struct list lru;
	struct list closing; /* linked: has ended, CLOSE is due at closing_at + LINGER_NS */
	struct list trying;  /* linked: nothing but SYNs, the last at tried_at */
	uint64_t tried_at;
	struct flow_network network;
	uint64_t packets[2];	   /* by direction, as bytes */
	uint64_t told_at, told;	   /* FLOW: when, and of how many packets */
	struct flow_key key;
	struct flow_marks marks;
	uint64_t conn;
	uint64_t closing_at;
	uint64_t bytes[2];
	/* by index in key: what was seen of the numbers, and where */
	uint32_t end[2], ack[2];
	uint32_t domain[2][DOMAINS];
	uint8_t has_end[2], has_ack[2], ndomains[2];
	uint8_t bare[2]; /* its latest segment made no event */
	uint32_t isn; /* of the client; what it would be, if has_isn is 0 */
	uint8_t has_isn;
	uint8_t server; /* index in key */
	uint8_t family;
	uint8_t fin[2], payload;
	uint8_t superseded; /* its addresses seem to be used anew, */
	uint8_t successor;  /* by this one, which was not answered so far */
	uint8_t ended;	    /* in closing, since it has ended itself */
	uint8_t refused;    /* its first answer was a reset */
};

/* A port whose clients do not complete their handshakes. */
struct listener {
	uint64_t unanswered;
	uint16_t port;
};

struct flows {
	source_event_fn fn;
	void *ctx;
	struct port_range *ports;
	unsigned nports;
	uint32_t count, max, mask;
	uint64_t seed, next_conn, evicted, copies;
	uint64_t now;
	struct list lru, closing, trying; /* longest ago first */
	struct flow *unused;
	struct flow **buckets;
	struct flow_past *past;
	struct listener listener[LISTENERS]; /* the latest begun is the one before nlisteners */
	unsigned nlisteners;
	struct zc_ev_segment *event; /* with room for a payload behind it */
};

/* ---- table */

static uint32_t key_bucket(const struct flows *f, const struct flow_key *k)
{
	return flow_key_hash(k, f->seed) & f->mask;
}

/* Returns which of the two ends is the sender. */
static int key_of(struct flow_key *k, const struct frame *seg)
{
	int c = memcmp(seg->src, seg->dst, sizeof(seg->src));
	int src = c ? c > 0 : seg->sport > seg->dport;

	memset(k, 0, sizeof(*k));
	memcpy(k->addr[src], seg->src, sizeof(seg->src));
	memcpy(k->addr[!src], seg->dst, sizeof(seg->dst));
	k->port[src] = seg->sport;
	k->port[!src] = seg->dport;
	return src;
}

/* ---- which flow of these addresses */

static int far_off(uint32_t a, uint32_t b)
{
	return a - b + FAR > 2 * FAR;
}

/* Is it far off from what this end has sent, or from what the other one has acknowledged? */
static int far_from(const struct flow *fl, int end, uint32_t number)
{
	if (fl->has_end[end])
		return far_off(number, fl->end[end]);
	return fl->has_ack[!end] && far_off(number, fl->ack[!end]);
}

/* Is it behind the end of its direction, or does it acknowledge more than ever came? */
static int is_beyond(const struct flow *fl, const struct frame *seg, int src)
{
	return (fl->fin[src] && fl->has_end[src] && (int32_t)(seg->seq - fl->end[src]) > 0) ||
	       (fl->fin[!src] && fl->has_end[!src] && (int32_t)(seg->ack - fl->end[!src]) > 0);
}

/* Are its numbers such as this connection may have now? */
static int fits(const struct flow *fl, const struct frame *seg, int src)
{
	if (!(seg->flags & ZC_TCP_ACK))
		return 1; /* of a SYN, begins_anew() decides */
	if (seg->flags & ZC_TCP_SYN)
		return fl->has_isn ? seg->ack - fl->isn - 1 <= SYN_DATA_MAX
				   : !far_from(fl, !src, seg->ack);
	return !is_beyond(fl, seg, src) &&
	       (!far_from(fl, src, seg->seq) || !far_from(fl, !src, seg->ack));
}

/* Does it continue or repeat exactly what was seen last? */
static int agrees(const struct flow *fl, const struct frame *seg, int src)
{
	if (!(seg->flags & ZC_TCP_ACK))
		return seg->flags & ZC_TCP_SYN && fl->has_isn && fl->isn == seg->seq;
	if (!(fl->has_end[!src] && seg->ack == fl->end[!src]) &&
	    !(fl->has_ack[src] && seg->ack == fl->ack[src]))
		return 0;
	if (fl->has_end[src])
		return seg->seq == fl->end[src] || frame_seq_end(seg) == fl->end[src];
	return fl->has_ack[!src] ? seg->seq == fl->ack[!src] : !!(seg->flags & ZC_TCP_SYN);
}

static int in_domain(const struct flow *fl, uint32_t domain, int src)
{
	for (unsigned i = 0; i < fl->ndomains[src]; i++)
		if (fl->domain[src][i] == domain)
			return 1;
	return !fl->ndomains[src] && fl->ndomains[!src] && in_domain(fl, domain, !src);
}

/* The latest flow that the segment fits, or NULL; then *other is the latest that it does not. */
static struct flow *find(struct flows *f, const struct flow_key *k, const struct frame *seg,
			 int src, struct flow **other)
{
	struct flow *first = f->buckets[key_bucket(f, k)], *young = NULL, *fl;

	*other = NULL;
	for (fl = first; fl; fl = fl->next) {
		if (memcmp(&fl->key, k, sizeof(*k)) || !in_domain(fl, seg->domain, src))
			continue;
		if (young ? agrees(fl, seg, src) : fits(fl, seg, src)) {
			if (fl->payload || !fl->next)
				return fl;
			young = young ? young : fl;
		} else if (!*other) {
			*other = fl;
		}
	}
	if (young)
		return young;
	for (fl = first; fl && !*other; fl = fl->next)
		if (!memcmp(&fl->key, k, sizeof(*k)) && fl->ndomains[src] < DOMAINS &&
		    (agrees(fl, seg, src) ||
		     flow_marks_match(&fl->marks, seg, src) == FLOW_SAME))
			return fl;
	return NULL;
}

static void note_numbers(struct flow *fl, const struct frame *seg, int src)
{
	const struct flow_mark *mark = &fl->marks.mark[src];
	int anew = seg->flags & ZC_TCP_SYN && !(mark->has_isn && mark->isn == seg->seq);
	uint32_t end = frame_seq_end(seg);

	flow_marks_note(&fl->marks, seg, src);
	if (seg->flags & ZC_TCP_RST)
		return;
	if (!fl->ndomains[src] || !in_domain(fl, seg->domain, src))
		fl->domain[src][fl->ndomains[src]++] = seg->domain;
	if (seg->flags & ZC_TCP_ACK) {
		fl->ack[src] = seg->ack;
		fl->has_ack[src] = 1;
	}
	if (!seg->orig_len && !(seg->flags & ZC_TCP_SYN) && !fl->has_end[src])
		return;
	if (!fl->has_end[src] || anew || (int32_t)(end - fl->end[src]) > 0)
		fl->end[src] = end;
	fl->has_end[src] = 1;
	fl->payload |= seg->orig_len != 0;
}

static void close_later(struct flows *f, struct flow *fl)
{
	if (list_linked(&fl->closing))
		return;
	fl->closing_at = f->now;
	list_append(&f->closing, &fl->closing);
}

/* It has been answered: what had its addresses before is over. */
static void close_superseded(struct flows *f, const struct flow *fl)
{
	struct flow *old = f->buckets[key_bucket(f, &fl->key)];

	for (; old; old = old->next)
		if (old->superseded && !memcmp(&old->key, &fl->key, sizeof(old->key)))
			close_later(f, old);
}

static void forget(struct flows *f, struct flow *fl)
{
	struct flow **p = &f->buckets[key_bucket(f, &fl->key)];

	while (*p != fl)
		p = &(*p)->next;
	*p = fl->next;
	list_unlink(&fl->lru);
	list_unlink(&fl->closing);
	list_unlink(&fl->trying);
	fl->next = f->unused;
	f->unused = fl;
	f->count--;
}

static struct flow *add(struct flows *f, const struct flow_key *k)
{
	uint32_t bucket = key_bucket(f, k);
	struct flow *fl;

	if (f->count == f->max) {
		forget(f, list_entry(f->lru.next, struct flow, lru));
		f->evicted++;
	}
	fl = f->unused;
	if (fl)
		f->unused = fl->next;
	else
		fl = malloc(sizeof(*fl));
	if (!fl)
		return NULL;
	memset(fl, 0, sizeof(*fl));
	fl->key = *k;
	fl->conn = f->next_conn++;
	fl->next = f->buckets[bucket];
	f->buckets[bucket] = fl;
	list_append(&f->lru, &fl->lru);
	f->count++;
	return fl;
}

/* ---- which side serves */

static int port_wanted(const struct flows *f, uint16_t port)
{
	for (unsigned i = 0; i < f->nports; i++)
		if (port >= f->ports[i].first && port <= f->ports[i].last)
			return 1;
	return 0;
}

/* The side that serves by what this segment carries, as an index in key; -1: it does not show. */
static int shown_server(const struct frame *seg, int src)
{
	const struct probe in = {
		.p = seg->payload,
		.n = seg->cap_len,
		.dir = (unsigned)src,
		.client = PROBE_NO_DIR,
		.joined = 1,
		.segment = 1,
	};
	struct probed found = probe_all(&in);

	return found.result == PROBE_NO || found.client == PROBE_NO_DIR ? -1 : !found.client;
}

static void choose_server(const struct flows *f, struct flow *fl, const struct frame *seg, int src,
			  uint8_t *role)
{
	int wanted_src = port_wanted(f, seg->sport), wanted_dst = port_wanted(f, seg->dport);
	int shown = shown_server(seg, src);

	*role = ZC_ROLE_SERVER;
	if (seg->flags & ZC_TCP_SYN) {
		fl->server = (uint8_t)(seg->flags & ZC_TCP_ACK ? src : !src);
	} else if (wanted_src != wanted_dst) {
		fl->server = (uint8_t)(wanted_src ? src : !src);
	} else if (shown >= 0) {
		fl->server = (uint8_t)shown;
	} else {
		fl->server = (uint8_t)(seg->sport < seg->dport ? src : !src);
		*role = ZC_ROLE_UNKNOWN;
	}
}

/* ---- events */

static void emit_open(const struct flows *f, const struct flow *fl, uint8_t role, int late)
{
	struct zc_ev_open o = {
		.ev = {.kind = ZC_EV_OPEN, .size = sizeof(o), .time = f->now, .conn = fl->conn},
		.lport = fl->key.port[fl->server],
		.rport = fl->key.port[!fl->server],
		.family = fl->family,
		.role = role,
	};

	o.ev.flags = late ? ZC_OPEN_PREEXISTING : 0;
	memcpy(o.laddr, fl->key.addr[fl->server], sizeof(o.laddr));
	memcpy(o.raddr, fl->key.addr[!fl->server], sizeof(o.raddr));
	f->fn(f->ctx, &o.ev);
}

static void emit_segment(struct flows *f, struct flow *fl, const struct frame *seg, int dir)
{
	uint32_t cap = seg->cap_len < ZC_MAX_CAPTURE ? seg->cap_len : ZC_MAX_CAPTURE;
	struct zc_ev_segment *e = f->event;

	*e = (struct zc_ev_segment){
		.ev = {.kind = ZC_EV_SEGMENT,
		       .size = (uint32_t)sizeof(*e) + cap,
		       .time = f->now,
		       .conn = fl->conn},
		.seq = seg->seq + !!(seg->flags & ZC_TCP_SYN),
		.ack = seg->flags & ZC_TCP_ACK ? seg->ack : 0,
		.orig_len = seg->orig_len,
		.cap_len = cap,
		.dir = (uint8_t)dir,
		.tcp_flags = seg->flags & (ZC_TCP_FIN | ZC_TCP_SYN | ZC_TCP_RST | ZC_TCP_ACK),
	};
	memcpy(e + 1, seg->payload, cap);
	f->fn(f->ctx, &e->ev);
}

/* What went by, if there is more of it than was told. Returns the number of events. */
static int emit_flow(struct flows *f, struct flow *fl)
{
	struct zc_ev_flow e = {
		.ev = {.kind = ZC_EV_FLOW, .size = sizeof(e), .time = f->now, .conn = fl->conn},
		.bytes = {fl->bytes[0], fl->bytes[1]},
		.packets = {fl->packets[0], fl->packets[1]},
		.rtt_us = flow_network_rtt(&fl->network),
		.min_rtt_us = flow_network_min_rtt(&fl->network),
		.needless = fl->network.side[0].needless + fl->network.side[1].needless,
		.dup_acks = {fl->network.side[!fl->server].dup_acks,
			     fl->network.side[fl->server].dup_acks},
	};

	if (fl->packets[0] + fl->packets[1] == fl->told)
		return 0;
	fl->told = fl->packets[0] + fl->packets[1];
	fl->told_at = f->now;
	f->fn(f->ctx, &e.ev);
	return 1;
}

static void emit_window(const struct flows *f, const struct flow *fl, int src)
{
	struct zc_ev_window w = {
		.ev = {.kind = ZC_EV_WINDOW, .size = sizeof(w), .time = f->now, .conn = fl->conn},
		.dir = src == fl->server ? ZC_TX : ZC_RX,
	};

	w.ev.flags = fl->network.side[src].window_closed ? ZC_WINDOW_CLOSED : 0;
	f->fn(f->ctx, &w.ev);
}

static void emit_retransmit(const struct flows *f, const struct flow *fl, const struct frame *seg,
			    int src, const struct flow_news *news)
{
	struct zc_ev_retransmit r = {
		.ev = {.kind = ZC_EV_RETRANSMIT,
		       .size = sizeof(r),
		       .time = f->now,
		       .conn = fl->conn},
		.sent = news->first,
		.seq = seg->seq + !!(seg->flags & ZC_TCP_SYN),
		.len = seg->orig_len,
		.total = fl->network.side[src].resent,
		.rtt_us = flow_network_rtt(&fl->network),
		.dir = src == fl->server ? ZC_TX : ZC_RX,
	};

	r.ev.flags = news->flags;
	f->fn(f->ctx, &r.ev);
}

static uint64_t count_unanswered(struct flows *f, uint16_t port)
{
	struct listener *l = f->listener;

	while (l < f->listener + LISTENERS && l->port != port)
		l++;
	if (l == f->listener + LISTENERS) {
		l = &f->listener[f->nlisteners++ % LISTENERS];
		*l = (struct listener){.port = port};
	}
	return ++l->unanswered;
}

/*
 * A SYN-ACK that was sent twice again, and its client has not answered: as a socket's, each time
 * that they have doubled. Returns the number of events.
 */
static int emit_unanswered(struct flows *f, const struct flow *fl, const struct frame *seg)
{
	struct zc_ev_backlog b = {
		.ev = {.kind = ZC_EV_BACKLOG, .size = sizeof(b), .time = f->now},
		.port = seg->sport,
		.rport = seg->dport,
	};

	if (fl->has_ack[!fl->server] || fl->network.side[fl->server].resent != 2)
		return 0;
	b.overflows = count_unanswered(f, seg->sport);
	if (b.overflows & (b.overflows - 1))
		return 0;
	b.ev.flags = ZC_BACKLOG_UNANSWERED;
	memcpy(b.raddr, seg->dst, sizeof(b.raddr));
	f->fn(f->ctx, &b.ev);
	return 1;
}

/* What bare acknowledgements, which make no events, have told last: octets that went by. */
static int emit_acks(struct flows *f, const struct flow *fl)
{
	int events = 0;

	for (int end = 0; end < 2; end++) {
		struct zc_ev_segment e = {
			.ev = {.kind = ZC_EV_SEGMENT,
			       .size = sizeof(e),
			       .time = f->now,
			       .conn = fl->conn},
			.seq = fl->end[end],
			.ack = fl->ack[end],
			.dir = end == fl->server ? ZC_TX : ZC_RX,
			.tcp_flags = ZC_TCP_ACK,
		};

		/* of what was not seen */
		if (!fl->bare[end] || !fl->has_end[end] ||
		    (fl->has_end[!end] && (int32_t)(fl->ack[end] - fl->end[!end]) <= 0))
			continue;
		f->fn(f->ctx, &e.ev);
		events++;
	}
	return events;
}

/* error: why it was never established; 0: it was, or nobody knows. Returns the number of events. */
static int emit_close(struct flows *f, struct flow *fl, uint32_t error)
{
	int events = emit_acks(f, fl) + 1;
	struct zc_ev_close c = {
		.ev = {.kind = ZC_EV_CLOSE, .size = sizeof(c), .time = f->now, .conn = fl->conn},
		.bytes = {fl->bytes[0], fl->bytes[1]},
		.error = error,
		.rtt_us = flow_network_rtt(&fl->network),
		.min_rtt_us = flow_network_min_rtt(&fl->network),
		.retransmits = fl->network.side[fl->server].resent,
		.packets = {(uint32_t)fl->packets[0], (uint32_t)fl->packets[1]},
		.needless = fl->network.side[0].needless + fl->network.side[1].needless,
		.dup_acks = {fl->network.side[!fl->server].dup_acks,
			     fl->network.side[fl->server].dup_acks},
	};

	if (error)
		c.ev.flags = ZC_CLOSE_CONNECT;
	if (error == ETIMEDOUT)
		c.ev.time = fl->tried_at;
	flow_past_add(f->past, &fl->key, &fl->marks);
	forget(f, fl);
	f->fn(f->ctx, &c.ev);
	return events;
}

/* Nobody has answered. Of a SYN alone nobody knows whether that is so. */
static int give_up(struct flows *f, struct flow *fl)
{
	if (fl->network.side[!fl->server].resent)
		return emit_close(f, fl, ETIMEDOUT);
	list_unlink(&fl->trying);
	return 0;
}

/* ---- interface */

int flows__tick(struct flows *f, uint64_t now)
{
	int events = 0;

	f->now = now;
	while (!list_empty(&f->closing)) {
		struct flow *fl = list_entry(f->closing.next, struct flow, closing);

		/* a clock that went back must not keep them forever, so only the future waits */
		if (now >= fl->closing_at && now - fl->closing_at < LINGER_NS)
			break;
		events += emit_close(f, fl, 0);
	}
	while (!list_empty(&f->trying)) {
		struct flow *fl = list_entry(f->trying.next, struct flow, trying);

		if (now < fl->tried_at + TRYING_NS)
			break;
		events += give_up(f, fl);
	}
	return events;
}

/* The other end answers, or goes on as if it had. */
static void note_attempt(struct flows *f, struct flow *fl, const struct frame *seg, int src)
{
	int syn = (seg->flags & (ZC_TCP_SYN | ZC_TCP_ACK | ZC_TCP_RST)) == ZC_TCP_SYN;

	if (syn && (list_linked(&fl->trying) || !(fl->packets[ZC_RX] | fl->packets[ZC_TX]))) {
		fl->tried_at = f->now;
		list_unlink(&fl->trying);
		list_append(&f->trying, &fl->trying);
	} else if (list_linked(&fl->trying)) {
		fl->refused = seg->flags & ZC_TCP_RST && src == fl->server;
		list_unlink(&fl->trying);
	}
}

static void note_end(struct flows *f, struct flow *fl, const struct frame *seg, int src)
{
	/* a FIN before anything of its direction ends nothing: it may be of another connection */
	if (seg->flags & ZC_TCP_FIN && fl->has_end[src])
		fl->fin[src] = 1;
	if (seg->flags & ZC_TCP_RST || (fl->fin[0] && fl->fin[1])) {
		fl->ended = 1;
		close_later(f, fl);
	}
}

static int pass_over(struct flows *f, struct flow_marks *marks, const struct frame *seg, int src)
{
	flow_marks_again(marks, seg, src);
	f->copies++;
	return 0;
}

/* Another connection seems to have its addresses. Returns the number of events. */
static int supersede(struct flows *f, struct flow *fl)
{
	if (!(fl->payload || (fl->has_end[0] && fl->has_end[1])) || fl->ended) {
		return list_linked(&fl->trying) ? give_up(f, fl) : emit_close(f, fl, 0);
	}
	fl->superseded = 1;
	return 0;
}

static struct flow *begin(struct flows *f, const struct flow_key *key, const struct frame *seg,
			  int src)
{
	struct flow *fl = add(f, key);
	uint8_t role;

	if (!fl)
		return NULL;
	fl->family = seg->family;
	fl->told_at = f->now;
	choose_server(f, fl, seg, src, &role);
	emit_open(f, fl, role, !(seg->flags & ZC_TCP_SYN));
	fl->has_isn = (seg->flags & ZC_TCP_SYN) != 0;
	if (src == fl->server)
		fl->isn = seg->ack - 1;
	else
		fl->isn = fl->has_isn ? seg->seq : seg->seq - 1;
	return fl;
}

/*
 * A retransmission is told while its exchange waits for it: a response's before it comes, a
 * request's when it has.
 */
static int emit_packet(struct flows *f, struct flow *fl, const struct frame *seg, int src, int bare)
{
	int dir = src == fl->server ? ZC_TX : ZC_RX, events;
	struct flow_news news;

	if (seg->partial) {
		emit_segment(f, fl, seg, dir);
		return 1;
	}
	note_attempt(f, fl, seg, src);
	fl->packets[dir]++;
	fl->bytes[dir] += seg->orig_len;
	news = flow_network_segment(&fl->network, seg, src, f->now);
	events = news.window + news.resent + !bare;
	if (news.window)
		emit_window(f, fl, src);
	if (news.rtt || f->now >= fl->told_at + FLOW_NS)
		events += emit_flow(f, fl);
	if (news.resent && dir == ZC_TX)
		emit_retransmit(f, fl, seg, src, &news);
	if (!bare)
		emit_segment(f, fl, seg, dir);
	if (news.resent && dir == ZC_RX)
		emit_retransmit(f, fl, seg, src, &news);
	if (news.resent && seg->flags & ZC_TCP_SYN && src == fl->server)
		events += emit_unanswered(f, fl, seg);
	if (fl->refused)
		events += emit_close(f, fl, ECONNREFUSED);
	return events;
}

int flows__wants(const struct flows *f, const struct frame *seg)
{
	return !f->nports || port_wanted(f, seg->sport) || port_wanted(f, seg->dport);
}

/*
 * A SYN that was passed over as a copy's was not: what is behind it has other bytes. It is told of
 * now; marks are those of the connection that had its addresses before.
 */
static int begin_again(struct flows *f, struct flow_marks *marks, const struct frame *seg, int src)
{
	struct frame syn = *seg;
	int client = marks->again == (FLOW_AGAIN_OF(1) | FLOW_AGAIN_BOTH), events;
	uint32_t isn = marks->mark[!client].isn;

	syn.seq = marks->syn;
	syn.flags = ZC_TCP_SYN;
	syn.cap_len = syn.orig_len = 0;
	syn.partial = 1; /* of this one there are no times */
	memset(marks, 0, sizeof(*marks));
	if (client != src)
		frame_turn(&syn);
	events = flows__segment(f, f->now, &syn);
	syn.ack = syn.seq + 1;
	syn.seq = isn;
	syn.flags |= ZC_TCP_ACK;
	frame_turn(&syn);
	return events + flows__segment(f, f->now, &syn);
}

int flows__segment(struct flows *f, uint64_t time, const struct frame *seg)
{
	int events = flows__tick(f, time), src, bare;
	struct flow *fl, *other;
	struct flow_marks *past;
	enum flow_match match;
	struct flow_key key;

	if (!flows__wants(f, seg))
		return events;
	bare = !seg->orig_len && !(seg->flags & (ZC_TCP_SYN | ZC_TCP_FIN | ZC_TCP_RST));
	src = key_of(&key, seg);
	fl = find(f, &key, seg, src, &other);
	if (fl && flow_marks_end(&fl->marks, seg, src, fl->ended)) {
		other = fl->ended ? NULL : fl;
		events += fl->ended ? emit_close(f, fl, 0) : 0;
		fl = NULL;
	}
	/* the end of something never seen is of no use */
	if (!fl && !seg->orig_len && !(seg->flags & ZC_TCP_SYN))
		return events;
	past = fl ? NULL : flow_past_find(f->past, &key, seg, src, &match);
	if (past && match == FLOW_SAME)
		return events + pass_over(f, past, seg, src);
	if (past && past->again & FLOW_AGAIN_BOTH)
		return events + begin_again(f, past, seg, src) + flows__segment(f, time, seg);
	if (fl && flow_marks_are_behind(&fl->marks, seg, src))
		return events + pass_over(f, &fl->marks, seg, src);
	if (!fl && other)
		events += supersede(f, other);
	if (!fl) {
		fl = begin(f, &key, seg, src);
		if (!fl)
			return events;
		events++;
		fl->successor = other != NULL;
	}
	if (fl->superseded && !fl->ended) /* both are there, seen at different places */
		list_unlink(&fl->closing);
	fl->superseded = 0;
	list_unlink(&fl->lru);
	list_append(&f->lru, &fl->lru);
	note_end(f, fl, seg, src);
	note_numbers(fl, seg, src);
	if (fl->successor && fl->has_end[0] && fl->has_end[1]) {
		fl->successor = 0;
		close_superseded(f, fl);
	}
	fl->bare[src] = (uint8_t)bare;
	return events + emit_packet(f, fl, seg, src, bare);
}

int flows__finish(struct flows *f, int max)
{
	int events = 0;

	while (events < max && !list_empty(&f->closing)) {
		events += emit_close(f, list_entry(f->closing.next, struct flow, closing), 0);
	}
	while (events < max && !list_empty(&f->trying))
		events += give_up(f, list_entry(f->trying.next, struct flow, trying));
	for (struct list *n = f->lru.next; events < max && n != &f->lru; n = n->next)
		events += emit_flow(f, list_entry(n, struct flow, lru));
	return events;
}

uint64_t flows__copies(const struct flows *f)
{
	return f->copies;
}

uint64_t flows__evicted(const struct flows *f)
{
	return f->evicted;
}

void flows__set_receiver(struct flows *f, source_event_fn fn, void *ctx)
{
	f->fn = fn;
	f->ctx = ctx;
}

struct flows *flows__new(const struct flows_options *o)
{
	struct flows *f = calloc(1, sizeof(*f));
	uint32_t size = 256;

	if (!f)
		return NULL;
	list_init(&f->lru);
	list_init(&f->closing);
	list_init(&f->trying);
	flows__set_receiver(f, o->fn, o->ctx);
	f->next_conn = 1;
	f->max = o->max_flows ? o->max_flows : FLOWS_DEFAULT;
	if (f->max > FLOWS_LIMIT)
		f->max = FLOWS_LIMIT;
	while (size < f->max)
		size *= 2;
	f->mask = size - 1;
	/* unforeseeable, so that nobody can choose ports that share one bucket; 0 does no harm */
	if (getrandom(&f->seed, sizeof(f->seed), GRND_NONBLOCK) < 0)
		f->seed = 0;
	f->past = flow_past_new(f->seed);
	f->buckets = calloc(size, sizeof(*f->buckets));
	f->event = malloc(sizeof(*f->event) + ZC_MAX_CAPTURE);
	f->ports = calloc(o->nports + 1, sizeof(*f->ports));
	if (!f->past || !f->buckets || !f->event || !f->ports) {
		flows__free(f);
		return NULL;
	}
	f->nports = o->nports;
	if (o->nports)
		memcpy(f->ports, o->ports, o->nports * sizeof(*f->ports));
	return f;
}

void flows__free(struct flows *f)
{
	struct flow *fl;

	if (!f)
		return;
	while (!list_empty(&f->lru))
		forget(f, list_entry(f->lru.next, struct flow, lru));
	while ((fl = f->unused)) {
		f->unused = fl->next;
		free(fl);
	}
	flow_past_free(f->past);
	free(f->buckets);
	free(f->event);
	free(f->ports);
	free(f);
}
