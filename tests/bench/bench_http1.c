/*
 * bench_http1.c - what a head costs: nanoseconds per request head and per response head
 *
 * Build: cc -O2 -std=gnu11 -D_GNU_SOURCE -I. tests/bench/bench_http1.c build/o/libzctrace.a
 */
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "parsers/http1/http1.h"

#define ROUNDS 2000000u
#define TRIES 5

static const char small_request[] = "GET /index.html HTTP/1.1\r\nHost: localhost:8000\r\n\r\n";
static const char request[] =
	"GET /api/v1/orders/4711?expand=items HTTP/1.1\r\nHost: shop.example.org\r\n"
	"User-Agent: curl/8.5.0\r\nAccept: */*\r\nAccept-Encoding: gzip, br\r\n"
	"X-Request-Id: 5f2b7c1e\r\nConnection: keep-alive\r\n"
	"traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\r\n\r\n";
static const char response[] =
	"HTTP/1.1 200 OK\r\nServer: nginx/1.22.1\r\nDate: Mon, 08 Dec 2025 20:44:49 GMT\r\n"
	"Content-Type: application/json\r\nContent-Length: 0\r\nConnection: keep-alive\r\n"
	"ETag: \"65d4f1c2-26\"\r\n\r\n";

static double now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

/* Nanoseconds per message, the best of some tries; < 0 if it was not understood. */
static double measure(const char *head, size_t n, enum http1_kind kind)
{
	double best = 0;

	for (int i = 0; i < TRIES; i++) {
		double start = now_ns(), took;
		uint64_t seen = 0;
		struct http1 h;

		http1_init(&h, kind);
		for (unsigned k = 0; k < ROUNDS; k++) {
			struct http1_event ev;
			size_t used, more;

			http1_next(&h, (const uint8_t *)head, n, &used, &ev);
			seen += ev.head_len;
			http1_next(&h, (const uint8_t *)head + used, n - used, &more, &ev);
			seen += ev.type == HTTP1_EV_END;
		}
		took = (now_ns() - start) / ROUNDS;
		if (seen != (uint64_t)ROUNDS * (n + 1))
			return -1;
		if (!i || took < best)
			best = took;
	}
	return best;
}

int main(void)
{
	double s = measure(small_request, sizeof(small_request) - 1, HTTP1_REQUEST);
	double r = measure(request, sizeof(request) - 1, HTTP1_REQUEST);
	double a = measure(response, sizeof(response) - 1, HTTP1_RESPONSE);

	printf("http1: small request head (%zu bytes) %.0f ns, request head (%zu) %.0f ns, "
	       "response head (%zu) %.0f ns\n",
	       sizeof(small_request) - 1, s, sizeof(request) - 1, r, sizeof(response) - 1, a);
	return s < 0 || r < 0 || a < 0;
}
