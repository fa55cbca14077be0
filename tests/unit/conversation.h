/*
 * conversation.h - a conversation for a protocol of the table: whole, in pieces of any length, with
 * what is not needed missing, with a gap anywhere, masked; and a log of what its parser said
 */
#ifndef ZC_TESTS_CONVERSATION_H
#define ZC_TESTS_CONVERSATION_H

#include <stdlib.h>

#include "parsers/attrs.h"
#include "parsers/protocol.h"
#include "tests/unit/tap.h"

#define TALK_QUEUE 64u
#define TALK_LOG 65536u

/* What one side sends; several in a row of one side are one turn. */
struct turn {
	enum sender from;
	uint8_t *p;
	size_t n;
};

struct talk {
	const struct protocol *protocol;
	void *state;
	uint32_t form[TALK_QUEUE];
	char name[TALK_QUEUE][48];
	unsigned head, tail;
	int in_message[2], over;
	uint64_t content[2];
	int blind, joined;
	size_t nlog;
	char log[TALK_LOG];
};

__attribute__((format(printf, 2, 3), unused)) static void say(struct talk *t, const char *fmt, ...)
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
	if (m->operation.p)
		say(t, " %.*s", (int)m->operation.n, m->operation.p);
	if (m->target.p)
		say(t, " (%.*s)", (int)m->target.n, m->target.p);
	if (m->group.p)
		say(t, " [%.*s]", (int)m->group.n, m->group.p);
	for (unsigned i = 0; i < m->nattrs; i++) {
		const struct attr *a = &m->attr[i];

		if (a->def == ATTR(db_query) || a->def == ATTR(db_query_shape) ||
		    a->def->flags & ATTR_SECRET)
			continue;
		if (a->def->type == ATTR_STRING)
			say(t, " %s=%.*s", a->def->key, (int)a->s.n, a->s.p);
		else
			say(t, " %s=%llu", a->def->key, (unsigned long long)a->n);
	}
	if (m->flags & MESSAGE_UNSEEN)
		say(t, " unseen");
	if (m->flags & MESSAGE_FAILED)
		say(t, " failed");
	if (m->flags & MESSAGE_LONG)
		say(t, " long");
	if (m->flags & MESSAGE_ONE_WAY)
		say(t, " one-way");
	if (m->flags & MESSAGE_TORN)
		say(t, " torn");
	if (m->flags & MESSAGE_FOUND)
		say(t, " found");
}

static void talk_head(struct talk *t, enum sender from, const struct message *m)
{
	t->in_message[from] = !(m->flags & (MESSAGE_LONG | MESSAGE_TORN));
	t->content[from] = 0;
	if (from == FROM_CLIENT) {
		if (!(m->flags & MESSAGE_ONE_WAY) && t->tail - t->head < TALK_QUEUE)
			t->form[t->tail++ % TALK_QUEUE] = m->form;
	} else if (t->head != t->tail) {
		t->head++;
	} else {
		say(t, "? ");
	}
}

static void talk_message(struct talk *t, enum sender from, const struct message *m)
{
	static const char *const side[] = {">", "<"};

	if (m->type == MESSAGE_HEAD)
		talk_head(t, from, m);
	switch (m->type) {
	case MESSAGE_HEAD: say(t, "%s", side[from]); break;
	case MESSAGE_CONTENT: t->content[from] += m->data.n + m->gap; return;
	case MESSAGE_END:
		say(t, "%s end", side[from]);
		if (t->content[from])
			say(t, " %llu", (unsigned long long)t->content[from]);
		t->in_message[from] &= (m->flags & MESSAGE_LONG) != 0;
		break;
	case MESSAGE_ABORT:
		say(t, "%s abort", side[from]);
		t->in_message[from] = 0;
		break;
	case MESSAGE_NOTICE: say(t, "notice %llu", (unsigned long long)m->size); break;
	case MESSAGE_SWITCH:
		say(t, "switch");
		t->over = 1;
		break;
	}
	say_attrs(t, m);
	say(t, "\n");
}

static void talk_ask(struct talk *t, enum sender from)
{
	if (from == FROM_SERVER && !t->in_message[from] && t->protocol->answers)
		t->protocol->answers(t->state, t->head != t->tail, t->form[t->head % TALK_QUEUE]);
}

/* The bytes from *at to end have come. */
static void talk_feed(struct talk *t, enum sender from, const uint8_t *p, size_t *at, size_t end)
{
	struct message m;
	enum parse_status st;
	size_t used;

	for (int idle = 0; !t->over && idle < 6;) {
		uint64_t skip = t->blind ? t->protocol->unneeded(t->state, from) : 0, gone = 0;
		unsigned before = t->head;
		uint8_t *copy = malloc(end - *at + 1);

		talk_ask(t, from);
		message_init(&m);
		memcpy(copy + 1, p + *at, end - *at);
		if (skip && *at < end) {
			skip = skip < end - *at ? skip : end - *at;
			st = t->protocol->gap(t->state, from, (struct str){NULL, 0}, skip, &gone,
					      &m);
			used = (size_t)gone;
		} else {
			st = t->protocol->next(t->state, from, copy + 1, end - *at, &used, &m);
		}
		if (used > end - *at)
			abort();
		*at += used;
		if (st == PARSE_EVENT)
			talk_message(t, from, &m);
		idle = used || t->head != before ? 0 : idle + 1;
		free(copy);
		if (st == PARSE_BAD) {
			say(t, "%s bad\n", from == FROM_CLIENT ? ">" : "<");
			t->over = 1;
		}
		if (st == PARSE_MORE && (!used || (*at == end && !gone)))
			return;
		if (idle == 6)
			say(t, "stands still\n");
	}
}

/* n bytes are missing; kept is what lay before them. */
static void talk_lose(struct talk *t, enum sender from, struct str kept, size_t n)
{
	struct message m;
	uint64_t used;

	for (int i = 0; n && i < 10 && !t->over; i++) {
		enum parse_status st;

		talk_ask(t, from);
		message_init(&m);
		st = t->protocol->gap(t->state, from, kept, n, &used, &m);
		if (used > n || i == 9)
			abort();
		n -= (size_t)used;
		kept = (struct str){NULL, 0};
		if (st == PARSE_EVENT)
			talk_message(t, from, &m);
		t->over |= st == PARSE_BAD;
	}
}

static void talk_finish(struct talk *t)
{
	struct message m;

	for (enum sender from = FROM_CLIENT; from <= FROM_SERVER; from++)
		for (int i = 0; !t->over && i < 8; i++) {
			message_init(&m);
			if (t->protocol->eof(t->state, from, &m) != PARSE_EVENT)
				break;
			talk_message(t, from, &m);
		}
}

/*
 * Every turn in pieces of which the first has `first` bytes, the others `each`. lose_n: from byte
 * lose_at of all that is sent on, so many are missing.
 */
static struct talk *talk_run(const struct protocol *protocol, const struct turn *turns, unsigned n,
			     size_t first, size_t each, int blind, size_t lose_at, size_t lose_n)
{
	struct talk *t = calloc(1, sizeof(*t));
	size_t gone = 0;

	t->protocol = protocol;
	t->state = calloc(1, protocol->state_size);
	t->blind = blind;
	protocol->begin(t->state, 0);
	for (unsigned i = 0; i < n && !t->over; i++) {
		const struct turn *u = &turns[i];
		size_t at = 0, there = 0;

		while (there < u->n && !t->over) {
			size_t part = there ? each : first,
			       end = part < u->n - there ? there + part : u->n;

			if (lose_n && gone + end > lose_at) {
				size_t from = lose_at - gone,
				       to = from + lose_n < u->n ? from + lose_n : u->n;

				talk_feed(t, u->from, u->p, &at, from);
				talk_lose(t, u->from, (struct str){(char *)u->p + at, from - at},
					  to - from);
				at = there = to;
				lose_n = 0;
				continue;
			}
			there = end;
			talk_feed(t, u->from, u->p, &at, there);
		}
		gone += u->n;
	}
	talk_finish(t);
	return t;
}

static void talk_free(struct talk *t)
{
	free(t->state);
	free(t);
}

/* Is each attribute of this line one that is in `all`? Others may be missing. */
static int talk_knows(char *line, const char *all)
{
	if (strstr(line, "FATAL")) /* it answers whatever is open */
		return 1;
	for (char *word = strtok(line, " \n"); word; word = strtok(NULL, " \n"))
		if (strchr(word, '=') && !strstr(all, word))
			return 0;
	return 1;
}

/*
 * Each line about requests in `some`, but of aborts and doubts, is one of `all`, and of answers
 * each attribute: nothing is made up.
 */
static int talk_invents(const char *some, const char *all)
{
	for (const char *end; *some; some = end + 1) {
		char line[2048];
		int fine;

		end = strchr(some, '\n');
		snprintf(line, sizeof(line), "\n%.*s\n", (int)(end - some), some);
		if (strstr(line, "abort") || strstr(line, "found") || strstr(line, "torn") ||
		    strstr(line, "unseen") || strstr(line, "bad") || !strcmp(line, "\n>\n"))
			continue;
		fine = line[1] == '>' ? strstr(all, line) != NULL : talk_knows(line, all);
		if (!fine)
			return printf("# made up: %.*s\n", (int)(end - some), some);
	}
	return 0;
}

/* The same log however it comes; with a gap anywhere nothing is said that is not in it. */
__attribute__((unused)) static void talk_check(const struct protocol *protocol, const char *name,
					       const struct turn *turns, unsigned n,
					       const char *want)
{
	struct talk *whole = talk_run(protocol, turns, n, SIZE_MAX, SIZE_MAX, 0, 0, 0), *t;
	size_t total = 0;
	char *all = malloc(strlen(whole->log) + 2);
	int same = 1, invents = 0;

	is_str(whole->log, want, name);
	sprintf(all, "\n%s", whole->log);
	for (unsigned i = 0; i < n; i++)
		total += turns[i].n;
	for (size_t cut = 1; cut <= total && cut < 3000 && same; cut++) {
		t = talk_run(protocol, turns, n, cut, SIZE_MAX, 0, 0, 0);
		same = !strcmp(t->log, whole->log);
		if (!same)
			printf("# cut at %zu:\n# %s\n", cut, t->log);
		talk_free(t);
	}
	t = talk_run(protocol, turns, n, 1, 1, 0, 0, 0);
	ok(same && !strcmp(t->log, whole->log), "%s: the same at any cut", name);
	talk_free(t);
	t = talk_run(protocol, turns, n, SIZE_MAX, SIZE_MAX, 1, 0, 0);
	ok(!strcmp(t->log, whole->log), "%s: the same without what is not needed", name);
	talk_free(t);
	for (size_t at = 0; at < total && at < 3000; at++)
		for (size_t lost = 1; lost < 60 && !invents; lost = lost * 2 + 1) {
			t = talk_run(protocol, turns, n, 7, 11, 0, at, lost);
			invents |= talk_invents(t->log, all);
			if (invents)
				printf("# %zu lost at %zu:\n%s", lost, at, t->log);
			talk_free(t);
		}
	ok(!invents, "%s: with a gap anywhere nothing is made up", name);
	talk_free(whole);
	free(all);
}

/* The mask, in pieces of `each` bytes, over copies of the turns; free with talk_free_turns(). */
__attribute__((unused)) static struct turn *
talk_mask(const struct protocol *protocol, const struct turn *turns, unsigned n, size_t each)
{
	struct turn *masked = malloc(n * sizeof(*masked));
	struct mask_shared both = {0};
	void *state[2] = {calloc(1, protocol->mask->state_size),
			  calloc(1, protocol->mask->state_size)};

	for (enum sender from = FROM_CLIENT; from <= FROM_SERVER; from++)
		protocol->mask->begin(state[from], from, MASK_START);
	for (unsigned i = 0; i < n; i++) {
		masked[i] = turns[i];
		masked[i].p = malloc(turns[i].n + 1);
		memcpy(masked[i].p, turns[i].p, turns[i].n);
		for (size_t at = 0; at < turns[i].n; at += each) {
			size_t part = turns[i].n - at < each ? turns[i].n - at : each;
			size_t got = protocol->mask->feed(state[turns[i].from], &both,
							  masked[i].p + at, part);

			if (got < part) {
				memset(masked[i].p + at + got, '?', turns[i].n - at - got);
				break;
			}
		}
	}
	free(state[0]);
	free(state[1]);
	return masked;
}

__attribute__((unused)) static void talk_free_turns(struct turn *turns, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		free(turns[i].p);
	free(turns);
}

#endif
