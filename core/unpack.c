/*
 * unpack.c - see unpack.h
 */
#include "core/unpack.h"

#include <stdlib.h>
#include <string.h>

#include <zlib.h>
#include <zstd.h>
#include <zstd_errors.h>

struct unpack {
	z_stream gzip;
	ZSTD_DStream *zstd; /* NULL: it is gzip */
	int at_end;	    /* of a member or frame */
	int too_large;
};

struct unpack *unpack__new(const uint8_t *head, size_t n)
{
	static const uint8_t zstd[] = {0x28, 0xb5, 0x2f, 0xfd}, skip[] = {0x2a, 0x4d, 0x18};
	int is_zstd = n >= 4 && (!memcmp(head, zstd, 4) ||
				 (head[0] >> 4 == 5 && !memcmp(head + 1, skip, 3)));
	struct unpack *u;

	if (!is_zstd && (n < 2 || head[0] != 0x1f || head[1] != 0x8b))
		return NULL;
	u = calloc(1, sizeof(*u));
	if (!u)
		return NULL;
	if (is_zstd)
		u->zstd = ZSTD_createDStream();
	/* 16: gzip's framing, 15: any window */
	else if (inflateInit2(&u->gzip, 16 + 15) == Z_OK)
		return u;
	if (u->zstd)
		return u;
	free(u);
	return NULL;
}

void unpack__free(struct unpack *u)
{
	if (!u)
		return;
	if (u->zstd)
		ZSTD_freeDStream(u->zstd);
	else
		inflateEnd(&u->gzip);
	free(u);
}

static const char *run_zstd(struct unpack *u, const uint8_t *p, size_t *in, uint8_t *out,
			    size_t *made)
{
	ZSTD_inBuffer from = {p, *in, 0};
	ZSTD_outBuffer to = {out, *made, 0};
	const char *wrong = NULL;

	while (to.pos < to.size && (from.pos < from.size || !u->at_end)) {
		size_t used = from.pos, had = to.pos;
		size_t res = ZSTD_decompressStream(u->zstd, &to, &from);

		if (ZSTD_isError(res)) {
			wrong = ZSTD_getErrorName(res);
			u->too_large = ZSTD_getErrorCode(res) ==
				       ZSTD_error_frameParameter_windowTooLarge;
			break;
		}
		u->at_end = !res;
		if (from.pos == used && to.pos == had)
			break;
	}
	*in = from.pos;
	*made = to.pos;
	return wrong;
}

static const char *run_gzip(struct unpack *u, const uint8_t *p, size_t *in, uint8_t *out,
			    size_t *made)
{
	z_stream *z = &u->gzip;
	const char *wrong = NULL;

	z->next_in = (Bytef *)p;
	z->avail_in = (uInt)*in;
	z->next_out = out;
	z->avail_out = (uInt)*made;
	while (z->avail_out && (z->avail_in || !u->at_end)) {
		int res;

		if (u->at_end && !*z->next_in) { /* blocks are filled up with zeros */
			z->next_in++;
			z->avail_in--;
			continue;
		}
		if (u->at_end)
			inflateReset(z);
		res = inflate(z, Z_NO_FLUSH);
		u->at_end = res == Z_STREAM_END;
		if (res == Z_BUF_ERROR)
			break;
		if (res != Z_OK && res != Z_STREAM_END) {
			wrong = z->msg ? z->msg : "gzip";
			break;
		}
	}
	*in -= z->avail_in;
	*made -= z->avail_out;
	return wrong;
}

const char *unpack__run(struct unpack *u, const uint8_t *p, size_t *in, uint8_t *out, size_t *made)
{
	return u->zstd ? run_zstd(u, p, in, out, made) : run_gzip(u, p, in, out, made);
}

int unpack__at_end(const struct unpack *u)
{
	return u->at_end;
}

int unpack__too_large(const struct unpack *u)
{
	return u->too_large;
}
