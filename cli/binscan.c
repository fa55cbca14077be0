#include "cli/binscan.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "core/tls_library.h"

#define BUCKETS 1024u

struct node {
	struct node *next;
	struct binary file;
};

struct binscan {
	const struct tlsbin_given *given;
	size_t ngiven;
	struct node *bucket[BUCKETS];
};

char *tls_title(int lib, const char *version, char *buf)
{
	const char *name = tls_library_name(lib);
	size_t n = strlen(name);

	/* a version may begin with the name */
	if (!*version)
		snprintf(buf, TLS_TITLE_MAX, "%s", name);
	else if (!strncasecmp(version, name, n))
		snprintf(buf, TLS_TITLE_MAX, "%s%s", name, version + n);
	else
		snprintf(buf, TLS_TITLE_MAX, "%s %s", name, version);
	return buf;
}

const char *tls_how(const char *how)
{
	return !strcmp(how, "gopclntab") ? "Go's table of functions" :
	       !strcmp(how, "pattern")	 ? "a pattern" :
	       !strcmp(how, "given")	 ? "the addresses given" :
					   how;
}

const char *binscan__blind_library(const char *path)
{
	static const struct {
		const char *file, *library;
	} known[] = {
		{ "libjvm.so", "JSSE" },	  { "libnss3.so", "NSS" },
		{ "libmbedtls.so", "Mbed TLS" },  { "libwolfssl.so", "wolfSSL" },
		{ "libs2n.so", "s2n-tls" },	  { "libbearssl.so", "BearSSL" },
		{ "beam.smp", "Erlang's ssl" },
	};
	const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		size_t n = strlen(known[i].file);

		if (!strncmp(name, known[i].file, n) && (!name[n] || name[n] == '.'))
			return known[i].library;
	}
	return NULL;
}

static void look_into(struct binscan *s, struct binary *b, pid_t pid, const struct maps_file *f)
{
	int fd = maps_open(pid, f);

	b->blind = binscan__blind_library(f->path);
	if (fd < 0) {
		b->ntls = fd;
		return;
	}
	b->ntls = tlsbin_scan(fd, f->is_exe, s->given, s->ngiven, b->tls);
	if (f->is_exe)
		elf_traits_of(fd, &b->traits);
	if (!b->blind && !b->ntls && elf_has_rustls(fd))
		b->blind = "rustls";
	close(fd);
}

const struct binary *binscan__file(struct binscan *s, pid_t pid, const struct maps_file *f)
{
	struct node **at = &s->bucket[(f->ino * 31 + f->dev) % BUCKETS], *n;

	for (n = *at; n; n = n->next)
		if (n->file.ino == f->ino && n->file.dev == f->dev && n->file.is_exe == f->is_exe)
			return &n->file;
	n = calloc(1, sizeof(*n));
	if (!n)
		return NULL;
	n->next = *at;
	*at = n;
	n->file.dev = f->dev;
	n->file.ino = f->ino;
	n->file.is_exe = f->is_exe;
	look_into(s, &n->file, pid, f);
	return &n->file;
}

struct binscan *binscan__new(const struct tlsbin_given *given, size_t ngiven)
{
	struct binscan *s = calloc(1, sizeof(*s));

	if (s) {
		s->given = given;
		s->ngiven = ngiven;
	}
	return s;
}

void binscan__free(struct binscan *s)
{
	for (unsigned i = 0; s && i < BUCKETS; i++) {
		while (s->bucket[i]) {
			struct node *n = s->bucket[i];

			s->bucket[i] = n->next;
			for (int k = 0; k < n->file.ntls; k++)
				tlsbin_free(&n->file.tls[k]);
			free(n);
		}
	}
	free(s);
}
