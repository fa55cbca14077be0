/*
 * kafka_walk.c - through a message by its layout, a value at a time; see kafka.h
 *
 * What is consumed are whole values; only those that nobody looks at are consumed as they come. So
 * no more than a topic's name, or the header of a batch, ever waits for its rest.
 */
#include "parsers/kafka/kafka_impl.h"
#include "parsers/kafka/kafka_schema.h"

enum state { ROW, TAGS, TAG, RECORDS, DONE, LOST };

#define BATCH_HEAD 61u /* of version 2 up to the first record */
#define BATCH_OLD 18u  /* of versions 0 and 1 up to the attributes */
#define CONTROL 0x20u  /* attribute: it holds no record of an application */
#define COMPRESSED 7u

const struct kafka_api *kafka_api_find(unsigned key)
{
	for (size_t i = 0; i < sizeof(kafka_apis) / sizeof(kafka_apis[0]); i++)
		if (kafka_apis[i].key == key)
			return &kafka_apis[i];
	return NULL;
}

int kafka_varint(const uint8_t *p, size_t n, uint32_t *v)
{
	uint64_t value = 0;

	for (size_t i = 0; i < n && i < 5; i++) {
		value |= (uint64_t)(p[i] & 0x7f) << (7 * i);
		if (!(p[i] & 0x80)) {
			*v = (uint32_t)value;
			return value > UINT32_MAX ? -1 : (int)i + 1;
		}
	}
	return n < 5 ? 0 : -1;
}

void kafka_walk_begin(struct kafka_walk *w, unsigned row, unsigned version, int flexible,
		      uint32_t left)
{
	memset(w, 0, sizeof(*w));
	w->at = (uint16_t)row;
	w->version = (uint8_t)version;
	w->flexible = flexible != 0;
	w->left = left;
	w->counted = 1;
}

static enum kafka_step lost(struct kafka_walk *w)
{
	w->state = LOST;
	w->counted = 0;
	return KAFKA_STEP_LOST;
}

/* A length is not there as a whole: r, of the n bytes that are. */
static enum kafka_step more(struct kafka_walk *w, int r, size_t n)
{
	return r < 0 || n >= w->left ? lost(w) : KAFKA_STEP_MORE;
}

/* From an opening row to behind the one that closes it. */
static uint16_t behind(uint16_t at, unsigned open, unsigned open2, unsigned close)
{
	for (unsigned depth = 0;; at++) {
		unsigned kind = kafka_fields[at].kind;

		depth += kind == open || kind == open2;
		if (kind == close && !--depth)
			return (uint16_t)(at + 1);
	}
}

/* ---- lengths and counts */

/*
 * The length or count that is due: 32 bits, 16 of strings, or a number of variable length that is
 * one larger. -1: absent. Returns as kafka_varint().
 */
static int length(const struct kafka_walk *w, unsigned kind, const uint8_t *p, size_t n, int64_t *v)
{
	uint32_t u;
	int r;

	if (w->flexible) {
		r = kafka_varint(p, n, &u);
		*v = r > 0 ? (int64_t)u - 1 : 0;
		return r;
	}
	if (kind == KAFKA_STRING) {
		*v = n >= 2 ? (int16_t)be16(p) : 0;
		return n >= 2 ? 2 : 0;
	}
	*v = n >= 4 ? (int32_t)be32(p) : 0;
	return n >= 4 ? 4 : 0;
}

static enum kafka_step take(struct kafka_walk *w, size_t *used, size_t n)
{
	w->left -= (uint32_t)n;
	*used = n;
	return KAFKA_STEP_MORE;
}

/* ---- values */

static enum kafka_step fixed(struct kafka_walk *w, const struct kafka_field *f, const uint8_t *p,
			     size_t n, size_t *used, struct kafka_value *v)
{
	size_t size = f->kind == KAFKA_FIXED16 ? 16 : (size_t)1 << f->kind;
	uint64_t u = 0;

	if (size > w->left)
		return lost(w);
	if (n < size)
		return KAFKA_STEP_MORE;
	take(w, used, size);
	w->at++;
	if (f->what == KAFKA_IS_NONE)
		return KAFKA_STEP_MORE;
	v->what = f->what;
	v->s = (struct str){(const char *)p, size};
	for (size_t i = 0; i < size; i++)
		u = u << 8 | p[i];
	v->n = f->kind == KAFKA_FIXED2	 ? (int16_t)u
	       : f->kind == KAFKA_FIXED4 ? (int32_t)u
					 : (int64_t)u;
	return KAFKA_STEP_VALUE;
}

static enum kafka_step variable(struct kafka_walk *w, const struct kafka_field *f, const uint8_t *p,
				size_t n, size_t *used, struct kafka_value *v)
{
	int64_t len;
	int r = length(w, f->kind, p, n, &len);
	int kept =
		f->kind == KAFKA_STRING && f->what != KAFKA_IS_NONE && len <= (int)KAFKA_MAX_TOPIC;

	if (r <= 0)
		return more(w, r, n);
	if (len < -1 || (uint64_t)r + (uint64_t)(len < 0 ? 0 : len) > w->left)
		return lost(w);
	if (kept && len > 0 && n < (size_t)r + (size_t)len)
		return KAFKA_STEP_MORE;
	take(w, used, (size_t)r + (kept && len > 0 ? (size_t)len : 0));
	if (f->kind == KAFKA_RECORDS && len > 0) {
		w->state = RECORDS;
		w->records = (uint32_t)len;
		return KAFKA_STEP_MORE;
	}
	w->at++;
	if (kept && len >= 0) {
		v->what = f->what;
		v->s = (struct str){(const char *)p + r, (size_t)len};
		return KAFKA_STEP_VALUE;
	}
	w->skip = len > 0 ? (uint32_t)len : 0;
	return KAFKA_STEP_MORE;
}

static enum kafka_step open_array(struct kafka_walk *w, const uint8_t *p, size_t n, size_t *used)
{
	int64_t count;
	int r = length(w, KAFKA_ARRAY, p, n, &count);

	if (r <= 0)
		return more(w, r, n);
	if (count < -1 || (uint32_t)r > w->left || count > (int64_t)w->left - r ||
	    w->depth >= KAFKA_DEPTH)
		return lost(w);
	take(w, used, (size_t)r);
	if (count <= 0) {
		w->at = behind(w->at, KAFKA_ARRAY, KAFKA_ARRAY, KAFKA_CLOSE);
		return KAFKA_STEP_MORE;
	}
	w->array[w->depth].at = ++w->at;
	w->array[w->depth++].count = (uint32_t)count;
	return KAFKA_STEP_MORE;
}

static enum kafka_step open_optional(struct kafka_walk *w, const uint8_t *p, size_t n, size_t *used)
{
	if (!w->left)
		return lost(w);
	if (!n)
		return KAFKA_STEP_MORE;
	take(w, used, 1);
	w->at = p[0] < 0x80 ? (uint16_t)(w->at + 1)
			    : behind(w->at, KAFKA_STRUCT, KAFKA_OPTIONAL, KAFKA_END);
	return KAFKA_STEP_MORE;
}

/* A row that this version has. */
static enum kafka_step row(struct kafka_walk *w, const struct kafka_field *f, const uint8_t *p,
			   size_t n, size_t *used, struct kafka_value *v)
{
	switch (f->kind) {
	case KAFKA_STRING:
	case KAFKA_BYTES:
	case KAFKA_RECORDS: return variable(w, f, p, n, used, v);
	case KAFKA_ARRAY: return open_array(w, p, n, used);
	case KAFKA_OPTIONAL: return open_optional(w, p, n, used);
	case KAFKA_STRUCT: w->at++; return KAFKA_STEP_MORE;
	case KAFKA_CLOSE:
		if (--w->array[w->depth - 1].count) {
			w->at = w->array[w->depth - 1].at;
		} else {
			w->depth--;
			w->at++;
		}
		return KAFKA_STEP_MORE;
	case KAFKA_END:
		w->at++;
		w->state = w->flexible ? TAGS : ROW;
		return KAFKA_STEP_MORE;
	case KAFKA_STOP:
		w->last = 1;
		w->state = w->flexible ? TAGS : DONE;
		return KAFKA_STEP_MORE;
	default: return fixed(w, f, p, n, used, v);
	}
}

/* ---- tagged fields: their number, then of each its tag, its length, its value */

static enum kafka_step tags(struct kafka_walk *w, const uint8_t *p, size_t n, size_t *used)
{
	uint32_t v, len;
	int r, k = 0;

	if (w->state == TAG && !w->tags) {
		w->state = w->last ? DONE : ROW;
		return KAFKA_STEP_MORE;
	}
	r = kafka_varint(p, n, &v);
	if (r > 0 && w->state == TAG)
		k = kafka_varint(p + r, n - (size_t)r, &len);
	if (r <= 0 || (w->state == TAG && k <= 0))
		return more(w, r < 0 ? r : k, n);
	take(w, used, (size_t)(r + k));
	if (w->state == TAGS) {
		w->tags = v;
		w->state = TAG;
		return KAFKA_STEP_MORE;
	}
	w->tags--;
	if (len > w->left)
		return lost(w);
	w->skip = len;
	return KAFKA_STEP_MORE;
}

/* ---- batches of records */

/* What the header of the next batch says of it; a last one may be cut off. */
static void open_batch(struct kafka_walk *w, const uint8_t *p, uint32_t there)
{
	uint32_t len = there >= BATCH_OLD ? be32(p + 8) : 0;
	int whole = there >= BATCH_OLD && len <= w->records - 12 && len + 12 >= BATCH_OLD;

	w->batch = whole ? len + 12 : w->records;
	w->records -= w->batch;
	w->head = (uint8_t)(w->batch < BATCH_HEAD ? w->batch : BATCH_HEAD);
	if (!whole)
		return;
	if (p[16] == 2 && w->batch >= BATCH_HEAD) {
		w->messages += be16(p + 21) & CONTROL ? 0 : be32(p + 57);
	} else if (p[16] < 2 && !(p[17] & COMPRESSED)) {
		w->head = BATCH_OLD;
		w->messages++;
	} else {
		w->counted = 0;
	}
}

int kafka_batch_is_plain(const uint8_t *p, size_t n)
{
	return n >= BATCH_HEAD && p[16] == 2 && !(be16(p + 21) & (CONTROL | COMPRESSED));
}

unsigned kafka_batch_compression(const uint8_t *p, size_t n)
{
	if (n >= BATCH_HEAD && p[16] == 2)
		return be16(p + 21) & COMPRESSED;
	return n >= BATCH_OLD && p[16] < 2 ? p[17] & COMPRESSED : 0;
}

static enum kafka_step records(struct kafka_walk *w, const uint8_t *p, size_t n, size_t *used)
{
	uint32_t need = w->records < BATCH_HEAD ? w->records : BATCH_HEAD;

	if (!w->batch) {
		if (!w->records) {
			w->state = ROW;
			w->at++;
			return KAFKA_STEP_MORE;
		}
		if (n < need)
			return KAFKA_STEP_MORE;
		open_batch(w, p, need);
	}
	need = w->head ? w->head : w->batch;
	take(w, used, n < need ? n : need);
	w->batch -= (uint32_t)*used;
	w->head = (uint8_t)(w->head ? w->head - *used : 0);
	return *used ? KAFKA_STEP_CONTENT : KAFKA_STEP_MORE;
}

/* ---- */

static enum kafka_step step(struct kafka_walk *w, const uint8_t *p, size_t n, size_t *used,
			    struct kafka_value *v)
{
	const struct kafka_field *f = &kafka_fields[w->at];

	if (w->skip) {
		uint32_t some = n < w->skip ? (uint32_t)n : w->skip;

		w->skip -= some;
		return take(w, used, some);
	}
	switch (w->state) {
	case ROW: break;
	case TAGS:
	case TAG: return tags(w, p, n, used);
	case RECORDS: return records(w, p, n, used);
	case DONE: return KAFKA_STEP_DONE;
	default: return KAFKA_STEP_LOST;
	}
	if (w->version < f->first || w->version > f->last) {
		w->at++;
		return KAFKA_STEP_MORE;
	}
	return row(w, f, p, n, used, v);
}

enum kafka_step kafka_walk_next(struct kafka_walk *w, const uint8_t *p, size_t n, size_t *used,
				struct kafka_value *v)
{
	*used = 0;
	for (;;) {
		uint16_t at = w->at;
		uint8_t state = w->state;
		uint32_t count = w->depth ? w->array[w->depth - 1].count : 0;
		enum kafka_step s = step(w, p, n < w->left ? n : w->left, used, v);

		if (s != KAFKA_STEP_MORE || *used)
			return s;
		if (at == w->at && state == w->state &&
		    count == (w->depth ? w->array[w->depth - 1].count : 0))
			return KAFKA_STEP_MORE;
	}
}

uint32_t kafka_walk_unneeded(const struct kafka_walk *w, int *content)
{
	*content = !w->skip && w->state == RECORDS && !w->head;
	if (w->state == LOST || w->state == DONE)
		return w->left;
	return w->skip ? w->skip : *content ? w->batch : 0;
}

int kafka_walk_ends(const struct kafka_walk *w)
{
	for (unsigned i = 0; i < w->depth; i++)
		if (w->array[i].count > 1)
			return 0;
	return w->state == RECORDS;
}

void kafka_walk_gap(struct kafka_walk *w, uint32_t n)
{
	w->left -= n;
	if (w->skip)
		w->skip -= n < w->skip ? n : w->skip;
	else if (w->state == RECORDS && w->batch)
		w->batch -= n < w->batch ? n : w->batch;
}
