/*
 * mysql.h - the client/server protocol of MySQL and MariaDB
 *
 * MySQL internals manual, "Client/Server Protocol"; MariaDB, "Clients & Connectors". The contract
 * of the functions is that of parsers/protocol.h.
 *
 * Exchanges: each command with its answer, all results of several statements in it; opening the
 * connection (CONNECT), with authentication; binary logs, which are long. Commands without an
 * answer (closing a statement, quitting) are none. Statements that were prepared before the
 * connection was joined are not known: MESSAGE_UNSEEN.
 *
 * Behind SSLRequest comes MESSAGE_SWITCH. What is compressed is one long exchange, COMPRESSED, in
 * which packets of the server are counted, and is not looked into.
 *
 * Whether metadata of a result end in a packet of their own shows in the packets themselves.
 */
#ifndef ZC_PARSERS_MYSQL_H
#define ZC_PARSERS_MYSQL_H

#include "parsers/protocol.h"
#include "parsers/sql/sql_statements.h"

#define MYSQL_MAX_TEXT 16384u /* a longer statement is told at the end of its message */
#define MYSQL_MAX_HEAD 512u   /* of other packets so much is looked at */

struct mysql_request { /* private */
	uint8_t state, open, found, seen, prepares, late;
	uint8_t is_long; /* the packet goes on in the next one */
	uint64_t left;	 /* bytes of the packet still to come */
	uint64_t hash;
	struct sql_shape shape;
};

struct mysql_reply { /* private */
	uint8_t state, step, found, known, kind, unseen;
	uint8_t failed, is_long, has_rows, fresh;
	uint8_t params_to_come;
	uint16_t code, warnings, nmessage;
	uint32_t columns, params;
	uint64_t left, rows;
	char sqlstate[5], message[256], digits[16];
};

struct mysql {
	struct mysql_request request;
	struct mysql_reply reply;
	struct sql_statements statements;
	uint32_t capabilities, extended; /* of the client; extended: of MariaDB */
	uint8_t compressed;
	uint8_t eof; /* enum eof, mysql_impl.h */
	uint8_t ndatabase;
	char database[64];
};

extern const struct protocol mysql_protocol; /* the row of the table */

#endif
