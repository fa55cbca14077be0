/* tlspoints.c - what the finders of TLS functions make of what they found: points and versions */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "attach/tlsbin_priv.h"

int tlsbin_add(const struct elf *e, struct tlsbin *b, uint64_t va, int func, int is_return)
{
	struct tlsbin_point *p;
	uint64_t off;
	size_t i = 0;

	if (!elf_code(e, va, &off))
		return 0;
	while (i < b->npoints && b->point[i].offset < off)
		i++;
	if (i < b->npoints && b->point[i].offset == off)
		return 0;
	p = realloc(b->point, (b->npoints + 1) * sizeof(*p));
	if (!p)
		return -ENOMEM;
	b->point = p;
	memmove(p + i + 1, p + i, (b->npoints - i) * sizeof(*p));
	p[i] = (struct tlsbin_point){off, (uint8_t)func, (uint8_t)is_return};
	b->npoints++;
	return 0;
}

void tlsbin_free(struct tlsbin *b)
{
	free(b->point);
	b->point = NULL;
	b->npoints = 0;
}

/* "OpenSSL 3.0.19 27 Jan 2026", "LibreSSL 3.8.2" */
int tlsbin_openssl_version(const char *p, size_t n, char out[48])
{
	size_t name = n > 8 && !memcmp(p, "OpenSSL ", 8)    ? 8
		      : n > 9 && !memcmp(p, "LibreSSL ", 9) ? 9
							    : 0;
	size_t i = name;

	if (!name || !isdigit((unsigned char)p[i]))
		return 0;
	while (i < n && i < 47 && (isalnum((unsigned char)p[i]) || strchr(".-+", p[i])) && p[i])
		i++;
	if (i - name < 3 || !memchr(p + name, '.', i - name) || i == n || (p[i] && p[i] != ' '))
		return 0;
	memcpy(out, p, i);
	out[i] = 0;
	return 1;
}

void tlsbin_find_version(const struct elf *e, char out[48])
{
	static const char *const prefixes[] = {"OpenSSL ", "LibreSSL "};
	struct elf_part ro = elf_section(e, ".rodata");

	for (size_t i = 0; i < 2 && ro.p && !*out; i++) {
		const uint8_t *p = ro.p, *end = ro.p + ro.n;

		while ((p = memmem(p, (size_t)(end - p), prefixes[i], strlen(prefixes[i])))) {
			if ((p == ro.p || !p[-1]) &&
			    tlsbin_openssl_version((const char *)p, (size_t)(end - p), out))
				break;
			p++;
		}
	}
}
