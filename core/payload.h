/*
 * payload.h - messages in the content of an exchange: gRPC, Connect, WebSocket, server-sent events
 *
 * Some exchanges are conversations: what matters of their content is how many messages went each
 * way, and how much was in them. A payload counts them, of an exchange over HTTP/1 and of a stream
 * of HTTP/2 alike. Content comes in pieces and with gaps; a gap within a message of known length is
 * harmless. Whatever a parser has to see as a whole is kept here, in at most PAYLOAD_KEEP octets
 * and direction.
 *
 * Direction 0 is the client's, 1 the server's.
 */
#ifndef ZC_CORE_PAYLOAD_H
#define ZC_CORE_PAYLOAD_H

#include "core/pool.h"
#include "parsers/content/grpc.h"
#include "parsers/content/sse.h"
#include "parsers/content/websocket.h"

#define PAYLOAD_KEEP (GRPC_MAX_TRAILERS + 1024u)

enum payload_kind {
	PAYLOAD_GRPC,
	PAYLOAD_GRPC_WEB,
	PAYLOAD_GRPC_WEB_TEXT,
	PAYLOAD_WEBSOCKET,
	PAYLOAD_CONNECT,
	PAYLOAD_EVENTS, /* text/event-stream, server to client */
};

struct payload {
	size_t size; /* of this block */
	enum payload_kind kind;
	struct payload_dir {
		union {
			struct grpc grpc;
			struct ws ws;
			struct sse sse;
		};
		struct grpc_text text;
		uint8_t *keep; /* from the pool; NULL: nothing is kept */
		size_t keep_size;
		uint32_t nkeep;
		uint8_t closed; /* WebSocket: a CLOSE frame came */
		/* what came is not of this kind, or octets that matter are missing */
		uint8_t gapped; /* some of it was missing */
		uint8_t unsound;
	} dir[2];
	uint64_t pings;
	int close_code; /* of the first CLOSE frame; 0: none came */
	struct pool *pool;
	/* trailers of gRPC-Web, the end of a stream of Connect; for the time of the call */
	void (*on_trailers)(void *ctx, struct str lines);
	void *ctx;
};

/* NULL: no memory. on_trailers may be NULL. */
struct payload *payload_new(struct pool *pool, enum payload_kind kind,
			    void (*on_trailers)(void *ctx, struct str lines), void *ctx);
void payload_free(struct payload *y);

/* The next content of direction dir. */
void payload_data(struct payload *y, int dir, const uint8_t *p, size_t n);
void payload_gap(struct payload *y, int dir, uint64_t n);

/* How many of the next octets of content need not be seen; UINT64_MAX: all. */
uint64_t payload_unneeded(const struct payload *y, int dir);

/* Complete messages or events so far, and octets in messages; UINT64_MAX: not known. */
uint64_t payload_messages(const struct payload *y, int dir);
uint64_t payload_bytes(const struct payload *y, int dir);

/* WebSocket: both ends have said that they are through. */
int payload_closed(const struct payload *y);

#endif
