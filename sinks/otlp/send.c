#include "sinks/otlp/send.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sinks/otlp/channel.h"

#define TELL_NS 10000000000u /* of what is dropped, at most this often */

struct otlp_sender {
	const struct curl_library *curl;
	CURLM *multi;
	struct otlp_channel channel[OTLP_SIGNALS];
	otlp_tell_fn *tell;
	void *ctx;
	uint64_t now;
};

/* ---- telling */

static const char too_slow[] = "what it does not take is dropped, the oldest first";

static void tell(struct otlp_sender *s, struct otlp_channel *c, const char *text)
{
	char line[600];

	c->told = s->now;
	snprintf(line, sizeof(line), "%.300s: %.200s", c->target->url, text);
	s->tell(s->ctx, line, c->untold);
	c->untold = 0;
}

static void dropped(struct otlp_sender *s, struct otlp_channel *c, uint32_t items,
		    const char *why)
{
	c->sent.dropped += items;
	c->untold += items;
	if (!c->told || s->now - c->told >= TELL_NS)
		tell(s, c, why);
}

/* ---- the queue */

static void drop(struct otlp_sender *s, struct otlp_channel *c, const char *why)
{
	struct otlp_item *i = c->first;

	c->first = i->next;
	if (!c->first)
		c->last = &c->first;
	c->bytes -= i->n;
	c->items -= i->items;
	dropped(s, c, i->items, why);
	otlp_item_free(i);
}

void otlp_send(struct otlp_sender *s, enum otlp_signal signal, void *body, size_t n,
	       uint32_t items)
{
	struct otlp_channel *c = &s->channel[signal];
	struct otlp_item *i = calloc(1, sizeof(*i));

	if (!i) {
		free(body);
		dropped(s, c, items, "out of memory");
		return;
	}
	*i = (struct otlp_item){ .body = body, .n = n, .items = items };
	*c->last = i;
	c->last = &i->next;
	c->bytes += n;
	c->items += items;
	while (c->first != i && (c->bytes > OTLP_QUEUE_BYTES || c->items > c->max_items))
		drop(s, c, too_slow);
}

/* ---- requests */

static void begin(struct otlp_sender *s, struct otlp_channel *c)
{
	struct otlp_item *i = c->current ? c->current : c->first;

	if (!c->current) {
		c->first = i->next;
		if (!c->first)
			c->last = &c->first;
		c->bytes -= i->n;
		c->items -= i->items;
		c->current = i;
	}
	c->sent.requests++;
	c->busy = !otlp_request_begin(c, i) && !s->curl->multi_add_handle(s->multi, c->easy);
	if (!c->busy)
		c->retry_at = s->now + OTLP_PAUSE_MAX_NS;
}

static void settle(struct otlp_sender *s, struct otlp_channel *c, const struct otlp_result *r)
{
	struct otlp_item *i = c->current;

	if (r->outcome == OTLP_RETRY) {
		c->sent.failures++;
		c->retry_at = s->now + otlp_pause(c);
		if (!c->failing)
			tell(s, c, r->text);
		c->failing = 1;
		return;
	}
	c->current = NULL;
	c->pause = 0;
	c->failing = 0;
	if (r->outcome == OTLP_REFUSED) {
		c->sent.failures++;
		dropped(s, c, i->items, r->text);
	} else {
		uint64_t rejected = r->rejected < i->items ? r->rejected : i->items;

		c->sent.sent += i->items - rejected;
		c->sent.rejected += rejected;
		if (r->text[0])
			dropped(s, c, (uint32_t)rejected, r->text);
	}
	otlp_item_free(i);
}

static void collect(struct otlp_sender *s)
{
	struct otlp_result r;
	CURLMsg *m;
	int left;

	while ((m = s->curl->multi_info_read(s->multi, &left))) {
		CURLcode code = m->data.result;
		CURL *easy = m->easy_handle;

		if (m->msg != CURLMSG_DONE)
			continue;
		s->curl->multi_remove_handle(s->multi, easy);
		for (struct otlp_channel *c = s->channel; c < s->channel + OTLP_SIGNALS; c++) {
			if (!c->busy || c->easy != easy)
				continue;
			c->busy = 0;
			otlp_request_end(c, code, &r);
			settle(s, c, &r);
		}
	}
}

int otlp_sender_work(struct otlp_sender *s, uint64_t now_ns)
{
	int running = 0, left = 0;

	s->now = now_ns;
	for (struct otlp_channel *c = s->channel; c < s->channel + OTLP_SIGNALS; c++)
		if (c->easy && !c->busy && (c->current || c->first) && now_ns >= c->retry_at)
			begin(s, c);
	for (struct otlp_channel *c = s->channel; c < s->channel + OTLP_SIGNALS; c++)
		running |= c->busy;
	if (running) {
		s->curl->multi_perform(s->multi, &running);
		collect(s);
	}
	for (struct otlp_channel *c = s->channel; c < s->channel + OTLP_SIGNALS; c++) {
		left |= c->current || c->first;
		if (c->untold && now_ns - c->told >= TELL_NS)
			tell(s, c, too_slow);
	}
	return left;
}

unsigned otlp_sender_fill(const struct otlp_sender *s, enum otlp_signal signal)
{
	const struct otlp_channel *c = &s->channel[signal];
	uint64_t bytes = c->bytes * 100 / OTLP_QUEUE_BYTES, items = 100 * c->items / c->max_items;

	return (unsigned)(bytes > items ? bytes : items);
}

void otlp_sender_give_up(struct otlp_sender *s)
{
	for (struct otlp_channel *c = s->channel; c < s->channel + OTLP_SIGNALS; c++) {
		if (c->busy)
			s->curl->multi_remove_handle(s->multi, c->easy);
		c->busy = 0;
		if (c->current) {
			c->sent.dropped += c->current->items;
			c->untold += c->current->items;
			otlp_item_free(c->current);
			c->current = NULL;
		}
		c->told = s->now;
		while (c->first)
			drop(s, c, "");
		if (c->untold)
			tell(s, c, "not sent when tracing ended");
	}
}

const struct otlp_sent *otlp_sender_sent(const struct otlp_sender *s, enum otlp_signal signal)
{
	return &s->channel[signal].sent;
}

struct otlp_sender *otlp_sender_new(const struct otlp_config *c, otlp_tell_fn *tell_fn, void *ctx,
				    char *err, size_t errlen)
{
	struct otlp_sender *s = calloc(1, sizeof(*s));

	if (!s) {
		snprintf(err, errlen, "out of memory");
		return NULL;
	}
	s->tell = tell_fn;
	s->ctx = ctx;
	s->curl = curl_library();
	s->multi = s->curl ? s->curl->multi_init() : NULL;
	if (!s->multi) {
		snprintf(err, errlen, "%s", s->curl ? "out of memory" :
			 "exporting needs libcurl, which is not installed (libcurl4 on Debian)");
		free(s);
		return NULL;
	}
	for (int i = 0; i < OTLP_SIGNALS; i++) {
		if (!otlp_channel_init(&s->channel[i], s->curl, &c->target[i], (enum otlp_signal)i))
			continue;
		snprintf(err, errlen, "%.256s: libcurl cannot send to it", c->target[i].url);
		otlp_sender_free(s);
		return NULL;
	}
	s->channel[OTLP_TRACES].max_items = c->queue_spans;
	return s;
}

void otlp_sender_free(struct otlp_sender *s)
{
	if (!s)
		return;
	for (struct otlp_channel *c = s->channel; c < s->channel + OTLP_SIGNALS; c++) {
		if (c->busy)
			s->curl->multi_remove_handle(s->multi, c->easy);
		otlp_channel_release(c);
	}
	s->curl->multi_cleanup(s->multi);
	free(s);
}
