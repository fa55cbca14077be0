/*
 * families.h - the families of probes: what sees what, with which programs, and what goes unseen
 *
 * Families of one group see the same, so one of them is used: the first that loads and attaches.
 * That is found by trying, but for what the kernel says it does not have at all.
 */
#ifndef ZC_ATTACH_FAMILIES_H
#define ZC_ATTACH_FAMILIES_H

#include <bpf/libbpf.h>
#include <stddef.h>
#include <stdint.h>

enum family_group {
	GROUP_PROCESSES,
	GROUP_SEGMENTS,
	GROUP_IO,
	GROUP_STATES, /* behind both: no connection is announced whose first reads go unseen */
	GROUP_SENDFILE, /* from here on: nice to have */
	GROUP_SPLICE,
	GROUP_RETRANSMITS,
	GROUP_RESETS,
	GROUP_HANDSHAKES,
	GROUP_UNROUTED,
	GROUP_DATAGRAMS,
	GROUP_TLS, /* from here on: chosen when it is needed */
	GROUP_TLS_GO,
	GROUPS,
};

struct family {
	enum family_group group;
	const char *name;
	const char *program[5]; /* of the object, in the order of attaching; NULL ends them */
	const char *needs;	/* for people */
	const char *type; /* a name in the type information of kernels that can; NULL: the programs
			   * tell what they need */
};

struct families {
	uint32_t possible; /* bit i: row i of the table is not known to be impossible here */
	const struct family *used[GROUPS]; /* NULL: none */
	uint32_t failed;		   /* bit g: of group g none could be used */
};

/* The first that is possible, of each group up to GROUP_TLS. The programs are not loaded yet. */
void families_choose(struct families *f, const struct bpf_object *obj);

/*
 * The next one of this group, or the first; 0: there is none, and what was used stays the choice.
 */
int families_next(struct families *f, enum family_group g);

/* None of this group is used: what it sees goes unseen. */
void families_give_up(struct families *f, enum family_group g);

/* 1 if something was used that tracing can do without, which is given up. */
int families_drop_extras(struct families *f);

/* What a group needs that nothing was found for, for people; NULL: none is missing. */
const char *families_missing(const struct families *f);

/* Only the programs of what is used are to be loaded. */
void families_autoload(const struct families *f, struct bpf_object *obj);

/* "processes by tracepoints, segments by cgroup_skb, ...; not seen: ..." */
void families_describe(const struct families *f, char *out, size_t size);

/* The name of what sees reads and writes, if it is not the first choice; else NULL. */
const char *families_second_choice(const struct families *f);

#endif
