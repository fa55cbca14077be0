#include "cli/tui/model_group.h"

#include <stdlib.h>
#include <string.h>

#define SECOND 1000000000ull

/* What makes a group. */
struct key {
	enum span_kind kind;
	struct str method, name, service;
	char buf[64];
	uint64_t id;
};

static uint64_t hash_octets(uint64_t h, const char *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		h = (h ^ (uint8_t)p[i]) * 0x100000001b3ull;
	return (h ^ n) * 0x100000001b3ull;
}

static struct str of_cstr(const char *s)
{
	struct str r = { s, s ? strlen(s) : 0 };

	return r;
}

static struct str of_addr(const uint8_t addr[16], char *buf)
{
	return of_cstr(span_addr_text(addr, buf));
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
		return of_addr(s->client_addr, buf);
	span_addr_text(s->server_addr, buf);
	n = strlen(buf);
	buf[n++] = ':';
	for (unsigned div = 10000, port = s->server_port, begun = 0; div; div /= 10) {
		begun |= port / div || div == 1;
		if (begun)
			buf[n++] = (char)('0' + port / div % 10);
	}
	return (struct str){ buf, n };
}

static struct str status_of(const struct span *s, char *buf)
{
	const char *error = span_error_name(s->error);

	if (s->status <= 0 || s->status > 999)
		return of_cstr(error ? error : "no status");
	buf[0] = (char)('0' + s->status / 100);
	buf[1] = (char)('0' + s->status / 10 % 10);
	buf[2] = (char)('0' + s->status % 10);
	return (struct str){ buf, 3 };
}

static void key_of(enum group_by by, const struct span *s, struct key *k)
{
	memset(k, 0, sizeof(*k));
	k->kind = s->kind;
	switch (by) {
	case BY_ROUTE:
		k->name = s->route.p ? s->route : s->path;
		k->method = s->method;
		k->service = of_cstr(s->service ? s->service : s->comm);
		break;
	case BY_SERVICE: k->name = of_cstr(s->service ? s->service : s->comm); break;
	case BY_HOST: k->name = s->host; break;
	case BY_PEER: k->name = peer_of(s, k->buf); break;
	case BY_STATUS: k->name = status_of(s, k->buf); break;
	case BY_CLIENT: k->name = s->has_addr ? of_addr(s->client_addr, k->buf) : k->name; break;
	case BY_COUNT: break;
	}
	if (k->name.n > GROUP_NAME_MAX)
		k->name.n = GROUP_NAME_MAX;
	k->id = hash_octets(0xcbf29ce484222325ull + (uint64_t)k->kind, k->name.p, k->name.n);
	k->id = hash_octets(k->id, k->method.p, k->method.n);
	k->id = hash_octets(k->id, k->service.p, k->service.n);
	k->id ^= k->id >> 29;
}

static int same(struct str a, struct str b)
{
	return a.n == b.n && !a.p == !b.p && (!a.n || !memcmp(a.p, b.p, a.n));
}

static struct group *find(const struct groups *g, const struct key *k)
{
	for (struct group *r = g->bucket[k->id % GROUP_BUCKETS]; r; r = r->next)
		if (r->id == k->id && r->kind == k->kind && same(r->name, k->name) &&
		    same(r->method, k->method) && same(r->service, k->service))
			return r;
	return NULL;
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

static struct group *insert(struct groups *g, const struct key *k)
{
	struct group *r;
	char *p;

	if (k->method.n + k->service.n > 4 * GROUP_NAME_MAX)
		return NULL;
	r = calloc(1, sizeof(*r) + k->name.n + k->method.n + k->service.n + 1);
	if (!r)
		return NULL;
	p = r->text;
	r->id = k->id;
	r->kind = k->kind;
	r->name = keep(&p, k->name);
	r->method = keep(&p, k->method);
	r->service = keep(&p, k->service);
	hist_init(&r->durations);
	hist_init(&r->base_durations);
	r->next = g->bucket[k->id % GROUP_BUCKETS];
	g->bucket[k->id % GROUP_BUCKETS] = r;
	g->rows[g->n++] = r;
	return r;
}

static struct group *find_or_insert(struct groups *g, const struct key *k)
{
	static const struct key others = { .name = { "(others)", 8 }, .id = 1 };
	struct group *r = find(g, k);

	if (r)
		return r;
	if (g->n < GROUPS_MAX)
		return insert(g, k);
	if (!g->others)
		g->others = insert(g, &others);
	return g->others;
}

uint64_t span_end(const struct span *s)
{
	return s->time_ns + (s->duration_ns == SPAN_UNKNOWN ? 0 : s->duration_ns);
}

unsigned spectrum_row(uint64_t ns)
{
	unsigned log = ns ? 64u - (unsigned)__builtin_clzll(ns) : 0;

	if (log <= SPECTRUM_FIRST)
		return 0;
	return log - SPECTRUM_FIRST < SPECTRUM_ROWS ? log - SPECTRUM_FIRST : SPECTRUM_ROWS - 1;
}

static struct group_second *second_of(struct group *r, uint64_t second)
{
	struct group_second *e = &r->ring[second % GROUP_SECONDS];

	if (e->second > second)
		return NULL;
	if (e->second < second) {
		memset(e, 0, sizeof(*e));
		e->second = (uint32_t)second;
	}
	return e;
}

static enum error_class class_of(const struct span *s)
{
	if (s->error == SPAN_ERR_PROTOCOL)
		return CLASS_PROTOCOL;
	if (s->error == SPAN_ERR_TIMEOUT || s->error == SPAN_ERR_RESET ||
	    s->error == SPAN_ERR_CLOSED || s->error == SPAN_ERR_HANDSHAKE)
		return CLASS_BROKEN;
	if (s->status >= 500)
		return CLASS_5XX;
	return s->status >= 400 ? CLASS_4XX : CLASS_COUNT;
}

static void count(struct group *r, const struct span *s)
{
	struct group_second *e = second_of(r, span_end(s) / SECOND);
	enum error_class class = class_of(s);
	int failed = s->error != SPAN_OK;

	r->sums.count++;
	r->sums.errors += (uint64_t)failed;
	r->sums.incomplete += s->incomplete != 0;
	if (class != CLASS_COUNT)
		r->sums.class[class]++;
	if (s->req_bytes != SPAN_UNKNOWN)
		r->sums.req_bytes += s->req_bytes;
	if (s->resp_bytes != SPAN_UNKNOWN)
		r->sums.resp_bytes += s->resp_bytes;
	if (e) {
		e->count++;
		e->errors += (uint32_t)failed;
	}
	if (s->duration_ns == SPAN_UNKNOWN)
		return;
	(void)hist_add(&r->durations, s->duration_ns);
	r->sums.spectrum[spectrum_row(s->duration_ns)]++;
	if (e && e->spectrum[spectrum_row(s->duration_ns)] < UINT16_MAX)
		e->spectrum[spectrum_row(s->duration_ns)]++;
}

void groups_init(struct groups *g, enum group_by by)
{
	memset(g, 0, sizeof(*g));
	g->by = by;
}

void groups_release(struct groups *g)
{
	for (unsigned i = 0; i < g->n; i++) {
		hist_release(&g->rows[i]->durations);
		hist_release(&g->rows[i]->base_durations);
		free(g->rows[i]);
	}
	groups_init(g, g->by);
}

void groups_add(struct groups *g, const struct span *s)
{
	struct group *r;
	struct key k;

	if (!g->since || s->time_ns < g->since)
		g->since = s->time_ns;
	key_of(g->by, s, &k);
	r = find_or_insert(g, &k);
	if (r)
		count(r, s);
}

struct group *groups_find(const struct groups *g, const struct span *s)
{
	struct group *r;
	struct key k;

	key_of(g->by, s, &k);
	r = find(g, &k);
	return r ? r : g->others;
}

int groups_holds(const struct groups *g, const struct group *r, const struct span *s)
{
	return groups_find(g, s) == r;
}

static void add_sums(struct group_sums *to, const struct group_sums *s)
{
	to->count += s->count;
	to->errors += s->errors;
	to->incomplete += s->incomplete;
	to->req_bytes += s->req_bytes;
	to->resp_bytes += s->resp_bytes;
	for (int i = 0; i < CLASS_COUNT; i++)
		to->class[i] += s->class[i];
	for (unsigned i = 0; i < SPECTRUM_ROWS; i++)
		to->spectrum[i] += s->spectrum[i];
}

static void merge_ring(struct group *to, const struct group *from)
{
	for (unsigned i = 0; i < GROUP_SECONDS; i++) {
		const struct group_second *f = &from->ring[i];
		struct group_second *e = f->second ? second_of(to, f->second) : NULL;

		if (!e)
			continue;
		e->count += f->count;
		e->errors += f->errors;
		for (unsigned j = 0; j < SPECTRUM_ROWS; j++) {
			unsigned sum = (unsigned)e->spectrum[j] + f->spectrum[j];

			e->spectrum[j] = sum < UINT16_MAX ? (uint16_t)sum : UINT16_MAX;
		}
	}
}

void groups_merge(struct groups *g, const struct groups *src)
{
	if (src->since && (!g->since || src->since < g->since))
		g->since = src->since;
	for (unsigned i = 0; i < src->n; i++) {
		const struct group *f = src->rows[i];
		struct key k = { .kind = f->kind, .method = f->method, .name = f->name,
				 .service = f->service, .id = f->id };
		struct group *r = find_or_insert(g, &k);

		if (!r)
			continue;
		add_sums(&r->sums, &f->sums);
		(void)hist_merge(&r->durations, &f->durations);
		merge_ring(r, f);
	}
}

void groups_mark(struct groups *g, uint64_t now)
{
	for (unsigned i = 0; i < g->n; i++) {
		struct group *r = g->rows[i];

		r->base = r->sums;
		(void)hist_copy(&r->base_durations, &r->durations);
	}
	g->base_since = now;
}

void groups_unmark(struct groups *g)
{
	for (unsigned i = 0; i < g->n; i++) {
		struct group *r = g->rows[i];

		memset(&r->base, 0, sizeof(r->base));
		hist_release(&r->base_durations);
	}
	g->base_since = 0;
}

void group_since(const struct groups *g, const struct group *r, struct group_sums *s,
		 struct hist *d)
{
	*s = r->sums;
	(void)hist_copy(d, &r->durations);
	if (!g->base_since)
		return;
	s->count -= r->base.count;
	s->errors -= r->base.errors;
	s->incomplete -= r->base.incomplete;
	s->req_bytes -= r->base.req_bytes;
	s->resp_bytes -= r->base.resp_bytes;
	for (int i = 0; i < CLASS_COUNT; i++)
		s->class[i] -= r->base.class[i];
	for (unsigned i = 0; i < SPECTRUM_ROWS; i++)
		s->spectrum[i] -= r->base.spectrum[i];
	hist_subtract(d, &r->base_durations);
}

const struct group_second *group_second(const struct group *r, uint64_t second)
{
	const struct group_second *e = &r->ring[second % GROUP_SECONDS];

	return e->second == second ? e : NULL;
}

double group_rate(const struct groups *g, const struct group *r, uint64_t now, unsigned seconds)
{
	uint64_t sec = now / SECOND, n = 0;
	/* the current second is not over: it counts with its part */
	double span = (double)(seconds - 1) + (double)(now % SECOND) / (double)SECOND;
	double age = g->since && now > g->since ? (double)(now - g->since) / (double)SECOND : 0;

	for (unsigned i = 0; i < seconds && i <= sec; i++) {
		const struct group_second *e = group_second(r, sec - i);

		n += e ? e->count : 0;
	}
	if (age < span)
		span = age;
	return span > 0 ? (double)n / (span < 1 ? 1 : span) : 0;
}

struct str group_name(const struct group *r)
{
	return r->name.p ? r->name : (struct str){ "(unknown)", 9 };
}

const char *group_by_name(enum group_by by)
{
	static const char *const name[BY_COUNT] = { "route", "service", "host",
						    "peer",  "status",	"client" };

	return by < BY_COUNT ? name[by] : "";
}
