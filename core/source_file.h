/*
 * source_file.h - any file that can be read back: a recording or a capture
 */
#ifndef ZC_CORE_SOURCE_FILE_H
#define ZC_CORE_SOURCE_FILE_H

#include <stddef.h>
#include "core/packets.h"
#include "core/source.h"

/*
 * Opens path, or standard input for "-", and looks at its first octets to see whether it is a
 * recording (core/recording.h) or a pcap or pcapng file of another program (core/packets.h). o
 * concerns captures only: a recording is played back whole.
 *
 * how says how it is waited for; where that ends before anything could be told, the source has
 * nothing.
 *
 * NULL on failure, with one line in err that names the file and says what it is instead. Free with
 * s->ops->free(s).
 */
struct source *source_open_file(const char *path, const struct packets_options *o,
				const struct bytes_options *how, char *err, size_t errlen);

#endif
