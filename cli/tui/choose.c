#include "cli/tui/choose.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/guess.h"
#include "cli/inventory.h"
#include "cli/log.h"
#include "cli/procread.h"
#include "cli/tui/table.h"

#define LOOK_MS 2000 /* between two looks at what listens */

enum choose_column {
	COL_PORT, COL_ADDRESS, COL_SERVICE, COL_PID, COL_PROTOCOL, COL_WHERE, COL_ALL
};

static const struct column columns[COL_ALL] = {
	[COL_PORT] = { "PORT", 5, 5, 0, 1, 0, 0 },
	[COL_ADDRESS] = { "ADDRESS", 9, 24, 2, 0, 0, 0 },
	[COL_SERVICE] = { "SERVICE", 10, 40, 0, 0, 0, 0 },
	[COL_PID] = { "PID", 7, 7, 1, 1, 0, 0 },
	[COL_PROTOCOL] = { "PROTOCOL", 9, 12, 3, 0, 0, 0 },
	[COL_WHERE] = { "WHERE", 8, 40, 4, 0, 0, 0 },
};

struct row {
	uint16_t port;
	uint32_t pid; /* 0: not known */
	char address[NET_TEXT_MAX], service[80], protocol[32], where[96];
};

struct chooser {
	struct row *rows;
	uint32_t n;
	struct table table;
	struct screen *screen;
};

/* ---- rows */

static void describe(struct row *r, const struct listener *l, uint64_t here)
{
	struct zc_ev_names names = { .pid = 0 };
	struct guess g;

	r->port = l->at.local_port;
	r->pid = listener_owner(l);
	net_address(r->address, l->at.local);
	if (r->pid)
		proc_called_read(r->pid, &names);
	snprintf(r->service, sizeof(r->service), "%s", *names.service ? names.service : "?");
	g = guess_protocol(r->port, names.service);
	snprintf(r->protocol, sizeof(r->protocol), "%s%s", g.protocol ? g.protocol : "",
		 g.protocol ? g.tls ? " tls?" : "?" : "");
	if (*names.container_name)
		snprintf(r->where, sizeof(r->where), "container %s", names.container_name);
	else if (*names.container)
		snprintf(r->where, sizeof(r->where), "container %.12s", names.container);
	else if (l->at.netns != here)
		snprintf(r->where, sizeof(r->where), "netns %llu", (unsigned long long)l->at.netns);
}

static void look(struct chooser *c)
{
	struct listeners l = { 0 };
	struct row *rows;

	if (!listeners_find(&l) && (rows = calloc(l.n + 1, sizeof(*rows)))) {
		uint64_t here = net_namespace(0);

		free(c->rows);
		c->rows = rows;
		c->n = (uint32_t)l.n;
		for (size_t i = 0; i < l.n; i++)
			describe(&rows[i], &l.v[i], here);
	}
	listeners_release(&l);
	table_refresh(&c->table);
}

static uint32_t row_count(void *ctx)
{
	return ((struct chooser *)ctx)->n;
}

static uint64_t row_id(void *ctx, uint32_t row)
{
	const struct row *r = &((struct chooser *)ctx)->rows[row];

	return (uint64_t)r->port << 32 | r->pid;
}

static void row_cell(void *ctx, uint32_t row, int column, int width, struct cell *cell)
{
	const struct row *r = &((struct chooser *)ctx)->rows[row];
	const char *text[COL_ALL] = { [COL_ADDRESS] = r->address,
				      [COL_SERVICE] = r->service,
				      [COL_PROTOCOL] = r->protocol,
				      [COL_WHERE] = r->where };

	(void)width;
	cell->foreign = 1;
	cell->text = str_of(text[column]);
	if (column == COL_PORT || (column == COL_PID && r->pid)) {
		snprintf(cell->buf, sizeof(cell->buf), "%u", column == COL_PORT ? r->port : r->pid);
		cell->text = str_of(cell->buf);
	}
}

static int row_compare(void *ctx, uint32_t a, uint32_t b, int column)
{
	const struct row *x = &((struct chooser *)ctx)->rows[a];
	const struct row *y = &((struct chooser *)ctx)->rows[b];

	switch (column) {
	case COL_PORT: return (x->port > y->port) - (x->port < y->port);
	case COL_PID: return (x->pid > y->pid) - (x->pid < y->pid);
	case COL_ADDRESS: return strcmp(x->address, y->address);
	case COL_PROTOCOL: return strcmp(x->protocol, y->protocol);
	case COL_WHERE: return strcmp(x->where, y->where);
	default: return strcmp(x->service, y->service);
	}
}

static const struct table_ops rows_ops = {
	.columns = columns,
	.ncolumns = COL_ALL,
	.rows = row_count,
	.id = row_id,
	.cell = row_cell,
	.compare = row_compare,
};

/* ---- the screen */

static void draw(struct chooser *c)
{
	struct screen *s = c->screen;
	int width = screen__width(s), height = screen__height(s);

	screen__begin(s);
	screen__put(s, 0, 0, width, STYLE_TITLE, "zctrace: what is to be traced?");
	table_draw(&c->table, s, 1, height - 2);
	if (!c->n)
		screen__put(s, 2, 0, width, STYLE_TEXT, "Nothing is listening here.");
	screen__put(s, height - 1, 0, width, STYLE_KEY,
		    "Enter: this port and the calls behind it   a: every process   q: leave");
	screen__end(s);
}

/* 1: the choice is made, or none is. */
static int take_key(struct chooser *c, const struct key *k, struct options *o, int *left)
{
	uint32_t row;

	if (table_key(&c->table, k) && k->code != SK_DOUBLE_CLICK)
		return 0;
	switch (k->code) {
	case 'q':
	case SK_ESC:
	case SK_F10: *left = 1; return 1;
	case 'a': o->all = 1; return 1;
	case SK_ENTER:
	case SK_DOUBLE_CLICK:
		return table_selected(&c->table, &row) &&
		       !options_add_port(o, c->rows[row].port);
	default: return 0;
	}
}

static void run(struct chooser *c, struct options *o, int *left)
{
	struct pollfd input = { .fd = STDIN_FILENO, .events = POLLIN };
	struct key k;

	for (;;) {
		draw(c);
		if (!poll(&input, 1, LOOK_MS))
			look(c);
		if (input.revents & (POLLHUP | POLLERR)) {
			*left = 1;
			return;
		}
		while ((k = screen__key(c->screen)).code != KEY_NONE)
			if (take_key(c, &k, o, left))
				return;
	}
}

int choose_listener(struct options *o, int *left)
{
	struct chooser c = { .n = 0 };
	enum screen_color color = o->color == COLOR_NEVER  ? SCREEN_COLOR_NEVER :
				  o->color == COLOR_ALWAYS ? SCREEN_COLOR_ALWAYS :
							     SCREEN_COLOR_AUTO;
	char err[200];

	*left = 0;
	table_init(&c.table, &rows_ops, &c);
	c.table.sort = COL_PORT;
	look(&c);
	c.screen = screen__new(color, err, sizeof(err));
	if (c.screen) {
		screen__mouse(c.screen, !o->no_mouse);
		run(&c, o, left);
	} else {
		log_line("%s", err);
	}
	screen__free(c.screen);
	table_release(&c.table);
	free(c.rows);
	return c.screen ? 0 : EXIT_UNSUPPORTED;
}
