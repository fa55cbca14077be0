/*
 * grpc.c - see grpc.h
 */
#include <string.h>
#include "parsers/byte_order.h"
#include "parsers/content/grpc.h"
#include "parsers/digits.h"

#define COMPRESSED 0x01u

void grpc_init(struct grpc *g, enum grpc_end end)
{
	static const uint8_t flag[] = {0, 0x80, 0x02};

	*g = (struct grpc){.trailers = flag[end]};
}

static int in_message(const struct grpc *g)
{
	return g->have == GRPC_HEAD_LEN;
}

static int in_trailers(const struct grpc *g)
{
	return in_message(g) && g->head[0] & g->trailers;
}

static enum parse_status end_message(struct grpc *g, struct grpc_event *ev)
{
	ev->type = GRPC_EV_MESSAGE;
	ev->compressed = g->head[0] & COMPRESSED;
	ev->length = g->length;
	g->have = 0;
	g->messages++;
	return PARSE_EVENT;
}

/* The head is complete: is it one? */
static int check_head(struct grpc *g)
{
	g->length = be32(g->head + 1);
	g->left = g->length;
	return !(g->head[0] & ~(COMPRESSED | g->trailers));
}

static enum parse_status next_trailers(struct grpc *g, const uint8_t *p, size_t n, size_t *used,
				       struct grpc_event *ev)
{
	if (g->left > GRPC_MAX_TRAILERS) {
		*used = n < g->left ? n : g->left;
		g->left -= (uint32_t)*used;
		return PARSE_SKIPPED;
	}
	if (n < g->left)
		return PARSE_MORE;
	*used = g->left;
	ev->type = GRPC_EV_TRAILERS;
	ev->data = (struct str){(const char *)p, g->left};
	ev->compressed = g->head[0] & COMPRESSED;
	ev->length = g->length;
	g->have = 0;
	return PARSE_EVENT;
}

enum parse_status grpc_next(struct grpc *g, const uint8_t *p, size_t n, size_t *used,
			    struct grpc_event *ev)
{
	size_t at = 0, step;

	*used = 0;
	*ev = (struct grpc_event){0};
	if (g->lost) {
		*used = n;
		return g->lost == 1 ? PARSE_SKIPPED : PARSE_BAD;
	}
	while (!in_message(g) && at < n) {
		g->head[g->have++] = p[at++];
		if (in_message(g) && !check_head(g)) {
			g->lost = 2;
			*used = n;
			return PARSE_BAD;
		}
	}
	*used = at;
	if (!in_message(g))
		return PARSE_MORE;
	if (in_trailers(g)) {
		enum parse_status st = next_trailers(g, p + at, n - at, &step, ev);

		if (st != PARSE_MORE)
			*used += step;
		return st;
	}
	step = n - at < g->left ? n - at : g->left;
	g->left -= (uint32_t)step;
	g->bytes += step;
	*used += step;
	return g->left ? PARSE_MORE : end_message(g, ev);
}

enum parse_status grpc_gap(struct grpc *g, uint64_t n, uint64_t *used, struct grpc_event *ev)
{
	*ev = (struct grpc_event){0};
	*used = n;
	if (!g->lost && in_message(g) && !in_trailers(g)) {
		*used = n < g->left ? n : g->left;
		g->left -= (uint32_t)*used;
		g->bytes += *used;
		return g->left ? PARSE_MORE : end_message(g, ev);
	}
	if (!g->lost)
		g->lost = 1;
	return PARSE_SKIPPED;
}

uint64_t grpc_unneeded(const struct grpc *g)
{
	if (g->lost)
		return UINT64_MAX;
	return in_message(g) && !in_trailers(g) ? g->left : 0;
}

int grpc_open(const struct grpc *g)
{
	return !g->lost && g->have;
}

/* ---- fields */

enum grpc_kind grpc_kind(struct str s)
{
	static const struct {
		const char *type;
		enum grpc_kind kind;
	} types[] = {
		{"application/grpc-web-text", GRPC_WEB_TEXT},
		{"application/grpc-web", GRPC_WEB},
		{"application/grpc", GRPC_NATIVE},
		{"application/connect", GRPC_CONNECT},
	};

	for (size_t i = 0; s.p && i < sizeof(types) / sizeof(types[0]); i++) {
		size_t n = strlen(types[i].type), j = 0;

		/* media types are case-insensitive, RFC 9110 section 8.3.1 */
		while (j < n && j < s.n &&
		       (s.p[j] >= 'A' && s.p[j] <= 'Z' ? s.p[j] + 32 : s.p[j]) == types[i].type[j])
			j++;
		if (j == n && (s.n == n || strchr("+; \t", s.p[n])))
			return types[i].kind;
	}
	return GRPC_NONE;
}

int grpc_split(struct str path, struct str *service, struct str *method)
{
	const char *slash;

	if (!path.p || path.n < 4 || path.p[0] != '/')
		return -1;
	slash = memchr(path.p + 1, '/', path.n - 1);
	if (!slash || slash == path.p + 1)
		return -1;
	/* a service may have a prefix with slashes of its own: the method is what follows the last
	 */
	for (const char *p = slash + 1; p < path.p + path.n; p++)
		if (*p == '/')
			slash = p;
	*service = (struct str){path.p + 1, (size_t)(slash - path.p) - 1};
	*method = (struct str){slash + 1, path.n - service->n - 2};
	return method->n ? 0 : -1;
}

uint64_t grpc_timeout(struct str s)
{
	static const struct {
		char unit;
		uint64_t ns;
	} units[] = {{'H', 3600000000000u}, {'M', 60000000000u}, {'S', 1000000000u},
		     {'m', 1000000u},	    {'u', 1000u},	 {'n', 1u}};
	uint64_t v = 0;

	/* at most eight digits */
	if (!s.p || s.n < 2 || s.n > 9)
		return UINT64_MAX;
	for (size_t i = 0; i < s.n - 1; i++) {
		if (s.p[i] < '0' || s.p[i] > '9')
			return UINT64_MAX;
		v = v * 10 + (uint64_t)(s.p[i] - '0');
	}
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
		if (s.p[s.n - 1] == units[i].unit)
			return v > (UINT64_MAX - 1) / units[i].ns ? UINT64_MAX - 1
								  : v * units[i].ns;
	return UINT64_MAX;
}

int grpc_status(struct str s)
{
	int v = 0;

	if (!s.p || !s.n || s.n > 6)
		return -1;
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] < '0' || s.p[i] > '9')
			return -1;
		v = v * 10 + (s.p[i] - '0');
	}
	return v;
}

const char *grpc_status_name(int status)
{
	static const char *const names[] = {
		"OK",
		"CANCELLED",
		"UNKNOWN",
		"INVALID_ARGUMENT",
		"DEADLINE_EXCEEDED",
		"NOT_FOUND",
		"ALREADY_EXISTS",
		"PERMISSION_DENIED",
		"RESOURCE_EXHAUSTED",
		"FAILED_PRECONDITION",
		"ABORTED",
		"OUT_OF_RANGE",
		"UNIMPLEMENTED",
		"INTERNAL",
		"UNAVAILABLE",
		"DATA_LOSS",
		"UNAUTHENTICATED",
	};

	return status >= 0 && status < (int)(sizeof(names) / sizeof(names[0])) ? names[status]
									       : NULL;
}

size_t grpc_message(struct str s, char *out, size_t cap)
{
	size_t n = 0;

	for (size_t i = 0; i < s.n && n < cap; i++) {
		int hi = -1, lo = -1;

		if (s.p[i] == '%' && s.n - i > 2) {
			hi = hex_value(s.p[i + 1]);
			lo = hex_value(s.p[i + 2]);
		}
		if (hi >= 0 && lo >= 0) {
			out[n++] = (char)(hi << 4 | lo);
			i += 2;
		} else {
			out[n++] = s.p[i];
		}
	}
	return n;
}

int grpc_trailer_next(struct str lines, size_t *pos, struct str *name, struct str *value)
{
	while (*pos < lines.n) {
		const char *p = lines.p + *pos, *colon;
		const char *eol = memchr(p, '\n', lines.n - *pos);
		size_t n = eol ? (size_t)(eol - p) : lines.n - *pos;

		*pos += n + !!eol;
		while (n && (p[n - 1] == '\r' || p[n - 1] == ' ' || p[n - 1] == '\t'))
			n--;
		colon = n ? memchr(p, ':', n) : NULL;
		if (!colon || colon == p)
			continue;
		*name = (struct str){p, (size_t)(colon - p)};
		*value = (struct str){colon + 1, n - name->n - 1};
		while (value->n && (*value->p == ' ' || *value->p == '\t')) {
			value->p++;
			value->n--;
		}
		return 1;
	}
	return 0;
}

int64_t grpc_text(struct grpc_text *t, const uint8_t *p, size_t n, uint8_t *out)
{
	size_t at = 0;

	for (size_t i = 0; i < n; i++) {
		int v = base64_value(p[i], "+/");

		if (p[i] == '=') {
			/* two or three sextets make one or two octets; a second '=' finds none */
			if (t->have == 1)
				return -1;
			if (t->have == 2)
				out[at++] = (uint8_t)(t->acc >> 4);
			if (t->have == 3) {
				out[at++] = (uint8_t)(t->acc >> 10);
				out[at++] = (uint8_t)(t->acc >> 2);
			}
			*t = (struct grpc_text){0};
			continue;
		}
		if (v < 0)
			return -1;
		t->acc = t->acc << 6 | (uint32_t)v;
		if (++t->have == 4) {
			out[at++] = (uint8_t)(t->acc >> 16);
			out[at++] = (uint8_t)(t->acc >> 8);
			out[at++] = (uint8_t)t->acc;
			*t = (struct grpc_text){0};
		}
	}
	return (int64_t)at;
}
