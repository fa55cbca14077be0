/*
 * fastcgi_pairs.c - names and values, and records
 */
#include "parsers/byte_order.h"
#include "parsers/fastcgi/fastcgi_impl.h"

enum phase { NAME_LENGTH, NAME_LENGTH_MORE, VALUE_LENGTH, VALUE_LENGTH_MORE, IN_NAME, IN_VALUE };

static void lengths_known(struct fastcgi_pairs *k)
{
	k->at = 0;
	k->nname = 0;
	memset(k->name, 0, sizeof(k->name));
	k->phase = k->name_len ? IN_NAME : k->value_len ? IN_VALUE : NAME_LENGTH;
}

/* Lengths up to 127 have one byte, others four, of which the first has its upper bit set. */
static void length_byte(struct fastcgi_pairs *k, uint8_t c)
{
	uint32_t *len = k->phase <= NAME_LENGTH_MORE ? &k->name_len : &k->value_len;
	int first = k->phase == NAME_LENGTH || k->phase == VALUE_LENGTH;

	*len = first ? c & 0x7f : *len << 8 | c;
	k->nlen = (uint8_t)(first ? 1 : k->nlen + 1);
	if (first && c & 0x80) {
		k->phase++;
		return;
	}
	if (!first && k->nlen < 4)
		return;
	if (len == &k->name_len)
		k->phase = VALUE_LENGTH;
	else
		lengths_known(k);
}

enum fastcgi_part fastcgi_pair_byte(struct fastcgi_pairs *k, uint8_t c)
{
	if (k->phase == IN_NAME) {
		if (k->nname < sizeof(k->name) - 1)
			k->name[k->nname++] = (char)c;
		else
			k->nname = sizeof(k->name); /* longer than any that matters */
		if (++k->at < k->name_len)
			return PAIR_NAME;
		k->at = 0;
		k->phase = k->value_len ? IN_VALUE : NAME_LENGTH;
		return PAIR_NAME;
	}
	if (k->phase == IN_VALUE) {
		if (++k->at == k->value_len)
			k->phase = NAME_LENGTH;
		return PAIR_VALUE;
	}
	length_byte(k, c);
	return PAIR_LENGTH;
}

int fastcgi_name_is(const struct fastcgi_pairs *k, const char *name)
{
	return k->nname == strlen(name) && !memcmp(k->name, name, k->nname);
}

int fastcgi_is_record(const uint8_t p[FASTCGI_HEADER], enum sender from)
{
	static const uint16_t clients = 1 << FASTCGI_BEGIN_REQUEST | 1 << FASTCGI_ABORT_REQUEST |
					1 << FASTCGI_PARAMS | 1 << FASTCGI_STDIN |
					1 << FASTCGI_DATA | 1 << FASTCGI_GET_VALUES;
	static const uint16_t servers = 1 << FASTCGI_END_REQUEST | 1 << FASTCGI_STDOUT |
					1 << FASTCGI_STDERR | 1 << FASTCGI_GET_VALUES_RESULT |
					1 << FASTCGI_UNKNOWN_TYPE;
	size_t n = be16(p + 4);

	if (p[0] != 1 || p[1] > FASTCGI_UNKNOWN_TYPE ||
	    !((from == FROM_CLIENT ? clients : servers) >> p[1] & 1))
		return 0;
	return (p[1] != FASTCGI_BEGIN_REQUEST && p[1] != FASTCGI_END_REQUEST) || n == 8;
}
