/* elf.c - see elf.h */
#include <elf.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include "attach/elf.h"

#define EH_PE_UDATA4 0x03
#define EH_PE_DATAREL_SDATA4 0x3b

static const uint8_t *elf_at(const struct elf *e, uint64_t off, uint64_t n)
{
	return off <= e->n && n <= e->n - off ? e->p + off : NULL;
}

static const struct elf_seg *seg_of(const struct elf *e, uint64_t va)
{
	for (size_t i = 0; i < e->nsegs; i++)
		if (va - e->seg[i].va < e->seg[i].n)
			return &e->seg[i];
	return NULL;
}

struct elf_part elf_rest(const struct elf *e, uint64_t va)
{
	const struct elf_seg *s = seg_of(e, va);

	if (!s)
		return (struct elf_part){NULL, 0, 0};
	return (struct elf_part){e->p + s->off + (va - s->va), s->n - (va - s->va), va};
}

const uint8_t *elf_va(const struct elf *e, uint64_t va, uint64_t n)
{
	struct elf_part r = elf_rest(e, va);

	return n <= r.n ? r.p : NULL;
}

const char *elf_str(const struct elf *e, uint64_t va)
{
	struct elf_part r = elf_rest(e, va);

	return r.p && memchr(r.p, 0, r.n) ? (const char *)r.p : NULL;
}

int elf_code(const struct elf *e, uint64_t va, uint64_t *off)
{
	const struct elf_seg *s = seg_of(e, va);

	if (!s || !(s->flags & PF_X))
		return 0;
	*off = s->off + (va - s->va);
	return 1;
}

struct elf_part elf_segment(const struct elf *e, size_t i)
{
	return (struct elf_part){e->p + e->seg[i].off, e->seg[i].n, e->seg[i].va};
}

/* ---- headers */

static void add_segment(struct elf *e, const Elf64_Phdr *ph)
{
	uint64_t n = ph->p_filesz;

	if (e->nsegs == ELF_MAX_SEGS || ph->p_offset >= e->n)
		return;
	if (n > e->n - ph->p_offset)
		n = e->n - ph->p_offset;
	e->seg[e->nsegs++] = (struct elf_seg){ph->p_offset, ph->p_vaddr, n, ph->p_flags};
}

static void read_dynamic(struct elf *e, const Elf64_Phdr *ph)
{
	for (uint64_t i = 0; i < ph->p_filesz / sizeof(Elf64_Dyn); i++) {
		const uint8_t *p =
			elf_at(e, ph->p_offset + i * sizeof(Elf64_Dyn), sizeof(Elf64_Dyn));
		uint64_t value;

		if (!p || elf_u64(p) == DT_NULL)
			return;
		value = elf_u64(p + 8);
		switch (elf_u64(p)) {
		case DT_SYMTAB: e->dyn.symtab = value; break;
		case DT_STRTAB: e->dyn.strtab = value; break;
		case DT_STRSZ: e->dyn.strsz = value; break;
		case DT_GNU_HASH: e->dyn.gnu_hash = value; break;
		case DT_HASH: e->dyn.hash = value; break;
		case DT_RELA: e->dyn.rela = value; break;
		case DT_RELASZ: e->dyn.relasz = value; break;
		case DT_JMPREL: e->dyn.jmprel = value; break;
		case DT_PLTRELSZ: e->dyn.pltrelsz = value; break;
		default: break;
		}
	}
}

/* The one form that linkers write: LSB Core, "The .eh_frame_hdr section". */
static void read_eh_frame_hdr(struct elf *e, const Elf64_Phdr *ph)
{
	const uint8_t *p = elf_at(e, ph->p_offset, 12);
	uint64_t n;

	if (!p || p[0] != 1 || p[2] != EH_PE_UDATA4 || p[3] != EH_PE_DATAREL_SDATA4)
		return;
	n = elf_u32(p + 8);
	if (!elf_at(e, ph->p_offset + 12, n * 8))
		return;
	e->funcs = (struct elf_funcs){p + 12, (size_t)n, ph->p_vaddr, NULL};
}

static void read_segments(struct elf *e, const Elf64_Ehdr *h)
{
	for (int pass = 0; pass < 2; pass++)
		for (uint64_t i = 0; i < h->e_phnum; i++) {
			const uint8_t *p =
				elf_at(e, h->e_phoff + i * h->e_phentsize, sizeof(Elf64_Phdr));
			Elf64_Phdr ph;

			if (!p)
				return;
			memcpy(&ph, p, sizeof(ph));
			if (pass == 0 && ph.p_type == PT_LOAD)
				add_segment(e, &ph);
			else if (pass == 1 && ph.p_type == PT_DYNAMIC)
				read_dynamic(e, &ph);
			else if (pass == 1 && ph.p_type == PT_GNU_EH_FRAME)
				read_eh_frame_hdr(e, &ph);
		}
}

static int section_header(const struct elf *e, uint64_t i, Elf64_Shdr *sh)
{
	const uint8_t *p = i < e->shnum ? elf_at(e, e->shoff + i * sizeof(*sh), sizeof(*sh)) : NULL;

	if (!p)
		return 0;
	memcpy(sh, p, sizeof(*sh));
	return 1;
}

/* Counts that do not fit into the header are in the first section's (gABI, "ELF Header"). */
static void read_sections(struct elf *e, const Elf64_Ehdr *h)
{
	Elf64_Shdr first;

	if (!h->e_shoff || h->e_shentsize != sizeof(Elf64_Shdr))
		return;
	e->shoff = h->e_shoff;
	e->shnum = 1;
	if (!section_header(e, 0, &first)) {
		e->shnum = 0;
		return;
	}
	e->shnum = h->e_shnum ? h->e_shnum : (uint32_t)first.sh_size;
	e->shstrndx = h->e_shstrndx == SHN_XINDEX ? first.sh_link : h->e_shstrndx;
}

int elf_init(struct elf *e, const void *p, size_t n)
{
	Elf64_Ehdr h;

	*e = (struct elf){.p = p, .n = n};
	if (n < EI_NIDENT || memcmp(p, ELFMAG, SELFMAG))
		return -ENOEXEC;
	if (e->p[EI_CLASS] != ELFCLASS64 || e->p[EI_DATA] != ELFDATA2LSB)
		return -ENOTSUP;
	if (n < sizeof(h))
		return -ENOEXEC;
	memcpy(&h, p, sizeof(h));
	if ((h.e_type != ET_EXEC && h.e_type != ET_DYN) || h.e_phentsize != sizeof(Elf64_Phdr))
		return -ENOEXEC;
	e->type = h.e_type;
	e->machine = h.e_machine;
	e->entry = h.e_entry;
	read_segments(e, &h);
	read_sections(e, &h);
	return 0;
}

int elf_open(struct elf *e, int fd)
{
	struct stat st;
	void *p;
	int err;

	*e = (struct elf){0};
	if (fstat(fd, &st))
		return -errno;
	if (!S_ISREG(st.st_mode) || st.st_size < EI_NIDENT)
		return -ENOEXEC;
	p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (p == MAP_FAILED)
		return -errno;
	err = elf_init(e, p, (size_t)st.st_size);
	e->mapped = 1;
	if (err)
		elf_close(e);
	return err;
}

void elf_close(struct elf *e)
{
	free(e->funcs.own);
	if (e->mapped)
		munmap((void *)(uintptr_t)e->p, e->n);
	*e = (struct elf){0};
}

/* ---- sections */

static struct elf_part part_of(const struct elf *e, const Elf64_Shdr *sh)
{
	const uint8_t *p = sh->sh_type == SHT_NOBITS ? NULL : elf_at(e, sh->sh_offset, sh->sh_size);

	return (struct elf_part){p, p ? sh->sh_size : 0, sh->sh_addr};
}

/* Whether the string at `at` of a string table is, or ends with, the name. */
static int name_is(const struct elf_part *names, uint32_t at, const char *name)
{
	const uint8_t *p, *end;
	size_t len, want = strlen(name);

	if (!names->p || at >= names->n)
		return 0;
	p = names->p + at;
	end = memchr(p, 0, names->n - at);
	if (!end)
		return 0;
	len = (size_t)(end - p);
	if (*name != '*')
		return len == want && !memcmp(p, name, len);
	return len >= want - 1 && !memcmp(end - (want - 1), name + 1, want - 1);
}

struct elf_part elf_section(const struct elf *e, const char *name)
{
	struct elf_part names = {0};
	Elf64_Shdr sh;

	if (section_header(e, e->shstrndx, &sh))
		names = part_of(e, &sh);
	for (uint32_t i = 0; names.p && i < e->shnum && section_header(e, i, &sh); i++)
		if (name_is(&names, sh.sh_name, name))
			return part_of(e, &sh);
	return (struct elf_part){NULL, 0, 0};
}

/* ---- symbols */

static int is_function(const Elf64_Sym *s)
{
	int type = ELF64_ST_TYPE(s->st_info);

	return s->st_shndx != SHN_UNDEF && s->st_value && (type == STT_FUNC || type == STT_NOTYPE);
}

/* Dynamic symbol i, if it is a function that is defined here. */
static int function_at(const struct elf *e, uint64_t i, Elf64_Sym *s)
{
	const uint8_t *p = elf_va(e, e->dyn.symtab + i * sizeof(Elf64_Sym), sizeof(Elf64_Sym));

	if (!p)
		return 0;
	memcpy(s, p, sizeof(*s));
	return is_function(s);
}

/* Its address if it has that name. */
static uint64_t dynsym_at(const struct elf *e, uint64_t i, const char *name)
{
	size_t len = strlen(name) + 1;
	const uint8_t *str;
	Elf64_Sym s;

	if (!function_at(e, i, &s) || s.st_name >= e->dyn.strsz)
		return 0;
	str = elf_va(e, e->dyn.strtab + s.st_name, len);
	return str && !memcmp(str, name, len) ? s.st_value : 0;
}

/* DT_GNU_HASH: four counts, a Bloom filter, buckets, and chains of hashes whose last is odd. */
static uint64_t find_gnu(const struct elf *e, const char *name)
{
	const uint8_t *h = elf_va(e, e->dyn.gnu_hash, 16);
	uint64_t buckets, chains, va;
	uint32_t hash = 5381, nbuckets, first, i;

	for (const char *c = name; *c; c++)
		hash = hash * 33 + (uint8_t)*c;
	if (!h || !(nbuckets = elf_u32(h)))
		return 0;
	first = elf_u32(h + 4);
	buckets = e->dyn.gnu_hash + 16 + 8ull * elf_u32(h + 8);
	chains = buckets + 4ull * nbuckets;
	h = elf_va(e, buckets + 4ull * (hash % nbuckets), 4);
	if (!h || (i = elf_u32(h)) < first)
		return 0;
	for (;; i++) {
		h = elf_va(e, chains + 4ull * (i - first), 4);
		if (!h)
			return 0;
		if ((elf_u32(h) | 1) == (hash | 1) && (va = dynsym_at(e, i, name)))
			return va;
		if (elf_u32(h) & 1 || i == UINT32_MAX)
			return 0;
	}
}

/* Without DT_GNU_HASH: DT_HASH tells how many symbols there are. */
static uint64_t find_linear(const struct elf *e, const char *name)
{
	const uint8_t *h = elf_va(e, e->dyn.hash, 8);
	uint32_t n = h ? elf_u32(h + 4) : 0;
	uint64_t va;

	for (uint32_t i = 0; i < n; i++) {
		if (!elf_va(e, e->dyn.symtab + i * sizeof(Elf64_Sym), sizeof(Elf64_Sym)))
			return 0;
		if ((va = dynsym_at(e, i, name)))
			return va;
	}
	return 0;
}

uint64_t elf_dynsym(const struct elf *e, const char *name)
{
	if (!e->dyn.symtab || !e->dyn.strtab)
		return 0;
	return e->dyn.gnu_hash ? find_gnu(e, name) : e->dyn.hash ? find_linear(e, name) : 0;
}

/* The psABI's two forms: jmp *slot(%rip), or with ENDBR64 before it; BND may be its prefix. */
static uint64_t plt_slot(const struct elf *e, uint64_t va)
{
	static const uint8_t endbr64[] = {0xf3, 0x0f, 0x1e, 0xfa};
	const uint8_t *p = elf_va(e, va, 11);
	size_t n = 0;

	if (!p)
		return 0;
	if (!memcmp(p, endbr64, sizeof(endbr64)))
		n = sizeof(endbr64);
	n += p[n] == 0xf2;
	if (p[n] != 0xff || p[n + 1] != 0x25)
		return 0;
	return va + n + 6 + (uint64_t)(int32_t)elf_u32(p + n + 2);
}

/* The psABI's form, with BTI before it or not: adrp x16, page; ldr x17, [x16, #offset]. */
static uint64_t plt_slot_arm64(const struct elf *e, uint64_t va)
{
	const uint8_t *p = elf_va(e, va, 12);
	uint32_t adrp;
	int64_t pages;

	if (p && elf_u32(p) == 0xd503245f) {
		p += 4;
		va += 4;
	}
	if (!p || (elf_u32(p) & 0x9f00001f) != 0x90000010 ||
	    (elf_u32(p + 4) & 0xffc003ff) != 0xf9400211)
		return 0;
	adrp = elf_u32(p);
	pages = (int64_t)((uint64_t)((adrp >> 5 & 0x7ffff) << 2 | (adrp >> 29 & 3)) << 43) >> 43;
	return (va & ~4095ull) + (uint64_t)pages * 4096 + 8 * (elf_u32(p + 4) >> 10 & 0xfff);
}

uint64_t elf_plt(const struct elf *e, uint64_t va)
{
	unsigned type = e->machine == EM_AARCH64 ? R_AARCH64_JUMP_SLOT : R_X86_64_JUMP_SLOT;
	uint64_t slot = !e->dyn.symtab		  ? 0
			: e->machine == EM_X86_64  ? plt_slot(e, va)
			: e->machine == EM_AARCH64 ? plt_slot_arm64(e, va)
						   : 0;
	struct elf_part r = elf_rest(e, e->dyn.jmprel);
	Elf64_Rela rela;
	Elf64_Sym s;

	if (r.n > e->dyn.pltrelsz)
		r.n = e->dyn.pltrelsz;
	for (; slot && r.n >= sizeof(rela); r.p += sizeof(rela), r.n -= sizeof(rela)) {
		memcpy(&rela, r.p, sizeof(rela));
		if (rela.r_offset == slot && ELF64_R_TYPE(rela.r_info) == type)
			return function_at(e, ELF64_R_SYM(rela.r_info), &s) ? s.st_value : 0;
	}
	return 0;
}

static int each_symbol(const struct elf_part *syms, const struct elf_part *names,
		       int (*fn)(void *ctx, const struct elf_sym *s), void *ctx)
{
	for (size_t i = 0; i + sizeof(Elf64_Sym) <= syms->n; i += sizeof(Elf64_Sym)) {
		const uint8_t *end, *version;
		struct elf_sym out;
		Elf64_Sym s;

		memcpy(&s, syms->p + i, sizeof(s));
		if (!is_function(&s) || s.st_name >= names->n)
			continue;
		out.name = (const char *)names->p + s.st_name;
		end = memchr(out.name, 0, names->n - s.st_name);
		if (!end)
			continue;
		out.len = (size_t)(end - (const uint8_t *)out.name);
		version = memchr(out.name, '@', out.len);
		if (version)
			out.len = (size_t)(version - (const uint8_t *)out.name);
		out.va = s.st_value;
		out.size = s.st_size;
		if (fn(ctx, &out))
			break;
	}
	return 1;
}

int elf_symbols(const struct elf *e, int (*fn)(void *ctx, const struct elf_sym *s), void *ctx)
{
	Elf64_Shdr sh, link;

	for (uint32_t i = 0; i < e->shnum && section_header(e, i, &sh); i++) {
		struct elf_part syms, names;

		if (sh.sh_type != SHT_SYMTAB || !section_header(e, sh.sh_link, &link))
			continue;
		syms = part_of(e, &sh);
		names = part_of(e, &link);
		if (syms.p && names.p)
			return each_symbol(&syms, &names, fn, ctx);
	}
	return 0;
}

/* ---- functions by the unwind table */

static uint64_t func_start(const struct elf_funcs *f, size_t i)
{
	return f->base + (uint64_t)(int64_t)(int32_t)elf_u32(f->table + i * 8);
}

/* The length that the FDE tells, if it is of the usual encoding; 0: not known. */
static uint64_t fde_length(const struct elf *e, uint64_t va, uint64_t start)
{
	const uint8_t *p = elf_va(e, va, 16);

	if (!p || elf_u32(p) < 12 || elf_u32(p) == UINT32_MAX)
		return 0;
	/* position-relative, 4 octets: then its start is where the table says */
	if (va + 8 + (uint64_t)(int64_t)(int32_t)elf_u32(p + 8) != start)
		return 0;
	return elf_u32(p + 12);
}

/*
 * Puts the FDEs of .eh_frame into pairs (NULL: counts them). An FDE begins with its length, where
 * its CIE is (0: it is one itself), and the function's start, relative to that field.
 */
static size_t walk_fdes(const struct elf_part *s, int32_t (*pair)[2])
{
	size_t n = 0;

	for (size_t at = 0; s->n >= 16 && at <= s->n - 16;) {
		uint32_t len = elf_u32(s->p + at);
		uint64_t start = at + 8 + (uint64_t)(int64_t)(int32_t)elf_u32(s->p + at + 8);

		if (len < 4 || len > s->n - at - 4)
			break;
		if (len >= 12 && elf_u32(s->p + at + 4) &&
		    (int64_t)start == (int64_t)(int32_t)start) {
			if (pair) {
				pair[n][0] = (int32_t)start;
				pair[n][1] = (int32_t)at;
			}
			n++;
		}
		at += 4 + (size_t)len;
	}
	return n;
}

static int compare_pairs(const void *a, const void *b)
{
	int32_t x = *(const int32_t *)a, y = *(const int32_t *)b;

	return x < y ? -1 : x > y;
}

void elf_index_funcs(struct elf *e)
{
	struct elf_part s = elf_section(e, ".eh_frame");
	size_t n;
	int32_t (*pair)[2];

	if (e->funcs.n || !s.p || s.n > INT32_MAX || !(n = walk_fdes(&s, NULL)))
		return;
	pair = malloc(n * sizeof(*pair));
	if (!pair)
		return;
	walk_fdes(&s, pair);
	qsort(pair, n, sizeof(*pair), compare_pairs);
	e->funcs = (struct elf_funcs){(const uint8_t *)pair, n, s.va, pair};
}

int elf_func(const struct elf *e, uint64_t va, uint64_t *start, uint64_t *end)
{
	const struct elf_funcs *f = &e->funcs;
	size_t lo = 0, hi = f->n;
	uint64_t len;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (func_start(f, mid) <= va)
			lo = mid + 1;
		else
			hi = mid;
	}
	if (!lo)
		return 0;
	*start = func_start(f, lo - 1);
	len = fde_length(e,
			 f->base + (uint64_t)(int64_t)(int32_t)elf_u32(f->table + (lo - 1) * 8 + 4),
			 *start);
	if (!len && lo == f->n)
		return 0;
	*end = len ? *start + len : func_start(f, lo);
	return va < *end;
}
