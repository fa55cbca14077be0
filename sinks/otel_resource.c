#include "sinks/otel_resource.h"

#include <stdio.h>
#include <string.h>

#include "core/percent.h"

/* The first one of a name counts. */
static void put(struct otel_resource *r, const char *key, struct str s)
{
	if (!s.n || otel_resource_get(r, key).p || r->n == OTEL_RESOURCE_MAX)
		return;
	r->attr[r->n++] = (struct otel_attr){ .key = key, .type = OTEL_STRING, .s = s };
}

static void put_cstr(struct otel_resource *r, const char *key, const char *s)
{
	if (s)
		put(r, key, (struct str){ s, strlen(s) });
}

/* key=value,key=value, values percent-encoded; `room` bytes of r->text from p on are its. */
static void put_own(struct otel_resource *r, const char *text, char *p, size_t room)
{
	snprintf(p, room, "%s", text);
	while (*p) {
		char *end = p + strcspn(p, ","), *eq = memchr(p, '=', (size_t)(end - p));
		char *next = *end ? end + 1 : end;

		if (eq && eq > p) {
			size_t n = percent_decode(eq + 1, (size_t)(end - eq - 1), eq + 1);

			*eq = '\0';
			put(r, p, (struct str){ eq + 1, n });
		}
		p = next;
	}
}

static void put_process(struct otel_resource *r, const struct span *s,
			const struct otel_host *host, char *p, size_t room)
{
	if (!s->pid)
		return;
	snprintf(p, room, "%s%s%u", host->name ? host->name : "", host->name ? ":" : "", s->pid);
	put_cstr(r, "service.instance.id", p);
	if (r->n < OTEL_RESOURCE_MAX)
		r->attr[r->n++] = (struct otel_attr){ .key = "process.pid", .type = OTEL_INT,
						      .n = s->pid };
	put_cstr(r, "process.command", s->comm);
}

void otel_resource(struct otel_resource *r, const struct span *s, const struct otel_host *host)
{
	const size_t own = 640;

	r->n = 0;
	if (s->resource)
		put_own(r, s->resource, r->text, own);
	put_cstr(r, "service.name", s->service);
	put_cstr(r, "service.name", s->comm);
	put_cstr(r, "service.name", "unknown_service");
	put_process(r, s, host, r->text + own, sizeof(r->text) - own);
	put_cstr(r, "telemetry.sdk.language", otel_language(s->runtime));
	put_cstr(r, "telemetry.distro.name", "zctrace");
	put_cstr(r, "telemetry.distro.version", ZCTRACE_VERSION);
	put_cstr(r, "host.name", host->name);
	put_cstr(r, "host.id", host->id);
	put_cstr(r, "os.type", "linux");
	put_cstr(r, "container.id", s->container);
	put_cstr(r, "container.name", s->container_name);
}

struct str otel_resource_get(const struct otel_resource *r, const char *key)
{
	for (unsigned i = 0; i < r->n; i++)
		if (otel_is_text(&r->attr[i]) && !strcmp(r->attr[i].key, key))
			return r->attr[i].s;
	return (struct str){ NULL, 0 };
}
