/*
 * kafka_protocol.c - messages, and the row of the table; see kafka.h
 */
#include "parsers/attrs.h"
#include "parsers/kafka/kafka_impl.h"

enum state { IDLE, HEADER, BODY, DONE, TOKEN, BAD };

/* ---- what is found */

/* An id as Kafka's tools write it: base64 for URLs, without padding. */
static void put_id(struct kafka_topic *t, const uint8_t *id)
{
	static const char digit[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
	unsigned any = 0;

	t->n = 0;
	for (unsigned i = 0; i < 16; i++)
		any |= id[i];
	if (!any)
		return;
	for (unsigned bit = 0; bit < 128; bit += 6) {
		unsigned pair = (unsigned)id[bit / 8] << 8 | (bit / 8 < 15 ? id[bit / 8 + 1] : 0);

		t->s[t->n++] = digit[pair >> (10 - bit % 8) & 63];
	}
	t->by_id = 1;
}

static void put_name(struct kafka_topic *t, struct str s)
{
	t->by_id = 0;
	t->n = (uint16_t)s.n;
	memcpy(t->s, s.p, s.n);
}

static int same(const struct kafka_topic *a, const struct kafka_topic *b)
{
	return a->n == b->n && !memcmp(a->s, b->s, a->n);
}

/* f->last is one that the message is about. */
static void note_topic(struct kafka_found *f)
{
	if (!f->last.n || (f->topics && same(&f->topic, &f->last)))
		return;
	if (!f->topics++)
		f->topic = f->last;
}

static void note_group(struct kafka_found *f, struct str s)
{
	if (s.n > KAFKA_MAX_GROUP)
		return;
	f->ngroup = (uint8_t)s.n;
	memcpy(f->group, s.p, s.n);
}

static void note(struct kafka_side *s, const struct kafka_value *v, int request)
{
	struct kafka_found *f = &s->found;

	switch (v->what) {
	case KAFKA_IS_ERROR: f->error = f->error ? f->error : (int16_t)v->n; break;
	case KAFKA_IS_THROTTLE: f->throttle = (int32_t)v->n; break;
	case KAFKA_IS_WAIT: f->wait = (int32_t)v->n; break;
	case KAFKA_IS_EPOCH: f->epoch = (int32_t)v->n; break;
	case KAFKA_IS_PARTITION:
		f->partition = f->partitions++ ? f->partition : (int32_t)v->n;
		break;
	case KAFKA_IS_GROUP: note_group(f, v->s); break;
	case KAFKA_IS_TOPIC:
		put_name(&f->last, v->s);
		if (request)
			note_topic(f);
		break;
	case KAFKA_IS_TOPIC_ID:
		put_id(&f->last, (const uint8_t *)v->s.p);
		if (request)
			note_topic(f);
		break;
	default: break;
	}
}

/* A response tells the id of what it has just named. Returns 1 if *m does. */
static int tells_name(struct kafka_side *s, const struct kafka_value *v, struct message *m)
{
	struct kafka_found *f = &s->found;
	size_t n = f->last.n;

	if (v->what != KAFKA_IS_TOPIC_ID || f->last.by_id || !n)
		return 0;
	memcpy(f->target, f->last.s, n);
	put_id(&f->last, (const uint8_t *)v->s.p);
	if (!f->last.n)
		return 0;
	m->type = MESSAGE_NOTICE;
	m->flags = MESSAGE_NAMES;
	m->operation = (struct str){f->last.s, f->last.n};
	m->target = (struct str){f->target, n};
	return 1;
}

/* The first topic, and how many more there are. */
static void put_target(struct kafka_found *f, const struct kafka_topic *t, uint32_t topics,
		       struct message *m)
{
	size_t n = t->n;
	char digits[12];
	unsigned i = sizeof(digits);

	if (!topics)
		return;
	memcpy(f->target, t->s, n);
	if (--topics) {
		memcpy(f->target + n, ",+", 2);
		n += 2;
		for (; topics; topics /= 10)
			digits[--i] = (char)('0' + topics % 10);
		memcpy(f->target + n, digits + i, sizeof(digits) - i);
		n += sizeof(digits) - i;
	}
	m->target = m->group = (struct str){f->target, n};
	m->flags |= t->by_id ? MESSAGE_BY_ID : 0;
}

/* ---- ends */

static void put_milliseconds(struct message *m, const struct attr_def *def, int32_t ms)
{
	if (ms > 0)
		message_number(m, def, (uint64_t)ms * 1000000u);
}

static const char *const compressions[] = {NULL, "gzip", "snappy", "lz4", "zstd", NULL, NULL, NULL};

/* What is in the records; *m: END. */
static void put_records(struct kafka_side *s, int request, struct message *m)
{
	const char *with = compressions[s->found.compression];

	if (with)
		message_text(m, ATTR(messaging_compression), (struct str){with, strlen(with)});
	if (!s->known || !s->walk.counted)
		return;
	message_number(m, ATTR(messaging_messages), s->walk.messages);
	if (!s->looks || !s->contexts)
		return;
	if (s->walk.messages > 1)
		message_number(m, ATTR(messaging_contexts), s->contexts);
	else if (!request)
		m->context = (struct str){s->context, sizeof(s->context)};
}

static int carries_records(unsigned api, int request)
{
	return request ? api == KAFKA_PRODUCE : api == KAFKA_FETCH || api == KAFKA_SHARE_FETCH;
}

/* A consumer names its topics once, and what changes. */
static void follow_session(struct kafka *k, struct kafka_found *f)
{
	if (!f->topics || (f->epoch > 0 && k->session_topics))
		return;
	k->session = f->topic;
	k->session_topics = f->topics;
}

static void end_request(struct kafka *k, struct kafka_side *s, struct message *m)
{
	struct kafka_found *f = &s->found;
	int fetches = s->api == KAFKA_FETCH;

	if (fetches)
		follow_session(k, f);
	if (fetches && !f->topics)
		put_target(f, &k->session, k->session_topics, m);
	else
		put_target(f, &f->topic, f->topics, m);
	put_milliseconds(m, ATTR(max_wait), f->wait);
	if (f->ngroup)
		message_text(m, ATTR(messaging_group), (struct str){f->group, f->ngroup});
}

static void end_response(struct kafka_side *s, struct message *m)
{
	struct kafka_found *f = &s->found;
	struct str name = kafka_error(f->error);

	put_target(f, &f->topic, f->topics, m);
	put_milliseconds(m, ATTR(throttle), f->throttle);
	/* a member of a group is told its id so */
	if (!f->error || f->error == 79)
		return;
	m->flags |= kafka_error_is_servers(f->error) ? MESSAGE_FAILED : MESSAGE_REFUSED;
	message_text(m, ATTR(messaging_status), name.p ? name : (struct str){"UNKNOWN", 7});
}

static enum parse_status end(struct kafka *k, struct kafka_side *s, int request, struct message *m)
{
	struct kafka_found *f = &s->found;

	m->type = MESSAGE_END;
	if (request)
		end_request(k, s, m);
	else
		end_response(s, m);
	if (carries_records(s->api, request)) {
		if (!s->known)
			m->flags |= MESSAGE_UNCOUNTED;
		if (f->partitions == 1 && (s->known || s->ends))
			message_number(m, ATTR(messaging_partition), (uint64_t)f->partition);
		put_records(s, request, m);
	}
	s->state = IDLE;
	return PARSE_EVENT;
}

/* ---- heads */

static struct str operation(const struct kafka_api *api)
{
	switch (api->key) {
	case KAFKA_PRODUCE: return (struct str){"publish", 7};
	case KAFKA_FETCH:
	case KAFKA_SHARE_FETCH: return (struct str){"process", 7};
	default: return (struct str){api->name, strlen(api->name)};
	}
}

static void begin_body(struct kafka_side *s, unsigned row, unsigned version, int flexible,
		       int known, uint32_t left)
{
	memset(&s->found, 0, offsetof(struct kafka_found, group));
	s->known = (uint8_t)known;
	s->ends = 0;
	s->looks = known && left <= KAFKA_PEEK;
	s->contexts = 0;
	memset(&s->records, 0, sizeof(s->records));
	kafka_walk_begin(&s->walk, row, version, flexible, left);
	s->state = BODY;
}

/* As many bytes of it follow the four that are its length. */
static enum parse_status token(struct kafka_side *s, int len, size_t *used)
{
	s->state = len ? TOKEN : IDLE;
	s->walk.left = (uint32_t)len;
	*used = 4;
	return PARSE_MORE;
}

static uint64_t skip_token(struct kafka_side *s, uint64_t n)
{
	uint32_t some = n < s->walk.left ? (uint32_t)n : s->walk.left;

	s->walk.left -= some;
	if (!s->walk.left)
		s->state = IDLE;
	return some;
}

/* What has a trace context, if any, comes as a whole. */
static int may_have_context(const struct kafka_head *h)
{
	return h->api->key == KAFKA_PRODUCE && h->known && h->size <= KAFKA_PEEK;
}

/* whole: what is not there of it yet comes. */
static enum parse_status request_head(struct kafka *k, const uint8_t *p, size_t n, size_t *used,
				      int whole, struct message *m)
{
	struct kafka_side *s = &k->side[FROM_CLIENT];
	struct kafka_head h;
	int r = n ? kafka_head_parse(&h, p, n) : 0;

	if (r < 0 && k->bare && n < 4)
		return PARSE_MORE;
	if (r < 0 && k->bare && kafka_token(p, n) >= 0 && k->tokens < UINT8_MAX) {
		k->tokens++;
		return token(s, kafka_token(p, n), used);
	}
	if (r <= 0) {
		s->state = r ? BAD : IDLE;
		return r ? PARSE_BAD : PARSE_MORE;
	}
	if (may_have_context(&h) && n >= h.size)
		m->context = kafka_context(&h, p);
	else if (may_have_context(&h) && whole)
		return PARSE_MORE;
	begin_body(s, h.api->request, h.version, h.flexible, h.known, h.size - (uint32_t)h.end);
	s->api = h.api->key;
	k->bare = h.api->key == KAFKA_SASL_HANDSHAKE && !h.version;
	m->type = MESSAGE_HEAD;
	m->key = h.correlation;
	m->head_len = (uint32_t)h.end;
	m->form = KAFKA_FORM(h.api->key, h.version);
	m->operation = operation(h.api);
	message_text(m, ATTR(kafka_api), (struct str){h.api->name, strlen(h.api->name)});
	message_number(m, ATTR(kafka_version), h.version);
	message_text(m, ATTR(messaging_client_id), h.client);
	if (!h.acks)
		m->flags = MESSAGE_ONE_WAY;
	*used = h.end;
	return PARSE_EVENT;
}

/* What it answers is told by kafka_answers(), before more is asked for. */
static enum parse_status response_head(struct kafka *k, const uint8_t *p, size_t n, size_t *used,
				       struct message *m)
{
	struct kafka_side *s = &k->side[FROM_SERVER];
	uint32_t size = n >= 4 ? be32(p) : 4;

	if (k->tokens && kafka_token(p, n) >= 0) {
		k->tokens--;
		return token(s, kafka_token(p, n), used);
	}

	if (size < 4 || size > KAFKA_MAX_SIZE) {
		s->state = BAD;
		return PARSE_BAD;
	}
	if (n < 8)
		return PARSE_MORE;
	begin_body(s, 0, 0, 0, 0, size - 4);
	m->type = MESSAGE_HEAD;
	m->flags = MESSAGE_RESPONSE;
	m->key = be32(p + 4);
	m->head_len = 8;
	*used = 8;
	return PARSE_EVENT;
}

static void kafka_answers(void *state, int known, uint32_t form)
{
	struct kafka_side *s = &((struct kafka *)state)->side[FROM_SERVER];
	const struct kafka_api *api = kafka_api_find(form >> 16 & 0x7fff);
	unsigned version = form & 0xffff;

	s->api = UINT8_MAX;
	if (!known || !api || version > api->last)
		return;
	s->api = api->key;
	begin_body(s, api->response, version, version >= api->flexible, 1, s->walk.left);
	/* the first message between two ends must be read by all */
	if (s->walk.flexible && api->key != KAFKA_API_VERSIONS)
		s->state = HEADER;
}

/* ---- bytes */

/* The header of a batch, or some of its records. */
static void look(struct kafka_side *s, const uint8_t *p, size_t n, int opens)
{
	enum kafka_part part;

	if (opens) {
		memset(&s->records, 0, sizeof(s->records));
		s->records.lost = !kafka_batch_is_plain(p, n);
		s->nvalue = s->own = 0;
		if (!s->found.compression)
			s->found.compression = (uint8_t)kafka_batch_compression(p, n);
	}
	for (size_t at = 0, some; at < n && !opens && s->looks && !s->records.lost; at += some) {
		some = kafka_records_next(&s->records, p + at, n - at, &part);
		if (part == KAFKA_PART_CONTEXT) {
			if (!s->contexts && !s->own)
				memcpy(s->context + s->nvalue, p + at, some);
			s->nvalue = (uint8_t)(s->nvalue + some);
			if (s->nvalue == TRACE_CONTEXT_LEN && s->own < 2)
				s->own++;
			s->nvalue %= TRACE_CONTEXT_LEN;
		}
		if (s->records.ends) {
			s->contexts += s->own == 1;
			s->nvalue = s->own = 0;
		}
		s->looks = !s->records.lost;
	}
}

static enum parse_status content(struct kafka_side *s, const uint8_t *p, size_t n, int request,
				 struct message *m)
{
	if (!request)
		note_topic(&s->found);
	m->type = MESSAGE_CONTENT;
	m->data = (struct str){(const char *)p, n};
	return PARSE_EVENT;
}

/* Tagged fields of a response's header. */
static enum parse_status skip_header(struct kafka_side *s, const uint8_t *p, size_t n, size_t *used)
{
	uint32_t tags;
	int r = kafka_varint(p, n < s->walk.left ? n : s->walk.left, &tags);

	if (!r && n < s->walk.left)
		return PARSE_MORE;
	s->state = BODY;
	if (r <= 0 || tags || (uint32_t)r > s->walk.left) {
		s->known = 0; /* there are none so far */
		return PARSE_MORE;
	}
	s->walk.left -= (uint32_t)r;
	*used = (size_t)r;
	return PARSE_MORE;
}

/* What is not understood is passed over up to the end of the message. */
static enum parse_status skip_rest(struct kafka_side *s, size_t n, size_t *used)
{
	*used = n < s->walk.left ? n : s->walk.left;
	s->walk.left -= (uint32_t)*used;
	if (!s->walk.left)
		s->state = DONE;
	return PARSE_MORE;
}

static enum parse_status body(struct kafka_side *s, const uint8_t *p, size_t n, size_t *used,
			      int request, struct message *m)
{
	int opens = !s->walk.batch;
	struct kafka_value v;

	if (!s->known)
		return skip_rest(s, n, used);
	switch (kafka_walk_next(&s->walk, p, n, used, &v)) {
	case KAFKA_STEP_VALUE:
		if (!request && tells_name(s, &v, m))
			return PARSE_EVENT;
		note(s, &v, request);
		break;
	case KAFKA_STEP_CONTENT:
		look(s, p, *used, opens);
		return content(s, p, *used, request, m);
	case KAFKA_STEP_MORE: break;
	case KAFKA_STEP_DONE:
		if (!s->walk.left) {
			s->state = DONE;
			break;
		}
		s->walk.counted = 0;
		s->known = 0;
		break;
	case KAFKA_STEP_LOST: s->known = 0; break;
	}
	return PARSE_MORE;
}

static enum parse_status kafka_next(void *state, enum sender from, const uint8_t *p, size_t n,
				    size_t *used, struct message *m)
{
	struct kafka *k = state;
	struct kafka_side *s = &k->side[from];
	enum parse_status st;
	size_t part;

	*used = 0;
	for (;;) {
		uint8_t before = s->state, known = s->known;

		part = 0;
		switch (s->state) {
		case IDLE:
			st = from == FROM_CLIENT
				     ? request_head(k, p + *used, n - *used, &part, 1, m)
				     : response_head(k, p + *used, n - *used, &part, m);
			break;
		case TOKEN:
			part = (size_t)skip_token(s, n - *used);
			st = PARSE_MORE;
			break;
		case HEADER: st = skip_header(s, p + *used, n - *used, &part); break;
		case BODY: st = body(s, p + *used, n - *used, &part, from == FROM_CLIENT, m); break;
		case DONE: st = end(k, s, from == FROM_CLIENT, m); break;
		default: return PARSE_BAD;
		}
		*used += part;
		if (st != PARSE_MORE || (!part && before == s->state && known == s->known))
			return st;
	}
}

/* ---- what is missing */

/*
 * The header of a request whose rest was waited for, and what is behind it, up to its records. The
 * bytes of these were not seen, then.
 */
static int torn_head(struct kafka *k, const uint8_t *p, size_t n, struct message *m)
{
	struct kafka_side *s = &k->side[FROM_CLIENT];
	enum kafka_step step;
	struct kafka_value v;
	size_t at, used;

	if (request_head(k, p, n, &at, 0, m) != PARSE_EVENT)
		return 0;
	do {
		step = kafka_walk_next(&s->walk, p + at, n - at, &used, &v);
		if (step == KAFKA_STEP_VALUE)
			note(s, &v, 1);
		at += used;
	} while (step == KAFKA_STEP_VALUE || (step == KAFKA_STEP_MORE && used));
	s->ends = (uint8_t)kafka_walk_ends(&s->walk);
	s->known = s->walk.counted = 0;
	s->walk.left -= (uint32_t)(n - at);
	m->head_len = (uint32_t)n;
	return 1;
}

static enum parse_status kafka_gap(void *state, enum sender from, struct str kept, uint64_t n,
				   uint64_t *used, struct message *m)
{
	struct kafka *k = state;
	struct kafka_side *s = &k->side[from];
	uint32_t some;
	int is_content = 0;

	*used = 0;
	if (s->state == DONE)
		return end(k, s, from == FROM_CLIENT, m);
	if (s->state == TOKEN) {
		*used = skip_token(s, n);
		return PARSE_MORE;
	}
	if (s->state == IDLE && kept.n && from == FROM_CLIENT &&
	    torn_head(k, (const uint8_t *)kept.p, kept.n, m))
		return PARSE_EVENT;
	if (s->state == IDLE || s->state == BAD) {
		s->state = BAD;
		*used = n;
		return PARSE_SKIPPED;
	}
	/* what was kept of a value is passed over with it */
	if (kept.n > s->walk.left)
		kept.n = s->walk.left;
	some = s->known && s->state == BODY && !kept.n ? kafka_walk_unneeded(&s->walk, &is_content)
						       : 0;
	if (!some) {
		s->ends |= (uint8_t)(s->known && kafka_walk_ends(&s->walk));
		s->known = s->walk.counted = 0;
		s->state = BODY;
		s->walk.left -= (uint32_t)kept.n;
		some = s->walk.left;
	}
	some = n < some ? (uint32_t)n : some;
	*used = some;
	kafka_walk_gap(&s->walk, some);
	if (!s->walk.left && !s->known)
		s->state = DONE;
	if (!is_content)
		return PARSE_MORE;
	s->looks = s->looks && s->records.lost;
	if (from == FROM_SERVER)
		note_topic(&s->found);
	m->type = MESSAGE_CONTENT;
	m->gap = some;
	return PARSE_EVENT;
}

static enum parse_status kafka_eof(void *state, enum sender from, struct message *m)
{
	struct kafka *k = state;
	struct kafka_side *s = &k->side[from];

	if (s->state == DONE)
		return end(k, s, from == FROM_CLIENT, m);
	if (s->state != BODY && s->state != HEADER)
		return PARSE_END;
	s->state = BAD;
	m->type = MESSAGE_ABORT;
	return PARSE_EVENT;
}

static uint64_t kafka_unneeded(const void *state, enum sender from)
{
	const struct kafka_side *s = &((const struct kafka *)state)->side[from];
	int is_content;
	uint32_t n;

	if (s->state != BODY)
		return s->state == TOKEN ? s->walk.left : 0;
	if (!s->known)
		return s->walk.left;
	n = kafka_walk_unneeded(&s->walk, &is_content);
	return is_content && s->looks && !s->records.lost ? 0 : n;
}

static void kafka_begin(void *state, unsigned joined)
{
	(void)state;
	(void)joined;
}

static const uint16_t ports[] = {9092, 9094, 19092, 29092, 0}, tls_ports[] = {9093, 0};
static const char *const programs[] = {"kafka", "redpanda", NULL};
static const struct attr_def *const attrs[] = {
	ATTR(messaging_operation),
	ATTR(messaging_destination),
	ATTR(messaging_messages),
	ATTR(messaging_contexts),
	ATTR(messaging_compression),
	ATTR(messaging_partition),
	ATTR(messaging_group),
	ATTR(messaging_client_id),
	ATTR(messaging_status),
	ATTR(kafka_api),
	ATTR(kafka_version),
	ATTR(throttle),
	ATTR(max_wait),
	NULL,
};

const struct protocol kafka_protocol = {
	.name =
		{
			.name = "kafka",
			.label = {"KafkaServer", "KafkaClient"},
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
	.state_size = sizeof(struct kafka),
	.probe = kafka_probe,
	.begin = kafka_begin,
	.next = kafka_next,
	.gap = kafka_gap,
	.eof = kafka_eof,
	.unneeded = kafka_unneeded,
	.answers = kafka_answers,
	.mask = &kafka_mask,
	.attrs = attrs,
};
