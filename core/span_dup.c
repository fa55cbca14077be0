#include "core/span_dup.h"

#include <stdlib.h>
#include <string.h>

#define NSTRS 15
#define NNAMES 6

struct copy {
	struct span span;
	char text[];
};

static void pointers(struct span *s, struct str *str[NSTRS], const char **name[NNAMES])
{
	struct str *strs[NSTRS] = { &s->method, &s->scheme, &s->host, &s->path, &s->query,
				    &s->route, &s->req_fields, &s->resp_fields, &s->req_body,
				    &s->resp_body, &s->grpc_message, &s->rpc_service, &s->rpc_method,
				    &s->tls_sni, &s->tls_alpn };
	const char **names[NNAMES] = { &s->comm, &s->service, &s->runtime, &s->container,
				       &s->container_name, &s->peer_service };

	memcpy(str, strs, sizeof(strs));
	memcpy(name, names, sizeof(names));
}

size_t span_dup_size(const struct span *s)
{
	size_t n = sizeof(struct copy);
	struct span view = *s;
	struct str *str[NSTRS];
	const char **name[NNAMES];

	pointers(&view, str, name);
	for (int i = 0; i < NSTRS; i++)
		n += str[i]->p ? str[i]->n : 0;
	for (int i = 0; i < NNAMES; i++)
		n += *name[i] ? strlen(*name[i]) + 1 : 0;
	return n;
}

struct span *span_dup(const struct span *s)
{
	struct copy *c = malloc(span_dup_size(s) + 1);
	struct str *str[NSTRS];
	const char **name[NNAMES];
	char *p;

	if (!c)
		return NULL;
	c->span = *s;
	p = c->text;
	pointers(&c->span, str, name);
	for (int i = 0; i < NSTRS; i++) {
		if (!str[i]->p)
			continue;
		memcpy(p, str[i]->p, str[i]->n);
		str[i]->p = p;
		p += str[i]->n;
	}
	for (int i = 0; i < NNAMES; i++) {
		size_t n = *name[i] ? strlen(*name[i]) + 1 : 0;

		if (!n)
			continue;
		memcpy(p, *name[i], n);
		*name[i] = p;
		p += n;
	}
	return &c->span;
}
