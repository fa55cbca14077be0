#include "cli/environ.h"

#include <string.h>

#include "core/percent.h"
#include "parsers/redact.h"

/* The value of a variable; p == NULL: it is not set, or empty. */
static struct str variable(const char *env, size_t n, const char *name)
{
	size_t len = strlen(name);

	while (n) {
		size_t size = strnlen(env, n);

		if (size > len + 1 && !memcmp(env, name, len) && env[len] == '=')
			return (struct str){ env + len + 1, size - len - 1 };
		size += size < n;
		env += size;
		n -= size;
	}
	return (struct str){ NULL, 0 };
}

static struct str trim(struct str s)
{
	while (s.n && (*s.p == ' ' || *s.p == '\t')) {
		s.p++;
		s.n--;
	}
	while (s.n && (s.p[s.n - 1] == ' ' || s.p[s.n - 1] == '\t'))
		s.n--;
	return s;
}

void environ_resource(const char *env, size_t n, char *service, size_t service_size,
		      char *resource, size_t resource_size)
{
	static const char service_name[] = "service.name";
	struct str name = variable(env, n, "OTEL_SERVICE_NAME");
	struct str all = variable(env, n, "OTEL_RESOURCE_ATTRIBUTES");
	size_t used = 0;

	while (all.n) {
		const char *comma = memchr(all.p, ',', all.n), *eq;
		size_t len = comma ? (size_t)(comma - all.p) : all.n;
		struct str pair = trim((struct str){ all.p, len }), key = pair;

		all.p += len + (comma != NULL);
		all.n -= len + (comma != NULL);
		eq = memchr(pair.p, '=', pair.n);
		key.n = eq ? (size_t)(eq - pair.p) : 0;
		if (key.n == sizeof(service_name) - 1 && !memcmp(key.p, service_name, key.n)) {
			if (!name.p && eq + 1 < pair.p + pair.n)
				name = (struct str){ eq + 1, pair.n - key.n - 1 };
			continue;
		}
		if (!key.n || redact_is_secret_param(key) || used + pair.n + 2 > resource_size)
			continue;
		if (used)
			resource[used++] = ',';
		memcpy(resource + used, pair.p, pair.n);
		used += pair.n;
	}
	resource[used] = '\0';
	if (name.p) {
		char text[256];
		size_t len = percent_decode(name.p, name.n < sizeof(text) ? name.n : sizeof(text),
					    text);

		len = len < service_size ? len : service_size - 1;
		memcpy(service, text, len);
		service[len] = '\0';
	}
}
