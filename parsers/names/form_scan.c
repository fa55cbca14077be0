#include "parsers/names/form_scan.h"

#include "parsers/digits.h"

static void add(struct form_scan *s, char c)
{
	if (s->in_value && s->ntext < FORM_TEXT_MAX)
		s->text[s->ntext++] = c;
	else if (!s->in_value && s->nname < JSON_PATH_MAX)
		s->name[s->nname++] = c;
	else
		s->cut = 1;
}

static void escaped(struct form_scan *s, uint8_t c)
{
	int digit = hex_value(c);

	s->cut |= digit < 0;
	s->code = (uint8_t)(s->code << 4 | (digit & 15));
	if (!--s->escape)
		add(s, (char)s->code);
}

void form_scan(struct form_scan *s, const uint8_t *p, size_t n, json_told *fn, void *ctx)
{
	for (size_t i = 0; i < n; i++) {
		uint8_t c = p[i];

		if (s->escape) {
			escaped(s, c);
		} else if (c == '&') {
			const struct json_value v = {
				{s->name, s->nname}, JSON_STRING, {s->text, s->ntext}, s->cut};

			if (!fn(ctx, &v))
				return;
			s->nname = s->ntext = 0;
			s->in_value = s->cut = 0;
		} else if (c == '=' && !s->in_value) {
			s->in_value = 1;
		} else if (c == '%') {
			s->escape = 2;
		} else {
			add(s, c == '+' ? ' ' : (char)c);
		}
	}
}
