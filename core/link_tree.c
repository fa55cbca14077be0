#include "core/link_impl.h"

#include <stdlib.h>
#include <string.h>

#define MAX_IDLE 4096u
#define MAX_DEPTH 64 /* of a trace; deeper ones are cut in two */

void link_release(struct links *l, struct link_node *n)
{
	struct link_node *parent;

	do {
		parent = n->parent;
		if (l->nidle < MAX_IDLE) {
			n->hash_next = l->idle;
			l->idle = n;
			l->nidle++;
		} else {
			free(n);
		}
		n = parent;
	} while (n && !--n->refs);
}

static int depth(const struct link_node *n)
{
	int d = 0;

	while (n->parent && d < MAX_DEPTH) {
		n = n->parent;
		d++;
	}
	return d;
}

static int is_ancestor(const struct link_node *a, const struct link_node *n)
{
	for (int i = 0; n && i <= MAX_DEPTH; i++, n = n->parent)
		if (n == a)
			return 1;
	return 0;
}

/*
 * A parent whose id is nobody's but ours, and a child that an SDK gave a trace: as long as nothing
 * of the parent's trace has been shown, it is the SDK's.
 */
static void adopt_trace(struct link_node *parent, const struct link_node *child)
{
	const struct link_node *named = link_named_trace(child);
	struct link_node *root = link_root(parent);

	if (!named || link_named_trace(parent) || root->adopted || root->shown)
		return;
	root->adopted = 1;
	memcpy(root->trace_id, named->head.context.trace_id, TRACE_ID_LEN);
	root->flags = named->head.context.flags;
}

int link_set_parent(struct link_node *n, struct link_node *parent, const char *link)
{
	if (n->parent || is_ancestor(n, parent) || depth(parent) >= MAX_DEPTH)
		return 0;
	adopt_trace(parent, n);
	n->parent = parent;
	n->link = link;
	parent->refs++;
	return 1;
}
