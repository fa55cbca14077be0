/*
 * unpack.h - gzip (by zlib) and zstd (by libzstd), a piece at a time
 */
#ifndef ZC_CORE_UNPACK_H
#define ZC_CORE_UNPACK_H

#include <stddef.h>
#include <stdint.h>

#define UNPACK_MAGIC 4 /* bytes that tell what it is */

struct unpack;

/* For data that begins with these n bytes. NULL: it is not compressed, or there is no memory. */
struct unpack *unpack__new(const uint8_t *head, size_t n);
void unpack__free(struct unpack *u); /* NULL is allowed */

/*
 * Unpacks from the *in bytes at p into out, which has room for *made. Sets both to what was used
 * and made; with nothing made, all was used and more is needed. NULL, or what is wrong with the
 * data.
 */
const char *unpack__run(struct unpack *u, const uint8_t *p, size_t *in, uint8_t *out, size_t *made);

/* Is nothing wrong but that it takes more memory than is spent on it? */
int unpack__too_large(const struct unpack *u);

/* May the data end here? */
int unpack__at_end(const struct unpack *u);

#endif
