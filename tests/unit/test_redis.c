/*
 * test_redis.c - RESP: conversations whole, in pieces of any length, with what is not needed
 * missing, with a gap anywhere; what recordings keep
 */
#include <stdlib.h>
#include "tests/unit/tap.h"
#include "parsers/attrs.h"
#include "parsers/redis/redis_impl.h"

#define MAX_WIRE 70000u

/* ---- conversations: "> NAME args" a command, "| " bytes of the client, "< " bytes of the server
 */

struct wire {
	uint8_t p[MAX_WIRE];
	size_t n;
};

static void put(struct wire *w, const char *s, size_t n)
{
	memcpy(w->p + w->n, s, n);
	w->n += n;
}

/* A command as an array of bulk strings. Words are parted by single blanks. */
static void put_command(struct wire *w, const char *s)
{
	char head[32];
	unsigned words = 1;

	for (const char *c = s; *c; c++)
		words += *c == ' ';
	put(w, head, (size_t)snprintf(head, sizeof(head), "*%u\r\n", words));
	while (words--) {
		size_t n = strcspn(s, " ");

		put(w, head, (size_t)snprintf(head, sizeof(head), "$%zu\r\n", n));
		put(w, s, n);
		put(w, "\r\n", 2);
		s += n + 1;
	}
}

static void put_part(struct wire *w, const char *part)
{
	if (part[0] == '>')
		put_command(w, part + 2);
	else
		put(w, part + 2, strlen(part + 2));
}

/* ---- the caller: who answers whom, as the core does it, and a log of what was said */

struct queued {
	uint32_t form;
	char name[40];
};

struct talk {
	struct redis state;
	struct queued queue[64];
	unsigned head, tail;
	int in_message[2];
	int torn, no_db;
	uint64_t content[2];
	size_t nlog;
	char log[8192];
	int with_text, blind;
	int bad;
	/* of direction lose_from the bytes from lose_at on, which are sent in one go */
	enum sender lose_from;
	size_t lose_at, lose_n, kept;
	/* bytes are masked first, so many at a time; 0: they are not */
	size_t mask_each;
	_Alignas(16) uint8_t mask[2][256];
};

__attribute__((format(printf, 2, 3))) static void say(struct talk *t, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	t->nlog += (size_t)vsnprintf(t->log + t->nlog, sizeof(t->log) - t->nlog, fmt, ap);
	va_end(ap);
	if (t->nlog >= sizeof(t->log))
		abort();
}

static void say_attrs(struct talk *t, const struct message *m)
{
	for (unsigned i = 0; i < m->nattrs; i++) {
		const struct attr *a = &m->attr[i];

		if (a->def == ATTR(db_query))
			say(t, " [%.*s]", (int)a->s.n, a->s.p);
		else if (a->def == ATTR(max_wait))
			say(t, " wait=%llu", (unsigned long long)a->n / 1000000);
		else if (a->def == ATTR(db_status) || !t->no_db)
			say(t, " %s=%.*s", a->def == ATTR(db_status) ? "status" : "db", (int)a->s.n,
			    a->s.p);
	}
}

static void on_head(struct talk *t, enum sender from, const struct message *m)
{
	struct queued *q = &t->queue[t->tail % 64];
	int one_way = (m->flags & MESSAGE_ONE_WAY) != 0;

	t->in_message[from] = !(m->flags & MESSAGE_LONG);
	t->content[from] = 0;
	if (from == FROM_SERVER) {
		if (t->head == t->tail)
			say(t, "? answered%s", m->flags & MESSAGE_LONG ? " long" : "");
		else
			say(t, "%s answered%s", t->queue[t->head++ % 64].name,
			    m->flags & MESSAGE_LONG ? " long" : "");
		say_attrs(t, m);
		say(t, "\n");
		return;
	}
	snprintf(q->name, sizeof(q->name), "%.*s", (int)m->operation.n, m->operation.p);
	q->form = m->form;
	t->torn = (m->flags & MESSAGE_TORN) != 0;
	if (!one_way)
		t->tail++;
	say(t, "%s", q->name);
	if (m->target.p)
		say(t, " key=%.*s", (int)m->target.n, m->target.p);
	say_attrs(t, m);
	say(t, "%s%s\n", one_way ? " one-way" : "", t->torn ? " torn" : "");
	if (t->torn)
		strcpy(q->name, "torn");
}

static void on_message(struct talk *t, enum sender from, const struct message *m)
{
	static const char *const who[] = {"request", "response"};

	switch (m->type) {
	case MESSAGE_HEAD: on_head(t, from, m); break;
	case MESSAGE_CONTENT:
		t->content[from] += m->data.n + m->gap;
		if (t->with_text && m->data.n)
			say(t, "{%.*s}", (int)m->data.n, m->data.p);
		break;
	case MESSAGE_END:
		if (m->flags & MESSAGE_LONG) {
			say(t, "long end\n");
			break;
		}
		t->in_message[from] = 0;
		if (from == FROM_CLIENT && t->torn) {
			say(t, "torn end\n");
			t->torn = 0;
			break;
		}
		say(t, "%s end %llu%s", who[from], (unsigned long long)t->content[from],
		    m->flags & MESSAGE_FAILED ? " failed" : "");
		say_attrs(t, m);
		say(t, "\n");
		break;
	case MESSAGE_ABORT:
		t->in_message[from] = 0;
		say(t, "%s abort%s\n", who[from], m->flags & MESSAGE_BAD ? " bad" : "");
		break;
	case MESSAGE_NOTICE: say(t, "notice %llu\n", (unsigned long long)m->size); break;
	default: say(t, "unexpected %d\n", m->type); break;
	}
}

static void ask(struct talk *t, enum sender from)
{
	if (from == FROM_SERVER && !t->in_message[from])
		redis_protocol.answers(&t->state, t->head != t->tail, t->queue[t->head % 64].form);
}

/* The bytes from *at to end, of which those before `seen` were passed before. */
static void feed(struct talk *t, enum sender from, const uint8_t *p, size_t *at, size_t end)
{
	struct message m;
	enum parse_status st;
	size_t used;
	int idle = 0;

	while (!t->bad && idle < 4) {
		uint8_t *copy = malloc(end - *at + 1);
		uint64_t skip = t->blind ? redis_protocol.unneeded(&t->state, from) : 0, gone = 0;

		ask(t, from);
		memcpy(copy + 1, p + *at, end - *at);
		message_init(&m);
		if (skip && *at < end) {
			skip = skip < end - *at ? skip : end - *at;
			st = redis_protocol.gap(&t->state, from, (struct str){NULL, 0}, skip, &gone,
						&m);
			used = (size_t)gone;
		} else {
			st = redis_protocol.next(&t->state, from, copy + 1, end - *at, &used, &m);
		}
		if (used > end - *at)
			abort();
		*at += used;
		idle = used ? 0 : idle + 1;
		if (st == PARSE_EVENT)
			on_message(t, from, &m);
		free(copy);
		if (st == PARSE_BAD || st == PARSE_SKIPPED) {
			say(t, "%s not understood\n", from ? "response" : "request");
			t->bad = 1;
		}
		/* an END may be due behind what was missing */
		if (st == PARSE_MORE && (!used || (*at == end && !gone)))
			return;
	}
	if (idle >= 4)
		say(t, "stands still\n");
}

/* The n bytes from *at on are missing; those before that were not consumed were kept. */
static void lose(struct talk *t, enum sender from, const uint8_t *p, size_t *at, size_t end)
{
	struct str kept = {(const char *)p + *at, t->kept};
	struct message m;
	uint64_t used;

	*at += t->kept;
	for (int i = 0; *at < end && i < 8 && !t->bad; i++) {
		enum parse_status st;

		ask(t, from);
		message_init(&m);
		st = redis_protocol.gap(&t->state, from, kept, end - *at, &used, &m);
		if (used > end - *at)
			abort();
		*at += (size_t)used;
		kept = (struct str){NULL, 0};
		if (st == PARSE_EVENT)
			on_message(t, from, &m);
		if (st == PARSE_SKIPPED || st == PARSE_BAD)
			t->bad = 1;
	}
	if (*at < end && !t->bad)
		say(t, "stands still\n");
}

static void finish(struct talk *t)
{
	struct message m;

	for (unsigned from = 0; from < 2; from++)
		for (int i = 0; !t->bad && i < 8; i++) {
			message_init(&m);
			if (redis_protocol.eof(&t->state, from, &m) != PARSE_EVENT)
				break;
			on_message(t, from, &m);
		}
}

/* The loss, if it begins in these bytes. Returns how far they have been passed. */
static size_t take_loss(struct talk *t, enum sender from, const struct wire *w, size_t *at,
			size_t there)
{
	size_t from_at = t->lose_at, end = from_at + t->lose_n;

	if (!t->lose_n || t->lose_from != from)
		return there;
	if (t->lose_at >= w->n) {
		t->lose_at -= w->n;
		return there;
	}
	end = end < w->n ? end : w->n;
	t->lose_n = 0;
	feed(t, from, w->p, at, from_at);
	t->kept = from_at - *at;
	lose(t, from, w->p, at, end);
	return end;
}

static void mask(struct talk *t, enum sender from, struct wire *w)
{
	for (size_t at = 0, n; at < w->n && t->mask_each; at += n) {
		size_t got;

		n = w->n - at < t->mask_each ? w->n - at : t->mask_each;
		got = redis_mask.feed(t->mask[from], &(struct mask_shared){0}, w->p + at, n);
		if (got < n)
			memset(w->p + at + got, '?', w->n - at - got);
		if (got < n)
			break;
	}
}

/* Takes the parts in order; those of one side that follow each other are cut as one. */
static const char *run(struct talk *t, const char *const *parts, size_t first, size_t each)
{
	static struct wire w;

	redis_protocol.begin(&t->state, 0);
	for (enum sender from = FROM_CLIENT; from <= FROM_SERVER && t->mask_each; from++)
		redis_mask.begin(t->mask[from], from, MASK_START);
	for (; *parts && !t->bad;) {
		enum sender from = **parts == '<' ? FROM_SERVER : FROM_CLIENT;
		size_t at = 0, there = first;

		w.n = 0;
		for (; *parts && (**parts == '<') == (from == FROM_SERVER); parts++)
			put_part(&w, *parts);
		mask(t, from, &w);
		there = take_loss(t, from, &w, &at, there);
		for (;; there += each) {
			there = there < w.n ? there : w.n;
			feed(t, from, w.p, &at, there);
			if (there == w.n || t->bad)
				break;
		}
		if (at < w.n && !t->bad)
			say(t, "%zu bytes left\n", w.n - at);
	}
	finish(t);
	return t->log;
}

/* ---- cases */

struct test {
	const char *name, *want;
	const char *parts[24];
};

static const struct test cases[] = {
	{"a string and a number",
	 "GET key=user:42 [GET user:42]\nrequest end 7\nGET answered\nresponse end 5\n"
	 "INCR key=n [INCR n]\nrequest end 1\nINCR answered\nresponse end 1\n",
	 {"> GET user:42", "< $5\r\nhello\r\n", "> INCR n", "< :3\r\n"}},
	{"nothing found, empty strings, empty arrays, nulls",
	 "GET key=a [GET a]\nrequest end 1\nGET answered\nresponse end 0\n"
	 "GET key=b [GET b]\nrequest end 1\nGET answered\nresponse end 0\n"
	 "LRANGE key=c [LRANGE c ? ?]\nrequest end 8\nLRANGE answered\nresponse end 0\n"
	 "BLPOP key=d [BLPOP d ?] wait=1500\nrequest end 6\nBLPOP answered\nresponse end 0\n",
	 {"> GET a", "< $-1\r\n", "> GET b", "< $0\r\n\r\n", "> LRANGE c 0 -1", "< *0\r\n",
	  "> BLPOP d 1.5", "< *-1\r\n"}},
	{"waits: of seconds, with fractions, or milliseconds, without limit, what is no number",
	 "BLMPOP key=q [BLMPOP ? ? q ?] wait=2250\nrequest end 16\nBLMPOP answered\n"
	 "response end 0\n"
	 "BLMOVE key=a [BLMOVE a ? ? ? ?] wait=0\nrequest end 19\nBLMOVE answered\nresponse end 0\n"
	 "BZPOPMIN key=z [BZPOPMIN z ? ?]\nrequest end 11\nBZPOPMIN answered\n"
	 "response end 9 failed status=ERR\n"
	 "WAIT [WAIT ? ?] wait=250\nrequest end 6\nWAIT answered\nresponse end 1\n"
	 "XREADGROUP key=s [XREADGROUP ? ? ? ? ? ? s ?] wait=0\nrequest end 36\n"
	 "XREADGROUP answered\nresponse end 0\n"
	 "XREAD key=block [XREAD ? block ?]\nrequest end 17\nXREAD answered\nresponse end 0\n",
	 {"> BLMPOP 2.25 1 q LEFT", "< *-1\r\n", "> BLMOVE a b LEFT LEFT 0", "< $-1\r\n",
	  "> BZPOPMIN z y never", "< -ERR wrong\r\n", "> WAIT 1 250", "< :0\r\n",
	  "> XREADGROUP GROUP g c BLOCK 0 STREAMS s >", "< *-1\r\n", "> XREAD STREAMS block 7",
	  "< *-1\r\n"}},
	{"names in any case, commands that are not known",
	 "GET key=k [GET k]\nrequest end 1\nGET answered\nresponse end 1\n"
	 "FROB [FROB ? ?]\nrequest end 4\nFROB answered\nresponse end 26 failed status=ERR\n",
	 {"> gEt k", "< $1\r\nv\r\n", "> frob a b", "< -ERR unknown command 'frob'\r\n"}},
	{"inline commands",
	 "PING [PING]\nrequest end 0\nPING answered\nresponse end 4\n"
	 "SET key=a b [SET \"a b\" ?]\nrequest end 9\nSET answered\nresponse end 2\n"
	 "GET key=k [GET k]\nrequest end 4\nGET answered\nresponse end 1\n",
	 {"| \r\n", "| PING\r\n", "< +PONG\r\n", "| SET \"a b\"  x\n", "< +OK\r\n", "| GET  k \r\n",
	  "< $1\r\n1\r\n"}},
	{"pipelined",
	 "SET key=a [SET a ?]\nrequest end 4\nGET key=a [GET a]\nrequest end 1\nPING "
	 "[PING]\nrequest end 0\n"
	 "SET answered\nresponse end 2\nGET answered\nresponse end 1\nPING answered\nresponse end "
	 "4\n",
	 {"> SET a 1", "> GET a", "> PING", "< +OK\r\n", "< $1\r\n1\r\n", "< +PONG\r\n"}},
	{"errors and their words",
	 "LPUSH key=a [LPUSH a ?]\nrequest end 4\nLPUSH answered\nresponse end 24 failed "
	 "status=WRONGTYPE\n"
	 "GET key=x [GET x]\nrequest end 1\nGET answered\nresponse end 24 failed status=MOVED\n"
	 "GET key=x [GET x]\nrequest end 1\nGET answered\nresponse end 9 failed status=ERR\n"
	 "GET key=x [GET x]\nrequest end 1\nGET answered\nresponse end 10 failed status=SYNTAX\n",
	 {"> LPUSH a b", "< -WRONGTYPE Operation agai\r\n", "> GET x",
	  "< -MOVED 3999 127.0.0.1:638\r\n", "> GET x", "< -something\r\n", "> GET x",
	  "< !10\r\nSYNTAX inv\r\n"}},
	{"MULTI and EXEC, an error within; SELECT counts when it is carried out",
	 "SELECT [SELECT ?]\nrequest end 1\nSELECT answered\nresponse end 2 db=3\n"
	 "MULTI [MULTI]\nrequest end 0\nMULTI answered\nresponse end 2 db=3\n"
	 "SELECT [SELECT ?]\nrequest end 1\nSELECT answered\nresponse end 6 db=3\n"
	 "INCR key=s [INCR s]\nrequest end 1\nINCR answered\nresponse end 6 db=3\n"
	 "EXEC [EXEC]\nrequest end 0\nEXEC answered\nresponse end 9 failed status=ERR db=5\n"
	 "SELECT [SELECT ?]\nrequest end 2\nSELECT answered\nresponse end 7 failed status=ERR "
	 "db=5\n"
	 "RESET [RESET]\nrequest end 0\nRESET answered\nresponse end 5 db=0\n",
	 {"> SELECT 3", "< +OK\r\n", "> MULTI", "< +OK\r\n", "> SELECT 5", "< +QUEUED\r\n",
	  "> INCR s", "< +QUEUED\r\n", "> EXEC", "< *2\r\n+OK\r\n-ERR x\r\n", "> SELECT 99",
	  "< -ERR out\r\n", "> RESET", "< +RESET\r\n"}},
	{"scripts and counted keys",
	 "EVAL key=k1 [EVAL ? ? k1 ?]\nrequest end 16\nEVAL answered\nresponse end 4\n"
	 "EVALSHA [EVALSHA ? ?]\nrequest end 9\nEVALSHA answered\nresponse end 11 failed "
	 "status=NOSCRIPT\n"
	 "ZINTER key=z [ZINTER ? z]\nrequest end 4\nZINTER answered\nresponse end 0\n"
	 "XREAD key=st [XREAD ? ? ? ? ? st ?] wait=5000\nrequest end 38\nXREAD answered\n"
	 "response end 0\n",
	 {"> EVAL return 1 k1 a", "< *2\r\n:1\r\n$1\r\n2\r\n", "> EVALSHA abcdef 0",
	  "< -NOSCRIPT No\r\n", "> ZINTER 1 z", "< *0\r\n",
	  "> XREAD COUNT 10 BLOCK 5000 STREAMS st $", "< *-1\r\n"}},
	{"secrets: no content, nothing in the text",
	 "AUTH [AUTH ? ?]\nrequest end 0\nAUTH answered\nresponse end 0\n"
	 "HELLO [HELLO ? ? ? ?]\nrequest end 0\nHELLO answered\nresponse end 0\n"
	 "CONFIG SET [CONFIG SET ? ?]\nrequest end 0\nCONFIG SET answered\nresponse end 0\n"
	 "ACL SETUSER [ACL SETUSER ? ?]\nrequest end 0\nACL SETUSER answered\nresponse end 0\n",
	 {"> AUTH joe hunter2", "< +OK\r\n", "> HELLO 3 AUTH joe hunter2",
	  "< %1\r\n$5\r\nproto\r\n:3\r\n", "> CONFIG SET requirepass hunter2", "< +OK\r\n",
	  "> ACL SETUSER joe >hunter2", "< +OK\r\n"}},
	{"CLIENT REPLY",
	 "CLIENT REPLY [CLIENT REPLY ?] one-way\nrequest end 11\nPING [PING] one-way\nrequest end "
	 "0\n"
	 "PING [PING]\nrequest end 0\nPING answered\nresponse end 4\n"
	 "CLIENT REPLY [CLIENT REPLY ?] one-way\nrequest end 10\nINCR key=a [INCR a] "
	 "one-way\nrequest end 1\n"
	 "INCR key=a [INCR a] one-way\nrequest end 1\nCLIENT REPLY [CLIENT REPLY ?]\nrequest end "
	 "9\n"
	 "CLIENT REPLY answered\nresponse end 2\n",
	 {"> CLIENT REPLY SKIP", "> PING", "> PING", "< +PONG\r\n", "> CLIENT REPLY OFF",
	  "> INCR a", "> INCR a", "> CLIENT REPLY ON", "< +OK\r\n"}},
	{"subscribed, RESP2: messages are counted, PING is answered, the last one leaves",
	 "SUBSCRIBE key=a [SUBSCRIBE a ?]\nrequest end 4\nSUBSCRIBE answered long\nnotice "
	 "3\nnotice 5\n"
	 "PING [PING]\nrequest end 0\nPING answered\nresponse end 6\n"
	 "PSUBSCRIBE key=p* [PSUBSCRIBE p*]\nrequest end 2\nPSUBSCRIBE answered\nresponse end "
	 "0\nnotice 1\n"
	 "PUNSUBSCRIBE [PUNSUBSCRIBE]\nrequest end 0\nPUNSUBSCRIBE answered\nresponse end 0\n"
	 "UNSUBSCRIBE [UNSUBSCRIBE]\nrequest end 0\nUNSUBSCRIBE answered\nresponse end 0\nlong "
	 "end\n"
	 "GET key=x [GET x]\nrequest end 1\nGET answered\nresponse end 1\n",
	 {"> SUBSCRIBE a b",
	  "< *3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n:1\r\n*3\r\n$9\r\nsubscribe\r\n$1\r\nb\r\n:2\r\n",
	  "< *3\r\n$7\r\nmessage\r\n$1\r\na\r\n$3\r\none\r\n",
	  "< *3\r\n$7\r\nmessage\r\n$1\r\nb\r\n$5\r\nthree\r\n", "> PING",
	  "< *2\r\n$4\r\npong\r\n$0\r\n\r\n", "> PSUBSCRIBE p*",
	  "< *3\r\n$10\r\npsubscribe\r\n$2\r\np*\r\n:3\r\n",
	  "< *4\r\n$8\r\npmessage\r\n$2\r\np*\r\n$2\r\npx\r\n$1\r\nm\r\n", "> PUNSUBSCRIBE",
	  "< *3\r\n$12\r\npunsubscribe\r\n$2\r\np*\r\n:2\r\n", "> UNSUBSCRIBE",
	  "< "
	  "*3\r\n$11\r\nunsubscribe\r\n$1\r\na\r\n:1\r\n*3\r\n$11\r\nunsubscribe\r\n$1\r\nb\r\n:"
	  "0\r\n",
	  "> GET x", "< $1\r\n1\r\n"}},
	{"UNSUBSCRIBE without a subscription",
	 "UNSUBSCRIBE [UNSUBSCRIBE]\nrequest end 0\nUNSUBSCRIBE answered\nresponse end 0\n"
	 "PING [PING]\nrequest end 0\nPING answered\nresponse end 4\n",
	 {"> UNSUBSCRIBE", "< *3\r\n$11\r\nunsubscribe\r\n$-1\r\n:0\r\n", "> PING", "< +PONG\r\n"}},
	{"pushes, RESP3: between and within a pipeline",
	 "SUBSCRIBE key=a [SUBSCRIBE a]\nrequest end 1\nSUBSCRIBE answered long\nGET key=x [GET "
	 "x]\n"
	 "request end 1\nGET key=y [GET y]\nrequest end 1\nGET answered\nresponse end 1\nnotice 2\n"
	 "GET answered\nresponse end 0\nlong end\n",
	 {"> SUBSCRIBE a", "< >3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n:1\r\n", "> GET x", "> GET y",
	  "< $1\r\n1\r\n>3\r\n$7\r\nmessage\r\n$1\r\na\r\n$2\r\nhi\r\n_\r\n"}},
	{"tracking: invalidations belong to the command that asked for them",
	 "CLIENT TRACKING [CLIENT TRACKING ?]\nrequest end 12\nCLIENT TRACKING answered long\n"
	 "notice 1\nGET key=x [GET x]\nrequest end 1\nGET answered\nresponse end 1\n"
	 "CLIENT TRACKING [CLIENT TRACKING ?]\nrequest end 13\nCLIENT TRACKING answered\nresponse "
	 "end 2\nlong end\n",
	 {"> CLIENT TRACKING ON", "< +OK\r\n>2\r\n$10\r\ninvalidate\r\n*1\r\n$1\r\nx\r\n",
	  "> GET x", "< $1\r\n1\r\n", "> CLIENT TRACKING OFF", "< +OK\r\n"}},
	{"MONITOR",
	 "MONITOR [MONITOR]\nrequest end 0\nMONITOR answered long\nnotice 48\nnotice 51\nlong "
	 "end\n",
	 {"> MONITOR", "< +OK\r\n", "< +1339518083.107412 [0 127.0.0.1:60866] \"keys\" \"*\"\r\n",
	  "< +1339518087.877697 [0 127.0.0.1:60866] \"get\" \"a b c\"\r\n"}},
	{"a simple string that is no line of MONITOR",
	 "ECHO [ECHO ?]\nrequest end 1\nECHO answered\nresponse end 13\n",
	 {"> ECHO x", "< +1339518083.10\r\n"}},
	{"types of RESP3, attributes, what is streamed",
	 "HGETALL key=h [HGETALL h]\nrequest end 1\nHGETALL answered\nresponse end 10\n"
	 "SMEMBERS key=s [SMEMBERS s]\nrequest end 1\nSMEMBERS answered\nresponse end 16\n"
	 "FROB [FROB]\nrequest end 0\nFROB answered\nresponse end 10\n"
	 "FROB [FROB]\nrequest end 0\nFROB answered\nresponse end 4\n",
	 {"> HGETALL h", "< %2\r\n+a\r\n:1\r\n$1\r\nb\r\n#t\r\n", "> SMEMBERS s",
	  "< |1\r\n+ttl\r\n:36\r\n~2\r\n,1.5\r\n(12\r\n", "> FROB",
	  "< *?\r\n:1\r\n*2\r\n=5\r\ntxt:a\r\n_\r\n.\r\n", "> FROB",
	  "< $?\r\n;1\r\nx\r\n;3\r\nabc\r\n;0\r\n"}},
	{"a replica",
	 "REPLCONF [REPLCONF ? ?]\nrequest end 9\nREPLCONF answered\nresponse end 2\n"
	 "PSYNC [PSYNC ? ?]\nrequest end 5\nPSYNC answered long\n"
	 "REPLCONF [REPLCONF ? ?] one-way\nrequest end 6\nlong end\n",
	 {"> REPLCONF capa eof", "< +OK\r\n", "> PSYNC ? -1", "< \n\n+FULLRESYNC 8de 0\r\n",
	  "< $5\r\nREDIS*1\r\n$4\r\nPING\r\n", "> REPLCONF ACK 0"}},
	{"what is no RESP",
	 "GET key=k [GET k]\nrequest end 1\nGET answered\nresponse abort bad\nresponse not "
	 "understood\n",
	 {"> GET k", "< *2\r\n$1\r\na\r\nHTTP/1.1 200 OK\r\n"}},
	{"what is no command",
	 "GET key=k [GET k]\nrequest end 1\nrequest not understood\n",
	 {"> GET k", "| *1\r\n+GET\r\n"}},
	{"an argument that does not end",
	 "SET key=k [SET k ?]\nrequest abort\n",
	 {"| *3\r\n$3\r\nSET\r\n$1\r\nk\r\n$2000\r\n", "| 0123456789"}},
};

#define NCASES (sizeof(cases) / sizeof(cases[0]))

static const char *run_new(struct talk *t, const struct test *c, size_t first, size_t each,
			   int blind)
{
	memset(t, 0, sizeof(*t));
	t->blind = blind;
	return run(t, c->parts, first, each);
}

static void check_case(const struct test *c)
{
	static struct talk t;
	int same = 1, blind = 1;

	if (!tap_eq_str(run_new(&t, c, MAX_WIRE, 1, 0), c->want, __FILE__, c->name))
		return;
	for (size_t first = 0; first < 200 && same; first++)
		same = !strcmp(run_new(&t, c, first, MAX_WIRE, 0), c->want);
	for (size_t each = 1; each < 8 && same; each++)
		same = !strcmp(run_new(&t, c, each, each, 0), c->want);
	if (!tap_ok(same, __FILE__, "%s: cut anywhere", c->name))
		printf("# %s\n", t.log);
	blind = !strcmp(run_new(&t, c, MAX_WIRE, 1, 1), c->want) &&
		!strcmp(run_new(&t, c, 3, 3, 1), c->want);
	if (!tap_ok(blind, __FILE__, "%s: without what is not needed", c->name))
		printf("# %s\n", t.log);
}

/* ---- loss: nothing is said that would not have been said, but that something cannot be followed
 */

/* Are the lines of `log` lines of `all`, in their order? */
static int is_part(const char *log, const char *all)
{
	static const char *const own[] = {"request abort", "response abort", "request not",
					  "response not", "torn "};

	while (*log) {
		size_t n = strcspn(log, "\n") + 1, skip = 0;

		for (unsigned i = 0; i < 5; i++)
			skip |= !strncmp(log, own[i], strlen(own[i]));
		skip |= n > 6 && !memcmp(log + n - 6, " torn\n", 6);
		while (!skip && *all && strncmp(log, all, n))
			all += strcspn(all, "\n") + 1;
		if (!skip && !*all)
			return 0;
		log += n;
	}
	return 1;
}

static const char *without_db(const char *log)
{
	static char text[8192];
	size_t n = 0;

	while (*log) {
		if (!strncmp(log, " db=", 4))
			log += 5;
		else
			text[n++] = *log++;
	}
	text[n] = 0;
	return text;
}

static int loses(struct talk *t, const struct test *c, enum sender from, size_t at, size_t n)
{
	memset(t, 0, sizeof(*t));
	t->lose_from = from;
	t->lose_at = at;
	t->lose_n = n;
	t->no_db = 1;
	run(t, c->parts, MAX_WIRE, 1);
	return is_part(t->log, without_db(c->want));
}

static void check_loss(const struct test *c)
{
	static const size_t sizes[] = {1, 2, 5, 14, 60};
	static struct talk t;
	int good = 1;

	for (unsigned i = 0; i < 5 && good; i++)
		for (size_t at = 0; at < 400 && good; at++)
			good = loses(&t, c, FROM_CLIENT, at, sizes[i]) &&
			       loses(&t, c, FROM_SERVER, at, sizes[i]);
	if (!tap_ok(good, __FILE__, "%s: bytes missing anywhere", c->name))
		printf("# lost %zu at %zu of %u\n%s\n", t.lose_n, t.lose_at, t.lose_from, t.log);
}

/* ---- long values */

static void put_string(struct wire *w, char c, size_t n)
{
	char head[32];

	put(w, head, (size_t)snprintf(head, sizeof(head), "$%zu\r\n", n));
	memset(w->p + w->n, c, n);
	w->n += n;
	put(w, "\r\n", 2);
}

static void check_long(void)
{
	static const char want[] = "SET key=k [SET k ? ?]\nrequest end 60008\n";
	static const char reply[] = "? answered\nresponse end 50000\n";
	static struct talk t;
	static struct wire w;
	int same = 1;
	size_t at;

	w.n = 0;
	put(&w, "*4\r\n$3\r\nSET\r\n$1\r\nk\r\n", 20);
	put_string(&w, 'v', 60000);
	put_string(&w, 'n', 3);
	for (unsigned i = 0; i < 3; i++) {
		memset(&t, 0, sizeof(t));
		t.blind = i == 1;
		redis_protocol.begin(&t.state, 0);
		for (size_t n = at = 0; n < w.n && i == 2;)
			feed(&t, FROM_CLIENT, w.p, &at, n = n + 1000 < w.n ? n + 1000 : w.n);
		feed(&t, FROM_CLIENT, w.p, &at, w.n);
		same = same && !strcmp(t.log, want);
	}
	if (!tap_ok(same, __FILE__, "a long value: it need not be there"))
		printf("# %s", t.log);
	t.blind = 0;
	t.nlog = 0;
	feed(&t, FROM_CLIENT, w.p, (at = 0, &at), 100);
	tap_ok(redis_protocol.unneeded(&t.state, FROM_CLIENT) == 60002 - (100 - 20 - 8), __FILE__,
	       "and how much of it is left");
	w.n = t.nlog = t.head = t.tail = 0;
	put_string(&w, 'v', 50000);
	feed(&t, FROM_SERVER, w.p, (at = 0, &at), 20);
	lose(&t, FROM_SERVER, w.p, &at, 40000);
	feed(&t, FROM_SERVER, w.p, &at, w.n);
	tap_eq_str(t.log, reply, __FILE__, "loss within a long value is harmless");
}

/* 70 keys: those behind what a head knows are counted all the same. */
static void check_many(void)
{
	static struct talk t;
	static struct wire w;
	char command[512] = "DEL";
	size_t at = 0;
	int n = 3;

	for (int i = 0; i < 70; i++)
		n += snprintf(command + n, sizeof(command) - (size_t)n, " k%d", i);
	memset(&t, 0, sizeof(t));
	w.n = 0;
	put_command(&w, command);
	feed(&t, FROM_CLIENT, w.p, &at, w.n);
	tap_ok(!strncmp(t.log, "DEL key=k0 [DEL k0 ? ? ?", 24) &&
		       strstr(t.log, "\nrequest end 338\n"),
	       __FILE__, "many arguments");
}

/* Of a command that was seen in part it is not known which database it chose. */
static void check_torn_select(void)
{
	static const char *const before[] = {"> SELECT 3", "< +OK\r\n", "> SELECT 12",
					     "< +OK\r\n",  "> GET k",	"< $1\r\n1\r\n",
					     NULL};
	static struct talk t;

	memset(&t, 0, sizeof(t));
	t.lose_n = 3;
	t.lose_at = 23 + 22; /* the number of the second one */
	run(&t, before, MAX_WIRE, 1);
	tap_ok(strstr(t.log, "torn answered\nresponse end 2\nGET key=k") &&
		       !strstr(t.log, "3\nGET"),
	       __FILE__, "a SELECT that was not seen whole");
}

/* ---- recordings */

static int masked_as(struct talk *t, const struct test *c, size_t each)
{
	memset(t, 0, sizeof(*t));
	t->mask_each = each;
	return !strcmp(run(t, c->parts, MAX_WIRE, 1), c->want);
}

static void check_mask(const struct test *c)
{
	static struct talk t;
	int good = masked_as(&t, c, MAX_WIRE);

	for (size_t each = 1; each < 40 && good; each++)
		good = masked_as(&t, c, each);
	if (!tap_ok(good, __FILE__, "%s: the same when masked", c->name))
		printf("# cut by %zu\n%s\n", t.mask_each, t.log);
}

/* Words of a recording: what is kept is in capitals. */
static const char *const recorded[] = {
	"> AUTH s3cr",
	"> AUTH s3cr s3cr",
	"> HELLO 3 AUTH s3cr s3cr SETNAME s3cr",
	"> SET KEY1 s3cr",
	"> CONFIG SET s3cr s3cr",
	"> CONFIG SET requirepass s3cr",
	"> ACL SETUSER s3cr >s3cr",
	"> MIGRATE s3cr 6379 KEY2 0 1000 AUTH2 s3cr s3cr",
	"> EVAL s3cr 1 KEY3 s3cr",
	"> SET KEY4 1234567",
	"> MSET KEY5 s3cr s3cr s3cr",
	"> XADD KEY6 * s3cr s3cr",
	"> FROB s3cr s3cr",
	"| AUTH s3cr\r\n",
	"| SET KEY7 \"s3cr s3cr\"\r\n",
	"| auth  's3cr\\' s3cr'\n",
	"> PUBLISH KEY8 s3cr",
	"< $4\r\ns3cr\r\n",
	"< *2\r\n$4\r\ns3cr\r\n+s3cr\r\n",
	"< -ERR no s3cr\r\n",
	"< -s3cr no\r\n",
	"< %1\r\n+s3cr\r\n$4\r\ns3cr\r\n",
	"< >3\r\n$7\r\nmessage\r\n$4\r\ns3cr\r\n$4\r\ns3cr\r\n",
	"< +1339518083.107412 [0 127.0.0.1:60866] \"s3cr\" \"s3cr\"\r\n",
	"< !8\r\nERR s3cr\r\n",
	"< =8\r\ntxt:s3cr\r\n",
	"< (1234567\r\n",
	"< :1234567\r\n",
	"< ,12345.67\r\n",
	"< +s3cr\r\n",
	NULL,
};

static int holds(const struct wire *w, const char *s)
{
	return memmem(w->p, w->n, s, strlen(s)) != NULL;
}

static void check_secrets(void)
{
	static struct talk t;
	static struct wire w, seen;
	int hidden = 1, keys = 1;
	char key[16];

	for (size_t each = 1; each < 30; each++) {
		t.mask_each = each;
		seen.n = 0;
		for (enum sender from = FROM_CLIENT; from <= FROM_SERVER; from++) {
			redis_mask.begin(t.mask[from], from, MASK_START);
			w.n = 0;
			for (const char *const *part = recorded; *part; part++)
				if ((**part == '<') == (from == FROM_SERVER))
					put_part(&w, *part);
			mask(&t, from, &w);
			hidden = hidden && !memchr(w.p, '?', w.n);
			put(&seen, (const char *)w.p, w.n);
		}
		hidden &=
			!holds(&seen, "s3cr") && !holds(&seen, "234567") && !holds(&seen, "2345.6");
		for (int i = 1; i < 9; i++) {
			snprintf(key, sizeof(key), "KEY%d", i);
			keys &= holds(&seen, key);
		}
	}
	tap_ok(hidden, __FILE__, "no value and no secret is recorded");
	tap_ok(keys, __FILE__, "keys are");
	tap_ok(holds(&seen, "AUTH") && holds(&seen, "CONFIG") && holds(&seen, "-ERR"), __FILE__,
	       "and names of commands, and codes of errors");
}

int main(void)
{
	if (redis_mask.state_size > sizeof(((struct talk *)0)->mask[0]))
		return 1;
	for (unsigned i = 0; i < NCASES; i++) {
		check_case(&cases[i]);
		check_loss(&cases[i]);
		check_mask(&cases[i]);
	}
	check_secrets();
	check_long();
	check_many();
	check_torn_select();
	return tap_done();
}
