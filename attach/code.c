/* code.c - see code.h */
#include <elf.h>
#include "attach/code_arm64.h"
#include "attach/disasm.h"

#define MAX_FUNC (1u << 20)
#define MAX_INSNS 200

static int open_x86(const struct disasm **d, csh *cs)
{
	*d = disasm_get();
	if (!*d)
		return 0;
	if ((*d)->open(CS_ARCH_X86, CS_MODE_64, cs) == CS_ERR_OK)
		return 1;
	disasm_put();
	return 0;
}

static void close_x86(const struct disasm *d, csh *cs, cs_insn *insn)
{
	if (insn)
		d->free(insn, 1);
	d->close(cs);
	disasm_put();
}

static int returns_x86(const struct elf_part *code, uint64_t ret[CODE_MAX_RETURNS])
{
	const uint8_t *p = code->p;
	uint64_t va = code->va;
	size_t left = code->n;
	const struct disasm *d;
	cs_insn *insn;
	csh cs;
	int n = 0;

	if (!open_x86(&d, &cs))
		return -1;
	insn = d->malloc(cs);
	while (insn && n < CODE_MAX_RETURNS && d->disasm_iter(cs, &p, &left, &va, insn))
		if (insn->id == X86_INS_RET)
			ret[n++] = insn->address;
	close_x86(d, &cs, insn);
	return left || n == CODE_MAX_RETURNS ? -1 : n;
}

int code_returns(const struct elf *e, uint64_t start, uint64_t end, uint64_t ret[CODE_MAX_RETURNS])
{
	struct elf_part code = elf_rest(e, start);

	if (end <= start || end - start > code.n || end - start > MAX_FUNC)
		return -1;
	code.n = end - start;
	if (e->machine == EM_X86_64)
		return returns_x86(&code, ret);
	return e->machine == EM_AARCH64 ? code_arm64_returns(&code, ret) : -1;
}

/* The address that an instruction makes: lea disp(%rip), r; or mov $imm, r in code without PIC. */
static uint64_t address_of(const cs_insn *insn)
{
	const cs_x86 *x = &insn->detail->x86;
	const cs_x86_op *src = &x->operands[1];

	if (x->op_count != 2 || x->operands[0].type != X86_OP_REG)
		return 0;
	if (insn->id == X86_INS_LEA && src->mem.base == X86_REG_RIP)
		return insn->address + insn->size + (uint64_t)src->mem.disp;
	if (insn->id == X86_INS_MOV && src->type == X86_OP_IMM)
		return (uint64_t)src->imm;
	return 0;
}

size_t code_addresses(const struct elf *e, uint64_t start, uint64_t *out, size_t max)
{
	struct elf_part code = elf_rest(e, start);
	const uint8_t *p = code.p;
	uint64_t va = code.va;
	const struct disasm *d;
	cs_insn *insn;
	size_t n = 0;
	csh cs;

	if (e->machine == EM_AARCH64)
		return code_arm64_addresses(e, start, out, max);
	if (e->machine != EM_X86_64 || !p || !open_x86(&d, &cs))
		return 0;
	d->option(cs, CS_OPT_DETAIL, CS_OPT_ON);
	insn = d->malloc(cs);
	for (int i = 0; insn && i < MAX_INSNS && n < max; i++) {
		if (!d->disasm_iter(cs, &p, &code.n, &va, insn))
			break;
		if ((out[n] = address_of(insn)))
			n++;
	}
	close_x86(d, &cs, insn);
	return n;
}

/* ---- raw search */

/* Where an address is in a list; n: nowhere. */
static size_t index_of(const uint64_t *addr, size_t n, uint64_t va)
{
	size_t i = 0;

	while (i < n && addr[i] != va)
		i++;
	return i;
}

struct refs {
	const uint64_t *addr;
	size_t n;
	struct code_ref *out;
	size_t max, found;
};

static void add_ref(struct refs *r, uint64_t va, uint64_t target)
{
	size_t i = index_of(r->addr, r->n, target);

	if (i < r->n && r->found < r->max)
		r->out[r->found++] = (struct code_ref){va, i};
}

/* 8d /r with mod 00, rm 101: lea disp32(%rip) */
static void scan_lea(const struct elf_part *code, struct refs *r)
{
	const uint8_t *p = code->p, *end = code->p + code->n;

	while (end - p >= 6 && (p = memchr(p, 0x8d, (size_t)(end - p) - 5))) {
		if ((p[1] & 0xc7) == 0x05) {
			uint64_t va = code->va + (uint64_t)(p + 2 - code->p);

			add_ref(r, va, va + 4 + (uint64_t)(int64_t)(int32_t)elf_u32(p + 2));
		}
		p++;
	}
}

/* b8+r: mov $imm32, r */
static void scan_mov(const struct elf_part *code, struct refs *r)
{
	const uint8_t *p = code->p, *end = code->p + code->n;

	for (; end - p >= 5; p++)
		if ((p[0] & 0xf8) == 0xb8)
			add_ref(r, code->va + (uint64_t)(p + 1 - code->p), elf_u32(p + 1));
}

size_t code_refs(const struct elf *e, const uint64_t *addr, size_t n, struct code_ref *out,
		 size_t max)
{
	struct refs r = {addr, n, out, max, 0};

	if (e->machine == EM_AARCH64)
		return code_arm64_refs(e, addr, n, out, max);
	for (size_t i = 0; i < e->nsegs && e->machine == EM_X86_64; i++) {
		struct elf_part code = elf_segment(e, i);

		if (!(e->seg[i].flags & PF_X))
			continue;
		scan_lea(&code, &r);
		if (e->type == ET_EXEC)
			scan_mov(&code, &r);
	}
	return r.found;
}

size_t code_callers(const struct elf *e, uint64_t addr, struct code_ref *out, size_t max)
{
	struct refs r = {&addr, 1, out, max, 0};

	if (e->machine == EM_AARCH64)
		return code_arm64_callers(e, addr, out, max);
	for (size_t i = 0; i < e->nsegs && e->machine == EM_X86_64; i++) {
		struct elf_part code = elf_segment(e, i);
		const uint8_t *p = code.p, *end = code.p + code.n;

		/* e8, e9: call, jmp */
		for (; (e->seg[i].flags & PF_X) && end - p >= 5; p++)
			if ((p[0] & 0xfe) == 0xe8) {
				uint64_t va = code.va + (uint64_t)(p + 1 - code.p);

				add_ref(&r, va,
					va + 4 + (uint64_t)(int64_t)(int32_t)elf_u32(p + 1));
			}
	}
	return r.found;
}
