/* code.c - see code.h */
#include <capstone/capstone.h>
#include <elf.h>
#include "attach/code.h"

#define ARM64_RET 0xd65f03c0u
#define MAX_FUNC (1u << 20)
#define MAX_INSNS 200

static int returns_arm64(const struct elf_part *code, uint64_t ret[CODE_MAX_RETURNS])
{
	int n = 0;

	for (size_t i = 0; i + 4 <= code->n; i += 4)
		if (elf_u32(code->p + i) == ARM64_RET) {
			if (n == CODE_MAX_RETURNS)
				return -1;
			ret[n++] = code->va + i;
		}
	return n;
}

static int returns_x86(const struct elf_part *code, uint64_t ret[CODE_MAX_RETURNS])
{
	const uint8_t *p = code->p;
	uint64_t va = code->va;
	size_t left = code->n;
	cs_insn *insn;
	csh cs;
	int n = 0;

	if (cs_open(CS_ARCH_X86, CS_MODE_64, &cs) != CS_ERR_OK)
		return -1;
	insn = cs_malloc(cs);
	while (insn && n < CODE_MAX_RETURNS && cs_disasm_iter(cs, &p, &left, &va, insn))
		if (insn->id == X86_INS_RET)
			ret[n++] = insn->address;
	if (insn)
		cs_free(insn, 1);
	cs_close(&cs);
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
	return e->machine == EM_AARCH64 ? returns_arm64(&code, ret) : -1;
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
	cs_insn *insn;
	size_t n = 0;
	csh cs;

	if (e->machine != EM_X86_64 || !p || cs_open(CS_ARCH_X86, CS_MODE_64, &cs) != CS_ERR_OK)
		return 0;
	cs_option(cs, CS_OPT_DETAIL, CS_OPT_ON);
	insn = cs_malloc(cs);
	for (int i = 0; insn && i < MAX_INSNS && n < max; i++) {
		if (!cs_disasm_iter(cs, &p, &code.n, &va, insn))
			break;
		if ((out[n] = address_of(insn)))
			n++;
	}
	if (insn)
		cs_free(insn, 1);
	cs_close(&cs);
	return n;
}
