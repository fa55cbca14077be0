/*
 * http2_stream.h - private to HTTP/2: the streams of a connection
 */
#ifndef ZC_CORE_HTTP2_STREAM_H
#define ZC_CORE_HTTP2_STREAM_H

#include "core/conn.h"
#include "core/exchange.h"
#include "parsers/http2/http2.h"

#define HTTP2_BUCKETS 64u
#define HTTP2_CLOSED 64u /* streams whose late frames are known as such */
#define HTTP2_RESETS 8u	 /* streams that were reset before their request was recognised */

/* Frames may be missing since the stream began: */
enum http2_missed {
	HTTP2_NOT_MISSED,
	HTTP2_MISSED_BEFORE,  /* before a message's head, or behind its end */
	HTTP2_MISSED_CONTENT, /* in a message */
};

struct http2_stream {
	struct http2_stream *hash_next;
	struct list node; /* in `open` or `ending` */
	struct exchange *x;
	size_t size;   /* of this block */
	uint64_t used; /* time of its last frame */
	uint32_t id;
	uint8_t answered;	/* the head of its response came */
	uint8_t missed[2];	/* of its request, its response: enum http2_missed */
	uint8_t ending;		/* its response is complete, or it is in doubt */
	uint32_t guess[2];	/* by which its request, its response began; 0: that is known */
	struct http2_flow flow; /* of the response */
	struct http2_stall stall;
};

struct http2_conn {
	struct http2 *parser;
	size_t bytes;	    /* of its memory */
	struct list open;   /* streams, longest unused first */
	struct list ending; /* the same; they end soon, with or without another frame */
	struct list no_io;  /* exchanges that wait for their io_time, by position */
	struct http2_stream *bucket[HTTP2_BUCKETS];
	uint32_t nstreams;
	uint32_t data_stream[2]; /* whose DATA frame is open, by direction; 0: none */
	/*
	 * By direction, when bytes in which there may have been frames went by last, and how far
	 * their sender had received the other direction, at most; 0: unknown.
	 */
	uint64_t skipped[2], skipped_need[2];
	uint32_t first_request; /* the first stream that was seen to be opened; 0: none */
	/* HEADERS with a greater number begin a stream; UINT32_MAX: that is not known of any */
	uint32_t last_request;
	/* the greatest of any time, and before the guess by which the requests' frames are known */
	uint32_t requested, requested_before, guess;
	uint32_t closed[HTTP2_CLOSED], nclosed;
	uint32_t last_closed; /* the greatest of any time */
	struct http2_reset {
		uint64_t time;
		uint32_t stream_id, error;
	} reset[HTTP2_RESETS];
	uint32_t nresets;
	uint8_t window_closed; /* the connection's, for responses */
	uint8_t whole;	       /* some stream's content is looked into */
	uint8_t lost;	       /* boundaries of frames were lost some time */
	uint8_t all_requests;  /* were seen */
	uint8_t is_refused;    /* its server answers in something else: */
	struct {
		uint64_t first, last, bytes;
		uint16_t status; /* 0: without one */
	} refused;
};

/* Of a connection whose ops are http2_conn_ops. */
static inline struct http2_conn *http2_of(const struct conn *c)
{
	return c->state;
}

struct http2_stream *http2_stream_find(const struct http2_conn *h2, uint32_t id);

/* A stream for x, which has its number; NULL: no memory, x is not taken. */
struct http2_stream *http2_stream_add(struct conn *c, struct exchange *x);

/* Takes it out and releases it; returns its exchange. */
struct exchange *http2_stream_remove(struct conn *c, struct http2_stream *s);

/* A frame of s came. */
void http2_stream_touch(struct conn *c, struct http2_stream *s);

/* From now on s is one of those that end soon. */
void http2_stream_end_soon(struct conn *c, struct http2_stream *s);

static inline int http2_is_response(const struct conn *c, unsigned dir)
{
	return dir != c->request_dir;
}

/* ---- http2_end.c: how they end. Each of the first four makes a span of s, which is gone then */

/* Nothing more is expected of it; it ended before its response did, in a way that was seen; what
 * becomes of it is not known. */
void http2_stream_finish(struct conn *c, struct http2_stream *s);
void http2_stream_abort(struct conn *c, struct http2_stream *s, uint64_t time,
			enum span_error error, int64_t code);
void http2_stream_abandon(struct conn *c, struct http2_stream *s);

/* The connection is not followed any more. */
void http2_stream_end(struct conn *c, struct http2_stream *s, enum conn_end why);

/* Those that are awaited no longer. */
void http2_stream_reap(struct conn *c);

/* The rest of the request of x, which has its response, was not seen in time. */
void http2_stream_expire(struct conn *c, struct exchange *x);

/*
 * Frames of s in direction dir may be missing from here on. If bytes went by there that were not
 * recognised (which http2_stream_missed() asks), its exchange says so, as far as it matters.
 */
void http2_stream_miss(struct conn *c, struct http2_stream *s, unsigned dir);
void http2_stream_miss_all(struct conn *c, unsigned dir); /* of any stream */
void http2_stream_doubt(struct conn *c, struct http2_stream *s); /* what it says, or ends with */
int http2_stream_missed(const struct conn *c, struct http2_stream *s);

/* Bytes of h, up to those that were delivered last, were passed over. */
void http2_skipped(struct conn *c, const struct half *h, uint64_t time);

/* May frames that answer x be among what was passed over? */
int http2_may_have_skipped(const struct conn *c, const struct exchange *x);

/* ---- http2_guess.c: whether frames that were found again are some */

/* A request begins stream id; guess: of the event, see http2.h. */
void http2_note_request(struct http2_conn *h2, uint32_t id, uint32_t guess);

/* The boundaries of frames are lost in a direction. */
void http2_frames_lost(struct conn *c, unsigned dir);

/* A guess was wrong: what it told, and is not shown yet, is taken back. */
void http2_take_back(struct conn *c, unsigned dir, uint32_t guess);

/* Is an event no frame, as it contradicts what is known? Then its guess is taken back. */
int http2_is_false(struct conn *c, const struct http2_event *ev);

/* ---- http2_refused.c: the server does not know HTTP/2 */

/* Do n bytes of the response direction, from pos on, show that? */
enum probe_result http2_is_refusal(const struct conn *c, const struct half *h, const uint8_t *p,
				   size_t n, uint64_t pos);

/* They do. Whatever was asked was refused so; n is not 0. */
void http2_refuse(struct conn *c, const struct half *h, const uint8_t *p, size_t n, uint64_t pos);

/* What has been asked since; and what has not been asked, when the connection ends. */
void http2_refuse_all(struct conn *c);
void http2_refused_end(struct conn *c);

/* Was the stream here and is no more? */
int http2_stream_was_closed(const struct http2_conn *h2, uint32_t id);

#endif
