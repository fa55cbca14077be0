/*
 * http1_start.c - where an HTTP/1 message starts
 *
 * There is an easy form of the question (start_*: a message is due here) and a hard one (lost_*:
 * somewhere in what follows). Every octet is looked at a constant number of times, however the
 * input is cut, and the answers depend on the octets alone, never on where a call's input ends:
 * "no" is given as soon as no continuation could make it a "yes". So the earliest position that is
 * a "yes" is the same for every cut.
 */
#include "parsers/http1/http1_impl.h"

#define MAX_NAME 256u	     /* field name that speaks for a start line before it */
#define MAX_LOST_REASON 256u /* reason phrase of a response found in garbage */
#define MAX_BLANKS 32u	     /* in place of one, in a status line */
#define STATUS_END 12u	     /* octets of "HTTP/1.1 200" */

#define OTHER (TEXT | WORD)
#define TCHAR (TEXT | WORD | TOKEN)
#define FIRST (TEXT | WORD | TOKEN | TRIGGER)

const uint8_t http1_octet_class[256] = {
	['\t'] = TEXT,	     ['\n'] = TRIGGER,	   [' '] = TEXT,	['!'] = TCHAR,
	['"'] = OTHER,	     ['#' ... '\''] = TCHAR, ['(' ... ')'] = OTHER, ['*' ... '+'] = TCHAR,
	[','] = OTHER,	     ['-' ... '.'] = TCHAR, ['/'] = OTHER,	['0' ... '9'] = TCHAR,
	[':' ... '@'] = OTHER, ['A' ... 'B'] = TCHAR, ['C' ... 'D'] = FIRST, ['E' ... 'F'] = TCHAR,
	['G' ... 'H'] = FIRST, ['I' ... 'K'] = TCHAR, ['L' ... 'U'] = FIRST, ['V' ... 'Z'] = TCHAR,
	['[' ... ']'] = OTHER, ['^' ... 'z'] = TCHAR,
	['{'] = OTHER,	     ['|'] = TCHAR,	   ['}'] = OTHER,	['~'] = TCHAR,
	[0x80 ... 0xff] = OTHER,
};

/* Are all of them TEXT? Eight at a time; only a word with a control in it is looked at closely. */
static int is_text(const uint8_t *p, size_t n)
{
	const uint64_t ones = UINT64_C(0x0101010101010101), high = ones << 7;

	for (; n >= 8; p += 8, n -= 8) {
		uint64_t w, del;

		memcpy(&w, p, sizeof(w));
		del = w ^ (ones * 0x7f);
		if (((((w - ones * 0x20) & ~w) | ((del - ones) & ~del)) & high) &&
		    octet_run(p, 8, TEXT) != 8)
			return 0;
	}
	return octet_run(p, n, TEXT) == n;
}

/* Does p begin with "HTTP/1.d ddd"? n may be short. */
static enum probe_result match_status(const uint8_t *p, size_t n)
{
	static const char shape[] = "HTTP/1.0 100";

	if (n >= STATUS_END && !memcmp(p, shape, 7) && is_digit(p[7]) && p[8] == ' ' &&
	    p[9] > '0' && p[9] <= '9' && is_digit(p[10]) && is_digit(p[11]))
		return PROBE_YES;
	for (size_t i = 0; i < STATUS_END; i++) {
		if (i == n)
			return PROBE_MORE;
		if (shape[i] == '0' ? !is_digit(p[i]) : p[i] != (uint8_t)shape[i] && i != 9)
			return PROBE_NO;
		if (i == 9 && (!is_digit(p[i]) || p[i] == '0'))
			return PROBE_NO;
	}
	return PROBE_YES;
}

/*
 * A method that everybody knows, and a space? Tells an HTTP request from any three words.
 */
static enum probe_result match_known_method(const uint8_t *p, size_t n, size_t *len)
{
	static const struct {
		char name[11];
		uint8_t n;
	} known[] = {
		{ "GET ", 4 },	   { "POST ", 5 },    { "PUT ", 4 },
		{ "HEAD ", 5 },	   { "DELETE ", 7 },  { "PATCH ", 6 },
		{ "OPTIONS ", 8 }, { "CONNECT ", 8 }, { "TRACE ", 6 },
		{ "PROPFIND ", 9 }, { "PROPPATCH ", 10 }, { "PURGE ", 6 },
		{ "MKCOL ", 6 },   { "COPY ", 5 },    { "MOVE ", 5 },
		{ "LOCK ", 5 },	   { "UNLOCK ", 7 },  { "REPORT ", 7 },
		{ "SEARCH ", 7 },  { "M-SEARCH ", 9 }, { "QUERY ", 6 },
		{ "NOTIFY ", 7 },  { "SUBSCRIBE ", 10 },
	};
	enum probe_result r = PROBE_NO;

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		if ((n && *p != (uint8_t)known[i].name[0]) ||
		    memcmp(p, known[i].name, min_size(n, known[i].n)))
			continue;
		*len = known[i].n - 1u;
		if (n >= known[i].n)
			return PROBE_YES;
		r = PROBE_MORE;
	}
	return r;
}

/* ---- a start line where one is due */

static int start_request(const uint8_t *p, size_t n, struct http1_event *ev)
{
	size_t m = octet_run(p, min_size(n, HTTP1_MAX_METHOD + 1), TOKEN), t = m, end;

	if (!m || m == n || m > HTTP1_MAX_METHOD || !is_blank(p[m]))
		return 0;
	while (is_blank(p[n - 1]))
		n--;
	if (n < m + 10 || memcmp(p + n - 8, "HTTP/1.", 7) || !is_digit(p[n - 1]))
		return 0;
	end = n - 8;
	if (!is_blank(p[end - 1]))
		return 0;
	while (end > m && is_blank(p[end - 1]))
		end--;
	while (t < end && is_blank(p[t]))
		t++;
	if (t == end || !is_text(p + t, end - t))
		return 0;
	if (p[t] != '/' && (memchr(p + t, ' ', end - t) || memchr(p + t, '\t', end - t)))
		return 0;
	ev->kind = HTTP1_REQUEST;
	ev->minor = p[n - 1] - '0';
	ev->method = str_of(p, m);
	ev->target = str_of(p + t, end - t);
	return 1;
}

/*
 * Where a response is due: white space in place of the single space passes (RFC 9112 section 4).
 * *surplus: how many octets of it.
 */
static enum probe_result due_status(const uint8_t *p, size_t n, size_t *surplus)
{
	uint8_t line[STATUS_END];
	size_t k = 0, m;

	while (k < MAX_BLANKS && 9 + k < n && is_blank(p[8]) && is_blank(p[9 + k]))
		k++;
	*surplus = k;
	if (!k && (n < 9 || p[8] != '\t'))
		return match_status(p, n);
	m = min_size(n - k, STATUS_END);
	memcpy(line, p, 8);
	line[8] = ' ';
	memcpy(line + 9, p + 9 + k, m - 9);
	return match_status(line, m);
}

static int start_response(const uint8_t *p, size_t n, struct http1_event *ev)
{
	size_t surplus;

	if (due_status(p, n, &surplus) != PROBE_YES)
		return 0;
	ev->minor = p[7] - '0';
	p += surplus;
	n -= surplus;
	if (n > STATUS_END && (p[STATUS_END] != ' ' || !is_text(p + STATUS_END, n - STATUS_END)))
		return 0;
	ev->kind = HTTP1_RESPONSE;
	ev->status = (p[9] - '0') * 100 + (p[10] - '0') * 10 + (p[11] - '0');
	ev->reason = n > STATUS_END ? str_of(p + STATUS_END + 1, n - STATUS_END - 1)
				    : str_of(p + n, 0);
	return 1;
}

/* n octets without their LF: are they a start line? */
int http1_start_line(const uint8_t *p, size_t n, uint8_t kind, struct http1_event *ev)
{
	if (n && p[n - 1] == '\r')
		n--;
	if (kind != HTTP1_REQUEST && n && *p == 'H' && start_response(p, n, ev))
		return 1;
	return kind != HTTP1_RESPONSE && start_request(p, n, ev);
}

/*
 * May n octets without a LF, of which `from` were asked about before, become a start line? This
 * must not say no to anything that http1_start_line() would say yes to with more behind it.
 */
int http1_start_fits(const uint8_t *p, size_t n, size_t from, uint8_t kind)
{
	size_t m, text = n - (p[n - 1] == '\r');

	/* the last octet asked about may have been a CR that now turns out to stand alone */
	from -= from > 0;
	if (from < text && !is_text(p + from, text - from))
		return 0;
	if (kind != HTTP1_REQUEST) {
		size_t end;
		enum probe_result r = due_status(p, n, &end);

		end += STATUS_END;
		if (r == PROBE_MORE ||
		    (r == PROBE_YES && (n == end || p[end] == ' ' || p[end] == '\r')))
			return 1;
	}
	if (kind == HTTP1_RESPONSE)
		return 0;
	m = octet_run(p, min_size(n, HTTP1_MAX_METHOD + 1), TOKEN);
	if (m == n || !m)
		return m == n && m <= HTTP1_MAX_METHOD;
	return m <= HTTP1_MAX_METHOD && is_blank(p[m]);
}

/* Are these octets more than some word that might be a method? */
int http1_start_certain(const uint8_t *p, size_t n, uint8_t kind)
{
	size_t m;

	if (kind != HTTP1_REQUEST && n >= 7 && !memcmp(p, "HTTP/1.", 7))
		return 1;
	return kind != HTTP1_RESPONSE && match_known_method(p, n, &m) == PROBE_YES;
}

/* Empty lines at p. */
size_t http1_empty_lines(const uint8_t *p, size_t n)
{
	size_t i = 0;

	while (i < n) {
		if (p[i] == '\n')
			i++;
		else if (p[i] == '\r' && i + 1 < n && p[i + 1] == '\n')
			i += 2;
		else
			break;
	}
	return i;
}

/* ---- a start line somewhere in garbage */

/* What follows a start line: a field line or the empty line. */
enum probe_result http1_match_field(const uint8_t *p, size_t n)
{
	size_t m;

	if (!n)
		return PROBE_MORE;
	if (p[0] == '\n')
		return PROBE_YES;
	if (p[0] == '\r')
		return n == 1 ? PROBE_MORE : p[1] == '\n' ? PROBE_YES : PROBE_NO;
	m = octet_run(p, min_size(n, MAX_NAME + 1), TOKEN);
	if (!m || m > MAX_NAME)
		return PROBE_NO;
	return m == n ? PROBE_MORE : p[m] == ':' ? PROBE_YES : PROBE_NO;
}

static enum probe_result lost_line_end(const uint8_t *p, size_t i, size_t n)
{
	if (i < n && p[i] == '\r')
		i++;
	if (i == n)
		return PROBE_MORE;
	return p[i] == '\n' ? http1_match_field(p + i + 1, n - i - 1) : PROBE_NO;
}

static enum probe_result lost_response(const uint8_t *p, size_t n)
{
	enum probe_result r = match_status(p, n);
	size_t m;

	if (r != PROBE_YES)
		return r;
	p += STATUS_END;
	n -= STATUS_END;
	if (n && *p == ' ') {
		m = octet_run(p, min_size(n, MAX_LOST_REASON + 1), TEXT);
		if (m > MAX_LOST_REASON)
			return PROBE_NO;
		p += m;
		n -= m;
	}
	return lost_line_end(p, 0, n);
}

/* One of the four forms of RFC 9112 section 3.2, roughly. */
static int target_has_form(const uint8_t *p, size_t n)
{
	size_t digits = 0;

	if (*p == '/')
		return 1;
	if (*p == '*')
		return n == 1;
	while (digits < n && is_digit(p[n - 1 - digits]))
		digits++;
	if (digits && digits < n && p[n - 1 - digits] == ':')
		return 1;
	return memmem(p, n, "://", 3) != NULL;
}

/*
 * *from: octets of this candidate already known to be method, space and target; updated.
 */
static enum probe_result lost_request(const uint8_t *p, size_t n, size_t *from)
{
	static const char version[] = " HTTP/1.";
	enum probe_result r;
	size_t m, i;

	r = match_known_method(p, n, &m);
	if (r != PROBE_YES)
		return r;
	n = min_size(n, HTTP1_MAX_HEAD);
	i = *from > m + 1 ? *from : m + 1;
	i += octet_run(p + i, n - i, WORD);
	*from = i;
	if (i == n || i == m + 1)
		return i == n && n < HTTP1_MAX_HEAD ? PROBE_MORE : PROBE_NO;
	if (p[i] != ' ' || !target_has_form(p + m + 1, i - m - 1))
		return PROBE_NO;
	for (size_t k = 0; k < 9; k++, i++) {
		if (i == n)
			return n < HTTP1_MAX_HEAD ? PROBE_MORE : PROBE_NO;
		if (k < 8 ? p[i] != (uint8_t)version[k] : !is_digit(p[i]))
			return PROBE_NO;
	}
	r = lost_line_end(p, i, n);
	return r == PROBE_MORE && n == HTTP1_MAX_HEAD ? PROBE_NO : r;
}

static enum probe_result lost_match(const uint8_t *p, size_t n, uint8_t kind, size_t *from)
{
	enum probe_result r = PROBE_NO;

	if (!n)
		return PROBE_MORE;
	if (kind != HTTP1_REQUEST)
		r = lost_response(p, n);
	if (r == PROBE_NO && kind != HTTP1_RESPONSE)
		r = lost_request(p, n, from);
	return r;
}

/*
 * The next position from i > 0 on where a start line might begin; *inner: it is in the midst of
 * some text, as what a field's value or a log's line quotes.
 */
static size_t lost_candidate(const uint8_t *p, size_t i, size_t n, int *inner)
{
	if (p[i - 1] != '\n') {
		while (i < n && !(http1_octet_class[p[i]] & TRIGGER))
			i++;
		i += i < n && p[i] == '\n';
	}
	*inner = is_blank(p[i - 1]) || p[i - 1] == ':';
	return i;
}

enum probe_result http1_find_start(const uint8_t *p, size_t n, uint8_t kind, int *inner,
				   size_t *from, size_t *pos)
{
	enum probe_result r;
	size_t i = 0;

	while ((r = lost_match(p + i, n - i, kind, from)) == PROBE_NO || (*inner && i < n)) {
		i = lost_candidate(p, i + 1, n, inner);
		*from = 0;
	}
	*pos = i;
	return r;
}

enum probe_result http1_probe(const uint8_t *p, size_t n, enum http1_kind kind)
{
	struct http1_event ev;
	const uint8_t *lf;
	size_t empty;

	if (!n)
		return PROBE_MORE;
	empty = http1_empty_lines(p, n);
	p += empty;
	n = min_size(n - empty, HTTP1_MAX_HEAD);
	if (!n || (n == 1 && *p == '\r'))
		return PROBE_MORE;
	lf = memchr(p, '\n', n);
	if (!lf && http1_start_fits(p, n, 0, (uint8_t)kind)) {
		if (n < HTTP1_MAX_HEAD)
			return PROBE_MORE;
		/* a request line that is longer than what is kept */
		if (kind != HTTP1_RESPONSE && http1_start_certain(p, n, HTTP1_REQUEST))
			return PROBE_YES;
	}
	if (lf && http1_start_line(p, (size_t)(lf - p), (uint8_t)kind, &ev))
		return PROBE_YES;
	return PROBE_NO;
}

int http1_probe_broken(const uint8_t *p, size_t n)
{
	const uint8_t *lf = n ? memchr(p, '\n', min_size(n, HTTP1_MAX_HEAD)) : NULL;
	struct http1_event ev;
	size_t m;

	if (!lf || match_known_method(p, n, &m) != PROBE_YES ||
	    http1_start_line(p, (size_t)(lf - p), HTTP1_REQUEST, &ev))
		return 0;
	n = (size_t)(lf - p);
	while (n && is_blank(p[n - 1]))
		n--;
	n -= n && p[n - 1] == '\r';
	return n > m + 9 && !memcmp(p + n - 9, " HTTP/1.", 8) && is_digit(p[n - 1]);
}

enum probe_result http1_probe_known(const uint8_t *p, size_t n)
{
	enum probe_result r = http1_probe(p, n, HTTP1_REQUEST), known;
	size_t empty = http1_empty_lines(p, n), len;

	if (r == PROBE_NO || empty == n || p[empty] == '\r')
		return r;
	known = match_known_method(p + empty, n - empty, &len);
	return known == PROBE_YES ? r : known;
}
