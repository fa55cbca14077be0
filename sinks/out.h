/*
 * out.h - a buffered way to one file descriptor
 *
 * Formatting code asks for room, writes into it and says how far it got; nothing is copied twice
 * and nothing is written before the buffer is full or out_flush is called. After an error all
 * output is dropped, so callers need no checks but the one of `error` once in a while.
 *
 * A reader that takes nothing must not make the program deaf: while waiting for it, out also
 * watches wake_fd (a signalfd, say). Once that is readable the reader has OUT_PATIENCE_MS left.
 *
 * Where somebody else waits, too (`impatient`), nobody waits for it at all: what it does not take
 * is kept, up to OUT_KEEP_MAX, and once more than OUT_SIZE is kept and it has taken nothing for
 * OUT_PATIENCE_MS, `error` is ETIMEDOUT. Only a reader that is slow, and OUT_KEEP_MAX behind, is
 * waited for, for that time.
 */
#ifndef ZC_SINKS_OUT_H
#define ZC_SINKS_OUT_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define OUT_SIZE (256u << 10)
#define OUT_KEEP_MAX (16u << 20)
#define OUT_MEMORY_MAX (64u << 20)
#define OUT_MAX_RESERVE (64u << 10)
#define OUT_PATIENCE_MS 1000

struct out {
	char *buf;
	size_t n;    /* bytes in buf */
	size_t size; /* of buf: OUT_SIZE, or more while a reader is behind */
	int fd;
	int wake_fd; /* -1: none */
	int impatient;
	int regular; /* a file on a disk: nobody reads it slowly */
	int columns; /* of the terminal that it is; 0: it is none */
	int ascii;   /* it knows no other characters: text_make_ascii */
	int error;   /* errno of the first failed write; EPIPE: the reader has left */
	/* impatient, more than OUT_SIZE kept: when it last took something, or 0 */
	int memory;  /* goes nowhere: the buffer grows, and is the caller's to empty */
	uint64_t took_ms;
};

/* 0 or -ENOMEM. Neither descriptor is closed by out_release. */
int out_init(struct out *o, int fd, int wake_fd);
/* As a buffer in memory of at most OUT_MEMORY_MAX; more sets `error` to ENOMEM. */
int out_init_memory(struct out *o);
void out_release(struct out *o);

/* Looks anew how wide the terminal is: `columns`. */
void out_measure(struct out *o);

/* Writes out what is buffered; returns o->error. */
int out_flush(struct out *o);

/* Writes out what the reader takes without waiting, and keeps the rest; returns o->error. */
int out_push(struct out *o);

/*
 * Has the reader of a pipe or socket left? Then error becomes EPIPE, without a write; returns it.
 */
int out_check(struct out *o);

/* For out_reserve only: makes room for OUT_MAX_RESERVE by writing, or by keeping more. */
char *out_make_room(struct out *o);

/* Room for n octets, n <= OUT_MAX_RESERVE; never fails. Valid until the next call for o. */
static inline char *out_reserve(struct out *o, size_t n)
{
	return o->size - o->n >= n ? o->buf + o->n : out_make_room(o);
}

/* `end` is one past the last octet written into what out_reserve gave. */
static inline void out_commit(struct out *o, const char *end)
{
	o->n = (size_t)(end - o->buf);
}

/* n octets as they are; n is not limited. */
void out_bytes(struct out *o, const char *p, size_t n);

static inline void out_str(struct out *o, const char *s)
{
	out_bytes(o, s, strlen(s));
}

static inline void out_char(struct out *o, char c)
{
	char *p = out_reserve(o, 1);

	*p = c;
	o->n++;
}

#endif
