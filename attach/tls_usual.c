#include "attach/tls_usual.h"

#include <stdio.h>

static const char *const library_dirs[] = {
	"/lib/x86_64-linux-gnu",
	"/usr/lib/x86_64-linux-gnu",
	"/lib/aarch64-linux-gnu",
	"/usr/lib/aarch64-linux-gnu",
	"/usr/lib64",
	"/usr/lib",
	"/usr/local/lib",
	"/usr/local/lib64",
};
static const char *const library_names[] = {
	"libssl.so.3", "libssl.so.1.1", "libcrypto.so.3", "libcrypto.so.1.1", "libgnutls.so.30",
};

void tls_usual_each(void (*fn)(void *ctx, const char *path), void *ctx)
{
	char path[128];

	for (size_t d = 0; d < sizeof(library_dirs) / sizeof(library_dirs[0]); d++)
		for (size_t n = 0; n < sizeof(library_names) / sizeof(library_names[0]); n++) {
			snprintf(path, sizeof(path), "%s/%s", library_dirs[d], library_names[n]);
			fn(ctx, path);
		}
}
