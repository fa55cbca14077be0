/*
 * TLS functions in ELF files: names, versions, and what is recognised without symbols and what not.
 */
#include <errno.h>
#include <stdlib.h>

#include "attach/code.h"
#include "attach/tlsbin_priv.h"
#include "tests/unit/elf_image.h"
#include "tests/unit/tap.h"

#define CHECK(cond, ...) tap_ok(!!(cond), __FILE__, __VA_ARGS__)

static void test_names(void)
{
	char err[512] = "";
	int lib = 0, func = 0;

	CHECK(!tlsbin_name("openssl", "SSL_read_ex", &lib, &func, err, sizeof(err)) &&
		      lib == ZC_TLS_OPENSSL && func == ZC_TLS_READ_EX,
	      "openssl:SSL_read_ex");
	CHECK(!tlsbin_name("boringssl", "SSL_free", &lib, &func, err, sizeof(err)) &&
		      lib == ZC_TLS_BORINGSSL && func == ZC_TLS_FREE,
	      "boringssl:SSL_free");
	CHECK(!tlsbin_name("go", "Read", &lib, &func, err, sizeof(err)) && lib == ZC_TLS_GO &&
		      func == ZC_TLS_GO_READ,
	      "go:Read");
	CHECK(!tlsbin_name("go", "crypto/tls.(*Conn).Write", &lib, &func, err, sizeof(err)) &&
		      func == ZC_TLS_GO_WRITE,
	      "go, the whole name");
	CHECK(tlsbin_name("nss", "PR_Read", NULL, NULL, err, sizeof(err)) == -EINVAL &&
		      strstr(err, "'nss'") && strstr(err, "gnutls"),
	      "a wrong library: %s", err);
	CHECK(tlsbin_name("gnutls", "SSL_read", NULL, NULL, err, sizeof(err)) == -EINVAL &&
		      strstr(err, "'SSL_read'") && strstr(err, "gnutls_record_recv"),
	      "a function of another library: %s", err);
	CHECK(tlsbin_name("openssl", "ssl_read_internal", NULL, NULL, err, sizeof(err)) == -EINVAL,
	      "internal names are not for users");
	CHECK(tlsbin_name("go", "", NULL, NULL, err, 8) == -EINVAL && strlen(err) == 7,
	      "a short buffer is filled and ended");
}

static void test_versions(void)
{
	static const struct {
		const char *text, *want;
	} t[] = {
		{"OpenSSL 3.0.19 27 Jan 2026", "OpenSSL 3.0.19"},
		{"OpenSSL 1.1.1w  11 Sep 2023", "OpenSSL 1.1.1w"},
		{"OpenSSL 3.5.0-beta1 25 Mar 2025", "OpenSSL 3.5.0-beta1"},
		{"LibreSSL 3.8.2", "LibreSSL 3.8.2"},
		{"OpenSSL 3's legacy provider failed to load", ""},
		{"OpenSSL default", ""},
		{"OpenSSL 3", ""},
		{"OpenSSL", ""},
	};

	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		char out[48] = "";

		tlsbin_openssl_version(t[i].text, strlen(t[i].text) + 1, out);
		tap_eq_str(out, t[i].want, __FILE__, t[i].text);
		*out = 0;
		CHECK(!tlsbin_openssl_version(t[i].text,
					      strlen(t[i].text) < 10 ? strlen(t[i].text) : 10, out),
		      "cut short it is none");
	}
}

/* ---- BoringSSL */

enum { PEEK_INLINED, PEEK_CALLED, PEEK_AMBIGUOUS, WRITE_TWICE };

struct boring {
	uint32_t put, read, write, handshake, free_, length;
};

static void boring_site(struct image *m, const struct boring *b, uint32_t file, uint32_t reason,
			uint32_t line)
{
	image_put_error(m, b->put, 16, 0, reason, file, line);
}

/* SSL_new and what it calls; returns the stream's destructor. */
static uint32_t make_new(struct image *m, const struct boring *b, uint32_t file)
{
	uint32_t config, stream, alloc;

	alloc = image_func(m);
	image_ret(m);
	config = image_func(m);
	IMAGE_CODE_OF(m, "\xff\x10\xc3"); /* call *(%rax) */
	stream = image_func(m);
	IMAGE_CODE_OF(m, "\xff\x10");
	image_call(m, config);
	image_ret(m);
	image_func(m);
	IMAGE_CODE_OF(m, "\xbf\xa8\0\0\0"); /* mov $0xa8, %edi */
	image_call(m, alloc);
	image_call(m, config);
	image_call(m, stream);
	boring_site(m, b, file, 185, 500);
	image_ret(m);
	return stream;
}

/* SSL_peek's site, then (reads) writing to the stream's state. */
static uint32_t make_peek(struct image *m, const struct boring *b, uint32_t file, int reads)
{
	uint32_t at = image_func(m);

	boring_site(m, b, file, 66, 940);
	if (reads)
		image_store(m);
	image_ret(m);
	return at;
}

static uint32_t make_write(struct image *m, const struct boring *b, uint32_t file)
{
	uint32_t at = image_func(m);

	boring_site(m, b, file, 66, 962);
	boring_site(m, b, file, 226, 967);
	boring_site(m, b, file, 215, 982);
	image_ret(m);
	return at;
}

static void make_boring(struct image *m, struct boring *b, int kind)
{
	uint32_t file, peek;

	image_begin(m);
	file = image_string(m, "external/boringssl/ssl/ssl_lib.cc");
	b->put = image_func(m);
	image_ret(m);
	b->free_ = make_new(m, b, file);
	b->handshake = image_func(m);
	boring_site(m, b, file, 134, 731);
	image_ret(m);
	image_func(m); /* ssl_read_impl */
	boring_site(m, b, file, 226, 846);
	boring_site(m, b, file, 215, 879);
	image_store(m);
	image_ret(m);
	peek = make_peek(m, b, file, kind != PEEK_CALLED);
	b->read = kind == PEEK_AMBIGUOUS ? 0 : peek;
	if (kind == PEEK_AMBIGUOUS)
		make_peek(m, b, file, 1);
	if (kind == PEEK_CALLED) {
		b->read = image_func(m);
		image_call(m, peek);
		image_store(m);
		image_ret(m);
		image_func(m); /* uses it, but is not SSL_read */
		image_call(m, peek);
		image_ret(m);
	}
	b->write = make_write(m, b, file);
	if (kind == WRITE_TWICE)
		make_write(m, b, file);
	image_func(m); /* SSL_shutdown */
	boring_site(m, b, file, 226, 1030);
	boring_site(m, b, file, 291, 1078);
	image_ret(m);
	b->length = image_end(m);
}

static int point_of(const struct tlsbin *b, int func, uint32_t *n)
{
	int at = 0;

	*n = 0;
	for (size_t i = 0; i < b->npoints; i++)
		if (b->point[i].func == func) {
			at = (int)b->point[i].offset;
			(*n)++;
		}
	return at;
}

/* Whether the only point of the kind is at this place (0: there is none). */
static int only_at(const struct tlsbin *b, int func, uint32_t want)
{
	uint32_t n;
	int at = point_of(b, func, &n);

	return want ? n == 1 && (uint32_t)at == want : n == 0;
}

static int scan(const void *p, size_t n, const struct tlsbin_given *g, size_t ng,
		struct tlsbin out[TLSBIN_MAX])
{
	void *copy = malloc(n ? n : 1); /* exactly as long as the file */
	struct elf e;
	int found;

	memcpy(copy, p, n);
	found = elf_init(&e, copy, n);
	if (!found)
		found = tlsbin_scan_elf(&e, g, ng, out);
	elf_close(&e);
	free(copy);
	return found;
}

static void check_boring(int kind, int unwind, const char *what)
{
	static struct image m;
	struct tlsbin out[TLSBIN_MAX];
	struct boring b;
	int n;

	make_boring(&m, &b, kind);
	if (!unwind)
		((Elf64_Ehdr *)(void *)m.p)->e_phnum = 1;
	n = scan(m.p, b.length, NULL, 0, out);
	if (!CHECK(n == 1 && out[0].lib == ZC_TLS_BORINGSSL && !strcmp(out[0].how, "pattern"),
		   "%s: recognised", what))
		return;
	if (kind == WRITE_TWICE) {
		CHECK(!out[0].npoints &&
			      strstr(out[0].missing, "SSL_read and SSL_write not recognised"),
		      "%s: nothing is taken: %s", what, out[0].missing);
		tlsbin_free(&out[0]);
		return;
	}
	CHECK(only_at(&out[0], ZC_TLS_READ, b.read), "%s: SSL_read", what);
	CHECK(only_at(&out[0], ZC_TLS_WRITE, b.write), "%s: SSL_write", what);
	CHECK(only_at(&out[0], ZC_TLS_PUSH, b.handshake), "%s: SSL_do_handshake", what);
	CHECK(only_at(&out[0], ZC_TLS_FREE, b.free_), "%s: the stream's destructor", what);
	CHECK(only_at(&out[0], ZC_TLS_ERROR_PUT, b.put), "%s: ERR_put_error", what);
	CHECK(!*out[0].missing == (kind != PEEK_AMBIGUOUS), "%s: missing '%s'", what,
	      out[0].missing);
	tlsbin_free(&out[0]);
}

static void test_boringssl(void)
{
	check_boring(PEEK_INLINED, 1, "SSL_peek inlined");
	check_boring(PEEK_CALLED, 0, "no unwind table");
	check_boring(PEEK_CALLED, 1, "SSL_peek called");
	check_boring(PEEK_AMBIGUOUS, 1, "two that could be SSL_read");
	check_boring(WRITE_TWICE, 1, "two that could be SSL_write");
}

/* ---- OpenSSL */

struct openssl {
	uint32_t debug, set, vset, inner_read, inner_write, read, write, length;
};

/* f(s, buf, n) that calls an inner function with the address of a local variable in rcx or r8. */
static uint32_t make_outer(struct image *m, const struct openssl *o, uint32_t file,
			   const char *name, uint32_t inner, int flags)
{
	uint32_t str = image_string(m, name), at = image_func(m);

	IMAGE_CODE_OF(m, "\x48\x83\xec\x18"); /* sub $0x18, %rsp */
	if (flags)
		IMAGE_CODE_OF(m, "\x31\xc9\x4c\x8d\x44\x24\x08"); /* lea 8(%rsp), %r8 */
	else
		IMAGE_CODE_OF(m, "\x48\x8d\x4c\x24\x08"); /* lea 8(%rsp), %rcx */
	image_call(m, inner);
	image_raise(m, o->debug, o->set, file, 100, str, 271);
	IMAGE_CODE_OF(m, "\x48\x83\xc4\x18\xc3");
	return at;
}

static uint32_t make_inner(struct image *m, const struct openssl *o, uint32_t file,
			   const char *name)
{
	uint32_t str = image_string(m, name), at = image_func(m);

	image_raise(m, o->debug, o->set, file, 90, str, 276);
	image_ret(m);
	return at;
}

static void make_openssl(struct image *m, struct openssl *o, int flags)
{
	uint32_t file;

	image_begin(m);
	file = image_string(m, "../ssl/ssl_lib.c");
	o->debug = image_func(m);
	image_ret(m);
	o->vset = image_func(m);
	image_ret(m);
	o->set = image_func(m);
	IMAGE_CODE_OF(m, "\x48\x83\xec\x18\x48\x8d\x4c\x24\x08");
	image_call(m, o->vset);
	IMAGE_CODE_OF(m, "\x48\x83\xc4\x18\xc3");
	o->inner_read = make_inner(m, o, file, "ssl_read_internal");
	o->inner_write = make_inner(m, o, file, "ssl_write_internal");
	o->read = make_outer(m, o, file, "SSL_read", o->inner_read, 0);
	o->write = make_outer(m, o, file, "SSL_write", o->inner_write, flags);
	o->length = image_end(m);
}

static void test_openssl(void)
{
	static struct image m;
	struct tlsbin out[TLSBIN_MAX];
	struct openssl o;

	for (int flags = 0; flags < 2; flags++) {
		make_openssl(&m, &o, flags);
		if (!CHECK(scan(m.p, o.length, NULL, 0, out) == 1 && out[0].lib == ZC_TLS_OPENSSL,
			   "OpenSSL 3 is recognised"))
			return;
		CHECK(only_at(&out[0], ZC_TLS_READ_EX, o.inner_read), "ssl_read_internal");
		CHECK(only_at(&out[0], ZC_TLS_READ, 0), "and not what calls it");
		CHECK(only_at(&out[0], flags ? ZC_TLS_WRITE_EX2 : ZC_TLS_WRITE_EX, o.inner_write),
		      "ssl_write_internal, %s flags", flags ? "with" : "without");
		CHECK(only_at(&out[0], ZC_TLS_ERROR, o.vset), "ERR_vset_error");
		CHECK(strstr(out[0].missing, "SSL_free") && strstr(out[0].missing, "--tls-symbol"),
		      "what is missing: %s", out[0].missing);
		tlsbin_free(&out[0]);
	}
}

/* ---- given, hostile */

static void test_given(void)
{
	static struct image m;
	struct tlsbin out[TLSBIN_MAX];
	struct boring b;
	struct tlsbin_given g[] = {{"boringssl", "SSL_read", 0}, {"boringssl", "SSL_reed", 0}};

	make_boring(&m, &b, PEEK_AMBIGUOUS);
	g[0].addr = b.write + 4;
	CHECK(scan(m.p, b.length, g, 1, out) == 1 && only_at(&out[0], ZC_TLS_READ, b.write + 4) &&
		      only_at(&out[0], ZC_TLS_WRITE, b.write) && !strcmp(out[0].how, "given") &&
		      !*out[0].missing,
	      "what is given completes what was found");
	tlsbin_free(&out[0]);
	make_boring(&m, &b, PEEK_INLINED);
	g[0].addr = b.write + 4;
	CHECK(scan(m.p, b.length, g, 1, out) == 1 && only_at(&out[0], ZC_TLS_READ, b.write + 4),
	      "and replaces it");
	tlsbin_free(&out[0]);
	g[0].addr = 0x7fffffffff;
	CHECK(scan(m.p, b.length, g, 1, out) == 1 && only_at(&out[0], ZC_TLS_READ, b.read) &&
		      strstr(out[0].missing, "not in an executable segment"),
	      "an address outside: %s", out[0].missing);
	tlsbin_free(&out[0]);
	CHECK(scan(m.p, b.length, g, 2, out) == -EINVAL, "a wrong name");
}

static void test_cut(void)
{
	static struct image m;
	struct tlsbin out[TLSBIN_MAX];
	struct boring b;
	int bad = 0;

	make_boring(&m, &b, PEEK_CALLED);
	for (uint32_t n = 0; n <= b.length; n++) {
		int found = scan(m.p, n, NULL, 0, out);

		for (int i = 0; i < found; i++)
			tlsbin_free(&out[i]);
		bad += n < 64 && found != -ENOEXEC && found != -ENOTSUP;
	}
	CHECK(!bad, "cut at every octet: refused or looked at, never read beyond");
	CHECK(scan("#!/bin/sh\nexit 0\n", 17, NULL, 0, out) == -ENOEXEC, "a script is no ELF file");
}

static void test_returns(void)
{
	static struct image m;
	uint64_t ret[CODE_MAX_RETURNS];
	uint32_t at, length;
	struct elf e;

	image_begin(&m);
	at = image_func(&m);
	IMAGE_CODE_OF(&m, "\xb8\xc3\xc3\xc3\xc3"); /* mov $0xc3c3c3c3, %eax */
	IMAGE_CODE_OF(&m, "\x74\x01\xc3");	    /* je; ret */
	IMAGE_CODE_OF(&m, "\xc2\x08\x00");	    /* ret $8 */
	length = image_end(&m);
	elf_init(&e, m.p, length);
	CHECK(code_returns(&e, at, at + 11, ret) == 2 && ret[0] == at + 7 && ret[1] == at + 8,
	      "returns, and not octets that look like one");
	CHECK(code_returns(&e, at, at + 10, ret) == -1, "an instruction that the end cuts");
	CHECK(code_returns(&e, at, length + 1, ret) == -1, "beyond the file");
	elf_close(&e);
}

int main(void)
{
	test_names();
	test_versions();
	test_boringssl();
	test_openssl();
	test_given();
	test_cut();
	test_returns();
	return tap_done();
}
