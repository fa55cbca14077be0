#include "cli/adjust.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "cli/session_impl.h"

static int refuse(char *err, size_t errlen, const char *text)
{
	snprintf(err, errlen, "%s", text);
	return -1;
}

static int add_route(struct session *s, const char *pattern, char *err, size_t errlen)
{
	struct route_error e;
	int code = routes__add(s->routes, pattern, &e);

	return code ? refuse(err, errlen, code == -EINVAL ? e.message : strerror(-code)) : 0;
}

static int resolve(struct session *s, const char *what, char *err, size_t errlen)
{
	int on = !strcasecmp(what, "on");

	if (!on && strcasecmp(what, "off"))
		return refuse(err, errlen, "on or off");
	return pipeline_resolve(s, on) ? refuse(err, errlen, "out of memory") : 0;
}

int adjust(struct session *s, const char *which, const char *what, char *err, size_t errlen)
{
	struct options o = *s->opt;

	if (!strcmp(which, "route"))
		return add_route(s, what, err, errlen);
	if (!strcmp(which, "resolve"))
		return resolve(s, what, err, errlen);
	if (!strcmp(which, "names") ? options_names(&o, what) : options_unmatched(&o, what))
		return refuse(err, errlen, o.error);
	if (!strcmp(which, "names")) {
		s->naming = o.names;
		engine__names(s->engine, o.names);
	} else {
		routes__mode(s->routes, o.unmatched);
	}
	return 0;
}
