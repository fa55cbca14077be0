/*
 * mqtt_version.c - the version of a connection whose CONNECT was not seen
 *
 * Version 5 has properties where those before it have nothing, and answers that are longer.
 */
#include "parsers/mqtt/mqtt_impl.h"

#define OLDER 4u /* or 3: they differ in CONNECT alone */
#define NEW 5u

size_t mqtt_property_length(uint8_t id, const uint8_t *p, size_t n)
{
	int kind = mqtt_property(id);
	size_t len = kind > 0 ? (size_t)kind : 0;
	uint32_t number;

	if (kind == MQTT_NO_PROPERTY)
		return 0;
	if (!kind) {
		kind = mqtt_varint(p, n, &number);
		return kind > 0 ? (size_t)kind : 0;
	}
	for (; kind < 0; kind++) {
		if (n < len + 2)
			return 0;
		len += 2 + (size_t)be16(p + len);
	}
	return len <= n ? len : 0;
}

/* The properties at p, with their length in front; 0: they are none, SIZE_MAX: not all is there. */
static size_t properties(const uint8_t *p, size_t n)
{
	uint32_t len;
	int used = mqtt_varint(p, n, &len);
	size_t at = (size_t)used, end = at + len;

	if (used < 0)
		return 0;
	if (!used || end > n)
		return SIZE_MAX;
	for (size_t one; at < end; at += 1 + one) {
		one = mqtt_property_length(p[at], p + at + 1, end - at - 1);
		if (!one)
			return 0;
	}
	return end;
}

/* Are these filters, up to the end, each with options, of which `most` is the highest one? */
static int are_filters(const uint8_t *p, size_t n, int options, uint8_t most)
{
	size_t at = 0, len;

	while (n - at >= 2) {
		len = be16(p + at);
		at += 2;
		if (len + (options ? 1 : 0) > n - at || !mqtt_is_topic(p + at, len))
			return 0;
		at += len;
		if (options && p[at++] > most)
			return 0;
	}
	return at == n;
}

/* SUBSCRIBE, UNSUBSCRIBE, behind the identifier. */
static uint8_t by_filters(const uint8_t *p, size_t n, int options)
{
	size_t props = properties(p, n);
	int older = are_filters(p, n, options, 2);
	int new = props && props < n && are_filters(p + props, n - props, options, 0x2e);

	return older == new ? 0 : older ? OLDER : NEW;
}

/* What follows a PUBLISH's topic and identifier: a payload that begins with 0 tells nothing. */
static uint8_t by_payload(const uint8_t *p, size_t n, int whole)
{
	size_t props = properties(p, n);

	if (props == SIZE_MAX)
		return whole ? OLDER : 0;
	return !props ? OLDER : props > 1 ? NEW : 0;
}

uint8_t mqtt_version(const struct mqtt_packet *k, const uint8_t *p, size_t n)
{
	size_t at;

	switch (k->type) {
	case MQTT_CONNACK:
	case MQTT_UNSUBACK: return k->len > 2 ? NEW : OLDER;
	case MQTT_PUBACK:
	case MQTT_PUBREC:
	case MQTT_PUBREL:
	case MQTT_PUBCOMP: return k->len > 2 ? NEW : 0;
	case MQTT_DISCONNECT: return k->len ? NEW : 0;
	case MQTT_AUTH: return NEW;
	case MQTT_SUBSCRIBE:
	case MQTT_UNSUBSCRIBE:
		return n == k->len ? by_filters(p + 2, n - 2, k->type == MQTT_SUBSCRIBE) : 0;
	case MQTT_PUBLISH:
		at = 2u + be16(p) + (k->qos ? 2 : 0);
		return at <= n ? by_payload(p + at, n - at, n == k->len) : 0;
	default: return 0;
	}
}
