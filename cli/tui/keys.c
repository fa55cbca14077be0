/*
 * keys.c - the keys that mean the same in every view
 */
#include <stdio.h>
#include <string.h>

#include "cli/clock.h"
#include "cli/filter.h"
#include "cli/tui/command.h"
#include "cli/tui/config.h"
#include "cli/tui/copy.h"
#include "cli/tui/tui_impl.h"
#include "cli/when.h"

#define SECOND 1000000000ull
#define JUMP (5 * SECOND)

/* ---- filter */

static void apply_filter(struct tui *t)
{
	struct prompt *p = &t->filter_prompt;
	struct filter_error err;
	struct filter *f = NULL;

	if (p->len) {
		f = filter__new(p->text, &err);
		if (!f) {
			snprintf(p->error, sizeof(p->error), "%s", err.message);
			p->error_at = err.offset;
			return;
		}
	}
	prompt_remember(p);
	p->active = 0;
	tui_filter(t, p->text, f);
}

static void remove_filter(struct tui *t)
{
	tui_filter(t, "", NULL);
	tui_say(t, STYLE_TEXT, "no filter; / and up brings it back");
}

static void apply_command(struct tui *t)
{
	struct prompt *p = &t->command_prompt;

	p->error_at = 0;
	prompt_trim(p);
	if (p->len && command_run(t, p->text, p->error, sizeof(p->error)))
		return;
	prompt_remember(p);
	p->active = 0;
}

static void command_keys(struct tui *t, const struct key *k)
{
	struct prompt *p = &t->command_prompt;

	if (k->code != SK_TAB)
		p->hint[0] = '\0';
	if (k->code == SK_TAB)
		command_complete(t);
	else if (prompt_key(p, k) == PROMPT_ACCEPTED)
		apply_command(t);
	if (p->active)
		command_judge(p);
}

static void apply_time(struct tui *t)
{
	struct prompt *p = &t->time_prompt;
	struct replay *r = t->from.replay;
	uint64_t to;

	if (when_parse(p->text, replay__begin(r), replay__now(r), &to)) {
		snprintf(p->error, sizeof(p->error),
			 "a time: end, +10s, -2s, 1m30s since the beginning, or 14:03:20");
		p->error_at = 0;
		return;
	}
	prompt_remember(p);
	p->active = 0;
	replay__jump(r, to);
	t->was_playing = 1;
}

static int prompt_keys(struct tui *t, const struct key *k)
{
	if (t->filter_prompt.active) {
		if (k->code != SK_TAB)
			t->filter_prompt.hint[0] = '\0';
		if (k->code == SK_TAB)
			filter_complete(t, &t->filter_prompt);
		else if (prompt_key(&t->filter_prompt, k) == PROMPT_ACCEPTED)
			apply_filter(t);
		if (t->filter_prompt.active)
			filter_judge(&t->filter_prompt);
		return 1;
	}
	if (t->command_prompt.active) {
		command_keys(t, k);
		return 1;
	}
	if (t->time_prompt.active) {
		if (prompt_key(&t->time_prompt, k) == PROMPT_ACCEPTED)
			apply_time(t);
		return 1;
	}
	return 0;
}

/* ---- sorting by a column's number */

static struct table *table_of(const struct tui *t)
{
	struct view *v = tui_view(t);

	return v->ops->table ? v->ops->table(v) : NULL;
}

static void choose_column(struct tui *t, const struct key *k)
{
	struct table *table = table_of(t);
	int c = -1;

	t->choosing = 0;
	if (k->code >= '1' && k->code <= '9')
		c = k->code - '1';
	else if (k->code >= 'a' && k->code <= 'z')
		c = k->code - 'a' + 9;
	if (table && c >= 0)
		table_sort(table, c);
}

/* ---- copying */

static int take_copy(struct tui *t, int key)
{
	static const char keys[] = "jtci";
	const char *at = key > 0 && key < 0x80 ? strchr(keys, key) : NULL;
	struct view *v = tui_view(t);
	const struct span *s = v->ops->span ? v->ops->span(v) : NULL;

	if (at && s)
		copy_span(t, s, (enum copy_form)(at - keys));
	return at != NULL;
}

static void open_copy(struct tui *t)
{
	static const struct menu menu = { "copy as  ", "j:JSON  t:text  c:curl  i:trace id",
					  take_copy };
	struct view *v = tui_view(t);

	if (v->ops->span && v->ops->span(v))
		t->menu = &menu;
	else
		tui_say(t, STYLE_TEXT, "there is no span here to copy");
}

/* ---- display */

static void toggle_pause(struct tui *t)
{
	struct replay *r = t->from.replay;

	if (r) {
		if (replay__ended(r) && !replay__playing(r))
			replay__jump(r, replay__begin(r));
		replay__play(r, !replay__playing(r) || replay__ended(r));
		t->was_playing = 1;
	} else if (t->paused) {
		tui_resume(t);
	} else if (model_pause(&t->model)) {
		tui_say(t, STYLE_ERROR, "out of memory");
	} else {
		/* what is shown is what was there when the key was pressed */
		struct view *v = tui_view(t);

		vitals_measure(t);
		if (v->ops->refresh)
			v->ops->refresh(v);
		t->ring_first = t->model.now->ring.latest.first;
		t->paused = 1;
	}
}

static void toggle_baseline(struct tui *t)
{
	if (t->past_to)
		tui_between(t, 0, 0);
	t->baseline = !t->baseline;
	if (t->baseline) {
		model_mark(&t->model, t->vitals.now);
		t->window_before = t->window;
		t->window = 0;
	} else {
		model_unmark(&t->model);
		t->window = t->window_before;
	}
	tui_say(t, STYLE_TEXT, t->baseline ?
		"baseline: from here on; b again for all" : "since the beginning");
	t->stale = 1;
}

static void change_window(struct tui *t, int longer)
{
	static const unsigned windows[] = {10, 60, 300, 0};
	const unsigned n = sizeof(windows) / sizeof(*windows);
	unsigned i = 0;
	char buf[32];
	struct str s;

	if (t->past_to)
		tui_between(t, 0, 0);
	while (i < n - 1 && windows[i] != t->window)
		i++;
	t->window = windows[(i + (longer ? 1 : n - 1)) % n];
	s = tui_window(t, buf);
	tui_say(t, STYLE_TEXT, "window: %.*s", (int)s.n, s.p);
	t->stale = 1;
}

static void leave_past(struct tui *t)
{
	tui_between(t, 0, 0);
	tui_say(t, STYLE_TEXT, "of now again");
}

static void open_command(struct tui *t, const char *begin)
{
	prompt_open(&t->command_prompt, ":", begin);
	command_judge(&t->command_prompt);
}

static void clear(struct tui *t)
{
	model_clear(&t->model);
	if (t->baseline) {
		t->baseline = 0;
		model_unmark(&t->model);
	}
	memset(t->incomplete, 0, sizeof(t->incomplete));
	t->cleared = monotonic();
	tui_say(t, STYLE_TEXT, "cleared; u within a minute brings it back");
	t->stale = 1;
}

static void undo_clear(struct tui *t)
{
	if (model_undo(&t->model)) {
		tui_say(t, STYLE_TEXT, "nothing was cleared within the last minute");
		return;
	}
	t->baseline = 0;
	tui_say(t, STYLE_TEXT, "what was cleared is back");
	t->stale = 1;
}

static void change_interval(struct tui *t, int longer)
{
	static const uint64_t steps[] = { SECOND / 10, SECOND / 5, SECOND / 2, SECOND,
					  2 * SECOND,  5 * SECOND, 10 * SECOND };
	const int n = sizeof(steps) / sizeof(*steps);
	int i = 0;

	while (i < n - 1 && steps[i] < t->interval_ns)
		i++;
	i += longer ? 1 : -1;
	i = i < 0 ? 0 : i >= n ? n - 1 : i;
	t->interval_ns = steps[i];
	tui_say(t, STYLE_TEXT, "interval %g s", (double)steps[i] / (double)SECOND);
}

static void show_root(struct tui *t, int i)
{
	while (t->depth)
		tui_pop(t);
	t->current = (i + TUI_ROOTS) % TUI_ROOTS;
	t->stale = 1;
}

static void jump_by(struct tui *t, int sign)
{
	struct replay *r = t->from.replay;
	uint64_t now = replay__now(r), begin = replay__begin(r);

	replay__jump(r, sign > 0 ? now + JUMP : now > begin + JUMP ? now - JUMP : begin);
	t->was_playing = 1;
}

static int replay_keys(struct tui *t, const struct key *k)
{
	struct replay *r = t->from.replay;

	if (!r)
		return 0;
	switch (k->code) {
	case '.':
		replay__step(r);
		t->was_playing = 1;
		return 1;
	case '[': replay__set_speed(r, replay__speed(r) / 2); break;
	case ']': replay__set_speed(r, replay__speed(r) * 2); break;
	case '{': jump_by(t, -1); return 1;
	case '}': jump_by(t, 1); return 1;
	case 't': prompt_open(&t->time_prompt, "go to ", ""); return 1;
	default: return 0;
	}
	t->stale = 1;
	return 1;
}

static int program_keys(struct tui *t, const struct key *k)
{
	int tab = chrome_tab_at(t, k);

	if (tab >= 0 || (k->code >= '1' && k->code < '1' + TUI_ROOTS)) {
		show_root(t, tab >= 0 ? tab : k->code - '1');
		return 1;
	}
	switch (k->code) {
	case 'q':
	case SK_F10: t->quit = 1; return 1;
	case '?':
	case 'h':
	case SK_F1:
		if (tui_view(t)->ops != &view_help)
			tui_push(t, view_new(t, &view_help));
		return 1;
	case SK_ESC:
		if (!t->depth && t->past_to)
			leave_past(t);
		else if (!t->depth && t->filter[0])
			remove_filter(t);
		else
			tui_pop(t);
		return 1;
	case SK_BACKSPACE: tui_pop(t); return 1;
	case SK_TAB: show_root(t, t->current + 1); return 1;
	case SK_BACK_TAB: show_root(t, t->current - 1); return 1;
	case '/':
	case SK_F4:
		prompt_open(&t->filter_prompt, "/", t->filter);
		filter_judge(&t->filter_prompt);
		return 1;
	case 'p':
	case ' ': toggle_pause(t); return 1;
	case 'b': toggle_baseline(t); return 1;
	case 'm': change_window(t, 1); return 1;
	case 'M': change_window(t, 0); return 1;
	case 'c': clear(t); return 1;
	case 'u': undo_clear(t); return 1;
	case 'w': save_view(t); return 1;
	case 'y': open_copy(t); return 1;
	case ':': open_command(t, ""); return 1;
	case '@':
		if (t->past_to)
			leave_past(t);
		else
			open_command(t, "between ");
		return 1;
	case 'W': toggle_recording(t); return 1;
	case '+':
	case '=': change_interval(t, 1); return 1;
	case '-': change_interval(t, 0); return 1;
	case 's':
	case SK_F6: t->choosing = table_of(t) != NULL; return 1;
	case SK_RESIZE: t->stale = 1; return 1;
	default: return replay_keys(t, k);
	}
}

int keys_handle(struct tui *t, const struct key *k)
{
	struct view *v = tui_view(t);
	struct key meant = *k;
	struct table *table;

	if (k->code == SK_RESIZE) {
		t->dirty = 1;
		return 1;
	}
	if (prompt_keys(t, k))
		return 1;
	if (!t->choosing && !t->menu && config_key(t, &meant))
		return 1;
	k = &meant;
	tui_freshen(t);
	v = tui_view(t);
	t->message[0] = '\0';
	if (t->choosing) {
		choose_column(t, k);
		return 1;
	}
	if (t->menu) {
		const struct menu *menu = t->menu;

		t->menu = NULL;
		menu->take(t, k->code);
		return 1;
	}
	if (v->ops->key && v->ops->key(v, k))
		return 1;
	table = table_of(t);
	if (table && table_key(table, k))
		return 1;
	if (program_keys(t, k))
		return 1;
	if (k->code > ' ' && k->code < 0x7f)
		tui_say(t, STYLE_TEXT, "%c is no key here; ? shows those there are", k->code);
	return 0;
}
