/*
 * filter_prompt.c - help while a filter is typed: is it right so far, and what could come next
 */
#include <stdio.h>
#include <string.h>

#include "cli/filter.h"
#include "cli/tui/tui_impl.h"
#include "core/span_field.h"

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
	static const char *const words[] = {"entry", "root", "not", "and", "or", "contains", "in"};
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

/* Tab: as far as there is one way to go on, and all ways where there are several. */
void filter_complete(struct prompt *p)
{
	size_t begin = p->at;
	struct choice c = {0};
	int field;

	while (begin && !strchr(" ()!=<>~\",", p->text[begin - 1]))
		begin--;
	c.word = p->text + begin;
	c.n = p->at - begin;
	p->hint[0] = '\0';
	field = field_before(p, begin);
	for (unsigned i = 0; field >= 0 && field_choice((unsigned)field, i); i++)
		choice_offer(&c, p, field_choice((unsigned)field, i));
	for (unsigned i = 0; field < 0 && word_at(i); i++)
		choice_offer(&c, p, word_at(i));
	choice_take(&c, p);
}
