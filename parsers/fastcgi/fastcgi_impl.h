/* fastcgi_impl.h - what the files of this folder share */
#ifndef ZC_PARSERS_FASTCGI_IMPL_H
#define ZC_PARSERS_FASTCGI_IMPL_H

#include "parsers/fastcgi/fastcgi.h"

#define FASTCGI_HEADER 8u

enum fastcgi_type { /* section 8 */
		    FASTCGI_BEGIN_REQUEST = 1,
		    FASTCGI_ABORT_REQUEST,
		    FASTCGI_END_REQUEST,
		    FASTCGI_PARAMS,
		    FASTCGI_STDIN,
		    FASTCGI_STDOUT,
		    FASTCGI_STDERR,
		    FASTCGI_DATA,
		    FASTCGI_GET_VALUES,
		    FASTCGI_GET_VALUES_RESULT,
		    FASTCGI_UNKNOWN_TYPE,
};

enum fastcgi_part { PAIR_LENGTH, PAIR_NAME, PAIR_VALUE };

/* What the next byte is. Behind the last byte of a pair, phase is 0 again. */
enum fastcgi_part fastcgi_pair_byte(struct fastcgi_pairs *k, uint8_t c);

int fastcgi_name_is(const struct fastcgi_pairs *k, const char *name);

/* A record's header from `from`? */
int fastcgi_is_record(const uint8_t p[FASTCGI_HEADER], enum sender from);

extern const struct protocol_mask fastcgi_mask;

#endif
