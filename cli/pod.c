#include "cli/pod.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#define HEX "0123456789abcdef"

/* Is it a UID at p, with '-' or '_' between its parts? */
static int is_uid(const char *p)
{
	static const char form[] = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";

	for (size_t i = 0; i < POD_UID_LEN; i++)
		if (!p[i] || (form[i] == '-' ? p[i] != '-' && p[i] != '_' : !strchr(HEX, p[i])))
			return 0;
	return 1;
}

int pod_uid(const char *cgroup, char uid[POD_UID_LEN + 1])
{
	for (const char *p = cgroup; (p = strstr(p, "pod")); p++) {
		if (!is_uid(p + 3))
			continue;
		memcpy(uid, p + 3, POD_UID_LEN);
		uid[POD_UID_LEN] = '\0';
		for (char *c = uid; (c = strchr(c, '_'));)
			*c = '-';
		return 0;
	}
	return -ENOENT;
}

/* NAMESPACE_NAME_UID */
static int parse_entry(const char *entry, struct pod *p)
{
	const char *first = strchr(entry, '_'), *second = first ? strchr(first + 1, '_') : NULL;
	size_t space = first ? (size_t)(first - entry) : 0;
	size_t name = second ? (size_t)(second - first - 1) : 0;

	if (!space || !name || space >= sizeof(p->space) || name >= sizeof(p->name) ||
	    strlen(second + 1) != POD_UID_LEN || !is_uid(second + 1))
		return -EINVAL;
	snprintf(p->space, sizeof(p->space), "%.*s", (int)space, entry);
	snprintf(p->name, sizeof(p->name), "%.*s", (int)name, first + 1);
	snprintf(p->uid, sizeof(p->uid), "%s", second + 1);
	return 0;
}

static int each(const char *root, int (*f)(void *ctx, const struct pod *p), void *ctx)
{
	char path[PATH_MAX];
	struct dirent *d;
	struct pod p;
	int found = 0;
	DIR *dir;

	snprintf(path, sizeof(path), "%s/var/log/pods", root);
	dir = opendir(path);
	while (dir && !found && (d = readdir(dir)))
		if (!parse_entry(d->d_name, &p))
			found = f(ctx, &p);
	if (dir)
		closedir(dir);
	return found;
}

struct wanted {
	const char *space, *name, *uid;
	struct pod *out; /* of pod_find */
	int (*f)(void *ctx, const struct pod *p);
	void *ctx;
	unsigned n;
};

static int take(void *ctx, const struct pod *p)
{
	struct wanted *w = ctx;

	if ((w->space && strcmp(w->space, p->space)) || (w->name && strcmp(w->name, p->name)) ||
	    (w->uid && strcmp(w->uid, p->uid)))
		return 0;
	w->n++;
	if (w->out)
		*w->out = *p;
	return w->f ? w->f(w->ctx, p) : 1;
}

int pod_find(const char *root, const char *uid, struct pod *out)
{
	struct wanted w = { .uid = uid, .out = out };

	return each(root, take, &w) ? 0 : -ENOENT;
}

int pod_each(const char *root, const char *space, const char *name,
	     int (*f)(void *ctx, const struct pod *p), void *ctx)
{
	struct wanted w = { .space = space, .name = name, .f = f, .ctx = ctx };
	int got = each(root, take, &w);

	return got ? got : w.n ? 0 : -ENOENT;
}

/* ---- what made it, by its name */

/* The alphabet of Kubernetes' random names. */
static size_t random_tail(const char *name, size_t n)
{
	size_t len = 0;

	while (len < n && strchr("bcdfghjklmnpqrstvwxz2456789", name[n - 1 - len]))
		len++;
	return len < n && name[n - 1 - len] == '-' ? len : 0;
}

/*
 * A deployment's pods have two random words behind their name, of 6 to 10 and of 5 characters, a
 * stateful set's a number. That a name looks so is no proof. Returns the attribute, or NULL.
 */
static const char *workload(const char *name, size_t *len)
{
	size_t n = strlen(name), tail = random_tail(name, n), digits = 0;

	if (tail == 5 && n > 6) {
		size_t hash = random_tail(name, n - 6);

		*len = n - 7 - hash;
		return hash >= 6 && hash <= 10 && n > 7 + hash ? "k8s.deployment.name" : NULL;
	}
	while (digits < n && strchr("0123456789", name[n - 1 - digits]))
		digits++;
	*len = n - digits - 1;
	return digits && digits < 4 && n > digits + 1 && name[n - 1 - digits] == '-' ?
		       "k8s.statefulset.name" : NULL;
}

static void append(char *text, size_t size, const char *key, const char *value, size_t n)
{
	size_t used = strlen(text);
	char pair[POD_NAME_MAX + 64];
	int len = snprintf(pair, sizeof(pair), "%s%s=%.*s", used ? "," : "", key, (int)n, value);

	if (len > 0 && (size_t)len < sizeof(pair) && used + (size_t)len < size)
		memcpy(text + used, pair, (size_t)len + 1);
}

void pod_resource(const struct pod *p, char *text, size_t size)
{
	size_t n;
	const char *made_by = workload(p->name, &n);

	append(text, size, "k8s.namespace.name", p->space, strlen(p->space));
	append(text, size, "k8s.pod.name", p->name, strlen(p->name));
	if (made_by) {
		append(text, size, made_by, p->name, n);
		append(text, size, "zctrace.inferred", made_by, strlen(made_by));
	}
	append(text, size, "k8s.pod.uid", p->uid, strlen(p->uid));
}
