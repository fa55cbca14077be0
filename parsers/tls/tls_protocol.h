/*
 * tls_protocol.h - the row of TLS, as far as it is cleartext: its records and handshake
 *
 * Of what is inside nothing is seen; the core follows the handshake with tls_handshake.h.
 */
#ifndef ZC_PARSERS_TLS_PROTOCOL_H
#define ZC_PARSERS_TLS_PROTOCOL_H

#include "parsers/protocol.h"

extern const struct protocol tls_protocol;
extern const struct protocol_mask tls_mask;

#endif
