/*
 * bytes.h - the bytes of a file, a pipe or standard input, unpacked where they are compressed
 *
 * gzip (RFC 1952, any number of members) and zstd (RFC 8878, any number of frames) are known by
 * their first bytes. Readers ask for as many bytes as they need at once and take what they are done
 * with; nothing waits longer than it is told to. The input is only ever read.
 */
#ifndef ZC_CORE_BYTES_H
#define ZC_CORE_BYTES_H

#include <stddef.h>
#include <stdint.h>

#define BYTES_MAX (16u << 20) /* that can be asked for at once */

struct bytes;

struct bytes_options {
	int follow;  /* at the end of a regular file, wait for more */
	int wake_fd; /* when this becomes readable, nothing waits any longer; 0: there is none */
	uint64_t patience_ns; /* how long "forever" is, from opening on; 0: it is so */
};

/* "-" is standard input. NULL on failure, with one line in err that names the file. */
struct bytes *bytes__open(const char *path, const struct bytes_options *o, char *err,
			  size_t errlen);

/* n bytes at p, which stay the caller's and must outlive it. NULL: out of memory. */
struct bytes *bytes__memory(const void *p, size_t n, const char *name);

void bytes__free(struct bytes *b); /* NULL is allowed */

/*
 * Waits until n bytes are there, timeout_ms at most (-1: forever). 1: they are; 0: not in time;
 * -ENODATA: the end comes before; -EINTR: whoever waits is to stop; another negative errno: reading
 * failed, and so will any further call. bytes__error() tells what was wrong with the input, also
 * where its end came too early.
 */
int bytes__need(struct bytes *b, size_t n, int timeout_ms);

/* What is there. Valid until the next call of bytes__need. */
const uint8_t *bytes__at(const struct bytes *b);
size_t bytes__there(const struct bytes *b);

void bytes__take(struct bytes *b, size_t n); /* n <= bytes__there() */

uint64_t bytes__offset(const struct bytes *b); /* how many have been taken */
int bytes__stopped(const struct bytes *b);     /* -EINTR was returned */
int bytes__waits(const struct bytes *b);       /* a pipe, or a file that is followed */
const char *bytes__name(const struct bytes *b);
const char *bytes__error(const struct bytes *b); /* one line without the name; NULL: nothing */

#endif
