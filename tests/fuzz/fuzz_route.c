/*
 * Routes: the input's lines are patterns while they begin with '+', then paths. Whatever comes,
 * a route is bounded and the same from the cache as without.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/route.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(int cond)
{
	if (!cond)
		abort();
}

static void look_up(struct routes *r, struct routes *cold, const char *p, size_t n)
{
	char *exact = malloc(n ? n : 1);
	struct str path = { exact, n }, a, b, c;

	memcpy(exact, p, n);
	a = routes__of(r, path);
	b = routes__of(r, path);
	c = routes__of(cold, path);
	check(a.p == b.p && a.n == b.n);
	check(a.n <= ROUTE_MAX && a.p[a.n] == '\0');
	check(a.n == c.n && !memcmp(a.p, c.p, a.n));
	free(exact);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *p = (const char *)data, *end = p + size, *line;
	enum route_mode mode = size ? (enum route_mode)(data[0] % 3) : ROUTE_HEURISTIC;
	struct routes *r = routes__new(mode, 0), *cold = routes__new(mode, 0);
	struct route_error err;

	for (; p < end; p = line + 1) {
		size_t n;

		line = memchr(p, '\n', (size_t)(end - p));
		if (!line)
			line = end;
		n = (size_t)(line - p);
		if (n && *p == '+') {
			char *text = strndup(p + 1, n - 1);

			if (routes__add(r, text, &err))
				check(err.offset <= strlen(text) && err.message[0]);
			else
				check(!routes__add(cold, text, &err));
			free(text);
		} else {
			look_up(r, cold, p, n);
		}
	}
	routes__free(r);
	routes__free(cold);
	return 0;
}
