#include "attach/rights.h"

#include <stdio.h>

/*
 * What needs what, as tests/kernels/rights.py has measured it; README and manual have the same
 * rows, which tests/cli/test_rights.py compares. With CAP_SYS_ADMIN alone, what was cut out of it
 * is held, too.
 */
static const struct {
	uint64_t need;
	const char *what;
} uses[] = {
	{RIGHTS_PROBES, "tracing of sockets"},
	{RIGHT_SYS_PTRACE, "names and TLS of other users' processes"},
	{RIGHT_SYS_ADMIN, "TLS before Linux 6.6"},
	{RIGHT_SYS_ADMIN, "TLS loaded later if perf_event_paranoid is 3"},
	{RIGHT_DAC_READ_SEARCH, "TLS in files that others may not read"},
	{RIGHT_CHECKPOINT_RESTORE | RIGHT_DAC_READ_SEARCH, "TLS in files that are deleted"},
	{RIGHT_NET_RAW, "packets (-i)"},
};

void rights_cost(char *out, size_t size)
{
	size_t n = 0;

	*out = '\0';
	for (size_t i = 0; i < sizeof(uses) / sizeof(uses[0]) && n < size; i++)
		if (rights_missing(uses[i].need))
			n += (size_t)snprintf(out + n, size - n, "%s%s", n ? ", " : "",
					      uses[i].what);
}

uint64_t rights_held(void)
{
	FILE *f = fopen("/proc/self/status", "re");
	unsigned long long caps = 0;
	char line[256];

	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "CapEff: %llx", &caps) == 1)
			break;
	if (f)
		fclose(f);
	return caps;
}

uint64_t rights_missing(uint64_t need)
{
	uint64_t held = rights_held();

	if (held & RIGHT_SYS_ADMIN)
		held |= RIGHT_BPF | RIGHT_PERFMON | RIGHT_NET_ADMIN | RIGHT_CHECKPOINT_RESTORE;
	return need & ~held;
}

void rights_list(char *out, size_t size, uint64_t rights)
{
	static const struct {
		uint64_t right;
		const char *name;
	} names[] = {
		{RIGHT_BPF, "CAP_BPF"},
		{RIGHT_PERFMON, "CAP_PERFMON"},
		{RIGHT_NET_ADMIN, "CAP_NET_ADMIN"},
		{RIGHT_NET_RAW, "CAP_NET_RAW"},
		{RIGHT_SYS_ADMIN, "CAP_SYS_ADMIN"},
		{RIGHT_SYS_PTRACE, "CAP_SYS_PTRACE"},
		{RIGHT_DAC_READ_SEARCH, "CAP_DAC_READ_SEARCH"},
		{RIGHT_SYS_RESOURCE, "CAP_SYS_RESOURCE"},
		{RIGHT_CHECKPOINT_RESTORE, "CAP_CHECKPOINT_RESTORE"},
	};
	size_t n = 0;

	*out = '\0';
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]) && n < size; i++)
		if (rights & names[i].right)
			n += (size_t)snprintf(out + n, size - n, "%s%s", n ? " " : "",
					      names[i].name);
	if (!n)
		snprintf(out, size, "none");
}
