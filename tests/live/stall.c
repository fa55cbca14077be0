/* stall.c - how long is this process held up? stall LIBRARY
 *
 * Maps and unmaps a page all the time, for which it needs what is locked while code is patched. For
 * each line that it reads it tells the longest turn since the last one, in nanoseconds, without
 * what it waited for a processor.
 */
#include <dlfcn.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

static atomic_ullong longest;

static unsigned long long now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (unsigned long long)t.tv_sec * 1000000000ull + (unsigned long long)t.tv_nsec;
}

/* How long this thread has been ready without a processor. */
static unsigned long long waited(void)
{
	unsigned long long ran = 0, wait = 0;
	FILE *f = fopen("/proc/thread-self/schedstat", "r");

	if (f && fscanf(f, "%llu %llu", &ran, &wait) != 2)
		wait = 0;
	if (f)
		fclose(f);
	return wait;
}

static void *turn(void *arg)
{
	(void)arg;
	for (;;) {
		unsigned long long w = waited(), t = now(), took;
		char *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
			       0);

		if (p != MAP_FAILED) {
			memset(p, 1, 4096);
			munmap(p, 4096);
		}
		took = now() - t;
		w = waited() - w;
		took = took > w ? took - w : 0;
		if (took > longest)
			longest = took;
	}
	return NULL;
}

int main(int argc, char **argv)
{
	pthread_t thread;
	char line[16];

	if (argc != 2 || !dlopen(argv[1], RTLD_NOW) || pthread_create(&thread, NULL, turn, NULL))
		return 1;
	while (fgets(line, sizeof(line), stdin)) {
		printf("%llu\n", atomic_exchange(&longest, 0));
		fflush(stdout);
	}
	return 0;
}
