/*
 * tls.h - what a probed function of a TLS library is, told to the kernel side by each probe's
 * cookie
 */
#ifndef ZC_BPF_TLS_H
#define ZC_BPF_TLS_H

enum zc_tls_lib {
	ZC_TLS_OPENSSL = 1,
	ZC_TLS_BORINGSSL = 2,
	ZC_TLS_GNUTLS = 3,
	ZC_TLS_GO = 4,
};

/* Arguments and results as the library declares them; n: octets of plaintext. */
enum zc_tls_func {
	ZC_TLS_READ = 1,       /* n = f(stream, buf, size): SSL_read, gnutls_record_recv */
	ZC_TLS_READ_EX = 2,    /* ok = f(stream, buf, size, &n): SSL_read_ex, SSL_read_early_data */
	ZC_TLS_WRITE = 3,      /* n = f(stream, buf, size): SSL_write, gnutls_record_send */
	ZC_TLS_WRITE_EX = 4, /* ok = f(stream, buf, size, &n): SSL_write_ex, SSL_write_early_data */
	ZC_TLS_WRITE_EX2 = 5,  /* ok = f(stream, buf, size, flags, &n): SSL_write_ex2 */
	ZC_TLS_SENDFILE = 6,   /* n = f(stream, fd, offset, size, flags): SSL_sendfile */
	ZC_TLS_FREE = 7,       /* f(stream): SSL_free, gnutls_deinit, Conn.Close of Go */
	ZC_TLS_PUSH = 8,       /* f(stream): handshakes; nothing to copy, but they use the socket */
	ZC_TLS_ERROR = 9,      /* f(lib, reason): ERR_set_error of OpenSSL 3 */
	ZC_TLS_ERROR_PUT = 10, /* f(lib, func, reason): ERR_put_error of OpenSSL 1 and BoringSSL */
	ZC_TLS_GO_READ = 11,   /* n, err = c.Read(b) of crypto/tls */
	ZC_TLS_GO_WRITE = 12,  /* n, err = c.Write(b) */
	/* no TLS: who makes the calls of net/http, see bpf/goroutine.h */
	ZC_GO_ROUNDTRIP = 13,  /* resp, err = pc.roundTrip(req), by the caller's goroutine */
	ZC_GO_FLUSH = 14,      /* n, err = persistConnWriter{pc}.Write(p), by the connection's */
};

/* Bit of a cookie: the point is in all processes, for those that are ZC_TASK_BORN. */
#define ZC_TLS_BORN 0x10000

#endif
