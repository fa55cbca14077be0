/*
 * uprobes.bpf.c - programs that do nothing, for functions of a program: what merely being there
 * costs
 */
#include "bpf/kernel.h"

char LICENSE[] SEC("license") = "GPL";

SEC("uprobe")
int empty_call(void *ctx)
{
	return 0;
}

SEC("uprobe")
int empty_return(void *ctx)
{
	return 0;
}
