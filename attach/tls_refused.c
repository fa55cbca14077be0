#include "attach/tls_refused.h"

#include <string.h>

#include "attach/rights.h"

const char *tls_refused(int err, const char *broken)
{
	switch (err) {
	case 0: return "";
	case TLS_WOULD_KILL:
		return "this kernel would have its seccomp filter kill it for a probe";
	case TLS_NOT_LOADED: return broken;
	case -EPERM:
	case -EACCES:
		return rights_missing(RIGHT_SYS_ADMIN) ?
			       "this kernel lets CAP_SYS_ADMIN alone put in uprobes" :
			       "probes are not permitted";
	default: return strerror(-err);
	}
}
