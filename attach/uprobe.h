/*
 * uprobe.h - the probes on TLS libraries: loaded when the first is needed, attached per file
 */
#ifndef ZC_ATTACH_UPROBE_H
#define ZC_ATTACH_UPROBE_H

#include <stddef.h>
#include <sys/types.h>
#include "attach/tlsbin.h"

struct attach;
struct bpf_link;
struct bpf_object;
struct uprobes;

/* The links of one library in one process. Zeroed: none. */
struct uprobe_set {
	struct uprobe_link {
		int fd;			/* uprobe_multi; or */
		struct bpf_link *event; /* NULL with the former */
	} *link;
	size_t n;
};

struct uprobes *uprobes_new(struct attach *a); /* NULL: out of memory */

/*
 * Loads the kernel side for a library (enum zc_tls_lib), unless it is there; it shares its maps
 * with the others'. 0 or a negative errno, with one line in attach__error().
 */
int uprobes_load(struct uprobes *u, int lib);
void uprobes_free(struct uprobes *u);

/*
 * Puts the points of bin, in the file behind file_fd, into process pid; 0: into all that have it
 * mapped or will have, where without --all those count that are ZC_TASK_BORN. 0 or a negative
 * errno; nothing stays behind on failure.
 */
int uprobes_attach(struct uprobes *u, int file_fd, pid_t pid, const struct tlsbin *bin,
		   struct uprobe_set *out);
void uprobes_detach(struct uprobe_set *s);

/* What is loaded, by part, of which there are two; NULL: that one is not. Borrowed. */
const struct bpf_object *uprobes_object(const struct uprobes *u, int part);

#endif
