/*
 * published.h - messages that were sent with a trace context, for those that get them
 *
 * A broker hands a message on with the context that it came with. The context names what its sender
 * did, and so does that of the delivery: both would be children of the same span, which is mostly
 * none that is seen here. By the context, which both have, the delivery is a child of its publish.
 *
 * Where a context came with several publishes, which of them a delivery belongs to is not known.
 * The table is bounded: a newer one takes the place of that of its set which was used longest ago.
 */
#ifndef ZC_CORE_PUBLISHED_H
#define ZC_CORE_PUBLISHED_H

#include "core/id.h"

struct published {
	uint64_t exchange; /* tells it from others, at both of its ends */
	uint8_t span_id[SPAN_ID_LEN];
	uint32_t pid; /* of its sender; 0: not known */
};

struct published_table;

/*
 * *t: NULL at first. better: of what is told at both ends of an exchange, this is to stay.
 */
void published_add(struct published_table **t, const struct traceparent *context,
		   const struct published *p, int better);

/* NULL: none is known, or several are. Valid until the next published_add(). */
const struct published *published_find(struct published_table *t,
				       const struct traceparent *context);
void published_free(struct published_table *t); /* NULL is allowed */

#endif
