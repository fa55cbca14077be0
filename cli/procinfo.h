/*
 * procinfo.h - all that --doctor and --list want to know of one process
 */
#ifndef ZC_CLI_PROCINFO_H
#define ZC_CLI_PROCINFO_H

#include "bpf/events.h"
#include "cli/binscan.h"

#define PROC_BLIND_MAX 8

/*
 * A file of the process in which a TLS library was found. A library of two files (OpenSSL: libssl
 * and libcrypto) is that of the connections; the other may know the version. What was loaded first
 * comes last, mostly: libraries that the program itself needs, before those that others need.
 */
struct proc_tls {
	const struct tlsbin *tls; /* the binscan's */
	const char *version;	  /* "": not known */
	char *path;
	int deleted;
	int own; /* in the program itself */
};

struct proc_info {
	uint32_t pid;
	char comm[17];
	struct zc_ev_names names; /* service, runtime, container; empty: not known */
	char exe[PATH_MAX];	  /* "": not known */
	int exe_deleted;
	struct elf_traits traits;
	uint64_t netns;
	char netns_name[64];

	struct proc_tls *tls;
	unsigned ntls;
	const char *blind[PROC_BLIND_MAX]; /* libraries that cannot be probed */
	unsigned nblind;
	int has_code;	  /* a file is mapped: it is no kernel thread, and has not ended */
	int java;	  /* a Java virtual machine */
	unsigned unread, unread_deleted; /* files that may not be opened; of them, deleted ones */
	int hidden_memory, hidden_files; /* its memory, its open files may not be looked at */

	unsigned io_urings;
	uint64_t *socket; /* inodes of its open sockets, ascending */
	size_t nsockets;
};

/*
 * files: its open files, too. 0; -ESRCH: there is no such process; -ENOMEM. To be released in any
 * case. What may not be looked at is left empty, and said so.
 */
int proc_info_read(struct proc_info *p, uint32_t pid, struct binscan *scan, int files);
void proc_info_release(struct proc_info *p);

int proc_info_has_socket(const struct proc_info *p, uint64_t inode);

#endif
