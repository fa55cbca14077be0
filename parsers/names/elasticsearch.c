/*
 * elasticsearch.c - Elasticsearch and OpenSearch: operation and index, by the path
 *
 * A path alone is no proof: the client says what it is (User-Agent, a media type of its own), or
 * the server does (X-Elastic-Product, or how its answers begin). Operations are called as in the
 * specification of its interface, and in OpenTelemetry's conventions.
 */
#include "parsers/names/rows.h"

#define LOOK 4096u

/* A part of the path that begins with an underscore, by method: GET, PUT, POST, DELETE, HEAD. */
enum method { GET, PUT, POST, DELETE, HEAD, METHODS };

static const struct {
	const char *part;
	const char *operation[METHODS];
} endpoints[] = {
	{"_doc", {"get", "index", "index", "delete", "exists"}},
	{"_create", {NULL, "create", "create"}},
	{"_update", {NULL, NULL, "update"}},
	{"_source", {"get_source", NULL, NULL, NULL, "exists_source"}},
	{"_search", {"search", NULL, "search"}},
	{"_msearch", {"msearch", NULL, "msearch"}},
	{"_count", {"count", NULL, "count"}},
	{"_mget", {"mget", NULL, "mget"}},
	{"_bulk", {NULL, "bulk", "bulk"}},
	{"_delete_by_query", {NULL, NULL, "delete_by_query"}},
	{"_update_by_query", {NULL, NULL, "update_by_query"}},
	{"_reindex", {NULL, NULL, "reindex"}},
	{"_refresh", {"indices.refresh", NULL, "indices.refresh"}},
	{"_flush", {"indices.flush", NULL, "indices.flush"}},
	{"_forcemerge", {NULL, NULL, "indices.forcemerge"}},
	{"_mapping", {"indices.get_mapping", "indices.put_mapping", "indices.put_mapping"}},
	{"_settings", {"indices.get_settings", "indices.put_settings"}},
	{"_aliases", {"indices.get_alias", NULL, "indices.update_aliases"}},
	{"_analyze", {"indices.analyze", NULL, "indices.analyze"}},
	{"_field_caps", {"field_caps", NULL, "field_caps"}},
	{"_pit", {NULL, NULL, "open_point_in_time", "close_point_in_time"}},
	{"_sql", {NULL, NULL, "sql.query"}},
	{"_query", {NULL, NULL, "esql.query"}},
};

/* Whose next part is the operation: _cluster/health. */
static const char *const families[] = {"_cluster", "_cat", "_nodes", "_tasks", "_snapshot"};

static int method_of(struct str s)
{
	static const char *const names[METHODS] = {"get", "put", "post", "delete", "head"};

	for (int i = 0; i < METHODS; i++)
		if (names_equal(s, names[i]))
			return i;
	return -1;
}

/* The next part of a path, which it takes off. n == 0: there is none. */
static struct str part(struct str *path)
{
	const char *end;
	struct str one = {NULL, 0};

	while (path->n && *path->p == '/')
		*path = names_rest(*path, 1);
	if (!path->n)
		return one;
	end = memchr(path->p, '/', path->n);
	one = (struct str){path->p, end ? (size_t)(end - path->p) : path->n};
	*path = names_rest(*path, one.n);
	return one;
}

static int operation_of(struct names *n, int method, struct str word, struct str rest)
{
	struct str next = part(&rest);
	char text[64];

	if (names_equal(word, "_search") && names_equal(next, "scroll")) {
		names_word(n, ATTR(db_operation), method == DELETE ? "clear_scroll" : "scroll");
		return 1;
	}
	for (unsigned i = 0; i < sizeof(endpoints) / sizeof(endpoints[0]); i++)
		if (names_equal(word, endpoints[i].part) && endpoints[i].operation[method]) {
			names_word(n, ATTR(db_operation), endpoints[i].operation[method]);
			return 1;
		}
	for (unsigned i = 0; i < sizeof(families) / sizeof(families[0]); i++)
		if (names_equal(word, families[i]) && word.n + next.n < sizeof(text)) {
			memcpy(text, word.p + 1, word.n - 1);
			text[word.n - 1] = '.';
			memcpy(text + word.n, next.p ? next.p : "", next.n);
			names_text(n, ATTR(db_operation),
				   (struct str){text, next.n ? word.n + next.n : word.n - 1});
			return 1;
		}
	return 0;
}

/* Says the client which of the two it asks? */
static const char *asked_product(const struct names_head *h)
{
	struct str agent = h->field[NAMES_USER_AGENT];

	if (names_contains(h->field[NAMES_CONTENT_TYPE], "vnd.elasticsearch+"))
		return "elasticsearch";
	if (names_begins(agent, "opensearch"))
		return "opensearch";
	return names_begins(agent, "elasticsearch") || names_begins(agent, "elastic-") ?
		       "elasticsearch" :
		       NULL;
}

static void is_product(struct names *n, const char *product)
{
	names_claim(n);
	names_word(n, ATTR(db_system), product);
}

static enum names_may request(struct names *n, const struct names_head *h)
{
	int method = method_of(h->method);
	struct str path = h->path, index, word;
	const char *product = asked_product(h);

	if (!names_contains(path, "/_") || method < 0)
		return NAMES_NO;
	index = word = part(&path);
	if (word.n && *word.p != '_')
		word = part(&path);
	else
		index.n = 0;
	if (!word.n || *word.p != '_' || !operation_of(n, method, word, path))
		return NAMES_NO;
	names_text(n, ATTR(db_collection), index);
	if (product)
		is_product(n, product);
	return NAMES_ONLY;
}

static void response(struct names *n, const struct names_head *h)
{
	if (names_equal(h->field[NAMES_ELASTIC_PRODUCT], "elasticsearch"))
		is_product(n, "elasticsearch");
	if (!n->row && h->form == NAMES_JSON)
		names_read(n, 1, NAMES_JSON, LOOK, 1);
}

/* How answers of no other server begin. Both products have them; the elder's name stands for it. */
static void value(struct names *n, int which, const struct json_value *v)
{
	if (!which || n->row)
		return;
	if (json_at(v, "took") && v->type == JSON_NUMBER)
		n->word[WORD_TOOK] = 1;
	else if ((n->word[WORD_TOOK] && (json_at(v, "timed_out") || json_at(v, "errors"))) ||
		 (json_at(v, "_shards") && v->type == JSON_OBJECT) ||
		 (json_at(v, "_index") && v->type == JSON_STRING))
		is_product(n, "elasticsearch");
}

const struct naming naming_elasticsearch = {
	.name = "elasticsearch",
	.request = request,
	.response = response,
	.value = value,
};
