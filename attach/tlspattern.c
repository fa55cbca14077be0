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

static size_t code_bytes(const struct elf *e)
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

	if (o->how || b->how || code_bytes(e) < MIN_CODE)
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
