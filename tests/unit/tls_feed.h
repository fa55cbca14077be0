/*
 * tls_feed.h - conversations for the tests of TLS: from a capture on Ethernet, or made up
 */
#ifndef ZC_TESTS_TLS_FEED_H
#define ZC_TESTS_TLS_FEED_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <stdint.h>

/* The hellos of RFC 8448 section 3, as records. */
__attribute__((unused)) static const char rfc8448_client[] =
	"16030100c4 010000c00303cb34ecb1e78163ba1c38c6dacb196a6dffa21a8d9912ec18a2ef6283024dece7"
	"000006130113031302010000910000000b0009000006736572766572ff01000100000a001400120"
	"01d0017001800190100010101020103010400230000003300260024001d002099381de560e4bd43d23d8e43"
	"5a7dbafeb3c06e51c13cae4d5413691e529aaf2c002b0003020304000d0020001e0403050306030203"
	"080408050806040105010601020104020502060202 02002d00020101001c00024001";
__attribute__((unused)) static const char rfc8448_server[] =
	"160303005a 020000560303a6af06a4121860dc5e6e60249cd34c95930c8ac5cb1434dac155772ed3e26928"
	"001301 00002e00330024001d0020c9828876112095fe66762bdbf7c672e156d6cc253b833df1dd69b1b04e"
	"751f0f002b00020304";

#define TALK_PIECES 128
#define TALK_OCTETS 16384

/* What one connection carried, in order; dir 0: from who spoke first, the client. */
struct talk {
	unsigned n;
	struct {
		unsigned dir, len;
		const uint8_t *p;
	} piece[TALK_PIECES];
	size_t used;
	uint8_t octets[TALK_OCTETS];
};

__attribute__((unused)) static void talk_add(struct talk *t, unsigned dir, const void *p, size_t n)
{
	if (t->n == TALK_PIECES || n > TALK_OCTETS - t->used)
		abort();
	memcpy(t->octets + t->used, p, n);
	t->piece[t->n].dir = dir;
	t->piece[t->n].len = (unsigned)n;
	t->piece[t->n++].p = t->octets + t->used;
	t->used += n;
}

/* A record whose content is of no interest. */
__attribute__((unused)) static void talk_record(struct talk *t, unsigned dir, unsigned type,
						unsigned len)
{
	uint8_t r[5 + 16640] = {(uint8_t)type, 3, 3, (uint8_t)(len >> 8), (uint8_t)len};

	memset(r + 5, type == 20 ? 1 : 0xa5, len);
	talk_add(t, dir, r, 5 + len);
}

/* Octets of text in hexadecimal digits; what is no digit is passed over. */
__attribute__((unused)) static size_t talk_hex(const char *s, uint8_t *out)
{
	size_t n = 0;

	for (; *s; s++) {
		unsigned v = (unsigned)(*s >= 'a' ? *s - 'a' + 10 : *s - '0');

		if (v > 15)
			continue;
		if (n % 2)
			out[n / 2] |= (uint8_t)v;
		else
			out[n / 2] = (uint8_t)(v << 4);
		n++;
	}
	return n / 2;
}

__attribute__((unused)) static uint32_t talk_le32(const uint8_t *p)
{
	return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

/*
 * The which-th connection of a capture of IPv4 on Ethernet without loss or retransmission, as the
 * loopback interface gives them. 0: there is none.
 */
__attribute__((unused)) static int talk_capture(struct talk *t, const char *path, unsigned which)
{
	static uint8_t file[1 << 18];
	FILE *f = fopen(path, "rb");
	size_t size = f ? fread(file, 1, sizeof(file), f) : 0, i = 24;
	uint16_t client[64];
	unsigned nclients = 0;

	memset(t, 0, sizeof(*t));
	if (f)
		fclose(f);
	while (i + 16 + 54 <= size) {
		const uint8_t *ip = file + i + 16 + 14, *tcp = ip + (ip[0] & 15) * 4;
		unsigned total = (unsigned)ip[2] << 8 | ip[3], k;
		const uint8_t *data = tcp + (tcp[12] >> 4) * 4;
		uint16_t from = (uint16_t)(tcp[0] << 8 | tcp[1]),
			 to = (uint16_t)(tcp[2] << 8 | tcp[3]);

		i += 16 + talk_le32(file + i + 8);
		if ((tcp[13] & 0x12) == 2 && nclients < 64) /* SYN, not ACK */
			client[nclients++] = from;
		for (k = 0; k < nclients; k++)
			if (k == which && (client[k] == from || client[k] == to) &&
			    data < ip + total)
				talk_add(t, client[k] != from, data, (size_t)(ip + total - data));
	}
	return t->n != 0;
}

#endif
