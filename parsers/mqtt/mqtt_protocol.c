/*
 * mqtt_protocol.c - packets to messages, and the row of the table; see mqtt.h
 */
#include "parsers/attrs.h"
#include "parsers/mqtt/mqtt_impl.h"

#define KEY(kind, sender, id) ((uint64_t)(kind) << 17 | (uint64_t)(sender) << 16 | (id))

enum state { IDLE, BODY, PASS, DONE, LOST };

static struct str literal(const char *s)
{
	return (struct str){s, strlen(s)};
}

/* Reason codes (section 2.4), from 0x80 on. */
static const char *const reasons[] = {
	"Unspecified error",
	"Malformed Packet",
	"Protocol Error",
	"Implementation specific error",
	"Unsupported Protocol Version",
	"Client Identifier not valid",
	"Bad User Name or Password",
	"Not authorized",
	"Server unavailable",
	"Server busy",
	"Banned",
	"Server shutting down",
	"Bad authentication method",
	"Keep Alive timeout",
	"Session taken over",
	"Topic Filter invalid",
	"Topic Name invalid",
	"Packet Identifier in use",
	"Packet Identifier not found",
	"Receive Maximum exceeded",
	"Topic Alias invalid",
	"Packet too large",
	"Message rate too high",
	"Quota exceeded",
	"Administrative action",
	"Payload format invalid",
	"Retain not supported",
	"QoS not supported",
	"Use another server",
	"Server moved",
	"Shared Subscriptions not supported",
	"Connection rate exceeded",
	"Maximum connect time",
	"Subscription Identifiers not supported",
	"Wildcard Subscriptions not supported",
};

static void tell_reason(uint8_t code, struct message *m)
{
	const char *word = "Unspecified error";

	if (code < 0x80)
		return;
	if (code - 0x80u < sizeof(reasons) / sizeof(reasons[0]))
		word = reasons[code - 0x80];
	m->flags |= MESSAGE_FAILED;
	message_text(m, ATTR(messaging_status), literal(word));
}

/* CONNACK of 3.1.1 has numbers of its own (its section 3.2.2.3). */
static void tell_connack(const struct mqtt *d, const uint8_t *p, size_t n, struct message *m)
{
	static const uint8_t codes[] = {0, 0x84, 0x85, 0x88, 0x86, 0x87};
	uint8_t code = n > 1 ? p[1] : 0;

	if (d->version != 5 && code < sizeof(codes))
		code = codes[code];
	tell_reason(code, m);
}

/* ---- heads: p, n are what is there of the packet behind its fixed header */

static int tell_connect(struct mqtt *d, const uint8_t *p, size_t n, struct message *m)
{
	size_t at = n > 2 ? 2 + (size_t)be16(p) : n, len;
	uint32_t props = 0;
	int used = 0;

	m->operation = literal("CONNECT");
	m->key = KEY(MQTT_CONNECT, 0, 0);
	if (at + 4 > n)
		return 0;
	d->version = p[at];
	at += 4;
	if (d->version == 5) {
		used = mqtt_varint(p + at, n - at, &props);
		if (used <= 0)
			return used == 0;
	}
	at += (size_t)used + props;
	if (at + 2 > n)
		return 1;
	len = be16(p + at);
	if (len && at + 2 + len <= n)
		message_text(m, ATTR(messaging_client_id),
			     (struct str){(const char *)p + at + 2, len});
	return 1;
}

/* ---- aliases of topics */

/* Among the properties of a PUBLISH; 0: there is none. */
static uint16_t alias_of(const uint8_t *p, size_t n)
{
	for (size_t at = 0, len; at < n; at += 1 + len) {
		len = mqtt_property_length(p[at], p + at + 1, n - at - 1);
		if (!len)
			return 0;
		if (p[at] == MQTT_TOPIC_ALIAS)
			return be16(p + at + 1);
	}
	return 0;
}

/* The alias is given to m's topic, or m's topic is that of the alias. */
static void use_alias(struct mqtt_side *s, uint16_t id, struct message *m)
{
	struct mqtt_alias *a = &s->alias[id % MQTT_ALIASES];
	size_t n = m->target.n;

	if (n && n <= MQTT_ALIAS_MAX) {
		*a = (struct mqtt_alias){.id = id, .n = (uint8_t)n};
		memcpy(a->topic, m->target.p, n);
	} else if (a->id == id && n) {
		a->id = 0;
	} else if (a->id == id) {
		m->target = (struct str){a->topic, a->n};
		m->flags &= ~MESSAGE_UNSEEN;
	}
}

/* Returns how many bytes are before the payload; 0: it cannot be. */
static uint32_t tell_publish(struct mqtt *d, enum sender from, const struct mqtt_packet *k,
			     const uint8_t *p, size_t n, struct message *m)
{
	uint32_t topic = be16(p), at = 2 + topic, props = 0;

	m->operation = literal(from == FROM_CLIENT ? "publish" : "process");
	if (at + (k->qos ? 2u : 0) > k->len)
		return 0;
	if (!topic)
		m->flags |= MESSAGE_UNSEEN; /* an alias */
	else if (at <= n)
		m->target = (struct str){(const char *)p + 2, topic};
	if (!k->qos)
		m->flags |= MESSAGE_ONE_WAY;
	else if (at + 2 <= n)
		m->key = KEY(MQTT_PUBLISH, from, be16(p + at));
	else
		m->flags |= MESSAGE_ONE_WAY; /* its topic is longer than what is looked at */
	at += k->qos ? 2 : 0;
	if (!d->version)
		m->flags |= MESSAGE_UNCOUNTED; /* perhaps properties are before the payload */
	if (d->version == 5 && at < n) {
		int used = mqtt_varint(p + at, n - at, &props);

		if (used > 0 && at + (uint32_t)used + props <= n) {
			uint16_t alias = alias_of(p + at + used, props);

			if (alias)
				use_alias(&d->side[from], alias, m);
			m->context = trace_context_find(p + at + used, props, MQTT_CONTEXT);
		}
		at += used > 0 ? (uint32_t)used + props : 0;
	}
	return at <= k->len ? at : 0;
}

/* SUBSCRIBE, UNSUBSCRIBE: the first filter. */
static void tell_filter(const struct mqtt *d, const struct mqtt_packet *k, const uint8_t *p,
			size_t n, struct message *m)
{
	uint32_t props = 0;
	size_t at = 2, len;
	int used = 0;

	m->operation = literal(k->type == MQTT_SUBSCRIBE ? "SUBSCRIBE" : "UNSUBSCRIBE");
	m->key = KEY(k->type, 0, be16(p));
	if (d->version == 5)
		used = mqtt_varint(p + at, n - at, &props);
	at += (used > 0 ? (size_t)used : 0) + props;
	if (at + 2 > n)
		return;
	len = be16(p + at);
	if (len && at + 2 + len <= n)
		m->target = (struct str){(const char *)p + at + 2, len};
}

/* What answers, by the identifier of what the other side sent. */
static void tell_answer(const struct mqtt *d, enum sender from, const struct mqtt_packet *k,
			const uint8_t *p, size_t n, struct message *m)
{
	uint32_t props = 0;
	int used;

	m->flags = MESSAGE_RESPONSE | MESSAGE_IF_ASKED;
	switch (k->type) {
	case MQTT_CONNACK:
		m->key = KEY(MQTT_CONNECT, 0, 0);
		tell_connack(d, p, n, m);
		return;
	case MQTT_PINGRESP: m->key = KEY(MQTT_PINGREQ, 0, 0); return;
	case MQTT_SUBACK:
	case MQTT_UNSUBACK:
		m->key = KEY(k->type - 1, 0, be16(p));
		used = d->version == 5 ? mqtt_varint(p + 2, n - 2, &props) : 0;
		for (size_t at = 2 + (used > 0 ? (size_t)used : 0) + props; at < n; at++)
			if (p[at] >= 0x80 && !m->nattrs)
				tell_reason(p[at], m);
		return;
	default:
		m->key = KEY(MQTT_PUBLISH, !from, be16(p));
		if (n > 2)
			tell_reason(p[2], m);
		if (k->type == MQTT_PUBREC && !(m->flags & MESSAGE_FAILED))
			m->flags |= MESSAGE_INTERIM;
		if (k->type == MQTT_PUBCOMP)
			m->flags |= MESSAGE_UNCOUNTED;
	}
}

/* Returns 0 if it cannot be. */
static int tell(struct mqtt *d, enum sender from, const struct mqtt_packet *k, const uint8_t *p,
		size_t n, struct message *m)
{
	struct mqtt_side *s = &d->side[from];

	s->state = BODY;
	s->skip = k->len;
	if (!d->version && k->type != MQTT_CONNECT)
		d->version = mqtt_version(k, p, n);
	switch (k->type) {
	case MQTT_CONNECT: return tell_connect(d, p, n, m);
	case MQTT_PUBLISH: s->skip = tell_publish(d, from, k, p, n, m); return s->skip != 0;
	case MQTT_SUBSCRIBE:
	case MQTT_UNSUBSCRIBE: tell_filter(d, k, p, n, m); return 1;
	case MQTT_PINGREQ:
		m->operation = literal("PINGREQ");
		m->key = KEY(MQTT_PINGREQ, 0, 0);
		return 1;
	case MQTT_DISCONNECT:
		m->operation = literal("DISCONNECT");
		m->flags = MESSAGE_ONE_WAY;
		if (n)
			tell_reason(p[0], m);
		return 1;
	case MQTT_PUBREL:
	case MQTT_AUTH: s->state = PASS; return 1;
	default: tell_answer(d, from, k, p, n, m); return 1;
	}
}

/* ---- bytes */

static enum parse_status begin(struct mqtt *d, enum sender from, const uint8_t *p, size_t n,
			       size_t *used, struct message *m)
{
	struct mqtt_side *s = &d->side[from];
	struct mqtt_packet k;
	int found = mqtt_packet(p, n, from, &k);
	uint32_t need;

	if (!found)
		return PARSE_MORE;
	if (found > 0) {
		need = k.len < MQTT_PEEK ? k.len : MQTT_PEEK;
		if (n - k.head < need)
			return PARSE_MORE;
		if (tell(d, from, &k, p + k.head, need, m)) {
			*used = k.head;
			s->left = k.len;
			s->interim = (m->flags & MESSAGE_INTERIM) != 0;
			if (s->state == PASS)
				return PARSE_MORE;
			if (!s->left)
				s->state = DONE;
			m->type = MESSAGE_HEAD;
			m->head_len = k.head;
			return PARSE_EVENT;
		}
	}
	s->state = LOST;
	return PARSE_BAD;
}

static enum parse_status some(struct mqtt_side *s, const uint8_t *p, uint64_t n, uint64_t *used,
			      struct message *m)
{
	uint32_t max = s->skip ? s->skip : s->left;

	*used = n < max ? n : max;
	s->left -= (uint32_t)*used;
	if (!s->left)
		s->state = s->state == PASS ? IDLE : DONE;
	if (s->skip || s->state == IDLE || s->state == PASS) {
		s->skip -= s->skip ? (uint32_t)*used : 0;
		return PARSE_MORE;
	}
	if (!*used)
		return PARSE_MORE;
	m->type = MESSAGE_CONTENT;
	if (p)
		m->data = (struct str){(const char *)p, (size_t)*used};
	else
		m->gap = *used;
	return PARSE_EVENT;
}

static enum parse_status end(struct mqtt_side *s, struct message *m)
{
	s->state = IDLE;
	m->type = MESSAGE_END;
	m->flags = s->interim ? MESSAGE_INTERIM : 0;
	return PARSE_EVENT;
}

static enum parse_status mqtt_next(void *state, enum sender from, const uint8_t *p, size_t n,
				   size_t *used, struct message *m)
{
	struct mqtt *d = state;
	struct mqtt_side *s = &d->side[from];
	enum parse_status st;
	uint64_t taken;
	size_t part;

	*used = 0;
	do {
		part = 0;
		switch (s->state) {
		case IDLE: st = begin(d, from, p + *used, n - *used, &part, m); break;
		case BODY:
		case PASS:
			st = some(s, p + *used, n - *used, &taken, m);
			part = (size_t)taken;
			break;
		case DONE: st = end(s, m); break;
		default: return PARSE_BAD;
		}
		*used += part;
	} while (st == PARSE_MORE && (part || s->state == DONE));
	return st;
}

static enum parse_status mqtt_gap(void *state, enum sender from, struct str kept, uint64_t n,
				  uint64_t *used, struct message *m)
{
	struct mqtt_side *s = &((struct mqtt *)state)->side[from];

	(void)kept;
	*used = 0;
	if (s->state == DONE)
		return end(s, m);
	if (s->state == BODY || s->state == PASS)
		return some(s, NULL, n, used, m);
	s->state = LOST;
	*used = n;
	return PARSE_SKIPPED;
}

static enum parse_status mqtt_eof(void *state, enum sender from, struct message *m)
{
	struct mqtt_side *s = &((struct mqtt *)state)->side[from];

	if (s->state == DONE)
		return end(s, m);
	if (s->state != BODY)
		return PARSE_END;
	s->state = LOST;
	m->type = MESSAGE_ABORT;
	return PARSE_EVENT;
}

static uint64_t mqtt_unneeded(const void *state, enum sender from)
{
	const struct mqtt_side *s = &((const struct mqtt *)state)->side[from];

	return s->state == BODY || s->state == PASS ? s->left : 0;
}

static void mqtt_begin(void *state, unsigned joined)
{
	(void)state;
	(void)joined;
}

static const uint16_t ports[] = {1883, 0}, tls_ports[] = {8883, 0};
static const char *const programs[] = {"mosquitto", "emqx", "nanomq", NULL};
static const struct attr_def *const attrs[] = {
	ATTR(messaging_operation),
	ATTR(messaging_destination),
	ATTR(messaging_client_id),
	ATTR(messaging_status),
	NULL,
};

const struct protocol mqtt_protocol = {
	.name =
		{
			.name = "mqtt",
			.label = {"MQTTServer", "MQTTClient"},
			.operation = ATTR(messaging_operation),
			.target = ATTR(messaging_destination),
			.status = ATTR(messaging_status),
			.flags = NAME_KEYS,
		},
	.transports = TRANSPORT_STREAM,
	.ports = ports,
	.tls_ports = tls_ports,
	.programs = programs,
	.pairing = PAIRING_BY_KEY,
	.state_size = sizeof(struct mqtt),
	.probe = mqtt_probe,
	.begin = mqtt_begin,
	.next = mqtt_next,
	.gap = mqtt_gap,
	.eof = mqtt_eof,
	.unneeded = mqtt_unneeded,
	.mask = &mqtt_mask,
	.attrs = attrs,
};
