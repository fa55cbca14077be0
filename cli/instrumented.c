#include "cli/instrumented.h"

#include <string.h>

static int begins(struct str s, const char *with)
{
	return s.n >= strlen(with) && !memcmp(s.p, with, strlen(with));
}

/* POST …/v1/traces, or gRPC's Export of traces. */
static int is_export(const struct span *s)
{
	static const char end[] = "/v1/traces";
	size_t n = sizeof(end) - 1;

	if (s->kind != SPAN_CLIENT || !s->pid || !s->path.p)
		return 0;
	if (begins(s->path, "/opentelemetry.proto.collector.trace."))
		return 1;
	return begins(s->method, "POST") && s->path.n >= n &&
	       !memcmp(s->path.p + s->path.n - n, end, n);
}

static int is_instrumented(const struct instrumented *t, uint32_t pid)
{
	for (unsigned i = 0; i < t->n; i++)
		if (t->pid[i] == pid)
			return 1;
	return 0;
}

void instrumented_relink(const struct instrumented *t, struct span *s)
{
	uint32_t caller = s->parent_here && s->kind == SPAN_SERVER ? s->peer_pid : s->sender_pid;

	if (!s->has_told_parent || !caller || !is_instrumented(t, caller))
		return;
	memcpy(s->parent_id, s->told_parent, SPAN_ID_LEN);
	s->parent_here = 0;
	s->link = "traceparent";
}

int instrumented_see(struct instrumented *t, const struct span *s)
{
	if (is_instrumented(t, s->pid))
		return 1;
	if (!is_export(s))
		return 0;
	t->pid[t->next] = s->pid;
	t->next = (t->next + 1) % INSTRUMENTED_MAX;
	t->n += t->n < INSTRUMENTED_MAX;
	return 1;
}
