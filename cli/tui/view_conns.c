/*
 * view_conns.c - the connections that are known, and what is doubtful about each
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/tui/tui_impl.h"

#define CONNS_MAX 4096u

enum conns_column {
	COL_ROLE, COL_LOCAL, COL_REMOTE, COL_PROTO, COL_TLS, COL_AGE, COL_IDLE, COL_REQUESTS,
	COL_FLIGHT, COL_IN, COL_OUT, COL_RTT, COL_RETRANSMITS, COL_PROCESS, COL_DOUBT, COL_ALL,
};

static const struct column columns[COL_ALL] = {
	[COL_ROLE] = { "ROLE", 4, 6, 7, 0, 0, 0 },
	[COL_LOCAL] = { "LOCAL", 15, 30, 6, 0, 0, 0 },
	[COL_REMOTE] = { "REMOTE", 15, 30, 0, 0, 0, 0 },
	[COL_PROTO] = { "PROTO", 8, 8, 3, 0, 0, 0 },
	[COL_TLS] = { "TLS", 3, 28, 11, 0, 0, 0 },
	[COL_AGE] = { "AGE", 6, 6, 4, 1, 1, 0 },
	[COL_IDLE] = { "IDLE", 6, 6, 8, 1, 1, 0 },
	[COL_REQUESTS] = { "REQS", 6, 7, 0, 1, 1, 0 },
	[COL_FLIGHT] = { "OPEN", 4, 4, 9, 1, 1, 0 },
	[COL_IN] = { "IN", 7, 8, 10, 1, 1, 0 },
	[COL_OUT] = { "OUT", 7, 8, 10, 1, 1, 0 },
	[COL_RTT] = { "RTT", 6, 6, 12, 1, 1, 0 },
	[COL_RETRANSMITS] = { "RETR", 4, 6, 13, 1, 1, 0 },
	[COL_PROCESS] = { "PROCESS", 10, 24, 5, 0, 0, 0 },
	[COL_DOUBT] = { "DOUBT", 8, 40, 2, 0, 0, 0 },
};

struct row {
	struct engine_conn c; /* pointers into the row */
	uint8_t local[16], remote[16];
	char comm[20];
	char tls_sni[256]; /* "": not known */
};

struct conns_view {
	struct view view;
	struct table table;
	struct row *rows;
	uint32_t n, unseen; /* beyond CONNS_MAX */
};

static void add(void *ctx, const struct engine_conn *c)
{
	struct conns_view *v = ctx;
	struct row *r = &v->rows[v->n];

	if (v->n == CONNS_MAX) {
		v->unseen++;
		return;
	}
	v->n++;
	r->c = *c;
	if (c->local) {
		memcpy(r->local, c->local, sizeof(r->local));
		memcpy(r->remote, c->remote, sizeof(r->remote));
	}
	snprintf(r->comm, sizeof(r->comm), "%s", c->comm ? c->comm : "");
	snprintf(r->tls_sni, sizeof(r->tls_sni), "%s", c->tls_sni ? c->tls_sni : "");
}

static void conns_refresh(struct view *view)
{
	struct conns_view *v = (struct conns_view *)view;

	tui_count_traffic(view->tui);
	if (!view->tui->paused && v->rows) {
		v->n = v->unseen = 0;
		engine__connections(view->tui->from.engine, add, v);
	}
	table_refresh(&v->table);
}

static uint32_t row_count(void *ctx)
{
	return ((struct conns_view *)ctx)->n;
}

static uint64_t row_id(void *ctx, uint32_t row)
{
	return ((struct conns_view *)ctx)->rows[row].c.conn;
}

static struct str doubts(const struct engine_conn *c, char *buf, size_t cap)
{
	char size[32];
	struct str s = tui_size(size, c->uncaptured);

	snprintf(buf, cap, "%s%s%s%s", c->preexisting ? "attached-late " : "",
		 c->lost ? "lost-events " : "", c->reset ? "reset " : "",
		 c->closing ? "closing " : "");
	if (c->uncaptured && strlen(buf) + 48 < cap)
		snprintf(buf + strlen(buf), 48, "%.*s not captured", (int)s.n, s.p);
	return str_of(buf);
}

/* "1.3 server.example", "?": encrypted, and no more is known */
static void tls_cell(const struct row *r, struct cell *cell)
{
	const struct engine_conn *c = &r->c;
	int known = c->protocol && strcmp(c->protocol, "opaque");

	cell->style = STYLE_DIM;
	if (!c->tls_version && !r->tls_sni[0]) {
		cell->text = str_of(known && strcmp(c->protocol, "tls") ? "no" : "?");
		return;
	}
	snprintf(cell->buf, sizeof(cell->buf), "%s%s%.200s", c->tls_version ? c->tls_version : "?",
		 r->tls_sni[0] ? " " : "", r->tls_sni);
	cell->text = str_of(cell->buf);
	cell->foreign = 1;
}

static void figure_cell(const struct engine_conn *c, int column, struct cell *cell)
{
	switch (column) {
	case COL_AGE: cell->text = tui_duration(cell->buf, c->age_ns); break;
	case COL_IDLE: cell->text = tui_duration(cell->buf, c->idle_ns); break;
	case COL_REQUESTS: cell->text = tui_count(cell->buf, c->requests); break;
	case COL_FLIGHT:
		cell->text = tui_count(cell->buf, c->in_flight);
		cell->style = c->in_flight ? STYLE_STRONG : STYLE_DIM;
		break;
	case COL_IN: cell->text = tui_size(cell->buf, c->in_bytes); break;
	case COL_OUT: cell->text = tui_size(cell->buf, c->out_bytes); break;
	case COL_RTT:
		cell->text = tui_duration(cell->buf, c->rtt_ns ? c->rtt_ns : SPAN_UNKNOWN);
		break;
	case COL_RETRANSMITS:
		cell->text = tui_count(cell->buf, c->retransmits);
		cell->style = c->retransmits ? STYLE_SLOW : STYLE_DIM;
		break;
	default: break;
	}
}

static void row_cell(void *ctx, uint32_t row, int column, int width, struct cell *cell)
{
	const struct row *r = &((struct conns_view *)ctx)->rows[row];
	const struct engine_conn *c = &r->c;

	(void)width;
	switch (column) {
	case COL_ROLE:
		cell->text = str_of(c->is_server < 0 ? "?" :
				    c->is_server     ? (width < 6 ? "serv" : "server") :
						       (width < 6 ? "clnt" : "client"));
		cell->style = c->is_server == 0 ? STYLE_CLIENT : STYLE_DIM;
		break;
	case COL_LOCAL:
		cell->text =
			c->local ? tui_endpoint(cell->buf, r->local, c->local_port) : str_of("?");
		break;
	case COL_REMOTE:
		cell->text =
			c->local ? tui_endpoint(cell->buf, r->remote, c->remote_port) : str_of("?");
		break;
	case COL_PROTO: cell->text = str_of(c->protocol ? c->protocol : "?"); break;
	case COL_TLS:
		tls_cell(r, cell);
		break;
	case COL_PROCESS:
		if (c->pid)
			snprintf(cell->buf, sizeof(cell->buf), "%s %u", r->comm, c->pid);
		else
			snprintf(cell->buf, sizeof(cell->buf), "%s", r->comm[0] ? r->comm : "?");
		cell->text = str_of(cell->buf);
		cell->foreign = 1;
		break;
	case COL_DOUBT:
		cell->text = doubts(c, cell->buf, sizeof(cell->buf));
		cell->style = STYLE_SLOW;
		break;
	default: figure_cell(c, column, cell); break;
	}
}

static uint64_t figure(const struct engine_conn *c, int column)
{
	switch (column) {
	case COL_AGE: return c->age_ns; /* not known: open before we looked, so the oldest */
	case COL_IDLE: return c->idle_ns;
	case COL_REQUESTS: return c->requests;
	case COL_FLIGHT: return c->in_flight;
	case COL_IN: return c->in_bytes;
	case COL_OUT: return c->out_bytes;
	case COL_RTT: return c->rtt_ns;
	case COL_RETRANSMITS: return c->retransmits;
	case COL_ROLE: return (uint64_t)(c->is_server + 1);
	case COL_DOUBT:
		return (uint64_t)(8 * !!c->lost + 4 * !!c->reset + 2 * !!c->preexisting +
				  !!c->closing);
	default: return 0;
	}
}

static int compare_ends(const uint8_t *a, uint16_t p, const uint8_t *b, uint16_t q)
{
	int c = memcmp(a, b, 16);

	return c ? c : (int)p - (int)q;
}

static int row_compare(void *ctx, uint32_t x, uint32_t y, int column)
{
	const struct row *a = &((struct conns_view *)ctx)->rows[x];
	const struct row *b = &((struct conns_view *)ctx)->rows[y];
	uint64_t p = figure(&a->c, column), q = figure(&b->c, column);

	if (column == COL_LOCAL)
		return compare_ends(a->local, a->c.local_port, b->local, b->c.local_port);
	if (column == COL_REMOTE)
		return compare_ends(a->remote, a->c.remote_port, b->remote, b->c.remote_port);
	if (column == COL_PROCESS)
		return strcmp(a->comm, b->comm);
	if (column == COL_TLS && strcmp(a->tls_sni, b->tls_sni))
		return strcmp(a->tls_sni, b->tls_sni);
	if (column == COL_PROTO || column == COL_TLS)
		return strcmp(a->c.protocol ? a->c.protocol : "",
			      b->c.protocol ? b->c.protocol : "");
	return (p > q) - (p < q);
}

static void conns_init(struct view *view)
{
	static const struct table_ops ops = { columns,	COL_ALL, row_count,  row_id,
					      row_cell, NULL,	 row_compare };
	struct conns_view *v = (struct conns_view *)view;

	v->rows = calloc(CONNS_MAX, sizeof(*v->rows));
	table_init(&v->table, &ops, v);
	v->table.sort = COL_REQUESTS;
}

static void conns_release(struct view *view)
{
	struct conns_view *v = (struct conns_view *)view;

	table_release(&v->table);
	free(v->rows);
}

static void conns_draw(struct view *view, struct screen *s, int y, int height)
{
	struct conns_view *v = (struct conns_view *)view;

	table_draw(&v->table, s, y, tui_unseen(s, y, height, v->unseen));
	if (!v->n && height > 2)
		screen__put(s, y + 2, 2, screen__width(s), STYLE_STRONG, "No connections now.");
}

static int conns_key(struct view *view, const struct key *k)
{
	struct conns_view *v = (struct conns_view *)view;
	uint32_t row;

	if (k->code != SK_ENTER && !(k->code == SK_DOUBLE_CLICK && table_clicked(&v->table, k)))
		return 0;
	if (table_selected(&v->table, &row))
		tui_push(view->tui, view_requests_open(view->tui, v->rows[row].c.conn));
	return 1;
}

static struct table *conns_table(struct view *view)
{
	return &((struct conns_view *)view)->table;
}

static unsigned conns_save(struct view *view, struct out *o)
{
	struct conns_view *v = (struct conns_view *)view;
	struct json j = { o, 0 };

	for (uint32_t i = 0; i < v->table.n; i++) {
		const struct row *r = &v->rows[v->table.order[i]];
		char buf[64];

		json_open(&j, '{');
		json_cstr(&j, "type", "connection");
		json_u64(&j, "conn", r->c.conn);
		if (r->c.local) {
			json_str(&j, "local", tui_endpoint(buf, r->local, r->c.local_port));
			json_str(&j, "remote", tui_endpoint(buf, r->remote, r->c.remote_port));
		}
		if (r->c.protocol)
			json_cstr(&j, "protocol", r->c.protocol);
		if (r->c.tls_version)
			json_cstr(&j, "tls_version", r->c.tls_version);
		if (r->tls_sni[0])
			json_cstr(&j, "tls_sni", r->tls_sni);
		if (r->c.pid)
			json_u64(&j, "pid", r->c.pid);
		json_cstr(&j, "comm", r->comm);
		json_u64(&j, "requests", r->c.requests);
		json_u64(&j, "in_flight", r->c.in_flight);
		json_u64(&j, "in_bytes", r->c.in_bytes);
		json_u64(&j, "out_bytes", r->c.out_bytes);
		if (r->c.rtt_ns)
			json_u64(&j, "rtt_ns", r->c.rtt_ns);
		json_u64(&j, "retransmits", r->c.retransmits);
		json_end_line(&j);
	}
	return v->table.n;
}

const struct view_ops view_conns = {
	.name = "Connections",
	.hints = "Enter:its requests",
	.size = sizeof(struct conns_view),
	.init = conns_init,
	.release = conns_release,
	.refresh = conns_refresh,
	.draw = conns_draw,
	.key = conns_key,
	.table = conns_table,
	.save = conns_save,
};
