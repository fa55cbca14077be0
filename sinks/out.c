#include "sinks/out.h"

#include <errno.h>
#include <langinfo.h>
#include <poll.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "sinks/format.h"

#define COLUMNS 80 /* of a terminal that does not tell: a serial line, one that is just made */

int out_init(struct out *o, int fd, int wake_fd)
{
	struct stat st;

	*o = (struct out){ .fd = fd, .wake_fd = wake_fd, .size = OUT_SIZE };
	o->regular = !fstat(fd, &st) && S_ISREG(st.st_mode);
	out_measure(o);
	o->ascii = o->columns && strcmp(nl_langinfo(CODESET), "UTF-8") != 0;
	o->buf = malloc(OUT_SIZE);
	return o->buf ? 0 : -ENOMEM;
}

int out_init_memory(struct out *o)
{
	*o = (struct out){ .fd = -1, .wake_fd = -1, .size = OUT_SIZE, .memory = 1 };
	o->buf = malloc(OUT_SIZE);
	return o->buf ? 0 : -ENOMEM;
}

void out_measure(struct out *o)
{
	struct winsize size;

	o->columns = ioctl(o->fd, TIOCGWINSZ, &size) ? 0 : size.ws_col ? size.ws_col : COLUMNS;
}

void out_release(struct out *o)
{
	free(o->buf);
	o->buf = NULL;
}

/* Waits until the reader takes something. 0, or an errno: its time is up. */
static int wait_writable(struct out *o)
{
	struct pollfd p[2] = {
		{ .fd = o->fd, .events = POLLOUT },
		{ .fd = o->wake_fd, .events = POLLIN },
	};

	while (!o->impatient) {
		int n = poll(p, 2, -1);

		if (n < 0 && errno != EINTR)
			return errno;
		if (n > 0 && p[0].revents)
			return 0;
		if (n > 0)
			break;
	}
	do {
		int n = poll(p, 1, OUT_PATIENCE_MS);

		if (n >= 0)
			return n ? 0 : ETIMEDOUT;
	} while (errno == EINTR);
	return errno;
}

/*
 * Writes without blocking where the kernel offers that for this kind of file, without setting
 * O_NONBLOCK, which whoever shares the open file would have to suffer too.
 */
static ssize_t write_some(struct out *o, const char *p, size_t n)
{
	struct iovec v = { .iov_base = (void *)(uintptr_t)p, .iov_len = n };
	ssize_t w = pwritev2(o->fd, &v, 1, -1, RWF_NOWAIT);

	if (w >= 0 || (errno != EOPNOTSUPP && errno != ENOSYS && errno != EINVAL &&
		       !(errno == EAGAIN && o->regular)))
		return w;
	return write(o->fd, p, n);
}

/* Writes until no more than `rest` is left or, unless it waits, the reader takes no more. */
static int write_out(struct out *o, int wait, size_t rest)
{
	size_t done = 0;

	if (o->ascii)
		o->n = text_make_ascii(o->buf, o->n);
	while (o->n - done > rest && !o->error) {
		ssize_t w = write_some(o, o->buf + done, o->n - done);

		if (w > 0)
			done += (size_t)w;
		else if (w < 0 && errno == EAGAIN && !wait)
			break;
		else if (w < 0 && errno == EAGAIN)
			o->error = wait_writable(o);
		else if (w == 0 || errno != EINTR)
			o->error = w ? errno : EIO;
	}
	o->n = o->error ? 0 : o->n - done;
	if (o->n && done)
		memmove(o->buf, o->buf + done, o->n);
	if (done)
		o->took_ms = 0;
	return o->error;
}

static uint64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

/* Of an impatient one that is behind: for how long has its reader taken nothing? */
static void judge_reader(struct out *o)
{
	uint64_t now;

	if (!o->impatient || o->error || o->n <= OUT_SIZE)
		return;
	now = now_ms();
	if (!o->took_ms)
		o->took_ms = now;
	else if (now - o->took_ms >= OUT_PATIENCE_MS)
		o->error = ETIMEDOUT, o->n = 0;
}

static int keep_more(struct out *o)
{
	size_t size = o->size * 2;
	size_t max = o->memory ? OUT_MEMORY_MAX : OUT_KEEP_MAX;
	char *buf = size > max ? NULL : realloc(o->buf, size);

	if (!buf)
		return 0;
	o->buf = buf;
	o->size = size;
	return 1;
}

int out_flush(struct out *o)
{
	return write_out(o, 1, 0);
}

int out_push(struct out *o)
{
	write_out(o, 0, 0);
	judge_reader(o);
	return o->error;
}

int out_check(struct out *o)
{
	struct pollfd p = { .fd = o->fd };

	if (!o->error && poll(&p, 1, 0) > 0 && (p.revents & POLLERR))
		o->error = EPIPE;
	return o->error;
}

char *out_make_room(struct out *o)
{
	if (o->memory && !keep_more(o))
		o->error = ENOMEM, o->n = 0;
	else if (o->memory)
		return o->buf + o->n;
	else if (!o->impatient)
		out_flush(o);
	else if (!out_push(o) && o->size - o->n < OUT_MAX_RESERVE && !keep_more(o))
		write_out(o, 1, o->size / 2);
	return o->buf + o->n;
}

void out_bytes(struct out *o, const char *p, size_t n)
{
	while (n) {
		size_t part = n < OUT_MAX_RESERVE ? n : OUT_MAX_RESERVE;
		char *room = out_reserve(o, part);

		memcpy(room, p, part);
		out_commit(o, room + part);
		p += part;
		n -= part;
	}
}
