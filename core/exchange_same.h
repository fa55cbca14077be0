/*
 * exchange_same.h - requests whose heads come again, to the byte
 *
 * Of the same bytes the same is made: strings, and what link.h is told. So what was made of a
 * connection's last head is kept, where it is short and has nothing but these, and copied.
 */
#ifndef ZC_CORE_EXCHANGE_SAME_H
#define ZC_CORE_EXCHANGE_SAME_H

#include "core/exchange.h"
#include "core/link.h"

/*
 * x and *link are what the head has made that its parser has given the number `same` (0: none),
 * which others have only if they are the same; x has no other text.
 */
void exchange_remember_head(struct exchange *x, uint32_t same, const struct link_head *link);

/*
 * 1: the head is the one that was remembered, and they are that, but for its payload, which is that
 * of gRPC if the protocol is; 0: it is another one.
 */
int exchange_recall_head(const struct engine *e, struct exchange *x, uint32_t same,
			 struct link_head *link);

/* The parser of c begins anew, and with it numbers of heads; c is gone. */
void exchange_forget_head(struct conn *c);
void exchange_free_head(struct conn *c);

#endif
