/*
 * other_end.h - the other end of a connection, where both ends are seen
 *
 * A bounded table of the latest connections by their addresses.
 */
#ifndef ZC_CORE_OTHER_END_H
#define ZC_CORE_OTHER_END_H

struct conn;
struct engine;

/* NULL: it is not seen. */
struct conn *other_end(struct engine *e, const struct conn *c);

/* c, whose addresses and network.key are known, can be found as the other end. */
void other_end_add(struct engine *e, const struct conn *c);

#endif
