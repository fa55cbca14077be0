/*
 * targets.h - the processes that the selectors of the command line choose now
 *
 * As tracing would choose them: of a port its listeners' owners, or, where nobody listens, those
 * who have a connection to it.
 */
#ifndef ZC_CLI_TARGETS_H
#define ZC_CLI_TARGETS_H

#include "attach/attach.h"
#include "cli/inventory.h"
#include "cli/options.h"

struct targets {
	uint32_t *pid; /* ascending */
	size_t n, cap;
	int failed; /* out of memory */
};

/* Is anything selected at all? */
int targets_wanted(const struct options *o);

/*
 * a has the selectors of o (input_selectors). 0, or an exit status with one line in err. To be
 * released in any case.
 */
int targets_find(struct targets *t, struct attach *a, const struct options *o,
		 const struct inventory *inv, char *err, size_t errlen);
void targets_release(struct targets *t);
int targets_have(const struct targets *t, uint32_t pid);

#endif
