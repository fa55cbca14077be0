#include "cli/session.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "cli/clock.h"
#include "cli/log.h"
#include "cli/reselect.h"
#include "cli/session_impl.h"
#include "cli/signals.h"
#include "cli/top.h"

#define POLL_MS 20
#define DRAIN_NS 1000000000u /* the last look into the ring takes no longer */
#define AFTERMATH_NS 50000000u /* after all processes have ended */

/* A descriptor of ours must never take the place of a closed standard one. */
static int check_descriptors(const struct options *o)
{
	if (fcntl(STDIN_FILENO, F_GETFD) < 0 && open("/dev/null", O_RDONLY) < 0)
		return EXIT_FAILED;
	if (fcntl(STDOUT_FILENO, F_GETFD) < 0) {
		log_line("standard output is closed");
		return EXIT_FAILED;
	}
	if (fcntl(STDERR_FILENO, F_GETFD) < 0 && open("/dev/null", O_WRONLY) < 0)
		return EXIT_FAILED;
	if (o->write && !strcmp(o->write, "-") && isatty(STDOUT_FILENO)) {
		log_line("-w -: standard output is a terminal, which a recording would confuse");
		return EXIT_BAD_USAGE;
	}
	return 0;
}

/* What is read is not written to: it would be gone, or never end. */
static int check_files(const struct options *o)
{
	struct stat out;

	if (o->write && strcmp(o->write, "-") && !stat(o->write, &out) &&
	    outputs_would_spoil(o, &out)) {
		log_line("-w %.256s: this file is also read, and would be overwritten", o->write);
		return EXIT_BAD_USAGE;
	}
	if (!fstat(STDOUT_FILENO, &out) && outputs_would_spoil(o, &out)) {
		log_line("standard output is a file that is also read");
		return EXIT_BAD_USAGE;
	}
	return 0;
}

/* ---- beginning */

static int start_command(struct session *s)
{
	if (!s->opt->command)
		return 0;
	s->command = command__start(s->opt->command);
	if (s->command)
		return 0;
	log_line("cannot start a process: %s", strerror(errno));
	return EXIT_FAILED;
}

static int begin(struct session *s)
{
	char err[512] = "out of memory";
	int status = check_descriptors(s->opt);

	if (!status)
		status = check_files(s->opt);
	if (!status)
		status = outputs_open(&s->outputs, s->opt);
	if (status)
		return status;
	s->signals = signals_open();
	if (s->signals < 0) {
		log_line("signals: %s", strerror(-s->signals));
		return EXIT_FAILED;
	}
	status = pipeline_prepare(s);
	if (!status && options_has_output(s->opt, OUTPUT_TOP))
		status = top_prepare(s);
	if (!status)
		status = start_command(s);
	if (status)
		return status;
	status = input_open(&s->input, s->opt, s->command ? command__pid(s->command) : 0,
			    s->signals, pipeline_note, s, err, sizeof(err));
	if (status) {
		log_line("%s", err);
		return status;
	}
	if (s->tui)
		status = top_source(s);
	if (!status)
		status = pipeline_start(s);
	if (status)
		return status;
	if (s->input.backend && !s->opt->quiet)
		log_line("tracing %s (backend %s)", s->input.what, s->input.backend);
	if (s->command)
		command__go(s->command);
	return s->tui ? top_open(s) : 0;
}

/* ---- the loop */

/* The command is over, and with it what there was to see. */
static int command_over(struct session *s)
{
	const struct options *o = s->opt;
	int status;

	if (!s->command || !command__poll(s->command, 0, &status))
		return 0;
	/* asked for by itself, what it left running counts, too */
	if (o->nports || o->all || options_select_by_name(o))
		return 1;
	return !attach__alive(s->input.attach);
}

/*
 * All that was traced has ended some time ago: the kernel tells the end of a process before it
 * closes its sockets.
 */
static int all_over(struct session *s)
{
	if (!s->over_since &&
	    (command_over(s) || (s->input.attach && !attach__alive(s->input.attach))))
		s->over_since = monotonic();
	return s->over_since && monotonic() - s->over_since >= AFTERMATH_NS;
}

/*
 * Live, time has come to `before`, when the last look began, if that look found all there was;
 * else, and for files, to the last event.
 */
static uint64_t time_now(const struct session *s, int events, uint64_t before)
{
	uint64_t now;

	if (!s->input.source->live || events || !s->input.attach)
		now = s->last_event;
	else
		now = before;
	return now > s->last_event ? now : s->last_event;
}

/* heard: when there was something last. Where more may come, silence is time that passes. */
static int time_is_up(const struct session *s, uint64_t began, uint64_t heard)
{
	const struct source *src = s->input.source;
	uint64_t time;

	if (!s->opt->duration_ns)
		return 0;
	if (src->live)
		return monotonic() - began >= s->opt->duration_ns;
	time = s->first_event ? s->last_event - s->first_event : 0;
	if (src->waits)
		time += monotonic() - heard;
	return time >= s->opt->duration_ns;
}

/* Takes what came before the end and is still on its way. */
static int drain(struct session *s)
{
	struct source *src = s->input.source;
	uint64_t end = monotonic();
	int n;

	if (!src->live)
		return 0;
	do
		n = src->ops->poll(src, pipeline_event, s, 0);
	while (n > 0 && !s->done && monotonic() - end < DRAIN_NS &&
	       (!s->input.attach || s->last_event < end));
	return n < 0 && n != -EINTR && n != -ENODATA ? EXIT_FAILED : 0;
}

/* Events until something ends it. 0 or an exit status. */
static int loop(struct session *s)
{
	uint64_t began = monotonic(), heard = began;

	for (;;) {
		struct source *src = s->input.source;
		uint64_t before = monotonic();
		int n = src->ops->poll(src, pipeline_event, s, POLL_MS);

		if (n == -ENODATA)
			return src->ops->error(src) ? EXIT_FAILED : 0;
		if (n < 0 && n != -EINTR)
			return EXIT_FAILED;
		if (n > 0)
			heard = before;
		pipeline_tick(s, time_now(s, n, before));
		if (s->tui && tui__step(s->tui))
			return 0;
		if (s->opt->stats && s->input.source)
			stats_tick(&s->stats, monotonic(), s->engine, s->input.source);
		if (s->done || outputs_gone(&s->outputs) || time_is_up(s, began, heard))
			return 0;
		if (signalled(s))
			return drain(s);
		if (!all_over(s))
			continue;
		if (!s->tui)
			return drain(s);
		tui__over(s->tui); /* what was seen is looked at now */
	}
}

/* ---- the end */

/* The command goes on when the trace is over; its status is ours. A signal ends the wait. */
static int wait_for_command(struct session *s, int status)
{
	int code;

	while (!command__poll(s->command, 0, &code)) {
		struct timespec t = { .tv_nsec = 10000000 };

		if (signalled(s))
			return status;
		nanosleep(&t, NULL);
	}
	return status ? status : code;
}

static int finish(struct session *s, int status)
{
	struct source *src = s->input.source;
	const char *error = src ? src->ops->error(src) : NULL;
	char text[512];
	int failed;

	if (s->tui)
		tui__close(s->tui);
	if (status && error)
		log_line("%s", error);
	if (src && src->ops->unread && src->ops->unread(src, text, sizeof(text)))
		pipeline_note(s, "packets-not-read", text);
	if (!status && src->ops->count && options_has_output(s->opt, OUTPUT_FLOWS)) {
		src->ops->count(src);
		drain(s);
	}
	failed = pipeline_finish(s);
	input_close(&s->input);
	status = status ? status : failed;
	return s->command ? wait_for_command(s, status) : status;
}

int session_run(const struct options *o)
{
	struct session s = { .opt = o, .signals = -1, .until = UINT64_MAX };
	int status = begin(&s);

	if (!status)
		status = finish(&s, loop(&s));
	input_close(&s.input);
	tui__free(s.tui);
	pipeline_free(&s);
	reselect_free(&s);
	command__free(s.command);
	if (s.signals >= 0)
		close(s.signals);
	return status;
}
