#include "core/plain_tie.h"

#include <string.h>

#include "core/engine_impl.h"
#include "core/exchange_link.h"
#include "core/id.h"
#include "core/plain.h"
#include "core/tls_conn.h"

#define RECORD_MIN 22u	    /* octets that a record has beside its content, at least (RFC 8446) */
#define RECORD_MAX 16384u   /* of content */
#define RECORD_SPARE 256u   /* what it may have beside it: padding, tickets, a last small record */
#define AGREE_EXACT 3u
#define OVERHEAD_MAX 64u    /* of one record */
#define AGREE 2u	    /* pieces of evidence that make a tie, or undo one */

/* ---- identity */

uint32_t plain_seq(const struct conn *c, int dir, uint64_t pos)
{
	if (!c->stream.anchored)
		return (uint32_t)pos;
	return c->stream.anchor[dir] + (uint32_t)pos;
}

#define NO_SOCKET (1ull << 52)

uint64_t plain_conn(const struct conn *c)
{
	if (!c->stream.lib)
		return c->cookie;
	return c->stream.sock ? c->stream.sock : NO_SOCKET | (c->cookie & ~ZC_TLS_STREAM);
}

int plain_is_private(const struct conn *c)
{
	return c->stream.lib && !c->stream.anchored;
}

uint64_t plain_hash(const struct conn *c, uint64_t connection)
{
	if (!c->has_addr || plain_is_private(c))
		return id_mix(c->cookie, c->stream.born); /* each run numbers them anew */
	return c->stream.lib ? id_mix(connection, 1) : connection;
}

int plain_first(const struct conn *c, uint32_t first[2])
{
	if (plain_is_private(c))
		return 0;
	for (int d = 0; d < 2; d++) {
		if (!c->half[d].stream.from_syn && !c->stream.anchored)
			return 0;
		first[d] = c->stream.anchored ? c->stream.anchor[d]
					      : (uint32_t)c->half[d].stream.first;
	}
	return 1;
}

/* Positions of both are counted from the connection's beginning. */
void plain_anchor(struct conn *c)
{
	const struct conn *s = c->carrier;

	if (!s || c->stream.anchored || c->late || !s->half[0].stream.from_syn ||
	    !s->half[1].stream.from_syn)
		return;
	for (int d = 0; d < 2; d++)
		c->stream.anchor[d] = (uint32_t)s->half[d].stream.first;
	c->stream.anchored = 1;
}

/* ---- carriers */

static void leave_carrier(struct conn *c)
{
	tls_conn_untwin(c->carrier);
	c->carrier->plain = NULL;
	c->carrier = NULL;
}

/* c has a carrier that is not its own. */
static void untie(struct engine *e, struct conn *c)
{
	struct conn *s = c->carrier;

	leave_carrier(c);
	if (s->tls)
		s->tls->lib = 0;
	c->has_addr = 0;
	c->stream.sock = 0;
	c->role = ZC_ROLE_UNKNOWN;
	c->open_time = c->established_time = 0;
	c->id_hash_valid = 0;
	c->stream.anchored = 0;
	c->stream.hopeless = 1;
	engine_tied(e, c);
}

/* c has had its carrier, which serves another stream now. */
static void succeed(struct engine *e, struct conn *c)
{
	plain_forget(c);
	engine_bury(e, c, e->now);
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

void plain_carrier_known(struct engine *e, struct conn *c)
{
	if (!c->plain)
		return;
	take_over(e, c->plain, c);
	plain_anchor(c->plain);
}

static void tie(struct engine *e, struct conn *c, struct conn *s)
{
	if (s->forgotten) {
		engine_ignore(e, c);
		return;
	}
	if (s->plain && s->plain->stream.fact)
		succeed(e, s->plain);
	else if (s->plain)
		untie(e, s->plain);
	if (c->carrier)
		leave_carrier(c);
	c->carrier = s;
	c->stream.sock = s->cookie;
	c->stream.against = 0;
	s->plain = c;
	tls_conn_twin(s);
	take_over(e, c, s);
	plain_anchor(c);
	engine_tied(e, c);
	if (list_linked(&s->closing))
		plain_carrier_ended(e, s);
}

void plain_tie_fact(struct engine *e, struct conn *c, uint64_t sock)
{
	struct conn *s;

	if (c->carrier && c->carrier->cookie == sock) {
		c->stream.fact = 1;
		return;
	}
	s = conn_find(&e->conns, sock);
	if (!s || s->stream.lib || (s->plain && list_linked(&c->closing)))
		return;
	tie(e, c, s);
	c->stream.fact = 1;
}

/* Evidence about another socket than that to which c is tied. */
static void contradict(struct engine *e, struct conn *c)
{
	if (++c->stream.against >= AGREE)
		untie(e, c);
}

/* One message in one record, of the same overhead as those before: lengths agree to the octet. */
static void count_exact(struct conn_stream *t, const struct plain_piece *p)
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
 * A piece for c, which has no carrier. 1: it is enough. Where a thread is busy with several
 * connections, it may do with each of them what another's octets are about, always by the same
 * number of steps: then only lengths that agree, and that are not always the same, say something.
 */
static int enough(struct conn *c, const struct plain_piece *p)
{
	struct conn_stream *t = &c->stream;

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

void plain_tie_evidence(struct engine *e, struct conn *c, const struct plain_piece *p)
{
	uint64_t sock = p->sock;
	struct conn *s;

	if (c->stream.hopeless || c->stream.fact || !sock || sock & ZC_TLS_STREAM)
		return;
	if (c->carrier) {
		if (c->carrier->cookie == sock)
			c->stream.against = 0;
		else
			contradict(e, c);
		return;
	}
	/* with an address, it had a carrier, which is gone from the table */
	if (c->has_addr || !enough(c, p))
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
	uint64_t n = plain, records = n / RECORD_MAX + 1;

	if (wire < n + RECORD_MIN)
		return 0;
	/* what was read may hold several messages, what is written is just this */
	return dir == ZC_RX || wire <= n + records * RECORD_SPARE + n / 64 * RECORD_MIN;
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
	struct conn *p = c->plain;

	if (c->carrier)
		leave_carrier(c);
	if (p) {
		tls_conn_hand_over(c, p);
		p->peer_pid = c->peer_pid;
		memcpy(p->peer_comm, c->peer_comm, sizeof(p->peer_comm));
		p->carrier = NULL;
	}
	c->plain = NULL;
}
