/*
 * memcached_probe.c - is this memcached?
 *
 * A line may be many things: it must be a command that is well-formed, and what the server sends
 * must answer it as only memcached does, but for `set` and its like at a connection's beginning.
 * So must a packet of the binary protocol of a connection
 * that was joined somewhere; from its beginning, header and lengths within one another suffice.
 */
#include "parsers/memcached/memcached_impl.h"

/* The end of a request at p. 1: it is there, at *end; 0: not yet; -1: it is none. */
static int request_end(const uint8_t *p, size_t n, const struct memcached_command **c,
		       struct memcached_line *l, size_t *end)
{
	int found = memcached_line(p, n, l);
	uint64_t size;

	if (!found) {
		size_t word = 0;

		while (word < n && p[word] > ' ')
			word++;
		if (word == n ? memcached_begins((const char *)p, n)
			      : memcached_begins((const char *)p, word) && p[word] == ' ')
			return 0;
		return -1;
	}
	*c = found > 0 ? memcached_command(l) : NULL;
	if (!*c)
		return -1;
	*end = l->len;
	if (!(*c)->size)
		return 1;
	memcached_number(l->word[(*c)->size], &size);
	if (size + 2 > n - l->len)
		return 0;
	*end += size + 2;
	return memcmp(p + *end - 2, "\r\n", 2) ? -1 : 1;
}

static int is_any(struct str s, const char *words)
{
	for (const char *w = words; *w; w += strlen(w) + 1)
		if (memcached_is(s, w))
			return 1;
	return 0;
}

static int is_value_of(const struct memcached_line *asked, const struct memcached_line *got)
{
	for (unsigned i = 1; i < asked->n && i < MEMCACHED_WORDS; i++)
		if (got->word[1].n == asked->word[i].n &&
		    !memcmp(got->word[1].p, asked->word[i].p, got->word[1].n))
			return 1;
	return asked->n > MEMCACHED_WORDS;
}

/* What answers each of them, if not with an error; numbers are asked about before. */
static const char *words_of(struct str name)
{
	if (memcached_is(name, "delete"))
		return "DELETED\0NOT_FOUND\0";
	if (memcached_is(name, "incr") || memcached_is(name, "decr"))
		return "NOT_FOUND\0";
	if (memcached_is(name, "touch"))
		return "TOUCHED\0NOT_FOUND\0";
	if (is_any(name, "set\0add\0replace\0append\0prepend\0cas\0"))
		return "STORED\0NOT_STORED\0EXISTS\0NOT_FOUND\0";
	return memcached_is(name, "version") ? "" : "OK\0BUSY\0";
}

/* Does this line answer such a command? */
static int answers(const struct memcached_command *c, const struct memcached_line *asked,
		   const struct memcached_line *l)
{
	uint64_t v;

	if (memcached_error(l).p && (l->n > 1 || memcached_is(l->word[0], "ERROR")))
		return 1;
	switch (c->reply) {
	case MEMCACHED_GET:
		if (memcached_is(l->word[0], "VALUE"))
			return (l->n == 4 || l->n == 5) && is_value_of(asked, l);
		return l->n == 1 && memcached_is(l->word[0], "END");
	case MEMCACHED_META: return memcached_is_meta(l->word[0]);
	case MEMCACHED_LINES:
		if (memcached_is(l->word[0], "STAT"))
			return l->n >= 2;
		return l->n == 1 && is_any(l->word[0], "END\0RESET\0OK\0BUSY\0");
	case MEMCACHED_LINE:
		if (memcached_is(l->word[0], "VERSION"))
			return l->n == 2 && memcached_is(asked->word[0], "version");
		if (l->n == 1 && memcached_number(l->word[0], &v))
			return memcached_is(asked->word[0], "incr") ||
			       memcached_is(asked->word[0], "decr");
		return l->n == 1 && is_any(l->word[0], words_of(asked->word[0]));
	default: return l->n == 1 && memcached_is(l->word[0], "OK");
	}
}

static int is_numeric(const struct memcached_line *l)
{
	uint64_t v;

	return memcached_number(l->word[2], &v) && memcached_number(l->word[3], &v);
}

static enum probe_result probe_text(const struct probe *in)
{
	const struct memcached_command *c = NULL;
	struct memcached_line asked, got;
	size_t end = 0, at = 0;
	int found = request_end(in->p, in->n, &c, &asked, &end);

	if (found < 0 || in->torn)
		return PROBE_NO;
	/* three numbers in a line of five words begin nothing else */
	if (c && c->size == 4 && in->start && !in->joined && is_numeric(&asked))
		return PROBE_YES;
	/* commands that are not answered before it say nothing */
	while (found > 0 && in->answer && at + end < in->n &&
	       (c->reply == MEMCACHED_NONE ||
		memcached_is(asked.word[asked.n <= MEMCACHED_WORDS ? asked.n - 1 : 0], "noreply") ||
		memcached_flag(&asked, asked.text, 'q').p)) {
		at += end;
		found = request_end(in->p + at, in->n - at, &c, &asked, &end);
		if (found < 0)
			return PROBE_NO;
	}
	if (!in->answer)
		return PROBE_MORE;
	if (!c)
		return PROBE_NO;
	found = memcached_line(in->answer, in->nanswer, &got);
	if (found < 0 || !in->nanswer || in->answer[0] < '0' || in->answer[0] > 'Z')
		return PROBE_NO;
	if (!found)
		return in->nanswer < 512 ? PROBE_WAIT : PROBE_NO;
	return answers(c, &asked, &got) ? PROBE_YES : PROBE_NO;
}

static int is_zero(const uint8_t *p, size_t n)
{
	while (n && !*p++)
		n--;
	return !n;
}

static enum probe_result probe_binary(const struct probe *in)
{
	struct memcached_packet k, r;
	int found = memcached_packet(in->p, in->n, BINARY_REQUEST, &k);

	if (found < 0 || in->torn)
		return PROBE_NO;
	if (!found)
		return in->answer ? PROBE_NO : PROBE_MORE;
	if (k.status || (!k.key_len && !is_zero(in->p + 16, 8)))
		return PROBE_NO;
	for (size_t i = 0; i < k.key_len; i++)
		if ((uint8_t)k.key.p[i] <= ' ')
			return PROBE_NO;
	if (in->start && !in->joined)
		return PROBE_YES;
	if (!in->answer)
		return PROBE_MORE;
	found = memcached_packet(in->answer, in->nanswer, BINARY_RESPONSE, &r);
	if (!found)
		return in->nanswer < 512 ? PROBE_WAIT : PROBE_NO;
	/* of quiet ones before it nothing may be heard */
	return found > 0 && (k.opaque == r.opaque || k.opcode == r.opcode) ? PROBE_YES : PROBE_NO;
}

enum probe_result memcached_probe(const struct probe *in, unsigned *client)
{
	enum probe_result r;

	if (!in->n || (!in->segment && !in->start) ||
	    (in->client != PROBE_NO_DIR && in->client != in->dir))
		return PROBE_NO;
	if (in->p[0] == BINARY_REQUEST)
		r = probe_binary(in);
	else if (in->p[0] >= 'a' && in->p[0] <= 'w')
		r = probe_text(in);
	else
		return PROBE_NO;
	*client = in->dir;
	return r;
}
