/*
 * curl.h - libcurl, loaded when something is to be sent
 *
 * It draws some thirty libraries into a process, which takes time and memory that only those pay
 * who export. In a static program (ZC_STATIC) it is a part of it.
 */
#ifndef ZC_SINKS_OTLP_CURL_H
#define ZC_SINKS_OTLP_CURL_H

#include <curl/curl.h>

/* The functions of libcurl by their names without curl_. */
struct curl_library {
	__typeof__(&curl_global_init) global_init;
	__typeof__(&curl_version_info) version_info;
	__typeof__(&(curl_easy_init)) easy_init;
	__typeof__(&(curl_easy_setopt)) easy_setopt;
	__typeof__(&(curl_easy_getinfo)) easy_getinfo;
	__typeof__(&curl_easy_reset) easy_reset;
	__typeof__(&curl_easy_perform) easy_perform;
	__typeof__(&curl_easy_cleanup) easy_cleanup;
	__typeof__(&curl_easy_strerror) easy_strerror;
	__typeof__(&curl_multi_init) multi_init;
	__typeof__(&curl_multi_add_handle) multi_add_handle;
	__typeof__(&curl_multi_remove_handle) multi_remove_handle;
	__typeof__(&curl_multi_perform) multi_perform;
	__typeof__(&curl_multi_info_read) multi_info_read;
	__typeof__(&curl_multi_cleanup) multi_cleanup;
	__typeof__(&curl_slist_append) slist_append;
	__typeof__(&curl_slist_free_all) slist_free_all;
};

/* NULL: the library is not there. It stays loaded. */
const struct curl_library *curl_library(void);

#endif
