/*
 * scan.c - what tlsbin_scan finds in files, as text
 *
 * Usage: scan [-r TIMES] [-s LIB:FUNC=HEX]... FILE...
 * A line for each file, `file PATH RESULT MICROSECONDS` (the least of TIMES), then for each library
 * `lib NAME HOW|VERSION|MISSING` and for each point `point OFFSET FUNC IS_RETURN`.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "attach/tlsbin.h"

#define MAX_GIVEN 16

static struct tlsbin_given given[MAX_GIVEN];
static size_t ngiven;

static void add_given(char *arg)
{
	char *colon = strchr(arg, ':'), *equals = strrchr(arg, '=');

	if (!colon || !equals || ngiven == MAX_GIVEN)
		exit(2);
	*colon = *equals = 0;
	given[ngiven++] = (struct tlsbin_given){arg, colon + 1, strtoull(equals + 1, NULL, 16)};
}

static void print_libs(struct tlsbin *b, int n)
{
	for (int i = 0; i < n; i++) {
		printf("lib %s %s|%s|%s\n", tlsbin_lib_name(b[i].lib), b[i].how, b[i].version,
		       b[i].missing);
		for (size_t k = 0; k < b[i].npoints; k++)
			printf("point %llx %u %u\n", (unsigned long long)b[i].point[k].offset,
			       b[i].point[k].func, b[i].point[k].is_return);
	}
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static void scan(const char *path, int times)
{
	struct tlsbin b[TLSBIN_MAX];
	double least = 1e18;
	int n = 0, fd = open(path, O_RDONLY | O_CLOEXEC);

	for (int i = 0; i < times; i++) {
		double begun = now();

		for (int k = 0; k < n; k++)
			tlsbin_free(&b[k]);
		n = fd < 0 ? -errno : tlsbin_scan(fd, 1, given, ngiven, b);
		if (now() - begun < least)
			least = now() - begun;
	}
	printf("file %s %d %.0f\n", path, n, least);
	print_libs(b, n);
	for (int k = 0; k < n; k++)
		tlsbin_free(&b[k]);
	if (fd >= 0)
		close(fd);
}

int main(int argc, char **argv)
{
	int c, times = 1;

	while ((c = getopt(argc, argv, "r:s:")) != -1) {
		if (c == 'r')
			times = atoi(optarg);
		else if (c == 's')
			add_given(optarg);
		else
			return 2;
	}
	for (int i = optind; i < argc; i++)
		scan(argv[i], times);
	return 0;
}
