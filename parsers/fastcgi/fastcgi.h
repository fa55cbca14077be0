/*
 * fastcgi.h - FastCGI, shown as the HTTP that it carries
 *
 * The FastCGI specification 1.0 (section numbers in comments are its). The contract of the
 * functions is that of parsers/protocol.h.
 *
 * Messages are keyed by the request's id. The HEAD of a request comes with the end of its params,
 * in as many records as they came: method, path, query, and as fields what the web server passes on
 * of the request's (HTTP_*). The HEAD of a response comes with its CGI header, which has the
 * status; CONTENT is what STDIN and STDOUT carry, the end is that of END_REQUEST. STDERR is passed
 * over.
 *
 * Of FASTCGI_OPEN requests at a time the params and headers are known; of more they are not.
 */
#ifndef ZC_PARSERS_FASTCGI_H
#define ZC_PARSERS_FASTCGI_H

#include "parsers/protocol.h"

#define FASTCGI_OPEN 2u
#define FASTCGI_MAX_TARGET 2048u
#define FASTCGI_MAX_FIELDS 4096u

/* Params: names and values with their lengths before them, cut anywhere (section 3.4). */
struct fastcgi_pairs { /* private */
	uint8_t phase, nlen, nname;
	uint32_t name_len, value_len, at;
	char name[32];
};

struct fastcgi_request { /* private */
	uint16_t id;
	uint8_t used, begun; /* begun: HEAD was given */
	uint8_t https;
	uint16_t nmethod, ntarget, nfields;
	struct fastcgi_pairs pairs;
	char method[24], target[FASTCGI_MAX_TARGET];
	char fields[FASTCGI_MAX_FIELDS]; /* of the request; CGI header of a response */
};

struct fastcgi_side {		   /* private */
	uint8_t state, type, open; /* open: a HEAD was given whose END was not */
	uint8_t pending;	   /* events that are due without another byte */
	uint16_t id, open_id;
	uint32_t left, padding;
	uint64_t head; /* bytes since its message began */
	uint8_t alternates, failed;
	struct fastcgi_request request[FASTCGI_OPEN];
};

struct fastcgi {
	struct fastcgi_side side[2];
};

extern const struct protocol fastcgi_protocol; /* the row of the table */

#endif
