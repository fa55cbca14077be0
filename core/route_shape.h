/*
 * route_shape.h - private to route.c: does a segment of a path look like a value?
 */
#ifndef ZC_CORE_ROUTE_SHAPE_H
#define ZC_CORE_ROUTE_SHAPE_H

#include <stddef.h>

/* Text under construction with a fixed capacity; octets beyond it are dropped and `full` set. */
struct route_out {
	char *p;
	size_t n, cap;
	int full;
};

void route_put(struct route_out *o, const char *p, size_t n);

/* Appends the segment s (without slashes) to o, values replaced by their placeholders. */
void route_shape(struct route_out *o, const char *s, size_t n);

#endif
