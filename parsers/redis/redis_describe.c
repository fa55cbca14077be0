/*
 * redis_describe.c - what a command's HEAD tells: operation, key, shape
 */
#include "parsers/attrs.h"
#include "parsers/redis/redis_impl.h"

/* A text of limited length that ends in "..." where it is cut. */
struct text {
	char *p;
	size_t n, cap;
};

static void put(struct text *t, const char *p, size_t n)
{
	static const char more[] = "...";

	if (t->n + n + sizeof(more) - 1 <= t->cap) {
		memcpy(t->p + t->n, p, n);
		t->n += n;
	} else if (t->cap) {
		memcpy(t->p + t->n, more, sizeof(more) - 1);
		t->n += sizeof(more) - 1;
		t->cap = 0; /* nothing more */
	}
}

/* An argument; one that would not be read back as it is gets quotes. */
static void put_argument(struct text *t, struct str s)
{
	int bare = s.n > 0;

	for (size_t i = 0; i < s.n && bare; i++)
		bare = s.p[i] != ' ' && s.p[i] != '"' && s.p[i] != '\'';
	if (!bare)
		put(t, "\"", 1);
	put(t, s.p, s.n);
	if (!bare)
		put(t, "\"", 1);
}

static struct str operation(struct redis_request *r, const struct redis_head *h, int sub)
{
	size_t n = 0;

	for (unsigned i = 0; i <= (unsigned)sub; i++) {
		if (i)
			r->operation[n++] = ' ';
		for (size_t k = 0; k < h->arg[i].n && n < sizeof(r->operation); k++) {
			char c = h->arg[i].p[k];

			r->operation[n++] = c >= 'a' && c <= 'z' ? (char)(c - 'a' + 'A') : c;
		}
	}
	return (struct str){r->operation, n};
}

/* Does argument 1 look like a subcommand? */
static int is_sub(const struct redis_command *c, const struct redis_head *h)
{
	if (!c || !(c->flags & REDIS_HAS_SUB) || h->n < 2 || !h->arg[1].n ||
	    h->arg[1].n > REDIS_MAX_NAME)
		return 0;
	for (size_t i = 0; i < h->arg[1].n; i++) {
		char s = (char)(h->arg[1].p[i] | 0x20);

		if ((s < 'a' || s > 'z') && h->arg[1].p[i] != '-' && h->arg[1].p[i] != '_')
			return 0;
	}
	return 1;
}

/* The command with `?` for its arguments but the key. */
static struct str shape_of(struct redis_request *r, const struct redis_head *h, struct str name,
			   unsigned from, unsigned key)
{
	struct text shape = {r->shape, 0, sizeof(r->shape)};

	put(&shape, name.p, name.n);
	for (uint64_t i = from; i < h->argc && shape.cap; i++) {
		if (key && i == key) {
			put(&shape, " ", 1);
			put_argument(&shape, h->arg[i]);
		} else {
			put(&shape, " ?", 2);
		}
	}
	return (struct str){r->shape, shape.n};
}

static int second_is(const struct redis_head *h, const char *word)
{
	return h->n > 1 && redis_is(h->arg[1], word);
}

static uint32_t form_of(const struct redis_command *c, const struct redis_head *h)
{
	int secret = c && (c->flags & REDIS_SECRET);
	int64_t number = (int64_t)h->argc - 1;

	if (!c)
		return REDIS_FORM(REDIS_REPLY, 0, 0);
	if (c->form == REDIS_SELECTS) {
		number = h->n == 2 ? redis_number(h->arg[1]) : -1;
		number = number < 0 ? REDIS_DB_UNKNOWN : number;
	}
	if (redis_is(h->arg[0], "CLIENT") && second_is(h, "TRACKING") && h->n > 2)
		return REDIS_FORM(redis_is(h->arg[2], "ON") ? REDIS_TRACKS : REDIS_UNTRACKS, 0, 0);
	return REDIS_FORM(c->form, secret, number);
}

const struct redis_command *redis_describe(struct redis_request *r, const struct redis_head *h,
					   struct message *m)
{
	const struct redis_command *c = redis_command_find(h->arg[0]);
	int sub = is_sub(c, h);
	unsigned key = redis_key_of(c, h->arg, h->n);
	uint64_t wait;

	m->operation = operation(r, h, sub);
	if (key)
		m->target = h->arg[key];
	m->form = form_of(c, h);
	message_text(m, ATTR(db_query), shape_of(r, h, m->operation, 1u + (unsigned)sub, key));
	if (redis_wait_of(c, h->arg, h->n, h->argc, &wait))
		message_number(m, ATTR(max_wait), wait);
	return c;
}
