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
	{ "1-7", "Routes, Spans, Traces, In flight, Connections, Health, Network" },
	{ "Tab Shift-Tab", "the next view, the one before" },
	{ "Enter", "opens what is selected; so does a double click" },
	{ "Esc Backspace", "goes back; Esc at the beginning removes the filter" },
	{ "arrows j k", "move; PgUp PgDn ^B ^F by a screen; Home End g G to the ends; wheel" },
	{ "s F6", "sorts: then the column's number or letter" },
	{ "< >", "sort by the column to the left, to the right; a click on a heading sorts too" },
	{ "I", "reverses the order" },
	{ "/ F4", "filter, as --filter has it; Tab: fields and values; up and down: earlier ones; "
		  "empty: none" },
	{ "p Space", "freezes the screen, capture goes on; again: shows what came" },
	{ "b", "baseline: shows what came since, and the differences; again: all" },
	{ "c u", "clears figures and spans; u, within a minute: undo" },
	{ "w", "saves what is shown as JSON lines: zctrace-DATE-TIME.jsonl" },
	{ "y", "copies the selected span to the terminal's clipboard: as JSON, text, a command of "
	       "curl, or its trace id" },
	{ ":", "options that change while it runs: :port 8001, :port -8000, :headers on, "
	       ":body 4k, :window 10s, :theme light, …; Tab: all of them" },
	{ "W", "records events from here on: zctrace-DATE-TIME.pcapng; again ends it" },
	{ "+ -", "slower, faster refresh" },
	{ "? h F1", "this help" },
	{ "q F10", "quits; the summary is printed" },
	{ "m M", "window of time for all figures: 10 s, 1 m, 5 m, all; headings show it" },
	{ "@", "looks at a past time in every view, such as 10:40 10:45, 10:40 +5m or -10m -5m; "
	       "again, or Esc at the beginning: back to now" },
	{ NULL, "ROUTES" },
	{ "e", "each request once, at the edge, or each hop of it" },
	{ "v", "hides and shows what is above the routes" },
	{ "o", "group by route, service, host, …, system, table or topic, from a menu; f there: "
	       "any field, as header.x-tenant; O: by the one before" },
	{ "Enter", "durations as histogram and over time, and the spans of the row" },
	{ "H", "in there: the histogram large" },
	{ NULL, "SPANS" },
	{ "F", "follow the newest; moving up stops that, G goes on" },
	{ "n", "back to the order of arrival" },
	{ "T", "the trace of the span; also in a span, and in flight" },
	{ "n N", "in a span: the next one, the one before" },
	{ "v Left Right", "in a span: fields, text, hexadecimal" },
	{ NULL, "IN FLIGHT, CONNECTIONS" },
	{ "Enter", "details of the request; the requests of the connection" },
	{ NULL, "NETWORK" },
	{ "o", "group by pair, process, peer, port or zone, from a menu; O: by the one before" },
	{ "Enter", "the connections of the row, those that are over, too; there: its requests" },
	{ "OUT IN", "bytes along the arrow, and back; of a process or its peer: sent, received" },
	{ "RETR FAILED", "segments sent again; connections that did not come about" },
	{ NULL, "TRACES" },
	{ "bars", "solid: the span worked itself; shaded: it waited for a call; red: an error; a "
		  "colour per service" },
	{ "SELF", "how long it worked itself; below: where the time of the selected trace went" },
	{ "x Left Right", "folds and unfolds a trace; z all of them" },
	{ "l", "newest first, or slowest first" },
	{ "e", "the time of each service over the window: what it worked itself, its share of all, "
	       "and of its calls to others that are not traced; Enter: the slowest" },
	{ "a", "like traces as one: how many, how each hop scatters, its share of the time; Enter: "
	       "the slowest of them" },
	{ NULL, "WHAT THE FIGURES MEAN" },
	{ "ERR%", "share of errors: no answer, or for a server 5xx, for a client 4xx and 5xx "
		  "(OpenTelemetry's rule), or a protocol's own status of failure" },
	{ "4xx 5xx", "counted for both; a 4xx is no error of the server's" },
	{ "KIND", "server: asked from outside of what is traced, the edge; hop: from within; "
		  "client: a call" },
	{ "P99 1m", "of the last minute; RATE/s, ERR%, COUNT and the other figures likewise" },
	{ "TREND", "requests of each of the last seconds, red where more than a tenth failed; "
		   "each row has a scale of its own" },
	{ "TIME", "share of the time of all requests at the edge" },
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
