#include "core/withheld.h"

#include "core/certainty.h"
#include "core/pairing_impl.h"
#include "core/queue.h"

/* What seemed to be requests behind x was none. */
static void drop_behind(struct conn *c, struct exchange *x)
{
	struct exchange *y = x->next;

	x->next = NULL;
	c->tail = x;
	for (struct exchange *next; y; y = next) {
		next = y->next;
		c->nqueued--;
		c->engine->stats.in_flight--;
		if (c->no_io == y)
			c->no_io = NULL;
		exchange_put(c->engine, y);
	}
	c->half[c->request_dir].x = NULL;
}

void withheld_settle(struct conn *c, uint64_t pos, int came)
{
	struct exchange *x = c->withheld;
	uint64_t n = c->withheld_end - x->req_end;

	c->withheld = NULL;
	if (came) {
		drop_behind(c, x);
		x->req_body_bytes += n;
		x->req_bytes += n;
		x->req_end += n;
		c->half[c->request_dir].in_message = 0;
		n = x->req_end > pos ? x->req_end - pos : 0;
		c->protocol->move(c->state, FROM_CLIENT, n ? PLACE_CONTENT : PLACE_START, n);
	} else if (x->next && x->next->next && x->next->need == x->next->next->need) {
		c->pipelined = 1; /* they were requests, one behind the other */
	}
	x->req_done = 1;
	queue_settle(c, x);
}

/*
 * What came for content may just as well have been requests of as many bytes, one behind the other,
 * of who pipelines; or one with content of its own.
 */
static void doubt_content(struct conn *c, uint64_t pos)
{
	struct half *h = &c->half[c->request_dir];
	struct exchange *x = c->withheld;
	uint64_t req_gap = c->req_gap;
	uint8_t due = x->due;

	if (!h->in_message && !c->pipelined && c->in_step >= CERTAINTY_WAITS)
		return;
	certainty_lost(c, h, pos, SPAN_BAD_FRAMING, 0);
	c->req_gap = req_gap; /* that it was requests is less likely: no answer to them is due */
	x->suspect |= SPAN_BAD_FRAMING;
	x->due = due;
}

size_t withheld_limit(struct conn *c, struct half *h, const uint8_t *p, size_t n, size_t off,
		      uint64_t pos)
{
	enum probe_result next;
	uint64_t left;

	if (!c->withheld) {
		if (!c->protocol->place ||
		    c->protocol->place(c->state, FROM_CLIENT) != PLACE_CONTENT)
			return n;
		left = c->protocol->unneeded(c->state, FROM_CLIENT);
		next = pairing_begins(c, p + off, n - off);
		if (next == PROBE_MORE)
			return off;
		if (next == PROBE_NO)
			return n;
		c->protocol->move(c->state, FROM_CLIENT, PLACE_END, 0);
		if (!left)
			return n; /* chunks do not look like a request */
		c->withheld = h->x;
		c->withheld_end = pos + off + left;
	}
	if (pos + n <= c->withheld_end)
		return n;
	if (pos + off < c->withheld_end)
		return (size_t)(c->withheld_end - pos);
	next = pairing_begins(c, p + off, n - off);
	if (next == PROBE_MORE)
		return off;
	if (next == PROBE_YES && c->protocol->place(c->state, FROM_CLIENT) != PLACE_SEEK)
		doubt_content(c, pos + off);
	withheld_settle(c, pos + off, next == PROBE_YES);
	return n;
}

size_t withheld_in_head(struct conn *c, const uint8_t *p, size_t n, size_t off, uint64_t pos)
{
	size_t end = (size_t)(c->withheld_end - pos), blank = end;
	enum probe_result next = pairing_begins(c, p + end, n - end);

	while (blank < n && (p[blank] == '\r' || p[blank] == '\n'))
		blank++;
	if (next == PROBE_MORE && blank < n)
		return n;
	if (next == PROBE_YES && blank > end)
		doubt_content(c, pos + end);
	withheld_settle(c, pos + end, next == PROBE_YES);
	return next == PROBE_YES ? end : off;
}

void withheld_doubt(struct conn *c, uint32_t why)
{
	c->withheld->incomplete |= why;
	for (struct exchange *x = c->withheld->next; x; x = x->next) {
		x->suspect |= why;
		x->found = 1;
		x->boundary = 0;
	}
}

int withheld_garbage(struct conn *c, const struct half *h, uint64_t pos)
{
	const struct exchange *next = c->withheld->next;

	if (!next || reasm_need(&h->reasm, pos - 1) <= next->need)
		return 1;
	withheld_doubt(c, SPAN_BAD_FRAMING);
	withheld_settle(c, pos, 0);
	return 0;
}

uint64_t withheld_pos(const struct conn *c)
{
	const struct reasm *s = &c->half[c->request_dir].reasm;

	return s->next - reasm_kept(s).n;
}

void withheld_answered(struct conn *c, uint64_t pos)
{
	if (!c->withheld->resp_done)
		return;
	if (c->doubt) /* or it is a part of an answer before */
		withheld_doubt(c, c->doubt);
	withheld_settle(c, pos, 0);
}

void withheld_undecided(struct conn *c, uint64_t pos)
{
	struct exchange *x = c->withheld;
	uint64_t req_gap = c->req_gap;

	/* what comes answers others, or nothing of what may have answered x was lost */
	if (x->resp_done || x->status || x->incomplete || pos < x->need || c->resp_lost <= x->need)
		return;
	/* so are the requests that are yet to come of what may be content */
	certainty_lost(c, &c->half[c->request_dir], x->req_end, conn_missing(c), 0);
	c->req_gap = req_gap;
	withheld_doubt(c, conn_missing(c));
}

void withheld_end(struct conn *c, uint64_t pos)
{
	if (c->withheld->next)
		withheld_doubt(c, SPAN_BAD_FRAMING);
	withheld_settle(c, pos, 0);
}
