/* tlspattern.c - see tlspattern.h: the functions that name a source file */
#include <elf.h>
#include <stdio.h>
#include <stdlib.h>
#include "attach/tlspattern.h"

/* with an s for the first octet, without which this program is not taken for one of them;
   and another c: BoringSSL */
#define FILE_SUFFIX "?sl/ssl_lib.c"
#define MAX_REFS 4096
#define MIN_CODE (4u << 10) /* no TLS library is as small; files of data are */

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

/* ---- functions */

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

/* Returns how often the file's name is used. */
static size_t load_all(struct pat *p)
{
	struct code_ref *ref = malloc(MAX_REFS * sizeof(*ref));
	size_t n = ref ? code_refs(p->e, p->file, p->nfiles, ref, MAX_REFS) : 0;
	uint64_t start, end;

	for (size_t i = 0; i < n; i++)
		if (pat_bounds(p, ref[i].va, &start, &end))
			pat_load(p, start);
	p->nsource = p->nfuncs;
	free(ref);
	return n;
}

/* ---- the file's name */

/* The part of the file that constants are in; without section headers, all that is loaded. */
static struct elf_part constants(const struct elf *e, size_t i)
{
	struct elf_part s = elf_section(e, ".rodata");

	if (s.p)
		return i ? (struct elf_part){NULL, 0, 0} : s;
	return i < e->nsegs && !(e->seg[i].flags & PF_W) ? elf_segment(e, i)
							 : (struct elf_part){NULL, 0, 0};
}

/* What may be before the name: the path of the build, as one string. */
static uint64_t string_start(const struct elf_part *s, const uint8_t *p)
{
	while (p > s->p && p[-1])
		p--;
	return s->va + (uint64_t)(p - s->p);
}

/* Fills both: [0] of OpenSSL, [1] of BoringSSL. */
static void find_files(const struct elf_part *s, struct pat *pat[2])
{
	char suffix[] = FILE_SUFFIX;
	size_t len = sizeof(suffix) - 1;
	const uint8_t *p = s->p, *end;

	suffix[0] = 's';
	if (!p)
		return;
	end = p + s->n;
	while ((p = memmem(p, (size_t)(end - p), suffix, len)) &&
	       (size_t)(end - p) > len + 1) {
		struct pat *to = !p[len]			   ? pat[0]
				 : p[len] == 'c' && !p[len + 1] ? pat[1]
								   : NULL;

		if (to && to->nfiles < PAT_MAX_FILES)
			to->file[to->nfiles++] = string_start(s, p);
		p += len;
	}
}

/* ---- both libraries */

static size_t code_octets(const struct elf *e)
{
	size_t n = 0;

	for (size_t i = 0; i < e->nsegs; i++)
		n += e->seg[i].flags & PF_X ? e->seg[i].n : 0;
	return n;
}

static void look(struct pat *p, struct tlsbin_find *f, int lib)
{
	size_t used = 0;

	if (!p->nfiles || f->how)
		return;
	if (p->e->machine != EM_X86_64 && p->e->machine != EM_AARCH64) {
		f->how = "pattern";
		pat_missing(f, lib, "SSL_read and SSL_write");
		return;
	}
	p->reader = code_reader_new(p->e);
	p->one = malloc(CODE_MAX_CALLS * sizeof(*p->one));
	if (p->reader && p->one)
		used = load_all(p);
	f->how = used ? "pattern" : NULL;
	if (used && !p->nsource)
		pat_missing(f, lib, "SSL_read and SSL_write");
	else if (used && lib == ZC_TLS_BORINGSSL)
		pat_boringssl(p, f);
	else if (used)
		pat_openssl(p, f);
	code_reader_free(p->reader);
	free(p->one);
	free(p->call);
}

void tlspattern_find(struct elf *e, struct tlsbin_find lib[TLSBIN_MAX + 1])
{
	struct tlsbin_find *o = &lib[ZC_TLS_OPENSSL], *b = &lib[ZC_TLS_BORINGSSL];
	struct pat *p[2];

	if (o->how || b->how || code_octets(e) < MIN_CODE)
		return;
	p[0] = calloc(1, sizeof(*p[0]));
	p[1] = calloc(1, sizeof(*p[1]));
	if (p[0] && p[1]) {
		p[0]->e = p[1]->e = e;
		for (size_t i = 0; i == 0 || i < e->nsegs; i++) {
			struct elf_part s = constants(e, i);

			find_files(&s, p);
		}
		if (p[0]->nfiles || p[1]->nfiles)
			elf_index_funcs(e);
		look(p[0], o, ZC_TLS_OPENSSL);
		look(p[1], b, ZC_TLS_BORINGSSL);
	}
	free(p[0]);
	free(p[1]);
}
