#include "core/merge.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "core/clocks.h"
#include "core/source_file.h"

#define CONN_BITS 56
#define BATCH 1024
#define ALIGN(n) (((n) + 7u) & ~(size_t)7)

/* One file: its source, and the events that it has handed out and nobody has taken yet. */
struct input {
	struct merge *merge;
	struct source *source;
	const char *path;
	unsigned index;
	int64_t shift; /* from its clock to the first file's, as times of events */
	uint8_t *buf;
	size_t at, n, size;
	int ended, failed;
};

struct merge {
	struct source source;
	struct clocks *clocks;
	unsigned n;
	struct input in[MERGE_MAX];
};

/* ---- first pass */

struct pass {
	struct clocks *clocks;
	unsigned index;
	int64_t offset;
};

static void first_look(void *ctx, const struct zc_ev *ev)
{
	const struct pass *p = ctx;

	clocks__event(p->clocks, p->index, ev, p->offset);
}

static int open_input(struct input *in, const struct packets_options *o, char *err, size_t errlen)
{
	struct stat st;

	if (!stat(in->path, &st) && !S_ISREG(st.st_mode)) {
		snprintf(err, errlen, "%s: to be merged it is read twice; it must be a file",
			 in->path);
		return -EINVAL;
	}
	in->source = source_open_file(in->path, o, &(struct bytes_options){0}, err, errlen);
	return in->source ? 0 : -EINVAL;
}

static void close_input(struct input *in)
{
	if (in->source)
		in->source->ops->free(in->source);
	in->source = NULL;
}

static int read_clock(struct merge *m, struct input *in, const struct packets_options *o, char *err,
		      size_t errlen)
{
	struct pass p = { .clocks = m->clocks, .index = in->index };
	int n;

	if (open_input(in, o, err, errlen))
		return -EINVAL;
	p.offset = in->source->wall_offset;
	do
		n = in->source->ops->poll(in->source, first_look, &p, 100);
	while (n >= 0 || n == -EINTR);
	close_input(in);
	return 0; /* what is wrong with the file is told when it is read for good */
}

static void tell_clock(const struct merge *m, const struct input *in,
		       void (*on_note)(void *ctx, const char *name, const char *text), void *ctx)
{
	struct clock_offset o = clocks__offset(m->clocks, in->index);
	double ns = (double)o.ns;
	char text[512];

	if (!o.matched)
		snprintf(text, sizeof(text), "%s: no connection in common with the other files; "
			 "its clock is taken as it is", in->path);
	else if (!o.ns)
		snprintf(text, sizeof(text),
			 "%s: clock that of %s, to within %.6f s (%llu segments "
			 "seen in both)",
			 in->path, m->in[0].path, (double)o.error / 1e9,
			 (unsigned long long)o.matched);
	else
		snprintf(text, sizeof(text), "%s: clock %.6f s %s that of %s, to within %.6f s "
			 "(%llu segments seen in both)", in->path, (ns < 0 ? -ns : ns) / 1e9,
			 ns < 0 ? "behind" : "ahead of", m->in[0].path, (double)o.error / 1e9,
			 (unsigned long long)o.matched);
	on_note(ctx, "clock", text);
}

/* ---- second pass */

static uint32_t host_pid(const struct input *in, uint32_t pid)
{
	return pid ? (pid & SOURCE_PID_MASK) | in->index << SOURCE_PID_BITS : 0;
}

static void turn_open(struct zc_ev_open *o)
{
	uint8_t addr[16];
	uint16_t port = o->lport;
	uint32_t seq = o->seq[0];

	memcpy(addr, o->laddr, 16);
	memcpy(o->laddr, o->raddr, 16);
	memcpy(o->raddr, addr, 16);
	o->lport = o->rport;
	o->rport = port;
	o->seq[0] = o->seq[1];
	o->seq[1] = seq;
	if (o->role != ZC_ROLE_UNKNOWN)
		o->role = o->role == ZC_ROLE_SERVER ? ZC_ROLE_CLIENT : ZC_ROLE_SERVER;
}

/* Ids tell the files apart, and keep telling TLS streams from sockets. */
static uint64_t host_conn(const struct input *in, uint64_t conn)
{
	const uint64_t id = ((1ull << CONN_BITS) - 1) | ZC_TLS_STREAM;

	return conn ? (conn & id) | (uint64_t)in->index << CONN_BITS : 0;
}

static __u64 shifted(const struct input *in, __u64 time)
{
	return time ? (__u64)((int64_t)time + in->shift) : 0;
}

static void adapt_plain(const struct input *in, struct zc_ev_plain *p)
{
	p->pid = host_pid(in, p->pid);
	p->sock = host_conn(in, p->sock);
	p->call_time = shifted(in, p->call_time);
	p->wire_time = shifted(in, p->wire_time);
	p->wire_last = shifted(in, p->wire_last);
}

static void adapt_retransmit(const struct input *in, struct zc_ev_retransmit *r, int turned)
{
	r->dir ^= (uint8_t)turned;
	r->sent = shifted(in, r->sent);
}

static void turn_flow(struct zc_ev_flow *f)
{
	const struct zc_ev_flow old = *f;

	for (int dir = 0; dir < 2; dir++) {
		f->bytes[dir] = old.bytes[!dir];
		f->packets[dir] = old.packets[!dir];
		f->dup_acks[dir] = old.dup_acks[!dir];
	}
}

static void turn_close(struct zc_ev_close *c)
{
	const struct zc_ev_close old = *c;

	for (int dir = 0; dir < 2; dir++) {
		c->bytes[dir] = old.bytes[!dir];
		c->skipped[dir] = old.skipped[!dir];
		c->packets[dir] = old.packets[!dir];
		c->dup_acks[dir] = old.dup_acks[!dir];
	}
	c->retransmits = 0; /* they are the other end's */
}

static void adapt(const struct input *in, struct zc_ev *ev, int turned)
{
	void *p = ev;

	switch (ev->kind) {
	case ZC_EV_SEGMENT:
		((struct zc_ev_segment *)p)->dir ^= (uint8_t)turned;
		break;
	case ZC_EV_RETRANSMIT:
		adapt_retransmit(in, p, turned);
		break;
	case ZC_EV_WINDOW:
		((struct zc_ev_window *)p)->dir ^= (uint8_t)turned;
		break;
	case ZC_EV_FLOW:
		if (turned)
			turn_flow(p);
		break;
	case ZC_EV_CLOSE:
		if (turned)
			turn_close(p);
		break;
	case ZC_EV_OPEN:
		((struct zc_ev_open *)p)->pid = host_pid(in, ((struct zc_ev_open *)p)->pid);
		if (turned)
			turn_open(p);
		break;
	case ZC_EV_PLAIN:
		adapt_plain(in, p);
		break;
	case ZC_EV_BIND:
		((struct zc_ev_bind *)p)->pid = host_pid(in, ((struct zc_ev_bind *)p)->pid);
		((struct zc_ev_bind *)p)->sock = host_conn(in, ((struct zc_ev_bind *)p)->sock);
		break;
	case ZC_EV_FAULT:
		((struct zc_ev_fault *)p)->pid = host_pid(in, ((struct zc_ev_fault *)p)->pid);
		((struct zc_ev_fault *)p)->sock = host_conn(in, ((struct zc_ev_fault *)p)->sock);
		break;
	case ZC_EV_IO:
		((struct zc_ev_io *)p)->pid = host_pid(in, ((struct zc_ev_io *)p)->pid);
		break;
	case ZC_EV_OWNER:
		((struct zc_ev_owner *)p)->pid = host_pid(in, ((struct zc_ev_owner *)p)->pid);
		break;
	case ZC_EV_PROCESS:
		((struct zc_ev_process *)p)->pid = host_pid(in, ((struct zc_ev_process *)p)->pid);
		((struct zc_ev_process *)p)->ppid = host_pid(in, ((struct zc_ev_process *)p)->ppid);
		break;
	case ZC_EV_THREAD:
		((struct zc_ev_thread *)p)->pid = host_pid(in, ((struct zc_ev_thread *)p)->pid);
		break;
	case ZC_EV_LISTEN:
		((struct zc_ev_listen *)p)->pid = host_pid(in, ((struct zc_ev_listen *)p)->pid);
		break;
	case ZC_EV_BACKLOG:
		((struct zc_ev_backlog *)p)->pid = host_pid(in, ((struct zc_ev_backlog *)p)->pid);
		break;
	case ZC_EV_PEER:
		((struct zc_ev_peer *)p)->pid = host_pid(in, ((struct zc_ev_peer *)p)->pid);
		break;
	case ZC_EV_NAMES:
		((struct zc_ev_names *)p)->pid = host_pid(in, ((struct zc_ev_names *)p)->pid);
		break;
	}
}

static void take(void *ctx, const struct zc_ev *ev)
{
	struct input *in = ctx;
	size_t size = ALIGN(ev->size);
	struct zc_ev *copy;

	if (in->size - in->n < size) {
		size_t room = 2 * (in->n + size);
		uint8_t *buf = realloc(in->buf, room);

		if (!buf) {
			in->failed = 1;
			return;
		}
		in->buf = buf;
		in->size = room;
	}
	copy = memcpy(in->buf + in->n, ev, ev->size);
	in->n += size;
	copy->time = (uint64_t)((int64_t)ev->time + in->shift);
	adapt(in, copy, clocks__turned(in->merge->clocks, in->index, ev->conn));
	copy->conn = host_conn(in, ev->conn);
}

/* The next event of a file; NULL at its end. */
static const struct zc_ev *peek(struct input *in)
{
	while (in->at == in->n && !in->ended) {
		int n;

		in->at = in->n = 0;
		n = in->source->ops->poll(in->source, take, in, 100);
		if (n < 0 && n != -EINTR)
			in->ended = 1;
	}
	return in->at < in->n ? (const void *)(in->buf + in->at) : NULL;
}

static int merge_poll(struct source *s, source_event_fn fn, void *ctx, int timeout_ms)
{
	struct merge *m = (struct merge *)s;
	int done = 0;

	(void)timeout_ms;
	for (; done < BATCH; done++) {
		const struct zc_ev *first = NULL;
		struct input *from = NULL;

		for (unsigned i = 0; i < m->n; i++) {
			const struct zc_ev *ev = peek(&m->in[i]);

			if (m->in[i].failed)
				return -ENOMEM;
			if (ev && (!first || ev->time < first->time)) {
				first = ev;
				from = &m->in[i];
			}
		}
		if (!first)
			return done ? done : -ENODATA;
		from->at += ALIGN(first->size);
		fn(ctx, first);
	}
	return done;
}

static void merge_stats(struct source *s, struct source_stats *out)
{
	struct merge *m = (struct merge *)s;

	memset(out, 0, sizeof(*out));
	for (unsigned i = 0; i < m->n; i++) {
		struct source_stats one;

		m->in[i].source->ops->stats(m->in[i].source, &one);
		out->events += one.events;
		out->lost_events += one.lost_events;
		out->lost_bytes += one.lost_bytes;
		out->skipped_bytes += one.skipped_bytes;
	}
}

static const char *merge_error(struct source *s)
{
	struct merge *m = (struct merge *)s;

	for (unsigned i = 0; i < m->n; i++) {
		const char *error = m->in[i].source->ops->error(m->in[i].source);

		if (error)
			return error;
	}
	return NULL;
}

/* Of several files each says which it is. */
static int merge_unread(struct source *s, char *text, size_t size)
{
	struct merge *m = (struct merge *)s;
	size_t n = 0;

	for (unsigned i = 0; i < m->n && n < size; i++) {
		struct source *in = m->in[i].source;
		char one[256];

		if (in->ops->unread && in->ops->unread(in, one, sizeof(one)))
			n += (size_t)snprintf(text + n, size - n, "%s%s: %s", n ? "; " : "",
					      m->in[i].path, one);
	}
	return n != 0;
}

static void merge_free(struct source *s)
{
	struct merge *m = (struct merge *)s;

	for (unsigned i = 0; i < m->n; i++) {
		close_input(&m->in[i]);
		free(m->in[i].buf);
	}
	clocks__free(m->clocks);
	free(m);
}

/* All are open: what their times have to be moved by. */
static void set_shifts(struct merge *m)
{
	struct source *s = &m->source;

	s->wall_offset = m->in[0].source->wall_offset;
	s->start = UINT64_MAX;
	for (unsigned i = 0; i < m->n; i++) {
		struct input *in = &m->in[i];
		uint64_t start;

		in->shift = in->source->wall_offset - s->wall_offset -
			    clocks__offset(m->clocks, i).ns;
		start = (uint64_t)((int64_t)in->source->start + in->shift);
		if (start < s->start)
			s->start = start;
	}
}

struct source *merge__open(const char *const *paths, unsigned n, const struct packets_options *o,
			   void (*on_note)(void *ctx, const char *name, const char *text),
			   void *ctx, char *err, size_t errlen)
{
	static const struct source_ops ops = {
		.poll = merge_poll,
		.stats = merge_stats,
		.error = merge_error,
		.unread = merge_unread,
		.free = merge_free,
	};
	struct merge *m = n <= MERGE_MAX ? calloc(1, sizeof(*m)) : NULL;
	int failed = 0;

	if (m)
		m->clocks = clocks__new(n);
	if (!m || !m->clocks) {
		snprintf(err, errlen, "out of memory");
		free(m);
		return NULL;
	}
	m->source.ops = &ops;
	m->n = n;
	for (unsigned i = 0; i < n; i++) {
		m->in[i] = (struct input){ .merge = m, .path = paths[i], .index = i };
		failed = failed || read_clock(m, &m->in[i], o, err, errlen);
	}
	clocks__estimate(m->clocks);
	for (unsigned i = 0; i < n; i++)
		failed = failed || open_input(&m->in[i], o, err, errlen);
	if (failed) {
		merge_free(&m->source);
		return NULL;
	}
	for (unsigned i = 1; i < n; i++)
		tell_clock(m, &m->in[i], on_note, ctx);
	set_shifts(m);
	return &m->source;
}
