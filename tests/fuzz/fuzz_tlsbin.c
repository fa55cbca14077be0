/*
 * fuzz_tlsbin.c - any octets as an ELF file in which TLS functions are looked for
 *
 * Input: the file. What is found must be in the file, sorted, each place once, and a library
 * without points must say why.
 */
#include <stdlib.h>
#include <string.h>
#include "attach/tlsbin_priv.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct tlsbin *b, size_t size)
{
	if (!tlsbin_lib_name(b->lib) || !b->how || (!b->npoints && !*b->missing))
		abort();
	if (!memchr(b->version, 0, sizeof(b->version)) ||
	    !memchr(b->missing, 0, sizeof(b->missing)))
		abort();
	for (size_t i = 0; i < b->npoints; i++) {
		if (b->point[i].offset >= size || !b->point[i].func)
			abort();
		if (i && b->point[i - 1].offset >= b->point[i].offset)
			abort();
	}
}

static void scan(const uint8_t *data, size_t size, const struct tlsbin_given *given, size_t ngiven)
{
	struct tlsbin out[TLSBIN_MAX];
	struct elf e;
	int n;

	if (elf_init(&e, data, size))
		return;
	n = tlsbin_scan_elf(&e, given, ngiven, out);
	if (n < 0 || n > TLSBIN_MAX)
		abort();
	for (int i = 0; i < n; i++) {
		check(&out[i], size);
		tlsbin_free(&out[i]);
	}
	elf_close(&e);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct tlsbin_given given[] = {
		{"go", "Read", 0x1000},
		{"openssl", "SSL_read", 0x1000},
		{"boringssl", "SSL_write", 0x1100},
	};

	scan(data, size, NULL, 0);
	scan(data, size, given, sizeof(given) / sizeof(given[0]));
	return 0;
}
