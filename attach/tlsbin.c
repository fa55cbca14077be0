/* tlsbin.c - see tlsbin.h: symbols, versions, and points out of what was found */
#include <elf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include "attach/code.h"
#include "attach/tlsentry.h"
#include "attach/tlspattern.h"

#define MAX_VERSION_REFS 32

/* ---- points */

static int add_named(const struct elf *e, const struct tlsbin_find *f, struct tlsbin *b)
{
	int err = 0;

	for (int n = 0; n < TLS_NAMES && !err; n++)
		if (f->va[n] && tls_names[n].func && !(n == SSL_ERR_SET && f->va[SSL_ERR_VSET]))
			err = tlsbin_add(e, b, tlsentry_place(e, f->va[n], 0), tls_names[n].func,
					 0);
	return err;
}

/* ---- versions */

static int gnutls_version(const char *p, size_t n, char out[48])
{
	unsigned a, b, c;
	int used = 0;

	if (n < 6 || !memchr(p, 0, n) || sscanf(p, "%2u.%2u.%2u%n", &a, &b, &c, &used) != 3 ||
	    p[used])
		return 0;
	snprintf(out, 48, "GnuTLS %u.%u.%u", a, b, c);
	return 1;
}

/* The function that tells the version has the address of the text in one of its instructions. */
static void version_of_function(const struct elf *e, uint64_t va, char out[48],
				int (*parse)(const char *p, size_t n, char out[48]))
{
	uint64_t ref[MAX_VERSION_REFS];
	size_t n = va ? code_addresses(e, va, ref, MAX_VERSION_REFS) : 0;

	for (size_t i = 0; i < n && !*out; i++) {
		struct elf_part s = elf_rest(e, ref[i]);

		if (s.p)
			parse((const char *)s.p, s.n, out);
	}
}

static void find_versions(const struct elf *e, struct tlsbin_work *w)
{
	struct tlsbin_find *o = &w->lib[ZC_TLS_OPENSSL], *g = &w->lib[ZC_TLS_GNUTLS];

	if (o->how && !*o->version) {
		version_of_function(e, o->va[MARK_VERSION], o->version, tlsbin_openssl_version);
		if (!*o->version && !o->va[MARK_VERSION])
			tlsbin_find_version(e, o->version);
	}
	if (g->how)
		version_of_function(e, g->va[MARK_VERSION_GNUTLS], g->version, gnutls_version);
}

/* ---- symbols */

static int is_boringssl(const uint64_t va[TLS_NAMES])
{
	return va[MARK_BORINGSSL] || va[MARK_BORINGSSL2] || va[MARK_BORINGSSL3];
}

/* Which library a family's addresses are of; 0: none, or not enough of it. */
static int lib_of(int family, const uint64_t va[TLS_NAMES])
{
	switch (family) {
	case FAMILY_SSL:
		if (!va[SSL_READ] && !va[SSL_WRITE])
			return va[SSL_ERR_VSET] || va[SSL_ERR_SET] || va[SSL_ERR_PUT]
				       ? is_boringssl(va) ? ZC_TLS_BORINGSSL : ZC_TLS_OPENSSL
				       : 0;
		/* wrappers with the names of OpenSSL's oldest functions do not have this one */
		if (!va[SSL_DO_HANDSHAKE])
			return 0;
		return is_boringssl(va) ? ZC_TLS_BORINGSSL : ZC_TLS_OPENSSL;
	case FAMILY_GNUTLS: return va[GNUTLS_RECV] || va[GNUTLS_SEND] ? ZC_TLS_GNUTLS : 0;
	default: return va[GO_READ] || va[GO_WRITE] ? ZC_TLS_GO : 0;
	}
}

/* Takes over a family's addresses if they make a library that is not known yet. */
static void take(struct tlsbin_work *w, int family, const uint64_t va[TLS_NAMES],
		 const uint64_t size[TLS_NAMES], const char *how)
{
	int lib = lib_of(family, va);

	if (!lib || w->lib[lib].how)
		return;
	w->lib[lib].how = how;
	for (int n = 0; n < TLS_NAMES; n++)
		if (tls_names[n].family == family) {
			w->lib[lib].va[n] = va[n];
			w->lib[lib].size[n] = size ? size[n] : 0;
		}
}

static void find_dynamic(struct tlsbin_work *w)
{
	uint64_t va[TLS_NAMES] = {0};

	for (int n = 0; n < TLS_NAMES; n++)
		if (tls_names[n].family != FAMILY_GO &&
		    (!tls_names[n].internal || !tls_names[n].func))
			va[n] = elf_dynsym(w->e, tls_names[n].name);
	take(w, FAMILY_SSL, va, NULL, "dynamic symbols");
	take(w, FAMILY_GNUTLS, va, NULL, "dynamic symbols");
}

struct symbols {
	uint64_t va[TLS_NAMES], size[TLS_NAMES];
	size_t len[TLS_NAMES];
};

static int on_symbol(void *ctx, const struct elf_sym *s)
{
	struct symbols *t = ctx;

	if (s->len < 8 || !strchr("SECOgc", s->name[0]))
		return 0;
	for (int n = 0; n < TLS_NAMES; n++)
		if (t->len[n] == s->len && !t->va[n] &&
		    !memcmp(tls_names[n].name, s->name, s->len)) {
			t->va[n] = s->va;
			t->size[n] = s->size;
		}
	return 0;
}

static void find_symbols(struct tlsbin_work *w)
{
	struct symbols t = {0};

	for (int n = 0; n < TLS_NAMES; n++)
		t.len[n] = tls_names[n].internal && tls_names[n].func ? 0
								      : strlen(tls_names[n].name);
	elf_symbols(w->e, on_symbol, &t);
	/* libcrypto alone makes sense as a shared library only, which others use */
	if (!t.va[SSL_READ] && !t.va[SSL_WRITE])
		t.va[SSL_ERR_VSET] = t.va[SSL_ERR_SET] = t.va[SSL_ERR_PUT] = 0;
	for (int family = FAMILY_SSL; family <= FAMILY_GO; family++)
		take(w, family, t.va, t.size, "symbols");
}

/* ---- given by the user */

/* What was missing may have been given. */
static void check_missing(struct tlsbin_find *f, int family)
{
	int reads = f->va[SSL_READ] || f->va[SSL_READ_INTERNAL] || f->va[SSL_READ_EX];
	int writes = f->va[SSL_WRITE] || f->va[SSL_WRITE_INTERNAL] || f->va[SSL_WRITE_INTERNAL2] ||
		     f->va[SSL_WRITE_EX];

	if (family == FAMILY_SSL && reads && writes && f->va[SSL_FREE])
		*f->missing = 0;
}

static int apply_given(struct tlsbin_work *w, const struct tlsbin_given *g)
{
	char err[1];
	uint64_t off;
	int lib, name;
	struct tlsbin_find *f;

	if (tlsbin_name(g->lib, g->func, &lib, NULL, err, sizeof(err)))
		return -EINVAL;
	name = tls_name_find(lib, g->func);
	f = &w->lib[lib];
	if (!elf_code(w->e, g->addr, &off)) {
		f->how = f->how ? f->how : "given";
		snprintf(f->missing, sizeof(f->missing),
			 "--tls-symbol %s: 0x%llx is not in an executable segment", g->func,
			 (unsigned long long)g->addr);
		return 0;
	}
	f->how = "given";
	f->va[name] = g->addr;
	f->size[name] = 0;
	if (name == SSL_ERR_SET)
		f->va[SSL_ERR_VSET] = 0;
	check_missing(f, tls_names[name].family);
	return 0;
}

/* ---- all of it */

static int make_points(struct tlsbin_work *w, int lib, struct tlsbin *b)
{
	struct tlsbin_find *f = &w->lib[lib];
	int err;

	if (lib == ZC_TLS_OPENSSL || lib == ZC_TLS_GNUTLS)
		tlsentry_inner(w->e, f);
	*b = (struct tlsbin){.lib = (uint8_t)lib, .how = f->how};
	err = lib == ZC_TLS_GO ? gobin_points(w->e, f, b) : add_named(w->e, f, b);
	memcpy(b->version, f->version, sizeof(b->version));
	memcpy(b->missing, f->missing, sizeof(b->missing));
	if (!err && !b->npoints && !*b->missing)
		snprintf(b->missing, sizeof(b->missing),
			 "its functions are not in an executable segment of this file");
	return err;
}

int tlsbin_scan_elf(struct elf *e, const struct tlsbin_given *given, size_t ngiven,
		    struct tlsbin out[TLSBIN_MAX])
{
	struct tlsbin_work w = {.e = e};
	int n = 0, err = 0;

	find_dynamic(&w);
	find_symbols(&w);
	tlspattern_find(e, w.lib);
	for (size_t i = 0; i < ngiven && !err; i++)
		err = apply_given(&w, &given[i]);
	gobin_find(e, &w.lib[ZC_TLS_GO]);
	find_versions(e, &w);
	for (int lib = 1; lib <= TLSBIN_MAX && !err; lib++)
		if (w.lib[lib].how)
			err = make_points(&w, lib, &out[n++]);
	while (err && n)
		tlsbin_free(&out[--n]);
	return err ? err : n;
}

int tlsbin_scan(int fd, int is_exe, const struct tlsbin_given *given, size_t ngiven,
		struct tlsbin out[TLSBIN_MAX])
{
	struct elf e;
	int n = elf_open(&e, fd);

	if (n)
		return n == -ENOTSUP ? 0 : n;
	n = tlsbin_scan_elf(&e, given, is_exe ? ngiven : 0, out);
	elf_close(&e);
	return n;
}
