/*
 * rows.h - private to names.c and the rows
 */
#ifndef ZC_PARSERS_NAMES_ROWS_H
#define ZC_PARSERS_NAMES_ROWS_H

#include "parsers/names/names.h"

extern const struct naming naming_aws;
extern const struct naming naming_connect;
extern const struct naming naming_elasticsearch;
extern const struct naming naming_gen_ai;
extern const struct naming naming_graphql;
extern const struct naming naming_jsonrpc;

/* names.word: of those that may be asked beside others, each has its own. */
enum names_word {
	WORD_GRAPHQL_NAMED, /* the path says so */
	WORD_GRAPHQL_UNSURE, /* the operation may be another one of the document */
	WORD_GRAPHQL_ERRORS,
	WORD_GRAPHQL_DATA,
	WORD_RPC_NAMED, /* of JSON-RPC: the head says so */
	WORD_BATCH,
	WORD_MCP,  /* a field says so */
	WORD_API,  /* of language models */
	WORD_TOOK, /* of Elasticsearch */
};

/* Bytes of content that are looked at, where the head says that it may be one. */
#define NAMES_LOOK 65536u
/* The same, of JSON of which the head says nothing more. */
#define NAMES_GLANCE 4096u

static inline int names_is_post(const struct names_head *h)
{
	return names_equal(h->method, "post");
}

static inline struct str names_rest(struct str s, size_t n)
{
	return (struct str){s.p + n, s.n - n};
}

#endif
