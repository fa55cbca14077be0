/*
 * source_file.c - see source_file.h
 */
#include "core/source_file.h"

#include <stdio.h>
#include <string.h>

#include "core/capture.h"
#include "core/recording.h"

/* What others make of captures, and how to make one of it again. */
static const char *remedy(const struct bytes *in)
{
	static const struct {
		const char *magic, *text;
		uint8_t n;
	} known[] = {
		{"\xfd" "7zXZ", "compressed; try: xz -dc FILE | zctrace -r -", 5},
		{"BZh", "compressed; try: bzip2 -dc FILE | zctrace -r -", 3},
		{"\x04\x22\x4d\x18", "compressed; try: lz4 -dc FILE | zctrace -r -", 4},
		{"PK\x03\x04", "an archive; try: unzip -p FILE | zctrace -r -", 4},
		{"snoop", "a capture of snoop; try: editcap -F pcap FILE - | zctrace -r -", 6},
	};

	for (unsigned i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (bytes__there(in) >= known[i].n &&
		    !memcmp(bytes__at(in), known[i].magic, known[i].n))
			return known[i].text;
	return NULL;
}

static void refuse(const struct bytes *in, char *err, size_t errlen)
{
	size_t n = bytes__there(in) < 8 ? bytes__there(in) : 8;
	const char *name = bytes__name(in);
	char bytes[16 * 3 + 1] = "";

	if (bytes__error(in)) {
		snprintf(err, errlen, "%s: %s", name, bytes__error(in));
	} else if (remedy(in)) {
		snprintf(err, errlen, "%s: %s", name, remedy(in));
	} else if (!n) {
		snprintf(err, errlen, "%s: empty, not a recording nor a capture file", name);
	} else {
		for (size_t i = 0; i < n; i++)
			snprintf(bytes + 3 * i, sizeof(bytes) - 3 * i, " %02x", bytes__at(in)[i]);
		snprintf(err, errlen, "%s: not a recording nor a capture file (starts with%s)",
			 name, bytes);
	}
}

/* It was not waited for: a capture without packets. */
static struct source *nothing(const char *name, const struct packets_options *o, char *err,
			      size_t errlen)
{
	static const uint32_t header[CAPTURE_HEADER / 4] = {0xa1b2c3d4};
	struct bytes *in = bytes__memory(header, sizeof(header), name);

	if (in)
		return packets__open(in, o, err, errlen);
	snprintf(err, errlen, "%s: out of memory", name);
	return NULL;
}

struct source *source_open_file(const char *path, const struct packets_options *o,
				const struct bytes_options *how, char *err, size_t errlen)
{
	struct bytes *in = bytes__open(path, how, err, errlen);
	enum recording_kind kind;

	if (!in)
		return NULL;
	kind = recording__wait(in);
	if (kind == RECORDING_NO)
		bytes__need(in, CAPTURE_HEADER, -1);
	if (bytes__stopped(in)) {
		bytes__free(in);
		return nothing(path, o, err, errlen);
	}
	if (kind == RECORDING_YES || kind == RECORDING_OTHER)
		return recording__open(in, err, errlen);
	if (capture__detect(bytes__at(in), bytes__there(in)))
		return packets__open(in, o, err, errlen);
	refuse(in, err, errlen);
	bytes__free(in);
	return NULL;
}
