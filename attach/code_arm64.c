/* code_arm64.c - see code_arm64.h */
#include <elf.h>
#include "attach/code_arm64.h"

#define MAX_ADDRESSES 200 /* instructions that are looked at for them */
#define MAX_PROLOGUE 40
#define SP 31 /* or the zero register: the instruction tells */
#define FP 29
#define RET_X30 0xd65f03c0u
#define PRESERVED 0x1ff80000u /* x19 to x28 */
#define ARGUMENTS ((1u << CODE_ARGS) - 1)

struct state {
	uint64_t value[32];
	uint32_t known, stack; /* bits of registers */
	uint8_t entry[32]; /* it holds what this argument was, counted from 1; 0: none of them */
	int framed; /* x29 points to the frame */
};

static unsigned bits(uint32_t insn, unsigned from, unsigned n)
{
	return insn >> from & ((1u << n) - 1);
}

static uint64_t sign_extend(uint64_t v, unsigned n)
{
	return (v ^ (1ull << (n - 1))) - (1ull << (n - 1));
}

/* ---- branches */

enum branch { NONE, CONDITIONAL, JUMP, CALL, RETURN };

static enum branch branch_of(uint32_t insn)
{
	static const enum branch by_register[8] = {JUMP, CALL, RETURN, NONE, RETURN};

	if (insn >> 26 == 0x05)
		return JUMP;
	if (insn >> 26 == 0x25)
		return CALL;
	if (insn >> 25 == 0x6b)
		return by_register[bits(insn, 21, 3)];
	if (insn >> 24 == 0x54 || bits(insn, 25, 6) == 0x1a || bits(insn, 25, 6) == 0x1b)
		return CONDITIONAL;
	return NONE;
}

/* Of a jump or call; 0: by a register. */
static uint64_t direct_target(uint32_t insn, uint64_t va)
{
	return bits(insn, 26, 5) == 0x05 ? va + sign_extend(insn & 0x3ffffff, 26) * 4 : 0;
}

int code_arm64_is_emulated(uint32_t insn)
{
	return branch_of(insn) != NONE || (insn & 0x1f000000) == 0x10000000 || /* adr, adrp */
	       (insn & 0x3f000000) == 0x18000000; /* ldr of a literal */
}

int code_arm64_returns(const struct elf_part *code, uint64_t ret[CODE_MAX_RETURNS])
{
	int n = 0;

	for (size_t i = 0; i + 4 <= code->n; i += 4)
		if (elf_u32(code->p + i) == RET_X30) {
			if (n == CODE_MAX_RETURNS)
				return -1;
			ret[n++] = code->va + i;
		}
	return n;
}

/* ---- what an instruction does to registers */

static int is_memory(uint32_t insn)
{
	return (insn & 0x0a000000) == 0x08000000;
}

static int is_simd(uint32_t insn)
{
	return (insn & 0x0e000000) == 0x0e000000;
}

static int is_pair(uint32_t insn)
{
	return bits(insn, 27, 3) == 5;
}

static int is_exclusive(uint32_t insn)
{
	return bits(insn, 24, 6) == 0x08;
}

static int is_atomic(uint32_t insn)
{
	return bits(insn, 27, 3) == 7 && !bits(insn, 26, 1) && !bits(insn, 24, 1) &&
	       bits(insn, 21, 1) && !bits(insn, 10, 2);
}

static int is_literal(uint32_t insn)
{
	return bits(insn, 27, 3) == 3 && !bits(insn, 24, 1);
}

/* Of an instruction with memory as its operand. */
static int is_store(uint32_t insn)
{
	if (is_literal(insn))
		return 0;
	if (is_atomic(insn))
		return 1;
	if (bits(insn, 27, 3) == 7 && !bits(insn, 26, 1))
		return !bits(insn, 22, 2);
	return !bits(insn, 22, 1);
}

static int writes_back(uint32_t insn)
{
	if (is_pair(insn))
		return bits(insn, 23, 1) != 0;
	if (bits(insn, 27, 3) == 7)
		return !bits(insn, 24, 1) && !bits(insn, 21, 1) && bits(insn, 10, 1);
	return (insn & 0xbf800000) == 0x0c800000 || (insn & 0xbf800000) == 0x0d800000;
}

static uint32_t written_by_memory(uint32_t insn)
{
	uint32_t w = writes_back(insn) ? 1u << bits(insn, 5, 5) : 0;

	if (is_exclusive(insn))
		return 1u << bits(insn, 0, 5) | 1u << bits(insn, 10, 5) | 1u << bits(insn, 16, 5);
	if (bits(insn, 26, 1) || (is_store(insn) && !is_atomic(insn)))
		return w;
	return w | 1u << bits(insn, 0, 5) | (is_pair(insn) ? 1u << bits(insn, 10, 5) : 0);
}

/* Conversions to integers and moves out of vectors; all others write none. */
static uint32_t written_by_simd(uint32_t insn)
{
	unsigned op = bits(insn, 16, 3);
	int to_general = ((insn & 0x5f20fc00) == 0x1e200000 && op != 2 && op != 3 && op != 7) ||
			 ((insn & 0x5f200000) == 0x1e000000 && op < 2) ||
			 (insn & 0xbfe0fc00) == 0x0e003c00 || (insn & 0xbfe0fc00) == 0x0e002c00;

	return to_general ? 1u << bits(insn, 0, 5) : 0;
}

/* Bits of the registers that hold something else afterwards. */
static uint32_t written(uint32_t insn)
{
	if (branch_of(insn) != NONE)
		return 0;
	if (is_memory(insn))
		return written_by_memory(insn);
	if (is_simd(insn))
		return written_by_simd(insn);
	if ((insn & 0xffc00000) == 0xd5000000) /* system: MRS writes, hints and barriers do not */
		return bits(insn, 21, 1) ? 1u << bits(insn, 0, 5) : 0;
	if ((insn & 0x3fe00000) == 0x3a400000) /* ccmp: flags in place of a register */
		return 0;
	return 1u << bits(insn, 0, 5);
}

/* Bits of the general registers that it reads. */
static uint32_t read_by(uint32_t insn)
{
	uint32_t rd = 1u << bits(insn, 0, 5), rn = 1u << bits(insn, 5, 5),
		 rm = 1u << bits(insn, 16, 5);

	if (branch_of(insn) == CONDITIONAL)
		return insn >> 24 == 0x54 ? 0 : rd;
	if (branch_of(insn) != NONE)
		return insn >> 25 == 0x6b ? rn : 0;
	if (is_memory(insn)) {
		if (is_literal(insn))
			return 0;
		if (bits(insn, 27, 3) == 7 && !bits(insn, 24, 1) && bits(insn, 21, 1))
			rn |= rm;
		if (!is_store(insn) || bits(insn, 26, 1))
			return rn;
		return rn | rd | (is_pair(insn) ? 1u << bits(insn, 10, 5) : 0);
	}
	if (bits(insn, 25, 3) == 5) /* data processing of registers */
		return rn | rm;
	if (bits(insn, 26, 3) != 4) /* neither is it of immediates */
		return 0;
	/* adr and moves of constants read none */
	return bits(insn, 24, 2) == 0 || bits(insn, 23, 3) == 5 ? 0 : rn;
}

/* ---- the state */

static void set_known(struct state *s, unsigned reg, uint64_t value)
{
	if (reg == SP)
		return;
	s->value[reg] = value;
	s->known |= 1u << reg;
}

/* After a call, or where another path begins. */
static void forget(struct state *s)
{
	s->known &= PRESERVED;
	s->stack = 0;
	memset(s->entry, 0, 19); /* x0 to x18 */
}

static int is_frame(const struct state *s, unsigned reg)
{
	return reg == SP || (reg == FP && s->framed) || s->stack & 1u << reg;
}

static void learn_add(uint32_t insn, const struct state *before, struct state *s)
{
	unsigned rd = bits(insn, 0, 5), rn = bits(insn, 5, 5);
	uint64_t imm = (uint64_t)bits(insn, 10, 12) << (bits(insn, 22, 1) ? 12 : 0);

	if (!bits(insn, 31, 1) || bits(insn, 29, 1) || rd == SP)
		return;
	if (is_frame(before, rn)) {
		s->stack |= 1u << rd;
		s->framed |= rd == FP && rn == SP;
	} else if (before->known & 1u << rn) {
		set_known(s, rd,
			  bits(insn, 30, 1) ? before->value[rn] - imm : before->value[rn] + imm);
	}
}

static void learn_wide(uint32_t insn, const struct state *before, struct state *s)
{
	unsigned rd = bits(insn, 0, 5), shift = bits(insn, 21, 2) * 16, op = bits(insn, 29, 2);
	uint64_t imm = (uint64_t)bits(insn, 5, 16) << shift,
		 mask = insn >> 31 ? UINT64_MAX : UINT32_MAX;

	if (op == 2)
		set_known(s, rd, imm);
	else if (op == 0)
		set_known(s, rd, ~imm & mask);
	else if (op == 3 && before->known & 1u << rd)
		set_known(s, rd, ((before->value[rd] & ~(0xffffull << shift)) | imm) & mask);
}

static void learn_move(uint32_t insn, const struct state *before, struct state *s)
{
	unsigned rd = bits(insn, 0, 5), rm = bits(insn, 16, 5);
	uint64_t mask = insn >> 31 ? UINT64_MAX : UINT32_MAX;

	if (rm == SP)
		set_known(s, rd, 0);
	else if (before->known & 1u << rm)
		set_known(s, rd, before->value[rm] & mask);
	else if (insn >> 31 && before->entry[rm])
		s->entry[rd] = before->entry[rm];
	else if (before->stack & 1u << rm)
		s->stack |= 1u << rd;
}

static uint64_t address_of(uint32_t insn, uint64_t va)
{
	uint64_t imm = sign_extend(bits(insn, 5, 19) << 2 | bits(insn, 29, 2), 21);

	return insn >> 31 ? (va & ~4095ull) + (imm << 12) : va + imm;
}

/* What an instruction puts into a register, if that can be told. */
static void step(uint32_t insn, uint64_t va, struct state *s)
{
	struct state before = *s;
	uint32_t w = written(insn);

	/* what is given back at a function's end */
	if (is_memory(insn) && !is_store(insn) && bits(insn, 5, 5) == SP)
		w &= ~PRESERVED;
	s->known &= ~w;
	s->stack &= ~w;
	for (int i = 0; i < 31; i++)
		if (w & 1u << i)
			s->entry[i] = 0;
	if ((insn & 0x1f000000) == 0x10000000)
		set_known(s, bits(insn, 0, 5), address_of(insn, va));
	else if (bits(insn, 23, 6) == 0x22)
		learn_add(insn, &before, s);
	else if (bits(insn, 23, 6) == 0x25)
		learn_wide(insn, &before, s);
	else if ((insn & 0x7fe0ffe0) == 0x2a0003e0)
		learn_move(insn, &before, s);
}

/* ---- functions */

static int add_call(struct code_func *f, uint32_t insn, uint64_t va, const struct state *s)
{
	struct code_call *c = &f->call[f->ncalls];

	if (f->ncalls == CODE_MAX_CALLS)
		return -1;
	*c = (struct code_call){.va = va,
				.target = direct_target(insn, va),
				.known = (uint8_t)(s->known & ARGUMENTS),
				.stack = (uint8_t)(s->stack & ARGUMENTS)};
	for (int i = 0; i < CODE_ARGS; i++)
		c->entry |= (uint8_t)((s->entry[i] == i + 1) << i);
	memcpy(c->arg, s->value, sizeof(c->arg));
	f->ncalls++;
	return 0;
}

/* From the target of a jump within the function to the next call. */
static int follow(const struct elf *e, struct code_func *f, uint64_t va, struct state s)
{
	struct elf_part code = elf_rest(e, va);

	for (size_t i = 0; i < CODE_FOLLOW && code.n >= 4 * (i + 1); i++, va += 4) {
		uint32_t insn = elf_u32(code.p + 4 * i);
		enum branch b = branch_of(insn);

		if (b == CALL)
			return add_call(f, insn, va, &s);
		if (b != NONE)
			return 0;
		step(insn, va, &s);
	}
	return 0;
}

static int on_instruction(const struct elf *e, struct code_func *f, uint32_t insn, uint64_t va,
			  struct state *s)
{
	enum branch b = branch_of(insn);
	uint64_t target = direct_target(insn, va);
	int err = 0;

	if (b == CONDITIONAL)
		return 0;
	if (b == JUMP && target >= f->start && target < f->end)
		err = follow(e, f, target, *s);
	else if (b == JUMP || b == CALL)
		err = add_call(f, insn, va, s);
	if (b != NONE) {
		forget(s);
		return err;
	}
	if (is_memory(insn) && is_store(insn) && !is_frame(s, bits(insn, 5, 5)))
		f->stores++;
	step(insn, va, s);
	return 0;
}

/*
 * As in codefunc.c: a part of a function that the compiler put elsewhere uses registers that it has
 * not saved. Returns the registers that may be used from now on.
 */
static uint32_t check_saved(uint32_t insn, uint32_t saved, int *bad)
{
	uint32_t used = read_by(insn) & PRESERVED;

	if (is_memory(insn) && is_store(insn) && bits(insn, 5, 5) == SP)
		return saved | used;
	*bad |= (used & ~saved) != 0;
	return saved | (written(insn) & PRESERVED);
}

int code_arm64_read(const struct elf *e, uint64_t start, uint64_t end, struct code_func *f)
{
	struct elf_part code = elf_rest(e, start);
	struct state s = {.entry = {1, 2, 3, 4, 5}};
	uint32_t saved = 0;
	int bad = 0, n = 0;

	f->start = start;
	f->end = end;
	f->ncalls = f->stores = 0;
	if (end <= start || end - start > code.n || end - start > ARM64_MAX_FUNC || start % 4)
		return -1;
	for (uint64_t va = start; va + 4 <= end; va += 4) {
		uint32_t insn = elf_u32(code.p + (va - start));

		if (n++ < MAX_PROLOGUE)
			saved = check_saved(insn, saved, &bad);
		if (on_instruction(e, f, insn, va, &s))
			return -1;
	}
	f->is_entry = !bad;
	return 0;
}

/* ---- addresses */

/* The address that the instruction has completed, of the pages that registers hold; 0: none. */
static uint64_t completed(uint32_t insn, uint64_t va, uint64_t page[32])
{
	unsigned rd = bits(insn, 0, 5), rn = bits(insn, 5, 5);

	if ((insn & 0x1f000000) == 0x10000000) {
		page[rd] = address_of(insn, va);
		return insn >> 31 ? 0 : page[rd];
	}
	if ((insn & 0xff800000) != 0x91000000 || rn == SP || !page[rn])
		return 0;
	return page[rn] + ((uint64_t)bits(insn, 10, 12) << (bits(insn, 22, 1) ? 12 : 0));
}

size_t code_arm64_addresses(const struct elf *e, uint64_t start, uint64_t *out, size_t max)
{
	struct elf_part code = elf_rest(e, start);
	uint64_t page[32] = {0};
	size_t n = 0;

	for (size_t i = 0; i < MAX_ADDRESSES && n < max && code.n >= 4 * (i + 1); i++)
		if ((out[n] = completed(elf_u32(code.p + 4 * i), start + 4 * i, page)))
			n++;
	return n;
}

/* Of all executable segments, where `of` tells one of n addresses. */
static size_t scan(const struct elf *e,
		   uint64_t (*of)(uint32_t insn, uint64_t va, uint64_t page[32]),
		   const uint64_t *addr, size_t n, struct code_ref *out, size_t max)
{
	size_t found = 0;

	for (size_t i = 0; i < e->nsegs; i++) {
		struct elf_part code = elf_segment(e, i);
		uint64_t page[32] = {0};

		for (size_t at = 0; e->seg[i].flags & PF_X && at + 4 <= code.n; at += 4) {
			uint64_t told = of(elf_u32(code.p + at), code.va + at, page);

			for (size_t k = 0; told && k < n && found < max; k++)
				if (addr[k] == told)
					out[found++] = (struct code_ref){code.va + at, k};
		}
	}
	return found;
}

static uint64_t branch_target(uint32_t insn, uint64_t va, uint64_t page[32])
{
	(void)page;
	return direct_target(insn, va);
}

size_t code_arm64_refs(const struct elf *e, const uint64_t *addr, size_t n, struct code_ref *out,
		       size_t max)
{
	return scan(e, completed, addr, n, out, max);
}

size_t code_arm64_callers(const struct elf *e, uint64_t addr, struct code_ref *out, size_t max)
{
	return scan(e, branch_target, &addr, 1, out, max);
}

/* ---- forms */

uint64_t code_arm64_go_check(const struct elf *e, uint64_t va)
{
	const uint8_t *p = elf_va(e, va, 16);
	int large;

	if (!p || elf_u32(p) != 0xf9400b90)
		return va;
	large = (elf_u32(p + 4) & 0xff8003ff) == 0xd10003f1;
	if (elf_u32(p + (large ? 8 : 4)) != (large ? 0xeb10023f : 0xeb3063ff))
		return va;
	return (elf_u32(p + (large ? 12 : 8)) & 0xff00001f) == 0x54000009 ? va + (large ? 12 : 8)
									  : va;
}
