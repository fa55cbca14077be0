/*
 * served.h - programs that have listened on a chosen port, known again when they are started anew
 *
 * What executes the same file with the same arguments is probed from its exec on, before it
 * listens. The file alone does not say so: it may be an interpreter's.
 *
 * Bounds: the last SERVED_MAX of them.
 */
#ifndef ZC_ATTACH_SERVED_H
#define ZC_ATTACH_SERVED_H

#include <sys/types.h>

#define SERVED_MAX 32u

struct attach;

void served_learn(struct attach *a, pid_t pid);
int served_before(const struct attach *a, pid_t pid);
void served_free(struct attach *a);

#endif
