/* kafka_impl.h - what the files of this folder share */
#ifndef ZC_PARSERS_KAFKA_IMPL_H
#define ZC_PARSERS_KAFKA_IMPL_H

#include "parsers/byte_order.h"
#include "parsers/kafka/kafka.h"

enum kafka_kind {
	KAFKA_FIXED1,
	KAFKA_FIXED2,
	KAFKA_FIXED4,
	KAFKA_FIXED8,
	KAFKA_FIXED16,
	KAFKA_STRING,
	KAFKA_BYTES,
	KAFKA_RECORDS,
	KAFKA_ARRAY, /* as often as its count says: all up to */
	KAFKA_CLOSE,
	KAFKA_STRUCT,
	KAFKA_OPTIONAL, /* a structure that may be absent */
	KAFKA_END,	/* of it */
	KAFKA_STOP,	/* of the message */
};

enum kafka_what {
	KAFKA_IS_NONE,
	KAFKA_IS_ERROR,
	KAFKA_IS_THROTTLE,
	KAFKA_IS_ACKS,
	KAFKA_IS_WAIT,
	KAFKA_IS_EPOCH,
	KAFKA_IS_TOPIC,
	KAFKA_IS_TOPIC_ID,
	KAFKA_IS_PARTITION,
	KAFKA_IS_GROUP,
	KAFKA_IS_TRANSACTION,
};

struct kafka_field {
	uint8_t kind, what;
	uint8_t first, last; /* versions that have it */
};

struct kafka_api {
	uint8_t key, first, last;   /* versions that are known */
	uint8_t flexible;	    /* the first one with compact lengths and tagged fields */
	uint16_t request, response; /* rows of the layout */
	const char *name;
};

#define KAFKA_PRODUCE 0u
#define KAFKA_FETCH 1u
#define KAFKA_SASL_HANDSHAKE 17u
#define KAFKA_MAX_TOKEN 65536u
#define KAFKA_API_VERSIONS 18u
#define KAFKA_SHARE_FETCH 78u

const struct kafka_api *kafka_api_find(unsigned key); /* NULL: not known */
struct str kafka_error(int code);		      /* NOT_LEADER_OR_FOLLOWER; p NULL: no name */
int kafka_error_is_servers(int code);		      /* or is it what the client asked? */

/* ---- kafka_walk.c */

enum kafka_step {
	KAFKA_STEP_MORE,    /* more bytes are needed, or `used` were passed over */
	KAFKA_STEP_VALUE,   /* *v is one that has a meaning */
	KAFKA_STEP_CONTENT, /* `used` bytes of records */
	KAFKA_STEP_DONE,    /* that was the last one */
	KAFKA_STEP_LOST,    /* it is not laid out so */
};

struct kafka_value {
	enum kafka_what what;
	struct str s; /* TOPIC, TOPIC_ID, GROUP, TRANSACTION */
	int64_t n;    /* the others */
};

/* left bytes of a message of which this is the layout, from a row on. */
void kafka_walk_begin(struct kafka_walk *w, unsigned row, unsigned version, int flexible,
		      uint32_t left);
enum kafka_step kafka_walk_next(struct kafka_walk *w, const uint8_t *p, size_t n, size_t *used,
				struct kafka_value *v);
/* How many of the next bytes nobody looks at; *content: they are of records. */
uint32_t kafka_walk_unneeded(const struct kafka_walk *w, int *content);
/* Is it among the last records that there are, in the last of each array around them? */
int kafka_walk_ends(const struct kafka_walk *w);
/* So many of these are missing. */
void kafka_walk_gap(struct kafka_walk *w, uint32_t n);

/*
 * Of content of n bytes, the header of a batch: is it one of records of version 2 that can be read?
 * What is it compressed with (0: nothing, or it is not known)?
 */
int kafka_batch_is_plain(const uint8_t *p, size_t n);
unsigned kafka_batch_compression(const uint8_t *p, size_t n);

/* Bytes of a number of variable length that the n at p begin with: 0: more are needed; -1: none. */
int kafka_varint(const uint8_t *p, size_t n, uint32_t *v);

/* ---- kafka_head.c */

struct kafka_head {
	const struct kafka_api *api;
	unsigned version;
	uint32_t size, correlation; /* size: of all of it */
	size_t end;		    /* bytes of the header */
	struct str client;
	int flexible, known; /* known: this version's layout is */
	int acks;	     /* of Produce */
};

/* The length of a token of SASL that begins here, which is no request; -1: it cannot be one. */
static inline int kafka_token(const uint8_t *p, size_t n)
{
	uint32_t len = n >= 4 ? be32(p) : UINT32_MAX;

	return len <= KAFKA_MAX_TOKEN ? (int)len : -1;
}

/* 1: *h is filled; 0: more is needed; -1: it is no request. */
int kafka_head_parse(struct kafka_head *h, const uint8_t *p, size_t n);

/* ---- kafka_record.c */

enum kafka_part {
	KAFKA_PART_FRAME, /* lengths, and the name of a trace context */
	KAFKA_PART_CONTENT,
	KAFKA_PART_CONTEXT, /* its value */
};

/* How many of the n > 0 next bytes are of one kind. */
size_t kafka_record_next(struct kafka_record *r, const uint8_t *p, size_t n, enum kafka_part *part);
/* The same of all records of a batch, one behind the other. */
size_t kafka_records_next(struct kafka_records *k, const uint8_t *p, size_t n,
			  enum kafka_part *part);

/*
 * The trace context of a Produce that is there as a whole, if it is of one record. Records of more
 * may come from as many parents.
 */
struct str kafka_context(const struct kafka_head *h, const uint8_t *p);

/* message.form */
#define KAFKA_FORM(api, version) (1u << 31 | (uint32_t)(api) << 16 | (uint32_t)(version))

enum probe_result kafka_probe(const struct probe *in, unsigned *client);
extern const struct protocol_mask kafka_mask;

#endif
