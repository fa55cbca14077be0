/*
 * postgresql_probe.c - is this PostgreSQL's protocol?
 *
 * A connection begins with one of four packets, each of which nothing else looks like when it is
 * there as a whole. Of a connection that was joined somewhere all that the client sent since must
 * be whole messages, the last of which makes the server answer, and the answer must be messages,
 * too.
 */
#include "parsers/postgresql/postgresql_impl.h"

#define MAX_NAME 256

int postgresql_is_request(const uint8_t *p)
{
	static const char types[] = "QPBDECSHdcfpXF";
	uint32_t len = be32(p + 1);

	if (!memchr(types, p[0], sizeof(types) - 1) || len < 4 || len > POSTGRESQL_MAX_LENGTH)
		return 0;
	return !memchr("SHcX", p[0], 4) || len == 4;
}

/* Text up to its NUL, at least `least` bytes. */
static int is_text(const uint8_t *p, size_t n, size_t least)
{
	size_t i = 0;

	while (i < n && p[i] && (p[i] >= ' ' || (p[i] >= '\t' && p[i] <= '\r')))
		i++;
	return i >= least && (i == n || !p[i]);
}

/* A name in front of other things. */
static int is_name(const uint8_t *p, size_t n, size_t *len)
{
	ptrdiff_t end = string_end(p, n);

	*len = end < 0 ? n : (size_t)end + 1;
	return *len <= MAX_NAME && is_text(p, n, 0);
}

/* Is the content of this message, n bytes of it, what its type has? */
static int is_sound(const uint8_t *p, size_t n, size_t total)
{
	const uint8_t *body = p + HEADER;
	size_t left = (n < total ? n : total) - HEADER, len;

	switch (p[0]) {
	case 'Q': return is_text(body, left, 1) && (n < total || (left && !p[total - 1]));
	case 'P':
	case 'B':
		if (!is_name(body, left, &len))
			return 0;
		return len == left || is_text(body + len, left - len, p[0] == 'P');
	case 'D':
	case 'C':
		return !left ||
		       ((body[0] == 'S' || body[0] == 'P') && is_name(body + 1, left - 1, &len));
	case 'E': return is_name(body, left, &len) && (n < total || left == len + 4);
	default: return 1;
	}
}

size_t postgresql_requests(const uint8_t *p, size_t n, unsigned *whole, int *ends)
{
	size_t at = 0;

	*whole = 0;
	*ends = 0;
	while (n - at >= HEADER) {
		size_t total = 1 + (size_t)be32(p + at + 1);

		if (!postgresql_is_request(p + at) || memchr("pdcfX", p[at], 5) ||
		    !is_sound(p + at, n - at, total))
			return SIZE_MAX;
		if (total > n - at)
			break;
		*ends = memchr("QSHF", p[at], 4) != NULL;
		++*whole;
		at += total;
	}
	if (at < n)
		*ends = 0;
	return at;
}

/* Do whole messages of a server begin so? 1, 0: more is needed, -1. */
static int is_answer(const uint8_t *p, size_t n)
{
	static const char first[] = "12TtnDCEIGHW3sNSA";
	unsigned whole = 0;
	size_t at = 0;

	if (n && !memchr(first, p[0], sizeof(first) - 1))
		return -1;
	while (n - at >= HEADER) {
		size_t total = 1 + (size_t)be32(p + at + 1);

		if (!postgresql_is_reply(p + at))
			return -1;
		if (p[at] == 'Z' && total == 6 && n - at >= 6 && !memchr("ITE", p[at + 5], 3))
			return -1;
		if (total > n - at)
			return at || total > 16384 ? 1 : 0;
		at += total;
		whole++;
	}
	return whole ? 1 : 0;
}

static enum probe_result probe_joined(const struct probe *in)
{
	unsigned whole;
	int ends, answer;

	if (!in->n || !in->segment || postgresql_requests(in->p, in->n, &whole, &ends) == SIZE_MAX)
		return PROBE_NO;
	if (!in->answer)
		return in->n >= HEADER || memchr("QPBDECS", in->p[0], 7) ? PROBE_MORE : PROBE_NO;
	if (!whole || !ends)
		return PROBE_NO;
	answer = is_answer(in->answer, in->nanswer);
	return answer > 0 ? PROBE_YES : answer ? PROBE_NO : PROBE_WAIT;
}

/* Pairs of key and value, up to an empty key; one of them is the user. */
static int is_startup(const uint8_t *p, size_t n)
{
	size_t at = 0;
	int user = 0;

	while (at < n && p[at]) {
		ptrdiff_t key = string_end(p + at, n - at), value = -1;

		if (key > 0)
			value = string_end(p + at + key + 1, n - at - (size_t)key - 1);
		if (value < 0 || !is_text(p + at, n - at, 1))
			return 0;
		user |= !strcmp((const char *)p + at, "user");
		at += (size_t)(key + value) + 2;
	}
	return user && at + 1 == n;
}

static enum probe_result probe_start(const struct probe *in)
{
	uint32_t len, code;

	if (in->n < 8) {
		static const uint8_t zeros[2] = {0, 0};
		size_t n = in->n < 2 ? in->n : 2;

		if (memcmp(in->p, zeros, n))
			return PROBE_NO;
		return in->n < 6 || in->p[4] == 4 || in->p[5] == 3 ? PROBE_MORE : PROBE_NO;
	}
	len = be32(in->p);
	code = be32(in->p + 4);
	if (code == CODE_SSL || code == CODE_GSSENC)
		return len == 8 ? PROBE_YES : PROBE_NO;
	if (code == CODE_CANCEL)
		return len >= 16 && len <= 8 + 4 + 256 ? PROBE_YES : PROBE_NO;
	if (code >> 16 != CODE_MAJOR || len < 16 || len > MAX_STARTUP || in->n > len)
		return PROBE_NO;
	if (in->n < len)
		return is_text(in->p + 8, in->n - 8, in->n > 8) ? PROBE_MORE : PROBE_NO;
	return is_startup(in->p + 8, len - 8) ? PROBE_YES : PROBE_NO;
}

enum probe_result postgresql_probe(const struct probe *in, unsigned *client)
{
	enum probe_result r;

	if (in->client != in->dir && in->client != PROBE_NO_DIR)
		return PROBE_NO;
	r = in->start && !in->joined ? probe_start(in) : probe_joined(in);
	if (r == PROBE_YES)
		*client = in->dir;
	return r;
}
