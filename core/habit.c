#include "core/habit.h"

#include <string.h>

#include "core/id.h"

#define WAYS 4u
#define MAX_OWN 8u /* calls of its own beyond these do not make a process less trusted */

void habit_begin(struct habit *h, uint64_t since)
{
	memset(h, 0, sizeof(*h));
	h->since = since;
}

void habit_restart(struct habit *h, uint64_t now)
{
	h->since = now;
	h->busy = h->idle_from = h->pauses = 0;
	if (h->busy_from)
		h->busy_from = now;
}

void habit_busy(struct habit *h, uint64_t now, int young)
{
	if (!h->since || (young && !h->busy && !h->busy_from && !h->idle_from))
		h->since = now;
	if (h->idle_from && now > h->idle_from + HABIT_PAUSE)
		h->pauses++;
	h->busy_from = now;
}

void habit_idle(struct habit *h, uint64_t now)
{
	if (h->busy_from && now > h->busy_from)
		h->busy += now - h->busy_from;
	h->busy_from = 0;
	h->idle_from = now;
}

/* ---- kinds */

static uint32_t key_of(enum habit_what what, uint64_t id)
{
	uint32_t key = (uint32_t)(id_mix(what, id) >> 32);

	return key ? key : 1;
}

static const struct habit_kind *find(const struct habit *h, enum habit_what what, uint64_t id)
{
	uint32_t key = key_of(what, id);
	const struct habit_kind *k = &h->kind[key % (HABIT_KINDS / WAYS) * WAYS];

	for (uint32_t i = 0; i < WAYS; i++)
		if (k[i].key == key)
			return &k[i];
	return NULL;
}

static struct habit_kind *get(struct habit *h, enum habit_what what, uint64_t id)
{
	uint32_t key = key_of(what, id), worst = WAYS - 1, i;
	struct habit_kind *k = &h->kind[key % (HABIT_KINDS / WAYS) * WAYS], found = {.key = key};

	if (k->key == key)
		return k;
	for (i = 0; i < WAYS && k[i].key != key; i++)
		if (!k[i].own)
			worst = i;
	if (i < WAYS)
		found = k[i];
	else
		i = worst;
	/* the one used last comes first */
	memmove(k + 1, k, i * sizeof(*k));
	*k = found;
	return k;
}

static int is_own(const struct habit *h, enum habit_what what, uint64_t id)
{
	const struct habit_kind *k = find(h, what, id);

	return k && k->own;
}

int habit_is_own(const struct habit *h, uint64_t group)
{
	return is_own(h, HABIT_CALL, group);
}

void habit_call(struct habit *h, uint64_t group, uint32_t tid, int own)
{
	struct habit_kind *k = get(h, HABIT_CALL, group);

	if (!own) {
		if (k->n < UINT16_MAX)
			k->n++;
		return;
	}
	h->nown += h->nown < MAX_OWN;
	k->own = 1;
	get(h, HABIT_THREAD, tid)->own = 1;
}

void habit_not_asked(struct habit *h, uint64_t request_group)
{
	get(h, HABIT_REQUEST, request_group)->own = 1;
}

/* ---- threads */

void habit_read(struct habit *h, uint32_t tid, uint32_t sleeps, uint64_t what)
{
	h->run[tid % HABIT_RUNS] = (struct habit_run){tid, sleeps, what};
}

void habit_thread(struct habit *h, uint32_t tid, uint32_t by, uint64_t time)
{
	h->thread[tid % HABIT_THREADS] = (struct habit_thread){time, tid, by};
}

/* Did the one that serves the request begin the thread since it has read it? */
static int was_begun_for(const struct habit *h, const struct habit_guess *g)
{
	const struct habit_thread *t = &h->thread[g->tid % HABIT_THREADS];

	return t->tid == g->tid && t->by == g->reader && t->time > g->read;
}

/* Has the thread not slept since it read the request, or something on its behalf? */
static int still_runs(const struct habit *h, const struct habit_guess *g)
{
	const struct habit_run *r = &h->run[g->tid % HABIT_RUNS];

	return g->has_sleeps && r->what && r->what == g->what && r->tid == g->tid &&
	       r->sleeps == g->sleeps;
}

/* Does that hold of calls of this kind, so that it is no chance? */
static int runs_again(struct habit_kind *k, int runs)
{
	if (k->guessed == UINT8_MAX) {
		k->guessed /= 2;
		k->ran /= 2;
	}
	k->guessed++;
	if (runs)
		k->ran++;
	return runs && k->ran >= HABIT_AGAIN && 2u * k->ran >= k->guessed;
}

int habit_allows(struct habit *h, const struct habit_guess *g, uint64_t now)
{
	struct habit_kind *k = get(h, HABIT_CALL, g->group);
	int runs = runs_again(k, still_runs(h, g));
	uint64_t busy = h->busy, all = now > h->since ? now - h->since : 0;

	if (k->own || (g->tid != g->reader && is_own(h, HABIT_THREAD, g->tid)))
		return 0;
	if (is_own(h, HABIT_REQUEST, g->request_group)) {
		if (h->pauses < HABIT_ENOUGH)
			return 0;
	} else if (runs || was_begun_for(h, g)) {
		return 1;
	}
	if (h->busy_from && now > h->busy_from)
		busy += now - h->busy_from;
	return all > busy &&
	       k->n * (all - busy) >= HABIT_ENOUGH * (1 + (uint64_t)h->nown) * busy;
}
