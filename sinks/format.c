#include "sinks/format.h"

#include <endian.h>
#include <strings.h>
#include <time.h>
#include <wchar.h>

#include "core/span.h"

#define EACH(b) (0x0101010101010101u * (uint64_t)(b))

/*
 * The eight digits of v < 10^8, the first of them in the lowest byte. v is divided in two halves of
 * four digits that lie side by side, these at once in two each, and these again: with q = n / d,
 * q + ((n - d * q) << bits) is (n << bits) - ((d << bits) - 1) * q.
 */
static inline uint64_t eight_digits(uint32_t v)
{
	uint64_t four, two, one;

	four = ((uint64_t)v << 32) - ((10000ull << 32) - 1) * (v / 10000);
	two = (four * 10486 >> 20) & 0x0000007f0000007fu; /* / 100 */
	two = (four << 16) - ((100ull << 16) - 1) * two;
	one = (two * 103 >> 10) & 0x000f000f000f000fu; /* / 10 */
	return (two << 8) - ((10ull << 8) - 1) * one;
}

/* Eight bytes at p, without the first `zeros` of these digits. Returns the end of what counts. */
static inline char *put_eight(char *p, uint64_t digits, unsigned zeros)
{
	uint64_t text = htole64((digits | EACH('0')) >> 8 * zeros);

	memcpy(p, &text, 8);
	return p + 8 - zeros;
}

char *fmt_u64(char *p, uint64_t v)
{
	const uint32_t unit = 100000000;
	uint64_t digits;

	if (v >= unit)
		return put_eight(fmt_u64(p, v / unit), eight_digits((uint32_t)(v % unit)), 0);
	digits = eight_digits((uint32_t)v);
	return put_eight(p, digits, (unsigned)__builtin_ctzll(digits | 1ull << 56) / 8);
}

#define IN_TURN 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23

/* Both halves of each octet side by side, then letters for what is above nine: eight at a time. */
static void hex8(char *p, const uint8_t *v)
{
	typedef uint8_t vector __attribute__((vector_size(16)));
	uint64_t high[2] = {0, 0}, low[2] = {0, 0};
	vector h, l, digit;

	memcpy(low, v, 8);
	high[0] = low[0] >> 4 & 0x0f0f0f0f0f0f0f0fu;
	low[0] &= 0x0f0f0f0f0f0f0f0fu;
	memcpy(&h, high, 16);
	memcpy(&l, low, 16);
#ifdef __clang__ /* fuzzing; before its version 12 GCC has the other one alone */
	digit = __builtin_shufflevector(h, l, IN_TURN);
#else
	digit = __builtin_shuffle(h, l, (const vector){IN_TURN});
#endif
	digit += '0' + ((vector)(digit > 9) & ('a' - '0' - 10));
	memcpy(p, &digit, 16);
}

char *fmt_hex(char *p, const uint8_t *v, size_t n)
{
	static const char digits[] = "0123456789abcdef";

	for (; n >= 8; n -= 8, v += 8, p += 16)
		hex8(p, v);
	for (; n; n--, v++) {
		*p++ = digits[*v >> 4];
		*p++ = digits[*v & 15];
	}
	return p;
}

/* Exactly `digits` digits of v, which has no more than these, nine at most. */
static inline char *fmt_fixed(char *p, uint64_t v, int digits)
{
	char text[9];

	text[0] = (char)('0' + v / 100000000);
	put_eight(text + 1, eight_digits((uint32_t)(v % 100000000)), 0);
	return (char *)memcpy(p, text + 9 - digits, (size_t)digits) + digits;
}

/* v / 10^digits, without zeros at the end of the fraction. */
static char *fmt_decimal(char *p, uint64_t v, int digits)
{
	uint64_t unit = 1;

	for (int i = 0; i < digits; i++)
		unit *= 10;
	p = fmt_u64(p, v / unit);
	if (v % unit) {
		*p++ = '.';
		p = fmt_fixed(p, v % unit, digits);
		while (p[-1] == '0')
			p--;
	}
	return p;
}

char *fmt_go_duration(char *p, uint64_t ns)
{
	const uint64_t second = 1000000000;

	if (ns == SPAN_UNKNOWN)
		return FMT_LIT(p, "?");
	if (!ns)
		return FMT_LIT(p, "0s");
	if (ns < 1000)
		return FMT_LIT(fmt_u64(p, ns), "ns");
	if (ns < 1000000)
		return FMT_LIT(fmt_decimal(p, ns, 3), "µs");
	if (ns < second)
		return FMT_LIT(fmt_decimal(p, ns, 6), "ms");
	if (ns >= 3600 * second) {
		p = fmt_u64(p, ns / (3600 * second));
		*p++ = 'h';
	}
	if (ns >= 60 * second) {
		p = fmt_u64(p, ns / (60 * second) % 60);
		*p++ = 'm';
	}
	return FMT_LIT(fmt_decimal(p, ns % (60 * second), 9), "s");
}

/* v / unit with as many decimals as make three digits, at most. */
static char *fmt_three(char *p, uint64_t v, uint64_t unit)
{
	uint64_t whole = v / unit, rest = v % unit;

	p = fmt_u64(p, whole);
	if (whole < 100 && unit > 1) {
		*p++ = '.';
		*p++ = (char)('0' + (unsigned)(rest * 10 / unit));
		if (whole < 10)
			*p++ = (char)('0' + (unsigned)(rest * 100 / unit % 10));
	}
	return p;
}

char *fmt_short_duration(char *p, uint64_t ns)
{
	const uint64_t second = 1000000000;

	if (ns == SPAN_UNKNOWN)
		return FMT_LIT(p, "-");
	if (ns < 1000)
		return FMT_LIT(fmt_u64(p, ns), "ns");
	if (ns < 1000000)
		return FMT_LIT(fmt_three(p, ns, 1000), "µs");
	if (ns < second)
		return FMT_LIT(fmt_three(p, ns, 1000000), "ms");
	if (ns < 60 * second)
		return FMT_LIT(fmt_three(p, ns, second), "s");
	if (ns < 3600 * second) {
		p = FMT_LIT(fmt_u64(p, ns / (60 * second)), "m");
		return FMT_LIT(fmt_fixed(p, ns / second % 60, 2), "s");
	}
	p = FMT_LIT(fmt_u64(p, ns / (3600 * second)), "h");
	return FMT_LIT(fmt_fixed(p, ns / (60 * second) % 60, 2), "m");
}

char *fmt_size(char *p, uint64_t bytes)
{
	static const char units[][4] = { "KiB", "MiB", "GiB", "TiB", "PiB", "EiB" };
	uint64_t unit = 1024;
	size_t i = 0;

	if (bytes < 1024) {
		p = fmt_u64(p, bytes);
		*p++ = 'B';
		return p;
	}
	while (i < 5 && bytes / unit >= 1024) {
		unit *= 1024;
		i++;
	}
	/* two shifts keep rest * 100 within 64 bits */
	p = unit > (1u << 20) ? fmt_three(p, bytes >> 20, unit >> 20) : fmt_three(p, bytes, unit);
	memcpy(p, units[i], 3);
	return p + 3;
}

int addr_is_ipv4(const uint8_t addr[16])
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };

	return !memcmp(addr, mapped, sizeof(mapped));
}

char *fmt_addr(char *p, const uint8_t addr[16])
{
	char text[FMT_ADDR_MAX];
	size_t n;

	if (addr_is_ipv4(addr)) {
		for (int i = 12; i < 16; i++) {
			p = fmt_u64(p, addr[i]);
			*p++ = '.';
		}
		return p - 1;
	}
	n = strlen(span_addr_text(addr, text));
	memcpy(p, text, n);
	return p + n;
}

static void clock_set(struct fmt_clock *c, uint64_t sec)
{
	time_t t = (time_t)sec;
	struct tm tm = { 0 };

	if (c->rfc3339)
		gmtime_r(&t, &tm);
	else
		localtime_r(&t, &tm);
	c->len = strftime(c->text, sizeof(c->text), c->rfc3339 ? "%FT%T" : "%F %T", &tm);
	c->sec = sec;
}

char *fmt_time(char *p, struct fmt_clock *c, uint64_t unix_ns)
{
	uint64_t sec = unix_ns / 1000000000;

	if (sec != c->sec || !c->len)
		clock_set(c, sec);
	memcpy(p, c->text, sizeof(c->text)); /* there is room for it: no call */
	p += c->len;
	*p++ = '.';
	p = fmt_fixed(p, unix_ns % 1000000000, 9);
	if (c->rfc3339)
		*p++ = 'Z';
	return p;
}

static int is_tail(char c)
{
	return ((unsigned char)c & 0xc0) == 0x80;
}

int fmt_begins_with_word(struct str text, struct str word)
{
	return word.n && text.n >= word.n && !strncasecmp(text.p, word.p, word.n) &&
	       (text.n == word.n || text.p[word.n] == ' ');
}

size_t utf8_len(const char *s, size_t n)
{
	unsigned char a = (unsigned char)s[0], b = n > 1 ? (unsigned char)s[1] : 0;

	if (a < 0x80)
		return 1;
	if (a >= 0xc2 && a <= 0xdf)
		return is_tail((char)b) ? 2 : 0;
	if (a >= 0xe0 && a <= 0xef) {
		/* neither overlong forms nor surrogates */
		if (n < 3 || !is_tail((char)b) || !is_tail(s[2]) || (a == 0xe0 && b < 0xa0) ||
		    (a == 0xed && b > 0x9f))
			return 0;
		return 3;
	}
	if (a >= 0xf0 && a <= 0xf4) {
		if (n < 4 || !is_tail((char)b) || !is_tail(s[2]) || !is_tail(s[3]) ||
		    (a == 0xf0 && b < 0x90) || (a == 0xf4 && b > 0x8f))
			return 0;
		return 4;
	}
	return 0;
}

static wchar_t utf8_char(const char *s, size_t len)
{
	static const unsigned char mask[] = { 0, 0x7f, 0x1f, 0x0f, 0x07 };
	unsigned c = (unsigned char)s[0] & mask[len];

	for (size_t i = 1; i < len; i++)
		c = c << 6 | ((unsigned char)s[i] & 0x3f);
	return (wchar_t)c;
}

/* Columns of the character at s, of n > 0 bytes; *len: its bytes. */
static size_t one_width(const char *s, size_t n, size_t *len)
{
	/* needs a UTF-8 locale for wide ones; -1 where the locale does not know it */
	int w;

	*len = utf8_len(s, n);
	w = *len > 1 ? wcwidth(utf8_char(s, *len)) : 1;
	*len = *len ? *len : 1;
	return w < 0 ? 1 : (size_t)w;
}

size_t text_width(const char *s, size_t n)
{
	size_t width = 0, len;

	for (size_t i = 0; i < n; i += len)
		width += one_width(s + i, n - i, &len);
	return width;
}

size_t text_cut(const char *s, size_t n, size_t columns)
{
	size_t i = 0, used = 0, len;

	for (; i < n; i += len) {
		used += one_width(s + i, n - i, &len);
		if (used > columns)
			break;
	}
	return i;
}

char text_in_ascii(const char *s, size_t len)
{
	static const struct {
		const char *utf8;
		char ascii;
	} map[] = { { "µ", 'u' }, { "×", 'x' }, { "Δ", 'd' }, { "·", '.' }, { "…", '~' },
		    { "≤", '<' }, { "│", '|' }, { "─", '-' }, { "└", '`' }, { "├", '|' },
		    { "▸", '+' }, { "▾", '-' }, { "●", '*' }, { "▶", '>' }, { "■", '#' },
		    { "→", '>' }, { "░", '.' }, { "▒", ':' }, { "–", '-' } };

	for (size_t i = 0; i < sizeof(map) / sizeof(*map); i++)
		if (strlen(map[i].utf8) == len && !memcmp(map[i].utf8, s, len))
			return map[i].ascii;
	/* U+2581 to U+258F: blocks from the bottom and from the left */
	if (len == 3 && !memcmp(s, "\xe2\x96", 2) && (unsigned char)s[2] < 0x90)
		return '#';
	return '?';
}

size_t text_make_ascii(char *s, size_t n)
{
	size_t i = 0, to = 0;

	while (i < n) {
		size_t len = utf8_len(s + i, n - i), wide;

		if (!(s[i] & 0x80)) {
			s[to++] = s[i++];
			continue;
		}
		len = len ? len : 1;
		wide = text_width(s + i, len);
		memset(s + to, text_in_ascii(s + i, len), wide);
		to += wide;
		i += len;
	}
	return to;
}
