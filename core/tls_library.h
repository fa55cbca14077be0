/*
 * tls_library.h - what the libraries of enum zc_tls_lib are called
 */
#ifndef ZC_CORE_TLS_LIBRARY_H
#define ZC_CORE_TLS_LIBRARY_H

/* "openssl", ...; NULL: it is none of them. */
const char *tls_library_name(int lib);

#endif
