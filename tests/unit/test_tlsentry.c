/*
 * Where in a function a probe costs least, and which internal functions are taken for outer ones.
 */
#include <stdlib.h>

#include "attach/tlsentry.h"
#include "tests/unit/elf_image.h"
#include "tests/unit/tap.h"

#define CHECK(cond, ...) tap_ok(!!(cond), __FILE__, __VA_ARGS__)
#define OCTETS(s) s, sizeof(s) - 1
#define ENDBR "\xf3\x0f\x1e\xfa"

/* ---- places */

struct code {
	const char *what, *octets;
	uint32_t n, place; /* relative to the function */
};

/* The place of a function with these octets and nothing but NOPs, or the file's end, behind it. */
static uint32_t place_of(const struct code *c, int go, int at_end, uint16_t machine)
{
	static struct image m;
	uint32_t at, length, place;
	struct elf e;
	void *copy;

	image_begin(&m);
	at = image_func(&m);
	image_octets(&m, c->octets, c->n);
	length = m.at;
	memset(m.p + m.at, 0x90, 64);
	m.at += 64;
	image_end(&m);
	((Elf64_Ehdr *)(void *)m.p)->e_machine = machine;
	if (at_end)
		((Elf64_Phdr *)(void *)(m.p + sizeof(Elf64_Ehdr)))->p_filesz = length;
	else
		length = m.at;
	copy = malloc(length);
	memcpy(copy, m.p, length);
	CHECK(!elf_init(&e, copy, length), "%s: a file", c->what);
	place = (uint32_t)tlsentry_place(&e, at, go) - at;
	elf_close(&e);
	free(copy);
	return place;
}

static void check_places(const struct code *t, size_t n, int go)
{
	for (size_t i = 0; i < n; i++)
		CHECK(place_of(&t[i], go, 0, EM_X86_64) == t[i].place, "%s", t[i].what);
}

static void test_endbr(void)
{
	static const struct code t[] = {
		{"push %rbp", OCTETS("\x55"), 0},
		{"sub $8, %rsp", OCTETS("\x48\x83\xec\x08"), 0},
		{"endbr64; push %rax", OCTETS(ENDBR "\x50"), 4},
		{"endbr64; push %rdi", OCTETS(ENDBR "\x57"), 4},
		{"endbr64; push %r8", OCTETS(ENDBR "\x41\x50"), 4},
		{"endbr64; push %r15", OCTETS(ENDBR "\x41\x57"), 4},
		{"endbr64; pop %r8", OCTETS(ENDBR "\x41\x58"), 0},
		{"endbr64; mov $0, %r8d", OCTETS(ENDBR "\x41\xb8\0\0\0\0"), 0},
		{"endbr64; push with REX.W", OCTETS(ENDBR "\x48\x50"), 0},
		{"endbr64; push of 16 bits", OCTETS(ENDBR "\x66\x50"), 0},
		{"endbr64; push $1", OCTETS(ENDBR "\x6a\x01"), 0},
		{"endbr64; pop %rax", OCTETS(ENDBR "\x58"), 0},
		{"endbr64; call", OCTETS(ENDBR "\xe8\0\0\0\0"), 4},
		{"endbr64; jmp rel32", OCTETS(ENDBR "\xe9\0\0\0\0"), 4},
		{"endbr64; jmp rel8", OCTETS(ENDBR "\xeb\x02"), 4},
		{"endbr64; jo rel8", OCTETS(ENDBR "\x70\x02"), 4},
		{"endbr64; jg rel8", OCTETS(ENDBR "\x7f\x02"), 4},
		{"endbr64; jo rel32", OCTETS(ENDBR "\x0f\x80\0\0\0\0"), 4},
		{"endbr64; jg rel32", OCTETS(ENDBR "\x0f\x8f\0\0\0\0"), 4},
		{"endbr64; jrcxz", OCTETS(ENDBR "\xe3\x02"), 0},
		{"endbr64; loop", OCTETS(ENDBR "\xe2\x02"), 0},
		{"endbr64; jmp *%rax", OCTETS(ENDBR "\xff\xe0"), 0},
		{"endbr64; bnd jmp", OCTETS(ENDBR "\xf2\xe9\0\0\0\0"), 0},
		{"endbr64; ret", OCTETS(ENDBR "\xc3"), 0},
		{"endbr64; nop", OCTETS(ENDBR "\x90"), 4},
		{"endbr64; nop of two octets", OCTETS(ENDBR "\x66\x90"), 0},
		{"endbr64; nop of four octets", OCTETS(ENDBR "\x0f\x1f\x40\x00"), 0},
		{"endbr64; cmove", OCTETS(ENDBR "\x0f\x44\xc1"), 0},
		{"endbr64; sete", OCTETS(ENDBR "\x0f\x94\xc0"), 0},
		{"endbr64; sub $8, %rsp", OCTETS(ENDBR "\x48\x83\xec\x08"), 0},
		{"endbr64; mov %fs:0x28, %rax", OCTETS(ENDBR "\x64\x48\x8b\x04\x25\x28\0\0\0"), 0},
		{"endbr64; endbr64; push", OCTETS(ENDBR ENDBR "\x55"), 0},
		{"endbr32; push", OCTETS("\xf3\x0f\x1e\xfb\x55"), 0},
		{"rdsspq; push", OCTETS("\xf3\x48\x0f\x1e\xc8\x55"), 0},
		{"Go's check in a function that is none", OCTETS("\x49\x3b\x66\x10\x76\x20"), 0},
	};

	check_places(t, sizeof(t) / sizeof(t[0]), 0);
	CHECK(place_of(&t[2], 0, 0, EM_AARCH64) == 0, "another machine");
}

#define LEA8 "\x4c\x8d\x64\x24\xa8"		   /* lea -0x58(%rsp), %r12 */
#define LEA32 "\x4c\x8d\xa4\x24\x48\xff\xff\xff"   /* lea -0xb8(%rsp), %r12 */
#define CMP_SP "\x49\x3b\x66\x10"		   /* cmp 0x10(%r14), %rsp */
#define CMP_R12 "\x4d\x3b\x66\x10"		   /* cmp 0x10(%r14), %r12 */
#define JBE8 "\x76\x20"
#define JBE32 "\x0f\x86\x20\x01\0\0"

static void test_go(void)
{
	static const struct code t[] = {
		{"Go: small frame, jbe rel8", OCTETS(CMP_SP JBE8), 4},
		{"Go: small frame, jbe rel32", OCTETS(CMP_SP JBE32), 4},
		{"Go: larger frame, jbe rel8", OCTETS(LEA8 CMP_R12 JBE8), 9},
		{"Go: larger frame, jbe rel32", OCTETS(LEA8 CMP_R12 JBE32), 9},
		{"Go: lea with 32 bits, jbe rel8", OCTETS(LEA32 CMP_R12 JBE8), 12},
		{"Go: lea with 32 bits, jbe rel32", OCTETS(LEA32 CMP_R12 JBE32), 12},
		{"Go: no check of the stack", OCTETS("\x55\x48\x89\xe5"), 0},
		{"Go: another comparison", OCTETS("\x49\x3b\x66\x18" JBE8), 0},
		{"Go: another jump", OCTETS(CMP_SP "\x77\x20"), 0},
		{"Go: another jump rel32", OCTETS(CMP_SP "\x0f\x87\0\0\0\0"), 0},
		{"Go: lea and no comparison", OCTETS(LEA8 JBE8), 0},
		{"Go: lea into another register", OCTETS("\x4c\x8d\x6c\x24\xa8" CMP_R12 JBE8), 0},
		{"Go: endbr64", OCTETS(ENDBR "\x55"), 0},
	};

	check_places(t, sizeof(t) / sizeof(t[0]), 1);
	CHECK(place_of(&t[0], 1, 0, EM_AARCH64) == 0, "Go: another machine");
}

#define LDR_LIMIT "\x90\x0b\x40\xf9" /* ldr x16, [x28, #16] */
#define BLS "\x69\x01\0\x54"
#define NOT_BLS "\x68\x01\0\x54"

static void test_arm64(void)
{
	static const struct code go[] = {
		{"arm64 Go: small frame", OCTETS(LDR_LIMIT "\xff\x63\x30\xeb" BLS), 8},
		{"arm64 Go: larger frame", OCTETS(LDR_LIMIT "\xf1\x83\x02\xd1\x3f\x02\x10\xeb" BLS),
		 12},
		{"arm64 Go: another branch", OCTETS(LDR_LIMIT "\xff\x63\x30\xeb" NOT_BLS), 0},
		{"arm64 Go: another comparison", OCTETS(LDR_LIMIT "\xff\x63\x31\xeb" BLS), 0},
		{"arm64 Go: no check of the stack", OCTETS("\xfe\x0f\x1e\xf8" BLS BLS BLS), 0},
	};

	for (size_t i = 0; i < sizeof(go) / sizeof(go[0]); i++)
		CHECK(place_of(&go[i], 1, 0, EM_AARCH64) == go[i].place, "%s", go[i].what);
	CHECK(place_of(&go[1], 1, 1, EM_AARCH64) == 12, "arm64 Go: the file ends behind it");
	CHECK(place_of(&go[0], 0, 0, EM_AARCH64) == 0, "arm64: a function that is not of Go");
}

/* Never beyond the segment's end: the copy of the file ends there, and the sanitizer watches. */
static void test_cut(void)
{
	static const struct code c = {"cut", OCTETS(ENDBR "\x41\x57\x90"), 4};
	static const struct code g = {"Go: cut", OCTETS(LEA32 CMP_R12 JBE32 "\x90\x90"), 12};
	struct code part;

	for (uint32_t n = 1; n <= c.n; n++) {
		part = (struct code){c.what, c.octets, n, 0};
		CHECK(place_of(&part, 0, 1, EM_X86_64) == (n < 6 ? 0 : 4), "cut after %u octets",
		      n);
	}
	for (uint32_t n = 1; n <= g.n; n++) {
		part = (struct code){g.what, g.octets, n, 0};
		CHECK(place_of(&part, 1, 1, EM_X86_64) == (n < 20 ? 0 : 12),
		      "Go: cut after %u octets", n);
	}
}

/* ---- internal functions */

/* What is unlike OpenSSL as it comes. */
enum {
	AS_IT_IS, WITH_ENDBR, OUTER_PUSHES, EX_CALLS_ANOTHER, EX_CHANGES_ARGUMENT, INNER_SUBTRACTS,
	CALLS_TWO, OTHER_BUFFER, NO_EX, FLAGS, FLAGS_TO_EX, NO_TABLE,
};

struct openssl {
	uint32_t inner, other, outer, ex, ex2;
};

static void begin(struct image *m, int kind, const char *octets, uint32_t n)
{
	if (kind == WITH_ENDBR)
		IMAGE_CODE_OF(m, ENDBR);
	image_octets(m, octets, n);
}

/* f(s, buf, num): rcx or, with flags, r8 is the address of a local variable. */
static uint32_t make_outer(struct image *m, const struct openssl *o, int kind)
{
	uint32_t at = image_func(m);

	if (kind == OUTER_PUSHES)
		begin(m, kind, OCTETS("\x53"));
	/* sub $0x18, %rsp; movslq %edx, %rdx */
	begin(m, kind, OCTETS("\x48\x83\xec\x18\x48\x63\xd2"));
	if (kind == OTHER_BUFFER)
		IMAGE_CODE_OF(m, "\x48\x8b\x36"); /* mov (%rsi), %rsi */
	if (kind == FLAGS || kind == FLAGS_TO_EX)
		/* xor %ecx, %ecx; lea 8(%rsp), %r8 */
		IMAGE_CODE_OF(m, "\x31\xc9\x4c\x8d\x44\x24\x08");
	else
		IMAGE_CODE_OF(m, "\x48\x8d\x4c\x24\x08"); /* lea 8(%rsp), %rcx */
	if (kind == CALLS_TWO) {
		IMAGE_CODE_OF(m, "\x74\x05"); /* je behind the call */
		image_call(m, o->other);
	}
	image_call(m, o->inner);
	IMAGE_CODE_OF(m, "\x48\x83\xc4\x18\xc3");
	return at;
}

/* f(s, buf, num, ..., readbytes), which only makes a negative result zero. */
static uint32_t make_ex(struct image *m, uint32_t inner, int kind, const char *change, uint32_t n)
{
	uint32_t at = image_func(m);

	begin(m, kind, OCTETS("\x48\x83\xec\x08"));
	image_octets(m, change, n);
	image_call(m, inner);
	IMAGE_CODE_OF(m, "\x48\x83\xc4\x08\xc3");
	return at;
}

static uint32_t make_file(struct image *m, struct openssl *o, int kind)
{
	image_begin(m);
	o->other = image_func(m);
	IMAGE_CODE_OF(m, "\x53\x5b\xc3");
	o->inner = image_func(m);
	if (kind == INNER_SUBTRACTS)
		IMAGE_CODE_OF(m, "\x48\x83\xec\x08\x48\x83\xc4\x08\xc3");
	else
		begin(m, kind, OCTETS("\x41\x56\x41\x5e\xc3")); /* push %r14; pop %r14; ret */
	o->outer = make_outer(m, o, kind);
	if (kind == EX_CHANGES_ARGUMENT) /* lea 8(%rsp), %rcx */
		o->ex = make_ex(m, o->inner, kind, OCTETS("\x48\x8d\x4c\x24\x08"));
	else if (kind ==
		 FLAGS) /* mov %rcx, %r8; xor %ecx, %ecx; SSL_write_ex2's place in the table */
		o->ex = make_ex(m, o->other, kind, OCTETS("\x49\x89\xc8\x31\xc9"));
	else
		o->ex = make_ex(m, kind == EX_CALLS_ANOTHER ? o->other : o->inner, kind, "", 0);
	o->ex2 = kind == FLAGS_TO_EX ? 0 : make_ex(m, o->inner, kind, "", 0);
	return image_end(m);
}

/* tlsentry_inner of a file in which both reading and writing are as made, or only one of them. */
static void find_inner(int kind, struct openssl *o, struct tlsbin_find *f, int writes)
{
	static struct image m;
	uint32_t length = make_file(&m, o, kind);
	struct elf e;

	if (kind == NO_TABLE)
		((Elf64_Ehdr *)(void *)m.p)->e_phnum = 1;
	*f = (struct tlsbin_find){.how = "symbols"};
	f->va[writes ? SSL_WRITE : SSL_READ] = o->outer;
	if (kind != NO_EX)
		f->va[writes ? SSL_WRITE_EX : SSL_READ_EX] = o->ex;
	if (writes && (kind == FLAGS || kind == FLAGS_TO_EX))
		f->va[SSL_WRITE_EX2] = o->ex2;
	CHECK(!elf_init(&e, m.p, length), "a file");
	tlsentry_inner(&e, f);
	elf_close(&e);
}

/* Only these three, of all the names, have these addresses. */
static int only(const struct tlsbin_find *f, int a, uint64_t va_a, int b, uint64_t va_b, int c,
		uint64_t va_c)
{
	for (int n = 0; n < TLS_NAMES; n++) {
		uint64_t want = n == a ? va_a : n == b ? va_b : n == c ? va_c : 0;

		if (f->va[n] != want)
			return 0;
	}
	return 1;
}

static void test_taken(void)
{
	static const struct {
		int kind;
		const char *what;
	} t[] = {{AS_IT_IS, "as it comes"}, {WITH_ENDBR, "with endbr64"},
	     {OUTER_PUSHES, "SSL_read begins with push"},
	     {INNER_SUBTRACTS, "the internal function begins with sub"}};
	struct openssl o;
	struct tlsbin_find f;

	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		find_inner(t[i].kind, &o, &f, 0);
		CHECK(only(&f, SSL_READ, 0, SSL_READ_EX, 0, SSL_READ_INTERNAL, o.inner),
		      "%s: ssl_read_internal in place of both", t[i].what);
		find_inner(t[i].kind, &o, &f, 1);
		CHECK(only(&f, SSL_WRITE, 0, SSL_WRITE_EX, 0, SSL_WRITE_INTERNAL, o.inner),
		      "%s: ssl_write_internal in place of both", t[i].what);
	}
	find_inner(FLAGS, &o, &f, 1);
	CHECK(only(&f, SSL_WRITE, 0, SSL_WRITE_EX, o.ex, SSL_WRITE_INTERNAL2, o.inner),
	      "with flags: in place of SSL_write and SSL_write_ex2, SSL_write_ex stays");
}

static void test_left(void)
{
	static const struct {
		int kind;
		const char *what;
	} t[] = {
		{EX_CALLS_ANOTHER, "SSL_read_ex calls another function"},
		{EX_CHANGES_ARGUMENT, "SSL_read_ex hands on another address"},
		{CALLS_TWO, "two functions could be the internal one"},
		{OTHER_BUFFER, "SSL_read hands on another buffer"},
		{FLAGS_TO_EX, "flags, and no SSL_write_ex2"},
		{NO_TABLE, "no table of functions"},
	};
	struct openssl o;
	struct tlsbin_find f;

	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		find_inner(t[i].kind, &o, &f, 0);
		CHECK(only(&f, SSL_READ, o.outer, SSL_READ_EX, o.ex, -1, 0), "left as it is: %s",
		      t[i].what);
		find_inner(t[i].kind, &o, &f, 1);
		CHECK(only(&f, SSL_WRITE, o.outer, SSL_WRITE_EX, o.ex, -1, 0),
		      "writing left as it is: %s", t[i].what);
	}
	find_inner(FLAGS, &o, &f, 0);
	CHECK(only(&f, SSL_READ, o.outer, SSL_READ_EX, o.ex, -1, 0),
	      "reading with flags is unknown");
	find_inner(NO_EX, &o, &f, 0);
	CHECK(only(&f, SSL_READ, o.outer, -1, 0, -1, 0), "no SSL_read_ex to compare with");
}

/* ---- functions that only call another */

enum { JUMPS, CALLS, PUSHES, CHANGES_SIZE, STORES, CALLS_MORE, JUMPS_ELSEWHERE };

/* As gnutls_record_send, which calls gnutls_record_send2 with two more arguments. */
static uint32_t make_forward(struct image *m, int kind, uint32_t other, uint32_t another)
{
	uint32_t at = image_func(m);

	if (kind == PUSHES)
		IMAGE_CODE_OF(m, "\x53\x5b"); /* push %rbx; pop %rbx */
	IMAGE_CODE_OF(m, "\x45\x31\xc0\x31\xc9"); /* xor %r8d, %r8d; xor %ecx, %ecx */
	if (kind == CHANGES_SIZE)
		IMAGE_CODE_OF(m, "\xff\xca"); /* dec %edx */
	if (kind == STORES)
		image_store(m);
	if (kind == CALLS || kind == CALLS_MORE) {
		image_call(m, other);
		if (kind == CALLS_MORE)
			image_call(m, another);
		image_ret(m);
	} else {
		image_relative(m, "\xe9", 1, kind == JUMPS_ELSEWHERE ? another : other);
	}
	return at;
}

static void check_forward(int kind, int outer, int to, const char *what, int stays)
{
	static struct image m;
	struct tlsbin_find f = {.how = "symbols"};
	uint32_t other, another, at, length;
	struct elf e;

	image_begin(&m);
	other = image_func(&m);
	IMAGE_CODE_OF(&m, "\x41\x57\x41\x5f\xc3"); /* push %r15; pop %r15; ret */
	another = image_func(&m);
	image_ret(&m);
	at = make_forward(&m, kind, other, another);
	length = image_end(&m);
	f.va[outer] = at;
	f.va[to] = other;
	CHECK(!elf_init(&e, m.p, length), "a file");
	tlsentry_inner(&e, &f);
	elf_close(&e);
	CHECK(only(&f, outer, stays ? at : 0, to, other, -1, 0), "%s is %sprobed", what,
	      stays ? "" : "not ");
}

static void test_forward(void)
{
	check_forward(JUMPS, GNUTLS_SEND, GNUTLS_SEND2, "what only jumps to another", 0);
	check_forward(CALLS, GNUTLS_SEND, GNUTLS_SEND2, "what only calls another", 0);
	check_forward(JUMPS, SSL_WRITE_EX, SSL_WRITE_EX2, "SSL_write_ex", 0);
	check_forward(PUSHES, GNUTLS_SEND, GNUTLS_SEND2, "what begins with push", 1);
	check_forward(CHANGES_SIZE, GNUTLS_SEND, GNUTLS_SEND2, "what changes the size", 1);
	check_forward(STORES, GNUTLS_SEND, GNUTLS_SEND2, "what stores something", 1);
	check_forward(CALLS_MORE, GNUTLS_SEND, GNUTLS_SEND2, "what calls two", 1);
	check_forward(JUMPS_ELSEWHERE, GNUTLS_SEND, GNUTLS_SEND2, "what jumps elsewhere", 1);
	check_forward(JUMPS, SSL_READ, GNUTLS_SEND2, "another pair", 1);
}

/* ---- the procedure linkage table */

#define PLT_DYNAMIC 0x400
#define PLT_SYMBOLS 0x500
#define PLT_RELOCATIONS 0x600
#define PLT_SLOT 0x700

static void plt_tables(struct image *m, uint32_t target, unsigned type)
{
	Elf64_Phdr *ph = (void *)(m->p + sizeof(Elf64_Ehdr));
	Elf64_Sym *sym = (void *)(m->p + PLT_SYMBOLS);
	Elf64_Rela *rela = (void *)(m->p + PLT_RELOCATIONS);
	const Elf64_Dyn dyn[] = {
		{DT_SYMTAB, {PLT_SYMBOLS}},
		{DT_JMPREL, {PLT_RELOCATIONS}},
		{DT_PLTRELSZ, {2 * sizeof(*rela)}},
		{DT_NULL, {0}},
	};

	memcpy(m->p + PLT_DYNAMIC, dyn, sizeof(dyn));
	((Elf64_Ehdr *)(void *)m->p)->e_phnum = 3;
	ph[2] = (Elf64_Phdr){
		.p_type = PT_DYNAMIC, .p_offset = PLT_DYNAMIC, .p_filesz = sizeof(dyn)};
	sym[1] = (Elf64_Sym){.st_info = STT_FUNC, .st_shndx = SHN_UNDEF};
	sym[2] = (Elf64_Sym){.st_info = STT_FUNC, .st_shndx = 1, .st_value = target};
	rela[0] = (Elf64_Rela){PLT_SLOT, ELF64_R_INFO(1, type), 0};
	rela[1] = (Elf64_Rela){PLT_SLOT + 8, ELF64_R_INFO(2, type), 0};
}

/* What an entry of this form leads to that has the slot of the second relocation. */
static int leads(const char *form, uint32_t n, uint32_t slot, unsigned type, uint16_t machine)
{
	static struct image m;
	uint32_t target, entry, length;
	uint64_t found;
	struct elf e;

	image_begin(&m);
	target = image_func(&m);
	image_ret(&m);
	entry = image_func(&m);
	image_relative(&m, form, n, slot);
	length = image_end(&m);
	plt_tables(&m, target, type);
	((Elf64_Ehdr *)(void *)m.p)->e_machine = machine;
	CHECK(!elf_init(&e, m.p, length), "a file");
	found = elf_plt(&e, entry);
	elf_close(&e);
	return found == target ? 1 : found ? -1 : 0;
}

static void test_plt(void)
{
	uint32_t slot = PLT_SLOT + 8;

	CHECK(leads(OCTETS("\xff\x25"), slot, R_X86_64_JUMP_SLOT, EM_X86_64) == 1, "jmp");
	CHECK(leads(OCTETS("\xf2\xff\x25"), slot, R_X86_64_JUMP_SLOT, EM_X86_64) == 1, "bnd jmp");
	CHECK(leads(OCTETS(ENDBR "\xff\x25"), slot, R_X86_64_JUMP_SLOT, EM_X86_64) == 1,
	      "endbr64; jmp");
	CHECK(leads(OCTETS(ENDBR "\xf2\xff\x25"), slot, R_X86_64_JUMP_SLOT, EM_X86_64) == 1,
	      "endbr64; bnd jmp");
	CHECK(!leads(OCTETS("\xff\x15"), slot, R_X86_64_JUMP_SLOT, EM_X86_64),
	      "a call is no entry");
	CHECK(!leads(OCTETS("\xff\x25"), PLT_SLOT, R_X86_64_JUMP_SLOT, EM_X86_64),
	      "another file's function");
	CHECK(!leads(OCTETS("\xff\x25"), slot + 8, R_X86_64_JUMP_SLOT, EM_X86_64),
	      "a slot of none");
	CHECK(!leads(OCTETS("\xff\x25"), slot, R_X86_64_GLOB_DAT, EM_X86_64), "another relocation");
	CHECK(!leads(OCTETS("\xff\x25"), slot, R_X86_64_JUMP_SLOT, EM_AARCH64), "another machine");
}

int main(void)
{
	test_endbr();
	test_go();
	test_arm64();
	test_cut();
	test_taken();
	test_left();
	test_forward();
	test_plt();
	return tap_done();
}
