#include "sinks/html.h"

#include <string.h>

#include "sinks/format.h"
#include "sinks/safe.h"

/* What is safe on a terminal, with references for what has a meaning here. */
static void put_escaped(struct out *o, const char *s, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		switch (s[i]) {
		case '&': out_str(o, "&amp;"); break;
		case '<': out_str(o, "&lt;"); break;
		case '>': out_str(o, "&gt;"); break;
		case '"': out_str(o, "&quot;"); break;
		case '\'': out_str(o, "&#39;"); break;
		default: out_char(o, s[i]);
		}
	}
}

/* The longest beginning of at most n bytes that does not end within a character. */
static size_t whole(const char *s, size_t n)
{
	size_t back = n;

	while (back && n - back < 4 && ((unsigned char)s[back] & 0xc0) == 0x80)
		back--;
	return n - back < 4 ? back : n;
}

void html_text(struct out *o, struct str s)
{
	char safe[HTML_TEXT_MAX * SAFE_GROWTH];
	size_t n = s.n > HTML_TEXT_MAX ? whole(s.p, HTML_TEXT_MAX) : s.n;

	put_escaped(o, safe, (size_t)(safe_text(safe, s.p, n) - safe));
	if (n < s.n)
		out_str(o, "…");
}

void html_cstr(struct out *o, const char *s)
{
	html_text(o, s ? (struct str){ s, strlen(s) } : (struct str){ "-", 1 });
}

/* The class of a code such as "[1m"; NULL: it ends one. */
static const char *class_of(const char *code, size_t n)
{
	static const struct {
		const char *code, *class;
	} known[] = { { "[1", "b" }, { "[2", "f" }, { "[31", "red" }, { "[36", "cyan" },
		      { "[34", "blue" } };

	for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++)
		if (strlen(known[i].code) == n && !memcmp(known[i].code, code, n))
			return known[i].class;
	return NULL;
}

static void put_line(struct out *o, const char *p, const char *end)
{
	int open = 0;

	while (p < end) {
		const char *escape = memchr(p, '\033', (size_t)(end - p));
		const char *stop = escape ? memchr(escape, 'm', (size_t)(end - escape)) : NULL;
		const char *class;

		put_escaped(o, p, (size_t)((stop ? escape : end) - p));
		if (!stop)
			break;
		class = class_of(escape + 1, (size_t)(stop - escape - 1));
		if (open)
			out_str(o, "</span>");
		open = class != NULL;
		if (open) {
			out_str(o, "<span class=\"");
			out_str(o, class);
			out_str(o, "\">");
		}
		p = stop + 1;
	}
	if (open)
		out_str(o, "</span>");
	out_char(o, '\n');
}

unsigned html_terminal(struct out *o, const char *p, size_t n, unsigned lines)
{
	const char *end = p + n;
	unsigned left_out = 0;

	while (p < end) {
		const char *newline = memchr(p, '\n', (size_t)(end - p));
		const char *stop = newline ? newline : end;

		if (lines) {
			put_line(o, p, stop);
			lines--;
		} else {
			left_out++;
		}
		p = stop + 1;
	}
	return left_out;
}
