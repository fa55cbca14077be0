#include "core/exchange_same.h"

#include <stdlib.h>
#include <string.h>

#include "core/engine_impl.h"

#define SAME_TEXT 192u

struct same_head {
	uint32_t number; /* of the head, as its parser has it; 0: nothing is known */
	uint64_t alike;	 /* no other head of any connection has it */
	uint32_t form, ntext;
	const struct protocol_name *protocol;
	struct text method, scheme, host, path, query;
	struct link_head link;
	char text[SAME_TEXT];
};

void exchange_forget_head(struct conn *c)
{
	if (c->same_head)
		c->same_head->number = 0;
}

void exchange_free_head(struct conn *c)
{
	free(c->same_head);
	c->same_head = NULL;
}

static int has_more(const struct exchange *x)
{
	return x->text.len > SAME_TEXT || x->incomplete || x->traceparents || x->naming ||
	       x->req_fields.off != TEXT_NONE || x->settings.off != TEXT_NONE ||
	       x->grpc_timeout != SPAN_UNKNOWN || x->maybe_grpc ||
	       (x->payload && x->payload->kind != PAYLOAD_GRPC);
}

void exchange_remember_head(struct exchange *x, uint32_t same, const struct link_head *link)
{
	struct conn *c = x->conn;
	struct same_head *s = c->same_head;
	static uint64_t heads;

	exchange_forget_head(c);
	if (!same || has_more(x))
		return;
	if (!s)
		s = c->same_head = malloc(sizeof(*s));
	if (!s)
		return;
	s->number = same;
	s->alike = x->alike = ++heads;
	s->form = x->form;
	s->protocol = x->protocol;
	s->method = x->method;
	s->scheme = x->scheme;
	s->host = x->host;
	s->path = x->path;
	s->query = x->query;
	s->link = *link;
	s->ntext = x->text.len;
	memcpy(s->text, x->text.p, s->ntext);
}

int exchange_recall_head(const struct engine *e, struct exchange *x, uint32_t same,
			 struct link_head *link)
{
	const struct same_head *s = x->conn->same_head;

	if (!same || !s || s->number != same || x->text.len || e->opt.keep_fields ||
	    exchange_text(x, (struct str){s->text, s->ntext}).off == TEXT_NONE)
		return 0;
	x->alike = s->alike;
	x->form = s->form;
	x->protocol = s->protocol;
	x->method = s->method;
	x->scheme = s->scheme;
	x->host = s->host;
	x->path = s->path;
	x->query = s->query;
	*link = s->link;
	return 1;
}
