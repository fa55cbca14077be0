#include "core/certainty.h"

#include <stdlib.h>

#include "core/engine_impl.h"
#include "core/keyed.h"

#define STEPS_JOINED (CERTAINTY_WAITS + 1)
#define STEPS_TRIAL 32u
#define STEPS_REQUEST CERTAINTY_WAITS
#define STEPS_RESTED 2u
#define STEPS_RESPONSE 1u
#define ROUNDS 4u
/* the same since the connection was joined: hardly any client pipelines */
#define PAUSE_JOINED 50000000ull

static const struct half *other(const struct conn *c, const struct half *h)
{
	return &c->half[h == &c->half[0]];
}

static int carries_requests(const struct conn *c, const struct half *h)
{
	return h == &c->half[c->request_dir];
}

static void doubt(struct conn *c, uint32_t why, uint8_t steps)
{
	c->doubt |= why;
	if (c->steps < steps)
		c->steps = steps;
}

/* What comes is not as it would be, if those before it were in step. */
static void contradict(struct conn *c)
{
	c->in_step = 0;
	if (c->on_trial)
		doubted_break(c);
	c->on_trial = 0;
}

void certainty_begin(struct conn *c, const struct half *h)
{
	if (h->reasm.from_syn)
		return;
	if (!c->preexisting && (c->session || !other(c, h)->reasm.from_syn))
		return;
	c->half[c->request_dir].unsure = 1;
	doubt(c, c->preexisting ? SPAN_ATTACHED_LATE : SPAN_LOST_EVENTS, STEPS_JOINED);
}

void certainty_behind(struct conn *c, struct half *h, uint64_t pos)
{
	if (!c->lost) {
		c->unproven = 1;
		doubt(c, SPAN_BAD_FRAMING, 0);
	} else {
		certainty_lost(c, h, pos, conn_missing(c), 0);
	}
	c->half[c->request_dir].unsure = 1;
}

void certainty_opened(struct conn *c)
{
	if (c->doubt != SPAN_ATTACHED_LATE)
		return;
	c->doubt = c->steps = 0;
	c->half[c->request_dir].unsure = 0;
	for (struct exchange *x = c->head; x; x = x->next)
		x->suspect = 0;
}

void certainty_lost(struct conn *c, struct half *h, uint64_t pos, uint32_t why, int gap)
{
	uint8_t steps = STEPS_REQUEST;

	if (c->ongoing)
		c->ongoing->incomplete |= why; /* more of what it counts, or its end */
	if (c->keyed) {
		keyed_lost(c, h, pos, why);
		return;
	}
	doubted_break(c);
	c->round = c->round_before = c->on_trial = 0;
	if (carries_requests(c, h)) {
		if (why == SPAN_TRUNCATED_HEAD)
			steps = 0;
		h->unsure = 1;
		c->untried |= !c->in_step;
		c->req_gap = pos;
		if (gap)
			c->gap_need = other(c, h)->reasm.next;
		doubt(c, why, steps);
		return;
	}
	if (!c->resp_gap)
		c->resp_gap = CONN_GAP_REST;
	c->resp_lost = pos;
	c->answer_end = 0;
	doubt(c, why, STEPS_RESPONSE);
	for (struct exchange *x = c->head; x; x = x->next)
		if (!x->resp_done)
			x->suspect |= why;
}

void certainty_refuse(struct conn *c, uint64_t pos)
{
	struct exchange *x = c->tail;

	if (x && certainty_may_refuse(x) && x->req_done && x->req_end == pos)
		x->tentative = 1;
}

/* Where requests go on after a gap, if their client waits for its answers. */
static uint64_t request_due(const struct conn *c, const struct half *h, uint64_t pos)
{
	uint64_t need = reasm_need(&h->reasm, pos);

	/* the server had all of a request, or of several, when it began the last answer */
	if (c->answer_end && need >= c->answer_end && c->answer_ack >= c->req_gap && !c->had_more)
		return c->answer_ack;
	return 0;
}

/*
 * Where responses go on after a gap: what a client had received when it sent a request has ended.
 */
static uint64_t response_due(const struct conn *c, const struct half *h, uint64_t pos)
{
	uint64_t ack = reasm_need(&h->reasm, pos), asked = c->answered_to;

	if (!ack)
		return 0;
	for (const struct exchange *x = c->head; x; x = x->next) {
		if (!x->resp_done && x->need >= pos)
			return x->need;
		if (!x->need || !x->req_done)
			return 0;
		asked = x->req_end;
	}
	/* the answer to the last request has begun already, and nothing else was asked */
	return ack <= asked ? UINT64_MAX : 0;
}

uint64_t certainty_due(const struct conn *c, const struct half *h, uint64_t pos)
{
	if (!c->doubt || c->pipelined || c->unproven)
		return 0;
	return carries_requests(c, h) ? request_due(c, h, pos) : response_due(c, h, pos);
}

/* The oldest one that waits for its answer. */
static const struct exchange *unanswered(const struct conn *c)
{
	const struct exchange *x = c->head;

	while (x && (x->resp_done || x->tentative)) /* or it gets none */
		x = x->next;
	return x;
}

/* x comes although the answer to an older one is still due. */
static void note_overlap(struct conn *c, const struct half *h, const struct exchange *x,
			 const struct exchange *older)
{
	const struct reasm *resp = &other(c, h)->reasm;

	/* nothing had come since the older one, also if that was sent again */
	int before = x->need && x->need <= older->need;
	const struct exchange *last = before || c->tail->resp_done ? older : c->tail;
	/* nor since the one before it ended, so not its answer */
	int at_once = before || (x->need && (x->need == last->need ||
					     (x->need == last->need_end && !last->resp_started)));

	/* without acknowledgements, a loss shows only later; what replaces content may be some */
	if (c->withheld || (c->session && c->lost))
		return;
	if (!at_once && (c->resp_gap || (resp->started && x->need > resp->next)))
		return;
	contradict(c);
	if (x->found || (at_once ? last : older)->found)
		c->overlaps = c->several = 1;
	else
		c->pipelined = 1;
}

static int nothing_seen(const struct reasm *s)
{
	return s->next == s->first && !s->pend;
}

/* Joined by its socket: all that comes from then on is seen. Captures may begin anywhere. */
static int by_socket(const struct conn *c)
{
	return c->engine->io_seen || c->network.at_socket;
}

/*
 * Joined where x begins? It may be a part of some content instead, but not of who has read an
 * answer since.
 */
static int is_first(const struct conn *c, const struct half *h, const struct exchange *x)
{
	const struct reasm *resp = &other(c, h)->reasm;

	return c->preexisting && x->req_pos == h->reasm.first &&
	       (by_socket(c) || (resp->next > resp->first && x->need == resp->next));
}

/*
 * Joined where one request follows the other and nothing is answered: they are more like the
 * content of an upload than like those of who does not wait. What is answered then is not theirs.
 */
static void doubt_row(struct conn *c, struct exchange *x)
{
	x->tentative = x->in_row = 1;
	for (struct exchange *y = c->head; y; y = y->next)
		y->tentative = y->in_row = 1;
}

/* x comes where an answer has ended, of which its client has received all. */
static void count_step(struct conn *c, struct exchange *x)
{
	x->rested = x->req_first > c->answer_time + CERTAINTY_PAUSE;
	c->in_step = (uint8_t)(c->in_step + (c->in_step < UINT8_MAX));
}

/* Was x sent when the answer before it was still to come? Streams of TLS do not tell. */
static void note_ahead(struct conn *c, const struct exchange *x)
{
	if (!c->session && x->need && x->need < c->answer_end)
		c->pipelined = 1;
}

/* Nothing is outstanding: what is said from here on belongs together. */
static void settle(struct conn *c)
{
	c->doubt = 0;
	c->steps = c->untried = c->several = 0;
	c->found_need = 0;
	c->half[c->request_dir].unsure = 0;
}

/* As many answers have come as were asked, each where it was due. */
static void end_round(struct conn *c)
{
	c->rounds = (uint8_t)(c->rounds + (c->round_before && c->round != c->round_before &&
					   c->rounds < UINT8_MAX));
	c->round_before = c->round;
	if (!c->doubt)
		return;
	for (struct exchange *x = c->doubted_head; x; x = x->next)
		if (x->req_done && x->req_pos >= c->round_pos)
			x->sound = 1;
	if (c->rounds < ROUNDS)
		return;
	doubted_release(c, DOUBTED_SOUND);
	settle(c);
}

/*
 * A client that sends several requests at once, and the next ones when it has all answers, goes in
 * rounds. One that keeps a number of them under way asks as many as were answered: where some of
 * these were not seen, it seems to go in rounds, too, each as long as the one before. So those
 * count that are not. exact: x begins where the last answer has ended, older: one before it that
 * is not answered.
 */
static void count_round(struct conn *c, const struct exchange *x, const struct exchange *older,
			int exact)
{
	if (exact) {
		if (c->round)
			end_round(c);
		c->round = 1;
		c->round_pos = x->req_pos;
		c->round_need = x->need;
	} else if (c->round && x->need == c->round_need) {
		c->round = (uint8_t)(c->round + (c->round < UINT8_MAX));
	} else {
		if (older && x->need > older->need && !c->resp_gap)
			c->rounds = 0;
		c->round = c->round_before = 0;
	}
}

void certainty_plain_request(struct conn *c, struct exchange *x)
{
	x->boundary = 1;
	if (c->answer_end && x->need == c->answer_end && x->req_pos == c->answer_ack)
		count_step(c, x);
	else
		note_ahead(c, x);
}

/*
 * Does what comes go on in a line that was passed over? Of who is joined by its socket the rest of
 * some content was: it ends anywhere, and its answer, of which all is seen, tells where.
 */
static int within_line(const struct conn *c, const struct half *h)
{
	return h->mid_line && (c->requested || !by_socket(c));
}

/* How many are open with x, which comes, as its client sees it? */
static void note_open(struct conn *c, const struct exchange *x)
{
	uint32_t n = c->nqueued + 1;

	if (!x->need || x->need > c->half[!c->request_dir].reasm.next)
		return; /* it has received what we have not yet */
	for (unsigned i = 0; c->ended && i < CONN_ENDED; i++)
		n += c->ended->at[i] > x->need;
	if (n > c->most_open)
		c->most_open = n;
}

/*
 * Was nothing outstanding when x came, as nothing had gone by for long? In captures, where servers
 * may be slow and content may pause, this is less than what acknowledgements tell.
 */
static int rests(const struct conn *c, const struct exchange *x)
{
	return x->rested && (!x->need || by_socket(c));
}

void certainty_request(struct conn *c, const struct half *h, struct exchange *x)
{
	const struct exchange *older = unanswered(c);
	int before = c->tail && c->tail->tentative && x->need <= c->gap_need;
	int waited = !older && c->answer_end && x->need == c->answer_end;
	int in_line = within_line(c, h);
	int exact = waited && c->answer_ack == x->req_pos && !c->had_more && !in_line;

	/* joined: a part of what was before it, or the next of who does not wait */
	if (!c->requested && x->need && x->req_pos == h->unrecognized_end &&
	    x->need == h->unrecognized_need)
		c->pipelined = 1;
	x->found |= (uint8_t)(before | in_line);
	x->owed = c->broken_request;
	c->broken_request = 0;
	if (x->found)
		c->found_need = x->need;
	x->beside = x->need && x->need == c->found_need;
	if (!c->doubt && c->engine->opt.keep_doubted)
		note_open(c, x);
	if (older)
		note_overlap(c, h, x, older);
	else if (!x->found)
		note_ahead(c, x);
	/*
	 * it has received nothing since: this may belong to what was lost, which is answered first
	 */
	x->tentative = x->found && x->need && x->need <= c->gap_need;
	if (x->tentative) {
		x->owed |= !before && !older;
		x->suspect = c->doubt;
		c->several = 1;
		return;
	}
	if (c->pipelined)
		count_round(c, x, older, exact && !certainty_is_bare_end(c, x->need));
	if (exact) {
		count_step(c, x);
	} else if (waited && c->answer_ack && (c->answer_ack < c->req_gap || c->had_more)) {
		/*
		 * what was lost since the last answer held a request, as one that waits sends no
		 * other
		 */
		x->owed = 1;
		contradict(c);
		c->pipelined = 1;
	}
	if (c->pipelined && c->unseen)
		x->owed = 1; /* most likely */
	c->unseen = 0;
	if (!c->requested && c->preexisting && x->req_first > c->born + PAUSE_JOINED &&
	    x->req_pos == h->reasm.first && nothing_seen(&other(c, h)->reasm))
		x->rested = 1; /* it has stood still since we look */
	x->boundary = exact || !h->unsure || rests(c, x) || is_first(c, h, x);
	x->suspect = c->doubt;
	if (!c->tail)
		return;
	x->suspect |= c->tail->suspect;
	if (c->doubt == SPAN_ATTACHED_LATE && nothing_seen(&other(c, h)->reasm))
		doubt_row(c, x);
}

/* May a response at pos, whose sender had received requests up to ack, be the answer to x? */
static int may_answer(const struct exchange *x, uint64_t ack, uint64_t pos)
{
	return (!ack || x->req_pos < ack) && (!x->suspect || x->need <= pos);
}

/* Is x the last of the requests, and what is missing since it began the rest of its packet? */
static int is_cut(const struct conn *c, const struct exchange *x)
{
	return !x->next && x->incomplete & SPAN_TRUNCATED_HEAD && !c->lost;
}

struct exchange *certainty_answered(const struct conn *c, const struct half *h, uint64_t pos)
{
	uint64_t ack = reasm_need(&h->reasm, pos);
	struct exchange *x = c->head;

	if (!x || x->resp_done || !may_answer(x, ack, pos))
		return NULL;
	if (!x->suspect || x->resp_started)
		return x;
	if (x->owed || x->in_row == 1)
		return NULL;
	if (c->tail->in_row)
		return x;
	if (c->pipelined) {
		/* if its answer was lost, that is the only one, most likely */
		if (c->resp_gap == CONN_GAP_HEAD && x->need < c->resp_lost && x->next &&
		    !x->next->owed && may_answer(x->next, ack, pos))
			x = x->next;
		return x;
	}
	for (struct exchange *y = x->next; y && may_answer(y, ack, pos); y = y->next)
		if (!y->one_way)
			x = y;
	/* its request may be one that was lost; or that is the rest of x, where packets are cut */
	if (c->req_gap > x->req_pos && (!ack || c->req_gap <= ack) && !is_cut(c, x))
		return NULL;
	return x;
}

int certainty_refuted(const struct conn *c, const struct half *h, const struct exchange *x,
		      uint64_t pos)
{
	uint64_t ack = reasm_need(&h->reasm, pos);

	if (!ack)
		return 0;
	if (!x)
		return ack <= c->answered_to;
	return !c->pipelined && x->suspect && x->need && !x->resp_started && pos > x->need;
}

/* In the order of the host, one exchange in which both ends agree is enough. */
static uint8_t steps_of(const struct conn *c, const struct exchange *x)
{
	if (by_socket(c) && c->doubt == SPAN_ATTACHED_LATE)
		return 0;
	if (x->rested && !(c->doubt & SPAN_ATTACHED_LATE))
		return STEPS_RESTED;
	/* what was looked for may be content, which its client had received so far by chance */
	return (x->due && !c->overlaps) || c->steps > CERTAINTY_WAITS ? c->steps : CERTAINTY_WAITS;
}

/* Had its client received all before the response when it sent x, and no more? */
static int had_all(const struct conn *c, const struct exchange *x)
{
	if (x->need)
		return x->need == x->resp_pos;
	/* a stream of TLS tells its bytes in order, and nothing was said before */
	return x->rested || (c->session && x->resp_pos == c->half[!c->request_dir].reasm.first);
}

/* Do both directions agree about it? */
static int is_sound(const struct conn *c, const struct exchange *x, uint64_t ack)
{
	if (x->next && x->next->need <= x->resp_pos)
		return 0;
	return x->boundary && had_all(c, x) && x->req_done && x->req_end == ack;
}

/*
 * Joined, of a server that takes long: a client that keeps a number of requests under way looks
 * like one that waits, as each answer comes long after the next request.
 */
static int is_slow(const struct conn *c, const struct exchange *x)
{
	return c->doubt & SPAN_ATTACHED_LATE && !by_socket(c) &&
	       x->resp_first > x->req_first + CERTAINTY_PAUSE;
}

/* Did its answer begin before its server had all of it? Then it may be that to one before it. */
static int is_early(const struct exchange *x, uint64_t ack)
{
	return ack > x->req_pos && (!x->req_done || x->req_end > ack);
}

/* Of a client that keeps a number of requests under way both directions agree about wrong pairs. */
static int may_pipeline(const struct conn *c)
{
	return c->pipelined || (c->overlaps && c->doubt == SPAN_ATTACHED_LATE);
}

/*
 * Joined in a capture, lost from the beginning, or where what was found after a loss may have been
 * more than one request, a client that keeps two of them under way may look for long like one that
 * waits: what was in step is kept until much is, or until nothing more comes, as one more answer
 * would.
 */
static int is_to_be_tried(const struct conn *c, const struct exchange *x)
{
	return (c->doubt & SPAN_ATTACHED_LATE || c->untried || c->several) &&
	       c->engine->opt.keep_doubted && !by_socket(c) && c->in_step < STEPS_TRIAL &&
	       !rests(c, x);
}

void certainty_proven(struct conn *c, struct exchange *x)
{
	x->suspect = 0;
	if (c->doubted_head)
		doubted_release(c, DOUBTED_SOUND);
	if (c->req_gap > x->req_pos)
		return;
	for (struct exchange *y = x->next; y; y = y->next) {
		if (y->found && !y->boundary) /* it, and what follows, may be none */
			return;
		y->suspect = 0;
	}
	settle(c);
}

void certainty_response(struct conn *c, const struct half *h, struct exchange *x, uint64_t pos)
{
	uint64_t ack = reasm_need(&h->reasm, pos), to = x && x->req_done ? x->req_end : ack;
	int in_row = !x && ack && ack == c->answer_ack;

	if (to > c->answered_to)
		c->answered_to = to;
	c->answer_ack = ack;
	c->answer_end = 0;
	c->had_more = x && x->req_done && !x->req_unsized &&
		      !(x->incomplete & SPAN_TRUNCATED_HEAD) && x->req_end < ack;
	if (c->had_more && c->doubt)
		c->several = 1; /* its client may not have waited for the answer to it */
	if (!x && c->head)
		c->head->owed = 0;
	if (!x) {
		c->round = c->round_before = 0;
		c->broken_request = c->unseen = 0;
		if (!c->doubt && c->preexisting && c->requested && !by_socket(c)) {
			/* what it answers was asked before it was joined */
			c->half[c->request_dir].unsure = 1;
			doubt(c, SPAN_ATTACHED_LATE, STEPS_JOINED);
		}
		/*
		 * joined: to what was sent before; who has sent more since does not wait, nor does
		 * who has sent nothing between two answers
		 */
		if (c->doubt && (in_row || (c->requested && c->doubt == SPAN_ATTACHED_LATE))) {
			c->pipelined = 1;
			contradict(c);
		}
	}
	if (!x || !x->suspect)
		return;
	if (c->unproven && x->need == x->resp_pos && x->req_end == ack)
		x->boundary = 1;
	c->unproven = 0;
	x->sound = (uint8_t)is_sound(c, x, ack);
	if (x->sound && is_slow(c, x)) {
		contradict(c);
		x->sound = 0;
	}
	if (is_early(x, ack)) {
		contradict(c);
		doubted_break(c);
	}
	if (!x->sound || (!rests(c, x) && (may_pipeline(c) || c->in_step < steps_of(c, x))))
		return;
	c->on_trial = (uint8_t)is_to_be_tried(c, x);
	if (c->on_trial)
		return;
	certainty_proven(c, x);
}

void certainty_bare(struct conn *c, uint64_t pos, uint64_t n)
{
	uint64_t *end = c->bare_end;

	/* in place of one that was passed, or of the one that is further away */
	end += end[0] >= pos && (end[1] < pos || end[1] > end[0]);
	*end = pos + n;
}

void certainty_response_ended(struct conn *c, const struct half *h, uint64_t pos, int complete)
{
	c->answer_end = complete ? pos : 0;
	c->answer_time = h->last_time;
}

void certainty_closed(struct conn *c, uint64_t pos)
{
	if (pos < c->bare_end[0] || pos < c->bare_end[1])
		c->answer_end = 0;
}

void certainty_ahead_ended(struct conn *c, uint64_t pos)
{
	if (!c->engine->opt.keep_doubted)
		return;
	if (!c->ended)
		c->ended = calloc(1, sizeof(*c->ended));
	if (c->ended)
		c->ended->at[c->ended->n++ % CONN_ENDED] = pos;
	else
		c->most_open = UINT32_MAX; /* unknown: as many as can be */
}

/* Is all that its server has sent understood, and no request without its answer? */
static int is_settled(const struct conn *c)
{
	return !c->head && !c->lost_end && c->answer_end &&
	       c->answer_end == c->half[!c->request_dir].reasm.next &&
	       !certainty_is_bare_end(c, c->answer_end);
}

/* A client that closes first, has received all that its server has sent, and gets nothing more? */
static int is_left(const struct conn *c)
{
	const struct reasm *req = &c->half[c->request_dir].reasm;
	const struct reasm *resp = &c->half[!c->request_dir].reasm;

	return !c->reset && req->fin_time && req->fin_time < resp->fin_time &&
	       req->fin_need == resp->next;
}

/*
 * Has one of the ends said that nothing more comes? Who leaves without its answers resets: that
 * says nothing of a client that may not wait for them.
 */
static int has_closed(const struct conn *c)
{
	if (c->reset)
		return !(c->doubt & SPAN_ATTACHED_LATE) && !c->several;
	return c->half[0].reasm.fin_time || c->half[1].reasm.fin_time;
}

/* Do all that is known of it, from its beginning, but for what the responses have lost? */
static int is_counted(const struct conn *c)
{
	return c->half[0].reasm.from_syn && c->half[1].reasm.from_syn &&
	       (c->pipelined || !c->req_gap);
}

/*
 * Were as many open at once, behind what was found after the loss, as ever before? If there was one
 * more, which gets no answer, there were more than ever.
 */
static int is_full(const struct conn *c)
{
	const struct exchange *first = c->doubted_head;

	if (c->most_open < 2 || !first)
		return 0;
	for (const struct exchange *x = first->next; x; x = x->next) {
		uint32_t n = 1;

		if (x->need < first->resp_end)
			continue;
		for (const struct exchange *y = first; y != x; y = y->next)
			n += y->resp_end > x->need;
		if (n >= c->most_open)
			return 1;
	}
	return 0;
}

enum doubted_proof certainty_at_end(const struct conn *c)
{
	if (!is_settled(c))
		return DOUBTED_NONE;
	if (c->on_trial)
		return has_closed(c) ? DOUBTED_SOUND : DOUBTED_NONE;
	/*
	 * A client that leaves has its answers. So the last ones belong together, and those before
	 * them, as far back as nothing was lost. Of a client that waits, it is always one that was
	 * found that gets the answer.
	 */
	if (is_counted(c))
		return is_left(c) || is_full(c) ? DOUBTED_DUE : DOUBTED_NONE;
	return is_left(c) && !c->pipelined ? DOUBTED_BOTH : DOUBTED_NONE;
}

static int is_still(const struct half *h, uint64_t since)
{
	return h->last_time < since && !h->reasm.pend && !reasm_kept(&h->reasm).n;
}

enum doubted_proof certainty_at_rest(const struct conn *c, uint64_t since)
{
	const struct half *h = &c->half[c->request_dir], *resp = other(c, h);

	if (c->reset || !is_settled(c) || !is_still(h, since) || !is_still(resp, since) ||
	    h->reasm.fin_time || resp->reasm.fin_time)
		return DOUBTED_NONE;
	/* the answer to the last request may take longer, of a client that does not wait for it */
	if (c->pipelined)
		return is_counted(c) && is_full(c) ? DOUBTED_DUE : DOUBTED_NONE;
	/* nor, joined, what was asked before, as far as is known */
	if (c->doubt & SPAN_ATTACHED_LATE)
		return DOUBTED_NONE;
	return c->on_trial ? DOUBTED_SOUND : DOUBTED_BOTH;
}
