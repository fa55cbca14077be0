/*
 * test_hpack.c - the examples of RFC 7541 Appendix C, what must be refused, and joining late
 *
 * Joining late is checked against an encoder of our own, which picks representations at random and
 * records where every name and value came from. So for every decoder that joins at some block it is
 * known what it must resolve and what it cannot know.
 */
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>
#include "tests/unit/tap.h"
#include "parsers/http2/hpack.h"

static uint8_t scratch_mem[2 * HPACK_FIELD_MAX];

static struct hpack *make(uint32_t capacity, int from_start)
{
	return hpack_init(malloc(hpack_size(capacity)), capacity, from_start);
}

/* n octets that end at an unreadable page. */
static uint8_t *guarded(const uint8_t *p, size_t n)
{
	static uint8_t *page;
	size_t size = 65536;

	if (!page) {
		page = mmap(NULL, size + 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			    -1, 0);
		mprotect(page + size, 4096, PROT_NONE);
	}
	if (n)
		memcpy(page + size - n, p, n);
	return page + size - n;
}

static size_t unhex(const char *hex, uint8_t *out)
{
	size_t n = 0;

	for (; *hex; hex++) {
		if (*hex == ' ')
			continue;
		sscanf(hex, "%2hhx", &out[n++]);
		hex++;
	}
	return n;
}

static void field_text(const struct hpack_field *f, char *out, size_t *at, size_t cap)
{
	int n = 0;

	if (f->name.p)
		n += snprintf(out + *at, cap - *at, "%.*s", (int)f->name.n, f->name.p);
	else
		n += snprintf(out + *at, cap - *at, "(%lld)", (long long)f->name_id);
	if (f->flags & HPACK_NAME_INFERRED)
		n += snprintf(out + *at + n, cap - *at - (size_t)n, "?");
	n += snprintf(out + *at + n, cap - *at - (size_t)n, ": ");
	if (f->value.p)
		n += snprintf(out + *at + n, cap - *at - (size_t)n, "%.*s", (int)f->value.n,
			      f->value.p);
	else
		n += snprintf(out + *at + n, cap - *at - (size_t)n, "(%lld)", (long long)f->id);
	n += snprintf(out + *at + n, cap - *at - (size_t)n, "%s\n",
		      f->flags & HPACK_NEVER_INDEXED ? " !" : "");
	*at += (size_t)n;
}

/* Decodes one block; the text is "name: value\n"…, "BAD\n" or "MORE\n" at the end. */
static const char *decode(struct hpack *h, const uint8_t *p, size_t n)
{
	static char out[16384];
	struct hpack_scratch s = {scratch_mem, sizeof(scratch_mem), 0};
	struct hpack_field f;
	enum hpack_status st;
	size_t pos = 0, at = 0;

	p = guarded(p, n);
	out[0] = 0;
	while ((st = hpack_next(h, p, n, &pos, &s, &f)) == HPACK_FIELD)
		field_text(&f, out, &at, sizeof(out));
	if (st != HPACK_END)
		snprintf(out + at, sizeof(out) - at, "%s\n", st == HPACK_BAD ? "BAD" : "MORE");
	return out;
}

static const char *decode_hex(struct hpack *h, const char *hex)
{
	static uint8_t buf[4096];

	return decode(h, buf, unhex(hex, buf));
}

/* ---- Appendix C */

struct example {
	const char *name;
	const char *hex;
	const char *want;
	uint32_t octets; /* of the dynamic table afterwards */
};

#define DATE1 "Mon, 21 Oct 2013 20:13:21 GMT"
#define DATE2 "Mon, 21 Oct 2013 20:13:22 GMT"
#define COOKIE "foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1"
#define REQ1 ":method: GET\n:scheme: http\n:path: /\n:authority: www.example.com\n"
#define REQ3                                                                                       \
	":method: GET\n:scheme: https\n:path: /index.html\n:authority: www.example.com\n"          \
	"custom-key: custom-value\n"
#define RESP(status, date)                                                                         \
	":status: " status "\ncache-control: private\ndate: " date                                 \
	"\nlocation: https://www.example.com\n"
#define RESP3 RESP("200", DATE2) "content-encoding: gzip\nset-cookie: " COOKIE "\n"

static const struct example c2[] = {
	{"C.2.1", "400a637573746f6d2d6b65790d637573746f6d2d686561646572",
	 "custom-key: custom-header\n", 55},
	{"C.2.2", "040c2f73616d706c652f70617468", ":path: /sample/path\n", 0},
	{"C.2.3", "100870617373776f726406736563726574", "password: secret !\n", 0},
	{"C.2.4", "82", ":method: GET\n", 0},
};

static const struct example c3[] = {
	{"C.3.1", "828684410f7777772e6578616d706c652e636f6d", REQ1, 57},
	{"C.3.2", "828684be58086e6f2d6361636865", REQ1 "cache-control: no-cache\n", 110},
	{"C.3.3", "828785bf400a637573746f6d2d6b65790c637573746f6d2d76616c7565", REQ3, 164},
};

static const struct example c4[] = {
	{"C.4.1", "828684418cf1e3c2e5f23a6ba0ab90f4ff", REQ1, 57},
	{"C.4.2", "828684be5886a8eb10649cbf", REQ1 "cache-control: no-cache\n", 110},
	{"C.4.3", "828785bf408825a849e95ba97d7f8925a849e95bb8e8b4bf", REQ3, 164},
};

/* tables of 256 octets: the size update is ours */
static const struct example c5[] = {
	{"C.5.1",
	 "3fe101 4803333032580770726976617465611d4d6f6e2c203231204f637420323031332032303a31333a3231"
	 "20474d546e1768747470733a2f2f7777772e6578616d706c652e636f6d",
	 RESP("302", DATE1), 222},
	{"C.5.2", "4803333037c1c0bf", RESP("307", DATE1), 222},
	{"C.5.3",
	 "88c1611d4d6f6e2c203231204f637420323031332032303a31333a323220474d54c05a04677a69707738666f"
	 "6f3d4153444a4b48514b425a584f5157454f50495541585157454f49553b206d61782d6167653d333630303b"
	 "2076657273696f6e3d31",
	 RESP3, 215},
};

static const struct example c6[] = {
	{"C.6.1",
	 "3fe101 488264025885aec3771a4b6196d07abe941054d444a8200595040b8166e082a62d1bff6e919d29ad17"
	 "1863c78f0b97c8e9ae82ae43d3",
	 RESP("302", DATE1), 222},
	{"C.6.2", "4883640effc1c0bf", RESP("307", DATE1), 222},
	{"C.6.3",
	 "88c16196d07abe941054d444a8200595040b8166e084a62d1bffc05a839bd9ab77ad94e7821dd7f2e6c7b335"
	 "dfdfcd5b3960d5af27087f3672c1ab270fb5291f9587316065c003ed4ee5b1063d5007",
	 RESP3, 215},
};

static void run_examples(const struct example *e, size_t n, int fresh)
{
	struct hpack *h = make(4096, 1);
	uint8_t buf[512];

	for (size_t i = 0; i < n; i++) {
		size_t len = unhex(e[i].hex, buf);

		if (fresh) {
			free(h);
			h = make(4096, 1);
		}
		is_str(decode(h, buf, len), e[i].want, e[i].name);
		is_u64(hpack_octets(h), e[i].octets, e[i].name);
	}
	free(h);
}

static void test_examples(void)
{
	struct hpack *h = make(64, 1);

	/* C.1.2: 1337 with a prefix of five bits, as a size update */
	hpack_limit(h, 1337);
	is_str(decode_hex(h, "3f9a0a"), "", "C.1.2");
	is_u64(hpack_wanted(h), 1337, "C.1.2: the value");
	is_str(decode_hex(h, "3f9b0a"), "BAD\n", "one more is over the limit");
	free(h);
	run_examples(c2, 4, 1);
	run_examples(c3, 3, 0);
	run_examples(c4, 3, 0);
	run_examples(c5, 3, 0);
	run_examples(c6, 3, 0);
}

/* ---- what must be refused, and what must not */

static const struct {
	const char *name, *hex, *want;
} odd[] = {
	{"index 0", "80", "BAD\n"},
	{"nothing in the dynamic table", "be", "BAD\n"},
	{"name index of nothing", "7e0161", "BAD\n"},
	{"last static entry", "bd", "www-authenticate: \n"},
	{"size update within a block", "8220", ":method: GET\nBAD\n"},
	{"two size updates at the start", "203fe11f82", ":method: GET\n"},
	{"size update beyond the limit", "3fe21f", "BAD\n"},
	{"integer beyond 32 bits", "ffffffffff7f", "BAD\n"},
	{"integer of too many octets", "ff808080808000", "BAD\n"},
	{"integer that is just long", "ff8080808000", "BAD\n"}, /* index 127: not there */
	{"padded integer", "0f8000016182", "accept-charset: a\n:method: GET\n"},
	{"an evicted entry", "3f45 4001610162 4001610163 4001610164 bf c0",
	 "a: b\na: c\na: d\na: c\nBAD\n"},
	{"cut in an integer", "ff80", "MORE\n"},
	{"cut in a name", "40036162", "MORE\n"},
	{"cut before a value", "400161", "MORE\n"},
	{"empty value", "400161 00", "a: \n"},
	{"Huffman: padding of eight bits", "04821fff", "BAD\n"},
	{"Huffman: padding of zeros", "048118", "BAD\n"},
	{"Huffman: padding of three ones", "04811f", ":path: a\n"},
	{"Huffman: empty", "0480", ":path: \n"},
	{"Huffman: EOS", "0484fffffffc", "BAD\n"},
	{"Huffman: EOS with padding", "0484ffffffff", "BAD\n"},
	{"string longer than the block", "047fffffffff0761", "MORE\n"},
};

static void test_odd(void)
{
	for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
		struct hpack *h = make(4096, 1);

		is_str(decode_hex(h, odd[i].hex), odd[i].want, odd[i].name);
		free(h);
	}
}

/* A block cut at every offset gives the same fields, and a cut representation has no effect. */
static void test_cuts(void)
{
	uint8_t buf[512];
	size_t n = unhex(c6[0].hex, buf), bad = 0;

	for (size_t cut = 0; cut < n; cut++) {
		struct hpack_scratch s = {scratch_mem, sizeof(scratch_mem), 0};
		struct hpack *h = make(4096, 1);
		char out[1024] = "";
		size_t at = 0, pos = 0;
		struct hpack_field f;
		enum hpack_status st;

		while ((st = hpack_next(h, guarded(buf, cut), cut, &pos, &s, &f)) == HPACK_FIELD)
			field_text(&f, out, &at, sizeof(out));
		bad += st != HPACK_MORE && st != HPACK_END;
		while ((st = hpack_next(h, guarded(buf, n), n, &pos, &s, &f)) == HPACK_FIELD)
			field_text(&f, out, &at, sizeof(out));
		bad += st != HPACK_END || strcmp(out, c6[0].want) || hpack_octets(h) != 222;
		free(h);
	}
	is_u64(bad, 0, "a block cut at every offset");
}

static void test_late(void)
{
	struct hpack *h = make(4096, 0);

	is_str(decode_hex(h, "82bebf"), ":method: GET\n(-1): (-1)\n(-2): (-2)\n",
	       "unseen entries have an identity");
	is_str(decode_hex(h, "4403 2f6162 bebfc0"),
	       ":path: /ab\n:path: /ab\n(-1): (-1)\n(-2): (-2)\n",
	       "which stays the same while the table moves on");
	is_str(decode_hex(h, "7f000178 be"), "(-1): x\n(-1): x\n",
	       "a new entry with an unseen name has its value");
	is_str(decode_hex(h, "7e0179 be"), "(-1): y\n(-1): y\n", "an unseen name is handed on");
	hpack_learn_name(h, -1, 4);
	is_str(decode_hex(h, "bebfc0c1c2"),
	       ":path?: y\n:path?: x\n:path: /ab\n:path?: (-1)\n(-2): (-2)\n",
	       "a name learnt holds for all that took it");
	hpack_learn_name(h, -1, 5);
	is_str(decode_hex(h, "c1"), ":path?: (-1)\n", "the same name again is no contradiction");
	hpack_learn_name(h, -1, 1);
	is_str(decode_hex(h, "bec1"), "(-1): y\n(-1): (-1)\n", "contradictory names are none");
	hpack_learn_name(h, -1, 1);
	is_str(decode_hex(h, "c1"), "(-1): (-1)\n", "for good");
	hpack_learn_name(h, 0, 1);
	hpack_learn_name(h, -100000, 1);
	is_u64(hpack_epoch(h), 0, "first epoch");
	hpack_forget(h);
	is_u64(hpack_epoch(h), 1, "second epoch");
	is_str(decode_hex(h, "bebf"), "(-1): (-1)\n(-2): (-2)\n", "after a gap all is unseen");
	/* size update to 100: room for three entries of the smallest size */
	is_str(decode_hex(h, "3f45 bec0"), "(-1): (-1)\n(-3): (-3)\n",
	       "three may be left of 100 octets");
	is_str(decode_hex(h, "c1"), "BAD\n", "four cannot");
	hpack_forget(h);
	is_str(decode_hex(h, "3f45 4001610162 bebf"), "a: b\na: b\n(-1): (-1)\n",
	       "34 octets: two others fit");
	is_str(decode_hex(h, "c0"), "(-2): (-2)\n", "the second of them");
	is_str(decode_hex(h, "c1"), "BAD\n", "no third");
	is_str(decode_hex(h, "203f45 be"), "BAD\n", "a size update to 0 leaves nothing");
	free(h);
}

/* ---- an encoder of our own */

struct input {
	char name[24], value[96];
	int from; /* number of the entry that gave the name; -1: static or literal */
	uint32_t size;
};

struct encoder {
	struct input all[20000]; /* by number of insertion */
	int inserted, oldest;	  /* the table is [oldest, inserted) */
	uint32_t octets, max;
	uint8_t block[65536];
	size_t n;
};

/* What a field of the block is: literal parts have no source. */
struct expect {
	char name[24], value[96];
	int name_from, value_from;
};

static uint32_t seed = 1;

static uint32_t rnd(uint32_t n)
{
	seed = seed * 1664525u + 1013904223u;
	return (seed >> 8) % n;
}

static void put_int(struct encoder *e, uint8_t first, unsigned bits, uint32_t v)
{
	uint32_t mask = (1u << bits) - 1;

	if (v < mask) {
		e->block[e->n++] = (uint8_t)(first | v);
		return;
	}
	e->block[e->n++] = (uint8_t)(first | mask);
	for (v -= mask; v >= 128; v >>= 7)
		e->block[e->n++] = (uint8_t)(v | 0x80);
	e->block[e->n++] = (uint8_t)v;
}

static void put_str(struct encoder *e, const char *s)
{
	put_int(e, 0, 7, (uint32_t)strlen(s));
	memcpy(e->block + e->n, s, strlen(s));
	e->n += strlen(s);
}

static void shrink(struct encoder *e, uint32_t room)
{
	while (e->oldest < e->inserted && e->octets + room > e->max)
		e->octets -= e->all[e->oldest++].size;
}

static void put_update(struct encoder *e, uint32_t max)
{
	put_int(e, 0x20, 5, max);
	e->max = max;
	shrink(e, 0);
}

static void put_field(struct encoder *e, struct expect *x)
{
	int live = e->inserted - e->oldest, pick = -1;
	unsigned kind = rnd(10);
	struct input *o = &e->all[e->inserted];

	*x = (struct expect){.name_from = -1, .value_from = -1};
	if (live)
		pick = e->inserted - 1 - (int)rnd((uint32_t)live);
	if (kind < 5 && pick >= 0) {
		put_int(e, 0x80, 7, (uint32_t)(e->inserted - 1 - pick) + 62);
		strcpy(x->name, e->all[pick].name);
		strcpy(x->value, e->all[pick].value);
		x->name_from = x->value_from = pick;
		return;
	}
	/* values up to 90 octets, so that small tables meet entries that are too large for them */
	snprintf(
		x->value, sizeof(x->value), "%u%.*s", rnd(100000), (int)rnd(rnd(8) ? 10 : 80),
		"////////////////////////////////////////////////////////////////////////////////");
	if (!rnd(3))
		pick = -1;
	put_int(e, kind < 9 ? 0x40 : 0x10, kind < 9 ? 6 : 4,
		pick >= 0 ? (uint32_t)(e->inserted - 1 - pick) + 62 : 0);
	if (pick >= 0) {
		strcpy(x->name, e->all[pick].name);
		x->name_from = pick;
	} else {
		snprintf(x->name, sizeof(x->name), "n%u", rnd(1000));
		put_str(e, x->name);
	}
	put_str(e, x->value);
	if (kind == 9)
		return;
	strcpy(o->name, x->name);
	strcpy(o->value, x->value);
	o->from = x->name_from;
	o->size = 32 + (uint32_t)(strlen(o->name) + strlen(o->value));
	shrink(e, o->size);
	e->inserted++;
	if (o->size > e->max) {
		e->oldest = e->inserted; /* section 4.4 */
		return;
	}
	e->octets += o->size;
}

/* Number of the entry before `join` that holds the name, or -1 when the name was seen. */
static int name_source(const struct encoder *e, int from, int join)
{
	while (from >= join)
		from = e->all[from].from;
	return from;
}

static int str_is(struct str s, const char *want)
{
	return s.p && s.n == strlen(want) && !memcmp(s.p, want, s.n);
}

/* Is f what a decoder that joined before insertion `join` must make of x? 0: yes. */
static int judge(const struct encoder *e, const struct hpack_field *f, const struct expect *x,
		 int join, int exact)
{
	int source = name_source(e, x->name_from, join);
	int unseen = x->value_from >= 0 && x->value_from < join;

	/* whatever is said must be right */
	if (f->name.p && !str_is(f->name, x->name))
		return 1;
	if (f->value.p && !str_is(f->value, x->value))
		return 1;
	if (!f->name.p != !!(f->flags & HPACK_NAME_UNSEEN))
		return 1;
	if (!f->value.p != !!(f->flags & HPACK_VALUE_UNSEEN))
		return 1;
	if (!f->value.p && f->id != x->value_from - join)
		return 1;
	if (!exact)
		return 0;
	if (source >= 0 ? f->name.p || f->name_id != source - join : !f->name.p)
		return 1;
	return unseen != !f->value.p;
}

#define BLOCKS 60

struct late_run {
	struct hpack *h[BLOCKS]; /* h[i] joined before block i */
	int join[BLOCKS];
	int exact;
	unsigned long fields, unseen, wrong;
};

static void decode_late(struct late_run *r, const struct encoder *e, int upto,
			const struct expect *x, int nx)
{
	for (int i = 0; i <= upto; i++) {
		struct hpack_scratch s = {scratch_mem, sizeof(scratch_mem), 0};
		enum hpack_status st;
		struct hpack_field f;
		size_t pos = 0;
		int k = 0;

		while ((st = hpack_next(r->h[i], e->block, e->n, &pos, &s, &f)) == HPACK_FIELD &&
		       k < nx) {
			r->wrong += (unsigned long)judge(e, &f, &x[k++], r->join[i], r->exact);
			r->fields++;
			r->unseen += !f.name.p || !f.value.p;
		}
		r->wrong += st != HPACK_END || k != nx;
		if (!i && r->exact &&
		    (hpack_octets(r->h[0]) != e->octets ||
		     (int)hpack_entries(r->h[0]) != e->inserted - e->oldest))
			r->wrong++;
	}
}

static void late_session(struct encoder *e, struct late_run *r, uint32_t capacity, int grow)
{
	static struct expect x[64];

	*e = (struct encoder){.max = 4096};
	for (int b = 0; b < BLOCKS; b++) {
		int nx = 1 + (int)rnd(12);

		e->n = 0;
		r->h[b] = make(capacity, !b);
		hpack_limit(r->h[b], 16384);
		r->join[b] = e->inserted;
		if (!rnd(8)) {
			if (!rnd(3))
				put_update(e, rnd(200));
			put_update(e, rnd(4) ? rnd(2000) : rnd(16384));
		}
		for (int i = 0; i < nx; i++)
			put_field(e, &x[i]);
		if (grow && b % 7 == 3)
			for (int i = 0; i <= b; i++) {
				uint32_t cap = capacity + (uint32_t)b * 256;
				struct hpack *old = r->h[i];

				r->h[i] = hpack_move(malloc(hpack_size(cap)), cap, old);
				free(old);
			}
		decode_late(r, e, b, x, nx);
	}
	for (int b = 0; b < BLOCKS; b++)
		free(r->h[b]);
}

static void test_late_everywhere(void)
{
	struct encoder *e = malloc(sizeof(*e));
	struct late_run r = {.exact = 1};

	for (int i = 0; i < 60; i++)
		late_session(e, &r, 16384, 0);
	is_u64(r.wrong, 0, "joined before every block: all that can be resolved is, nothing wrong");
	ok(r.unseen > r.fields / 100 && r.unseen < r.fields / 2,
	   "%lu fields, %lu with unseen parts", r.fields, r.unseen);
	r = (struct late_run){.exact = 1};
	for (int i = 0; i < 10; i++)
		late_session(e, &r, 16384, 1);
	is_u64(r.wrong, 0, "moved to other memory on the way");
	r = (struct late_run){.exact = 0};
	for (int i = 0; i < 20; i++)
		late_session(e, &r, 64 + rnd(600), i & 1);
	is_u64(r.wrong, 0, "less memory than the encoder's table: nothing wrong");
	ok(r.unseen > 0, "but some unseen (%lu of %lu)", r.unseen, r.fields);
	free(e);
}

/* A scratch that is too small leaves strings out, and later references to them are unseen. */
static void test_scratch(void)
{
	struct hpack_scratch s = {scratch_mem, 4, 0};
	struct hpack *h = make(4096, 1);
	struct hpack_field f;
	uint8_t buf[64];
	size_t n = unhex("448cf1e3c2e5f23a6ba0ab90f4ff", buf), pos = 0;

	ok(hpack_next(h, buf, n, &pos, &s, &f) == HPACK_FIELD && f.flags & HPACK_TOO_LONG &&
		   !f.value.p,
	   "no room: left out");
	is_u64(hpack_octets(h), 32 + 5 + 15, "but counted exactly");
	is_str(decode_hex(h, "be"), ":path: (0)\n", "and unseen from then on");
	free(h);
}

static void test_plausible(void)
{
	uint8_t buf[128];

	is_u64(hpack_plausible(buf, unhex(c4[0].hex, buf)), 2, "a request");
	is_u64(hpack_plausible(buf, unhex("bebf", buf)), 1, "nothing known");
	is_u64(hpack_plausible(buf, unhex("00073a6d6574686f6403474554", buf)), 2,
	       "the name of a pseudo-header field in full");
	is_u64(hpack_plausible(buf, unhex("0006746d6574686f6403474554", buf)), 0,
	       "another name, cut");
	is_u64(hpack_plausible(buf, unhex("8220", buf)), 0, "size update out of place");
	is_u64(hpack_plausible(buf, unhex("0484ffffffff", buf)), 0, "bad Huffman code");
	is_u64(hpack_plausible(buf, unhex("828684418cf1e3", buf)), 0, "cut");
	is_u64(hpack_plausible(buf, 0), 0, "empty");
}

int main(void)
{
	test_examples();
	test_odd();
	test_cuts();
	test_late();
	test_late_everywhere();
	test_scratch();
	test_plausible();
	return tap_done();
}
