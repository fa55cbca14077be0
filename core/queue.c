#include "core/queue.h"

#include "core/doubted.h"
#include "core/engine_impl.h"
#include "core/keyed.h"
#include "core/pending_read.h"

void queue_add(struct conn *c, struct exchange *x)
{
	if (c->tail)
		c->tail->next = x;
	else
		c->head = x;
	c->tail = x;
	x->next = NULL;
	c->nqueued++;
	c->engine->stats.in_flight++;
	if (!c->no_io)
		c->no_io = x;
}

/* x is in the list no more. */
static inline void taken(struct conn *c, struct exchange *x)
{
	if (c->no_io == x)
		c->no_io = x->next;
	if (c->withheld == x)
		c->withheld = NULL;
	for (int d = 0; d < 2; d++)
		if (c->half[d].x == x)
			c->half[d].x = NULL;
	x->next = NULL;
	c->nqueued--;
	c->engine->stats.in_flight--;
}

/* Takes the oldest out. */
struct exchange *queue_take(struct conn *c)
{
	struct exchange *x = c->head;

	c->head = x->next;
	if (!c->head)
		c->tail = NULL;
	taken(c, x);
	return c->keyed ? keyed_drop(c, x) : x;
}

void queue_remove(struct conn *c, struct exchange *x)
{
	if (x == c->head) {
		queue_take(c);
		return;
	}
	x->prev->next = x->next;
	if (x->next)
		x->next->prev = x->prev;
	else
		c->tail = x->prev;
	taken(c, x);
	keyed_drop(c, x);
}

int queue_doubts(const struct conn *c, const struct exchange *x)
{
	return c->unproven || (x->tentative && !x->resp_started);
}

/* Both messages are complete, or as complete as they will be; x is in no queue. */
void queue_complete(struct conn *c, struct exchange *x)
{
	if (queue_doubts(c, x)) {
		exchange_put(c->engine, x);
		return;
	}
	if ((x->suspect || c->doubt) && doubted_add(c, x))
		return;
	if (c->doubted_head)
		doubted_release(c, DOUBTED_NONE);
	doubted_pass(c, x);
}

int queue_has(const struct exchange *x)
{
	return !(x->incomplete & SPAN_REQUEST_NOT_SEEN);
}

/* Requests that get no response are through when they are the oldest. */
static void settle_one_way(struct conn *c)
{
	while (c->head && c->head->one_way && c->head->req_done)
		queue_complete(c, queue_take(c));
}

/* Of keyed ones each is through for itself. Apart, so that the way in order stays short. */
static __attribute__((noinline)) void settle_keyed(struct conn *c, struct exchange *x)
{
	if (queue_has(x))
		queue_remove(c, x);
	if (queue_doubts(c, x))
		exchange_put(c->engine, x);
	else if (!pending_read_add(c, x))
		exchange_emit(c->engine, x);
}

#define REQUEST_TIMEOUT 408u /* RFC 9110, section 15.5.9: none came, so it answers none to come */

/* Not within TLS: a call of its library that was not seen leaves no gap. */
static int is_early(const struct conn *c, const struct exchange *x)
{
	const struct half *h = &c->half[c->request_dir];

	return !c->session && x->incomplete == SPAN_REQUEST_NOT_SEEN && x->status >= 200 &&
	       x->status != REQUEST_TIMEOUT && !x->resp_unsized && !x->aborted && !c->head &&
	       !c->lost && !c->preexisting && !c->doubt && !c->rejoined && !h->in_message &&
	       !h->ended && !h->unrecognized_end;
}

struct exchange *queue_pop_early(struct conn *c)
{
	struct exchange *x = c->early;

	if (x) {
		c->early = x->next;
		c->nearly--;
	}
	return x;
}

/* They are nobody's. */
static void end_early(struct conn *c)
{
	for (struct exchange *x; (x = queue_pop_early(c));)
		queue_complete(c, x);
}

/* x answers the last of the requests that are yet to come. */
static void add_early(struct conn *c, struct exchange *x)
{
	if (c->nearly == QUEUE_EARLY_MAX) {
		c->lost = 1; /* whatever this is */
		end_early(c);
		queue_complete(c, x);
		return;
	}
	x->next = NULL;
	if (c->early)
		c->early_tail->next = x;
	else
		c->early = x;
	c->early_tail = x;
	c->nearly++;
}

struct exchange *queue_take_early(struct conn *c)
{
	struct exchange *x;

	if (c->lost || c->doubt || c->rejoined) {
		end_early(c);
		return NULL;
	}
	x = queue_pop_early(c);
	x->incomplete = 0;
	x->req_done = x->io_done = 0;
	return x;
}

void queue_settle(struct conn *c, struct exchange *x)
{
	if (!x->resp_done || !x->req_done)
		return;
	if (c->keyed) {
		settle_keyed(c, x);
		return;
	}
	if (x->one_way) {
		settle_one_way(c);
		return;
	}
	if (queue_has(x)) {
		queue_take(c);
	} else if (is_early(c, x)) {
		add_early(c, x);
		return;
	}
	if (x->switches && !c->upgraded)
		c->upgraded = x; /* MESSAGE_SWITCH follows */
	else
		queue_complete(c, x);
	if (c->head && c->head->one_way)
		settle_one_way(c);
}

/* The oldest request will not get its response from us any more. */
void queue_drop_oldest(struct conn *c)
{
	struct exchange *x = queue_take(c);

	if (!x->resp_done) {
		x->resp_unsized = 1;
		x->one_way |= x->silent;
		if (x->resp_started)
			x->incomplete |= c->lost ? conn_missing(c) : SPAN_NOT_CAPTURED;
		else if (!x->silent)
			x->incomplete |= SPAN_RESPONSE_NOT_SEEN;
		x->incomplete |= x->suspect;
	}
	queue_complete(c, x);
}

struct exchange *queue_take_long(struct conn *c)
{
	struct exchange *x = c->ongoing;

	c->ongoing = NULL;
	if (!x)
		return NULL;
	c->nqueued--;
	c->engine->stats.in_flight--;
	return x;
}

void queue_end_long(struct conn *c, uint64_t time)
{
	struct exchange *x = queue_take_long(c);

	if (!x)
		return;
	x->resp_done = x->req_done = 1;
	x->resp_last = time;
	queue_complete(c, x);
}
