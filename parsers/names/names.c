#include "parsers/names/names.h"

#include "parsers/names/rows.h"

/* In the order in which they are asked; the first that is certain counts. */
const struct naming *const namings[] = {
	&naming_gen_ai,	 &naming_aws, &naming_connect,
	&naming_elasticsearch, &naming_graphql, &naming_jsonrpc,
};
const unsigned nnamings = sizeof(namings) / sizeof(namings[0]);

/* The media type without its parameters. */
static struct str media_type(struct str s)
{
	const char *end = s.p ? memchr(s.p, ';', s.n) : NULL;

	if (end)
		s.n = (size_t)(end - s.p);
	while (s.n && (s.p[s.n - 1] == ' ' || s.p[s.n - 1] == '\t'))
		s.n--;
	return s;
}

/* How content of this head can be read. */
static enum names_form form_of(const struct names_head *h)
{
	struct str type = media_type(h->field[NAMES_CONTENT_TYPE]);
	struct str encoding = h->field[NAMES_CONTENT_ENCODING];

	if (encoding.n && !names_equal(encoding, "identity"))
		return NAMES_NOTHING;
	if (names_equal(type, "text/event-stream"))
		return NAMES_EVENTS;
	if (names_equal(type, "application/x-ndjson") || names_equal(type, "application/jsonl"))
		return NAMES_LINES;
	if (names_equal(type, "application/vnd.amazon.eventstream"))
		return NAMES_AMZ_EVENTS;
	if (names_equal(type, "application/x-www-form-urlencoded"))
		return NAMES_FORM;
	if (names_begins(type, "application/json") ||
	    names_begins(type, "application/x-amz-json") ||
	    (names_begins(type, "application/") && names_ends(type, "+json")))
		return NAMES_JSON;
	return NAMES_NOTHING;
}

int names_begin(struct names *n, uint32_t rows, struct names_head *h)
{
	h->form = (uint8_t)form_of(h);
	memset(n, 0, offsetof(struct names, text));
	json_scan_reset(&n->json);
	for (unsigned i = 0; i < nnamings && !n->row; i++) {
		enum names_may may = NAMES_NO;

		n->calling = namings[i];
		n->bit = 1u << i;
		if (rows & n->bit)
			may = namings[i]->request(n, h);
		if (may != NAMES_NO)
			n->may_be |= n->bit;
		if (may == NAMES_ONLY)
			break;
	}
	return n->may_be != 0;
}

/* Row i is called: 0 if it is not that one. */
static int call_row(struct names *n, unsigned i)
{
	n->calling = namings[i];
	n->bit = 1u << i;
	return n->row ? n->row == n->calling : (n->may_be & n->bit) != 0;
}

void names_response(struct names *n, struct names_head *h)
{
	h->form = (uint8_t)form_of(h);
	if (n->form[0] == NAMES_FORM && n->left[0]) /* its last value has ended */
		names_content(n, 0, (const uint8_t *)"&", 1);
	for (unsigned i = 0; i < nnamings; i++)
		if (call_row(n, i) && namings[i]->response)
			namings[i]->response(n, h);
}

/* ---- content */

struct call {
	struct names *n;
	int which;
};

static int on_value(void *ctx, const struct json_value *v)
{
	const struct call *c = ctx;

	for (unsigned i = 0; i < nnamings; i++)
		if (call_row(c->n, i) && namings[i]->value)
			namings[i]->value(c->n, c->which, v);
	return c->n->form[c->which] != NAMES_NOTHING;
}

/* The data of events, line by line; where a line stands is `line`: so many bytes of "data:". */
enum { LINE_DATA = 5, LINE_OTHER, LINE_UNKNOWN };

static size_t data_line(struct names *n, struct call *c, const uint8_t *p, size_t len)
{
	const uint8_t *lf = memchr(p, '\n', len);
	size_t end = lf ? (size_t)(lf - p) : len;

	if (n->line == LINE_DATA)
		(void)json_scan(&n->json, p, end, on_value, c);
	if (!lf)
		return len;
	n->line = 0;
	return end + 1;
}

static void events(struct names *n, struct call *c, const uint8_t *p, size_t len)
{
	static const char field[] = "data:";

	for (size_t i = 0; i < len;) {
		if (n->line >= LINE_DATA) {
			i += data_line(n, c, p + i, len - i);
		} else if (p[i] == (uint8_t)field[n->line]) {
			n->line++;
			i++;
		} else if ((p[i] == '\n' || p[i] == '\r') && !n->line) {
			json_scan_reset(&n->json); /* an empty line ends an event */
			i++;
		} else {
			n->line = LINE_OTHER;
		}
	}
}

static void lines(struct names *n, struct call *c, const uint8_t *p, size_t len)
{
	for (size_t i = 0; i < len;) {
		if (!n->line) {
			json_scan_reset(&n->json);
			n->line = LINE_DATA;
		}
		i += data_line(n, c, p + i, len - i);
	}
}

/*
 * Messages of Amazon's event streams: the length of all and of the headers, of 32 bits each, a sum
 * of 32 bits, headers, payload, a sum.
 */
#define EVENT_PRELUDE 12u
#define EVENT_SUM 4u

static int prelude_byte(struct names *n, uint8_t c)
{
	if (n->event.at < 4)
		n->event.size = n->event.size << 8 | c;
	else if (n->event.at < 8)
		n->event.headers = n->event.headers << 8 | c;
	if (++n->event.at < EVENT_PRELUDE)
		return 1;
	json_scan_reset(&n->json);
	return n->event.size >= EVENT_PRELUDE + EVENT_SUM &&
	       n->event.headers <= n->event.size - EVENT_PRELUDE - EVENT_SUM;
}

/* Returns 0 where they are none. */
static int amz_events(struct names *n, struct call *c, const uint8_t *p, size_t len)
{
	for (size_t i = 0; i < len;) {
		uint32_t payload, behind, end;
		size_t some;

		if (n->event.at < EVENT_PRELUDE) {
			if (!prelude_byte(n, p[i++]))
				return 0;
			continue;
		}
		payload = EVENT_PRELUDE + n->event.headers;
		behind = n->event.size - EVENT_SUM;
		end = n->event.at < payload  ? payload
		      : n->event.at < behind ? behind
					     : n->event.size;
		some = len - i < end - n->event.at ? len - i : end - n->event.at;
		if (end == behind)
			(void)json_scan(&n->json, p + i, some, on_value, c);
		n->event.at += (uint32_t)some;
		i += some;
		if (n->event.at == n->event.size)
			memset(&n->event, 0, sizeof(n->event));
	}
	return 1;
}

static void scan(struct names *n, struct call *c, const uint8_t *p, size_t len)
{
	if (n->form[c->which] == NAMES_EVENTS)
		events(n, c, p, len);
	else if (n->form[c->which] == NAMES_LINES)
		lines(n, c, p, len);
	else if (n->form[c->which] == NAMES_AMZ_EVENTS && !amz_events(n, c, p, len))
		n->form[c->which] = NAMES_NOTHING;
	else if (n->form[c->which] == NAMES_AMZ_EVENTS)
		return;
	else if (n->form[c->which] == NAMES_FORM)
		form_scan(&n->forms, p, len, on_value, c);
	else if (!json_scan(&n->json, p, len, on_value, c))
		n->form[c->which] = NAMES_NOTHING;
}

/* What it ends with is what counts: it is read to its end. */
static int is_stream(const struct names *n, int which)
{
	return n->form[which] == NAMES_EVENTS || n->form[which] == NAMES_LINES ||
	       n->form[which] == NAMES_AMZ_EVENTS;
}

void names_content(struct names *n, int which, const uint8_t *p, size_t len)
{
	struct call c = {n, which};

	if (which && n->reading == 0) { /* one scanner for both: they follow each other */
		n->form[0] = NAMES_NOTHING;
		json_scan_reset(&n->json);
		n->line = 0;
	}
	n->reading |= which != 0;
	if (which < n->reading || !n->form[which])
		return;
	if (len > n->left[which] && !is_stream(n, which))
		len = n->left[which];
	if (!is_stream(n, which))
		n->left[which] -= (uint32_t)len;
	scan(n, &c, p, len);
	if (!n->left[which])
		names_gap(n, which);
}

void names_gap(struct names *n, int which)
{
	if (!n->form[which])
		return;
	for (unsigned i = 0; i < nnamings; i++)
		if (call_row(n, i) && namings[i]->gap)
			namings[i]->gap(n, which);
	if ((n->form[which] != NAMES_EVENTS && n->form[which] != NAMES_LINES) ||
	    which < n->reading || !n->left[which]) {
		n->form[which] = NAMES_NOTHING;
		return;
	}
	n->line = LINE_UNKNOWN; /* the next line is one again */
	n->json.state = UINT8_MAX; /* but of this event no more is understood */
}

void names_trailers(struct names *n, struct str json)
{
	struct call c = {n, 1};

	json_scan_reset(&n->json);
	n->form[1] = NAMES_JSON;
	(void)json_scan(&n->json, (const uint8_t *)json.p, json.n, on_value, &c);
	n->form[1] = NAMES_NOTHING;
}

int names_wants(const struct names *n, int which)
{
	return n->form[which] && (n->wanted || n->row);
}

/* ---- what is told */

int names_attr(const struct names *n, unsigned i, struct attr *a)
{
	for (unsigned k = 0; n->row && k < n->nvalues; k++) {
		const struct names_value *v = &n->value[k];

		if (v->row != n->row || !v->len || i--)
			continue;
		*a = (struct attr){.def = v->def};
		if (v->def->type == ATTR_STRING)
			a->s = (struct str){n->text + v->off, v->len};
		else
			a->n = v->n;
		return 1;
	}
	return 0;
}

size_t names_group(const struct names *n, char *out, size_t cap)
{
	size_t len = 0;

	for (unsigned i = 0; n->row && !n->ungrouped && i < 3 && n->row->group[i]; i++) {
		struct str s = names_get(n, n->row->group[i]);

		if (!s.n || len + s.n + 1 > cap)
			continue;
		if (len)
			out[len++] = ' ';
		memcpy(out + len, s.p, s.n);
		len += s.n;
	}
	return len;
}
