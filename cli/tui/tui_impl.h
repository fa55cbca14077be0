/*
 * tui_impl.h - what the parts of the dashboard share, and what a view is
 *
 * A view is a table of functions and one small file; to add one, write the file and put its table
 * into the list in tui__open(). A view never reads keys or the clock itself.
 */
#ifndef ZC_CLI_TUI_TUI_IMPL_H
#define ZC_CLI_TUI_TUI_IMPL_H

#include "cli/tui/model.h"
#include "cli/tui/prompt.h"
#include "cli/tui/replay.h"
#include "cli/tui/screen.h"
#include "cli/tui/table.h"
#include "cli/tui/tui.h"
#include "sinks/json_writer.h"
#include "sinks/sink.h"

#define TUI_ROOTS 7
#define TUI_STACK 8
#define TUI_NOTES 64
#define TUI_HEADERS 16
#define TUI_KEYS 32
#define TUI_COLUMNS 16 /* views of which columns were chosen */
#define TUI_FLIGHTS 2000u /* requests in flight that are looked at */
#define TUI_SLOW_NS RED_SLOW_NS /* from here on, one of no span has the colour of slow */
#define TUI_WINDOW 60u		/* seconds, at first */
#define TUI_INTERVAL_NS 1000000000ull /* between two pictures, at first */
#define TUI_UNDO_NS 60000000000u /* so long, what was cleared can be brought back */

struct view;

struct view_ops {
	const char *name;
	const char *hints; /* for the foot: "Enter:spans  o:group" */
	size_t size;	   /* of the view's state, which begins with struct view */
	void (*init)(struct view *v);
	void (*release)(struct view *v);
	/* What is known has changed, or may be shown differently: take it over. */
	void (*refresh)(struct view *v);
	/* On lines y..y+height-1, height >= 1. */
	void (*draw)(struct view *v, struct screen *s, int y, int height);
	int (*key)(struct view *v, const struct key *k); /* 1: taken; before table and program */
	struct table *(*table)(struct view *v); /* the one that moves and sorts; NULL: none */
	/* The span that is selected, borrowed; NULL: there is none. */
	const struct span *(*span)(struct view *v);
	/* Writes what is shown as JSON lines; returns their number. NULL: nothing to save. */
	unsigned (*save)(struct view *v, struct out *o);
};

struct view {
	const struct view_ops *ops;
	struct tui *tui;
};

/* The next key says which of these; others take none. */
struct menu {
	const char *title, *hints;
	int (*take)(struct tui *t, int key); /* 1: it was one of them */
};

/* The figures of the moment, frozen while the display is paused. */
struct vitals {
	uint64_t now; /* wall clock of what is shown: the end of the past that is looked at */
	uint64_t moment;     /* of what is there now: in flight, connections, the network */
	uint64_t uptime_ns;
	struct engine_stats engine;
	struct source_stats source;
	double events_rate, spans_rate, cpu; /* per second; processor time in per cent of one */
	uint64_t rss;
};

struct tui_note {
	uint64_t time_ns;
	char name[32];
	char text[200];
};

struct tui {
	struct tui_options opt;
	struct tui_sources from;
	struct screen *screen;
	struct model model;
	enum red_by by;
	enum net_by net_by;

	struct view *root[TUI_ROOTS];
	/* what was opened from the root view; the last one is shown */
	struct view *stack[TUI_STACK];
	int current, depth;
	/* view_trace_open, for the view of a span, which that of a trace opens */
	struct view *(*open_trace)(struct tui *t, const struct span *s);

	struct prompt filter_prompt, time_prompt, command_prompt;
	char filter[PROMPT_MAX];
	char message[256];
	enum style message_style;
	uint64_t message_until; /* monotonic */

	struct vitals vitals;
	struct tui_note notes[TUI_NOTES];
	unsigned nnotes; /* all that came; the last TUI_NOTES are kept */

	uint64_t interval_ns;
	uint64_t opened, drawn, refreshed, measured; /* monotonic */
	uint64_t cleared; /* when c was pressed last */
	uint64_t counted; /* when the kernel was asked last, see tui_count_traffic */
	uint64_t last_cpu, last_events, last_spans;
	uint64_t incomplete[SPAN_INCOMPLETE_BITS]; /* spans by what is missing */
	uint64_t draws;
	unsigned window;	/* seconds that figures are of; 0: all, or since the baseline */
	unsigned window_before; /* the baseline, or the past */
	uint64_t past_to;	/* figures are of the past, until then; 0: of now */
	int keeps_fields;	/* header fields are kept, since something looks at them */
	int given_between;	/* --since and --until have been taken */
	uint64_t past_back;	/* of a replay: where it was before */
	int hops;		/* tables have what goes on behind the edge, too */
	struct empty *empty;
	int choosing; /* the next key says by which column to sort */
	const struct menu *menu; /* is open, or NULL */
	char header_text[512];	 /* of `:headers`; opt.headers points into it */
	const char *header[TUI_HEADERS];
	uint32_t body; /* bytes of content that are kept */
	struct {
		char view[16], names[200];
	} columns[TUI_COLUMNS];
	unsigned ncolumns;
	struct {
		int from, to;
		char command[100]; /* "": it means the key `to` */
	} keys[TUI_KEYS];
	unsigned nkeys;
	char config_error[300]; /* what is wrong in the configuration; "": nothing */
	int was_playing;
	uint64_t shown_position; /* of the replay */
	int dirty;    /* a key changed something: draw soon */
	int stale;    /* and refresh before */
	uint64_t ring_first; /* the oldest span kept when the view was refreshed */
	int paused;   /* the display */
	int over;     /* nothing more will come */
	int baseline;
	int quit;
	int measuring;	   /* the kernel counts what our probes cost; negative errno: it will not */
	int recording;
	char recording_path[80];
	int aside; /* standard error as it was; -1: not kept aside */
	int kept;  /* where it goes */
};

/* ---- for views */

struct view *view_new(struct tui *t, const struct view_ops *ops);
void view_free(struct view *v);

/* Opens a view on top of the one that is shown; takes it over. */
void tui_push(struct tui *t, struct view *v);
void tui_pop(struct tui *t);

/* What has waited while the display was paused is shown. */
void tui_resume(struct tui *t);
struct view *tui_view(const struct tui *t);

__attribute__((format(printf, 3, 4))) void tui_say(struct tui *t, enum style st, const char *fmt,
						  ...);

/* Takes f over, NULL: none; text is how it was written. */
struct filter;
void tui_filter(struct tui *t, const char *text, struct filter *f);

/*
 * Shows what ended in that time, in every view; a replay goes to its end. to == 0: back to now.
 */
void tui_between(struct tui *t, uint64_t from, uint64_t to);

/*
 * Groups by that field (red_field.h), of heads, too, which are kept then. NULL, or what is wrong.
 */
const char *tui_group_field(struct tui *t, const char *name);

/* Chooses the columns of a view by their names, "all": all. -1: of too many views. */
int tui_columns(struct tui *t, const char *view, const char *names);

/* Sends every request in flight that passes the filter, at most TUI_FLIGHTS; how many more there
 * are. */
unsigned tui_flights(struct tui *t, void (*fn)(void *ctx, const struct span *s), void *ctx);

/* ---- pieces of text, in sinks' forms but NUL-terminated and padded by nobody */
struct str tui_duration(char *buf, uint64_t ns);      /* buf: 32 octets */
struct str tui_size(char *buf, uint64_t bytes);	      /* 32 */
struct str tui_count(char *buf, uint64_t n);	      /* 32: 950, 12.3k, 4.56M */
struct str tui_rate(char *buf, double rate);	      /* 32 */
struct str tui_percent(char *buf, uint64_t part, uint64_t whole); /* 32 */
/* 32: "10s", "1m", "all", "since 14:03:20", or the past: "14:03:20-14:05:00" */
struct str tui_window(const struct tui *t, char *buf);
struct str tui_clock(char *buf, uint64_t wall_ns);    /* 32: 14:03:20.125 */
enum style tui_status_style(const struct span *s);
enum style tui_duration_style(uint64_t ns);
/* That of how long s took, or takes, for what its route usually does. */
enum style tui_slow_style(const struct tui *t, const struct span *s);
struct str tui_status(char *buf, const struct span *s);
struct str tui_endpoint(char *buf, const uint8_t addr[16], uint16_t port); /* 64 */

/* Whom a call is to, buf: 64 octets; p == NULL: it is none, or nobody knows. */
struct str tui_callee(const struct span *s, char *buf);

/* Of n lines the last one: how many rows are behind those that were looked at. Returns what is left
 * of the lines; all, if there are no such rows. */
int tui_unseen(struct screen *s, int y, int height, unsigned unseen);

/* The request's method, or what stands in its place. */
struct str tui_method(const struct span *s);
/* A fit-to-print "path?query" with secrets hidden. */
struct str tui_target(const struct tui *t, const struct span *s, char *buf, size_t cap);

/* A span in a tree: "├ app → postgres SELECT orders". */
struct tree_name {
	const struct span *span;
	const char *above; /* the process that has called it, NULL: none. Where there is little
			    * room, a call of that process does not name it again. */
	int depth, last;   /* last: of its siblings */
	enum style style;  /* of the process */
	struct str method, target; /* p == NULL: not shown; no more than TEXT_MAX bytes each */
	uint32_t times; /* how many calls it stands for; 1: itself */
};
void tui_tree_name(struct screen *s, int y, int x, int width, const struct tree_name *n);

/* ---- views */

extern const struct view_ops view_routes, view_spans, view_traces, view_flights, view_conns,
	view_health, view_network, view_help;

/* Where nothing is shown: why, and what to try. */
struct empty;
struct empty *empty_new(void);
void empty_free(struct empty *e);
/* what: "requests". */
void empty_draw(struct empty *e, const struct tui *t, struct screen *s, const char *what, int y,
		int height);

/* What is above the routes: all requests at the edge, what has changed, who calls whom. */
struct overview;
struct overview *overview_new(struct tui *t); /* NULL: out of memory */
void overview_free(struct overview *o);
void overview_refresh(struct overview *o);
/* Draws at most so many lines; returns those used. */
int overview_draw(const struct overview *o, struct screen *s, int y, int height);

struct view *view_group_open(struct tui *t, enum red_by by, uint64_t group_id);
struct view *view_span_open(struct tui *t, const struct span *s);
/* Like traces as one, or the time of each service. */
struct view *view_alike_open(struct tui *t, int by_service);
/* The trace of a span, and the requests of a connection. */
struct view *view_trace_open(struct tui *t, const struct span *s);
struct view *view_requests_open(struct tui *t, uint64_t conn);
/* The connections of a row of Network. */
struct view *view_net_flows_open(struct tui *t, enum net_by by, uint64_t id);
/* Has the kernel tell of what nobody reads, at most once a second. */
void tui_count_traffic(struct tui *t);

/* The table of spans, used by the views that list some. */
struct span_list {
	struct tui *tui;
	struct table table;
	uint32_t *positions; /* in the ring, as of the last refresh; room for `cap` of them */
	uint32_t n, cap;
	int (*wants)(void *ctx, const struct span *s); /* NULL: all that are shown */
	void *ctx;
	const struct span_ring *ring;
};

void span_list_init(struct span_list *l, struct tui *t);
void span_list_release(struct span_list *l);
void span_list_refresh(struct span_list *l);
int span_list_key(struct span_list *l, const struct key *k); /* Enter, F, what the table takes */
const struct span *span_list_selected(const struct span_list *l); /* NULL: none */
unsigned span_list_save(struct span_list *l, struct out *o);

/* A sink that writes what --output=json would; NULL: out of memory. */
struct sink *tui_json_sink(const struct tui *t, struct out *o);

/* Lines to scroll through. */
struct lines {
	struct line {
		enum style style;
		uint16_t label; /* octets of the text that are the label, in STYLE_DIM */
		uint8_t foreign;
		char *text;
		size_t n;
	} *v;
	uint32_t n, cap, top;
	int height;
};

void lines_clear(struct lines *l);
void lines_release(struct lines *l);
/* text is copied. label: what is left of it; NULL: none. */
void lines_add(struct lines *l, enum style st, const char *label, struct str text, int foreign);
__attribute__((format(printf, 4, 5))) void lines_printf(struct lines *l, enum style st,
							const char *label, const char *fmt, ...);
void lines_draw(struct lines *l, struct screen *s, int y, int height);
int lines_key(struct lines *l, const struct key *k);

/* ---- parts of the program (tui.c) */
void vitals_measure(struct tui *t);
/* The probes' cost is counted only while the view that shows it is open. */
void vitals_watch(struct tui *t, int shown);
void chrome_draw(struct tui *t);
int chrome_body_y(const struct screen *s);
int chrome_body_height(const struct screen *s);
int chrome_tab_at(const struct tui *t, const struct key *k); /* root view; -1: none */
void tui_choose_columns(struct tui *t); /* of the view that is shown, before it is drawn */
void tui_freshen(struct tui *t); /* what a view points at may be gone: before it is used */
int keys_handle(struct tui *t, const struct key *k);
void stderr_aside(struct tui *t);
void stderr_back(struct tui *t);
void filter_judge(struct prompt *p);	/* is what stands there a filter? */
void filter_complete(const struct tui *t, struct prompt *p); /* Tab */
void group_complete(struct tui *t); /* Tab behind :group */
void save_view(struct tui *t);
void toggle_recording(struct tui *t);

#endif
