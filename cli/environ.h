/*
 * environ.h - what a process says of itself to OpenTelemetry, in its environment
 */
#ifndef ZC_CLI_ENVIRON_H
#define ZC_CLI_ENVIRON_H

#include <stddef.h>

/*
 * From n bytes of /proc/PID/environ: variables that each end with NUL. service: OTEL_SERVICE_NAME,
 * else service.name of OTEL_RESOURCE_ATTRIBUTES, percent-decoded; left as it is if neither is set.
 * resource: OTEL_RESOURCE_ATTRIBUTES without service.name and without attributes whose names look
 * secret, as a whole number of them; "" if there is none.
 */
void environ_resource(const char *env, size_t n, char *service, size_t service_size,
		      char *resource, size_t resource_size);

#endif
