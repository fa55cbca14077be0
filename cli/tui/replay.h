/*
 * replay.h - a file that is played with a clock of its own
 *
 * A source in front of another one, which is a file. It hands out events when their time has come
 * on a clock that can be stopped, made faster, and set. Going back means beginning anew: the file
 * is opened again and everything behind the source forgets what it knew.
 */
#ifndef ZC_CLI_TUI_REPLAY_H
#define ZC_CLI_TUI_REPLAY_H

#include <stddef.h>
#include "core/source.h"

/*
 * Opens the file anew and resets what comes behind the source. NULL: not possible (a pipe), with
 * one line in err.
 */
typedef struct source *(*replay_rewind_fn)(void *ctx, char *err, size_t errlen);

struct replay;

/* Owns inner from now on. NULL: out of memory; inner is untouched. */
struct replay *replay__new(struct source *inner, replay_rewind_fn rewind, void *ctx);
struct source *replay__source(struct replay *r); /* its free() frees the replay */

/* Times are on the wall clock of the recording; 0 before the first event. */
uint64_t replay__now(const struct replay *r);
uint64_t replay__begin(const struct replay *r);

int replay__playing(const struct replay *r);
int replay__ended(const struct replay *r);
double replay__speed(const struct replay *r);
const char *replay__error(const struct replay *r); /* of the last rewind; NULL: none */

void replay__play(struct replay *r, int play);
void replay__set_speed(struct replay *r, double factor); /* of real time; 1/64 to 1024 */

/* Plays until a span came, then stops; replay__span says that one did. */
void replay__step(struct replay *r);
void replay__span(struct replay *r);

/* Goes to that time, forward or back; UINT64_MAX: to the end. */
void replay__jump(struct replay *r, uint64_t time);

/* From the beginning to where it is, as what comes behind it keeps more than before. */
void replay__again(struct replay *r);

#endif
