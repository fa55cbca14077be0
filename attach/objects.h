/*
 * objects.h - the compiled kernel side, carried inside the program, compressed
 */
#ifndef ZC_ATTACH_OBJECTS_H
#define ZC_ATTACH_OBJECTS_H

struct bpf_object;

enum object { OBJECT_SOCK, OBJECT_TLS, OBJECT_SELFTEST };

/* Opened by libbpf, under that name; to be closed. NULL: see errno. */
struct bpf_object *object_open(enum object which, const char *name);

#endif
