#include "parsers/byte_order.h"
#include "parsers/content/content_mask.h"

#include <string.h>

#include "parsers/content/grpc.h"

/* What the bytes in hand are; of lines without an end. */
enum part {
	HEAD, /* of a message or frame; the name of a line, or of a form's field */
	HIDDEN,
	SHOWN,
	TEXT, /* JSON */
	TRAILERS,
	SUM, /* behind a message of Amazon's */
};

#define AMZ_PRELUDE 12u
#define AMZ_SUM 4u

void content_mask_begin(struct content_mask *m, enum content_form form)
{
	memset(m, 0, sizeof(*m));
	m->form = (uint8_t)form;
}

/* ---- lines: fields of events, lines of trailers, fields of forms */

static const char *const names[] = {
	"Action", "QueueName", "QueueUrl", "Version", "data", "event", "grpc-message",
	"grpc-status", "id", "retry",
};
#define NNAMES (sizeof(names) / sizeof(names[0]))

/* What is behind them, and what their values are. */
static const struct {
	char behind;
	enum part value;
} fields[NNAMES] = {
	{'=', SHOWN}, {'=', SHOWN},  {'=', SHOWN}, {'=', SHOWN},  {':', TEXT},
	{':', HIDDEN}, {':', SHOWN}, {':', SHOWN}, {':', HIDDEN}, {':', HIDDEN},
};

static void begin_name(struct content_mask *m)
{
	m->line = HEAD;
	m->name = (struct word_match){0};
}

/* The name has ended, with c. */
static void name_ends(struct content_mask *m, uint8_t c)
{
	m->line = HIDDEN;
	if (word_is_whole(&m->name, names, NNAMES) && (uint8_t)fields[m->name.word].behind == c)
		m->line = (uint8_t)fields[m->name.word].value;
}

/* Between texts of JSON; those of several lines of one event belong together. */
static void line_ends(struct content_mask *m)
{
	if (m->line == HEAD && !m->name.n && m->name.word != WORD_NONE)
		memset(&m->json, 0, sizeof(m->json));
	begin_name(m);
}

static uint8_t line_char(struct content_mask *m, uint8_t c)
{
	if (c == '\r')
		return c;
	if (c == '\n') {
		line_ends(m);
		return c;
	}
	if (c == '&' && m->line != TEXT) {
		begin_name(m);
		return c;
	}
	switch ((enum part)m->line) {
	case HEAD:
		if (c != ':' && c != '=')
			return word_goes_on(&m->name, names, NNAMES, c) ? c : 'x';
		name_ends(m, c);
		return c;
	case TEXT: return json_mask(&m->json, c);
	case SHOWN: return c;
	default: return c == ' ' ? c : 'x';
	}
}

/* What becomes of bytes whatever they are; 0: of line ends, and what else has a meaning there. */
static const uint8_t in_value[256] = {
	[0 ... '\n' - 1] = 'x',	 ['\n' + 1 ... '\r' - 1] = 'x', ['\r' + 1 ... ' ' - 1] = 'x',
	[' '] = ' ',		 [' ' + 1 ... '&' - 1] = 'x',	['&' + 1 ... 255] = 'x',
};
static const uint8_t in_name[256] = {
	[0 ... '\n' - 1] = 'x',	      ['\n' + 1 ... '\r' - 1] = 'x', ['\r' + 1 ... '&' - 1] = 'x',
	['&' + 1 ... ':' - 1] = 'x', [':' + 1 ... '=' - 1] = 'x',   ['=' + 1 ... 255] = 'x',
};

/* Bytes that are hidden, up to one that line_char() has to see. Returns how many. */
static size_t hidden_run(const struct content_mask *m, uint8_t *p, size_t n)
{
	const uint8_t *to = m->line == HIDDEN			       ? in_value
			    : m->line == HEAD && m->name.word == WORD_NONE ? in_name
								       : NULL;
	size_t i = 0;

	for (; to && i < n && to[p[i]]; i++)
		p[i] = to[p[i]];
	return i;
}

static void lines(struct content_mask *m, uint8_t *p, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		i += hidden_run(m, p + i, n - i);
		if (i < n)
			p[i] = line_char(m, p[i]);
	}
}

static void json(struct json_mask *j, uint8_t *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		p[i] = json_mask(j, p[i]);
}

/* ---- messages and frames: a head that tells how long they are */

/* Of Amazon's: headers, a payload, a sum. */
static int amz_head(struct content_mask *m)
{
	uint32_t size, headers;

	if (m->nhead < AMZ_PRELUDE)
		return 1;
	size = be32(m->head);
	headers = be32(m->head + 4);
	if (size < AMZ_PRELUDE + AMZ_SUM || headers > size - AMZ_PRELUDE - AMZ_SUM)
		return 0;
	memset(&m->json, 0, sizeof(m->json));
	m->part = HIDDEN;
	m->left = headers;
	return 1;
}

/* Bit 7: trailers of gRPC-Web; bit 1: how a stream of Connect ended. */
static int grpc_head(struct content_mask *m)
{
	if (*m->head & 0x7c)
		return 0;
	if (m->nhead < GRPC_HEAD_LEN)
		return 1;
	m->left = be32(m->head + 1);
	m->part = *m->head & 0x80 ? TRAILERS : *m->head & 2 ? TEXT : HIDDEN;
	if (m->part == TEXT)
		memset(&m->json, 0, sizeof(m->json));
	return 1;
}

static int websocket_head(struct content_mask *m)
{
	uint8_t length = m->head[1] & 0x7f, size = length == 127 ? 8 : length == 126 ? 2 : 0;

	if (m->nhead < 2 || m->nhead < 2u + size + (m->head[1] & 0x80 ? 4u : 0u))
		return 1;
	m->left = size ? 0 : length;
	for (uint8_t i = 0; i < size; i++)
		m->left = m->left << 8 | m->head[2 + i];
	m->part = (*m->head & 0xf) == 8 ? SHOWN : HIDDEN;
	return 1;
}

/* The part in hand is over. */
static void next_part(struct content_mask *m)
{
	uint32_t size = 0;

	if (m->form == CONTENT_AMZ_EVENTS && m->part == HIDDEN) {
		size = be32(m->head);
		m->left = size - AMZ_PRELUDE - AMZ_SUM - be32(m->head + 4);
		m->part = TEXT;
	}
	if (m->form == CONTENT_AMZ_EVENTS && m->part == TEXT && !m->left) {
		m->left = AMZ_SUM;
		m->part = SUM;
	}
	if (m->left)
		return;
	m->part = HEAD;
	m->nhead = 0;
}

/* One more byte of a head. 0: it is none. */
static int head_byte(struct content_mask *m, uint8_t c)
{
	int good;

	m->head[m->nhead++] = c;
	if (m->form == CONTENT_GRPC)
		good = grpc_head(m);
	else if (m->form == CONTENT_WEBSOCKET)
		good = websocket_head(m);
	else
		good = amz_head(m);
	if (good && m->part != HEAD && !m->left)
		next_part(m);
	return good;
}

/* The next bytes of the part in hand. */
static void part_bytes(struct content_mask *m, uint8_t *p, size_t n)
{
	switch ((enum part)m->part) {
	case TEXT: json(&m->json, p, n); break;
	case TRAILERS: lines(m, p, n); break;
	case HIDDEN: memset(p, 'x', n); break;
	default: break;
	}
}

static void message_bytes(struct content_mask *m, uint8_t *p, size_t n)
{
	for (size_t at = 0, len; at < n; at += len) {
		len = 1;
		if (m->part == HEAD) {
			if (head_byte(m, p[at]))
				continue;
			m->form = CONTENT_HIDDEN;
			memset(p + at, 'x', n - at);
			return;
		}
		len = n - at < m->left ? n - at : (size_t)m->left;
		part_bytes(m, p + at, len);
		m->left -= len;
		if (!m->left)
			next_part(m);
	}
}

/* ---- all of it */

/* By its first byte, and where that could be either by the second one, which is in the head. */
static enum content_form form_of(uint8_t first, uint8_t second)
{
	uint8_t opcode = first & 0xf;

	if (first == '{' || first == '[')
		return CONTENT_JSON;
	if (first >= ' ' && first < 0x7f)
		return CONTENT_LINES;
	if (first <= 3 || first == 0x80)
		return (first == 1 || first == 2) && second ? CONTENT_WEBSOCKET : CONTENT_GRPC;
	if (first & 0x30 || (opcode > 2 && (opcode < 8 || opcode > 10)))
		return CONTENT_HIDDEN;
	return CONTENT_WEBSOCKET;
}

/* Returns how many bytes it took to tell, all of which stay. */
static size_t tell_form(struct content_mask *m, const uint8_t *p, size_t n)
{
	size_t at = 0;

	if (!m->nhead) {
		while (at < n && (p[at] == ' ' || (p[at] >= '\t' && p[at] <= '\r')))
			at++;
		if (at == n)
			return n;
		if (p[at] != 1 && p[at] != 2) {
			m->form = (uint8_t)form_of(p[at], 0);
			return at;
		}
		m->head[m->nhead++] = p[at++];
	}
	if (at < n)
		m->form = (uint8_t)form_of(m->head[0], p[at]);
	return at;
}

void content_mask_feed(struct content_mask *m, uint8_t *p, size_t n)
{
	size_t at = m->form == CONTENT_UNKNOWN ? tell_form(m, p, n) : 0;

	p += at;
	n -= at;
	switch ((enum content_form)m->form) {
	case CONTENT_UNKNOWN:
	case CONTENT_SHOWN: break;
	case CONTENT_HIDDEN: memset(p, 'x', n); break;
	case CONTENT_JSON: json(&m->json, p, n); break;
	case CONTENT_LINES: lines(m, p, n); break;
	default: message_bytes(m, p, n);
	}
}

void content_mask_gap(struct content_mask *m, uint64_t n)
{
	switch ((enum content_form)m->form) {
	case CONTENT_SHOWN: return;
	case CONTENT_LINES: m->line = HIDDEN; return;
	case CONTENT_GRPC:
	case CONTENT_WEBSOCKET:
		if (m->part != HIDDEN || n > m->left)
			break;
		m->left -= n;
		if (!m->left)
			next_part(m);
		return;
	default: break;
	}
	m->form = CONTENT_HIDDEN;
}
