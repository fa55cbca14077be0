/*
 * detect.h - which protocol a connection speaks
 */
#ifndef ZC_CORE_DETECT_H
#define ZC_CORE_DETECT_H

#include <stddef.h>
#include <stdint.h>

#include "parsers/parser.h"

struct conn;
struct engine;
struct exchange;
struct half;

/*
 * n octets from position pos of a connection of which nobody knows yet what it speaks. Where they
 * show it, its protocol takes them. Returns how many were taken.
 */
size_t protocol_detect(struct engine *e, struct conn *c, struct half *h, const uint8_t *p, size_t n,
		   uint64_t pos);

/*
 * The same of kept octets from position pos that have a gap behind them. 1: they show it, and its
 * protocol takes them with the gap.
 */
int protocol_detect_torn(struct conn *c, const struct half *h, struct str kept, uint64_t pos);

#endif
