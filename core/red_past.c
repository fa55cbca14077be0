#include "core/red_past.h"

#include <errno.h>
#include <stdlib.h>

void red_counts_add(struct red_counts *to, const struct red_counts *c)
{
	to->count += c->count;
	to->errors += c->errors;
	to->incomplete += c->incomplete;
	to->req_bytes += c->req_bytes;
	to->resp_bytes += c->resp_bytes;
	to->called += c->called;
	to->callers += c->callers;
	for (int i = 0; i < RED_CLASSES; i++)
		to->class[i] += c->class[i];
}

void red_counts_subtract(struct red_counts *from, const struct red_counts *c)
{
	from->count -= c->count;
	from->errors -= c->errors;
	from->incomplete -= c->incomplete;
	from->req_bytes -= c->req_bytes;
	from->resp_bytes -= c->resp_bytes;
	from->called -= c->called;
	from->callers -= c->callers;
	for (int i = 0; i < RED_CLASSES; i++)
		from->class[i] -= c->class[i];
}

/* Puts a slice there, or adds to the one of that number. One that is older than what is there is
 * lost. */
static int put(struct red_slice **at, uint64_t number, const struct red_counts *c,
	       const struct hist *d, const struct hist *base)
{
	static const struct hist none;
	struct red_slice *old = *at, *s;
	struct hist sum;
	size_t n;
	int err = 0;

	if (old && old->number > number)
		return 0;
	hist_init(&sum);
	if (old && old->number == number) {
		/* what is packed of one and the other, in one */
		err = hist_copy(&sum, d);
		hist_subtract(&sum, base);
		err = err ? err : hist_add_packed(&sum, old->packed, old->n);
		d = &sum;
		base = &none;
	}
	n = hist_pack(d, base, NULL);
	s = err ? NULL : malloc(sizeof(*s) + n);
	if (s) {
		s->number = (uint32_t)number;
		s->n = (uint32_t)hist_pack(d, base, s->packed);
		s->counts = *c;
		if (old && old->number == number)
			red_counts_add(&s->counts, &old->counts);
		free(old);
		*at = s;
	}
	hist_release(&sum);
	return s ? 0 : -ENOMEM;
}

static struct red_past *past_of(struct red_row *r)
{
	if (!r->past)
		r->past = calloc(1, sizeof(*r->past));
	return r->past;
}

int red_past_close(struct red_row *r, uint64_t second)
{
	struct red_past *p = r->past;
	struct red_counts c = r->counts;
	uint64_t five = second / RED_COARSE_SECONDS;

	if (r->counts.count == (p ? p->last.count : 0))
		return 0;
	p = past_of(r);
	if (!p)
		return -ENOMEM;
	red_counts_subtract(&c, &p->last);
	if (put(&p->fine[second & (RED_FINE - 1)], second, &c, &r->durations, &p->last_durations) ||
	    put(&p->coarse[five & (RED_COARSE - 1)], five, &c, &r->durations, &p->last_durations))
		return -ENOMEM;
	p->last = r->counts;
	return hist_copy(&p->last_durations, &r->durations);
}

static int merge_slices(struct red_slice **to, struct red_slice *const *from, unsigned n)
{
	static const struct hist none;
	int err = 0;

	for (unsigned i = 0; i < n && !err; i++) {
		const struct red_slice *s = from[i];
		struct hist d;

		if (!s)
			continue;
		hist_init(&d);
		err = hist_add_packed(&d, s->packed, s->n);
		if (!err)
			err = put(&to[s->number & (n - 1)], s->number, &s->counts, &d, &none);
		hist_release(&d);
	}
	return err;
}

int red_past_merge(struct red_row *r, const struct red_row *f)
{
	const struct red_past *from = f->past;
	struct red_past *p;
	int err;

	if (!from)
		return 0;
	p = past_of(r);
	if (!p)
		return -ENOMEM;
	err = merge_slices(p->fine, from->fine, RED_FINE);
	if (!err)
		err = merge_slices(p->coarse, from->coarse, RED_COARSE);
	red_counts_add(&p->last, &from->last);
	return err ? err : hist_merge(&p->last_durations, &from->last_durations);
}

void red_past_add(const struct red_row *r, unsigned seconds, uint64_t first, uint64_t last,
		  struct red_counts *c, struct hist *d)
{
	unsigned n = seconds == 1 ? RED_FINE : RED_COARSE;

	for (unsigned i = 0; r->past && i < n; i++) {
		const struct red_slice *s = seconds == 1 ? r->past->fine[i] : r->past->coarse[i];

		if (!s || s->number < first || s->number > last)
			continue;
		red_counts_add(c, &s->counts);
		(void)hist_add_packed(d, s->packed, s->n);
	}
}

void red_past_open(const struct red_row *r, struct red_counts *c, struct hist *d)
{
	static const struct hist none;
	struct red_counts now = r->counts;
	const struct hist *base = r->past ? &r->past->last_durations : &none;
	struct hist since;

	if (r->past)
		red_counts_subtract(&now, &r->past->last);
	if (!now.count)
		return;
	red_counts_add(c, &now);
	hist_init(&since);
	if (!hist_copy(&since, &r->durations)) {
		hist_subtract(&since, base);
		(void)hist_merge(d, &since);
	}
	hist_release(&since);
}

void red_past_free(struct red_row *r)
{
	if (!r->past)
		return;
	for (unsigned i = 0; i < RED_FINE; i++)
		free(r->past->fine[i]);
	for (unsigned i = 0; i < RED_COARSE; i++)
		free(r->past->coarse[i]);
	hist_release(&r->past->last_durations);
	free(r->past);
	r->past = NULL;
}
