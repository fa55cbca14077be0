/*
 * plain.h - TLS streams: what an application reads from and writes to its TLS library
 *
 * A stream is a connection of its own (struct conn with conn.stream.lib set); parsers take it for
 * any other. The socket's connection, whose octets are ciphertext, is its carrier: addresses, role
 * and end come from there. A stream without a carrier is shown without addresses.
 *
 * The carrier is a fact where the library itself used the socket, or keeps the random of the
 * ClientHello that went over it. Else pieces of evidence are needed that agree (what the thread read
 * before, what it sent after): two while the thread used no other such socket, or three whose lengths
 * agree to the octet and are not always the same; one more each time that they pointed elsewhere.
 * Sizes must fit, no other stream may have that carrier. A fact about another stream, or two pieces in
 * a row that contradict, undo it for good: an address is never guessed.
 *
 * Positions of a stream count its own octets. Where it was seen from its beginning, they count from
 * the connection's first sequence numbers, so that both ends name an exchange alike.
 */
#ifndef ZC_CORE_PLAIN_H
#define ZC_CORE_PLAIN_H

#include "bpf/events.h"
#include "core/span.h"

struct conn;
struct engine;

void plain_on_data(struct engine *e, const struct zc_ev_plain *p);
void plain_on_tie(struct engine *e, const struct zc_ev_tie *t);
void plain_on_fault(struct engine *e, const struct zc_ev_fault *f);

/*
 * Where threads read and write a stream at the same time (Go), a write is told when it has returned,
 * and its answer may have been read before that. What was read then waits for the write; not for
 * long, and not much of it. tick: every 20 ms; flush: nothing more comes; drop: it is not wanted.
 */
void plain_tick(struct engine *e);
void plain_flush(struct engine *e, struct conn *c);
void plain_drop(struct conn *c);

/* A socket's addresses or owner became known; it has ended, and so has its stream, soon. c: any. */
void plain_carrier_known(struct engine *e, struct conn *c);
void plain_carrier_ended(struct engine *e, struct conn *c);

/* c leaves the table: whoever knows it forgets it. */
void plain_forget(struct conn *c);

/*
 * What position pos in direction dir is called by both ends: a sequence number. Of a connection
 * that is no stream, that of the octet itself.
 */
uint32_t plain_seq(const struct conn *c, int dir, uint64_t pos);

/* Is c a stream whose positions mean nothing at the other end? */
int plain_is_private(const struct conn *c);

/*
 * The name of c, both ends alike, that of its addresses being given. That of a stream is not its
 * socket's: both may have exchanges, one of them in clear. What only this end knows has a name that
 * nobody shares.
 */
uint64_t plain_hash(const struct conn *c, uint64_t connection);

/* The first octet's sequence number, by direction; 0: it is not known. */
int plain_first(const struct conn *c, uint32_t first[2]);

/*
 * What a connection is called in outputs: the socket's cookie, also of its stream; of a stream whose
 * socket is not known, a number beyond all cookies that a double still holds, as jq's numbers are.
 */
uint64_t plain_conn(const struct conn *c);

/* "openssl", ... of enum zc_tls_lib; NULL: it is none. */
const char *plain_library(int lib);

#endif
