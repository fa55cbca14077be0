/*
 * span_list.c - the table of spans that several views show
 */
#include <stdlib.h>
#include <string.h>

#include "cli/tui/tui_impl.h"
#include "sinks/sink.h"

enum spans_column {
	COL_TIME, COL_KIND, COL_STATUS, COL_METHOD, COL_PATH, COL_DURATION, COL_TTFB, COL_QUEUE,
	COL_REQ, COL_RESP, COL_SERVICE, COL_PEER, COL_DOUBT, COL_ALL,
};

/* With the room that statuses need: codes, or words such as DEADLINE_EXCEEDED. */
#define COLUMNS(least, most) \
	{ \
		[COL_TIME] = { "TIME", 12, 12, 5, 0, 0, 0 }, \
		[COL_KIND] = { "KIND", 4, 6, 6, 0, 0, 0 }, \
		[COL_STATUS] = { "STAT", least, most, 0, 0, 1, 0 }, \
		[COL_METHOD] = { "METHOD", 6, 7, 4, 0, 0, 0 }, \
		[COL_PATH] = { "PATH", 8, 80, 0, 0, 0, 0 }, \
		[COL_DURATION] = { "TOTAL", 6, 7, 0, 1, 1, 0 }, \
		[COL_TTFB] = { "TTFB", 6, 7, 8, 1, 1, 0 }, \
		[COL_QUEUE] = { "QUEUE", 6, 7, 10, 1, 1, 0 }, \
		[COL_REQ] = { "REQ", 7, 7, 11, 1, 1, 0 }, \
		[COL_RESP] = { "RESP", 7, 7, 9, 1, 1, 0 }, \
		[COL_SERVICE] = { "SERVICE", 8, 16, 7, 0, 0, 0 }, \
		[COL_PEER] = { "PEER", 14, 21, 12, 0, 0, 0 }, \
		[COL_DOUBT] = { "DOUBT", 13, 24, 13, 0, 1, 0 }, \
	}

static const struct column columns[COL_ALL] = COLUMNS(4, 8);
static const struct column wide_columns[COL_ALL] = COLUMNS(9, 17);

static const struct span *span_at(const struct span_list *l, uint32_t row)
{
	return ring_span(l->ring, l->positions[row]);
}

static uint32_t list_rows(void *ctx)
{
	return ((struct span_list *)ctx)->n;
}

static uint64_t list_id(void *ctx, uint32_t row)
{
	const struct span_list *l = ctx;

	return ring_slot(l->ring, l->positions[row])->number;
}

static void doubt_cell(const struct span *s, struct cell *c)
{
	size_t n = 0;

	for (unsigned bit = 0; bit < SPAN_INCOMPLETE_BITS; bit++) {
		const char *name = span_incomplete_name(bit);
		size_t len = strlen(name);

		if (!(s->incomplete & 1u << bit) || n + len + 2 > sizeof(c->buf))
			continue;
		if (n)
			c->buf[n++] = ',';
		memcpy(c->buf + n, name, len);
		n += len;
	}
	c->text = (struct str){ c->buf, n };
	c->style = STYLE_SLOW;
}

static void peer_cell(const struct span *s, struct cell *c)
{
	int client = s->kind == SPAN_CLIENT;

	c->foreign = 1;
	if (s->peer_service)
		c->text = str_of(s->peer_service);
	else if (s->has_addr)
		c->text = tui_endpoint(c->buf, client ? s->server_addr : s->client_addr,
				       client ? s->server_port : s->client_port);
}

static void figure_cell(const struct tui *t, const struct span *s, int column, struct cell *c)
{
	switch (column) {
	case COL_DURATION:
		c->text = tui_duration(c->buf, s->duration_ns);
		c->style = tui_slow_style(t, s);
		break;
	case COL_TTFB: c->text = tui_duration(c->buf, s->ttfb_ns); break;
	case COL_QUEUE: c->text = tui_duration(c->buf, s->queue_ns); break;
	case COL_REQ: c->text = tui_size(c->buf, s->req_bytes); break;
	case COL_RESP: c->text = tui_size(c->buf, s->resp_bytes); break;
	default: break;
	}
}

static void list_cell(void *ctx, uint32_t row, int column, int width, struct cell *c)
{
	struct span_list *l = ctx;
	const struct span *s = span_at(l, row);

	switch (column) {
	case COL_TIME:
		c->text = tui_clock(c->buf, s->time_ns);
		c->style = STYLE_DIM;
		break;
	case COL_KIND:
		c->text = str_of(s->kind == SPAN_CLIENT ? (width < 6 ? "clnt" : "client")
						       : (width < 6 ? "serv" : "server"));
		c->style = s->kind == SPAN_CLIENT ? STYLE_CLIENT : STYLE_DIM;
		break;
	case COL_STATUS:
		c->text = tui_status(c->buf, s);
		c->style = tui_status_style(s);
		break;
	case COL_METHOD:
		c->text = tui_method(s);
		c->foreign = 1;
		break;
	case COL_PATH:
		c->text = tui_target(l->tui, s, c->buf, sizeof(c->buf));
		c->foreign = c->middle = 1;
		break;
	case COL_SERVICE:
		c->text = str_of(s->service ? s->service : s->comm ? s->comm : "-");
		c->foreign = 1;
		break;
	case COL_PEER: peer_cell(s, c); break;
	case COL_DOUBT: doubt_cell(s, c); break;
	default: figure_cell(l->tui, s, column, c); break;
	}
}

static int three_way(uint64_t a, uint64_t b)
{
	/* what is not known comes before everything */
	a++;
	b++;
	return (a > b) - (a < b);
}

static int compare_str(struct str a, struct str b)
{
	size_t n = a.n < b.n ? a.n : b.n;
	int c = n ? memcmp(a.p, b.p, n) : 0;

	return c ? c : (a.n > b.n) - (a.n < b.n);
}

/* By code; of the same code by a status of the protocol's own, as that of gRPC. */
static int compare_status(const struct span *a, const struct span *b)
{
	char x[SPAN_TEXT_MAX], y[SPAN_TEXT_MAX];

	return a->status != b->status ? a->status - b->status :
					compare_str(span_status(a, x), span_status(b, y));
}

static int list_compare(void *ctx, uint32_t x, uint32_t y, int column)
{
	struct span_list *l = ctx;
	const struct span *a = span_at(l, x), *b = span_at(l, y);
	struct cell p = { 0 }, q = { 0 };

	switch (column) {
	case COL_TIME: return three_way(a->time_ns, b->time_ns);
	case COL_KIND: return (int)a->kind - (int)b->kind;
	case COL_STATUS: return compare_status(a, b);
	case COL_METHOD: return compare_str(a->method, b->method);
	case COL_PATH: return compare_str(a->path, b->path);
	case COL_DURATION: return three_way(a->duration_ns, b->duration_ns);
	case COL_TTFB: return three_way(a->ttfb_ns, b->ttfb_ns);
	case COL_QUEUE: return three_way(a->queue_ns, b->queue_ns);
	case COL_REQ: return three_way(a->req_bytes, b->req_bytes);
	case COL_RESP: return three_way(a->resp_bytes, b->resp_bytes);
	case COL_SERVICE:
		return compare_str(str_of(a->service ? a->service : a->comm),
				   str_of(b->service ? b->service : b->comm));
	case COL_DOUBT: return (int)a->incomplete - (int)b->incomplete;
	default:
		peer_cell(a, &p);
		peer_cell(b, &q);
		return compare_str(p.text, q.text);
	}
}

static const struct table_ops list_ops = { columns,   COL_ALL, list_rows,	 list_id,
					   list_cell, NULL,    list_compare };
static const struct table_ops wide_ops = { wide_columns, COL_ALL, list_rows,	list_id,
					   list_cell,	 NULL,	  list_compare };

void span_list_init(struct span_list *l, struct tui *t)
{
	memset(l, 0, sizeof(*l));
	l->tui = t;
	l->ring = &t->model.now->ring;
	table_init(&l->table, &list_ops, l);
	l->table.follow = 1;
}

void span_list_release(struct span_list *l)
{
	free(l->positions);
	table_release(&l->table);
}

static int make_room(struct span_list *l, uint32_t spans)
{
	uint32_t *positions;

	if (spans <= l->cap)
		return 0;
	positions = reallocarray(l->positions, 2 * (size_t)spans, sizeof(*positions));
	if (!positions)
		return -1;
	l->positions = positions;
	l->cap = 2 * spans;
	return 0;
}

void span_list_refresh(struct span_list *l)
{
	uint32_t spans = ring_count(l->ring);

	l->n = 0;
	l->table.ops = l->ring->words ? &wide_ops : &list_ops;
	for (uint32_t i = 0; !make_room(l, spans) && i < spans; i++)
		if (ring_slot(l->ring, i)->shown &&
		    (!l->wants || l->wants(l->ctx, ring_span(l->ring, i))))
			l->positions[l->n++] = i;
	table_refresh(&l->table);
}

static void open_selected(struct span_list *l)
{
	const struct span *s = span_list_selected(l);

	if (s)
		tui_push(l->tui, view_span_open(l->tui, s));
}

int span_list_key(struct span_list *l, const struct key *k)
{
	const struct span *s;

	switch (k->code) {
	case SK_ENTER: open_selected(l); return 1;
	case 'T':
		s = span_list_selected(l);
		if (s)
			tui_push(l->tui, view_trace_open(l->tui, s));
		return 1;
	case SK_DOUBLE_CLICK:
		if (!table_clicked(&l->table, k))
			return 0;
		open_selected(l);
		return 1;
	case 'F':
	case 'f':
		l->table.follow = !l->table.follow;
		tui_say(l->tui, STYLE_TEXT, l->table.follow ? "following" : "not following");
		l->tui->stale = 1;
		return 1;
	case SK_END:
	case 'G':
		/* the end is where what is new comes */
		l->table.follow = l->table.sort == TABLE_NATURAL && !l->table.invert;
		if (!l->table.follow)
			return 0;
		table_refresh(&l->table);
		return 1;
	case 'n':
		l->table.sort = TABLE_NATURAL;
		l->table.invert = 0;
		l->table.follow = 1;
		table_refresh(&l->table);
		return 1;
	default: return 0;
	}
}

const struct span *span_list_selected(const struct span_list *l)
{
	uint32_t row;

	return table_selected(&l->table, &row) ? span_at(l, row) : NULL;
}

unsigned span_list_save(struct span_list *l, struct out *o)
{
	struct sink *k = tui_json_sink(l->tui, o);

	if (!k)
		return 0;
	for (uint32_t i = 0; i < l->table.n; i++)
		k->ops->span(k, span_at(l, l->table.order[i]));
	k->ops->free(k);
	return l->table.n;
}
