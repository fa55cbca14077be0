/*
 * kafka_record.c - records of version 2, for the trace contexts among their headers
 *
 * https://kafka.apache.org/documentation/#record: numbers are of variable length, zigzag; what has
 * the length -1 is absent.
 */
#include "parsers/kafka/kafka_impl.h"

enum at {
	LENGTH,
	ATTRIBUTES,
	TIME,
	OFFSET,
	KEY_LENGTH,
	KEY,
	VALUE_LENGTH,
	VALUE,
	HEADERS,
	NAME_LENGTH,
	NAME,
	FIELD_LENGTH,
	FIELD,
	END,
};

static const char context_name[] = "traceparent";

/* What r->at is has ended. */
static void over(struct kafka_record *r)
{
	if (r->at == FIELD)
		r->at = --r->headers ? NAME_LENGTH : END;
	else
		r->at++;
}

static void number(struct kafka_record *r)
{
	uint64_t n = r->number & 1 ? 0 : r->number >> 1;
	int wrong = n > UINT32_MAX || (r->at == NAME_LENGTH && r->number & 1);
	unsigned at = wrong ? END : r->at;

	r->number = r->shift = 0;
	switch (at) {
	case END: r->at = END; break;
	case LENGTH:
		r->size = (uint32_t)n;
		r->at = n ? ATTRIBUTES : END;
		break;
	case HEADERS:
		r->headers = (uint32_t)n;
		r->at = n ? NAME_LENGTH : END;
		break;
	case KEY_LENGTH:
	case VALUE_LENGTH:
	case NAME_LENGTH:
	case FIELD_LENGTH:
		if (at == NAME_LENGTH)
			r->context = n == sizeof(context_name) - 1;
		else if (at == FIELD_LENGTH)
			r->context &= n == TRACE_CONTEXT_LEN;
		r->left = (uint32_t)n;
		r->at++;
		if (!n)
			over(r);
		break;
	default: r->at++;
	}
}

static void digit(struct kafka_record *r, uint8_t c)
{
	if (r->shift > 63) {
		r->at = END;
		return;
	}
	r->number |= (uint64_t)(c & 0x7f) << r->shift;
	r->shift = (uint8_t)(r->shift + 7);
	if (!(c & 0x80))
		number(r);
}

static enum kafka_part name(struct kafka_record *r, uint8_t c)
{
	r->context = r->context && c == (uint8_t)context_name[sizeof(context_name) - 1 - r->left];
	if (!--r->left)
		over(r);
	return r->context ? KAFKA_PART_FRAME : KAFKA_PART_CONTENT;
}

size_t kafka_record_next(struct kafka_record *r, const uint8_t *p, size_t n, enum kafka_part *part)
{
	size_t some = n < r->left ? n : r->left;

	*part = KAFKA_PART_FRAME;
	switch (r->at) {
	case END: *part = KAFKA_PART_CONTENT; return n;
	case ATTRIBUTES: r->at++; return 1;
	case NAME: *part = name(r, *p); return 1;
	case KEY:
	case VALUE:
	case FIELD:
		*part = r->at == FIELD && r->context ? KAFKA_PART_CONTEXT : KAFKA_PART_CONTENT;
		r->left -= (uint32_t)some;
		if (!r->left)
			over(r);
		return some;
	default: digit(r, *p); return 1;
	}
}

size_t kafka_records_next(struct kafka_records *k, const uint8_t *p, size_t n,
			  enum kafka_part *part)
{
	size_t some;

	*part = KAFKA_PART_CONTENT;
	if (k->lost)
		return n;
	some = kafka_record_next(&k->r, p, k->sized && n > k->left ? k->left : n, part);
	if (k->sized) {
		k->left -= (uint32_t)some;
	} else if (k->r.at != LENGTH) {
		k->sized = 1;
		k->left = k->r.size;
		k->lost = !k->left;
	}
	k->ends = k->sized && !k->left;
	if (k->ends) {
		memset(&k->r, 0, sizeof(k->r));
		k->sized = 0;
	}
	return some;
}

/* That of the record of n bytes at p; two are none. */
static struct str context_of(const uint8_t *p, size_t n)
{
	struct kafka_record r = {.at = LENGTH};
	struct str found = {NULL, 0};
	enum kafka_part part;

	for (size_t at = 0, some; at < n; at += some) {
		some = kafka_record_next(&r, p + at, n - at, &part);
		if (part != KAFKA_PART_CONTEXT)
			continue;
		if (found.p || some < TRACE_CONTEXT_LEN)
			return (struct str){NULL, 0};
		found = (struct str){(const char *)p + at, some};
	}
	return found;
}

struct str kafka_context(const struct kafka_head *h, const uint8_t *p)
{
	struct str record = {NULL, 0};
	enum kafka_step s = KAFKA_STEP_MORE;
	struct kafka_walk w;
	struct kafka_value v;
	size_t used = 1;

	kafka_walk_begin(&w, h->api->request, h->version, h->flexible, h->size - (uint32_t)h->end);
	for (size_t at = h->end; s < KAFKA_STEP_DONE && used; at += used) {
		s = kafka_walk_next(&w, p + at, h->size - at, &used, &v);
		if (s == KAFKA_STEP_CONTENT && kafka_batch_is_plain(p + at, used))
			record = (struct str){(const char *)p + at + used, w.batch};
	}
	if (s != KAFKA_STEP_DONE || !w.counted || w.messages != 1)
		return (struct str){NULL, 0};
	return context_of((const uint8_t *)record.p, record.n);
}
