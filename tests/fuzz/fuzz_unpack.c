/* Any bytes as compressed data, handed over in pieces: it ends, and the pieces do not matter. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/unpack.h"

#define MADE_MAX (1u << 16) /* of what a few bytes may become, this much is looked at */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Unpacks in pieces of at most `in` and `out` bytes. Returns how many came out. */
static size_t unpack(const uint8_t *p, size_t n, size_t in, size_t out, uint8_t *made)
{
	struct unpack *u = unpack__new(p, n);
	const char *wrong = NULL;
	size_t total = 0;

	while (u && !wrong && total < MADE_MAX) {
		size_t used = n < in ? n : in, had = used;
		size_t some = MADE_MAX - total < out ? MADE_MAX - total : out, room = some;

		wrong = unpack__run(u, p, &used, made + total, &some);
		if (used > had || some > room)
			abort();
		p += used;
		n -= used;
		total += some;
		if (!some && !n)
			break;
		if (!some && !used && !wrong)
			abort(); /* it would never end */
	}
	unpack__free(u);
	return total;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t whole[MADE_MAX], pieces[MADE_MAX];
	size_t a, b, in, out;

	if (size < 6)
		return 0;
	in = 1 + data[0] % 64;
	out = 1 + data[1];
	data += 2;
	size -= 2;
	a = unpack(data, size, size, MADE_MAX, whole);
	b = unpack(data, size, in, out, pieces);
	/* of damaged data, more or less may have come out before the damage is met */
	if (memcmp(whole, pieces, a < b ? a : b))
		abort();
	return 0;
}
