/*
 * gobin.c - crypto/tls in programs of Go
 *
 * The Go linker always writes a table of functions for the run-time system (runtime/symtab.go,
 * debug/gosym): a header; names; and, sorted by address, pairs of a function's offset from the
 * text's start and the place of its record, which begins with that offset and the place of its
 * name. Until Go 1.17 the pairs are addresses. Where the text starts is in the header from 1.18 to
 * 1.25, and always in the module's data, which begins with a pointer to the header. In a PIE the
 *   loader
 * may have to write both (relocations); then the relocation's addend tells.
 */
#include <elf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include "attach/code.h"
#include "attach/tlsbin_priv.h"
#include "attach/tlsentry.h"

#define MAGIC_1_16 0xfffffffau
#define MAGIC_1_18 0xfffffff0u
#define MAGIC_1_20 0xfffffff1u
#define BUILDINFO "\xff Go buildinf:"
#define BUILDINFO_ALIGN 16
#define INLINE_STRINGS 2

/* in runtime.moduledata, all versions from 1.16 on */
#define MODULE_MINPC (20 * 8)
#define MODULE_TEXT (22 * 8)

struct pcln {
	struct elf_part part; /* from the header on */
	uint64_t names, table, nfuncs; /* offsets in part */
	uint64_t text;
	int wide; /* 1.16, 1.17: addresses of 8 octets rather than offsets of 4 */
};

/* n octets at an offset of the table, or NULL. */
static const uint8_t *pcln_at(const struct pcln *t, uint64_t off, uint64_t n)
{
	return off <= t->part.n && n <= t->part.n - off ? t->part.p + off : NULL;
}

/* ---- build info (debug/buildinfo) */

static const uint8_t *find_aligned(const struct elf_part *part, const char *what, size_t len,
				   size_t align)
{
	const uint8_t *p = part->p, *end = p + part->n;

	while ((p = memmem(p, (size_t)(end - p), what, len))) {
		if ((size_t)(p - part->p) % align == 0)
			return p;
		p++;
	}
	return NULL;
}

static struct elf_part buildinfo_part(const struct elf *e)
{
	struct elf_part s = elf_section(e, ".go.buildinfo");
	const uint8_t *p;

	if (s.p || e->shnum)
		return s;
	for (size_t i = 0; i < e->nsegs; i++) {
		if (!(e->seg[i].flags & PF_W))
			continue;
		s = elf_segment(e, i);
		p = find_aligned(&s, BUILDINFO, sizeof(BUILDINFO) - 1, BUILDINFO_ALIGN);
		if (p)
			return (struct elf_part){p, s.n - (size_t)(p - s.p),
						 s.va + (uint64_t)(p - s.p)};
	}
	return (struct elf_part){NULL, 0, 0};
}

/* Before Go 1.18: the address of a string's header. */
static struct elf_part version_by_pointer(const struct elf *e, const struct elf_part *s)
{
	struct elf_part out = {0};
	const uint8_t *h = elf_va(e, elf_u64(s->p + 16), 16);

	if (h) {
		out.n = (size_t)elf_u64(h + 8);
		out.p = elf_va(e, elf_u64(h), out.n);
	}
	return out;
}

static void read_version(const struct elf *e, char out[48])
{
	struct elf_part s = buildinfo_part(e), v = {0};
	size_t n = 0;

	if (s.n < 32 || memcmp(s.p, BUILDINFO, sizeof(BUILDINFO) - 1))
		return;
	if (!(s.p[15] & INLINE_STRINGS))
		v = version_by_pointer(e, &s);
	else if (s.n > 32 && s.p[32] < 0x80 && s.p[32] <= s.n - 33)
		v = (struct elf_part){s.p + 33, s.p[32], 0};
	while (v.p && n < v.n && n < 47 && v.p[n] > ' ' && v.p[n] < 0x7f)
		n++;
	memcpy(out, v.p ? (const char *)v.p : "", n);
	out[n] = 0;
}

/* The 17 of "go1.17.3"; -1: a development version, or none. */
static int minor_version(const char *version)
{
	return strncmp(version, "go1.", 4) ? -1 : atoi(version + 4);
}

/* ---- where the text starts */

struct rela_scan {
	struct elf_part rela;
	uint32_t relative;
};

static struct rela_scan relocations(const struct elf *e)
{
	struct elf_part rela = {elf_va(e, e->dyn.rela, e->dyn.relasz), e->dyn.relasz, e->dyn.rela};

	if (!rela.p)
		rela.n = 0;
	return (struct rela_scan){rela, e->machine == EM_X86_64 ? R_X86_64_RELATIVE
								: R_AARCH64_RELATIVE};
}

/* The place that gets `value`, or (by_place) the value that a place gets; 0: none. */
static uint64_t relative(const struct rela_scan *r, uint64_t key, int by_place)
{
	const uint8_t *p = r->rela.p;

	for (size_t i = 0; i + sizeof(Elf64_Rela) <= r->rela.n; i += sizeof(Elf64_Rela), p += 24)
		if (elf_u64(p + (by_place ? 0 : 16)) == key && elf_u64(p + 8) == r->relative)
			return elf_u64(p + (by_place ? 16 : 0));
	return 0;
}

/* What the pointer at va will be at run time, less the load address. */
static uint64_t pointer_at(const struct elf *e, const struct rela_scan *r, uint64_t va)
{
	const uint8_t *p = elf_va(e, va, 8);
	uint64_t v = p ? elf_u64(p) : 0;

	return v ? v : relative(r, va, 1);
}

static uint64_t first_entry(const struct pcln *t)
{
	const uint8_t *p = pcln_at(t, t->table, 8);

	return p ? elf_u32(p) : 0;
}

/* A module whose data is at va says where its text is; its least address must agree. */
static uint64_t text_of_module(const struct elf *e, const struct rela_scan *r, const struct pcln *t,
			       uint64_t va)
{
	uint64_t text = pointer_at(e, r, va + MODULE_TEXT), off;

	if (!text || pointer_at(e, r, va + MODULE_MINPC) != text + first_entry(t))
		return 0;
	return elf_code(e, text, &off) ? text : 0;
}

static uint64_t text_by_pointer(const struct elf *e, const struct rela_scan *r,
				const struct pcln *t, const struct elf_part *data)
{
	uint64_t text;

	for (size_t i = (8 - data->va % 8) % 8; data->p && i + 8 <= data->n; i += 8)
		if (elf_u64(data->p + i) == t->part.va &&
		    (text = text_of_module(e, r, t, data->va + i)))
			return text;
	return 0;
}

static uint64_t text_start(const struct elf *e, const struct pcln *t)
{
	struct rela_scan r = relocations(e);
	struct elf_part module = elf_section(e, ".go.module");
	uint64_t text = text_by_pointer(e, &r, t, &module), va;

	for (size_t i = 0; i < e->nsegs && !text; i++)
		if (e->seg[i].flags & PF_W) {
			struct elf_part data = elf_segment(e, i);

			text = text_by_pointer(e, &r, t, &data);
		}
	if (!text && (va = relative(&r, t->part.va, 0)))
		text = text_of_module(e, &r, t, va);
	return text;
}

/* ---- the table of functions */

/* Reads a header at the beginning of the part. 0: it is none, or of another version. */
static int pcln_init(const struct elf *e, struct pcln *t, struct elf_part part)
{
	int wide;
	const uint8_t *h;

	*t = (struct pcln){.part = part};
	h = pcln_at(t, 0, 72);
	if (!h || elf_u16(h + 4) || (h[6] != 1 && h[6] != 4) || h[7] != 8)
		return 0;
	wide = elf_u32(h) == MAGIC_1_16;
	if (!wide && elf_u32(h) != MAGIC_1_18 && elf_u32(h) != MAGIC_1_20)
		return 0;
	t->wide = wide;
	t->nfuncs = elf_u64(h + 8);
	t->names = elf_u64(h + (wide ? 24 : 32));
	t->table = elf_u64(h + (wide ? 56 : 64));
	if (!t->nfuncs || t->nfuncs > part.n / 8 || t->names >= part.n ||
	    !pcln_at(t, t->table, t->nfuncs * (wide ? 16 : 8) + (wide ? 8 : 4)))
		return 0;
	if (!wide)
		t->text = elf_u64(h + 24) ? elf_u64(h + 24) : text_start(e, t);
	return 1;
}

/*
 * Section headers may be stripped as well, and other linkers put the table of a PIE into
 * .data.rel.ro: then any header that makes sense.
 */
static int pcln_search(const struct elf *e, struct pcln *t, const struct elf_part *seg)
{
	for (size_t i = (8 - seg->va % 8) % 8; seg->p && i + 72 <= seg->n; i += 8) {
		uint32_t magic = elf_u32(seg->p + i);

		if ((magic == MAGIC_1_20 || magic == MAGIC_1_18 || magic == MAGIC_1_16) &&
		    pcln_init(e, t, (struct elf_part){seg->p + i, seg->n - i, seg->va + i}))
			return 1;
	}
	return 0;
}

static int pcln_find(const struct elf *e, struct pcln *t)
{
	struct elf_part s = elf_section(e, "*.gopclntab");

	if (s.p)
		return pcln_init(e, t, s);
	if (e->shnum && !elf_section(e, ".go.buildinfo").p)
		return 0;
	for (size_t i = 0; i < e->nsegs; i++) {
		s = elf_segment(e, i);
		if (!(e->seg[i].flags & PF_X) && pcln_search(e, t, &s))
			return 1;
	}
	return 0;
}

/* Address of function i (i == nfuncs: the end of the last). */
static uint64_t pcln_entry(const struct pcln *t, uint64_t i)
{
	const uint8_t *p = pcln_at(t, t->table + i * (t->wide ? 16 : 8), t->wide ? 8 : 4);

	return !p ? 0 : t->wide ? elf_u64(p) : t->text + elf_u32(p);
}

/* Where the name of function i is, from the names' beginning. */
static uint64_t pcln_name(const struct pcln *t, uint64_t i)
{
	const uint8_t *p = pcln_at(t, t->table + i * (t->wide ? 16 : 8), t->wide ? 16 : 8);
	uint64_t rec = !p ? 0 : t->wide ? elf_u64(p + 8) : elf_u32(p + 4);

	p = p ? pcln_at(t, t->table + rec + (t->wide ? 8 : 4), 4) : NULL;
	return p ? elf_u32(p) : UINT64_MAX;
}

/* A name that is also a part of no longer one: NUL on both sides. */
static uint64_t pcln_find_name(const struct pcln *t, const char *name)
{
	struct elf_part s = {t->part.p + t->names, t->part.n - t->names, 0};
	size_t len = strlen(name) + 1;
	const uint8_t *p = s.p, *end = s.p + s.n;

	while ((p = memmem(p, (size_t)(end - p), name, len))) {
		if (p == s.p || !p[-1])
			return (uint64_t)(p - s.p);
		p++;
	}
	return UINT64_MAX;
}

/* Fills addresses that are not known yet. */
static void find_names(const struct pcln *t, struct tlsbin_find *f)
{
	uint64_t at[TLS_NAMES];
	int wanted = 0;

	for (int n = GO_READ; n <= GO_FLUSH; n++) {
		at[n] = f->va[n] ? UINT64_MAX : pcln_find_name(t, tls_names[n].name);
		wanted += at[n] != UINT64_MAX;
	}
	for (uint64_t i = 0; i < t->nfuncs && wanted; i++) {
		uint64_t name = pcln_name(t, i);

		for (int n = GO_READ; n <= GO_FLUSH && name != UINT64_MAX; n++)
			if (at[n] == name && !f->va[n]) {
				f->va[n] = pcln_entry(t, i);
				f->how = f->how ? f->how : "gopclntab";
				wanted--;
			}
	}
}

/* Lengths of functions whose symbols did not tell, up to where the next begins. */
static void find_sizes(const struct pcln *t, struct tlsbin_find *f)
{
	for (uint64_t i = 0; i < t->nfuncs; i++)
		for (int n = GO_READ; n <= GO_FLUSH; n++)
			if (f->va[n] && !f->size[n] && pcln_entry(t, i) == f->va[n])
				f->size[n] = pcln_entry(t, i + 1) - f->va[n];
}

/* ---- all of it */

/* What can be said when the table is there but cannot be read. */
static void check_unread(const struct elf *e, struct tlsbin_find *f)
{
	struct elf_part s = elf_section(e, "*.gopclntab");
	const char *name = tls_names[GO_READ].name;

	if (f->how || !s.p || !memmem(s.p, s.n, name, strlen(name) + 1))
		return;
	f->how = "gopclntab";
	snprintf(f->missing, sizeof(f->missing), "%s's table of functions is of an unknown form; "
		 "symbols would help (build without -s)", *f->version ? f->version : "Go");
}

static int too_old(const struct elf *e, const struct pcln *t, const char *version)
{
	int minor = minor_version(version), first = e->machine == EM_X86_64 ? 17 : 18;

	return minor >= 0 ? minor < first : t->wide;
}

void gobin_find(const struct elf *e, struct tlsbin_find *f)
{
	struct pcln t;
	int there = pcln_find(e, &t);

	if (!there && !f->how && !elf_section(e, "*.gopclntab").p)
		return;
	read_version(e, f->version);
	if (there && (t.wide || t.text)) {
		find_names(&t, f);
		find_sizes(&t, f);
	} else {
		check_unread(e, f);
		t.wide = 0;
	}
	if (!f->how || !too_old(e, &t, f->version))
		return;
	memset(f->va, 0, sizeof(f->va));
	snprintf(f->missing, sizeof(f->missing),
		 "%s passes arguments on the stack; rebuild with Go 1.%d or later",
		 *f->version ? f->version : "Go 1.17 or older", e->machine == EM_X86_64 ? 17 : 18);
}

static int add_function(const struct elf *e, struct tlsbin_find *f, struct tlsbin *b, int name)
{
	uint64_t ret[CODE_MAX_RETURNS], va = f->va[name], size = f->size[name], start, end;
	int n, err;

	if (!size && elf_func(e, va, &start, &end) && start == va)
		size = end - va;
	n = size ? code_returns(e, va, va + size, ret) : -1;
	if (n <= 0) {
		snprintf(f->missing, sizeof(f->missing), "%s: where it returns cannot be told",
			 tls_names[name].name);
		return 0;
	}
	err = tlsbin_add(e, b, tlsentry_place(e, va, 1), tls_names[name].func, 0);
	while (n-- && !err)
		err = tlsbin_add(e, b, ret[n], tls_names[name].func, 1);
	return err;
}

int gobin_points(const struct elf *e, struct tlsbin_find *f, struct tlsbin *b)
{
	int err = 0;

	for (int n = GO_READ; n <= GO_HANDSHAKE && !err; n++)
		if (f->va[n])
			err = add_function(e, f, b, n);
	for (int n = GO_CLOSE; n <= GO_FLUSH && !err; n++) /* of interest when they begin */
		if (f->va[n])
			err = tlsbin_add(e, b, f->va[n], tls_names[n].func, 0);
	return err;
}
