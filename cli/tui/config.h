/*
 * config.h - the user's own: ~/.config/zctrace/config, or below XDG_CONFIG_HOME
 *
 *     # a comment
 *     [options]
 *     theme = light            commands of ':'
 *     [columns]
 *     spans = TIME, STAT, METHOD, PATH, TOTAL
 *     [keys]
 *     F5 = p                   as that key
 *     x = :window 10s          or a command
 */
#ifndef ZC_CLI_TUI_CONFIG_H
#define ZC_CLI_TUI_CONFIG_H

#include <stddef.h>

struct tui;
struct key;

/* Reads it, if there is one. What is wrong is told in err, the first of it; the rest counts. */
void config_read(struct tui *t, char *err, size_t errlen);

/* What is set now, into it. 0, or -1 with one line in err. */
int config_write(const struct tui *t, char *err, size_t errlen);

/* Where it is; -1: nowhere. */
int config_path(char *path, size_t size);

/* The key that is meant by this one; 1 if it was a command, which has been run. */
int config_key(struct tui *t, struct key *k);

#endif
