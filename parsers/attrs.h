/*
 * attrs.h - the table of attributes: what spans of some protocols have, and others have not
 *
 * One row for each, in the order in which JSON has them. JSON, --filter, the dashboard, text lines
 * and traces are made from it; for a new attribute its row is all there is to write, and its line
 * in the manual, which a test asks for.
 *
 * Rows are by type: STRING, NUMBER, DURATION (nanoseconds: the key gets "_ns" behind it, and
 * without it is --filter's word that wants a unit), SIZE (bytes), CODE (a number with names, shown
 * as the number in JSON, and with its name to people), WORD (a number that is shown by its name
 * everywhere). Each: key, OpenTelemetry's name or NULL, flags (ATTR_*, protocol.h), help; CODE and
 * WORD also the names.
 */
#ifndef ZC_PARSERS_ATTRS_H
#define ZC_PARSERS_ATTRS_H

#include "parsers/protocol.h"

/* Behind `tls`. */
#define ATTRS_TLS(STRING, NUMBER, DURATION, SIZE, CODE, WORD)                                      \
	WORD(tls_version, "tls.protocol.version", 0, "1.0 to 1.3", version_name)                   \
	WORD(tls_cipher, "tls.cipher", 0, "TLS_AES_128_GCM_SHA256, …", cipher_name)                \
	STRING(tls_sni, "tls.client.server_name", 0, "server name that the client asked for")      \
	STRING(tls_alpn, "tls.next_protocol", 0, "protocol chosen in the handshake")               \
	WORD(tls_alert, NULL, ATTR_FAILURE, "unknown_ca, …: what ended a handshake", alert_name)   \
	STRING(tls_alert_from, NULL, 0, "client or server")                                        \
	STRING(tls_unseen, NULL, 0, "why it stayed encrypted")

/* Behind `status`: what was asked of whom, and how it ended. */
#define ATTRS_OPERATION(STRING, NUMBER, DURATION, SIZE, CODE, WORD)                                \
	CODE(grpc_status, "rpc.response.status_code", ATTR_FAILURE, "status of gRPC, 0 is OK",     \
	     grpc_name_of)                                                                         \
	STRING(grpc_message, NULL, 0, "message of gRPC beside the status")                         \
	STRING(rpc_service, NULL, 0, "package.Service of a gRPC call")                             \
	STRING(rpc_method, NULL, 0, "method of a gRPC call")                                       \
	CODE(close_code, NULL, 0, "of a WebSocket, 1000 is normal", close_name)                    \
	STRING(db_operation, "db.operation.name", 0, "command or statement: GET, SELECT")          \
	STRING(db_collection, "db.collection.name", 0, "table or collection")                      \
	STRING(db_namespace, "db.namespace", 0, "database; of Redis its number")                   \
	STRING(db_query, "db.query.text", ATTR_STATEMENT, "statement, its values as ?")            \
	STRING(db_statement, NULL, ATTR_SECRET, "the same with its values, with --no-redact")      \
	STRING(db_query_shape, NULL, 0, "hash of the statement without its values")                \
	NUMBER(db_batch_size, "db.operation.batch.size", 0, "statements in it, of several")        \
	STRING(db_status, "db.response.status_code", ATTR_FAILURE | ATTR_IN_LINE,                  \
	       "code of the error: SQLSTATE, WRONGTYPE")                                           \
	NUMBER(db_code, NULL, 0, "number of the error, of MySQL: 1062")                            \
	STRING(db_severity, NULL, 0, "of the error: ERROR, FATAL, PANIC")                          \
	STRING(db_error, NULL, ATTR_SECRET, "message of the error, with --no-redact")              \
	NUMBER(db_warnings, NULL, 0, "notices, warnings beside the answer")                        \
	NUMBER(rows, "db.response.returned_rows", 0, "rows returned or changed")                   \
	STRING(dns_question, "dns.question.name", 0, "name that is asked for")                     \
	STRING(dns_type, NULL, 0, "type that is asked for: A, AAAA")                               \
	CODE(dns_rcode, "dns.response_code", ATTR_FAILURE, "of the answer, 0 is NOERROR",          \
	     rcode_name)                                                                           \
	STRING(dns_answers, "dns.answers", 0, "addresses and names in the answer")                 \
	NUMBER(dns_answer_count, NULL, 0, "records in it")                                         \
	NUMBER(dns_truncated, NULL, ATTR_IN_LINE, "1: cut short, to be asked for over TCP")        \
	NUMBER(retries, NULL, ATTR_IN_LINE, "how often a datagram was sent again")                 \
	STRING(messaging_operation, "messaging.operation.type", 0,                                 \
	       "publish, process, or the command")                                                 \
	STRING(messaging_destination, "messaging.destination.name", 0, "topic, queue or subject")  \
	NUMBER(messaging_messages, "messaging.batch.message_count", 0, "how many it carries")      \
	NUMBER(messaging_contexts, NULL, 0, "of several, those that carry a trace context")        \
	STRING(messaging_compression, NULL, 0, "gzip, …: what is not looked into")                 \
	NUMBER(messaging_partition, "messaging.destination.partition.id", 0,                       \
	       "of a topic of Kafka, if it is one alone")                                          \
	STRING(messaging_group, "messaging.consumer.group.name", 0, "group of consumers")          \
	STRING(messaging_client_id, "messaging.client.id", 0, "what the client calls itself")      \
	STRING(messaging_status, "error.type", ATTR_FAILURE | ATTR_IN_LINE,                        \
	       "what went wrong: NOT_LEADER_OR_FOLLOWER")                                          \
	STRING(kafka_api, "messaging.operation.name", 0, "Produce, Fetch, Metadata, …")            \
	NUMBER(kafka_version, NULL, 0, "version of it")                                            \
	STRING(rpc_system, "rpc.system.name", 0, "over HTTP: jsonrpc, connect_rpc, aws-api")       \
	STRING(rpc_status, "rpc.response.status_code", ATTR_FAILURE | ATTR_IN_LINE,               \
	       "error of such a call: -32601, not_found")                                          \
	STRING(content_error, NULL, ATTR_FAILURE | ATTR_IN_LINE,                                   \
	       "error told by the content: tool_error, of GraphQL its code")                       \
	STRING(graphql_type, "graphql.operation.type", 0, "query, mutation, subscription")         \
	STRING(graphql_operation, "graphql.operation.name", 0, "name of an operation of GraphQL")  \
	STRING(db_system, "db.system.name", 0, "over HTTP: elasticsearch, opensearch")             \
	STRING(mcp_method, "mcp.method.name", 0, "of MCP: tools/call")                             \
	STRING(mcp_tool, "gen_ai.tool.name", 0, "tool that is called")                             \
	STRING(mcp_prompt, "gen_ai.prompt.name", 0, "prompt that is asked for")                    \
	STRING(mcp_resource, "mcp.resource.uri", ATTR_URI, "resource that is read")                \
	STRING(gen_ai_provider, "gen_ai.provider.name", 0, "whose interface: openai, ollama")   \
	STRING(gen_ai_operation, "gen_ai.operation.name", 0, "chat, embeddings, execute_tool")     \
	STRING(gen_ai_model, "gen_ai.request.model", 0, "model that is asked for")                 \
	STRING(gen_ai_response_model, "gen_ai.response.model", 0, "model that answers")            \
	NUMBER(gen_ai_input_tokens, "gen_ai.usage.input_tokens", 0, "tokens of the prompt")        \
	NUMBER(gen_ai_output_tokens, "gen_ai.usage.output_tokens", 0, "tokens of the answer")      \
	STRING(gen_ai_finish, "gen_ai.response.finish_reasons", 0, "why it ended: stop, length")   \
	STRING(aws_region, "cloud.region", 0, "of the host that is asked")                         \
	STRING(aws_bucket, "aws.s3.bucket", 0, "bucket of S3")                                     \
	STRING(aws_request_id, "aws.request_id", 0, "what AWS calls the request")

/* Behind `error`. */
#define ATTRS_ERROR(STRING, NUMBER, DURATION, SIZE, CODE, WORD)                                    \
	CODE(error_code, NULL, ATTR_FAILURE, "of RST_STREAM or GOAWAY, 8 is CANCEL", h2_name)      \
	STRING(reset_by, NULL, 0, "who reset it: client or server")                                \
	STRING(closed_by, NULL, 0, "who closed before the response was complete: the 499")

/* Behind `connect_ns`. */
#define ATTRS_TIMES(STRING, NUMBER, DURATION, SIZE, CODE, WORD)                                    \
	DURATION(handshake, NULL, 0, "of TLS, on opening the connection")                          \
	DURATION(stall, NULL, 0, "response waited for flow control")                               \
	DURATION(grpc_timeout, NULL, 0, "deadline of a gRPC call")                                 \
	DURATION(max_wait, NULL, 0, "wait that was asked for: a long poll")                        \
	DURATION(throttle, NULL, 0, "Kafka holds the client back for so long")                     \
	DURATION(rtt, NULL, 0, "round trip of the connection, smoothed")                           \
	NUMBER(retransmits, NULL, ATTR_IN_LINE, "segments of it that were sent again")             \
	DURATION(net, NULL, 0, "part of it in which the network kept bytes back")                  \
	STRING(net_evidence, NULL, 0, "inferred: the other end is not seen")                       \
	DURATION(window, NULL, 0, "part of that in which a window was closed")                     \
	STRING(window_by, NULL, 0, "who did not read: client or server")

/* Behind `resp_body_bytes`. */
#define ATTRS_CONTENT(STRING, NUMBER, DURATION, SIZE, CODE, WORD)                                  \
	STRING(req_cut, NULL, 0, "server: it had answered before the content came whole")          \
	NUMBER(req_messages, NULL, 0, "messages from the client")                                  \
	NUMBER(resp_messages, NULL, 0, "messages or events from the server")                       \
	SIZE(req_message_bytes, NULL, 0, "content of these messages")                              \
	SIZE(resp_message_bytes, NULL, 0, "content of these messages")                             \
	NUMBER(pings, NULL, 0, "of a WebSocket")

#define ATTRS(...)                                                                                 \
	ATTRS_TLS(__VA_ARGS__)                                                                     \
	ATTRS_OPERATION(__VA_ARGS__)                                                               \
	ATTRS_ERROR(__VA_ARGS__)                                                                   \
	ATTRS_TIMES(__VA_ARGS__)                                                                   \
	ATTRS_CONTENT(__VA_ARGS__)

#define X(id, ...) ATTR_##id,
enum attr_id {
	ATTRS_TLS(X, X, X, X, X, X) ATTRS_TLS_END,
	ATTRS_TLS_LAST = ATTRS_TLS_END - 1,
	ATTRS_OPERATION(X, X, X, X, X, X) ATTRS_OPERATION_END,
	ATTRS_OPERATION_LAST = ATTRS_OPERATION_END - 1,
	ATTRS_ERROR(X, X, X, X, X, X) ATTRS_ERROR_END,
	ATTRS_ERROR_LAST = ATTRS_ERROR_END - 1,
	ATTRS_TIMES(X, X, X, X, X, X) ATTRS_TIMES_END,
	ATTRS_TIMES_LAST = ATTRS_TIMES_END - 1,
	ATTRS_CONTENT(X, X, X, X, X, X) ATTRS_END,
};
#undef X

extern const struct attr_def attr_defs[ATTRS_END];

/* ATTR(db_query): the address that is its identity; addresses grow in the order of JSON. */
#define ATTR(id) (&attr_defs[ATTR_##id])

#endif
