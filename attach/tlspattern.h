/*
 * tlspattern.h - OpenSSL and BoringSSL in static code without symbols, by evidence (x86-64, arm64)
 *
 * Both report errors with the name of the source file, the line, a reason code and, in OpenSSL, the
 * function (a code in 1.1, its name in 3). So code without symbols still tells which function it
 * is:
 *
 *   BoringSSL    ERR_put_error(16, 0, reason, "…/ssl/ssl_lib.cc", line)
 *   OpenSSL 1.1  ERR_put_error(20, function, reason, "…ssl/ssl_lib.c", line)
 *   OpenSSL 3    ERR_set_debug("…ssl/ssl_lib.c", line, "SSL_read"), ERR_set_error(20, reason, …)
 *
 * Here the functions that have the file's name as an operand are found (by a raw search for
 * instructions that make its address and by the unwind table, or the room between functions where
 * there is none) and read; a site is a call with these arguments, whatever the compiler made of the
 * rest. tlspattern_boringssl.c and tlspattern_openssl.c recognise functions by their sites, by the
 * order of lines, which is that of the source, and by who calls whom. An answer that is not unique
 * is none.
 */
#ifndef ZC_ATTACH_TLSPATTERN_H
#define ZC_ATTACH_TLSPATTERN_H

#include "attach/code.h"
#include "attach/tlsbin_priv.h"

#define PAT_MAX_FILES 8
#define PAT_MAX_FUNCS 512

struct pat_func {
	uint64_t start, end;
	int stores, is_entry;
	size_t first, ncalls; /* of struct pat's calls */
};

struct pat {
	const struct elf *e;
	struct code_reader *reader;
	uint64_t file[PAT_MAX_FILES]; /* addresses of the file's name */
	size_t nfiles;
	struct pat_func func[PAT_MAX_FUNCS];
	size_t nfuncs;	/* with others that were read because these call them */
	size_t nsource; /* the first ones: those that name the file */
	struct code_call *call;
	size_t ncalls, room;
	struct code_call *one; /* where one function is read into */
};

int pat_is_file(const struct pat *p, uint64_t va);
/* The function that va is in, by the unwind table or, if it is not in there, by its code. */
int pat_bounds(const struct pat *p, uint64_t va, uint64_t *start, uint64_t *end);
/* The function that begins there, read if it has not been; -1: none, or it cannot be read. */
int pat_load(struct pat *p, uint64_t start);
static inline const struct code_call *pat_call(const struct pat *p, const struct pat_func *f,
					       size_t i)
{
	return &p->call[f->first + i];
}
/* The first direct call of target in f, or NULL. */
const struct code_call *pat_calls(const struct pat *p, const struct pat_func *f, uint64_t target);

/* Each fills addresses in f and, when something important was not recognised, f->missing. */
void pat_boringssl(struct pat *p, struct tlsbin_find *f);
void pat_openssl(struct pat *p, struct tlsbin_find *f);
/* Says that names (one, or "SSL_read and SSL_write") were not recognised, and the remedy. */
void pat_missing(struct tlsbin_find *f, int lib, const char *names);

/* Looks for both libraries; those that are known already (how is set) are left as they are. */
void tlspattern_find(struct elf *e, struct tlsbin_find lib[TLSBIN_MAX + 1]);

#endif
