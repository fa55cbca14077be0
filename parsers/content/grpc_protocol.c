/*
 * grpc_protocol.c - what its spans are called; apart from grpc.c, whose names of statuses the table
 * of attributes needs
 */
#include "parsers/attrs.h"
#include "parsers/content/grpc.h"

const struct protocol_name grpc_name = {
	.name = "grpc", .label = {"GRPC", "GRPCClient"}, .start_line = "HTTP/2",
	.status = ATTR(grpc_status), .flags = NAME_FIXED_METHOD,
};
