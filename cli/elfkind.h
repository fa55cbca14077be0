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

#endif
