/*
 * http1_field.c - field lines of HTTP/1, and what those that matter to framing mean
 */
#include "parsers/http1/http1_impl.h"
#include "parsers/http1/http1_marks.h"
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

#define SURE_DIGITS 18u /* so many fit in 63 bits, whichever they are */

/* 1*DIGIT that fits in 63 bits */
static int parse_length(const uint8_t *p, size_t n, uint64_t *out)
{
	uint64_t v = 0;

	for (size_t i = 0; i < n; i++) {
		unsigned digit = p[i] - '0';

		if (!is_digit(p[i]) ||
		    (i >= SURE_DIGITS && v > ((uint64_t)INT64_MAX - digit) / 10))
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

	m->odd_coding |= !m->coding_seen;
	while (list_next(p, n, &pos, &item, &len)) {
		semicolon = memchr(item, ';', len);
		if (semicolon)
			len = (size_t)(semicolon - item);
		while (len && is_blank(item[len - 1]))
			len--;
		/* of RFC 2616 and gone since: the same as no coding */
		if (len == 8 && nocase_equal(item, "identity", 8))
			continue;
		m->odd_coding = m->chunked;
		m->coding_seen = 1;
		m->chunked = len == 7 && nocase_equal(item, "chunked", 7);
	}
}

static __attribute__((noinline)) void mean_options(struct http1_meaning *m, const uint8_t *p,
						   size_t n, int proxy)
{
	const uint8_t *item;
	size_t pos = 0, len;

	while (list_next(p, n, &pos, &item, &len)) {
		if (len == 5 && nocase_equal(item, "close", 5))
			*(proxy ? &m->proxy_close : &m->close) = 1;
		else if (len == 10 && nocase_equal(item, "keep-alive", 10))
			*(proxy ? &m->proxy_keep_alive : &m->keep_alive) = 1;
		else if (len == 7 && !proxy && nocase_equal(item, "upgrade", 7))
			m->upgrade_option = 1;
	}
}

static inline void mean_connection(struct http1_meaning *m, const uint8_t *p, size_t n, int proxy)
{
	/* nearly always it is this alone */
	if (n == 12 && p[0] == ' ' && p[11] == '\r' && nocase_equal(p + 1, "keep-alive", 10))
		*(proxy ? &m->proxy_keep_alive : &m->keep_alive) = 1;
	else
		mean_options(m, p, n, proxy);
}

/* What is read of the fields of a head. */
struct scan {
	const uint8_t *p;
	size_t fields, n; /* where in p they begin; what there is of p */
	struct http1_meaning *m;
	struct field_notes *notes; /* NULL: not wanted */
};

/* The end of a value which obsolete line folding continues behind `end`. */
static __attribute__((noinline)) size_t folded_end(const struct scan *s, size_t end)
{
	const uint8_t *lf;

	while (end + 1 < s->n && is_blank(s->p[end + 1])) {
		lf = memchr(s->p + end + 1, '\n', s->n - end - 1);
		if (!lf)
			break;
		end = (size_t)(lf - s->p);
	}
	return end;
}

/* The n octets at p behind the colon of a field that matters to framing. */
static void mean_field(struct http1_meaning *m, enum field_name name, const uint8_t *p, size_t n)
{
	const uint8_t *item;
	size_t pos = 0, len;

	switch (name) {
	case FIELD_CONTENT_LENGTH: mean_length(m, p, n); break;
	case FIELD_CONNECTION: mean_connection(m, p, n, 0); break;
	case FIELD_PROXY_CONNECTION: mean_connection(m, p, n, 1); break;
	case FIELD_TRANSFER_ENCODING: mean_coding(m, p, n); break;
	case FIELD_UPGRADE: m->upgrade |= (uint8_t)list_next(p, n, &pos, &item, &len); break;
	case FIELD_EXPECT:
		while (list_next(p, n, &pos, &item, &len))
			if (len == 12 && nocase_equal(item, "100-continue", 12))
				m->flags |= HTTP1_EXPECT_CONTINUE;
		break;
	default: break;
	}
}

/* A value for the core, which looks no further than this line: see http1_scan_fields(). */
static void note_field(const struct scan *s, enum field_name name, size_t v, size_t end)
{
	struct field_notes *notes = s->notes;
	struct field_note *f;

	if (notes->n >= FIELD_NOTES) {
		notes->n = FIELD_NOTES + 1;
		return;
	}
	f = &notes->at[notes->n];
	/* nearly always there is one blank, and the CR */
	if (end - v > 2 && s->p[v] == ' ' && s->p[end - 1] == '\r') {
		v++;
		end--;
	}
	while (v < end && s->p[v] <= ' ' && (is_blank(s->p[v]) || s->p[v] == '\r'))
		v++;
	while (end > v && s->p[end - 1] <= ' ' &&
	       (is_blank(s->p[end - 1]) || s->p[end - 1] == '\r'))
		end--;
	f->name = (uint8_t)name;
	f->off = (uint16_t)(v - s->fields);
	f->len = (uint16_t)(end - v);
	notes->n++;
}

/* The field line p[.., end) with this name, which means something. */
static inline void take_field(const struct scan *s, enum field_name name, size_t colon, size_t end)
{
	if (name >= FIELD_CORE) {
		if (s->notes)
			note_field(s, name, colon + 1, end);
		return;
	}
	if (end + 1 < s->n && s->p[end + 1] <= ' ' && is_blank(s->p[end + 1]))
		end = folded_end(s, end);
	mean_field(s->m, name, s->p + colon + 1, end - colon - 1);
}

/* The field line p[begin, end), and its first colon. */
static inline void field_line(const struct scan *s, size_t begin, size_t colon, size_t end)
{
	const uint8_t *p = s->p;
	size_t name_end = colon;
	enum field_name name;

	while (name_end > begin && p[name_end - 1] <= ' ' && is_blank(p[name_end - 1]))
		name_end--;
	name = field_name_of((const char *)p + begin, name_end - begin);
	if (name != FIELD_UNKNOWN)
		take_field(s, name, colon, end);
}

void http1_take_field(const uint8_t *p, size_t i, size_t n, enum field_name name, size_t colon,
		      size_t end, struct http1_meaning *m, struct field_notes *notes)
{
	const struct scan s = {p, i, n, m, notes};

	take_field(&s, name, colon, end);
}

/* A line that begins with white space goes on with the field before it. */
static void fold(const struct scan *s)
{
	s->m->flags |= HTTP1_OBS_FOLD;
	if (s->notes)
		s->notes->n = FIELD_NOTES + 1;
}

/* One pass: ends of lines and colons come as bits, 64 octets at a time. */
size_t http1_scan_fields(const uint8_t *p, size_t i, size_t n, struct http1_meaning *m,
			 struct field_notes *notes, size_t *last)
{
	const struct scan s = {p, i, n, m, notes};
	size_t begin = i, colon = 0;

	for (size_t at = i; at < n; at += MARKS) {
		struct marks k = marks_of(p, at, n);

		for (; k.lf; k.lf &= k.lf - 1) {
			size_t end = at + (size_t)__builtin_ctzll(k.lf);
			uint64_t before = (k.lf & -k.lf) - 1;

			if (!colon && k.colon & before)
				colon = at + (size_t)__builtin_ctzll(k.colon);
			k.colon &= ~before;
			if (end == begin || p[end - 1] != '\r')
				m->flags |= HTTP1_BARE_LF;
			if (end <= begin + 1 && (end == begin || p[begin] == '\r')) {
				*last = begin;
				return end + 1;
			}
			if (p[begin] <= ' ' && is_blank(p[begin]))
				fold(&s);
			else if (colon)
				field_line(&s, begin, colon, end);
			begin = end + 1;
			colon = 0;
		}
		if (!colon && k.colon)
			colon = at + (size_t)__builtin_ctzll(k.colon);
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
