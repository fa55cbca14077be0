#include "core/exchange_link.h"
#include "core/conn_id.h"

#include <stdlib.h>
#include <string.h>

#include "core/engine_impl.h"
#include "core/tls_session.h"
#include "core/span_copy.h"
#include "parsers/str.h"

/* ---- what a head tells */

/* Fewer than eight bytes, each of them at least once. */
static uint64_t few(const char *p, size_t n)
{
	uint32_t first, last;

	if (n < 4)
		return n ? (uint64_t)(uint8_t)p[0] | (uint64_t)(uint8_t)p[n / 2] << 8 |
				   (uint64_t)(uint8_t)p[n - 1] << 16
			 : 0;
	memcpy(&first, p, 4);
	memcpy(&last, p + n - 4, 4);
	return first | (uint64_t)last << 32;
}

static uint64_t hash(uint64_t h, const char *p, size_t n)
{
	uint64_t v, w;

	for (; n >= 16; p += 16, n -= 16) {
		memcpy(&v, p, 8);
		memcpy(&w, p + 8, 8);
		h = id_mix2(h, v, w);
	}
	if (n >= 8) {
		memcpy(&v, p, 8);
		h = id_mix(h, v);
		p += 8;
		n -= 8;
	}
	/* as many as there are is a part of it */
	return id_mix(h, few(p, n) ^ (uint64_t)n << 56);
}

static uint64_t hash_str(uint64_t h, struct str s)
{
	return hash(id_mix(h, s.n), s.p ? s.p : "", s.p ? s.n : 0);
}

/* What fields tell about a request's way. */
enum clue {
	CLUE_NONE,
	CLUE_END_TO_END, /* which forwarders leave alone */
	CLUE_REQUEST_ID,
	CLUE_AMZN,
	CLUE_B3,
	CLUE_B3_TRACE,
	CLUE_B3_SPAN,
	CLUE_MARK, /* which forwarders add, or extend */
};

static const uint8_t clues[FIELD_NAMES] = {
	[FIELD_AMZN_TRACE_ID] = CLUE_AMZN,
	[FIELD_AUTHORIZATION] = CLUE_END_TO_END,
	[FIELD_B3] = CLUE_B3,
	[FIELD_B3_SPAN_ID] = CLUE_B3_SPAN,
	[FIELD_B3_TRACE_ID] = CLUE_B3_TRACE,
	[FIELD_CLIENT_TRACE_ID] = CLUE_REQUEST_ID,
	[FIELD_CONTENT_TYPE] = CLUE_END_TO_END,
	[FIELD_COOKIE] = CLUE_END_TO_END,
	[FIELD_CORRELATION_ID] = CLUE_REQUEST_ID,
	[FIELD_ENVOY_TIMEOUT] = CLUE_MARK,
	[FIELD_FORWARDED] = CLUE_MARK,
	[FIELD_FORWARDED_FOR] = CLUE_MARK,
	[FIELD_FORWARDED_PROTO] = CLUE_MARK,
	[FIELD_REAL_IP] = CLUE_MARK,
	[FIELD_REFERER] = CLUE_END_TO_END,
	[FIELD_REQUEST_ID] = CLUE_REQUEST_ID,
	[FIELD_USER_AGENT] = CLUE_END_TO_END,
	[FIELD_VIA] = CLUE_MARK,
};

/*
 * Of method and path without what varies from request to request: the query, and segments with a
 * digit.
 */
static uint64_t group_of(struct str method, struct str target)
{
	uint64_t h = hash_str(3, method);
	size_t from = 0, digits = 0, i;

	for (i = 0; i < target.n && target.p[i] != '?'; i++) {
		if (target.p[i] == '/') {
			h = digits ? id_mix(h, 1) : hash(h, target.p + from, i - from);
			from = i;
			digits = 0;
		}
		digits += target.p[i] >= '0' && target.p[i] <= '9';
	}
	return digits ? id_mix(h, 1) : hash(h, target.p + from, i - from);
}

/* Octets of n hexadecimal digits at p; 0 unless all are. */
static int hex(const char *p, size_t n, uint8_t *out)
{
	memset(out, 0, n / 2);
	for (size_t i = 0; i < n; i++) {
		char c = p[i] | 0x20;
		int v = p[i] >= '0' && p[i] <= '9' ? p[i] - '0'
			: c >= 'a' && c <= 'f'	   ? c - 'a' + 10
						   : -1;

		if (v < 0)
			return 0;
		out[i / 2] = (uint8_t)(out[i / 2] << 4 | v);
	}
	return 1;
}

/* 16 or 32 digits; a short id is the right half of a long one. */
static int b3_trace(struct str v, struct link_head *h)
{
	uint8_t *id = h->context.trace_id;

	if (v.n != 16 && v.n != 32)
		return 0;
	memset(id, 0, TRACE_ID_LEN);
	h->has_trace = (uint8_t)hex(v.p, v.n, id + TRACE_ID_LEN - v.n / 2);
	h->context.flags = 1;
	return h->has_trace;
}

static void b3_span(struct str v, struct link_head *h)
{
	h->has_parent = v.n == 16 && hex(v.p, 16, h->context.parent_id);
}

/* b3: TRACE-SPAN[-SAMPLED[-PARENT]] */
static void b3_single(struct str v, struct link_head *h)
{
	const char *dash = v.n ? memchr(v.p, '-', v.n) : NULL;
	size_t n = dash ? (size_t)(dash - v.p) : v.n;

	if (!dash || !b3_trace((struct str){v.p, n}, h))
		return;
	v = (struct str){dash + 1, v.n - n - 1};
	if (v.n >= 16 && (v.n == 16 || v.p[16] == '-'))
		b3_span((struct str){v.p, 16}, h);
}

/* X-Amzn-Trace-Id: Root=1-8DIGITS-24DIGITS;Parent=16DIGITS;Sampled=1 */
static void amzn(struct str v, struct link_head *h)
{
	const char *root = memmem(v.p, v.n, "Root=1-", 7), *parent;
	const char *end = v.p + v.n;

	if (!root || end - root < 40 || root[15] != '-' ||
	    !hex(root + 7, 8, h->context.trace_id) || !hex(root + 16, 24, h->context.trace_id + 4))
		return;
	h->has_trace = 1;
	h->context.flags = 1;
	parent = memmem(v.p, v.n, "Parent=", 7);
	if (parent && end - parent >= 23)
		h->has_parent = (uint8_t)hex(parent + 7, 16, h->context.parent_id);
}

void exchange_link_field(enum field_name name, struct str value, struct link_head *h)
{
	enum clue clue = clues[name];

	if (clue != CLUE_NONE)
		h->how = "request-id";
	switch (clue) {
	case CLUE_NONE: break;
	case CLUE_END_TO_END: h->request = hash_str(id_mix(h->request, 0), value); break;
	case CLUE_MARK: h->marks += 1 + (uint32_t)value.n; break;
	case CLUE_REQUEST_ID:
		if (!h->request_id && value.n)
			h->request_id = hash_str(1, value);
		break;
	case CLUE_AMZN: amzn(value, h); break;
	case CLUE_B3: b3_single(value, h); break;
	case CLUE_B3_TRACE: b3_trace(value, h); break;
	case CLUE_B3_SPAN: b3_span(value, h); break;
	}
}

/*
 * The connection whose tunnel this one lies in: its own, or that of the TLS that it is. NULL: none.
 */
static const struct conn *in_tunnel(const struct conn *c)
{
	if (c->socket)
		c = c->socket;
	return c->in_tunnel ? c : NULL;
}

/* What the fields told, and the trace context, which comes first. */
static void end_head(const struct exchange *x, struct link_head *h)
{
	h->has_parent &= h->has_trace;
	if (x->traceparents == 1 && x->has_traceparent) {
		h->context = x->traceparent;
		h->has_trace = h->has_parent = 1;
		h->how = "traceparent";
	}
	if (!h->has_trace && in_tunnel(x->conn)) {
		h->context = in_tunnel(x->conn)->tunnel;
		h->has_trace = h->has_parent = 1;
		h->how = "tunnel";
	}
}

/* The request-target as it was on the wire, where its parts lie side by side. */
static struct str target_of(const struct message *m)
{
	struct str t = m->target;

	if (m->query.p && m->query.p == t.p + t.n + 1)
		t.n += 1 + m->query.n;
	return t;
}

static inline void set_target(struct str method, struct str target, struct str group,
			      struct link_head *h)
{
	h->target = hash_str(hash_str(2, method), target);
	h->group = group_of(method, group);
}

void exchange_link_target(struct str method, struct str target, struct link_head *h)
{
	memset(h, 0, sizeof(*h));
	if (method.p && target.p)
		set_target(method, target, target, h);
}

void exchange_link_head(const struct message *m, struct link_head *h)
{
	memset(h, 0, sizeof(*h));
	if (m->operation.p && (m->target.p || m->group.p) && m->head_len)
		set_target(m->operation, m->target.p ? target_of(m) : m->group,
			   m->group.p ? m->group : m->target, h);
	/* a head of which a part is missing is not the same as another */
	if (m->fields.p && m->head_len) {
		h->request = h->target;
		h->bytes = hash_str(h->request, m->fields);
	}
}

/* ---- the life of an exchange */

static void set_connection_hash(struct conn *c)
{
	int server = c->request_dir == ZC_RX;

	if (c->id_hash_valid)
		return;
	c->id_hash = conn_id_hash(c, server ? id_connection(c->raddr, c->rport, c->laddr, c->lport)
					  : id_connection(c->laddr, c->lport, c->raddr, c->rport));
	c->id_hash_valid = 1;
}

static void begin(struct engine *e, struct exchange *x, const struct link_head *head)
{
	struct conn *c = x->conn;
	const struct half *back = &c->half[!c->request_dir];
	struct link_place place;
	uint32_t first[2] = {0, 0};

	exchange_conn_known(e, c);
	set_connection_hash(c);
	place = (struct link_place){
		.kind = c->request_dir == ZC_RX ? SPAN_SERVER : SPAN_CLIENT,
		.connection = c->id_hash,
		.seq = conn_id_seq(c, c->request_dir, x->req_pos),
		.stream_id = x->stream_id,
		.has_first = conn_id_first(c, first) != 0,
		.first = {first[c->request_dir], first[!c->request_dir]},
		.has_ack = back->hint_valid && !c->session,
		.ack = back->ack_hint,
		.time = x->req_first,
		.pid = c->pid,
		.awaits = c->request_dir == ZC_RX && tls_session_anchored(c) &&
			  e->tls_clients,
	};
	if (c->session && c->request_dir == ZC_TX)
		e->tls_clients = 1;
	x->node = links__begin(e->links, &place, head);
}

void exchange_link(struct engine *e, struct exchange *x, struct link_head *head)
{
	end_head(x, head);
	begin(e, x, head);
}

static struct link_io io_of(const struct io_mark *m)
{
	return (struct link_io){
		.pid = m->pid, .tid = m->tid, .goroutine = m->goroutine, .time = m->time,
		.has_sleeps = m->flags & ZC_IO_TASK, .sleeps = m->sleeps,
		.young = m->flags & ZC_IO_TASK && m->age != ZC_OLD,
		.polled = m->flags & ZC_IO_POLLED,
	};
}

void exchange_link_read(struct engine *e, const struct exchange *x, const struct io_mark *m)
{
	const struct link_io io = io_of(m);

	links__read(e->links, x->node, &io);
}

void exchange_link_io(struct engine *e, struct exchange *x, const struct io_mark *m)
{
	struct conn *c = x->conn;
	int server = c->request_dir == ZC_RX;
	struct link_io io = io_of(m);

	io.moved = server && c->tid && c->tid != x->tid && c->pid == x->pid;

	links__io(e->links, x->node, &io);
	if (server)
		c->tid = x->tid;
	if (!server && e->nheld)
		exchange_release_held(e, 0);
}

void exchange_unlink(struct engine *e, struct exchange *x)
{
	links__put(e->links, x->node);
	x->node = NULL;
}

uint32_t exchange_peer_pid(const struct exchange *x)
{
	uint32_t pid = links__peer(x->node);

	return pid ? pid : (x->conn->socket ? x->conn->socket : x->conn)->peer_pid;
}

const char *exchange_peer(struct engine *e, const struct exchange *x)
{
	struct process_names names = { 0 };
	uint32_t pid = exchange_peer_pid(x);
	const struct conn *c = x->conn->socket ? x->conn->socket : x->conn;

	if (!pid)
		return NULL;
	if (e->opt.process_names)
		e->opt.process_names(e->opt.ctx, pid, &names);
	if (names.container_name || names.service)
		return names.container_name ? names.container_name : names.service;
	/* it was gone before anybody could look it up */
	return pid == c->peer_pid && *c->peer_comm ? c->peer_comm : NULL;
}

static int one_of(const char *name, const char *const *names)
{
	while (name && *names)
		if (!strcmp(name, *names++))
			return 1;
	return 0;
}

unsigned exchange_traits(void *ctx, uint32_t pid)
{
	/* runtimes that move what serves a request from thread to thread */
	static const char *const wander[] = { "go", "rust", "dotnet", "java", NULL };
	static const char *const forward[] = { "nginx", "haproxy", "envoy", "varnishd", "traefik",
					       "caddy", "socat", NULL };
	/* and where the thread that has read a request is the one that does its work */
	static const char *const keep[] = { "python", "apache2", "httpd", NULL };
	struct process_names names = { 0 };
	struct engine *e = ctx;

	if (e->opt.process_names)
		e->opt.process_names(e->opt.ctx, pid, &names);
	return (one_of(names.runtime, wander) ? LINK_THREADS_MIGRATE : 0) |
	       (one_of(names.runtime, keep) || one_of(names.service, keep) ? LINK_THREADS_KEEP
									   : 0) |
	       (one_of(names.service, forward) ? LINK_FORWARDS : 0);
}

void exchange_conn_preexisting(struct engine *e, struct conn *c)
{
	if (!c->preexisting || c->role != ZC_ROLE_SERVER || !c->pid || c->blind_pid || c->requested)
		return;
	c->blind_pid = c->pid;
	links__blind(e->links, c->pid, 1, e->now);
}

void exchange_conn_known(struct engine *e, struct conn *c)
{
	if (!c->blind_pid)
		return;
	links__blind(e->links, c->blind_pid, -1, e->now);
	c->blind_pid = 0;
}

/* ---- spans held */

struct held {
	struct list list; /* in engine.held */
	struct link_node *node;
	struct span *span;
	uint64_t until;
};

int exchange_hold(struct engine *e, struct exchange *x, const struct span *s)
{
	struct held *h;

	if (!x->node || !e->io_seen || e->nheld >= EXCHANGE_MAX_HELD || !links__open(x->node))
		return 0;
	h = calloc(1, sizeof(*h));
	if (!h)
		return 0;
	h->span = span_dup(s);
	if (!h->span) {
		free(h);
		return 0;
	}
	h->node = x->node;
	x->node = NULL;
	h->until = e->now + EXCHANGE_HOLD;
	list_append(&e->held, &h->list);
	e->nheld++;
	return 1;
}

static void drop_held(struct engine *e, struct held *h)
{
	list_unlink(&h->list);
	e->nheld--;
	links__put(e->links, h->node);
	free(h->span);
	free(h);
}

void exchange_release_held(struct engine *e, int force)
{
	for (struct list *i = e->held.next, *next; i != &e->held; i = next) {
		struct held *h = list_entry(i, struct held, list);

		next = i->next;
		if (!force && h->until > e->now && links__open(h->node))
			continue;
		links__ids(h->node, h->span);
		if (e->opt.on_span)
			e->opt.on_span(e->opt.ctx, h->span);
		drop_held(e, h);
	}
}

void exchange_drop_held(struct engine *e)
{
	while (!list_empty(&e->held))
		drop_held(e, list_entry(e->held.next, struct held, list));
}
