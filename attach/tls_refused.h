/*
 * tls_refused.h - why probes of a library were not put into a process, in a few words
 */
#ifndef ZC_ATTACH_TLS_REFUSED_H
#define ZC_ATTACH_TLS_REFUSED_H

#include <errno.h>

/* Errors that the kernel does not give here. */
#define TLS_WOULD_KILL (-ECANCELED)
#define TLS_NOT_LOADED (-EDOM) /* which was said */

/* err: 0, a negative errno, or one of these. broken: what was said of TLS_NOT_LOADED. */
const char *tls_refused(int err, const char *broken);

#endif
