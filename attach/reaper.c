#include "attach/reaper.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

struct job {
	struct job *next;
	struct uprobe_set set;
};

struct reaper {
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t more;
	struct job *jobs;
	int ends;
};

static void *reaper_run(void *arg)
{
	struct reaper *r = arg;

	pthread_mutex_lock(&r->lock);
	while (r->jobs || !r->ends) {
		struct job *j = r->jobs;

		if (!j) {
			pthread_cond_wait(&r->more, &r->lock);
			continue;
		}
		r->jobs = j->next;
		pthread_mutex_unlock(&r->lock);
		uprobes_detach(&j->set);
		free(j);
		pthread_mutex_lock(&r->lock);
	}
	pthread_mutex_unlock(&r->lock);
	return NULL;
}

/* Signals are for the main thread. */
static int start(struct reaper *r)
{
	sigset_t all, old;
	int err;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	err = pthread_create(&r->thread, NULL, reaper_run, r);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return err;
}

struct reaper *reaper_new(void)
{
	struct reaper *r = calloc(1, sizeof(*r));

	if (!r)
		return NULL;
	pthread_mutex_init(&r->lock, NULL);
	pthread_cond_init(&r->more, NULL);
	if (!start(r))
		return r;
	free(r);
	return NULL;
}

void reaper_free(struct reaper *r)
{
	if (!r)
		return;
	pthread_mutex_lock(&r->lock);
	r->ends = 1;
	pthread_cond_signal(&r->more);
	pthread_mutex_unlock(&r->lock);
	pthread_join(r->thread, NULL);
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
	pthread_cond_signal(&r->more);
	pthread_mutex_unlock(&r->lock);
}
