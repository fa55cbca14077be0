/* memcached_impl.h - what the files of this folder share */
#ifndef ZC_PARSERS_MEMCACHED_IMPL_H
#define ZC_PARSERS_MEMCACHED_IMPL_H

#include "parsers/memcached/memcached.h"

/* What a reply looks like. */
enum memcached_reply {
	MEMCACHED_LINE,	 /* one line */
	MEMCACHED_GET,	 /* VALUE lines with values, END */
	MEMCACHED_LINES, /* lines until END, EN, RESET, OK or an error */
	MEMCACHED_META,	 /* one line, with VA a value */
	MEMCACHED_WATCH, /* OK, then lines as long as the connection lasts */
	MEMCACHED_NONE,
};

struct memcached_command {
	const char *name;
	uint8_t reply;	/* enum memcached_reply */
	uint8_t key;	/* number of the word that is the first key; 0: none */
	uint8_t size;	/* of the word that is the length of the value behind the line; 0: none */
	uint8_t min, max; /* words, with the name, without `noreply`; max 0: any number */
};

#define MEMCACHED_WORDS 8u

/* The words of a line; of those behind the last only their number is known. */
struct memcached_line {
	struct str word[MEMCACHED_WORDS];
	unsigned n;
	size_t len; /* of the line with its end */
	struct str text; /* without it */
};

/* 1: a whole line; 0: more is needed; -1: it is none. */
int memcached_line(const uint8_t *p, size_t n, struct memcached_line *l);

/* The command of these words; NULL: none, or one that is not well-formed. */
const struct memcached_command *memcached_command(const struct memcached_line *l);

/* Which words of it are the first key and the length of its value; 0: none, or no command. */
void memcached_layout(struct str name, uint8_t *key, uint8_t *size);

/* May a command's name begin so? */
int memcached_begins(const char *p, size_t n);

int memcached_is(struct str s, const char *word);
int memcached_number(struct str s, uint64_t *v); /* 1: it is one */

/* Is it an error? Its word, else absent. */
struct str memcached_error(const struct memcached_line *l);

/* Is this how a meta command is answered? */
int memcached_is_meta(struct str word);

/* The token of a meta command or its answer that begins with this letter; absent: there is none. */
struct str memcached_flag(const struct memcached_line *l, struct str text, char flag);

/* message.form */
#define FORM_REPLY 0xfu	   /* enum memcached_reply */
#define FORM_QUIET 0x10u
#define FORM_SECRET 0x20u
#define FORM_KEYED 0x40u   /* what answers a quiet one has the same key; else opaque */
#define FORM_SEVERAL 0x80u /* keys */
#define FORM_OPCODE(form) ((form) >> 8 & 0xff)
#define FORM_HASH(form) ((form) >> 16)

uint32_t memcached_hash(const void *p, size_t n); /* of 16 bits */

enum state { IDLE, VALUE, LINES, DONE, SKIP, LOST };

enum parse_status memcached_text_request(struct memcached *d, const uint8_t *p, size_t n,
					 size_t *used, struct message *m);
enum parse_status memcached_text_reply(struct memcached *d, const uint8_t *p, size_t n,
				       size_t *used, struct message *m);

#define BINARY_HEADER 24u
#define BINARY_REQUEST 0x80
#define BINARY_RESPONSE 0x81

struct memcached_packet {
	uint8_t magic, opcode, extras;
	uint16_t key_len, status;
	uint32_t body, opaque;
	struct str key;
	size_t head; /* header, extras and key */
};

/* 1: *k is filled; 0: more is needed; -1: it is no packet of that magic. */
int memcached_packet(const uint8_t *p, size_t n, uint8_t magic, struct memcached_packet *k);

enum parse_status memcached_binary_request(struct memcached *d, const uint8_t *p, size_t n,
					   size_t *used, struct message *m);
enum parse_status memcached_binary_reply(struct memcached *d, const uint8_t *p, size_t n,
					 size_t *used, struct message *m);

enum probe_result memcached_probe(const struct probe *in, unsigned *client);
extern const struct protocol_mask memcached_mask;

#endif
