/*
 * prompt.h - a line that is typed at the foot of the screen, with a history
 *
 * Keys as in a shell: arrows, Home and End, ^A ^E ^U ^K ^W, Backspace, Delete, Up and Down for
 * what was typed before; Enter accepts, Esc leaves.
 */
#ifndef ZC_CLI_TUI_PROMPT_H
#define ZC_CLI_TUI_PROMPT_H

#include <stddef.h>
#include "cli/tui/screen.h"

#define PROMPT_MAX 1024
#define PROMPT_HISTORY 32

enum prompt_result { PROMPT_GOES_ON, PROMPT_ACCEPTED, PROMPT_LEFT };

struct prompt {
	int active;
	const char *label;
	char text[PROMPT_MAX];
	size_t len, at; /* octets; at: the cursor */
	int valid; /* what is typed, so far: 1, 0, or -1: nobody has judged it */
	char hint[256]; /* what could be typed */
	char error[160];
	size_t error_at; /* octet under which the caret stands */
	char *history[PROMPT_HISTORY];
	int nhistory, recalled; /* recalled == nhistory: what is being typed */
};

/*
 * What a word that is being typed may become: offer each way, then take what they have in common.
 */
struct choice {
	const char *word; /* what was typed of it */
	size_t n, hint_n;
	char common[80]; /* what all that fit begin with */
	unsigned found;
};

void choice_offer(struct choice *c, struct prompt *p, const char *word);
void choice_take(struct choice *c, struct prompt *p);

void prompt_release(struct prompt *p);
void prompt_open(struct prompt *p, const char *label, const char *text);
enum prompt_result prompt_key(struct prompt *p, const struct key *k);
void prompt_trim(struct prompt *p);	/* no blanks at the end */
void prompt_remember(struct prompt *p); /* the text, for the next time */

/* On line y; the error, if any, on the two lines above it (one if there is no more room). */
void prompt_draw(const struct prompt *p, struct screen *s, int y);

#endif
