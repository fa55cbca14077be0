/*
 * amqp_method.c - methods and their arguments, frames, and probing
 */
#include "parsers/amqp/amqp_impl.h"

#define C 1
#define S 2
#define B 3

static const struct amqp_method methods[] = {
	{10, 10, S, AMQP_PASS, "connection.start", "", 0, 0, 0},
	{10, 11, C, AMQP_ASK, "CONNECT", "", 0, 0, 0},
	{10, 20, S, AMQP_PASS, "connection.secure", "", 0, 0, 0},
	{10, 21, C, AMQP_PASS, "connection.secure-ok", "", 0, 0, 0},
	{10, 30, S, AMQP_ANSWER, "connection.tune", "8", 0, 0, 11},
	{10, 31, C, AMQP_PASS, "connection.tune-ok", "8", 0, 0, 0},
	{10, 40, C, AMQP_ASK, "connection.open", "s", 0, 0, 0},
	{10, 41, S, AMQP_ANSWER, "connection.open-ok", "", 0, 0, 40},
	{10, 50, B, AMQP_CLOSE, "connection.close", "2S4", 0, 0, 0},
	{10, 51, B, AMQP_ANSWER, "connection.close-ok", "", 0, 0, 50},
	{10, 60, S, AMQP_PASS, "connection.blocked", "", 0, 0, 0},
	{10, 61, S, AMQP_PASS, "connection.unblocked", "", 0, 0, 0},
	{10, 70, C, AMQP_ASK, "connection.update-secret", "", 0, 0, 0},
	{10, 71, S, AMQP_ANSWER, "connection.update-secret-ok", "", 0, 0, 70},
	{20, 10, C, AMQP_ASK, "channel.open", "", 0, 0, 0},
	{20, 11, S, AMQP_ANSWER, "channel.open-ok", "", 0, 0, 10},
	{20, 20, B, AMQP_PASS, "channel.flow", "1", 0, 0, 0},
	{20, 21, B, AMQP_PASS, "channel.flow-ok", "1", 0, 0, 0},
	{20, 40, B, AMQP_CLOSE, "channel.close", "2S4", 0, 0, 0},
	{20, 41, B, AMQP_ANSWER, "channel.close-ok", "", 0, 0, 40},
	{40, 10, C, AMQP_ASK, "exchange.declare", "2ss1", 1, 0x10, 0},
	{40, 11, S, AMQP_ANSWER, "exchange.declare-ok", "", 0, 0, 10},
	{40, 20, C, AMQP_ASK, "exchange.delete", "2s1", 1, 0x02, 0},
	{40, 21, S, AMQP_ANSWER, "exchange.delete-ok", "", 0, 0, 20},
	{40, 30, C, AMQP_ASK, "exchange.bind", "2sss1", 1, 0x01, 0},
	{40, 31, S, AMQP_ANSWER, "exchange.bind-ok", "", 0, 0, 30},
	{40, 40, C, AMQP_ASK, "exchange.unbind", "2sss1", 1, 0x01, 0},
	{40, 51, S, AMQP_ANSWER, "exchange.unbind-ok", "", 0, 0, 40},
	{50, 10, C, AMQP_ASK, "queue.declare", "2s1", 1, 0x10, 0},
	{50, 11, S, AMQP_ANSWER, "queue.declare-ok", "s8", 0, 0, 10},
	{50, 20, C, AMQP_ASK, "queue.bind", "2sss1", 1, 0x01, 0},
	{50, 21, S, AMQP_ANSWER, "queue.bind-ok", "", 0, 0, 20},
	{50, 30, C, AMQP_ASK, "queue.purge", "2s1", 1, 0x01, 0},
	{50, 31, S, AMQP_ANSWER, "queue.purge-ok", "4", 0, 0, 30},
	{50, 40, C, AMQP_ASK, "queue.delete", "2s1", 1, 0x04, 0},
	{50, 41, S, AMQP_ANSWER, "queue.delete-ok", "4", 0, 0, 40},
	{50, 50, C, AMQP_ASK, "queue.unbind", "2sss", 1, 0, 0},
	{50, 51, S, AMQP_ANSWER, "queue.unbind-ok", "", 0, 0, 50},
	{60, 10, C, AMQP_ASK, "basic.qos", "7", 0, 0, 0},
	{60, 11, S, AMQP_ANSWER, "basic.qos-ok", "", 0, 0, 10},
	{60, 20, C, AMQP_ASK, "basic.consume", "2ss1", 1, 0x08, 0},
	{60, 21, S, AMQP_ANSWER, "basic.consume-ok", "s", 0, 0, 20},
	{60, 30, B, AMQP_ASK, "basic.cancel", "s1", 0, 0x01, 0},
	{60, 31, B, AMQP_ANSWER, "basic.cancel-ok", "s", 0, 0, 30},
	{60, 40, C, AMQP_PUBLISH, "publish", "2ss1", 0, 0, 0},
	{60, 50, S, AMQP_RETURN, "return", "2Sss", 0, 0, 0},
	{60, 60, S, AMQP_DELIVER, "process", "s9ss", 0, 0, 0},
	{60, 70, C, AMQP_ASK, "receive", "2s1", 1, 0, 0},
	{60, 71, S, AMQP_GET_OK, "receive", "9ss4", 0, 0, 70},
	{60, 72, S, AMQP_ANSWER, "receive", "", 0, 0, 70},
	{60, 80, B, AMQP_ACK, "ack", "81", 0, 0, 0},
	{60, 90, C, AMQP_ACK, "reject", "81", 0, 0, 0},
	{60, 100, C, AMQP_PASS, "basic.recover-async", "1", 0, 0, 0},
	{60, 110, C, AMQP_ASK, "basic.recover", "1", 0, 0, 0},
	{60, 111, S, AMQP_ANSWER, "basic.recover-ok", "", 0, 0, 110},
	{60, 120, B, AMQP_ACK, "nack", "81", 0, 0, 0},
	{85, 10, C, AMQP_ASK, "confirm.select", "1", 0, 0x01, 0},
	{85, 11, S, AMQP_ANSWER, "confirm.select-ok", "", 0, 0, 10},
	{90, 10, C, AMQP_ASK, "tx.select", "", 0, 0, 0},
	{90, 11, S, AMQP_ANSWER, "tx.select-ok", "", 0, 0, 10},
	{90, 20, C, AMQP_ASK, "tx.commit", "", 0, 0, 0},
	{90, 21, S, AMQP_ANSWER, "tx.commit-ok", "", 0, 0, 20},
	{90, 30, C, AMQP_ASK, "tx.rollback", "", 0, 0, 0},
	{90, 31, S, AMQP_ANSWER, "tx.rollback-ok", "", 0, 0, 30},
};

const struct amqp_method *amqp_method(uint16_t class_id, uint16_t id, enum sender from)
{
	for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++)
		if (methods[i].class_id == class_id && methods[i].id == id &&
		    methods[i].from >> from & 1)
			return &methods[i];
	return NULL;
}

void amqp_args(const struct amqp_method *d, const uint8_t *p, size_t n, struct amqp_args *a)
{
	size_t at = 0, len;

	*a = (struct amqp_args){.whole = 0};
	for (const char *f = d->format; *f; f++) {
		if (*f == 's' || *f == 'S') {
			if (at >= n || at + 1 + p[at] > n)
				return;
			len = p[at];
			a->s[a->n++] = (struct str){(const char *)p + at + 1, len};
			at += 1 + len;
		} else {
			len = (size_t)(*f - '0');
			if (at + len > n)
				return;
			a->fixed[a->nfixed++] = p + at;
			at += len;
			a->last = p[at - 1];
		}
	}
	a->whole = 1;
}

int amqp_is_frame(const uint8_t p[AMQP_HEADER])
{
	uint32_t size = be32(p + 3);

	if (p[0] == AMQP_HEARTBEAT)
		return !size;
	return (p[0] == AMQP_METHOD && size >= 4 && size <= AMQP_MAX_FRAME) ||
	       (p[0] == AMQP_CONTENT && size >= 14 && size <= AMQP_MAX_FRAME) ||
	       (p[0] == AMQP_BODY && size && size <= AMQP_MAX_FRAME);
}

/* ---- recognising */

/* Who may have sent these whole frames, one of which is a method: bits of enum sender. */
static unsigned senders(const uint8_t *p, size_t n)
{
	unsigned who = 3, methods_seen = 0;
	uint32_t size;

	for (size_t at = 0; at < n; at += AMQP_HEADER + size + 1) {
		if (n - at < AMQP_HEADER || !amqp_is_frame(p + at))
			return 0;
		size = be32(p + at + 3);
		if (size + 1 > n - at - AMQP_HEADER || p[at + AMQP_HEADER + size] != AMQP_END)
			return 0;
		if (p[at] != AMQP_METHOD)
			continue;
		methods_seen = 1;
		for (unsigned from = 0; from < 2; from++)
			if (!amqp_method(be16(p + at + 7), be16(p + at + 9),
					 (enum sender)from))
				who &= ~(1u << from);
	}
	return methods_seen ? who : 0;
}

enum probe_result amqp_probe(const struct probe *in, unsigned *client)
{
	static const char head[] = "AMQP\0\0\x09\x01";
	unsigned who;

	if (!in->n || (!in->segment && !in->start))
		return PROBE_NO;
	*client = in->dir;
	if (in->p[0] == 'A') {
		if (memcmp(in->p, head, in->n < 8 ? in->n : 8))
			return PROBE_NO;
		if (in->n < 8)
			return in->torn || in->answer || !in->start ? PROBE_NO : PROBE_MORE;
		return in->client == !in->dir ? PROBE_NO : PROBE_YES;
	}
	if (in->start || in->n < 12 || in->p[0] > 3)
		return PROBE_NO;
	who = senders(in->p, in->n);
	if (in->client != PROBE_NO_DIR)
		who &= in->client == in->dir ? 1u << FROM_CLIENT : 1u << FROM_SERVER;
	if (!who || who == 3)
		return PROBE_NO;
	*client = who == 1u << FROM_CLIENT ? in->dir : !in->dir;
	return PROBE_YES;
}
