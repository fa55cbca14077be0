#include "cli/elfkind.h"

#include <elf.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MAX_SECTIONS 4096u
#define MAX_NAMES (256u << 10)
#define MAX_SECTION (1u << 20) /* of .comment and .dynstr; the names of libraries come first */

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

static int elf_open(struct elf *e, const char *path)
{
	Elf64_Ehdr h;
	const Elf64_Shdr *names;

	*e = (struct elf){ .fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK) };
	if (e->fd < 0 || pread(e->fd, &h, sizeof(h), 0) != sizeof(h) ||
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
	if (e->fd >= 0)
		close(e->fd);
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

static int contains(const struct elf *e, const char *name, const char *text)
{
	const Elf64_Shdr *s = find(e, name);
	size_t len;
	char *p;
	int found;

	if (!s || s->sh_type == SHT_NOBITS)
		return 0;
	len = s->sh_size < MAX_SECTION ? s->sh_size : MAX_SECTION;
	p = read_at(e->fd, s->sh_offset, len);
	found = p && memmem(p, len, text, strlen(text));
	free(p);
	return found;
}

enum elf_kind elf_kind_of(const char *path)
{
	enum elf_kind kind = ELF_OTHER;
	struct elf e;

	if (!elf_open(&e, path)) {
		if (find(&e, ".go.buildinfo") || find(&e, ".gopclntab"))
			kind = ELF_GO;
		else if (contains(&e, ".comment", "rustc version"))
			kind = ELF_RUST;
		else if (contains(&e, ".dynstr", "libstdc++.so") ||
			 contains(&e, ".dynstr", "libc++.so"))
			kind = ELF_CPP;
	}
	elf_close(&e);
	return kind;
}
