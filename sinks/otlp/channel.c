#include "sinks/otlp/channel.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <zlib.h>

#include <otlp.pb-c.h>

#define FRAME 5u /* of gRPC: compressed or not, and the length */

#define set(c, option, value) ((c)->curl->easy_setopt((c)->easy, (option), (value)))

void otlp_item_free(struct otlp_item *i)
{
	if (i)
		free(i->body);
	free(i);
}

/* ---- what is sent */

/* The body compressed, behind `room` bytes; NULL: out of memory, or it does not get smaller. */
static uint8_t *compressed(const struct otlp_item *i, size_t room, size_t *n)
{
	z_stream z = { 0 };
	size_t bound;
	uint8_t *out;

	if (deflateInit2(&z, Z_BEST_SPEED, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) != Z_OK)
		return NULL;
	bound = deflateBound(&z, i->n);
	out = malloc(room + bound);
	z.next_in = i->body;
	z.avail_in = (uInt)i->n;
	z.next_out = out ? out + room : NULL;
	z.avail_out = (uInt)bound;
	if (!out || deflate(&z, Z_FINISH) != Z_STREAM_END) {
		free(out);
		out = NULL;
	}
	*n = z.total_out;
	deflateEnd(&z);
	return out;
}

static void frame(uint8_t *p, int is_compressed, size_t n)
{
	p[0] = (uint8_t)is_compressed;
	for (int b = 0; b < 4; b++)
		p[1 + b] = (uint8_t)(n >> (24 - 8 * b));
}

static int make_ready(struct otlp_channel *c, struct otlp_item *i)
{
	size_t room = c->target->protocol == OTLP_GRPC ? FRAME : 0, n = i->n;
	uint8_t *body = NULL;

	if (i->ready)
		return 0;
	if (c->target->gzip)
		body = compressed(i, room, &n);
	else if (!room)
		body = i->body;
	else if ((body = malloc(room + n)))
		memcpy(body + room, i->body, n);
	if (!body)
		return -1;
	if (room)
		frame(body, c->target->gzip, n);
	if (body != i->body)
		free(i->body);
	i->body = body;
	i->n = room + n;
	i->ready = 1;
	return 0;
}

int otlp_request_begin(struct otlp_channel *c, struct otlp_item *i)
{
	c->nanswer = 0;
	c->grpc_status = -1;
	c->grpc_message[0] = c->error[0] = '\0';
	c->retry_after = 0;
	if (make_ready(c, i))
		return -1;
	set(c, CURLOPT_POSTFIELDS, (char *)i->body);
	return set(c, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)i->n) ? -1 : 0;
}

/* ---- what comes back */

static size_t on_body(char *p, size_t size, size_t n, void *ctx)
{
	struct otlp_channel *c = ctx;
	size_t room = sizeof(c->answer) - c->nanswer, take;

	n *= size;
	take = n < room ? n : room;
	memcpy(c->answer + c->nanswer, p, take);
	c->nanswer += take;
	return n;
}

/* The value of the field of that name, if the line has one. */
static size_t field(const char *line, size_t n, const char *name, const char **value)
{
	size_t len = strlen(name);

	if (n <= len || strncasecmp(line, name, len) || line[len] != ':')
		return 0;
	line += len + 1;
	n -= len + 1;
	while (n && *line == ' ') {
		line++;
		n--;
	}
	while (n && (line[n - 1] == '\n' || line[n - 1] == '\r' || line[n - 1] == ' '))
		n--;
	*value = line;
	return n;
}

static unsigned digits(const char *p, size_t n)
{
	unsigned v = 0;

	for (size_t i = 0; i < n && p[i] >= '0' && p[i] <= '9' && v < 100000; i++)
		v = v * 10 + (unsigned)(p[i] - '0');
	return v;
}

static size_t on_header(char *p, size_t size, size_t n, void *ctx)
{
	struct otlp_channel *c = ctx;
	const char *v;
	size_t len;

	n *= size;
	if ((len = field(p, n, "grpc-status", &v)))
		c->grpc_status = (int)digits(v, len);
	if ((len = field(p, n, "grpc-message", &v)))
		snprintf(c->grpc_message, sizeof(c->grpc_message), "%.*s", (int)len, v);
	if ((len = field(p, n, "retry-after", &v)))
		c->retry_after = digits(v, len);
	return n;
}

static void say(struct otlp_result *r, const char *text, size_t n)
{
	size_t len = 0;

	for (size_t i = 0; i < n && len < sizeof(r->text) - 1; i++)
		r->text[len++] = (unsigned char)text[i] < 0x20 || text[i] == 0x7f ? ' ' : text[i];
	r->text[len] = '\0';
}

static void partial(struct otlp_result *r, int64_t rejected, const char *message)
{
	r->rejected = rejected > 0 ? (uint64_t)rejected : 0;
	if (r->rejected)
		snprintf(r->text, sizeof(r->text), "the collector rejected %llu of them%s%.180s",
			 (unsigned long long)r->rejected, message && *message ? ": " : "",
			 message ? message : "");
	else if (message && *message)
		snprintf(r->text, sizeof(r->text), "the collector says: %.200s", message);
}

static void read_answer(struct otlp_channel *c, struct otlp_result *r)
{
	size_t skip = c->target->protocol == OTLP_GRPC ? FRAME : 0;
	Otlp__ExportResponse *m;

	if (c->target->protocol == OTLP_JSON) {
		const char *at = memmem(c->answer, c->nanswer, "\"rejected", 9);
		const char *end = c->answer + c->nanswer;

		while (at && at < end && *at != ':')
			at++;
		while (at && at < end && strchr(": \"", *at))
			at++;
		if (at)
			partial(r, digits(at, (size_t)(end - at)), NULL);
		return;
	}
	if (c->nanswer <= skip)
		return;
	m = otlp__export_response__unpack(NULL, c->nanswer - skip, (uint8_t *)c->answer + skip);
	if (m && m->partial_success)
		partial(r, m->partial_success->rejected, m->partial_success->error_message);
	if (m)
		otlp__export_response__free_unpacked(m, NULL);
}

static void judge_grpc(struct otlp_channel *c, struct otlp_result *r)
{
	/* CANCELLED, DEADLINE_EXCEEDED, ABORTED, OUT_OF_RANGE, UNAVAILABLE, DATA_LOSS; and with
	 * a pause that the collector names, RESOURCE_EXHAUSTED */
	const unsigned again = 1u << 1 | 1u << 4 | 1u << 10 | 1u << 11 | 1u << 14 | 1u << 15 |
			       (c->retry_after ? 1u << 8 : 0);

	if (!c->grpc_status) {
		read_answer(c, r);
		return;
	}
	r->outcome = c->grpc_status > 0 && c->grpc_status < 17 && again >> c->grpc_status & 1 ?
			     OTLP_RETRY : OTLP_REFUSED;
	if (c->grpc_status < 0)
		snprintf(r->text, sizeof(r->text), "this is no gRPC server");
	else
		snprintf(r->text, sizeof(r->text), "status %d of gRPC%s%s", c->grpc_status,
			 c->grpc_message[0] ? ": " : "", c->grpc_message);
}

void otlp_request_end(struct otlp_channel *c, CURLcode code, struct otlp_result *r)
{
	long status = 0;

	*r = (struct otlp_result){ .outcome = OTLP_DELIVERED };
	if (code != CURLE_OK) {
		const char *why = c->error[0] ? c->error : c->curl->easy_strerror(code);

		r->outcome = OTLP_RETRY;
		say(r, why, strlen(why));
		return;
	}
	c->curl->easy_getinfo(c->easy, CURLINFO_RESPONSE_CODE, &status);
	if (status >= 200 && status < 300) {
		if (c->target->protocol == OTLP_GRPC)
			judge_grpc(c, r);
		else
			read_answer(c, r);
		return;
	}
	r->outcome = status == 429 || (status >= 502 && status <= 504) ? OTLP_RETRY : OTLP_REFUSED;
	snprintf(r->text, sizeof(r->text), "HTTP status %ld%s", status,
		 r->outcome == OTLP_RETRY ? "; trying again" : "; dropped");
}

uint64_t otlp_pause(struct otlp_channel *c)
{
	uint64_t asked = c->retry_after * (uint64_t)1000000000;

	c->pause = c->pause ? c->pause * 2 : OTLP_PAUSE_NS;
	if (c->pause > OTLP_PAUSE_MAX_NS)
		c->pause = OTLP_PAUSE_MAX_NS;
	/* not all at the same time, where many export */
	return asked > c->pause ? asked : c->pause - (uint64_t)rand() % (c->pause / 4);
}

/* ---- setting up */

static int add_header(struct otlp_channel *c, const char *line)
{
	struct curl_slist *l = c->curl->slist_append(c->headers, line);

	if (l)
		c->headers = l;
	return l ? 0 : -1;
}

static int set_headers(struct otlp_channel *c)
{
	static const char *const type[] = {
		[OTLP_PROTOBUF] = "content-type: application/x-protobuf",
		[OTLP_JSON] = "content-type: application/json",
		[OTLP_GRPC] = "content-type: application/grpc",
	};
	const struct otlp_target *t = c->target;
	int grpc = t->protocol == OTLP_GRPC;
	int bad = add_header(c, type[t->protocol]) | add_header(c, "expect:") |
		  add_header(c, "user-agent: zctrace/" ZCTRACE_VERSION);

	if (grpc)
		bad |= add_header(c, "te: trailers");
	if (t->gzip)
		bad |= add_header(c, grpc ? "grpc-encoding: gzip" : "content-encoding: gzip");
	for (unsigned i = 0; i < t->nheaders; i++)
		bad |= add_header(c, t->header[i]);
	return bad;
}

static int set_tls(struct otlp_channel *c)
{
	const struct otlp_target *t = c->target;

	if (t->ca && set(c, CURLOPT_CAINFO, t->ca))
		return -1;
	if (t->cert && set(c, CURLOPT_SSLCERT, t->cert))
		return -1;
	return t->key && set(c, CURLOPT_SSLKEY, t->key) ? -1 : 0;
}

int otlp_channel_init(struct otlp_channel *c, const struct curl_library *curl,
		      const struct otlp_target *t, enum otlp_signal signal)
{
	long version = CURL_HTTP_VERSION_1_1;
	int bad = 0;

	*c = (struct otlp_channel){ .curl = curl, .target = t, .signal = signal,
				    .max_items = UINT64_MAX };
	c->last = &c->first;
	if (!t->url)
		return 0;
	c->easy = curl->easy_init();
	if (!c->easy || set_headers(c) || set_tls(c))
		return -1;
	if (t->protocol == OTLP_GRPC)
		version = strncasecmp(t->url, "https", 5) ? CURL_HTTP_VERSION_2_PRIOR_KNOWLEDGE :
							    CURL_HTTP_VERSION_2TLS;
	/* libcurl before 8.1 fails on the second request of such a connection, with CURLE_HTTP2 */
	if (version == CURL_HTTP_VERSION_2_PRIOR_KNOWLEDGE &&
	    curl->version_info(CURLVERSION_NOW)->version_num < 0x080100) {
		set(c, CURLOPT_FRESH_CONNECT, 1L);
		set(c, CURLOPT_FORBID_REUSE, 1L);
	}
	bad |= set(c, CURLOPT_URL, t->url) != CURLE_OK;
	bad |= set(c, CURLOPT_HTTP_VERSION, version) != CURLE_OK;
	set(c, CURLOPT_POST, 1L);
	set(c, CURLOPT_HTTPHEADER, c->headers);
	set(c, CURLOPT_TIMEOUT_MS, (long)t->timeout_ms);
	set(c, CURLOPT_NOSIGNAL, 1L);
	set(c, CURLOPT_WRITEFUNCTION, on_body);
	set(c, CURLOPT_WRITEDATA, c);
	set(c, CURLOPT_HEADERFUNCTION, on_header);
	set(c, CURLOPT_HEADERDATA, c);
	set(c, CURLOPT_ERRORBUFFER, c->error);
	return bad ? -1 : 0;
}

void otlp_channel_release(struct otlp_channel *c)
{
	if (!c->curl)
		return;
	otlp_item_free(c->current);
	while (c->first) {
		struct otlp_item *i = c->first;

		c->first = i->next;
		otlp_item_free(i);
	}
	if (c->easy)
		c->curl->easy_cleanup(c->easy);
	c->curl->slist_free_all(c->headers);
}
