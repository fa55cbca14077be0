#include "core/tls_library.h"

#include <stddef.h>

#include "bpf/tls.h"

const char *tls_library_name(int lib)
{
	switch (lib) {
	case ZC_TLS_OPENSSL: return "openssl";
	case ZC_TLS_BORINGSSL: return "boringssl";
	case ZC_TLS_GNUTLS: return "gnutls";
	case ZC_TLS_GO: return "go";
	default: return NULL;
	}
}
