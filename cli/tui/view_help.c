/*
 * view_help.c - every key
 */
#include "cli/tui/tui_impl.h"

struct help {
	struct view view;
	struct lines lines;
};

static const struct {
	const char *keys, *text; /* keys NULL: a heading */
} help[] = {
	{ NULL, "EVERYWHERE" },
	{ "1-6", "Routes, Spans, Traces, In flight, Connections, Health" },
	{ "Tab Shift-Tab", "the next view, the one before" },
	{ "Enter", "opens what is selected; so does a double click" },
	{ "Esc Backspace", "goes back" },
	{ "arrows j k", "move; PgUp PgDn ^B ^F by a screen; Home End g G to the ends; wheel" },
	{ "s F6", "sorts: then the column's number or letter" },
	{ "< >", "sort by the column to the left, to the right; a click on a heading sorts too" },
	{ "I", "turns the order round" },
	{ "/ F4", "filter, in the language of --filter; up and down: earlier ones; empty: none" },
	{ "p Space", "stops the display, not the capture; again goes on and counts what came" },
	{ "b", "baseline: shows what came since, and the differences; again: all" },
	{ "c", "clears all figures and spans" },
	{ "w", "saves what is shown as JSON lines: zctrace-DATE-TIME.jsonl" },
	{ "W", "records events from here on: zctrace-DATE-TIME.pcapng; again ends it" },
	{ "+ -", "longer, shorter interval between pictures" },
	{ "? h F1", "this help" },
	{ "q F10", "quits; the summary is printed" },
	{ NULL, "ROUTES" },
	{ "o O", "group by route, service, host, peer, status, client" },
	{ "Enter", "durations as histogram and over time, and the spans of the row" },
	{ "H", "in there: the histogram large" },
	{ NULL, "SPANS" },
	{ "F", "follow the newest; moving up stops that, G goes on" },
	{ "n", "the order in which they came" },
	{ "v Left Right", "in a span: fields, text, hexadecimal" },
	{ NULL, "TRACES" },
	{ "x Left Right", "folds and unfolds a trace; z all of them" },
	{ "l", "the latest first, or the slowest" },
	{ NULL, "REPLAY (-r)" },
	{ "p Space", "plays, stops" },
	{ ".", "plays until the next span" },
	{ "[ ]", "half, double speed" },
	{ "{ }", "5 s back, forward" },
	{ "t", "goes to a time: end, +10s, -2s, 1m30s, 14:03:20" },
};

static void help_init(struct view *v)
{
	struct lines *l = &((struct help *)v)->lines;

	for (size_t i = 0; i < sizeof(help) / sizeof(*help); i++) {
		if (help[i].keys) {
			lines_add(l, STYLE_TEXT, help[i].keys, str_of(help[i].text), 0);
			continue;
		}
		if (i)
			lines_add(l, STYLE_TEXT, NULL, str_of(""), 0);
		lines_add(l, STYLE_HEAD, NULL, str_of(help[i].text), 0);
	}
}

static void help_release(struct view *v)
{
	lines_release(&((struct help *)v)->lines);
}

static void help_draw(struct view *v, struct screen *s, int y, int height)
{
	lines_draw(&((struct help *)v)->lines, s, y, height);
}

static int help_key(struct view *v, const struct key *k)
{
	if (k->code == '?' || k->code == 'h' || k->code == SK_F1) {
		tui_pop(v->tui);
		return 1;
	}
	return lines_key(&((struct help *)v)->lines, k);
}

const struct view_ops view_help = {
	.name = "Help",
	.hints = "",
	.size = sizeof(struct help),
	.init = help_init,
	.release = help_release,
	.draw = help_draw,
	.key = help_key,
};
