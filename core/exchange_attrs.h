/*
 * exchange_attrs.h - the attributes of a span, collected in the order of parsers/attrs.h
 */
#ifndef ZC_CORE_EXCHANGE_ATTRS_H
#define ZC_CORE_EXCHANGE_ATTRS_H

#include "core/span.h"
#include "parsers/attrs.h"

struct exchange;

/* Room for one of each kind. */
struct attr_list {
	unsigned n;
	struct attr attr[ATTRS_END];
};

/* Puts it in its place; of one kind the later value counts. def: one of attr_defs. */
void attr_list_number(struct attr_list *l, const struct attr_def *def, uint64_t n);
/* Nothing if s.p is NULL. */
void attr_list_text(struct attr_list *l, const struct attr_def *def, struct str s);

/* Has x anything to say that plain HTTP/1 has not, beside what its connection's TLS has? */
int exchange_has_attrs(const struct exchange *x);

/* Adds it. s: what is filled of its span so far: texts, incomplete. Strings point into x. */
void exchange_attrs(const struct exchange *x, const struct span *s, struct attr_list *l);

#endif
