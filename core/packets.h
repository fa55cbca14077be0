/*
 * packets.h - capture files and interfaces as a source of events
 *
 * For pcap and pcapng files that others made, and (by way of libpcap) for capturing where probes
 * cannot be used. There are no processes and no reads and writes of applications in what it sees,
 * and each connection is seen from its server's end (see core/flows.h). Times are UNIX nanoseconds.
 * What is not TCP is counted and passed over. Where the same packet was captured on several
 * interfaces or hosts, its copies do no harm, and are no retransmissions (see core/flow_network.h);
 * those of connections that are over are counted (core/flow_past.h).
 */
#ifndef ZC_CORE_PACKETS_H
#define ZC_CORE_PACKETS_H

#include <stddef.h>
#include "core/bytes.h"
#include "core/flows.h"
#include "core/source.h"

struct packets_options {
	const struct port_range *ports; /* only connections with a port in one of these; copied */
	unsigned nports;		/* 0: all */
	uint32_t max_flows;		/* 0: 65536 */
};

/* What became of the packets; all but tcp and udp were passed over. */
struct packets_counts {
	uint64_t packets, tcp, udp, other, closed, truncated, malformed,
		unknown;    /* of the link layer */
	uint64_t fragments; /* of IP packets that did not become whole */
	uint64_t cut; /* of tcp: part of the payload was not captured */
	uint64_t copies; /* of tcp: there before, of connections that are over */
	uint64_t evicted_flows;
};

/*
 * Opens a capture file (core/capture.h). in is owned by the source from now on, on failure too.
 * NULL on failure, with one line in err that names the file. Free with s->ops->free(s).
 *
 * poll reads a bounded number of packets. At the end of the file, also of one that is cut off or
 * damaged (then error() tells), it returns -ENODATA.
 */
struct source *packets__open(struct bytes *in, const struct packets_options *o, char *err,
			     size_t errlen);

/*
 * Captures on an interface, or on all with "any". NULL on failure with one line in err; *perm is
 * set to 1 if permission (CAP_NET_RAW) is what was missing, else 0.
 * What the kernel had to drop is handed out as ZC_EV_LOST.
 */
struct source *packets__open_interface(const char *name, const struct packets_options *o,
				       int *perm, char *err, size_t errlen);

/* s must come from one of the above. */
void packets__counts(const struct source *s, struct packets_counts *out);

#endif
