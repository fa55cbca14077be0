/*
 * amqp.h - AMQP 0-9-1, as RabbitMQ speaks it
 *
 * Section numbers in comments are of the AMQP 0-9-1 specification; confirms, nacks and bindings of
 * exchanges are RabbitMQ's. The contract of the functions is that of parsers/protocol.h.
 *
 * Messages pair by channel and method. A publish is one-way, unless its channel confirms: then
 * basic.ack answers it, by the number of publishes since confirm.select. What the server delivers
 * is a message of its own, which the client may acknowledge. A channel or connection that the
 * server closes is the answer to the method that it names, or an error of its own. CONTENT is what
 * body frames carry; messages of several channels may alternate. A message's HEAD waits for the
 * frame of its properties, if that is the next one, for the traceparent among them.
 *
 * Of at most AMQP_CHANNELS channels and AMQP_CONSUMERS consumers something is remembered.
 */
#ifndef ZC_PARSERS_AMQP_H
#define ZC_PARSERS_AMQP_H

#include "parsers/protocol.h"

#define AMQP_PEEK 4096u /* of a method */
#define AMQP_MAX_FRAME (16u << 20)
#define AMQP_CHANNELS 16u
#define AMQP_CONSUMERS 16u
#define AMQP_CONTENTS 8u /* messages that alternate, in a direction */
#define AMQP_MAX_QUEUE 64u

struct amqp_side {	     /* private */
	uint8_t state, ends; /* ends: the frame that is passed over is a message's */
	uint32_t left;	     /* of the frame, without its end */
	uint64_t key;	     /* of the latest HEAD */
	uint16_t channel;
	struct amqp_content { /* of a message whose body is to come */
		uint8_t used, sized;
		uint16_t channel;
		uint64_t key, left;
	} content[AMQP_CONTENTS];
};

struct amqp {
	struct amqp_side side[2];
	uint64_t published; /* of channels that do not confirm */
	struct amqp_channel {
		uint16_t channel;
		uint8_t confirms;
		uint64_t published;
	} channel[AMQP_CHANNELS];
	struct amqp_consumer {
		uint64_t tag; /* hash of channel and tag; 0: none */
		uint8_t no_ack, nqueue;
		char queue[AMQP_MAX_QUEUE];
	} consumer[AMQP_CONSUMERS], asked; /* asked: consume, whose tag its answer may tell */
	uint8_t next_consumer;
};

extern const struct protocol amqp_protocol; /* the row of the table */

#endif
