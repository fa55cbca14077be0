/*
 * report.c - what went wrong, and what is worth to be told
 */
#include "attach/attach_priv.h"

int attach_fail(struct attach *a, int code, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(a->error, sizeof(a->error), fmt, ap);
	va_end(ap);
	return -code;
}

void attach_note(const struct attach *a, const char *name, const char *fmt, ...)
{
	char text[640];
	va_list ap;

	if (!a->opt.on_note)
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	a->opt.on_note(a->opt.ctx, name, text);
}
