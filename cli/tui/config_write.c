/*
 * config_write.c - :write config: what is set now becomes the user's configuration
 *
 * Lines of the file that say something of it are changed, others stay as they are; what is as it
 * would be without a file is written only where the file says something else.
 */
#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/tui/config.h"
#include "cli/tui/tui_impl.h"

#define SETTINGS 16

struct setting {
	char name[16], value[sizeof(((struct tui *)0)->header_text)];
	int columns; /* of [columns], else of [options] */
	int usual;   /* as it is without a file */
	int written;
};

struct settings {
	struct setting v[SETTINGS + TUI_COLUMNS];
	unsigned n;
};

int config_path(char *path, size_t size)
{
	const char *base = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");

	if (base && *base == '/')
		snprintf(path, size, "%s/zctrace/config", base);
	else if (home && *home == '/')
		snprintf(path, size, "%s/.config/zctrace/config", home);
	else
		return -1;
	return 0;
}

/* ---- what is set */

__attribute__((format(printf, 4, 5))) static void put(struct settings *s, const char *name,
						      int usual, const char *fmt, ...)
{
	struct setting *to = &s->v[s->n++];
	va_list ap;

	*to = (struct setting){.usual = usual};
	snprintf(to->name, sizeof(to->name), "%s", name);
	va_start(ap, fmt);
	vsnprintf(to->value, sizeof(to->value), fmt, ap);
	va_end(ap);
}

static void put_headers(struct settings *s, const struct tui *t)
{
	struct setting *to = &s->v[s->n];
	size_t n = 0;

	put(s, "headers", !t->opt.nheaders, "%s", t->opt.nheaders ? "on" : "off");
	for (unsigned i = 0; i < t->opt.nheaders && n < sizeof(to->value); i++)
		if (strcmp(t->opt.headers[i], "*"))
			n += (size_t)snprintf(to->value + n, sizeof(to->value) - n, "%s%s",
					      n ? "," : "", t->opt.headers[i]);
}

static void collect(struct settings *s, const struct tui *t)
{
	unsigned window = t->baseline || t->past_to ? t->window_before : t->window;

	s->n = 0;
	put(s, "window", window == TUI_WINDOW, window ? "%us" : "all", window);
	put(s, "interval", t->interval_ns == TUI_INTERVAL_NS, "%llums",
	    (unsigned long long)(t->interval_ns / 1000000));
	put(s, "group", t->by == RED_BY_ROUTE, "%s", red_column(model_red(&t->model, t->by)));
	put(s, "theme", !t->opt.theme, "%s", screen_theme_name(t->opt.theme));
	put(s, "mouse", !t->opt.no_mouse, "%s", t->opt.no_mouse ? "off" : "on");
	put(s, "body", !t->body, t->body ? "%u" : "off", t->body);
	put(s, "memory", !t->opt.memory, "%llu",
	    (unsigned long long)t->model.now->ring.memory);
	put(s, "keep", !t->opt.keep, t->opt.keep ? "%u" : "all", t->opt.keep);
	put_headers(s, t);
	for (unsigned i = 0; i < t->ncolumns; i++) {
		put(s, t->columns[i].view, !t->columns[i].names[0], "%s",
		    t->columns[i].names[0] ? t->columns[i].names : "all");
		s->v[s->n - 1].columns = 1;
	}
}

/* ---- the file, line by line */

static struct setting *setting_of(struct settings *s, const char *line, int columns)
{
	size_t n = strcspn(line, "=");

	while (n && (line[n - 1] == ' ' || line[n - 1] == '\t'))
		n--;
	for (unsigned i = 0; i < s->n; i++)
		if (s->v[i].columns == columns && strlen(s->v[i].name) == n &&
		    !strncasecmp(s->v[i].name, line, n))
			return &s->v[i];
	return NULL;
}

static void write_left(FILE *to, struct settings *s, int columns)
{
	for (unsigned i = 0; i < s->n; i++)
		if (s->v[i].columns == columns && !s->v[i].written && !s->v[i].usual) {
			fprintf(to, "%s = %s\n", s->v[i].name, s->v[i].value);
			s->v[i].written = 1;
		}
}

static int section_is(const char *line, const char *name)
{
	return !strncasecmp(line, name, strlen(name));
}

/* Sections are changed in place, where they are. */
static void rewrite(FILE *to, FILE *from, struct settings *s)
{
	char line[1024];
	int columns = -1; /* the section: -1: another one */

	while (from && fgets(line, sizeof(line), from)) {
		const char *text = line + strspn(line, " \t");
		struct setting *found = columns < 0 ? NULL : setting_of(s, text, columns);

		if (found) {
			if (!found->written)
				fprintf(to, "%s = %s\n", found->name, found->value);
			found->written = 1;
			continue;
		}
		fputs(line, to);
		if (line[strlen(line) - 1] != '\n')
			fputc('\n', to);
		if (*text != '[')
			continue;
		columns = section_is(text, "[options]") ? 0 :
			  section_is(text, "[columns]") ? 1 : -1;
	}
}

static int is_left(const struct settings *s, int columns)
{
	for (unsigned i = 0; i < s->n; i++)
		if (s->v[i].columns == columns && !s->v[i].written && !s->v[i].usual)
			return 1;
	return 0;
}

static void write_all(FILE *to, FILE *from, struct settings *s)
{
	rewrite(to, from, s);
	for (int columns = 0; columns < 2; columns++) {
		if (!is_left(s, columns))
			continue;
		fputs(columns ? "[columns]\n" : "[options]\n", to);
		write_left(to, s, columns);
	}
}

static void make_folders(char *path)
{
	for (char *p = strchr(path + 1, '/'); p; p = strchr(p + 1, '/')) {
		*p = '\0';
		(void)mkdir(path, 0700);
		*p = '/';
	}
}

int config_write(const struct tui *t, char *err, size_t errlen)
{
	char path[PATH_MAX - 8], fresh[PATH_MAX];
	struct settings *s = malloc(sizeof(*s));
	FILE *from, *to;
	int failed;

	if (!s || config_path(path, sizeof(path))) {
		snprintf(err, errlen, s ? "HOME is not set" : "out of memory");
		free(s);
		return -1;
	}
	collect(s, t);
	make_folders(path);
	snprintf(fresh, sizeof(fresh), "%s.new", path);
	from = fopen(path, "re");
	to = fopen(fresh, "we");
	if (to)
		write_all(to, from, s);
	failed = !to || ferror(to);
	failed |= to && fclose(to);
	failed = failed || rename(fresh, path);
	if (failed)
		snprintf(err, errlen, "%.150s: %s", path, strerror(errno));
	if (from)
		fclose(from);
	free(s);
	return -failed;
}
