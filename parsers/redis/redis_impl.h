/* redis_impl.h - what the files of this folder share */
#ifndef ZC_PARSERS_REDIS_IMPL_H
#define ZC_PARSERS_REDIS_IMPL_H

#include "parsers/redis/redis.h"
#include "parsers/redis/redis_command.h"

#define REDIS_LENGTH_NULL (-1)	   /* $-1 */
#define REDIS_LENGTH_STREAMED (-2) /* $? */
#define REDIS_MAX_LENGTH (1ll << 40)

/*
 * The number behind the type byte at p, as of `$5\r\n`. 1: it is in *v, the line in *used; 0: more
 * is needed; -1: it is none.
 */
int redis_length(const uint8_t *p, size_t n, int64_t *v, size_t *used);

/* What is known of a command when its HEAD is given. */
struct redis_head {
	struct str arg[REDIS_HEAD_ARGS];
	unsigned n;	   /* of them; the first is the name */
	uint64_t argc;	   /* that there are */
	size_t name_end;   /* bytes up to the end of the name, with its line end */
	size_t end;	   /* up to the end of the last of arg */
	/* of an argument that is not whole: what is missing, its end included */
	uint64_t truncated_left;
	int is_inline;
	size_t inline_tail; /* bytes that end the line */
};

/* 1: *h is filled; with argc 0, name_end bytes are no command. 0: more is needed; -1: it is none.
 */
int redis_head_parse(struct redis_head *h, const uint8_t *p, size_t n);

/* Fills what the message tells of the command; the texts go into r. Returns its row, or NULL. */
const struct redis_command *redis_describe(struct redis_request *r, const struct redis_head *h,
					   struct message *m);

/* message.form */
#define REDIS_FORM(form, secret, number)                                                           \
	((uint32_t)(form) | ((secret) ? 0x100u : 0) |                                              \
	 (uint32_t)((number) > 0xffff ? 0xffff : (number)) << 16)

#define REDIS_DB_UNKNOWN 0xffff /* as number of SELECT */

/* The next bytes of a string of known length: *take of n, of which the first *content are its own.
 */
static inline void redis_string(uint64_t *left, unsigned tail, uint64_t n, uint64_t *take,
				uint64_t *content)
{
	*take = n < *left ? n : *left;
	*content = *left > tail ? *left - tail : 0;
	if (*content > *take)
		*content = *take;
	*left -= *take;
}

enum parse_status redis_request_next(struct redis_request *r, const uint8_t *p, size_t n,
				     size_t *used, struct message *m);
enum parse_status redis_request_gap(struct redis_request *r, struct str kept, uint64_t n,
				    uint64_t *used, struct message *m);
enum parse_status redis_request_eof(struct redis_request *r, struct message *m);
uint64_t redis_request_unneeded(const struct redis_request *r);

enum parse_status redis_reply_next(struct redis_reply *r, const uint8_t *p, size_t n, size_t *used,
				   struct message *m);
enum parse_status redis_reply_gap(struct redis_reply *r, struct str kept, uint64_t n,
				  uint64_t *used, struct message *m);
enum parse_status redis_reply_eof(struct redis_reply *r, struct message *m);
uint64_t redis_reply_unneeded(const struct redis_reply *r);
int redis_reply_is_idle(const struct redis_reply *r); /* between values at top level */

/* Words that begin what a server sends unasked, and confirmations. */
enum redis_word {
	REDIS_WORD_NONE,
	REDIS_WORD_MESSAGE, /* message, pmessage, smessage */
	REDIS_WORD_SUBSCRIBE,
	REDIS_WORD_PSUBSCRIBE,
	REDIS_WORD_SSUBSCRIBE,
	REDIS_WORD_UNSUBSCRIBE,
	REDIS_WORD_PUNSUBSCRIBE,
	REDIS_WORD_SUNSUBSCRIBE,
	REDIS_WORD_OTHER,
};

/*
 * The first word of the array or push at p. 1: *word, with NONE where it is something else; 0: more
 * is needed; -1: no array.
 */
int redis_first_word(const uint8_t *p, size_t n, enum redis_word *word);

/* Is this, from its `+` on, a line of MONITOR? n may be less than the line, but 40 bytes suffice.
 */
int redis_is_monitor(const uint8_t *p, size_t n);

enum probe_result redis_probe(const struct probe *in, unsigned *client);

/* attributes: parsers/redis/redis_protocol.c */
extern const struct protocol_mask redis_mask;

#endif
