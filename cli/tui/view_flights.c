/*
 * view_flights.c - requests without a complete answer, the oldest first
 */
#include <stdlib.h>
#include <string.h>

#include "cli/tui/tui_impl.h"

#define STALLED_NS 1000000000ull /* so long without an octet more */
#define TEXT_KEPT 400

enum flights_column {
	COL_AGE, COL_STATE, COL_KIND, COL_METHOD, COL_PATH, COL_REQ, COL_RESP, COL_SERVICE,
	COL_PEER,
	COL_ALL,
};

static const struct column columns[COL_ALL] = {
	[COL_AGE] = { "AGE", 7, 7, 0, 1, 1, 0 },
	[COL_STATE] = { "STATE", 7, 7, 1, 0, 0, 0 },
	[COL_KIND] = { "KIND", 4, 6, 6, 0, 0, 0 },
	[COL_METHOD] = { "METHOD", 6, 7, 4, 0, 0, 0 },
	[COL_PATH] = { "PATH", 8, 80, 0, 0, 0, 0 },
	[COL_REQ] = { "SENT", 7, 7, 5, 1, 1, 0 },
	[COL_RESP] = { "ANSWER", 7, 7, 3, 1, 1, 0 },
	[COL_SERVICE] = { "SERVICE", 8, 16, 2, 0, 0, 0 },
	[COL_PEER] = { "PEER", 14, 21, 7, 0, 0, 0 },
};

enum state { WAITING, READING, STALLED };

struct row {
	uint64_t id, age, req_bytes, resp_bytes;
	uint64_t changed; /* wall clock: when the bytes last grew, as far as was looked */
	enum state state;
	enum span_kind kind;
	char method[16], path[TEXT_KEPT], service[32], peer[64];
};

struct flights_view {
	struct view view;
	struct table table;
	struct row *rows, *before; /* TUI_FLIGHTS each; before: sorted by id */
	uint32_t n, nbefore;
	unsigned unseen; /* beyond TUI_FLIGHTS */
};

static void keep(char *to, size_t cap, struct str s)
{
	size_t n = s.n < cap - 1 ? s.n : cap - 1;

	if (s.p && n)
		memcpy(to, s.p, n);
	to[s.p ? n : 0] = '\0';
	/* a NUL inside is no end */
	for (size_t i = 0; s.p && i < n; i++)
		if (!to[i])
			to[i] = '\x01';
}

static int by_id(const void *a, const void *b)
{
	uint64_t x = ((const struct row *)a)->id, y = ((const struct row *)b)->id;

	return (x > y) - (x < y);
}

static void set_state(struct flights_view *v, struct row *r, const struct span *s)
{
	const struct row *old = bsearch(r, v->before, v->nbefore, sizeof(*r), by_id);
	uint64_t now = v->view.tui->vitals.moment;

	r->changed = now;
	if (old && old->req_bytes == r->req_bytes && old->resp_bytes == r->resp_bytes)
		r->changed = old->changed;
	if (s->ttfb_ns == SPAN_UNKNOWN)
		r->state = WAITING;
	else
		r->state = now - r->changed >= STALLED_NS ? STALLED : READING;
}

static uint64_t id_of(const struct span *s)
{
	return s->conn * 0x9e3779b97f4a7c15ull ^ s->seq << 1 ^ (uint64_t)s->kind;
}

static void add(void *ctx, const struct span *s)
{
	struct flights_view *v = ctx;
	struct row *r = &v->rows[v->n++];
	char buf[TEXT_MAX], addr[64];
	int client = s->kind == SPAN_CLIENT;
	struct str peer = { NULL, 0 };

	r->id = id_of(s);
	r->age = s->duration_ns;
	r->req_bytes = s->req_bytes;
	r->resp_bytes = s->resp_bytes;
	r->kind = s->kind;
	keep(r->method, sizeof(r->method), s->method);
	keep(r->path, sizeof(r->path), tui_target(v->view.tui, s, buf, sizeof(buf)));
	keep(r->service, sizeof(r->service), str_of(s->service ? s->service : s->comm));
	if (s->has_addr)
		peer = tui_endpoint(addr, client ? s->server_addr : s->client_addr,
				    client ? s->server_port : s->client_port);
	keep(r->peer, sizeof(r->peer), s->peer_service ? str_of(s->peer_service) : peer);
	if (r->age == SPAN_UNKNOWN && s->time_ns && v->view.tui->vitals.moment > s->time_ns)
		r->age = v->view.tui->vitals.moment - s->time_ns;
	set_state(v, r, s);
}

static void flights_refresh(struct view *view)
{
	struct flights_view *v = (struct flights_view *)view;
	struct row *swap = v->before;

	if (!v->rows || !v->before)
		return;
	if (!view->tui->paused) {
		v->before = v->rows;
		v->nbefore = v->n;
		v->rows = swap;
		v->n = 0;
		qsort(v->before, v->nbefore, sizeof(*v->before), by_id);
		v->unseen = tui_flights(view->tui, add, v);
	}
	table_refresh(&v->table);
}

static uint32_t row_count(void *ctx)
{
	return ((struct flights_view *)ctx)->n;
}

static uint64_t row_id(void *ctx, uint32_t row)
{
	return ((struct flights_view *)ctx)->rows[row].id;
}

static void row_cell(void *ctx, uint32_t row, int column, int width, struct cell *c)
{
	static const char *const states[] = { "waiting", "reading", "stalled" };
	const struct row *r = &((struct flights_view *)ctx)->rows[row];

	c->foreign = column >= COL_METHOD;
	switch (column) {
	case COL_AGE:
		c->text = tui_duration(c->buf, r->age);
		c->style = tui_duration_style(r->age);
		break;
	case COL_STATE:
		c->text = str_of(states[r->state]);
		c->style = r->state == STALLED ? STYLE_ERROR : r->state == READING ? STYLE_GOOD :
										     STYLE_TEXT;
		break;
	case COL_KIND:
		c->text = str_of(r->kind == SPAN_CLIENT ? (width < 6 ? "clnt" : "client")
						       : (width < 6 ? "serv" : "server"));
		c->style = r->kind == SPAN_CLIENT ? STYLE_CLIENT : STYLE_DIM;
		break;
	case COL_METHOD: c->text = str_of(r->method); break;
	case COL_PATH:
		c->text = str_of(r->path);
		c->middle = 1;
		break;
	case COL_REQ: c->text = tui_size(c->buf, r->req_bytes); break;
	case COL_RESP: c->text = tui_size(c->buf, r->resp_bytes); break;
	case COL_SERVICE: c->text = str_of(r->service); break;
	default: c->text = str_of(r->peer); break;
	}
}

static int three_way(uint64_t a, uint64_t b)
{
	return (a > b) - (a < b);
}

static int row_compare(void *ctx, uint32_t x, uint32_t y, int column)
{
	const struct row *a = &((struct flights_view *)ctx)->rows[x];
	const struct row *b = &((struct flights_view *)ctx)->rows[y];

	switch (column) {
	case COL_AGE: return three_way(a->age, b->age);
	case COL_STATE: return (int)a->state - (int)b->state;
	case COL_KIND: return (int)a->kind - (int)b->kind;
	case COL_METHOD: return strcmp(a->method, b->method);
	case COL_PATH: return strcmp(a->path, b->path);
	case COL_REQ: return three_way(a->req_bytes + 1, b->req_bytes + 1);
	case COL_RESP: return three_way(a->resp_bytes + 1, b->resp_bytes + 1);
	case COL_SERVICE: return strcmp(a->service, b->service);
	default: return strcmp(a->peer, b->peer);
	}
}

static void flights_init(struct view *view)
{
	static const struct table_ops ops = { columns,	COL_ALL, row_count,  row_id,
					      row_cell, NULL,	 row_compare };
	struct flights_view *v = (struct flights_view *)view;

	v->rows = calloc(TUI_FLIGHTS, sizeof(*v->rows));
	v->before = calloc(TUI_FLIGHTS, sizeof(*v->before));
	table_init(&v->table, &ops, v);
	v->table.sort = COL_AGE;
}

static void flights_release(struct view *view)
{
	struct flights_view *v = (struct flights_view *)view;

	table_release(&v->table);
	free(v->rows);
	free(v->before);
}

static void flights_draw(struct view *view, struct screen *s, int y, int height)
{
	struct flights_view *v = (struct flights_view *)view;

	table_draw(&v->table, s, y, tui_unseen(s, y, height, v->unseen));
	if (!v->n && height > 2)
		screen__put(s, y + 2, 2, screen__width(s), STYLE_STRONG,
			    "No requests in flight.");
}

struct opening {
	struct tui *tui;
	uint64_t id;
	int trace;
};

static int has_spans(const struct span_ring *r, const uint8_t *trace)
{
	for (uint32_t i = 0; i < ring_count(r); i++)
		if (!memcmp(ring_span(r, i)->trace_id, trace, TRACE_ID_LEN))
			return 1;
	return 0;
}

static void open_one(void *opening, const struct span *s)
{
	struct opening *o = opening;

	if (id_of(s) != o->id)
		return;
	o->id = 0;
	if (o->trace && !has_spans(&o->tui->model.now->ring, s->trace_id)) {
		tui_say(o->tui, STYLE_TEXT,
			"no span of its trace is complete yet; its hops are here");
		return;
	}
	tui_push(o->tui, o->trace ? view_trace_open(o->tui, s) : view_span_open(o->tui, s));
}

static int flights_key(struct view *view, const struct key *k)
{
	struct flights_view *v = (struct flights_view *)view;
	struct opening o = { view->tui, 0, k->code == 'T' };
	uint32_t row;

	if (k->code != SK_ENTER && k->code != 'T' &&
	    !(k->code == SK_DOUBLE_CLICK && table_clicked(&v->table, k)))
		return 0;
	if (!table_selected(&v->table, &row))
		return 1;
	o.id = v->rows[row].id;
	tui_flights(view->tui, open_one, &o);
	if (o.id)
		tui_say(view->tui, STYLE_TEXT, "it has its answer by now");
	return 1;
}

static struct table *flights_table(struct view *view)
{
	return &((struct flights_view *)view)->table;
}

struct saving {
	struct sink *sink;
	unsigned n;
};

static void save_one(void *ctx, const struct span *s)
{
	struct saving *to = ctx;

	to->sink->ops->span(to->sink, s);
	to->n++;
}

static unsigned flights_save(struct view *view, struct out *o)
{
	struct saving to = { tui_json_sink(view->tui, o), 0 };

	if (!to.sink)
		return 0;
	tui_flights(view->tui, save_one, &to);
	to.sink->ops->free(to.sink);
	return to.n;
}

const struct view_ops view_flights = {
	.name = "In flight",
	.hints = "Enter:details  T:trace",
	.size = sizeof(struct flights_view),
	.init = flights_init,
	.release = flights_release,
	.refresh = flights_refresh,
	.draw = flights_draw,
	.key = flights_key,
	.table = flights_table,
	.save = flights_save,
};
