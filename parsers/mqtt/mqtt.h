/*
 * mqtt.h - MQTT 3.1, 3.1.1 and 5
 *
 * Section numbers in comments are of the OASIS standard MQTT 5.0. The contract of the functions is
 * that of parsers/protocol.h.
 *
 * A PUBLISH of either side is a request: one-way with QoS 0, answered by PUBACK with QoS 1, by
 * PUBREC and in the end PUBCOMP with QoS 2, which pair by the packet identifier and the sender. So
 * are CONNECT, SUBSCRIBE, UNSUBSCRIBE and PINGREQ. A HEAD comes when MQTT_PEEK bytes of the packet,
 * or all of it, are there; CONTENT is the payload of a PUBLISH. A topic that is only told by its
 * alias (section 3.3.2.3.4) is known if the alias was seen to be given, is one of the latest
 * MQTT_ALIASES of its side, and the topic is no longer than MQTT_ALIAS_MAX; else MESSAGE_UNSEEN.
 *
 * Of a connection whose CONNECT was not seen the version is what its packets tell; until then, what
 * is content of a PUBLISH is not known: MESSAGE_UNCOUNTED.
 *
 * Where bytes are missing that are not within a packet whose length is known, and behind what is
 * not understood, next() returns PARSE_BAD.
 */
#ifndef ZC_PARSERS_MQTT_H
#define ZC_PARSERS_MQTT_H

#include "parsers/protocol.h"

#define MQTT_PEEK 2048u
#define MQTT_MAX_CODE 64u
#define MQTT_ALIASES 8u
#define MQTT_ALIAS_MAX 61u

struct mqtt_side { /* private */
	uint8_t state;
	uint8_t interim;     /* the packet that is being read is */
	uint32_t left, skip; /* skip: of that, what is no payload, at its beginning */
	struct mqtt_alias {
		uint16_t id; /* 0: free */
		uint8_t n;
		char topic[MQTT_ALIAS_MAX];
	} alias[MQTT_ALIASES]; /* by id, of its remainder */
};

struct mqtt {
	struct mqtt_side side[2];
	uint8_t version; /* 3 to 5; 0: not known */
};

extern const struct protocol mqtt_protocol; /* the row of the table */

#endif
