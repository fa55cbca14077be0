/*
 * elf.h - a small reader of ELF files: where functions are, by name and by their unwind table
 *
 * For 64-bit little-endian files only. The file is mapped, so that only the pages that are looked
 * at are read; nothing is copied and nothing stays after elf_close. It may be of any octets: each
 * offset and count in it is checked against the file's length before use, tables are read octet by
 * octet (nothing in the file need be aligned), and loops end with the file at the latest.
 *
 * Addresses (`va`) are those that nm and objdump print, before the loader adds its base; offsets
 * are positions in the file. Pointers handed out live until elf_close. A file that another process
 * truncates while it is mapped raises SIGBUS; the kernel lets nobody write to a running executable.
 */
#ifndef ZC_ATTACH_ELF_H
#define ZC_ATTACH_ELF_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define ELF_MAX_SEGS 32

/* A part of the file that is loaded at va. p is NULL when it is not there. */
struct elf_part {
	const uint8_t *p;
	size_t n;
	uint64_t va;
};

struct elf_seg {
	uint64_t off, va, n; /* n: octets in the file, all of them within it */
	uint32_t flags;      /* PF_R, PF_W, PF_X */
};

/* PT_GNU_EH_FRAME: its table of functions' starts, sorted. */
struct elf_funcs {
	const uint8_t *table; /* n entries of two 32-bit numbers relative to base: function, FDE */
	size_t n;
	uint64_t base;
	void *own; /* the table, if it is not of the file */
};

/* What PT_DYNAMIC tells: addresses (0: none) and lengths. */
struct elf_dyn {
	uint64_t symtab, strtab, strsz, gnu_hash, hash, rela, relasz, jmprel, pltrelsz;
};

struct elf {
	const uint8_t *p;
	size_t n;
	int mapped;
	uint16_t type, machine;
	uint64_t entry;
	struct elf_seg seg[ELF_MAX_SEGS]; /* PT_LOAD */
	size_t nsegs;
	uint64_t shoff;
	uint32_t shnum, shstrndx;
	struct elf_dyn dyn;
	struct elf_funcs funcs;
};

/*
 * The file behind fd, or n octets of memory that outlives it. 0, -ENOEXEC: not an ELF file,
 * -ENOTSUP: an ELF file of another class or byte order, or the errno of fstat or mmap.
 */
int elf_open(struct elf *e, int fd);
int elf_init(struct elf *e, const void *p, size_t n);
void elf_close(struct elf *e);

/* n octets at an address; NULL if not all of them are in the file. */
const uint8_t *elf_va(const struct elf *e, uint64_t va, uint64_t n);
/* The NUL-terminated string at an address; NULL if it does not end within its segment. */
const char *elf_str(const struct elf *e, uint64_t va);
/* What is left of the segment from an address on. */
struct elf_part elf_rest(const struct elf *e, uint64_t va);
/* 1 and the file offset if the address is in an executable segment, else 0. */
int elf_code(const struct elf *e, uint64_t va, uint64_t *off);

/* A section by name, or one that ends with the name if it begins with '*'. */
struct elf_part elf_section(const struct elf *e, const char *name);
/* The file's part of segment i as one piece. */
struct elf_part elf_segment(const struct elf *e, size_t i);

/* The address of a function that the file defines for others (.dynsym); 0: none of that name. */
uint64_t elf_dynsym(const struct elf *e, const char *name);
/*
 * The function that the entry of the procedure linkage table at va jumps to, if the file
 * defines it itself; another file's function of that name may come before it. 0: none.
 */
uint64_t elf_plt(const struct elf *e, uint64_t va);
/*
 * Calls fn for each function in .symtab: its name (not after '@', where its version begins), its
 * address and its size (0: not told). Ends early if fn returns other than 0. Returns 1 if there is
 * a .symtab.
 */
struct elf_sym {
	const char *name;
	size_t len;
	uint64_t va, size;
};
int elf_symbols(const struct elf *e, int (*fn)(void *ctx, const struct elf_sym *s), void *ctx);

/*
 * Static executables have no sorted table: makes one of .eh_frame, if there is none yet. Without
 * memory or without .eh_frame elf_func just finds nothing.
 */
void elf_index_funcs(struct elf *e);
/* Function that holds va by the unwind table: [*start, *end). 0: none does. */
int elf_func(const struct elf *e, uint64_t va, uint64_t *start, uint64_t *end);

static inline uint16_t elf_u16(const uint8_t *p)
{
	uint16_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

static inline uint32_t elf_u32(const uint8_t *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

static inline uint64_t elf_u64(const uint8_t *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

#endif
