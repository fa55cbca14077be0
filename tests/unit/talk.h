/*
 * talk.h - conversations of any protocol of the table: whole, in pieces of any length, with what is
 * not needed missing, with a gap anywhere, and as recordings mask them. What the parser said is a
 * log; with a gap nothing may be said that is not in it.
 *
 * Parts of a conversation are texts: "> " what the client sends, "< " the server; then bytes as
 * they are, with \xNN as C has it (without NUL), or behind "=" as hexadecimal digits and blanks.
 * Or they are turns, which own their bytes: talk_add(), talk_free().
 */
#ifndef ZC_TESTS_UNIT_TALK_H
#define ZC_TESTS_UNIT_TALK_H

#include <stdlib.h>
#include "parsers/attrs.h"
#include "parsers/protocol.h"
#include "tests/unit/tap.h"

#define TALK_MAX 65536u
#define TALK_PARTS 40
#define TALK_OPEN 64u

/* a case ends where it has no more to say */
#pragma GCC diagnostic ignored "-Wmissing-field-initializers"

struct talk_turn {
	enum sender from;
	uint8_t *p;
	size_t n;
};

struct talk_case {
	const char *name, *want;
	const char *part[TALK_PARTS];
	struct talk_turn turn[TALK_PARTS]; /* behind the parts; n == 0: no more */
	const char *secret[4];		   /* what is not in what is recorded */
};

struct talk_open {
	uint64_t key;
	uint32_t form;
	char name[64];
	int used;
};

struct talk {
	const struct protocol *protocol;
	uint64_t *state;
	struct talk_open open[TALK_OPEN]; /* requests without a response */
	unsigned nopen;
	int in_message[2], bad, blind;
	uint64_t content[2];
	size_t nlog;
	char log[16384];
	/* a gap of lose_n bytes at lose_at of all that comes */
	size_t lose_at, lose_n, gone;
	int lossy;
	uint64_t *mask[2]; /* NULL: nothing is masked */
	struct mask_shared both;
	size_t mask_each;
};

struct talk_wire {
	uint8_t p[TALK_MAX];
	size_t n, at; /* at: as far as it was consumed */
};

__attribute__((format(printf, 2, 3))) static inline void talk_say(struct talk *t, const char *fmt,
								  ...)
{
	va_list ap;

	va_start(ap, fmt);
	t->nlog += (size_t)vsnprintf(t->log + t->nlog, sizeof(t->log) - t->nlog, fmt, ap);
	va_end(ap);
	if (t->nlog >= sizeof(t->log))
		abort();
}

/* More bytes of this side, in its turn. */
static inline void talk_add(struct talk_case *c, enum sender from, const void *p, size_t n)
{
	struct talk_turn *u = c->turn;

	if (!n)
		return;
	while (u->n)
		u++;
	if (u > c->turn && u[-1].from == from)
		u--;
	u->from = from;
	u->p = realloc(u->p, u->n + n + 1);
	memcpy(u->p + u->n, p, n);
	u->n += n;
}

static inline void talk_free(struct talk_case *c)
{
	for (struct talk_turn *u = c->turn; u->n; u++)
		free(u->p);
}

static inline void talk_say_rest(struct talk *t, const struct message *m)
{
	char buf[ATTR_NAME_MAX];

	if (m->target.p)
		talk_say(t, " on %.*s", (int)m->target.n, m->target.p);
	if (m->group.p && m->group.p != m->target.p)
		talk_say(t, " as %.*s", (int)m->group.n, m->group.p);
	if (m->status)
		talk_say(t, " %d", m->status);
	for (unsigned i = 0; i < m->nattrs; i++) {
		const struct attr *a = &m->attr[i];
		const char *word = a->def->name ? a->def->name(a->n, buf) : NULL;

		/* the statement is the group */
		if (a->def == ATTR(db_query) || a->def == ATTR(db_query_shape) ||
		    a->def->flags & ATTR_SECRET)
			continue;
		if (a->def->type == ATTR_STRING)
			talk_say(t, " %s=%.*s", a->def->key, (int)a->s.n, a->s.p);
		else if (word)
			talk_say(t, " %s=%s", a->def->key, word);
		else
			talk_say(t, " %s=%llu", a->def->key, (unsigned long long)a->n);
	}
	talk_say(t, "%s%s%s",
		 m->type != MESSAGE_NOTICE && m->flags & MESSAGE_UNSEEN ? " unseen" : "",
		 m->flags & MESSAGE_TORN ? " torn" : "", m->flags & MESSAGE_FOUND ? " found" : "");
	talk_say(t, "%s%s%s%s%s\n",
		 m->type == MESSAGE_END && m->flags & MESSAGE_UNCOUNTED ? " uncounted" : "",
		 m->flags & MESSAGE_ONE_WAY ? " one-way" : "",
		 m->flags & MESSAGE_FAILED ? " failed" : "",
		 m->flags & MESSAGE_REFUSED ? " refused" : "",
		 m->flags & MESSAGE_LONG ? " long" : "");
}

static inline struct talk_open *talk_answered(struct talk *t, const struct message *m)
{
	int keyed = t->protocol->pairing == PAIRING_BY_KEY;

	for (unsigned i = 0; i < t->nopen; i++)
		if (!t->open[i].used && (!keyed || (t->open[i].key == m->key &&
						    (!m->form || m->form == t->open[i].form))))
			return &t->open[i];
	return NULL;
}

static inline void talk_expect(struct talk *t, const struct talk_open *o)
{
	if (t->protocol->answers)
		t->protocol->answers(t->state, o != NULL, o ? o->form : 0);
}

static inline void talk_head(struct talk *t, enum sender from, const struct message *m)
{
	int answers = (from == FROM_SERVER || t->protocol->pairing == PAIRING_BY_KEY) &&
		      m->flags & MESSAGE_RESPONSE;
	struct talk_open *o = answers ? talk_answered(t, m) : NULL;
	int response = answers && (o || !(m->flags & MESSAGE_ONE_WAY));

	if (m->flags & MESSAGE_OTHER) {
		if (o)
			o->used = 1;
		return;
	}
	t->in_message[from] = !(m->flags & (MESSAGE_LONG | MESSAGE_TORN));
	t->content[from] = 0;
	if (response) {
		talk_say(t, "%s answered", o ? o->name : "?");
		if (o && !(m->flags & MESSAGE_INTERIM))
			o->used = 1;
		if (t->protocol->pairing == PAIRING_BY_KEY)
			talk_expect(t, o);
	} else {
		if (t->nopen == TALK_OPEN) {
			memmove(t->open, t->open + 1, sizeof(t->open) - sizeof(t->open[0]));
			t->nopen--;
		}
		o = &t->open[t->nopen++];
		o->used = (m->flags & MESSAGE_ONE_WAY) != 0;
		o->key = m->key;
		o->form = m->form;
		snprintf(o->name, sizeof(o->name), "%.*s", (int)m->operation.n,
			 m->operation.p ? m->operation.p : "");
		talk_say(t, "%s%s", from == FROM_SERVER ? "server: " : "", o->name);
	}
	talk_say_rest(t, m);
	if (m->context.p)
		talk_say(t, "in context %.*s\n", (int)m->context.n, m->context.p);
}

static inline void talk_message(struct talk *t, enum sender from, const struct message *m)
{
	switch (m->type) {
	case MESSAGE_HEAD: talk_head(t, from, m); break;
	case MESSAGE_CONTENT: t->content[from] += m->data.n + m->gap; break;
	case MESSAGE_END:
		if (!(m->flags & MESSAGE_LONG))
			t->in_message[from] = 0;
		talk_say(t, "%s end %llu", from == FROM_CLIENT ? "request" : "response",
			 (unsigned long long)t->content[from]);
		if (m->operation.p)
			talk_say(t, " %.*s", (int)m->operation.n, m->operation.p);
		talk_say_rest(t, m);
		if (m->context.p)
			talk_say(t, "in context %.*s\n", (int)m->context.n, m->context.p);
		break;
	case MESSAGE_ABORT:
		t->in_message[from] = 0;
		talk_say(t, "%s abort\n", from == FROM_CLIENT ? "request" : "response");
		break;
	case MESSAGE_NOTICE:
		talk_say(t, "notice %llu", (unsigned long long)m->size);
		if (m->operation.p)
			talk_say(t, " %.*s", (int)m->operation.n, m->operation.p);
		talk_say_rest(t, m);
		break;
	case MESSAGE_SWITCH:
		talk_say(t, "switch\n");
		t->bad = 1;
		break;
	}
}

static inline void talk_ask(struct talk *t, enum sender from)
{
	struct message m = {.key = 0};

	if (from == FROM_SERVER && !t->in_message[from] && t->protocol->pairing == PAIRING_IN_ORDER)
		talk_expect(t, talk_answered(t, &m));
}

/* The bytes of w up to `there` have come. */
static inline void talk_feed(struct talk *t, enum sender from, struct talk_wire *w, size_t there)
{
	struct message m;

	for (int idle = 0; !t->bad && idle < 8;) {
		size_t n = there - w->at, used;
		uint64_t skip = t->blind && n ? t->protocol->unneeded(t->state, from) : 0, gone = 0;
		uint8_t *copy = malloc(n + 1); /* so that nothing is read behind them */
		enum parse_status st;

		talk_ask(t, from);
		message_init(&m);
		memcpy(copy + 1, w->p + w->at, n);
		if (skip) {
			st = t->protocol->gap(t->state, from, (struct str){NULL, 0},
					      skip < n ? skip : n, &gone, &m);
			used = (size_t)gone;
		} else {
			st = t->protocol->next(t->state, from, copy + 1, n, &used, &m);
		}
		if (used > n)
			abort();
		w->at += used;
		idle = used ? 0 : idle + 1;
		if (st == PARSE_EVENT)
			talk_message(t, from, &m);
		free(copy);
		if (st == PARSE_BAD || st == PARSE_SKIPPED) {
			talk_say(t, "%s not understood\n", from ? "response" : "request");
			t->bad = st == PARSE_BAD || !t->lossy;
		}
		if (st == PARSE_MORE && !used)
			return;
		if (idle == 8)
			talk_say(t, "stands still\n");
	}
}

static inline void talk_lose(struct talk *t, enum sender from, struct talk_wire *w, size_t there,
			     size_t end)
{
	struct str kept = {(const char *)w->p + w->at, there - w->at};
	struct message m;
	uint64_t used;

	w->at = there;
	for (int i = 0; w->at < end && !t->bad; i++) {
		enum parse_status st;

		talk_ask(t, from);
		message_init(&m);
		st = t->protocol->gap(t->state, from, kept, end - w->at, &used, &m);
		kept = (struct str){NULL, 0};
		if (used > end - w->at || i > 8)
			abort();
		w->at += (size_t)used;
		if (st == PARSE_EVENT)
			talk_message(t, from, &m);
		t->bad |= st == PARSE_BAD;
	}
	w->at = end;
}

static inline void talk_put(struct talk_wire *w, const char *part)
{
	const char *s = part + 2;

	if (*s != '=') {
		memcpy(w->p + w->n, s, strlen(s));
		w->n += strlen(s);
		return;
	}
	for (s++; *s; s++) {
		unsigned v;

		if (*s == ' ')
			continue;
		if (sscanf(s, "%2x", &v) != 1 || w->n >= TALK_MAX)
			abort();
		w->p[w->n++] = (uint8_t)v;
		s++;
	}
}

static inline void talk_mask(struct talk *t, enum sender from, uint8_t *p, size_t n)
{
	const struct protocol_mask *m = t->protocol->mask;

	for (size_t at = 0, some; t->mask[from] && at < n; at += some) {
		some = n - at < t->mask_each ? n - at : t->mask_each;
		if (m->feed(t->mask[from], &t->both, p + at, some) < some) {
			memset(p + at, '?', n - at);
			return;
		}
	}
}

/* The next n bytes of w have come, in pieces: the first one of `first` bytes. */
static inline void talk_turn(struct talk *t, enum sender from, struct talk_wire *w, size_t from_at,
			     size_t first, size_t each)
{
	size_t there = from_at;

	if (t->lose_n && t->gone + w->n - from_at > t->lose_at) {
		size_t at = t->lose_at > t->gone ? from_at + t->lose_at - t->gone : from_at;
		size_t end = at + t->lose_n < w->n ? at + t->lose_n : w->n;

		talk_feed(t, from, w, at);
		t->lose_n -= end - at;
		talk_lose(t, from, w, at, end);
		there = end;
	}
	t->gone += w->n - from_at;
	for (size_t n = first; there < w->n && !t->bad; n = each) {
		there = n < w->n - there ? there + n : w->n;
		talk_feed(t, from, w, there);
	}
}

/* The bytes from `before` on are a turn of that side. */
static inline void talk_part(struct talk *t, enum sender from, struct talk_wire *w, size_t before,
			     size_t first, size_t each)
{
	talk_mask(t, from, w->p + before, w->n - before);
	talk_turn(t, from, w, before, first, each);
}

static inline void talk_end(struct talk *t, const struct talk_wire wire[2])
{
	struct message m;

	for (unsigned from = 0; from < 2; from++) {
		if (wire[from].at < wire[from].n && !t->bad)
			talk_say(t, "%zu bytes left\n", wire[from].n - wire[from].at);
		for (int i = 0; !t->bad && i < 8; i++) {
			message_init(&m);
			if (t->protocol->eof(t->state, from, &m) != PARSE_EVENT)
				break;
			talk_message(t, from, &m);
		}
	}
}

static inline int talk_hides(const struct talk_wire *w, const char *secret)
{
	return !memmem(w->p, w->n, secret, strlen(secret));
}

static inline const char *talk_run(struct talk *t, const struct talk_case *c, size_t first,
				   size_t each)
{
	static struct talk_wire wire[2];

	t->lossy = t->lose_n != 0;
	t->state = calloc(1, t->protocol->state_size + 8);
	t->protocol->begin(t->state, 0);
	wire[0].n = wire[0].at = wire[1].n = wire[1].at = 0;
	for (unsigned from = 0; from < 2 && t->mask_each; from++) {
		t->mask[from] = calloc(1, t->protocol->mask->state_size + 8);
		t->protocol->mask->begin(t->mask[from], from, MASK_START);
	}
	for (const char *const *part = c->part; *part && !t->bad; part++) {
		enum sender from = **part == '<' ? FROM_SERVER : FROM_CLIENT;
		size_t before = wire[from].n;

		talk_put(&wire[from], *part);
		talk_part(t, from, &wire[from], before, first, each);
	}
	for (const struct talk_turn *u = c->turn; u->n && !t->bad; u++) {
		size_t before = wire[u->from].n;

		if (before + u->n > TALK_MAX)
			abort();
		memcpy(wire[u->from].p + before, u->p, u->n);
		wire[u->from].n += u->n;
		talk_part(t, u->from, &wire[u->from], before, first, each);
	}
	talk_end(t, wire);
	for (const char *const *secret = c->secret; t->mask_each && *secret; secret++)
		if (!talk_hides(&wire[0], *secret) || !talk_hides(&wire[1], *secret))
			talk_say(t, "recorded: %s\n", *secret);
	free(t->state);
	free(t->mask[0]);
	free(t->mask[1]);
	return t->log;
}

/* Is each attribute of this line one that is in `all`? */
static inline int talk_knows(char *line, const char *all)
{
	if (strstr(line, "FATAL")) /* it answers whatever is open */
		return 1;
	for (char *word = strtok(line, " \n"); word; word = strtok(NULL, " \n"))
		if (strchr(word, '=') && !strstr(all, word))
			return 0;
	return 1;
}

/*
 * Is there a request in `some`, but for what is said to be in doubt, that is not in `all`, or an
 * attribute of what follows it? What it is counted with, which request an answer belongs to, and
 * whether what a server sends is one, may hang on what is lost.
 */
static inline int talk_invents(const char *some, const char *all)
{
	static const char *const doubts[] = {"abort",	" found",     " torn",
					     " unseen", "understood", "bytes left"},
				 *const later[] = {"\nrequest end", "\nresponse", "\nnotice",
						   " answered"};

	for (const char *end; *some; some = end + 1) {
		int in_doubt = 0, follows = 0;
		char line[4096], *group;
		const char *head;

		end = strchr(some, '\n');
		if (end == some)
			continue; /* what it was is told at its end */
		snprintf(line, sizeof(line), "\n%.*s", (int)(end - some), some);
		for (unsigned i = 0; i < sizeof(doubts) / sizeof(doubts[0]); i++)
			in_doubt |= strstr(line, doubts[i]) != NULL;
		for (unsigned i = 0; i < sizeof(later) / sizeof(later[0]); i++)
			follows |= strstr(line, later[i]) != NULL;
		group = strstr(line, " as ");
		if (group && !follows)
			*group = '\0';
		head = strncmp(line, "\nserver: ", 9) ? line : strstr(line, " on ");
		if (!in_doubt && !(follows ? talk_knows(line, all) : !head || strstr(all, head)))
			return printf("# made up: %.*s\n", (int)(end - some), some);
	}
	return 0;
}

#define TALK(...) (t = (struct talk){.protocol = protocol, __VA_ARGS__}, &t)

static inline void talk_check_gaps(const struct protocol *protocol, const struct talk_case *c,
				   const char *where, const char *want, size_t total)
{
	size_t step = total > 2000 ? total / 100 : 1, piece = total > 2000 ? SIZE_MAX : 7;
	static struct talk t;
	char *all = malloc(strlen(want) + 2);
	int invents = 0;

	sprintf(all, "\n%s", want);
	for (size_t n = 1; n < 60; n += n < 8 ? 6 : 13)
		for (size_t at = 0; at < total && !invents; at += step) {
			talk_run(TALK(.lose_at = at, .lose_n = n), c, piece, piece);
			invents = talk_invents(t.log, all);
			if (invents)
				printf("# %zu lost at %zu:\n# %s\n", n, at, t.log);
		}
	tap_ok(!invents, where, "%s: with a gap anywhere nothing is made up", c->name);
	free(all);
}

static inline void talk_check_mask(const struct protocol *protocol, const struct talk_case *c,
				   const char *where, const char *want)
{
	static struct talk t;
	int same = !strcmp(talk_run(TALK(.mask_each = SIZE_MAX), c, SIZE_MAX, SIZE_MAX), want);

	for (size_t each = 1; each < 200 && same; each += each < 20 ? 1 : 61)
		same = !strcmp(talk_run(TALK(.mask_each = each), c, SIZE_MAX, SIZE_MAX), want);
	if (!same)
		printf("# masked %s\n", t.log);
	tap_ok(same, where, "%s: masked", c->name);
}

/* One conversation in all ways. Datagrams come as one piece. */
static inline void talk_check(const struct protocol *protocol, const struct talk_case *c,
			      const char *where)
{
	static struct talk t, whole;
	size_t total = 0, step;
	int same;

	whole = (struct talk){.protocol = protocol};
	talk_run(&whole, c, SIZE_MAX, SIZE_MAX);
#ifdef TALK_DUMP
	printf("@@%s\n%s@@end\n", c->name, whole.log);
#endif
	tap_eq_str(whole.log, c->want, where, c->name);
	total = whole.gone;
	step = total > 2000 ? total / 100 : 1; /* of long ones not each place is tried */
	if (!(protocol->transports & TRANSPORT_STREAM))
		return;
	same = !strcmp(talk_run(TALK(0), c, 1, 1), whole.log);
	tap_ok(same, where, "%s: byte by byte", c->name);
	for (size_t cut = 1; cut < total && same; cut += step)
		same = !strcmp(talk_run(TALK(0), c, cut, SIZE_MAX), whole.log);
	tap_ok(same, where, "%s: cut anywhere", c->name);
	if (!same)
		printf("# got  %s\n", t.log);
	same = !strcmp(talk_run(TALK(.blind = 1), c, SIZE_MAX, SIZE_MAX), whole.log) &&
	       !strcmp(talk_run(TALK(.blind = 1), c, 3, 7), whole.log);
	tap_ok(same, where, "%s: without what is not needed", c->name);
	talk_check_gaps(protocol, c, where, whole.log, total);
	if (protocol->mask)
		talk_check_mask(protocol, c, where, whole.log);
}
#undef TALK

#define TALK_ALL(protocol, cases)                                                                  \
	do {                                                                                       \
		for (size_t i_ = 0; i_ < sizeof(cases) / sizeof(cases[0]); i_++)                   \
			talk_check(protocol, &(cases)[i_], TAP_HERE);                              \
	} while (0)

#endif
