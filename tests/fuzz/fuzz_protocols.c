/*
 * fuzz_protocols.c - the table of protocols: any bytes in both directions, any cut, any gap
 *
 * Input: which protocol (modulo their number; 255: all of them), where bytes are missing (two
 * bytes: where, how many), then turns: a byte for direction (bit 0) and length (bits 1 to 7), and
 * so many bytes. What is not there is as if it had ended.
 *
 * A parser must say the same of whole turns and of single bytes, say the same where what it calls
 * unneeded is missing, keep no more than 64 KiB, never stand still, and say of bytes that are
 * missing no more than how many there are. A mask must not depend on cuts either. Probing must take
 * anything.
 */
#include <stdlib.h>
#include <string.h>

#include "parsers/http1/http1_protocol.h"
#include "parsers/http2/http2_protocol.h"
#include "parsers/protocol.h"
#include "parsers/tls/tls_protocol.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MAX_INPUT 65536u
#define MAX_QUEUE 64u

enum how { WHOLE, BYTES, BLIND, GAP };

struct run {
	const struct protocol *protocol;
	enum how how;
	uint64_t *state; /* aligned */
	uint64_t sum, events, content[2];
	uint32_t form[MAX_QUEUE];
	uint64_t key[MAX_QUEUE]; /* BY_KEY */
	unsigned head, tail;
	int in_message[2], over;
	size_t lose_at, lose_n, gone; /* GAP: of all that comes */
};

/* What has come of one direction. */
struct stream {
	uint8_t *p;
	size_t n, at; /* at: as far as it was consumed */
};

static void add(struct run *r, uint64_t v)
{
	r->sum = (r->sum ^ v) * 0x9e3779b97f4a7c15u;
	r->sum ^= r->sum >> 29;
}

static void add_str(struct run *r, struct str s)
{
	add(r, s.p ? s.n + 1 : 0);
	for (size_t i = 0; i < s.n; i++)
		add(r, (uint8_t)s.p[i]);
}

/* By its key a response tells what it answers, and the parser is told. */
static void queue_keyed(struct run *r, enum sender from, const struct message *m)
{
	unsigned i = r->head;

	if (from == FROM_CLIENT || !(m->flags & MESSAGE_RESPONSE)) {
		if (m->flags & MESSAGE_ONE_WAY)
			return;
		r->head += r->tail - r->head == MAX_QUEUE;
		r->key[r->tail % MAX_QUEUE] = m->key;
		r->form[r->tail++ % MAX_QUEUE] = m->form;
		return;
	}
	while (i != r->tail &&
	       (r->key[i % MAX_QUEUE] != m->key || (m->form && m->form != r->form[i % MAX_QUEUE])))
		i++;
	if (r->protocol->answers)
		r->protocol->answers(r->state, i != r->tail, r->form[i % MAX_QUEUE]);
	if (i == r->tail)
		return;
	r->key[i % MAX_QUEUE] = r->key[r->head % MAX_QUEUE];
	r->form[i % MAX_QUEUE] = r->form[r->head++ % MAX_QUEUE];
}

static void queue(struct run *r, enum sender from, const struct message *m)
{
	if (r->protocol->pairing == PAIRING_BY_KEY) {
		queue_keyed(r, from, m);
		return;
	}
	r->in_message[from] = !(m->flags & MESSAGE_LONG);
	if (from == FROM_CLIENT && !(m->flags & MESSAGE_ONE_WAY) && r->tail - r->head < MAX_QUEUE)
		r->form[r->tail++ % MAX_QUEUE] = m->form;
	else if (from == FROM_SERVER && !(m->flags & MESSAGE_INTERIM) && r->head != r->tail)
		r->head++;
}

static void take_one(struct run *r, enum sender from, const struct message *m)
{
	if (m->type == MESSAGE_CONTENT) {
		r->content[from] += m->data.n + m->gap;
		return;
	}
	r->events++;
	add(r, (uint64_t)m->type << 40 | (uint64_t)m->flags << 1 | from);
	add(r, r->content[from]);
	r->content[from] = 0;
	add(r, m->size << 16 | (unsigned)m->status);
	add(r, m->key);
	add_str(r, m->operation);
	add_str(r, m->target);
	add_str(r, m->group);
	for (unsigned i = 0; i < m->nattrs; i++) {
		if (m->attr[i].def->type == ATTR_STRING)
			add_str(r, m->attr[i].s);
		else
			add(r, m->attr[i].n);
	}
	if (m->type == MESSAGE_HEAD)
		queue(r, from, m);
	else if (m->type != MESSAGE_NOTICE && !(m->flags & MESSAGE_LONG))
		r->in_message[from] = 0;
	r->over |= m->type == MESSAGE_SWITCH;
}

/* An END may come with what it ends, or behind it. */
static void take(struct run *r, enum sender from, const struct message *m)
{
	struct message one = *m, end;

	one.flags &= ~MESSAGE_ENDS;
	take_one(r, from, &one);
	if (!(m->flags & MESSAGE_ENDS))
		return;
	if (m->type == MESSAGE_HEAD)
		r->content[from] += m->data.n;
	message_init(&end);
	end.type = MESSAGE_END;
	end.flags = m->flags & MESSAGE_INTERIM;
	take_one(r, from, &end);
}

static void ask(struct run *r, enum sender from)
{
	if (from == FROM_SERVER && !r->in_message[from] && r->protocol->answers &&
	    r->protocol->pairing == PAIRING_IN_ORDER)
		r->protocol->answers(r->state, r->head != r->tail ? ANSWER_SURE : 0,
				     r->form[r->head % MAX_QUEUE]);
}

static enum parse_status step(struct run *r, enum sender from, const uint8_t *p, size_t n,
			      size_t *used, struct message *m)
{
	uint64_t skip = r->how == BLIND ? r->protocol->unneeded(r->state, from) : 0, gone;
	uint8_t *exact = malloc(n + 1); /* a read past its end is one past the block */
	enum parse_status st;

	ask(r, from);
	message_init(m);
	if (skip && n) {
		st = r->protocol->gap(r->state, from, (struct str){NULL, 0}, skip < n ? skip : n,
				      &gone, m);
		*used = (size_t)gone;
	} else {
		memcpy(exact + 1, p, n);
		st = r->protocol->next(r->state, from, exact + 1, n, used, m);
		if (*used > n)
			abort();
	}
	if (st == PARSE_EVENT)
		take(r, from, m);
	free(exact);
	return st;
}

/* What has come so far. */
static void feed(struct run *r, enum sender from, struct stream *s, size_t end)
{
	struct message m;
	size_t used;

	for (int idle = 0; !r->over;) {
		unsigned before = r->head;
		enum parse_status st = step(r, from, s->p + s->at, end - s->at, &used, &m);

		s->at += used;
		/* an answer may have no bytes, but it is one */
		idle = used || r->head != before ? 0 : idle + 1;
		if (idle > 8)
			abort();
		if (st == PARSE_BAD)
			r->over = 1;
		if (st == PARSE_MORE && !used)
			break;
	}
	if (!r->over && end - s->at > 65536)
		abort();
}

static void lose(struct run *r, enum sender from, struct stream *s, size_t end)
{
	struct str kept = {(const char *)s->p + s->at, s->n - s->at};
	size_t at = s->n;
	struct message m;
	uint64_t used;

	for (int i = 0; at < end && !r->over; i++) {
		enum parse_status st;

		ask(r, from);
		message_init(&m);
		st = r->protocol->gap(r->state, from, kept, end - at, &used, &m);
		if (used > end - at || i > 8 || m.gap > end - at)
			abort();
		at += (size_t)used;
		kept = (struct str){NULL, 0};
		if (st == PARSE_EVENT)
			take(r, from, &m);
		r->over |= st == PARSE_BAD || st == PARSE_END;
	}
	s->at = s->n = end;
}

/* n bytes have come. */
static void turn(struct run *r, enum sender from, struct stream *s, size_t n)
{
	size_t end = s->n + n;

	if (r->how == GAP && r->lose_n && r->gone + n > r->lose_at) {
		size_t before = r->lose_at > r->gone ? r->lose_at - r->gone : 0;
		size_t lost = n - before < r->lose_n ? n - before : r->lose_n;

		r->lose_n -= lost;
		s->n += before;
		feed(r, from, s, s->n);
		lose(r, from, s, s->n + lost);
	}
	r->gone += n;
	while (s->n < end && !r->over) {
		s->n = r->how == BYTES ? s->n + 1 : end;
		feed(r, from, s, s->n);
	}
	s->n = end;
}

static void finish(struct run *r)
{
	struct message m;

	for (enum sender from = FROM_CLIENT; from <= FROM_SERVER; from++)
		for (int i = 0; !r->over; i++) {
			message_init(&m);
			if (r->protocol->eof(r->state, from, &m) != PARSE_EVENT)
				break;
			if (i > 8)
				abort();
			take(r, from, &m);
		}
}

static struct run parse(const struct protocol *protocol, const uint8_t *p, size_t n, enum how how,
			size_t lose_at, size_t lose_n)
{
	struct run r = {.protocol = protocol, .how = how, .lose_at = lose_at, .lose_n = lose_n};
	struct stream s[2] = {{malloc(n + 1), 0, 0}, {malloc(n + 1), 0, 0}};
	void *memo = calloc(1, protocol->memo_size + 8);

	r.state = calloc(1, protocol->state_size + 8);
	protocol->begin(r.state, 0);
	if (protocol->memo && how != BYTES) /* with and without one the same is told */
		protocol->memo(r.state, memo);
	while (n > 1 && !r.over) {
		enum sender from = *p & 1 ? FROM_SERVER : FROM_CLIENT;
		size_t len = *p >> 1;

		p++;
		n--;
		len = len < n ? len : n;
		memcpy(s[from].p + s[from].n, p, len);
		turn(&r, from, &s[from], len);
		p += len;
		n -= len;
	}
	finish(&r);
	free(r.state);
	free(memo);
	free(s[0].p);
	free(s[1].p);
	return r;
}

static void check_parser(const struct protocol *protocol, const uint8_t *p, size_t n, size_t at,
			 size_t lost)
{
	struct run whole = parse(protocol, p, n, WHOLE, 0, 0);
	struct run bytes = parse(protocol, p, n, BYTES, 0, 0);
	struct run blind = parse(protocol, p, n, BLIND, 0, 0);

	if (whole.sum != bytes.sum || whole.events != bytes.events)
		abort();
	if (whole.sum != blind.sum || whole.events != blind.events)
		abort();
	parse(protocol, p, n, GAP, at, lost);
}

/* ---- masks */

static size_t mask(const struct protocol_mask *m, enum sender from, uint8_t *p, size_t n,
		   size_t each)
{
	uint64_t *state = calloc(1, m->state_size + 8);
	struct mask_shared both = {.switched = 0};
	size_t at = 0, len, used = 0;

	m->begin(state, from, MASK_START);
	for (; at < n; at += used) {
		len = n - at < each ? n - at : each;
		used = m->feed(state, &both, p + at, len);
		if (used > len)
			abort();
		if (used < len) {
			at += used;
			break;
		}
	}
	if (m->gap(state, &both, 1))
		m->feed(state, &both, &(uint8_t){'*'}, 1);
	free(state);
	return at;
}

/* exact: how the bytes are cut makes no difference. */
static void check_mask(const struct protocol_mask *m, const uint8_t *p, size_t n, int exact)
{
	uint8_t *whole = malloc(n + 1), *bytes = malloc(n + 1);

	for (enum sender from = FROM_CLIENT; from <= FROM_SERVER; from++) {
		size_t taken;

		memcpy(whole, p, n);
		memcpy(bytes, p, n);
		taken = mask(m, from, whole, n, n + 1);
		if ((taken != mask(m, from, bytes, n, 1) || memcmp(whole, bytes, taken)) && exact)
			abort();
	}
	free(whole);
	free(bytes);
}

static void check_probe(const uint8_t *p, size_t n)
{
	for (unsigned i = 0; i < 8; i++) {
		size_t half = i & 4 ? n / 2 : n;
		struct probe in = {
			.p = p,
			.n = half,
			.dir = i & 1,
			.client = PROBE_NO_DIR,
			.start = !(i & 2),
			.joined = (i & 2) != 0,
			.segment = 1,
			.port = 6379,
			.answer = i & 4 ? p + half : NULL,
			.nanswer = n - half,
		};
		struct probed found = probe_all(&in);

		if ((found.result == PROBE_NO) != !found.protocol || found.client > PROBE_NO_DIR)
			abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	unsigned first, last;

	if (size < 3 || size > MAX_INPUT)
		return 0;
	first = data[0] == 255 ? 0 : data[0] % nprotocols;
	last = data[0] == 255 ? nprotocols - 1 : first;
	for (unsigned i = first; i <= last; i++) {
		if (protocols[i]->next)
			check_parser(protocols[i], data + 3, size - 3, data[1], data[2]);
		if (protocols[i]->mask)
			/* these make use of where segments begin, or of what comes with it */
			check_mask(protocols[i]->mask, data + 3, size - 3,
				   protocols[i] != &http1_protocol &&
					   protocols[i] != &http2_protocol &&
					   protocols[i] != &tls_protocol);
	}
	check_probe(data + 3, size - 3);
	return 0;
}
