/*
 * route_shape.c - does a segment of a path look like a value?
 *
 * A segment is first tried as a whole (addresses, numbers, tokens with separators in them), then
 * cut at its separators, and each piece is tried. The price of the two mistakes differs: a word
 * taken for a value blurs one route, a value taken for a word makes thousands. So when in doubt,
 * pieces with digits in odd places are values, and pieces of letters alone are words.
 */
#include <stdint.h>
#include <string.h>

#include "core/route_shape.h"
#include "parsers/digits.h"

#define MAX_SEGMENT 128u      /* longer ones are tokens without a look */
#define MAX_PLACEHOLDERS 3u   /* a segment with more is a token */

enum char_class { OTHER, SEPARATOR, DIGIT, LOWER, UPPER };

void route_put(struct route_out *o, const char *p, size_t n)
{
	if (n > o->cap - o->n) {
		n = o->cap - o->n;
		o->full = 1;
	}
	memcpy(o->p + o->n, p, n);
	o->n += n;
}

static enum char_class class_of(char c)
{
	if (c >= '0' && c <= '9')
		return DIGIT;
	if (c >= 'a' && c <= 'z')
		return LOWER;
	if (c >= 'A' && c <= 'Z')
		return UPPER;
	return c && strchr("-_.,:;~!=+@$&'()", c) ? SEPARATOR : OTHER;
}

/* Length of the leading octets of s that are in `set`. */
static size_t span_of(const char *s, size_t n, const char *set)
{
	size_t i = 0;

	while (i < n && s[i] && strchr(set, s[i]))
		i++;
	return i;
}

static size_t count_of(const char *s, size_t n, const char *set)
{
	size_t count = 0;

	for (size_t i = 0; i < n; i++)
		count += s[i] && strchr(set, s[i]);
	return count;
}

static size_t digits(const char *s, size_t n)
{
	size_t i = 0;

	while (i < n && is_digit(s[i]))
		i++;
	return i;
}

static unsigned number(const char *s, size_t n)
{
	unsigned v = 0;

	for (size_t i = 0; i < n; i++)
		v = v * 10 + (unsigned)(s[i] - '0');
	return v;
}

/* Does a piece end at s + n? */
static int at_boundary(const char *s, size_t n, size_t end)
{
	return n == end || class_of(s[n]) == SEPARATOR;
}

static int plausible_day(unsigned year, unsigned month, unsigned day)
{
	return year >= 1900 && year < 2100 && month >= 1 && month <= 12 && day >= 1 && day <= 31;
}

/* The time behind a date: T120000, T12:00:00.123Z, +02:00. */
static size_t match_time(const char *s, size_t n)
{
	size_t i;

	if (n < 5 || (s[0] != 'T' && s[0] != 't') || digits(s + 1, n - 1) < 2)
		return 0;
	i = 1 + span_of(s + 1, n - 1, "0123456789:");
	if (i + 1 < n && s[i] == '.' && is_digit(s[i + 1]))
		i += 1 + digits(s + i + 1, n - i - 1);
	if (i < n && (s[i] == 'Z' || s[i] == 'z'))
		return i + 1;
	if (i + 2 < n && (s[i] == '+' || s[i] == '-') && digits(s + i + 1, 2) == 2)
		i += 1 + span_of(s + i + 1, n - i - 1, "0123456789:");
	return i;
}

/* Length of the date at the beginning of s, 0 if there is none. */
static size_t match_date(const char *s, size_t n)
{
	size_t year = digits(s, n), len = 0, time;

	if (year == 8 && plausible_day(number(s, 4), number(s + 4, 2), number(s + 6, 2))) {
		len = 8;
	} else if (year == 4 && n >= 7 && strchr("-_.", s[4]) && digits(s + 5, n - 5) == 2) {
		if (n >= 10 && s[7] == s[4] && digits(s + 8, n - 8) == 2 &&
		    plausible_day(number(s, 4), number(s + 5, 2), number(s + 8, 2)))
			len = 10;
		else if (s[4] != '.' && plausible_day(number(s, 4), number(s + 5, 2), 1))
			len = 7;
	}
	if (!len)
		return 0;
	time = match_time(s + len, n - len);
	if (time && at_boundary(s, len + time, n))
		return len + time;
	return at_boundary(s, len, n) ? len : 0;
}

static size_t match_uuid(const char *s, size_t n)
{
	if (n < 36)
		return 0;
	for (size_t i = 0; i < 36; i++)
		if (i == 8 || i == 13 || i == 18 || i == 23 ? s[i] != '-' : hex_value(s[i]) < 0)
			return 0;
	return at_boundary(s, 36, n) ? 36 : 0;
}

/* 1.2, 3.7.1, 10.0.19041: two to four numbers of up to three digits, the last one up to five. */
static size_t match_version(const char *s, size_t n)
{
	size_t i = 0, len = 0, d;
	unsigned parts = 0;

	while (parts < 4 && (d = digits(s + i, n - i)) && d <= 5) {
		parts++;
		len = i + d;
		if (d > 3 || len + 1 >= n || s[len] != '.' || !is_digit(s[len + 1]))
			break;
		i = len + 1;
	}
	return parts >= 2 && at_boundary(s, len, n) ? len : 0;
}

static int is_ipv4(const char *s, size_t n)
{
	size_t i = 0;

	for (unsigned part = 0; part < 4; part++) {
		size_t d = digits(s + i, n - i);

		if (!d || d > 3 || number(s + i, d) > 255)
			return 0;
		i += d;
		if (part < 3 && (i == n || s[i++] != '.'))
			return 0;
	}
	return i == n || (s[i] == ':' && n - i > 1 && digits(s + i + 1, n - i - 1) == n - i - 1);
}

static int is_ipv6(const char *s, size_t n)
{
	unsigned colons = 0;

	if (n > 2 && s[0] == '[' && s[n - 1] == ']') {
		s++;
		n -= 2;
	}
	for (size_t i = 0; i < n; i++) {
		if (s[i] == ':')
			colons++;
		else if (hex_value(s[i]) < 0 && s[i] != '.')
			return 0;
	}
	return n >= 3 && colons >= 2 && colons <= 7 &&
	       (colons == 7 || memmem(s, n, "::", 2) != NULL);
}

static int is_email(const char *s, size_t n)
{
	const char *at = memchr(s, '@', n), *dot;
	size_t domain;

	if (!at || at == s)
		return 0;
	domain = n - (size_t)(at - s) - 1;
	dot = memrchr(at + 1, '.', domain);
	if (!dot || dot == at + 1 || (size_t)(s + n - dot) < 3)
		return 0;
	for (const char *p = s; p < s + n; p++)
		if ((p > at && *p == '@') || *p <= ' ' || *p == 0x7f)
			return 0;
	for (const char *p = dot + 1; p < s + n; p++)
		if (class_of(*p) != LOWER && class_of(*p) != UPPER)
			return 0;
	return 1;
}

/* What a run of octets is made of. */
struct census {
	size_t digit, lower, upper, separator, other;
	size_t hex, vowel;
	size_t turns;	    /* lower to upper, letter to digit, digit to letter */
	size_t digit_turns; /* of these, those with a digit */
	size_t lower_run;   /* longest run of lower case */
};

static struct census take_census(const char *s, size_t n)
{
	enum char_class last = OTHER;
	struct census c = { 0 };
	size_t run = 0;

	for (size_t i = 0; i < n; i++) {
		enum char_class k = class_of(s[i]);

		c.digit += k == DIGIT;
		c.lower += k == LOWER;
		c.upper += k == UPPER;
		c.separator += k == SEPARATOR;
		c.other += k == OTHER;
		c.hex += hex_value(s[i]) >= 0;
		c.vowel += s[i] && strchr("aeiouyAEIOUY", s[i]);
		if (last >= DIGIT && k >= DIGIT && (last == DIGIT) != (k == DIGIT)) {
			c.turns++;
			c.digit_turns++;
		} else if (last == LOWER && k == UPPER) {
			c.turns++;
		}
		run = k == LOWER ? run + 1 : 0;
		if (run > c.lower_run)
			c.lower_run = run;
		last = k;
	}
	return c;
}

/*
 * Hexadecimal as a machine writes it. Of random digits 10 in 16 are decimal, so a long run without
 * any is a word (deadbeef), and so are short ones whose digits only follow a word (cafe2024).
 */
static int is_hash(const struct census *c, size_t n)
{
	if (c->hex != n || n < 6 || !c->digit || (c->lower && c->upper))
		return 0;
	if (n >= 16)
		return 1;
	if (n >= 8)
		return c->digit >= 2 && c->digit_turns >= 2;
	return c->digit >= 2 && c->digit_turns >= 3;
}

/* 26 digits of Crockford's base 32, of which the first is below 8. */
static int is_ulid(const char *s, size_t n, const struct census *c)
{
	if (n != 26 || s[0] < '0' || s[0] > '7' || (c->upper && c->lower) || c->digit < 3)
		return 0;
	for (size_t i = 0; i < n; i++)
		if (class_of(s[i]) < DIGIT || strchr("ILOUilou", s[i]))
			return 0;
	return 1;
}

/*
 * Letters and digits as random generators mix them: a turn at every second or third octet, where
 * words in camelCase turn once in five. Without digits it takes more to believe it.
 */
static int is_token(const struct census *c, size_t n)
{
	size_t letters = c->lower + c->upper;

	if (c->other || !letters)
		return 0;
	if (n >= 16 && letters == n && c->vowel * 6 < n)
		return 1;
	if (!c->digit)
		return n >= 20 && !c->separator && c->turns * 4 >= n && c->lower_run < 4;
	if (n >= 24 && !c->separator && c->digit >= 3 && c->digit_turns >= 4)
		return 1;
	return n >= 8 && c->turns * 4 >= n && c->digit_turns >= 3;
}

/* A segment that is a value as a whole though it has separators in it. */
static const char *whole_shape(const char *s, size_t n)
{
	struct census c;

	if (is_email(s, n))
		return "{email}";
	if (is_ipv4(s, n) || is_ipv6(s, n))
		return "{ip}";
	if (match_date(s, n) == n)
		return "{date}";
	if (match_version(s, n) == n)
		return NULL;
	c = take_census(s, n);
	if (c.digit && span_of(s, n, "0123456789.,+-:") == n && !match_date(s, n))
		return "{id}";
	if (n >= 20 && !memcmp(s, "eyJ", 3) && span_of(s, n, "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
			"abcdefghijklmnopqrstuvwxyz0123456789-_.=") == n)
		return "{token}";
	/* base64, url-safe or not, whose separators fell where chance put them */
	if (n >= 20 && c.digit && c.upper && c.lower && is_token(&c, n) && !match_uuid(s, n) &&
	    c.separator == count_of(s, n, "-_+="))
		return "{token}";
	return NULL;
}

/* A piece between separators. *kept: its leading octets that stay. NULL: all of it stays. */
static const char *piece_shape(const char *s, size_t n, size_t *kept)
{
	struct census c = take_census(s, n);
	size_t tail;

	*kept = 0;
	if (c.digit == n)
		return "{id}";
	if (n > 2 && s[0] == '0' && (s[1] | 0x20) == 'x' && c.hex == n - 1 && n >= 8)
		return "{hash}";
	if (is_hash(&c, n))
		return "{hash}";
	if (is_ulid(s, n, &c))
		return "{id}";
	if (is_token(&c, n))
		return "{token}";
	if (c.digit >= 6 && !c.other && !is_digit(s[n - 1]))
		return "{id}";
	for (tail = n; tail && is_digit(s[tail - 1]); tail--)
		;
	if (n - tail >= 4 && c.digit == n - tail && !c.other) {
		*kept = tail;
		return "{id}";
	}
	return NULL;
}

static void put_name(struct route_out *o, const char *name)
{
	route_put(o, name, strlen(name));
}

/* The pieces of a segment one after the other. Returns the number of placeholders. */
static unsigned put_pieces(struct route_out *o, const char *s, size_t n)
{
	unsigned placeholders = 0;
	size_t i = 0, len, kept;
	const char *name;

	while (i < n) {
		if (class_of(s[i]) == SEPARATOR) {
			route_put(o, s + i++, 1);
			continue;
		}
		if (s[i] == '%') { /* an octet that could not be decoded ends a piece as well */
			len = n - i < 3 ? n - i : 3;
			route_put(o, s + i, len);
			i += len;
			continue;
		}
		kept = 0;
		if ((len = match_uuid(s + i, n - i))) {
			name = "{uuid}";
		} else if ((len = match_date(s + i, n - i))) {
			name = "{date}";
		} else if ((len = match_version(s + i, n - i))) {
			name = NULL;
		} else {
			for (len = 0; i + len < n && s[i + len] != '%' &&
				      class_of(s[i + len]) != SEPARATOR; len++)
				;
			name = piece_shape(s + i, len, &kept);
		}
		route_put(o, s + i, name ? kept : len);
		if (name) {
			put_name(o, name);
			placeholders++;
		}
		i += len;
	}
	return placeholders;
}

/*
 * Undoes percent-encoding into buf, which holds n octets. The length, or 0 when the result is not
 * printable ASCII or could be mistaken for something else in a route.
 */
static size_t decode(const char *s, size_t n, char *buf)
{
	size_t out = 0;

	for (size_t i = 0; i < n; i++) {
		char c = s[i];

		if (c == '%') {
			if (n - i < 3 || hex_value(s[i + 1]) < 0 || hex_value(s[i + 2]) < 0)
				return 0;
			c = (char)(hex_value(s[i + 1]) << 4 | hex_value(s[i + 2]));
			i += 2;
		}
		if (c <= ' ' || c > '~' || strchr("/?#%{}\"\\", c))
			return 0;
		buf[out++] = c;
	}
	return out;
}

void route_shape(struct route_out *o, const char *s, size_t n)
{
	struct route_out before = *o;
	char buf[MAX_SEGMENT];
	const char *name;
	size_t len;

	if (n > MAX_SEGMENT) {
		put_name(o, "{token}");
		return;
	}
	if (memchr(s, '%', n) && (len = decode(s, n, buf))) {
		s = buf;
		n = len;
	}
	name = n ? whole_shape(s, n) : NULL;
	if (name) {
		put_name(o, name);
	} else if (put_pieces(o, s, n) > MAX_PLACEHOLDERS) {
		*o = before;
		put_name(o, "{token}");
	}
}
