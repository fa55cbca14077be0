#include "cli/called.h"

#include <errno.h>
#include <fnmatch.h>
#include <stdio.h>
#include <string.h>

#include "cli/inventory.h"
#include "cli/procread.h"

#define HERE_MAX 200 /* bytes of names that are told */

/* ---- what fits */

static int fits_one_of(const struct string_list *l, const char *name)
{
	for (unsigned i = 0; *name && i < l->n; i++)
		if (!fnmatch(l->v[i], name, 0))
			return 1;
	return 0;
}

static int is_called(void *options, pid_t pid)
{
	const struct options *o = options;
	struct zc_ev_names names;

	if (proc_called_read((uint32_t)pid, &names))
		return 0;
	return fits_one_of(&o->services, names.service) ||
	       fits_one_of(&o->services, names.container_name) ||
	       fits_one_of(&o->containers, names.container_name);
}

/* ---- names that are there, each once: "nginx, shop" */

struct here {
	char text[HERE_MAX];
	unsigned n;
	const char *wanted; /* a container; NULL: none */
	int found;
};

static void add_name(struct here *h, const char *name)
{
	size_t used = strlen(h->text), n = strlen(name);

	for (const char *at = h->text; n && (at = strstr(at, name)); at += n)
		if ((at == h->text || at[-1] == ' ') && (!at[n] || at[n] == ','))
			return;
	if (!n || used + n + 3 > sizeof(h->text))
		return;
	snprintf(h->text + used, sizeof(h->text) - used, "%s%s", used ? ", " : "", name);
	h->n++;
}

static void look_for_container(void *here, uint32_t pid)
{
	struct here *h = here;
	struct zc_ev_names names;

	if (proc_called_read(pid, &names) || !*names.container_name)
		return;
	add_name(h, names.container_name);
	h->found |= !fnmatch(h->wanted, names.container_name, 0);
}

/* Services are those that listen. */
static void look_for_services(struct here *h)
{
	struct listeners l = { 0 };
	struct zc_ev_names names;

	if (!listeners_find(&l))
		for (size_t i = 0; i < l.n; i++)
			if (l.v[i].npids && !proc_called_read(l.v[i].pids[0], &names))
				add_name(h, *names.container_name ? names.container_name :
								    names.service);
	listeners_release(&l);
}

/* ---- the selectors */

static int add_container(struct attach *a, const struct options *o, const char *name)
{
	struct here h = { .wanted = name };
	char what[128], why[HERE_MAX + 80];

	each_process(look_for_container, &h);
	if (h.found) {
		snprintf(what, sizeof(what), "container %.100s", name);
		return attach__add_judged(a, what, is_called, (void *)(uintptr_t)o);
	}
	if (!attach__add_container(a, name))
		return 0;
	snprintf(why, sizeof(why), "none that runs here has this name, or an id that begins so%s%s",
		 h.n ? "; here are: " : "", h.text);
	return attach__not_here(a, "container", name, why);
}

int called_add(struct attach *a, const struct options *o)
{
	char what[128];
	int err = 0;

	for (unsigned i = 0; !err && i < o->containers.n; i++)
		err = add_container(a, o, o->containers.v[i]);
	for (unsigned i = 0; !err && i < o->services.n; i++) {
		snprintf(what, sizeof(what), "service %.100s", o->services.v[i]);
		err = attach__add_judged(a, what, is_called, (void *)(uintptr_t)o);
	}
	return err;
}

static void count(void *n, pid_t pid)
{
	(void)pid;
	++*(unsigned *)n;
}

int called_nobody(struct attach *a, const struct options *o, char *text, size_t size)
{
	const char *name = o->services.n ? o->services.v[0] : o->comms.n ? o->comms.v[0] : NULL;
	struct here h = { .n = 0 };
	unsigned n = 0;

	if (!name || o->nports || o->all || attach__selected(a, count, &n) || n)
		return 0;
	look_for_services(&h);
	snprintf(text, size, "no process %s '%.64s' now%s%s: waiting for one that starts",
		 o->services.n ? "is called" : "has the name", name,
		 h.n && o->services.n ? "; services that listen here: " :
		 h.n		      ? "; --service chooses by what is shown: " : "",
		 h.text);
	return 1;
}
