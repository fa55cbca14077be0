/*
 * postgresql_mask.c - what a recording may hold of PostgreSQL's protocol
 *
 * A recording is to give the same spans when it is replayed, so there stay: types and lengths of
 * all messages, names of statements and portals, statements without their literals, the verb and
 * number of rows of a result, severity and SQLSTATE of errors, the database. Everything else
 * becomes 'x': rows, parameters, passwords and all else of authentication, keys to cancel.
 */
#include "parsers/postgresql/postgresql_impl.h"

enum where {
	AT_LENGTH, /* of a packet without a type */
	AT_CODE,
	AT_TYPE,
	IN_HEADER, /* the length behind the type */
	IN_BODY,
	AT_GRANT, /* a server's first byte may answer SSLRequest */
	IN_NOTHING,
};

enum rule {
	KEEP,
	HIDE,
	STATEMENT,
	PREPARED,      /* a name, a statement, and types */
	BOUND,	       /* two names, and values */
	EXECUTED,      /* a letter and a name, or a name and a number */
	FIELDS,	       /* a letter and a value, ... */
	PARAMETER,     /* of the server: a name and a value */
	PARAMETERS,    /* of the connection: names and values */
	REPLICATED,    /* a letter, and data */
	AUTHENTICATES, /* a number, and what should not be seen */
};

struct mask { /* flat, for protocol_mask */
	uint8_t where, rule, server, type, nkey;
	uint8_t strings; /* that have ended in this body */
	uint8_t field;
	uint8_t both; /* replication: the letter in front of its messages stays */
	uint8_t head[4], nhead;
	uint64_t left, at;
	char key[32];
	struct sql_lex lex;
};

static uint8_t rule_of(const struct mask *k)
{
	if (k->server) {
		if (k->type == 'd' && k->both)
			return REPLICATED;
		switch (k->type) {
		case 'C':
		case 'Z': return KEEP;
		case 'E':
		case 'N': return FIELDS;
		case 'S': return PARAMETER;
		case 'R': return AUTHENTICATES;
		default: return HIDE;
		}
	}
	switch (k->type) {
	case 'Q': return STATEMENT;
	case 'P': return PREPARED;
	case 'B': return BOUND;
	case 'D':
	case 'C':
	case 'E': return EXECUTED;
	default: return HIDE;
	}
}

static void begin_body(struct mask *k, uint64_t n, enum rule rule)
{
	k->left = n;
	k->at = 0;
	k->strings = k->nkey = k->field = 0;
	k->rule = (uint8_t)rule;
	k->where = n ? IN_BODY : AT_TYPE;
	sql_lex_begin(&k->lex, SQL_POSTGRESQL, SQL_STRINGS_UNKNOWN);
}

static uint8_t field_byte(struct mask *k, uint8_t c)
{
	if (!k->field) { /* the letter */
		k->field = c;
		return c;
	}
	if (!c)
		k->field = 0;
	return c && !memchr("SVC", k->field, 3) ? 'x' : c;
}

/* A value stays if it is that of one of these names. */
static int is_kept(const struct mask *k)
{
	static const char *const names[] = {"user", "database", "replication",
					    "standard_conforming_strings"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strlen(names[i]) == k->nkey && !memcmp(names[i], k->key, k->nkey))
			return 1;
	return 0;
}

static uint8_t parameter_byte(struct mask *k, uint8_t c)
{
	int is_value = k->strings & 1;

	if (!c) {
		k->strings++;
		if (is_value)
			k->nkey = 0;
		return c;
	}
	if (is_value)
		return is_kept(k) ? c : 'x';
	if (k->nkey < sizeof(k->key))
		k->key[k->nkey++] = (char)c;
	return c;
}

static uint8_t statement_byte(struct mask *k, uint8_t c)
{
	if (!c)
		k->strings++;
	else
		sql_lex_mask(&k->lex, &c, 1);
	return c;
}

/*
 * Describe and Close have a letter and a name, Execute a name and a number. What is no more than
 * taken for the client's may be a row or an error of the server, whose types are the same.
 */
static uint8_t executed_byte(struct mask *k, uint8_t c)
{
	uint64_t behind = k->type == 'E' ? 4 : 0;

	if (k->strings)
		return c;
	if ((!k->at && k->type != 'E' && c != 'S' && c != 'P') ||
	    (!c ? k->left - 1 != behind : k->left - 1 <= behind)) {
		k->rule = HIDE;
		return 'x';
	}
	k->strings = !c;
	return c;
}

static uint8_t body_byte(struct mask *k, uint8_t c)
{
	switch (k->rule) {
	case KEEP: return c;
	case STATEMENT: return k->strings ? 'x' : statement_byte(k, c);
	case PREPARED:
	case BOUND:
		if (k->rule == PREPARED && k->strings == 1)
			return statement_byte(k, c);
		if (k->strings > 1)
			return 'x';
		k->strings = (uint8_t)(k->strings + !c);
		return c;
	case EXECUTED: return executed_byte(k, c);
	case FIELDS: return field_byte(k, c);
	case PARAMETER:
	case PARAMETERS: return parameter_byte(k, c);
	case REPLICATED: return k->at ? 'x' : c;
	case AUTHENTICATES: return k->at < 4 ? c : 'x';
	default: return 'x';
	}
}

/* ---- framing */

static int length_byte(struct mask *k, uint8_t c)
{
	uint8_t message[HEADER] = {k->type};
	uint32_t len;

	k->head[k->nhead++] = c;
	if (k->nhead < 4)
		return 1;
	k->nhead = 0;
	memcpy(message + 1, k->head, 4);
	len = be32(k->head);
	if (k->where == AT_LENGTH) {
		k->left = len;
		k->where = AT_CODE;
		return len >= 8 && len <= MAX_STARTUP;
	}
	if (!(k->server ? postgresql_is_reply : postgresql_is_request)(message))
		return 0;
	if (k->type == 'W' || k->type == 'Z')
		k->both = k->type == 'W';
	begin_body(k, len - 4, rule_of(k));
	return 1;
}

static int code_byte(struct mask *k, uint8_t c)
{
	uint64_t left = k->left - 8;
	uint32_t code;

	k->head[k->nhead++] = c;
	if (k->nhead < 4)
		return 1;
	k->nhead = 0;
	code = be32(k->head);
	if ((code == CODE_SSL || code == CODE_GSSENC) && !left) {
		k->where = AT_LENGTH;
		return 1;
	}
	begin_body(k, left, code == CODE_CANCEL ? HIDE : PARAMETERS);
	return code == CODE_CANCEL || code >> 16 == CODE_MAJOR;
}

/* Returns 0 if it is something else. */
static int mask_byte(struct mask *k, struct mask_shared *both, uint8_t *p)
{
	switch (k->where) {
	case AT_GRANT:
		if (*p == 'N')
			return 1;
		k->where = AT_TYPE;
		if (*p == 'S' || *p == 'G') {
			both->switched = 1;
			return 1;
		}
		/* fall through */
	case AT_TYPE:
		k->type = *p;
		k->where = IN_HEADER;
		return 1;
	case AT_LENGTH:
	case IN_HEADER: return length_byte(k, *p);
	case AT_CODE: return code_byte(k, *p);
	case IN_BODY:
		*p = body_byte(k, *p);
		k->at++;
		if (!--k->left)
			k->where = AT_TYPE;
		return 1;
	default: return 0;
	}
}

static void mask_begin(void *state, enum sender from, unsigned flags)
{
	struct mask *k = state;

	memset(k, 0, sizeof(*k));
	k->server = from == FROM_SERVER;
	k->where = !(flags & MASK_START) ? AT_TYPE : k->server ? AT_GRANT : AT_LENGTH;
}

static size_t mask_feed(void *state, struct mask_shared *both, uint8_t *p, size_t n)
{
	struct mask *k = state;
	size_t at = 0;

	while (at < n && !both->switched) {
		if (k->where == IN_BODY && k->rule == HIDE) {
			size_t take = n - at < k->left ? n - at : (size_t)k->left;

			memset(p + at, 'x', take);
			at += take;
			k->left -= take;
			if (!k->left)
				k->where = AT_TYPE;
		} else if (mask_byte(k, both, p + at)) {
			at++;
		} else {
			k->where = IN_NOTHING;
			break;
		}
	}
	return at;
}

static int mask_gap(void *state, struct mask_shared *both, uint64_t n)
{
	struct mask *k = state;

	(void)both;
	if (k->where != IN_BODY || n > k->left) {
		k->where = IN_NOTHING;
		return 0;
	}
	k->left -= n;
	k->rule = HIDE;
	if (!k->left)
		k->where = AT_TYPE;
	return 1;
}

const struct protocol_mask postgresql_mask = {
	.state_size = sizeof(struct mask),
	.begin = mask_begin,
	.feed = mask_feed,
	.gap = mask_gap,
};
