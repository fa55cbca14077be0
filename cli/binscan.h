/*
 * binscan.h - the TLS libraries in files that processes have mapped, each file looked into once
 */
#ifndef ZC_CLI_BINSCAN_H
#define ZC_CLI_BINSCAN_H

#include "attach/maps.h"
#include "attach/tlsbin.h"
#include "cli/elfkind.h"

struct binary {
	uint64_t dev, ino; /* as in struct maps_file */
	int is_exe;
	int ntls;	   /* negative errno: it could not be looked into */
	struct tlsbin tls[TLSBIN_MAX];
	struct elf_traits traits; /* of executables */
	/* a TLS library that cannot be probed; NULL: none is known to be there */
	const char *blind;
};

struct binscan;

/* given: what --tls-symbol says; borrowed. NULL: out of memory. */
struct binscan *binscan__new(const struct tlsbin_given *given, size_t ngiven);
void binscan__free(struct binscan *s); /* NULL is allowed */

/* NULL: out of memory. Lives as long as s does. */
const struct binary *binscan__file(struct binscan *s, pid_t pid, const struct maps_file *f);

/*
 * The TLS library in a file of that name that cannot be probed: "NSS"; "JSSE" is that of a Java
 * virtual machine. NULL: there is none that goes by its file's name.
 */
const char *binscan__blind_library(const char *path);

#define TLS_TITLE_MAX 80

/* "openssl 3.0.19", "go1.26.8"; version may be "". Returns buf, which has TLS_TITLE_MAX octets. */
char *tls_title(int lib, const char *version, char *buf);

/* `how` of struct tlsbin, so that it fits behind "hooked by". */
const char *tls_how(const char *how);

#endif
