/*
 * codefunc.c - what a function calls, and with which constants (see code.h)
 *
 * One pass over the instructions with a little state for each argument register: the constant in
 * it, whether it is an address in the frame, whether it is what the function got as an argument.
 * Nothing is merged where paths join: what is told of a call holds for the path that led straight
 * to it. Compilers keep constants that are used often in registers that calls preserve; of these
 * the last constant, or argument, is remembered through the whole function, as no path has another.
 */
#include <elf.h>
#include <stdlib.h>
#include "attach/code_arm64.h"
#include "attach/disasm.h"

#define MAX_FUNC (64u << 10)
#define MAX_PROLOGUE 40
#define MAX_STARTS 8	    /* places that may be a function's beginning */
#define MAX_INSNS (1u << 20) /* in all: a hostile file must not take for ever; Envoy takes 20,000 */
#define REGS (CODE_ARGS + 6) /* and rbx, rbp, r12 to r15, which calls preserve */
#define PRESERVED (((1u << REGS) - 1) & ~((1u << CODE_ARGS) - 1))

struct code_reader {
	const struct elf *e;
	const struct disasm *d;
	csh cs;
	cs_insn *insn, *ahead; /* the pass, and the one that follows a jump */
	unsigned insns;
};

struct state {
	uint64_t value[REGS];
	uint16_t known, stack; /* bits */
	uint8_t entry[REGS]; /* it holds what this argument was, counted from 1; 0: none of them */
	int framed; /* rbp points to the frame: it was set to rsp */
	int pushed; /* the last instruction was a push of this constant */
	uint64_t push;
};

struct code_reader *code_reader_new(const struct elf *e)
{
	struct code_reader *r = calloc(1, sizeof(*r));

	if (!r)
		return NULL;
	r->e = e;
	if (e->machine == EM_AARCH64)
		return r; /* nothing to be opened */
	r->d = e->machine == EM_X86_64 ? disasm_get() : NULL;
	if (!r->d) {
		free(r);
		return NULL;
	}
	if (r->d->open(CS_ARCH_X86, CS_MODE_64, &r->cs) != CS_ERR_OK) {
		disasm_put();
		free(r);
		return NULL;
	}
	r->d->option(r->cs, CS_OPT_DETAIL, CS_OPT_ON);
	r->insn = r->d->malloc(r->cs);
	r->ahead = r->d->malloc(r->cs);
	if (!r->insn || !r->ahead) {
		code_reader_free(r);
		return NULL;
	}
	return r;
}

void code_reader_free(struct code_reader *r)
{
	if (!r || !r->d) {
		free(r);
		return;
	}
	if (r->insn)
		r->d->free(r->insn, 1);
	if (r->ahead)
		r->d->free(r->ahead, 1);
	r->d->close(&r->cs);
	disasm_put();
	free(r);
}

/* ---- registers */

/* The number of a register, or of what a part of it belongs to; -1: none that matters here. */
static int reg_of(unsigned reg)
{
	switch (reg) {
	case X86_REG_RDI: case X86_REG_EDI: case X86_REG_DI: case X86_REG_DIL: return 0;
	case X86_REG_RSI: case X86_REG_ESI: case X86_REG_SI: case X86_REG_SIL: return 1;
	case X86_REG_RDX: case X86_REG_EDX: case X86_REG_DX:
	case X86_REG_DL: case X86_REG_DH: return 2;
	case X86_REG_RCX: case X86_REG_ECX: case X86_REG_CX:
	case X86_REG_CL: case X86_REG_CH: return 3;
	case X86_REG_R8: case X86_REG_R8D: case X86_REG_R8W: case X86_REG_R8B: return 4;
	case X86_REG_RBX: case X86_REG_EBX: case X86_REG_BX:
	case X86_REG_BL: case X86_REG_BH: return 5;
	case X86_REG_RBP: case X86_REG_EBP: case X86_REG_BP: case X86_REG_BPL: return 6;
	case X86_REG_R12: case X86_REG_R12D: case X86_REG_R12W: case X86_REG_R12B: return 7;
	case X86_REG_R13: case X86_REG_R13D: case X86_REG_R13W: case X86_REG_R13B: return 8;
	case X86_REG_R14: case X86_REG_R14D: case X86_REG_R14W: case X86_REG_R14B: return 9;
	case X86_REG_R15: case X86_REG_R15D: case X86_REG_R15W: case X86_REG_R15B: return 10;
	default: return -1;
	}
}

/* The bit of a register that a function must give back as it was; 0: another. */
static int saved_of(unsigned reg)
{
	int n = reg_of(reg);

	return n < CODE_ARGS ? 0 : 1 << n;
}

static int is_frame(const struct state *s, unsigned reg)
{
	return reg == X86_REG_RSP || (reg == X86_REG_RBP && s->framed);
}

static int in_group(const cs_insn *insn, unsigned group)
{
	for (int i = 0; i < insn->detail->groups_count; i++)
		if (insn->detail->groups[i] == group)
			return 1;
	return 0;
}

/* The next instruction, unless too many have been read. */
static int decode(struct code_reader *r, const uint8_t **p, size_t *left, uint64_t *va,
		  cs_insn *insn)
{
	return r->insns++ < MAX_INSNS && r->d->disasm_iter(r->cs, p, left, va, insn);
}

/* ---- the state */

static uint16_t bit(int reg)
{
	return (uint16_t)(1u << reg);
}

static void set_known(struct state *s, int reg, uint64_t value)
{
	s->value[reg] = value;
	s->known |= bit(reg);
}

/* After a call, or where another path begins. */
static void forget(struct state *s)
{
	s->known &= PRESERVED;
	s->stack = 0;
	memset(s->entry, 0, CODE_ARGS);
	s->pushed = 0;
}

/* Registers that an instruction writes hold something else from then on; POP ends a function. */
static void forget_written(const struct code_reader *r, const cs_insn *insn, struct state *s)
{
	cs_regs read, written;
	uint8_t nread, nwritten;

	if (r->d->regs_access(r->cs, insn, read, &nread, written, &nwritten) != CS_ERR_OK)
		return;
	for (int i = 0; i < nwritten; i++) {
		int reg = reg_of(written[i]);

		if (reg < 0 || (insn->id == X86_INS_POP && reg >= CODE_ARGS))
			continue;
		s->known &= (uint16_t)~bit(reg);
		s->stack &= (uint16_t)~bit(reg);
		s->entry[reg] = 0;
	}
}

static void learn_lea(const cs_insn *insn, struct state *s, int reg)
{
	const x86_op_mem *m = &insn->detail->x86.operands[1].mem;

	if (m->base == X86_REG_RIP)
		set_known(s, reg, insn->address + insn->size + (uint64_t)m->disp);
	else if (is_frame(s, m->base))
		s->stack |= bit(reg);
}

static void learn_mov(const cs_insn *insn, const struct state *before, struct state *s, int reg)
{
	const cs_x86_op *dst = &insn->detail->x86.operands[0], *src = dst + 1;
	uint64_t mask = dst->size == 8 ? UINT64_MAX : UINT32_MAX;
	int from = src->type == X86_OP_REG ? reg_of(src->reg) : -1;

	if (dst->size < 4)
		return;
	if (dst->size == 8 && from >= 0)
		s->entry[reg] = before->entry[from];
	s->framed |= dst->reg == X86_REG_RBP && src->type == X86_OP_REG && src->reg == X86_REG_RSP;
	if (src->type == X86_OP_IMM)
		set_known(s, reg, (uint64_t)src->imm & mask);
	else if (src->type == X86_OP_REG && is_frame(before, src->reg))
		s->stack |= bit(reg);
	else if (from >= 0 && before->known & bit(from))
		set_known(s, reg, before->value[from] & mask);
	else if (from >= 0 && before->stack & bit(from))
		s->stack |= bit(reg);
}

/* What an instruction puts into a register, if that can be told. */
static void step(const struct code_reader *r, const cs_insn *insn, struct state *s)
{
	const cs_x86 *x = &insn->detail->x86;
	struct state before = *s;
	int reg;

	forget_written(r, insn, s);
	s->pushed = insn->id == X86_INS_PUSH && x->operands[0].type == X86_OP_IMM;
	s->push = s->pushed ? (uint64_t)x->operands[0].imm : 0;
	if (!x->op_count || x->operands[0].type != X86_OP_REG ||
	    (reg = reg_of(x->operands[0].reg)) < 0)
		return;
	if (insn->id == X86_INS_LEA)
		learn_lea(insn, s, reg);
	else if (insn->id == X86_INS_MOV || insn->id == X86_INS_MOVABS)
		learn_mov(insn, &before, s, reg);
	else if (insn->id == X86_INS_XOR && x->operands[1].type == X86_OP_REG &&
		 x->operands[1].reg == x->operands[0].reg)
		set_known(s, reg, 0);
	else if (insn->id == X86_INS_POP && before.pushed)
		set_known(s, reg, before.push);
}

/* ---- calls */

static uint64_t direct_target(const cs_insn *insn)
{
	const cs_x86_op *op = &insn->detail->x86.operands[0];

	return op->type == X86_OP_IMM ? (uint64_t)op->imm : 0;
}

static int add_call(struct code_func *f, const cs_insn *insn, const struct state *s)
{
	struct code_call *c = &f->call[f->ncalls];

	if (f->ncalls == CODE_MAX_CALLS)
		return -1;
	*c = (struct code_call){.va = insn->address,
				.target = direct_target(insn),
				.known = s->known & ((1u << CODE_ARGS) - 1),
				.stack = s->stack & ((1u << CODE_ARGS) - 1)};
	for (int i = 0; i < CODE_ARGS; i++)
		c->entry |= (uint8_t)((s->entry[i] == i + 1) << i);
	memcpy(c->arg, s->value, sizeof(c->arg));
	f->ncalls++;
	return 0;
}

/* From the target of a jump within the function to the next call. */
static int follow(struct code_reader *r, struct code_func *f, uint64_t va, struct state s)
{
	struct elf_part code = elf_rest(r->e, va);
	const uint8_t *p = code.p;

	for (int i = 0; i < CODE_FOLLOW && decode(r, &p, &code.n, &va, r->ahead); i++) {
		if (r->ahead->id == X86_INS_CALL)
			return add_call(f, r->ahead, &s);
		if (in_group(r->ahead, CS_GRP_JUMP) || in_group(r->ahead, CS_GRP_RET))
			return 0;
		step(r, r->ahead, &s);
	}
	return 0;
}

static int on_jump(struct code_reader *r, struct code_func *f, struct state *s)
{
	uint64_t target = direct_target(r->insn);
	int err;

	if (target >= f->start && target < f->end)
		err = follow(r, f, target, *s);
	else
		err = add_call(f, r->insn, s);
	forget(s);
	return err;
}

static int on_instruction(struct code_reader *r, struct code_func *f, struct state *s)
{
	const cs_x86 *x = &r->insn->detail->x86;
	int err;

	if (r->insn->id == X86_INS_CALL) {
		err = add_call(f, r->insn, s);
		forget(s);
		return err;
	}
	if (r->insn->id == X86_INS_JMP)
		return on_jump(r, f, s);
	if (in_group(r->insn, CS_GRP_RET)) {
		forget(s);
		return 0;
	}
	if (x->op_count && x->operands[0].type == X86_OP_MEM &&
	    x->operands[0].access & CS_AC_WRITE && !is_frame(s, x->operands[0].mem.base))
		f->stores++;
	step(r, r->insn, s);
	return 0;
}

/*
 * A part of a function that the compiler put elsewhere has an entry of its own in the unwind table;
 * unlike a function it begins with registers that it has not saved. Returns the registers that may
 * be used from now on, or -1 when one is used that may not.
 */
static int check_saved(const struct code_reader *r, int saved)
{
	const cs_insn *insn = r->insn;
	const cs_x86 *x = &insn->detail->x86;
	cs_regs read, written;
	uint8_t nread, nwritten;

	if (insn->id == X86_INS_PUSH && x->operands[0].type == X86_OP_REG)
		return saved | saved_of(x->operands[0].reg);
	if (insn->id == X86_INS_MOV && x->operands[0].type == X86_OP_MEM &&
	    x->operands[0].mem.base == X86_REG_RSP && x->operands[1].type == X86_OP_REG)
		return saved | saved_of(x->operands[1].reg);
	if (insn->id == X86_INS_NOP || insn->id == X86_INS_ENDBR64 ||
	    r->d->regs_access(r->cs, insn, read, &nread, written, &nwritten) != CS_ERR_OK)
		return saved;
	for (int i = 0; i < nread; i++)
		if (saved_of(read[i]) & ~saved)
			return -1;
	for (int i = 0; i < nwritten; i++)
		saved |= saved_of(written[i]);
	return saved;
}

int code_read(struct code_reader *r, uint64_t start, uint64_t end, struct code_func *f)
{
	struct elf_part code = elf_rest(r->e, start);
	struct state s = {.entry = {1, 2, 3, 4, 5}};
	const uint8_t *p = code.p;
	uint64_t va = start;
	size_t left;
	int saved = 0, n = 0;

	if (!r->d)
		return code_arm64_read(r->e, start, end, f);
	f->start = start;
	f->end = end;
	f->ncalls = f->stores = 0;
	if (end <= start || end - start > code.n || end - start > MAX_FUNC)
		return -1;
	left = end - start;
	while (decode(r, &p, &left, &va, r->insn)) {
		if (saved >= 0 && n++ < MAX_PROLOGUE)
			saved = check_saved(r, saved);
		if (on_instruction(r, f, &s))
			return -1;
	}
	f->is_entry = saved >= 0;
	return left ? -1 : 0;
}

/* ---- functions without an unwind table */

static int is_terminator(unsigned id)
{
	return id == X86_INS_RET || id == X86_INS_JMP;
}

static int is_prologue(const cs_insn *insn)
{
	const cs_x86_op *op = &insn->detail->x86.operands[0];

	return insn->id == X86_INS_ENDBR64 ||
	       (insn->id == X86_INS_PUSH && op->type == X86_OP_REG && saved_of(op->reg));
}

/*
 * Decodes from a presumed start until the function that va is in ends. 1: it has been found, and va
 * is in one of its instructions.
 */
static int bounds_from(struct code_reader *r, uint64_t from, uint64_t va, uint64_t *start,
		       uint64_t *end)
{
	struct elf_part code = elf_rest(r->e, from);
	const uint8_t *p = code.p;
	unsigned last = 0;
	int met = 0;

	*start = from;
	while (decode(r, &p, &code.n, &from, r->insn)) {
		uint64_t at = r->insn->address;

		if (at - *start > MAX_FUNC)
			return 0;
		*end = at;
		if (r->insn->id == X86_INS_INT3)
			return met;
		if (at % 16 == 0 && is_terminator(last) && is_prologue(r->insn)) {
			if (met)
				return 1;
			*start = at;
		}
		met |= va - at < r->insn->size;
		if (at > va && !met)
			return 0;
		last = r->insn->id;
	}
	return 0;
}

int code_bounds(struct code_reader *r, uint64_t va, uint64_t *start, uint64_t *end)
{
	uint64_t from = va & ~15ull;
	const uint8_t *before;
	int tried = 0;

	for (; r->d && va - from < MAX_FUNC && tried < MAX_STARTS; from -= 16) {
		before = elf_va(r->e, from - 1, 1);
		if (!before)
			return 0;
		if (*before != 0xcc)
			continue;
		if (bounds_from(r, from, va, start, end))
			return 1;
		tried++;
	}
	return 0;
}
