/*
 * send.h - encoded batches on their way to a collector
 *
 * For each signal a queue with a limit, and one request at a time. Nothing waits: what a collector
 * does not take stays in the queue, and the oldest goes when there is no more room. What fails for
 * now (no connection, 429, 502 to 504, gRPC's UNAVAILABLE and its like) is tried again, after the
 * time that the collector asks for, else after growing pauses; what fails for good is dropped.
 */
#ifndef ZC_SINKS_OTLP_SEND_H
#define ZC_SINKS_OTLP_SEND_H

#include "sinks/otlp/config.h"

#define OTLP_QUEUE_BYTES (16u << 20) /* of each signal */

struct otlp_sender;

struct otlp_sent {
	uint64_t sent, dropped, rejected; /* spans, or points of metrics */
	uint64_t requests, failures;
};

/*
 * What people should know, at most one each time it changes: "http://…: Connection refused".
 * dropped: how many were dropped since the last call, or 0.
 */
typedef void otlp_tell_fn(void *ctx, const char *text, uint64_t dropped);

/* c is borrowed. NULL with one line in err: no library, no memory. */
struct otlp_sender *otlp_sender_new(const struct otlp_config *c, otlp_tell_fn *tell, void *ctx,
				    char *err, size_t errlen);
void otlp_sender_free(struct otlp_sender *s);

/* Takes body, n bytes that malloc gave, which hold `items` spans or points. */
void otlp_send(struct otlp_sender *s, enum otlp_signal signal, void *body, size_t n,
	       uint32_t items);

/* Goes on with what is on its way; never blocks. Returns whether something is left to be sent. */
int otlp_sender_work(struct otlp_sender *s, uint64_t now_ns);

/* How much of what it may hold is in the queue, in percent. */
unsigned otlp_sender_fill(const struct otlp_sender *s, enum otlp_signal signal);

/* Drops what is left, for the end. */
void otlp_sender_give_up(struct otlp_sender *s);

const struct otlp_sent *otlp_sender_sent(const struct otlp_sender *s, enum otlp_signal signal);

#endif
