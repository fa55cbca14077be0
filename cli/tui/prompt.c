#include "cli/tui/prompt.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>

#include "sinks/format.h"

void prompt_release(struct prompt *p)
{
	for (int i = 0; i < p->nhistory; i++)
		free(p->history[i]);
	p->nhistory = 0;
}

static void set_text(struct prompt *p, const char *text)
{
	p->len = strlen(text);
	if (p->len >= PROMPT_MAX)
		p->len = PROMPT_MAX - 1;
	memmove(p->text, text, p->len);
	p->text[p->len] = '\0';
	p->at = p->len;
}

void prompt_open(struct prompt *p, const char *label, const char *text)
{
	p->active = 1;
	p->label = label;
	p->error[0] = p->hint[0] = '\0';
	p->valid = -1;
	p->recalled = p->nhistory;
	set_text(p, text);
}

void prompt_remember(struct prompt *p)
{
	char *copy;

	if (!p->len || (p->nhistory && !strcmp(p->history[p->nhistory - 1], p->text)))
		return;
	copy = strdup(p->text);
	if (!copy)
		return;
	if (p->nhistory == PROMPT_HISTORY) {
		free(p->history[0]);
		memmove(p->history, p->history + 1, sizeof(*p->history) * (PROMPT_HISTORY - 1));
		p->nhistory--;
	}
	p->history[p->nhistory++] = copy;
}

static size_t before(const struct prompt *p, size_t at)
{
	while (at && ((unsigned char)p->text[--at] & 0xc0) == 0x80)
		;
	return at;
}

static size_t after(const struct prompt *p, size_t at)
{
	if (at < p->len)
		at++;
	while (at < p->len && ((unsigned char)p->text[at] & 0xc0) == 0x80)
		at++;
	return at;
}

static void cut(struct prompt *p, size_t from, size_t to)
{
	memmove(p->text + from, p->text + to, p->len - to + 1);
	p->len -= to - from;
	p->at = from;
	p->error[0] = '\0';
}

static size_t word_start(const struct prompt *p)
{
	size_t at = p->at;

	while (at && p->text[at - 1] == ' ')
		at--;
	while (at && p->text[at - 1] != ' ')
		at--;
	return at;
}

static void recall(struct prompt *p, int step)
{
	int to = p->recalled + step;

	if (to < 0 || to > p->nhistory)
		return;
	p->recalled = to;
	set_text(p, to < p->nhistory ? p->history[to] : "");
	p->error[0] = '\0';
}

static size_t encode(int c, char *out)
{
	if (c < 0x80) {
		out[0] = (char)c;
		return 1;
	}
	if (c < 0x800) {
		out[0] = (char)(0xc0 | c >> 6);
		out[1] = (char)(0x80 | (c & 0x3f));
		return 2;
	}
	if (c < 0x10000) {
		out[0] = (char)(0xe0 | c >> 12);
		out[1] = (char)(0x80 | (c >> 6 & 0x3f));
		out[2] = (char)(0x80 | (c & 0x3f));
		return 3;
	}
	out[0] = (char)(0xf0 | c >> 18);
	out[1] = (char)(0x80 | (c >> 12 & 0x3f));
	out[2] = (char)(0x80 | (c >> 6 & 0x3f));
	out[3] = (char)(0x80 | (c & 0x3f));
	return 4;
}

static void insert(struct prompt *p, int c)
{
	char bytes[4];
	size_t n;

	if (c < 32 || c > 0x10ffff)
		return;
	n = encode(c, bytes);
	if (p->len + n >= PROMPT_MAX) {
		snprintf(p->error, sizeof(p->error), "there is no room for more");
		p->error_at = p->at;
		return;
	}
	memmove(p->text + p->at + n, p->text + p->at, p->len - p->at + 1);
	memcpy(p->text + p->at, bytes, n);
	p->len += n;
	p->at += n;
	p->error[0] = '\0';
}

static void edit(struct prompt *p, int code)
{
	switch (code) {
	case SK_LEFT: p->at = before(p, p->at); break;
	case SK_RIGHT: p->at = after(p, p->at); break;
	case SK_HOME:
	case 1: p->at = 0; break;
	case SK_END:
	case 5: p->at = p->len; break;
	case SK_UP: recall(p, -1); break;
	case SK_DOWN: recall(p, 1); break;
	case SK_BACKSPACE: cut(p, before(p, p->at), p->at); break;
	case SK_DELETE: cut(p, p->at, after(p, p->at)); break;
	case 21: cut(p, 0, p->at); break;
	case 11: cut(p, p->at, p->len); break;
	case 23: cut(p, word_start(p), p->at); break;
	default: insert(p, code); break;
	}
}

void prompt_trim(struct prompt *p)
{
	while (p->len && p->text[p->len - 1] == ' ')
		p->text[--p->len] = '\0';
	if (p->at > p->len)
		p->at = p->len;
}

/* ASCII, at the cursor. */
static void prompt_insert(struct prompt *p, const char *text)
{
	while (*text)
		insert(p, (unsigned char)*text++);
}

void choice_offer(struct choice *c, struct prompt *p, const char *word)
{
	size_t i = 0;

	if (!word || strncmp(word, c->word, c->n))
		return;
	if (!c->found++)
		snprintf(c->common, sizeof(c->common), "%s", word);
	while (c->common[i] && c->common[i] == word[i])
		i++;
	c->common[i] = '\0';
	if (c->hint_n < sizeof(p->hint) - 1)
		c->hint_n += (size_t)snprintf(p->hint + c->hint_n, sizeof(p->hint) - c->hint_n,
					      "%s%s", c->hint_n ? "  " : "", word);
}

void choice_take(struct choice *c, struct prompt *p)
{
	if (!c->found) {
		snprintf(p->hint, sizeof(p->hint), "nothing begins so");
		return;
	}
	if (strlen(c->common) > c->n)
		prompt_insert(p, c->common + c->n);
	if (c->found == 1) {
		prompt_insert(p, c->common[strlen(c->common) - 1] == '.' ? "" : " ");
		p->hint[0] = '\0';
	}
}

enum prompt_result prompt_key(struct prompt *p, const struct key *k)
{
	if (k->code == SK_ESC) {
		p->active = 0;
		return PROMPT_LEFT;
	}
	if (k->code == SK_ENTER)
		return PROMPT_ACCEPTED;
	edit(p, k->code);
	return PROMPT_GOES_ON;
}

void prompt_draw(const struct prompt *p, struct screen *s, int y)
{
	int width = screen__width(s), x = screen__put(s, y, 0, width, STYLE_KEY, p->label);
	int room = width - x - 1, cursor = (int)text_width(p->text, p->at), caret;
	size_t from = 0;

	/* the end of a long line is what is being typed */
	while (cursor - (int)text_width(p->text, from) > room && from < p->at)
		from = after(p, from);
	screen__fill(s, y, x, width - x, STYLE_TEXT, ' ');
	screen__safe(s, y, x, room + 1,
		     p->valid > 0	   ? STYLE_GOOD
		     : !p->valid && p->len ? STYLE_ERROR
					   : STYLE_TEXT,
		     CUT_END, (struct str){p->text + from, p->len - from});
	screen__cursor(s, y, x + cursor - (int)text_width(p->text, from));
	if (!p->error[0]) {
		if (p->hint[0] && y >= 3) {
			screen__fill(s, y - 1, 0, width, STYLE_TEXT, ' ');
			screen__put(s, y - 1, 0, width, STYLE_DIM, p->hint);
		}
		return;
	}
	caret = p->error_at >= from ? x + (int)text_width(p->text + from, p->error_at - from) : x;
	if (y >= 3) {
		screen__fill(s, y - 2, 0, width, STYLE_TEXT, ' ');
		screen__put(s, y - 2, 0, width, STYLE_ERROR, p->error);
	}
	if (y < 2)
		return;
	/* the caret points down at the text that is still being edited */
	screen__fill(s, y - 1, 0, width, STYLE_TEXT, ' ');
	screen__put(s, y - 1, caret < width ? caret : width - 1, 1, STYLE_ERROR,
		    screen__ascii(s) ? "v" : "▼");
}
