/*
 * recording.h - plays back what core/recorder.h wrote
 *
 * A source that hands out the recorded events field by field and octet by octet as they came in
 * live, with the wall clock of that run, as fast as they are taken. The file is not trusted: every
 * length and every event is checked before it is handed out, and whatever is wrong ends the replay
 * there, never earlier, with an error that says where. Strings in events end with NUL.
 *
 * The layout is in core/pcapng.h. Recordings of a host of the other byte order are refused.
 */
#ifndef ZC_CORE_RECORDING_H
#define ZC_CORE_RECORDING_H

#include <stddef.h>
#include "core/bytes.h"
#include "core/source.h"

/* How many octets of a file recording__detect needs to see at most. */
#define RECORDING_DETECT 4096

enum recording_kind {
	RECORDING_NO,	 /* something else; maybe an ordinary pcapng file */
	RECORDING_YES,
	RECORDING_OTHER, /* a recording, but of the other byte order */
	RECORDING_MORE,	 /* cannot tell yet; never the answer for RECORDING_DETECT octets or more */
};

/* What is this file, judging by its first n octets? */
enum recording_kind recording__detect(const void *head, size_t n);

/* The same of an input, of which nothing is taken. Waits until it can tell. */
enum recording_kind recording__wait(struct bytes *in);

/*
 * Opens a recording. in is owned by the source from now on, on failure too. NULL on failure, with
 * one line in err that names the file. Free with s->ops->free(s).
 *
 * poll hands out at most some 1024 events per call. At the end it returns -ENODATA, be the end
 * clean or not; error() then says what was not: "FILE: recording is cut off at byte N; replayed up
 * to there". A recorder that was killed leaves such a file.
 */
struct source *recording__open(struct bytes *in, char *err, size_t errlen);

#endif
