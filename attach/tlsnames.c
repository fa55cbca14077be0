/* tlsnames.c - the names of functions in TLS libraries, and what they are */
#include <errno.h>
#include <stdio.h>
#include "attach/tlsbin_priv.h"

const struct tls_name_info tls_names[TLS_NAMES] = {
	[SSL_READ] = {FAMILY_SSL, ZC_TLS_READ, 0, "SSL_read"},
	[SSL_READ_EX] = {FAMILY_SSL, ZC_TLS_READ_EX, 0, "SSL_read_ex"},
	[SSL_READ_EARLY] = {FAMILY_SSL, ZC_TLS_READ_EX, 0, "SSL_read_early_data"},
	[SSL_READ_INTERNAL] = {FAMILY_SSL, ZC_TLS_READ_EX, 1, "ssl_read_internal"},
	[SSL_WRITE] = {FAMILY_SSL, ZC_TLS_WRITE, 0, "SSL_write"},
	[SSL_WRITE_EX] = {FAMILY_SSL, ZC_TLS_WRITE_EX, 0, "SSL_write_ex"},
	[SSL_WRITE_EX2] = {FAMILY_SSL, ZC_TLS_WRITE_EX2, 0, "SSL_write_ex2"},
	[SSL_WRITE_EARLY] = {FAMILY_SSL, ZC_TLS_WRITE_EX, 0, "SSL_write_early_data"},
	/* since OpenSSL 3.3 it has the arguments of SSL_write_ex2 */
	[SSL_WRITE_INTERNAL] = {FAMILY_SSL, ZC_TLS_WRITE_EX, 1, "ssl_write_internal"},
	[SSL_WRITE_INTERNAL2] = {FAMILY_SSL, ZC_TLS_WRITE_EX2, 1, "ssl_write_internal"},
	[SSL_SENDFILE] = {FAMILY_SSL, ZC_TLS_SENDFILE, 0, "SSL_sendfile"},
	[SSL_FREE] = {FAMILY_SSL, ZC_TLS_FREE, 0, "SSL_free"},
	[SSL_DO_HANDSHAKE] = {FAMILY_SSL, ZC_TLS_PUSH, 0, "SSL_do_handshake"},
	[SSL_CONNECT] = {FAMILY_SSL, ZC_TLS_PUSH, 0, "SSL_connect"},
	[SSL_ACCEPT] = {FAMILY_SSL, ZC_TLS_PUSH, 0, "SSL_accept"},
	[SSL_ERR_VSET] = {FAMILY_SSL, ZC_TLS_ERROR, 0, "ERR_vset_error"},
	[SSL_ERR_SET] = {FAMILY_SSL, ZC_TLS_ERROR, 0, "ERR_set_error"},
	[SSL_ERR_PUT] = {FAMILY_SSL, ZC_TLS_ERROR_PUT, 0, "ERR_put_error"},
	[GNUTLS_RECV] = {FAMILY_GNUTLS, ZC_TLS_READ, 0, "gnutls_record_recv"},
	[GNUTLS_RECV_SEQ] = {FAMILY_GNUTLS, ZC_TLS_READ, 0, "gnutls_record_recv_seq"},
	[GNUTLS_SEND] = {FAMILY_GNUTLS, ZC_TLS_WRITE, 0, "gnutls_record_send"},
	[GNUTLS_SEND2] = {FAMILY_GNUTLS, ZC_TLS_WRITE, 0, "gnutls_record_send2"},
	[GNUTLS_DEINIT] = {FAMILY_GNUTLS, ZC_TLS_FREE, 0, "gnutls_deinit"},
	[GNUTLS_HANDSHAKE] = {FAMILY_GNUTLS, ZC_TLS_PUSH, 0, "gnutls_handshake"},
	[GO_READ] = {FAMILY_GO, ZC_TLS_GO_READ, 0, "crypto/tls.(*Conn).Read"},
	[GO_WRITE] = {FAMILY_GO, ZC_TLS_GO_WRITE, 0, "crypto/tls.(*Conn).Write"},
	[GO_HANDSHAKE] = {FAMILY_GO, ZC_TLS_PUSH, 0, "crypto/tls.(*Conn).handshakeContext"},
	[GO_CLOSE] = {FAMILY_GO, ZC_TLS_FREE, 0, "crypto/tls.(*Conn).Close"},
	[GO_ROUNDTRIP] = {FAMILY_GO, ZC_GO_ROUNDTRIP, 1, "net/http.(*persistConn).roundTrip"},
	[GO_FLUSH] = {FAMILY_GO, ZC_GO_FLUSH, 1, "net/http.persistConnWriter.Write"},
	[MARK_BORINGSSL] = {FAMILY_SSL, 0, 1, "SSL_CTX_set_early_data_enabled"},
	[MARK_BORINGSSL2] = {FAMILY_SSL, 0, 1, "SSL_get_ivs"},
	[MARK_BORINGSSL3] = {FAMILY_SSL, 0, 1, "CRYPTO_BUFFER_new"},
	[MARK_VERSION] = {FAMILY_SSL, 0, 1, "OpenSSL_version"},
	[MARK_VERSION_GNUTLS] = {FAMILY_GNUTLS, 0, 1, "gnutls_check_version"},
};

static const struct {
	const char *name;
	uint8_t family;
} libs[] = {
	[ZC_TLS_OPENSSL] = {"openssl", FAMILY_SSL},
	[ZC_TLS_BORINGSSL] = {"boringssl", FAMILY_SSL},
	[ZC_TLS_GNUTLS] = {"gnutls", FAMILY_GNUTLS},
	[ZC_TLS_GO] = {"go", FAMILY_GO},
};

#define N_LIBS ((int)(sizeof(libs) / sizeof(libs[0])))

const char *tlsbin_lib_name(int lib)
{
	return lib > 0 && lib < N_LIBS ? libs[lib].name : NULL;
}

/* What comes after the receiver in a method's name of Go. */
static const char *short_name(const char *name)
{
	const char *p = strstr(name, ").");

	return p ? p + 2 : name;
}

static int is_name_of(const struct tls_name_info *t, int lib)
{
	return t->family == libs[lib].family && !t->internal;
}

int tls_name_find(int lib, const char *func)
{
	for (int i = 0; i < TLS_NAMES; i++)
		if (is_name_of(&tls_names[i], lib) &&
		    (!strcmp(tls_names[i].name, func) ||
		     !strcmp(short_name(tls_names[i].name), func)))
			return i;
	return -1;
}

static void list_names(int lib, const char *func, char *err, size_t errlen)
{
	size_t n = (size_t)snprintf(err, errlen, "no function '%s' of %s; known are", func,
				    libs[lib].name);

	for (int i = 0; i < TLS_NAMES && n < errlen; i++)
		if (is_name_of(&tls_names[i], lib))
			n += (size_t)snprintf(err + n, errlen - n, " %s",
					      short_name(tls_names[i].name));
}

int tlsbin_name(const char *lib, const char *func, int *lib_out, int *func_out, char *err,
		size_t errlen)
{
	int l = 1, name;

	while (l < N_LIBS && strcmp(libs[l].name, lib))
		l++;
	if (l == N_LIBS) {
		snprintf(err, errlen, "no TLS library '%s'; known are openssl boringssl gnutls go",
			 lib);
		return -EINVAL;
	}
	name = tls_name_find(l, func);
	if (name < 0) {
		list_names(l, func, err, errlen);
		return -EINVAL;
	}
	if (lib_out)
		*lib_out = l;
	if (func_out)
		*func_out = tls_names[name].func;
	return 0;
}
