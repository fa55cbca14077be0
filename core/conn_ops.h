/*
 * conn_ops.h - the table of what is done with connections, by what they carry
 */
#ifndef ZC_CORE_CONN_OPS_H
#define ZC_CORE_CONN_OPS_H

#include "core/conn.h"

/* Of the protocol, or what is carried in one, that has this name: pairing_ops, or its own. */
const struct conn_ops *conn_ops_of(const struct protocol_name *name);

#endif
