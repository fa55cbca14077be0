/*
 * redis_command.h - what has to be known of Redis's commands: their keys, secrets and the form
 * of their replies
 *
 * Names are those of Redis 7.4 and of the modules of Redis Stack; of a command that is not known,
 * no argument is taken for a key. Arguments are those of the command as sent, the name being number
 * 0.
 */
#ifndef ZC_PARSERS_REDIS_COMMAND_H
#define ZC_PARSERS_REDIS_COMMAND_H

#include "parsers/parser.h"

#define REDIS_MAX_NAME 32u

/* Where a command's first key is, if it is not a number of an argument. */
enum redis_keys {
	REDIS_KEY_NONE = 0,
	/* 1 to 4: that argument */
	REDIS_KEY_STREAMS = 16, /* the one behind STREAMS */
	REDIS_KEY_COUNTED,	/* 2, if argument 1 is a number: how many keys there are */
	REDIS_KEY_SCRIPT,	/* 3, if argument 2 is a number, and not 0 */
};

#define REDIS_HAS_SUB 0x01u /* a subcommand is part of its name: CLIENT LIST */
#define REDIS_SECRET 0x02u  /* arguments, or the reply, may be secrets */
#define REDIS_MODULE 0x04u  /* not built in: as evidence, its name is worth less */

/* What the reply looks like, for struct redis_form. */
enum redis_reply_form {
	REDIS_REPLY,	    /* one value */
	REDIS_SUBSCRIBES,   /* one confirmation per argument, then messages */
	REDIS_UNSUBSCRIBES, /* one per argument; without, one per subscription */
	REDIS_MONITORS,
	REDIS_REPLICATES, /* PSYNC: what follows is no reply any more */
	REDIS_SELECTS,
	REDIS_RESETS,
	REDIS_EXECUTES, /* EXEC */
	REDIS_DISCARDS,
	REDIS_TRACKS, /* CLIENT TRACKING ON: invalidations follow */
	REDIS_UNTRACKS,
};

/* Where a command says how long it is to wait for what it asks for. */
enum redis_wait {
	REDIS_WAIT_NONE = 0,
	REDIS_WAIT_FIRST,   /* argument 1, in seconds, which may have a fraction */
	REDIS_WAIT_LAST,    /* same, the last argument */
	REDIS_WAIT_LAST_MS, /* the last argument, in milliseconds */
	REDIS_WAIT_BLOCK,   /* behind BLOCK, in milliseconds */
};

struct redis_command {
	const char *name; /* in upper case */
	uint8_t keys;	  /* enum redis_keys */
	uint8_t sub_keys; /* same, counted behind the subcommand: 2 in OBJECT ENCODING key */
	uint8_t flags;
	uint8_t form;	  /* enum redis_reply_form */
	uint8_t min_args; /* with the name; fewer are an error */
	uint8_t wait;	  /* enum redis_wait */
};

/* By a name in any case; NULL: not known. */
const struct redis_command *redis_command_find(struct str name);

/* May what begins so be the name of one? */
int redis_command_begins(struct str name);

/* Is s this word, which is in upper case? Case of s does not matter. */
int redis_is(struct str s, const char *word);

/* A decimal number that fits in 62 bits, else -1. */
int64_t redis_number(struct str s);

/*
 * Which argument is the first key; 0: none, or not known. Of `argc` arguments the first `n` are in
 * arg.
 */
unsigned redis_key_of(const struct redis_command *c, const struct str *arg, unsigned n);

/*
 * How long it is to wait, of `argc` arguments the first `n` of which are in arg: 1, and *ns is set,
 * 0 for without limit; or 0: not at all, or that is not known.
 */
int redis_wait_of(const struct redis_command *c, const struct str *arg, unsigned n, uint64_t argc,
		  uint64_t *ns);

/* Has this subcommand a key of its own? For commands with REDIS_HAS_SUB and sub_keys. */
int redis_sub_has_key(const struct redis_command *c, struct str sub);

#endif
