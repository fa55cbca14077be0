/*
 * kafka.h - the protocol of Apache Kafka and of what speaks like it (Redpanda)
 *
 * https://kafka.apache.org/protocol; the layout of all messages in all versions is kafka_schema.h,
 * made from Kafka's own definitions. The contract of the functions is that of parsers/protocol.h.
 *
 * A message is a length and so many bytes. A request's HEAD comes with its header; Produce waits
 * for its number of acknowledgements, as with none there is no response. What is found behind the
 * header is told with END. CONTENT is batches of records and nothing else. A response is understood
 * as far as its request was seen.
 *
 * A Produce of up to KAFKA_PEEK bytes is waited for as a whole: a trace context may be among the
 * headers of its only record. Of what a Fetch brings END tells the context, if it is one record. Of
 * several records, which may be of as many traces, it is counted how many have one; all that up to
 * KAFKA_PEEK, and of batches that are not compressed.
 *
 * Behind a SaslHandshake of version 0 tokens come that are no requests, each behind its length, and
 * are answered so; they are passed over.
 *
 * Bytes that are missing within a message leave its end known; what is counted in it is not told
 * then. Where they are missing elsewhere next() returns PARSE_BAD: probing finds the next message.
 */
#ifndef ZC_PARSERS_KAFKA_H
#define ZC_PARSERS_KAFKA_H

#include "parsers/protocol.h"
#include "parsers/trace_context.h"

#define KAFKA_MAX_TOPIC 249u /* what Kafka allows */
#define KAFKA_MAX_GROUP 128u /* of a longer one nothing is told */
#define KAFKA_MAX_SIZE (256u << 20)
#define KAFKA_PEEK 16384u
#define KAFKA_DEPTH 8u /* of arrays within one another */

/* Where in the layout of a message we are. */
struct kafka_walk { /* private */
	uint16_t at;
	uint8_t version, flexible, depth, state, counted;
	uint8_t last;	   /* the tagged fields are those of the message as a whole */
	uint8_t head;	   /* bytes of a batch's header still to come */
	uint32_t left;	   /* of the message, */
	uint32_t skip;	   /* of a value that is passed over, */
	uint32_t records;  /* of a field of batches, */
	uint32_t batch;	   /* of a batch */
	uint32_t tags;	   /* tagged fields to come */
	uint64_t messages; /* records so far; not all of them unless counted */
	struct {
		uint16_t at;
		uint32_t count;
	} array[KAFKA_DEPTH];
};

/* A name, or an id as people write it. */
struct kafka_topic {
	uint16_t n;
	uint8_t by_id;
	char s[KAFKA_MAX_TOPIC + 1];
};

/* What was found in a message. */
struct kafka_found { /* private */
	struct kafka_topic topic, last;
	uint32_t topics, partitions;
	int32_t partition, wait, throttle, epoch;
	int16_t error, acks;
	uint8_t ngroup, compression;
	char group[KAFKA_MAX_GROUP], target[KAFKA_MAX_TOPIC + 16];
};

/* Where in a record we are; zeroed where it begins. */
struct kafka_record { /* private */
	uint8_t at, shift;
	uint8_t context; /* the header's name is, so far, that of a trace context */
	uint32_t left;	 /* of a key, a value, a name */
	uint32_t headers, size;
	uint64_t number;
};

/* Where in those of a batch; zeroed behind its header. */
struct kafka_records { /* private */
	struct kafka_record r;
	uint32_t left; /* of this one, if it is sized */
	uint8_t sized, ends, lost; /* ends: it is over; lost: nothing is understood */
};

struct kafka_side { /* private */
	struct kafka_walk walk;
	struct kafka_found found;
	uint8_t state, api, known, ends, secret; /* ends: lost, in the last records */
	uint8_t looks; /* into records, for trace contexts */
	uint8_t nvalue, own; /* bytes of one, and how many there were in this record */
	uint16_t version;
	uint32_t contexts; /* records with one; the first: */
	char context[TRACE_CONTEXT_LEN];
	struct kafka_records records;
};

struct kafka {
	struct kafka_side side[2];
	struct kafka_topic session; /* first topic of the consumer's session, */
	uint32_t session_topics;    /* of how many */
	uint8_t bare;		    /* tokens of SASL may come, with nothing but their length */
	uint8_t tokens;		    /* that the server has not answered */
};

extern const struct protocol kafka_protocol; /* the row of the table */

#endif
