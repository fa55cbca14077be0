#include "parsers/byte_order.h"
#include "parsers/tls/tls.h"

#include <string.h>

#define HEADER 5u
#define MAX_MESSAGE 0x20000u /* longer ones are not taken for handshake messages */

enum state {
	AT_RECORD,
	IN_MESSAGES, /* a handshake record in clear */
	IN_ALERT,    /* an alert in clear */
	IN_RECORD,   /* a record that is told when it is complete */
	IN_VOID,     /* one that is not */
	LOST,
};

void tls_init(struct tls *t)
{
	memset(t, 0, sizeof(*t));
}

void tls_negotiated(struct tls *t, uint16_t version)
{
	t->version = version;
}

int tls_at_record(const struct tls *t)
{
	return t->state == AT_RECORD || t->state == LOST;
}

/* ---- headers */

/* Can these octets, HEADER or fewer of them, be the header of a record? */
static int is_header(const uint8_t *p, size_t n, unsigned limit)
{
	if (n > 0 && (p[0] < TLS_CHANGE_CIPHER_SPEC || p[0] > TLS_APPLICATION_DATA))
		return 0;
	if ((n > 1 && p[1] != 3) || (n > 2 && p[2] > 4))
		return 0;
	return n < HEADER || (be16(p + 3) && be16(p + 3) <= limit);
}

/* A handshake record that begins with a hello? What is not there yet may be anything. */
static enum probe_result is_hello(const uint8_t *p, size_t n)
{
	size_t end = TLS_MAX_KEEP;

	if (!is_header(p, n < HEADER ? n : HEADER, TLS_MAX_RECORD) || (n && p[0] != TLS_HANDSHAKE))
		return PROBE_NO;
	if (n >= HEADER && HEADER + be16(p + 3) < end)
		end = HEADER + be16(p + 3);
	if (n > end)
		n = end;
	if ((n > 5 && p[5] != TLS_CLIENT_HELLO && p[5] != TLS_SERVER_HELLO) || (n > 6 && p[6]) ||
	    (n > 9 && p[9] != 3) || (n > 10 && p[10] > 4))
		return PROBE_NO;
	return n < end ? PROBE_MORE : PROBE_YES;
}

static int is_known_message(unsigned type)
{
	/* RFC 8446 section 4, RFC 5246 section 7.4, RFC 6066 section 8, RFC 8879 */
	const uint32_t known = 1u << 0 | 1u << 1 | 1u << 2 | 1u << 4 | 1u << 5 | 1u << 8 |
			       0x1fu << 11 | 1u << 16 | 0x1fu << 20 | 1u << 25;

	return type < 32 && known & 1u << type;
}

/* A record of a connection that has been open for a while; its header is one. */
static int is_plausible(const uint8_t *p)
{
	unsigned length = be16(p + 3);

	switch ((enum tls_content)p[0]) {
	case TLS_CHANGE_CIPHER_SPEC: return length == 1 && p[5] == 1;
	case TLS_ALERT:
		return (length == 2 && (p[5] == 1 || p[5] == 2)) || (length > 16 && length < 300);
	case TLS_HANDSHAKE: return is_known_message(p[5]) && !p[6];
	case TLS_APPLICATION_DATA: break;
	}
	return length > 16 && p[2] && p[2] < 4;
}

enum probe_result tls_probe(const uint8_t *p, size_t n, int start)
{
	enum probe_result hello = is_hello(p, n);
	size_t end;

	if (start || hello == PROBE_YES)
		return hello;
	if (!is_header(p, n < HEADER ? n : HEADER, TLS_MAX_RECORD))
		return PROBE_NO;
	if (n < HEADER + 2)
		return PROBE_MORE;
	end = HEADER + be16(p + 3);
	if (!is_plausible(p))
		return PROBE_NO;
	if (n > end && !is_header(p + end, n - end < HEADER ? n - end : HEADER, TLS_MAX_RECORD))
		return PROBE_NO;
	return PROBE_YES;
}

/* ---- messages */

static int is_hello_type(unsigned type)
{
	return type == TLS_CLIENT_HELLO || type == TLS_SERVER_HELLO;
}

static int in_hello(const struct tls *t)
{
	return t->nmsg == 4 && is_hello_type(t->msg[0]);
}

static void begin_hello(struct tls *t)
{
	if (in_hello(t))
		tls_hello_begin(&t->hs, &t->hello, t->msg[0] == TLS_SERVER_HELLO, t->msg_left);
}

/* What was read of it is told. What is left of it, if anything, is passed over. */
static void end_hello(struct tls *t, struct tls_event *ev)
{
	tls_hello_end(&t->hs, &t->hello);
	*ev = (struct tls_event){.type = TLS_EV_HELLO, .message = t->msg[0], .hello = &t->hello};
	t->msg[0] = 0;
}

/* Messages in the rest of the record are missed. The next one may begin with a message. */
static void tear(struct tls *t, struct tls_event *ev)
{
	t->state = IN_VOID;
	t->torn = 1;
	*ev = (struct tls_event){.type = TLS_EV_LOST};
}

/* The header of a message is complete. */
static void begin_message(struct tls *t, struct tls_event *ev)
{
	t->msg_left = be24(t->msg + 1);
	if (!is_known_message(t->msg[0]) || t->msg_left > MAX_MESSAGE ||
	    (in_hello(t) && !t->msg_left)) {
		tear(t, ev);
		return;
	}
	t->torn = 0;
	begin_hello(t);
	*ev = (struct tls_event){.type = TLS_EV_MESSAGE, .message = t->msg[0]};
	if (!t->msg_left)
		t->nmsg = 0;
}

static size_t min_size(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* Some of a message's body, k octets. Returns 1 for an event. */
static int read_message(struct tls *t, const uint8_t *p, size_t k, struct tls_event *ev)
{
	int event = 0;

	if (in_hello(t))
		tls_hello_feed(&t->hs, &t->hello, p, k);
	t->msg_left -= (uint32_t)k;
	if (t->msg_left)
		return 0;
	if (in_hello(t)) {
		end_hello(t, ev);
		event = 1;
	}
	t->nmsg = 0;
	return event;
}

/* Handshake messages in a record of which n octets are here. Returns 1 for an event. */
static int read_messages(struct tls *t, const uint8_t *p, size_t n, size_t *used,
			 struct tls_event *ev)
{
	size_t i = 0, k;
	int event = 0;

	while (i < n && !event) {
		if (t->nmsg < 4) {
			t->msg[t->nmsg++] = p[i++];
			event = t->nmsg == 4;
			if (event)
				begin_message(t, ev);
			continue;
		}
		k = min_size(n - i, t->msg_left);
		event = read_message(t, p + i, k, ev);
		i += k;
	}
	*used = i;
	return event;
}

/* ---- records */

/* Handshake messages are in clear until CHANGE_CIPHER_SPEC, from TLS 1.3 on wherever they show. */
static int is_clear(const struct tls *t)
{
	return !t->ccs || t->version >= TLS_VERSION_1_3;
}

static void begin_record(struct tls *t, const uint8_t *p, int sure)
{
	t->content = p[0];
	t->length = t->left = (uint16_t)be16(p + 3);
	t->guessed = !sure;
	if (!sure)
		t->state = IN_VOID;
	else if (t->content == TLS_HANDSHAKE && is_clear(t))
		t->state = IN_MESSAGES;
	else if (t->content == TLS_ALERT && t->length == 2)
		t->state = IN_ALERT;
	else
		t->state = IN_RECORD;
	if (t->torn)
		t->nmsg = 0;
}

/* Its last octet is consumed. Returns 1 if that is an event. */
static int end_record(struct tls *t, struct tls_event *ev)
{
	enum state was = (enum state)t->state;

	t->state = AT_RECORD;
	if (was == IN_ALERT) {
		*ev = (struct tls_event){
			.type = TLS_EV_ALERT, .level = t->alert[0], .alert = t->alert[1]};
		return 1;
	}
	if (was != IN_RECORD)
		return 0;
	*ev = (struct tls_event){.type = TLS_EV_RECORD, .content = t->content, .length = t->length};
	if (t->content == TLS_CHANGE_CIPHER_SPEC && t->length == 1) {
		ev->type = TLS_EV_CCS;
		t->ccs = 1;
	}
	return 1;
}

static enum parse_status read_body(struct tls *t, const uint8_t *p, size_t n, size_t *used,
				   struct tls_event *ev)
{
	int event = 0;

	n = min_size(n, t->left);
	*used = n;
	if (t->state == IN_MESSAGES)
		event = read_messages(t, p, n, used, ev);
	else if (t->state == IN_ALERT)
		memcpy(t->alert + (2 - t->left), p, n);
	t->left = (uint16_t)(t->left - *used);
	if (event && !t->left)
		t->state = AT_RECORD;
	else if (!event && !t->left)
		event = end_record(t, ev);
	return event ? PARSE_EVENT : PARSE_MORE;
}

/* Records are missed: a hello that was being read is over, and then that is told. */
static enum parse_status lose(struct tls *t, struct tls_event *ev)
{
	if (in_hello(t)) {
		end_hello(t, ev);
		return PARSE_EVENT;
	}
	t->state = LOST;
	t->torn = 1;
	t->fresh = 0;
	*ev = (struct tls_event){.type = TLS_EV_LOST};
	return PARSE_EVENT;
}

/* Looks for what may be a header, and passes over what is before it. */
static enum parse_status find_record(struct tls *t, const uint8_t *p, size_t n, size_t *used)
{
	for (size_t i = 0; i < n; i++) {
		enum probe_result hello = is_hello(p + i, n - i);

		if (!is_header(p + i, min_size(n - i, HEADER), TLS_MAX_RECORD))
			continue;
		*used = i;
		if (i)
			return PARSE_SKIPPED;
		if (n < HEADER || hello == PROBE_MORE)
			return PARSE_MORE;
		begin_record(t, p, hello == PROBE_YES);
		*used = HEADER;
		return PARSE_MORE;
	}
	*used = n;
	return PARSE_SKIPPED;
}

static enum parse_status next_lost(struct tls *t, const uint8_t *p, size_t n, size_t *used)
{
	if (t->fresh && is_header(p, min_size(n, HEADER), TLS_MAX_RECORD)) {
		if (n < HEADER)
			return PARSE_MORE;
		begin_record(t, p, 1);
		*used = HEADER;
		return PARSE_MORE;
	}
	t->fresh = 0;
	return find_record(t, p, n, used);
}

enum parse_status tls_next(struct tls *t, const uint8_t *p, size_t n, size_t *used,
			   struct tls_event *ev)
{
	*used = 0;
	if (!n)
		return PARSE_MORE;
	if (t->state == LOST)
		return next_lost(t, p, n, used);
	if (t->state != AT_RECORD)
		return read_body(t, p, n, used, ev);
	if (!is_header(p, min_size(n, HEADER), TLS_MAX_OLD_RECORD)) {
		if (!t->guessed)
			return lose(t, ev);
		t->state = LOST;
		return next_lost(t, p, n, used);
	}
	if (n < HEADER)
		return PARSE_MORE;
	begin_record(t, p, 1);
	*used = HEADER;
	return PARSE_MORE;
}

/* ---- what is missing */

/* In a record. */
static enum parse_status gap_in_record(struct tls *t, uint64_t n, uint64_t *used,
				       struct tls_event *ev)
{
	uint64_t k = n < t->left ? n : t->left;

	if (t->state == IN_MESSAGES && t->nmsg < 4) {
		tear(t, ev);
		return PARSE_EVENT;
	}
	if (t->state == IN_MESSAGES) {
		if (in_hello(t)) {
			end_hello(t, ev);
			return PARSE_EVENT;
		}
		k = k < t->msg_left ? k : t->msg_left;
		read_message(t, NULL, (size_t)k, ev);
	} else if (t->state == IN_ALERT) {
		t->state = IN_RECORD;
	}
	*used = k;
	t->left = (uint16_t)(t->left - k);
	return !t->left && end_record(t, ev) ? PARSE_EVENT : PARSE_MORE;
}

enum parse_status tls_gap(struct tls *t, uint64_t n, uint64_t *used, struct tls_event *ev)
{
	*used = 0;
	if (t->state == AT_RECORD && t->guessed)
		t->state = LOST;
	if (t->state == AT_RECORD)
		return lose(t, ev);
	if (t->state != LOST)
		return gap_in_record(t, n, used, ev);
	t->fresh = 1;
	*used = n;
	return PARSE_SKIPPED;
}

enum parse_status tls_eof(struct tls *t, struct tls_event *ev)
{
	if (!in_hello(t))
		return PARSE_END;
	end_hello(t, ev);
	return PARSE_EVENT;
}

uint64_t tls_unneeded(const struct tls *t)
{
	switch ((enum state)t->state) {
	case IN_RECORD:
	case IN_VOID: return t->left;
	case IN_MESSAGES:
		if (t->nmsg < 4 || in_hello(t))
			return 0;
		return t->left < t->msg_left ? t->left : t->msg_left;
	case AT_RECORD:
	case IN_ALERT:
	case LOST: break;
	}
	return 0;
}

int tls_alpn_next(const struct tls_hello *h, size_t *pos, struct str *name)
{
	if (*pos >= h->alpn_len)
		return 0;
	*name = (struct str){(const char *)h->alpn + *pos + 1, h->alpn[*pos]};
	*pos += 1 + name->n;
	return 1;
}
