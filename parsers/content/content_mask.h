/*
 * content_mask.h - overwrites the content of messages in recordings
 *
 * Nothing of content is recorded that nobody has asked for, but for what names within HTTP and
 * counts of messages rest on, see json_mask.h. What content is shows in its first bytes: JSON, or
 * several texts of it; lines, as of events and of forms; messages of gRPC and Connect; frames of
 * WebSocket. Heads of messages and frames stay, and so do gRPC's status among trailers and the
 * reason of a WebSocket's close; of events and forms, names of fields stay. All else becomes 'x'.
 */
#ifndef ZC_PARSERS_CONTENT_MASK_H
#define ZC_PARSERS_CONTENT_MASK_H

#include <stddef.h>
#include "parsers/content/json_mask.h"

enum content_form {
	CONTENT_UNKNOWN, /* its first bytes tell; the initial one */
	CONTENT_SHOWN,	 /* asked for: it stays */
	CONTENT_HIDDEN,
	CONTENT_JSON,
	CONTENT_LINES,
	CONTENT_GRPC,
	CONTENT_WEBSOCKET,
	CONTENT_AMZ_EVENTS, /* event streams of Amazon's: not told by their first bytes */
};

#define CONTENT_HEAD_MAX 14u

/* Private; about 80 bytes, no pointers. */
struct content_mask {
	uint8_t form; /* enum content_form */
	uint8_t part, line; /* enum part: of a message, of a line */
	uint8_t nhead;
	struct word_match name; /* of a line */
	uint8_t head[CONTENT_HEAD_MAX];
	uint64_t left; /* bytes of the part to come */
	struct json_mask json;
};

/* One more content begins. */
void content_mask_begin(struct content_mask *m, enum content_form form);

/* The next n bytes of it, cut anywhere; n are missing. */
void content_mask_feed(struct content_mask *m, uint8_t *p, size_t n);
void content_mask_gap(struct content_mask *m, uint64_t n);

#endif
