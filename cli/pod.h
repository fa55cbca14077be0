/*
 * pod.h - pods of Kubernetes on this node, without asking any API
 *
 * The kubelet keeps a directory of logs for each pod, /var/log/pods/NAMESPACE_NAME_UID, and runs
 * its containers in control groups that carry the UID. No name of Kubernetes holds an underscore.
 */
#ifndef ZC_CLI_POD_H
#define ZC_CLI_POD_H

#include <stddef.h>

#define POD_UID_LEN 36
#define POD_NAME_MAX 254

struct pod {
	char space[64], name[POD_NAME_MAX], uid[POD_UID_LEN + 1];
};

/*
 * The UID in a control group's path, with '-' between its parts, as they are or as '_' in slices of
 * systemd. 0, or -ENOENT: the group is of no pod.
 */
int pod_uid(const char *cgroup, char uid[POD_UID_LEN + 1]);

/* The pod of that UID. root: what comes before the path above, "" for the host's. 0 or -ENOENT. */
int pod_find(const char *root, const char *uid, struct pod *out);

/*
 * Calls f for each pod of that namespace and name, of which NULL stands for any, until it returns
 * something else than 0. Returns that, 0, or -ENOENT: there are no such pods here.
 */
int pod_each(const char *root, const char *space, const char *name,
	     int (*f)(void *ctx, const struct pod *p), void *ctx);

/*
 * The resource of a pod: k8s.namespace.name=…,k8s.pod.name=…,k8s.pod.uid=…, and, by the form of its
 * name, k8s.deployment.name and the like, with zctrace.inferred naming what was concluded. Written
 * behind what is in `text` (size bytes in all), separated by a comma, as far as there is room.
 */
void pod_resource(const struct pod *p, char *text, size_t size);

#endif
