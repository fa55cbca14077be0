#include "core/conn_ops.h"

#include "core/http2_conn.h"
#include "core/pairing.h"
#include "core/tls_conn.h"
#include "core/websocket_conn.h"

/* Those whose messages do not just follow each other. */
static const struct conn_ops *const own[] = {&tls_conn_ops, &http2_conn_ops, &websocket_conn_ops};

const struct conn_ops *conn_ops_of(const struct protocol_name *name)
{
	for (unsigned i = 0; i < sizeof(own) / sizeof(own[0]); i++)
		if (own[i]->name == name)
			return own[i];
	return &pairing_ops;
}
