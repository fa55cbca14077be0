#include "cli/tui/table.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define MAIN_COLUMN 60 /* max of a column that gets its share first */
#define MAIN_SHARE 28  /* per cent of the width, if it has none of its own */

void table_init(struct table *t, const struct table_ops *ops, void *ctx)
{
	memset(t, 0, sizeof(*t));
	t->ops = ops;
	t->ctx = ctx;
	t->sort = TABLE_NATURAL;
}

void table_release(struct table *t)
{
	free(t->order);
	t->order = NULL;
	t->n = t->cap = 0;
}

/* ---- order */

static int compare(const void *a, const void *b, void *table)
{
	const struct table *t = table;
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
	int down = t->ops->columns[t->sort].descends != 0;
	int c = t->ops->compare(t->ctx, x, y, t->sort);

	if (down != t->invert)
		c = -c;
	/* equal rows keep the owner's order, or they would jump about */
	return c ? c : (x > y) - (x < y);
}

static void sort_rows(struct table *t)
{
	if (t->n < 2)
		return;
	if (t->sort != TABLE_NATURAL && t->ops->compare) {
		qsort_r(t->order, t->n, sizeof(*t->order), compare, t);
		return;
	}
	if (!t->invert)
		return;
	for (uint32_t i = 0; i < t->n / 2; i++) {
		uint32_t swap = t->order[i];

		t->order[i] = t->order[t->n - 1 - i];
		t->order[t->n - 1 - i] = swap;
	}
}

static void find_selection(struct table *t)
{
	if (t->follow)
		t->selected = t->n ? t->n - 1 : 0;
	else if (!t->moved)
		t->selected = 0;
	else
		for (uint32_t i = 0; i < t->n; i++)
			if (t->ops->id(t->ctx, t->order[i]) == t->selected_id) {
				t->selected = i;
				return;
			}
	if (t->selected >= t->n)
		t->selected = t->n ? t->n - 1 : 0;
	if (t->n)
		t->selected_id = t->ops->id(t->ctx, t->order[t->selected]);
}

void table_refresh(struct table *t)
{
	uint32_t n = t->ops->rows(t->ctx);

	if (n > t->cap) {
		uint32_t *p = reallocarray(t->order, n, sizeof(*p));

		if (!p)
			n = t->cap;
		else
			t->cap = n;
		t->order = p ? p : t->order;
	}
	t->n = n;
	for (uint32_t i = 0; i < n; i++)
		t->order[i] = i;
	sort_rows(t);
	find_selection(t);
}

void table_sort(struct table *t, int column)
{
	if (!t->ops->compare || column < TABLE_NATURAL || column >= t->ops->ncolumns)
		return;
	t->invert = column == t->sort ? !t->invert : 0;
	t->sort = column;
	t->follow = 0;
	table_refresh(t);
}

/* ---- selection */

static void select_position(struct table *t, int64_t at)
{
	t->follow = 0;
	t->moved = at > 0;
	if (!t->n)
		return;
	if (at >= (int64_t)t->n)
		at = (int64_t)t->n - 1;
	t->selected = at < 0 ? 0 : (uint32_t)at;
	t->selected_id = t->ops->id(t->ctx, t->order[t->selected]);
}

int table_selected(const struct table *t, uint32_t *row)
{
	if (t->selected >= t->n)
		return 0;
	*row = t->order[t->selected];
	return 1;
}

void table_select(struct table *t, uint64_t id)
{
	t->selected_id = id;
	t->follow = 0;
	t->moved = 1;
	find_selection(t);
}

int table_clicked(struct table *t, const struct key *k)
{
	int64_t at = (int64_t)t->top + k->y - t->y - 1;

	if ((k->code != SK_CLICK && k->code != SK_DOUBLE_CLICK) || k->y <= t->y ||
	    k->y >= t->y + t->height || at >= t->n)
		return 0;
	select_position(t, at);
	return 1;
}

static int click(struct table *t, const struct key *k)
{
	if (k->y != t->y)
		return table_clicked(t, k);
	for (int c = 0; c < t->ops->ncolumns; c++)
		if (t->width[c] && k->x >= t->x[c] && k->x < t->x[c] + t->width[c]) {
			table_sort(t, c);
			return 1;
		}
	return 0;
}

/* The next column that is on the screen, in that direction. */
static void sort_neighbour(struct table *t, int step)
{
	int c = t->sort;

	for (int i = 0; i < t->ops->ncolumns; i++) {
		c = (c + step + t->ops->ncolumns) % t->ops->ncolumns;
		if (t->width[c] && c != t->sort) {
			table_sort(t, c);
			return;
		}
	}
}

int table_key(struct table *t, const struct key *k)
{
	int page = t->height > 2 ? t->height - 2 : 1;
	int64_t at = t->selected;

	switch (k->code) {
	case SK_UP:
	case 'k': select_position(t, at - 1); return 1;
	case SK_DOWN:
	case 'j': select_position(t, at + 1); return 1;
	case SK_PAGE_UP:
	case 2: select_position(t, at - page); return 1;
	case SK_PAGE_DOWN:
	case 6: select_position(t, at + page); return 1;
	case SK_WHEEL_UP: select_position(t, at - 3); return 1;
	case SK_WHEEL_DOWN: select_position(t, at + 3); return 1;
	case SK_HOME:
	case 'g': select_position(t, 0); return 1;
	case SK_END:
	case 'G': select_position(t, t->n); return 1;
	case '>': sort_neighbour(t, 1); return 1;
	case '<': sort_neighbour(t, -1); return 1;
	case 'I':
		t->invert = !t->invert;
		t->follow = 0;
		table_refresh(t);
		return 1;
	case SK_CLICK:
	case SK_DOUBLE_CLICK: return click(t, k);
	default: return 0;
	}
}

/* ---- drawing */

static int total_width(const struct table *t)
{
	int sum = 0;

	for (int c = 0; c < t->ops->ncolumns; c++)
		sum += t->width[c] ? t->width[c] + 1 : 0;
	return sum - 1;
}

static int least_wanted(const struct table *t)
{
	int worst = -1;

	for (int c = 0; c < t->ops->ncolumns; c++)
		if (t->width[c] && t->ops->columns[c].drop &&
		    (worst < 0 || t->ops->columns[c].drop >= t->ops->columns[worst].drop))
			worst = c;
	return worst;
}

/* One column each in turn, until all is used or nobody wants more. */
static void grow(struct table *t, int left)
{
	int grown = 1;

	while (left > 0 && grown) {
		grown = 0;
		for (int c = 0; c < t->ops->ncolumns && left > 0; c++)
			if (t->width[c] && t->width[c] < t->ops->columns[c].max) {
				t->width[c]++;
				left--;
				grown = 1;
			}
	}
}

/* Columns for which the others are there, such as a path, shall not live on their minimum. */
static int comfort(const struct column *c, int width)
{
	int part = width * (c->share ? c->share : MAIN_SHARE) / 100;

	return c->max < MAIN_COLUMN || part < c->min ? c->min : part < c->max ? part : c->max;
}

/* Headings may have a window of time behind their name: "P99 1m". */
static int is_called(const struct column *c, const char *name, size_t n)
{
	return n && !strncasecmp(c->name, name, n) && (!c->name[n] || c->name[n] == ' ');
}

int table_column(const struct table *t, const char *name)
{
	for (int c = 0; c < t->ops->ncolumns; c++)
		if (is_called(&t->ops->columns[c], name, strlen(name)))
			return c;
	return -1;
}

static int is_wanted(const struct table *t, const struct column *c)
{
	size_t n;

	for (const char *p = t->only; p && *p; p += n + strspn(p + n, ", ")) {
		n = strcspn(p, ",");
		while (n && p[n - 1] == ' ')
			n--;
		if (is_called(c, p, n))
			return 1;
		n = strcspn(p, ",");
	}
	return !t->only;
}

static void lay_out(struct table *t, int width)
{
	int x = 0, worst;

	for (int c = 0; c < t->ops->ncolumns; c++)
		t->width[c] = is_wanted(t, &t->ops->columns[c]) ?
				      comfort(&t->ops->columns[c], width) : 0;
	while (total_width(t) > width && (worst = least_wanted(t)) >= 0)
		t->width[worst] = 0;
	grow(t, width - total_width(t));
	for (int c = 0; c < t->ops->ncolumns; c++) {
		t->x[c] = x;
		if (x + t->width[c] > width)
			t->width[c] = width > x ? width - x : 0;
		x += t->width[c] ? t->width[c] + 1 : 0;
	}
}

static void draw_heading(struct table *t, struct screen *s, int y)
{
	screen__fill(s, y, 0, screen__width(s), STYLE_HEAD, ' ');
	for (int c = 0; c < t->ops->ncolumns; c++) {
		const struct column *col = &t->ops->columns[c];
		int down = (col->descends != 0) != t->invert;
		char name[256];
		const size_t most = sizeof(name) - sizeof("▼");
		size_t n = strlen(col->name);

		if (!t->width[c])
			continue;
		if (c != t->sort) {
			screen__field(s, y, t->x[c], t->width[c], STYLE_HEAD, col->right,
				      col->name);
			continue;
		}
		/* the arrow must be seen, whatever the room */
		if (n + 1 > (size_t)t->width[c])
			n = (size_t)t->width[c] - 1;
		n = n < most ? n : most;
		memcpy(name, col->name, n);
		strcpy(name + n, screen__ascii(s) ? (down ? "v" : "^") : (down ? "▼" : "▲"));
		screen__field(s, y, t->x[c], t->width[c], STYLE_SORTED, col->right, name);
	}
}

static void draw_cell(struct table *t, struct screen *s, uint32_t row, int c, int y)
{
	const struct column *col = &t->ops->columns[c];
	struct cell cell = { .style = STYLE_TEXT };
	char text[TEXT_MAX];
	int width = t->width[c], used, x = t->x[c];

	if (col->paints) {
		t->ops->paint(t->ctx, row, c, s, y, x, width);
		return;
	}
	t->ops->cell(t->ctx, row, c, width, &cell);
	if (!cell.text.p)
		return;
	if (cell.foreign) {
		enum text_cut cut = cell.middle ? CUT_MIDDLE : CUT_END;

		used = (int)text_fit(text, sizeof(text), cell.text, (unsigned)width, cut,
				     screen__ascii(s));
	} else {
		char own[TEXT_MAX];
		size_t n = cell.text.n < sizeof(own) ? cell.text.n : sizeof(own) - 1;

		memcpy(own, cell.text.p, n);
		own[n] = '\0';
		used = (int)text_clip(text, sizeof(text), own, (unsigned)width, screen__ascii(s));
	}
	screen__put(s, y, col->right ? x + width - used : x, width, cell.style, text);
}

static void scroll_to_selection(struct table *t, uint32_t visible)
{
	if (t->selected < t->top)
		t->top = t->selected;
	if (visible && t->selected >= t->top + visible)
		t->top = t->selected - visible + 1;
	if (t->n <= visible)
		t->top = 0;
	else if (t->top > t->n - visible)
		t->top = t->n - visible;
}

void table_draw_row(struct table *t, struct screen *s, uint32_t row, int y)
{
	for (int c = 0; c < t->ops->ncolumns; c++)
		if (t->width[c])
			draw_cell(t, s, row, c, y);
}

void table_draw(struct table *t, struct screen *s, int y, int height)
{
	uint32_t visible = height > 1 ? (uint32_t)height - 1 : 0;

	t->y = y;
	t->height = height;
	lay_out(t, screen__width(s));
	draw_heading(t, s, y);
	scroll_to_selection(t, visible);
	for (uint32_t i = 0; i < visible && t->top + i < t->n; i++) {
		uint32_t row = t->order[t->top + i];
		int at = y + 1 + (int)i;

		screen__reverse(s, t->top + i == t->selected);
		if (t->top + i == t->selected)
			screen__fill(s, at, 0, screen__width(s), STYLE_TEXT, ' ');
		table_draw_row(t, s, row, at);
	}
	screen__reverse(s, 0);
}
