/*
 * one_way.h - for tests: one direction of a connection, masked as recordings are
 */
#ifndef ZC_TESTS_ONE_WAY_H
#define ZC_TESTS_ONE_WAY_H

#include <stdlib.h>
#include <string.h>
#include "core/mask_side.h"

struct one_way { /* all zero at the beginning */
	struct mask_conn conn;
	struct mask_side side[2]; /* the other one has sent nothing, unless the test says so */
};

/* Through a buffer that ends where the bytes do. */
static inline size_t one_way_feed(struct one_way *w, unsigned dir, const void *p, size_t n,
				  void *out)
{
	uint8_t *exact = malloc(n ? n : 1);
	size_t kept;

	memcpy(exact, p, n);
	kept = mask_side_feed(&w->conn, &w->side[dir], &w->side[!dir], dir, exact, n);
	memcpy(out, exact, n);
	free(exact);
	return kept;
}

static inline void one_way_release(struct one_way *w)
{
	mask_side_release(&w->side[0]);
	mask_side_release(&w->side[1]);
	memset(w, 0, sizeof(*w));
}

#endif
