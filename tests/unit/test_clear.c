/* core/clear.h beside memset(): of all that is cleared so, and of odd sizes. */
#include "core/clear.h"
#include "core/engine_impl.h"
#include "tests/unit/tap.h"

#include <string.h>

#define SPACE 1024u

static uint32_t space[SPACE / 4];

static int is_cleared(size_t from, size_t n)
{
	const uint8_t *p = (const uint8_t *)space;

	for (size_t i = 0; i < SPACE; i++)
		if (p[i] != (i >= from && i < from + n ? 0 : 0xa5))
			return 0;
	return 1;
}

#define TRY(n)                                                                                     \
	do {                                                                                       \
		int all = 1;                                                                       \
		for (size_t from = 0; from <= 20; from += 4) {                                     \
			memset(space, 0xa5, SPACE);                                                \
			clear_words((char *)space + from, n);                                      \
			all &= is_cleared(from, n);                                                \
		}                                                                                  \
		ok(all, "%zu bytes are cleared, and no others", (size_t)(n));                      \
	} while (0)

int main(void)
{
	TRY(4);
	TRY(12);
	TRY(16);
	TRY(20);
	TRY(60);
	TRY(64);
	TRY(offsetof(struct exchange, text));
	TRY(sizeof(struct span));
	return tap_done();
}
