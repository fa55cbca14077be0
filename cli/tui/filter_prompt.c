/*
 * filter_prompt.c - help while a filter is typed: is it right so far, and what could come next; and
 * while a grouping is
 */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "cli/filter.h"
#include "cli/tui/tui_impl.h"
#include "core/span_field.h"
#include "parsers/http1/http1.h"

#define HEADER "header."
#define HEADERS 64u	/* names of header fields that are offered */
#define LATEST 256u	/* spans that they are looked for in */

#define EXAMPLES "Tab: fields; as  status >= 500 and duration > 250ms   path contains cart   entry"

void filter_judge(struct prompt *p)
{
	struct filter_error err;
	struct filter *f = p->len ? filter__new(p->text, &err) : NULL;

	p->valid = p->len ? f != NULL : -1;
	if (!p->len && !p->hint[0])
		snprintf(p->hint, sizeof(p->hint), EXAMPLES);
	filter__free(f);
}

/* The i-th word that may stand where a field may; NULL: there are no more. */
static const char *word_at(unsigned i)
{
	static const char *const words[] = {"entry", "root", "not", "and",
					    "or",    "contains", "in", HEADER};
	const unsigned n = sizeof(words) / sizeof(*words);

	return i < n ? words[i] : span_fields()[i - n].name;
}

/* The number of a field that stands before the value that is being typed; -1: none. */
static int field_before(const struct prompt *p, size_t at)
{
	size_t end, begin;

	while (at && strchr(" =!<>~\"(,", p->text[at - 1]))
		at--;
	end = at;
	for (begin = end; begin && !strchr(" ()!", p->text[begin - 1]); begin--)
		;
	if (end == begin || end == p->at)
		return -1;
	return field_find(p->text + begin, end - begin);
}

/* Adds the names of these lines that are not there yet. How many there are. */
static unsigned collect_headers(struct str lines, char seen[][RED_FIELD_NAME], unsigned n)
{
	struct str key, value;
	size_t pos = 0;
	unsigned same;

	while (n < HEADERS && lines.p && http1_field_next(lines, &pos, &key, &value)) {
		if (key.n + sizeof(HEADER) > RED_FIELD_NAME)
			continue;
		snprintf(seen[n], RED_FIELD_NAME, HEADER "%.*s", (int)key.n, key.p);
		for (char *c = seen[n]; *c; c++)
			*c = (char)tolower((unsigned char)*c);
		for (same = 0; same < n && strcmp(seen[same], seen[n]); same++)
			;
		n += same == n;
	}
	return n;
}

/* Those of the latest requests; to group by, not those whose values may be secret. */
static void offer_headers(const struct tui *t, struct choice *c, struct prompt *p, int groups)
{
	const struct span_ring *ring = &t->model.now->ring;
	uint32_t spans = ring_count(ring);
	char seen[HEADERS][RED_FIELD_NAME];
	struct red_field field;
	unsigned n = 0;

	for (uint32_t i = spans > LATEST ? spans - LATEST : 0; i < spans; i++) {
		n = collect_headers(ring_span(ring, i)->req_fields, seen, n);
		n = collect_headers(ring_span(ring, i)->resp_fields, seen, n);
	}
	for (unsigned i = 0; i < n; i++)
		if (!groups || !red_field_set(&field, seen[i]))
			choice_offer(c, p, seen[i]);
	if (n)
		choice_take(c, p);
	else
		snprintf(p->hint, sizeof(p->hint), "no header fields are kept so far; "
			 ":headers on keeps them");
}

/* Tab: as far as there is one way to go on, and all ways where there are several. */
void filter_complete(const struct tui *t, struct prompt *p)
{
	size_t begin = p->at;
	struct choice c = {0};
	int field;

	while (begin && !strchr(" ()!=<>~\",", p->text[begin - 1]))
		begin--;
	c.word = p->text + begin;
	c.n = p->at - begin;
	p->hint[0] = '\0';
	if (!strncmp(c.word, HEADER, strlen(HEADER))) {
		offer_headers(t, &c, p, 0);
		return;
	}
	field = field_before(p, begin);
	for (unsigned i = 0; field >= 0 && field_choice((unsigned)field, i); i++)
		choice_offer(&c, p, field_choice((unsigned)field, i));
	for (unsigned i = 0; field < 0 && word_at(i); i++)
		choice_offer(&c, p, word_at(i));
	choice_take(&c, p);
}

void group_complete(struct tui *t)
{
	struct prompt *p = &t->command_prompt;
	size_t begin = p->at;
	struct choice c = {0};
	struct red_field f;

	while (begin && p->text[begin - 1] != ' ' && p->text[begin - 1] != '=')
		begin--;
	c.word = p->text + begin;
	c.n = p->at - begin;
	if (!strncmp(c.word, HEADER, strlen(HEADER))) {
		offer_headers(t, &c, p, 1);
		return;
	}
	for (int by = 0; by < RED_BY_COUNT; by++)
		choice_offer(&c, p, red_by_name((enum red_by)by));
	choice_offer(&c, p, HEADER);
	for (const struct span_field *i = span_fields(); i->name; i++)
		if (red_by_named(i->name) == RED_BY_COUNT && !red_field_set(&f, i->name))
			choice_offer(&c, p, i->name);
	choice_take(&c, p);
}
