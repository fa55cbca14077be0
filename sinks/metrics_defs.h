/*
 * metrics_defs.h - the table of metrics: for a new one its row is all there is to write
 */
#ifndef ZC_SINKS_METRICS_DEFS_H
#define ZC_SINKS_METRICS_DEFS_H

#include "sinks/metrics.h"

extern const struct metric_def metric_defs[];
extern const unsigned metric_ndefs;

#endif
