/*
 * mqtt_packet.c - fixed headers, and probing
 *
 * A CONNECT is unlike anything else. On a connection that was joined somewhere, what one side sent
 * since must be whole packets, and what the other one answers must confirm one of them: by its
 * packet identifier, or as PINGRESP.
 */
#include "parsers/mqtt/mqtt_impl.h"

int mqtt_varint(const uint8_t *p, size_t n, uint32_t *v)
{
	*v = 0;
	for (unsigned i = 0; i < 4; i++) {
		if (i == n)
			return 0;
		*v |= (uint32_t)(p[i] & 0x7f) << 7 * i;
		if (!(p[i] & 0x80))
			return (int)i + 1;
	}
	return -1;
}

int mqtt_property(uint8_t id)
{
	switch (id) { /* section 3.3.2.3 */
	case 0x01: return 1;
	case 0x02: return 4;
	case MQTT_TOPIC_ALIAS: return 2;
	case 0x0b: return 0;
	case 0x03:
	case 0x08:
	case 0x09: return -1;
	case 0x26: return -2;
	default: return MQTT_NO_PROPERTY;
	}
}

/* The flags that are fixed, and lengths that cannot be. */
static int is_sound(uint8_t flags, const struct mqtt_packet *k)
{
	static const struct {
		uint8_t flags;
		uint32_t min, max;
	} rows[] = {
		[MQTT_CONNECT] = {0, 12, UINT32_MAX},
		[MQTT_CONNACK] = {0, 2, UINT32_MAX},
		[MQTT_PUBACK] = {0, 2, 65536 * 2},
		[MQTT_PUBREC] = {0, 2, 65536 * 2},
		[MQTT_PUBREL] = {2, 2, 65536 * 2},
		[MQTT_PUBCOMP] = {0, 2, 65536 * 2},
		[MQTT_SUBSCRIBE] = {2, 6, UINT32_MAX},
		[MQTT_SUBACK] = {0, 3, UINT32_MAX},
		[MQTT_UNSUBSCRIBE] = {2, 5, UINT32_MAX},
		[MQTT_UNSUBACK] = {0, 2, UINT32_MAX},
		[MQTT_PINGREQ] = {0, 0, 0},
		[MQTT_PINGRESP] = {0, 0, 0},
		[MQTT_DISCONNECT] = {0, 0, 65536 * 2},
		[MQTT_AUTH] = {0, 0, UINT32_MAX},
	};

	if (k->type == MQTT_PUBLISH)
		return k->qos < 3 && k->len >= 2u + (k->qos ? 2 : 0);
	return flags == rows[k->type].flags && k->len >= rows[k->type].min &&
	       k->len <= rows[k->type].max;
}

int mqtt_packet(const uint8_t *p, size_t n, enum sender from, struct mqtt_packet *k)
{
	static const uint16_t clients =
		1 << MQTT_CONNECT | 1 << MQTT_SUBSCRIBE | 1 << MQTT_UNSUBSCRIBE | 1 << MQTT_PINGREQ;
	static const uint16_t servers =
		1 << MQTT_CONNACK | 1 << MQTT_SUBACK | 1 << MQTT_UNSUBACK | 1 << MQTT_PINGRESP;
	int used;

	if (!n)
		return 0;
	k->type = p[0] >> 4;
	k->qos = p[0] >> 1 & 3;
	if (!k->type || (from == FROM_CLIENT ? servers : clients) >> k->type & 1)
		return -1;
	used = mqtt_varint(p + 1, n - 1, &k->len);
	if (used <= 0)
		return used;
	k->head = 1 + (uint32_t)used;
	return is_sound(p[0] & 0x0f, k) ? 1 : -1;
}

/* ---- recognising */

static enum probe_result probe_connect(const struct probe *in)
{
	uint32_t len;
	int used = mqtt_varint(in->p + 1, in->n - 1, &len);
	const uint8_t *p = in->p + 1 + used;
	size_t n = in->n - 1 - (size_t)used, name;

	if (used < 0 || (used && len < 12))
		return PROBE_NO;
	if (!used || n < 10)
		return in->torn || in->answer || (used && n > 1 && p[0]) ? PROBE_NO : PROBE_MORE;
	name = be16(p);
	if (name == 4 && !memcmp(p + 2, "MQTT", 4))
		return p[6] >= 4 && p[6] <= 5 && !(p[7] & 1) ? PROBE_YES : PROBE_NO;
	return name == 6 && !memcmp(p + 2, "MQIsdp", 6) && p[8] == 3 ? PROBE_YES : PROBE_NO;
}

int mqtt_is_topic(const uint8_t *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (p[i] < ' ' || p[i] == 0x7f)
			return 0;
	return n > 0;
}

/* Does the packet a, of which all is there, confirm k at p? */
static int confirms(const struct mqtt_packet *k, const uint8_t *p, const struct mqtt_packet *a,
		    const uint8_t *answer)
{
	const uint8_t *id = p + k->head;
	size_t topic;

	if (k->type == MQTT_PINGREQ)
		return a->type == MQTT_PINGRESP;
	if (k->type == MQTT_SUBSCRIBE) {
		topic = be16(p + k->head + 2);
		if (a->type != MQTT_SUBACK || topic + 5 > k->len || a->len > 66 ||
		    (topic && !mqtt_is_topic(p + k->head + 4, topic)))
			return 0;
	} else if (k->type == MQTT_PUBLISH && k->qos) {
		topic = be16(p + k->head);
		if (a->type != (k->qos == 1 ? MQTT_PUBACK : MQTT_PUBREC) || topic + 4 > k->len ||
		    !mqtt_is_topic(p + k->head + 2, topic) || a->len > 3)
			return 0;
		id = p + k->head + 2 + topic;
	} else {
		return 0;
	}
	return !memcmp(id, answer + a->head, 2);
}

/* All that `from` sent are whole packets, one of which is answered. */
static int is_confirmed(const struct probe *in, enum sender from)
{
	struct mqtt_packet k, a;
	int confirmed = 0;

	if (mqtt_packet(in->answer, in->nanswer, !from, &a) <= 0 || a.head + a.len > in->nanswer)
		return 0;
	for (size_t at = 0; at < in->n; at += k.head + k.len) {
		if (mqtt_packet(in->p + at, in->n - at, from, &k) <= 0 ||
		    k.head + (size_t)k.len > in->n - at)
			return 0;
		confirmed |= confirms(&k, in->p + at, &a, in->answer);
	}
	return confirmed;
}

enum probe_result mqtt_probe(const struct probe *in, unsigned *client)
{
	uint8_t type = in->n ? in->p[0] >> 4 : 0;
	enum sender from = in->client == !in->dir ? FROM_SERVER : FROM_CLIENT;
	struct mqtt_packet k;
	enum probe_result r;

	if (!in->n || (!in->segment && !in->start))
		return PROBE_NO;
	*client = in->client == PROBE_NO_DIR ? in->dir : in->client;
	if (in->p[0] == MQTT_CONNECT << 4) {
		r = from == FROM_CLIENT ? probe_connect(in) : PROBE_NO;
		return r;
	}
	if (in->start || in->torn || (type == MQTT_PUBLISH && in->client == PROBE_NO_DIR))
		return PROBE_NO;
	if (type != MQTT_PUBLISH && type != MQTT_SUBSCRIBE && type != MQTT_PINGREQ)
		return PROBE_NO;
	if (mqtt_packet(in->p, in->n, from, &k) <= 0 || k.head + (size_t)k.len > in->n)
		return PROBE_NO;
	if (!in->answer)
		return PROBE_MORE;
	return is_confirmed(in, from) ? PROBE_YES : PROBE_NO;
}
