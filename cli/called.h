/*
 * called.h - processes selected by what the screens call them: a service, a container
 *
 * A service is known by the name of its container, or by what service.h makes of its arguments and
 * it says of itself, as in every output. A container is known by the name that its engine has for
 * it, or by its id.
 */
#ifndef ZC_CLI_CALLED_H
#define ZC_CLI_CALLED_H

#include "attach/attach.h"
#include "cli/options.h"

/*
 * Adds --service and --container to the selectors; o is borrowed for a's life. 0 or a negative
 * errno with the reason in attach__error().
 */
int called_add(struct attach *a, const struct options *o);

/*
 * 1, with a line for people: what was asked for by a name is not here now. It says what is.
 */
int called_nobody(struct attach *a, const struct options *o, char *text, size_t size);

#endif
