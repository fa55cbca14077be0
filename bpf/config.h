/*
 * config.h - what user space tells the kernel side before and while it runs
 *
 * The constants part is frozen at load, so that the verifier removes what is not asked for; the
 * shared part is one array element that both sides write.
 */
#ifndef ZC_BPF_CONFIG_H
#define ZC_BPF_CONFIG_H

#include "bpf/events.h"

#define ZC_MAX_GLOBS 8
#define ZC_MAX_CGROUPS 8

/* How a process came to matter, bits of the values in zc_tasks. */
#define ZC_TASK_PID 0x1	    /* --pid, COMMAND, or a descendant of one */
#define ZC_TASK_NAME 0x2    /* --comm or --exe fits; judged anew at each exec */
#define ZC_TASK_CGROUP 0x4  /* in a chosen cgroup when last looked at */
#define ZC_TASK_SERVES 0x8 /* serves a chosen port, or one that is followed: its calls count, too */
#define ZC_TASK_TLS 0x10    /* its TLS libraries are probed */
#define ZC_TASK_KNOWN 0x20  /* user space wants to know of its exec and its end */
#define ZC_TASK_HALF 0x40   /* with ZC_TASK_TLS: of a further library not all points are in yet */
#define ZC_TASK_FORKS 0x80  /* its children are ZC_TASK_BORN */
#define ZC_TASK_BORN 0x100  /* probed from its fork on, by points that are in all processes */
#define ZC_TASK_SELECTED (ZC_TASK_PID | ZC_TASK_NAME | ZC_TASK_CGROUP)

/* zc_config.role */
#define ZC_ROLE_AUTO 0
#define ZC_ROLE_SERVER 1
#define ZC_ROLE_CLIENT 2
#define ZC_ROLE_BOTH 3

struct zc_config {
	__u32 all;
	__u32 by_port;	/* zc_ports is in use */
	__u32 role;
	__u32 downstream; /* trace the calls of processes that serve a chosen port */
	__u32 ncomm;
	__u32 nexe; /* ZC_EXE_FITS is in use */
	__u32 ncgroup;
	__u32 self; /* our own process, never traced */
	__u32 wake_bytes; /* unread octets in the ring from which the reader is woken */
	__u32 follow; /* trace what traced processes call on this host, and so on */
	__u32 never; /* 0, which the compiler does not know */
	__u32 pidns_ino; /* of our PID namespace; 0: it is the first one */
	__u64 pidns_dev;
	__u32 datagrams; /* those of UDP are seen, too */
	__u32 pad;
	char comm[ZC_MAX_GLOBS][16];	 /* globs with * and ? */
	__u64 cgroup[ZC_MAX_CGROUPS];	 /* cgroup v2 ids */
	__u32 cgroup_level[ZC_MAX_CGROUPS];
	__u8 ports[65536 / 8];
};
ZC_ASSERT_SIZE(struct zc_config, 64 + 128 + 64 + 32 + 8192);

struct zc_shared {
	__u64 lost_events; /* the ring was full */
	__u64 lost_bytes;
	__u32 generation; /* grows when zc_tasks does: earlier refusals are looked at again */
	__u32 iter_pass;  /* what the iterator does: see sock.bpf.c */
	__u64 iter_conns; /* connections taken up by the iterator */
	__u32 iter_peers; /* traced ones were there, whoever took them up */
	__u32 marks; /* grows when a process gets ZC_TASK_TLS, or is found to be Go's */
	__u32 start_off; /* of its start time; 0: not known yet */
	__u32 fsbase_off; /* of a thread's fs base in its task_struct; 0: there is none */
	__u32 nvcsw_off; /* of its count of voluntary context switches; 0: not known yet */
	__u32 looked; /* listeners[] is complete: which end serves can be told */
	__u64 streams;	  /* TLS streams met so far: the next one's id */
	__u32 listeners[65536]; /* sockets that listen on each port, in any network namespace */
};

/* Values of zc_exes, and its key: the file that a process executes. */
#define ZC_EXE_FITS 0x1	  /* --exe */
#define ZC_EXE_SERVED 0x2 /* a process of it has listened on a chosen port */

struct zc_inode {
	__u64 ino;
	__u32 dev; /* the kernel's dev_t: major << 20 | minor */
	__u32 pad;
};
ZC_ASSERT_SIZE(struct zc_inode, 16);

/* What selftest.bpf.c counts. */
struct zc_selftest {
	__u64 hits;
	__u64 met; /* another thread was in the same probe on the same processor */
	__u64 stack_damaged;
	__u64 room_damaged;
};

#endif
