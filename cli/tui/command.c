/*
 * command.c - what ':' takes: options that can change while it runs
 *
 * The same names with '=' stand in the configuration file (config.c), and are run at the start.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "cli/duration.h"
#include "cli/filter.h"
#include "cli/options.h"
#include "cli/tui/command.h"
#include "cli/tui/config.h"
#include "cli/tui/tui_impl.h"
#include "cli/when.h"

#define SECOND 1000000000ull
#define LEAST_INTERVAL (SECOND / 20)
#define LEAST_WINDOW 5u
#define DAY (86400 * SECOND)

struct command_error {
	char *text;
	size_t size;
};

__attribute__((format(printf, 2, 3))) static int refuse(struct command_error *e, const char *fmt,
							...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(e->text, e->size, fmt, ap);
	va_end(ap);
	return -1;
}

/* 1, 0, or -1 with the error told. */
static int on_or_off(const char *arg, struct command_error *e)
{
	if (!strcasecmp(arg, "on") || !strcasecmp(arg, "yes"))
		return 1;
	if (!strcasecmp(arg, "off") || !strcasecmp(arg, "no"))
		return 0;
	return refuse(e, "on or off");
}

/* ---- what is kept */

static void keep(struct tui *t)
{
	if (t->opt.keep_heads && t->from.ctx)
		t->opt.keep_heads(t->from.ctx, t->opt.nheaders > 0 || t->keeps_fields, t->body);
}

/* on, off, or names with commas */
static int set_headers(struct tui *t, const char *arg, struct command_error *e)
{
	static const char *const all[] = { "*" };
	char text[sizeof(t->header_text)];
	unsigned n = 0;

	if (!*arg || strlen(arg) >= sizeof(text))
		return refuse(e, "on, off, or names such as x-request-id,host");
	strcpy(text, arg);
	for (char *save, *name = strtok_r(text, ", ", &save); name;
	     name = strtok_r(NULL, ", ", &save))
		n++;
	if (n > TUI_HEADERS)
		return refuse(e, "at most %d names, or on", TUI_HEADERS);
	n = 0;
	t->opt.headers = all;
	t->opt.nheaders = strcasecmp(arg, "off") != 0;
	if (t->opt.nheaders && strcasecmp(arg, "on") && strcmp(arg, "*")) {
		strcpy(t->header_text, arg);
		for (char *save, *name = strtok_r(t->header_text, ", ", &save); name;
		     name = strtok_r(NULL, ", ", &save))
			t->header[n++] = name;
		t->opt.headers = t->header;
		t->opt.nheaders = n;
	}
	keep(t);
	return 0;
}

static int set_body(struct tui *t, const char *arg, struct command_error *e)
{
	uint64_t v = 0;

	if (strcasecmp(arg, "off") && size_parse(arg, OPTIONS_MAX_BODY, &v))
		return refuse(e, "a number of bytes such as 256 or 4k, or off");
	t->body = (uint32_t)v;
	t->opt.body = v > 0;
	keep(t);
	return 0;
}

static int set_memory(struct tui *t, const char *arg, struct command_error *e)
{
	uint64_t v;

	if (size_parse(arg, OPTIONS_MAX_MEMORY, &v) || v < OPTIONS_LEAST_MEMORY)
		return refuse(e, "a size such as 16M or 1G, from 1M to 4G");
	t->opt.memory = v;
	return model_keep(&t->model, v, t->opt.keep) ? refuse(e, "out of memory") : 0;
}

static int set_keep(struct tui *t, const char *arg, struct command_error *e)
{
	uint64_t v = 0;

	if (strcasecmp(arg, "all") && size_parse(arg, OPTIONS_MAX_KEEP, &v))
		return refuse(e, "a number of spans such as 5000 or 64k, or all");
	t->opt.keep = (uint32_t)v;
	return model_keep(&t->model, t->opt.memory, t->opt.keep) ? refuse(e, "out of memory") : 0;
}

/* ---- what is traced */

static int choose(struct tui *t, const char *which, const char *arg, struct command_error *e)
{
	if (!t->opt.select)
		return refuse(e, "a file is shown; / chooses what of it");
	if (!*arg || (*arg == '-' && !arg[1]))
		return refuse(e, "what to trace, too, or with - before it, what no longer");
	if (t->opt.select(t->from.ctx, which, arg, e->text, e->size))
		return -1;
	tui_say(t, STYLE_TEXT, "tracing %.150s", t->from.target);
	return 0;
}

/* ---- what is made of it */

static int change(struct tui *t, const char *which, const char *arg, struct command_error *e)
{
	if (!t->opt.change)
		return refuse(e, "it cannot change here");
	if (!*arg)
		return refuse(e, "a value is missing");
	if (t->opt.change(t->from.ctx, which, arg, e->text, e->size))
		return -1;
	tui_say(t, STYLE_TEXT, "from now on%s",
		t->from.replay ? "; { plays the file from its beginning" : "");
	return 0;
}

/* ---- what is shown */

/* A number alone means seconds. */
static int time_of(const char *arg, uint64_t *ns)
{
	char seconds[32];

	if (*arg && !arg[strspn(arg, "0123456789.")] && strlen(arg) < sizeof(seconds) - 1) {
		snprintf(seconds, sizeof(seconds), "%ss", arg);
		return duration_parse(seconds, ns);
	}
	return duration_parse(arg, ns);
}

static int set_interval(struct tui *t, const char *arg, struct command_error *e)
{
	uint64_t ns;

	if (time_of(arg, &ns) || ns < LEAST_INTERVAL)
		return refuse(e, "a time such as 500ms or 2s, at least 50ms");
	t->interval_ns = ns;
	return 0;
}

static int set_window(struct tui *t, const char *arg, struct command_error *e)
{
	uint64_t ns = 0;

	if (strcasecmp(arg, "all") &&
	    (time_of(arg, &ns) || ns < LEAST_WINDOW * SECOND || ns > RED_WINDOW_MAX * SECOND))
		return refuse(e, "a time from 5s to 5m, or all");
	if (t->past_to)
		tui_between(t, 0, 0);
	t->window = (unsigned)(ns / SECOND);
	return 0;
}

/* "10:40 10:45", "10:40-10:45", "10:40 +5m", "-10m": the second part, or NULL. first: a copy. */
static const char *second_part(const char *arg, char *first, size_t size)
{
	const char *at = strchr(arg, ' ');

	if (!at && *arg && !strchr(arg, 'T'))
		at = strchr(arg + 1, '-');
	snprintf(first, size, "%.*s", at ? (int)(at - arg) : (int)strlen(arg), arg);
	return at ? at + 1 + strspn(at + 1, " ") : NULL;
}

static int set_between(struct tui *t, const char *arg, struct command_error *e)
{
	struct replay *r = t->from.replay;
	uint64_t now = t->vitals.moment, from, to = now;
	uint64_t begin = r ? replay__begin(r) : now - DAY / 2;
	char first[64];
	const char *second = second_part(arg, first, sizeof(first));

	if (!strcasecmp(arg, "now")) {
		if (t->past_to)
			tui_between(t, 0, 0);
		return 0;
	}
	if (when_parse(first, begin, now, &from) ||
	    (second && when_parse(second, begin, *second == '+' ? from : now, &to)))
		return refuse(e, "two times, such as 10:40 10:45, 10:40 +5m or -10m -5m; or now");
	if (from >= to)
		return refuse(e, "it would end before it begins");
	tui_between(t, from, to);
	return 0;
}

static int set_filter(struct tui *t, const char *arg, struct command_error *e)
{
	struct filter_error err;
	struct filter *f = *arg ? filter__new(arg, &err) : NULL;

	if (*arg && !f)
		return refuse(e, "%s", err.message);
	tui_filter(t, arg, f);
	return 0;
}

static int set_group(struct tui *t, const char *arg, struct command_error *e)
{
	enum red_by by = red_by_named(arg);

	const char *why = by == RED_BY_COUNT ? tui_group_field(t, arg) : NULL;

	if (why)
		return refuse(e, "%s: " RED_BY_NAMES ", or a field such as header.x-tenant", why);
	if (by != RED_BY_COUNT)
		t->by = by;
	return 0;
}

static struct table *shown_table(const struct tui *t)
{
	struct view *v = t->screen ? tui_view(t) : NULL;

	return v && v->ops->table ? v->ops->table(v) : NULL;
}

static int set_sort(struct tui *t, const char *arg, struct command_error *e)
{
	struct table *table = shown_table(t);
	int c = table ? table_column(table, arg) : -1;

	if (!table)
		return refuse(e, "there is nothing to sort here");
	if (c < 0)
		return refuse(e, "no column is called so; s shows them");
	table_sort(table, c);
	return 0;
}

static int set_columns(struct tui *t, const char *arg, struct command_error *e)
{
	struct view *v = t->screen ? tui_view(t) : NULL;

	if (!v || !v->ops->table)
		return refuse(e, "there are no columns here");
	if (!*arg)
		return refuse(e, "names of columns, or all");
	return tui_columns(t, v->ops->name, arg) ? refuse(e, "too many names") : 0;
}

/* ---- the terminal */

static int set_theme(struct tui *t, const char *arg, struct command_error *e)
{
	int theme = screen_theme_named(arg);

	if (theme < 0)
		return refuse(e, "auto, dark, light, contrast or mono");
	t->opt.theme = (enum screen_theme)theme;
	if (t->screen)
		screen__theme(t->screen, t->opt.theme);
	return 0;
}

static int set_mouse(struct tui *t, const char *arg, struct command_error *e)
{
	int on = on_or_off(arg, e);

	if (on < 0)
		return -1;
	t->opt.no_mouse = !on;
	if (t->screen)
		screen__mouse(t->screen, on);
	return 0;
}

/* ---- what keys do, too */

static int quit(struct tui *t, const char *arg, struct command_error *e)
{
	(void)arg, (void)e;
	t->quit = 1;
	return 0;
}

static int save(struct tui *t, const char *arg, struct command_error *e)
{
	(void)arg, (void)e;
	save_view(t);
	return 0;
}

static int record(struct tui *t, const char *arg, struct command_error *e)
{
	(void)arg, (void)e;
	toggle_recording(t);
	return 0;
}

static int write_config(struct tui *t, const char *arg, struct command_error *e)
{
	if (strcasecmp(arg, "config"))
		return refuse(e, "config: what is set now becomes the configuration");
	if (config_write(t, e->text, e->size))
		return -1;
	tui_say(t, STYLE_TEXT, "options and columns are written to the configuration");
	return 0;
}

static int help(struct tui *t, const char *arg, struct command_error *e)
{
	(void)arg, (void)e;
	if (t->screen && tui_view(t)->ops != &view_help)
		tui_push(t, view_new(t, &view_help));
	return 0;
}

static const struct command {
	const char *name, *argument; /* what is shown while it is typed; "": none */
	int (*run)(struct tui *t, const char *arg, struct command_error *e);
	/* all but those that stand ALWAYS make no sense in the configuration */
	enum { ALWAYS, NOW, SELECTOR, SETTING } kind; /* run by choose(), by change() */
} commands[] = {
	{ "between", "TIME TIME that figures are of, such as 10:40 10:45 or -10m -5m; now: back",
	  set_between, NOW },
	{ "body", "BYTES, such as 256 or 4k, or off: content that is kept of what comes", set_body,
	  ALWAYS },
	{ "cgroup", "PATH of a control group to trace, too; -PATH: no longer", NULL, SELECTOR },
	{ "columns", "NAMES of columns of this view, with commas, or all", set_columns, NOW },
	{ "comm", "NAME of processes to trace, too; -NAME: no longer", NULL, SELECTOR },
	{ "container", "NAME or id of a container to trace, too; -NAME: no longer", NULL,
	  SELECTOR },
	{ "exe", "PATH of an executable to trace, too; -PATH: no longer", NULL, SELECTOR },
	{ "filter", "EXPRESSION, as /; none: everything", set_filter, ALWAYS },
	{ "group", RED_BY_NAMES ", or a field", set_group, ALWAYS },
	{ "headers", "on, off, or NAMES with commas: header fields that are kept of what comes",
	  set_headers, ALWAYS },
	{ "help", "", help, NOW },
	{ "interval", "TIME between two pictures", set_interval, ALWAYS },
	{ "keep", "SPANS of the latest that are kept, such as 64k, or all there is memory for",
	  set_keep, ALWAYS },
	{ "memory", "SIZE of what is kept, such as 64M", set_memory, ALWAYS },
	{ "mouse", "on or off", set_mouse, ALWAYS },
	{ "names", "LIST of namings within HTTP, such as graphql,jsonrpc, auto, off, from now on",
	  NULL, SETTING },
	{ "namespace", "NAME of Kubernetes whose pods to trace, too; -NAME: no longer",
	  NULL, SELECTOR },
	{ "pid", "PIDS to trace, too; -PIDS: no longer", NULL, SELECTOR },
	{ "pod", "[NAMESPACE/]NAME of a pod to trace, too; -NAME: no longer", NULL, SELECTOR },
	{ "port", "PORTS to trace, too, such as 8000,9000-9010; -PORTS: no longer",
	  NULL, SELECTOR },
	{ "quit", "", quit, NOW },
	{ "record", "", record, NOW },
	{ "resolve", "on or off: whether DNS is asked for the names of peers", NULL, SETTING },
	{ "route", "PATTERN such as /orders/{id}, behind those there are, from now on",
	  NULL, SETTING },
	{ "save", "", save, NOW },
	{ "service", "NAME of what to trace, too, as it is shown; -NAME: no longer", NULL,
	  SELECTOR },
	{ "sort", "COLUMN of this view", set_sort, NOW },
	{ "theme", "auto, dark, light, contrast or mono", set_theme, ALWAYS },
	{ "unmatched", "heuristic, path or wildcard: paths without a pattern, from now on",
	  NULL, SETTING },
	{ "window", "TIME that figures are of, 5s to 5m, or all", set_window, ALWAYS },
	{ "write", "config: what is set now, and columns, for the next time", write_config, NOW },
};

#define NCOMMANDS (sizeof(commands) / sizeof(*commands))

static const struct command *command_of(const char *line, size_t *n)
{
	*n = strcspn(line, " =");
	for (size_t i = 0; i < NCOMMANDS; i++)
		if (strlen(commands[i].name) == *n && !strncasecmp(commands[i].name, line, *n))
			return &commands[i];
	return NULL;
}

static int run(struct tui *t, const char *line, int from_file, char *err, size_t errlen)
{
	struct command_error e = { err, errlen };
	const struct command *c;
	size_t n;

	line += strspn(line, " ");
	c = command_of(line, &n);
	if (!c || (from_file && c->kind != ALWAYS))
		return refuse(&e, "there is no '%.*s'%s", n < 32 ? (int)n : 32, line,
			      from_file ? " here" : "; Tab shows what there is");
	line += n;
	line += strspn(line, " =");
	if (*line && !*c->argument)
		return refuse(&e, "%s takes nothing", c->name);
	t->stale = t->dirty = 1;
	switch (c->kind) {
	case SELECTOR: return choose(t, c->name, line, &e);
	case SETTING: return change(t, c->name, line, &e);
	default: return c->run(t, line, &e);
	}
}

int command_run(struct tui *t, const char *line, char *err, size_t errlen)
{
	return run(t, line, 0, err, errlen);
}

int command_configure(struct tui *t, const char *line, char *err, size_t errlen)
{
	return run(t, line, 1, err, errlen);
}

void command_judge(struct prompt *p)
{
	size_t n;
	const struct command *c = command_of(p->text, &n);

	p->valid = p->len ? c != NULL : -1;
	if (c && *c->argument && !p->hint[0])
		snprintf(p->hint, sizeof(p->hint), "%s %s", c->name, c->argument);
	else if (!p->len && !p->hint[0])
		snprintf(p->hint, sizeof(p->hint), "Tab: commands; as  headers on   window 10s");
}

void command_complete(struct tui *t)
{
	struct prompt *p = &t->command_prompt;
	struct choice c = { .word = p->text, .n = p->at };
	size_t n;
	const struct command *command = command_of(p->text, &n);

	p->hint[0] = '\0';
	if (command && command->run == set_group && p->at > n) {
		group_complete(t);
		return;
	}
	if (command && command->run == set_filter && p->at > n) {
		filter_complete(t, p);
		return;
	}
	for (size_t i = 0; !strchr(p->text, ' ') && i < NCOMMANDS; i++)
		choice_offer(&c, p, commands[i].name);
	choice_take(&c, p);
}
