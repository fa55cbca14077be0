#include "attach/reaper.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

struct job {
	struct job *next;
	struct uprobe_set set;
};

#define MAX_THREADS 16 /* waits of several overlap */

struct reaper {
	pthread_t thread[MAX_THREADS];
	unsigned nthreads, idle;
	pthread_mutex_t lock;
	pthread_cond_t more;
	struct job *jobs;
	int ends;
};

/* Takes out what waits; r->lock is held, but not meanwhile. */
static void reaper_drain(struct reaper *r)
{
	while (r->jobs) {
		struct job *j = r->jobs;

		r->jobs = j->next;
		pthread_mutex_unlock(&r->lock);
		uprobes_detach(&j->set);
		free(j);
		pthread_mutex_lock(&r->lock);
	}
}

static void *reaper_run(void *arg)
{
	struct reaper *r = arg;

	pthread_mutex_lock(&r->lock);
	reaper_drain(r);
	while (!r->ends) {
		r->idle++;
		pthread_cond_wait(&r->more, &r->lock);
		r->idle--;
		reaper_drain(r);
	}
	pthread_mutex_unlock(&r->lock);
	return NULL;
}

/* One more. Signals are for the main thread. */
static void start(struct reaper *r)
{
	sigset_t all, old;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	if (r->nthreads < MAX_THREADS &&
	    !pthread_create(&r->thread[r->nthreads], NULL, reaper_run, r))
		r->nthreads++;
	pthread_sigmask(SIG_SETMASK, &old, NULL);
}

struct reaper *reaper_new(void)
{
	struct reaper *r = calloc(1, sizeof(*r));

	if (!r)
		return NULL;
	pthread_mutex_init(&r->lock, NULL);
	pthread_cond_init(&r->more, NULL);
	return r;
}

void reaper_free(struct reaper *r)
{
	if (!r)
		return;
	pthread_mutex_lock(&r->lock);
	r->ends = 1;
	pthread_cond_broadcast(&r->more);
	pthread_mutex_unlock(&r->lock);
	for (unsigned i = 0; i < r->nthreads; i++)
		pthread_join(r->thread[i], NULL);
	pthread_cond_destroy(&r->more);
	pthread_mutex_destroy(&r->lock);
	free(r);
}

void reaper_take(struct reaper *r, struct uprobe_set *s)
{
	struct job *j = s->n && r ? malloc(sizeof(*j)) : NULL;

	if (!j) {
		uprobes_detach(s);
		return;
	}
	j->set = *s;
	memset(s, 0, sizeof(*s));
	pthread_mutex_lock(&r->lock);
	j->next = r->jobs;
	r->jobs = j;
	if (!r->idle)
		start(r);
	pthread_cond_signal(&r->more);
	if (!r->nthreads)
		reaper_drain(r); /* no thread could be had */
	pthread_mutex_unlock(&r->lock);
}
