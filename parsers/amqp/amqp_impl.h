/* amqp_impl.h - what the files of this folder share */
#ifndef ZC_PARSERS_AMQP_IMPL_H
#define ZC_PARSERS_AMQP_IMPL_H

#include "parsers/amqp/amqp.h"
#include "parsers/byte_order.h"
#include "parsers/trace_context.h"

#define AMQP_HEADER 7u /* type, channel, size */
#define AMQP_END 0xce

enum amqp_frame { AMQP_METHOD = 1, AMQP_CONTENT = 2, AMQP_BODY = 3, AMQP_HEARTBEAT = 8 };

enum amqp_kind {
	AMQP_PASS, /* nothing that would be shown */
	AMQP_ASK,  /* answered by the method with the next number */
	AMQP_ANSWER,
	AMQP_PUBLISH,
	AMQP_DELIVER,
	AMQP_RETURN,
	AMQP_GET_OK,
	AMQP_ACK,
	AMQP_CLOSE,
};

struct amqp_method {
	uint8_t class_id, id;
	uint8_t from; /* 1: clients, 2: servers, 3: both */
	uint8_t kind;
	const char *name;
	/*
	 * Its arguments as far as they matter: a digit is so many bytes, `s` a short string, `S`
	 * one of which the first word matters
	 */
	const char *format;
	uint8_t target;	 /* number of the string that is it, from 1; 0: none */
	uint8_t nowait;	 /* bit of the last byte that the format has; 0: none */
	uint8_t answers; /* method that this one answers */
};

#define AMQP_STRINGS 4u

/* Arguments of a method, as far as they are there. */
struct amqp_args {
	struct str s[AMQP_STRINGS];
	unsigned n;
	const uint8_t *fixed[4]; /* where bytes of the format are */
	unsigned nfixed;
	uint8_t last; /* the last byte of the format */
	uint8_t whole;
};

const struct amqp_method *amqp_method(uint16_t class_id, uint16_t id, enum sender from);

void amqp_args(const struct amqp_method *d, const uint8_t *p, size_t n, struct amqp_args *a);

/*
 * What stands before the value of a traceparent in the table of headers (section 4.2.5.5), which is
 * a long string.
 */
#define AMQP_CONTEXT ((struct str){"\x0btraceparentS\0\0\0\x37", 17})

/* Is this a frame's header? */
int amqp_is_frame(const uint8_t p[AMQP_HEADER]);

enum probe_result amqp_probe(const struct probe *in, unsigned *client);
extern const struct protocol_mask amqp_mask;

#endif
