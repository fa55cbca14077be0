#include "core/tls_info.h"

#include <stdlib.h>
#include <string.h>

#include "bpf/tls.h"
#include "core/engine_impl.h"

void tls_info_free_wire(struct conn *c)
{
	if (!c->session.handshake->wire)
		return;
	free(c->session.handshake->wire);
	c->session.handshake->wire = NULL;
	c->engine->tls_opening--;
}

void tls_info_free(struct conn *c)
{
	if (!c->session.handshake)
		return;
	tls_info_free_wire(c);
	free(c->session.handshake);
	c->session.handshake = NULL;
}

void tls_info_bind(struct conn *c)
{
	if (c->session.handshake)
		c->session.handshake->lib = c->tls_stream->session.lib;
}

void tls_info_library(struct conn *c, int lib)
{
	if (c->session.handshake && !c->session.handshake->lib && lib <= ZC_TLS_GO)
		c->session.handshake->lib = (uint8_t)lib;
}

void tls_info_unbind(struct conn *c)
{
	if (c->session.handshake && c->tls_stream->nexchanges)
		c->session.handshake->spoke = 1;
}

const struct tls_conn *tls_info_of(const struct conn *c)
{
	if (c->session.handshake || !c->socket)
		return c->session.handshake;
	return c->socket->session.handshake;
}

void tls_info_hand_over(struct conn *from, struct conn *to)
{
	if (!from->session.handshake || to->session.handshake)
		return;
	tls_info_free_wire(from);
	to->session.handshake = from->session.handshake;
	from->session.handshake = NULL;
}

/* Alerts received are reasons from here on, in OpenSSL and BoringSSL (SSL_AD_REASON_OFFSET). */
#define REASON_ALERT 1000u

void tls_info_fault(struct conn *c, int lib, uint32_t reason)
{
	struct tls_handshake *hs = c->session.handshake ? &c->session.handshake->hs : NULL;

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
