/*
 * view_spans.c - every span as it comes, the newest at the bottom
 */
#include "cli/tui/tui_impl.h"

struct spans {
	struct view view;
	struct span_list list;
	uint64_t conn; /* those of a connection */
};

static void spans_init(struct view *v)
{
	span_list_init(&((struct spans *)v)->list, v->tui);
}

static void spans_release(struct view *v)
{
	span_list_release(&((struct spans *)v)->list);
}

static void spans_refresh(struct view *v)
{
	span_list_refresh(&((struct spans *)v)->list);
}

static void spans_draw(struct view *v, struct screen *s, int y, int height)
{
	struct spans *sp = (struct spans *)v;

	table_draw(&sp->list.table, s, y, height);
	if (!sp->list.n && height > 2)
		empty_draw(v->tui->empty, v->tui, s, "spans", y + 2, height - 2);
}

static int spans_key(struct view *v, const struct key *k)
{
	return span_list_key(&((struct spans *)v)->list, k);
}

static struct table *spans_table(struct view *v)
{
	return &((struct spans *)v)->list.table;
}

static unsigned spans_save(struct view *v, struct out *o)
{
	return span_list_save(&((struct spans *)v)->list, o);
}

static const struct span *spans_span(struct view *v)
{
	return span_list_selected(&((struct spans *)v)->list);
}

const struct view_ops view_spans = {
	.name = "Spans",
	.hints = "Enter:details  T:trace  F:follow",
	.size = sizeof(struct spans),
	.init = spans_init,
	.release = spans_release,
	.refresh = spans_refresh,
	.draw = spans_draw,
	.key = spans_key,
	.table = spans_table,
	.span = spans_span,
	.save = spans_save,
};

static int is_of(void *spans, const struct span *s)
{
	return s->conn == ((struct spans *)spans)->conn;
}

struct view *view_requests_open(struct tui *t, uint64_t conn)
{
	struct spans *v = (struct spans *)view_new(t, &view_spans);

	if (!v)
		return NULL;
	v->conn = conn;
	v->list.wants = is_of;
	v->list.ctx = v;
	return &v->view;
}
