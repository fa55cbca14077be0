/*
 * kafka_probe.c - is this Kafka?
 *
 * A request says its own length, and its layout is known in each version: a whole one fits to the
 * byte, which nothing else does by chance. Of one that is not there as a whole what is must fit, up
 * to the header of a batch of records or the name of a topic; else its answer, which has its
 * correlation id, decides. So it does on a connection that was joined somewhere.
 */
#include "parsers/kafka/kafka_impl.h"

#define ENOUGH 32768u

enum fit { FITS, SO_FAR, STRONG, NOT };

static int is_topic(struct str s)
{
	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];

		if ((c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') &&
		    c != '.' && c != '_' && c != '-')
			return 0;
	}
	return 1;
}

/* Does the request at p fit its layout, as far as it is there? */
static enum fit fit(const struct kafka_head *h, const uint8_t *p, size_t n)
{
	struct kafka_walk w;
	struct kafka_value v;
	size_t at = h->end, used;
	int strong = 0;

	kafka_walk_begin(&w, h->api->request, h->version, h->flexible, h->size - (uint32_t)h->end);
	for (;;) {
		enum kafka_step s = kafka_walk_next(&w, p + at, n - at, &used, &v);

		if (s == KAFKA_STEP_LOST)
			return NOT;
		if (s == KAFKA_STEP_DONE)
			return w.left ? NOT : FITS;
		if (s == KAFKA_STEP_VALUE && v.what == KAFKA_IS_TOPIC && !is_topic(v.s))
			return NOT;
		strong |= s == KAFKA_STEP_CONTENT && used >= 61 && p[at + 16] == 2;
		at += used;
		if (s == KAFKA_STEP_MORE && !used)
			return strong ? STRONG : SO_FAR;
	}
}

/* Is the first answer to one of these requests? 1, 0: more is needed, -1. */
static int is_answer(const uint8_t *p, size_t n, const uint8_t *a, size_t na)
{
	struct kafka_head h;

	if (na < 8)
		return 0;
	if (be32(a) < 4 || be32(a) > KAFKA_MAX_SIZE)
		return -1;
	for (; n && kafka_head_parse(&h, p, n) > 0; p += h.size, n -= h.size) {
		if (h.correlation == be32(a + 4))
			return 1;
		if (h.size >= n)
			break;
	}
	return -1;
}

static enum probe_result probe_request(const struct probe *in)
{
	struct kafka_head h;
	enum fit f = SO_FAR;
	int r = kafka_head_parse(&h, in->p, in->n);

	if (r < 0)
		return PROBE_NO;
	if (r && !h.known)
		return in->answer && is_answer(in->p, in->n, in->answer, in->nanswer) > 0
			       ? PROBE_YES
		       : in->answer ? PROBE_NO
				    : PROBE_MORE;
	if (r)
		f = fit(&h, in->p, in->n);
	if (f == NOT)
		return PROBE_NO;
	if (f == STRONG || (f == FITS && in->start && !in->joined))
		return PROBE_YES;
	/* what is not there as a whole is not answered yet */
	if (in->answer && f == SO_FAR && r && in->n < h.size && in->n < ENOUGH)
		return PROBE_WAIT;
	if (in->answer) {
		r = r ? is_answer(in->p, in->n, in->answer, in->nanswer) : -1;
		return r > 0 ? PROBE_YES : r ? PROBE_NO : PROBE_WAIT;
	}
	/* without answers, as many acknowledgements as a producer asks for */
	if (f == FITS && !h.acks)
		return PROBE_YES;
	return in->n < ENOUGH && !in->torn ? PROBE_MORE : PROBE_NO;
}

enum probe_result kafka_probe(const struct probe *in, unsigned *client)
{
	enum probe_result r;

	if (!in->n || (!in->segment && !in->start) ||
	    (in->client != in->dir && in->client != PROBE_NO_DIR))
		return PROBE_NO;
	r = probe_request(in);
	if (r == PROBE_YES)
		*client = in->dir;
	return r;
}
