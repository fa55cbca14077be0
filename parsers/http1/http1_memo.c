/*
 * http1_memo.c - heads that come again, or with other values: what was found out about one is not
 * found out about the next one again
 *
 * A head is compared with the one that is remembered. Where they differ within a value, only that
 * is looked at, and the comparison goes on with the next line. Where they differ elsewhere, or a
 * value means something for more than itself, the head is read as if nothing were known.
 */
#include "parsers/http1/http1_impl.h"

/* Of heads that are never the same only some are remembered: it costs more than it brings. */
#define OTHERS_KEPT 4u
#define OTHERS_EACH 16u

#define VERSION 10u /* " HTTP/1.1\r" */
#define LENGTH_FLAGS ((uint32_t)(HTTP1_CL_REPEATED | HTTP1_CL_CONFLICT | HTTP1_CL_INVALID))

/* ---- comparing */

/*
 * From text[t] on, which octet of it is not that of p, where it lies by d further on? Not before
 * k->len: none.
 */
static size_t differs_plain(const struct http1_memo *k, size_t t, const uint8_t *p, size_t n,
			    ptrdiff_t d)
{
	while (t < k->len && (ptrdiff_t)t + d < (ptrdiff_t)n && k->text[t] == p[(ptrdiff_t)t + d])
		t++;
	return t;
}

#ifdef __SSE2__
typedef char memo_vector __attribute__((vector_size(16)));

/* A bit for each of sixteen octets that are not the same. */
static inline unsigned differ_16(const uint8_t *a, const uint8_t *b)
{
	memo_vector v, w;

	memcpy(&v, a, sizeof(v));
	memcpy(&w, b, sizeof(w));
	return (unsigned)__builtin_ia32_pmovmskb128((memo_vector)(v != w));
}

static size_t differs(const struct http1_memo *k, size_t t, const uint8_t *p, size_t n, ptrdiff_t d)
{
	const size_t step = sizeof(memo_vector);
	ptrdiff_t last = (ptrdiff_t)n - (ptrdiff_t)step - d; /* of p; where that lies in text[] */
	unsigned bits;

	if (last < 0 || n < step)
		return differs_plain(k, t, p, n, d);
	for (p += d; t < k->len && t <= (size_t)last; t += step) {
		bits = differ_16(k->text + t, p + t);
		if (bits)
			return t + (size_t)__builtin_ctz(bits);
	}
	if (t >= k->len)
		return t;
	bits = differ_16(k->text + last, p + last) >> (t - (size_t)last);
	return bits ? t + (size_t)__builtin_ctz(bits) : (size_t)last + step;
}
#else
#define differs differs_plain
#endif

/* Is it WORD? Eight at a time, the last of them for the second time. */
static int is_word(const uint8_t *p, size_t n)
{
	const uint64_t ones = UINT64_C(0x0101010101010101), high = ones << 7;
	uint64_t w, del, bad = 0;

	if (n < 8)
		return n && octet_run(p, n, WORD) == n;
	for (size_t i = 0; i < n; i += 8) {
		memcpy(&w, p + min_size(i, n - 8), sizeof(w));
		del = w ^ (ones * 0x7f);
		bad |= ((w - ones * 0x21) & ~w) | ((del - ones) & ~del);
	}
	return !(bad & high);
}

/* ---- one head after the other */

/* A head on its way along the one that is remembered. */
struct walk {
	const uint8_t *p;
	size_t n;
	ptrdiff_t by;	     /* the remembered octet t is due at p[t + by] */
	ptrdiff_t fields_by; /* the same of where the fields begin */
	size_t word_n;
	unsigned line, note; /* the next ones of those that are remembered */
	struct http1_meaning *m;
	struct field_notes *notes;
};

/* Behind the LF of the line. */
static size_t line_end(const struct http1_memo *k, unsigned line)
{
	return line + 1 < k->nlines ? k->line[line + 1].at : k->last;
}

/* Values before text[t] that are as they were. */
static void note_same(const struct http1_memo *k, struct walk *w, size_t t)
{
	for (; w->note < k->notes.n && k->fields + k->notes.at[w->note].off < (int)t; w->note++) {
		struct field_note *f = &w->notes->at[w->notes->n++];

		*f = k->notes.at[w->note];
		f->off = (uint16_t)(f->off + w->by - w->fields_by);
	}
}

/* Another start line, with its LF at p[end]: of a request with another target. */
static int other_target(const struct http1_memo *k, struct walk *w, size_t end)
{
	size_t begin = k->line[0].n;

	if (k->kind != HTTP1_REQUEST || end <= begin + VERSION ||
	    memcmp(w->p + end - VERSION, k->text + k->fields - 1 - VERSION, VERSION) ||
	    !is_word(w->p + begin, end - VERSION - begin))
		return 0;
	w->word_n = end - VERSION - begin;
	return 1;
}

/* Another value of the line that is next, with its LF at p[end]. */
static int other_value(const struct http1_memo *k, struct walk *w, size_t end)
{
	const struct http1_memo_line *l = &k->line[w->line];
	size_t fields = (size_t)(k->fields + w->fields_by);
	size_t colon = (size_t)(l->at + l->n - 1 + w->by);
	enum field_name name = (enum field_name)l->name;

	note_same(k, w, l->at);
	if (name == FIELD_UNKNOWN)
		return 1;
	if (name >= FIELD_CORE) {
		w->note++;
	} else if (name == FIELD_CONTENT_LENGTH) {
		w->m->length_seen = 0;
		w->m->flags &= ~LENGTH_FLAGS;
	} else {
		return 0;
	}
	http1_take_field(w->p, fields, w->n, name, colon, end, w->m, w->notes);
	return w->m->flags == k->meaning.flags;
}

/* The line with text[*t] is another one. *t: where the next one begins. */
static int other_line(const struct http1_memo *k, struct walk *w, size_t *t)
{
	const uint8_t *p = w->p + w->by, *lf;
	size_t end;

	while (w->line < k->nlines && line_end(k, w->line) <= *t)
		w->line++;
	if (w->line == k->nlines || *t < (size_t)k->line[w->line].at + k->line[w->line].n)
		return 0;
	lf = memchr(p + *t, '\n', (size_t)(w->p + w->n - (p + *t)));
	if (!lf || lf[-1] != '\r')
		return 0;
	end = (size_t)(lf - w->p);
	if (!(w->line ? other_value : other_target)(k, w, end))
		return 0;
	*t = line_end(k, w->line);
	w->by = (ptrdiff_t)(end + 1) - (ptrdiff_t)*t;
	if (!w->line)
		w->fields_by = w->by;
	return 1;
}

static void fill(const struct http1_memo *k, const struct walk *w, struct http1_event *ev)
{
	const struct str none = {NULL, 0}, word = str_of(w->p + k->word, w->word_n);
	int request = k->kind == HTTP1_REQUEST;
	ptrdiff_t fields = k->fields + w->fields_by;

	ev->type = HTTP1_EV_HEAD;
	ev->kind = (enum http1_kind)k->kind;
	ev->flags = k->flags;
	ev->minor = k->minor;
	ev->status = k->status;
	ev->interim = 0;
	ev->framing = (enum http1_framing)k->framing;
	ev->method = request ? str_of(w->p, k->method_n) : none;
	ev->target = request ? word : none;
	ev->reason = request ? none : word;
	ev->fields = str_of(w->p + fields, (size_t)(k->last + w->by - fields));
	ev->head_len = (uint32_t)(k->len + w->by);
	ev->same = 0;
	ev->notes = NULL;
}

int http1_memo_head(struct http1_memo *k, const uint8_t *p, size_t n, struct http1_event *ev,
		    struct http1_meaning *m, struct field_notes *notes)
{
	struct walk w = {.p = p, .n = n, .word_n = k->word_n, .m = m, .notes = notes};
	size_t t = differs(k, 0, p, n, 0);
	int same = t >= k->len;

	if (!k->len)
		return 0;
	*m = k->meaning;
	notes->n = 0;
	for (; t < k->len; t = differs(k, t, p, n, w.by))
		if (!other_line(k, &w, &t))
			return 0;
	fill(k, &w, ev);
	if (k->kind == HTTP1_REQUEST)
		ev->notes = same ? &k->notes : notes;
	if (same) {
		k->others = 0;
		ev->same = k->number;
	} else if (k->kind == HTTP1_REQUEST) {
		note_same(k, &w, k->last);
	}
	return 1;
}

/* ---- remembering */

/* Finds how its lines begin. 0: there are too many of them, or odd ones. */
static int keep_lines(struct http1_memo *k, const struct http1_event *ev)
{
	const char *p = (const char *)k->text;
	unsigned lengths = 0;
	size_t i, next;

	k->line[0] = (struct http1_memo_line){.n = (uint8_t)(k->method_n + 1)};
	if (k->kind == HTTP1_RESPONSE)
		k->line[0].n = (uint8_t)k->fields; /* it must be the same */
	for (i = k->fields, k->nlines = 1; i < k->last; i = next) {
		struct http1_memo_line *l = &k->line[k->nlines++];
		const char *lf = memchr(p + i, '\n', k->last - i), *colon;

		next = (size_t)(lf - p) + 1;
		colon = memchr(p + i, ':', next - i);
		if (k->nlines == HTTP1_MEMO_LINES || !colon || colon - (p + i) >= UINT8_MAX)
			return 0;
		l->at = (uint16_t)i;
		l->n = (uint8_t)(colon + 1 - (p + i));
		while (colon > p + i && is_blank((uint8_t)colon[-1]))
			colon--;
		l->name = (uint8_t)field_name_of(p + i, (size_t)(colon - (p + i)));
		lengths += l->name == FIELD_CONTENT_LENGTH;
	}
	return lengths <= 1 && k->fields <= UINT8_MAX &&
	       (k->kind == HTTP1_RESPONSE ||
		(k->word == k->line[0].n && k->word + ev->target.n + VERSION + 1 == k->fields));
}

void http1_memo_keep(struct http1_memo *k, const uint8_t *p, struct http1_event *ev,
		     const struct http1_meaning *m)
{
	const struct str word = ev->kind == HTTP1_REQUEST ? ev->target : ev->reason;
	const struct field_notes *notes = ev->notes;

	if (k->others++ >= OTHERS_KEPT && k->others % OTHERS_EACH)
		return;
	k->len = 0;
	if (ev->head_len > HTTP1_MEMO || ev->interim ||
	    m->flags & (HTTP1_BARE_LF | HTTP1_OBS_FOLD) ||
	    (ev->kind == HTTP1_REQUEST && (!notes || notes->n > FIELD_NOTES)))
		return;
	k->kind = (uint8_t)ev->kind;
	k->flags = ev->flags;
	k->minor = (uint8_t)ev->minor;
	k->status = (uint16_t)ev->status;
	k->framing = (uint8_t)ev->framing;
	k->method_n = (uint16_t)ev->method.n;
	k->word = (uint16_t)((const uint8_t *)word.p - p);
	k->word_n = (uint16_t)word.n;
	k->fields = (uint16_t)((const uint8_t *)ev->fields.p - p);
	k->last = (uint16_t)(k->fields + ev->fields.n);
	k->meaning = *m;
	k->notes.n = 0;
	if (notes)
		k->notes = *notes;
	memcpy(k->text, p, ev->head_len);
	if (!keep_lines(k, ev))
		return;
	k->len = (uint16_t)ev->head_len;
	ev->same = ++k->number;
}
