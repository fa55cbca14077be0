/*
 * uprobe.h - the probes on TLS libraries: loaded once when the first is needed, attached per file
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

/*
 * Loads the kernel side, which shares its maps with the others'. NULL: it cannot be, and err says
 * why (one line).
 */
struct uprobes *uprobes_load(struct attach *a, char *err, size_t errlen);
void uprobes_free(struct uprobes *u);

/*
 * Puts the points of bin, in the file behind file_fd, into process pid; 0: into all that have it
 * mapped or will have. 0 or a negative errno; nothing stays behind on failure.
 */
int uprobes_attach(struct uprobes *u, int file_fd, pid_t pid, const struct tlsbin *bin,
		   struct uprobe_set *out);
void uprobes_detach(struct uprobe_set *s);

/* The loaded kernel side; borrowed. */
const struct bpf_object *uprobes_object(const struct uprobes *u);

/* Are all points of a file put in by one call of the kernel (Linux 6.6), or one by one? */
int uprobes_multi(const struct uprobes *u);

#endif
