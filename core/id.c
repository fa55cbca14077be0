#include "core/id.h"

#include <endian.h>
#include <string.h>

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f') /* lower case only, says the standard */
		return c - 'a' + 10;
	return -1;
}

static int hex_bytes(const char *p, uint8_t *out, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		int hi = hex_digit(p[2 * i]), lo = hex_digit(p[2 * i + 1]);

		if (hi < 0 || lo < 0)
			return 0;
		out[i] = (uint8_t)(hi << 4 | lo);
	}
	return 1;
}

static int all_zero(const uint8_t *p, size_t n)
{
	uint8_t any = 0;

	while (n)
		any |= p[--n];
	return !any;
}

int id_parse_traceparent(struct str value, struct traceparent *t)
{
	const char *p = value.p;
	uint8_t version;

	if (value.n < TRACEPARENT_LEN || !hex_bytes(p, &version, 1) || version == 0xff)
		return 0;
	/* version 00 ends here; a later one may have more, after another dash */
	if (value.n > TRACEPARENT_LEN && (version == 0 || p[TRACEPARENT_LEN] != '-'))
		return 0;
	if (p[2] != '-' || p[35] != '-' || p[52] != '-')
		return 0;
	if (!hex_bytes(p + 3, t->trace_id, TRACE_ID_LEN) ||
	    !hex_bytes(p + 36, t->parent_id, SPAN_ID_LEN) || !hex_bytes(p + 53, &t->flags, 1))
		return 0;
	return !all_zero(t->trace_id, TRACE_ID_LEN) && !all_zero(t->parent_id, SPAN_ID_LEN);
}

static uint64_t bytes_be(const uint8_t *p)
{
	uint64_t v;

	memcpy(&v, p, 8);
	return be64toh(v);
}

static void put_be(uint64_t v, uint8_t out[8])
{
	v = htobe64(v);
	memcpy(out, &v, 8);
}

uint64_t id_connection(const uint8_t client[16], uint16_t client_port, const uint8_t server[16],
		       uint16_t server_port)
{
	uint64_t h = id_mix(0x5a6374726163650aull, (uint64_t)client_port << 16 | server_port);

	h = id_mix(h, bytes_be(client));
	h = id_mix(h, bytes_be(client + 8));
	h = id_mix(h, bytes_be(server));
	return id_mix(h, bytes_be(server + 8));
}

static inline uint64_t exchange_hash(uint64_t connection, uint32_t seq, uint32_t stream_id)
{
	return id_mix(connection, (uint64_t)stream_id << 32 | seq);
}

/* One 64-bit id: `purpose` tells the halves of a trace id and the kinds of span apart. */
static inline void derive(uint64_t exchange, uint64_t purpose, uint8_t out[8])
{
	uint64_t h = id_mix(id_mix(exchange, purpose), exchange);

	put_be(h ? h : 1, out);
}

void id_derive_trace(uint64_t connection, uint32_t seq, uint32_t stream_id,
		     uint8_t out[TRACE_ID_LEN])
{
	uint64_t exchange = exchange_hash(connection, seq, stream_id);

	derive(exchange, 1, out);
	derive(exchange, 2, out + 8);
}

void id_derive_span(uint64_t connection, uint32_t seq, uint32_t stream_id, enum span_kind kind,
		    uint8_t out[SPAN_ID_LEN])
{
	derive(exchange_hash(connection, seq, stream_id), kind == SPAN_SERVER ? 3 : 4, out);
}
