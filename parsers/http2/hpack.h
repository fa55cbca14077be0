/*
 * hpack.h - HPACK (RFC 7541) for an observer, who may have joined late
 *
 * One struct hpack follows the dynamic table of one direction of one connection. It decodes field
 * blocks; it never refuses more of a stream than it must, and never gives a wrong name or value.
 *
 * Joined late
 *
 * Indices of the dynamic table count from its newest entry. So whatever was inserted since the
 * observer joined stands at a known index, and only what was inserted before is out of sight. Such
 * an entry is unseen, but has an identity: entries are numbered in order of insertion, 0 for the
 * first one inserted since joining, -1 for the newest from before, -2 for the one before that. The
 * number of an entry never changes while the table moves on. A reference to an unseen entry is a
 * field whose name or value is absent (p == NULL) and whose id says which entry it was.
 *
 * A new entry that takes its name from an unseen one has a value but no name; it keeps the number
 * of that unseen entry (name_id), through any number of further insertions.
 *
 * The sizes of unseen names are not known, so such an entry counts with the least that it can have
 * (32 octets and its value). Hence this table holds a little more than the encoder's, never less;
 * and since a correct encoder refers only to what its own table holds, no reference goes wrong. An
 * entry that is larger than the table empties it (section 4.4); whether it then counts as inserted
 * makes no difference to any later index, for all that is older has gone as well.
 *
 * What is certainly gone is known as well: each entry takes at least 32 octets, so only so many
 * unseen ones can lie behind those inserted since; and a size update to s leaves at most s octets.
 * A reference to what is certainly gone is HPACK_BAD.
 *
 * Numbers belong to an epoch. When octets of the direction are missing, an unknown number of
 * insertions may be missing too: hpack_forget() begins a new epoch, in which everything is unseen
 * again. Numbers of different epochs must not be compared.
 *
 * What can be learnt about an unseen entry
 *
 * The name, when the protocol above leaves a single possibility (say, a request without any :path
 * but for one unseen field): the caller says so with hpack_learn_name(), and from then on the entry
 * and all that took their name from it have that name, marked HPACK_NAME_INFERRED. The value cannot
 * be learnt from HPACK: a later literal with the same name says nothing of the old value, and a
 * later insertion of the same field is a new entry. A caller that knows a value from elsewhere
 * (another observer of the same request) may keep its own map from (epoch, id) to value.
 *
 * Bounds
 *
 * The memory is the caller's and is fixed: hpack_size(capacity). If the encoder's table is larger
 * than the capacity, the oldest entries become unseen (with numbers >= 0) in place of being wrong;
 * hpack_wanted() says so, and hpack_move() takes the state to a larger place. Work is proportional
 * to the octets of the block plus the octets given out.
 */
#ifndef ZC_PARSERS_HPACK_H
#define ZC_PARSERS_HPACK_H

#include "parsers/parser.h"

#define HPACK_DEFAULT_TABLE 4096u /* RFC 9113 section 6.5.2: SETTINGS_HEADER_TABLE_SIZE */
#define HPACK_MAX_TABLE 65536u	  /* of capacity, whatever the peers agree upon */
#define HPACK_ENTRY 32u		  /* overhead of an entry, RFC 7541 section 4.1 */
#define HPACK_ANY_LIMIT UINT32_MAX
#define HPACK_NO_ID INT64_MIN
#define HPACK_STATIC_MAX 61u

enum hpack_status {
	HPACK_FIELD, /* *f is filled */
	HPACK_END,   /* the block is decoded to its last octet */
	HPACK_MORE,  /* the block ends within a representation, which starts at *pos; nothing of
			it has had any effect */
	HPACK_BAD,   /* not HPACK, or not in the state that was followed: call hpack_forget() */
};

/* Of a field, bit set. */
#define HPACK_NAME_UNSEEN 0x01u	  /* name.p is NULL; name_id tells which */
#define HPACK_VALUE_UNSEEN 0x02u  /* value.p is NULL; id tells which */
#define HPACK_NAME_INFERRED 0x04u /* the name comes from hpack_learn_name() */
#define HPACK_NEVER_INDEXED 0x08u /* sent as secret, section 7.1.3: do not show or keep it */
#define HPACK_INDEXED 0x10u	  /* the whole field came from a table */
#define HPACK_INSERTED 0x20u	  /* it is now the newest entry of the table */
#define HPACK_TOO_LONG 0x40u	  /* name or value left out (p == NULL), the scratch is too small */

struct hpack_field {
	struct str name, value; /* in the block, in the scratch, or constant */
	uint32_t flags;
	int64_t id;	 /* of the entry referred to or inserted; HPACK_NO_ID: none, or static */
	int64_t name_id; /* of the entry whose name it is, when unseen or inferred; or HPACK_NO_ID
			  */
};

/*
 * Memory for strings that are not in the block as they are (Huffman code, dynamic table). Filled
 * from `used` on; the caller sets `used` back when it is done with the fields. With HPACK_FIELD_MAX
 * octets free at each call no string of an entry is ever left out.
 */
struct hpack_scratch {
	uint8_t *p;
	size_t n, used;
};

#define HPACK_FIELD_MAX 65536u

struct hpack;

/*
 * Octets of memory for a table that holds up to `capacity` octets (in the sense of section 4.1);
 * about 1.8 times that. Capacity is raised to 64 and cut to HPACK_MAX_TABLE.
 */
size_t hpack_size(uint32_t capacity);

/*
 * Makes a decoder in mem (hpack_size(capacity) octets, aligned as for malloc), which remains the
 * caller's and is all there is to release. from_start: the next block is the first one of the
 * connection, so nothing is unseen and the table's size is HPACK_DEFAULT_TABLE; otherwise joined
 * late: the size may be anything.
 */
struct hpack *hpack_init(void *mem, uint32_t capacity, int from_start);

/*
 * The same decoder in new memory of another capacity; old is dead afterwards. What does not fit
 * becomes unseen. mem must not overlap the old memory.
 */
struct hpack *hpack_move(void *mem, uint32_t capacity, struct hpack *old);

/* Table size in use by the encoder when that exceeds the capacity (at most HPACK_MAX_TABLE), or 0.
 */
uint32_t hpack_wanted(const struct hpack *h);

/*
 * The receiving end allows tables of `max` octets (SETTINGS_HEADER_TABLE_SIZE), HPACK_ANY_LIMIT:
 * not known. A size update beyond this is HPACK_BAD. Before the setting is acknowledged either
 * value may be in force: give the larger one.
 */
void hpack_limit(struct hpack *h, uint32_t max);

/* Octets are missing: a new epoch, everything so far is unseen. */
void hpack_forget(struct hpack *h);

uint32_t hpack_epoch(const struct hpack *h); /* from 0 */

/* Goes up with every change of the table: while it is the same, blocks mean the same. */
uint32_t hpack_changes(const struct hpack *h);

/* For tests and statistics: entries held, and their size in octets (the least it can be). */
uint32_t hpack_entries(const struct hpack *h);
uint32_t hpack_octets(const struct hpack *h);

/*
 * Decodes the next field of a block p[0..n), from *pos on, and advances *pos past it. *pos == 0
 * begins a block; size updates are allowed there only (section 4.2). After HPACK_MORE the caller
 * may come again with the same block made longer.
 *
 * HPACK_BAD: index 0 or of an entry that cannot exist, an integer beyond 32 bits, a string in bad
 * Huffman code (EOS inside, padding longer than 7 bits or not of ones), a size update out of place
 * or beyond the limit.
 */
enum hpack_status hpack_next(struct hpack *h, const uint8_t *p, size_t n, size_t *pos,
			     struct hpack_scratch *s, struct hpack_field *f);

/*
 * The name of the unseen entry `id` (< 0) of this epoch is that of entry `index` of the static
 * table (1..61). Only for what is certain. If two such statements contradict each other, the entry
 * stays nameless for good. Ids too old to be kept (beyond capacity / 32) are ignored.
 */
void hpack_learn_name(struct hpack *h, int64_t id, unsigned index);

/* Name of entry 1..61 of the static table. */
struct str hpack_static_name(unsigned index);

/*
 * Could p[0..n) be a complete field block of HTTP, whatever the state of the tables? 0: no. 1: yes.
 * 2: yes, and a pseudo-header field of the static table is among its first four fields. For telling
 * frames from anything else; costs about as much as decoding.
 */
int hpack_plausible(const uint8_t *p, size_t n);

#endif
