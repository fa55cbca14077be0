/* test_recording.c - recordings cut, damaged, joined, of another byte order or version */
#include "tests/unit/record_log.h"

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

int main(void)
{
	snprintf(tmp, sizeof(tmp), "/tmp/zctrace-test-recording-%d.pcapng", (int)getpid());
	test_cut_everywhere();
	test_damage();
	test_newer();
	test_joined();
	test_detect();
	test_other_order();
	test_invalid();
	unlink(tmp);
	return tap_done();
}
