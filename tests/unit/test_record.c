/* What the recorder writes, the recording gives back; and other programs can read it too. */
#include "tests/unit/tap.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/packets.h"
#include "core/pcapng.h"
#include "core/recorder.h"
#include "core/recording.h"
#include "core/source_file.h"

#define WALL 1700000000000000000ll
#define LOG_SIZE (1u << 20)

/* Events one behind the other, each padded to 8 octets. */
struct log {
	_Alignas(8) uint8_t data[LOG_SIZE];
	size_t used;
	int count;
};

static void log_reset(struct log *l)
{
	l->used = 0;
	l->count = 0;
}

static void log_add(void *ctx, const struct zc_ev *ev)
{
	struct log *l = ctx;

	if (l->used + ev->size + 8 > LOG_SIZE)
		abort();
	memcpy(l->data + l->used, ev, ev->size);
	memset(l->data + l->used + ev->size, 0, 8);
	l->used += (ev->size + 7) & ~7u;
	l->count++;
}

static const struct zc_ev *log_at(const struct log *l, int i)
{
	const uint8_t *p = l->data;

	while (i--)
		p += (((const struct zc_ev *)p)->size + 7) & ~7u;
	return (const struct zc_ev *)p;
}

/* Fills an event's fixed part behind its header with octets that all differ a little. */
static void add_kind(struct log *l, uint16_t kind, uint32_t size, uint64_t conn)
{
	_Alignas(8) uint8_t raw[512];
	struct zc_ev *ev = (struct zc_ev *)raw;

	for (uint32_t i = 0; i < size; i++)
		raw[i] = (uint8_t)(i * 7 + kind);
	*ev = (struct zc_ev){.kind = kind, .flags = 3, .size = size, .time = 1000 + l->used,
			     .conn = conn};
	switch (kind) {
	case ZC_EV_IO: ((struct zc_ev_io *)ev)->dir = ZC_TX; break;
	case ZC_EV_OWNER: ((struct zc_ev_owner *)ev)->comm[15] = 0; break;
	case ZC_EV_PROCESS:
		((struct zc_ev_process *)ev)->comm[15] = 0;
		((struct zc_ev_process *)ev)->file[127] = 0;
		break;
	case ZC_EV_LISTEN: ((struct zc_ev_listen *)ev)->comm[15] = 0; break;
	case ZC_EV_NAMES:
		((struct zc_ev_names *)ev)->service[63] = 0;
		((struct zc_ev_names *)ev)->runtime[15] = 0;
		((struct zc_ev_names *)ev)->container[71] = 0;
		((struct zc_ev_names *)ev)->container_name[63] = 0;
		((struct zc_ev_names *)ev)->resource[255] = 0;
		break;
	case ZC_EV_PEER: ((struct zc_ev_peer *)ev)->comm[15] = 0; break;
	case ZC_EV_BIND:
		((struct zc_ev_bind *)ev)->dir = ZC_TX;
		((struct zc_ev_bind *)ev)->sock = 11;
		break;
	case ZC_EV_FAULT: ((struct zc_ev_fault *)ev)->sock = 11; break;
	}
	log_add(l, ev);
}

#define STREAM (ZC_TLS_STREAM | 5)

/* n octets of a TLS stream, of which those of text are captured, from cap_off on. */
static void add_plain(struct log *l, uint8_t dir, uint32_t n, uint32_t cap_off, const char *text)
{
	uint32_t cap = (uint32_t)strlen(text);
	struct {
		struct zc_ev_plain p;
		char text[128];
	} u = {.p = {
		.ev = {.kind = ZC_EV_PLAIN, .flags = ZC_PLAIN_INSIDE | ZC_PLAIN_FRESH,
		       .size = (uint32_t)sizeof(u.p) + cap, .time = 1000 + l->used, .conn = STREAM},
		.sock = 11, .call_time = 901, .wire_time = 902, .wire_last = 903,
		.wire_len = n + 22,
		.pid = 4242, .tid = 4243, .seq = 77, .orig_len = n, .cap_off = cap_off,
		.cap_len = cap,
		.lost = 2, .dir = dir, .lib = 1, .wire_seq = 12345,
	}};

	memcpy(u.text, text, cap);
	log_add(l, &u.p.ev);
}

static void add_open(struct log *l, uint64_t conn, int family, int role)
{
	struct zc_ev_open o = {
		.ev = {.kind = ZC_EV_OPEN, .flags = ZC_OPEN_SEQ, .size = sizeof(o),
		       .time = 1000 + l->used, .conn = conn},
		.laddr = {[10] = 0xff, 0xff, 10, 0, 0, 1},
		.raddr = {[10] = 0xff, 0xff, 10, 0, 0, 2},
		.lport = 80, .rport = 40000, .family = (uint8_t)family, .role = (uint8_t)role,
		.pid = 4242, .tid = 4243, .netns = 7, .cgroup = 99, .seq = {101, 1001},
		.comm = "nginx: worker"};

	if (family == 6) {
		memcpy(o.laddr, "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\1", 16);
		memcpy(o.raddr, "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\2", 16);
	}
	log_add(l, &o.ev);
}

static void add_segment(struct log *l, struct zc_ev_segment seg, const void *payload)
{
	uint8_t *raw = malloc(sizeof(seg) + seg.cap_len + 8);

	seg.ev.kind = ZC_EV_SEGMENT;
	seg.ev.size = (uint32_t)sizeof(seg) + seg.cap_len;
	seg.ev.time = 1000 + l->used;
	memcpy(raw, &seg, sizeof(seg));
	for (uint32_t i = 0; i < seg.cap_len; i++)
		raw[sizeof(seg) + i] = payload ? ((const uint8_t *)payload)[i] : (uint8_t)(i % 251);
	log_add(l, (struct zc_ev *)raw);
	free(raw);
}

static const char get_a[] = "GET /a?x=1 HTTP/1.1\r\nHost: one\r\n\r\n";
static const char reply[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi";
static const char get_b[] = "GET /b HTTP/1.1\r\nHost: two\r\nX-Secret: hush\r\n\r\n";

#define TEXT(conn_, dir_, seq_, ack_, text)                                                        \
	((struct zc_ev_segment){.ev.conn = (conn_), .dir = (dir_), .seq = (seq_), .ack = (ack_),   \
				.tcp_flags = ZC_TCP_ACK, .orig_len = sizeof(text) - 1,             \
				.cap_len = sizeof(text) - 1}),                                     \
		text

/* One connection with an exchange, one of each other kind. */
static void small_log(struct log *l)
{
	log_reset(l);
	add_kind(l, ZC_EV_LISTEN, sizeof(struct zc_ev_listen), 0);
	add_kind(l, ZC_EV_PROCESS, sizeof(struct zc_ev_process), 0);
	add_kind(l, ZC_EV_NAMES, sizeof(struct zc_ev_names), 0);
	add_open(l, 11, 4, ZC_ROLE_SERVER);
	add_segment(l, (struct zc_ev_segment){.ev.conn = 11, .dir = ZC_RX, .seq = 101,
					      .tcp_flags = ZC_TCP_SYN}, NULL);
	add_segment(l, (struct zc_ev_segment){.ev.conn = 11, .dir = ZC_TX, .seq = 1001, .ack = 101,
					      .tcp_flags = ZC_TCP_SYN | ZC_TCP_ACK}, NULL);
	add_kind(l, ZC_EV_ESTABLISHED, sizeof(struct zc_ev), 11);
	add_kind(l, ZC_EV_OWNER, sizeof(struct zc_ev_owner), 11);
	add_segment(l, TEXT(11, ZC_RX, 101, 1001, get_a));
	add_kind(l, ZC_EV_IO, sizeof(struct zc_ev_io), 11);
	add_kind(l, ZC_EV_PEER, sizeof(struct zc_ev_peer), 11);
	add_segment(l, TEXT(11, ZC_TX, 1001, 101 + sizeof(get_a) - 1, reply));
	add_segment(l, TEXT(77, ZC_RX, 5, 6, get_b)); /* its OPEN was not seen */
	add_kind(l, ZC_EV_LOST, sizeof(struct zc_ev_lost), 0);
	add_kind(l, ZC_EV_BIND, sizeof(struct zc_ev_bind), STREAM);
	add_plain(l, ZC_RX, sizeof(get_b) - 1, 0, get_b);
	add_plain(l, ZC_TX, 70000, 60000, "the rest of it is not wanted");
	add_plain(l, ZC_TX, 5, 0, "");
	add_kind(l, ZC_EV_FAULT, sizeof(struct zc_ev_fault), STREAM);
	add_kind(l, ZC_EV_CLOSE, sizeof(struct zc_ev_close), STREAM);
	add_kind(l, ZC_EV_CLOSE, sizeof(struct zc_ev_close), 11);
}

/* What is hard to tell as packets, on top of the above. */
static void large_log(struct log *l)
{
	static const struct zc_ev_segment seg[] = {
		{.ev.conn = 12, .seq = 7, .orig_len = 65536, .cap_len = 65536, .lost = 3},
		{.ev.conn = 12, .seq = 7, .orig_len = 200000, .cap_off = 66000, .cap_len = 65536},
		{.ev.conn = 12, .seq = 7, .orig_len = 200000, .cap_off = 134464, .cap_len = 65536},
		{.ev.conn = 12, .seq = 0xfffffff0, .orig_len = 1448, .cap_off = 100, .cap_len = 33},
		{.ev.conn = 12, .seq = 9, .orig_len = 1448, .cap_off = 1448},
		{.ev.conn = 12, .seq = 9, .orig_len = 1448, .cap_off = 48},
		{.ev.conn = 12, .seq = 9, .orig_len = 0xffffffff, .cap_off = 0xfffffff0,
		 .cap_len = 15},
		{.ev.conn = 12, .seq = 9, .orig_len = 65001, .cap_len = 1, .dir = ZC_TX,
		 .tcp_flags = ZC_TCP_SYN | ZC_TCP_FIN | ZC_TCP_RST | ZC_TCP_ACK, .ack = 17},
		{.ev.conn = 12, .seq = 9, .tcp_flags = ZC_TCP_RST, .ack = 17},
	};

	small_log(l);
	add_open(l, 12, 6, ZC_ROLE_CLIENT);
	for (size_t i = 0; i < sizeof(seg) / sizeof(seg[0]); i++)
		add_segment(l, seg[i], NULL);
	add_open(l, 13, 4, ZC_ROLE_UNKNOWN);
	add_segment(l, TEXT(13, ZC_TX, 1, 1, get_b));
}

static char tmp[64];
static struct log out, in;

static const struct recorder_options plain = {.wall_offset = WALL, .start = 900,
					      .description = "zctrace --port 80"};

static void record(const struct log *l, const char *path, const struct recorder_options *o)
{
	char err[256] = "";
	struct recorder *r = recorder__new(path, o, err, sizeof(err));

	ok(r != NULL, "a recorder opens %s", err);
	if (!r)
		exit(tap_done());
	for (int i = 0; i < l->count; i++)
		recorder__event(r, log_at(l, i));
	is_u64(recorder__finish(r), 0, "it finishes");
	ok(!recorder__error(r), "without error");
	recorder__free(r);
}

/* Plays all of it into `in`. Returns what poll said last. */
static int drain(struct source *s)
{
	int n;

	log_reset(&in);
	while ((n = s->ops->poll(s, log_add, &in, 0)) > 0)
		;
	return n;
}

static void same_events(const struct log *a, const struct log *b, const char *what)
{
	is_u64(b->count, a->count, what);
	ok(a->used == b->used && !memcmp(a->data, b->data, a->used), "%s: octet by octet", what);
}

static size_t load(const char *path, uint8_t **data)
{
	FILE *f = fopen(path, "rb");
	struct stat st;

	if (!f || fstat(fileno(f), &st))
		abort();
	*data = malloc((size_t)st.st_size);
	if (fread(*data, 1, (size_t)st.st_size, f) != (size_t)st.st_size)
		abort();
	fclose(f);
	return (size_t)st.st_size;
}

static struct source *open_path(const char *path, char *err, size_t errlen)
{
	struct bytes *b = bytes__open(path, &(struct bytes_options){0}, err, errlen);

	return b ? recording__open(b, err, errlen) : NULL;
}

static void test_round_trip(void)
{
	struct source_stats stats;
	struct source *s;
	struct stat st;
	char err[256] = "";

	large_log(&out);
	record(&out, tmp, &plain);
	ok(!stat(tmp, &st) && (st.st_mode & 0777) == 0600, "only the owner may read the file");
	s = open_path(tmp, err, sizeof(err));
	ok(s != NULL, "the recording opens %s", err);
	is_u64(drain(s), -ENODATA, "played to its end");
	ok(!s->ops->error(s), "a clean end");
	same_events(&out, &in, "all kinds of events come back");
	is_u64(s->wall_offset, WALL, "wall clock");
	is_u64(s->start, 900, "start of observation");
	ok(!s->live, "not live");
	s->ops->stats(s, &stats);
	is_u64(stats.events, out.count, "events counted");
	is_u64(stats.lost_events, ((const struct zc_ev_lost *)log_at(&out, 13))->count,
	       "recorded losses counted");
	is_u64(s->ops->poll(s, log_add, &in, 0), -ENODATA, "and it stays at its end");
	s->ops->free(s);
}

/* More connections than the recorder remembers, more events than one batch and buffer. */
static void test_many(void)
{
	struct zc_ev_open o;
	char err[256];
	struct recorder *r = recorder__new(tmp, &plain, err, sizeof(err));
	struct source *s;
	uint64_t sum = 0;
	int n, total = 0;

	small_log(&out);
	memcpy(&o, log_at(&out, 3), sizeof(o));
	for (uint64_t i = 1; i <= 100000; i++) {
		o.ev.conn = i;
		recorder__event(r, &o.ev);
		((struct zc_ev *)log_at(&out, 8))->conn = i / 2 + 1;
		recorder__event(r, log_at(&out, 8));
		sum += i;
	}
	is_u64(recorder__finish(r), 0, "200000 events of 100000 connections recorded");
	recorder__free(r);
	s = open_path(tmp, err, sizeof(err));
	log_reset(&in);
	while ((n = s->ops->poll(s, log_add, &in, 0)) > 0) {
		if (n > 1024)
			ok(0, "a batch is bounded, not %d", n);
		for (int i = 0; i < n; i++)
			if (log_at(&in, i)->kind == ZC_EV_OPEN)
				sum -= log_at(&in, i)->conn;
		total += n;
		log_reset(&in);
	}
	is_u64(total, 200000, "and played back");
	is_u64(sum, 0, "each connection once");
	s->ops->free(s);
}

static struct source *open_octets(const uint8_t *p, size_t n)
{
	static uint8_t *exact; /* a read past the end is a read past the block */
	char err[256] = "";
	struct source *s;

	free(exact);
	exact = malloc(n ? n : 1);
	memcpy(exact, p, n);
	s = recording__open(bytes__memory(exact, n, "octets"), err, sizeof(err));
	if (!s && !err[0])
		ok(0, "a refusal says why");
	return s;
}

static void test_cut_everywhere(void)
{
	int opened = 0, bad_prefix = 0, no_error = 0, not_end = 0, fell = 0, last = 0;
	uint8_t *data;
	size_t size;

	small_log(&out);
	record(&out, tmp, &plain);
	size = load(tmp, &data);
	for (size_t n = 0; n < size; n++) {
		struct source *s = open_octets(data, n);

		if (!s)
			continue;
		opened++;
		not_end += drain(s) != -ENODATA;
		bad_prefix += in.used > out.used || memcmp(in.data, out.data, in.used);
		no_error += !s->ops->error(s) || !strstr(s->ops->error(s), "cut off at byte");
		fell += in.count < last;
		last = in.count;
		s->ops->free(s);
	}
	ok(opened > (int)size - 560, "all but a cut header opens (%d of %zu)", opened, size);
	is_u64(bad_prefix, 0, "cut anywhere: what is handed out is what was recorded");
	is_u64(not_end, 0, "cut anywhere: it ends");
	is_u64(no_error, 0, "cut anywhere: it says so");
	is_u64(fell, 0, "the longer the file, the more events");
	is_u64(last, out.count, "all events precede the end mark");
	free(data);
}

static void test_damage(void)
{
	static const uint8_t change[] = {0x01, 0x80, 0xff};
	int bad = 0, told = 0;
	uint8_t *data;
	size_t size = load(tmp, &data);

	for (size_t i = 0; i < size; i++)
		for (size_t c = 0; c < sizeof(change); c++) {
			struct source *s;

			data[i] ^= change[c];
			s = open_octets(data, size);
			if (s) {
				bad += drain(s) != -ENODATA;
				told += s->ops->error(s) != NULL;
				s->ops->free(s);
			}
			data[i] ^= change[c];
		}
	is_u64(bad, 0, "any octet changed: it ends");
	ok(told > 100, "and lengths that are wrong are noticed (%d)", told);
	free(data);
}

/* Events that are whole but cannot be: nothing is handed out from there on. */
static void test_invalid(void)
{
	static const struct {
		const char *what;
		unsigned event;
		size_t at;
		uint8_t octet;
	} cases[] = {
		{"plaintext of no stream", 15, offsetof(struct zc_ev, conn) + 7, 0},
		{"plaintext from a stream for a socket", 15, offsetof(struct zc_ev_plain, sock) + 7,
		 0x80},
		{"plaintext that is longer than it says", 15,
		 offsetof(struct zc_ev_plain, orig_len), 9},
		{"plaintext in no direction", 15, offsetof(struct zc_ev_plain, dir), 2},
		{"evidence of no stream", 14, offsetof(struct zc_ev, conn) + 7, 0},
		{"evidence in no direction", 14, offsetof(struct zc_ev_bind, dir), 2},
		{"evidence of a stream for a socket", 14, offsetof(struct zc_ev_bind, sock) + 7,
		 0x80},
		{"a fault of no stream", 18, offsetof(struct zc_ev, conn) + 7, 0},
		{"a fault with a stream for a socket", 18, offsetof(struct zc_ev_fault, sock) + 7,
		 0x80},
		{"reads of a stream", 9, offsetof(struct zc_ev, conn) + 7, 0x80},
		{"addresses of a stream", 3, offsetof(struct zc_ev, conn) + 7, 0x80},
	};
	uint8_t *event;
	struct source *s;
	char err[256];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		small_log(&out);
		event = (uint8_t *)(uintptr_t)log_at(&out, (int)cases[i].event);
		event[cases[i].at] = cases[i].octet;
		record(&out, tmp, &plain);
		s = open_path(tmp, err, sizeof(err));
		drain(s);
		ok(in.count == (int)cases[i].event && s->ops->error(s) &&
		   strstr(s->ops->error(s), "damaged"),
		   "%s", cases[i].what);
		s->ops->free(s);
	}
}

/* ---- as a later version might write it: every event longer by 8 bytes, and records not known */

static uint32_t word(const uint8_t *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

static void put_word(uint8_t *p, uint32_t v)
{
	memcpy(p, &v, sizeof(v));
}

/*
 * Copies n bytes of a block with 8 more in it, at `at`; the field of `size` bytes at `length` says
 * so.
 */
static size_t longer(uint8_t *to, const uint8_t *p, size_t n, size_t at, size_t length, size_t size)
{
	uint64_t v = 0;

	memcpy(to, p, at);
	memset(to + at, 0xa5, 8);
	memcpy(to + at + 8, p + at, n - at);
	memcpy(&v, to + length, size);
	v += 8;
	memcpy(to + length, &v, size);
	put_word(to + 4, (uint32_t)n + 8);
	put_word(to + n + 4, (uint32_t)n + 8);
	return n + 8;
}

/* A block of n bytes as it would be. */
static size_t newer_block(uint8_t *to, const uint8_t *p, size_t n)
{
	uint32_t cap = word(p + 20), kind = word(p + 12) & 0xffff;
	size_t option = 28 + ((cap + 3) & ~3u), fixed = word(p + 16);

	if (word(p) == PCAPNG_EPB)
		while (word(p + option + 4) != REC_PEN)
			option += 4 + ((word(p + option) >> 16) + 3) / 4 * 4;
	if (word(p) == PCAPNG_EPB && word(p + option + 8) == REC_OPT_SEGMENT) {
		size_t grown = longer(to, p, n, option + 12 + sizeof(struct zc_ev_segment),
				      option + 2, 2);

		put_word(to + option + 12 + 4, word(to + option + 12 + 4) + 8); /* ev.size */
		return grown;
	}
	if (word(p) != REC_BLOCK || word(p + 8) != REC_EVENT) {
		memcpy(to, p, n);
		return n;
	}
	if (kind == ZC_EV_PLAIN)
		fixed = sizeof(struct zc_ev_plain);
	if (kind == ZC_EV_SEGMENT)
		fixed = sizeof(struct zc_ev_segment);
	return longer(to, p, n, 12 + fixed, 16, 4);
}

/* Records that are not known: an event of kind 999, a record of its own kind. */
static size_t unknown_blocks(uint8_t *to)
{
	struct zc_ev ev = {.kind = 999, .size = sizeof(ev), .time = 1, .conn = 11};
	size_t n = 16 + sizeof(ev);

	put_word(to, REC_BLOCK);
	put_word(to + 4, (uint32_t)n);
	put_word(to + 8, REC_EVENT);
	memcpy(to + 12, &ev, sizeof(ev));
	put_word(to + 12 + sizeof(ev), (uint32_t)n);
	memcpy(to + n, to, n);
	put_word(to + n + 8, 77);
	return 2 * n;
}

static void test_newer(void)
{
	uint8_t *data, *newer;
	size_t size, n = 0, blocks = 0;
	char text[128] = "";
	struct source *s;

	large_log(&out);
	record(&out, tmp, &plain);
	size = load(tmp, &data);
	newer = malloc(2 * size + 65536);
	for (size_t at = 0; at < size; at += word(data + at + 4)) {
		if (word(data + at) == REC_BLOCK && word(data + at + 8) == REC_EVENT &&
		    blocks++ % 4 == 0)
			n += unknown_blocks(newer + n);
		n += newer_block(newer + n, data + at, word(data + at + 4));
	}
	s = open_octets(newer, n);
	is_u64(drain(s), -ENODATA, "a later version's recording is played to its end");
	ok(!s->ops->error(s), "without error: %s", s->ops->error(s) ? s->ops->error(s) : "");
	same_events(&out, &in, "what is known of it");
	ok(s->ops->unread(s, text, sizeof(text)) &&
	   strtoul(text, NULL, 10) == 2 * ((blocks + 3) / 4),
	   "what is not known is counted: %s", text);
	s->ops->free(s);
	free(newer);
	free(data);
	s = open_path(tmp, text, sizeof(text));
	drain(s);
	ok(!s->ops->unread(s, text, sizeof(text)), "of its own recordings it knows all");
	s->ops->free(s);
}

static void test_joined(void)
{
	uint8_t *data, *twice;
	size_t size = load(tmp, &data);
	struct source *s;

	twice = malloc(2 * size);
	memcpy(twice, data, size);
	memcpy(twice + size, data, size);
	s = open_octets(twice, 2 * size);
	drain(s);
	same_events(&out, &in, "of two joined files, the first is played");
	s->ops->free(s);
	data[8] = 0x1a; /* byte order mark, and REC_BLOCK's type, of the other byte order */
	data[9] = 0x2b;
	data[10] = 0x3c;
	data[11] = 0x4d;
	ok(recording__detect(data, size) == RECORDING_NO, "half of the other order is nothing");
	free(data);
	free(twice);
}

/* A pipe may bring the file in any portions. */
static void test_detect(void)
{
	int wrong = 0, first = 0;
	uint8_t *data;
	size_t size = load(tmp, &data);

	for (size_t n = 0; n < size; n++) {
		enum recording_kind kind = recording__detect(data, n);

		if (kind == RECORDING_YES && !first)
			first = (int)n;
		wrong += kind != (first ? RECORDING_YES : RECORDING_MORE);
	}
	ok(first > 300 && first < 700 && !wrong, "known from octet %d on, not known before", first);
	data[first - 1] ^= 1;
	ok(recording__detect(data, size) == RECORDING_NO, "without the magic it is none");
	memset(data, 0, size);
	memcpy(data, "\x0a\x0d\x0d\x0a\x0c\0\0\0\x4d\x3c\x2b\x1a", 12);
	for (size_t n = 12; n + 12 <= size; n += 12)
		memcpy(data + n, "\1\0\0\0\x0c\0\0\0\x0c\0\0\0", 12);
	ok(recording__detect(data, 2000) == RECORDING_MORE, "interfaces may go on");
	data = realloc(data, RECORDING_DETECT);
	for (size_t n = 12; n + 12 <= RECORDING_DETECT; n += 12)
		memcpy(data + n, "\1\0\0\0\x0c\0\0\0\x0c\0\0\0", 12);
	ok(recording__detect(data, RECORDING_DETECT) == RECORDING_NO, "but not forever");
	free(data);
}

static void test_other_order(void)
{
	static const uint8_t head[] = {0x0a, 0x0d, 0x0d, 0x0a, 0, 0, 0, 28, 0x1a, 0x2b, 0x3c, 0x4d,
				       0, 1, 0, 0, 255, 255, 255, 255, 255, 255, 255, 255,
				       0, 0, 0, 28, 0x80, 0, 0x7a, 0x63, 0, 0, 0, 48, 0, 0, 0, 1,
				       'z', 'c', 't', 'r', 'a', 'c', 'e', '\n'};
	char err[256] = "";

	ok(recording__detect(head, sizeof(head)) == RECORDING_OTHER, "other byte order is seen");
	ok(!recording__open(bytes__memory(head, sizeof(head), "x"), err, sizeof(err)) &&
		   strstr(err, "byte order"), "and refused: %s", err);
}

static int star(void *ctx, const struct zc_ev_segment *seg, uint8_t *payload)
{
	char *hush = memmem(payload, seg->cap_len, "hush", 4);

	++*(int *)ctx;
	if (seg->ev.conn & ZC_TLS_STREAM &&
	    (seg->seq != 77 || seg->cap_off % 60000 || seg->tcp_flags))
		ok(0, "a stream's octets are shown as a segment of it");
	if (hush)
		memset(hush, '*', 4);
	return 1;
}

static void test_mask(void)
{
	int calls = 0, clear = 0, stars = 0;
	struct recorder_options o = plain;
	struct source *s;
	uint8_t *data;
	size_t size;
	char err[256];

	o.mask = star;
	o.ctx = &calls;
	large_log(&out);
	record(&out, tmp, &o);
	is_u64(calls, 12, "each payload is masked once, and plaintext of TLS too");
	size = load(tmp, &data);
	ok(!memmem(data, size, "hush", 4), "no secret is in the file");
	free(data);
	s = open_path(tmp, err, sizeof(err));
	drain(s);
	s->ops->free(s);
	for (int i = 0; i < in.count; i++) {
		const struct zc_ev *ev = log_at(&in, i);

		clear += !memcmp(ev, log_at(&out, i), ev->size);
		stars += memmem(ev, ev->size, "****", 4) != NULL;
	}
	is_u64(stars, 3, "the masked payloads come back masked");
	is_u64(clear, out.count - 3, "everything else as it was");
	ok(memmem(out.data, out.used, "hush", 4) != NULL, "the events themselves are untouched");
}

static void test_full_disk(void)
{
	struct rlimit limit, old;
	struct stat st;
	char err[256] = "";
	struct recorder *r = recorder__new("/dev/full", &plain, err, sizeof(err));
	struct source *s;

	ok(!r && strstr(err, "No space"), "no room at once: %s", err);
	signal(SIGXFSZ, SIG_IGN);
	getrlimit(RLIMIT_FSIZE, &old);
	limit = old;
	limit.rlim_cur = 100001;
	small_log(&out);
	r = recorder__new(tmp, &plain, err, sizeof(err));
	setrlimit(RLIMIT_FSIZE, &limit);
	for (int i = 0; i < 1000; i++)
		for (int k = 0; k < out.count; k++)
			recorder__event(r, log_at(&out, k));
	ok(recorder__finish(r) == -EFBIG, "no room later");
	setrlimit(RLIMIT_FSIZE, &old);
	ok(recorder__error(r) && strstr(recorder__error(r), "recording stopped after 99"),
	   "says where: %s", recorder__error(r));
	ok(!stat(tmp, &st) && st.st_size < 100001, "the file is cut back");
	is_u64(recorder__bytes(r), st.st_size, "to what is told");
	recorder__free(r);
	s = open_path(tmp, err, sizeof(err));
	drain(s);
	ok(in.count > 300 && !memcmp(in.data, out.data, out.used), "which can be played (%d)",
	   in.count);
	ok(s->ops->error(s) && strstr(s->ops->error(s), "cut off"), "%s", s->ops->error(s));
	s->ops->free(s);
}

static void test_pipe(void)
{
	struct recorder *r;
	struct source *s;
	char err[256], path[64];
	int fd[2];

	if (pipe(fd))
		abort();
	small_log(&out);
	r = recorder__new_fd(fd[1], "pipe", &plain, err, sizeof(err));
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd[0]);
	s = open_path(path, err, sizeof(err));
	close(fd[0]);
	ok(r && s, "a pipe can be read while it is written");
	log_reset(&in);
	is_u64(s->ops->poll(s, log_add, &in, 1), 0, "nothing yet");
	for (int i = 0; i < out.count; i++)
		recorder__event(r, log_at(&out, i));
	is_u64(s->ops->poll(s, log_add, &in, 1), 0, "still in the buffer");
	recorder__tick(r, 900 + 499999999);
	is_u64(s->ops->poll(s, log_add, &in, 1), 0, "also just before half a second is over");
	recorder__tick(r, 900 + 500000000);
	while (s->ops->poll(s, log_add, &in, 100) > 0)
		;
	same_events(&out, &in, "through a pipe after half a second");
	recorder__free(r);
	is_u64(s->ops->poll(s, log_add, &in, 100), -ENODATA, "closed: the end");
	ok(!s->ops->error(s), "a clean one");
	s->ops->free(s);
}

/* An ordinary reader must see packets in it: our own reader of captures is one. */
static void test_as_capture(void)
{
	struct packets_options po = {0};
	struct bytes_options how = {0};
	struct packets_counts c;
	char err[256] = "";
	struct source *s;
	uint64_t bytes = 0;

	small_log(&out);
	record(&out, tmp, &plain);
	s = packets__open(bytes__open(tmp, &how, err, sizeof(err)), &po, err, sizeof(err));
	ok(s != NULL, "it is a capture %s", err);
	drain(s);
	packets__counts(s, &c);
	is_u64(c.tcp, 4, "four packets");
	is_u64(c.packets - c.tcp, 0, "nothing else");
	ok(!s->ops->error(s), "no complaint: %s", s->ops->error(s));
	for (int i = 0; i < in.count; i++) {
		const struct zc_ev_segment *seg = (const struct zc_ev_segment *)log_at(&in, i);

		if (seg->ev.kind != ZC_EV_SEGMENT)
			continue;
		bytes += seg->cap_len;
		if (seg->tcp_flags == ZC_TCP_SYN) {
			is_u64(seg->seq, 101, "sequence number of the SYN");
			is_u64(seg->ev.time, WALL + log_at(&out, 4)->time, "wall time");
		}
	}
	is_u64(bytes, sizeof(get_a) + sizeof(reply) - 2, "with their payload");
	s->ops->free(s);
	s = source_open_file(tmp, &po, &how, err, sizeof(err));
	drain(s);
	same_events(&out, &in, "opened by content it is a recording");
	s->ops->free(s);
}

static void tshark(const char *args, const char *want, const char *name)
{
	char cmd[512], got[512] = "";
	size_t n;
	FILE *f;

	snprintf(cmd, sizeof(cmd), "tshark -n -r %s %s 2>/dev/null", tmp, args);
	f = popen(cmd, "r");
	n = fread(got, 1, sizeof(got) - 1, f);
	got[n] = 0;
	pclose(f);
	is_str(got, want, name);
}

static void test_tshark(void)
{
	char cmd[512];

	if (system("command -v tshark >/dev/null 2>&1")) {
		printf("ok %d # SKIP tshark is not installed\n", ++tap_count);
		return;
	}
	tshark("-Y http.request -T fields -e frame.interface_name -e ip.src -e tcp.dstport "
	       "-e http.request.uri",
	       "zctrace-server\t10.0.0.2\t80\t/a?x=1\n", "tshark: the request");
	tshark("-Y http.response -T fields -e frame.packet_flags_direction -e http.response.code",
	       "0x00000002\t200\n", "tshark: the response, outbound");
	tshark("-Y tcp.analysis.flags", "", "tshark: nothing odd about the sequence numbers");
	tshark("-o ip.check_checksum:TRUE -T fields -e ip.checksum.status -e tcp.len -e frame.len",
	       "1\t0\t56\n1\t0\t56\n1\t34\t90\n1\t40\t96\n", "tshark: checksums, lengths");
	snprintf(cmd, sizeof(cmd), "editcap %s %s.edited && capinfos -cT %s.edited |"
		 " grep -q '4$'; s=$?; rm -f %s.edited; exit $s", tmp, tmp, tmp, tmp);
	is_u64(system(cmd), 0, "editcap: can be edited");
	large_log(&out);
	record(&out, tmp, &plain);
	tshark("-Y 'ipv6 && tcp.seq_raw == 7' -T fields -e tcp.len -e frame.len -e frame.cap_len",
	       "65000\t65076\t65076\n65000\t65076\t76\n65000\t65076\t76\n",
	       "tshark: long segments in packets, what was not captured is missing");
	tshark("-Y 'ipv6 && tcp.seq_raw == 66007' -T fields -e tcp.len -e frame.cap_len",
	       "65000\t65076\n", "tshark: captured from the middle on");
	tshark("-Y 'ipv6 && tcp.srcport == 80' -T fields -e tcp.seq_raw -e tcp.flags",
	       "8\t0x0012\n65009\t0x0015\n", "tshark: a SYN comes first, FIN and RST last");
	tshark("-Y 'tcp.seq_raw == 84' -T fields -e tcp.len -e frame.cap_len", "1348\t109\n",
	       "tshark: sequence numbers wrap");
}

int main(void)
{
	snprintf(tmp, sizeof(tmp), "/tmp/zctrace-test-record-%d.pcapng", (int)getpid());
	test_round_trip();
	test_many();
	test_cut_everywhere();
	test_damage();
	test_newer();
	test_joined();
	test_detect();
	test_other_order();
	test_invalid();
	test_mask();
	test_full_disk();
	test_pipe();
	test_as_capture();
	test_tshark();
	unlink(tmp);
	return tap_done();
}
