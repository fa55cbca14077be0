/* tlssites.c - for tlspattern_*.c: functions that were read, and the calls in them */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "attach/tlspattern.h"

int pat_is_file(const struct pat *p, uint64_t va)
{
	for (size_t i = 0; i < p->nfiles; i++)
		if (p->file[i] == va)
			return 1;
	return 0;
}

const struct code_call *pat_calls(const struct pat *p, const struct pat_func *f, uint64_t target)
{
	for (size_t i = 0; i < f->ncalls; i++)
		if (pat_call(p, f, i)->target == target)
			return pat_call(p, f, i);
	return NULL;
}

void pat_missing(struct tlsbin_find *f, int lib, const char *names)
{
	const char *first = strncmp(names, "SSL_", 4) ? "SSL_read" : names;

	snprintf(f->missing, sizeof(f->missing),
		 "static code without symbols: %s not recognised; "
		 "give addresses with --tls-symbol %s:%.*s=ADDR",
		 names, tlsbin_lib_name(lib), (int)strcspn(first, " "), first);
}

static int keep_calls(struct pat *p, const struct code_func *f)
{
	size_t need = p->ncalls + (size_t)f->ncalls;

	if (need > p->room) {
		size_t room = need * 2;
		struct code_call *more = realloc(p->call, room * sizeof(*more));

		if (!more)
			return -1;
		p->call = more;
		p->room = room;
	}
	if (f->ncalls)
		memcpy(p->call + p->ncalls, f->call, (size_t)f->ncalls * sizeof(*f->call));
	p->func[p->nfuncs] = (struct pat_func){f->start, f->end, f->stores, f->is_entry, p->ncalls,
					       (size_t)f->ncalls};
	p->ncalls = need;
	return (int)p->nfuncs++;
}

int pat_bounds(const struct pat *p, uint64_t va, uint64_t *start, uint64_t *end)
{
	return elf_func(p->e, va, start, end) || code_bounds(p->reader, va, start, end);
}

int pat_load(struct pat *p, uint64_t start)
{
	struct code_func f = {.call = p->one};
	uint64_t begin, end;

	for (size_t i = 0; i < p->nfuncs; i++)
		if (p->func[i].start == start)
			return (int)i;
	if (p->nfuncs == PAT_MAX_FUNCS || !pat_bounds(p, start, &begin, &end) || begin != start ||
	    code_read(p->reader, start, end, &f))
		return -1;
	return keep_calls(p, &f);
}
