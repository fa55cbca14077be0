/*
 * http2_int.h - what the files of the HTTP/2 parser share; nobody else includes it
 */
#ifndef ZC_PARSERS_HTTP2_INT_H
#define ZC_PARSERS_HTTP2_INT_H

#include "parsers/byte_order.h"
#include "parsers/http2/http2.h"
#include "parsers/http2/http2_frames.h"

#define MAX_FRAME_DEFAULT 16384u
#define MAX_FRAME_ANY 0xffffffu
#define WINDOW_DEFAULT 65535

struct frame {
	uint32_t length, stream_id;
	uint8_t type, flags;
};

/* The HTTP2_HEAD_LEN bytes at p. */
static inline struct frame http2_frame(const uint8_t *p)
{
	return (struct frame){
		.length = be32(p) >> 8,
		.type = p[3],
		.flags = p[4],
		.stream_id = be32(p + 5) & 0x7fffffff,
	};
}

/* Does the head obey the rules of its type? Frames of unknown types do if they are not too long. */
int http2_frame_ok(const struct frame *f, uint32_t max_frame);

/*
 * Evidence for frames from p on, without the preface. With PROBE_YES *decided says how many octets
 * it took.
 */
enum probe_result http2_chain(const uint8_t *p, size_t n, size_t *decided);

/*
 * Says what the fields of ev are and fills its convenience members. client: HTTP2_NO_DIR, then it
 * may be found. Inferred names are taught to hpack.
 */
void http2_judge(struct http2_event *ev, unsigned *client, struct hpack *hpack);

/* The same when the kind is known. */
void http2_judge_as(struct http2_event *ev, enum http2_kind kind, struct hpack *hpack);

#define HTTP2_SAME_BLOCK 128u
#define HTTP2_SAME_FIELDS 16u
#define HTTP2_SAME_TEXT 512u

/* The last field block of a direction; see http2_same.c. */
struct http2_same {
	uint32_t changes; /* hpack_changes() */
	uint32_t number;  /* of what is kept */
	uint16_t nblock;  /* 0: nothing is known */
	uint8_t kept;	  /* what was made of it, too */
	uint8_t block[HTTP2_SAME_BLOCK];
	char text[HTTP2_SAME_TEXT];
	struct hpack_field field[HTTP2_SAME_FIELDS];
	struct http2_event ev; /* what these fields say */
};

/* 1: the block is the one that is kept, and ev is filled; 0: it is another. */
int http2_recall(struct http2_same *m, uint32_t changes, struct str block, struct http2_event *ev);

/* ev is what was made of the block, by which the table did not change. */
void http2_remember(struct http2_same *m, uint32_t changes, struct str block,
		    const struct http2_event *ev);
void http2_forget_same(struct http2_same *m);

#define PENDING_SETTINGS 4

enum dir_state {
	D_START, /* before the preface or the first frame */
	D_FRAME, /* where a frame begins */
	D_DATA,	 /* in the content of DATA */
	D_SKIP,	 /* in octets that do not matter */
	D_PAD,	 /* the same, at the end of DATA */
	D_LOST,
};

struct http2_dir {
	struct hpack *hpack;
	/* frames: `left` octets of content, then `pad` octets */
	uint32_t left, pad;
	uint32_t stream_id;
	uint32_t charged, wire; /* of the DATA frame, not yet told */
	uint32_t max_frame;	/* the most that the other end allows */
	uint32_t scanned;	/* complete frames of the field block that waits for its end */
	uint32_t unproven;	/* bytes for which frames that were found again are a guess */
	uint32_t guesses;	/* how often they were found again */
	uint32_t table_limit;	/* the most that the other end may have allowed its encoder */
	int64_t window;		/* of the connection, for sending in this direction */
	int64_t initial;	/* window of new streams, for sending in this direction */
	/* initial windows that this end has announced and the other not yet acknowledged */
	int64_t announced[PENDING_SETTINGS];
	uint8_t nannounced; /* more than PENDING_SETTINGS: count lost, never known again */
	uint8_t state, flags, padding_unseen, pad2[4];
	struct http2_same same;
};

struct http2 {
	struct http2_dir dir[2];
	unsigned client;
	uint32_t losses;
};

/* A SETTINGS frame of direction dir, and the acknowledgement that dir sends. */
void http2_settings(struct http2 *h, unsigned dir, struct str payload);
void http2_settings_ack(struct http2 *h, unsigned dir);

/* Frames of direction dir were missed: settings and windows are not known any more. */
void http2_settings_unknown(struct http2 *h, unsigned dir);

#endif
