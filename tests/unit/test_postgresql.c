/*
 * test_postgresql.c - PostgreSQL's protocol: conversations whole, in pieces of any length, with
 * what is not needed missing, with a gap anywhere; what recordings keep; what is recognised
 */
#include "tests/unit/talk.h"
#include "parsers/postgresql/postgresql_impl.h"

#define MAX_PARTS 40
#define SECRET "hunter2"

/* type 0: as it is, with its length in front; 1: without that */
struct part {
	int from; /* enum sender; -1: the end */
	uint8_t type;
	const char *p;
	size_t n;
};

#define C(type, s)                                                                                 \
	{                                                                                          \
		FROM_CLIENT, type, s, sizeof(s) - 1                                                \
	}
#define S(type, s)                                                                                 \
	{                                                                                          \
		FROM_SERVER, type, s, sizeof(s) - 1                                                \
	}
#define END                                                                                        \
	{                                                                                          \
		-1, 0, NULL, 0                                                                     \
	}

#define STARTUP C(0, "\0\3\0\0user\0joe\0database\0shop\0application_name\0" SECRET "\0\0")
#define READY S('Z', "I")
#define OPENED                                                                                     \
	STARTUP, S('R', "\0\0\0\0"),                                                               \
		S('S', "server_version\0"                                                          \
		       "15.0\0"),                                                                  \
		S('K', "\0\0\1\1" SECRET), READY
#define CONNECTED                                                                                  \
	"CONNECT as CONNECT\n"                                                                     \
	"request end 0\n"                                                                          \
	"CONNECT answered\n"                                                                       \
	"response end 0 db_namespace=shop\n"
#define SYNC C('S', "")
#define DB " db_namespace=shop"

struct test {
	const char *name, *want;
	struct part part[MAX_PARTS];
};

static const struct test cases[] = {
	{"a query",
	 CONNECTED "SELECT on orders as select * from orders where v = ?\n"
		   "request end 0\n"
		   "SELECT answered\n"
		   "response end 30" DB " rows=2\n",
	 {OPENED, C('Q', "select * from orders where v = '" SECRET "'\0"),
	  S('T', "\0\1id\0\0\0\0\0"),
	  S('D', "\0\1\0\0\0\4"
		 "rowa"),
	  S('D', "\0\1\0\0\0\4"
		 "rowb"),
	  S('C', "SELECT 2\0"), READY, END}},
	{"authentication, refused",
	 "CONNECT as CONNECT\n"
	 "request end 0\n"
	 "CONNECT answered\n"
	 "response end 0" DB " db_status=28P01 db_severity=FATAL failed\n",
	 {STARTUP, S('R', "\0\0\0\x0aSCRAM-SHA-256\0\0"), C('p', "SCRAM-SHA-256\0\0\0\0\7" SECRET),
	  S('R', "\0\0\0\x0b" SECRET), C('p', SECRET),
	  S('E', "SFATAL\0VFATAL\0C28P01\0Mpassword authentication failed for " SECRET "\0\0"),
	  END}},
	{"TLS is not granted",
	 CONNECTED,
	 {C(0, "\4\xd2\x16\x2f"), S(1, "N"), C(0, "\4\xd2\x16\x30"), S(1, "N"), OPENED, END}},
	{"TLS is granted", "switch\n", {C(0, "\4\xd2\x16\x2f"), S(1, "S"), END}},
	{"GSSAPI is granted", "switch\n", {C(0, "\4\xd2\x16\x30"), S(1, "G"), END}},
	{"a request to cancel",
	 "CANCEL as CANCEL one-way\n"
	 "request end 0\n",
	 {C(0, "\4\xd2\x16\x2e\0\0\1\1" SECRET), END}},
	{"an error in a query, and a warning",
	 CONNECTED "SELECT on t as select nosuch from t\n"
		   "request end 0\n"
		   "SELECT answered\n"
		   "response end 0" DB " db_warnings=1 db_status=42703 db_severity=ERROR failed\n",
	 {OPENED, C('Q', "select nosuch from t\0"), S('N', "SWARNING\0C01000\0M" SECRET "\0\0"),
	  S('E', "SFEHLER\0VERROR\0C42703\0Mcolumn " SECRET "\0\0"), READY, END}},
	{"several statements in a query",
	 CONNECTED "BEGIN as begin; update t set a = ?; commit db_batch_size=3\n"
		   "request end 0\n"
		   "BEGIN answered\n"
		   "response end 0" DB " rows=3\n",
	 {OPENED, C('Q', "begin; update t set a = 1; commit;\0"), S('C', "BEGIN\0"),
	  S('C', "UPDATE 3\0"), S('C', "COMMIT\0"), READY, END}},
	{"an empty query",
	 CONNECTED "EMPTY as EMPTY\n"
		   "request end 0\n"
		   "EMPTY answered\n"
		   "response end 0" DB "\n",
	 {OPENED, C('Q', "\0"), S('I', ""), READY, END}},
	{"the extended protocol, without a name",
	 CONNECTED "SELECT on t as SELECT a FROM t WHERE b = ?\n"
		   "request end 0\n"
		   "SELECT answered\n"
		   "response end 17" DB " rows=1\n",
	 {OPENED, C('P', "\0SELECT a FROM t WHERE b = $1\0\0\0"),
	  C('B', "\0\0\0\0\0\1\0\0\0\7" SECRET "\0\0"), C('D', "P\0"), C('E', "\0\0\0\0\0"), SYNC,
	  S('1', ""), S('2', ""), S('T', "\0\1a\0\0\0\0\0"),
	  S('D', "\0\1\0\0\0\6"
		 "rowabc"),
	  S('C', "SELECT 1\0"), READY, END}},
	{"prepared, then executed by name twice",
	 CONNECTED "UPDATE on t as UPDATE t SET a = ?\n"
		   "request end 0 PREPARE\n"
		   "UPDATE answered\n"
		   "response end 0" DB "\n"
		   "UPDATE on t as UPDATE t SET a = ?\n"
		   "request end 0\n"
		   "UPDATE answered\n"
		   "response end 0" DB " rows=7\n"
		   "UPDATE on t as UPDATE t SET a = ?\n"
		   "request end 0\n"
		   "UPDATE answered\n"
		   "response end 0" DB " rows=0\n",
	 {OPENED,
	  C('P', "st1\0UPDATE t SET a = $1\0\0\0"),
	  C('D', "Sst1\0"),
	  SYNC,
	  S('1', ""),
	  S('t', "\0\1\0\0\0\x17"),
	  S('n', ""),
	  READY,
	  C('B', "\0st1\0\0\0\0\0\0\0"),
	  C('E', "\0\0\0\0\0"),
	  SYNC,
	  S('2', ""),
	  S('C', "UPDATE 7\0"),
	  READY,
	  C('B', "\0st1\0\0\0\0\0\0\0"),
	  C('E', "\0\0\0\0\0"),
	  SYNC,
	  S('2', ""),
	  S('C', "UPDATE 0\0"),
	  READY,
	  END}},
	{"prepared before we looked",
	 CONNECTED "\n"
		   "request end 0 unseen\n"
		   " answered\n"
		   "response end 0 DELETE" DB " rows=1\n",
	 {OPENED, C('B', "\0old\0\0\0\0\0\0\0"), C('E', "\0\0\0\0\0"), SYNC, S('2', ""),
	  S('C', "DELETE 1\0"), READY, END}},
	{"prepared with Flush, closed",
	 CONNECTED "SELECT as SELECT ?\n"
		   "request end 0 PREPARE\n"
		   "SELECT answered\n"
		   "response end 0" DB "\n"
		   "SELECT as SELECT ?\n"
		   "request end 0\n"
		   "SELECT answered\n"
		   "response end 15" DB " rows=1\n"
		   "SELECT as SELECT ?\n"
		   "request end 0 CLOSE\n"
		   "SELECT answered\n"
		   "response end 0" DB "\n",
	 {OPENED, C('P', "x\0SELECT 1\0\0\0"), C('D', "Sx\0"), C('H', ""), S('1', ""),
	  S('t', "\0\0"), S('T', "\0\1a\0\0\0\0\0"), C('B', "\0x\0\0\0\0\0\0\0"),
	  C('E', "\0\0\0\0\0"), SYNC, S('2', ""), S('D', "\0\1\0\0\0\4rows"), S('C', "SELECT 1\0"),
	  READY, C('C', "Sx\0"), SYNC, S('3', ""), READY, END}},
	{"an error that is told before the rest of its pipeline is sent",
	 CONNECTED "INSERT on u as INSERT INTO u VALUES (?)\n"
		   "INSERT answered\n"
		   "request end 0\n"
		   "DELETE on v as DELETE FROM v\n"
		   "request end 0\n"
		   "DELETE on w as DELETE FROM w\n"
		   "request end 0\n"
		   "response end 0" DB " db_status=23505 db_severity=ERROR failed\n"
		   "DELETE answered\n"
		   "response end 0" DB " failed\n"
		   "DELETE answered\n"
		   "response end 0" DB " failed\n"
		   "SELECT as SELECT ?\n"
		   "request end 0\n"
		   "SELECT answered\n"
		   "response end 15" DB " rows=1\n",
	 {OPENED,
	  C('P', "\0INSERT INTO u VALUES ($1)\0\0\0"),
	  C('B', "\0\0\0\0\0\0\0\0"),
	  C('E', "\0\0\0\0\0"),
	  S('1', ""),
	  S('2', ""),
	  S('E', "SERROR\0VERROR\0C23505\0Mkey\0\0"),
	  C('P', "\0DELETE FROM v\0\0\0"),
	  C('B', "\0\0\0\0\0\0\0\0"),
	  C('E', "\0\0\0\0\0"),
	  C('P', "\0DELETE FROM w\0\0\0"),
	  C('B', "\0\0\0\0\0\0\0\0"),
	  C('E', "\0\0\0\0\0"),
	  SYNC,
	  READY,
	  C('P', "\0SELECT 5\0\0\0"),
	  C('B', "\0\0\0\0\0\0\0\0"),
	  C('E', "\0\0\0\0\0"),
	  SYNC,
	  S('1', ""),
	  S('2', ""),
	  S('D', "\0\1\0\0\0\4rows"),
	  S('C', "SELECT 1\0"),
	  READY,
	  END}},
	{"a pipeline, of which an error skips the rest",
	 CONNECTED "INSERT on t as INSERT INTO t VALUES (?)\n"
		   "request end 0\n"
		   "INSERT on u as INSERT INTO u VALUES (?)\n"
		   "request end 0\n"
		   "DELETE on v as DELETE FROM v\n"
		   "request end 0\n"
		   "DELETE on w as DELETE FROM w\n"
		   "request end 0\n"
		   "SELECT as SELECT ?\n"
		   "request end 0\n"
		   "INSERT answered\n"
		   "response end 0" DB " rows=1\n"
		   "INSERT answered\n"
		   "response end 0" DB " db_status=23505 db_severity=ERROR failed\n"
		   "DELETE answered\n"
		   "response end 0" DB " failed\n"
		   "DELETE answered\n"
		   "response end 0" DB " failed\n"
		   "SELECT answered\n"
		   "response end 0" DB " rows=1\n",
	 {OPENED,
	  C('P', "\0INSERT INTO t VALUES ($1)\0\0\0"),
	  C('B', "\0\0\0\0\0\0\0\0"),
	  C('E', "\0\0\0\0\0"),
	  C('P', "\0INSERT INTO u VALUES ($1)\0\0\0"),
	  C('B', "\0\0\0\0\0\0\0\0"),
	  C('E', "\0\0\0\0\0"),
	  C('P', "\0DELETE FROM v\0\0\0"),
	  C('B', "\0\0\0\0\0\0\0\0"),
	  C('E', "\0\0\0\0\0"),
	  C('P', "\0DELETE FROM w\0\0\0"),
	  C('B', "\0\0\0\0\0\0\0\0"),
	  C('E', "\0\0\0\0\0"),
	  SYNC,
	  C('P', "\0SELECT 5\0\0\0"),
	  C('B', "\0\0\0\0\0\0\0\0"),
	  C('E', "\0\0\0\0\0"),
	  SYNC,
	  S('1', ""),
	  S('2', ""),
	  S('C', "INSERT 0 1\0"),
	  S('1', ""),
	  S('2', ""),
	  S('E', "SERROR\0VERROR\0C23505\0Mkey\0\0"),
	  READY,
	  S('1', ""),
	  S('2', ""),
	  S('C', "SELECT 1\0"),
	  READY,
	  END}},
	{"a portal in parts, while the unnamed statement is another",
	 CONNECTED "SELECT on t as SELECT * FROM t\n"
		   "request end 0\n"
		   "SELECT answered\n"
		   "response end 14" DB " rows=1\n"
		   "SELECT as SELECT ?\n"
		   "request end 0\n"
		   "SELECT answered\n"
		   "response end 0" DB " rows=1\n"
		   "SELECT on t as SELECT * FROM t\n"
		   "request end 0\n"
		   "SELECT answered\n"
		   "response end 0" DB " rows=1\n",
	 {OPENED,
	  C('P', "\0SELECT * FROM t\0\0\0"),
	  C('B', "c1\0\0\0\0\0\0\0\0"),
	  C('E', "c1\0\0\0\0\1"),
	  SYNC,
	  S('1', ""),
	  S('2', ""),
	  S('D', "\0\1\0\0\0\3row"),
	  S('s', ""),
	  READY,
	  C('P', "\0SELECT 2\0\0\0"),
	  C('B', "\0\0\0\0\0\0\0\0"),
	  C('E', "\0\0\0\0\0"),
	  SYNC,
	  S('1', ""),
	  S('2', ""),
	  S('C', "SELECT 1\0"),
	  READY,
	  C('E', "c1\0\0\0\0\1"),
	  SYNC,
	  S('C', "SELECT 1\0"),
	  READY,
	  END}},
	{"COPY in, refused, and out",
	 CONNECTED "COPY on t as COPY t FROM STDIN\n"
		   "COPY answered\n"
		   "request end 10\n"
		   "response end 0" DB " rows=2\n"
		   "COPY on u as COPY u FROM STDIN\n"
		   "COPY answered\n"
		   "response end 0" DB " db_status=42P01 db_severity=ERROR failed\n"
		   "request end 0\n"
		   "COPY on t as COPY t TO STDOUT\n"
		   "request end 0\n"
		   "COPY answered\n"
		   "response end 10" DB " rows=1\n",
	 {OPENED, C('Q', "COPY t FROM STDIN\0"), S('G', "\0\0\1\0\0"), C('d', "row1\n"),
	  C('d', "row2\n"), C('c', ""), S('C', "COPY 2\0"), READY, C('Q', "COPY u FROM STDIN\0"),
	  S('E', "SERROR\0C42P01\0Mx\0\0"), READY, C('Q', "COPY t TO STDOUT\0"),
	  S('H', "\0\0\1\0\0"), S('d', "rowx\n"), S('c', ""), S('C', "COPY 1\0"), READY, END}},
	{"COPY in by the extended protocol",
	 CONNECTED "COPY on t as COPY t FROM STDIN\n"
		   "COPY answered\n"
		   "request end 5\n"
		   "response end 0" DB " rows=1\n"
		   "SELECT as SELECT ?\n"
		   "request end 0\n"
		   "SELECT answered\n"
		   "response end 0" DB " rows=1\n",
	 {OPENED, C('P', "\0COPY t FROM STDIN\0\0\0"), C('B', "\0\0\0\0\0\0\0\0"), C('D', "P\0"),
	  C('E', "\0\0\0\0\0"), SYNC, S('1', ""), S('2', ""), S('n', ""), S('G', "\0\0\1\0\0"),
	  C('d', "row1\n"), C('c', ""), SYNC, S('C', "COPY 1\0"), READY, C('Q', "SELECT 1\0"),
	  S('C', "SELECT 1\0"), READY, END}},
	{"replication, and what follows",
	 CONNECTED "START_REPLICATION as START_REPLICATION ? / ?\n"
		   "request end 0\n"
		   "START_REPLICATION answered" DB " long\n"
		   "notice 28\n"
		   "notice 27\n"
		   "response end 0 long\n"
		   "SELECT as SELECT ?\n"
		   "request end 0\n"
		   "SELECT answered\n"
		   "response end 0" DB " rows=1\n",
	 {OPENED, C('Q', "START_REPLICATION 0/16B6C50\0"), S('W', "\0\0\0"),
	  S('d', "w12345678123456781234567row1"), S('d', "k12345678123456780"),
	  C('d', "r1234567812345678123456781234567810"), S('d', "w123456781234567812345678ro"),
	  C('c', ""), S('c', ""), S('C', "COPY 0\0"), READY, C('Q', "SELECT 1\0"),
	  S('C', "SELECT 1\0"), READY, END}},
	{"what nobody asked for",
	 CONNECTED "LISTEN as LISTEN news\n"
		   "request end 0\n"
		   "LISTEN answered\n"
		   "response end 0" DB "\n",
	 {OPENED, C('Q', "LISTEN news\0"), S('C', "LISTEN\0"), READY,
	  S('A', "\0\0\1\1news\0" SECRET "\0"), S('S', "TimeZone\0UTC\0"),
	  S('N', "SNOTICE\0C00000\0Mhello\0\0"), END}},
	{"the server ends it",
	 CONNECTED,
	 {OPENED, S('E', "SFATAL\0VFATAL\0C57P01\0Mterminating connection\0\0"), END}},
	{"a statement whose strings escape with backslashes",
	 CONNECTED "SELECT as SELECT ?\n"
		   "request end 0\n"
		   "SELECT answered\n"
		   "response end 0" DB "\n",
	 {OPENED, S('S', "standard_conforming_strings\0off\0"),
	  C('Q', "SELECT 'it\\'s " SECRET "'\0"), S('C', "SELECT\0"), READY, END}},
};

static struct talk_case make(const char *name, const char *want, const struct part *part)
{
	struct talk_case c = {.name = name, .want = want, .secret = {SECRET, "row"}};

	for (; part->from >= 0; part++) {
		size_t len = part->n + 4;
		uint8_t head[5] = {part->type, (uint8_t)(len >> 24), (uint8_t)(len >> 16),
				   (uint8_t)(len >> 8), (uint8_t)len};

		if (part->type != 1)
			talk_add(&c, (enum sender)part->from, head + !part->type,
				 sizeof(head) - !part->type);
		talk_add(&c, (enum sender)part->from, part->p, part->n);
	}
	return c;
}

static void test_cases(void)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct talk_case c = make(cases[i].name, cases[i].want, cases[i].part);

		talk_check(&postgresql_protocol, &c, TAP_HERE);
		talk_free(&c);
	}
}

/* ---- a statement that is longer than a head */

static void test_long(void)
{
	static char text[50000], want[600];
	struct part part[] = {OPENED,
			      {FROM_CLIENT, 'Q', text, sizeof(text)},
			      S('C', "INSERT 0 9\0"),
			      READY,
			      C('B', "\0st\0\0\0\0\0\0\0"),
			      C('E', "\0\0\0\0\0"),
			      SYNC,
			      S('2', ""),
			      S('C', "INSERT 0 1\0"),
			      READY,
			      END};
	struct talk_case c;
	size_t n = (size_t)sprintf(text, "INSERT INTO t VALUES (0)");

	while (n < sizeof(text) - 40)
		n += (size_t)sprintf(text + n, ", (%zu)", n);
	memset(text + n, ' ', sizeof(text) - 1 - n);
	snprintf(want, sizeof(want),
		 CONNECTED "\n"
			   "request end 0 INSERT on t as INSERT INTO t VALUES (?)\n"
			   " answered\n"
			   "response end 0" DB " rows=9\n"
			   "\n"
			   "request end 0 unseen\n"
			   " answered\n"
			   "response end 0 INSERT" DB " rows=1\n");
	c = make("a long query", want, part);
	talk_check(&postgresql_protocol, &c, TAP_HERE);
	talk_free(&c);
}

/* ---- in doubt, what an answer looks like tells whether it is one */

#define PACKET(type, length, s) type "\0\0\0" length s
#define SIMPLE PACKET("Q", "\x0d", "select 1\0")
#define BOUND PACKET("B", "\x0c", "\0\0\0\0\0\0\0\0") PACKET("E", "\x09", "\0\0\0\0\0")
#define PARSED PACKET("P", "\x10", "\0select 1\0\0\0") BOUND
#define SYNCED PACKET("S", "\4", "")
#define COMPLETE PACKET("C", "\x0d", "SELECT 0\0")
#define IS_READY PACKET("Z", "\5", "I")
#define BOUND_DONE PACKET("2", "\4", "")
#define STEPS PACKET("1", "\4", "") BOUND_DONE

/* Is the reply said to be another's: 'h' where it begins, 'e' at its end, '-' it is not? */
static char other_at(struct str asked, struct str reply, int known)
{
	static struct postgresql s;
	const uint8_t *p = (const uint8_t *)asked.p;
	uint32_t form = 0;
	struct message m;
	size_t used;

	memset(&s, 0, sizeof(s));
	postgresql_protocol.begin(&s, BEGIN_JOINED(FROM_CLIENT));
	for (size_t at = 0; at < asked.n; at += used) {
		message_init(&m);
		postgresql_protocol.next(&s, FROM_CLIENT, p + at, asked.n - at, &used, &m);
		if (m.form && !form)
			form = m.form;
	}
	postgresql_protocol.answers(&s, known, form);
	p = (const uint8_t *)reply.p;
	for (size_t at = 0; at < reply.n; at += used) {
		message_init(&m);
		if (postgresql_protocol.next(&s, FROM_SERVER, p + at, reply.n - at, &used, &m) !=
		    PARSE_EVENT)
			continue;
		if (m.flags & MESSAGE_OTHER)
			return m.type == MESSAGE_HEAD ? 'h' : 'e';
		if (m.type == MESSAGE_END)
			return '-';
	}
	return '?';
}

#define STR(s) ((struct str){s, sizeof(s) - 1})

static void test_other(void)
{
	static const struct {
		struct str asked, reply;
		char want;
	} t[] = {
		{STR(SIMPLE), STR(COMPLETE IS_READY), '-'},
		{STR(SIMPLE), STR(STEPS COMPLETE IS_READY), 'h'},
		{STR(PARSED SYNCED), STR(STEPS COMPLETE IS_READY), '-'},
		{STR(PARSED SYNCED), STR(COMPLETE IS_READY), 'h'},
		{STR(PARSED SYNCED), STR(STEPS COMPLETE STEPS), 'e'},
		{STR(PARSED PARSED SYNCED), STR(STEPS COMPLETE STEPS), '-'},
		{STR(PARSED PARSED SYNCED), STR(STEPS COMPLETE IS_READY), 'e'},
		{STR(BOUND SYNCED), STR(STEPS COMPLETE IS_READY), 'h'},
		{STR(BOUND SYNCED), STR(BOUND_DONE COMPLETE IS_READY), '-'},
	};

	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		char got = other_at(t[i].asked, t[i].reply, ANSWER_KNOWN);
		char sure = other_at(t[i].asked, t[i].reply, ANSWER_SURE);

		ok(got == t[i].want && sure == '-',
		   "answer %zu of those in doubt: %c (%c), and without a doubt: %c", i, got,
		   t[i].want, sure);
	}
}

/* ---- memory for statements */

static void test_statements(void)
{
	struct sql_statements *s = calloc(1, sizeof(*s));
	char shape[SQL_SHAPE_MAX];
	struct sql_view v = {.shape = {shape, 0}}, found;
	unsigned wrong = 0, kept = 0;

	for (unsigned i = 0; i < 1000; i++) {
		uint32_t name = i + 1;

		v.shape.n = 20 + i * 7 % 400;
		memset(shape, 'a' + (int)(i % 26), v.shape.n);
		v.hash = i;
		sql_statements_put(s, sql_statement_name((uint8_t *)&name, 4), &v);
		name = 1; /* one that is used does not go */
		if (!sql_statements_find(s, sql_statement_name((uint8_t *)&name, 4), &found) ||
		    found.hash != 0)
			wrong++;
	}
	for (uint32_t name = 1; name <= 1000; name++) {
		if (!sql_statements_find(s, sql_statement_name((uint8_t *)&name, 4), &found))
			continue;
		kept++;
		for (size_t k = 0; k < found.shape.n; k++)
			wrong += found.shape.p[k] != 'a' + (int)((name - 1) % 26);
		wrong += found.hash != name - 1 || found.shape.n != 20 + (name - 1) * 7 % 400;
	}
	ok(!wrong && kept > 30 && kept <= SQL_STATEMENTS, "statements: %u kept, %u wrong", kept,
	   wrong);
	free(s);
}

/* ---- recognising */

static enum probe_result asked(const void *p, size_t n, const void *answer, size_t nanswer,
			       int joined)
{
	struct probe in = {.p = p,
			   .n = n,
			   .client = PROBE_NO_DIR,
			   .answer = answer,
			   .nanswer = nanswer,
			   .start = !joined,
			   .joined = (uint8_t)joined,
			   .segment = 1};
	unsigned client = PROBE_NO_DIR;

	return postgresql_probe(&in, &client);
}

static void test_probe(void)
{
	static const char ssl[] = "\0\0\0\10\4\xd2\x16\x2f", query[] = "Q\0\0\0\15select 1\0",
			  answer[] = "T\0\0\0\6\0\0C\0\0\0\15SELECT 1\0Z\0\0\0\5I",
			  kafka[] = "\0\0\0\25\0\3\0\0\0\0\0\1\0\7console\0\0\0\0",
			  http[] = "GET / HTTP/1.1\r\n\r\n",
			  start[] = "\0\0\0\22\0\3\0\0user\0joe\0\0";

	ok(asked(ssl, 8, NULL, 0, 0) == PROBE_YES, "SSLRequest");
	ok(asked(ssl, 5, NULL, 0, 0) == PROBE_MORE, "a part of it");
	ok(asked(start, 18, NULL, 0, 0) == PROBE_YES, "StartupMessage");
	ok(asked(start, 12, NULL, 0, 0) == PROBE_MORE, "a part of it");
	ok(asked(kafka, sizeof(kafka) - 1, NULL, 0, 0) == PROBE_NO, "Kafka's Metadata is none");
	ok(asked(query, 14, NULL, 0, 0) == PROBE_NO, "a query does not begin a connection");
	ok(asked(query, 14, NULL, 0, 1) == PROBE_MORE, "one that was joined may go on so");
	ok(asked(query, 14, answer, sizeof(answer) - 1, 1) == PROBE_YES, "answered");
	ok(asked(query, 14, http, sizeof(http) - 1, 1) == PROBE_NO, "answered by something else");
	ok(asked(query, 10, answer, sizeof(answer) - 1, 1) == PROBE_NO, "answered too early");
	ok(asked(http, sizeof(http) - 1, answer, sizeof(answer) - 1, 1) == PROBE_NO,
	   "something else");
}

int main(void)
{
	test_cases();
	test_long();
	test_other();
	test_statements();
	test_probe();
	return tap_done();
}
