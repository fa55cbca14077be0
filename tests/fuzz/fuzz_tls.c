/*
 * fuzz_tls.c - TLS on the wire: any octets in both directions, in three ways of cutting
 *
 * Input: pieces, each a head of two octets and octets. Head: bit 15 the direction, bit 14 a gap (no
 * octets follow), the rest how many. The events and what the handshake concludes must be the same
 * for pieces, single octets, and with all missing that is called unneeded; no more octets are left
 * over than the parser says.
 */
#include <stdlib.h>
#include <string.h>

#include "parsers/tls/tls_handshake.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct side {
	struct tls t;
	uint8_t kept[TLS_MAX_KEEP];
	size_t nkept;
	uint64_t at, record, message;
};

struct run {
	struct side side[2];
	struct tls_handshake h;
	uint64_t sum, now;
	size_t each;
	int blind;
};

static void add(struct run *r, uint64_t v)
{
	r->sum = (r->sum ^ v) * 0x9e3779b97f4a7c15u;
	r->sum ^= r->sum >> 31;
}

static void add_hello(struct run *r, const struct tls_hello *h)
{
	struct str name;
	size_t pos = 0, n = 0;

	add(r, (uint64_t)h->version << 32 | (uint64_t)h->cipher << 16 | (uint64_t)h->retry << 3 |
		       (uint64_t)h->early_data << 2 | (uint64_t)h->psk << 1 | h->cut);
	for (size_t i = 0; i < h->sni_len; i++)
		add(r, (uint8_t)h->sni[i]);
	for (size_t i = 0; i < h->session_len; i++)
		add(r, h->session[i]);
	while (tls_alpn_next(h, &pos, &name)) {
		if (!name.n || (const uint8_t *)name.p + name.n > h->alpn + h->alpn_len)
			abort();
		n += 1 + name.n;
		add(r, (uint8_t)name.p[name.n - 1]);
	}
	if (n != h->alpn_len)
		abort();
}

static void on_event(struct run *r, unsigned dir, const struct tls_event *ev)
{
	struct side *s = &r->side[dir];
	int clear = ev->type == TLS_EV_HELLO || ev->type == TLS_EV_MESSAGE;

	add(r, (uint64_t)dir << 63 | (uint64_t)ev->type << 56 | (uint64_t)ev->message << 48 |
		       (uint64_t)ev->content << 40 | (uint64_t)ev->level << 32 |
		       (uint64_t)ev->alert << 24 | ev->length);
	add(r, s->at);
	if (ev->type == TLS_EV_HELLO)
		add_hello(r, ev->hello);
	if (ev->type == TLS_EV_MESSAGE)
		s->message = s->record;
	tls_handshake_event(&r->h, dir, ev, clear ? s->message : s->record, s->at, 1, r->now);
	if (ev->type == TLS_EV_HELLO && ev->message == TLS_SERVER_HELLO)
		for (int d = 0; d < 2; d++)
			tls_negotiated(&r->side[d].t, r->h.version);
}

static enum parse_status step(struct run *r, unsigned dir, const uint8_t *p, size_t n, size_t *used)
{
	struct side *s = &r->side[dir];
	struct tls_event ev;
	enum parse_status st;
	uint64_t skip = tls_unneeded(&s->t), gone;

	if (tls_at_record(&s->t))
		s->record = s->at;
	if (r->blind && skip && n) {
		st = tls_gap(&s->t, skip < n ? skip : n, &gone, &ev);
		*used = (size_t)gone;
	} else {
		st = tls_next(&s->t, p, n, used, &ev);
	}
	if (*used > n)
		abort();
	s->at += *used;
	if (st == PARSE_EVENT)
		on_event(r, dir, &ev);
	return st;
}

static void feed(struct run *r, unsigned dir, const uint8_t *p, size_t n)
{
	struct side *s = &r->side[dir];
	size_t all = s->nkept + n, off = 0, used;
	uint8_t *buf = malloc(all + 1);
	enum parse_status st;

	memcpy(buf + 1, s->kept, s->nkept);
	memcpy(buf + 1 + s->nkept, p, n);
	do {
		st = step(r, dir, buf + 1 + off, all - off, &used);
		off += used;
	} while (st == PARSE_EVENT || used);
	s->nkept = all - off;
	if (s->nkept >= TLS_MAX_KEEP)
		abort();
	memcpy(s->kept, buf + 1 + off, s->nkept);
	free(buf);
}

static void lose(struct run *r, unsigned dir, uint64_t n)
{
	struct side *s = &r->side[dir];
	struct tls_event ev;
	uint64_t gone;

	s->at += s->nkept;
	s->nkept = 0;
	for (int idle = 0; n; idle++) {
		enum parse_status st = tls_gap(&s->t, n, &gone, &ev);

		if (gone > n || idle > 100000)
			abort();
		n -= gone;
		s->at += gone;
		if (st == PARSE_EVENT)
			on_event(r, dir, &ev);
	}
}

static void run(struct run *r, const uint8_t *data, size_t size)
{
	struct tls_event ev;
	size_t i = 0;

	tls_handshake_init(&r->h);
	tls_init(&r->side[0].t);
	tls_init(&r->side[1].t);
	while (i + 2 <= size) {
		unsigned dir = data[i] >> 7, gap = data[i] >> 6 & 1;
		size_t n = (size_t)(data[i] & 0x3f) << 8 | data[i + 1], k;

		i += 2;
		r->now++;
		if (gap) {
			lose(r, dir, n);
			continue;
		}
		for (n = n < size - i ? n : size - i; n; n -= k, i += k) {
			k = n < r->each ? n : r->each;
			feed(r, dir, data + i, k);
		}
	}
	for (unsigned d = 0; d < 2; d++)
		while (tls_eof(&r->side[d].t, &ev) == PARSE_EVENT)
			on_event(r, d, &ev);
	tls_handshake_end(&r->h);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct run whole, pieces, blind;

	memset(&whole, 0, sizeof(whole));
	memset(&pieces, 0, sizeof(pieces));
	memset(&blind, 0, sizeof(blind));
	whole.each = SIZE_MAX;
	pieces.each = 1;
	blind.each = 100;
	blind.blind = 1;
	run(&whole, data, size);
	run(&pieces, data, size);
	run(&blind, data, size);
	if (whole.sum != pieces.sum || whole.sum != blind.sum ||
	    memcmp(&whole.h, &pieces.h, sizeof(whole.h)) ||
	    memcmp(&whole.h, &blind.h, sizeof(whole.h)))
		abort();
	return 0;
}
