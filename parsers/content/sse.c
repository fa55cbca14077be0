/*
 * sse.c - see sse.h
 */
#include <string.h>
#include "parsers/content/sse.h"

/* Where in its line the next octet is. */
enum {
	S_START, /* nothing yet */
	S_NAME,	 /* `matched` octets of "data" so far */
	S_REST,	 /* of no interest */
	S_COMMENT,
	S_UNKNOWN, /* behind a gap: in the middle of a line, or not */
};

static const char field[] = "data";

#define FIELD_LEN 4u

void sse_init(struct sse *s)
{
	*s = (struct sse){0};
}

static void end_line(struct sse *s)
{
	if (s->state == S_START) {
		s->events += s->has_data;
		s->has_data = 0;
	} else if (s->state == S_NAME && s->matched == FIELD_LEN) {
		s->has_data = 1; /* "data" alone is a data field with an empty value */
	} else if (s->state == S_COMMENT) {
		s->comments++;
	}
	s->state = S_START;
	s->matched = 0;
}

/* A byte order mark may stand at the very beginning. 1: c is of it. */
static int in_bom(struct sse *s, uint8_t c)
{
	static const uint8_t bom[] = {0xef, 0xbb, 0xbf};

	if (s->bom < sizeof(bom) && c == bom[s->bom]) {
		s->bom++;
		return 1;
	}
	if (s->bom && s->bom < sizeof(bom))
		s->state = S_REST; /* a part of it only: the line begins with something else */
	s->bom = sizeof(bom);
	return 0;
}

static void in_line(struct sse *s, uint8_t c)
{
	if (s->state == S_START) {
		s->state = c == ':' ? S_COMMENT : S_NAME;
		if (s->state == S_COMMENT)
			return;
	}
	if (s->state != S_NAME)
		return;
	if (s->matched < FIELD_LEN && c == (uint8_t)field[s->matched]) {
		s->matched++;
	} else {
		if (s->matched == FIELD_LEN && c == ':')
			s->has_data = 1;
		s->state = S_REST;
	}
}

uint64_t sse_feed(struct sse *s, const uint8_t *p, size_t n)
{
	uint64_t before = s->events;

	for (size_t i = 0; i < n; i++) {
		uint8_t c = p[i];

		if (s->bom < 3 && in_bom(s, c))
			continue;
		if (c == '\n' && s->after_cr) {
			s->after_cr = 0; /* the second half of CR LF */
			continue;
		}
		s->after_cr = c == '\r';
		if (c == '\r' || c == '\n')
			end_line(s);
		else
			in_line(s, c);
	}
	return s->events - before;
}

void sse_gap(struct sse *s)
{
	s->state = S_UNKNOWN;
	s->has_data = s->matched = s->after_cr = 0;
	s->bom = 3;
}

int sse_is_type(struct str t)
{
	static const char type[] = "text/event-stream";
	size_t i = 0;

	while (t.p && i < t.n && i < sizeof(type) - 1 &&
	       (t.p[i] >= 'A' && t.p[i] <= 'Z' ? t.p[i] + 32 : t.p[i]) == type[i])
		i++;
	return i == sizeof(type) - 1 &&
	       (i == t.n || t.p[i] == ';' || t.p[i] == ' ' || t.p[i] == '\t');
}
