/*
 * cgroup.c - the cgroup v2 hierarchy: its root, ids of groups, containers
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "attach/attach_priv.h"

/* From /proc/self/mountinfo. */
int cgroup_mount_point(char *path, size_t size)
{
	FILE *f = fopen("/proc/self/mountinfo", "re");
	char line[4096], root[1024], point[1024];
	int err = -ENOENT;

	if (!f)
		return -errno;
	while (err && fgets(line, sizeof(line), f)) {
		const char *dash = strstr(line, " - ");

		if (!dash || strncmp(dash + 3, "cgroup2 ", 8))
			continue;
		if (sscanf(line, "%*s %*s %*s %1023s %1023s", root, point) != 2 ||
		    strcmp(root, "/"))
			continue;
		if ((size_t)snprintf(path, size, "%s", point) < size)
			err = 0;
	}
	fclose(f);
	return err;
}

/*
 * A mount that is in no directory tree: nobody else sees it and it goes with its descriptor.
 * The calls are made by number since older C libraries do not wrap them.
 */
static int cgroup_mount_private(void)
{
	int fd = -1, fs = (int)syscall(SYS_fsopen, "cgroup2", 1 /* FSOPEN_CLOEXEC */);

	if (fs < 0)
		return -errno;
	if (!syscall(SYS_fsconfig, fs, 6 /* FSCONFIG_CMD_CREATE */, NULL, NULL, 0))
		fd = (int)syscall(SYS_fsmount, fs, 1 /* FSMOUNT_CLOEXEC */, 0);
	if (fd < 0)
		fd = -errno;
	close(fs);
	return fd;
}

int cgroup_root_open(char *err, size_t errlen)
{
	char path[1024];
	int fd;

	if (!cgroup_mount_point(path, sizeof(path))) {
		fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (fd >= 0)
			return fd;
	}
	fd = cgroup_mount_private();
	if (fd < 0)
		snprintf(err, errlen,
			 "no cgroup v2 hierarchy is mounted and none can be (%s); "
			 "mount one: mount -t cgroup2 none /sys/fs/cgroup/unified",
			 strerror(-fd));
	return fd;
}

/* The id is that of the directory's file handle, as bpf_get_current_cgroup_id() gives it. */
static int cgroup_id(const char *path, uint64_t *id)
{
	struct {
		struct file_handle h;
		unsigned char space[64];
	} u;
	int mount_id;

	u.h.handle_bytes = sizeof(u.space);
	if (name_to_handle_at(AT_FDCWD, path, &u.h, &mount_id, 0))
		return -errno;
	if (u.h.handle_bytes < sizeof(*id))
		return -EINVAL;
	memcpy(id, u.h.f_handle, sizeof(*id));
	return 0;
}

/* How deep below the root of its hierarchy; -1 if path is not in cgroup v2. */
static int cgroup_level_of(const char *path)
{
	char real[PATH_MAX], root[1024];
	int level = 0;
	size_t n;

	if (!realpath(path, real) || cgroup_mount_point(root, sizeof(root)))
		return -1;
	n = strlen(root);
	if (strncmp(real, root, n) || (real[n] && real[n] != '/'))
		return -1;
	for (const char *p = real + n; *p; p++)
		level += p[0] == '/' && p[1];
	return level;
}

int attach__add_cgroup(struct attach *a, const char *path)
{
	char full[PATH_MAX], root[1024];
	uint64_t id = 0;
	int level;
	char **list;

	if (path[0] == '/' && !access(path, F_OK))
		snprintf(full, sizeof(full), "%s", path);
	else if (!cgroup_mount_point(root, sizeof(root)))
		snprintf(full, sizeof(full), "%s/%s", root, path[0] == '/' ? path + 1 : path);
	else
		return attach_fail(a, ENOENT, "cgroup %s: no such control group", path);
	level = cgroup_level_of(full);
	if (level < 0 || cgroup_id(full, &id))
		return attach_fail(a, EINVAL, "cgroup %s: no such cgroup v2 directory", path);
	if (a->config.ncgroup >= ZC_MAX_CGROUPS)
		return attach_fail(a, EINVAL, "more than %d control groups", ZC_MAX_CGROUPS);
	list = realloc(a->cgroups, (a->ncgroups + 1) * sizeof(*list));
	if (!list)
		return attach_fail(a, ENOMEM, "out of memory");
	a->cgroups = list;
	a->cgroups[a->ncgroups] = strdup(full);
	if (!a->cgroups[a->ncgroups++])
		return attach_fail(a, ENOMEM, "out of memory");
	a->config.cgroup[a->config.ncgroup] = id;
	a->config.cgroup_level[a->config.ncgroup++] = (uint32_t)level;
	return 0;
}

/* Depth-first search for a directory whose name contains the container's id. */
static char *find_dir(const char *path, const char *id, int depth)
{
	DIR *dir = depth < 12 ? opendir(path) : NULL;
	char sub[PATH_MAX], *found = NULL;
	struct dirent *d;

	if (!dir)
		return NULL;
	while (!found && (d = readdir(dir))) {
		if (d->d_type != DT_DIR || d->d_name[0] == '.')
			continue;
		if ((size_t)snprintf(sub, sizeof(sub), "%s/%s", path, d->d_name) >= sizeof(sub))
			continue;
		found = strstr(d->d_name, id) ? strdup(sub) : find_dir(sub, id, depth + 1);
	}
	closedir(dir);
	return found;
}

/* The control group whose name has `id` in it; what: what it is, for messages. */
static int add_named(struct attach *a, const char *what, const char *id)
{
	char root[1024], *path;
	int err;

	if (cgroup_mount_point(root, sizeof(root)))
		return attach_fail(a, ENOTSUP, "%s %s: no cgroup v2 hierarchy is mounted here",
				   what, id);
	path = find_dir(root, id, 0);
	if (!path)
		return attach_fail(a, ESRCH, "%s %s: no control group below %s carries this id",
				   what, id, root);
	err = attach__add_cgroup(a, path);
	free(path);
	return err;
}

int attach__add_container(struct attach *a, const char *id)
{
	if (strlen(id) < 6)
		return attach_fail(a, EINVAL, "container %s: give at least 6 characters of its id",
				   id);
	return add_named(a, "container", id);
}

/* Slices of systemd have underscores in the UID, as dashes part their levels. */
int attach__add_pod(struct attach *a, const char *uid)
{
	char other[64];
	int err = add_named(a, "pod", uid);

	if (err != -ESRCH)
		return err;
	snprintf(other, sizeof(other), "%s", uid);
	for (char *c = other; (c = strchr(c, '-'));)
		*c = '_';
	return add_named(a, "pod", other);
}

int attach__not_here(struct attach *a, const char *what, const char *name, const char *why)
{
	return attach_fail(a, ESRCH, "%s %s: %s", what, name, why);
}
