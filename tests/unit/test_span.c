/* Attributes: the table, their order, copies of spans, statuses in words, classes of errors. */
#include <stdlib.h>

#include "core/exchange_attrs.h"
#include "core/red.h"
#include "core/span_copy.h"
#include "core/span_field.h"
#include "parsers/content/grpc.h"
#include "parsers/http1/http1_protocol.h"
#include "tests/unit/tap.h"

static struct str str(const char *s)
{
	return (struct str){ s, strlen(s) };
}

static void test_table(void)
{
	unsigned wrong = 0, names = 0;

	for (unsigned i = 0; i < ATTRS_END; i++) {
		const struct attr_def *d = &attr_defs[i];
		int coded = d->type == ATTR_CODE || d->type == ATTR_WORD;
		size_t n = strlen(d->key);

		wrong += !n || !d->help || !*d->help || field_find(d->key, n) < 0;
		wrong += coded != (d->name != NULL);
		wrong += (d->type == ATTR_DURATION) != (n > 3 && !strcmp(d->key + n - 3, "_ns"));
		for (unsigned k = 0; k < i; k++)
			wrong += !strcmp(attr_defs[k].key, d->key);
		for (uint64_t code = 0; coded && code < 70000; code++) {
			char buf[ATTR_NAME_MAX];
			const char *name = d->name(code, buf);

			names += name != NULL;
			wrong += name && !*name;
		}
		wrong += coded && d->type == ATTR_CODE && d->name(UINT64_MAX, NULL) != NULL;
	}
	is_u64(wrong, 0, "attributes: each row is whole, no key is there twice, each is a field");
	ok(names > 50, "attributes: codes have names");
	for (unsigned i = 0; i < nprotocols; i++)
		for (const struct attr_def *const *a = protocols[i]->attrs; a && *a; a++)
			wrong += *a < attr_defs || *a >= attr_defs + ATTRS_END;
	is_u64(wrong, 0, "attributes: those of protocols are of the table");
}

static void test_order(void)
{
	struct attr_list l = { .n = 0 };
	unsigned wrong = 0;

	for (unsigned round = 0; round < 2; round++)
		for (unsigned i = 0; i < ATTRS_END; i++)
			/* a prime, so that each comes once */
			attr_list_number(&l, &attr_defs[(i * 1009 + 3) % ATTRS_END],
					 100 * round + i);
	for (unsigned i = 0; i < l.n; i++)
		wrong += l.attr[i].def != &attr_defs[i] || l.attr[i].n < 100;
	ok(l.n == ATTRS_END && !wrong, "attributes: in order, once each, the later value counts");
	attr_list_text(&l, ATTR(db_query), (struct str){ NULL, 0 });
	is_u64(l.n, ATTRS_END, "attributes: what is absent is none");
}

static struct attr_list attrs;

static struct span example(void)
{
	struct span s = { .protocol = &grpc_name, .status = 200, .error = SPAN_ERR_STATUS,
			  .duration_ns = 1000, .comm = "comm", .peer_service = "peer" };

	attrs.n = 0;
	attr_list_number(&attrs, ATTR(grpc_status), 5);
	attr_list_text(&attrs, ATTR(grpc_message), str("none such"));
	attr_list_number(&attrs, ATTR(pings), 3);
	s.attr = attrs.attr;
	s.nattrs = attrs.n;
	s.method = str("POST");
	s.path = str("");
	s.req_fields = str("a: b\r\n");
	s.resp_body = str("body");
	return s;
}

static int inside(const void *p, const void *block, size_t n)
{
	return (const char *)p >= (const char *)block && (const char *)p < (const char *)block + n;
}

static void test_dup(void)
{
	struct span s = example(), *to = span_dup(&s);
	size_t n = span_copy_size(&s);

	ok(to && to->status == 200 && to->nattrs == 3 && span_attr_number(to, ATTR(pings)) == 3,
	   "copy: members and attributes");
	ok(inside(to->attr, to, n) && inside(to->method.p, to, n) && inside(to->comm, to, n) &&
		   inside(to->peer_service, to, n) && inside(to->req_fields.p, to, n) &&
		   inside(to->resp_body.p, to, n) &&
		   inside(span_attr_str(to, ATTR(grpc_message)).p, to, n),
	   "copy: points into itself");
	ok(!strcmp(to->comm, "comm") && !strcmp(to->peer_service, "peer") && to->method.n == 4 &&
		   !memcmp(to->method.p, "POST", 4) && to->path.p && !to->path.n && !to->host.p &&
		   !memcmp(span_attr_str(to, ATTR(grpc_message)).p, "none such", 9) &&
		   !memcmp(to->req_fields.p, "a: b\r\n", 6) && to->resp_body.n == 4,
	   "copy: with the same strings, empty and absent ones as they were");
	free(to);
}

/* Strings of every kind, longer than there is room for; under ASan nothing is written behind it. */
static void test_cut(void)
{
	static char text[200000];
	char *block = aligned_alloc(16, SPAN_COPY_LEAST);
	const struct str longer = { text, sizeof(text) - 1 };
	const struct span *to = (const struct span *)(void *)block;
	struct span s = example();
	size_t n;

	memset(text, 'x', sizeof(text) - 1);
	s.method = s.scheme = s.host = s.path = s.query = s.route = longer;
	s.req_fields = s.resp_fields = s.req_body = s.resp_body = longer;
	s.comm = s.service = s.runtime = text;
	s.container = s.container_name = s.peer_service = text;
	attr_list_text(&attrs, ATTR(grpc_message), longer);
	attr_list_text(&attrs, ATTR(db_query), longer);
	s.nattrs = attrs.n;
	n = span_copy(block, SPAN_COPY_LEAST, &s);
	ok(n <= SPAN_COPY_LEAST && to->nattrs == 4 && to->path.n == 2048 &&
		   to->req_fields.n == 16384 && strlen(to->comm) == 2048 &&
		   span_attr_str(to, ATTR(db_query)).n == 2048,
	   "copy: what is too long is cut, short strings first");
	ok(inside(to->resp_body.p, block, SPAN_COPY_LEAST + 1) && to->resp_body.n < 16384,
	   "copy: and the last ones to what is left");
	free(block);
}

static void test_status(void)
{
	static const struct protocol_name database = { .name = "db", .status = ATTR(db_status) };
	char buf[SPAN_TEXT_MAX];
	struct span s = example();
	struct str w = span_status(&s, buf);

	ok(w.n == 9 && !memcmp(w.p, "NOT_FOUND", 9), "status: of gRPC, by name");
	attr_list_number(&attrs, ATTR(grpc_status), 99);
	w = span_status(&s, buf);
	ok(w.n == 2 && !memcmp(w.p, "99", 2), "status: by number, if it has none");
	s.protocol = &http11_name;
	w = span_status(&s, buf);
	ok(w.n == 3 && !memcmp(w.p, "200", 3), "status: of HTTP");
	s.status = 0;
	w = span_status(&s, buf);
	ok(w.n == 6 && !memcmp(w.p, "status", 6), "status: the error");
	s.error = SPAN_OK;
	ok(!span_status(&s, buf).p, "status: none");
	s.protocol = &database;
	ok(!span_status(&s, buf).p, "status: none without an answer");
	s.resp_bytes = 5;
	w = span_status(&s, buf);
	ok(w.n == 2 && !memcmp(w.p, "OK", 2) && !span_failed_by_status(&s),
	   "status: an answer without an error is OK");
	s.incomplete = SPAN_IN_FLIGHT;
	ok(!span_status(&s, buf).p, "status: not while it comes");
	attr_list_text(&attrs, ATTR(db_status), str("WRONGTYPE"));
	s.nattrs = attrs.n;
	w = span_status(&s, buf);
	ok(w.n == 9 && !memcmp(w.p, "WRONGTYPE", 9) && span_failed_by_status(&s),
	   "status: the word of the error");
}

static uint64_t class_of(const struct span *s, enum red_class class)
{
	const struct red_options o = { .by = RED_BY_STATUS, .max_rows = 4 };
	struct red_row *r;
	struct red t;
	uint64_t n;

	red_init(&t, &o);
	r = red_add(&t, s);
	n = r ? r->counts.class[class] : 99;
	red_release(&t);
	return n;
}

static void test_classes(void)
{
	struct span s = example();

	is_u64(class_of(&s, RED_STATUS), 1, "class: a failed call of gRPC has its own");
	is_u64(class_of(&s, RED_4XX) + class_of(&s, RED_5XX) + class_of(&s, RED_FAILED), 0,
	       "class: and no other");
	s.error = SPAN_ERR_TIMEOUT;
	attr_list_number(&attrs, ATTR(grpc_status), 4);
	is_u64(class_of(&s, RED_STATUS), 1, "class: also DEADLINE_EXCEEDED");
	attr_list_number(&attrs, ATTR(grpc_status), 0);
	s.error = SPAN_OK;
	is_u64(class_of(&s, RED_STATUS), 0, "class: OK is none");
	s.status = 503;
	s.error = SPAN_ERR_STATUS;
	is_u64(class_of(&s, RED_5XX), 1, "class: what a proxy answered is HTTP's");
	s.nattrs = 0;
	s.status = 0;
	s.error = SPAN_ERR_RESET;
	is_u64(class_of(&s, RED_FAILED), 1, "class: without a status, no answer");
}

int main(void)
{
	test_table();
	test_order();
	test_dup();
	test_cut();
	test_status();
	test_classes();
	return tap_done();
}
