/* Usual exchanges by their short way, and by the general one: the same spans. */
#include "tests/unit/engine_feed.h"

static const char *const requests[] = {
	GET, GET, GET, GET2, GET3, GET GET2,
	"HEAD /h HTTP/1.1\r\nHost: h\r\n\r\n",
	"POST /p HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc",
	"POST /p HTTP/1.1\r\nContent-Length: 3\r\n\r\n",
	"POST /p HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
	"POST /e HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n",
	"abc", "GET /x HTTP/1.1\r\nHo", "st: x\r\n\r\n", "what is this?\r\n",
	"GET /u HTTP/1.1\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n",
	"GET /c HTTP/1.0\r\nContent-Length: 1, 2\r\n\r\n",
};

static const char *const responses[] = {
	OK5, OK5, OK5, OK5, NO4, OK5 NO4,
	"HTTP/1.1 204 No Content\r\n\r\n", "HTTP/1.1 304 Not Modified\r\n\r\n",
	"HTTP/1.1 100 Continue\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n",
	"hello", "HTTP/1.1 200 OK\r\nContent-Le", "ngth: 5\r\n\r\nhello",
	"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
	"HTTP/1.1 200 OK\r\n\r\nuntil it closes", "no response\r\n",
	"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n",
};

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static uint32_t seed;

static unsigned chance(unsigned n)
{
	seed = seed * 1664525u + 1013904223u;
	return (seed >> 16) % n;
}

static const char *pick(int dir, unsigned odd)
{
	const char *const *from = dir == RX ? requests : responses;

	return from[chance(chance(100) < odd ? COUNT(requests) : 5)];
}

/* What goes by in direction dir: as a whole, in two segments, out of order, not at all, in part. */
static void say(int dir, unsigned odd)
{
	const char *p = pick(dir, odd);
	size_t n = strlen(p), part = chance((unsigned)n);
	uint32_t seq = f.seq[dir];

	switch (chance(100) < odd ? chance(6) : 6) {
	case 0: feed_octets(&f, dir, p, part); break;
	case 1: f.seq[dir] += (uint32_t)n; return;
	case 2: feed_cut(&f, dir, (uint32_t)n); return;
	case 3:
		feed_segment(&f, dir, ZC_TCP_ACK, seq, p, (uint32_t)n, 0, (uint32_t)part, 0);
		f.seq[dir] += (uint32_t)n;
		return;
	case 4:
		feed_segment(&f, dir, ZC_TCP_ACK, seq + (uint32_t)part, p + part,
			     (uint32_t)(n - part), 0, (uint32_t)(n - part), 0);
		break;
	case 5:
		feed_segment(&f, dir, ZC_TCP_ACK, seq, p, (uint32_t)n, 0, (uint32_t)n, dir == TX);
		f.seq[dir] += (uint32_t)n;
		return;
	}
	part = f.seq[dir] - seq;
	feed_octets(&f, dir, p + part, n - part);
}

/* A conversation that hangs on the seed alone. odd: of a hundred steps so many are unusual. */
static void converse(int no_plain, unsigned start)
{
	struct engine_options o = {.no_plain = no_plain, .keep_doubted = chance(2) == 0};
	int pid = chance(2) ? 500 : 0, dir = RX;
	unsigned odd;

	seed = start;
	odd = chance(3) * chance(20);
	feed_begin(&f, &o);
	feed_open(&f, chance(4) ? ZC_ROLE_SERVER : ZC_ROLE_CLIENT,
		  chance(8) ? ZC_OPEN_SEQ : ZC_OPEN_PREEXISTING);
	for (unsigned i = 0; i < 40; i++) {
		say(dir, odd);
		if (pid && chance(3))
			feed_io(&f, dir, 0, (uint32_t)pid);
		if (chance(100) < odd)
			f.now += chance(3) * 700 * MS;
		if (chance(100) < odd)
			engine__tick(f.e, f.now);
		if (chance(100) >= odd)
			dir = !dir;
	}
	if (chance(2))
		feed_close(&f, 0, 0);
	engine__finish(f.e);
}

/* What two spans of two engines cannot have in common. */
static void forget_places(struct span *s)
{
	struct str *const all[] = {&s->method, &s->scheme,   &s->host,	    &s->path,	 &s->query,
				   &s->route,  &s->req_fields, &s->resp_fields, &s->req_body,
				   &s->resp_body};

	for (unsigned i = 0; i < COUNT(all); i++)
		all[i]->p = all[i]->p ? "" : NULL;
	s->attr = NULL;
	s->comm = s->comm ? "" : NULL;
	s->alike = 0;
}

static int same_span(struct seen *a, struct seen *b)
{
	for (unsigned i = 0; i < a->s.nattrs && i < b->s.nattrs; i++)
		if (a->attr[i].def != b->attr[i].def ||
		    (a->attr[i].def->type == ATTR_STRING
			     ? strcmp(a->attr_text[i], b->attr_text[i]) != 0
			     : a->attr[i].n != b->attr[i].n))
			return 0;
	forget_places(&a->s);
	forget_places(&b->s);
	return !memcmp(&a->s, &b->s, sizeof(a->s)) && !strcmp(a->method, b->method) &&
	       !strcmp(a->host, b->host) && !strcmp(a->path, b->path) &&
	       !strcmp(a->query, b->query);
}

int main(void)
{
	unsigned same = 1, spans = 0, incomplete = 0;

	for (unsigned start = 1; start <= 2000 && same; start++) {
		struct feed plain;
		struct engine_stats a, b;

		seed = start * 7919;
		converse(0, start);
		plain = f;
		seed = start * 7919;
		converse(1, start);
		engine__stats(plain.e, &a);
		engine__stats(f.e, &b);
		same = plain.nspans == f.nspans && !memcmp(&a, &b, sizeof(a));
		for (unsigned i = 0; i < f.nspans && i < plain.nspans && same; i++) {
			incomplete += f.span[i].s.incomplete != 0;
			same = (unsigned)same_span(&plain.span[i], &f.span[i]);
		}
		spans += f.nspans;
		if (!same)
			ok(0, "conversation %u", start);
		engine__free(plain.e);
		free(plain.span);
		engine__free(f.e);
		free(f.span);
	}
	ok(same, "the same spans, and counts, of each conversation");
	ok(spans > 20000 && incomplete > 5000 && incomplete < spans / 2,
	   "many of them (%u), some incomplete (%u)", spans, incomplete);
	return tap_done();
}
