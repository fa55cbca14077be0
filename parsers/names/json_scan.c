#include "parsers/names/json_scan.h"

#include "parsers/digits.h"

enum {
	S_VALUE, /* one is due; 0, so that all begins with it */
	S_KEY,	 /* a name, or the end of the object */
	S_IN_KEY,
	S_COLON,
	S_IN_STRING,
	S_IN_WORD,
	S_BEHIND, /* a value: a comma or an end */
	S_DONE,
	S_BAD,
};

struct told {
	json_told *fn;
	void *ctx;
};

void json_scan_reset(struct json_scan *s)
{
	memset(s, 0, offsetof(struct json_scan, path));
}

uint64_t json_number(const struct json_value *v)
{
	uint64_t n = 0;

	if (v->type != JSON_NUMBER || v->cut || !v->text.n || v->text.n > 18)
		return UINT64_MAX;
	for (size_t i = 0; i < v->text.n; i++) {
		if (!is_digit(v->text.p[i]))
			return UINT64_MAX;
		n = n * 10 + (uint64_t)(v->text.p[i] - '0');
	}
	return n;
}

static int in_array(const struct json_scan *s)
{
	return s->arrays >> s->depth & 1;
}

static void tell(struct json_scan *s, const struct told *t, enum json_type type)
{
	struct json_value v = {{s->path, s->npath}, type, {s->text, 0}, s->cut};

	if (s->blind || s->skip)
		return;
	if (type <= JSON_WORD)
		v.text.n = s->ntext;
	s->stopped = !t->fn(t->ctx, &v);
}

/* ---- paths */

static void add_path(struct json_scan *s, const char *p, size_t n)
{
	if (n > JSON_PATH_MAX - s->npath) {
		s->skip = 1;
		return;
	}
	memcpy(s->path + s->npath, p, n);
	s->npath = (uint8_t)(s->npath + n);
}

/* The name that has been read is that of the value to come. */
static void enter_key(struct json_scan *s)
{
	if (s->blind)
		return;
	s->skip = s->cut;
	s->npath = s->mark[s->depth];
	if (s->npath)
		add_path(s, ".", 1);
	if (!s->skip)
		add_path(s, s->text, s->ntext);
}

/* ---- containers */

static void open_container(struct json_scan *s, const struct told *t, int array)
{
	if (s->depth == JSON_DEPTH_MAX) {
		s->state = S_BAD;
		return;
	}
	tell(s, t, array ? JSON_ARRAY : JSON_OBJECT);
	s->depth++;
	s->arrays &= ~(1ull << s->depth);
	s->arrays |= (uint64_t)array << s->depth;
	s->state = array ? S_VALUE : S_KEY;
	if (s->blind)
		return;
	if (array)
		add_path(s, "[]", 2);
	if (s->skip || s->depth > JSON_TRACKED)
		s->blind = s->depth;
	else
		s->mark[s->depth] = s->npath;
}

static void close_container(struct json_scan *s, const struct told *t, int array)
{
	if (!s->depth || in_array(s) != array) {
		s->state = S_BAD;
		return;
	}
	s->depth--;
	if (s->blind > s->depth)
		s->blind = 0;
	s->skip = 0;
	if (!s->blind)
		s->npath = s->depth ? s->mark[s->depth] : 0;
	s->state = s->depth ? S_BEHIND : S_DONE;
	if (!s->depth || (s->depth == 1 && in_array(s)))
		tell(s, t, JSON_END);
}

/* ---- strings */

static void add_text(struct json_scan *s, char c)
{
	if (s->ntext < JSON_TEXT_MAX)
		s->text[s->ntext++] = c;
	else
		s->cut = 1;
}

static void add_texts(struct json_scan *s, const uint8_t *p, size_t n)
{
	size_t room = JSON_TEXT_MAX - s->ntext;

	if (n > room) {
		s->cut = 1;
		n = room;
	}
	memcpy(s->text + s->ntext, p, n);
	s->ntext = (uint16_t)(s->ntext + n);
}

/* UTF-8 of what lies in the first plane; of surrogates each half is a question mark. */
static void add_code(struct json_scan *s, unsigned c)
{
	if (c >= 0xd800 && c < 0xe000)
		c = '?';
	if (c < 0x80) {
		add_text(s, (char)c);
		return;
	}
	if (c < 0x800) {
		add_text(s, (char)(0xc0 | c >> 6));
	} else {
		add_text(s, (char)(0xe0 | c >> 12));
		add_text(s, (char)(0x80 | (c >> 6 & 0x3f)));
	}
	add_text(s, (char)(0x80 | (c & 0x3f)));
}

static void escaped(struct json_scan *s, uint8_t c)
{
	static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
	const char *at = c ? strchr(from, c) : NULL;
	int digit = hex_value(c);

	if (s->escape > 1) {
		s->code = (uint16_t)(s->code << 4 | digit);
		if (--s->escape == 1) {
			add_code(s, s->code);
			s->escape = 0;
		}
		if (digit < 0)
			s->state = S_BAD;
	} else if (c == 'u') {
		s->escape = 5;
		s->code = 0;
	} else if (at) {
		add_text(s, to[at - from]);
		s->escape = 0;
	} else {
		s->state = S_BAD;
	}
}

static void begin_text(struct json_scan *s, uint8_t state)
{
	s->state = state;
	s->ntext = 0;
	s->cut = 0;
}

/* The inside of a string; returns how much of it that is, with the quote behind it. */
static size_t in_string(struct json_scan *s, const struct told *t, const uint8_t *p, size_t n)
{
	const uint8_t *quote = memchr(p, '"', n);
	size_t i = quote ? (size_t)(quote - p) : n;
	const uint8_t *escape = memchr(p, '\\', i);

	if (escape)
		i = (size_t)(escape - p);
	add_texts(s, p, i);
	if (i == n)
		return n;
	if (p[i] == '\\') {
		s->escape = 1;
	} else if (s->state == S_IN_KEY) {
		s->state = S_COLON;
		enter_key(s);
	} else {
		s->state = s->depth ? S_BEHIND : S_DONE;
		tell(s, t, JSON_STRING);
	}
	return i + 1;
}

/* ---- the rest */

static int is_word(uint8_t c)
{
	return is_digit(c) || (c >= 'a' && c <= 'z') || c == '-' || c == '+' || c == '.' ||
	       c == 'E';
}

static void value_begins(struct json_scan *s, const struct told *t, uint8_t c)
{
	if (c == '"') {
		begin_text(s, S_IN_STRING);
	} else if (c == '{' || c == '[') {
		open_container(s, t, c == '[');
	} else if (c == ']') {
		close_container(s, t, 1);
	} else if (is_word(c)) {
		begin_text(s, S_IN_WORD);
		add_text(s, (char)c);
	} else {
		s->state = S_BAD;
	}
}

static void behind_value(struct json_scan *s, const struct told *t, uint8_t c)
{
	if (c == '}' || c == ']') {
		close_container(s, t, c == ']');
	} else if (c != ',') {
		s->state = S_BAD;
	} else if (in_array(s)) {
		s->state = S_VALUE;
		if (!s->blind)
			s->npath = s->mark[s->depth];
	} else {
		s->state = S_KEY;
	}
}

static void octet(struct json_scan *s, const struct told *t, uint8_t c)
{
	if (s->state == S_IN_WORD) {
		if (is_word(c)) {
			add_text(s, (char)c);
			return;
		}
		s->state = s->depth ? S_BEHIND : S_DONE;
		tell(s, t, is_digit(*s->text) || *s->text == '-' ? JSON_NUMBER : JSON_WORD);
	}
	if (c == ' ' || c == '\t' || c == '\r' || c == '\n')
		return;
	switch (s->state) {
	case S_VALUE: value_begins(s, t, c); break;
	case S_KEY:
		if (c == '"')
			begin_text(s, S_IN_KEY);
		else if (c == '}')
			close_container(s, t, 0);
		else
			s->state = S_BAD;
		break;
	case S_COLON: s->state = c == ':' ? S_VALUE : S_BAD; break;
	case S_BEHIND: behind_value(s, t, c); break;
	case S_DONE: break;
	default: s->state = S_BAD;
	}
}

int json_scan(struct json_scan *s, const uint8_t *p, size_t n, json_told *fn, void *ctx)
{
	const struct told t = {fn, ctx};

	for (size_t i = 0; i < n && s->state < S_DONE && !s->stopped;) {
		if (s->escape)
			escaped(s, p[i++]);
		else if (s->state == S_IN_KEY || s->state == S_IN_STRING)
			i += in_string(s, &t, p + i, n - i);
		else
			octet(s, &t, p[i++]);
	}
	return s->state != S_BAD;
}
