#include "core/red.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/red_past.h"
#include "core/ways.h"
#include "parsers/attrs.h"

#define SECOND 1000000000.0
#define SECOND_NS 1000000000ull

#define CALLERS_BITS 11

/* What makes a group. */
struct key {
	enum span_kind kind;
	int edge, others, database;
	struct str method, name, service;
	uint64_t id;
	char buf[64];
};

/* ---- keys */

static uint64_t mix(uint64_t h, uint64_t v)
{
	h = (h ^ v) * 0x9e3779b97f4a7c15ull;
	return h ^ h >> 32;
}

/* Fewer than eight octets, as a number. */
static uint64_t short_text(const char *p, size_t n)
{
	uint32_t first, last;

	if (n >= 4) {
		memcpy(&first, p, 4);
		memcpy(&last, p + n - 4, 4);
		return (uint64_t)first << 32 | last;
	}
	if (!n)
		return 0;
	return (uint64_t)(uint8_t)p[0] << 16 | (uint64_t)(uint8_t)p[n / 2] << 8 | (uint8_t)p[n - 1];
}

static uint64_t mix_str(uint64_t h, struct str s)
{
	size_t left = s.n;
	uint64_t v;

	for (const char *p = s.p; left >= 8; p += 8, left -= 8) {
		memcpy(&v, p, 8);
		h = mix(h, v);
	}
	return mix(h, short_text(s.p + (s.n - left), left) ^ (uint64_t)s.n << 56);
}

static struct str of_cstr(const char *s)
{
	return (struct str){ s, s ? strlen(s) : 0 };
}

/* The process at the other end where it is known, else its address; with port for a server. */
static struct str peer_of(const struct span *s, char *buf)
{
	size_t n;

	if (s->peer_service)
		return of_cstr(s->peer_service);
	if (!s->has_addr)
		return of_cstr(NULL);
	if (s->kind == SPAN_SERVER)
		return of_cstr(span_addr_text(s->client_addr, buf));
	n = strlen(span_addr_text(s->server_addr, buf));
	n += (size_t)sprintf(buf + n, ":%u", s->server_port);
	return (struct str){ buf, n };
}

static struct str status_of(const struct span *s, char *buf)
{
	struct str status = span_status(s, buf);

	return status.p ? status : of_cstr("no status");
}

static struct str truncated(struct str s)
{
	if (s.n > RED_NAME_MAX)
		s.n = RED_NAME_MAX;
	return s;
}

int red_edge(const struct span *s)
{
	return s->kind == SPAN_SERVER ? s->entry : !s->parent_here;
}

/* Is the operation of its protocol, or of what travels in it, an attribute "db.…"? */
static int is_database(const struct span *s)
{
	const struct attr_def *operation = s->protocol->operation;

	return operation == ATTR(db_operation) || (s->nattrs && span_attr(s, ATTR(db_system)));
}

static int is_messaging(const struct span *s)
{
	return s->protocol->operation == ATTR(messaging_operation) ||
	       (s->nattrs && span_attr(s, ATTR(messaging_destination)));
}

static struct str system_of(const struct span *s)
{
	static const struct attr_def *const within[] = { ATTR(db_system), ATTR(gen_ai_provider),
							 ATTR(rpc_system) };

	for (unsigned i = 0; s->nattrs && i < sizeof(within) / sizeof(*within); i++)
		if (span_attr(s, within[i]))
			return span_attr_str(s, within[i]);
	return of_cstr(s->protocol->name);
}

static struct str or_none(struct str s)
{
	return s.n ? s : of_cstr("(none)");
}

static int belongs(const struct red *t, const struct span *s)
{
	switch (t->opt.by) {
	case RED_BY_COLLECTION: return is_database(s);
	case RED_BY_DESTINATION: return is_messaging(s);
	case RED_BY_HOP: return s->kind == SPAN_CLIENT || s->entry;
	case RED_BY_EDGE: return red_edge(s);
	case RED_BY_FIELD: return t->opt.field && t->opt.field->name[0];
	default: return 1;
	}
}

static void key_of(const struct red *t, const struct span *s, struct key *k)
{
	enum red_by by = t->opt.by;
	const char *process = s->service ? s->service : s->comm;

	k->kind = s->kind;
	k->edge = t->opt.edges && red_edge(s);
	k->others = k->database = 0;
	k->name = k->method = k->service = (struct str){ NULL, 0 };
	switch (by) {
	case RED_BY_ROUTE:
		k->name = truncated(s->route.p ? s->route : s->path);
		k->method = truncated(s->method);
		k->service = truncated(of_cstr(process));
		break;
	case RED_BY_SERVICE: k->name = truncated(of_cstr(process)); break;
	case RED_BY_HOST: k->name = truncated(s->host); break;
	case RED_BY_PEER: k->name = truncated(peer_of(s, k->buf)); break;
	case RED_BY_STATUS: k->name = status_of(s, k->buf); break;
	case RED_BY_CLIENT:
		if (s->has_addr)
			k->name = of_cstr(span_addr_text(s->client_addr, k->buf));
		break;
	case RED_BY_SYSTEM: k->name = truncated(system_of(s)); break;
	case RED_BY_COLLECTION:
		k->method = truncated(system_of(s));
		k->name = or_none(truncated(span_attr_str(s, ATTR(db_collection))));
		break;
	case RED_BY_DESTINATION:
		k->method = truncated(system_of(s));
		k->name = or_none(truncated(span_attr_str(s, ATTR(messaging_destination))));
		break;
	case RED_BY_HOP:
		k->service = truncated(of_cstr(span_process(s)));
		if (s->kind == SPAN_CLIENT)
			k->name = truncated(peer_of(s, k->buf));
		break;
	case RED_BY_FIELD:
		if (!red_field_value(t->opt.field, s, k->buf, &k->name))
			k->name.n = 0;
		k->name = or_none(truncated(k->name));
		break;
	case RED_BY_EDGE:
	case RED_TABLES: break;
	}
}

static void set_id(struct key *k)
{
	k->id = mix_str(0xcbf29ce484222325ull + (uint64_t)k->kind + 2 * (uint64_t)k->edge, k->name);
	if (k->method.p || k->service.p)
		k->id = mix_str(mix_str(k->id, k->method), k->service);
}

/* ---- rows */

static int same(struct str a, struct str b)
{
	return a.n == b.n && !a.p == !b.p && (!a.n || !memcmp(a.p, b.p, a.n));
}

static int is_row_of(const struct red_row *r, const struct key *k)
{
	return r->kind == k->kind && r->edge == k->edge && same(r->name, k->name) &&
	       same(r->method, k->method) && same(r->service, k->service);
}

static struct red_row *find(const struct red *t, const struct key *k)
{
	struct red_row *r = t->buckets ? t->buckets[k->id & t->mask] : NULL;

	while (r && !(r->id == k->id && is_row_of(r, k)))
		r = r->next;
	return r;
}

static struct str keep(char **p, struct str s)
{
	if (s.p) {
		memcpy(*p, s.p, s.n);
		s.p = *p;
		*p += s.n;
	}
	return s;
}

/* Room for all rows that there may be. */
static int allocate(struct red *t)
{
	unsigned buckets = 64;

	while (buckets < 2 * t->opt.max_rows)
		buckets *= 2;
	if (!t->rows)
		t->rows = calloc(t->opt.max_rows + 1, sizeof(struct red_row *));
	if (!t->buckets)
		t->buckets = calloc(buckets, sizeof(struct red_row *));
	t->mask = buckets - 1;
	return t->rows && t->buckets ? 0 : -1;
}

static struct red_row *insert(struct red *t, const struct key *k)
{
	struct red_row *r;
	char *p;

	if (!t->buckets && allocate(t))
		return NULL;
	r = calloc(1, sizeof(*r) + t->opt.intervals * sizeof(r->ring[0]) + k->name.n + k->method.n +
		   k->service.n + 1);
	if (!r)
		return NULL;
	p = (char *)&r->ring[t->opt.intervals];
	r->id = k->id;
	r->kind = k->kind;
	r->edge = k->edge;
	r->others = k->others;
	r->database = k->database;
	r->name = keep(&p, k->name);
	r->method = keep(&p, k->method);
	r->service = keep(&p, k->service);
	hist_init(&r->durations);
	hist_init(&r->base_durations);
	t->rows[t->n++] = r;
	if (k->others)
		return t->others = r;
	r->next = t->buckets[k->id & t->mask];
	return t->buckets[k->id & t->mask] = r;
}

static struct red_row *find_or_insert(struct red *t, const struct key *k)
{
	static const struct key others = { .others = 1, .name = { "(others)", 8 }, .id = 1 };
	struct red_row *r = find(t, k);

	if (r)
		return r;
	if (t->n < t->opt.max_rows)
		return insert(t, k);
	return t->others ? t->others : insert(t, &others);
}

void red_init(struct red *t, const struct red_options *o)
{
	memset(t, 0, sizeof(*t));
	t->opt = *o;
}

void red_reset(struct red *t)
{
	for (unsigned i = 0; i < t->n; i++) {
		hist_release(&t->rows[i]->durations);
		hist_release(&t->rows[i]->base_durations);
		red_past_free(t->rows[i]);
		free(t->rows[i]);
	}
	if (t->buckets)
		memset(t->buckets, 0, (t->mask + 1) * sizeof(struct red_row *));
	if (t->callers)
		memset(t->callers, 0, (WAYS << CALLERS_BITS) * sizeof(*t->callers));
	t->others = t->last = NULL;
	t->n = 0;
	t->spans = t->since = t->base_since = t->second = 0;
}

void red_release(struct red *t)
{
	red_reset(t);
	free(t->rows);
	free(t->buckets);
	free(t->callers);
	t->rows = t->buckets = NULL;
	t->callers = NULL;
}

/* ---- counting */

static const uint64_t band_end[RED_SPECTRUM] = {
	20000,	   50000,     100000,	 200000,     500000,	 1000000,   2000000,
	5000000,   10000000,  20000000,	 50000000,   100000000,	 200000000, 500000000,
	1000000000, 2000000000, 5000000000, 10000000000, 20000000000, UINT64_MAX,
};

uint64_t red_band_end(unsigned band)
{
	return band_end[band];
}

static unsigned band_of(uint64_t ns)
{
	unsigned low = 0, high = RED_SPECTRUM - 1;

	while (low < high) {
		unsigned mid = (low + high) / 2;

		if (ns <= band_end[mid])
			high = mid;
		else
			low = mid + 1;
	}
	return low;
}

static void add_to_band(void *count, uint64_t low, uint64_t high, uint64_t n)
{
	((uint64_t *)count)[band_of(low + (high - low) / 2)] += n;
}

void red_bands(const struct hist *h, uint64_t count[RED_SPECTRUM])
{
	memset(count, 0, RED_SPECTRUM * sizeof(*count));
	hist_each(h, add_to_band, count);
}

/* The row's interval of that number; NULL: its place is a later one's by now. */
static struct red_interval *interval_of(const struct red *t, struct red_row *r, uint64_t number)
{
	struct red_interval *e = &r->ring[number & (t->opt.intervals - 1)];

	if (e->number > number)
		return NULL;
	if (e->number < number) {
		memset(e, 0, sizeof(*e));
		e->number = (uint32_t)number;
	}
	return e;
}

static enum red_class class_of(const struct span *s)
{
	if (s->error == SPAN_ERR_PROTOCOL)
		return RED_PROTOCOL;
	if (span_failed_by_status(s))
		return RED_STATUS;
	if (s->error != SPAN_OK && s->error != SPAN_ERR_STATUS)
		return RED_FAILED;
	if (s->status >= 500)
		return RED_5XX;
	return s->status >= 400 ? RED_4XX : RED_CLASSES;
}

static void count_interval(const struct red *t, struct red_row *r, const struct span *s)
{
	struct red_interval *e = interval_of(t, r, span_end(s) / t->opt.interval_ns);
	unsigned band;

	if (!e)
		return;
	e->count++;
	e->errors += s->error != SPAN_OK;
	if (s->duration_ns == SPAN_UNKNOWN)
		return;
	band = band_of(s->duration_ns);
	if (e->spectrum[band] < UINT16_MAX)
		e->spectrum[band]++;
}

/* Is it the first call of its request that is counted in r? */
static int is_new_caller(struct red *t, const struct red_row *r, const struct span *s)
{
	uint64_t key;
	struct way *w;

	if (!t->callers)
		t->callers = calloc(WAYS << CALLERS_BITS, sizeof(*t->callers));
	if (!t->callers)
		return 0;
	memcpy(&key, s->parent_id, sizeof(key));
	key = mix(r->id, key) | 1;
	w = ways_find(t->callers, sizeof(*w), CALLERS_BITS, key);
	if (w) {
		w->used = t->spans;
		return 0;
	}
	w = ways_place(t->callers, sizeof(*w), CALLERS_BITS, key);
	*w = (struct way){ key, t->spans };
	return 1;
}

static void count(struct red *t, struct red_row *r, const struct span *s)
{
	struct red_counts *c = &r->counts;
	enum red_class class = class_of(s);

	c->count++;
	c->errors += s->error != SPAN_OK;
	c->incomplete += s->incomplete != 0;
	if (class != RED_CLASSES)
		c->class[class]++;
	if (s->req_bytes != SPAN_UNKNOWN)
		c->req_bytes += s->req_bytes;
	if (s->resp_bytes != SPAN_UNKNOWN)
		c->resp_bytes += s->resp_bytes;
	if (t->opt.callers && s->kind == SPAN_CLIENT && s->has_parent && s->parent_here) {
		c->called++;
		c->callers += (uint64_t)is_new_caller(t, r, s);
	}
	if (s->duration_ns != SPAN_UNKNOWN)
		(void)hist_add(&r->durations, s->duration_ns);
	if (t->opt.intervals)
		count_interval(t, r, s);
}

/* Is the row that the latest span had that of s, too, as all its strings are those of that one? */
static int is_as_last(const struct red *t, const struct span *s)
{
	const struct red_alike *l = &t->alike;

	return t->last && t->opt.by == RED_BY_ROUTE && s->alike && s->names &&
	       s->alike == l->alike && s->names == l->names && s->conn == l->conn &&
	       s->pid == l->pid && s->peer_pid == l->peer_pid && s->route.p == l->route &&
	       s->kind == t->last->kind && t->last->edge == (t->opt.edges && red_edge(s));
}

/* The row of s, made if need be; NULL: out of memory. */
static struct red_row *row_of(struct red *t, const struct span *s)
{
	struct red_row *r = t->last;
	struct key k;

	key_of(t, s, &k);
	if (!r || !is_row_of(r, &k)) {
		set_id(&k);
		k.database = is_database(s);
		r = find_or_insert(t, &k);
		t->last = r && !r->others ? r : NULL;
	}
	t->alike = (struct red_alike){s->conn, s->alike, s->names, s->pid, s->peer_pid,
				      s->route.p};
	return r;
}

struct red_row *red_add(struct red *t, const struct span *s)
{
	struct red_row *r;

	if (!belongs(t, s))
		return NULL;
	t->spans++;
	if (!t->since || s->time_ns < t->since)
		t->since = s->time_ns;
	if (t->opt.windows)
		red_advance(t, span_end(s));
	r = is_as_last(t, s) ? t->last : row_of(t, s);
	if (r)
		count(t, r, s);
	return r;
}

struct red_row *red_find(const struct red *t, const struct span *s)
{
	struct red_row *r;
	struct key k;

	if (!belongs(t, s))
		return NULL;
	key_of(t, s, &k);
	set_id(&k);
	r = find(t, &k);
	return r ? r : t->others;
}

/* ---- what is ordinary */

#define MEDIAN_LEAST 8u /* durations */

/*
 * The median of all durations of r, which was true when there were at most an eighth fewer; 0:
 * there are too few to tell.
 */
static uint64_t red_median(struct red_row *r)
{
	uint64_t n = r->durations.count;

	if (n < MEDIAN_LEAST)
		return 0;
	if (n >= r->median_due) {
		r->median = hist_percentile(&r->durations, 50);
		r->median_due = n + n / 8;
	}
	return r->median;
}

int red_slow(struct red_row *r, uint64_t duration_ns)
{
	uint64_t median = r && !r->others ? red_median(r) : 0;

	if (duration_ns == SPAN_UNKNOWN)
		return 0;
	if (!median)
		return duration_ns >= RED_SLOW_NS;
	return duration_ns >= RED_SLOW_LEAST && duration_ns / RED_SLOW_TIMES >= median;
}

/* ---- sums and differences */

static void merge_ring(const struct red *t, struct red_row *to, const struct red_row *from)
{
	for (unsigned i = 0; i < t->opt.intervals; i++) {
		const struct red_interval *f = &from->ring[i];
		struct red_interval *e = f->number ? interval_of(t, to, f->number) : NULL;

		if (!e)
			continue;
		e->count += f->count;
		e->errors += f->errors;
		for (unsigned j = 0; j < RED_SPECTRUM; j++) {
			unsigned sum = (unsigned)e->spectrum[j] + f->spectrum[j];

			e->spectrum[j] = sum < UINT16_MAX ? (uint16_t)sum : UINT16_MAX;
		}
	}
}

void red_merge(struct red *t, const struct red *src)
{
	red_advance(t, src->second * SECOND_NS);
	t->spans += src->spans;
	if (src->since && (!t->since || src->since < t->since))
		t->since = src->since;
	for (unsigned i = 0; i < src->n; i++) {
		const struct red_row *f = src->rows[i];
		const struct key k = {.kind = f->kind,
				      .edge = f->edge,
				      .others = f->others,
				      .database = f->database,
				      .method = f->method,
				      .name = f->name,
				      .service = f->service,
				      .id = f->id};
		struct red_row *r = f->others && t->others ? t->others : find_or_insert(t, &k);

		if (!r)
			continue;
		red_counts_add(&r->counts, &f->counts);
		(void)hist_merge(&r->durations, &f->durations);
		merge_ring(t, r, f);
		(void)red_past_merge(r, f);
	}
}

void red_mark(struct red *t, uint64_t now)
{
	for (unsigned i = 0; i < t->n; i++) {
		struct red_row *r = t->rows[i];

		r->base = r->counts;
		(void)hist_copy(&r->base_durations, &r->durations);
	}
	t->base_since = now;
}

void red_unmark(struct red *t)
{
	for (unsigned i = 0; i < t->n; i++) {
		struct red_row *r = t->rows[i];

		memset(&r->base, 0, sizeof(r->base));
		hist_release(&r->base_durations);
	}
	t->base_since = 0;
}

static void counted(const struct red *t, const struct red_row *r, struct red_counts *c,
		 struct hist *d)
{
	*c = r->counts;
	(void)hist_copy(d, &r->durations);
	if (!t->base_since)
		return;
	red_counts_subtract(c, &r->base);
	hist_subtract(d, &r->base_durations);
}

/* ---- intervals */

const struct red_interval *red_interval(const struct red *t, const struct red_row *r,
					uint64_t number)
{
	const struct red_interval *e = &r->ring[number & (t->opt.intervals - 1)];

	return e->number == number ? e : NULL;
}

/* ---- windows */

void red_advance(struct red *t, uint64_t now)
{
	uint64_t second = now / SECOND_NS;

	if (second <= t->second)
		return;
	for (unsigned i = 0; t->opt.windows && i < t->n; i++)
		(void)red_past_close(t->rows[i], t->second);
	t->second = second;
}

/* The length of slices that a window is made of. */
static unsigned slice_seconds(unsigned seconds)
{
	return seconds <= RED_WINDOW_FINE ? 1 : RED_COARSE_SECONDS;
}

/* The first slice of a window: the current one, which is not over, counts as one. */
static uint64_t first_slice(const struct red *t, unsigned seconds)
{
	uint64_t length = slice_seconds(seconds), last = t->second / length, n = seconds / length;

	return last + 1 > n ? last + 1 - n : 0;
}

/* Does the window reach back to where counting begins anyway? */
static int is_all(const struct red *t, unsigned seconds)
{
	uint64_t begin;

	if (!seconds || !t->opt.windows ||
	    (t->base_since && t->second < t->base_since / SECOND_NS + seconds))
		return 1;
	begin = first_slice(t, seconds) * slice_seconds(seconds) * SECOND_NS;
	return t->since >= begin;
}

void red_window(const struct red *t, const struct red_row *r, unsigned seconds,
		struct red_counts *c, struct hist *d)
{
	if (is_all(t, seconds)) {
		counted(t, r, c, d);
		return;
	}
	memset(c, 0, sizeof(*c));
	hist_reset(d);
	red_past_add(r, slice_seconds(seconds), first_slice(t, seconds), UINT64_MAX, c, d);
	red_past_open(r, c, d);
}

uint64_t red_window_ns(const struct red *t, uint64_t now, unsigned seconds)
{
	uint64_t from = t->base_since > t->since ? t->base_since : t->since, begin;

	if (!is_all(t, seconds)) {
		begin = first_slice(t, seconds) * slice_seconds(seconds) * SECOND_NS;
		from = begin > from ? begin : from;
	}
	return from && now > from ? now - from : 0;
}

void red_slices(const struct red *t, const struct red_row *r, unsigned latest, unsigned earliest,
		struct red_counts *c, struct hist *d)
{
	uint64_t number = t->second / RED_COARSE_SECONDS;

	memset(c, 0, sizeof(*c));
	hist_reset(d);
	if (latest > number)
		return;
	red_past_add(r, RED_COARSE_SECONDS, number > earliest ? number - earliest : 0,
		     number - latest, c, d);
	if (!latest)
		red_past_open(r, c, d);
}

struct str red_row_name(const struct red_row *r)
{
	return r->name.p ? r->name : (struct str){ "(unknown)", 9 };
}

const char *red_by_name(enum red_by by)
{
	static const char *const name[RED_TABLES] = {"route",	    "service",	   "host", "peer",
						     "status",	    "client",	   "system",
						     "collection",  "destination", "hop",  "edge",
						     "field"};

	return by < RED_TABLES ? name[by] : "";
}

const char *red_heading(const struct red *t)
{
	static const char *const name[RED_BY_COUNT] = {"ROUTE",	 "SERVICE",    "HOST",
						       "PEER",	 "STATUS",     "CLIENT",
						       "SYSTEM", "COLLECTION", "DESTINATION"};

	return t->opt.by < RED_BY_COUNT ? name[t->opt.by] : red_column(t);
}

const char *red_column(const struct red *t)
{
	return t->opt.by == RED_BY_FIELD && t->opt.field ? t->opt.field->name :
							   red_by_name(t->opt.by);
}

enum red_by red_by_named(const char *name)
{
	int by = 0;

	while (by < RED_BY_COUNT && strcasecmp(name, red_by_name((enum red_by)by)))
		by++;
	return (enum red_by)by;
}
