#include "core/other_end.h"

#include <stdlib.h>

#include "core/engine_impl.h"
#include "core/id.h"
#include "core/ways.h"

#define PAIR_BITS 11u /* times WAYS connections */

struct pair {
	struct way way;
	uint64_t cookie;
};

/* Datagrams are not of the connection between the same ports. */
static uint64_t place_of(const struct conn *c, uint64_t key)
{
	return id_mix(key, c->netns + c->datagram);
}

struct conn *other_end(struct engine *e, const struct conn *c)
{
	uint64_t key = id_connection(c->raddr, c->rport, c->laddr, c->lport) | 1;
	const struct pair *p =
		e->pairs && c->has_addr
			? ways_find(e->pairs, sizeof(*p), PAIR_BITS, place_of(c, key))
			: NULL;
	struct conn *o = p ? conn_find(&e->conns, p->cookie) : NULL;

	return o && o != c && o->network.key == key ? o : NULL;
}

void other_end_add(struct engine *e, const struct conn *c)
{
	uint64_t key = place_of(c, c->network.key);
	struct pair *p;

	if (!e->pairs)
		e->pairs = calloc((size_t)WAYS << PAIR_BITS, sizeof(*p));
	if (!e->pairs)
		return;
	p = ways_find(e->pairs, sizeof(*p), PAIR_BITS, key);
	if (!p)
		p = ways_place(e->pairs, sizeof(*p), PAIR_BITS, key);
	p->way.key = key;
	p->way.used = e->now;
	p->cookie = c->cookie;
}

