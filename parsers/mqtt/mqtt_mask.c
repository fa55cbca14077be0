/*
 * mqtt_mask.c - what a recording may hold: types, topics, identifiers, reason codes, lengths
 *
 * Payloads, user names, passwords, wills and properties become 'x'; of those of a PUBLISH there
 * stay kinds, lengths, the alias of its topic, and a traceparent. A packet is a row of parts, each
 * of which stays or not; where the version is not known, what may be properties is hidden with the
 * payload.
 */
#include "parsers/mqtt/mqtt_impl.h"

enum part {
	PART_HEADER, /* the fixed header */
	PART_KEEP,   /* so many bytes */
	PART_TEXT,   /* a length of two bytes, and a text that stays */
	PART_PROPS,  /* a length, and properties, which are hidden; only of version 5 */
	PART_REST,   /* what is left stays */
	PART_HIDE,   /* what is left is hidden */
};

struct part_row {
	uint8_t part, n;
};

static const struct part_row layouts[16][6] = {
	[MQTT_CONNECT] =
		{{PART_TEXT, 0}, {PART_KEEP, 4}, {PART_PROPS, 0}, {PART_TEXT, 0}, {PART_HIDE, 0}},
	[MQTT_CONNACK] = {{PART_KEEP, 2}, {PART_HIDE, 0}},
	[MQTT_PUBLISH] = {{PART_TEXT, 0}, {PART_KEEP, 2}, {PART_PROPS, 0}, {PART_HIDE, 0}},
	[MQTT_PUBACK] = {{PART_KEEP, 3}, {PART_HIDE, 0}},
	[MQTT_PUBREC] = {{PART_KEEP, 3}, {PART_HIDE, 0}},
	[MQTT_PUBREL] = {{PART_KEEP, 3}, {PART_HIDE, 0}},
	[MQTT_PUBCOMP] = {{PART_KEEP, 3}, {PART_HIDE, 0}},
	[MQTT_SUBSCRIBE] = {{PART_KEEP, 2}, {PART_PROPS, 0}, {PART_REST, 0}},
	[MQTT_SUBACK] = {{PART_KEEP, 2}, {PART_PROPS, 0}, {PART_REST, 0}},
	[MQTT_UNSUBSCRIBE] = {{PART_KEEP, 2}, {PART_PROPS, 0}, {PART_REST, 0}},
	[MQTT_UNSUBACK] = {{PART_KEEP, 2}, {PART_PROPS, 0}, {PART_REST, 0}},
	[MQTT_PINGREQ] = {{PART_HIDE, 0}},
	[MQTT_PINGRESP] = {{PART_HIDE, 0}},
	[MQTT_DISCONNECT] = {{PART_KEEP, 1}, {PART_HIDE, 0}},
	[MQTT_AUTH] = {{PART_HIDE, 0}},
};

struct mask { /* flat, for protocol_mask */
	uint8_t server, lost, part, row, nhead;
	uint8_t head[5];
	uint8_t type, qos;
	uint8_t at;	  /* bytes of this part's length that were seen */
	uint8_t context;  /* trace_context_mask's */
	uint32_t left, n; /* of the packet; of the part */
	struct { /* of the property that is being read */
		uint8_t id, hidden; /* id 0: the next one is due; hidden: nothing is understood */
		uint8_t texts, nlength;
		uint16_t left;
	} property;
};

static void begin_part(struct mask *k, const struct mask_shared *both)
{
	const struct part_row *r = &layouts[k->type][k->row];

	if (k->type == MQTT_PUBLISH && k->row == 1 && !k->qos)
		r = &layouts[k->type][++k->row]; /* no identifier */
	if (r->part == PART_PROPS && both->word != 5)
		r = &layouts[k->type][++k->row];
	k->part = r->part;
	k->n = r->n;
	k->at = k->context = 0;
	memset(&k->property, 0, sizeof(k->property));
	k->property.hidden = k->type != MQTT_PUBLISH;
}

static int header_byte(struct mask *k, uint8_t c, const struct mask_shared *both)
{
	struct mqtt_packet packet;
	int found;

	k->head[k->nhead++] = c;
	found = mqtt_packet(k->head, k->nhead, k->server ? FROM_SERVER : FROM_CLIENT, &packet);
	if (found < 0 || (!found && k->nhead == sizeof(k->head)))
		return 0;
	if (!found)
		return 1;
	k->nhead = 0;
	k->type = packet.type;
	k->qos = packet.qos;
	k->left = packet.len;
	k->row = 0;
	if (k->left)
		begin_part(k, both);
	return 1;
}

static void begin_property(struct mask *k, uint8_t id)
{
	int kind = mqtt_property(id);

	k->property.hidden = kind == MQTT_NO_PROPERTY;
	k->property.id = id;
	k->property.texts = (uint8_t)(kind < 0 ? -kind : 0);
	k->property.left = (uint16_t)(kind > 0 ? kind : 0);
	k->property.nlength = 0;
}

/* What has come of a text: of its length two bytes, which stay. */
static uint8_t text_byte(struct mask *k, uint8_t c)
{
	uint8_t out = 'x';

	if (k->property.nlength < 2) {
		k->property.left = (uint16_t)(k->property.left << 8 | c);
		k->property.nlength++;
		out = c;
	} else {
		k->property.left--;
	}
	if (k->property.nlength < 2 || k->property.left)
		return out;
	k->property.nlength = 0;
	if (!--k->property.texts)
		k->property.id = 0;
	return out;
}

static uint8_t property_byte(struct mask *k, uint8_t c)
{
	uint8_t id = k->property.id;

	if (!id && !k->property.hidden) {
		begin_property(k, c);
		return k->property.hidden ? 'x' : c;
	}
	if (k->property.hidden)
		return 'x';
	if (k->property.texts)
		return text_byte(k, c);
	if (!k->property.left) { /* a number of several bytes */
		k->property.id = c & 0x80 ? id : 0;
		return c;
	}
	if (!--k->property.left)
		k->property.id = 0;
	return id == MQTT_TOPIC_ALIAS ? c : 'x';
}

/* A length of its own is before what it is the length of. Returns what becomes of c. */
static uint8_t sized_byte(struct mask *k, uint8_t c, int *over)
{
	int props = k->part == PART_PROPS;
	uint8_t out = c;

	if (k->at == 0xff) {
		uint8_t context = trace_context_mask(&k->context, MQTT_CONTEXT, c);

		*over = !--k->n;
		if (props)
			out = property_byte(k, c);
		return props && out == 'x' && !k->property.hidden ? context : out;
	}
	if (props) {
		k->n |= (uint32_t)(c & 0x7f) << 7 * k->at++;
		if (!(c & 0x80) || k->at == 4)
			k->at = 0xff;
	} else {
		k->n = k->n << 8 | c;
		if (++k->at == 2)
			k->at = 0xff;
	}
	*over = k->at == 0xff && !k->n;
	return c;
}

static uint8_t part_byte(struct mask *k, uint8_t c, struct mask_shared *both)
{
	int over = 0;

	switch (k->part) {
	case PART_KEEP:
		if (k->type == MQTT_CONNECT && k->n == 4)
			both->word = c; /* the version */
		over = !--k->n;
		break;
	case PART_TEXT:
	case PART_PROPS: c = sized_byte(k, c, &over); break;
	case PART_REST: break;
	default: c = 'x';
	}
	if (over) {
		k->row++;
		begin_part(k, both);
	}
	return c;
}

static void mask_begin(void *state, enum sender from, unsigned flags)
{
	struct mask *k = state;

	(void)flags;
	memset(k, 0, sizeof(*k));
	k->server = from == FROM_SERVER;
}

static size_t mask_feed(void *state, struct mask_shared *both, uint8_t *p, size_t n)
{
	struct mask *k = state;

	for (size_t i = 0; i < n; i++) {
		if (k->left) {
			p[i] = part_byte(k, p[i], both);
			k->left--;
		} else if (k->lost || !header_byte(k, p[i], both)) {
			k->lost = 1;
			return i;
		}
	}
	return n;
}

static int mask_gap(void *state, struct mask_shared *both, uint64_t n)
{
	struct mask *k = state;

	(void)both;
	if (k->lost || !k->left || k->part != PART_HIDE || n > k->left) {
		k->lost = 1;
		k->left = 0;
		return 0;
	}
	k->left -= (uint32_t)n;
	return 1;
}

const struct protocol_mask mqtt_mask = {
	.state_size = sizeof(struct mask),
	.begin = mask_begin,
	.feed = mask_feed,
	.gap = mask_gap,
};
