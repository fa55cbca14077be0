/*
 * objects.c - embeds the BPF objects; ZC_BPF_DIR is where the build has put them
 */
#include "attach/objects.h"

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

EMBED("sock", "sock.bpf.o");
EMBED("tls", "tls.bpf.o");
EMBED("selftest", "selftest.bpf.o");
