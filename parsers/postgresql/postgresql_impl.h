/* postgresql_impl.h - what the files of this folder share */
#ifndef ZC_POSTGRESQL_IMPL_H
#define ZC_POSTGRESQL_IMPL_H

#include "parsers/byte_order.h"
#include "parsers/postgresql/postgresql.h"

#define HEADER 5u /* type and length */

/* Packets that have no type: length, then one of these. */
#define CODE_SSL 80877103u
#define CODE_GSSENC 80877104u
#define CODE_CANCEL 80877102u
#define CODE_MAJOR 3u /* upper half of StartupMessage's */
#define MAX_STARTUP 10000u

/* message.form: kind in the lowest byte, the unit's number above. */
enum kind {
	KIND_STARTUP = 1,
	KIND_SIMPLE,
	KIND_EXTENDED,
};

#define FORM(kind, unit) ((uint32_t)(kind) | (uint32_t)(unit) << 8)

/* flags of a unit; the lowest bits are its batch: what one Sync ends. */
#define UNIT_BATCH 0x0fu
#define UNIT_EXECUTES 0x10u
#define UNIT_FLUSHED 0x20u /* it ends without Sync */
#define UNIT_UNSEEN 0x40u  /* its statement is not known */
#define UNIT_COPIES 0x80u

/* Is this one of the types that clients, servers send, of a possible length? */
int postgresql_is_request(const uint8_t *p);
int postgresql_is_reply(const uint8_t *p);

/* The end of the string at p, without its NUL; -1: it is not there. */
static inline ptrdiff_t string_end(const uint8_t *p, size_t n)
{
	const uint8_t *end = n ? memchr(p, 0, n) : NULL;

	return end ? end - p : -1;
}

/* ---- portals. The statement may be unknown. */

void postgresql_bind(struct postgresql *s, uint64_t portal, uint64_t name);
uint32_t postgresql_portal(struct postgresql *s, uint64_t portal); /* its id; 0: not known */
void postgresql_forget(struct postgresql *s);			   /* statements and portals */

/* ---- the two directions */

enum parse_status postgresql_request_next(struct postgresql *s, const uint8_t *p, size_t n,
					  size_t *used, struct message *m);
enum parse_status postgresql_request_gap(struct postgresql *s, struct str kept, uint64_t n,
					 uint64_t *used, struct message *m);
enum parse_status postgresql_request_eof(struct postgresql *s, struct message *m);
uint64_t postgresql_request_unneeded(const struct postgresql *s);
enum place postgresql_request_place(const struct postgresql *s);
void postgresql_request_move(struct postgresql *s, enum place to);

enum parse_status postgresql_reply_next(struct postgresql *s, const uint8_t *p, size_t n,
					size_t *used, struct message *m);
enum parse_status postgresql_reply_gap(struct postgresql *s, struct str kept, uint64_t n,
				       uint64_t *used, struct message *m);
enum parse_status postgresql_reply_eof(struct postgresql *s, struct message *m);
uint64_t postgresql_reply_unneeded(const struct postgresql *s);
enum place postgresql_reply_place(const struct postgresql *s);
void postgresql_reply_move(struct postgresql *s, enum place to);

/* ---- recognising */

/*
 * How many bytes at p are whole messages of a client that are sound, up to n; *whole: how many, and
 * *ends: the last one makes the server answer. SIZE_MAX: something else is among them.
 */
size_t postgresql_requests(const uint8_t *p, size_t n, unsigned *whole, int *ends);

enum probe_result postgresql_probe(const struct probe *in, unsigned *client);

extern const struct protocol_mask postgresql_mask;

#endif
