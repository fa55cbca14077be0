#include "cli/blind.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "attach/rights.h"

#define UNIX_ACCEPTING 0x10000u /* flag of a listening socket in /proc/net/unix */

struct telling {
	void (*fn)(void *ctx, const struct blind *b);
	void *ctx;
};

__attribute__((format(printf, 4, 5))) static void tell(const struct telling *t, const char *what,
						      const char *remedy, const char *why, ...)
{
	struct blind b;
	va_list ap;

	snprintf(b.what, sizeof(b.what), "%s", what);
	snprintf(b.remedy, sizeof(b.remedy), "%s", remedy);
	va_start(ap, why);
	vsnprintf(b.why, sizeof(b.why), why, ap);
	va_end(ap);
	t->fn(t->ctx, &b);
}

/* ---- sockets of other kinds */

static unsigned count_unix(const struct proc_info *p)
{
	unsigned flags, n = 0;
	unsigned long long inode;
	char path[64], line[512];
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%u/net/unix", p->pid);
	f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "%*[^:]: %*x %*x %x %*x %*x %llu", &flags, &inode) == 2 &&
		    (flags & UNIX_ACCEPTING) && proc_info_has_socket(p, inode))
			n++;
	if (f)
		fclose(f);
	return n;
}

static uint16_t find_quic(const struct proc_info *p, const char *table)
{
	unsigned port, found = 0;
	unsigned long long inode;
	char path[64], line[512];
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%u/net/%s", p->pid, table);
	f = fopen(path, "re");
	while (f && !found && fgets(line, sizeof(line), f))
		if (sscanf(line, "%*d: %*[0-9A-Fa-f]:%x %*s %*s %*s %*s %*s %*s %*s %llu", &port,
			   &inode) == 2 &&
		    (port == 443 || port == 8443) && proc_info_has_socket(p, inode))
			found = port;
	if (f)
		fclose(f);
	return (uint16_t)found;
}

void unseen_sockets_find(const struct proc_info *p, struct unseen_sockets *out)
{
	out->unix_listeners = count_unix(p);
	out->quic_port = find_quic(p, "udp");
	if (!out->quic_port)
		out->quic_port = find_quic(p, "udp6");
}

/* ---- what is blind */

/* "run as root, or give CAP_SYS_PTRACE"; "" if all of need is held. */
static const char *run_with(char *out, size_t size, uint64_t need)
{
	uint64_t lack = rights_missing(need);
	char list[120];

	rights_list(list, sizeof(list), lack);
	if (lack)
		snprintf(out, size, "run as root, or give %s", list);
	else
		*out = '\0';
	return out;
}

static void tell_hidden(const struct telling *t, const struct proc_info *p)
{
	const char *what = !p->hidden_memory ? "sockets of the process" :
					       "libraries and sockets of the process";
	char remedy[200];

	if (!p->hidden_memory && !p->hidden_files)
		return;
	/* the directory of its open files belongs to its user */
	run_with(remedy, sizeof(remedy), p->hidden_files ? RIGHTS_LOOK : RIGHT_SYS_PTRACE);
	tell(t, what, remedy, "%s%s%s may not be looked at%s",
	     p->hidden_memory ? "its memory map" : "",
	     p->hidden_memory && p->hidden_files ? " and " : "",
	     p->hidden_files ? "its open files" : "",
	     *remedy ? "" : ": it has capabilities that we have not, or a security module "
			    "guards it");
}

static void tell_unread(const struct telling *t, const struct proc_info *p)
{
	uint64_t need = RIGHT_DAC_READ_SEARCH | (p->unread_deleted ? RIGHT_CHECKPOINT_RESTORE : 0);
	char remedy[200];

	if (p->unread)
		tell(t, "TLS in some files", run_with(remedy, sizeof(remedy), need),
		     "files that it has mapped may not be opened (%u)", p->unread);
}

/* "why; remedy" in one line becomes both. */
static void tell_missing(const struct telling *t, const struct proc_tls *l)
{
	const char *semicolon = strstr(l->tls->missing, "; ");
	char what[200], title[TLS_TITLE_MAX];

	if (!l->tls->missing[0])
		return;
	snprintf(what, sizeof(what), "TLS by %s in %.100s",
		 tls_title(l->tls->lib, l->version, title), l->path);
	tell(t, what, semicolon ? semicolon + 2 : "", "%.*s",
	     semicolon ? (int)(semicolon - l->tls->missing) : 160, l->tls->missing);
}

static void tell_libraries(const struct telling *t, const struct proc_info *p)
{
	static const char encrypted[] =
		"trace the cleartext side of a proxy that ends TLS before it, or "
		"keep to what is seen: names, bytes and times of encrypted connections";
	char what[64];

	if (p->java)
		tell(t,
		     p->ntls ? "TLS inside Java (not that of the libraries above)"
			     : "TLS inside Java",
		     encrypted,
		     "Java's own TLS (JSSE) is compiled at run time: no file has a function to "
		     "probe");
	for (unsigned i = 0; i < p->nblind; i++) {
		snprintf(what, sizeof(what), "TLS by %s", p->blind[i]);
		tell(t, what, encrypted,
		     "this library is not one of those whose cleartext can be had");
	}
	for (unsigned i = 0; i < p->ntls; i++)
		tell_missing(t, &p->tls[i]);
}

static void tell_unknown(const struct telling *t, const struct proc_info *p)
{
	if (p->traits.is_32bit)
		tell(t, "TLS in this program", "",
		     "it is a 32-bit program, whose libraries are not probed");
	else if (p->traits.is_static && !p->ntls && !p->nblind && strcmp(p->names.runtime, "go"))
		tell(t, "TLS, if it speaks any", "tell where its functions are: --tls-symbol",
		     "it is statically linked%s, and no known library was found in it",
		     p->traits.is_stripped ? " and stripped" : "");
}

void blind_each(const struct proc_info *p, const struct unseen_sockets *u,
		void (*fn)(void *ctx, const struct blind *b), void *ctx)
{
	const struct telling t = { fn, ctx };

	tell_hidden(&t, p);
	tell_unread(&t, p);
	tell_libraries(&t, p);
	tell_unknown(&t, p);
	if (u && u->unix_listeners)
		tell(&t, "UNIX sockets", "", "it listens on %u of them; only TCP is traced",
		     u->unix_listeners);
	if (u && u->quic_port)
		tell(&t, "HTTP/3", "", "it has UDP port %u open; QUIC is not traced", u->quic_port);
}
