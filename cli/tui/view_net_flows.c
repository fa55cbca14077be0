/*
 * view_net_flows.c - the connections of one row of Network, those that are over, too
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/tui/tui_impl.h"

#define FLOWS ((size_t)WAYS << NET_FLOW_BITS)

enum flows_column {
	COL_STATE, COL_CLIENT, COL_SERVER, COL_PROTO, COL_OUT, COL_IN, COL_OUT_PACKETS,
	COL_IN_PACKETS, COL_RTT, COL_MIN_RTT, COL_RETRANSMITS, COL_AGE, COL_IDLE, COL_SEEN,
	COL_ALL,
};

static const struct column columns[COL_ALL] = {
	[COL_STATE] = { "STATE", 7, 11, 1, 0, 0, 0 },
	[COL_CLIENT] = { "CLIENT", 15, 45, 0, 0, 0, 0 },
	[COL_SERVER] = { "SERVER", 15, 45, 0, 0, 0, 0 },
	[COL_PROTO] = { "PROTO", 8, 10, 6, 0, 0, 0 },
	[COL_OUT] = { "OUT", 7, 8, 2, 1, 1, 0 },
	[COL_IN] = { "IN", 7, 8, 2, 1, 1, 0 },
	[COL_OUT_PACKETS] = { "PKT OUT", 7, 8, 9, 1, 1, 0 },
	[COL_IN_PACKETS] = { "PKT IN", 7, 8, 9, 1, 1, 0 },
	[COL_RTT] = { "RTT", 6, 7, 4, 1, 1, 0 },
	[COL_MIN_RTT] = { "MIN RTT", 7, 7, 7, 1, 1, 0 },
	[COL_RETRANSMITS] = { "RETR", 4, 6, 3, 1, 1, 0 },
	[COL_AGE] = { "AGE", 6, 6, 8, 1, 1, 0 },
	[COL_IDLE] = { "IDLE", 6, 6, 5, 1, 1, 0 },
	[COL_SEEN] = { "SEEN BY", 9, 24, 9, 0, 0, 0 },
};

struct flows_view {
	struct view view;
	struct table table;
	enum net_by by;
	uint64_t id;
	struct net_flow *rows; /* room for FLOWS */
	uint32_t n;
};

static int by_key(const void *a, const void *b)
{
	uint64_t p = ((const struct net_flow *)a)->way.key;
	uint64_t q = ((const struct net_flow *)b)->way.key;

	return (p > q) - (p < q);
}

/* Was it there at the time that is looked at? */
static int is_shown(const struct tui *t, const struct net_flow *f)
{
	return !t->past_to || (f->first_ns < t->past_to &&
			       (!f->last || f->last_ns >= t->model.from));
}

static void flows_refresh(struct view *view)
{
	struct flows_view *v = (struct flows_view *)view;
	const struct net *net = &view->tui->model.now->f.net;

	tui_count_traffic(view->tui);
	v->n = 0;
	for (size_t i = 0; v->rows && net->flows && i < FLOWS; i++)
		if (net->flows[i].way.key && net->flows[i].group[v->by] == v->id &&
		    is_shown(view->tui, &net->flows[i]))
			v->rows[v->n++] = net->flows[i];
	if (v->n)
		qsort(v->rows, v->n, sizeof(*v->rows), by_key);
	table_refresh(&v->table);
}

static uint32_t flows_rows(void *ctx)
{
	return ((struct flows_view *)ctx)->n;
}

static uint64_t flows_id(void *ctx, uint32_t row)
{
	return ((struct flows_view *)ctx)->rows[row].way.key;
}

/* ---- cells */

static uint64_t or_unknown(uint64_t v)
{
	return v ? v : SPAN_UNKNOWN;
}

static uint64_t since(const struct flows_view *v, uint64_t time)
{
	uint64_t now = v->view.tui->vitals.moment;

	return now > time ? now - time : 0;
}

static void seen_cell(const struct net_flow *f, struct cell *c)
{
	const char *end = f->is_server < 0 ? "" : f->is_server ? "server" : "client";

	snprintf(c->buf, sizeof(c->buf), "%s%s%s", end, *end && f->process[0] ? " " : "",
		 f->process);
	c->text = str_of(c->buf);
	c->foreign = 1;
}

static void packets_cell(const struct net_flow *f, int dir, struct cell *c)
{
	c->text = !f->packets[dir] && f->bytes[dir] ? str_of("-")
						    : tui_count(c->buf, f->packets[dir]);
}

static void figure_cell(const struct flows_view *v, const struct net_flow *f, int column,
			struct cell *c)
{
	switch (column) {
	case COL_OUT: c->text = tui_size(c->buf, f->bytes[0]); break;
	case COL_IN: c->text = tui_size(c->buf, f->bytes[1]); break;
	case COL_OUT_PACKETS:
	case COL_IN_PACKETS: packets_cell(f, column == COL_IN_PACKETS, c); break;
	case COL_RTT: c->text = tui_duration(c->buf, or_unknown(f->rtt_ns)); break;
	case COL_MIN_RTT: c->text = tui_duration(c->buf, or_unknown(f->min_rtt_ns)); break;
	case COL_AGE: c->text = tui_duration(c->buf, since(v, f->first_ns)); break;
	case COL_IDLE: c->text = tui_duration(c->buf, since(v, f->last_ns)); break;
	default:
		c->text = tui_count(c->buf, f->retransmits);
		c->style = f->retransmits ? STYLE_SLOW : STYLE_DIM;
		break;
	}
}

static void flows_cell(void *ctx, uint32_t i, int column, int width, struct cell *c)
{
	const struct flows_view *v = ctx;
	const struct net_flow *f = &v->rows[i];

	(void)width;
	switch (column) {
	case COL_STATE:
		c->text = str_of(f->error ? f->error : f->state);
		c->style = f->error ? STYLE_ERROR : f->last ? STYLE_DIM : STYLE_TEXT;
		break;
	case COL_CLIENT: c->text = tui_endpoint(c->buf, f->client_addr, f->client_port); break;
	case COL_SERVER: c->text = tui_endpoint(c->buf, f->server_addr, f->server_port); break;
	case COL_PROTO:
		c->text = str_of(f->protocol[0] ? f->protocol : f->datagram ? "udp" : "?");
		break;
	case COL_SEEN: seen_cell(f, c); break;
	default: figure_cell(v, f, column, c); break;
	}
}

/* ---- order */

static int compare_ends(const uint8_t *a, uint16_t p, const uint8_t *b, uint16_t q)
{
	int c = memcmp(a, b, 16);

	return c ? c : (int)p - (int)q;
}

static uint64_t figure(const struct net_flow *f, int column)
{
	switch (column) {
	case COL_OUT: return f->bytes[0];
	case COL_IN: return f->bytes[1];
	case COL_OUT_PACKETS: return f->packets[0];
	case COL_IN_PACKETS: return f->packets[1];
	case COL_RTT: return f->rtt_ns;
	case COL_MIN_RTT: return f->min_rtt_ns;
	case COL_AGE: return UINT64_MAX - f->first_ns;
	case COL_IDLE: return UINT64_MAX - f->last_ns;
	default: return f->retransmits;
	}
}

static int flows_compare(void *ctx, uint32_t x, uint32_t y, int column)
{
	const struct flows_view *v = ctx;
	const struct net_flow *a = &v->rows[x], *b = &v->rows[y];
	uint64_t p = figure(a, column), q = figure(b, column);

	switch (column) {
	case COL_STATE: return strcmp(a->error ? a->error : a->state,
				      b->error ? b->error : b->state);
	case COL_CLIENT:
		return compare_ends(a->client_addr, a->client_port, b->client_addr, b->client_port);
	case COL_SERVER:
		return compare_ends(a->server_addr, a->server_port, b->server_addr, b->server_port);
	case COL_PROTO: return strcmp(a->protocol, b->protocol);
	case COL_SEEN: return strcmp(a->process, b->process);
	default: return (p > q) - (p < q);
	}
}

/* ---- the view */

static void flows_init(struct view *view)
{
	static const struct table_ops ops = { columns,	  COL_ALL, flows_rows,	 flows_id,
					      flows_cell, NULL,	   flows_compare };
	struct flows_view *v = (struct flows_view *)view;

	v->rows = calloc(FLOWS, sizeof(*v->rows));
	table_init(&v->table, &ops, v);
	v->table.sort = COL_IN;
}

static void flows_release(struct view *view)
{
	struct flows_view *v = (struct flows_view *)view;

	table_release(&v->table);
	free(v->rows);
}

static void flows_draw(struct view *view, struct screen *s, int y, int height)
{
	table_draw(&((struct flows_view *)view)->table, s, y, height);
}

static int flows_key(struct view *view, const struct key *k)
{
	struct flows_view *v = (struct flows_view *)view;
	uint32_t row;

	if (k->code != SK_ENTER && !(k->code == SK_DOUBLE_CLICK && table_clicked(&v->table, k)))
		return 0;
	if (table_selected(&v->table, &row))
		tui_push(view->tui, view_requests_open(view->tui, v->rows[row].way.key));
	return 1;
}

static struct table *flows_table(struct view *view)
{
	return &((struct flows_view *)view)->table;
}

static const struct view_ops view_net_flows = {
	.name = "Flows",
	.hints = "Enter:its requests",
	.size = sizeof(struct flows_view),
	.init = flows_init,
	.release = flows_release,
	.refresh = flows_refresh,
	.draw = flows_draw,
	.key = flows_key,
	.table = flows_table,
};

struct view *view_net_flows_open(struct tui *t, enum net_by by, uint64_t id)
{
	struct flows_view *v = (struct flows_view *)view_new(t, &view_net_flows);

	if (!v)
		return NULL;
	v->by = by;
	v->id = id;
	return &v->view;
}
