#include "sinks/otlp/encode.h"

#include <math.h>
#include <stdio.h>

static void put_key(struct json *j, const char *name)
{
	char key[64];
	size_t n = 0;

	for (; *name && n < sizeof(key); name++) {
		if (*name == '_' && name[1])
			key[n++] = (char)(*++name - 'a' + 'A');
		else
			key[n++] = *name;
	}
	json_key_n(j, key, n);
}

static void put_hex(struct json *j, const ProtobufCBinaryData *d)
{
	char *p = out_reserve(j->out, 2 * d->len + 2);

	*p++ = '"';
	p = fmt_hex(p, d->data, d->len);
	*p++ = '"';
	out_commit(j->out, p);
}

static void put_double(struct json *j, double v)
{
	char text[40];

	if (isnan(v) || isinf(v))
		snprintf(text, sizeof(text), "\"%s\"",
			 isnan(v) ? "NaN" : v > 0 ? "Infinity" : "-Infinity");
	else
		snprintf(text, sizeof(text), "%.17g", v);
	out_str(j->out, text);
}

static void put_signed(struct json *j, int64_t v, const char *quote)
{
	char text[40];

	snprintf(text, sizeof(text), "%s%lld%s", quote, (long long)v, quote);
	out_str(j->out, text);
}

static void put_unsigned(struct json *j, uint64_t v)
{
	char *p = out_reserve(j->out, FMT_U64_MAX + 2);

	*p++ = '"';
	p = fmt_u64(p, v);
	*p++ = '"';
	out_commit(j->out, p);
}

/* One value of a field, at p. */
static void put_value(struct json *j, const ProtobufCFieldDescriptor *f, const void *p)
{
	switch (f->type) {
	case PROTOBUF_C_TYPE_MESSAGE:
		otlp_json(j, *(ProtobufCMessage *const *)p);
		break;
	case PROTOBUF_C_TYPE_STRING:
		json_string(j, *(char *const *)p, strlen(*(char *const *)p));
		break;
	case PROTOBUF_C_TYPE_BYTES:
		put_hex(j, p);
		break;
	case PROTOBUF_C_TYPE_DOUBLE:
		put_double(j, *(const double *)p);
		break;
	case PROTOBUF_C_TYPE_BOOL:
		out_str(j->out, *(const protobuf_c_boolean *)p ? "true" : "false");
		break;
	case PROTOBUF_C_TYPE_FIXED64:
	case PROTOBUF_C_TYPE_UINT64:
		put_unsigned(j, *(const uint64_t *)p);
		break;
	case PROTOBUF_C_TYPE_INT64:
	case PROTOBUF_C_TYPE_SFIXED64:
		put_signed(j, *(const int64_t *)p, "\"");
		break;
	case PROTOBUF_C_TYPE_FIXED32:
		put_signed(j, *(const uint32_t *)p, "");
		break;
	default: /* int32, sint32 */
		put_signed(j, *(const int32_t *)p, "");
	}
}

static size_t size_of(const ProtobufCFieldDescriptor *f)
{
	switch (f->type) {
	case PROTOBUF_C_TYPE_MESSAGE:
	case PROTOBUF_C_TYPE_STRING:
		return sizeof(void *);
	case PROTOBUF_C_TYPE_BYTES:
		return sizeof(ProtobufCBinaryData);
	default: /* repeated are only these */
		return 8;
	}
}

static void put_repeated(struct json *j, const ProtobufCFieldDescriptor *f, const char *base)
{
	size_t n = *(const size_t *)(const void *)(base + f->quantifier_offset);
	const char *p = *(const char *const *)(const void *)(base + f->offset);

	if (!n)
		return;
	put_key(j, f->name);
	json_open(j, '[');
	for (size_t i = 0; i < n; i++) {
		json_comma(j);
		put_value(j, f, p + i * size_of(f));
	}
	json_close(j, ']');
}

/* Is an optional field there? Those of a oneof by their number, pointers by not being NULL. */
static int is_set(const ProtobufCFieldDescriptor *f, const char *base)
{
	const void *quantifier = base + f->quantifier_offset;

	if (f->flags & PROTOBUF_C_FIELD_FLAG_ONEOF)
		return *(const uint32_t *)quantifier == f->id;
	if (f->type == PROTOBUF_C_TYPE_MESSAGE || f->type == PROTOBUF_C_TYPE_STRING)
		return *(void *const *)(const void *)(base + f->offset) != NULL;
	return *(const protobuf_c_boolean *)quantifier;
}

void otlp_json(struct json *j, const ProtobufCMessage *m)
{
	const ProtobufCMessageDescriptor *d = m->descriptor;
	const char *base = (const char *)m;

	json_open(j, '{');
	for (unsigned i = 0; i < d->n_fields; i++) {
		const ProtobufCFieldDescriptor *f = &d->fields[i];

		if (f->label == PROTOBUF_C_LABEL_REPEATED) {
			put_repeated(j, f, base);
		} else if (is_set(f, base)) {
			put_key(j, f->name);
			put_value(j, f, base + f->offset);
		}
	}
	json_close(j, '}');
}
