/*
 * lines.c - text to scroll through: details, health, help
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/tui/tui_impl.h"

#define LABEL 18 /* columns */

void lines_clear(struct lines *l)
{
	for (uint32_t i = 0; i < l->n; i++)
		free(l->v[i].text);
	l->n = 0;
}

void lines_release(struct lines *l)
{
	lines_clear(l);
	free(l->v);
	l->v = NULL;
	l->cap = 0;
}

void lines_add(struct lines *l, enum style st, const char *label, struct str text, int foreign)
{
	size_t n = label ? strlen(label) : 0;
	struct line *v;

	if (l->n == l->cap) {
		v = reallocarray(l->v, l->cap * 2 + 32, sizeof(*v));
		if (!v)
			return;
		l->v = v;
		l->cap = l->cap * 2 + 32;
	}
	v = &l->v[l->n];
	*v = (struct line){ .style = st, .label = (uint16_t)n, .foreign = foreign != 0 };
	v->text = malloc(n + text.n + 1);
	if (!v->text)
		return;
	if (n)
		memcpy(v->text, label, n);
	if (text.n)
		memcpy(v->text + n, text.p, text.n);
	v->n = n + text.n;
	l->n++;
}

void lines_printf(struct lines *l, enum style st, const char *label, const char *fmt, ...)
{
	char buf[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(buf, sizeof(buf), fmt, ap);
	va_end(ap);
	lines_add(l, st, label, str_of(buf), 0);
}

/* Our own text goes on below where it is too long: how much of it fits, and where the rest begins.
 */
static size_t fitting(const char *text, int width, const char **rest)
{
	size_t n = strlen(text), at = n;

	while (at && (int)text_width(text, at) > width) {
		do
			at--;
		while (at && text[at] != ' ');
	}
	if (!at) { /* one long word */
		*rest = text + n;
		return n;
	}
	*rest = text + at + (text[at] == ' ');
	return at;
}

static int label_width(const struct line *v, int width)
{
	return !v->label ? 0 : (width < 2 * LABEL ? width / 3 : LABEL) + 1;
}

/* Draws v from line y on, as far as `height`; returns the lines that it needs. s NULL: only that.
 */
static int draw_line(const struct line *v, struct screen *s, int y, int width, int height)
{
	int x = label_width(v, width), used = 0;
	struct str text = {v->text + v->label, v->n - v->label};
	char own[TEXT_MAX];
	const char *p = own, *rest;

	if (v->label && s)
		screen__safe(s, y, 0, x - 1, STYLE_DIM, CUT_END, (struct str){v->text, v->label});
	if (v->foreign) {
		if (s)
			screen__safe(s, y, x, width - x, v->style, CUT_END, text);
		return 1;
	}
	snprintf(own, sizeof(own), "%.*s", (int)text.n, text.p);
	do {
		char part[TEXT_MAX];
		size_t n = fitting(p, width - x, &rest);

		snprintf(part, sizeof(part), "%.*s", (int)n, p);
		if (s && used < height)
			screen__put(s, y + used, x, width - x, v->style, part);
		used++;
		p = rest;
	} while (*p && width > x);
	return used;
}

/* The last place to scroll to: everything from there on just fits. */
static uint32_t last_top(const struct lines *l, int width, int height)
{
	uint32_t top = l->n;
	int used = 0;

	while (top && (used += draw_line(&l->v[top - 1], NULL, 0, width, 0)) <= height)
		top--;
	return top;
}

void lines_draw(struct lines *l, struct screen *s, int y, int height)
{
	int width = screen__width(s), used = 0;
	uint32_t last = last_top(l, width, height);

	l->height = height;
	if (l->top > last)
		l->top = last;
	for (uint32_t i = l->top; i < l->n && used < height; i++)
		used += draw_line(&l->v[i], s, y + used, width, height - used);
}

static void scroll(struct lines *l, int64_t by)
{
	int64_t to = (int64_t)l->top + by;

	l->top = to < 0 ? 0 : to > (int64_t)l->n ? l->n : (uint32_t)to;
}

int lines_key(struct lines *l, const struct key *k)
{
	switch (k->code) {
	case SK_UP:
	case 'k': scroll(l, -1); return 1;
	case SK_DOWN:
	case 'j': scroll(l, 1); return 1;
	case SK_WHEEL_UP: scroll(l, -3); return 1;
	case SK_WHEEL_DOWN: scroll(l, 3); return 1;
	case SK_PAGE_UP:
	case 2: scroll(l, 1 - l->height); return 1;
	case SK_PAGE_DOWN:
	case 6: scroll(l, l->height - 1); return 1;
	case SK_HOME:
	case 'g': l->top = 0; return 1;
	case SK_END:
	case 'G': l->top = l->n; return 1;
	default: return 0;
	}
}
