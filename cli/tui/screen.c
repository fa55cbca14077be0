#include "cli/tui/screen.h"

#include <langinfo.h>
#include <locale.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>
#include <wchar.h>

#include <curses.h>

#include "cli/tui/restore.h"

#define COPY_MAX 74994u /* bytes that xterm takes, in base 64 */

struct screen {
	SCREEN *term;
	int ascii, mono;
	int colourless; /* whatever the theme */
	attr_t attrs[STYLE_COUNT];
	attr_t reverse;
	int cursor_y, cursor_x;
	int cols, rows;
};

/*
 * With 256 colours there are enough; with eight, yellow and white are avoided. 0: the terminal's
 * own.
 */
struct look {
	short full, basic;
	attr_t attrs; /* with colours */
	attr_t mono;  /* without */
};

/* What all themes have: they differ in their colours. */
#define LOOKS(dim, accent, error, slow, good, client, s1, s2, s3, s4, s5) \
	{ \
		[STYLE_DIM] = { dim, 0, 0, A_DIM }, \
		[STYLE_STRONG] = { 0, 0, A_BOLD, A_BOLD }, \
		[STYLE_TITLE] = { 0, 0, A_BOLD, A_BOLD }, \
		[STYLE_TAB] = { 0, 0, A_REVERSE | A_BOLD, A_REVERSE | A_BOLD }, \
		[STYLE_HEAD] = { accent, COLOR_CYAN, A_UNDERLINE, A_UNDERLINE }, \
		[STYLE_SORTED] = { accent, COLOR_CYAN, A_BOLD | A_UNDERLINE, \
				   A_BOLD | A_UNDERLINE }, \
		[STYLE_ERROR] = { error, COLOR_RED, A_BOLD, A_BOLD }, \
		[STYLE_SLOW] = { slow, COLOR_MAGENTA, 0, A_BOLD }, \
		[STYLE_GOOD] = { good, COLOR_GREEN, 0, 0 }, \
		[STYLE_BAR] = { accent, COLOR_CYAN, 0, 0 }, \
		[STYLE_KEY] = { accent, COLOR_CYAN, A_BOLD, A_BOLD }, \
		[STYLE_CLIENT] = { client, COLOR_BLUE, 0, 0 }, \
		[STYLE_SERVICE] = { accent, COLOR_CYAN, 0, 0 }, \
		[STYLE_SERVICE + 1] = { s1, COLOR_YELLOW, 0, 0 }, \
		[STYLE_SERVICE + 2] = { s2, COLOR_BLUE, 0, 0 }, \
		[STYLE_SERVICE + 3] = { s3, COLOR_GREEN, 0, 0 }, \
		[STYLE_SERVICE + 4] = { s4, COLOR_MAGENTA, 0, 0 }, \
		[STYLE_SERVICE + 5] = { s5, COLOR_CYAN, A_BOLD, 0 }, \
	}

static const struct look looks[THEMES][STYLE_COUNT] = {
	[THEME_AUTO] = LOOKS(245, 31, 160, 166, 34, 98, 136, 98, 64, 132, 67),
	[THEME_DARK] = LOOKS(248, 80, 203, 215, 114, 141, 221, 141, 113, 211, 110),
	[THEME_LIGHT] = LOOKS(241, 24, 124, 130, 28, 54, 94, 54, 22, 125, 60),
	/* nothing is told by a colour alone, and nothing is faint */
	[THEME_CONTRAST] = {
		[STYLE_STRONG] = { 0, 0, A_BOLD, A_BOLD },
		[STYLE_TITLE] = { 0, 0, A_BOLD, A_BOLD },
		[STYLE_TAB] = { 0, 0, A_REVERSE | A_BOLD, A_REVERSE | A_BOLD },
		[STYLE_HEAD] = { 0, 0, A_UNDERLINE | A_BOLD, A_UNDERLINE | A_BOLD },
		[STYLE_SORTED] = { 0, 0, A_REVERSE | A_BOLD, A_REVERSE | A_BOLD },
		[STYLE_ERROR] = { COLOR_RED, COLOR_RED, A_REVERSE | A_BOLD, A_REVERSE | A_BOLD },
		[STYLE_SLOW] = { 0, 0, A_BOLD | A_UNDERLINE, A_BOLD | A_UNDERLINE },
		[STYLE_KEY] = { 0, 0, A_BOLD, A_BOLD },
		[STYLE_SERVICE + 1] = { COLOR_BLUE, COLOR_BLUE, A_BOLD, 0 },
		[STYLE_SERVICE + 2] = { COLOR_MAGENTA, COLOR_MAGENTA, A_BOLD, 0 },
		[STYLE_SERVICE + 3] = { COLOR_GREEN, COLOR_GREEN, A_BOLD, 0 },
		[STYLE_SERVICE + 4] = { COLOR_CYAN, COLOR_CYAN, A_BOLD, 0 },
		[STYLE_SERVICE + 5] = { COLOR_RED, COLOR_RED, A_BOLD, 0 },
	},
	[THEME_MONO] = LOOKS(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0),
};

const char *screen_theme_name(enum screen_theme theme)
{
	static const char *const names[THEMES] = { "auto", "dark", "light", "contrast", "mono" };

	return names[theme];
}

int screen_theme_named(const char *name)
{
	for (int i = 0; i < THEMES; i++)
		if (!strcasecmp(name, screen_theme_name((enum screen_theme)i)))
			return i;
	return -1;
}

static void choose_colours(struct screen *s, enum screen_color color)
{
	const char *no = getenv("NO_COLOR");

	s->colourless = color == SCREEN_COLOR_NEVER || !has_colors() ||
			(color == SCREEN_COLOR_AUTO && no && *no);
	if (!s->colourless && (start_color() == ERR || use_default_colors() == ERR))
		s->colourless = 1;
	screen__theme(s, THEME_AUTO);
}

void screen__theme(struct screen *s, enum screen_theme theme)
{
	const struct look *look = looks[theme];

	set_term(s->term);
	s->mono = s->colourless || theme == THEME_MONO;
	for (short i = 0; i < STYLE_COUNT; i++) {
		short c = COLORS >= 256 ? look[i].full : look[i].basic;

		s->attrs[i] = s->mono ? look[i].mono : look[i].attrs;
		if (s->mono || !c)
			continue;
		init_pair((short)(i + 1), c, -1);
		s->attrs[i] |= (attr_t)COLOR_PAIR(i + 1);
	}
}

void screen__mouse(struct screen *s, int on)
{
	set_term(s->term);
	mousemask(on ? BUTTON1_PRESSED | BUTTON1_DOUBLE_CLICKED | BUTTON4_PRESSED |
			       BUTTON5_PRESSED : 0, NULL);
}

static void put_base64(FILE *f, const unsigned char *p, size_t n)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
				     "0123456789+/";

	for (size_t i = 0; i < n; i += 3) {
		uint32_t v = (uint32_t)p[i] << 16 | (i + 1 < n ? (uint32_t)p[i + 1] << 8 : 0) |
			     (i + 2 < n ? p[i + 2] : 0);

		fputc(digits[v >> 18], f);
		fputc(digits[v >> 12 & 63], f);
		fputc(i + 1 < n ? digits[v >> 6 & 63] : '=', f);
		fputc(i + 2 < n ? digits[v & 63] : '=', f);
	}
}

int screen__copy(struct screen *s, const char *text, size_t n)
{
	if (n > COPY_MAX)
		return -1;
	set_term(s->term);
	fputs("\033]52;c;", stdout);
	put_base64(stdout, (const unsigned char *)text, n);
	fputs("\a", stdout);
	fflush(stdout);
	return 0;
}

/*
 * Terminals of today that this host does not know (xterm-kitty, foot, ... behind ssh) understand
 * what xterm does.
 */
static SCREEN *open_terminal(char *err, size_t errlen)
{
	static const char *const like[] = { "xterm-256color", "xterm", "vt100" };
	const char *name = getenv("TERM");
	SCREEN *term = newterm(NULL, stdout, stdin);

	if (!name)
		name = "";
	for (size_t i = 0; !term && i < sizeof(like) / sizeof(like[0]); i++) {
		term = newterm(like[i], stdout, stdin);
		if (term)
			snprintf(err, errlen,
				 "the terminal \"%.40s\" is not known here; it is taken for "
				 "%s",
				 name, like[i]);
	}
	if (!term)
		snprintf(err, errlen,
			 "the terminal \"%.40s\" is not known; set TERM, or choose another "
			 "--output",
			 name);
	return term;
}

struct screen *screen__new(enum screen_color color, char *err, size_t errlen)
{
	struct screen *s = calloc(1, sizeof(*s));
	struct termios settings;

	setlocale(LC_CTYPE, "");
	if (!s || tcgetattr(STDIN_FILENO, &settings) || !isatty(STDOUT_FILENO)) {
		snprintf(err, errlen, "the dashboard needs a terminal; choose another --output");
		free(s);
		return NULL;
	}
	*err = '\0';
	s->term = open_terminal(err, errlen);
	if (!s->term) {
		free(s);
		return NULL;
	}
	set_term(s->term);
	restore_arm(STDOUT_FILENO, &settings);
	s->ascii = strcmp(nl_langinfo(CODESET), "UTF-8") != 0;
	/* keys that end programs still send their signals: these end it in order */
	cbreak();
	noecho();
	nonl();
	set_escdelay(25);
	keypad(stdscr, TRUE);
	nodelay(stdscr, TRUE);
	leaveok(stdscr, FALSE);
	mouseinterval(0);
	choose_colours(s, color);
	screen__cursor(s, 0, -1);
	getmaxyx(stdscr, s->rows, s->cols);
	return s;
}

void screen__free(struct screen *s)
{
	if (!s)
		return;
	set_term(s->term);
	mousemask(0, NULL);
	endwin();
	restore_now();
	delscreen(s->term);
	free(s);
}

int screen__width(const struct screen *s)
{
	return s->cols;
}

int screen__height(const struct screen *s)
{
	return s->rows;
}

int screen__ascii(const struct screen *s)
{
	return s->ascii;
}

int screen__mono(const struct screen *s)
{
	return s->mono;
}

/* ---- keys */

static int mouse_key(struct key *k)
{
	MEVENT ev;

	if (getmouse(&ev) == ERR)
		return SK_OTHER;
	k->x = ev.x;
	k->y = ev.y;
	if (ev.bstate & BUTTON4_PRESSED)
		return SK_WHEEL_UP;
	if (ev.bstate & BUTTON5_PRESSED)
		return SK_WHEEL_DOWN;
	if (ev.bstate & BUTTON1_DOUBLE_CLICKED)
		return SK_DOUBLE_CLICK;
	return ev.bstate & BUTTON1_PRESSED ? SK_CLICK : SK_OTHER;
}

static int translate(wint_t c)
{
	static const struct {
		int curses, ours;
	} map[] = {
		{ KEY_UP, SK_UP },	 { KEY_DOWN, SK_DOWN },	  { KEY_LEFT, SK_LEFT },
		{ KEY_RIGHT, SK_RIGHT }, { KEY_PPAGE, SK_PAGE_UP }, { KEY_NPAGE, SK_PAGE_DOWN },
		{ KEY_HOME, SK_HOME },	 { KEY_END, SK_END },	  { KEY_ENTER, SK_ENTER },
		{ KEY_BTAB, SK_BACK_TAB }, { KEY_BACKSPACE, SK_BACKSPACE }, { KEY_DC, SK_DELETE },
		{ KEY_F(1), SK_F1 },	 { KEY_F(2), SK_F2 },	  { KEY_F(3), SK_F3 },
		{ KEY_F(4), SK_F4 },	 { KEY_F(5), SK_F5 },	  { KEY_F(6), SK_F6 },
		{ KEY_F(10), SK_F10 },	 { KEY_RESIZE, SK_RESIZE },
	};

	for (size_t i = 0; i < sizeof(map) / sizeof(*map); i++)
		if (map[i].curses == (int)c)
			return map[i].ours;
	return SK_OTHER;
}

static int character(wint_t c)
{
	switch (c) {
	case '\r':
	case '\n': return SK_ENTER;
	case '\t': return SK_TAB;
	case 27: return SK_ESC;
	case 8:
	case 127: return SK_BACKSPACE;
	default: return c ? (int)c : SK_OTHER;
	}
}

struct key screen__key(struct screen *s)
{
	struct key k = { KEY_NONE, 0, 0 };
	wint_t c;
	int r;

	set_term(s->term);
	r = wget_wch(stdscr, &c);
	if (r == ERR)
		return k;
	if (r != KEY_CODE_YES)
		k.code = character(c);
	else
		k.code = c == KEY_MOUSE ? mouse_key(&k) : translate(c);
	if (k.code == SK_RESIZE)
		getmaxyx(stdscr, s->rows, s->cols);
	return k;
}

/* ---- drawing */

void screen__begin(struct screen *s)
{
	set_term(s->term);
	erase();
	s->cursor_x = -1;
	s->reverse = 0;
}

void screen__end(struct screen *s)
{
	set_term(s->term);
	if (s->cursor_x >= 0)
		move(s->cursor_y, s->cursor_x);
	curs_set(s->cursor_x >= 0);
	refresh();
}

void screen__reverse(struct screen *s, int on)
{
	s->reverse = on ? A_REVERSE : 0;
}

/* In reverse, colours would make stripes: what is an error stays bold. */
static attr_t attrs_of(const struct screen *s, enum style st)
{
	if (s->reverse)
		return A_REVERSE | (s->attrs[st] & A_BOLD);
	return s->attrs[st];
}

static int clip(const struct screen *s, int y, int x, int width)
{
	if (y < 0 || y >= s->rows || x < 0 || x >= s->cols)
		return 0;
	if (width > s->cols - x)
		width = s->cols - x;
	return width > 0 ? width : 0;
}

static void put_raw(struct screen *s, int y, int x, enum style st, const char *text)
{
	attrset((int)attrs_of(s, st));
	mvaddstr(y, x, text);
	attrset(A_NORMAL);
}

int screen__put(struct screen *s, int y, int x, int width, enum style st, const char *text)
{
	char buf[TEXT_MAX];
	unsigned used;

	width = clip(s, y, x, width);
	if (!width)
		return 0;
	used = text_clip(buf, sizeof(buf), text, (unsigned)width, s->ascii);
	put_raw(s, y, x, st, buf);
	return (int)used;
}

void screen__fill(struct screen *s, int y, int x, int width, enum style st, char c)
{
	width = clip(s, y, x, width);
	attrset((int)attrs_of(s, st));
	for (int i = 0; i < width; i++)
		mvaddch(y, x + i, (chtype)(unsigned char)c);
	attrset(A_NORMAL);
}

void screen__field(struct screen *s, int y, int x, int width, enum style st, int right,
		   const char *text)
{
	char buf[TEXT_MAX];
	int used;

	width = clip(s, y, x, width);
	if (!width)
		return;
	used = (int)text_clip(buf, sizeof(buf), text, (unsigned)width, s->ascii);
	if (right) {
		screen__fill(s, y, x, width - used, st, ' ');
		put_raw(s, y, x + width - used, st, buf);
	} else {
		put_raw(s, y, x, st, buf);
		screen__fill(s, y, x + used, width - used, st, ' ');
	}
}

int screen__safe(struct screen *s, int y, int x, int width, enum style st, enum text_cut cut,
		 struct str text)
{
	char buf[TEXT_MAX];
	unsigned used;

	width = clip(s, y, x, width);
	if (!width)
		return 0;
	used = text_fit(buf, sizeof(buf), text, (unsigned)width, cut, s->ascii);
	put_raw(s, y, x, st, buf);
	return (int)used;
}

void screen__printf(struct screen *s, int y, int x, enum style st, const char *fmt, ...)
{
	char buf[TEXT_MAX];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(buf, sizeof(buf), fmt, ap);
	va_end(ap);
	screen__put(s, y, x, s->cols, st, buf);
}

/* Level 0..8 of a vertical block (or of an ASCII ramp), as text. */
static const char *level_of(const struct screen *s, unsigned level)
{
	static const char *const blocks[] = { " ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█" };
	static const char *const ascii[] = { " ", ".", ".", ":", "-", "=", "+", "*", "#" };

	level = level > 8 ? 8 : level;
	return s->ascii ? ascii[level] : blocks[level];
}

const char *screen__shade(const struct screen *s, unsigned level)
{
	static const char *const blocks[] = { " ", "░", "▒", "▓", "█" };
	static const char *const ascii[] = { " ", ".", ":", "+", "#" };

	level = level > 4 ? 4 : level;
	return s->ascii ? ascii[level] : blocks[level];
}

void screen__spark(struct screen *s, int y, int x, const unsigned *values, int n, unsigned max,
		   enum style st)
{
	n = clip(s, y, x, n);
	for (int i = 0; i < n; i++) {
		unsigned level =
			values[i] ? 1 + (unsigned)((uint64_t)values[i] * 7 / (max ? max : 1)) : 0;

		put_raw(s, y, x + i, st, level_of(s, level));
	}
}

/* The last column of a heavy bar in eighths, so that short ones differ. */
static const char *bar_piece(const struct screen *s, double part, int heavy)
{
	static const char *const eighths[] = { "▏", "▏", "▎", "▍", "▌", "▋", "▊", "▉", "█" };

	if (s->ascii)
		return heavy ? (part < 0.5 ? "|" : "#") : (part < 0.5 ? "|" : "-");
	if (!heavy)
		return part < 0.5 ? "╴" : "─";
	return eighths[part >= 1 ? 8 : part > 0 ? (int)(part * 8) : 0];
}

void screen__bar(struct screen *s, int y, int x, int width, double from, double to, int heavy,
		 enum style st)
{
	int a = from > 0 ? (int)from : 0;

	width = clip(s, y, x, width);
	if (a >= width)
		a = width - 1;
	if (to > width)
		to = width;
	for (int i = a; i < width && (i == a || i < to); i++)
		put_raw(s, y, x + i, st, bar_piece(s, to - i, heavy));
}

void screen__cursor(struct screen *s, int y, int x)
{
	s->cursor_y = y;
	s->cursor_x = x;
}
