#include "core/plain_tie.h"

#include <string.h>

#include "core/engine_impl.h"
#include "core/exchange_link.h"
#include "core/plain.h"
#include "core/tls_conn.h"

#define RECORD_MIN 22u	    /* octets that a record has beside its content, at least (RFC 8446) */
#define RECORD_MAX 16384u   /* of content */
#define RECORD_SPARE 256u   /* what it may have beside it: padding, tickets, a last small record */
#define AGREE 2u	    /* pieces of evidence that make a tie, or undo one */

/* ---- identity */

uint32_t plain_seq(const struct conn *c, int dir, uint64_t pos)
{
	if (!c->stream.anchored)
		return (uint32_t)pos;
	return c->stream.anchor[dir] + (uint32_t)pos - (uint32_t)c->half[dir].stream.first;
}

int plain_is_private(const struct conn *c)
{
	return c->stream.lib && !c->stream.anchored;
}

int plain_first(const struct conn *c, uint32_t first[2])
{
	for (int d = 0; d < 2; d++) {
		if (!c->half[d].stream.from_syn && !c->stream.anchored)
			return 0;
		first[d] = c->stream.anchored ? c->stream.anchor[d] : (uint32_t)c->half[d].stream.first;
	}
	return 1;
}

/* Positions of both are counted from the connection's beginning. */
void plain_anchor(struct conn *c)
{
	const struct conn *s = c->carrier;

	if (c->stream.anchored || c->late || !s->half[0].stream.from_syn || !s->half[1].stream.from_syn)
		return;
	for (int d = 0; d < 2; d++)
		c->stream.anchor[d] = (uint32_t)s->half[d].stream.first;
	c->stream.anchored = 1;
}

/* ---- carriers */

static void untie(struct conn *c)
{
	if (!c->carrier)
		return;
	c->carrier->plain = NULL;
	c->carrier = NULL;
	c->has_addr = 0;
	c->id_hash_valid = 0;
	c->stream.anchored = 0;
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
	c->late = !c->stream.fresh;
	c->open_time = s->open_time;
	c->established_time = s->established_time;
	if (s->pid) {
		c->pid = s->pid;
		memcpy(c->comm, s->comm, sizeof(c->comm));
	}
	exchange_conn_known(e, s); /* what comes is seen here, and is no blind spot */
}

static void tie(struct engine *e, struct conn *c, struct conn *s)
{
	if (s->plain)
		untie(s->plain);
	untie(c);
	c->carrier = s;
	s->plain = c;
	tls_conn_twin(s);
	take_over(e, c, s);
	plain_anchor(c);
	engine_tied(e, c);
}

/* The socket was used inside the library's call. */
void plain_tie_fact(struct engine *e, struct conn *c, uint64_t sock)
{
	struct conn *s;

	if (c->carrier && c->carrier->cookie == sock)
		return;
	s = conn_find(&e->conns, sock);
	if (s && !s->stream.lib)
		tie(e, c, s);
}

/* Tied by evidence to s, which evidence about another socket contradicts. */
static void contradict(struct engine *e, struct conn *c)
{
	if (++c->stream.against < AGREE)
		return;
	untie(c);
	c->stream.hopeless = 1;
	engine_tied(e, c);
}

void plain_tie_evidence(struct engine *e, struct conn *c, uint64_t sock)
{
	struct conn *s;

	if (c->stream.hopeless)
		return;
	if (c->carrier) {
		if (c->carrier->cookie == sock)
			c->stream.against = 0;
		else
			contradict(e, c);
		return;
	}
	if (c->stream.candidate != sock) {
		c->stream.candidate = sock;
		c->stream.agree = 0;
	}
	if (++c->stream.agree < AGREE)
		return;
	s = conn_find(&e->conns, sock);
	if (!s)
		engine_ignore(e, c); /* a socket that is not traced */
	else if (!s->plain && !s->stream.lib)
		tie(e, c, s);
}

/* Can n octets of plaintext have become, or been, so much ciphertext? */
int plain_sizes_fit(uint32_t plain, uint32_t wire, int dir)
{
	uint32_t records = plain / RECORD_MAX + 1;

	if (wire < plain + RECORD_MIN)
		return 0;
	/* what was read may hold several messages, what is written is just this */
	return dir == ZC_RX || wire <= plain + records * RECORD_SPARE + plain / 64 * RECORD_MIN;
}

/* ---- ends */

void plain_carrier_ended(struct engine *e, struct conn *c)
{
	struct conn *p = c->plain;

	if (!p)
		return;
	p->reset |= c->reset;
	for (int d = 0; d < 2; d++)
		if (!p->half[d].fin_time)
			p->half[d].fin_time = c->half[d].fin_time;
	engine_bury(e, p, c->end_time);
}

void plain_forget(struct conn *c)
{
	if (c->carrier)
		c->carrier->plain = NULL;
	if (c->plain) {
		tls_conn_hand_over(c, c->plain);
		c->plain->carrier = NULL;
	}
	c->carrier = c->plain = NULL;
}
