/*
 * elfkind.h - the language of an executable, by its sections
 *
 * Reads section headers and the few sections that tell: no symbols. Only 64-bit files of the
 * host's byte order; anything else, and whatever is damaged, is ELF_OTHER. A stripped Rust program
 * without .comment looks like C.
 */
#ifndef ZC_CLI_ELFKIND_H
#define ZC_CLI_ELFKIND_H

enum elf_kind { ELF_OTHER, ELF_GO, ELF_RUST, ELF_CPP };

enum elf_kind elf_kind_of(const char *path);

struct elf_traits {
	int is_static;	 /* no loader */
	int is_stripped; /* no table of symbols; there may be one for dynamic linking */
	int is_32bit;
};

/* All 0 if it is no such file. The descriptor stays open. */
void elf_traits_of(int fd, struct elf_traits *out);

/* Does it hold what panics of the TLS library rustls would name as their place? */
int elf_has_rustls(int fd);

#endif
