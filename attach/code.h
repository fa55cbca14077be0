/*
 * code.h - machine code of ELF files, decoded with capstone (x86-64) or by code_arm64.c
 *
 * Code is decoded linearly from a function's first instruction to its end. What cannot be decoded
 * ends it: nothing is told of a function that is not understood as a whole.
 */
#ifndef ZC_ATTACH_CODE_H
#define ZC_ATTACH_CODE_H

#include "attach/elf.h"

#define CODE_MAX_RETURNS 256
#define CODE_MAX_CALLS 512
#define CODE_ARGS 5 /* rdi, rsi, rdx, rcx, r8 of the System V ABI; x0 to x4 */

/* Addresses of the RETs in [start, end). Returns how many, or -1: not understood, or too many. */
int code_returns(const struct elf *e, uint64_t start, uint64_t end,
		 uint64_t ret[CODE_MAX_RETURNS]);

/*
 * The addresses that the first instructions (at most 200) from start on take with LEA, or load into
 * a register as a constant; up to max of them. On arm64 with ADR, or ADRP and ADD. 0 of other
 * machines.
 */
size_t code_addresses(const struct elf *e, uint64_t start, uint64_t *out, size_t max);

/* A place in code that has one of the addresses that were asked for as its operand. */
struct code_ref {
	uint64_t va; /* of the four octets in the instruction */
	size_t which;
};
/*
 * Looks through all executable segments for LEA of one of n addresses, and in code that is not
 * position-independent for MOV of it; on arm64 for ADR, or ADRP and ADD. What is found may by
 * chance be in the middle of other instructions. Returns how many, at most max.
 */
size_t code_refs(const struct elf *e, const uint64_t *addr, size_t n, struct code_ref *out,
		 size_t max);
/* The same for direct calls of one address. */
size_t code_callers(const struct elf *e, uint64_t addr, struct code_ref *out, size_t max);

/* A call, or a jump out of the function, and what is known of its arguments. */
struct code_call {
	uint64_t va, target;	/* target 0: indirect */
	uint64_t arg[CODE_ARGS];
	uint8_t known;		/* bit i: arg[i] is this constant */
	uint8_t stack;		/* bit i: argument i is an address in the caller's frame */
	uint8_t entry;		/* bit i: argument i is what the function itself was called with */
};

struct code_func {
	uint64_t start, end;
	struct code_call *call; /* the caller's, CODE_MAX_CALLS */
	int ncalls;
	int stores;	/* writes to memory that is not its own frame */
	int is_entry;	/* it can be a function's beginning: saves registers before it uses them */
};

/*
 * Reads a whole function. Arguments set before a direct jump within the function are known at the
 * call that it leads to, at most CODE_FOLLOW instructions on; so calls at one place can be told
 * several times, with different arguments. 0, or -1: not understood, too long, or of another
 * machine.
 */
#define CODE_FOLLOW 16
struct code_reader; /* a decoder that is made once for many functions */
struct code_reader *code_reader_new(const struct elf *e);
void code_reader_free(struct code_reader *r);
int code_read(struct code_reader *r, uint64_t start, uint64_t end, struct code_func *f);
/*
 * The function that va is in, of code that has no unwind table: linkers fill the room between
 * functions, which begin at multiples of 16, with INT3. One that ends where the next begins is told
 * from it by the next one's saving of registers after a return or jump. 0: not told.
 */
int code_bounds(struct code_reader *r, uint64_t va, uint64_t *start, uint64_t *end);

#endif
