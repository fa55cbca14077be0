/*
 * feed.h - made-up events for the engine, and a memory of what came out of it
 */
#ifndef ZC_TESTS_FEED_H
#define ZC_TESTS_FEED_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/engine.h"
#include "parsers/attrs.h"

#define FEED_SPANS 2048
#define FEED_US 1000ull
#define FEED_MS 1000000ull

struct seen {
	struct span s; /* its texts are copies in `text` */
	char method[32], host[64], path[128], query[64], scheme[16], comm[17], fields[256];
	char peer[64];
	char req_body[64], resp_body[64], route[128];
	struct attr attr[ATTRS_END];
	char attr_text[ATTRS_END][64];
};

/* An attribute's number, SPAN_UNKNOWN if there is none; and its text, NULL if so. */
#define attr_number(s, id) span_attr_number((s), ATTR(id))
#define attr_string(s, id) (span_attr_str((s), ATTR(id)).p)

struct feed {
	struct engine *e;
	uint64_t now; /* of the next event; one microsecond each */
	uint64_t conn;
	uint32_t seq[2]; /* next sequence number, by direction */
	uint32_t done[2]; /* up to which was read or written, as told */
	struct seen *span;
	unsigned nspans, nwants, nnotes;
	struct zc_policy want;
	struct note note;
};

__attribute__((unused)) static void feed_copy(char *to, size_t size, struct str s)
{
	snprintf(to, size, "%.*s", (int)s.n, s.p ? s.p : "(none)");
	if (!s.p)
		snprintf(to, size, "(none)");
}

__attribute__((unused)) static void feed_span(void *ctx, const struct span *s)
{
	struct feed *f = ctx;
	struct seen *g;

	if (f->nspans < FEED_SPANS) {
		g = &f->span[f->nspans];
		g->s = *s;
		g->s.attr = g->attr;
		for (unsigned i = 0; i < s->nattrs; i++) {
			g->attr[i] = s->attr[i];
			if (s->attr[i].def->type != ATTR_STRING)
				continue;
			feed_copy(g->attr_text[i], sizeof(g->attr_text[i]), s->attr[i].s);
			g->attr[i].s.p = g->attr_text[i];
		}
		feed_copy(g->method, sizeof(g->method), s->method);
		feed_copy(g->host, sizeof(g->host), s->host);
		feed_copy(g->path, sizeof(g->path), s->path);
		snprintf(g->peer, sizeof(g->peer), "%s",
			 s->peer_service ? s->peer_service : "(none)");
		feed_copy(g->query, sizeof(g->query), s->query);
		feed_copy(g->route, sizeof(g->route), s->route);
		feed_copy(g->scheme, sizeof(g->scheme), s->scheme);
		feed_copy(g->fields, sizeof(g->fields), s->req_fields);
		feed_copy(g->req_body, sizeof(g->req_body), s->req_body);
		feed_copy(g->resp_body, sizeof(g->resp_body), s->resp_body);
		snprintf(g->comm, sizeof(g->comm), "%s", s->comm ? s->comm : "(none)");
	}
	f->nspans++;
}

__attribute__((unused)) static void feed_policy(void *ctx, const struct zc_policy *w)
{
	struct feed *f = ctx;

	f->want = *w;
	f->nwants++;
}

__attribute__((unused)) static void feed_note(void *ctx, const struct note *n)
{
	struct feed *f = ctx;

	f->note = *n;
	f->nnotes++;
}

__attribute__((unused)) static void feed_begin(struct feed *f, struct engine_options *o)
{
	struct engine_options none = {0};

	if (!o)
		o = &none;
	memset(f, 0, sizeof(*f));
	o->on_span = feed_span;
	o->on_policy = feed_policy;
	o->on_note = feed_note;
	o->ctx = f;
	f->e = engine__new(o);
	f->span = calloc(FEED_SPANS, sizeof(*f->span));
	f->now = 1000 * FEED_MS;
	f->conn = 77;
	f->seq[0] = f->done[0] = 1000;
	f->seq[1] = f->done[1] = 5000;
}

__attribute__((unused)) static void feed_end(struct feed *f)
{
	engine__finish(f->e);
	engine__free(f->e);
	free(f->span);
}

__attribute__((unused)) static struct zc_ev feed_head(struct feed *f, int kind, size_t size)
{
	struct zc_ev ev = {
		.kind = (__u16)kind, .size = (__u32)size, .time = f->now, .conn = f->conn};

	f->now += FEED_US;
	return ev;
}

/* The general segment; nothing is advanced but the time. */
__attribute__((unused)) static void feed_segment(struct feed *f, int dir, int flags, uint32_t seq,
						 const void *p, uint32_t len, uint32_t cap_off,
						 uint32_t cap_len, uint32_t lost)
{
	struct zc_ev_segment *s = malloc(sizeof(*s) + cap_len);

	memset(s, 0, sizeof(*s));
	s->ev = feed_head(f, ZC_EV_SEGMENT, sizeof(*s) + cap_len);
	s->seq = seq;
	s->ack = f->seq[!dir];
	s->orig_len = len;
	s->cap_off = cap_off;
	s->cap_len = cap_len;
	s->lost = lost;
	s->dir = (__u8)dir;
	s->tcp_flags = (__u8)flags;
	if (cap_len)
		memcpy(s + 1, (const char *)p + cap_off, cap_len);
	engine__event(f->e, &s->ev);
	free(s);
}

__attribute__((unused)) static void feed_octets(struct feed *f, int dir, const char *p, size_t n)
{
	feed_segment(f, dir, ZC_TCP_ACK, f->seq[dir], p, (uint32_t)n, 0, (uint32_t)n, 0);
	f->seq[dir] += (uint32_t)n;
}

__attribute__((unused)) static void feed_text(struct feed *f, int dir, const char *p)
{
	feed_octets(f, dir, p, strlen(p));
}

/* n octets go by of which none is captured. */
__attribute__((unused)) static void feed_cut(struct feed *f, int dir, uint32_t n)
{
	feed_segment(f, dir, ZC_TCP_ACK, f->seq[dir], NULL, n, 0, 0, 0);
	f->seq[dir] += n;
}

__attribute__((unused)) static void feed_flag(struct feed *f, int dir, int flags)
{
	feed_segment(f, dir, flags | ZC_TCP_ACK, f->seq[dir], NULL, 0, 0, 0, 0);
	if (flags & ZC_TCP_FIN)
		f->seq[dir]++;
}

__attribute__((unused)) static void feed_open(struct feed *f, int role, int flags)
{
	struct zc_ev_open o = {.laddr = {[10] = 0xff, [11] = 0xff, [12] = 10, [15] = 1},
			       .raddr = {[10] = 0xff, [11] = 0xff, [12] = 10, [15] = 2},
			       .lport = 8000, .rport = 40000, .family = 4, .role = (__u8)role,
			       .pid = 4242, .tid = 4242, .comm = "server"};

	o.ev = feed_head(f, ZC_EV_OPEN, sizeof(o));
	o.ev.flags = (__u16)flags;
	o.seq[0] = f->seq[0];
	o.seq[1] = f->seq[1];
	if (role == ZC_ROLE_CLIENT) {
		memcpy(o.laddr + 12, "\x0a\0\0\2", 4);
		memcpy(o.raddr + 12, "\x0a\0\0\1", 4);
		o.lport = 40000;
		o.rport = 8000;
	}
	engine__event(f->e, &o.ev);
}

/* The application has read or written everything that went by so far, but for `less` octets. */
__attribute__((unused)) static void feed_io(struct feed *f, int dir, uint32_t less, uint32_t pid)
{
	struct zc_ev_io io = {.pid = pid, .tid = pid + 1, .seq = f->seq[dir] - less,
			      .dir = (__u8)dir};

	io.len = io.seq - f->done[dir];
	f->done[dir] = io.seq;
	io.ev = feed_head(f, ZC_EV_IO, sizeof(io));
	engine__event(f->e, &io.ev);
}

__attribute__((unused)) static void feed_close(struct feed *f, int flags, uint32_t lost)
{
	struct zc_ev_close c = {.lost = lost};

	c.ev = feed_head(f, ZC_EV_CLOSE, sizeof(c));
	c.ev.flags = (__u16)flags;
	engine__event(f->e, &c.ev);
}

/*
 * Octets of a TLS stream. Of p, the caller gives stream, flags, socket, direction, position,
 * lengths and times; data: all of orig_len octets.
 */
__attribute__((unused)) static void feed_plain(struct feed *f, struct zc_ev_plain p,
					       const void *data)
{
	struct zc_ev_plain *ev = malloc(sizeof(*ev) + p.cap_len);

	p.ev.kind = ZC_EV_PLAIN;
	p.ev.size = (__u32)(sizeof(*ev) + p.cap_len);
	p.ev.time = f->now;
	f->now += FEED_US;
	*ev = p;
	if (p.cap_len)
		memcpy(ev + 1, (const char *)data + p.cap_off, p.cap_len);
	engine__event(f->e, &ev->ev);
	free(ev);
}

/* Evidence of a stream's socket; the caller gives all but kind, size and time. */
__attribute__((unused)) static void feed_bind(struct feed *f, struct zc_ev_bind t)
{
	t.ev.kind = ZC_EV_BIND;
	t.ev.size = sizeof(t);
	t.ev.time = f->now;
	f->now += FEED_US;
	engine__event(f->e, &t.ev);
}

__attribute__((unused)) static void feed_fault(struct feed *f, uint64_t stream, uint64_t sock,
					       int lib, uint32_t reason)
{
	struct zc_ev_fault t = {.sock = sock, .reason = reason, .lib = (__u8)lib};

	t.ev = feed_head(f, ZC_EV_FAULT, sizeof(t));
	t.ev.conn = stream;
	engine__event(f->e, &t.ev);
}

__attribute__((unused)) static void feed_tick(struct feed *f, uint64_t ns)
{
	f->now += ns;
	engine__tick(f->e, f->now);
}

#endif
