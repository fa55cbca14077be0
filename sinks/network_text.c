#include "sinks/network_text.h"

#include <stdio.h>
#include <string.h>

#include "parsers/attrs.h"
#include "sinks/format.h"

struct str network_text(const struct span *s, char buf[NETWORK_TEXT_MAX])
{
	uint64_t again = span_attr_number(s, ATTR(retransmits));
	uint64_t net = span_attr_number(s, ATTR(net));
	struct str by = span_attr_str(s, ATTR(window_by));
	size_t n;

	if (again == SPAN_UNKNOWN && net == SPAN_UNKNOWN)
		return (struct str){NULL, 0};
	n = (size_t)sprintf(buf, "network:");
	if (again != SPAN_UNKNOWN)
		n += (size_t)sprintf(buf + n, " %llu %s", (unsigned long long)again,
				     again == 1 ? "retransmission" : "retransmissions");
	if (by.p)
		n += (size_t)sprintf(buf + n, "%s %.*s does not read",
				     again != SPAN_UNKNOWN ? "," : "", (int)(by.n < 16 ? by.n : 16),
				     by.p);
	if (net != SPAN_UNKNOWN) {
		buf[n++] = ' ';
		n = (size_t)(fmt_short_duration(buf + n, net) - buf);
	}
	return (struct str){buf, n};
}
