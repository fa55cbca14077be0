#include "cli/top.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cli/adjust.h"
#include "cli/log.h"
#include "cli/reselect.h"
#include "cli/session_impl.h"

/* What there is to say of the files was said when they were opened first. */
static void say_nothing(void *ctx, const char *name, const char *text)
{
	(void)ctx, (void)name, (void)text;
}

/* The replay goes back: the file from its beginning, and nothing that knows what came after. */
static struct source *rewind_file(void *session, char *err, size_t errlen)
{
	struct session *s = session;
	struct input again;

	if (!strcmp(s->opt->read, "-")) {
		snprintf(err, errlen, "standard input cannot be played from the beginning again");
		return NULL;
	}
	if (input_open(&again, s->opt, 0, s->signals, say_nothing, NULL, err, errlen))
		return NULL;
	if (pipeline_restart(s)) {
		snprintf(err, errlen, "out of memory");
		input_close(&again);
		return NULL;
	}
	tui__restart(s->tui, s->engine);
	return again.source;
}

static int record(void *session, const char *path, char *err, size_t errlen)
{
	struct session *s = session;
	int status = 0;

	if (path) {
		status = pipeline_record(s, path, err, errlen);
		if (s->mask)
			mask__late(s->mask);
		return status;
	}
	if (!s->recorder)
		return 0;
	status = recorder__finish(s->recorder);
	if (status)
		snprintf(err, errlen, "%s", recorder__error(s->recorder));
	recorder__free(s->recorder);
	mask__free(s->mask);
	s->recorder = NULL;
	s->mask = NULL;
	return status;
}

/* How many connections there were when it began is no title: it stands still. */
static void trim_title(char *what)
{
	char *last = strrchr(what, ',');

	if (last && strstr(last, " open connection"))
		*last = '\0';
}

static struct tui_sources sources(struct session *s)
{
	trim_title(s->input.what);
	return (struct tui_sources){
		.engine = s->engine,
		.source = s->input.source,
		.before = &s->before,
		.replay = s->replay,
		.target = s->input.what,
		.backend = s->input.backend,
		.attach = s->input.attach,
		.options = s->opt,
		.ctx = s,
	};
}

/* Engine and source are others then, or perhaps still the same. */
static int select_others(void *session, const char *which, const char *what, char *error,
			 size_t errlen)
{
	struct session *s = session;
	int err = reselect(s, which, what, error, errlen);
	const struct tui_sources from = sources(s);

	tui__reopened(s->tui, &from);
	return err;
}

static int change(void *session, const char *which, const char *what, char *error, size_t errlen)
{
	return adjust(session, which, what, error, errlen);
}

static void keep_heads(void *session, int fields, uint32_t body)
{
	pipeline_keep(session, fields, body);
}

int top_prepare(struct session *s)
{
	const struct options *o = s->opt;
	const struct tui_options to = {
		.filter = o->filter,
		.sort = o->sort_given,
		.group = o->group,
		.group_field = o->group_field.name,
		.interval_ns = o->interval_ns,
		.memory = o->memory,
		.keep = o->keep,
		.color = o->color == COLOR_NEVER  ? SCREEN_COLOR_NEVER :
			 o->color == COLOR_ALWAYS ? SCREEN_COLOR_ALWAYS :
						    SCREEN_COLOR_AUTO,
		.redact = !o->no_redact,
		.headers = o->headers.v,
		.nheaders = o->headers.n,
		.body = o->body > 0,
		.body_bytes = o->body,
		.keep_heads = keep_heads,
		.no_mouse = o->no_mouse,
		.select = o->read ? NULL : select_others,
		.change = change,
		.record = o->read ? NULL : record,
		.host_name = pipeline_host,
		.recording = o->write,
	};

	s->tui = tui__new(&to);
	return s->tui ? 0 : EXIT_FAILED;
}

int top_source(struct session *s)
{
	if (!s->opt->read)
		return 0;
	s->replay = replay__new(s->input.source, rewind_file, s);
	if (!s->replay)
		return EXIT_FAILED;
	s->input.source = replay__source(s->replay);
	return 0;
}

int top_open(struct session *s)
{
	const struct tui_sources from = sources(s);
	char err[200];

	if (!tui__open(s->tui, &from, err, sizeof(err)))
		return 0;
	log_line("%s", err);
	return EXIT_UNSUPPORTED;
}
