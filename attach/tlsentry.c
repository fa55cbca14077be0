/* tlsentry.c - see tlsentry.h */
#include <elf.h>
#include <stdlib.h>
#include "attach/code.h"
#include "attach/tlsentry.h"

static const uint8_t endbr64[] = {0xf3, 0x0f, 0x1e, 0xfa};

/* Does the kernel emulate the instruction (arch/x86/kernel/uprobes.c, for many versions)? */
static int is_emulated(const uint8_t *p)
{
	switch (p[0]) {
	case 0x41: return (p[1] & 0xf8) == 0x50; /* push r8 to r15 */
	case 0x0f: return (p[1] & 0xf0) == 0x80; /* jcc rel32 */
	case 0xe8: case 0xe9: case 0xeb: case 0x90: return 1; /* call, jmp, nop */
	default: return (p[0] & 0xf8) == 0x50 || (p[0] & 0xf0) == 0x70; /* push, jcc rel8 */
	}
}

static uint64_t skip_endbr(const struct elf *e, uint64_t va)
{
	const uint8_t *p = elf_va(e, va, sizeof(endbr64) + 2);

	if (p && !memcmp(p, endbr64, sizeof(endbr64)) && is_emulated(p + sizeof(endbr64)))
		return va + sizeof(endbr64);
	return va;
}

/*
 * A function of Go compares the stack pointer, less the size of a large frame, with the goroutine's
 * limit, and jumps where it must grow the stack: lea -N(%rsp),%r12; cmp 0x10(%r14),%r12; jbe.
 */
static uint64_t go_check(const struct elf *e, uint64_t va)
{
	const uint8_t *p = elf_va(e, va, 20);
	size_t n = 0;

	if (!p)
		return va;
	if (p[0] == 0x4c && p[1] == 0x8d && p[2] == 0x64 && p[3] == 0x24)
		n = 5;
	else if (p[0] == 0x4c && p[1] == 0x8d && p[2] == 0xa4 && p[3] == 0x24)
		n = 8;
	if ((p[n] != 0x49 && p[n] != 0x4d) || p[n + 1] != 0x3b || p[n + 2] != 0x66 || p[n + 3] != 0x10)
		return va;
	n += 4;
	return p[n] == 0x76 || (p[n] == 0x0f && p[n + 1] == 0x86) ? va + n : va;
}

uint64_t tlsentry_place(const struct elf *e, uint64_t va, int go)
{
	if (e->machine != EM_X86_64)
		return va;
	return go ? go_check(e, va) : skip_endbr(e, va);
}

static int is_cheap(const struct elf *e, uint64_t va)
{
	const uint8_t *p = elf_va(e, skip_endbr(e, va), 2);

	return p && is_emulated(p);
}

/*
 * The function that the one at va hands stream and buffer to as it got them, with the address of a
 * local variable, or of one of its caller's (ex), in the fourth argument or, with flags before it,
 * the fifth. *arg: which. 0: none, or more than one.
 */
static uint64_t called_with(struct code_reader *r, const struct elf *e, uint64_t va, int ex, int *arg,
			    struct code_func *f)
{
	uint64_t start, end, found = 0;

	if (!elf_func(e, va, &start, &end) || start != va || code_read(r, start, end, f))
		return 0;
	for (int i = 0; i < f->ncalls; i++) {
		const struct code_call *c = &f->call[i];
		unsigned bits = ex ? c->entry : c->stack;

		if (!c->target || (c->entry & 3) != 3 || !(bits & 0x18))
			continue;
		if (found && found != c->target)
			return 0;
		found = c->target;
		*arg = bits & 0x10 && !(bits & 0x08) ? 4 : 3;
	}
	return found;
}

static void take_inner(struct code_reader *r, const struct elf *e, struct tlsbin_find *find, int outer,
		       struct code_func *f)
{
	int arg = 0, arg_ex = 0, write = outer == SSL_WRITE;
	uint64_t inner, ex = find->va[outer + 1]; /* ..._ex follows */

	if (!find->va[outer] || !ex || is_cheap(e, find->va[outer]))
		return;
	inner = called_with(r, e, find->va[outer], 0, &arg, f);
	if (!inner || !is_cheap(e, inner) || called_with(r, e, ex, 1, &arg_ex, f) != inner)
		return;
	if (arg == 4 && !write)
		return;
	find->va[!write ? SSL_READ_INTERNAL : arg == 4 ? SSL_WRITE_INTERNAL2 : SSL_WRITE_INTERNAL] = inner;
	find->va[outer] = find->va[outer + 1] = 0;
	if (write)
		find->va[SSL_WRITE_EX2] = 0; /* the outer one of those, where there is one */
}

void tlsentry_inner(const struct elf *e, struct tlsbin_find *find)
{
	struct code_func f = {.call = calloc(CODE_MAX_CALLS, sizeof(*f.call))};
	struct code_reader *r = f.call ? code_reader_new(e) : NULL;

	if (r) {
		take_inner(r, e, find, SSL_READ, &f);
		take_inner(r, e, find, SSL_WRITE, &f);
	}
	code_reader_free(r);
	free(f.call);
}
