#include "sinks/json_writer.h"

#include "sinks/safe.h"

#define JSON_GROWTH 6 /* \u001f */

static char *escape_one(char *p, unsigned char c)
{
	static const char short_form[32] = {
		['\b'] = 'b', ['\t'] = 't', ['\n'] = 'n', ['\f'] = 'f', ['\r'] = 'r',
	};

	if (c < 0x20 && short_form[c]) {
		*p++ = '\\';
		*p++ = short_form[c];
	} else if (c < 0x20 || c == 0x7f) {
		p = FMT_LIT(p, "\\u00");
		p = fmt_hex(p, &c, 1);
	} else if (c < 0x7f) {
		*p++ = '\\';
		*p++ = (char)c;
	} else {
		p = FMT_LIT(p, "\xef\xbf\xbd"); /* U+FFFD */
	}
	return p;
}

static char *put_escaped(char *p, const char *s, size_t n)
{
	while (n) {
		size_t len = plain_ascii(s, n);

		if (!len && (unsigned char)*s >= 0x80)
			len = utf8_len(s, n);
		if (len) {
			p = fmt_copy(p, s, len);
		} else {
			p = escape_one(p, (unsigned char)*s);
			len = 1;
		}
		s += len;
		n -= len;
	}
	return p;
}

void json_piece(struct json *j, const char *s, size_t n)
{
	const size_t limit = OUT_MAX_RESERVE / JSON_GROWTH;

	while (n) {
		size_t part = n;

		if (n > limit) {
			/* cut before a character, not in it */
			part = limit;
			while (part > limit - 4 && ((unsigned char)s[part] & 0xc0) == 0x80)
				part--;
		}
		out_commit(j->out, put_escaped(out_reserve(j->out, JSON_GROWTH * part), s, part));
		s += part;
		n -= part;
	}
}

void json_string(struct json *j, const char *s, size_t n)
{
	if (n <= OUT_MAX_RESERVE / JSON_GROWTH - 1) { /* in one go */
		char *p = out_reserve(j->out, JSON_GROWTH * n + 2);

		*p++ = '"';
		p = put_escaped(p, s, n);
		*p++ = '"';
		out_commit(j->out, p);
		return;
	}
	json_quote(j);
	json_piece(j, s, n);
	json_quote(j);
}

/* ---- what several kinds of lines have */

void json_begin_line(struct json *j, struct fmt_clock *clock, uint64_t time_ns, const char *type)
{
	size_t n = strlen(type);
	char *p = out_reserve(j->out, FMT_TIME_MAX + n + 32);

	p = FMT_LIT(p, "{\"time\":\"");
	p = fmt_time(p, clock, time_ns);
	p = FMT_LIT(p, "\",\"type\":\"");
	p = (char *)memcpy(p, type, n) + n;
	*p++ = '"';
	out_commit(j->out, p);
	j->more = 1;
}

void json_time(struct json *j, const char *key, struct fmt_clock *clock, uint64_t time_ns)
{
	char *p;

	json_key_n(j, key, strlen(key));
	p = out_reserve(j->out, FMT_TIME_MAX + 2);
	*p++ = '"';
	p = fmt_time(p, clock, time_ns);
	*p++ = '"';
	out_commit(j->out, p);
}

void json_addr(struct json *j, const char *key, const uint8_t addr[16])
{
	char *p;

	json_key_n(j, key, strlen(key));
	p = out_reserve(j->out, FMT_ADDR_MAX + 2);
	*p++ = '"';
	p = fmt_addr(p, addr);
	*p++ = '"';
	out_commit(j->out, p);
}
