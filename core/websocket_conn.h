/*
 * websocket_conn.h - WebSocket on a connection that was upgraded from HTTP/1
 *
 * The exchange that asked for the upgrade goes on: one long span with the messages of both
 * directions, until both ends have sent CLOSE or the connection ends. (Over HTTP/2 a WebSocket is
 * a stream, see http2_conn.h.)
 */
#ifndef ZC_CORE_WEBSOCKET_CONN_H
#define ZC_CORE_WEBSOCKET_CONN_H

#include "core/conn.h"

extern const struct conn_ops websocket_conn_ops;

#endif
