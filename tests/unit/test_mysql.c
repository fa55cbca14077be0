/*
 * test_mysql.c - MySQL's protocol: conversations whole, in pieces of any length, with what is not
 * needed missing, with a gap anywhere; what recordings keep; what is recognised
 */
#include "tests/unit/talk.h"
#include "parsers/mysql/mysql_impl.h"

#define MAX_PARTS 40
#define SECRET "hunter2"

struct part { /* of a packet; from -1: the end */
	int from;
	uint8_t number;
	const char *p;
	size_t n;
};

#define C(number, s)                                                                               \
	{                                                                                          \
		FROM_CLIENT, number, s, sizeof(s) - 1                                              \
	}
#define S(number, s)                                                                               \
	{                                                                                          \
		FROM_SERVER, number, s, sizeof(s) - 1                                              \
	}
#define END                                                                                        \
	{                                                                                          \
		-1, 0, NULL, 0                                                                     \
	}

#define GREETING                                                                                   \
	S(0, "\x0a"                                                                                \
	     "10.11.6-MariaDB\0\1\0\0\0saltsalt\0\xff\xf7\x21\2\0\xff\x81\x15\0\0\0\0\0\0\0\0\0\0" \
	     "saltsaltsalt\0mysql_native_password\0")
#define LOGIN(caps)                                                                                \
	C(1, caps "\0\0\0\1\x21\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0joe\0\7" SECRET       \
		  "shop\0mysql_native_password\0")
#define WITH_EOF "\x0d\xa2\xbe\0"
#define WITHOUT_EOF "\x0d\xa2\xbe\1"
#define OK(number, rows) S(number, "\0" rows "\0\2\0\0\0")
#define OPENED                                                                                     \
	GREETING, LOGIN(WITH_EOF),                                                                 \
		S(2, "\xfe"                                                                        \
		     "mysql\0" SECRET),                                                            \
		C(3, SECRET), OK(4, "\0")
#define CONNECTED                                                                                  \
	"notice 83\n"                                                                              \
	"CONNECT as CONNECT\n"                                                                     \
	"request end 0\n"                                                                          \
	"CONNECT answered\n"                                                                       \
	"response end 0 db_namespace=shop\n"
#define DB " db_namespace=shop"
#define EOF_PACKET(number, status) S(number, "\xfe\0\0" status "\0")

struct test {
	const char *name, *want;
	struct part part[MAX_PARTS];
};

static const struct test cases[] = {
	{"a query, with EOF packets",
	 CONNECTED "SELECT on t as select * from t where a = ?\n"
		   "request end 0\n"
		   "SELECT answered\n"
		   "response end 9" DB " rows=2\n",
	 {OPENED, C(0, "\3select * from t where a = '" SECRET "'"), S(1, "\1"),
	  S(2, "\3def" SECRET), EOF_PACKET(3, "\2"), S(4, "\4rowa"), S(5, "\3row"),
	  EOF_PACKET(6, "\2"), END}},
	{"a query, without",
	 CONNECTED "SELECT as select ?\n"
		   "request end 0\n"
		   "SELECT answered\n"
		   "response end 5" DB " rows=1 db_warnings=3\n",
	 {GREETING, LOGIN(WITHOUT_EOF), OK(2, "\0"), C(0, "\3select 1"), S(1, "\1"), S(2, "\3def"),
	  S(3, "\4rowa"), S(4, "\xfe\0\0\2\0\3\0"), END}},
	{"attributes: the client could send some, sends a list of none, sends one",
	 CONNECTED "SELECT as select ?\n"
		   "request end 0\n"
		   "SELECT answered\n"
		   "response end 0" DB " rows=0\n"
		   "SELECT as select ?\n"
		   "request end 0\n"
		   "SELECT answered\n"
		   "response end 0" DB " rows=0\n"
		   "\n"
		   "request end 0 unseen\n"
		   " answered\n"
		   "response end 0" DB " rows=0\n",
	 {GREETING, LOGIN("\x0d\xa2\xbe\x08"), OK(2, "\0"), C(0, "\3select '" SECRET "'"),
	  OK(1, "\0"), C(0, "\3\0\1select '" SECRET "'"), OK(1, "\0"),
	  C(0, "\3\1\1\0\1\xfe\0\1a\7" SECRET "select 1"), OK(1, "\0"), END}},
	{"several statements and results",
	 CONNECTED "SELECT as select ?; update t set a = ?; select ? db_batch_size=3\n"
		   "request end 0\n"
		   "SELECT answered\n"
		   "response end 4" DB " rows=7\n",
	 {OPENED, C(0, "\3select 1; update t set a = 2; select 3"), S(1, "\1"), S(2, "\3def"),
	  EOF_PACKET(3, "\2"), S(4, "\1x"), EOF_PACKET(5, "\x0a"), S(6, "\0\5\0\x0a\0\0\0"),
	  S(7, "\1"), S(8, "\3def"), EOF_PACKET(9, "\2"), S(10, "\1y"), EOF_PACKET(11, "\2"), END}},
	{"an error",
	 CONNECTED "INSERT on t as insert into t values (?)\n"
		   "request end 0\n"
		   "INSERT answered\n"
		   "response end 0" DB " db_status=23000 db_code=1062 failed\n",
	 {OPENED, C(0, "\3insert into t values (1, '" SECRET "')"),
	  S(1, "\xff\x26\x04#23000Duplicate " SECRET), END}},
	{"prepared, executed, closed",
	 CONNECTED "PREPARE on t as update t set a = ?\n"
		   "request end 0\n"
		   "PREPARE answered\n"
		   "response end 0" DB "\n"
		   "UPDATE on t as update t set a = ?\n"
		   "request end 0\n"
		   "UPDATE answered\n"
		   "response end 0" DB " rows=3\n"
		   "PING as PING\n"
		   "request end 0\n"
		   "PING answered\n"
		   "response end 0" DB " rows=0\n",
	 {OPENED, C(0, "\x16update t set a = ?"), S(1, "\0\1\0\0\0\0\0\1\0\0\0\0"), S(2, "\3def"),
	  EOF_PACKET(3, "\2"), C(0, "\x17\1\0\0\0\0\1\0\0\0\0\1" SECRET), OK(1, "\3"),
	  C(0, "\x19\1\0\0\0"), C(0, "\x0e"), OK(1, "\0"), END}},
	{"prepared before we looked",
	 CONNECTED "\n"
		   "request end 0 unseen\n"
		   " answered\n"
		   "response end 0" DB " rows=3\n",
	 {OPENED, C(0, "\x17\7\0\0\0\0\1\0\0\0"), OK(1, "\3"), END}},
	{"a file that is loaded",
	 CONNECTED "LOAD on t as load data local infile ? into table t\n"
		   "request end 0\n"
		   "LOAD answered\n"
		   "response end 0" DB " rows=2\n",
	 {OPENED, C(0, "\3load data local infile 'f' into table t"),
	  S(1, "\xfb"
	       "f"),
	  C(2, "rowa\nrowb\n"), C(3, ""), OK(4, "\2"), END}},
	{"another database",
	 CONNECTED "USE as USE\n"
		   "request end 0\n"
		   "USE answered\n"
		   "response end 0 db_namespace=other rows=0\n",
	 {OPENED, C(0, "\2other"), OK(1, "\0"), END}},
	{"TLS",
	 "notice 83\nswitch\n",
	 {GREETING, C(1, "\x85\xaa\0\0\0\0\0\1\x21\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"),
	  END}},
};

static struct talk_case make(const char *name, const char *want, const struct part *part)
{
	struct talk_case c = {.name = name, .want = want, .secret = {SECRET, "row"}};

	for (; part->from >= 0; part++) {
		uint8_t head[4] = {(uint8_t)part->n, (uint8_t)(part->n >> 8), 0, part->number};

		talk_add(&c, (enum sender)part->from, head, sizeof(head));
		talk_add(&c, (enum sender)part->from, part->p, part->n);
	}
	return c;
}

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

	return mysql_probe(&in, &client);
}

static void test_probe(void)
{
	static const char query[] = "\11\0\0\0\3select 1", answer[] = "\1\0\0\1\1\3\0\0\2def",
			  smtp[] = "220 server ESMTP ready\r\n", wrong[] = "\1\0\0\2\1";

	ok(asked(query, 13, NULL, 0, 1) == PROBE_MORE, "a query may be one");
	ok(asked(query, 13, answer, 12, 1) == PROBE_YES, "answered");
	ok(asked(query, 13, wrong, 5, 1) == PROBE_NO, "answered out of sequence");
	ok(asked(query, 12, answer, 12, 1) == PROBE_NO, "not whole");
	ok(asked(smtp, sizeof(smtp) - 1, NULL, 0, 0) == PROBE_NO, "another greeting");
}

int main(void)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct talk_case c = make(cases[i].name, cases[i].want, cases[i].part);

		talk_check(&mysql_protocol, &c, TAP_HERE);
		talk_free(&c);
	}
	test_probe();
	return tap_done();
}
