/* Field blocks that come again: the parser with its memory of them against one that has none. */
#include "tests/unit/tap.h"
#include "tests/unit/h2_log.h"
#include "parsers/http2/http2_int.h"

static uint32_t seed = 5;
static unsigned known; /* blocks that were told to be the same */

static uint32_t rnd(uint32_t n)
{
	seed = seed * 1664525u + 1013904223u;
	return (seed >> 8) % n;
}

struct block {
	size_t n;
	uint8_t p[300];
};

static void put(struct block *b, const void *p, size_t n)
{
	memcpy(b->p + b->n, p, n);
	b->n += n;
}

static void put_string(struct block *b, size_t n, int letter)
{
	b->p[b->n++] = (uint8_t)n;
	memset(b->p + b->n, letter, n);
	b->n += n;
}

/* Blocks that come again, some of which change the table, or mean something else after that. */
static void make(struct block *b, unsigned dir, unsigned kind)
{
	b->n = 0;
	if (!dir)
		put(b, "\x82\x86\x04\x02/a", 6);
	else
		put(b, "\x88", 1);
	switch (kind) {
	case 0: break;
	case 1: put(b, "\xbe", 1); break; /* the newest entry */
	case 2: put(b, "\xbf\xc0", 2); break;
	case 3: /* a new one */
		put(b, "\x40", 1);
		put_string(b, 3, 'n');
		put_string(b, rnd(4), 'v');
		break;
	case 4: /* its name known */
		put(b, "\x7e", 1);
		put_string(b, 40, 'w');
		break;
	case 5: /* as secret, and long */
		put(b, "\x10", 1);
		put_string(b, 4, 's');
		put_string(b, 100, 'x' - (int)rnd(2));
		break;
	case 6: /* the table is emptied; nothing else may come before it */
		b->n = 0;
		put(b, "\x20\x3f\xe1\x1f", 4);
		put(b, dir ? "\x88" : "\x82\x86\x84", dir ? 1 : 3);
		break;
	default: put(b, "\x0f\x0d\x01", 3); put(b, "7", 1); break;
	}
}

static void count(struct http2 *h, unsigned dir, const uint8_t *p, size_t n)
{
	static struct http2_scratch scratch;
	struct http2_event ev;
	size_t used;

	if (http2_next(h, dir, p, n, &scratch, &used, &ev) == PARSE_EVENT && ev.same)
		known++;
}

static struct http2 *parser(int from_start)
{
	struct http2 *h = http2_init(malloc(http2_size(4096)), 4096, 0, from_start);

	for (unsigned dir = 0; dir < 2; dir++)
		h->dir[dir].state = D_FRAME;
	return h;
}

static void compare(int from_start)
{
	struct http2 *with = parser(from_start), *counted = parser(from_start),
		     *without = parser(from_start);
	struct h2_log a = {0}, b = {0};
	unsigned kind[2] = {0, 0};

	h2_print(&a, "%s", "");
	h2_print(&b, "%s", "");
	for (uint32_t i = 0; i < 4000; i++) {
		unsigned dir = rnd(2);
		struct block block, frame = {.n = 0};
		uint8_t head[9] = {0, 0, 0, 1, 4};

		if (!rnd(4))
			kind[dir] = rnd(8);
		make(&block, dir, kind[dir]);
		if (!rnd(50))
			block.n--; /* it ends within a field */
		head[1] = (uint8_t)(block.n >> 8);
		head[2] = (uint8_t)block.n;
		head[4] |= (uint8_t)rnd(2);
		head[7] = (uint8_t)(i >> 7);
		head[8] = (uint8_t)(i << 1 | 1);
		put(&frame, head, 9);
		put(&frame, block.p, block.n);
		http2_forget_same(&without->dir[dir].same);
		h2_feed(with, dir, frame.p, frame.n, &a);
		h2_feed(without, dir, frame.p, frame.n, &b);
		count(counted, dir, frame.p, frame.n);
	}
	ok(!strcmp(a.text, b.text) && a.n > 100000, "what is said is the same, %s (%zu bytes)",
	   from_start ? "from the start" : "joined late", a.n);
	free(a.text);
	free(b.text);
	free(with);
	free(counted);
	free(without);
}

int main(void)
{
	compare(1);
	compare(0);
	ok(known > 1000 && known < 4000, "of 8000 blocks %u were known", known);
	return tap_done();
}
