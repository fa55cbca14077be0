#include "core/conn_id.h"

#include "bpf/tls.h"
#include "core/conn.h"
#include "core/id.h"
#include "core/tls_session.h"

uint32_t conn_id_seq(const struct conn *c, int dir, uint64_t pos)
{
	if (!tls_session_anchored(c))
		return (uint32_t)pos;
	return c->session->anchor[dir] + (uint32_t)pos;
}

#define NO_SOCKET (1ull << 52)

uint64_t conn_id_shown(const struct conn *c)
{
	if (!c->session)
		return c->cookie;
	return c->session->sock ? c->session->sock : NO_SOCKET | (c->cookie & ~ZC_TLS_STREAM);
}

/* Is c a stream whose positions mean nothing at the other end? */
static int conn_id_is_private(const struct conn *c)
{
	return c->session && !tls_session_anchored(c);
}

uint64_t conn_id_hash(const struct conn *c, uint64_t connection)
{
	if (!c->has_addr || conn_id_is_private(c))
		/* each run numbers them anew */
		return id_mix(c->cookie, c->session ? c->session->born : 0);
	return c->session ? id_mix(connection, 1) : connection;
}

int conn_id_first(const struct conn *c, uint32_t first[2])
{
	if (conn_id_is_private(c))
		return 0;
	for (int d = 0; d < 2; d++) {
		if (!c->half[d].reasm.from_syn && !tls_session_anchored(c))
			return 0;
		first[d] = tls_session_anchored(c) ? c->session->anchor[d]
						   : (uint32_t)c->half[d].reasm.first;
	}
	return 1;
}
