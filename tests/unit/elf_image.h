/*
 * elf_image.h - small ELF files made in memory, with code that reports errors as TLS libraries do
 *
 * One segment holds everything at address 0, so addresses are offsets. Functions begin with
 * image_func; image_end writes the headers and the table of functions.
 */
#ifndef ZC_TESTS_ELF_IMAGE_H
#define ZC_TESTS_ELF_IMAGE_H

#include <elf.h>
#include <stdint.h>
#include <string.h>

#define IMAGE_MAX 32768
#define IMAGE_TABLE 0x100   /* .eh_frame_hdr */
#define IMAGE_STRINGS 0x800 /* then strings, then code */
#define IMAGE_CODE 0x1000
#define IMAGE_FUNCS 128

struct image {
	uint8_t p[IMAGE_MAX];
	uint32_t strings, at;
	uint32_t func[IMAGE_FUNCS];
	uint32_t nfuncs;
};

static inline void image_begin(struct image *m)
{
	memset(m, 0, sizeof(*m));
	m->strings = IMAGE_STRINGS + 1;
	m->at = IMAGE_CODE;
}

static inline uint32_t image_string(struct image *m, const char *s)
{
	uint32_t at = m->strings;

	memcpy(m->p + at, s, strlen(s) + 1);
	m->strings += (uint32_t)strlen(s) + 1;
	return at;
}

static inline void image_octets(struct image *m, const char *octets, uint32_t n)
{
	memcpy(m->p + m->at, octets, n);
	m->at += n;
}
#define IMAGE_CODE_OF(m, octets) image_octets(m, octets, sizeof(octets) - 1)

static inline void image_u32(struct image *m, uint32_t v)
{
	memcpy(m->p + m->at, &v, 4);
	m->at += 4;
}

/* An instruction whose last four octets are an address relative to its end. */
static inline void image_relative(struct image *m, const char *op, uint32_t n, uint32_t target)
{
	image_octets(m, op, n);
	image_u32(m, target - m->at - 4);
}

/* Begins a function: 16-octet alignment, int3 between. */
static inline uint32_t image_func(struct image *m)
{
	while (m->at % 16)
		m->p[m->at++] = 0xcc;
	m->func[m->nfuncs++] = m->at;
	return m->at;
}

static inline void image_call(struct image *m, uint32_t target)
{
	image_relative(m, "\xe8", 1, target);
}

static inline void image_store(struct image *m) /* mov %rax, 8(%rdi) */
{
	IMAGE_CODE_OF(m, "\x48\x89\x47\x08");
}

static inline void image_ret(struct image *m)
{
	IMAGE_CODE_OF(m, "\xc3");
}

/* ERR_put_error(lib, func, reason, file, line) */
static inline void image_put_error(struct image *m, uint32_t put, uint32_t lib, uint32_t func,
				   uint32_t reason, uint32_t file, uint32_t line)
{
	image_relative(m, "\x48\x8d\x0d", 3, file); /* lea file(%rip), %rcx */
	IMAGE_CODE_OF(m, "\xbf");
	image_u32(m, lib);
	IMAGE_CODE_OF(m, "\xbe");
	image_u32(m, func);
	IMAGE_CODE_OF(m, "\xba");
	image_u32(m, reason);
	IMAGE_CODE_OF(m, "\x41\xb8");
	image_u32(m, line);
	image_call(m, put);
}

/* ERR_set_debug(file, line, name); ERR_set_error(20, reason, NULL) */
static inline void image_raise(struct image *m, uint32_t debug, uint32_t set, uint32_t file,
			       uint32_t line, uint32_t name, uint32_t reason)
{
	image_relative(m, "\x48\x8d\x3d", 3, file); /* lea file(%rip), %rdi */
	image_relative(m, "\x48\x8d\x15", 3, name); /* lea name(%rip), %rdx */
	IMAGE_CODE_OF(m, "\xbe");
	image_u32(m, line);
	image_call(m, debug);
	IMAGE_CODE_OF(m, "\xbf\x14\0\0\0\xbe");
	image_u32(m, reason);
	image_call(m, set);
}

/* Headers; returns the file's length. Functions end where the next begins. */
static inline uint32_t image_end(struct image *m)
{
	Elf64_Ehdr *h = (void *)m->p;
	Elf64_Phdr *ph = (void *)(m->p + sizeof(*h));
	uint32_t *t = (void *)(m->p + IMAGE_TABLE);
	uint32_t end = image_func(m);

	m->at += 16;
	memcpy(h->e_ident, ELFMAG "\x02\x01\x01", 7);
	h->e_type = ET_DYN;
	h->e_machine = EM_X86_64;
	h->e_phoff = sizeof(*h);
	h->e_phentsize = sizeof(*ph);
	h->e_phnum = 2;
	ph[0] = (Elf64_Phdr){.p_type = PT_LOAD, .p_flags = PF_R | PF_X, .p_filesz = m->at};
	ph[1] = (Elf64_Phdr){.p_type = PT_GNU_EH_FRAME,
			     .p_flags = PF_R,
			     .p_offset = IMAGE_TABLE,
			     .p_vaddr = IMAGE_TABLE,
			     .p_filesz = 12 + 8 * m->nfuncs};
	t[0] = 0x3b031b01; /* version and encodings */
	t[2] = m->nfuncs;
	for (uint32_t i = 0; i < m->nfuncs; i++)
		t[3 + 2 * i] = m->func[i] - IMAGE_TABLE;
	(void)end;
	return m->at;
}

#endif
