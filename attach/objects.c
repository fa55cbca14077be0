/*
 * objects.c - embeds the BPF objects; ZC_BPF_DIR is where the build has put them
 */
#include "attach/objects.h"

#include <bpf/libbpf.h>
#include <errno.h>
#include <stdlib.h>
#include <zstd.h>

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

EMBED("sock", "sock.bpf.o.zst");
EMBED("tls", "tls.bpf.o.zst");
EMBED("selftest", "selftest.bpf.o.zst");

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

/* n bytes of one zstd frame, which tells the size of what is in it. NULL: out of memory. */
static void *unpack(const unsigned char *p, size_t n, size_t *size)
{
	void *out;

	*size = (size_t)ZSTD_getFrameContentSize(p, n);
	out = malloc(*size);
	if (out && ZSTD_isError(ZSTD_decompress(out, *size, p, n))) {
		free(out);
		out = NULL;
	}
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
