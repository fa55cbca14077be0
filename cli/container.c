#include "cli/container.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The whole file with a NUL behind it, to be freed; NULL: it cannot be read. */
static char *read_file(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	char *text = fd < 0 ? NULL : malloc(CONTAINER_MAX_FILE + 1);
	size_t n = 0;
	ssize_t got;

	while (text && n < CONTAINER_MAX_FILE &&
	       (got = read(fd, text + n, CONTAINER_MAX_FILE - n)) > 0)
		n += (size_t)got;
	if (fd >= 0)
		close(fd);
	if (text)
		text[n] = '\0';
	return text;
}

/*
 * The string behind this beginning, from `text` on. Quotes within JSON's strings are escaped, so a
 * key with its quotes is nowhere but where it is one. A name needs no escapes.
 */
static int string_after(const char *text, const char *beginning, char *out, size_t size)
{
	static const char of_names[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				       "0123456789_.-";
	const char *at = strstr(text, beginning);
	size_t n;

	if (!at)
		return -ENOENT;
	at += strlen(beginning);
	n = strspn(at, of_names);
	if (!n || n >= size || at[n] != '"')
		return -ENOENT;
	memcpy(out, at, n);
	out[n] = '\0';
	return 0;
}

/* Only the name of the container itself begins with a slash. */
static int docker(const char *text, const char *id, char *out, size_t size)
{
	(void)id;
	return string_after(text, "\"Name\":\"/", out, size);
}

static int storage(const char *text, const char *id, char *out, size_t size)
{
	char key[CONTAINER_ID_LEN + 16];
	const char *at, *next;
	int err;

	snprintf(key, sizeof(key), "\"id\":\"%.64s\"", id);
	at = strstr(text, key);
	if (!at)
		return -ENOENT;
	next = strstr(at + 1, "{\"id\":\"");
	err = string_after(at, "\"names\":[\"", out, size);
	return err || !next || strstr(at, "\"names\":[\"") < next ? err : -ENOENT;
}

static int containerd(const char *text, const char *id, char *out, size_t size)
{
	static const char *const keys[] = { "\"io.kubernetes.cri.container-name\":\"",
					    "\"nerdctl/name\":\"" };
	int err = -ENOENT;

	(void)id;
	for (size_t i = 0; err && i < sizeof(keys) / sizeof(keys[0]); i++)
		err = string_after(text, keys[i], out, size);
	return err;
}

int container_name(const char *root, const char *id, char *out, size_t size)
{
	static const struct {
		/* the id in a file's path; after NULL: one file for all */
		const char *before, *after;
		int (*find)(const char *text, const char *id, char *out, size_t size);
	} engines[] = {
		{ "/var/lib/docker/containers/", "/config.v2.json", docker },
		{ "/run/containerd/io.containerd.runtime.v2.task/k8s.io/", "/config.json",
		  containerd },
		{ "/run/containerd/io.containerd.runtime.v2.task/default/", "/config.json",
		  containerd },
		{ "/var/lib/containers/storage/overlay-containers/containers.json", NULL, storage },
	};
	int err = -ENOENT;

	for (size_t i = 0; err && i < sizeof(engines) / sizeof(engines[0]); i++) {
		const char *after = engines[i].after;
		char path[PATH_MAX], *text;

		snprintf(path, sizeof(path), "%s%s%.*s%s", root, engines[i].before,
			 after ? CONTAINER_ID_LEN : 0, id, after ? after : "");
		text = read_file(path);
		if (text)
			err = engines[i].find(text, id, out, size);
		free(text);
	}
	return err;
}
