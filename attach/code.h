/*
 * code.h - machine code of ELF files, decoded with capstone (x86-64; returns also on arm64)
 *
 * Code is decoded linearly from a function's first instruction to its end. What cannot be decoded
 * ends it: nothing is told of a function that is not understood as a whole.
 */
#ifndef ZC_ATTACH_CODE_H
#define ZC_ATTACH_CODE_H

#include "attach/elf.h"

#define CODE_MAX_RETURNS 256

/* Addresses of the RETs in [start, end). Returns how many, or -1: not understood, or too many. */
int code_returns(const struct elf *e, uint64_t start, uint64_t end,
		 uint64_t ret[CODE_MAX_RETURNS]);

/*
 * The addresses that the first instructions (at most 200) from start on take with LEA, or load into
 * a register as a constant; up to max of them. x86-64 only, 0 otherwise.
 */
size_t code_addresses(const struct elf *e, uint64_t start, uint64_t *out, size_t max);

#endif
