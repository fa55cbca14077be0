/*
 * channel.h - one signal's requests: how they are made, and what their answers mean
 */
#ifndef ZC_SINKS_OTLP_CHANNEL_H
#define ZC_SINKS_OTLP_CHANNEL_H

#include "sinks/otlp/curl.h"
#include "sinks/otlp/send.h"

#define OTLP_PAUSE_NS 1000000000u
#define OTLP_PAUSE_MAX_NS 30000000000u
#define OTLP_ANSWER_MAX 4096u

struct otlp_item {
	struct otlp_item *next;
	uint8_t *body;
	size_t n;
	uint32_t items;
	int ready; /* compressed and framed as it is sent */
};

struct otlp_channel {
	const struct curl_library *curl;
	const struct otlp_target *target;
	enum otlp_signal signal;
	CURL *easy; /* NULL: the signal is not sent */
	struct curl_slist *headers;

	struct otlp_item *first, **last;
	size_t bytes;
	uint64_t items, max_items;
	struct otlp_item *current; /* on its way, or to be tried again */
	int busy, failing;
	uint64_t retry_at, pause;
	uint64_t told, untold; /* when drops were told last; those since */
	struct otlp_sent sent;

	/* the answer so far */
	char answer[OTLP_ANSWER_MAX];
	size_t nanswer;
	int grpc_status; /* -1: none */
	char grpc_message[200];
	uint32_t retry_after; /* seconds; 0: not said */
	char error[CURL_ERROR_SIZE];
};

enum otlp_outcome { OTLP_DELIVERED, OTLP_RETRY, OTLP_REFUSED };

struct otlp_result {
	enum otlp_outcome outcome;
	uint64_t rejected; /* of what was delivered */
	char text[256];	   /* for people; "": nothing to say */
};

/* 0, or -1. A target without an address has no requests. */
int otlp_channel_init(struct otlp_channel *c, const struct curl_library *curl,
		      const struct otlp_target *t, enum otlp_signal signal);
void otlp_channel_release(struct otlp_channel *c);
void otlp_item_free(struct otlp_item *i);

/* Sets easy up to send i. 0, or -1. */
int otlp_request_begin(struct otlp_channel *c, struct otlp_item *i);

/* What became of it. */
void otlp_request_end(struct otlp_channel *c, CURLcode code, struct otlp_result *r);

/* How long to wait before it is tried again. */
uint64_t otlp_pause(struct otlp_channel *c);

#endif
