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
 * show it, its protocol takes them. Returns how many were taken. waits: what does not show it may
 * be kept, as more of it will.
 */
size_t protocol_detect(struct engine *e, struct conn *c, struct half *h, const uint8_t *p, size_t n,
		       uint64_t pos, int waits);

/*
 * Before that: do n octets show it as the answer to what was kept of the other direction? YES: the
 * protocol is known, and what was kept is still to go to it; WAIT: they may with more behind them;
 * NO: what was kept is dropped.
 */
enum probe_result protocol_detect_answered(struct engine *e, struct conn *c, struct half *asked,
					   const uint8_t *p, size_t n);

/*
 * The same of kept octets from position pos that have a gap behind them. 1: they show it, and its
 * protocol takes them with the gap.
 */
int protocol_detect_torn(struct conn *c, struct half *h, struct str kept, uint64_t pos);

#endif
