/*
 * list.h - intrusive doubly linked lists with a head that is a node itself
 *
 * A node that is in no list is self-linked or zeroed; list_unlink() accepts both.
 */
#ifndef ZC_CORE_LIST_H
#define ZC_CORE_LIST_H

#include <stddef.h>

struct list {
	struct list *prev, *next;
};

#define list_entry(ptr, type, member) ((type *)(void *)((char *)(ptr)-offsetof(type, member)))

static inline void list_init(struct list *l)
{
	l->prev = l->next = l;
}

static inline int list_empty(const struct list *l)
{
	return l->next == l;
}

static inline int list_linked(const struct list *n)
{
	return n->next && n->next != n;
}

static inline void list_append(struct list *head, struct list *n)
{
	n->prev = head->prev;
	n->next = head;
	head->prev->next = n;
	head->prev = n;
}

static inline void list_unlink(struct list *n)
{
	if (!n->next)
		return;
	n->prev->next = n->next;
	n->next->prev = n->prev;
	list_init(n);
}

#endif
