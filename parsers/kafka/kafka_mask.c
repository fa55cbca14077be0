/*
 * kafka_mask.c - what recordings keep: lengths, ids, names of topics and groups, headers of batches
 *
 * All other strings and bytes are overwritten: credentials, settings, messages of errors, records.
 * Records that are not compressed keep their lengths, and their trace contexts.
 * The layout of a response is that of its request, which the other direction's state tells; of one
 * that is not known only the header stays.
 */
#include "parsers/kafka/kafka_impl.h"

/* mask_shared.word: tokens of SASL may come, and how many were not answered */
#define BARE 0x80u
#define TOKENS 0x7fu

#define MAX_VALUE 300u /* what the walk or a header waits for as a whole, at most */
struct mask {
	enum sender from;
	uint8_t in_body, known, lost;
	struct kafka_walk walk;
	uint8_t in_records; /* what comes of the batch are those, and can be read */
	struct kafka_records records;
	uint16_t nkept; /* of a value whose rest has not come */
	uint8_t kept[2 * MAX_VALUE];
};

static void mask_begin(void *state, enum sender from, unsigned flags)
{
	struct mask *m = state;

	(void)flags;
	memset(m, 0, sizeof(*m));
	m->from = from;
}

static void open_body(struct mask *m, const struct kafka_api *api, int response, unsigned version,
		      uint32_t left)
{
	m->in_body = 1;
	m->in_records = 0;
	m->known = api && version <= api->last;
	kafka_walk_begin(&m->walk,
			 !m->known  ? 0
			 : response ? api->response
				    : api->request,
			 version, m->known && version >= api->flexible, left);
}

/* A header. Returns its bytes, 0: more are needed, -1: it is none. */
static int header(struct mask *m, struct mask_shared *both, const uint8_t *p, size_t n)
{
	const struct kafka_api *api = NULL;
	struct kafka_head h;
	uint32_t form = 0, tag = 0;
	unsigned i;
	int r;

	if (m->from == FROM_CLIENT) {
		r = kafka_head_parse(&h, p, n);
		if (r < 0 && both->word & BARE && n < 4)
			return 0;
		if (r < 0 && both->word & BARE && kafka_token(p, n) >= 0 &&
		    (both->word & TOKENS) < TOKENS) {
			both->word++;
			open_body(m, NULL, 0, 0, (uint32_t)kafka_token(p, n));
			return 4;
		}
		if (r <= 0)
			return r;
		both->word &= TOKENS;
		if (h.api->key == KAFKA_SASL_HANDSHAKE && !h.version)
			both->word |= BARE;
		i = both->nasked++ % MASK_ASKED;
		both->asked[i].key = h.correlation;
		both->asked[i].form = KAFKA_FORM(h.api->key, h.version);
		open_body(m, h.api, 0, h.version, h.size - (uint32_t)h.end);
		return (int)h.end;
	}
	if (both->word & TOKENS && kafka_token(p, n) >= 0) {
		both->word--;
		open_body(m, NULL, 1, 0, (uint32_t)kafka_token(p, n));
		return 4;
	}
	if (n < 8)
		return n >= 4 && (be32(p) < 4 || be32(p) > KAFKA_MAX_SIZE) ? -1 : 0;
	if (be32(p) < 4 || be32(p) > KAFKA_MAX_SIZE)
		return -1;
	for (i = 0; i < MASK_ASKED && i < both->nasked; i++)
		if (both->asked[i].key == be32(p + 4))
			form = both->asked[i].form;
	if (form)
		api = kafka_api_find(form >> 16 & 0x7fff);
	if (api && (form & 0xffff) >= api->flexible && api->key != KAFKA_API_VERSIONS)
		tag = be32(p) > 4;
	if (tag && n < 9)
		return 0;
	if (tag && p[8])
		api = NULL;
	open_body(m, api, 1, form & 0xffff, be32(p) - 4 - tag);
	return (int)(8 + tag);
}

/* The header of a batch is there. */
static void open_batch(struct mask *m, const uint8_t *p, size_t n)
{
	m->in_records = (uint8_t)kafka_batch_is_plain(p, n);
	memset(&m->records, 0, sizeof(m->records));
}

static void hide_records(struct kafka_records *r, uint8_t *p, size_t n)
{
	enum kafka_part part;

	for (size_t at = 0, some; at < n; at += some) {
		some = kafka_records_next(r, p + at, n - at, &part);
		for (size_t i = at; i < at + some && part != KAFKA_PART_FRAME; i++)
			p[i] = part == KAFKA_PART_CONTEXT ? trace_context_value(p[i]) : 'x';
	}
}

/* How many of these bytes, which are no value, might still have become one. */
static size_t undecided_value(const struct kafka_walk *before, const uint8_t *p, size_t n)
{
	struct kafka_value v;
	size_t k = 0, used;

	for (struct kafka_walk w = *before; k < n; k++, w = *before)
		if (kafka_walk_next(&w, p, k + 1, &used, &v) == KAFKA_STEP_LOST)
			break;
	return k;
}

/* Overwrites what of the first `used` bytes is nobody's business. */
static size_t in_body(struct mask *m, uint8_t *p, size_t n, int *more)
{
	struct kafka_walk before;
	struct kafka_value v;
	size_t used;
	int content = 0, secret;
	uint32_t unneeded = m->known ? kafka_walk_unneeded(&m->walk, &content) : 0;
	enum kafka_step s;

	*more = 0;
	if (!m->walk.left) {
		m->in_body = 0;
		return 0;
	}
	if (!m->known) {
		used = n < m->walk.left ? n : m->walk.left;
		m->walk.left -= (uint32_t)used;
		memset(p, 'x', used);
		return used;
	}
	before = m->walk;
	secret = unneeded != 0;
	s = kafka_walk_next(&m->walk, p, n, &used, &v);
	if (secret && content && m->in_records)
		hide_records(&m->records, p, used);
	else if (secret)
		memset(p, 'x', used);
	else if (s == KAFKA_STEP_CONTENT)
		open_batch(m, p, used);
	if (s == KAFKA_STEP_LOST || s == KAFKA_STEP_DONE)
		m->known = 0;
	else if (s == KAFKA_STEP_MORE && !used)
		*more = 1;
	if (s == KAFKA_STEP_LOST) {
		used = undecided_value(&before, p, n);
		m->walk.left -= (uint32_t)used;
	}
	return used;
}

/* One step. Returns how many of n bytes it took; *more: it needs more than that. */
static size_t one(struct mask *m, struct mask_shared *both, uint8_t *p, size_t n, int *more)
{
	int r;

	if (m->in_body)
		return in_body(m, p, n, more);
	r = header(m, both, p, n);
	m->lost = r < 0;
	*more = r == 0;
	return r > 0 ? (size_t)r : 0;
}

/* Is what comes next passed over as it is? */
static int passes_over(const struct mask *m)
{
	int content;

	return m->in_body && (!m->known || kafka_walk_unneeded(&m->walk, &content));
}

/* The bytes that were kept with those that come now. Returns how many of p were taken. */
static size_t with_kept(struct mask *m, struct mask_shared *both, uint8_t *p, size_t n)
{
	size_t before = m->nkept, room = sizeof(m->kept) - before, used;
	size_t add = passes_over(m) ? 0 : n < room ? n : room;
	int more;

	memcpy(m->kept + before, p, add);
	used = one(m, both, m->kept, before + add, &more);
	if (more) {
		m->lost = add == room;
		m->nkept = (uint16_t)(before + add);
		return add;
	}
	if (used >= before) {
		m->nkept = 0;
		return used - before;
	}
	/* a header may have waited for what is behind it */
	m->nkept = (uint16_t)(before - used);
	memmove(m->kept, m->kept + used, m->nkept);
	return 0;
}

/* How many of these bytes, which are no header, might still have become one. */
static size_t undecided(struct mask *m, struct mask_shared *both, const uint8_t *p, size_t n)
{
	size_t k = 0;

	while (k < n && header(m, both, p, k + 1) >= 0)
		k++;
	return k;
}

static size_t mask_feed(void *state, struct mask_shared *both, uint8_t *p, size_t n)
{
	struct mask *m = state;
	size_t at = 0;
	int more;

	while (at < n && !m->lost) {
		size_t used;

		if (m->nkept) {
			at += with_kept(m, both, p + at, n - at);
			continue;
		}
		used = one(m, both, p + at, n - at, &more);
		if (more && n - at - used < sizeof(m->kept)) {
			m->nkept = (uint16_t)(n - at - used);
			memcpy(m->kept, p + at + used, m->nkept);
			return n;
		}
		if (more)
			m->lost = 1;
		at += m->lost ? undecided(m, both, p + at, n - at) : used;
	}
	return at;
}

static int mask_gap(void *state, struct mask_shared *both, uint64_t n)
{
	struct mask *m = state;
	int content;

	(void)both;
	if (!m->in_body || n + m->nkept > m->walk.left)
		return 0;
	if (m->nkept || !m->known) {
		m->walk.left -= m->nkept;
		m->nkept = 0;
		m->known = 0;
		m->walk.left -= (uint32_t)n;
		return 1;
	}
	m->in_records = 0;
	if (kafka_walk_unneeded(&m->walk, &content) < n)
		m->known = 0;
	kafka_walk_gap(&m->walk, (uint32_t)n);
	return 1;
}

const struct protocol_mask kafka_mask = {
	.state_size = sizeof(struct mask),
	.begin = mask_begin,
	.feed = mask_feed,
	.gap = mask_gap,
};
