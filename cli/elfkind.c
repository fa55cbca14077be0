#include "cli/elfkind.h"

#include <elf.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MAX_SECTIONS 4096u
#define MAX_NAMES (256u << 10)
#define MAX_SECTION (1u << 20) /* of .comment and .dynstr; the names of libraries come first */
#define MAX_RODATA (64u << 20)
#define WINDOW (256u << 10) /* of a large section, at a time */

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define NATIVE_DATA ELFDATA2LSB
#else
#define NATIVE_DATA ELFDATA2MSB
#endif

struct elf {
	int fd;
	Elf64_Shdr *section;
	unsigned n;
	char *names; /* ends with NUL */
	size_t names_len;
};

/* len octets at that offset, with a NUL behind them; NULL if they are not there. */
static void *read_at(int fd, uint64_t offset, size_t len)
{
	char *p = malloc(len + 1);
	size_t done = 0;

	while (p && done < len) {
		ssize_t n = pread(fd, p + done, len - done, (off_t)(offset + done));

		if (n <= 0) {
			free(p);
			return NULL;
		}
		done += (size_t)n;
	}
	if (p)
		p[len] = '\0';
	return p;
}

/* fd stays the caller's. */
static int elf_open(struct elf *e, int fd)
{
	Elf64_Ehdr h;
	const Elf64_Shdr *names;

	*e = (struct elf){ .fd = fd };
	if (fd < 0 || pread(e->fd, &h, sizeof(h), 0) != sizeof(h) ||
	    memcmp(h.e_ident, ELFMAG, SELFMAG) || h.e_ident[EI_CLASS] != ELFCLASS64 ||
	    h.e_ident[EI_DATA] != NATIVE_DATA ||
	    h.e_shentsize != sizeof(Elf64_Shdr) || !h.e_shnum || h.e_shnum > MAX_SECTIONS ||
	    h.e_shstrndx >= h.e_shnum)
		return -1;
	e->n = h.e_shnum;
	e->section = read_at(e->fd, h.e_shoff, e->n * sizeof(Elf64_Shdr));
	if (!e->section)
		return -1;
	names = &e->section[h.e_shstrndx];
	if (names->sh_type != SHT_STRTAB || names->sh_size > MAX_NAMES)
		return -1;
	e->names_len = names->sh_size;
	e->names = read_at(e->fd, names->sh_offset, e->names_len);
	return e->names ? 0 : -1;
}

static void elf_close(struct elf *e)
{
	free(e->section);
	free(e->names);
}

static const Elf64_Shdr *find(const struct elf *e, const char *name)
{
	for (unsigned i = 0; i < e->n; i++) {
		const Elf64_Shdr *s = &e->section[i];

		if (s->sh_name < e->names_len && !strcmp(e->names + s->sh_name, name))
			return s;
	}
	return NULL;
}

/* Is text among the first max octets of a section? */
static int contains(const struct elf *e, const char *name, const char *text, size_t max)
{
	const Elf64_Shdr *s = find(e, name);
	size_t len, n, at = 0;
	int found = 0;
	char *p;

	if (!s || s->sh_type == SHT_NOBITS)
		return 0;
	len = s->sh_size < max ? s->sh_size : max;
	while (!found && at < len) {
		n = len - at < WINDOW ? len - at : WINDOW;
		p = read_at(e->fd, s->sh_offset + at, n);
		found = p && memmem(p, n, text, strlen(text));
		free(p);
		if (!p || n < WINDOW)
			break;
		at += n - strlen(text); /* it may lie across the border */
	}
	return found;
}

enum elf_kind elf_kind_of(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	enum elf_kind kind = ELF_OTHER;
	struct elf e;

	if (!elf_open(&e, fd)) {
		if (find(&e, ".go.buildinfo") || find(&e, ".gopclntab"))
			kind = ELF_GO;
		else if (contains(&e, ".comment", "rustc version", MAX_SECTION))
			kind = ELF_RUST;
		else if (contains(&e, ".dynstr", "libstdc++.so", MAX_SECTION) ||
			 contains(&e, ".dynstr", "libc++.so", MAX_SECTION))
			kind = ELF_CPP;
	}
	elf_close(&e);
	if (fd >= 0)
		close(fd);
	return kind;
}

/* Has it no program header that names a loader? */
static int without_loader(int fd, const Elf64_Ehdr *h)
{
	Elf64_Phdr p;

	if (h->e_phentsize != sizeof(p))
		return 0;
	for (unsigned i = 0; i < h->e_phnum; i++) {
		if (pread(fd, &p, sizeof(p), (off_t)(h->e_phoff + i * sizeof(p))) != sizeof(p) ||
		    p.p_type == PT_INTERP)
			return 0;
	}
	return 1;
}

void elf_traits_of(int fd, struct elf_traits *out)
{
	struct elf e = { .fd = fd };
	Elf64_Ehdr h;

	*out = (struct elf_traits){ 0 };
	if (pread(fd, &h, sizeof(h), 0) != sizeof(h) || memcmp(h.e_ident, ELFMAG, SELFMAG))
		return;
	out->is_32bit = h.e_ident[EI_CLASS] == ELFCLASS32;
	if (out->is_32bit || h.e_ident[EI_DATA] != NATIVE_DATA)
		return;
	out->is_static = without_loader(fd, &h);
	/* a file without section headers has no symbols either */
	out->is_stripped = elf_open(&e, fd) || !find(&e, ".symtab");
	elf_close(&e);
}

int elf_has_rustls(int fd)
{
	struct elf e;
	int found = 0;

	/* the compiler's name first: most files need no longer look */
	if (!elf_open(&e, fd) &&
	    (!find(&e, ".comment") || contains(&e, ".comment", "rustc version", MAX_SECTION)))
		found = contains(&e, ".rodata", "/rustls-0.", MAX_RODATA);
	elf_close(&e);
	return found;
}
