/*
 * mysql_probe.c - is this MySQL's protocol?
 *
 * The server's greeting begins a connection, or within TLS the client's answer to it; both have
 * many bytes that are known. Of a connection that was joined somewhere, a command must be there as
 * one whole packet, the first of its sequence, that the next ones of the sequence answer.
 */
#include "parsers/mysql/mysql_impl.h"

/* Version 10: a text, and what is of known length. */
static enum probe_result probe_greeting(const uint8_t *p, size_t n)
{
	uint32_t len = n >= 3 ? le24(p) : 0;
	size_t i = HEADER + 1;

	if (n < HEADER + 1)
		return n < 3 || (len > 40 && len < 512 && (n < 4 || !p[3])) ? PROBE_MORE : PROBE_NO;
	if (p[3] || p[4] != 10 || len < 40 || len > 512 || n > HEADER + len)
		return PROBE_NO;
	for (; i < n && p[i]; i++)
		if (p[i] < ' ' || p[i] > '~')
			return PROBE_NO;
	if (i == HEADER + 1 && i < n)
		return PROBE_NO;
	return n == HEADER + len ? (i < n ? PROBE_YES : PROBE_NO) : PROBE_MORE;
}

static int is_text(const uint8_t *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (p[i] < ' ' && !(p[i] >= '\t' && p[i] <= '\r'))
			return 0;
	return n > 3;
}

/* A command that is answered, as one whole packet. */
static int is_command(const uint8_t *p, size_t n)
{
	size_t len = le24(p);

	if (p[3] || !len || HEADER + len != n)
		return 0;
	switch (p[HEADER]) {
	case COM_QUERY:
		if (len > 3 && !p[HEADER + 1] &&
		    p[HEADER + 2] == 1) /* attributes, of which there are none */
			return is_text(p + HEADER + 3, len - 3);
		/* fall through */
	case COM_STMT_PREPARE: return is_text(p + HEADER + 1, len - 1);
	case COM_STMT_EXECUTE: return len >= 10 && le32(p + HEADER + 6) == 1;
	case COM_PING: return len == 1;
	default: return 0;
	}
}

/* Packets of one sequence from 1 on. 1, 0: more is needed, -1. */
static int is_answer(const uint8_t *p, size_t n)
{
	unsigned number = 1;
	size_t at = 0;

	while (n - at > HEADER) {
		size_t len = le24(p + at);

		if (p[at + 3] != (number & 0xff) || !len)
			return -1;
		if (len > n - at - HEADER)
			return number > 1 || len > 65536 ? 1 : 0;
		if (number == 1 && p[at + HEADER] != 0 && p[at + HEADER] != 0xff && len > 9)
			return -1;
		at += HEADER + len;
		number++;
	}
	return number > 1;
}

static enum probe_result probe_joined(const struct probe *in)
{
	int answer;

	if (!in->segment || in->n < HEADER + 1 || !is_command(in->p, in->n))
		return PROBE_NO;
	if (!in->answer)
		return PROBE_MORE;
	answer = is_answer(in->answer, in->nanswer);
	return answer > 0 ? PROBE_YES : answer ? PROBE_NO : PROBE_WAIT;
}

/* Of a client. */
static enum probe_result probe_response(const uint8_t *p, size_t n)
{
	if (n >= 4 && (p[3] < 1 || p[3] > 2 || le24(p) < 32 || le24(p) > 4096))
		return PROBE_NO;
	if (n >= HEADER + 32)
		return mysql_is_handshake(p, n) && n <= HEADER + le24(p) ? PROBE_YES : PROBE_NO;
	return PROBE_MORE;
}

enum probe_result mysql_probe(const struct probe *in, unsigned *client)
{
	enum probe_result r = PROBE_NO;

	if (!in->n)
		return in->start && !in->joined ? PROBE_MORE : PROBE_NO;
	if (in->start && !in->joined) {
		if (in->client != in->dir) {
			r = probe_greeting(in->p, in->n);
			if (r == PROBE_YES)
				*client = !in->dir;
		}
		if (r == PROBE_NO && in->client != !in->dir) {
			r = probe_response(in->p, in->n);
			if (r == PROBE_YES)
				*client = in->dir;
		}
		return r;
	}
	if (in->client != in->dir && in->client != PROBE_NO_DIR)
		return PROBE_NO;
	r = probe_joined(in);
	if (r == PROBE_YES)
		*client = in->dir;
	return r;
}
