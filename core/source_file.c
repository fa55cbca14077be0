/*
 * source_file.c - see source_file.h
 */
#include "core/source_file.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/pcapng.h"
#include "core/recording.h"

/* A file whose beginning has been read already; what libpcap needs is a stream of all of it. */
struct input {
	int fd;
	size_t at, n;
	uint8_t head[RECORDING_DETECT];
};

/* As read(2), of a pipe that someone made non-blocking, too. */
static ssize_t read_more(const struct input *in, void *buf, size_t size)
{
	struct pollfd pfd = {.fd = in->fd, .events = POLLIN};
	ssize_t n;

	while ((n = read(in->fd, buf, size)) < 0 && errno == EAGAIN)
		poll(&pfd, 1, -1);
	return n;
}

static ssize_t input_read(void *cookie, char *buf, size_t size)
{
	struct input *in = cookie;
	size_t left = in->n - in->at;
	ssize_t n;

	if (left) {
		if (left > size)
			left = size;
		memcpy(buf, in->head + in->at, left);
		in->at += left;
		return (ssize_t)left;
	}
	if (size >= sizeof(in->head))
		return read_more(in, buf, size);
	/* small pieces are asked for where the stream has no buffer of its own */
	n = read_more(in, in->head, sizeof(in->head));
	if (n <= 0)
		return n;
	in->at = 0;
	in->n = (size_t)n;
	return input_read(cookie, buf, size);
}

/* Would a read find something, the end included? */
static int input_ready(void *cookie, int timeout_ms)
{
	const struct input *in = cookie;
	struct pollfd pfd = {.fd = in->fd, .events = POLLIN};

	return in->at < in->n || poll(&pfd, 1, timeout_ms) > 0;
}

static int input_close(void *cookie)
{
	struct input *in = cookie;
	int err = close(in->fd);

	free(in);
	return err;
}

/* Reads no more than is needed: a live pipe may have no more for a while. 0 or an errno. */
static int input_begin(struct input *in)
{
	while (in->n < 8 || recording__detect(in->head, in->n) == RECORDING_MORE) {
		ssize_t n = read(in->fd, in->head + in->n, sizeof(in->head) - in->n);

		if (n < 0)
			return errno;
		if (n == 0)
			break;
		in->n += (size_t)n;
	}
	return 0;
}

enum format { FORMAT_CAPTURE, FORMAT_EMPTY, FORMAT_PACKED, FORMAT_OTHER };

/* The numbers that pcap files begin with, in either byte order, and that of pcapng. */
static enum format format_of(const struct input *in)
{
	static const uint32_t magic[] = {0xa1b2c3d4, 0xa1b23c4d, 0xa1b2cd34};
	uint32_t v;

	if (!in->n)
		return FORMAT_EMPTY;
	if (in->n >= 2 && in->head[0] == 0x1f && in->head[1] == 0x8b)
		return FORMAT_PACKED;
	if (in->n < sizeof(v))
		return FORMAT_OTHER;
	memcpy(&v, in->head, sizeof(v));
	if (v == PCAPNG_SHB)
		return FORMAT_CAPTURE;
	for (unsigned i = 0; i < sizeof(magic) / sizeof(magic[0]); i++)
		if (v == magic[i] || v == __builtin_bswap32(magic[i]))
			return FORMAT_CAPTURE;
	return FORMAT_OTHER;
}

static void refuse(const struct input *in, const char *name, char *err, size_t errlen)
{
	char octets[16 * 3 + 1] = "";
	size_t n = in->n < 8 ? in->n : 8;

	switch (format_of(in)) {
	case FORMAT_EMPTY:
		snprintf(err, errlen, "%s: empty, not a recording nor a capture file", name);
		return;
	case FORMAT_PACKED:
		snprintf(err, errlen, "%s: compressed; try: gzip -dc FILE | zctrace -r -", name);
		return;
	default:
		for (size_t i = 0; i < n; i++)
			snprintf(octets + 3 * i, sizeof(octets) - 3 * i, " %02x", in->head[i]);
		snprintf(err, errlen, "%s: not a recording nor a capture file (starts with%s)",
			 name, octets);
	}
}

static struct source *open_capture(struct input *in, const char *name,
				   const struct packets_options *o, char *err, size_t errlen)
{
	FILE *stream = fopencookie(in, "rb", (cookie_io_functions_t){.read = input_read,
								     .close = input_close});
	struct source *s;
	struct stat st;

	if (!stream) {
		snprintf(err, errlen, "%s: %s", name, strerror(errno));
		input_close(in);
		return NULL;
	}
	if (fstat(in->fd, &st) || S_ISREG(st.st_mode))
		return packets__open_stream(stream, name, o, err, errlen);
	/* no more is read than has come, so that its packets are shown */
	setvbuf(stream, NULL, _IONBF, 0);
	s = packets__open_stream(stream, name, o, err, errlen);
	if (s)
		packets__wait_with(s, input_ready, in);
	return s;
}

struct source *source_open_file(const char *path, const struct packets_options *o, char *err,
				size_t errlen)
{
	int std = !strcmp(path, "-"), e;
	const char *name = std ? "standard input" : path;
	struct input *in = calloc(1, sizeof(*in));
	enum recording_kind kind;
	struct source *s;

	if (!in) {
		snprintf(err, errlen, "%s: %s", name, strerror(ENOMEM));
		return NULL;
	}
	in->fd = std ? fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3) : open(path, O_RDONLY | O_CLOEXEC);
	e = in->fd < 0 ? errno : input_begin(in);
	if (e) {
		snprintf(err, errlen, "%s: %s", name, strerror(e));
		if (in->fd >= 0)
			close(in->fd);
		free(in);
		return NULL;
	}
	kind = recording__detect(in->head, in->n);
	if (kind == RECORDING_YES || kind == RECORDING_OTHER) {
		s = recording__open_fd(in->fd, name, in->head, in->n, err, errlen);
		free(in);
		return s;
	}
	if (format_of(in) == FORMAT_CAPTURE)
		return open_capture(in, name, o, err, errlen);
	refuse(in, name, err, errlen);
	input_close(in);
	return NULL;
}
