#include "cli/tui/config.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "cli/tui/command.h"
#include "cli/tui/tui_impl.h"

#define LINE_MAX_BYTES 512

enum section { SECTION_NONE, SECTION_OPTIONS, SECTION_COLUMNS, SECTION_KEYS, SECTIONS };

/* ---- keys by name */

static const struct {
	const char *name;
	int code;
} key_names[] = {
	{ "space", ' ' },	   { "up", SK_UP },	      { "down", SK_DOWN },
	{ "left", SK_LEFT },	   { "right", SK_RIGHT },     { "pageup", SK_PAGE_UP },
	{ "pagedown", SK_PAGE_DOWN }, { "home", SK_HOME },    { "end", SK_END },
	{ "enter", SK_ENTER },	   { "esc", SK_ESC },	      { "tab", SK_TAB },
	{ "backtab", SK_BACK_TAB }, { "backspace", SK_BACKSPACE }, { "delete", SK_DELETE },
	{ "f1", SK_F1 },	   { "f2", SK_F2 },	      { "f3", SK_F3 },
	{ "f4", SK_F4 },	   { "f5", SK_F5 },	      { "f6", SK_F6 },
	{ "f10", SK_F10 },
};

/* A character of ASCII, or a name; KEY_NONE: neither. */
static int key_named(const char *s)
{
	if (s[0] > ' ' && s[0] < 0x7f && !s[1])
		return s[0];
	for (size_t i = 0; i < sizeof(key_names) / sizeof(*key_names); i++)
		if (!strcasecmp(key_names[i].name, s))
			return key_names[i].code;
	return KEY_NONE;
}

int config_key(struct tui *t, struct key *k)
{
	char err[160];

	for (unsigned i = 0; i < t->nkeys; i++) {
		if (t->keys[i].from != k->code)
			continue;
		if (!t->keys[i].command[0]) {
			k->code = t->keys[i].to;
			return 0;
		}
		if (command_run(t, t->keys[i].command, err, sizeof(err)))
			tui_say(t, STYLE_ERROR, "%s: %s", t->keys[i].command, err);
		return 1;
	}
	return 0;
}

/* ---- lines */

static int take_key(struct tui *t, const char *name, const char *value, char *err, size_t errlen)
{
	int from = key_named(name), to = *value == ':' && value[1] ? KEY_NONE : key_named(value);

	if (from == KEY_NONE || (to == KEY_NONE && (*value != ':' || !value[1]))) {
		snprintf(err, errlen, "'%.40s' is no key", from == KEY_NONE ? name : value);
		return -1;
	}
	if (t->nkeys == TUI_KEYS || strlen(value) >= sizeof(t->keys->command)) {
		snprintf(err, errlen, "at most %d keys", TUI_KEYS);
		return -1;
	}
	t->keys[t->nkeys].from = from;
	t->keys[t->nkeys].to = to;
	strcpy(t->keys[t->nkeys].command, to == KEY_NONE ? value + 1 : "");
	t->nkeys++;
	return 0;
}

static int take_line(struct tui *t, enum section section, char *line, char *err, size_t errlen)
{
	char *value = strchr(line, '='), *end = value, option[LINE_MAX_BYTES];

	if (!value || section == SECTION_NONE) {
		snprintf(err, errlen, value ? "a [section] comes first" : "NAME = VALUE");
		return -1;
	}
	/* the key '=' itself */
	if (section == SECTION_KEYS && value == line && strchr(line + 1, '='))
		end = value = strchr(line + 1, '=');
	while (end > line && (end[-1] == ' ' || end[-1] == '\t'))
		end--;
	*value++ = '\0';
	*end = '\0';
	value += strspn(value, " \t");
	if (section == SECTION_KEYS)
		return take_key(t, line, value, err, errlen);
	if (section == SECTION_OPTIONS) {
		snprintf(option, sizeof(option), "%s %s", line, value);
		return command_configure(t, option, err, errlen);
	}
	if (!tui_columns(t, line, value))
		return 0;
	snprintf(err, errlen, "columns of too many views");
	return -1;
}

static enum section section_of(const char *line, char *err, size_t errlen)
{
	static const char *const names[SECTIONS] = { "", "[options]", "[columns]", "[keys]" };

	for (int i = 1; i < SECTIONS; i++)
		if (!strcasecmp(line, names[i]))
			return (enum section)i;
	snprintf(err, errlen, "there is no section %.40s", line);
	return SECTION_NONE;
}

void config_read(struct tui *t, char *err, size_t errlen)
{
	char path[PATH_MAX], line[LINE_MAX_BYTES], why[200];
	FILE *f = config_path(path, sizeof(path)) ? NULL : fopen(path, "re");
	enum section section = SECTION_NONE;

	for (unsigned number = 1; f && fgets(line, sizeof(line), f); number++) {
		char *text = line + strspn(line, " \t");
		size_t n = strlen(text);

		while (n && strchr(" \t\r\n", text[n - 1]))
			text[--n] = '\0';
		why[0] = '\0';
		if (*text == '[')
			section = section_of(text, why, sizeof(why));
		else if (*text && *text != '#' && *text != ';')
			take_line(t, section, text, why, sizeof(why));
		if (why[0] && !*err)
			snprintf(err, errlen, "%s:%u: %s", path, number, why);
	}
	if (f)
		fclose(f);
}
