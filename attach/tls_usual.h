/*
 * tls_usual.h - where the TLS libraries lie that most programs load
 */
#ifndef ZC_ATTACH_TLS_USUAL_H
#define ZC_ATTACH_TLS_USUAL_H

/* For each such path, whether there is a file or not. */
void tls_usual_each(void (*fn)(void *ctx, const char *path), void *ctx);

#endif
