/*
 * save.c - what is shown into a file; a recording on and off
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli/tui/tui_impl.h"
#include "sinks/sink.h"

struct sink *tui_json_sink(const struct tui *t, struct out *o)
{
	const struct sink_options so = {
		.out = o,
		.redact = t->opt.redact,
		.headers = t->opt.headers,
		.nheaders = t->opt.nheaders,
		.body = t->opt.body,
		.sort = -1,
	};

	return sink_json_new(&so);
}

/* The folder that such names are in, with a slash behind it; "" if it is not known. */
static const char *folder(char *buf, size_t n)
{
	size_t used = getcwd(buf, n - 1) ? strlen(buf) : 0;

	if (used && buf[used - 1] != '/')
		buf[used++] = '/';
	buf[used] = '\0';
	return buf;
}

/* zctrace-20251208-204449.jsonl, with -2, -3, … where there is one of that second. */
static int create(const char *suffix, char *path, size_t n)
{
	time_t t = time(NULL);
	char stamp[32];
	struct tm tm;
	int fd = -1;

	localtime_r(&t, &tm);
	strftime(stamp, sizeof(stamp), "%Y%m%d-%H%M%S", &tm);
	for (int i = 1; fd < 0 && i < 100; i++) {
		if (i == 1)
			snprintf(path, n, "zctrace-%s.%s", stamp, suffix);
		else
			snprintf(path, n, "zctrace-%s-%d.%s", stamp, i, suffix);
		fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
		if (fd < 0 && errno != EEXIST)
			break;
	}
	return fd;
}

void save_view(struct tui *t)
{
	struct view *v = tui_view(t);
	char path[80], where[160];
	struct out o;
	unsigned n;
	int fd;

	if (!v->ops->save) {
		tui_say(t, STYLE_TEXT, "nothing to save here");
		return;
	}
	fd = create("jsonl", path, sizeof(path));
	if (fd < 0 || out_init(&o, fd, -1)) {
		tui_say(t, STYLE_ERROR, "%s: %s", path, strerror(errno));
		if (fd >= 0)
			close(fd);
		return;
	}
	n = v->ops->save(v, &o);
	if (out_flush(&o))
		tui_say(t, STYLE_ERROR, "%s: %s", path, strerror(o.error));
	else
		tui_say(t, STYLE_GOOD, "saved %u line%s to %s%s", n, n == 1 ? "" : "s",
			folder(where, sizeof(where)), path);
	out_release(&o);
	close(fd);
}

void toggle_recording(struct tui *t)
{
	char err[200] = "", path[80], where[160];
	int fd;

	if (!t->opt.record) {
		tui_say(t, STYLE_TEXT, "this is a recording already");
		return;
	}
	if (t->recording) {
		if (t->opt.record(t->from.ctx, NULL, err, sizeof(err)))
			tui_say(t, STYLE_ERROR, "%s", err);
		else
			tui_say(t, STYLE_GOOD, "recorded to %s%s", folder(where, sizeof(where)),
				t->recording_path);
		t->recording = 0;
		return;
	}
	fd = create("pcapng", path, sizeof(path));
	if (fd < 0) {
		tui_say(t, STYLE_ERROR, "%s: %s", path, strerror(errno));
		return;
	}
	close(fd);
	if (t->opt.record(t->from.ctx, path, err, sizeof(err))) {
		tui_say(t, STYLE_ERROR, "%s", err);
		return;
	}
	t->recording = 1;
	memcpy(t->recording_path, path, sizeof(path));
	tui_say(t, STYLE_GOOD, "recording to %s; W ends it", path);
}
