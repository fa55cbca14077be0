/*
 * dns_protocol.c - messages to events, masks, probing, and the row of the table; see dns.h
 */
#include "parsers/attrs.h"
#include "parsers/dns/dns_impl.h"

enum state { IDLE, REST, DONE, BAD };

#define RCODE_SERVFAIL 2u
#define RCODE_REFUSED 5u

static void dns_begin(void *state, unsigned joined)
{
	((struct dns *)state)->datagram = (joined & BEGIN_DATAGRAM) != 0;
}

/* ---- what a message tells */

/* Of the question, in whatever case it is written; never 0. */
static uint32_t question_hash(const struct dns_message *d, struct str name)
{
	uint32_t h = 2166136261u ^ (d->type << 16 | d->class);

	for (size_t i = 0; i < name.n; i++)
		h = (h ^ (uint8_t)name.p[i]) * 16777619u;
	return h | 1;
}

static struct str operation(struct dns_side *s, const struct dns_message *d)
{
	static const struct str opcodes[] = {
		{"QUERY", 5}, {"IQUERY", 6}, {"STATUS", 6}, {NULL, 0}, {"NOTIFY", 6}, {"UPDATE", 6},
	};

	return d->opcode == DNS_OPCODE_QUERY ? dns_type_name(d->type, s->type) : opcodes[d->opcode];
}

static void tell_response(struct dns_side *s, const struct dns_message *d, const uint8_t *p,
			  size_t n, struct message *m)
{
	m->flags = MESSAGE_RESPONSE;
	if (d->rcode == RCODE_SERVFAIL || d->rcode == RCODE_REFUSED)
		m->flags |= MESSAGE_FAILED;
	else if (d->rcode)
		m->flags |= MESSAGE_REFUSED;
	message_number(m, ATTR(dns_rcode), d->rcode);
	message_number(m, ATTR(dns_answer_count), d->answers);
	if (d->truncated)
		message_number(m, ATTR(dns_truncated), 1);
	message_text(m, ATTR(dns_answers), dns_answers(d, p, n, s->answers));
}

/* Fills *m from the message of which n bytes are there. 0: it is none. */
static int tell(struct dns_side *s, const uint8_t *p, size_t n, struct message *m)
{
	struct dns_message d;
	struct str name = {NULL, 0};
	size_t end;

	if (dns_message_parse(&d, p, n) < 0)
		return 0;
	m->type = MESSAGE_HEAD;
	m->key = d.id;
	if (d.question) {
		name = (struct str){s->name, dns_name(p, n, d.question, s->name, &end)};
		if (!name.n)
			return 0;
		m->form = question_hash(&d, name);
	}
	if (d.response) {
		tell_response(s, &d, p, n, m);
		return 1;
	}
	m->operation = operation(s, &d);
	m->target = m->group = name;
	return 1;
}

/* ---- bytes */

static enum parse_status begin(struct dns_side *s, const uint8_t *p, size_t n, size_t *used,
			       size_t prefix, struct message *m)
{
	size_t len = prefix ? 0 : n, there;

	if (n < prefix || !n)
		return PARSE_MORE;
	if (prefix)
		len = be16(p);
	there = len < DNS_MAX_HEAD ? len : DNS_MAX_HEAD;
	if (n - prefix < there)
		return PARSE_MORE;
	if (!tell(s, p + prefix, there, m)) {
		s->state = prefix ? BAD : IDLE;
		*used = prefix ? 0 : n;
		return prefix ? PARSE_BAD : PARSE_SKIPPED;
	}
	m->head_len = (uint32_t)(prefix + there);
	*used = prefix + there;
	s->left = (uint32_t)(len - there);
	s->state = s->left ? REST : DONE;
	return PARSE_EVENT;
}

static enum parse_status end(struct dns_side *s, struct message *m)
{
	s->state = IDLE;
	m->type = MESSAGE_END;
	return PARSE_EVENT;
}

static enum parse_status dns_next(void *state, enum sender from, const uint8_t *p, size_t n,
				  size_t *used, struct message *m)
{
	struct dns *d = state;
	struct dns_side *s = &d->side[from];

	*used = 0;
	if (s->state == REST) {
		*used = n < s->left ? n : s->left;
		s->left -= (uint32_t)*used;
		s->state = s->left ? REST : DONE;
		if (s->left)
			return PARSE_MORE;
	}
	if (s->state == DONE)
		return end(s, m);
	return s->state == BAD ? PARSE_BAD : begin(s, p, n, used, d->datagram ? 0 : 2, m);
}

static enum parse_status dns_gap(void *state, enum sender from, struct str kept, uint64_t n,
				 uint64_t *used, struct message *m)
{
	struct dns *d = state;
	struct dns_side *s = &d->side[from];
	size_t some;

	*used = 0;
	if (s->state == DONE)
		return end(s, m);
	if (s->state == REST) {
		*used = n < s->left ? n : s->left;
		s->left -= (uint32_t)*used;
		s->state = s->left ? REST : DONE;
		return PARSE_MORE;
	}
	if (d->datagram) {
		/* of a datagram the rest: what is there tells enough, if its question is */
		if (kept.n && tell(s, (const uint8_t *)kept.p, kept.n, m)) {
			m->flags |= MESSAGE_TORN;
			m->head_len = (uint32_t)kept.n;
			return PARSE_EVENT;
		}
		*used = n;
		return PARSE_SKIPPED;
	}
	if (s->state == IDLE && kept.n > 2 && tell(s, (const uint8_t *)kept.p + 2, kept.n - 2, m)) {
		some = be16((const uint8_t *)kept.p) + 2u - kept.n;
		m->flags |= MESSAGE_TORN;
		m->head_len = (uint32_t)kept.n;
		s->left = (uint32_t)some;
		s->state = REST;
		return PARSE_EVENT;
	}
	s->state = BAD;
	*used = n;
	return PARSE_SKIPPED;
}

static enum parse_status dns_eof(void *state, enum sender from, struct message *m)
{
	struct dns_side *s = &((struct dns *)state)->side[from];

	if (s->state == DONE)
		return end(s, m);
	if (s->state != REST)
		return PARSE_END;
	s->state = BAD;
	m->type = MESSAGE_ABORT;
	return PARSE_EVENT;
}

static uint64_t dns_unneeded(const void *state, enum sender from)
{
	const struct dns_side *s = &((const struct dns *)state)->side[from];

	return s->state == REST ? s->left : 0;
}

/* ---- recognising: a whole message fits to the byte, which nothing else does by chance */

static int is_sound(const struct dns_message *d)
{
	int ordinary = d->class == 1 || d->class == 3 || d->class == 4 || d->class >= 254;

	if (d->question && (!d->type || !ordinary))
		return 0;
	if (!d->response && (d->rcode || (d->opcode == DNS_OPCODE_QUERY && d->answers)))
		return 0;
	return d->question || d->rcode;
}

/* May a message begin so, of which not all is there? */
static int may_begin(const uint8_t *p, size_t n)
{
	size_t len = n >= 2 ? be16(p) : DNS_HEADER;

	if (len < DNS_HEADER + (n > 4 && !(p[4] & 0x80) ? 5u : 0))
		return 0;
	if (n > 4 && ((p[4] >> 3 & 15) > 5 || (p[4] >> 3 & 15) == 3))
		return 0;
	if (n > 5 && !(p[4] & 0x80) && p[5] & 15)
		return 0;
	return (n <= 5 || !(p[5] & 0x40)) && (n <= 7 || (!p[6] && p[7] <= 1));
}

static enum probe_result dns_probe(const struct probe *in, unsigned *client)
{
	size_t prefix = in->datagram ? 0 : 2, len = in->n;
	struct dns_message d;

	if (!in->n || (!in->segment && !in->start))
		return PROBE_NO;
	if (prefix) {
		if (!may_begin(in->p, in->n))
			return PROBE_NO;
		if (in->n < 2 || in->n - 2 < be16(in->p))
			return in->answer || in->torn ? PROBE_NO : PROBE_MORE;
		len = be16(in->p);
	}
	if (dns_message_parse(&d, in->p + prefix, len) < 0 || !is_sound(&d) ||
	    !dns_message_fits(&d, in->p + prefix, len))
		return PROBE_NO;
	*client = d.response ? !in->dir : in->dir;
	return in->client != PROBE_NO_DIR && in->client != *client ? PROBE_NO : PROBE_YES;
}

/* ---- recordings: nothing in it is a secret, so masking follows the messages and changes none */

struct mask {
	uint8_t doubt, at; /* at: bytes of the length that have come */
	uint8_t high;
	uint32_t left;
};

static void mask_begin(void *state, enum sender from, unsigned flags)
{
	(void)from;
	*(struct mask *)state = (struct mask){.doubt = (flags & MASK_DOUBT) != 0};
}

static size_t mask_feed(void *state, struct mask_shared *both, uint8_t *p, size_t n)
{
	struct mask *k = state;

	(void)both;
	for (size_t at = 0, some; at < n; at += some) {
		some = 1;
		if (!k->left && !k->at++) {
			k->high = p[at];
		} else if (!k->left) {
			k->left = (uint32_t)k->high << 8 | p[at];
			k->at = 0;
			if (k->left < DNS_HEADER)
				return at;
		} else {
			some = n - at < k->left ? n - at : k->left;
			if (k->doubt)
				memset(p + at, 'x', some);
			k->left -= (uint32_t)some;
		}
	}
	return n;
}

static int mask_gap(void *state, struct mask_shared *both, uint64_t n)
{
	struct mask *k = state;

	(void)both;
	if (k->at || n > k->left)
		return 0;
	k->left -= (uint32_t)n;
	return 1;
}

static const struct protocol_mask dns_mask = {
	.state_size = sizeof(struct mask),
	.begin = mask_begin,
	.feed = mask_feed,
	.gap = mask_gap,
};

/* ---- */

static const uint16_t ports[] = {53, 0}, tls_ports[] = {853, 0};
static const char *const programs[] = {"dnsmasq", "unbound",	     "named",
				       "coredns", "systemd-resolve", NULL};
static const struct attr_def *const attrs[] = {
	ATTR(dns_question),
	ATTR(dns_type),
	ATTR(dns_rcode),
	ATTR(dns_answers),
	ATTR(dns_answer_count),
	ATTR(dns_truncated),
	ATTR(retries),
	NULL,
};

const struct protocol dns_protocol = {
	.name =
		{
			.name = "dns",
			.label = {"DNS", "DNS"},
			.operation = ATTR(dns_type),
			.target = ATTR(dns_question),
			.status = ATTR(dns_rcode),
			.flags = NAME_KEYS,
		},
	.transports = TRANSPORT_STREAM | TRANSPORT_DATAGRAM,
	.ports = ports,
	.tls_ports = tls_ports,
	.programs = programs,
	.pairing = PAIRING_BY_KEY,
	.state_size = sizeof(struct dns),
	.probe = dns_probe,
	.begin = dns_begin,
	.next = dns_next,
	.gap = dns_gap,
	.eof = dns_eof,
	.unneeded = dns_unneeded,
	.mask = &dns_mask,
	.attrs = attrs,
};
