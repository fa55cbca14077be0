/*
 * http2_stream.h - private to HTTP/2: the streams of a connection
 */
#ifndef ZC_CORE_HTTP2_STREAM_H
#define ZC_CORE_HTTP2_STREAM_H

#include "core/conn.h"
#include "parsers/http2/http2.h"

#define HTTP2_BUCKETS 64u
#define HTTP2_CLOSED 64u /* streams whose late frames are known as such */

struct http2_stream {
	struct http2_stream *hash_next;
	struct list node; /* in `open` or `ending` */
	struct exchange *x;
	size_t size;   /* of this block */
	uint64_t used; /* time of its last frame */
	uint32_t id;
	uint8_t answered; /* the head of its response came */
	uint8_t unsure;	  /* frames of responses were not recognised when it began */
	uint8_t ending;	  /* its response is complete, or it is in doubt */
	struct http2_flow flow; /* of the response */
	struct http2_stall stall;
};

struct http2_conn {
	struct http2 *parser;
	size_t bytes;	   /* of its memory */
	struct list open;  /* streams, longest unused first */
	struct list ending; /* the same; they end soon, with or without another frame */
	struct list no_io; /* exchanges that wait for their io_time, by position */
	struct http2_stream *bucket[HTTP2_BUCKETS];
	uint32_t nstreams;
	uint32_t data_stream[2]; /* whose DATA frame is open, by direction; 0: none */
	uint32_t first_request;	 /* the first stream that was seen to be opened; 0: none */
	uint32_t closed[HTTP2_CLOSED], nclosed;
	uint8_t window_closed; /* the connection's, for responses */
	uint8_t whole;	       /* some stream's content is looked into */
	uint8_t lost;	       /* boundaries of frames were lost some time */
};

struct http2_stream *http2_stream_find(const struct http2_conn *h2, uint32_t id);

/* A stream for x, which has its number; NULL: no memory, x is not taken. */
struct http2_stream *http2_stream_add(struct conn *c, struct exchange *x);

/* Takes it out and releases it; returns its exchange. */
struct exchange *http2_stream_remove(struct conn *c, struct http2_stream *s);

/* A frame of s came. */
void http2_stream_touch(struct conn *c, struct http2_stream *s);

/* From now on s is one of those that end soon. */
void http2_stream_end_soon(struct conn *c, struct http2_stream *s);

/* Was the stream here and is no more? */
int http2_stream_was_closed(const struct http2_conn *h2, uint32_t id);

#endif
