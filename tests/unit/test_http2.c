/*
 * test_http2.c - frames, field blocks, gaps, late starts, windows
 */
#include "tests/unit/tap.h"
#include "tests/unit/h2_log.h"

#define CLIENT 0
#define SERVER 1

struct bytes {
	uint8_t p[400000];
	size_t n;
};

static void put(struct bytes *b, const void *p, size_t n)
{
	memcpy(b->p + b->n, p, n);
	b->n += n;
}

static void put_hex(struct bytes *b, const char *hex)
{
	for (; *hex; hex++) {
		if (*hex == ' ')
			continue;
		sscanf(hex, "%2hhx", &b->p[b->n++]);
		hex++;
	}
}

static void frame_head(struct bytes *b, size_t length, unsigned type, unsigned flags,
		       uint32_t stream)
{
	uint8_t head[9] = {
		(uint8_t)(length >> 16), (uint8_t)(length >> 8), (uint8_t)length,
		(uint8_t)type,		 (uint8_t)flags,	 (uint8_t)(stream >> 24),
		(uint8_t)(stream >> 16), (uint8_t)(stream >> 8), (uint8_t)stream,
	};

	put(b, head, 9);
}

static void frame(struct bytes *b, unsigned type, unsigned flags, uint32_t stream, const char *hex)
{
	static struct bytes payload;

	payload.n = 0;
	put_hex(&payload, hex);
	frame_head(b, payload.n, type, flags, stream);
	put(b, payload.p, payload.n);
}

/* Content that has nothing of a frame in it. */
static void data(struct bytes *b, unsigned flags, uint32_t stream, size_t n)
{
	frame_head(b, n, 0, flags, stream);
	memset(b->p + b->n, 'x', n);
	b->n += n;
}

enum { DATA, HEADERS, PRIORITY, RST, SETTINGS, PUSH, PING, GOAWAY, WINDOW, CONT };
#define ES 0x1
#define EH 0x4
#define PADDED 0x8
#define PRIO 0x20

static struct http2 *make(unsigned client, int from_start)
{
	return http2_init(malloc(http2_size(4096)), 4096, client, from_start);
}

static void log_reset(struct h2_log *l)
{
	free(l->text);
	*l = (struct h2_log){0};
	h2_print(l, "%s", "");
}

/* ---- one connection with everything in it */

static void script_client(struct bytes *b)
{
	b->n = 0;
	put(b, HTTP2_PREFACE, 24);
	frame(b, SETTINGS, 0, 0, "0001 00001000 0004 00010000 0008 00000001");
	frame(b, SETTINGS, ES, 0, "");
	/* C.3.1, with priority and padding */
	frame(b, HEADERS, ES | EH | PADDED | PRIO, 1,
	      "03 00000000 10 828684410f7777772e6578616d706c652e636f6d 000000");
	/* C.3.2 in three frames, one of them empty, cut within a name */
	frame(b, HEADERS, PADDED, 3, "02 828684be 0000");
	frame(b, CONT, 0, 3, "");
	frame(b, CONT, EH, 3, "58086e6f2d6361636865");
	frame(b, PRIORITY, 0, 5, "00000003 ff");
	frame(b, DATA, PADDED, 3, "04 68656c6c6f 00000000");
	frame(b, DATA, 0, 3, "776f726c64");
	frame(b, 0xfa, 0xff, 77, "0102030405");		     /* unknown: ignored */
	frame(b, HEADERS, ES | EH, 3, "40 03 782d74 01 31"); /* trailers x-t: 1 */
	frame(b, PING, 0, 0, "0102030405060708");
	frame(b, WINDOW, 0, 0, "00010000");
	frame(b, RST, 0, 5, "00000008");
	/* extended CONNECT: CONNECT, :protocol */
	frame(b, HEADERS, EH, 7,
	      "02 07 434f4e4e454354 00 09 3a70726f746f636f6c 09 776562736f636b6574 86 84");
}

#define SCRIPT_CLIENT                                                                              \
	"0 PREFACE\n0 SETTINGS 1=4096 4=65536 8=1\n0 SETTINGS ack\n"                               \
	"1 HEADERS request end wire=38\n"                                                          \
	"  :method = GET\n  :scheme = http\n  :path = /\n  :authority = www.example.com\n"         \
	"3 HEADERS request wire=44\n"                                                              \
	"  :method = GET\n  :scheme = http\n  :path = /\n  :authority = www.example.com\n"         \
	"  cache-control = no-cache\n"                                                             \
	"3 DATA 5 wire=19 charged=10\n3 DATA 5 wire=14 charged=5\n"                                \
	"3 HEADERS trailers end wire=16\n  x-t = 1\n"                                              \
	"0 PING 102030405060708\n0 WINDOW_UPDATE 65536\n5 RST_STREAM CANCEL\n"                     \
	"7 HEADERS request wire=41\n"                                                              \
	"  :method = CONNECT\n  :protocol = websocket\n  :scheme = http\n  :path = /\n"

static void script_server(struct bytes *b)
{
	b->n = 0;
	frame(b, SETTINGS, 0, 0, "0003 00000064");
	frame(b, SETTINGS, ES, 0, "");
	frame(b, HEADERS, EH, 1, "48 03 313033 40 04 6c696e6b 01 78"); /* 103 */
	frame(b, PUSH, EH | PADDED, 1, "01 00000002 828684 00");
	frame(b, HEADERS, EH, 1, "88");
	frame(b, DATA, PADDED, 1, "02 0000"); /* padding alone */
	frame(b, DATA, 0, 1, "");
	data(b, 0, 1, 300);
	frame(b, HEADERS, EH, 2, "8d");
	data(b, ES | PADDED, 2, 120 + 1);
	frame(b, HEADERS, ES | EH, 1, "40 0b 677270632d737461747573 01 30"); /* grpc-status: 0 */
	frame(b, PING, ES, 0, "0102030405060708");
	frame(b, GOAWAY, 0, 0, "00000007 00000002 64656275670a");
}

/* the padding of the last one is 'x' = 120 octets, all that is there */
#define SCRIPT_SERVER                                                                              \
	"0 SETTINGS 3=100\n0 SETTINGS ack\n"                                                       \
	"1 HEADERS response status=103 interim wire=22\n  :status = 103\n  link = x\n"             \
	"1 PUSH_PROMISE request promised=2 wire=18\n"                                              \
	"  :method = GET\n  :scheme = http\n  :path = /\n"                                         \
	"1 HEADERS response status=200 wire=10\n  :status = 200\n"                                 \
	"1 DATA 0 wire=12 charged=3\n1 DATA 0 wire=9 charged=0\n1 DATA 300 wire=309 charged=300\n" \
	"2 HEADERS response status=404 wire=10\n  :status = 404\n"                                 \
	"2 DATA 0 wire=130 charged=121 end\n"                                                      \
	"1 HEADERS trailers end wire=24\n  grpc-status = 0\n"                                      \
	"0 PING 102030405060708 ack\n0 GOAWAY INTERNAL_ERROR last=7\n"

static void test_script(void)
{
	static struct bytes c, s;
	struct h2_log l = {0};
	struct http2 *h = make(HTTP2_NO_DIR, 1);

	script_client(&c);
	script_server(&s);
	log_reset(&l);
	is_u64(h2_feed(h, CLIENT, c.p, c.n, &l), c.n, "client: all consumed");
	is_str(l.text, SCRIPT_CLIENT, "client: events");
	is_u64(http2_client(h), CLIENT, "the preface tells the client's direction");
	log_reset(&l);
	is_u64(h2_feed(h, SERVER, s.p, s.n, &l), s.n, "server: all consumed");
	is_str(l.text, SCRIPT_SERVER, "server: events");
	free(h);
	free(l.text);
}

/* Feeds the direction in pieces whose sizes step() tells; the octets not consumed come again. */
static void feed_pieces(struct http2 *h, unsigned dir, const struct bytes *b, size_t first,
			size_t each, struct h2_log *l)
{
	size_t at = 0, there = first;

	for (;;) {
		size_t used = h2_feed(h, dir, b->p + at, there - at, l);

		if (used == SIZE_MAX)
			return;
		at += used;
		if (there == b->n)
			return;
		there = there + each > b->n ? b->n : there + each;
	}
}

static void cut_everywhere(const char *name, unsigned dir, int from_start, const struct bytes *b,
			   const char *want)
{
	struct h2_log l = {0};
	size_t bad = 0;

	for (size_t cut = 0; cut <= b->n; cut++) {
		struct http2 *h = make(CLIENT, from_start);

		log_reset(&l);
		feed_pieces(h, dir, b, cut, b->n, &l);
		bad += !!strcmp(l.text, want);
		free(h);
	}
	if (!is_u64(bad, 0, name))
		printf("# last got:\n%s# want:\n%s", l.text, want);
	for (size_t each = 1; each < 12; each++) {
		struct http2 *h = make(CLIENT, from_start);

		log_reset(&l);
		feed_pieces(h, dir, b, 0, each, &l);
		bad += !!strcmp(l.text, want);
		free(h);
	}
	is_u64(bad, 0, "  and in small pieces");
	free(l.text);
}

static void test_cuts(void)
{
	static struct bytes b;

	script_client(&b);
	cut_everywhere("client: cut at every offset", CLIENT, 1, &b, SCRIPT_CLIENT);
	script_server(&b);
	cut_everywhere("server: cut at every offset", SERVER, 1, &b, SCRIPT_SERVER);
}

/* ---- joined late */

static void test_late(void)
{
	static struct bytes b;
	struct h2_log l = {0};
	struct http2 *h = make(CLIENT, 0);
	const char *want;

	b.n = 0;
	data(&b, 0, 9, 50);
	b.n = 0; /* joined inside it: the content's tail, then frames */
	put(&b, "xxxxxxxxxxxxxxxxxxxx\0\0\0xx\0\0\1\0", 29);
	frame(&b, WINDOW, 0, 0, "00001000");
	frame(&b, HEADERS, ES | EH, 11, "82 86 bf be c1");
	frame(&b, HEADERS, ES | EH, 13, "82 86 bf 44 02 2f61 c1");
	frame(&b, HEADERS, ES | EH, 15, "82 86 c0 bf c2");
	frame(&b, HEADERS, ES | EH, 17, "82 86 c0 be c2");
	frame(&b, HEADERS, EH, 19, "83 86 7e 02 2f62");
	frame(&b, HEADERS, ES | EH, 19, "c4");
	frame(&b, HEADERS, ES | EH, 21, "82 86 84 c5");
	want = "skipped 29\n0 WINDOW_UPDATE 4096\n"
	       /* authority or path, which? */
	       "11 HEADERS request end wire=14 path-key\n  :method = GET\n  :scheme = http\n"
	       "  (-2) = (-2)\n  (-1) = (-1)\n  (-4) = (-4)\n"
	       /* a path literal after -2: so -2 is the authority */
	       "13 HEADERS request end wire=17\n  :method = GET\n  :scheme = http\n"
	       "  :authority? = (-2)\n  :path = /a\n  (-3) = (-3)\n"
	       /* now -1 can only be the path */
	       "15 HEADERS request end wire=14 path-key\n  :method = GET\n  :scheme = http\n"
	       "  :authority? = (-2)\n  :path? = (-1)\n  (-4) = (-4)\n"
	       "17 HEADERS request end wire=14\n  :method = GET\n  :scheme = http\n"
	       "  :authority? = (-2)\n  :path = /a\n  (-4) = (-4)\n"
	       "19 HEADERS request wire=15\n  :method = POST\n  :scheme = http\n  :path = /b\n"
	       "19 HEADERS ambiguous end wire=10\n  (-5) = (-5)\n"
	       /* may be the authority or anything regular */
	       "21 HEADERS request end wire=13\n  :method = GET\n  :scheme = http\n  :path = /\n"
	       "  (-6) = (-6)\n";
	log_reset(&l);
	h2_feed(h, CLIENT, b.p, b.n, &l);
	is_str(l.text, want, "joined late");
	free(h);
	cut_everywhere("joined late: cut at every offset", CLIENT, 0, &b, want);
	free(l.text);
}

/* Two places could be where frames begin: the one that is certain first counts. */
static void test_rivals(void)
{
	static struct bytes b;

	b.n = 0;
	frame_head(&b, 40, DATA, 0, 1);
	frame(&b, HEADERS, ES | EH, 3, "82 86 84");
	data(&b, 0, 1, 19);
	for (int i = 0; i < 3; i++)
		frame(&b, WINDOW, 0, 0, "00000001");
	cut_everywhere("rivals: cut at every offset", CLIENT, 0, &b,
		       "skipped 9\n3 HEADERS request end wire=12\n"
		       "  :method = GET\n  :scheme = http\n  :path = /\n"
		       "1 DATA 19 wire=28 charged=19\n0 WINDOW_UPDATE 1\n0 WINDOW_UPDATE 1\n"
		       "0 WINDOW_UPDATE 1\n");
}

static void test_classify(void)
{
	static struct bytes b;
	struct http2 *h = make(HTTP2_NO_DIR, 0);
	struct http2_event ev;
	uint64_t key;
	size_t used;

	b.n = 0;
	frame(&b, PING, 0, 0, "0000000000000000");
	frame(&b, WINDOW, 0, 0, "00001000");
	frame(&b, HEADERS, ES | EH, 1, "be");
	http2_next(h, 0, b.p, b.n, &h2_scratch, &used, &ev);
	http2_next(h, 0, b.p + 17, b.n - 17, &h2_scratch, &used, &ev);
	http2_next(h, 0, b.p + 30, b.n - 30, &h2_scratch, &used, &ev);
	ok(ev.type == HTTP2_EV_HEADERS && ev.kind == HTTP2_AMBIGUOUS, "trailers or response?");
	http2_classify(h, &ev, HTTP2_RESPONSE);
	ok(ev.kind == HTTP2_RESPONSE && !ev.status && ev.fields[0].flags & HPACK_NAME_INFERRED,
	   "a response, says the caller: its first field is :status");
	is_u64(http2_client(h), 1, "and the other end is the client");
	/* two unseen paths have two keys, one path has one */
	b.n = 0;
	frame(&b, HEADERS, ES | EH, 1, "82 86 41 01 61 bf");
	frame(&b, HEADERS, ES | EH, 3, "82 86 be c0");
	frame(&b, HEADERS, ES | EH, 5, "82 86 be bf");
	http2_next(h, 1, b.p, b.n, &h2_scratch, &used, &ev);
	key = ev.path_key;
	ok(key && !ev.path.p && ev.authority.n == 1, "an unseen path");
	http2_next(h, 1, b.p + 15, b.n - 15, &h2_scratch, &used, &ev);
	ok(ev.path_key && ev.path_key != key, "another one");
	http2_next(h, 1, b.p + 28, b.n - 28, &h2_scratch, &used, &ev);
	is_u64(ev.path_key, key, "the first one again");
	free(h);
}

static void test_probe(void)
{
	static struct bytes b;

	script_client(&b);
	is_u64(http2_probe(b.p, 24, 0), PROBE_YES, "the preface");
	is_u64(http2_probe(b.p, 10, 0), PROBE_MORE, "a part of it");
	is_u64(http2_probe((const uint8_t *)"PUT / HTTP/1.1\r\n", 16, 1), PROBE_NO, "HTTP/1.1");
	is_u64(http2_probe(b.p, 0, 1), PROBE_MORE, "nothing");
	script_server(&b);
	is_u64(http2_probe(b.p, 9, 1), PROBE_YES, "the server's first SETTINGS");
	is_u64(http2_probe(b.p, 9, 0), PROBE_MORE, "is not enough in the middle");
	b.n = 0;
	frame(&b, HEADERS, ES | EH, 11, "82 86 bf be c1");
	is_u64(http2_probe(b.p, b.n, 0), PROBE_YES, "a request by itself");
	is_u64(http2_probe(b.p, b.n - 1, 0), PROBE_MORE, "cut");
	b.n = 0;
	frame(&b, HEADERS, ES | EH, 11, "828680");
	is_u64(http2_probe(b.p, b.n, 0), PROBE_NO, "HEADERS with a bad block");
	b.n = 0;
	data(&b, 0, 1, 10);
	data(&b, 0, 3, 10);
	is_u64(http2_probe(b.p, b.n, 0), PROBE_MORE, "two frames of DATA");
	data(&b, 0, 0, 10);
	is_u64(http2_probe(b.p, b.n, 0), PROBE_NO, "and one with stream 0");
	memset(b.p, 0, 1000);
	is_u64(http2_probe(b.p, 1000, 1), PROBE_NO, "zeros");
	b.n = 0;
	for (int i = 0; i < 40; i++)
		put_hex(&b, "00000004 01000000 00000005 0100000001 00000004 02000000");
	is_u64(http2_probe(b.p, b.n, 0), PROBE_NO, "records with a length of four octets");
}

/* Octets that are no HTTP/2 must not be taken for it. */
static void test_noise(void)
{
	static struct bytes b;
	struct h2_log l = {0};
	uint32_t seed = 1, yes = 0;

	for (int round = 0; round < 40; round++) {
		struct http2 *h = make(HTTP2_NO_DIR, 0);

		b.n = 0;
		while (b.n < 60000) {
			seed = seed * 1664525u + 1013904223u;
			/* many zeros and small numbers, as in binary protocols */
			b.p[b.n++] =
				round & 1
					? (uint8_t)(seed >> 24)
					: (uint8_t)((seed >> 24) & (seed >> 16) & (seed >> 8) & 15);
		}
		log_reset(&l);
		h2_feed(h, 0, b.p, b.n, &l);
		yes += !http2_is_lost(h, 0);
		free(h);
	}
	is_u64(yes, 0, "noise is not taken for frames");
	free(l.text);
}

/* ---- gaps */

/* Script with octets [from, to) missing. */
static const char *with_gap(struct h2_log *l, unsigned dir, const struct bytes *b, size_t from,
			    size_t to)
{
	struct http2 *h = make(CLIENT, 1);
	size_t at;

	log_reset(l);
	at = h2_feed(h, dir, b->p, from, l);
	h2_gap(h, dir, b->p + at, from - at, to - from, l);
	h2_feed(h, dir, b->p + to, b->n - to, l);
	h2_flush_skipped(l);
	free(h);
	return l->text;
}

static void test_gaps(void)
{
	static struct bytes b;
	struct h2_log l = {0};
	size_t at;

	b.n = 0;
	frame(&b, SETTINGS, 0, 0, "");
	frame(&b, HEADERS, EH, 1, "88 5f 03 612f62");
	at = b.n;
	data(&b, 0, 1, 1000);
	frame(&b, HEADERS, ES | EH, 1, "40 01 61 01 62");
	frame(&b, HEADERS, ES | EH, 3, "88 be bf");
	is_str(with_gap(&l, SERVER, &b, at + 9, at + 1009),
	       "0 SETTINGS\n1 HEADERS response status=200 wire=15\n  :status = 200\n"
	       "  content-type = a/b\n"
	       "1 DATA 1000 wire=1009 charged=1000 gap=1000\n"
	       "1 HEADERS trailers end wire=14\n  a = b\n"
	       "3 HEADERS response status=200 end wire=12\n  :status = 200\n  a = b\n"
	       "  content-type = a/b\n",
	       "content missing: harmless");
	is_str(with_gap(&l, SERVER, &b, at + 500, at + 1010),
	       "0 SETTINGS\n1 HEADERS response status=200 wire=15\n  :status = 200\n"
	       "  content-type = a/b\n1 DATA 1000 wire=1009 charged=1000 gap=509\n"
	       "0 LOST\nskipped 13\n"
	       "3 HEADERS response status=200 end wire=12\n  :status = 200\n  (-1) = (-1)\n"
	       "  (-2) = (-2)\n",
	       "one octet more: lost, found again, a new epoch");
	is_str(with_gap(&l, SERVER, &b, 9 + 11, 9 + 13),
	       "0 SETTINGS\n1 HEADERS response status=200 truncated wire=15\n  :status = 200\n"
	       "1 DATA 1000 wire=1009 charged=1000\n"
	       "1 HEADERS trailers end wire=14\n  a = b\n"
	       "3 HEADERS response status=200 end wire=12\n  :status = 200\n  a = b\n"
	       "  (-1) = (-1)\n",
	       "inside a field block: fields before it, boundaries kept");
	is_str(with_gap(&l, SERVER, &b, 4, 8),
	       "0 LOST\nskipped 1\n"
	       "1 HEADERS response status=200 wire=15\n  :status = 200\n  content-type = a/b\n"
	       "1 DATA 1000 wire=1009 charged=1000\n"
	       "1 HEADERS trailers end wire=14\n  a = b\n"
	       "3 HEADERS response status=200 end wire=12\n  :status = 200\n  a = b\n"
	       "  content-type = a/b\n",
	       "inside a head");

	b.n = 0;
	frame(&b, SETTINGS, 0, 0, "");
	frame(&b, HEADERS, EH, 1, "88 5f 03 612f62");
	at = b.n;
	frame(&b, DATA, PADDED, 1, "04 68656c6c6f 00000000");
	frame(&b, DATA, ES, 1, "68656c6c6f");
	is_str(with_gap(&l, SERVER, &b, at + 9, at + 12),
	       "0 SETTINGS\n1 HEADERS response status=200 wire=15\n  :status = 200\n"
	       "  content-type = a/b\n1 DATA 9 wire=19 charged=10 gap=2 padding-unseen\n"
	       "1 DATA 5 wire=14 charged=5 end\n",
	       "how much is padding is among it");
	free(l.text);
}

/* Any one gap anywhere: every name and value that is told was sent, on that stream. */
static void test_every_gap(void)
{
	static struct bytes b;
	struct h2_log l = {0};
	size_t bad = 0, runs = 0;

	b.n = 0;
	put(&b, HTTP2_PREFACE, 24);
	frame(&b, SETTINGS, 0, 0, "");
	for (unsigned i = 0; i < 9; i++) {
		char hex[64];

		/* stream 2i+1 asks for path /i, once as a literal and once from the table */
		snprintf(hex, sizeof(hex), "82 86 44 02 2f%02x 41 01 61", 0x61 + i);
		frame(&b, HEADERS, EH, 4 * i + 1, hex);
		data(&b, ES, 4 * i + 1, 20);
		frame(&b, HEADERS, ES | EH, 4 * i + 3, "82 86 bf be");
	}
	for (size_t from = 24; from < b.n; from++)
		for (size_t len = 1; len < 60 && from + len <= b.n; len++) {
			const char *text = with_gap(&l, CLIENT, &b, from, from + len), *line = text;
			unsigned stream = 0;
			char path;

			for (; line && *line; line = strchr(line, '\n'), line += !!line) {
				sscanf(line, "%u", &stream);
				if (sscanf(line, "  :path = /%c", &path) == 1)
					bad += (unsigned)(path - 'a') != stream / 4;
			}
			runs++;
		}
	ok(!bad, "%zu gaps: never a wrong path (%zu)", runs, bad);
	free(l.text);
}

/* ---- limits, and what is malformed */

static const struct {
	const char *name, *want;
	unsigned type, flags;
	const char *hex;
} malformed[] = {
	{"more padding than frame", "1 HEADERS ambiguous end not-decoded wire=12\n", HEADERS,
	 ES | EH | PADDED, "03 82 86"},
	{"bad block", "1 HEADERS request end not-decoded wire=11\n  :method = GET\n", HEADERS,
	 ES | EH, "82 80"},
	{"block that ends within a field",
	 "1 HEADERS request not-decoded wire=12\n  :method = GET\n", HEADERS, EH, "82 4401"},
	{"DATA with more padding than content", "1 DATA 0 wire=11 charged=2 end\n", DATA,
	 ES | PADDED, "ff 00"},
	{"PING of seven octets", "0 LOST\nskipped 16\n", PING, 0, "01020304050607"},
};

static void test_malformed(void)
{
	static struct bytes b;
	struct h2_log l = {0};
	char want[1024];

	for (size_t i = 0; i < sizeof(malformed) / sizeof(malformed[0]); i++) {
		struct http2 *h = make(CLIENT, 1);

		b.n = 0;
		put(&b, HTTP2_PREFACE, 24);
		frame(&b, malformed[i].type, malformed[i].flags, 1, malformed[i].hex);
		frame(&b, HEADERS, ES | EH, 3, "82 86 84");
		log_reset(&l);
		h2_feed(h, CLIENT, b.p, b.n, &l);
		snprintf(want, sizeof(want),
			 "0 PREFACE\n%s3 HEADERS request end wire=12\n"
			 "  :method = GET\n  :scheme = http\n  :path = /\n",
			 malformed[i].want);
		is_str(l.text, want, malformed[i].name);
		free(h);
	}
	free(l.text);
}

/* A block broken off by another frame, and CONTINUATION out of place. */
static void test_broken_chain(void)
{
	static struct bytes b;
	struct h2_log l = {0};
	const char *want =
		"0 PREFACE\n1 HEADERS ambiguous end not-decoded wire=11\n"
		"3 HEADERS request end wire=12\n  :method = GET\n  :scheme = http\n  :path = /\n"
		"5 HEADERS request end wire=12 path-key\n"
		"  :method = GET\n  :scheme = http\n  :path? = (-1)\n";

	b.n = 0;
	put(&b, HTTP2_PREFACE, 24);
	frame(&b, HEADERS, ES, 1, "82 86");
	frame(&b, HEADERS, ES | EH, 3, "82 86 84");
	frame(&b, CONT, EH, 3, "84");
	frame(&b, HEADERS, ES | EH, 5, "82 86 be");
	cut_everywhere("broken chains: cut at every offset", CLIENT, 1, &b, want);
	free(l.text);
}

static void test_limits(void)
{
	static struct bytes b;
	struct h2_log l = {0};
	struct http2 *h = make(CLIENT, 1);

	/* endless CONTINUATION */
	b.n = 0;
	put(&b, HTTP2_PREFACE, 24);
	frame(&b, HEADERS, 0, 1, "82");
	for (int i = 0; i < 20000; i++)
		frame(&b, CONT, 0, 1, "82");
	frame(&b, HEADERS, ES | EH, 3, "82 86 84");
	log_reset(&l);
	feed_pieces(h, CLIENT, &b, 0, 1000, &l);
	ok(!strncmp(l.text, "0 PREFACE\n1 HEADERS request not-decoded", 38),
	   "endless CONTINUATION");
	ok(strstr(l.text, "3 HEADERS request end wire=12\n"), "and the next stream");
	free(h);
	/* a bomb: one entry of 4,000 octets, 16,000 references */
	h = make(CLIENT, 1);
	b.n = 0;
	put(&b, HTTP2_PREFACE, 24);
	frame_head(&b, 1 + 2 + 3 + 4000, HEADERS, EH, 1);
	put_hex(&b, "40 0161 7fa11e");
	memset(b.p + b.n, 'v', 4000);
	b.n += 4000;
	frame_head(&b, 16000, HEADERS, EH | ES, 1);
	memset(b.p + b.n, 0xbe, 16000);
	b.n += 16000;
	log_reset(&l);
	h2_feed(h, CLIENT, b.p, b.n, &l);
	ok(strstr(l.text, " dropped wire=16009"), "a bomb is decoded, its list is cut");
	ok(l.n < 60000, "at its limit (%zu)", l.n);
	free(h);
	/* frames larger than was allowed */
	h = make(CLIENT, 1);
	b.n = 0;
	put(&b, HTTP2_PREFACE, 24);
	frame_head(&b, 16385, DATA, 0, 1);
	log_reset(&l);
	h2_feed(h, CLIENT, b.p, b.n, &l);
	is_str(l.text, "0 PREFACE\n0 LOST\n", "a frame too long: not where a frame begins");
	free(h);
	h = make(CLIENT, 1);
	h2_feed(h, SERVER, (const uint8_t *)"\0\0\6\4\0\0\0\0\0\0\5\0\0\200\0", 15, &l);
	log_reset(&l);
	h2_feed(h, CLIENT, b.p, b.n, &l);
	is_str(l.text, "0 PREFACE\n", "but allowed by the other end's SETTINGS_MAX_FRAME_SIZE");
	is_u64(http2_unneeded(h, CLIENT), 16385, "its content is not needed");
	free(h);
	h = make(CLIENT, 1);
	is_u64(h2_feed(h, CLIENT, (const uint8_t *)"GET / HTTP/1.1", 14, &l), SIZE_MAX,
	       "no preface");
	free(h);
	free(l.text);
}

/* ---- settings and windows */

static void feed_one(struct http2 *h, unsigned dir, const struct bytes *b, struct http2_event *last)
{
	size_t at = 0, used;

	for (;;) {
		struct http2_event ev;
		enum parse_status st =
			http2_next(h, dir, b->p + at, b->n - at, &h2_scratch, &used, &ev);

		at += used;
		if (st != PARSE_EVENT)
			return;
		*last = ev;
	}
}

static void test_flow(void)
{
	static struct bytes b;
	struct http2 *h = make(CLIENT, 1);
	struct http2_stall stall = {0};
	struct http2_event ev;
	struct http2_flow f;

	b.n = 0;
	put(&b, HTTP2_PREFACE, 24);
	frame(&b, SETTINGS, 0, 0, "0004 000003e8"); /* 1000 */
	frame(&b, HEADERS, ES | EH, 1, "82 86 84");
	feed_one(h, CLIENT, &b, &ev);
	http2_flow_open(h, &f);
	is_u64(http2_window(h, SERVER, &f), 65535, "initial window until acknowledged");
	b.n = 0;
	frame(&b, SETTINGS, 0, 0, "");
	frame(&b, SETTINGS, ES, 0, "");
	frame(&b, HEADERS, EH, 1, "88");
	feed_one(h, SERVER, &b, &ev);
	is_u64(http2_window(h, SERVER, &f), 1000, "afterwards the announced one");
	b.n = 0;
	data(&b, 0, 1, 999);
	feed_one(h, SERVER, &b, &ev);
	http2_flow_event(&f, &ev);
	is_u64(http2_blocked(h, SERVER, &f), 0, "one octet left");
	b.n = 0;
	data(&b, 0, 1, 1);
	feed_one(h, SERVER, &b, &ev);
	http2_flow_event(&f, &ev);
	is_u64(http2_blocked(h, SERVER, &f), 1, "none left");
	http2_stall(&stall, http2_blocked(h, SERVER, &f), 5000);
	http2_stall(&stall, http2_blocked(h, SERVER, &f), 6000);
	b.n = 0;
	frame(&b, WINDOW, 0, 1, "00010000");
	feed_one(h, CLIENT, &b, &ev);
	http2_flow_event(&f, &ev);
	is_u64(http2_window(h, SERVER, &f), 65536, "the stream's window is open");
	http2_stall(&stall, http2_blocked(h, SERVER, &f), 7500);
	is_u64(stall.total, 2500, "stood still from 5000 to 7500");
	is_u64(http2_window(h, SERVER, NULL), 64535, "the connection's window");
	for (int i = 0; i < 4; i++) {
		b.n = 0;
		data(&b, 0, 1, i < 3 ? 16384 : 64535 - 3 * 16384);
		feed_one(h, SERVER, &b, &ev);
		http2_flow_event(&f, &ev);
	}
	is_u64(http2_blocked(h, SERVER, &f), 1, "the connection's window blocks as well");
	b.n = 0;
	frame(&b, WINDOW, 0, 0, "00000001");
	feed_one(h, CLIENT, &b, &ev);
	is_u64(http2_blocked(h, SERVER, &f), 0, "until it is opened");
	http2_gap(h, SERVER, NULL, 0, 5, &h2_scratch, &(uint64_t){0}, &ev);
	ok(http2_blocked(h, SERVER, &f) == -1, "after a loss nothing is known");
	free(h);
	h = make(CLIENT, 1);
	is_u64(http2_upgraded(h, (struct str){"AAMAAABkAAQAAQAA", 16}), 0, "HTTP2-Settings");
	http2_flow_open(h, &f);
	is_u64(http2_window(h, SERVER, &f), 65536, "are in force at once");
	ok(http2_upgraded(h, (struct str){"AAMA*", 5}) == -1, "malformed");
	free(h);
}

/* The table moves to larger memory when the encoder's is larger. */
static void test_move(void)
{
	static struct bytes b;
	struct http2 *h = make(CLIENT, 1), *bigger;
	struct h2_log l = {0};

	b.n = 0;
	frame(&b, SETTINGS, 0, 0, "0001 00004000");
	h2_feed(h, SERVER, b.p, b.n, &l);
	b.n = 0;
	put(&b, HTTP2_PREFACE, 24);
	frame(&b, HEADERS, ES | EH, 1, "3fe17f 82 86 44 02 2f61");
	h2_feed(h, CLIENT, b.p, b.n, &l);
	is_u64(http2_wanted(h, CLIENT), 16384, "a larger table");
	bigger = http2_move(malloc(http2_size(16384)), 16384, h);
	free(h);
	is_u64(http2_wanted(bigger, CLIENT), 0, "moved");
	b.n = 0;
	frame(&b, HEADERS, ES | EH, 3, "82 86 be");
	log_reset(&l);
	h2_feed(bigger, CLIENT, b.p, b.n, &l);
	is_str(l.text,
	       "3 HEADERS request end wire=12\n  :method = GET\n  :scheme = http\n  :path = /a\n",
	       "and it goes on");
	free(bigger);
	free(l.text);
}

int main(void)
{
	test_script();
	test_cuts();
	test_late();
	test_rivals();
	test_classify();
	test_probe();
	test_noise();
	test_gaps();
	test_every_gap();
	test_malformed();
	test_broken_chain();
	test_limits();
	test_flow();
	test_move();
	return tap_done();
}
