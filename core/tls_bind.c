#include "core/tls_bind.h"
#include "core/conn_input.h"

#include <string.h>

#include "core/engine_impl.h"
#include "core/exchange_link.h"
#include "core/tls_info.h"
#include "core/tls_session.h"
#include "core/tls_stream.h"

#define RECORD_MIN 22u	    /* octets that a record has beside its content, at least (RFC 8446) */
#define RECORD_MAX 16384u   /* of content */
#define RECORD_SPARE 256u   /* what it may have beside it: padding, tickets, a last small record */
#define AGREE_EXACT 3u
#define OVERHEAD_MAX 64u    /* of one record */
#define AGREE 2u	    /* pieces of evidence that make a tie, or undo one */

/* Positions of both are counted from the connection's beginning. */
void tls_stream_anchor(struct conn *c)
{
	const struct conn *s = c->socket;

	if (!s || c->session->anchored || c->preexisting || !s->half[0].reasm.from_syn ||
	    !s->half[1].reasm.from_syn)
		return;
	for (int d = 0; d < 2; d++)
		c->session->anchor[d] = (uint32_t)s->half[d].reasm.first;
	c->session->anchored = 1;
}

/* ---- sockets */

static void leave_socket(struct conn *c)
{
	tls_info_unbind(c->socket);
	c->socket->tls_stream = NULL;
	c->socket = NULL;
}

/* c has a socket that is not its own. */
static void unbind(struct engine *e, struct conn *c)
{
	struct conn *s = c->socket;

	leave_socket(c);
	list_append(&e->tls_unbound, &c->session->unbound);
	if (tls_info_own(s)) {
		/* it was shown in that socket's place */
		c->session->counted = tls_info_own(s)->spoke;
		tls_info_own(s)->lib = 0;
	}
	c->has_addr = 0;
	c->session->sock = 0;
	c->role = ZC_ROLE_UNKNOWN;
	c->open_time = c->established_time = 0;
	c->id_hash_valid = 0;
	c->session->anchored = 0;
	c->session->binding_refuted = 1;
	conn_bound(e, c);
}

/* c has had its socket, which serves another stream now. */
static void succeed(struct engine *e, struct conn *c)
{
	tls_stream_forget(c);
	conn_close(e, c, e->now);
}

static void take_over(struct engine *e, struct conn *c, struct conn *s)
{
	memcpy(c->laddr, s->laddr, 16);
	memcpy(c->raddr, s->raddr, 16);
	c->lport = s->lport;
	c->rport = s->rport;
	c->has_addr = s->has_addr;
	c->id_hash_valid = 0;
	c->role = s->role;
	c->preexisting = !c->session->fresh;
	c->open_time = s->open_time;
	c->established_time = s->established_time;
	if (s->pid) {
		c->pid = s->pid;
		memcpy(c->comm, s->comm, sizeof(c->comm));
	}
	exchange_conn_known(e, s); /* what comes is seen here, and is no blind spot */
}

void tls_stream_socket_known(struct engine *e, struct conn *c)
{
	if (!c->tls_stream)
		return;
	take_over(e, c->tls_stream, c);
	tls_stream_anchor(c->tls_stream);
}

static void bind(struct engine *e, struct conn *c, struct conn *s)
{
	if (s->forgotten) {
		conn_ignore(e, c);
		return;
	}
	if (s->tls_stream && s->tls_stream->session->fact)
		succeed(e, s->tls_stream);
	else if (s->tls_stream)
		unbind(e, s->tls_stream);
	if (c->socket)
		leave_socket(c);
	list_unlink(&c->session->unbound);
	c->socket = s;
	c->session->sock = s->cookie;
	c->session->against = 0;
	s->tls_stream = c;
	tls_info_bind(s);
	take_over(e, c, s);
	tls_stream_anchor(c);
	conn_bound(e, c);
	if (list_linked(&s->closing))
		tls_stream_socket_ended(e, s);
}

void tls_bind_fact(struct engine *e, struct conn *c, uint64_t sock)
{
	struct conn *s;

	if (c->socket && c->socket->cookie == sock) {
		c->session->fact = 1;
		return;
	}
	s = conn_find(&e->conns, sock);
	if (!s || s->session || (s->tls_stream && list_linked(&c->closing)))
		return;
	bind(e, c, s);
	c->session->fact = 1;
}

/* Evidence about another socket than that to which c is tied. */
static void contradict(struct engine *e, struct conn *c)
{
	if (++c->session->against >= AGREE)
		unbind(e, c);
}

/* One message in one record, of the same overhead as those before: lengths agree to the octet. */
static void count_exact(struct tls_session *t, const struct tls_stream_piece *p)
{
	uint32_t overhead = p->wire - p->plain;

	if (!p->plain || p->wire <= p->plain || overhead > OVERHEAD_MAX)
		return;
	if (!t->exact) {
		t->overhead = overhead;
		t->first_len = p->plain;
	}
	if (overhead != t->overhead)
		return;
	t->distinct |= p->plain != t->first_len;
	if (t->exact < UINT8_MAX)
		t->exact++;
}

/*
 * A piece for c, which has no socket. 1: it is enough. Where a thread is busy with several
 * connections, it may do with each of them what another's octets are about, always by the same
 * number of steps: then only lengths that agree, and that are not always the same, say something.
 */
static int enough(struct conn *c, const struct tls_stream_piece *p)
{
	struct tls_session *t = c->session;

	if (t->candidate != p->sock) {
		/* what has misled once is to be stronger the next time */
		if (t->candidate && t->against < UINT8_MAX - AGREE)
			t->against++;
		t->candidate = p->sock;
		t->agree = t->exact = t->distinct = 0;
	}
	count_exact(t, p);
	if (p->alone && t->agree < UINT8_MAX)
		t->agree++;
	return t->agree >= AGREE + t->against ||
	       (t->distinct && t->exact >= AGREE_EXACT + t->against);
}

void tls_bind_evidence(struct engine *e, struct conn *c, const struct tls_stream_piece *p)
{
	uint64_t sock = p->sock;
	struct conn *s;

	if (c->session->binding_refuted || c->session->fact || !sock || sock & ZC_TLS_STREAM)
		return;
	if (c->socket) {
		if (c->socket->cookie == sock)
			c->session->against = 0;
		else
			contradict(e, c);
		return;
	}
	/* with an address, it had a socket, which is gone from the table */
	if (c->has_addr || !enough(c, p))
		return;
	s = conn_find(&e->conns, sock);
	if (!s)
		conn_ignore(e, c); /* a socket that is not traced */
	else if (!s->tls_stream && !s->session)
		bind(e, c, s);
}

/* Can n octets of plaintext have become, or been, so much ciphertext? */
int tls_stream_sizes_fit(uint32_t plain, uint32_t wire, int dir)
{
	uint64_t n = plain, records = n / RECORD_MAX + 1;

	if (wire < n + RECORD_MIN)
		return 0;
	/* what was read may hold several messages, what is written is just this */
	return dir == ZC_RX || wire <= n + records * RECORD_SPARE + n / 64 * RECORD_MIN;
}

/* ---- ends */

void tls_stream_socket_ended(struct engine *e, struct conn *c)
{
	struct conn *p = c->tls_stream;

	if (!p)
		return;
	p->reset |= c->reset;
	p->given_up = c->given_up;
	p->unread = c->unread;
	p->network.reset_time = c->network.reset_time;
	p->network.reset_dir = c->network.reset_dir;
	p->network.rtt_us = c->network.rtt_us;
	for (int d = 0; d < 2; d++)
		if (!p->half[d].reasm.fin_time)
			p->half[d].reasm.fin_time = c->half[d].reasm.fin_time;
	conn_close(e, p, c->end_time);
}

void tls_stream_forget(struct conn *c)
{
	struct conn *p = c->tls_stream;

	if (c->socket)
		leave_socket(c);
	if (p) {
		tls_info_hand_over(c, p);
		p->peer_pid = c->peer_pid;
		memcpy(p->peer_comm, c->peer_comm, sizeof(p->peer_comm));
		p->socket = NULL;
	}
	c->tls_stream = NULL;
}
