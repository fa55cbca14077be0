#include "cli/targets.h"

#include <stdio.h>
#include <stdlib.h>

#include "cli/input.h"

int targets_wanted(const struct options *o)
{
	return o->nports || o->npids || options_select_by_name(o) || o->all;
}

static int by_value(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

static void add(struct targets *t, uint32_t pid)
{
	if (t->failed || (t->n && t->pid[t->n - 1] == pid))
		return;
	if (t->n == t->cap) {
		size_t cap = t->cap ? 2 * t->cap : 32;
		uint32_t *v = reallocarray(t->pid, cap, sizeof(*v));

		if (!v) {
			t->failed = 1;
			return;
		}
		t->pid = v;
		t->cap = cap;
	}
	t->pid[t->n++] = pid;
}

static void add_selected(void *targets, pid_t pid)
{
	add(targets, (uint32_t)pid);
}

/* ---- by port */

struct by_port {
	struct targets *t;
	const struct inventory *inv;
	uint8_t want[65536 / 8], listened[65536 / 8];
	uint8_t state; /* what is looked for: NET_LISTEN, then NET_ESTABLISHED */
	uint32_t pid;
};

static int has(const uint8_t *set, uint16_t port)
{
	return set[port >> 3] >> (port & 7) & 1;
}

static void put(uint8_t *set, uint16_t port)
{
	set[port >> 3] |= (uint8_t)(1u << (port & 7));
}

static void look_at_file(void *by_port, const char *target)
{
	struct by_port *b = by_port;
	const struct net_socket *s = inventory_find(b->inv, socket_inode(target));

	if (!s || s->state != b->state)
		return;
	if (s->state == NET_ESTABLISHED) {
		if (has(b->want, s->remote_port) && !has(b->listened, s->remote_port))
			add(b->t, b->pid);
	} else if (has(b->want, s->local_port)) {
		put(b->listened, s->local_port);
		add(b->t, b->pid);
	}
}

static void look_at_process(void *by_port, uint32_t pid)
{
	struct by_port *b = by_port;

	b->pid = pid;
	each_open_file(pid, look_at_file, b);
}

static void add_ports(struct targets *t, const struct options *o, const struct inventory *inv)
{
	struct by_port *b = o->nports ? calloc(1, sizeof(*b)) : NULL;

	if (!b) {
		t->failed |= o->nports > 0;
		return;
	}
	b->t = t;
	b->inv = inv;
	for (unsigned i = 0; i < o->nports; i++)
		for (unsigned port = o->ports[i].first; port <= o->ports[i].last; port++)
			put(b->want, (uint16_t)port);
	b->state = NET_LISTEN;
	each_process(look_at_process, b);
	b->state = NET_ESTABLISHED;
	each_process(look_at_process, b);
	free(b);
}

/* ---- all selectors */

static void sort_out(struct targets *t)
{
	size_t n = 0;

	if (t->n)
		qsort(t->pid, t->n, sizeof(*t->pid), by_value);
	for (size_t i = 0; i < t->n; i++)
		if (!n || t->pid[n - 1] != t->pid[i])
			t->pid[n++] = t->pid[i];
	t->n = n;
}

int targets_find(struct targets *t, struct attach *a, const struct options *o,
		 const struct inventory *inv, char *err, size_t errlen)
{
	int code;

	*t = (struct targets){ 0 };
	code = attach__selected(a, add_selected, t);
	if (code) {
		snprintf(err, errlen, "%s", attach__error(a));
		return input_status(code);
	}
	add_ports(t, o, inv);
	sort_out(t);
	if (!t->failed)
		return 0;
	snprintf(err, errlen, "out of memory");
	return EXIT_FAILED;
}

void targets_release(struct targets *t)
{
	free(t->pid);
	*t = (struct targets){ 0 };
}

int targets_have(const struct targets *t, uint32_t pid)
{
	return t->n && bsearch(&pid, t->pid, t->n, sizeof(pid), by_value) != NULL;
}
