/*
 * Names within HTTP: a request and, behind a NUL, its response, each with head and content.
 * Whatever comes, however it is cut, the same is told, and it is bounded.
 */
#include "tests/unit/names_feed.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define LOG_MAX 4096u

static void content(struct names *n, int which, struct str s, size_t step)
{
	for (size_t i = 0; i < s.n; i += step)
		give(n, which, (struct str){s.p + i, step < s.n - i ? step : s.n - i});
}

/* step: how much comes at a time; lost: so much of each content is missing first. */
static void run(struct str request, struct str response, size_t step, size_t lost, char *log)
{
	struct names *n = malloc(sizeof(*n));
	struct names_head h = {0};

	if (!n)
		abort();
	*log = '\0';
	head_of(&request, &h);
	if (names_begin(n, UINT32_MAX, &h)) {
		if (lost && request.n > lost) {
			names_gap(n, 0);
			request = (struct str){request.p + lost, request.n - lost};
		}
		content(n, 0, request, step);
		if (response.n) {
			head_of(&response, &h);
			names_response(n, &h);
			content(n, 1, response, step);
		}
		names_log(n, log, LOG_MAX);
	}
	free(n);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 2), whole[LOG_MAX], cut[LOG_MAX];
	struct str request, response = {NULL, 0};
	const char *nul;

	if (!text)
		abort();
	memcpy(text, data, size);
	memcpy(text + size, "\r\n", 2); /* a head may be all there is */
	nul = memchr(text, '\0', size);
	request = (struct str){text, nul ? (size_t)(nul - text) : size};
	if (nul)
		response = (struct str){nul + 1, size - request.n - 1};
	run(request, response, size + 1, 0, whole);
	for (size_t step = 1; step < 40; step = step * 3 + 1) {
		run(request, response, step, 0, cut);
		if (strcmp(whole, cut))
			abort();
	}
	run(request, response, 5, 7, cut);
	free(text);
	return 0;
}
