/* mqtt_impl.h - what the files of this folder share */
#ifndef ZC_PARSERS_MQTT_IMPL_H
#define ZC_PARSERS_MQTT_IMPL_H

#include "parsers/byte_order.h"
#include "parsers/mqtt/mqtt.h"
#include "parsers/trace_context.h"

enum mqtt_type { /* section 2.1.2 */
		 MQTT_CONNECT = 1,
		 MQTT_CONNACK,
		 MQTT_PUBLISH,
		 MQTT_PUBACK,
		 MQTT_PUBREC,
		 MQTT_PUBREL,
		 MQTT_PUBCOMP,
		 MQTT_SUBSCRIBE,
		 MQTT_SUBACK,
		 MQTT_UNSUBSCRIBE,
		 MQTT_UNSUBACK,
		 MQTT_PINGREQ,
		 MQTT_PINGRESP,
		 MQTT_DISCONNECT,
		 MQTT_AUTH,
};

struct mqtt_packet {
	uint8_t type, qos;
	uint32_t head, len; /* of the fixed header; of what follows it */
};

/* A fixed header. 1: *k is filled; 0: more is needed; -1: `from` sends nothing of that kind. */
int mqtt_packet(const uint8_t *p, size_t n, enum sender from, struct mqtt_packet *k);

/* A number of one to four bytes (section 1.5.5). Its length; 0: more is needed; -1: it is none. */
int mqtt_varint(const uint8_t *p, size_t n, uint32_t *v);

/* May these n bytes be a topic, or a filter? */
int mqtt_is_topic(const uint8_t *p, size_t n);

#define MQTT_TOPIC_ALIAS 0x23

/* What stands before the value of a traceparent, which is a user property (section 3.3.2.3.7). */
#define MQTT_CONTEXT ((struct str){"\x26\0\x0btraceparent\0\x37", 16})

/*
 * What follows the identifier of a property of PUBLISH: so many bytes; 0: a number as above; -1,
 * -2: so many texts, each with its length of two bytes; MQTT_NO_PROPERTY: there is no such.
 */
#define MQTT_NO_PROPERTY (-3)
int mqtt_property(uint8_t id);

/* The length of the value of such a property, at p; 0: it is not there, or unknown. */
size_t mqtt_property_length(uint8_t id, const uint8_t *p, size_t n);

/* What k, of whose body n bytes are there, tells of its connection's version; 0: nothing. */
uint8_t mqtt_version(const struct mqtt_packet *k, const uint8_t *p, size_t n);

enum probe_result mqtt_probe(const struct probe *in, unsigned *client);
extern const struct protocol_mask mqtt_mask;

#endif
