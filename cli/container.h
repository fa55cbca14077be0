/*
 * container.h - the name of a container, from what its engine keeps of it on disk
 *
 * Docker: /var/lib/docker/containers/ID/config.v2.json. Podman and CRI-O: containers.json of the
 * storage of root. containerd (Kubernetes, nerdctl): config.json of the running task, and its
 * annotations. Engines with their data elsewhere, and those of other users, are not found. Files
 * are read up to CONTAINER_MAX_FILE octets.
 */
#ifndef ZC_CLI_CONTAINER_H
#define ZC_CLI_CONTAINER_H

#include <stddef.h>

#define CONTAINER_ID_LEN 64
#define CONTAINER_MAX_FILE (1u << 20)

/*
 * id: CONTAINER_ID_LEN hexadecimal digits. root: what comes before the paths above, "" for the
 * host's own. 0 and the name in out, or -ENOENT.
 */
int container_name(const char *root, const char *id, char *out, size_t size);

#endif
