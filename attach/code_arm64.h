/*
 * code_arm64.h - machine code of arm64: what code.h promises, for its instructions of 4 octets
 *
 * Of an instruction only that is decoded which these answers need: which general registers it reads
 * and writes, whether it branches, where to, and which constant or address it makes (Arm ARM,
 * chapter C4, "A64 instruction set encoding"). What is not known writes the register in its low
 * five bits, as nearly all do. Arguments are in x0 to x4; calls preserve x19 to x28.
 */
#ifndef ZC_ATTACH_CODE_ARM64_H
#define ZC_ATTACH_CODE_ARM64_H

#include "attach/code.h"

#define ARM64_MAX_FUNC (64u << 10)

int code_arm64_returns(const struct elf_part *code, uint64_t ret[CODE_MAX_RETURNS]);
size_t code_arm64_addresses(const struct elf *e, uint64_t start, uint64_t *out, size_t max);
size_t code_arm64_refs(const struct elf *e, const uint64_t *addr, size_t n, struct code_ref *out,
		       size_t max);
size_t code_arm64_callers(const struct elf *e, uint64_t addr, struct code_ref *out, size_t max);
int code_arm64_read(const struct elf *e, uint64_t start, uint64_t end, struct code_func *f);

/* Does the kernel emulate the instruction (arch/arm64/kernel/probes/decode-insn.c)? */
int code_arm64_is_emulated(uint32_t insn);
/*
 * The branch of the stack check that a function of Go begins with: ldr x16, [x28, #16];
 * cmp sp, x16, or sub x17, sp, #N and cmp x17, x16; b.ls. Else va.
 */
uint64_t code_arm64_go_check(const struct elf *e, uint64_t va);

#endif
