/*
 * http2_same.c - field blocks that come again, to the byte
 *
 * While its table does not change, the same bytes are the same fields: what was made of the last
 * block of a direction is kept, and told again. It is kept when the block comes a second time, so
 * blocks that never do cost no more than a comparison.
 */
#include <string.h>
#include "parsers/http2/http2_int.h"

static int is_block(const struct http2_same *m, uint32_t changes, struct str block)
{
	return m->nblock == block.n && m->changes == changes &&
	       !memcmp(m->block, block.p, block.n);
}

int http2_recall(struct http2_same *m, uint32_t changes, struct str block, struct http2_event *ev)
{
	if (!m->kept || !is_block(m, changes, block))
		return 0;
	ev->same = m->number;
	ev->kind = m->ev.kind;
	ev->flags |= m->ev.flags;
	ev->fields = m->field;
	ev->nfields = m->ev.nfields;
	ev->method = m->ev.method;
	ev->scheme = m->ev.scheme;
	ev->authority = m->ev.authority;
	ev->path = m->ev.path;
	ev->protocol = m->ev.protocol;
	ev->status = m->ev.status;
	return 1;
}

/* Are they all seen, and do they fit? */
static int can_keep(const struct http2_event *ev)
{
	size_t text = 0;

	if (ev->kind == HTTP2_AMBIGUOUS || ev->nfields > HTTP2_SAME_FIELDS ||
	    ev->flags & (HTTP2_TRUNCATED | HTTP2_NOT_DECODED | HTTP2_FIELDS_DROPPED))
		return 0;
	for (size_t i = 0; i < ev->nfields; i++) {
		const struct hpack_field *f = &ev->fields[i];

		if (!f->name.p || !f->value.p || f->flags & HPACK_NAME_INFERRED)
			return 0;
		text += f->name.n + f->value.n;
	}
	return text <= HTTP2_SAME_TEXT;
}

static struct str keep_text(char **to, struct str s)
{
	struct str kept = {*to, s.n};

	memcpy(*to, s.p, s.n);
	*to += s.n;
	return kept;
}

static void keep(struct http2_same *m, const struct http2_event *ev)
{
	char *to = m->text;

	if (!can_keep(ev))
		return;
	for (size_t i = 0; i < ev->nfields; i++) {
		m->field[i] = ev->fields[i];
		m->field[i].name = keep_text(&to, ev->fields[i].name);
		m->field[i].value = keep_text(&to, ev->fields[i].value);
	}
	m->ev = (struct http2_event){.fields = m->field, .nfields = ev->nfields};
	http2_judge_as(&m->ev, ev->kind, NULL); /* nothing is left to infer */
	m->kept = 1;
	m->number++;
}

void http2_remember(struct http2_same *m, uint32_t changes, struct str block,
		    const struct http2_event *ev)
{
	if (!block.n || block.n > HTTP2_SAME_BLOCK)
		return;
	if (is_block(m, changes, block)) {
		keep(m, ev);
		return;
	}
	m->kept = 0;
	m->changes = changes;
	m->nblock = (uint16_t)block.n;
	memcpy(m->block, block.p, block.n);
}

void http2_forget_same(struct http2_same *m)
{
	m->kept = 0;
	m->nblock = 0;
}
