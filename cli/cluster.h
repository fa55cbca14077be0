/*
 * cluster.h - names of addresses in a cluster of Kubernetes, as its API has them
 *
 * In a pod that has a service account, a thread of its own asks for the pods of this node and for
 * all services, once a minute. Nobody waits for it: before its first answer, or where the account
 * may not list them, there are no names.
 */
#ifndef ZC_CLI_CLUSTER_H
#define ZC_CLI_CLUSTER_H

#include <stdint.h>

#define CLUSTER_MAX 65536u	  /* addresses */
#define CLUSTER_NAME_MAX 320u
#define CLUSTER_PERIOD_S 60

struct cluster;

/* NULL: this is no pod with an account, or there is no libcurl. */
struct cluster *cluster_start(void);

/*
 * Whose an address (as in struct span) is: NAMESPACE/NAME of a pod, NAME.NAMESPACE of a service.
 * NULL: not known. Valid until the next call.
 */
const char *cluster_name(struct cluster *c, const uint8_t addr[16]);
void cluster_stop(struct cluster *c); /* NULL is allowed */

#endif
