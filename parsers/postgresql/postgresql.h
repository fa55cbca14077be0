/*
 * postgresql.h - the frontend/backend protocol of PostgreSQL, version 3, and of what speaks it
 * (pgbouncer, CockroachDB, YugabyteDB)
 *
 * PostgreSQL manual, chapter "Frontend/Backend Protocol". The contract of the functions is that of
 * parsers/protocol.h.
 *
 * Exchanges:
 *  - a simple query (Query), up to ReadyForQuery, with all statements that are in it;
 *  - an execution (Execute) with the Parse, Bind, Describe and Close in front of it, up to the end
 * of its result, and ReadyForQuery where that follows, as the commit comes with it;
 *  - what was prepared, described or closed without being executed: PREPARE, DESCRIBE, CLOSE;
 *  - opening a connection (CONNECT), all of authentication in it; a request to cancel, which has no
 *    answer; a function call.
 * What a pipeline skips behind an error has an empty, failed answer each. What CopyBothResponse
 * begins (replication) is a long exchange, on which messages of XLogData are counted.
 *
 * A statement's name is remembered with its shape, for each connection, as far as there is room;
 * the longest unused go first. One that was prepared before the connection was joined, or has gone,
 * is not known: the message says MESSAGE_UNSEEN, and the operation comes from the server's own word
 * for it, in CommandComplete. If requests may have been lost, all are forgotten.
 *
 * SSLRequest and GSSENCRequest that are granted end in MESSAGE_SWITCH.
 */
#ifndef ZC_POSTGRESQL_H
#define ZC_POSTGRESQL_H

#include "parsers/protocol.h"
#include "parsers/sql/sql_statements.h"
#include "parsers/sql/sql_words.h"

#define POSTGRESQL_MAX_TEXT 16384u /* a longer statement is told at the end of its message */
#define POSTGRESQL_MAX_HEAD 1024u  /* of other messages so much is looked at */
#define POSTGRESQL_MAX_LENGTH (1u << 30)
#define POSTGRESQL_PORTALS 8u
#define POSTGRESQL_UNITS 1024u /* exchanges that may be open */
#define POSTGRESQL_MAX_DATABASE 64u

struct postgresql_portal { /* private */
	uint64_t name;
	uint32_t id, used;
};

/* What is known of an exchange that the server may still answer. */
struct postgresql_unit { /* private */
	uint8_t flags;
	uint8_t completions; /* messages that end its steps before the execution */
	uint8_t first;	     /* type of the first of these steps; 0: there is none */
};

struct postgresql_request { /* private */
	uint8_t state, phase;
	uint8_t batch; /* Syncs so far */
	uint8_t asked; /* SSLRequest or GSSENCRequest waits for its answer */
	uint8_t found, parsed, described, closed, copy_done;
	uint8_t seen; /* the statement of this exchange is known */
	uint8_t simple, text_is_parse;
	uint16_t units; /* begun so far */
	uint32_t id;	/* the statement's */
	uint64_t told;	/* hash of what HEAD told; 0: nothing */
	uint64_t left;	/* bytes of the message still to come */
	uint64_t name;	/* of the statement that is being prepared */
	uint64_t hash;
	struct sql_shape shape;
};

struct postgresql_reply { /* private */
	uint8_t state;
	uint8_t known, kind, finished, failed, found;
	uint8_t skipping, skip_batch; /* what follows an error is skipped, up to its Sync */
	uint8_t aside;		      /* the message that is passed over belongs to no answer */
	uint8_t trailing;	      /* so does what follows the end of replication */
	uint8_t completions, has_rows, has_severity;
	uint16_t unit;
	uint16_t warnings;
	uint64_t left;
	uint64_t rows, counted_rows;
	char code[5], severity[12], operation[SQL_MAX_OPERATION];
	uint8_t nseverity, noperation;
	uint16_t nmessage;
	char message[256];
	struct sql_words words; /* of an answer that is in doubt */
};

struct postgresql {
	struct postgresql_request request;
	struct postgresql_reply reply;
	struct postgresql_unit unit[POSTGRESQL_UNITS];
	struct sql_statements statements;
	struct postgresql_portal portal[POSTGRESQL_PORTALS];
	uint8_t strings; /* enum sql_strings */
	uint8_t ndatabase;
	char database[POSTGRESQL_MAX_DATABASE];
	char hash_digits[16];
};

extern const struct protocol postgresql_protocol; /* the row of the table */

#endif
