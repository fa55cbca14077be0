#include "core/tls_info.h"

#include <stdlib.h>
#include <string.h>

#include "bpf/tls.h"
#include "core/engine_impl.h"

void tls_info_free_wire(struct conn *c)
{
	if (!c->tls->wire)
		return;
	free(c->tls->wire);
	c->tls->wire = NULL;
	c->engine->tls_opening--;
}

void tls_info_free(struct conn *c)
{
	if (!c->tls)
		return;
	tls_info_free_wire(c);
	free(c->tls);
	c->tls = NULL;
}

void tls_info_bind(struct conn *c)
{
	if (c->tls)
		c->tls->lib = c->tls_stream->session.lib;
}

void tls_info_library(struct conn *c, int lib)
{
	if (c->tls && !c->tls->lib && lib <= ZC_TLS_GO)
		c->tls->lib = (uint8_t)lib;
}

void tls_info_unbind(struct conn *c)
{
	if (c->tls && c->tls_stream->nexchanges)
		c->tls->spoke = 1;
}

const struct tls_conn *tls_info_of(const struct conn *c)
{
	if (c->tls || !c->socket)
		return c->tls;
	return c->socket->tls;
}

void tls_info_hand_over(struct conn *from, struct conn *to)
{
	if (!from->tls || to->tls)
		return;
	tls_info_free_wire(from);
	to->tls = from->tls;
	from->tls = NULL;
}

/* Alerts received are reasons from here on, in OpenSSL and BoringSSL (SSL_AD_REASON_OFFSET). */
#define REASON_ALERT 1000u

void tls_info_fault(struct conn *c, int lib, uint32_t reason)
{
	struct tls_handshake *hs = c->tls ? &c->tls->hs : NULL;

	if (!hs || (lib != ZC_TLS_OPENSSL && lib != ZC_TLS_BORINGSSL))
		return;
	if (reason < REASON_ALERT || reason > REASON_ALERT + UINT8_MAX)
		return;
	if (hs->alert < 0 && hs->alert_dir != ZC_TX) { /* ours would have been sent, not received */
		hs->alert = (int16_t)(reason - REASON_ALERT);
		hs->alert_dir = ZC_RX;
	}
}

static struct str text_of(const char *s)
{
	return (struct str){*s ? s : NULL, strlen(s)};
}

void tls_info_attrs(const struct tls_conn *t, int first, struct attr_list *l)
{
	const struct tls_handshake *hs = &t->hs;

	if (hs->version)
		attr_list_number(l, ATTR(tls_version), hs->version);
	if (hs->cipher)
		attr_list_number(l, ATTR(tls_cipher), hs->cipher);
	attr_list_text(l, ATTR(tls_sni), text_of(t->sni));
	attr_list_text(l, ATTR(tls_alpn), text_of(t->alpn));
	if (!first)
		return;
	if (hs->state == TLS_OPEN && hs->timed)
		attr_list_number(l, ATTR(handshake),
				 hs->end_time > hs->begin_time ? hs->end_time - hs->begin_time : 0);
	if (hs->alert_dir == TLS_NO_DIR || hs->client == TLS_NO_DIR)
		return;
	if (hs->alert >= 0)
		attr_list_number(l, ATTR(tls_alert), (uint64_t)hs->alert);
	attr_list_text(l, ATTR(tls_alert_from),
		       text_of(hs->alert_dir == hs->client ? "client" : "server"));
}
