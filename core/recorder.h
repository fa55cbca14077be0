/*
 * recorder.h - writes the raw events that pass by into a pcapng file
 *
 * The recorder is a tap in front of the engine: what it writes is what came in, before any
 * decoding, so a replay with core/recording.h takes the same way through the program and gives the
 * same spans with the same times. The file is also an ordinary capture (see core/pcapng.h): each
 * segment is a packet with its real addresses, ports, sequence numbers, flags and lengths; octets
 * that were not captured show as "packet size limited". TCP checksums are left zero.
 *
 * Of a loopback connection both ends may be seen, so each octet may be there twice: server ends
 * are on interface 0, client ends on interface 1, ends of unknown kind on interface 2. Wireshark
 * marks the second copy as a retransmission; `frame.interface_id == 0` shows one copy only.
 *
 * One event is one append to a buffer of a megabyte. The buffer is written when it is full, and
 * when half a second of event time (recorder__event) or of the caller's time (recorder__tick) has
 * passed since the last write, so a recording that is cut short is useful up to there.
 */
#ifndef ZC_CORE_RECORDER_H
#define ZC_CORE_RECORDER_H

#include <stddef.h>
#include <stdint.h>
#include "bpf/events.h"

struct recorder;

struct recorder_options {
	int64_t wall_offset;	 /* of the source */
	uint64_t start;		 /* of the source */
	const char *description; /* becomes the file's comment, cut at 1000 octets; NULL: none */
	/*
	 * Hides secrets: may change the seg->cap_len octets at payload, which are a copy, but not
	 * their number. 0: none of them is to be recorded, only how many went by. Called once per
	 * segment that carries payload, in the order of events. Octets of a TLS stream are shown as
	 * segments of a connection with the stream's id. NULL: nothing is hidden.
	 */
	int (*mask)(void *ctx, const struct zc_ev_segment *seg, uint8_t *payload);
	void *ctx;
};

/*
 * Creates the file (mode 0600: it holds what went over the wire), or writes to standard output for
 * "-". An existing file is emptied. NULL on failure, with one line in err.
 */
struct recorder *recorder__new(const char *path, const struct recorder_options *o, char *err,
			       size_t errlen);

/* The same for a descriptor, which the recorder owns from now on, on failure too. */
struct recorder *recorder__new_fd(int fd, const char *name, const struct recorder_options *o,
				  char *err, size_t errlen);

/* Records one event, which must be valid as source.h demands. Never fails: see recorder__error. */
void recorder__event(struct recorder *r, const struct zc_ev *ev);

/* Time passes, on the source's clock. Call it now and then, or a lull leaves events in memory. */
void recorder__tick(struct recorder *r, uint64_t now);

/*
 * Writes what is left and the mark of the end, and closes the file. 0, or the negative errno of
 * the first failure; recorder__error stays valid. Only recorder__free may follow.
 */
int recorder__finish(struct recorder *r);

/*
 * NULL while all is well. After a failed write (a full disk, a closed pipe) the recorder writes no
 * more and says here where it stopped; tracing goes on. A regular file is then cut back to its last
 * whole block, so it can still be read.
 */
const char *recorder__error(const struct recorder *r);

/* Finishes first if need be. NULL is allowed. */
void recorder__free(struct recorder *r);

#endif
