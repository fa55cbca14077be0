#include "core/tls_unbound.h"

#include "core/engine_impl.h"
#include "core/tls_session.h"

void tls_unbound_end(struct engine *e, struct conn *c)
{
	struct tls_unbound_past *past = &e->tls_unbound_past;
	unsigned i = past->n % TLS_UNBOUND_PAST;

	if (!c->session)
		return;
	if (list_linked(&c->session->unbound) && c->nexchanges && !c->session->counted) {
		past->stream[i].born = c->session->born;
		past->stream[i].pid = c->pid;
		past->n++;
	}
	list_unlink(&c->session->unbound);
}

int tls_unbound_take(struct engine *e, const struct conn *c)
{
	uint64_t open = c->open_time ? c->open_time + (uint64_t)e->opt.wall_offset : 0;
	struct tls_unbound_past *past = &e->tls_unbound_past;

	for (struct list *n = e->tls_unbound.next; n != &e->tls_unbound; n = n->next) {
		struct tls_session *s = list_entry(n, struct tls_session, unbound);

		if (s->conn->pid == c->pid && s->conn->nexchanges && !s->counted &&
		    s->born >= open) {
			s->counted = 1;
			return 1;
		}
	}
	for (unsigned i = 0; c->pid && i < TLS_UNBOUND_PAST && i < past->n; i++)
		if (past->stream[i].pid == c->pid && past->stream[i].born >= open) {
			past->stream[i].pid = 0;
			return 1;
		}
	return 0;
}
