#include "cli/outputs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/clock.h"
#include "cli/log.h"
#include "cli/report.h"

/* ---- files */

/* What is written into it comes out again, unlike with a terminal or a socket. */
static int keeps(const struct stat *file)
{
	return S_ISREG(file->st_mode) || S_ISFIFO(file->st_mode) || S_ISBLK(file->st_mode);
}

int outputs_would_spoil(const struct options *o, const struct stat *out)
{
	struct stat in;

	for (unsigned i = 0; keeps(out) && i < o->reads.n; i++) {
		const char *name = o->reads.v[i];

		if (strcmp(name, "-") ? stat(name, &in) : fstat(STDIN_FILENO, &in))
			continue; /* whoever opens it says why */
		if (S_ISBLK(in.st_mode) ? S_ISBLK(out->st_mode) && in.st_rdev == out->st_rdev
					: in.st_dev == out->st_dev && in.st_ino == out->st_ino)
			return 1;
	}
	return 0;
}

/* Would what is written to both get mixed? */
static int same_file(const struct stat *a, int fd_a, const struct stat *b, int fd_b)
{
	unsigned tty_a, tty_b;

	if (!S_ISCHR(a->st_mode))
		return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
	/* a terminal has several names */
	return S_ISCHR(b->st_mode) && !ioctl(fd_a, TIOCGDEV, &tty_a) &&
	       !ioctl(fd_b, TIOCGDEV, &tty_b) && tty_a == tty_b;
}

static int refuse(const struct output_spec *spec, const char *why)
{
	log_line("-o %s=%.256s: %s", output_name(spec->format), spec->file, why);
	return EXIT_BAD_USAGE;
}

/* The file of the last way against all that is read and written beside it. */
static int check_file(const struct outputs *u, const struct options *o)
{
	const struct output_way *new = &u->way[u->n - 1];
	struct stat st, other;

	if (fstat(new->fd, &st))
		return refuse(new->spec, strerror(errno));
	if (outputs_would_spoil(o, &st))
		return refuse(new->spec, "this file is also read, and would be overwritten");
	if (!fstat(STDOUT_FILENO, &other) && same_file(&st, new->fd, &other, STDOUT_FILENO))
		return refuse(new->spec, "this is standard output, too");
	for (const struct output_way *w = u->way; w < new; w++)
		if (!fstat(w->fd, &other) && same_file(&st, new->fd, &other, w->fd))
			return refuse(new->spec, "another output goes to this file, too");
	if (o->write && strcmp(o->write, "-") && !stat(o->write, &other) && !S_ISCHR(st.st_mode) &&
	    same_file(&st, new->fd, &other, -1))
		return refuse(new->spec, "the recording goes to this file, too");
	return 0;
}

/* As nobody shares this open file, it may be made one that does not block. -1: see errno. */
static int open_file(const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOCTTY, 0666);

	if (fd >= 0)
		fcntl(fd, F_SETFL, O_NONBLOCK);
	return fd;
}

int outputs_open(struct outputs *u, const struct options *o)
{
	for (unsigned i = 0; i < o->noutputs; i++) {
		const struct output_spec *spec = &o->outputs[i];
		struct output_way *w = &u->way[i];
		int status;

		w->spec = spec;
		w->fd = spec->to_stderr ? STDERR_FILENO : STDOUT_FILENO;
		if (spec->file) {
			w->fd = open_file(spec->file);
			if (w->fd < 0) {
				refuse(spec, strerror(errno));
				return EXIT_FAILED;
			}
		}
		u->n = i + 1;
		status = spec->file ? check_file(u, o) : 0;
		if (status)
			return status;
	}
	return 0;
}

static void empty(struct output_way *w)
{
	if (w->spec->file && w->out.regular && (ftruncate(w->fd, 0) || lseek(w->fd, 0, SEEK_SET)))
		w->out.error = errno;
}

/* ---- sinks */

static struct sink *make_sink(struct outputs *u, struct output_way *w, const struct options *o,
			      const struct sink_options *common)
{
	struct sink_options so = *common;

	so.out = &w->out;
	so.interval_ns = w->spec->format == OUTPUT_TOP ? 0 : o->interval_ns;
	so.color = color_wanted(o->color, w->fd);
	switch (w->spec->format) {
	case OUTPUT_JSON:
		return sink_json_new(&so);
	case OUTPUT_BRIEF:
		return sink_brief_new(&so);
	case OUTPUT_CSV:
		so.form = SUMMARY_CSV;
		return sink_summary_new(&so);
	case OUTPUT_MARKDOWN:
		so.form = SUMMARY_MARKDOWN;
		return sink_summary_new(&so);
	case OUTPUT_TOP:
	case OUTPUT_SUMMARY:
		return sink_summary_new(&so);
	case OUTPUT_OTLP:
		return exporters_lines(&u->exporters, &w->out);
	case OUTPUT_HTML:
		return sink_report_new(&so);
	case OUTPUT_FLOWS:
		return sink_flows_new(&so);
	case OUTPUT_WATERFALL:
		return sink_waterfall_new(&so);
	default:
		return sink_text_new(&so);
	}
}

static void free_sink(struct sink *k)
{
	if (k)
		k->ops->free(k);
}

int outputs_make(struct outputs *u, const struct options *o, const struct sink_options *so,
		 int wake_fd)
{
	int status = exporters_make(&u->exporters, o, so->redact, u->on_export, u->ctx);

	for (unsigned i = 0; !status && i < u->n; i++) {
		struct output_way *w = &u->way[i];

		if (out_init(&w->out, w->fd, wake_fd))
			return EXIT_FAILED;
		w->sink = make_sink(u, w, o, so);
		if (!w->sink)
			return EXIT_FAILED;
	}
	return status;
}

void outputs_start(struct outputs *u, int live)
{
	int impatient = live;

	for (unsigned i = 0; i < u->n; i++)
		impatient |= u->way[i].spec->format == OUTPUT_TOP;
	for (unsigned i = 0; i < u->n; i++) {
		u->way[i].out.impatient = u->n + u->exporters.n > 1 && impatient;
		empty(&u->way[i]);
	}
}

int outputs_restart(struct outputs *u, const struct options *o, const struct sink_options *so)
{
	const struct note again = {
		.name = "replay-restarted",
		.text = "the replay begins again: what follows was told before",
	};
	struct sink *made[OPTIONS_MAX_OUTPUTS];

	for (unsigned i = 0; i < u->n; i++) {
		made[i] = make_sink(u, &u->way[i], o, so);
		if (made[i])
			continue;
		while (i--)
			free_sink(made[i]);
		return EXIT_FAILED;
	}
	for (unsigned i = 0; i < u->n; i++) {
		struct output_way *w = &u->way[i];

		free_sink(w->sink);
		w->sink = made[i];
		if (w->out.regular && w->spec->file)
			w->out.n = 0;
		else if (w->spec->file && w->sink->ops->note)
			w->sink->ops->note(w->sink, &again);
		empty(w);
	}
	exporters_restart(&u->exporters);
	return 0;
}

/* ---- what comes */

/* Those that show whole traces. */
static int wants_all(enum output format)
{
	return format == OUTPUT_WATERFALL || format == OUTPUT_HTML;
}

int outputs_span(struct outputs *u, const struct span *s, int match)
{
	int shown = match;

	for (unsigned i = 0; i < u->n; i++) {
		struct output_way *w = &u->way[i];

		if (w->gone || (!match && !wants_all(w->spec->format)))
			continue;
		shown |= u->n == 1 && w->spec->format == OUTPUT_WATERFALL;
		w->sink->ops->span(w->sink, s);
	}
	if (match && u->exporters.n)
		exporters_span(&u->exporters, s);
	return shown;
}

uint32_t outputs_unread(const struct outputs *u)
{
	uint32_t unread = u->n && !u->exporters.n ? UINT32_MAX : 0;

	for (unsigned i = 0; i < u->n; i++)
		unread &= u->way[i].sink->unread;
	return unread;
}

void outputs_note(struct outputs *u, const struct note *n)
{
	for (unsigned i = 0; i < u->n; i++) {
		struct output_way *w = &u->way[i];

		if (!w->gone && w->sink->ops->note)
			w->sink->ops->note(w->sink, n);
	}
}

void outputs_flow(struct outputs *u, const struct engine_flow *f, int line)
{
	for (unsigned i = 0; i < u->n; i++) {
		struct output_way *w = &u->way[i];

		if (!w->gone && w->sink->ops->flow && (line || w->spec->format != OUTPUT_FLOWS))
			w->sink->ops->flow(w->sink, f);
	}
	exporters_flow(&u->exporters, f);
}

void outputs_tick(struct outputs *u, uint64_t now_ns)
{
	for (unsigned i = 0; i < u->n; i++) {
		struct output_way *w = &u->way[i];

		if (w->out.columns)
			out_measure(&w->out);
		if (!w->gone && w->sink->ops->tick)
			w->sink->ops->tick(w->sink, now_ns);
	}
	exporters_tick(&u->exporters, now_ns);
}

void outputs_finish(struct outputs *u, const struct sink_totals *t)
{
	for (unsigned i = 0; i < u->n; i++) {
		struct output_way *w = &u->way[i];

		if (!w->gone && w->sink->ops->finish)
			w->sink->ops->finish(w->sink, t);
	}
}

/* ---- ways out */

int outputs_gone(const struct outputs *u)
{
	for (unsigned i = 0; i < u->n; i++)
		if (!u->way[i].gone)
			return 0;
	return u->n > 0 && !u->exporters.n;
}

/* A reader that leaves ends the program quietly, unless others stay. */
static void give_up(struct outputs *u, struct output_way *w)
{
	int err = w->out.error;
	const char *why = err == EPIPE	     ? "its reader has left" :
			  err == ETIMEDOUT ? "nobody reads it; the rest was dropped" :
					     strerror(err);
	char text[400];

	w->gone = 1;
	u->failed |= err != EPIPE;
	if (err == EPIPE && outputs_gone(u))
		return;
	if (w->spec->file)
		snprintf(text, sizeof(text), "-o %s=%.256s: %s", output_name(w->spec->format),
			 w->spec->file, why);
	else
		snprintf(text, sizeof(text), "standard output: %s", why);
	u->on_gone(u->ctx, text);
}

unsigned outputs_work(struct outputs *u, uint64_t monotonic_ns, int wait)
{
	unsigned pending = exporters_work(&u->exporters, monotonic_ns);

	for (unsigned i = 0; i < u->n; i++) {
		struct output_way *w = &u->way[i];

		if (w->gone)
			continue;
		if (w->sink->ops->work)
			pending += w->sink->ops->work(w->sink, monotonic_ns) > 0;
		if (wait)
			out_flush(&w->out);
		else if (!out_push(&w->out))
			out_check(&w->out);
		if (w->out.error)
			give_up(u, w);
	}
	return pending;
}

void outputs_release(struct outputs *u)
{
	for (unsigned i = 0; i < u->n; i++) {
		struct output_way *w = &u->way[i];

		free_sink(w->sink);
		out_release(&w->out);
		if (w->spec->file)
			close(w->fd);
	}
	exporters_release(&u->exporters);
	u->n = 0;
}
