/*
 * resource.c - which process a span is of: the attributes of its resource
 */
#include <stdio.h>
#include <string.h>

#include "sinks/otlp/batch.h"

#define MAX 48u

struct list {
	struct otel_attr attr[MAX];
	unsigned n;
};

static void put(struct list *l, const char *key, struct str s)
{
	if (!s.n)
		return;
	for (unsigned i = 0; i < l->n; i++)
		if (!strcmp(l->attr[i].key, key))
			return; /* the first one is the process' own word */
	if (l->n < MAX)
		l->attr[l->n++] = (struct otel_attr){ .key = key, .type = OTEL_STRING, .s = s };
}

static void put_cstr(struct list *l, const char *key, const char *s)
{
	if (s)
		put(l, key, (struct str){ s, strlen(s) });
}

/* The percent-decoded value, in place. */
static size_t decode(char *p, size_t n)
{
	size_t out = 0;

	for (size_t i = 0; i < n; i++) {
		unsigned c;

		if (p[i] == '%' && i + 2 < n && sscanf(p + i + 1, "%2x", &c) == 1) {
			p[out++] = (char)c;
			i += 2;
		} else {
			p[out++] = p[i];
		}
	}
	return out;
}

/* OTEL_RESOURCE_ATTRIBUTES: key=value,key=value, values percent-encoded. */
static void put_own(struct list *l, struct arena *a, const char *text)
{
	char *p = text && *text ? arena_cstr(a, text) : NULL;

	while (p && *p) {
		char *end = p + strcspn(p, ","), *eq = memchr(p, '=', (size_t)(end - p));
		char *next = *end ? end + 1 : end;

		if (eq && eq > p) {
			*eq = '\0';
			put(l, p, (struct str){ eq + 1, decode(eq + 1, (size_t)(end - eq - 1)) });
		}
		p = next;
	}
}

static void put_process(struct list *l, struct arena *a, const struct otlp_host *host,
			const struct span *s)
{
	char *pid = arena_get(a, 16), *instance = arena_get(a, 300);

	if (!s->pid || !pid || !instance)
		return;
	snprintf(pid, 16, "%u", s->pid);
	snprintf(instance, 300, "%.256s%s%u", host->name ? host->name : "", host->name ? ":" : "",
		 s->pid);
	put_cstr(l, "service.instance.id", instance);
	if (l->n < MAX)
		l->attr[l->n++] = (struct otel_attr){ .key = "process.pid", .type = OTEL_INT,
						      .n = s->pid };
	put_cstr(l, "process.command", s->comm);
}

Otlp__Resource *otlp_resource(struct arena *a, const struct otlp_host *host, const struct span *s)
{
	Otlp__Resource *r = arena_get(a, sizeof(*r));
	struct list l = { .n = 0 };

	if (!r)
		return NULL;
	otlp__resource__init(r);
	put_own(&l, a, s->resource);
	put_cstr(&l, "service.name", s->service);
	put_cstr(&l, "service.name", s->comm);
	put_cstr(&l, "service.name", "unknown_service");
	put_process(&l, a, host, s);
	put_cstr(&l, "telemetry.sdk.language", otel_language(s->runtime));
	put_cstr(&l, "telemetry.distro.name", "zctrace");
	put_cstr(&l, "telemetry.distro.version", ZCTRACE_VERSION);
	put_cstr(&l, "host.name", host->name);
	put_cstr(&l, "host.id", host->id);
	put_cstr(&l, "os.type", "linux");
	put_cstr(&l, "container.id", s->container);
	put_cstr(&l, "container.name", s->container_name);
	r->attributes = otlp_attrs(a, l.attr, l.n);
	r->n_attributes = r->attributes ? l.n : 0;
	return a->exhausted ? NULL : r;
}
