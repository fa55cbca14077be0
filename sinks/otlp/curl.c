#include "sinks/otlp/curl.h"

#include <stddef.h>

#include "core/load.h"

#define FUNCTIONS(X)                                                                               \
	X(global_init) X(version_info) X(easy_init) X(easy_setopt) X(easy_getinfo) X(easy_reset)   \
	X(easy_cleanup) X(easy_perform) X(easy_strerror) X(multi_init) X(multi_add_handle)         \
	X(multi_remove_handle) X(multi_perform) X(multi_info_read) X(multi_cleanup)                \
	X(slist_append) X(slist_free_all)

static struct curl_library functions;

#ifdef ZC_STATIC

static int load(void)
{
#define X(name) functions.name = (curl_##name);
	FUNCTIONS(X)
#undef X
	return 1;
}

#else

static int load(void)
{
	static const char *const files[] = { "libcurl.so.4", "libcurl-gnutls.so.4", NULL };
	static const struct load_symbol symbols[] = {
#define X(name) { "curl_" #name, offsetof(struct curl_library, name) },
		FUNCTIONS(X)
#undef X
	};

	return load_library(files, symbols, sizeof(symbols) / sizeof(*symbols), &functions) != NULL;
}

#endif

const struct curl_library *curl_library(void)
{
	static int state; /* 0: not tried, 1: loaded, -1: not there */

	if (!state)
		state = load() && !functions.global_init(CURL_GLOBAL_DEFAULT) ? 1 : -1;
	return state > 0 ? &functions : NULL;
}
