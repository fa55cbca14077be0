/*
 * test_link.c - evidence for links, each alone, the stronger against the weaker, and ambiguity
 */
#include <stdlib.h>

#include "core/link.h"
#include "tests/unit/tap.h"

enum { PROXY = 100, OTHER = 200 };

static struct links *l;
static uint64_t now = 1000;
static uint32_t next_seq = 7;

static struct link_place place(enum span_kind kind, uint32_t pid)
{
	now += 10;
	next_seq += 100;
	return (struct link_place){ .kind = kind, .connection = next_seq, .seq = next_seq,
				    .time = now, .pid = pid };
}

static struct link_node *begin(struct link_place p, struct link_head h, uint32_t pid, uint32_t tid)
{
	struct link_node *n = links__begin(l, &p, &h);

	now += 10;
	links__io(l, n, &(struct link_io){ .pid = pid, .tid = tid, .time = now });
	return n;
}

/* A request that `pid` has read and is serving. */
static struct link_node *serve(uint32_t pid, uint32_t tid, struct link_head h)
{
	return begin(place(SPAN_SERVER, pid), h, pid, tid);
}

static struct link_node *call(uint32_t pid, uint32_t tid, struct link_head h)
{
	return begin(place(SPAN_CLIENT, pid), h, pid, tid);
}

static struct span ids(const struct link_node *n)
{
	struct span s = { 0 };

	links__ids(n, &s);
	return s;
}

/*
 * The name of n's link if p is its parent, "none" if it has no parent, "outside" if that is one
 * that only its context knows, else "wrong".
 */
static const char *link_to(const struct link_node *n, const struct link_node *p)
{
	struct span s = ids(n), parent = ids(p);

	if (!s.has_parent)
		return "none";
	if (!s.parent_here)
		return "outside";
	if (memcmp(s.parent_id, parent.span_id, SPAN_ID_LEN) ||
	    memcmp(s.trace_id, parent.trace_id, TRACE_ID_LEN))
		return "wrong";
	return s.link;
}

static struct link_head context(uint8_t trace, uint8_t parent)
{
	struct link_head h = { .has_trace = 1, .has_parent = 1, .how = "traceparent" };

	memset(h.context.trace_id, trace, TRACE_ID_LEN);
	memset(h.context.parent_id, parent, SPAN_ID_LEN);
	return h;
}

static const struct link_head plain;

/* Two requests in flight on two threads; a call that has evidence for the first of them. */
static void evidence(const char *want, struct link_head a, struct link_head b, struct link_head c,
		     uint32_t tid)
{
	struct link_node *p = serve(PROXY, 1, a), *q = serve(PROXY, 2, b), *n = call(PROXY, tid, c);

	is_str(link_to(n, p), want, want);
	links__put(l, n);
	links__put(l, q);
	links__put(l, p);
}

/* The same request twice: each is passed on once. */
static void turns(void)
{
	struct link_head same = { .bytes = 3, .request = 4, .target = 4 };
	struct link_node *p = serve(PROXY, 1, same), *c = call(PROXY, 9, same), *q, *d, *e;

	is_str(link_to(c, p), "payload", "the first of two that are the same");
	q = serve(PROXY, 2, same);
	d = call(PROXY, 9, same);
	is_str(link_to(d, q), "payload", "the other one, since the first had its turn");
	e = call(PROXY, 9, same);
	is_str(link_to(e, q), "none", "when all had theirs, none");
	links__put(l, e);
	links__put(l, d);
	links__put(l, c);
	links__put(l, q);
	links__put(l, p);
}

static void one_by_one(void)
{
	struct link_head two_marks = {.request = 5, .target = 5, .marks = 2},
			 no_marks = {.request = 5, .target = 5};
	struct link_head other = {.request = 6, .target = 6}, id = {.request_id = 9},
			 id2 = {.request_id = 8};
	struct link_head bytes = { .bytes = 3 }, bytes2 = { .bytes = 4 };

	evidence("traceparent", context(1, 1), context(2, 2), context(1, 9), 3);
	evidence("traceparent", context(1, 1), context(1, 2), context(1, 1), 3);
	evidence("request-id", id, id2, id, 3);
	evidence("payload", bytes, bytes2, bytes, 3);
	evidence("thread", plain, plain, plain, 1);
	evidence("head", no_marks, other, two_marks, 3);
	/* fields were not seen of one of both: method and target are what there is to compare */
	two_marks.request = 0;
	evidence("head", no_marks, other, two_marks, 3);
	two_marks.target = 0;
	evidence("none", no_marks, other, two_marks, 3);
	evidence("none", no_marks, other, no_marks, 3);
	evidence("none", plain, plain, plain, 3);
	/* the same evidence for both says nothing */
	evidence("none", id, id, id, 3);
	evidence("none", bytes, bytes, bytes, 3);
	turns();
	evidence("outside", context(1, 1), context(1, 2), context(1, 9), 3);
	/* but what both have leaves the choice to what follows */
	evidence("thread", id, id, id, 1);
}

static void stronger_first(void)
{
	struct link_head a = context(1, 1), b = context(2, 2), c = context(1, 3);

	b.request_id = c.request_id = 9;
	b.bytes = c.bytes = 4;
	evidence("traceparent", a, b, c, 2);
	/* of another trace: not even as the thread's only request */
	evidence("outside", context(1, 1), context(2, 2), context(3, 3), 1);
}

static void only_one(void)
{
	struct link_node *p = serve(PROXY, 1, plain), *q, *n = call(PROXY, 5, plain), *m, *late;
	struct link_place early = place(SPAN_CLIENT, PROXY);

	is_str(link_to(n, p), "only", "one request in flight in the process");
	m = call(OTHER, 5, plain);
	is_str(link_to(m, p), "none", "a call of another process");
	links__put(l, m);
	q = serve(PROXY, 2, plain);
	late = begin(early, plain, PROXY, 2);
	is_str(link_to(late, q), "none",
	       "a request that was read after the call began is not its cause");
	links__put(l, late);
	links__end(l, q);
	m = call(PROXY, 5, plain);
	is_str(link_to(m, p), "only", "an answered request is not in flight any more");
	links__put(l, m);
	links__put(l, q);
	/* the parent's identity outlives it */
	links__end(l, p);
	is_str(link_to(n, p), "only", "a call outlives its parent");
	links__put(l, p);
	ok(ids(n).has_parent, "and keeps it");
	links__put(l, n);
}

static int is_named;

static unsigned traits(void *ctx, uint32_t pid)
{
	(void)ctx;
	if (pid == 304)
		return is_named ? LINK_THREADS_MIGRATE : 0;
	return pid == 300 ? LINK_THREADS_MIGRATE : pid == 302 ? LINK_FORWARDS
	     : pid == 303				   ? LINK_THREADS_KEEP
							   : 0;
}

static void wandering(void)
{
	struct link_node *p, *q, *n;

	links__on_process(l, traits, NULL);
	p = serve(300, 1, plain);
	q = serve(300, 2, plain);
	n = call(300, 1, plain);
	is_str(link_to(n, p), "none", "no thread as evidence where requests wander");
	links__put(l, n);
	links__put(l, q);
	links__put(l, p);
	p = serve(301, 1, plain);
	q = links__begin(l, &(struct link_place){ .kind = SPAN_SERVER, .seq = 1, .time = now },
			 &plain);
	links__io(l, q, &(struct link_io){ .pid = 301, .tid = 2, .time = now, .moved = 1 });
	n = call(301, 1, plain);
	is_str(link_to(n, p), "none", "nor where a connection was seen to");
	links__put(l, n);
	links__put(l, q);
	links__put(l, p);
}

/* What a process is, is asked when it acts: one just forked has no name yet. */
static void named_late(void)
{
	for (is_named = 0; is_named < 2; is_named++) {
		struct link_node *p, *q, *n;

		links__process(l, 304);
		p = serve(304, 1, plain);
		q = serve(304, 2, plain);
		n = call(304, 1, plain);
		is_str(link_to(n, p), is_named ? "none" : "thread", "what a process is called now");
		links__put(l, n);
		links__put(l, q);
		links__put(l, p);
	}
}

static struct link_node *by_goroutine(enum span_kind kind, uint64_t goroutine)
{
	struct link_place where = place(kind, 320);
	struct link_node *n = links__begin(l, &where, &plain);

	now += 10;
	links__io(l, n,
		  &(struct link_io){.pid = 320, .tid = 1, .goroutine = goroutine, .time = now});
	return n;
}

/* Where events were lost, a request in flight may be no more, and others be there. */
static void lost(void)
{
	struct link_node *p = by_goroutine(SPAN_SERVER, 0xc000009), *n;

	links__lost(l);
	n = by_goroutine(SPAN_CLIENT, 0xc000009);
	is_str(link_to(n, p), "none", "what was read before events were lost");
	links__put(l, n);
	links__put(l, p);
	p = by_goroutine(SPAN_SERVER, 0xc000009);
	n = by_goroutine(SPAN_CLIENT, 0xc000009);
	is_str(link_to(n, p), "goroutine", "what was read since");
	links__put(l, n);
	links__put(l, p);
	p = serve(321, 1, plain);
	n = call(321, 1, plain);
	is_str(link_to(n, p), "none", "nothing is inferred for a while");
	links__put(l, n);
	links__put(l, p);
	now += LINK_BLIND;
	p = serve(321, 1, plain);
	n = call(321, 1, plain);
	is_str(link_to(n, p), "thread", "but later");
	links__put(l, n);
	links__put(l, p);
}

/* A process whose threads mean nothing. */
static void goroutines(void)
{
	struct link_node *p, *q, *n;

	p = by_goroutine(SPAN_SERVER, 0xc000001);
	q = by_goroutine(SPAN_SERVER, 0xc000002);
	n = by_goroutine(SPAN_CLIENT, 0xc000002);
	is_str(link_to(n, q), "goroutine", "the goroutine that serves it");
	links__put(l, n);
	n = by_goroutine(SPAN_CLIENT, 0xc000003);
	is_str(link_to(n, q), "none", "another one");
	links__put(l, n);
	n = by_goroutine(SPAN_CLIENT, 0);
	is_str(link_to(n, q), "none", "one that is not known");
	links__put(l, n);
	links__put(l, p);
	p = by_goroutine(SPAN_SERVER, 0xc000002);
	n = by_goroutine(SPAN_CLIENT, 0xc000002);
	is_str(link_to(n, q), "none", "one that has read two requests");
	links__put(l, n);
	links__put(l, q);
	links__put(l, p);
}

/* A request that a thread of 303 has read, or a call that it makes, long after. */
static struct link_node *of_pool(enum span_kind kind, uint32_t tid, int moved)
{
	struct link_place where = place(kind, 303);
	struct link_node *n = links__begin(l, &where, &plain);

	now += 10;
	links__io(l, n, &(struct link_io){ .pid = 303, .tid = tid, .time = now, .polled = 1,
					   .has_sleeps = 1, .sleeps = (uint32_t)now,
					   .moved = moved });
	return n;
}

/* A process whose threads keep the request that they have read. */
static void pools(void)
{
	struct link_node *p, *q, *n;

	links__process(l, 303);
	p = of_pool(SPAN_SERVER, 1, 0);
	q = of_pool(SPAN_SERVER, 2, 0);
	n = of_pool(SPAN_CLIENT, 2, 0);
	is_str(link_to(n, q), "none", "a thread that waits for more than its client");
	links__put(l, n);
	links__put(l, q);
	q = of_pool(SPAN_SERVER, 2, 1);
	n = of_pool(SPAN_CLIENT, 2, 0);
	is_str(link_to(n, q), "thread", "one of a pool that connections pass through");
	links__put(l, n);
	n = of_pool(SPAN_CLIENT, 3, 0);
	is_str(link_to(n, q), "none", "one that has read no request");
	links__put(l, n);
	links__put(l, p);
	p = of_pool(SPAN_SERVER, 2, 0);
	n = of_pool(SPAN_CLIENT, 2, 0);
	is_str(link_to(n, p), "none", "one that has read two");
	links__put(l, n);
	links__put(l, q);
	n = of_pool(SPAN_CLIENT, 2, 0);
	is_str(link_to(n, p), "none", "and so is of no pool");
	links__put(l, n);
	links__put(l, p);
}

/* The upper half of a goroutine's number is that of the one that has begun it. */
static void goroutines_begun(void)
{
	struct link_node *p, *q, *n;

	p = by_goroutine(SPAN_SERVER, 1ull << 32 | 11);
	q = by_goroutine(SPAN_SERVER, 1ull << 32 | 12);
	n = by_goroutine(SPAN_CLIENT, 12ull << 32 | 13);
	is_str(link_to(n, q), "goroutine", "one that the serving one has begun");
	links__put(l, n);
	n = by_goroutine(SPAN_CLIENT, 1ull << 32 | 14);
	is_str(link_to(n, q), "none", "one that was begun where those that serve were");
	links__put(l, n);
	links__end(l, p); /* none of its own has called */
	links__put(l, p);
	p = by_goroutine(SPAN_SERVER, 1ull << 32 | 11);
	n = by_goroutine(SPAN_CLIENT, 11ull << 32 | 15);
	is_str(link_to(n, p), "none", "one that may have been begun for an earlier request");
	links__put(l, n);
	n = by_goroutine(SPAN_CLIENT, 1ull << 32 | 11);
	is_str(link_to(n, p), "goroutine", "but the serving one itself is sure");
	links__put(l, n);
	links__put(l, q);
	links__put(l, p);
}

/* ---- habits */

enum { MS = 1000000 };

static struct link_head alike(uint64_t group)
{
	return (struct link_head){ .group = group, .target = group };
}

/* A request, or a call, of a process whose threads poll their sockets. */
static struct link_node *polled(enum span_kind kind, uint32_t pid, uint32_t tid, uint64_t group,
				uint32_t sleeps)
{
	struct link_place where = place(kind, pid);
	struct link_head h = alike(group);
	struct link_node *n = links__begin(l, &where, &h);

	now += 10;
	links__io(l, n, &(struct link_io){ .pid = pid, .tid = tid, .time = now, .polled = 1,
					   .has_sleeps = 1, .sleeps = sleeps });
	return n;
}

/*
 * One request of 5 ms; 1 ms into it a call of that group, after so many sleeps: how it is linked.
 */
static const char *guessed(uint32_t pid, uint64_t request, uint64_t group, uint32_t tid,
			   uint32_t sleeps)
{
	struct link_node *p = polled(SPAN_SERVER, pid, 1, request, 100), *n;
	const char *link;

	now += MS;
	n = polled(SPAN_CLIENT, pid, tid, group, 100 + sleeps);
	link = link_to(n, p);
	now += 4 * MS;
	links__put(l, n);
	links__put(l, p);
	return link;
}

static void own_call(uint32_t pid, uint32_t tid, uint64_t group)
{
	links__put(l, polled(SPAN_CLIENT, pid, tid, group, 7));
}

static void unasked(uint32_t pid, uint64_t group)
{
	struct link_node *p = polled(SPAN_SERVER, pid, 1, group, 100);

	now += MS;
	links__put(l, p);
}

/* Calls that a process makes by itself, and those that only look as if it did. */
static void own_calls(void)
{
	int first = 0;

	links__process(l, 330);
	for (int i = 0; i < 2; i++)
		is_str(guessed(330, 1, 2, 1, 0), "none",
		       "a thread that has not slept since it read: may be chance");
	is_str(guessed(330, 1, 2, 1, 0), "thread", "but not again and again");
	for (int i = 0; i < 8; i++)
		guessed(330, 1, 7, 1, i & 3 ? 1 : 0);
	is_str(guessed(330, 1, 7, 1, 0), "none", "of a call that is mostly made otherwise");
	is_str(guessed(330, 1, 2, 1, 1), "none", "one that has, and was busy all the time");
	own_call(330, 1, 2);
	is_str(guessed(330, 1, 2, 1, 0), "none", "a call that the process makes by itself, too");
	for (int i = 0; i < 2; i++)
		guessed(330, 1, 3, 1, 0);
	is_str(guessed(330, 1, 3, 1, 0), "thread", "but not all that the thread does");
	own_call(330, 5, 4);
	now += 1000 * (uint64_t)MS;
	is_str(guessed(330, 1, 5, 5, 1), "none",
	       "what another thread does that makes calls of its own");
	links__process(l, 331);
	now += 1000 * (uint64_t)MS;
	is_str(guessed(331, 1, 2, 1, 1), "none",
	       "silence before its first request: it may not have been up");
	now += 1000 * (uint64_t)MS;
	is_str(guessed(331, 1, 2, 1, 1), "thread",
	       "after a second of silence, chance is no explanation");
	is_str(guessed(331, 1, 3, 6, 1), "only", "nor for another thread");
	now += 1000 * (uint64_t)MS;
	is_str(guessed(336, 1, 2, 1, 1), "thread", "but one that was there before was silent");
	links__process(l, 332);
	for (int i = 0; i < 200 && !first; i++) {
		now += MS / 2;
		if (!strcmp(guessed(332, 1, 2, 1, 1), "thread"))
			first = i;
	}
	ok(first > 8 && first < 80, "short pauses make it likely in time: after %d calls", first);
}

static void left_over(void)
{
	const char *link = "none";

	links__process(l, 333);
	unasked(333, 1);
	for (int i = 0; i < 500 && !strcmp(link, "none"); i++) {
		now += MS / 2;
		link = guessed(333, 1, 2, 1, (uint32_t)i & 1);
	}
	is_str(link, "none",
	       "requests are answered without a call: it may belong to the one before");
	for (int i = 0; i < 4; i++) {
		now += 200 * (uint64_t)MS;
		unasked(333, 1);
	}
	is_str(guessed(333, 1, 2, 1, 1), "thread", "unless pauses show that nothing is left over");
}

static void new_threads(void)
{
	struct link_node *p, *n;
	struct link_place where;

	links__process(l, 334);
	p = polled(SPAN_SERVER, 334, 1, 1, 100);
	for (uint32_t by = 0; by < 3; by++) {
		where = place(SPAN_CLIENT, 334);
		n = links__begin(l, &where, &plain);
		now += 10;
		if (by)
			links__thread(l, 334, 9, by, now - 5);
		links__io(l, n,
			  &(struct link_io){.pid = 334, .tid = 9, .time = now, .has_sleeps = 1});
		is_str(link_to(n, p), by == 1 ? "only" : "none",
		       by == 0	 ? "a thread that was there before"
		       : by == 1 ? "one that the request's thread has begun"
				 : "one that another has begun");
		links__put(l, n);
	}
	links__put(l, p);
}

/* A process whose first request a young thread reads may not have been up before. */
static void young(void)
{
	struct link_node *p, *n;
	struct link_head h = alike(1);
	struct link_place where = place(SPAN_SERVER, 337);

	now += 1000 * (uint64_t)MS;
	p = links__begin(l, &where, &h);
	now += 10;
	links__io(l, p, &(struct link_io){ .pid = 337, .tid = 1, .time = now, .polled = 1,
					   .has_sleeps = 1, .sleeps = 1, .young = 1 });
	n = polled(SPAN_CLIENT, 337, 1, 2, 2);
	is_str(link_to(n, p), "none", "silence before a young thread read the first request");
	links__put(l, n);
	links__put(l, p);
	is_str(guessed(337, 1, 2, 1, 1), "none", "and busy since");
	now += 1000 * (uint64_t)MS;
	is_str(guessed(337, 1, 2, 1, 1), "thread", "silence after it counts");
}

/* It reads the answer of one call, and makes another. */
static void in_a_row(void)
{
	struct link_node *p, *n, *m;

	links__process(l, 335);
	for (int i = 0; i < 4; i++)
		guessed(335, 1, 2 + (uint64_t)(i & 1), 1, 0);
	p = polled(SPAN_SERVER, 335, 1, 1, 100);
	n = polled(SPAN_CLIENT, 335, 1, 2, 100);
	links__read(l, n, &(struct link_io){.pid = 335, .tid = 1, .has_sleeps = 1, .sleeps = 104});
	m = polled(SPAN_CLIENT, 335, 1, 3, 104);
	is_str(link_to(m, p), "thread", "a call upon the answer to another");
	links__put(l, m);
	m = polled(SPAN_CLIENT, 335, 1, 3, 105);
	is_str(link_to(m, p), "none", "a call upon nothing that was seen");
	links__put(l, m);
	links__put(l, n);
	links__put(l, p);
}

/* Connections of which nothing is known may carry requests. */
static void blind(void)
{
	struct link_node *p = serve(310, 1, plain), *n;

	links__blind(l, 310, 1, now);
	links__blind(l, 310, 1, now);
	n = call(310, 1, plain);
	is_str(link_to(n, p), "none", "neither thread nor only while requests may be hidden");
	links__put(l, n);
	links__blind(l, 310, -1, now);
	n = call(310, 1, plain);
	is_str(link_to(n, p), "none", "one is left");
	links__put(l, n);
	links__blind(l, 310, -1, now);
	links__blind(l, 310, -1, now);
	n = call(310, 1, plain);
	is_str(link_to(n, p), "thread", "all are known");
	links__put(l, n);
	links__blind(l, 310, 1, now);
	now += LINK_BLIND;
	n = call(310, 1, plain);
	is_str(link_to(n, p), "thread", "a silent connection does not blind for ever");
	links__put(l, n);
	links__put(l, p);
	links__blind(l, 311, -1, now);
}

/* A process that repeats what it is asked is known for it after a while, until it does not. */
static void forwarder(void)
{
	struct link_node *p, *q, *n;
	int first = -1;

	for (int i = 0; i < 40; i++) {
		struct link_head a = {.request = 1000 + (uint64_t)i, .target = 1000 + (uint64_t)i},
				 b = {.request = 2000, .target = 2000};

		p = serve(400, 1, a);
		q = serve(400, 1, b);
		n = call(400, 9, a);
		if (first < 0 && !strcmp(link_to(n, p), "head"))
			first = i;
		links__put(l, n);
		links__put(l, q);
		links__put(l, p);
	}
	is_u64(first, 16, "a forwarder is trusted from its 17th call on");
	p = serve(400, 1, (struct link_head){ .request = 1, .target = 1 });
	q = serve(400, 1, plain);
	n = call(400, 9, (struct link_head){ .request = 77, .target = 77 });
	links__put(l, n);
	n = call(400, 9, (struct link_head){ .request = 1, .target = 1 });
	is_str(link_to(n, p), "head",
	       "a call that may repeat a request of which nothing was seen is none of its own");
	links__put(l, n);
	links__put(l, q);
	q = serve(400, 1, (struct link_head){ .request = 3, .target = 3 });
	n = call(400, 9, (struct link_head){ .request = 77, .target = 77 });
	links__put(l, n);
	n = call(400, 9, (struct link_head){ .request = 1, .target = 1 });
	is_str(link_to(n, p), "none", "and no longer after a call of its own");
	links__put(l, n);
	links__put(l, q);
	links__put(l, p);
	p = serve(302, 1, (struct link_head){ .request = 1, .target = 1 });
	q = serve(302, 1, plain);
	n = call(302, 9, (struct link_head){ .request = 1, .target = 1 });
	is_str(link_to(n, p), "head", "one that is known for a proxy is trusted at once");
	links__put(l, n);
	links__put(l, q);
	links__put(l, p);
}

/* ---- sockets */

static void two_ends(void)
{
	struct link_place c = place(SPAN_CLIENT, PROXY), s = c;
	struct link_node *client, *server, *other;

	s.kind = SPAN_SERVER;
	s.pid = OTHER;
	client = begin(c, plain, PROXY, 1);
	server = begin(s, plain, OTHER, 2);
	is_str(link_to(server, client), "socket", "two ends of one connection");
	is_u64(links__peer(client), OTHER, "the client's peer");
	is_u64(links__peer(server), PROXY, "the server's peer");
	links__put(l, server);
	s.seq++;
	server = begin(s, plain, OTHER, 2);
	is_str(link_to(server, client), "none", "another request on the connection");
	links__put(l, server);
	s = c;
	s.kind = SPAN_SERVER;
	s.stream_id = 3;
	server = begin(s, plain, OTHER, 2);
	is_str(link_to(server, client), "none", "another stream");
	links__put(l, server);
	s.stream_id = 0;
	other = begin(c, plain, PROXY, 1);
	server = begin(s, plain, OTHER, 2);
	is_str(link_to(server, client), "none", "two clients that look the same");
	links__put(l, server);
	links__put(l, other);
	links__put(l, client);
	server = begin(s, plain, OTHER, 2);
	is_str(link_to(server, server), "none", "a client end that was not seen");
	links__put(l, server);
}

static void namespaces(void)
{
	struct link_place c = place(SPAN_CLIENT, PROXY), s = c;
	struct link_node *client, *server;

	s.kind = SPAN_SERVER;
	c.has_first = s.has_first = 1;
	c.first[0] = s.first[0] = 11;
	c.first[1] = 12;
	s.first[1] = 13;
	client = begin(c, plain, PROXY, 1);
	server = begin(s, plain, OTHER, 2);
	is_str(link_to(server, client), "none", "same addresses, another connection");
	links__put(l, server);
	s.first[1] = 12;
	s.connection++;
	server = begin(s, plain, OTHER, 2);
	is_str(link_to(server, client), "socket", "other addresses, the same connection: NAT");
	links__put(l, server);
	links__put(l, client);
	/* late */
	c.has_first = s.has_first = 0;
	c.ack = s.ack = 77;
	c.has_ack = 1;
	server = begin(s, plain, OTHER, 2);
	is_str(link_to(server, client), "none",
	       "NAT, and nothing known of the connection's beginning");
	links__put(l, server);
	links__put(l, client);
	s.has_ack = 1;
	client = begin(c, plain, PROXY, 1);
	server = begin(s, plain, OTHER, 2);
	is_str(link_to(server, client), "socket",
	       "but the request's segment acknowledges the same");
	links__put(l, server);
	s.ack++;
	server = begin(s, plain, OTHER, 2);
	is_str(link_to(server, client), "none", "or not");
	links__put(l, server);
	links__put(l, client);
	c.has_first = s.has_first = 1;
	/* the server's end is seen first */
	server = begin(s, plain, OTHER, 2);
	client = begin(c, plain, PROXY, 1);
	is_str(link_to(server, client), "socket", "the client's end is seen later");
	links__put(l, server);
	links__put(l, client);
}

/* ---- traces */

static void long_chain(void)
{
	struct link_node *n[12];
	struct span root, leaf;

	for (uint32_t i = 0; i < 12; i += 2) {
		struct link_place p = place(SPAN_SERVER, 500 + i);

		n[i] = begin(p, plain, 500 + i, 1);
		n[i + 1] = call(500 + i, 1, plain);
		ok(!strcmp(link_to(n[i + 1], n[i]), "thread"), "hop %u", i);
	}
	for (int i = 11; i >= 0; i--)
		links__put(l, n[i]);
	/* an SDK further down names the trace of all that was not shown yet */
	n[0] = serve(600, 1, plain);
	n[1] = call(600, 1, context(7, 8));
	root = ids(n[0]);
	leaf = ids(n[1]);
	ok(root.trace_id[0] == 7 && leaf.trace_id[0] == 7, "the trace is the one of the SDK");
	ok(!root.has_parent, "the root stays the root");
	is_str(link_to(n[1], n[0]), "thread", "the call belongs to its request, not to a stranger");
	links__put(l, n[1]);
	links__put(l, n[0]);
	n[0] = serve(700, 1, context(5, 6));
	root = ids(n[0]);
	ok(root.has_parent && !root.parent_here && root.parent_id[0] == 6, "a parent from outside");
	is_str(root.link, "traceparent", "and how it is known");
	links__put(l, n[0]);
}

static void self_call(void)
{
	struct link_node *p = serve(800, 1, plain), *c, *s, *again;
	struct link_place a = place(SPAN_CLIENT, 800), b = a;

	b.kind = SPAN_SERVER;
	c = links__begin(l, &a, &plain);
	s = begin(b, plain, 800, 2);
	ok(links__open(s), "who made the call is not known yet");
	links__io(l, c, &(struct link_io){ .pid = 800, .tid = 1, .time = now });
	ok(!links__open(s), "now it is");
	is_str(link_to(c, p), "thread", "a service that calls itself");
	is_str(link_to(s, c), "socket", "its second request");
	again = call(800, 2, plain);
	is_str(link_to(again, s), "thread", "what the second request calls");
	links__put(l, again);
	links__put(l, s);
	links__put(l, c);
	links__put(l, p);
}

static void many(void)
{
	struct link_node *n;

	for (uint32_t i = 0; i < 3 * LINK_MAX_PROCS; i++) {
		n = serve(1000 + i, 1, plain);
		links__put(l, n);
	}
	n = serve(5, 1, plain);
	ok(n != NULL, "processes beyond the limit push out idle ones");
	links__put(l, n);
	links__put(l, NULL);
	links__end(l, NULL);
	ok(!links__open(NULL) && !links__peer(NULL), "no node is a node about nothing");
}

int main(void)
{
	l = links__new(&now, 1);
	one_by_one();
	stronger_first();
	only_one();
	wandering();
	named_late();
	pools();
	goroutines();
	lost();
	goroutines_begun();
	own_calls();
	left_over();
	new_threads();
	young();
	in_a_row();
	blind();
	forwarder();
	two_ends();
	namespaces();
	long_chain();
	self_call();
	many();
	links__free(l);
	return tap_done();
}
