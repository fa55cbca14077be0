/*
 * certainty.h - which request a response answers, and whether that is certain
 *
 * Where all bytes of a connection were seen from its beginning, each final response answers the
 * oldest request. Bytes that were lost, or not understood, may have held messages. From then on
 * there is a doubt (conn.doubt), and each request that begins carries it (exchange.suspect), until
 * both directions agree about an exchange:
 *
 *  - its client had received everything before the response when it sent the request, no more and
 *    no less, and its server everything up to the request's end when it began the response;
 *  - the request begins where a message does: behind one that is certain, or where the server had
 *    received everything when it began the answer before, if that is not within a line;
 *  - and the client is one that waits for its answers. This shows in exchanges one after the other
 *    of which the same is true; how many it takes depends on what was lost. A client that was seen
 *    to pipeline is believed only after a pause.
 *
 * Acknowledgements tell who had received what. Streams without them (plaintext of TLS) are told in
 * the order of their events.
 */
#ifndef ZC_CORE_CERTAINTY_H
#define ZC_CORE_CERTAINTY_H

#include "core/conn.h"
#include "core/doubted.h"
#include "core/exchange.h"

/* So many exchanges in a row, one after the other: the client is one that waits for its answers. */
#define CERTAINTY_WAITS 3u
#define CERTAINTY_PAUSE 1000000000ull /* ns without a byte: nothing is outstanding */

/* Messages of h begin: perhaps it was joined somewhere. */
void certainty_begin(struct conn *c, const struct half *h);

/*
 * They begin at pos behind something else, which was lost or is not understood: a proxy's greeting,
 * or another protocol that carries what looks like them. What is not answered is not shown.
 */
void certainty_behind(struct conn *c, struct half *h, uint64_t pos);

/* It turns out that the connection did not exist before we looked. */
void certainty_opened(struct conn *c);

/* Bytes before pos, in which there may have been messages, were lost (gap) or not understood. */
void certainty_lost(struct conn *c, struct half *h, uint64_t pos, uint32_t why, int gap);

/*
 * Where the next message of h begins at the earliest, when a start is looked for from pos on, as
 * the other direction tells; 0: it does not tell, UINT64_MAX: not in what is known so far.
 */
uint64_t certainty_due(const struct conn *c, const struct half *h, uint64_t pos);

/* Is it still open whether x, which was found, is a request? */
static inline int certainty_may_refuse(const struct exchange *x)
{
	return x->found && x->suspect && !x->boundary;
}

/* What is at pos is no request: one that was found, and ended there, may be content, too. */
void certainty_refuse(struct conn *c, uint64_t pos);

/* x, with req_pos, need and found, is about to be queued. */
void certainty_request(struct conn *c, const struct half *h, struct exchange *x);

/* The same of a request on a connection without doubts on which no other is open. */
void certainty_plain_request(struct conn *c, struct exchange *x);

/* The request that a response of h answers which starts at pos; NULL: none that can be told. */
struct exchange *certainty_answered(const struct conn *c, const struct half *h, uint64_t pos);

/* Is what seems to be a response at pos, where it was not due, a part of some content? */
int certainty_refuted(const struct conn *c, const struct half *h, const struct exchange *x,
		      uint64_t pos);

/*
 * A final response of h that starts at pos is taken for that to x, or for one to a request that was
 * not seen (NULL). Says in x what remains in doubt.
 */
void certainty_response(struct conn *c, const struct half *h, struct exchange *x, uint64_t pos);

/*
 * x, which is being answered, belongs to its answer: so do those kept that are `sound`, and what
 * follows, if nothing was lost since x.
 */
void certainty_proven(struct conn *c, struct exchange *x);

/*
 * The one that is in doubt, and whose head ends at pos, has not the n bytes that it announces,
 * because of what it answers. If it answers something else, what follows are these.
 */
void certainty_bare(struct conn *c, uint64_t pos, uint64_t n);

/* May what began behind such a head, and ends at pos, have been content? */
static inline int certainty_is_bare_end(const struct conn *c, uint64_t pos)
{
	return pos && (pos == c->bare_end[0] || pos == c->bare_end[1]);
}

/* It has ended at pos; complete: that is where it ends for all that is known. */
void certainty_response_ended(struct conn *c, const struct half *h, uint64_t pos, int complete);

/*
 * What began at pos went on until its sender closed. Where it may have been content, it would have
 * ended there, too.
 */
void certainty_closed(struct conn *c, uint64_t pos);

/* The same of a client that pipelines: its next requests may not have waited for that. */
void certainty_ahead_ended(struct conn *c, uint64_t pos);

/* Both directions have ended: what does that say of the exchanges that were kept? */
enum doubted_proof certainty_at_end(const struct conn *c);

/* The same where nothing has come since then, and nothing is outstanding that long. */
enum doubted_proof certainty_at_rest(const struct conn *c, uint64_t since);

#endif
