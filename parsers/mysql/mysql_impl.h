/* mysql_impl.h - what the files of this folder share */
#ifndef ZC_PARSERS_MYSQL_IMPL_H
#define ZC_PARSERS_MYSQL_IMPL_H

#include "parsers/byte_order.h"
#include "parsers/mysql/mysql.h"

#define HEADER 4u	       /* length, and number in its sequence */
#define WHOLE_PACKET 0xffffffu /* one that is so long goes on in the next one */

#define CAP_WITH_DB 0x8u
#define CAP_COMPRESS 0x20u
#define CAP_PROTOCOL_41 0x200u
#define CAP_SSL 0x800u
#define CAP_SECURE 0x8000u
#define CAP_AUTH_LENENC 0x200000u
#define CAP_ZSTD 0x4000000u
#define CAP_EXT_CACHE 0x10u /* MariaDB: metadata may be left out */

#define CAP_NO_EOF 0x1000000u

/* Do metadata end in a packet of their own? */
enum eof { EOF_UNKNOWN, EOF_COMES, EOF_NEVER };

#define STATUS_MORE_RESULTS 0x8u

enum command {
	COM_QUIT = 1,
	COM_INIT_DB,
	COM_QUERY,
	COM_FIELD_LIST,
	COM_STATISTICS = 9,
	COM_PING = 0xe,
	COM_CHANGE_USER = 0x11,
	COM_BINLOG_DUMP,
	COM_REGISTER_SLAVE = 0x15,
	COM_STMT_PREPARE,
	COM_STMT_EXECUTE,
	COM_STMT_SEND_LONG_DATA,
	COM_STMT_CLOSE,
	COM_STMT_RESET,
	COM_SET_OPTION,
	COM_STMT_FETCH,
	COM_BINLOG_DUMP_GTID = 0x1e,
	COM_RESET_CONNECTION,
	COM_BULK_EXECUTE = 0xfa, /* MariaDB */
};

/* message.form */
enum kind {
	KIND_ANY, /* the request was not seen */
	KIND_CONNECT,
	KIND_RESULT,
	KIND_PREPARE,
	KIND_PACKET, /* one packet, whatever is in it */
	KIND_FIELDS, /* packets up to EOF */
	KIND_LONG,
};
#define FORM_UNSEEN 0x100u

/*
 * Behind COM_QUERY: attributes come before the text if both ends can. Clients say so that then send
 * none, but how many there are is no byte that a text begins with.
 */
static inline int mysql_has_attributes(const uint8_t *p, size_t n)
{
	return n && *p < '\t';
}

/* A number of variable length at *at. Returns 0 if it is not there. */
int mysql_number(const uint8_t *p, size_t n, size_t *at, uint64_t *v);

/* Is it HandshakeResponse41 or SSLRequest? n bytes of its packet, header included. */
int mysql_is_handshake(const uint8_t *p, size_t n);

enum parse_status mysql_request_next(struct mysql *s, const uint8_t *p, size_t n, size_t *used,
				     struct message *m);
enum parse_status mysql_request_gap(struct mysql *s, uint64_t n, uint64_t *used, struct message *m);
enum parse_status mysql_request_eof(struct mysql *s, struct message *m);

enum parse_status mysql_reply_next(struct mysql *s, const uint8_t *p, size_t n, size_t *used,
				   struct message *m);
enum parse_status mysql_reply_gap(struct mysql *s, uint64_t n, uint64_t *used, struct message *m);
enum parse_status mysql_reply_eof(struct mysql *s, struct message *m);

/* States of both directions that others ask about. */
enum state { STATE_IDLE, STATE_SKIP, STATE_TEXT, STATE_SEEK, STATE_COMPRESSED };

enum probe_result mysql_probe(const struct probe *in, unsigned *client);

extern const struct protocol_mask mysql_mask;

#endif
