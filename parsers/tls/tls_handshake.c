#include "parsers/tls/tls_handshake.h"

#include <string.h>

#define CLOSE_NOTIFY 0
#define USER_CANCELED 90
#define FLIGHT_RECORDS 3u /* Certificate, CertificateVerify, Finished */

struct where {
	uint64_t start, end, begin, now;
};

void tls_handshake_init(struct tls_handshake *h)
{
	memset(h, 0, sizeof(*h));
	h->client = h->alert_dir = TLS_NO_DIR;
	h->alert = -1;
}

static int is_13(const struct tls_handshake *h)
{
	return h->version >= TLS_VERSION_1_3;
}

/* ---- how it ends */

static void open_now(struct tls_handshake *h)
{
	h->state = TLS_OPEN;
	h->timed &= h->end_time != 0;
	/* it was a warning */
	h->alert_dir = TLS_NO_DIR;
	h->alert = -1;
}

static void fail(struct tls_handshake *h, unsigned dir, const struct where *w)
{
	h->state = TLS_FAILED;
	h->alert_dir = (uint8_t)dir;
	h->alert = -1;
	h->end_time = w->now;
}

/* The client's last flight is complete. */
static void client_done(struct tls_handshake *h, uint64_t end, uint64_t time)
{
	h->done[h->client] = 1;
	h->app_pos[h->client] = end;
	h->end_time = time;
}

/* ---- hellos */

/* Lengths of encrypted records: a header of four, the hash, the type, the tag of the AEAD. */
static void set_lengths(struct tls_handshake *h)
{
	unsigned hash = 32, tag = 16;

	switch (h->cipher) {
	case 0x1302: hash = 48; break;
	case 0x1305: tag = 8; break;
	case 0x1301:
	case 0x1303:
	case 0x1304:
	case 0x00c6:
	case 0x00c7: break;
	default: return;
	}
	h->finished = (uint16_t)(4 + hash + 1 + tag);
	h->eoed_len = (uint16_t)(4 + 1 + tag);
	h->alert_len = (uint16_t)(2 + 1 + tag);
}

static void on_client_hello(struct tls_handshake *h, unsigned dir, const struct tls_hello *hello,
			    const struct where *w)
{
	h->client = (uint8_t)dir;
	h->torn[dir] = 0;
	if (h->client_hello) /* the answer to a HelloRetryRequest */
		return;
	h->client_hello = 1;
	h->early_data = hello->early_data;
	h->session_len = hello->session_len;
	memcpy(h->session, hello->session, sizeof(h->session));
	h->begin_time = w->begin;
	h->begin_pos = w->start;
	h->timed = 1;
}

static void on_server_hello(struct tls_handshake *h, unsigned dir, const struct tls_hello *hello)
{
	h->client = !dir;
	h->torn[dir] = 0;
	h->version = hello->version;
	h->cipher = hello->cipher;
	if (hello->retry) {
		h->retried = 1;
		return;
	}
	h->server_hello = 1;
	if (is_13(h)) {
		h->resumed = hello->psk;
		set_lengths(h);
	} else if (h->client_hello && h->session_len) {
		h->resumed = hello->session_len == h->session_len &&
			     !memcmp(hello->session, h->session, h->session_len);
	}
}

static void on_hello(struct tls_handshake *h, unsigned dir, const struct tls_event *ev,
		     const struct where *w)
{
	if (ev->message == TLS_CLIENT_HELLO && !h->server_hello)
		on_client_hello(h, dir, ev->hello, w);
	else if (ev->message == TLS_SERVER_HELLO && !h->server_hello && h->client != dir)
		on_server_hello(h, dir, ev->hello);
}

/* ---- alerts in clear */

static void on_alert(struct tls_handshake *h, unsigned dir, const struct tls_event *ev,
		     const struct where *w)
{
	int closing = ev->alert == CLOSE_NOTIFY || ev->alert == USER_CANCELED;

	/* in TLS 1.3 the level says nothing, section 6 */
	if (ev->level == 2 || (is_13(h) && !closing))
		fail(h, dir, w);
	h->alert_dir = (uint8_t)dir;
	h->alert_level = ev->level;
	h->alert = ev->alert;
}

/* ---- TLS 1.2 and before */

static void on_ccs(struct tls_handshake *h, unsigned dir)
{
	h->ccs[dir] = 1;
	/* a server that is not done with its first flight and yet is done */
	if (h->server_hello && h->version && !is_13(h) && dir != h->client && !h->hello_done &&
	    !h->torn[dir])
		h->resumed = 1;
}

static void on_old_record(struct tls_handshake *h, unsigned dir, const struct tls_event *ev,
			  const struct where *w)
{
	if (ev->content == TLS_ALERT && !h->done[dir] && h->client != TLS_NO_DIR) {
		fail(h, dir, w);
		return;
	}
	if (ev->content == TLS_HANDSHAKE && h->ccs[dir] && !h->done[dir]) {
		h->done[dir] = 1;
		h->app_pos[dir] = w->end;
		if (dir == h->client)
			h->end_time = w->now;
	} else if (ev->content == TLS_ALERT && h->client == dir && !h->done[!dir]) {
		fail(h, dir, w); /* of the server's Finished, or of what came with it */
		return;
	} else if (ev->content == TLS_APPLICATION_DATA) {
		/* its Finished was missed, or there was none to be seen */
		h->done[dir] = 1;
	}
	if (h->done[0] && h->done[1])
		open_now(h);
}

/* ---- TLS 1.3 */

/* Before the client's second flight. */
static void on_server_record(struct tls_handshake *h, unsigned dir, const struct tls_event *ev,
			     const struct where *w)
{
	/* EncryptedExtensions, Certificate and CertificateVerify come before it */
	unsigned before = h->resumed ? 1 : 3;

	if (!h->nflight[dir]) {
		if (ev->length == h->alert_len && !h->torn[dir]) {
			fail(h, dir, w);
			return;
		}
		h->server_end = w->end;
	}
	if (h->nflight[dir] < UINT8_MAX)
		h->nflight[dir]++;
	if (ev->length == h->finished && h->nflight[dir] > before) {
		h->app_pos[dir] = w->end;
		h->nfinished = h->nfinished ? 2 : 1;
	}
}

/* The client answers the server's flight, which thus is complete. */
static void server_done(struct tls_handshake *h)
{
	unsigned server = !h->client;

	h->done[server] = 1;
	if (h->nflight[server] == 1)
		h->app_pos[server] = h->server_end;
	else if (h->nfinished != 1)
		h->app_pos[server] = 0;
	if (h->torn[server])
		h->app_pos[server] = 0;
}

/* 1: it is early data, or their end. */
static int is_early(struct tls_handshake *h, const struct tls_event *ev)
{
	if (!h->early_data || h->retried || h->eoed || h->nflight[h->client])
		return 0;
	if (ev->length == h->finished)
		return 0;
	h->eoed = ev->length == h->eoed_len;
	return 1;
}

static void on_client_record(struct tls_handshake *h, unsigned dir, const struct tls_event *ev,
			     const struct where *w)
{
	if (is_early(h, ev))
		return;
	if (!h->nflight[dir])
		server_done(h);
	h->nflight[dir]++;
	if (ev->length == h->finished) {
		client_done(h, w->end, w->now);
		/* it may have presented a certificate, which the server may not like */
		if (h->nflight[dir] == 1)
			open_now(h);
		return;
	}
	if (h->nflight[dir] == 1 && ev->length == h->alert_len) {
		fail(h, dir, w);
		return;
	}
	if (h->nflight[dir] == 1) {
		h->guess_pos = w->end;
		h->guess_time = w->now;
		h->end_time = w->now;
	} else if (h->nflight[dir] >= FLIGHT_RECORDS) {
		client_done(h, h->guess_pos, h->guess_time);
	}
}

static void on_13_record(struct tls_handshake *h, unsigned dir, const struct tls_event *ev,
			 const struct where *w)
{
	if (ev->content != TLS_APPLICATION_DATA)
		return;
	if (!h->finished || h->torn[h->client]) {
		/* a cipher of which we know nothing, or a part of the handshake was missed */
		open_now(h);
		return;
	}
	if (dir == h->client) {
		if (!h->done[dir])
			on_client_record(h, dir, ev, w);
		return;
	}
	if (!h->nflight[h->client]) {
		on_server_record(h, dir, ev, w);
		return;
	}
	/* the client's flight is answered: it is complete */
	if (ev->length == h->alert_len && !h->torn[dir])
		fail(h, dir, w);
	else if (!h->done[h->client])
		client_done(h, h->guess_pos, h->guess_time);
	if (h->state == TLS_OPENING)
		open_now(h);
}

/* ---- */

static void on_record(struct tls_handshake *h, unsigned dir, const struct tls_event *ev,
		      const struct where *w)
{
	if (h->server_hello && is_13(h)) {
		on_13_record(h, dir, ev, w);
	} else if (h->server_hello) {
		on_old_record(h, dir, ev, w);
	} else if (h->client_hello && dir == h->client && h->early_data) {
		/* early data */
	} else {
		/* we have come late, or missed a hello */
		open_now(h);
	}
}

void tls_handshake_event(struct tls_handshake *h, unsigned dir, const struct tls_event *ev,
			 uint64_t start, uint64_t end, uint64_t begin, uint64_t now)
{
	const struct where w = {start, end, begin, now};

	if (h->state != TLS_OPENING)
		return;
	switch (ev->type) {
	case TLS_EV_MESSAGE:
		if (ev->message == TLS_SERVER_HELLO_DONE)
			h->hello_done = 1;
		break;
	case TLS_EV_HELLO: on_hello(h, dir, ev, &w); break;
	case TLS_EV_CCS: on_ccs(h, dir); break;
	case TLS_EV_ALERT: on_alert(h, dir, ev, &w); break;
	case TLS_EV_RECORD: on_record(h, dir, ev, &w); break;
	case TLS_EV_LOST: h->torn[dir] = 1; break;
	}
}

void tls_handshake_end(struct tls_handshake *h)
{
	if (h->state != TLS_OPENING || !h->server_hello || !is_13(h) || !h->nflight[h->client])
		return;
	if (!h->done[h->client])
		client_done(h, h->guess_pos, h->guess_time);
	open_now(h);
}
