/*
 * flow_match.h - what --filter says of a connection as a whole
 *
 * Compared are the fields that a span of the connection would have of it: protocol, kind, ends,
 * processes, names, error, rtt, retransmits, conn, time; req_bytes and resp_bytes are what went to
 * the server and to the client. Others are absent.
 */
#ifndef ZC_CLI_FLOW_MATCH_H
#define ZC_CLI_FLOW_MATCH_H

#include "cli/filter.h"
#include "core/engine.h"

int flow_match(struct filter *f, const struct engine_flow *flow);

#endif
