/*
 * tlspattern_openssl.c - functions of OpenSSL 1.1 and 3 by their error sites in ssl_lib.c
 *
 * The sites name the function. ssl_read_internal(s, buf, size, &n) has sites of its own; SSL_read,
 * SSL_read_ex and SSL_read_early_data come to it. Where it is a function of its own that SSL_read
 * calls with the address of a local variable as its last argument, it is the one to probe. Where it
 * was inlined into SSL_read, that is one, and others that it was inlined into are SSL_read_ex and
 * SSL_read_early_data, whose arguments are the same. Writing is alike; since 3.3
 * ssl_write_internal has flags before the last argument, and the call shows which it is.
 *
 * SSL_free reports no errors. It frees memory with the file's name and line, and calls
 * CRYPTO_free_ex_data(0, …), which SSL_CTX_free, the only other one like it, calls with 1.
 */
#include <stdlib.h>
#include "attach/tlspattern.h"

#define LIB_SSL 20
#define MAX_SAME 4

/* Functions in the source, by their names and by the codes that they have in 1.1. */
enum source_func { READ, READ_INTERNAL, WRITE, WRITE_INTERNAL, HANDSHAKE, SENDFILE, SOURCE_FUNCS };

static const struct {
	const char *name;
	unsigned code;
} source[SOURCE_FUNCS] = {
	[READ] = {"SSL_read", 223},
	[READ_INTERNAL] = {"ssl_read_internal", 523},
	[WRITE] = {"SSL_write", 208},
	[WRITE_INTERNAL] = {"ssl_write_internal", 524},
	[HANDSHAKE] = {"SSL_do_handshake", 180},
	[SENDFILE] = {"SSL_sendfile", 0},
};

static int is_site_1(const struct pat *p, const struct code_call *c)
{
	return (c->known & 0x0b) == 0x0b && c->arg[0] == LIB_SSL && pat_is_file(p, c->arg[3]) &&
	       c->target;
}

static int is_site_3(const struct pat *p, const struct code_call *c)
{
	return (c->known & 0x07) == 0x07 && pat_is_file(p, c->arg[0]) && c->target;
}

static int is_site_of(const struct pat *p, const struct code_call *c, int which)
{
	const char *name;

	if (is_site_1(p, c))
		return source[which].code && c->arg[1] == source[which].code;
	if (!is_site_3(p, c))
		return 0;
	name = elf_str(p->e, c->arg[2]);
	return name && !strcmp(name, source[which].name);
}

static int has(const struct pat *p, const struct pat_func *f, int which)
{
	for (size_t i = 0; i < f->ncalls; i++)
		if (is_site_of(p, pat_call(p, f, i), which))
			return 1;
	return 0;
}

/* Functions with a site; at most MAX_SAME, 0 if more. */
static int with(const struct pat *p, int which, const struct pat_func *out[MAX_SAME])
{
	int n = 0;

	for (size_t i = 0; i < p->nsource; i++)
		if (has(p, &p->func[i], which)) {
			if (n == MAX_SAME || !p->func[i].is_entry)
				return 0;
			out[n++] = &p->func[i];
		}
	return n;
}

static const struct pat_func *only(const struct pat *p, int which)
{
	const struct pat_func *f[MAX_SAME];

	return with(p, which, f) == 1 ? f[0] : NULL;
}

/* ---- reading and writing */

/* Which argument of the call is the address of a local variable: 3, 4, or 0. */
static int local_argument(const struct pat *p, const struct pat_func *f, uint64_t target)
{
	for (size_t i = 0; i < f->ncalls; i++) {
		const struct code_call *c = pat_call(p, f, i);

		if (c->target == target && c->stack & 0x18)
			return c->stack & 0x10 ? 4 : 3;
	}
	return 0;
}

/*
 * SSL_write's: its flags came with 3.3. Which one is told by the version if SSL_write is not there.
 */
static int internal_name(const char *version, int which, int local)
{
	int minor = !strncmp(version, "OpenSSL 3.", 10) ? atoi(version + 10) : -1;

	if (which == READ_INTERNAL)
		return local == 4 ? -1 : SSL_READ_INTERNAL;
	if (!local && strncmp(version, "OpenSSL 1.", 10))
		local = minor < 0 ? -1 : minor < 3 ? 3 : 4;
	return local < 0 ? -1 : local == 4 ? SSL_WRITE_INTERNAL2 : SSL_WRITE_INTERNAL;
}

/* Fills the addresses of one direction; 0: not recognised. */
static int find_direction(const struct pat *p, struct tlsbin_find *f, int outer_name,
			  int inner_name)
{
	int slot = outer_name == READ ? SSL_READ : SSL_WRITE, name, n, local;
	const struct pat_func *outer = only(p, outer_name), *inner[MAX_SAME];

	n = with(p, inner_name, inner);
	if (outer && has(p, outer, inner_name)) {
		/*
		 * inlined, also into at most two more: of the same arguments in all versions before
		 * 3.3
		 */
		f->va[slot] = outer->start;
		for (int i = 0, k = 1; i < n; i++)
			if (inner[i] != outer && k < 3 &&
			    internal_name(f->version, inner_name, 0) != SSL_WRITE_INTERNAL2)
				f->va[slot + k++] = inner[i]->start;
		return 1;
	}
	local = outer && n == 1 ? local_argument(p, outer, inner[0]->start) : 0;
	name = n == 1 ? internal_name(f->version, inner_name, local) : -1;
	if (name >= 0 && (local || !outer)) {
		f->va[name] = inner[0]->start;
		return 1;
	}
	if (outer)
		f->va[slot] = outer->start;
	return outer != NULL;
}

/* ---- errors */

/* What follows ERR_set_debug; all must agree. Of 1.1: what the sites call. */
static uint64_t error_function(const struct pat *p, int *is_put)
{
	uint64_t target = 0;

	for (size_t i = 0; i < p->ncalls; i++) {
		const struct code_call *c = &p->call[i];
		uint64_t t = 0;

		if (is_site_1(p, c)) {
			*is_put = 1;
			t = c->target;
		} else if (is_site_3(p, c) && i + 1 < p->ncalls && c[1].known & 1 &&
			   c[1].arg[0] == LIB_SSL && c[1].va > c->va && c[1].va - c->va < 64) {
			t = c[1].target;
		}
		if (t && target && t != target)
			return 0;
		target = t ? t : target;
	}
	return target;
}

/* ERR_set_error hands its first two arguments and a list in its frame to ERR_vset_error. */
static uint64_t vset_error(struct pat *p, uint64_t set_error)
{
	int f = pat_load(p, set_error);
	const struct code_call *c;

	if (f < 0 || !p->func[f].ncalls)
		return 0;
	c = pat_call(p, &p->func[f], 0);
	return (c->entry & 3) == 3 && c->stack & 8 ? c->target : 0;
}

static void find_errors(struct pat *p, struct tlsbin_find *f)
{
	int is_put = 0;
	uint64_t va = error_function(p, &is_put);

	if (!va)
		return;
	f->va[is_put ? SSL_ERR_PUT : SSL_ERR_SET] = va;
	if (!is_put)
		f->va[SSL_ERR_VSET] = vset_error(p, va);
}

/* ---- SSL_free */

static int has_errors(const struct pat *p, const struct pat_func *f)
{
	for (size_t i = 0; i < f->ncalls; i++)
		if (is_site_1(p, pat_call(p, f, i)) || is_site_3(p, pat_call(p, f, i)))
			return 1;
	return 0;
}

/* Frees memory, naming file and line, and allocates none. */
static int only_frees(const struct pat *p, const struct pat_func *f)
{
	int frees = 0;

	for (size_t i = 0; i < f->ncalls; i++) {
		const struct code_call *c = pat_call(p, f, i);

		if ((c->known & 6) != 6 || !pat_is_file(p, c->arg[1]))
			continue;
		if (c->known & 1)
			return 0;
		frees++;
	}
	return frees && !has_errors(p, f) && f->is_entry;
}

/* Whether f calls the target with this constant and two arguments that are not constant. */
static int calls_with(const struct pat *p, const struct pat_func *f, uint64_t target,
		      uint64_t first)
{
	for (size_t i = 0; i < f->ncalls; i++) {
		const struct code_call *c = pat_call(p, f, i);

		if (c->target == target && (c->known & 7) == 1 && c->arg[0] == first &&
		    !(c->stack & 6))
			return 1;
	}
	return 0;
}

/* Whether some other such function calls with 1 what f calls with 0. */
static int frees_ex_data(const struct pat *p, const struct pat_func *f)
{
	for (size_t i = 0; i < f->ncalls; i++) {
		uint64_t target = pat_call(p, f, i)->target;

		if (!target || !calls_with(p, f, target, 0))
			continue;
		for (size_t k = 0; k < p->nsource; k++)
			if (&p->func[k] != f && only_frees(p, &p->func[k]) &&
			    calls_with(p, &p->func[k], target, 1))
				return 1;
	}
	return 0;
}

static uint64_t find_free(const struct pat *p)
{
	uint64_t va = 0;

	for (size_t i = 0; i < p->nsource; i++)
		if (only_frees(p, &p->func[i]) && frees_ex_data(p, &p->func[i])) {
			if (va)
				return 0;
			va = p->func[i].start;
		}
	return va;
}

/* ---- all of it */

void pat_openssl(struct pat *p, struct tlsbin_find *f)
{
	const struct pat_func *fn;
	int reads, writes;

	tlsbin_find_version(p->e, f->version);
	reads = find_direction(p, f, READ, READ_INTERNAL);
	writes = find_direction(p, f, WRITE, WRITE_INTERNAL);
	find_errors(p, f);
	f->va[SSL_FREE] = find_free(p);
	if ((fn = only(p, HANDSHAKE)))
		f->va[SSL_DO_HANDSHAKE] = fn->start;
	if ((fn = only(p, SENDFILE)))
		f->va[SSL_SENDFILE] = fn->start;
	if (!reads || !writes)
		pat_missing(f, ZC_TLS_OPENSSL,
			    !reads && !writes ? "SSL_read and SSL_write" : reads ? "SSL_write"
										 : "SSL_read");
	else if (!f->va[SSL_FREE])
		pat_missing(f, ZC_TLS_OPENSSL, "SSL_free");
}
