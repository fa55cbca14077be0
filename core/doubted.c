#include "core/doubted.h"

#include <string.h>

#include "core/engine_impl.h"
#include "core/pending_read.h"

void doubted_pass(struct conn *c, struct exchange *x)
{
	if (pending_read_add(c, x))
		return;
	/* spans of a connection come in order */
	pending_read_flush(c, NULL);
	exchange_emit(c->engine, x);
}

/* What a connection is joined at is no part of a row, but perhaps it is no response. */
static int is_joined_at(const struct conn *c, const struct exchange *x)
{
	return x->incomplete & SPAN_REQUEST_NOT_SEEN && c->preexisting && !c->requested;
}

enum doubted_proof doubted_so_far(const struct conn *c)
{
	return c->on_trial && c->in_step >= DOUBTED_LIKELY ? DOUBTED_SOUND : DOUBTED_NONE;
}

int doubted_add(struct conn *c, struct exchange *x)
{
	uint32_t alone = SPAN_REQUEST_NOT_SEEN | SPAN_RESPONSE_NOT_SEEN;

	if (!c->engine->opt.keep_doubted || c->engine->io_seen || c->unproven ||
	    !x->resp_started || c->ndoubted == DOUBTED_MAX)
		return 0;
	if ((!x->suspect || x->incomplete & alone) && !is_joined_at(c, x))
		return 0;
	if (c->doubted_head && c->doubted_head->resp_last + DOUBTED_AGE < c->engine->now)
		doubted_release(c, doubted_so_far(c));
	x->next = NULL;
	if (c->doubted_tail)
		c->doubted_tail->next = x;
	else
		c->doubted_head = x;
	c->doubted_since = c->engine->now;
	list_unlink(&c->doubted);
	list_append(&c->engine->doubted, &c->doubted);
	c->doubted_tail = x;
	c->ndoubted++;
	return 1;
}

/* The list of them, which is no more. */
static struct exchange *take_all(struct conn *c)
{
	struct exchange *x = c->doubted_head;

	c->doubted_head = c->doubted_tail = NULL;
	c->ndoubted = 0;
	list_unlink(&c->doubted);
	return x;
}

static int is_proven(const struct conn *c, const struct exchange *x, enum doubted_proof proof)
{
	switch (proof) {
	case DOUBTED_NONE: return 0;
	case DOUBTED_SOUND: return x->sound;
	case DOUBTED_DUE:
		return x->due && x->resp_pos >= c->resp_lost &&
		       (!c->req_gap || x->req_pos > c->req_gap);
	default: return x->sound && x->due;
	}
}

void doubted_release(struct conn *c, enum doubted_proof proof)
{
	for (struct exchange *x = take_all(c), *next; x; x = next) {
		next = x->next;
		if (is_proven(c, x, proof))
			x->suspect = 0;
		doubted_pass(c, x);
	}
}

void doubted_drop(struct conn *c)
{
	for (struct exchange *x = take_all(c), *next; x; x = next) {
		next = x->next;
		exchange_put(c->engine, x);
	}
}

void doubted_break(struct conn *c)
{
	memset(&c->wording, 0, sizeof(c->wording));
	/* perhaps they are none: then that will show soon */
	if (c->half[0].stray | c->half[1].stray)
		for (struct exchange *x = c->doubted_head; x; x = x->next)
			x->sound = x->due = 0;
	else if (c->doubted_head)
		doubted_release(c, DOUBTED_NONE);
	for (struct exchange *x = c->head; x && x->resp_started; x = x->next)
		x->sound = x->due = 0;
}

void doubted_tick(struct engine *e,
		  enum doubted_proof (*proof)(const struct conn *c, uint64_t since))
{
	while (!list_empty(&e->doubted)) {
		struct conn *c = list_entry(e->doubted.next, struct conn, doubted);

		if (c->doubted_since + DOUBTED_TIME > e->now)
			break;
		doubted_release(c, proof(c, e->now - DOUBTED_TIME));
	}
}
