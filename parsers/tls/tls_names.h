/*
 * tls_names.h - names that IANA registers for TLS parameters
 */
#ifndef ZC_PARSERS_TLS_NAMES_H
#define ZC_PARSERS_TLS_NAMES_H

/* "1.3"; "ssl3.0"; NULL: no name. */
const char *tls_version_name(unsigned version);

/* As registered, "TLS_AES_128_GCM_SHA256"; those that are rare as "0x1399", written into buf. */
const char *tls_cipher_name(unsigned cipher, char buf[8]);

/* As in RFC 8446 section 6 and RFC 5246 section 7.2, "unknown_ca"; others as "200". */
const char *tls_alert_name(unsigned alert, char buf[8]);

#endif
