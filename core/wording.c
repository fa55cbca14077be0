#include "core/wording.h"

/* So many places away another request may be the one that is answered, */
#define REACH_MIN 8u
#define REACH_MAX 32u
/* where no request was lost: of those before it, that seem to have lost their answers */
#define REACH_GIVEN_UP 4u
/* as many have to fit */
#define FITTING 3u

static uint32_t all(unsigned reach)
{
	return UINT32_MAX >> (32 - reach);
}

/* As many as were ever under way, and more, as one may not have seen much of its client. */
static unsigned reach_of(const struct conn *c)
{
	unsigned n = c->most_open < REACH_MAX ? c->most_open : REACH_MAX;

	return n > REACH_MIN ? n : REACH_MIN;
}

/* Is nothing left that the answers of this row could answer instead? */
static int is_alone(const struct conn *c)
{
	const struct wording *w = &c->wording;
	unsigned reach = reach_of(c);
	unsigned before = c->half[c->request_dir].unsure ? reach : REACH_GIVEN_UP;

	return !(all(before) & ~w->unfit_before) && !(all(reach) & ~w->unfit_after);
}

static int fits(const struct conn *c, const struct exchange *x, struct str words)
{
	struct text t = x->group.off == TEXT_NONE ? x->path : x->group;

	return c->protocol->fits(words, x->form, exchange_str(x, x->method), exchange_str(x, t));
}

/* Those before x that are kept, of this row: bit k - 1 is of the one k places before. */
static uint32_t unfit_before(const struct conn *c, struct str words)
{
	uint32_t unfit = 0;

	for (const struct exchange *y = c->doubted_head; y; y = y->next)
		if (y->req_pos >= c->wording.pos)
			unfit = unfit << 1 | (fits(c, y, words) < 0);
	return unfit;
}

/* Those behind x, as far as the server had received them when it had sent up to pos. */
static uint32_t unfit_after(const struct conn *c, const struct half *h, const struct exchange *x,
			    struct str words, uint64_t pos)
{
	uint64_t ack = reasm_need(&h->reasm, pos);
	const struct reasm *req = &c->half[c->request_dir].reasm;
	const struct exchange *y = x->next;
	uint32_t unfit = 0;
	unsigned k = 0;

	for (; y && k < REACH_MAX && (!ack || y->req_pos < ack); y = y->next, k++)
		unfit |= (uint32_t)(fits(c, y, words) < 0) << k;
	if (k < REACH_MAX && ack <= req->next - reasm_kept(req).n)
		unfit |= UINT32_MAX << k; /* there is none */
	return unfit;
}

/* Does y begin where the one before it, of this row, has ended? */
static int goes_on(const struct exchange *before, const struct exchange *y)
{
	return y->boundary || (before && before->req_done && before->req_end == y->req_pos);
}

static void prove(struct conn *c, struct exchange *x)
{
	const struct exchange *before = NULL;

	for (struct exchange *y = c->doubted_head; y; before = y, y = y->next)
		if (y->req_pos >= c->wording.pos)
			y->sound = (uint8_t)goes_on(before, y);
	if (goes_on(before, x))
		certainty_proven(c, x);
}

void wording_response(struct conn *c, const struct half *h, struct exchange *x,
		      const struct message *m, uint64_t pos)
{
	struct wording *w = &c->wording;
	int fit;

	if (!x->suspect || !c->protocol->fits || c->unproven || x->req_pos < c->req_gap)
		return;
	fit = fits(c, x, m->words);
	if (fit < 0) {
		doubted_break(c);
		return;
	}
	if (!w->pos)
		w->pos = x->req_pos;
	w->fitting = (uint8_t)(w->fitting + (fit > 0 && w->fitting < FITTING));
	w->unfit_before |= unfit_before(c, m->words);
	w->unfit_after |= unfit_after(c, h, x, m->words, pos);
	if (w->fitting == FITTING && is_alone(c))
		prove(c, x);
}
