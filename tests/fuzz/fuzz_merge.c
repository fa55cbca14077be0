/*
 * fuzz_merge.c - any octets as two recordings that are merged and traced
 *
 * The first two octets say how long the first file is; the rest is the second. What is handed out
 * keeps the promises of source.h, files and streams stay apart, and the engine survives it.
 */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "core/engine.h"
#include "core/merge.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void no_note(void *ctx, const char *name, const char *text)
{
	(void)ctx;
	if (!name[0] || !text[0])
		abort();
}

static void on_event(void *ctx, const struct zc_ev *ev)
{
	const struct zc_ev_plain *p = (const void *)ev;
	const struct zc_ev_bind *t = (const void *)ev;
	int of_stream =
		ev->kind == ZC_EV_PLAIN || ev->kind == ZC_EV_BIND || ev->kind == ZC_EV_FAULT;

	if ((uintptr_t)ev % 8 || ev->size < sizeof(*ev))
		abort();
	if (of_stream != !!(ev->conn & ZC_TLS_STREAM) && ev->kind != ZC_EV_CLOSE)
		abort();
	if (ev->kind == ZC_EV_PLAIN &&
	    (p->sock & ZC_TLS_STREAM || (p->sock && p->sock >> 56 != (ev->conn << 1) >> 57)))
		abort();
	if (ev->kind == ZC_EV_BIND && t->sock && t->sock >> 56 != (ev->conn << 1) >> 57)
		abort();
	engine__event(ctx, ev);
}

/* A file of these octets, to be opened by its name. */
static int file_of(const uint8_t *p, size_t n, char path[32])
{
	int fd = memfd_create("fuzz", MFD_CLOEXEC);

	if (fd < 0 || write(fd, p, n) != (ssize_t)n)
		abort();
	snprintf(path, 32, "/proc/self/fd/%d", fd);
	return fd;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct packets_options po = {0};
	struct engine_options eo = {0};
	char path[2][32], err[256] = "";
	const char *const paths[2] = {path[0], path[1]};
	struct engine *e;
	struct source *s;
	size_t first;
	int fd[2], n;

	if (size < 2 || size > 1 << 18)
		return 0;
	first = (size_t)data[0] << 8 | data[1];
	data += 2;
	size -= 2;
	if (first > size)
		first = size;
	fd[0] = file_of(data, first, path[0]);
	fd[1] = file_of(data + first, size - first, path[1]);
	e = engine__new(&eo);
	s = merge__open(paths, 2, &po, no_note, NULL, err, sizeof(err));
	if (!s && !err[0])
		abort();
	if (s) {
		while ((n = s->ops->poll(s, on_event, e, 0)) > 0)
			;
		if (n != -ENODATA)
			abort();
		s->ops->free(s);
	}
	engine__finish(e);
	engine__free(e);
	close(fd[0]);
	close(fd[1]);
	return 0;
}
