/*
 * tls_mask.c - records stay as they are: what is secret in them is encrypted
 */
#include <string.h>

#include "parsers/byte_order.h"
#include "parsers/tls/tls.h"
#include "parsers/tls/tls_protocol.h"

#define RECORD_HEAD 5u

struct mask { /* flat, for protocol_mask */
	uint8_t head[RECORD_HEAD];
	uint8_t nhead;
	uint32_t left; /* of the record */
};

static void mask_begin(void *state, enum sender from, unsigned flags)
{
	(void)from;
	(void)flags;
	memset(state, 0, sizeof(struct mask));
}

static int is_record(const uint8_t *head)
{
	return head[0] >= 20 && head[0] <= 24 && head[1] == 3 &&
	       be16(head + 3) <= TLS_MAX_RECORD;
}

static size_t mask_feed(void *state, struct mask_shared *both, uint8_t *p, size_t n)
{
	struct mask *k = state;
	size_t at = 0, len;

	(void)both;
	while (at < n) {
		if (k->left) {
			len = k->left < n - at ? k->left : n - at;
			k->left -= (uint32_t)len;
			at += len;
			continue;
		}
		k->head[k->nhead++] = p[at++];
		if (k->nhead < RECORD_HEAD)
			continue;
		k->nhead = 0;
		if (!is_record(k->head))
			return at > RECORD_HEAD ? at - RECORD_HEAD : 0;
		k->left = be16(k->head + 3);
	}
	return n;
}

static int mask_gap(void *state, struct mask_shared *both, uint64_t n)
{
	struct mask *k = state;

	(void)both;
	if (n > k->left)
		return 0;
	k->left -= (uint32_t)n;
	return 1;
}

const struct protocol_mask tls_mask = {
	.state_size = sizeof(struct mask),
	.begin = mask_begin,
	.feed = mask_feed,
	.gap = mask_gap,
};
