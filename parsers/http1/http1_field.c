/*
 * http1_field.c - field lines of HTTP/1, and what those that matter to framing mean
 */
#include "parsers/http1/http1_impl.h"
#include "parsers/str.h"

/* The next element of a comma-separated list (RFC 9110 section 5.6.1), trimmed. 0: no more. */
static int list_next(const uint8_t *p, size_t n, size_t *pos, const uint8_t **item, size_t *len)
{
	while (*pos < n) {
		const uint8_t *comma = memchr(p + *pos, ',', n - *pos);
		size_t end = comma ? (size_t)(comma - p) : n, start = *pos;

		*pos = end + 1;
		while (start < end && (is_blank(p[start]) || p[start] == '\r' || p[start] == '\n'))
			start++;
		while (end > start &&
		       (is_blank(p[end - 1]) || p[end - 1] == '\r' || p[end - 1] == '\n'))
			end--;
		if (start == end)
			continue;
		*item = p + start;
		*len = end - start;
		return 1;
	}
	return 0;
}

/* 1*DIGIT that fits in 63 bits */
static int parse_length(const uint8_t *p, size_t n, uint64_t *out)
{
	uint64_t v = 0;

	for (size_t i = 0; i < n; i++) {
		unsigned digit = p[i] - '0';

		if (!is_digit(p[i]) || v > ((uint64_t)INT64_MAX - digit) / 10)
			return 0;
		v = v * 10 + digit;
	}
	*out = v;
	return n > 0;
}

static void add_length(struct http1_meaning *m, uint64_t v)
{
	if (m->length_seen)
		m->flags |= v == m->length ? HTTP1_CL_REPEATED : HTTP1_CL_CONFLICT;
	else
		m->length = v;
	m->length_seen = 1;
}

static void mean_length(struct http1_meaning *m, const uint8_t *p, size_t n)
{
	const uint8_t *item;
	size_t pos = 0, len;
	uint64_t v;
	int any = 0;

	/* nearly always it is one number */
	if (n > 2 && p[0] == ' ' && p[n - 1] == '\r' && parse_length(p + 1, n - 2, &v)) {
		add_length(m, v);
		return;
	}
	while (list_next(p, n, &pos, &item, &len)) {
		any = 1;
		if (parse_length(item, len, &v))
			add_length(m, v);
		else
			m->flags |= HTTP1_CL_INVALID;
	}
	if (!any)
		m->flags |= HTTP1_CL_INVALID;
}

static void mean_coding(struct http1_meaning *m, const uint8_t *p, size_t n)
{
	const uint8_t *item, *semicolon;
	size_t pos = 0, len;

	while (list_next(p, n, &pos, &item, &len)) {
		semicolon = memchr(item, ';', len);
		if (semicolon)
			len = (size_t)(semicolon - item);
		while (len && is_blank(item[len - 1]))
			len--;
		/* of RFC 2616 and gone since: the same as no coding */
		if (len == 8 && nocase_equal(item, "identity", 8))
			continue;
		m->coding_seen = 1;
		m->chunked = len == 7 && nocase_equal(item, "chunked", 7);
	}
}

static void mean_connection(struct http1_meaning *m, const uint8_t *p, size_t n, int proxy)
{
	const uint8_t *item;
	size_t pos = 0, len;

	/* nearly always it is this alone */
	if (n == 12 && p[0] == ' ' && p[11] == '\r' && nocase_equal(p + 1, "keep-alive", 10)) {
		*(proxy ? &m->proxy_keep_alive : &m->keep_alive) = 1;
		return;
	}
	while (list_next(p, n, &pos, &item, &len)) {
		if (len == 5 && nocase_equal(item, "close", 5))
			*(proxy ? &m->proxy_close : &m->close) = 1;
		else if (len == 10 && nocase_equal(item, "keep-alive", 10))
			*(proxy ? &m->proxy_keep_alive : &m->keep_alive) = 1;
		else if (len == 7 && !proxy && nocase_equal(item, "upgrade", 7))
			m->upgrade_option = 1;
	}
}

/* If the line p begins with this name and a colon: the length of both, else 0. */
static inline size_t name_is(const uint8_t *p, size_t n, const char *name, size_t len)
{
	/* most names are of another length, which one look tells */
	if (n <= len || (p[len] != ':' && !is_blank(p[len])) || !nocase_equal(p, name, len))
		return 0;
	while (len < n && is_blank(p[len]))
		len++;
	return len < n && p[len] == ':' ? len + 1 : 0;
}

/* The field line p[0..n), of which obsolete line folding may make more, up to p[max). */
static void mean_field(struct http1_meaning *m, const uint8_t *p, size_t n, size_t max)
{
	const uint8_t *item, *lf;
	size_t v, pos = 0, len, end = n;

	while (end + 1 < max && is_blank(p[end + 1])) {
		lf = memchr(p + end + 1, '\n', max - end - 1);
		if (!lf)
			break;
		end = (size_t)(lf - p);
	}
	switch (lower(*p)) {
	case 'c':
		if ((v = name_is(p, n, "content-length", 14)))
			mean_length(m, p + v, end - v);
		else if ((v = name_is(p, n, "connection", 10)))
			mean_connection(m, p + v, end - v, 0);
		break;
	case 't':
		if ((v = name_is(p, n, "transfer-encoding", 17)))
			mean_coding(m, p + v, end - v);
		break;
	case 'u':
		if ((v = name_is(p, n, "upgrade", 7)))
			m->upgrade |= (uint8_t)list_next(p + v, end - v, &pos, &item, &len);
		break;
	case 'e':
		if ((v = name_is(p, n, "expect", 6)))
			while (list_next(p + v, end - v, &pos, &item, &len))
				if (len == 12 && nocase_equal(item, "100-continue", 12))
					m->flags |= HTTP1_EXPECT_CONTINUE;
		break;
	case 'p':
		if ((v = name_is(p, n, "proxy-connection", 16)))
			mean_connection(m, p + v, end - v, 1);
		break;
	}
}

size_t http1_scan_fields(const uint8_t *p, size_t i, size_t n, struct http1_meaning *m,
			 size_t *last)
{
	while (i < n) {
		const uint8_t *lf = memchr(p + i, '\n', n - i);
		size_t end;

		if (!lf)
			return 0;
		end = (size_t)(lf - p);
		if (end == i || p[end - 1] != '\r')
			m->flags |= HTTP1_BARE_LF;
		if (end == i || (end == i + 1 && p[i] == '\r')) {
			*last = i;
			return end + 1;
		}
		switch (p[i]) {
		case 'C': case 'c': case 'T': case 't': case 'U': case 'u':
		case 'E': case 'e': case 'P': case 'p':
			mean_field(m, p + i, end - i, n - i);
			break;
		case ' ': case '\t':
			m->flags |= HTTP1_OBS_FOLD;
			break;
		}
		i = end + 1;
	}
	return 0;
}

size_t http1_find_empty_line(const uint8_t *p, size_t from, size_t n, size_t *last)
{
	const uint8_t *lf;

	for (; from < n; from = (size_t)(lf - p) + 1) {
		lf = memchr(p + from, '\n', n - from);
		if (!lf)
			return 0;
		*last = (size_t)(lf - p);
		if (*last >= 1 && p[*last - 1] == '\r')
			--*last;
		if (*last >= 1 && p[*last - 1] == '\n')
			return (size_t)(lf - p) + 1;
	}
	return 0;
}

int http1_field_next(struct str fields, size_t *pos, struct str *name, struct str *value)
{
	const uint8_t *p = (const uint8_t *)fields.p, *lf;

	while (*pos < fields.n) {
		size_t i = *pos, end = i, m, v;

		do { /* a line, and those that fold onto it */
			lf = memchr(p + end, '\n', fields.n - end);
			end = lf ? (size_t)(lf - p) + 1 : fields.n;
		} while (end < fields.n && is_blank(p[end]));
		*pos = end;
		v = m = octet_run(p + i, end - i, TOKEN);
		while (v < end - i && is_blank(p[i + v]))
			v++;
		if (!m || v == end - i || p[i + v] != ':')
			continue;
		*name = str_of(p + i, m);
		for (v += i + 1; v < end && (is_blank(p[v]) || p[v] == '\r' || p[v] == '\n');)
			v++;
		while (end > v &&
		       (is_blank(p[end - 1]) || p[end - 1] == '\r' || p[end - 1] == '\n'))
			end--;
		*value = str_of(p + v, end - v);
		return 1;
	}
	return 0;
}
