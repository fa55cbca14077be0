/* tlsentry.c - see tlsentry.h */
#include <elf.h>
#include <stdlib.h>
#include "attach/code_arm64.h"
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
	if ((p[n] != 0x49 && p[n] != 0x4d) || p[n + 1] != 0x3b || p[n + 2] != 0x66 ||
	    p[n + 3] != 0x10)
		return va;
	n += 4;
	return p[n] == 0x76 || (p[n] == 0x0f && p[n + 1] == 0x86) ? va + n : va;
}

uint64_t tlsentry_place(const struct elf *e, uint64_t va, int go)
{
	if (e->machine == EM_AARCH64)
		return go ? code_arm64_go_check(e, va) : va;
	if (e->machine != EM_X86_64)
		return va;
	return go ? go_check(e, va) : skip_endbr(e, va);
}

static int is_cheap(const struct elf *e, uint64_t va)
{
	const uint8_t *p = elf_va(e, va, 4);

	if (e->machine == EM_AARCH64)
		return p && code_arm64_is_emulated(elf_u32(p));
	p = elf_va(e, skip_endbr(e, va), 2);
	return p && is_emulated(p);
}

/*
 * The function that the one at va hands stream and buffer to as it got them, with the address of a
 * local variable in this argument, or with what it got in it itself (ex). 0: none, or more than
 * one.
 */
static uint64_t called_with(struct code_reader *r, const struct elf *e, uint64_t va, int ex,
			    int arg, struct code_func *f)
{
	uint64_t start, end, found = 0;

	if (!elf_func(e, va, &start, &end) || start != va || code_read(r, start, end, f))
		return 0;
	for (int i = 0; i < f->ncalls; i++) {
		const struct code_call *c = &f->call[i];

		if (!c->target || (c->entry & 3) != 3 || !((ex ? c->entry : c->stack) & 1u << arg))
			continue;
		if (found && found != c->target)
			return 0;
		found = c->target;
	}
	return found;
}

/* Functions as an application calls them, and the one within, with the argument that tells n. */
static const struct inner {
	int outer, ex, within, arg;
} inners[] = {
	{SSL_READ, SSL_READ_EX, SSL_READ_INTERNAL, 3},
	{SSL_WRITE, SSL_WRITE_EX, SSL_WRITE_INTERNAL, 3},
	/* with flags; SSL_write_ex calls SSL_write_ex2 then */
	{SSL_WRITE, SSL_WRITE_EX2, SSL_WRITE_INTERNAL2, 4},
};

#define N_INNERS (sizeof(inners) / sizeof(inners[0]))

/* Functions that may only call another, with the same stream, buffer and size. */
static const struct {
	int outer, other;
} forwards[] = {
	{SSL_WRITE_EX, SSL_WRITE_EX2},
	{GNUTLS_SEND, GNUTLS_SEND2},
};

#define N_FORWARDS (sizeof(forwards) / sizeof(forwards[0]))

static void take_inner(struct code_reader *r, const struct elf *e, struct tlsbin_find *find,
		       const struct inner *i, struct code_func *f)
{
	uint64_t within = called_with(r, e, find->va[i->outer], 0, i->arg, f);

	if (!within || called_with(r, e, find->va[i->ex], 1, i->arg, f) != within)
		return;
	find->va[i->within] = within;
	find->va[i->outer] = find->va[i->ex] = 0;
}

/* Does the function at va do nothing but call the other one? */
static int only_calls(struct code_reader *r, const struct elf *e, uint64_t va, uint64_t other,
		      struct code_func *f)
{
	uint64_t start, end;

	return elf_func(e, va, &start, &end) && start == va && !code_read(r, start, end, f) &&
	       f->ncalls == 1 && !f->stores && (f->call->entry & 7) == 7 && f->call->target &&
	       (f->call->target == other || elf_plt(e, f->call->target) == other);
}

void tlsentry_inner(struct elf *e, struct tlsbin_find *find)
{
	struct code_func f = {.call = calloc(CODE_MAX_CALLS, sizeof(*f.call))};
	struct code_reader *r = f.call ? code_reader_new(e) : NULL;

	for (size_t i = 0; r && i < N_FORWARDS; i++) {
		uint64_t *va = &find->va[forwards[i].outer], other = find->va[forwards[i].other];

		if (!*va || !other || is_cheap(e, *va))
			continue;
		elf_index_funcs(e);
		if (only_calls(r, e, *va, other, &f))
			*va = 0;
	}
	for (size_t i = 0; r && i < N_INNERS; i++)
		if (find->va[inners[i].outer] && find->va[inners[i].ex]) {
			elf_index_funcs(e);
			take_inner(r, e, find, &inners[i], &f);
		}
	code_reader_free(r);
	free(f.call);
}
