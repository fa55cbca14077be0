/*
 * record_log.h - events to be recorded, and what a recording gives back
 */
#ifndef ZC_TESTS_RECORD_LOG_H
#define ZC_TESTS_RECORD_LOG_H

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/tap.h"
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

__attribute__((unused)) static void log_reset(struct log *l)
{
	l->used = 0;
	l->count = 0;
}

__attribute__((unused)) static void log_add(void *ctx, const struct zc_ev *ev)
{
	struct log *l = ctx;

	if (l->used + ev->size + 8 > LOG_SIZE)
		abort();
	memcpy(l->data + l->used, ev, ev->size);
	memset(l->data + l->used + ev->size, 0, 8);
	l->used += (ev->size + 7) & ~7u;
	l->count++;
}

__attribute__((unused)) static const struct zc_ev *log_at(const struct log *l, int i)
{
	const uint8_t *p = l->data;

	while (i--)
		p += (((const struct zc_ev *)p)->size + 7) & ~7u;
	return (const struct zc_ev *)p;
}

/* Fills an event's fixed part behind its header with octets that all differ a little. */
__attribute__((unused)) static void add_kind(struct log *l, uint16_t kind, uint32_t size,
					     uint64_t conn)
{
	_Alignas(8) uint8_t raw[1024];
	struct zc_ev *ev = (struct zc_ev *)raw;

	for (uint32_t i = 0; i < size; i++)
		raw[i] = (uint8_t)(i * 7 + kind);
	*ev = (struct zc_ev){
		.kind = kind, .flags = 3, .size = size, .time = 1000 + l->used, .conn = conn};
	switch (kind) {
	case ZC_EV_IO: ((struct zc_ev_io *)ev)->dir = ZC_TX; break;
	case ZC_EV_OWNER: ((struct zc_ev_owner *)ev)->comm[15] = 0; break;
	case ZC_EV_PROCESS:
		((struct zc_ev_process *)ev)->comm[15] = 0;
		((struct zc_ev_process *)ev)->file[127] = 0;
		break;
	case ZC_EV_LISTEN: ((struct zc_ev_listen *)ev)->comm[15] = 0; break;
	case ZC_EV_BACKLOG: ((struct zc_ev_backlog *)ev)->comm[15] = 0; break;
	case ZC_EV_NAMES:
		((struct zc_ev_names *)ev)->service[63] = 0;
		((struct zc_ev_names *)ev)->runtime[15] = 0;
		((struct zc_ev_names *)ev)->container[71] = 0;
		((struct zc_ev_names *)ev)->container_name[63] = 0;
		((struct zc_ev_names *)ev)->resource[255] = 0;
		((struct zc_ev_names *)ev)->tls_unseen[135] = 0;
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
__attribute__((unused)) static void add_plain(struct log *l, uint8_t dir, uint32_t n,
					      uint32_t cap_off, const char *text)
{
	uint32_t cap = (uint32_t)strlen(text);
	struct {
		struct zc_ev_plain p;
		char text[128];
	} u = {.p = {
		       .ev = {.kind = ZC_EV_PLAIN,
			      .flags = ZC_PLAIN_INSIDE | ZC_PLAIN_FRESH,
			      .size = (uint32_t)sizeof(u.p) + cap,
			      .time = 1000 + l->used,
			      .conn = STREAM},
		       .sock = 11,
		       .call_time = 901,
		       .wire_time = 902,
		       .wire_last = 903,
		       .wire_len = n + 22,
		       .pid = 4242,
		       .tid = 4243,
		       .seq = 77,
		       .orig_len = n,
		       .cap_off = cap_off,
		       .cap_len = cap,
		       .lost = 2,
		       .dir = dir,
		       .lib = 1,
		       .wire_seq = 12345,
	       }};

	memcpy(u.text, text, cap);
	log_add(l, &u.p.ev);
}

__attribute__((unused)) static void add_open(struct log *l, uint64_t conn, int family, int role)
{
	struct zc_ev_open o = {.ev = {.kind = ZC_EV_OPEN,
				      .flags = ZC_OPEN_SEQ,
				      .size = sizeof(o),
				      .time = 1000 + l->used,
				      .conn = conn},
			       .laddr = {[10] = 0xff, 0xff, 10, 0, 0, 1},
			       .raddr = {[10] = 0xff, 0xff, 10, 0, 0, 2},
			       .lport = 80,
			       .rport = 40000,
			       .family = (uint8_t)family,
			       .role = (uint8_t)role,
			       .pid = 4242,
			       .tid = 4243,
			       .netns = 7,
			       .cgroup = 99,
			       .seq = {101, 1001},
			       .comm = "nginx: worker"};

	if (family == 6) {
		memcpy(o.laddr, "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\1", 16);
		memcpy(o.raddr, "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\2", 16);
	}
	log_add(l, &o.ev);
}

__attribute__((unused)) static void add_segment(struct log *l, struct zc_ev_segment seg,
						const void *payload)
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
	((struct zc_ev_segment){.ev.conn = (conn_),                                                \
				.dir = (dir_),                                                     \
				.seq = (seq_),                                                     \
				.ack = (ack_),                                                     \
				.tcp_flags = ZC_TCP_ACK,                                           \
				.orig_len = sizeof(text) - 1,                                      \
				.cap_len = sizeof(text) - 1}),                                     \
		text

/* One connection with an exchange, one of each other kind. */
__attribute__((unused)) static void small_log(struct log *l)
{
	log_reset(l);
	add_kind(l, ZC_EV_LISTEN, sizeof(struct zc_ev_listen), 0);
	add_kind(l, ZC_EV_PROCESS, sizeof(struct zc_ev_process), 0);
	add_kind(l, ZC_EV_NAMES, sizeof(struct zc_ev_names), 0);
	add_open(l, 11, 4, ZC_ROLE_SERVER);
	add_segment(l,
		    (struct zc_ev_segment){
			    .ev.conn = 11, .dir = ZC_RX, .seq = 101, .tcp_flags = ZC_TCP_SYN},
		    NULL);
	add_segment(l,
		    (struct zc_ev_segment){.ev.conn = 11,
					   .dir = ZC_TX,
					   .seq = 1001,
					   .ack = 101,
					   .tcp_flags = ZC_TCP_SYN | ZC_TCP_ACK},
		    NULL);
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
	add_kind(l, ZC_EV_BACKLOG, sizeof(struct zc_ev_backlog), 0);
	add_kind(l, ZC_EV_THREAD, sizeof(struct zc_ev_thread), 0);
}

/* What is hard to tell as packets, on top of the above. */
__attribute__((unused)) static void large_log(struct log *l)
{
	static const struct zc_ev_segment seg[] = {
		{.ev.conn = 12, .seq = 7, .orig_len = 65536, .cap_len = 65536, .lost = 3},
		{.ev.conn = 12, .seq = 7, .orig_len = 200000, .cap_off = 66000, .cap_len = 65536},
		{.ev.conn = 12, .seq = 7, .orig_len = 200000, .cap_off = 134464, .cap_len = 65536},
		{.ev.conn = 12, .seq = 0xfffffff0, .orig_len = 1448, .cap_off = 100, .cap_len = 33},
		{.ev.conn = 12, .seq = 9, .orig_len = 1448, .cap_off = 1448},
		{.ev.conn = 12, .seq = 9, .orig_len = 1448, .cap_off = 48},
		{.ev.conn = 12,
		 .seq = 9,
		 .orig_len = 0xffffffff,
		 .cap_off = 0xfffffff0,
		 .cap_len = 15},
		{.ev.conn = 12,
		 .seq = 9,
		 .orig_len = 65001,
		 .cap_len = 1,
		 .dir = ZC_TX,
		 .tcp_flags = ZC_TCP_SYN | ZC_TCP_FIN | ZC_TCP_RST | ZC_TCP_ACK,
		 .ack = 17},
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

static const struct recorder_options plain = {
	.wall_offset = WALL, .start = 900, .description = "zctrace --port 80"};

__attribute__((unused)) static void record(const struct log *l, const char *path,
					   const struct recorder_options *o)
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
__attribute__((unused)) static int drain(struct source *s)
{
	int n;

	log_reset(&in);
	while ((n = s->ops->poll(s, log_add, &in, 0)) > 0)
		;
	return n;
}

__attribute__((unused)) static void same_events(const struct log *a, const struct log *b,
						const char *what)
{
	is_u64(b->count, a->count, what);
	ok(a->used == b->used && !memcmp(a->data, b->data, a->used), "%s: octet by octet", what);
}

__attribute__((unused)) static size_t load(const char *path, uint8_t **data)
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

__attribute__((unused)) static struct source *open_path(const char *path, char *err, size_t errlen)
{
	struct bytes *b = bytes__open(path, &(struct bytes_options){0}, err, errlen);

	return b ? recording__open(b, err, errlen) : NULL;
}

#endif
