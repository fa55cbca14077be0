/*
 * tls_stream.h - TLS streams: what an application reads from and writes to its TLS library
 *
 * A stream is a connection of its own (struct conn with a session); parsers take it for
 * any other. The socket's connection, whose octets are ciphertext, is its socket: addresses, role
 * and end come from there. A stream without a socket is shown without addresses.
 *
 * The socket is a fact where the library itself used the socket, or keeps the random of the
 * ClientHello that went over it. Else pieces of evidence are needed that agree (what the thread
 * read before, what it sent after): two while the thread used no other such socket, or three whose
 * lengths agree to the octet and are not always the same; one more each time that they pointed
 * elsewhere. Sizes must fit, no other stream may have that socket. A fact about another stream, or
 * two pieces in a row that contradict, undo it for good: an address is never guessed.
 *
 * Positions of a stream count its own octets. Where it was seen from its beginning, they count from
 * the connection's first sequence numbers, so that both ends name an exchange alike.
 */
#ifndef ZC_CORE_TLS_STREAM_H
#define ZC_CORE_TLS_STREAM_H

#include "bpf/events.h"
#include "core/span.h"

struct conn;
struct engine;

void tls_stream_on_data(struct engine *e, const struct zc_ev_plain *p);
void tls_stream_on_bind(struct engine *e, const struct zc_ev_bind *t);
void tls_stream_on_fault(struct engine *e, const struct zc_ev_fault *f);

/*
 * Where threads read and write a stream at the same time (Go), a write is told when it has
 * returned, and its answer may have been read before that. What was read then waits for the write;
 * not for long, and not much of it. tick: every 20 ms; flush: nothing more comes; drop: it is not
 * wanted.
 */
void tls_stream_tick(struct engine *e);
void tls_stream_flush(struct engine *e, struct conn *c);
void tls_stream_drop(struct conn *c);

/* A socket's addresses or owner became known; it has ended, and so has its stream, soon. c: any. */
void tls_stream_socket_known(struct engine *e, struct conn *c);
void tls_stream_socket_ended(struct engine *e, struct conn *c);

/* c leaves the table: whoever knows it forgets it. */
void tls_stream_forget(struct conn *c);

#endif
