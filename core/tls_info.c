#include "core/tls_info.h"

#include <stdlib.h>
#include <string.h>

#include "bpf/tls.h"
#include "core/engine_impl.h"
#include "core/tls_session.h"
#include "parsers/tls/tls_protocol.h"

struct tls_conn *tls_info_own(const struct conn *c)
{
	return c->protocol == &tls_protocol ? c->state : NULL;
}

static void free_wire(struct engine *e, struct tls_conn *t)
{
	if (!t || !t->wire)
		return;
	free(t->wire);
	t->wire = NULL;
	e->tls_opening--;
}

void tls_info_free_wire(struct conn *c)
{
	free_wire(c->engine, tls_info_own(c));
}

void tls_info_free(struct conn *c)
{
	struct tls_conn *t = tls_info_own(c);

	free_wire(c->engine, t);
	free(t);
	if (t)
		c->state = NULL;
	if (c->session)
		free(c->session->handshake);
}

void tls_info_bind(struct conn *c)
{
	struct tls_conn *t = tls_info_own(c);

	if (t)
		t->lib = c->tls_stream->session->lib;
}

void tls_info_library(struct conn *c, int lib)
{
	struct tls_conn *t = tls_info_own(c);

	if (t && !t->lib && lib <= ZC_TLS_GO)
		t->lib = (uint8_t)lib;
}

void tls_info_unbind(struct conn *c)
{
	struct tls_conn *t = tls_info_own(c);

	if (t && c->tls_stream->nexchanges)
		t->spoke = 1;
}

const struct tls_conn *tls_info_of(const struct conn *c)
{
	const struct tls_conn *t = tls_info_own(c);

	if (t || !c->session)
		return t;
	if (c->session->handshake || !c->socket)
		return c->session->handshake;
	return tls_info_own(c->socket);
}

void tls_info_hand_over(struct conn *from, struct conn *to)
{
	struct tls_conn *t = tls_info_own(from);

	if (!t || to->session->handshake)
		return;
	free_wire(from->engine, t);
	to->session->handshake = t;
	from->state = NULL;
}

/* Alerts received are reasons from here on, in OpenSSL and BoringSSL (SSL_AD_REASON_OFFSET). */
#define REASON_ALERT 1000u

void tls_info_fault(struct conn *c, int lib, uint32_t reason)
{
	struct tls_conn *t = tls_info_own(c);
	struct tls_handshake *hs = t ? &t->hs : NULL;

	if (!hs || (lib != ZC_TLS_OPENSSL && lib != ZC_TLS_BORINGSSL))
		return;
	if (reason < REASON_ALERT || reason > REASON_ALERT + UINT8_MAX)
		return;
	if (hs->alert < 0 && hs->alert_dir != ZC_TX) { /* ours would have been sent, not received */
		hs->alert = (int16_t)(reason - REASON_ALERT);
		hs->alert_dir = ZC_RX;
	}
}

const char *tls_info_unseen(const struct conn *c)
{
	const struct tls_conn *t = tls_info_own(c);
	const struct engine_options *o = &c->engine->opt;
	struct process_names names = {0};

	if (!t || !c->pid || t->spoke || t->hs.state == TLS_FAILED)
		return NULL;
	if (c->tls_stream && (c->tls_stream->nexchanges || c->tls_stream->protocol))
		return NULL;
	if (c->tls_stream)
		return "its cleartext is of no protocol that is known";
	if (t->lib && !c->preexisting && !c->lost)
		return "nothing was read or written in it";
	if (o->tls_unseen)
		o->tls_unseen(o->ctx, c->pid);
	if (o->process_names)
		o->process_names(o->ctx, c->pid, &names);
	if (names.tls_unseen)
		return names.tls_unseen;
	return c->preexisting ? "it was open before its library was probed" :
				"no call of a probed library belongs to it";
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
