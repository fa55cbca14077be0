/*
 * wording.h - whether answers speak of what was asked
 *
 * Where bytes were lost, answers may be taken for those to other requests: each for that of one as
 * many places away as the next. Some responses say in their own words what they answer
 * (message.words), and the protocol knows whether these fit a request. Once they fit what each
 * answer was taken for, and for any other distance one of them does not, there is nothing left that
 * they could answer. That proves it of clients that do not wait, too, for requests that begin
 * behind the last that may have been lost. It needs those before, so it is for captures, in which
 * they are kept (doubted.h).
 */
#ifndef ZC_CORE_WORDING_H
#define ZC_CORE_WORDING_H

#include "core/certainty.h"

/* m of h, which was taken for the answer to x, says words; of it pos has been reached. */
void wording_response(struct conn *c, const struct half *h, struct exchange *x,
		      const struct message *m, uint64_t pos);

#endif
