/*
 * test_http2_nghttp2.c - a busy connection between two ends made by another implementation
 *
 * A client and a server of libnghttp2 talk in memory, many streams at a time, with small windows,
 * content both ways, informational responses and trailers. What our parser says is compared with
 * what the two ends know; so is what parsers say that join late, and that miss octets. Needs
 * libnghttp2; skipped where its header is absent.
 */
#include <stdlib.h>
#include "tests/unit/tap.h"
#include "parsers/http2/http2.h"

#if __has_include(<nghttp2/nghttp2.h>)
#include <nghttp2/nghttp2.h>

#define STREAMS 1500
#define CONCURRENT 40
#define OBSERVERS 60
#define CLIENT 0
#define SERVER 1

static struct http2_scratch h2_scratch;

/* What stream 2i + 1 is about, for both ends. */
struct plan {
	char path[40], method[8], status[4], number[12];
	uint32_t request, response; /* octets of content */
	int trailers, interim;
	uint32_t sent[2];
};

/* What an observer has made of a stream. */
struct seen {
	int request, response, trailers, end[2], told_path;
	uint64_t content[2];
	struct http2_flow flow;
};

struct observer {
	struct http2 *h;
	uint8_t *kept[2];
	size_t nkept[2];
	struct seen *seen;
	int gappy;
	unsigned long wrong, paths, requests, after_gap;
};

struct world {
	nghttp2_session *end[2];
	struct plan plan[STREAMS];
	struct observer ob[OBSERVERS];
	int nob, finished;
	unsigned long chunks, blocked, windows;
};

static uint32_t seed = 3;

static uint32_t rnd(uint32_t n)
{
	seed = seed * 1664525u + 1013904223u;
	return (seed >> 8) % n;
}

static nghttp2_nv nv(const char *name, const char *value)
{
	return (nghttp2_nv){(uint8_t *)(uintptr_t)name, (uint8_t *)(uintptr_t)value, strlen(name),
			    strlen(value), NGHTTP2_NV_FLAG_NONE};
}

static ssize_t read_content(nghttp2_session *s, int32_t id, uint8_t *buf, size_t length,
			    uint32_t *flags, nghttp2_data_source *source, void *user)
{
	struct world *w = user;
	struct plan *p = &w->plan[(id - 1) / 2];
	int dir = s == w->end[SERVER];
	uint32_t all = dir == SERVER ? p->response : p->request, left = all - p->sent[dir];

	(void)source;
	if (left > length)
		left = (uint32_t)length;
	memset(buf, (int)rnd(256), left);
	p->sent[dir] += left;
	if (p->sent[dir] == all) {
		*flags |= NGHTTP2_DATA_FLAG_EOF;
		if (dir == SERVER && p->trailers) {
			nghttp2_nv t[] = {nv("x-trailer", p->number), nv("grpc-status", "0")};

			*flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
			nghttp2_submit_trailer(s, id, t, 2);
		}
	}
	return (ssize_t)left;
}

static int on_request(nghttp2_session *s, const nghttp2_frame *f, void *user)
{
	struct world *w = user;
	nghttp2_data_provider content = {.read_callback = read_content};
	struct plan *p;

	if (s != w->end[SERVER] || !(f->hd.flags & NGHTTP2_FLAG_END_STREAM) ||
	    (f->hd.type != NGHTTP2_DATA && f->hd.type != NGHTTP2_HEADERS))
		return 0;
	p = &w->plan[(f->hd.stream_id - 1) / 2];
	if (p->interim) {
		nghttp2_nv hint[] = {nv(":status", "103"), nv("link", "</style.css>")};

		nghttp2_submit_headers(s, NGHTTP2_FLAG_NONE, f->hd.stream_id, NULL, hint, 2, NULL);
	}
	{
		nghttp2_nv head[] = {nv(":status", p->status), nv("server", "nghttp2"),
				     nv("x-stream", p->number), nv("content-type", "text/plain")};

		nghttp2_submit_response(s, f->hd.stream_id, head, 4,
					p->response || p->trailers ? &content : NULL);
	}
	return 0;
}

static int on_close(nghttp2_session *s, int32_t id, uint32_t code, void *user)
{
	struct world *w = user;

	(void)id;
	(void)code;
	w->finished += s == w->end[CLIENT];
	return 0;
}

static ssize_t padding(nghttp2_session *s, const nghttp2_frame *f, size_t max, void *user)
{
	size_t want = f->hd.length + rnd(20);

	(void)s;
	(void)user;
	return (ssize_t)(rnd(8) ? f->hd.length : want < max ? want : max);
}

static void submit(struct world *w, int i)
{
	nghttp2_data_provider content = {.read_callback = read_content};
	struct plan *p = &w->plan[i];
	static const char *const statuses[] = {"200", "200", "200", "201", "302", "404", "503"};
	static const char *const methods[] = {"GET", "GET", "POST", "DELETE"};

	/* some paths come again and again and are in the table, some are new */
	snprintf(p->path, sizeof(p->path), rnd(3) ? "/route/%u" : "/item/%u",
		 rnd(rnd(2) ? 12 : 100000));
	snprintf(p->number, sizeof(p->number), "%d", 2 * i + 1);
	strcpy(p->status, statuses[rnd(7)]);
	strcpy(p->method, methods[rnd(4)]);
	p->request = !strcmp(p->method, "POST") ? 1 + rnd(5000) : 0;
	p->response = rnd(4) ? rnd(20000) : 0;
	p->trailers = !rnd(3);
	p->interim = !rnd(10);
	{
		nghttp2_nv head[] = {nv(":method", p->method),
				     nv(":scheme", "http"),
				     nv(":authority", "example.com:8080"),
				     nv(":path", p->path),
				     nv("user-agent", "test/1"),
				     nv("x-stream", p->number)};

		nghttp2_submit_request(w->end[CLIENT], NULL, head, 6, p->request ? &content : NULL,
				       NULL);
	}
}

/* ---- observers */

static int is(struct str s, const char *want)
{
	return s.n == strlen(want) && !memcmp(s.p, want, s.n);
}

static void check_fields(struct observer *o, const struct plan *p, const struct http2_event *ev)
{
	for (size_t i = 0; i < ev->nfields; i++) {
		const struct hpack_field *f = &ev->fields[i];

		if (!f->name.p || !f->value.p)
			continue;
		if (is(f->name, "x-stream") || is(f->name, "x-trailer"))
			o->wrong += !is(f->value, p->number);
		else if (is(f->name, ":method"))
			o->wrong += !is(f->value, p->method);
		else if (is(f->name, ":path"))
			o->wrong += !is(f->value, p->path);
	}
}

static void check_event(struct observer *o, const struct plan *plans, const struct http2_event *ev)
{
	const struct plan *p = &plans[(ev->stream_id - 1) / 2];
	struct seen *s;

	if (ev->type == HTTP2_EV_LOST)
		return;
	if (!ev->stream_id)
		return;
	if (ev->stream_id > 2 * STREAMS || !(ev->stream_id & 1)) {
		o->wrong++;
		return;
	}
	s = &o->seen[(ev->stream_id - 1) / 2];
	if (ev->flags & HTTP2_END_STREAM)
		s->end[ev->dir]++;
	if (ev->type == HTTP2_EV_DATA) {
		s->content[ev->dir] += ev->data.n + ev->gap;
		if (ev->dir == SERVER)
			http2_flow_event(&s->flow, ev);
	} else if (ev->type == HTTP2_EV_WINDOW_UPDATE && ev->dir == CLIENT) {
		http2_flow_event(&s->flow, ev);
	}
	if (ev->type != HTTP2_EV_HEADERS)
		return;
	check_fields(o, p, ev);
	if (ev->kind == HTTP2_REQUEST) {
		o->requests++;
		s->request++;
		http2_flow_open(o->h, &s->flow);
		o->wrong += ev->dir != CLIENT;
		o->wrong += !ev->path.p && !ev->path_key && !(ev->flags & HTTP2_TRUNCATED);
		o->paths += !!ev->path.p;
		s->told_path = !!ev->path.p;
	} else if (ev->kind == HTTP2_RESPONSE) {
		o->wrong += ev->dir != SERVER;
		if (ev->flags & HTTP2_INTERIM)
			o->wrong += ev->status != 103 || !p->interim;
		else
			o->wrong += ev->status && ev->status != atoi(p->status);
		s->response += !(ev->flags & HTTP2_INTERIM);
	} else if (ev->kind == HTTP2_TRAILERS) {
		o->wrong += !p->trailers || !(ev->flags & HTTP2_END_STREAM);
		s->trailers++;
	}
}

static void give(struct observer *o, const struct plan *plans, unsigned dir, const uint8_t *p,
		 size_t n)
{
	size_t at = 0, used;

	o->kept[dir] = realloc(o->kept[dir], o->nkept[dir] + n + 1);
	memcpy(o->kept[dir] + o->nkept[dir], p, n);
	o->nkept[dir] += n;
	for (;;) {
		struct http2_event ev;
		enum parse_status st = http2_next(o->h, dir, o->kept[dir] + at, o->nkept[dir] - at,
						  &h2_scratch, &used, &ev);

		at += used;
		if (st == PARSE_EVENT)
			check_event(o, plans, &ev);
		else if (st != PARSE_SKIPPED || !used)
			break;
	}
	o->nkept[dir] -= at;
	memmove(o->kept[dir], o->kept[dir] + at, o->nkept[dir]);
	o->wrong += o->nkept[dir] > HTTP2_MAX_KEEP;
}

static void miss(struct observer *o, const struct plan *plans, unsigned dir, uint64_t n)
{
	size_t kept = o->nkept[dir];

	for (o->nkept[dir] = 0; kept + n;) {
		struct http2_event ev;
		uint64_t used;

		if (http2_gap(o->h, dir, o->kept[dir], kept, n, &h2_scratch, &used, &ev) ==
		    PARSE_EVENT)
			check_event(o, plans, &ev);
		if (used >= kept) {
			n -= used - kept;
			kept = 0;
		}
	}
}

/* One chunk in up to three pieces; a gappy observer misses the middle one now and then. */
static void show(struct observer *o, const struct plan *plans, unsigned dir, const uint8_t *p,
		 size_t n)
{
	size_t a = rnd((uint32_t)n + 1), b = a + rnd((uint32_t)(n - a) + 1);

	if (a)
		give(o, plans, dir, p, a);
	if (b > a && o->gappy && !rnd(12))
		miss(o, plans, dir, b - a);
	else if (b > a)
		give(o, plans, dir, p + a, b - a);
	if (n > b)
		give(o, plans, dir, p + b, n - b);
}

static void join(struct world *w, int from_start, int gappy)
{
	struct observer *o = &w->ob[w->nob++];

	*o = (struct observer){.gappy = gappy, .seen = calloc(STREAMS, sizeof(struct seen))};
	o->h = http2_init(malloc(http2_size(4096)), 4096, from_start ? HTTP2_NO_DIR : CLIENT,
			  from_start);
}

/* The windows that we computed are those of the server. */
static void check_windows(struct world *w)
{
	struct observer *o = &w->ob[0];
	nghttp2_session *s = w->end[SERVER];

	o->wrong += http2_window(o->h, SERVER, NULL) != nghttp2_session_get_remote_window_size(s);
	for (int i = 0; i < STREAMS; i++) {
		int32_t window;

		if (!o->seen[i].request || o->seen[i].end[SERVER])
			continue;
		window = nghttp2_session_get_stream_remote_window_size(s, 2 * i + 1);
		if (window < 0)
			continue;
		o->wrong += http2_window(o->h, SERVER, &o->seen[i].flow) != window;
		w->blocked += http2_blocked(o->h, SERVER, &o->seen[i].flow) == 1;
		w->windows++;
	}
}

/* One end sends what it has, the other and all observers get it. Returns octets. */
static size_t turn(struct world *w, unsigned dir)
{
	const uint8_t *p;
	size_t all = 0;
	ssize_t n;

	while ((n = nghttp2_session_mem_send(w->end[dir], &p)) > 0) {
		for (int i = 0; i < w->nob; i++)
			show(&w->ob[i], w->plan, dir, p, (size_t)n);
		nghttp2_session_mem_recv(w->end[!dir], p, (size_t)n);
		all += (size_t)n;
		if (++w->chunks % 100 == 0 && w->nob < OBSERVERS)
			join(w, 0, w->nob & 1);
	}
	return all;
}

static void converse(struct world *w)
{
	nghttp2_settings_entry set[] = {{NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, 3000},
					{NGHTTP2_SETTINGS_HEADER_TABLE_SIZE, 2048}};
	nghttp2_session_callbacks *cb;
	int submitted = 0;

	nghttp2_session_callbacks_new(&cb);
	nghttp2_session_callbacks_set_on_frame_recv_callback(cb, on_request);
	nghttp2_session_callbacks_set_on_stream_close_callback(cb, on_close);
	nghttp2_session_callbacks_set_select_padding_callback(cb, padding);
	nghttp2_session_client_new(&w->end[CLIENT], cb, w);
	nghttp2_session_server_new(&w->end[SERVER], cb, w);
	nghttp2_session_callbacks_del(cb);
	nghttp2_submit_settings(w->end[CLIENT], 0, set, 2);
	nghttp2_submit_settings(w->end[SERVER], 0, NULL, 0);
	join(w, 1, 0);
	join(w, 1, 1);
	for (int turns = 0; w->finished < STREAMS && turns < 200000; turns++) {
		while (submitted < STREAMS && submitted - w->finished < CONCURRENT)
			submit(w, submitted++);
		turn(w, CLIENT);
		turn(w, SERVER);
		check_windows(w);
		if (turns == 20)
			set[0].value = 5000; /* changes the windows of all streams */
		if (turns == 20)
			nghttp2_submit_settings(w->end[CLIENT], 0, set, 1);
	}
	nghttp2_session_del(w->end[CLIENT]);
	nghttp2_session_del(w->end[SERVER]);
}

static unsigned long check_complete(const struct world *w)
{
	unsigned long bad = 0;

	for (int i = 0; i < STREAMS; i++) {
		const struct seen *s = &w->ob[0].seen[i];
		const struct plan *p = &w->plan[i];

		bad += s->request != 1 || s->response != 1 || s->trailers != p->trailers;
		bad += s->end[CLIENT] != 1 || s->end[SERVER] != 1 || !s->told_path;
		bad += s->content[CLIENT] != p->request || s->content[SERVER] != p->response;
	}
	return bad;
}

int main(void)
{
	static struct world w;
	unsigned long late[2] = {0}, requests[2] = {0}, paths[2] = {0};

	converse(&w);
	is_u64(w.finished, STREAMS, "streams are done");
	is_u64(w.ob[0].wrong, 0, "from the start: no wrong field, status, window");
	is_u64(check_complete(&w), 0, "from the start: each stream's messages, ends, content");
	ok(w.windows > 1000 && w.blocked > 100, "%lu windows compared, %lu closed", w.windows,
	   w.blocked);
	for (int i = 1; i < w.nob; i++) {
		struct observer *o = &w.ob[i];

		late[o->gappy] += o->wrong;
		requests[o->gappy] += o->requests;
		paths[o->gappy] += o->paths;
	}
	is_u64(late[0], 0, "joined late: nothing wrong");
	ok(paths[0] > requests[0] * 8 / 10, "joined late: %lu of %lu paths known", paths[0],
	   requests[0]);
	is_u64(late[1], 0, "octets missing: nothing wrong");
	ok(paths[1] > requests[1] / 3, "octets missing: %lu of %lu paths known", paths[1],
	   requests[1]);
	ok(w.nob == OBSERVERS, "%d observers, %lu chunks", w.nob, w.chunks);
	for (int i = 0; i < w.nob; i++) {
		free(w.ob[i].h);
		free(w.ob[i].kept[0]);
		free(w.ob[i].kept[1]);
		free(w.ob[i].seen);
	}
	return tap_done();
}
#else
int main(void)
{
	ok(1, "agreement with libnghttp2 # SKIP nghttp2/nghttp2.h is not installed");
	return tap_done();
}
#endif
