/*
 * view_network.c - who talks to whom: bytes, packets, round trips, losses, connections that failed
 *
 * Of all connections and conversations of datagrams, whatever they speak and whatever the filter.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/tui/tui_impl.h"

enum network_column {
	COL_NAME, COL_RATE, COL_OUT, COL_IN, COL_OUT_RATE, COL_IN_RATE, COL_OUT_PACKETS,
	COL_IN_PACKETS, COL_RTT, COL_MIN_RTT, COL_RETRANSMITS, COL_FAILED, COL_CONNS, COL_ALL,
};

static const struct column all_columns[COL_ALL] = {
	[COL_NAME] = { "PAIR", 12, 70, 0, 0, 0, 0, 30 },
	[COL_RATE] = { "BYTES/s", 8, 8, 2, 1, 1, 0 },
	[COL_OUT] = { "OUT", 7, 9, 1, 1, 1, 0 },
	[COL_IN] = { "IN", 7, 9, 1, 1, 1, 0 },
	[COL_OUT_RATE] = { "OUT/s", 7, 9, 8, 1, 1, 0 },
	[COL_IN_RATE] = { "IN/s", 7, 9, 8, 1, 1, 0 },
	[COL_OUT_PACKETS] = { "PKT OUT", 7, 9, 9, 1, 1, 0 },
	[COL_IN_PACKETS] = { "PKT IN", 7, 9, 9, 1, 1, 0 },
	[COL_RTT] = { "RTT", 6, 7, 4, 1, 1, 0 },
	[COL_MIN_RTT] = { "MIN RTT", 7, 7, 7, 1, 1, 0 },
	[COL_RETRANSMITS] = { "RETR", 5, 6, 3, 1, 1, 0 },
	[COL_FAILED] = { "FAILED", 6, 6, 3, 1, 1, 0 },
	[COL_CONNS] = { "CONNS", 5, 6, 6, 1, 1, 0 },
};

struct row {
	const struct net_row *group;
	struct net_counts counts;
};

struct network {
	struct view view;
	struct table table;
	struct table_ops ops;
	struct column columns[COL_ALL];
	char name[40]; /* the heading, with the window */
	struct row rows[NET_ROWS + 2]; /* behind the last one: all together */
	uint32_t n;
	double seconds; /* that the figures are of */
	struct net_past past; /* that they are of, where a past time is looked at */
};

static const struct net *net_of(const struct tui *t)
{
	return &t->model.now->f.net;
}

/* ---- rows */

static void fill(struct network *v, const struct net_row *group)
{
	const struct tui *t = v->view.tui;
	struct row *r = &v->rows[v->n];

	r->group = group;
	if (t->past_to)
		net_between(group, &v->past, &r->counts);
	else
		net_window(net_of(t), group, t->window, t->vitals.moment, &r->counts);
}

/* In the past, what had nothing to do with that time is no row. */
static int is_empty(const struct network *v)
{
	const struct net_counts *n = &v->rows[v->n].counts;

	return v->view.tui->past_to &&
	       !(n->bytes[0] | n->bytes[1] | n->packets[0] | n->packets[1] | n->rtts |
		 n->retransmits | n->conns | n->failed);
}

/* Of a past time: that of whole slices, see model_net.h. 32 bytes. */
static struct str window_text(const struct network *v, char *buf)
{
	char from[32], to[32];

	if (!v->view.tui->past_to)
		return tui_window(v->view.tui, buf);
	if (v->past.from == v->past.to)
		return str_of("not kept");
	tui_clock(from, v->past.from);
	tui_clock(to, v->past.to);
	snprintf(buf, 32, "%.8s-%.8s", from, to);
	return str_of(buf);
}

static void measure(struct network *v)
{
	const struct tui *t = v->view.tui;
	uint64_t now = t->vitals.moment;

	if (t->past_to) {
		v->past = net_past(net_of(t), t->model.from, t->past_to, now);
		v->seconds = (double)(v->past.to - v->past.from) / 1e9;
	} else {
		v->seconds = (double)net_window_ns(net_of(t), t->window, now) / 1e9;
	}
}

static void name_columns(struct network *v)
{
	static const char *const names[NET_TABLES] = { "PAIR", "PROCESS", "PEER", "PORT", "ZONE" };
	char buf[32];
	struct str w = window_text(v, buf);

	snprintf(v->name, sizeof(v->name), "%s %.*s", names[v->view.tui->net_by], (int)w.n, w.p);
	v->columns[COL_NAME].name = v->name;
}

static void network_refresh(struct view *view)
{
	struct network *v = (struct network *)view;
	struct tui *t = view->tui;
	const struct net_table *rows = &net_of(t)->table[t->net_by];

	tui_count_traffic(t);
	measure(v);
	v->n = 0;
	for (unsigned i = 0; i < rows->n; i++) {
		fill(v, rows->row[i]);
		v->n += !is_empty(v);
	}
	if (rows->others) {
		fill(v, rows->others);
		v->n += !is_empty(v);
	}
	if (rows->total)
		fill(v, rows->total);
	name_columns(v);
	table_refresh(&v->table);
}

static uint32_t network_rows(void *ctx)
{
	return ((struct network *)ctx)->n;
}

static uint64_t network_id(void *ctx, uint32_t row)
{
	return ((struct network *)ctx)->rows[row].group->id;
}

/* ---- cells */

static uint64_t rtt_of(const struct row *r)
{
	return r->counts.rtts ? r->counts.rtt_sum / r->counts.rtts : SPAN_UNKNOWN;
}

static uint64_t min_rtt_of(const struct row *r)
{
	return r->group->min_rtt ? r->group->min_rtt : SPAN_UNKNOWN;
}

static uint64_t rate_of(const struct network *v, uint64_t bytes)
{
	return (uint64_t)((double)bytes / (v->seconds > 1 ? v->seconds : 1) + 0.5);
}

static void size_cell(struct cell *c, uint64_t bytes)
{
	c->text = tui_size(c->buf, bytes);
	c->style = bytes ? STYLE_TEXT : STYLE_DIM;
}

static void count_cell(struct cell *c, uint64_t n, enum style st)
{
	c->text = tui_count(c->buf, n);
	c->style = n ? st : STYLE_DIM;
}

/* Not everything that is seen of a connection was counted by its kernel. */
static void packets_cell(struct cell *c, const struct net_counts *n, int dir)
{
	count_cell(c, n->packets[dir], STYLE_TEXT);
	if (!n->packets[dir] && n->bytes[dir])
		c->text = str_of("-");
}

static void network_cell(void *ctx, uint32_t i, int column, int width, struct cell *c)
{
	const struct network *v = ctx;
	const struct row *r = &v->rows[i];
	const struct net_counts *n = &r->counts;

	(void)width;
	switch (column) {
	case COL_NAME:
		c->text = str_of(i == v->n ? "TOTAL" : r->group->name);
		c->style = i == v->n ? STYLE_STRONG : STYLE_TEXT;
		c->foreign = c->middle = 1;
		break;
	case COL_RATE: size_cell(c, rate_of(v, n->bytes[0] + n->bytes[1])); break;
	case COL_OUT: size_cell(c, n->bytes[0]); break;
	case COL_IN: size_cell(c, n->bytes[1]); break;
	case COL_OUT_RATE: size_cell(c, rate_of(v, n->bytes[0])); break;
	case COL_IN_RATE: size_cell(c, rate_of(v, n->bytes[1])); break;
	case COL_OUT_PACKETS: packets_cell(c, n, 0); break;
	case COL_IN_PACKETS: packets_cell(c, n, 1); break;
	case COL_RTT: c->text = tui_duration(c->buf, rtt_of(r)); break;
	case COL_MIN_RTT: c->text = tui_duration(c->buf, min_rtt_of(r)); break;
	case COL_RETRANSMITS: count_cell(c, n->retransmits, STYLE_SLOW); break;
	case COL_FAILED: count_cell(c, n->failed, STYLE_ERROR); break;
	default: count_cell(c, n->conns, STYLE_TEXT); break;
	}
}

/* What is not known comes before everything. */
static uint64_t known(uint64_t v)
{
	return v == SPAN_UNKNOWN ? 0 : v + 1;
}

static uint64_t figure(const struct row *r, int column)
{
	const struct net_counts *n = &r->counts;

	switch (column) {
	case COL_RATE: return n->bytes[0] + n->bytes[1];
	case COL_OUT:
	case COL_OUT_RATE: return n->bytes[0];
	case COL_IN:
	case COL_IN_RATE: return n->bytes[1];
	case COL_OUT_PACKETS: return n->packets[0];
	case COL_IN_PACKETS: return n->packets[1];
	case COL_RTT: return known(rtt_of(r));
	case COL_MIN_RTT: return known(min_rtt_of(r));
	case COL_RETRANSMITS: return n->retransmits;
	case COL_FAILED: return n->failed;
	default: return n->conns;
	}
}

static int network_compare(void *ctx, uint32_t x, uint32_t y, int column)
{
	const struct network *v = ctx;
	const struct row *a = &v->rows[x], *b = &v->rows[y];
	uint64_t p = figure(a, column), q = figure(b, column);
	int names = strcmp(a->group->name, b->group->name);

	if (column == COL_NAME)
		return names;
	if (p != q)
		return p > q ? 1 : -1;
	return v->columns[column].descends != v->table.invert ? -names : names;
}

/* ---- the view */

static void network_init(struct view *view)
{
	struct network *v = (struct network *)view;

	memcpy(v->columns, all_columns, sizeof(v->columns));
	v->ops = (struct table_ops){ v->columns,   COL_ALL, network_rows,   network_id,
				     network_cell, NULL,    network_compare };
	table_init(&v->table, &v->ops, v);
	v->table.sort = COL_RATE;
}

static void network_release(struct view *view)
{
	table_release(&((struct network *)view)->table);
}

static void network_draw(struct view *view, struct screen *s, int y, int height)
{
	struct network *v = (struct network *)view;
	int total = height > 4 && v->n > 1, used;

	table_draw(&v->table, s, y, height - total);
	if (!v->n && height > 2)
		empty_draw(view->tui->empty, view->tui, s, "connections", y + 2, height - 2);
	used = (int)v->n + 1 < height - total ? (int)v->n + 1 : height - total;
	if (total)
		table_draw_row(&v->table, s, v->n, y + used);
	if (v->n && view->tui->filter[0] && used + 2 < height)
		screen__put(s, y + used + 2, 0, screen__width(s), STYLE_DIM,
			    "All connections: the filter is of requests.");
}

static int take_group(struct tui *t, int key)
{
	if (key < '1' || key >= '1' + NET_TABLES)
		return 0;
	t->net_by = (enum net_by)(key - '1');
	tui_say(t, STYLE_TEXT, "by %s", net_by_name(t->net_by));
	t->stale = 1;
	return 1;
}

static void open_selected(struct network *v)
{
	struct tui *t = v->view.tui;
	uint32_t row;

	if (table_selected(&v->table, &row))
		tui_push(t, view_net_flows_open(t, t->net_by, v->rows[row].group->id));
}

static int network_key(struct view *view, const struct key *k)
{
	static const struct menu group_menu = {
		"group by  ", "1:pair  2:process  3:peer  4:port  5:zone", take_group,
	};
	struct network *v = (struct network *)view;
	struct tui *t = view->tui;

	switch (k->code) {
	case 'o': t->menu = &group_menu; return 1;
	case 'O': return take_group(t, '1' + ((int)t->net_by + NET_TABLES - 1) % NET_TABLES);
	case SK_DOUBLE_CLICK:
		if (!table_clicked(&v->table, k))
			return 0;
		open_selected(v);
		return 1;
	case SK_ENTER: open_selected(v); return 1;
	default: return 0;
	}
}

static struct table *network_table(struct view *view)
{
	return &((struct network *)view)->table;
}

static void save_row(const struct network *v, const struct row *r, struct json *j)
{
	const struct net_counts *n = &r->counts;
	char window[32];
	struct str w = window_text(v, window);

	json_open(j, '{');
	json_cstr(j, "type", "network");
	json_cstr(j, "by", net_by_name(v->view.tui->net_by));
	json_cstr(j, "name", r->group->name);
	json_str(j, "window", w);
	json_u64(j, "out_bytes", n->bytes[0]);
	json_u64(j, "in_bytes", n->bytes[1]);
	json_u64(j, "out_packets", n->packets[0]);
	json_u64(j, "in_packets", n->packets[1]);
	if (n->rtts)
		json_u64(j, "rtt_ns", rtt_of(r));
	if (r->group->min_rtt)
		json_u64(j, "min_rtt_ns", r->group->min_rtt);
	json_u64(j, "retransmits", n->retransmits);
	json_u64(j, "failed", n->failed);
	json_u64(j, "connections", n->conns);
	json_end_line(j);
}

static unsigned network_save(struct view *view, struct out *o)
{
	struct network *v = (struct network *)view;
	struct json j = { o, 0 };

	for (uint32_t i = 0; i < v->table.n; i++)
		save_row(v, &v->rows[v->table.order[i]], &j);
	return v->table.n;
}

const struct view_ops view_network = {
	.name = "Network",
	.hints = "Enter:connections  o:group by  m:window",
	.size = sizeof(struct network),
	.init = network_init,
	.release = network_release,
	.refresh = network_refresh,
	.draw = network_draw,
	.key = network_key,
	.table = network_table,
	.save = network_save,
};
