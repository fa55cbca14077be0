/*
 * objects.c - embeds the BPF objects; ZC_BPF_DIR is where the build has put them
 */
#include "attach/objects.h"

#include <bpf/libbpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#define EMBED(name, file)                                                                          \
	__asm__(".pushsection .rodata\n"                                                           \
		".balign 8\n"                                                                      \
		".global bpf_" name "_start\n"                                                     \
		"bpf_" name "_start:\n"                                                            \
		".incbin \"" ZC_BPF_DIR "/" file "\"\n"                                            \
		".global bpf_" name "_end\n"                                                       \
		"bpf_" name "_end:\n"                                                              \
		".byte 0\n"                                                                        \
		".popsection\n")

EMBED("sock", "sock.bpf.o.gz");
EMBED("tls", "tls.bpf.o.gz");
EMBED("selftest", "selftest.bpf.o.gz");

extern const unsigned char bpf_sock_start[], bpf_sock_end[];
extern const unsigned char bpf_tls_start[], bpf_tls_end[];
extern const unsigned char bpf_selftest_start[], bpf_selftest_end[];

static const struct {
	const unsigned char *start, *end;
} objects[] = {
	[OBJECT_SOCK] = { bpf_sock_start, bpf_sock_end },
	[OBJECT_TLS] = { bpf_tls_start, bpf_tls_end },
	[OBJECT_SELFTEST] = { bpf_selftest_start, bpf_selftest_end },
};

/* n bytes of gzip, whose last four tell the size of what is in it. NULL: out of memory. */
static void *unpack(const unsigned char *p, size_t n, size_t *size)
{
	z_stream z = { .next_in = (unsigned char *)(uintptr_t)p, .avail_in = (uInt)n };
	uint32_t whole;
	void *out;

	memcpy(&whole, p + n - sizeof(whole), sizeof(whole)); /* little-endian, as we are */
	out = malloc(whole);
	z.next_out = out;
	z.avail_out = whole;
	if (!out || inflateInit2(&z, 15 + 16) != Z_OK) {
		free(out);
		return NULL;
	}
	if (inflate(&z, Z_FINISH) != Z_STREAM_END) {
		free(out);
		out = NULL;
	}
	inflateEnd(&z);
	*size = whole;
	return out;
}

struct bpf_object *object_open(enum object which, const char *name)
{
	LIBBPF_OPTS(bpf_object_open_opts, opts, .object_name = name);
	size_t n = (size_t)(objects[which].end - objects[which].start), size;
	void *elf = unpack(objects[which].start, n, &size);
	struct bpf_object *obj;

	if (!elf) {
		errno = ENOMEM;
		return NULL;
	}
	/* libbpf copies what it keeps of it */
	obj = bpf_object__open_mem(elf, size, &opts);
	free(elf);
	return obj;
}
