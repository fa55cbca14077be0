#include "attach/maps.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <linux/magic.h>

static const char gone[] = " (deleted)";

struct seen {
	struct {
		uint64_t dev, ino;
	} *v;
	size_t n, cap;
};

/* 1: new, 0: was there, or -ENOMEM. */
static int seen_add(struct seen *s, uint64_t dev, uint64_t ino)
{
	for (size_t i = s->n; i--;)
		if (s->v[i].ino == ino && s->v[i].dev == dev)
			return 0;
	if (s->n == s->cap) {
		size_t cap = s->cap ? 2 * s->cap : 32;
		void *v = reallocarray(s->v, cap, sizeof(*s->v));

		if (!v)
			return -ENOMEM;
		s->v = v;
		s->cap = cap;
	}
	s->v[s->n].dev = dev;
	s->v[s->n++].ino = ino;
	return 1;
}

/* The target of a link of /proc/PID; empty if it may not be read. */
static void read_link(pid_t pid, const char *name, char *out, size_t size)
{
	char link[64];
	ssize_t n;

	snprintf(link, sizeof(link), "/proc/%d/%s", pid, name);
	n = readlink(link, out, size - 1);
	out[n > 0 ? n : 0] = '\0';
}

/* A newline in a name is shown as \012. */
static void unescape(char *s)
{
	char *to = s;

	while (*s) {
		if (!strncmp(s, "\\012", 4)) {
			*to++ = '\n';
			s += 4;
		} else {
			*to++ = *s++;
		}
	}
	*to = '\0';
}

/* The file's name below the root of the process; -1: it does not fit. */
static int path_below(pid_t pid, const char *path, char *out, size_t size)
{
	return (size_t)snprintf(out, size, "/proc/%d/root%s", pid, path) < size ? 0 : -1;
}

/* Cuts " (deleted)", unless that is how the file is called. */
static void judge_deleted(pid_t pid, struct maps_file *f)
{
	size_t n = strlen(f->path), suffix = sizeof(gone) - 1;
	char full[PATH_MAX + 64];
	struct stat st;

	f->deleted = 0;
	if (n <= suffix || strcmp(f->path + n - suffix, gone))
		return;
	if (!path_below(pid, f->path, full, sizeof(full)) && !lstat(full, &st) &&
	    st.st_ino == f->ino)
		return;
	f->path[n - suffix] = '\0';
	f->deleted = 1;
}

/*
 * maps shows names as we would see them, if our root leads there; of a process with a root of its
 * own in our mount namespace, what lies before that root is not its business.
 */
static void cut_root(struct maps_file *f, const char *root)
{
	size_t n = strlen(root);

	if (n > 1 && !strncmp(f->path, root, n) && f->path[n] == '/')
		memmove(f->path, f->path + n, strlen(f->path + n) + 1);
}

/* One line of maps; 1 if it is a file's executable mapping. */
static int parse_line(char *line, struct maps_file *f)
{
	unsigned long long start, end, ino;
	unsigned int dev_major, dev_minor;
	char perms[8];
	int at = 0;

	if (sscanf(line, "%llx-%llx %7s %*x %x:%x %llu %n", &start, &end, perms, &dev_major,
		   &dev_minor, &ino, &at) != 6 ||
	    !at || !ino || perms[2] != 'x' || line[at] != '/')
		return 0;
	line[at + (int)strcspn(line + at, "\n")] = '\0';
	if ((size_t)snprintf(f->path, sizeof(f->path), "%s", line + at) >= sizeof(f->path))
		return 0;
	unescape(f->path);
	f->start = start;
	f->end = end;
	f->ino = ino;
	f->dev = makedev(dev_major, dev_minor);
	return 1;
}

struct walk {
	pid_t pid;
	struct maps_file file;
	struct seen seen;
	char exe[PATH_MAX], root[PATH_MAX];
	int (*fn)(void *ctx, const struct maps_file *f);
	void *ctx;
};

static int walk_line(struct walk *w, char *line)
{
	int err;

	if (!parse_line(line, &w->file))
		return 0;
	err = seen_add(&w->seen, w->file.dev, w->file.ino);
	if (err <= 0)
		return err;
	w->file.is_exe = !strcmp(w->file.path, w->exe);
	judge_deleted(w->pid, &w->file);
	cut_root(&w->file, w->root);
	return w->fn(w->ctx, &w->file);
}

int maps_each(pid_t pid, int (*fn)(void *ctx, const struct maps_file *f), void *ctx)
{
	struct walk *w = calloc(1, sizeof(*w));
	size_t size = 0;
	char path[64], *line = NULL;
	int err = 0;
	FILE *f;

	if (!w)
		return -ENOMEM;
	*w = (struct walk){ .pid = pid, .fn = fn, .ctx = ctx };
	snprintf(path, sizeof(path), "/proc/%d/maps", pid);
	f = fopen(path, "re");
	if (!f) {
		err = errno == ENOENT ? -ESRCH : -errno;
		goto done;
	}
	read_link(pid, "exe", w->exe, sizeof(w->exe));
	read_link(pid, "root", w->root, sizeof(w->root));
	errno = 0;
	while (!err && getline(&line, &size, f) > 0)
		err = walk_line(w, line);
	if (!err && ferror(f))
		err = errno ? -errno : -EIO;
	fclose(f);
done:
	free(line);
	free(w->seen.v);
	free(w);
	return err;
}

/* Its devices or inodes may differ between maps and stat. */
static int has_own_numbers(int fd)
{
	struct statfs fs;

	return !fstatfs(fd, &fs) &&
	       (fs.f_type == OVERLAYFS_SUPER_MAGIC || fs.f_type == BTRFS_SUPER_MAGIC);
}

/* Closes what is another file than f. strict: the inode's number must fit wherever it lies. */
static int keep_if_same(int fd, const struct maps_file *f, int strict)
{
	struct stat st;

	if (fstat(fd, &st)) {
		close(fd);
		return -ENOENT;
	}
	if (st.st_ino == f->ino && st.st_dev == f->dev)
		return fd;
	if (has_own_numbers(fd) && (!strict || st.st_ino == f->ino))
		return fd;
	close(fd);
	return -ENOENT;
}

static int open_path(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

	return fd < 0 ? -errno : fd;
}

int maps_open(pid_t pid, const struct maps_file *f)
{
	char path[PATH_MAX + 64];
	int fd, err;

	snprintf(path, sizeof(path), "/proc/%d/map_files/%llx-%llx", pid,
		 (unsigned long long)f->start, (unsigned long long)f->end);
	fd = open_path(path);
	if (fd >= 0)
		return keep_if_same(fd, f, 0);
	err = fd;
	if (f->is_exe) {
		snprintf(path, sizeof(path), "/proc/%d/exe", pid);
		fd = open_path(path);
		if (fd >= 0)
			return keep_if_same(fd, f, 0);
	}
	if (!path_below(pid, f->path, path, sizeof(path))) {
		fd = open_path(path);
		if (fd >= 0)
			fd = keep_if_same(fd, f, 1);
		if (fd >= 0)
			return fd;
	}
	/* mapped from outside of its root, before it went there */
	fd = open_path(f->path);
	if (fd >= 0)
		fd = keep_if_same(fd, f, 1);
	return fd >= 0 || (err == -ENOENT && fd == -ENOENT) ? fd : err;
}
