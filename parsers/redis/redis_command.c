/*
 * redis_command.c - the table of commands; see redis_command.h
 */
#include "parsers/redis/redis_command.h"

#include <string.h>

#include "parsers/digits.h"

#define MAX_WAIT_NS (UINT64_MAX / 1000) /* half a year; more is not told */

#define KEY(n, at, args) {.name = n, .keys = at, .min_args = args}
#define NO_KEY(n, args) {.name = n, .min_args = args}
#define SUB(n, key, flag)                                                                          \
	{.name = n, .sub_keys = key, .flags = REDIS_HAS_SUB | (flag), .min_args = 1}
#define FORM(n, at, is, args) {.name = n, .keys = at, .form = is, .min_args = args}
#define SECRET(n, at, args) {.name = n, .keys = at, .flags = REDIS_SECRET, .min_args = args}
#define WAITS(n, at, is, args) {.name = n, .keys = at, .wait = is, .min_args = args}
#define MODULE(n) {.name = n, .keys = 1, .flags = REDIS_MODULE, .min_args = 1}

/* Sorted by name. */
static const struct redis_command table[] = {
	SUB("ACL", 0, REDIS_SECRET),
	KEY("APPEND", 1, 3),
	NO_KEY("ASKING", 1),
	SECRET("AUTH", 0, 2),
	MODULE("BF.ADD"),
	MODULE("BF.EXISTS"),
	MODULE("BF.RESERVE"),
	NO_KEY("BGREWRITEAOF", 1),
	NO_KEY("BGSAVE", 1),
	KEY("BITCOUNT", 1, 2),
	KEY("BITFIELD", 1, 2),
	KEY("BITFIELD_RO", 1, 2),
	KEY("BITOP", 2, 4),
	KEY("BITPOS", 1, 3),
	WAITS("BLMOVE", 1, REDIS_WAIT_LAST, 6),
	WAITS("BLMPOP", 3, REDIS_WAIT_FIRST, 5),
	WAITS("BLPOP", 1, REDIS_WAIT_LAST, 3),
	WAITS("BRPOP", 1, REDIS_WAIT_LAST, 3),
	WAITS("BRPOPLPUSH", 1, REDIS_WAIT_LAST, 4),
	WAITS("BZMPOP", 3, REDIS_WAIT_FIRST, 5),
	WAITS("BZPOPMAX", 1, REDIS_WAIT_LAST, 3),
	WAITS("BZPOPMIN", 1, REDIS_WAIT_LAST, 3),
	MODULE("CF.ADD"),
	MODULE("CF.EXISTS"),
	SUB("CLIENT", 0, 0),
	SUB("CLUSTER", 0, 0),
	SUB("COMMAND", 0, 0),
	SUB("CONFIG", 0, REDIS_SECRET),
	KEY("COPY", 1, 3),
	NO_KEY("DBSIZE", 1),
	SUB("DEBUG", 0, 0),
	KEY("DECR", 1, 2),
	KEY("DECRBY", 1, 3),
	KEY("DEL", 1, 2),
	FORM("DISCARD", 0, REDIS_DISCARDS, 1),
	KEY("DUMP", 1, 2),
	NO_KEY("ECHO", 2),
	KEY("EVAL", REDIS_KEY_SCRIPT, 3),
	KEY("EVALSHA", REDIS_KEY_SCRIPT, 3),
	KEY("EVALSHA_RO", REDIS_KEY_SCRIPT, 3),
	KEY("EVAL_RO", REDIS_KEY_SCRIPT, 3),
	FORM("EXEC", 0, REDIS_EXECUTES, 1),
	KEY("EXISTS", 1, 2),
	KEY("EXPIRE", 1, 3),
	KEY("EXPIREAT", 1, 3),
	KEY("EXPIRETIME", 1, 2),
	NO_KEY("FAILOVER", 1),
	KEY("FCALL", REDIS_KEY_SCRIPT, 3),
	KEY("FCALL_RO", REDIS_KEY_SCRIPT, 3),
	NO_KEY("FLUSHALL", 1),
	NO_KEY("FLUSHDB", 1),
	MODULE("FT.AGGREGATE"),
	MODULE("FT.CREATE"),
	MODULE("FT.INFO"),
	MODULE("FT.SEARCH"),
	SUB("FUNCTION", 0, 0),
	KEY("GEOADD", 1, 5),
	KEY("GEODIST", 1, 4),
	KEY("GEOHASH", 1, 2),
	KEY("GEOPOS", 1, 2),
	KEY("GEORADIUS", 1, 6),
	KEY("GEORADIUSBYMEMBER", 1, 5),
	KEY("GEORADIUSBYMEMBER_RO", 1, 5),
	KEY("GEORADIUS_RO", 1, 6),
	KEY("GEOSEARCH", 1, 7),
	KEY("GEOSEARCHSTORE", 1, 8),
	KEY("GET", 1, 2),
	KEY("GETBIT", 1, 3),
	KEY("GETDEL", 1, 2),
	KEY("GETEX", 1, 2),
	KEY("GETRANGE", 1, 4),
	KEY("GETSET", 1, 3),
	KEY("HDEL", 1, 3),
	SECRET("HELLO", 0, 1),
	KEY("HEXISTS", 1, 3),
	KEY("HEXPIRE", 1, 6),
	KEY("HEXPIREAT", 1, 6),
	KEY("HEXPIRETIME", 1, 5),
	KEY("HGET", 1, 3),
	KEY("HGETALL", 1, 2),
	KEY("HINCRBY", 1, 4),
	KEY("HINCRBYFLOAT", 1, 4),
	KEY("HKEYS", 1, 2),
	KEY("HLEN", 1, 2),
	KEY("HMGET", 1, 3),
	KEY("HMSET", 1, 4),
	KEY("HPERSIST", 1, 5),
	KEY("HPEXPIRE", 1, 6),
	KEY("HPEXPIREAT", 1, 6),
	KEY("HPEXPIRETIME", 1, 5),
	KEY("HPTTL", 1, 5),
	KEY("HRANDFIELD", 1, 2),
	KEY("HSCAN", 1, 3),
	KEY("HSET", 1, 4),
	KEY("HSETNX", 1, 4),
	KEY("HSTRLEN", 1, 3),
	KEY("HTTL", 1, 5),
	KEY("HVALS", 1, 2),
	KEY("INCR", 1, 2),
	KEY("INCRBY", 1, 3),
	KEY("INCRBYFLOAT", 1, 3),
	NO_KEY("INFO", 1),
	MODULE("JSON.ARRAPPEND"),
	MODULE("JSON.DEL"),
	MODULE("JSON.GET"),
	MODULE("JSON.MGET"),
	MODULE("JSON.NUMINCRBY"),
	MODULE("JSON.SET"),
	MODULE("JSON.TYPE"),
	NO_KEY("KEYS", 2),
	NO_KEY("LASTSAVE", 1),
	SUB("LATENCY", 0, 0),
	KEY("LCS", 1, 3),
	KEY("LINDEX", 1, 3),
	KEY("LINSERT", 1, 5),
	KEY("LLEN", 1, 2),
	KEY("LMOVE", 1, 5),
	KEY("LMPOP", REDIS_KEY_COUNTED, 4),
	NO_KEY("LOLWUT", 1),
	KEY("LPOP", 1, 2),
	KEY("LPOS", 1, 3),
	KEY("LPUSH", 1, 3),
	KEY("LPUSHX", 1, 3),
	KEY("LRANGE", 1, 4),
	KEY("LREM", 1, 4),
	KEY("LSET", 1, 4),
	KEY("LTRIM", 1, 4),
	SUB("MEMORY", 2, 0),
	KEY("MGET", 1, 2),
	SECRET("MIGRATE", 3, 6),
	SUB("MODULE", 0, REDIS_SECRET),
	FORM("MONITOR", 0, REDIS_MONITORS, 1),
	KEY("MOVE", 1, 3),
	KEY("MSET", 1, 3),
	KEY("MSETNX", 1, 3),
	NO_KEY("MULTI", 1),
	SUB("OBJECT", 2, 0),
	KEY("PERSIST", 1, 2),
	KEY("PEXPIRE", 1, 3),
	KEY("PEXPIREAT", 1, 3),
	KEY("PEXPIRETIME", 1, 2),
	KEY("PFADD", 1, 2),
	KEY("PFCOUNT", 1, 2),
	KEY("PFDEBUG", 2, 3),
	KEY("PFMERGE", 1, 2),
	NO_KEY("PFSELFTEST", 1),
	NO_KEY("PING", 1),
	KEY("PSETEX", 1, 4),
	FORM("PSUBSCRIBE", 1, REDIS_SUBSCRIBES, 2),
	FORM("PSYNC", 0, REDIS_REPLICATES, 3),
	KEY("PTTL", 1, 2),
	KEY("PUBLISH", 1, 3),
	SUB("PUBSUB", 0, 0),
	FORM("PUNSUBSCRIBE", 1, REDIS_UNSUBSCRIBES, 1),
	NO_KEY("QUIT", 1),
	NO_KEY("RANDOMKEY", 1),
	NO_KEY("READONLY", 1),
	NO_KEY("READWRITE", 1),
	KEY("RENAME", 1, 3),
	KEY("RENAMENX", 1, 3),
	NO_KEY("REPLCONF", 1),
	NO_KEY("REPLICAOF", 3),
	FORM("RESET", 0, REDIS_RESETS, 1),
	KEY("RESTORE", 1, 4),
	KEY("RESTORE-ASKING", 1, 4),
	NO_KEY("ROLE", 1),
	KEY("RPOP", 1, 2),
	KEY("RPOPLPUSH", 1, 3),
	KEY("RPUSH", 1, 3),
	KEY("RPUSHX", 1, 3),
	KEY("SADD", 1, 3),
	NO_KEY("SAVE", 1),
	NO_KEY("SCAN", 2),
	KEY("SCARD", 1, 2),
	SUB("SCRIPT", 0, 0),
	KEY("SDIFF", 1, 2),
	KEY("SDIFFSTORE", 1, 3),
	FORM("SELECT", 0, REDIS_SELECTS, 2),
	SUB("SENTINEL", 0, REDIS_SECRET),
	KEY("SET", 1, 3),
	KEY("SETBIT", 1, 4),
	KEY("SETEX", 1, 4),
	KEY("SETNX", 1, 3),
	KEY("SETRANGE", 1, 4),
	NO_KEY("SHUTDOWN", 1),
	KEY("SINTER", 1, 2),
	KEY("SINTERCARD", REDIS_KEY_COUNTED, 3),
	KEY("SINTERSTORE", 1, 3),
	KEY("SISMEMBER", 1, 3),
	NO_KEY("SLAVEOF", 3),
	SUB("SLOWLOG", 0, 0),
	KEY("SMEMBERS", 1, 2),
	KEY("SMISMEMBER", 1, 3),
	KEY("SMOVE", 1, 4),
	KEY("SORT", 1, 2),
	KEY("SORT_RO", 1, 2),
	KEY("SPOP", 1, 2),
	KEY("SPUBLISH", 1, 3),
	KEY("SRANDMEMBER", 1, 2),
	KEY("SREM", 1, 3),
	KEY("SSCAN", 1, 3),
	FORM("SSUBSCRIBE", 1, REDIS_SUBSCRIBES, 2),
	KEY("STRLEN", 1, 2),
	FORM("SUBSCRIBE", 1, REDIS_SUBSCRIBES, 2),
	KEY("SUBSTR", 1, 4),
	KEY("SUNION", 1, 2),
	KEY("SUNIONSTORE", 1, 3),
	FORM("SUNSUBSCRIBE", 1, REDIS_UNSUBSCRIBES, 1),
	NO_KEY("SWAPDB", 3),
	FORM("SYNC", 0, REDIS_REPLICATES, 1),
	NO_KEY("TIME", 1),
	KEY("TOUCH", 1, 2),
	MODULE("TS.ADD"),
	MODULE("TS.CREATE"),
	MODULE("TS.GET"),
	MODULE("TS.RANGE"),
	KEY("TTL", 1, 2),
	KEY("TYPE", 1, 2),
	KEY("UNLINK", 1, 2),
	FORM("UNSUBSCRIBE", 1, REDIS_UNSUBSCRIBES, 1),
	NO_KEY("UNWATCH", 1),
	WAITS("WAIT", 0, REDIS_WAIT_LAST_MS, 3),
	WAITS("WAITAOF", 0, REDIS_WAIT_LAST_MS, 4),
	KEY("WATCH", 1, 2),
	KEY("XACK", 1, 4),
	KEY("XADD", 1, 5),
	KEY("XAUTOCLAIM", 1, 6),
	KEY("XCLAIM", 1, 6),
	KEY("XDEL", 1, 3),
	SUB("XGROUP", 2, 0),
	SUB("XINFO", 2, 0),
	KEY("XLEN", 1, 2),
	KEY("XPENDING", 1, 3),
	KEY("XRANGE", 1, 4),
	WAITS("XREAD", REDIS_KEY_STREAMS, REDIS_WAIT_BLOCK, 4),
	WAITS("XREADGROUP", REDIS_KEY_STREAMS, REDIS_WAIT_BLOCK, 7),
	KEY("XREVRANGE", 1, 4),
	KEY("XSETID", 1, 3),
	KEY("XTRIM", 1, 4),
	KEY("ZADD", 1, 4),
	KEY("ZCARD", 1, 2),
	KEY("ZCOUNT", 1, 4),
	KEY("ZDIFF", REDIS_KEY_COUNTED, 3),
	KEY("ZDIFFSTORE", 1, 4),
	KEY("ZINCRBY", 1, 4),
	KEY("ZINTER", REDIS_KEY_COUNTED, 3),
	KEY("ZINTERCARD", REDIS_KEY_COUNTED, 3),
	KEY("ZINTERSTORE", 1, 4),
	KEY("ZLEXCOUNT", 1, 4),
	KEY("ZMPOP", REDIS_KEY_COUNTED, 4),
	KEY("ZMSCORE", 1, 3),
	KEY("ZPOPMAX", 1, 2),
	KEY("ZPOPMIN", 1, 2),
	KEY("ZRANDMEMBER", 1, 2),
	KEY("ZRANGE", 1, 4),
	KEY("ZRANGEBYLEX", 1, 4),
	KEY("ZRANGEBYSCORE", 1, 4),
	KEY("ZRANGESTORE", 1, 5),
	KEY("ZRANK", 1, 3),
	KEY("ZREM", 1, 3),
	KEY("ZREMRANGEBYLEX", 1, 4),
	KEY("ZREMRANGEBYRANK", 1, 4),
	KEY("ZREMRANGEBYSCORE", 1, 4),
	KEY("ZREVRANGE", 1, 4),
	KEY("ZREVRANGEBYLEX", 1, 4),
	KEY("ZREVRANGEBYSCORE", 1, 4),
	KEY("ZREVRANK", 1, 3),
	KEY("ZSCAN", 1, 3),
	KEY("ZSCORE", 1, 3),
	KEY("ZUNION", REDIS_KEY_COUNTED, 3),
	KEY("ZUNIONSTORE", 1, 4),
};

static char upper(char c)
{
	return c >= 'a' && c <= 'z' ? (char)(c - 'a' + 'A') : c;
}

/* As strcmp of s in upper case and the word. */
static int compare(struct str s, const char *word)
{
	for (size_t i = 0; i < s.n; i++) {
		int d = (unsigned char)upper(s.p[i]) - (unsigned char)word[i];

		if (d || !word[i])
			return d ? d : 1;
	}
	return word[s.n] ? -1 : 0;
}

int redis_is(struct str s, const char *word)
{
	return s.p && !compare(s, word);
}

const struct redis_command *redis_command_find(struct str name)
{
	size_t low = 0, high = sizeof(table) / sizeof(table[0]);

	if (!name.n || name.n > REDIS_MAX_NAME)
		return NULL;
	while (low < high) {
		size_t at = (low + high) / 2;
		int d = compare(name, table[at].name);

		if (!d)
			return &table[at];
		if (d < 0)
			high = at;
		else
			low = at + 1;
	}
	return NULL;
}

int redis_command_begins(struct str name)
{
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		if (!strncasecmp(name.p, table[i].name, name.n))
			return 1;
	return 0;
}

int64_t redis_number(struct str s)
{
	int64_t v = 0;

	if (!s.n || s.n > 18)
		return -1;
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] < '0' || s.p[i] > '9')
			return -1;
		v = v * 10 + (s.p[i] - '0');
	}
	return v;
}

/* The number of the argument behind this word; 0: there is none. */
static unsigned behind(const char *word, const struct str *arg, unsigned n)
{
	for (unsigned i = 1; i + 1 < n; i++)
		if (redis_is(arg[i], word))
			return i + 1;
	return 0;
}

int redis_sub_has_key(const struct redis_command *c, struct str sub)
{
	return c->sub_keys && !redis_is(sub, "HELP") && !redis_is(sub, "DOCTOR") &&
	       !redis_is(sub, "STATS") && !redis_is(sub, "PURGE") && !redis_is(sub, "MALLOC-STATS");
}

static unsigned key_at(const struct redis_command *c, const struct str *arg, unsigned n)
{
	if (c->flags & REDIS_HAS_SUB)
		return n > 1 && redis_sub_has_key(c, arg[1]) ? c->sub_keys : 0;
	switch (c->keys) {
	case REDIS_KEY_STREAMS: return behind("STREAMS", arg, n);
	case REDIS_KEY_COUNTED: return n > 1 && redis_number(arg[1]) > 0 ? 2 : 0;
	case REDIS_KEY_SCRIPT: return n > 2 && redis_number(arg[2]) > 0 ? 3 : 0;
	default: return c->keys;
	}
}

unsigned redis_key_of(const struct redis_command *c, const struct str *arg, unsigned n)
{
	unsigned at = c ? key_at(c, arg, n) : 0;

	return at < n ? at : 0;
}

/* Which argument says how long, of those in arg; 0: none. */
static unsigned wait_at(const struct redis_command *c, const struct str *arg, unsigned n,
			uint64_t argc)
{
	unsigned at;

	switch (c->wait) {
	case REDIS_WAIT_FIRST: return n > 1;
	case REDIS_WAIT_BLOCK:
		at = behind("BLOCK", arg, n);
		return at < redis_key_of(c, arg, n) ? at : 0;
	case REDIS_WAIT_LAST:
	case REDIS_WAIT_LAST_MS: return n == argc ? n - 1 : 0;
	default: return 0;
	}
}

int redis_wait_of(const struct redis_command *c, const struct str *arg, unsigned n, uint64_t argc,
		  uint64_t *ns)
{
	unsigned at = c ? wait_at(c, arg, n, argc) : 0;
	uint64_t unit = 1000000, v = 0;
	struct str s;

	if (!at || arg[at].n > 20)
		return 0;
	if (c->wait == REDIS_WAIT_FIRST || c->wait == REDIS_WAIT_LAST)
		unit *= 1000;
	s = arg[at];
	for (int point = 0; s.n; s.p++, s.n--) {
		if (*s.p == '.' && !point) {
			point = 1;
			continue;
		}
		if (!is_digit(*s.p) || v > MAX_WAIT_NS)
			return 0;
		if (point)
			unit /= 10;
		v = point ? v + (uint64_t)(*s.p - '0') * unit
			  : v * 10 + (uint64_t)(*s.p - '0') * unit;
	}
	*ns = v;
	return v <= MAX_WAIT_NS;
}
