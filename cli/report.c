#include "cli/report.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sinks/format.h"
#include "sinks/safe.h"

#define SAFE_MAX 1024 /* octets of one piece of text */

static const char *const codes[] = {
	[REPORT_PLAIN] = "",	      [REPORT_HEAD] = "\033[1m", [REPORT_GOOD] = "\033[32m",
	[REPORT_DOUBT] = "\033[33m", [REPORT_BAD] = "\033[31m", [REPORT_FAINT] = "\033[2m",
};

int color_wanted(enum color when, int fd)
{
	const char *no = getenv("NO_COLOR");

	if (when != COLOR_AUTO)
		return when == COLOR_ALWAYS;
	return isatty(fd) && !(no && *no);
}

int report_init(struct report *r, enum color when)
{
	r->color = color_wanted(when, STDOUT_FILENO);
	return out_init(&r->out, STDOUT_FILENO, -1);
}

int report_finish(struct report *r)
{
	int err = out_flush(&r->out);

	out_release(&r->out);
	if (!err || err == EPIPE)
		return 0;
	fprintf(stderr, "zctrace: standard output: %s\n", strerror(err));
	return EXIT_FAILED;
}

static size_t make_safe(char *buf, const char *text)
{
	size_t n = strlen(text);

	return (size_t)(safe_text(buf, text, n < SAFE_MAX ? n : SAFE_MAX) - buf);
}

static size_t styled(struct report *r, enum report_style st, const char *text)
{
	char buf[SAFE_MAX * SAFE_GROWTH];
	size_t n = make_safe(buf, text);
	int color = r->color && *codes[st] && n;

	if (color)
		out_str(&r->out, codes[st]);
	out_bytes(&r->out, buf, n);
	if (color)
		out_str(&r->out, "\033[0m");
	return text_width(buf, n);
}

void report_text(struct report *r, enum report_style st, const char *text)
{
	styled(r, st, text);
}

void report_printf(struct report *r, enum report_style st, const char *fmt, ...)
{
	char text[SAFE_MAX];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	styled(r, st, text);
}

void report_cell(struct report *r, enum report_style st, const char *text, size_t width)
{
	for (size_t n = styled(r, st, text); n < width + 2; n++)
		out_char(&r->out, ' ');
}

size_t report_width(const char *text)
{
	char buf[SAFE_MAX * SAFE_GROWTH];

	return text_width(buf, make_safe(buf, text));
}

void report_newline(struct report *r)
{
	out_char(&r->out, '\n');
}
