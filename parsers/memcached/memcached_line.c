/*
 * memcached_line.c - lines of the text protocol, and its commands
 */
#include "parsers/memcached/memcached_impl.h"

/* The commands of memcached 1.6. */
static const struct memcached_command commands[] = {
	{"get", MEMCACHED_GET, 1, 0, 2, 0},
	{"gets", MEMCACHED_GET, 1, 0, 2, 0},
	{"gat", MEMCACHED_GET, 2, 0, 3, 0},
	{"gats", MEMCACHED_GET, 2, 0, 3, 0},
	{"set", MEMCACHED_LINE, 1, 4, 5, 5},
	{"add", MEMCACHED_LINE, 1, 4, 5, 5},
	{"replace", MEMCACHED_LINE, 1, 4, 5, 5},
	{"append", MEMCACHED_LINE, 1, 4, 5, 5},
	{"prepend", MEMCACHED_LINE, 1, 4, 5, 5},
	{"cas", MEMCACHED_LINE, 1, 4, 6, 6},
	{"delete", MEMCACHED_LINE, 1, 0, 2, 3},
	{"incr", MEMCACHED_LINE, 1, 0, 3, 3},
	{"decr", MEMCACHED_LINE, 1, 0, 3, 3},
	{"touch", MEMCACHED_LINE, 1, 0, 3, 3},
	{"mg", MEMCACHED_META, 1, 0, 2, 0},
	{"ms", MEMCACHED_META, 1, 2, 3, 0},
	{"md", MEMCACHED_META, 1, 0, 2, 0},
	{"ma", MEMCACHED_META, 1, 0, 2, 0},
	{"me", MEMCACHED_META, 1, 0, 2, 0},
	{"mn", MEMCACHED_META, 0, 0, 1, 1},
	{"stats", MEMCACHED_LINES, 0, 0, 1, 4},
	{"flush_all", MEMCACHED_LINE, 0, 0, 1, 2},
	{"version", MEMCACHED_LINE, 0, 0, 1, 1},
	{"verbosity", MEMCACHED_LINE, 0, 0, 1, 2},
	{"cache_memlimit", MEMCACHED_LINE, 0, 0, 2, 2},
	{"slabs", MEMCACHED_LINE, 0, 0, 2, 5},
	{"lru", MEMCACHED_LINE, 0, 0, 2, 6},
	{"lru_crawler", MEMCACHED_LINES, 0, 0, 2, 3},
	{"watch", MEMCACHED_WATCH, 0, 0, 1, 0},
	{"shutdown", MEMCACHED_NONE, 0, 0, 1, 2},
	{"quit", MEMCACHED_NONE, 0, 0, 1, 1},
};

int memcached_is(struct str s, const char *word)
{
	return s.n == strlen(word) && !memcmp(s.p, word, s.n);
}

int memcached_number(struct str s, uint64_t *v)
{
	*v = 0;
	if (!s.n || s.n > 19)
		return 0;
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] < '0' || s.p[i] > '9')
			return 0;
		*v = *v * 10 + (uint64_t)(s.p[i] - '0');
	}
	return 1;
}

int memcached_line(const uint8_t *p, size_t n, struct memcached_line *l)
{
	size_t max = n < MEMCACHED_MAX_LINE ? n : MEMCACHED_MAX_LINE, end;
	const uint8_t *lf = max ? memchr(p, '\n', max) : NULL;

	if (!lf)
		return n < MEMCACHED_MAX_LINE ? 0 : -1;
	l->len = (size_t)(lf - p) + 1;
	end = l->len - 1;
	end -= end && p[end - 1] == '\r';
	l->text = (struct str){(const char *)p, end};
	l->n = 0;
	for (size_t at = 0; at < end;) {
		size_t from = at;

		while (at < end && p[at] > ' ' && p[at] != 0x7f)
			at++;
		if (at < end && p[at] != ' ')
			return -1;
		if (at > from && l->n < MEMCACHED_WORDS)
			l->word[l->n] = (struct str){(const char *)p + from, at - from};
		l->n += at > from;
		at++;
	}
	return l->n ? 1 : -1;
}

static int fits(const struct memcached_command *c, const struct memcached_line *l)
{
	unsigned n = l->n;
	uint64_t v;

	if (n > 1 && n <= MEMCACHED_WORDS && c->max && memcached_is(l->word[n - 1], "noreply"))
		n--;
	if (n < c->min || (c->max && n > c->max))
		return 0;
	if (c->key && l->word[c->key].n > MEMCACHED_MAX_KEY)
		return 0;
	return !c->size || (memcached_number(l->word[c->size], &v) && v <= MEMCACHED_MAX_VALUE);
}

const struct memcached_command *memcached_command(const struct memcached_line *l)
{
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		if (memcached_is(l->word[0], commands[i].name))
			return fits(&commands[i], l) ? &commands[i] : NULL;
	return NULL;
}

void memcached_layout(struct str name, uint8_t *key, uint8_t *size)
{
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		if (memcached_is(name, commands[i].name)) {
			*key = commands[i].key;
			*size = commands[i].size;
		}
}

int memcached_begins(const char *p, size_t n)
{
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		if (n <= strlen(commands[i].name) && !memcmp(p, commands[i].name, n))
			return 1;
	return 0;
}

struct str memcached_error(const struct memcached_line *l)
{
	static const char *const words[] = {"ERROR", "CLIENT_ERROR", "SERVER_ERROR"};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (memcached_is(l->word[0], words[i]) && (i || l->n == 1))
			return l->word[0];
	return (struct str){NULL, 0};
}

int memcached_is_meta(struct str word)
{
	static const char words[] = "HD VA EN NF NS EX MN ME";

	for (size_t i = 0; word.n == 2 && i < sizeof(words); i += 3)
		if (!memcmp(words + i, word.p, 2))
			return 1;
	return 0;
}

struct str memcached_flag(const struct memcached_line *l, struct str text, char flag)
{
	const char *p = text.p, *end = text.p + text.n;
	unsigned skip = memcached_is(l->word[0], "ms") ? 3 : memcached_is(l->word[0], "VA") ? 2 : 0;

	if (!skip)
		skip = l->word[0].p[0] == 'm' ? 2 : 1; /* behind the command and its key */
	for (unsigned i = 0; p < end; i++) {
		const char *from;

		while (p < end && *p == ' ')
			p++;
		for (from = p; p < end && *p != ' '; p++)
			;
		if (i >= skip && p > from && *from == flag)
			return (struct str){from + 1, (size_t)(p - from) - 1};
	}
	return (struct str){NULL, 0};
}

uint32_t memcached_hash(const void *p, size_t n)
{
	const uint8_t *b = p;
	uint32_t h = 2166136261u;

	for (size_t i = 0; i < n; i++)
		h = (h ^ b[i]) * 16777619u;
	return (h ^ h >> 16) & 0xffff;
}
