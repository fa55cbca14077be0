#include "core/exchange_attrs.h"

#include "core/engine_impl.h"
#include "core/naming.h"
#include "parsers/content/grpc.h"

/* ---- the list */

static struct attr *place_for(struct attr_list *l, const struct attr_def *def)
{
	unsigned i = l->n;

	while (i && l->attr[i - 1].def > def)
		i--;
	if (i && l->attr[i - 1].def == def)
		return &l->attr[i - 1];
	for (unsigned k = l->n++; k > i; k--)
		l->attr[k] = l->attr[k - 1];
	l->attr[i].def = def;
	return &l->attr[i];
}

void attr_list_number(struct attr_list *l, const struct attr_def *def, uint64_t n)
{
	place_for(l, def)->n = n;
}

void attr_list_text(struct attr_list *l, const struct attr_def *def, struct str s)
{
	if (s.p)
		place_for(l, def)->s = s;
}

/* ---- an exchange */

int exchange_has_attrs(const struct exchange *x)
{
	const struct protocol_name *of = x->protocol;
	uint32_t counts = x->nattrs | x->stream_id | x->counts_notices;

	return counts || x->payload || x->naming || of->operation || of->target || of->status;
}

static void add_known(struct attr_list *l, const struct attr_def *def, uint64_t n)
{
	if (n != SPAN_UNKNOWN)
		attr_list_number(l, def, n);
}

static void add_messages(const struct exchange *x, const struct span *s, struct attr_list *l)
{
	const struct payload *y = x->payload;

	if (x->counts_notices) {
		attr_list_number(l, ATTR(resp_messages), x->notices);
		attr_list_number(l, ATTR(resp_message_bytes), x->notice_bytes);
	}
	if (!y || x->maybe_grpc)
		return;
	if (!x->req_uncounted && !(s->incomplete & SPAN_REQUEST_NOT_SEEN)) {
		add_known(l, ATTR(req_messages), payload_messages(y, 0));
		add_known(l, ATTR(req_message_bytes), payload_bytes(y, 0));
	}
	if (!x->resp_uncounted) {
		add_known(l, ATTR(resp_messages), payload_messages(y, 1));
		add_known(l, ATTR(resp_message_bytes), payload_bytes(y, 1));
	}
	if (y->kind != PAYLOAD_WEBSOCKET)
		return;
	attr_list_number(l, ATTR(pings), y->pings);
	if (y->close_code)
		attr_list_number(l, ATTR(close_code), (uint64_t)y->close_code);
}

static void add_grpc(const struct exchange *x, const struct span *s, struct attr_list *l)
{
	struct str service = {NULL, 0}, method = {NULL, 0};

	if (x->grpc_status >= 0)
		attr_list_number(l, ATTR(grpc_status), (uint64_t)x->grpc_status);
	attr_list_text(l, ATTR(grpc_message), exchange_str(x, x->grpc_message));
	if (x->grpc_timeout)
		add_known(l, ATTR(grpc_timeout), x->grpc_timeout);
	if (s->path.p)
		grpc_split(s->path, &service, &method);
	attr_list_text(l, ATTR(rpc_service), service);
	attr_list_text(l, ATTR(rpc_method), method);
}

/* What its messages told. */
static void add_told(const struct exchange *x, const struct span *s, struct attr_list *l)
{
	if (x->protocol->operation)
		attr_list_text(l, x->protocol->operation, s->method);
	if (x->protocol->target)
		attr_list_text(l, x->protocol->target, s->path);
	for (unsigned i = 0; i < x->nattrs; i++) {
		const struct exchange_attr *a = &x->attr[i];

		if (a->def->type == ATTR_STRING)
			attr_list_text(l, a->def, exchange_str(x, a->s));
		else
			attr_list_number(l, a->def, a->n);
	}
}

static void add_names(const struct exchange *x, struct attr_list *l)
{
	struct attr a;

	for (unsigned i = 0; naming_attr(x, i, &a); i++)
		if (a.def->type == ATTR_STRING)
			attr_list_text(l, a.def, a.s);
		else
			attr_list_number(l, a.def, a.n);
}

void exchange_attrs(const struct exchange *x, const struct span *s, struct attr_list *l)
{
	if (x->protocol == &grpc_name)
		add_grpc(x, s, l);
	if (x->error_code >= 0)
		attr_list_number(l, ATTR(error_code), (uint64_t)x->error_code);
	if (x->stall)
		attr_list_number(l, ATTR(stall), x->stall);
	if (x->retries)
		attr_list_number(l, ATTR(retries), x->retries);
	add_messages(x, s, l);
	add_told(x, s, l);
	if (x->naming)
		add_names(x, l);
}
