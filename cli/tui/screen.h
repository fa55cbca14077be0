/*
 * screen.h - the terminal: size, colours by meaning, text at a place, keys and mouse
 *
 * Everything that curses does for us goes through here. Drawing outside the screen is cut off, so
 * views need not know how small it is.
 */
#ifndef ZC_CLI_TUI_SCREEN_H
#define ZC_CLI_TUI_SCREEN_H

#include <stddef.h>
#include "parsers/parser.h"
#include "cli/tui/text.h"

/* What a piece of text means; how that looks depends on the terminal. */
enum style {
	STYLE_TEXT,
	STYLE_DIM,	/* of less weight */
	STYLE_STRONG,
	STYLE_TITLE,	/* the program's own line at the top */
	STYLE_TAB,	/* the view that is shown */
	STYLE_HEAD,	/* column headings */
	STYLE_SORTED,	/* the heading of the column that sorts */
	STYLE_ERROR,
	STYLE_SLOW,
	STYLE_GOOD,
	STYLE_BAR,
	STYLE_KEY,	/* a key in a line of hints */
	STYLE_CLIENT,	/* client spans, where both kinds are mixed */
	STYLE_SERVICE,	/* STYLE_SERVICES of them, to tell services from each other */
	STYLE_COUNT = STYLE_SERVICE + 6,
};

#define STYLE_SERVICES (STYLE_COUNT - STYLE_SERVICE)

/* Colours for any background, for a dark one, a light one, with most contrast; none. */
enum screen_theme {
	THEME_AUTO, THEME_DARK, THEME_LIGHT, THEME_CONTRAST, THEME_MONO, THEMES
};

const char *screen_theme_name(enum screen_theme theme);
int screen_theme_named(const char *name); /* -1: there is none such */

enum screen_color { SCREEN_COLOR_AUTO, SCREEN_COLOR_NEVER, SCREEN_COLOR_ALWAYS };

/* Keys beyond characters. */
enum screen_key {
	KEY_NONE = 0,
	/* 1..0x10ffff: a character */
	SK_BASE = 0x200000,
	SK_UP, SK_DOWN, SK_LEFT, SK_RIGHT, SK_PAGE_UP, SK_PAGE_DOWN, SK_HOME, SK_END,
	SK_ENTER, SK_ESC, SK_TAB, SK_BACK_TAB, SK_BACKSPACE, SK_DELETE,
	SK_F1, SK_F2, SK_F3, SK_F4, SK_F5, SK_F6, SK_F10,
	SK_CLICK, SK_DOUBLE_CLICK, SK_WHEEL_UP, SK_WHEEL_DOWN, SK_RESIZE, SK_OTHER,
};

struct key {
	int code;
	int x, y; /* of the mouse */
};

struct screen;

/*
 * Takes over the terminal at standard input and output. NULL with one line in err: no terminal, or
 * one that cannot be used. A line in err and a screen: the terminal is taken for one that is known.
 */
struct screen *screen__new(enum screen_color color, char *err, size_t errlen);
void screen__free(struct screen *s); /* gives the terminal back; NULL is allowed */

/* Colours are as the terminal and its user have them: a theme brings back none. */
void screen__theme(struct screen *s, enum screen_theme theme);
void screen__mouse(struct screen *s, int on); /* it is off at first */

/* Hands text to the terminal's clipboard (OSC 52), if it has one. 0, or -1: it is too long. */
int screen__copy(struct screen *s, const char *text, size_t n);

int screen__width(const struct screen *s);
int screen__height(const struct screen *s);
int screen__ascii(const struct screen *s); /* only ASCII may be drawn */
int screen__mono(const struct screen *s);

/* Reads a key; code KEY_NONE if none waits. Never blocks. */
struct key screen__key(struct screen *s);

void screen__begin(struct screen *s); /* empties the picture */
void screen__end(struct screen *s);   /* shows it */

/* Everything drawn from now on is in reverse (a selected row). */
void screen__reverse(struct screen *s, int on);

/* Our own text, at most width columns. Returns the columns used. */
int screen__put(struct screen *s, int y, int x, int width, enum style st, const char *text);
/* The same, with the rest of the width filled with blanks, aligned to the right if asked for. */
void screen__field(struct screen *s, int y, int x, int width, enum style st, int right,
		   const char *text);
/* Foreign text: made safe. */
int screen__safe(struct screen *s, int y, int x, int width, enum style st, enum text_cut cut,
		 struct str text);
void screen__fill(struct screen *s, int y, int x, int width, enum style st, char c);
void screen__printf(struct screen *s, int y, int x, enum style st, const char *fmt, ...)
	__attribute__((format(printf, 5, 6)));

/* A bar from column `from` to `to` of a field of `width` columns; heavy, or of less weight. */
void screen__bar(struct screen *s, int y, int x, int width, double from, double to, int heavy,
		 enum style st);
/* values[n], scaled to max, one column each. */
void screen__spark(struct screen *s, int y, int x, const unsigned *values, int n, unsigned max,
		   enum style st);
const char *screen__shade(const struct screen *s, unsigned level); /* 0..4 */

/* Places the cursor, visible; x < 0 hides it. */
void screen__cursor(struct screen *s, int y, int x);

#endif
