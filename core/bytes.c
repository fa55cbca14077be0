/*
 * bytes.c - see bytes.h
 */
#include "core/bytes.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "core/unpack.h"

#define WINDOW (1u << 20)
#define PACKED (64u << 10)

struct bytes {
	int fd; /* -1: all there is, is in the window */
	int regular, follow, wake_fd;
	int known; /* whether it is compressed */
	int eof;   /* of fd */
	int failed, stopped;
	int moved; /* its name led to another file when it was looked at last */
	uint64_t deadline; /* of those that wait forever; 0: none */
	uint64_t read, taken;
	uint8_t *buf;
	size_t at, end, size; /* the window: buf[at..end) */
	struct unpack *unpack; /* NULL: it is not compressed */
	uint8_t *packed;
	size_t packed_at, packed_end;
	char *path; /* of a file that is followed */
	char name[128];
	char err[192];
};

/* ---- reading */

/* Waits for more. 1: there may be; 0: not in time; -EINTR. */
static int wait_more(const struct bytes *b, int timeout_ms)
{
	struct pollfd fds[2] = {{.fd = b->wake_fd ? b->wake_fd : -1, .events = POLLIN},
				{.fd = b->regular ? -1 : b->fd, .events = POLLIN}};
	int n = poll(fds, 2, timeout_ms);

	if (n < 0)
		return -errno;
	if (fds[0].revents)
		return -EINTR;
	return b->regular || n > 0;
}

/* A file that is followed and has become shorter is another one. */
static int is_shorter(struct bytes *b)
{
	struct stat st;

	if (fstat(b->fd, &st) || (uint64_t)st.st_size >= b->read)
		return 0;
	snprintf(b->err, sizeof(b->err), "has become shorter while it was read");
	return 1;
}

/*
 * Does the name of a file that is followed lead to another one, and did so before all was read that
 * is in it? Who writes has gone on there.
 */
static int is_replaced(struct bytes *b)
{
	struct stat mine, now;
	int before = b->moved;

	b->moved = b->path && !fstat(b->fd, &mine) && !stat(b->path, &now) &&
		   (mine.st_ino != now.st_ino || mine.st_dev != now.st_dev);
	if (!b->moved || !before)
		return 0;
	snprintf(b->err, sizeof(b->err), "has been replaced by another file of this name");
	return 1;
}

/*
 * Reads once into p. The number of bytes; 0: none in time; -ENODATA: there will be none; another
 * negative errno.
 */
static ssize_t read_once(struct bytes *b, uint8_t *p, size_t size, int timeout_ms)
{
	ssize_t n;

	if (b->fd < 0 || b->eof)
		return -ENODATA;
	n = b->regular ? 1 : wait_more(b, timeout_ms);
	if (n <= 0)
		return n;
	n = read(b->fd, p, size);
	if (n > 0) {
		b->read += (size_t)n;
		return n;
	}
	if (n < 0)
		return errno == EAGAIN ? 0 : -errno;
	if (b->regular && b->follow && !is_shorter(b) && !is_replaced(b)) {
		/* what came meanwhile is read by the next call */
		n = wait_more(b, timeout_ms < 0 || timeout_ms > 100 ? 100 : timeout_ms);
		return n < 0 ? n : 0;
	}
	b->eof = 1;
	return -ENODATA;
}

/* Makes room in the window, for n bytes in all. Returns 0 if there is no memory. */
static int reserve(struct bytes *b, size_t n)
{
	size_t size = b->size ? b->size : WINDOW;
	uint8_t *buf;

	if (b->at) {
		memmove(b->buf, b->buf + b->at, b->end - b->at);
		b->end -= b->at;
		b->at = 0;
	}
	while (size < n)
		size *= 2;
	if (size <= b->size)
		return 1;
	buf = realloc(b->buf, size);
	if (!buf)
		return 0;
	b->buf = buf;
	b->size = size;
	return 1;
}

/* ---- what is compressed */

/* Looks at the first bytes. 1: it is known what they are; 0: more are needed. */
static int find_out(struct bytes *b)
{
	if (b->end < UNPACK_MAGIC && !b->eof)
		return 0;
	b->known = 1;
	b->unpack = unpack__new(b->buf, b->end);
	if (!b->unpack)
		return 1;
	b->packed = malloc(PACKED > b->end ? PACKED : b->end);
	if (!b->packed)
		return -ENOMEM;
	memcpy(b->packed, b->buf, b->end);
	b->packed_end = b->end;
	b->end = 0;
	return 1;
}

/* Unpacks what is there; how many bytes that made. 0: more is needed. */
static ssize_t unpack(struct bytes *b)
{
	size_t used = b->packed_end - b->packed_at, made = b->size - b->end;
	const char *wrong = unpack__run(b->unpack, b->packed + b->packed_at, &used, b->buf + b->end,
					&made);

	b->packed_at += used;
	b->end += made;
	if (!wrong)
		return (ssize_t)made;
	if (unpack__too_large(b->unpack))
		snprintf(b->err, sizeof(b->err),
			 "compressed with a window of too much memory; try: "
			 "zstd -dc --long=31 FILE | zctrace -r -");
	else
		snprintf(b->err, sizeof(b->err), "compressed data is damaged (%s)", wrong);
	b->eof = 1;
	b->packed_at = b->packed_end;
	return made ? (ssize_t)made : -ENODATA;
}

static ssize_t fill_packed(struct bytes *b, int timeout_ms)
{
	ssize_t n = unpack(b);

	if (n)
		return n;
	if (b->packed_at == b->packed_end)
		b->packed_at = b->packed_end = 0;
	n = b->packed_end < PACKED
		    ? read_once(b, b->packed + b->packed_end, PACKED - b->packed_end, timeout_ms)
		    : -ENODATA;
	if (n == -ENODATA && !b->err[0] && !unpack__at_end(b->unpack))
		snprintf(b->err, sizeof(b->err), "compressed data is cut off");
	if (n <= 0)
		return n;
	b->packed_end += (size_t)n;
	return unpack(b);
}

/* ---- interface */

/* More into the window. The number of bytes; else as read_once(). */
static ssize_t fill(struct bytes *b, size_t n, int timeout_ms)
{
	ssize_t got;

	if (b->fd >= 0 && !reserve(b, n))
		return -ENOMEM;
	if (b->unpack)
		return fill_packed(b, timeout_ms);
	got = read_once(b, b->buf + b->end, b->size - b->end, timeout_ms);
	if (got > 0)
		b->end += (size_t)got;
	if (!b->known && (got > 0 || got == -ENODATA) && find_out(b) < 0)
		return -ENOMEM;
	return got == -ENODATA && b->unpack ? 0 : got;
}

static int need(struct bytes *b, size_t n, int timeout_ms)
{
	ssize_t got;

	while (b->end - b->at < n || !b->known) {
		if (b->failed)
			return b->failed;
		got = fill(b, n, timeout_ms);
		if (got < 0 && got != -EINTR && got != -ENODATA) {
			snprintf(b->err, sizeof(b->err), "%s", strerror((int)-got));
			b->failed = (int)got;
		}
		if (got < 0)
			return got == -ENODATA && b->known && b->end - b->at >= n ? 1 : (int)got;
		if (!got && timeout_ms >= 0 && !(b->unpack && b->packed_at < b->packed_end))
			return 0;
		timeout_ms = got && timeout_ms > 0 ? 0 : timeout_ms;
	}
	return 1;
}

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000ull + (uint64_t)ts.tv_nsec;
}

/* Apart, so that bytes__need() has nothing to set up. */
static __attribute__((noinline)) int wait_for(struct bytes *b, size_t n, int timeout_ms)
{
	uint64_t now, left;
	int res;

	if (n > BYTES_MAX)
		return -E2BIG;
	do {
		int limited = timeout_ms < 0 && b->deadline;

		now = limited ? now_ns() : 0;
		left = limited && now < b->deadline ? (b->deadline - now) / 1000000 + 1 : 0;
		res = need(b, n, !limited ? timeout_ms : left < 1000 ? (int)left : 1000);
		if (!res && limited && !left)
			res = -EINTR;
	} while (!res && timeout_ms < 0);
	b->stopped |= res == -EINTR;
	return res;
}

int bytes__need(struct bytes *b, size_t n, int timeout_ms)
{
	if (b->known && n <= b->end - b->at)
		return 1; /* as nearly always */
	return wait_for(b, n, timeout_ms);
}

const uint8_t *bytes__at(const struct bytes *b)
{
	return b->buf + b->at;
}

size_t bytes__there(const struct bytes *b)
{
	return b->end - b->at;
}

void bytes__take(struct bytes *b, size_t n)
{
	b->at += n;
	b->taken += n;
}

uint64_t bytes__offset(const struct bytes *b)
{
	return b->taken;
}

int bytes__stopped(const struct bytes *b)
{
	return b->stopped;
}

int bytes__waits(const struct bytes *b)
{
	return b->fd >= 0 && (!b->regular || b->follow);
}

const char *bytes__name(const struct bytes *b)
{
	return b->name;
}

const char *bytes__error(const struct bytes *b)
{
	return b->err[0] ? b->err : NULL;
}

struct bytes *bytes__memory(const void *p, size_t n, const char *name)
{
	struct bytes *b = calloc(1, sizeof(*b));

	if (!b)
		return NULL;
	snprintf(b->name, sizeof(b->name), "%s", name);
	b->fd = -1;
	b->known = 1;
	b->buf = (uint8_t *)p;
	b->end = n;
	return b;
}

struct bytes *bytes__open(const char *path, const struct bytes_options *o, char *err, size_t errlen)
{
	int std = !strcmp(path, "-");
	struct bytes *b = calloc(1, sizeof(*b));
	struct stat st;

	if (!b) {
		snprintf(err, errlen, "%s: %s", path, strerror(ENOMEM));
		return NULL;
	}
	snprintf(b->name, sizeof(b->name), "%s", std ? "standard input" : path);
	b->follow = o->follow;
	b->path = o->follow && !std ? strdup(path) : NULL;
	b->wake_fd = o->wake_fd;
	b->deadline = o->patience_ns ? now_ns() + o->patience_ns : 0;
	b->fd = std ? fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3) : open(path, O_RDONLY | O_CLOEXEC);
	if (b->fd < 0 || fstat(b->fd, &st)) {
		snprintf(err, errlen, "%s: %s", b->name, strerror(errno));
		bytes__free(b);
		return NULL;
	}
	b->regular = S_ISREG(st.st_mode) || S_ISDIR(st.st_mode); /* reading tells what is wrong */
	return b;
}

void bytes__free(struct bytes *b)
{
	if (!b)
		return;
	if (b->fd >= 0) {
		close(b->fd);
		free(b->buf);
	}
	free(b->path);
	free(b->packed);
	unpack__free(b->unpack);
	free(b);
}
