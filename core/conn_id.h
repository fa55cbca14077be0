/*
 * conn_id.h - what connections and positions in them are called, so that both ends agree
 */
#ifndef ZC_CORE_CONN_ID_H
#define ZC_CORE_CONN_ID_H

#include <stdint.h>

struct conn;

/*
 * What position pos in direction dir is called by both ends: a sequence number. Of a connection
 * that is no stream, that of the octet itself.
 */
uint32_t conn_id_seq(const struct conn *c, int dir, uint64_t pos);

/*
 * The name of c, both ends alike, that of its addresses being given. That of a stream is not its
 * socket's: both may have exchanges, one of them in clear. What only this end knows has a name that
 * nobody shares.
 */
uint64_t conn_id_hash(const struct conn *c, uint64_t connection);

/* The first octet's sequence number, by direction; 0: it is not known. */
int conn_id_first(const struct conn *c, uint32_t first[2]);

/*
 * What a connection is called in outputs: the socket's cookie, also of its stream; of a stream
 * whose socket is not known, a number beyond all cookies that a double still holds, as jq's numbers
 * are.
 */
uint64_t conn_id_shown(const struct conn *c);

#endif
