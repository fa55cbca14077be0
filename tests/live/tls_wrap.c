/*
 * tls_wrap.c - a library with functions of OpenSSL, which call OpenSSL's own: under another name in
 * this library (-DINNER, see test_tls_entry.py), else those of the next library with that name
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stddef.h>

struct ssl_st;

#ifdef INNER
#define NEXT(type, name, args)                                                                     \
	type inner_##name args;                                                                    \
	static type(*const next_##name) args = inner_##name;
#else
#define NEXT(type, name, args)                                                                     \
	static type(*next_##name) args;                                                            \
	__attribute__((constructor)) static void find_##name(void)                                 \
	{                                                                                          \
		*(void **)&next_##name = dlsym(RTLD_NEXT, #name);                                  \
	}
#endif

#define WRAP(type, name, args, call)                                                               \
	NEXT(type, name, args)                                                                     \
	type name args;                                                                            \
	type name args                                                                             \
	{                                                                                          \
		return next_##name call;                                                           \
	}

WRAP(int, SSL_read, (struct ssl_st *s, void *buf, int n), (s, buf, n))
WRAP(int, SSL_read_ex, (struct ssl_st *s, void *buf, size_t n, size_t *done), (s, buf, n, done))
WRAP(int, SSL_write, (struct ssl_st *s, const void *buf, int n), (s, buf, n))
WRAP(int, SSL_write_ex, (struct ssl_st * s, const void *buf, size_t n, size_t *done),
     (s, buf, n, done))
WRAP(int, SSL_do_handshake, (struct ssl_st *s), (s))
WRAP(int, SSL_accept, (struct ssl_st *s), (s))
WRAP(int, SSL_connect, (struct ssl_st *s), (s))
WRAP(void, SSL_free, (struct ssl_st *s), (s))
