/*
 * Filters: the first octet chooses what is known of a span, the rest is the expression. An
 * expression compiles or says where it is wrong; "not (…)" is the opposite unless it gave up.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/filter.h"
#include "parsers/http2/http2_protocol.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(int cond)
{
	if (!cond)
		abort();
}

static struct span make_span(unsigned seed)
{
	static const char text[] = "/api/v1/orders/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\0\xff!";
	struct span s = {
		.time_ns = 1765226689128844490u, .duration_ns = seed & 1 ? SPAN_UNKNOWN : seed,
		.inner_ns = 1000, .connect_ns = SPAN_UNKNOWN,
		.kind = seed & 2 ? SPAN_CLIENT : SPAN_SERVER,
		.protocol = &http2_protocol.name, .error = (enum span_error)(seed % 6),
		.incomplete = seed & 0x1ff,
		.status = seed & 4 ? 503 : 0, .tls = seed & 8 ? "openssl" : NULL,
		.has_addr = seed & 16 ? 1 : 0, .comm = seed & 32 ? "a" : NULL,
		.has_parent = seed & 64 ? 1 : 0,
	};

	if (seed & 128)
		s.path = (struct str){ text, sizeof(text) - 1 };
	return s;
}

static void check_error(FILE *null, const char *expr, const struct filter_error *err)
{
	check(err->offset <= strlen(expr) && err->length && err->message[0]);
	check(!strchr(err->message, '\n'));
	filter_error_print(null, expr, err);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	FILE *null = fopen("/dev/null", "w");
	struct span s = make_span(size ? data[0] : 0);
	struct filter *f, *opposite;
	struct filter_error err;
	char *expr, *negated;

	expr = size ? strndup((const char *)data + 1, size - 1) : strdup("");
	f = filter__new(expr, &err);
	if (!f)
		check_error(null, expr, &err);
	if (f && asprintf(&negated, "not (%s)", expr) > 0) {
		opposite = filter__new(negated, &err);
		if (opposite) { /* it may be too long or too deep now */
			int a = filter__match(f, &s), b = filter__match(opposite, &s);

			check(a == !b || filter__given_up(f));
			check(a == filter__match(f, &s));
		}
		filter__free(opposite);
		free(negated);
	}
	filter__free(f);
	free(expr);
	fclose(null);
	return 0;
}
