/*
 * prometheus.h - metrics for a scraper: text format 0.0.4 and OpenMetrics 1.0
 *
 * Names are those of OpenTelemetry as its rules translate them: dots become underscores, the unit
 * goes behind. Each series has instance, job, service_name and, where it is known,
 * service_namespace; the rest of what is known of a process stands in target_info. In OpenMetrics
 * buckets have exemplars.
 */
#ifndef ZC_SINKS_PROMETHEUS_H
#define ZC_SINKS_PROMETHEUS_H

#include "sinks/metrics.h"
#include "sinks/otel_resource.h"
#include "sinks/out.h"

void prometheus_write(struct out *o, const struct metrics *m, const struct otel_host *host,
		      int openmetrics);

#endif
