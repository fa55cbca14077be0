#include "cli/tls_unseen.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "attach/attach.h"
#include "attach/maps.h"
#include "attach/rights.h"
#include "bpf/events.h"
#include "cli/binscan.h"
#include "cli/elfkind.h"

struct looking {
	struct attach *attach;
	pid_t pid;
	const char *file; /* is it one in which the probes have found a library? */
	int probed;
	int attached;	      /* some library is probed */
	char refused[100];    /* "": no probe was */
	char missing[120];    /* what could not be found in a library, the same */
	const char *blind;    /* a library that nobody can probe; NULL: none */
	unsigned files;
	int unread, unread_deleted; /* of them, those that may not be opened */
	struct elf_traits traits;
};

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/* "why; remedy" without the remedy. */
static int why_length(const char *text)
{
	const char *semicolon = strstr(text, "; ");

	return (int)(semicolon ? (size_t)(semicolon - text) : strlen(text));
}

static void on_library(void *looking, const struct attach_tls *t)
{
	struct looking *l = looking;

	if (t->pid != l->pid)
		return;
	if (t->attached)
		l->attached = 1;
	else if (t->refused[0])
		snprintf(l->refused, sizeof(l->refused), "%s", t->refused);
	else if (t->missing[0])
		snprintf(l->missing, sizeof(l->missing), "%.40s: %.*s", base_name(t->file),
			 why_length(t->missing), t->missing);
}

static void on_found(void *looking, const struct attach_tls *t)
{
	struct looking *l = looking;

	l->probed |= t->pid == l->pid && !strcmp(t->file, l->file);
}

static int is_of_system(const char *path)
{
	return !strncmp(path, "/usr/lib", 8) || !strncmp(path, "/lib", 4);
}

/* What the probes know nothing of: it has none of their libraries in it. */
static int may_have_rustls(struct looking *l, const struct maps_file *f)
{
	if (!f->is_exe && is_of_system(f->path))
		return 0;
	l->file = f->path;
	l->probed = 0;
	if (l->attach)
		attach__tls(l->attach, on_found, l);
	return !l->probed;
}

static int on_file(void *looking, const struct maps_file *f)
{
	struct looking *l = looking;
	const char *blind = binscan__blind_library(f->path);
	int fd = maps_open(l->pid, f);

	l->files++;
	if (blind)
		l->blind = blind;
	if (fd == -EPERM || fd == -EACCES) {
		l->unread = 1;
		l->unread_deleted |= f->deleted;
	}
	if (fd < 0)
		return 0;
	if (f->is_exe)
		elf_traits_of(fd, &l->traits);
	if (!l->blind && may_have_rustls(l, f) && elf_has_rustls(fd))
		l->blind = "rustls";
	close(fd);
	return 0;
}

static void say_unread(const struct looking *l, char *out, size_t size)
{
	char list[80];

	rights_list(list, sizeof(list),
		    rights_missing(RIGHT_DAC_READ_SEARCH |
				   (l->unread_deleted ? RIGHT_CHECKPOINT_RESTORE : 0)));
	snprintf(out, size, "files that it has mapped may not be opened: %s missing", list);
}

static void say(const struct looking *l, char *out, size_t size)
{
	if (l->refused[0])
		snprintf(out, size, "%s", l->refused);
	else if (l->blind && !strcmp(l->blind, "JSSE"))
		snprintf(out, size, "Java's own TLS (JSSE) cannot be probed");
	else if (l->blind)
		snprintf(out, size, "%s cannot be probed", l->blind);
	else if (l->missing[0])
		snprintf(out, size, "%s", l->missing);
	else if (l->unread)
		say_unread(l, out, size);
	else if (!l->files)
		snprintf(out, size, "its process had ended before it could be looked at");
	else if (l->traits.is_32bit)
		snprintf(out, size, "it is a 32-bit program");
	else if (!l->attached)
		snprintf(out, size, "no known TLS library was found in it%s",
			 l->traits.is_static ? ", which is statically linked" : "");
	else
		*out = '\0';
}

void tls_unseen_read(struct attach *attach, uint32_t pid, char *out, size_t size)
{
	struct looking l = {.attach = attach, .pid = (pid_t)pid};
	int err;

	if (pid & ZC_PID_FOREIGN) {
		snprintf(out, size,
			 "it is outside of this PID namespace, where /proc has no files of it");
		return;
	}
	if (attach)
		attach__tls(attach, on_library, &l);
	err = maps_each(l.pid, on_file, &l);
	if (err == -EACCES || err == -EPERM)
		snprintf(out, size, "its memory map may not be looked at%s",
			 rights_missing(RIGHT_SYS_PTRACE) ? ": CAP_SYS_PTRACE missing" : "");
	else
		say(&l, out, size);
}
