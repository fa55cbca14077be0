/*
 * selftest.c - two threads in one probe: does each keep what is its own?
 *
 * Both run on one processor and do little else than to be in the probe, so where the kernel lets
 * one take over while the other is within, that happens at many ticks of the clock.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>

#include "attach/attach_priv.h"
#include "attach/hostcheck.h"
#include "attach/objects.h"
#include "attach/uprobe_trial.h"

#define LEAST_MET 20		  /* then it has been tried enough */
#define LONGEST_NS 400000000ull	  /* else it ends after this time */
#define THREADS 2

struct selftest {
	struct bpf_object *obj;
	int fd[2];
	int map;
	int stop;
	struct zc_selftest found;
};

/* ---- the preemption model */

static const char *preemption(char *buf, size_t size)
{
	char *open, *close;
	struct utsname u;
	FILE *f = fopen("/sys/kernel/debug/sched/preempt", "re");
	int told = f && fgets(buf, (int)size, f);

	if (f)
		fclose(f);
	open = told ? strchr(buf, '(') : NULL;
	close = open ? strchr(open, ')') : NULL;
	if (close) {
		*close = '\0';
		return open + 1;
	}
	if (uname(&u))
		return "not told";
	return strstr(u.version, "PREEMPT_RT")	    ? "for real time" :
	       strstr(u.version, "PREEMPT_DYNAMIC") ? "chosen at boot, not told which" :
	       strstr(u.version, "PREEMPT_LAZY")    ? "lazy" :
	       strstr(u.version, "PREEMPT")	    ? "full" :
						      "none or voluntary";
}

/* ---- the trial */

static int load(struct selftest *t, int attach_type)
{
	struct bpf_program *prog;
	int err;

	t->obj = object_open(OBJECT_SELFTEST, "zctrace_selftest");
	if (!t->obj)
		return -errno;
	prog = bpf_object__find_program_by_name(t->obj, "selftest_hit");
	if (attach_type)
		bpf_program__set_expected_attach_type(prog, (enum bpf_attach_type)attach_type);
	err = bpf_object__load(t->obj);
	if (err)
		return err;
	t->map = bpf_object__find_map_fd_by_name(t->obj, "zc_selftest");
	return trial_attach(bpf_program__fd(prog), attach_type, 0, 0, t->fd);
}

static void unload(struct selftest *t)
{
	trial_detach(t->fd);
	bpf_object__close(t->obj);
	t->obj = NULL;
}

static void *hit(void *arg)
{
	const struct selftest *t = arg;

	while (!__atomic_load_n(&t->stop, __ATOMIC_RELAXED))
		trial_target();
	return NULL;
}

/* Threads begin where their maker may run: on the processor on which it is now. */
static int begin(struct selftest *t, pthread_t thread[THREADS])
{
	int cpu = sched_getcpu(), n = 0;
	pthread_attr_t attr;
	cpu_set_t one;

	if (cpu < 0 || cpu >= CPU_SETSIZE || pthread_attr_init(&attr))
		return 0;
	CPU_ZERO(&one);
	CPU_SET((size_t)cpu, &one);
	if (!pthread_attr_setaffinity_np(&attr, sizeof(one), &one))
		while (n < THREADS && !pthread_create(&thread[n], &attr, hit, t))
			n++;
	pthread_attr_destroy(&attr);
	return n;
}

static void watch(struct selftest *t)
{
	const struct timespec pause = {.tv_nsec = 5000000};
	uint32_t key = 0;

	for (uint64_t ns = 0; ns < LONGEST_NS; ns += (uint64_t)pause.tv_nsec) {
		nanosleep(&pause, NULL);
		if (bpf_map_lookup_elem(t->map, &key, &t->found))
			return;
		if (t->found.met >= LEAST_MET)
			return;
	}
}

static int run(struct selftest *t)
{
	pthread_t thread[THREADS];
	uint32_t key = 0;
	int n = begin(t, thread);

	if (n == THREADS)
		watch(t);
	__atomic_store_n(&t->stop, 1, __ATOMIC_RELAXED);
	for (int i = 0; i < n; i++)
		pthread_join(thread[i], NULL);
	if (n < THREADS)
		return -EAGAIN;
	return bpf_map_lookup_elem(t->map, &key, &t->found) ? -errno : 0;
}

static void judge(struct check *c, const struct zc_selftest *f, const char *model)
{
	unsigned long long hits = f->hits, met = f->met;

	if (f->stack_damaged || f->room_damaged)
		check_set(
			c, CHECK_FAIL,
			"%llu of %llu runs of a probe found their variables overwritten by another "
			"thread's: what is shown of TLS may be wrong (kernel preemption: %s)",
			(unsigned long long)(f->stack_damaged + f->room_damaged), hits, model);
	else if (met)
		check_set(c, CHECK_OK,
			  "kept apart: %llu of %llu runs of a probe met another thread's, and all "
			  "kept what is theirs (kernel preemption: %s)",
			  met, hits, model);
	else
		check_set(c, CHECK_NOTE,
			  "no thread takes over within a probe here, in %llu runs, so there is "
			  "nothing to "
			  "keep apart (kernel preemption: %s)",
			  hits, model);
	if (c->state == CHECK_FAIL)
		snprintf(c->remedy, sizeof(c->remedy),
			 "boot with preempt=none or preempt=voluntary, if this kernel "
			 "has them; do not trace TLS otherwise");
}

void hostcheck_threads(struct check *c)
{
	struct selftest t = {.fd = {-1, -1}};
	char line[128];
	int err;

	*c = (struct check){.name = "threads"};
	err = load(&t, TRACE_UPROBE_MULTI);
	if (err) {
		unload(&t);
		err = load(&t, 0);
	}
	if (!err)
		err = run(&t);
	if (!err)
		judge(c, &t.found, preemption(line, sizeof(line)));
	else
		check_set(c, CHECK_NOTE,
			  "whether threads in one probe are kept apart cannot be tried: %s "
			  "(kernel preemption: %s)",
			  strerror(-err), preemption(line, sizeof(line)));
	unload(&t);
}
