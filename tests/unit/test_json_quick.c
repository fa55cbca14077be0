/* Lines from templates are those that are written key by key. */
#include <stdio.h>
#include <stdlib.h>

#include "parsers/attrs.h"
#include "parsers/content/grpc.h"
#include "parsers/http1/http1_protocol.h"
#include "sinks/json_quick.h"
#include "sinks/sink.h"
#include "tests/unit/tap.h"

#define STR(lit) ((struct str){"" lit, sizeof(lit) - 1})

static uint64_t seed = 1;

static unsigned chance(unsigned n)
{
	seed = seed * 6364136223846793005ull + 1442695040888963407ull;
	return (unsigned)(seed >> 40) % n;
}

static uint64_t number(void)
{
	if (chance(8))
		return chance(1u << chance(24));
	return chance(2) ? SPAN_UNKNOWN : ~(uint64_t)chance(99);
}

/* Most of them need no escape, and hold no secret. */
static struct str string(void)
{
	static const struct str all[] = {
		STR("/"), STR("/a"), STR("/a/long/path/of/it"), {NULL, 0}, STR(""),
		STR("example.test:8080"), STR("a=b&token=secret"), STR("user:pw@host"),
		STR("\"quoted\\"), STR("\xc3\xa4"), STR("\xff\n"),
	};

	return all[chance(chance(12) ? 6 : sizeof(all) / sizeof(*all))];
}

static struct str query(void)
{
	static char many[900];
	static const struct str all[] = {
		STR("id=1"), STR("a=b&token=secret&c=d"), STR("key=1"), STR("key=&sig=2&q=3"),
		STR("q=\"x\"&token=t"), STR("to=http://u:p@h/&x=1"), STR("password=\xc3\xa4"),
		{many, sizeof(many)},
	};

	for (size_t i = 0; i < sizeof(many); i++) /* longer, when it hides its secrets */
		many[i] = "key=1&"[i % 6];
	return all[chance(sizeof(all) / sizeof(*all))];
}

static const char *name(void)
{
	static const char *const all[] = {
		NULL, "nginx", "a", "api", "a b", "", "a-very-long-name-of-a-container-of-somebody",
		"say \"x\"", "\xff",
	};

	return all[chance(chance(12) ? 7 : sizeof(all) / sizeof(*all))];
}

static struct span make(void)
{
	struct span s = {.kind = chance(2) ? SPAN_SERVER : SPAN_CLIENT,
			 .protocol = chance(5) ? &http11_name : &grpc_name};

	s.time_ns = 1700000000000000000ull + number() % 9999999999ull;
	s.duration_ns = number();
	s.inner_ns = number();
	s.ttfb_ns = number();
	s.queue_ns = number();
	s.connect_ns = number();
	s.req_bytes = number();
	s.resp_bytes = number();
	s.req_body_bytes = number();
	s.resp_body_bytes = number();
	s.error = (enum span_error)chance(3);
	s.incomplete = chance(9) ? 0 : chance(99);
	s.status = chance(2) ? 200 : 0;
	s.tls = chance(3) ? NULL : "openssl";
	s.method = chance(9) ? STR("GET") : string();
	s.scheme = STR("http");
	s.host = string();
	s.path = string();
	s.query = chance(2) ? string() : query();
	s.route = string();
	s.has_addr = chance(9) > 0;
	s.client_addr[10] = s.client_addr[11] = 0xff;
	s.client_addr[12] = (uint8_t)chance(2);
	s.server_addr[15] = (uint8_t)chance(3);
	s.client_port = (uint16_t)chance(70);
	s.server_port = 80;
	s.conn = chance(9);
	s.stream_id = chance(2);
	s.seq = number();
	s.pid = chance(2) * 77;
	s.tid = chance(2) * 78;
	return s;
}

static void make_names(struct span *s)
{
	s->comm = name();
	s->service = name();
	s->runtime = name();
	s->container = name();
	s->container_name = name();
	s->resource = name();
	s->peer_service = name();
	for (unsigned i = 0; i < TRACE_ID_LEN; i++)
		s->trace_id[i] = (uint8_t)chance(256);
	for (unsigned i = 0; i < SPAN_ID_LEN; i++)
		s->span_id[i] = (uint8_t)chance(256);
	s->has_parent = chance(2) > 0;
	s->link = s->has_parent ? "socket" : NULL;
}

static uint64_t number_of(uint64_t h, const char *p, size_t n)
{
	for (h = (h ^ !p) * 31 + n; p && n; n--)
		h = (h ^ (uint8_t)*p++) * 0x9e3779b97f4a7c15ull;
	return h;
}

/* Spans that are alike have the same numbers, where they have any. */
static void make_numbers(struct span *s)
{
	const struct str words[] = {s->method, s->scheme, s->host, s->path, s->query};
	const char *const names[] = {s->comm, s->service, s->runtime, s->container,
				     s->container_name, s->resource, s->peer_service};

	s->alike = s->names = 0;
	for (unsigned i = 0; i < sizeof(words) / sizeof(*words); i++)
		s->alike = number_of(s->alike, words[i].p, words[i].n);
	for (unsigned i = 0; i < sizeof(names) / sizeof(*names); i++)
		s->names = number_of(s->names, names[i], names[i] ? strlen(names[i]) : 0);
	if (!chance(4))
		s->alike = 0;
	if (!chance(4))
		s->names = 0;
}

/* What it has may be more than numbers. Those of the span before stay as they are. */
static void make_attrs(struct span *s, const struct span *before)
{
	static struct attr attrs[2][ATTRS_END];
	struct attr *attr = attrs[before->attr == attrs[0]];

	s->attr = attr;
	s->nattrs = 0;
	for (unsigned i = 0; chance(4) && i < ATTRS_END; i++) {
		struct attr *a = &attr[s->nattrs];

		i += chance(i < ATTRS_TLS_END ? 3 : ATTRS_END); /* several of TLS, often */
		if (i >= ATTRS_END)
			break;
		a->def = &attr_defs[i];
		if (a->def->type == ATTR_STRING)
			a->s = i < ATTRS_TLS_END ? string() : STR("text");
		else
			a->n = chance(4) ? 0x0300 + chance(6) : number(); /* versions of TLS */
		if (a->def->type == ATTR_STRING && !a->s.p)
			continue;
		s->nattrs++;
	}
}

/* The same connection goes on, mostly, with most of what it had. */
static void go_on(struct span *s, const struct span *before)
{
	if (!chance(3))
		return;
	*s = *before;
	s->seq++;
	s->path = string();
	s->duration_ns = number();
	if (!chance(4))
		s->service = name();
	if (!chance(4))
		s->host = string();
	if (!chance(4))
		s->client_port++;
}

static void compare(int redact)
{
	const char *const none[] = {"none"};
	struct sink_options o = {.redact = redact};
	struct out out[2], quick_only;
	struct json_quick *q = json_quick_new();
	struct sink *sink[2];
	struct span s = make();
	unsigned quick = 0, of_tls = 0;
	int same = 1;

	out_init_memory(&quick_only);
	for (int i = 0; i < 2; i++) {
		out_init_memory(&out[i]);
		o.out = &out[i];
		o.headers = none;
		o.nheaders = (unsigned)i; /* whoever wants fields has no templates */
		sink[i] = sink_json_new(&o);
	}
	for (unsigned round = 0; round < 20000; round++) {
		struct span before = s;

		s = make();
		make_names(&s);
		make_attrs(&s, &before);
		go_on(&s, &before);
		make_numbers(&s);
		out[0].n = out[1].n = quick_only.n = 0;
		for (int i = 0; i < 2; i++)
			sink[i]->ops->span(sink[i], &s);
		same &= out[0].n == out[1].n && !memcmp(out[0].buf, out[1].buf, out[0].n);
		if (!json_quick_span(q, &quick_only, &s, redact))
			continue;
		quick++;
		of_tls += s.nattrs && s.attr[0].def < attr_defs + ATTRS_TLS_END;
	}
	ok(quick > 1000 && of_tls > 500, "%u of 20000 lines come from templates, %u of them of TLS",
	   quick, of_tls);
	ok(same, "they are those that are written key by key, with%s secrets", redact ? "out" : "");
	for (int i = 0; i < 2; i++) {
		sink[i]->ops->free(sink[i]);
		out_release(&out[i]);
	}
	out_release(&quick_only);
	json_quick_free(q);
}

static void test_numbers(void)
{
	const uint8_t octets[19] = {0x00, 0x09, 0x0a, 0x90, 0xa0, 0xff, 0x12, 0xab, 0xcd, 0xef};
	char got[64], want[64];
	int same = 1;

	for (unsigned i = 0; i < 200000; i++) {
		uint64_t v = (seed = seed * 6364136223846793005ull + 1) >> chance(64);

		v = chance(9) ? v : v ? 1ull << chance(64) : UINT64_MAX;
		*fmt_u64(got, v) = 0;
		snprintf(want, sizeof(want), "%llu", (unsigned long long)v);
		same &= !strcmp(got, want);
	}
	for (uint64_t v = 1, i = 0; i < 20; i++, v *= 10) {
		*fmt_u64(got, v) = 0;
		snprintf(want, sizeof(want), "%llu", (unsigned long long)v);
		same &= !strcmp(got, want);
		*fmt_u64(got, v - 1) = 0;
		snprintf(want, sizeof(want), "%llu", (unsigned long long)v - 1);
		same &= !strcmp(got, want);
	}
	ok(same, "numbers as printf has them");
	*fmt_hex(got, octets, sizeof(octets)) = 0;
	is_str(got, "00090a90a0ff12abcdef000000000000000000", "hexadecimal digits");
}

int main(void)
{
	compare(0);
	compare(1);
	test_numbers();
	return tap_done();
}
