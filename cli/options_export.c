/* options_export.c - what goes to exporters, and where */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cli/duration.h"
#include "cli/options_impl.h"

/* PORT, ADDR:PORT or [ADDR]:PORT; without an address only this host may look. */
int options_prometheus(struct options *o, const char *arg)
{
	const char *colon = strrchr(arg, ':'), *port = colon ? colon + 1 : arg;
	char addr[64] = "127.0.0.1";
	size_t n = colon ? (size_t)(colon - arg) : 0;
	uint64_t number;

	if (n > 1 && arg[0] == '[' && arg[n - 1] == ']') {
		arg++;
		n -= 2;
	}
	if (colon && n < sizeof(addr))
		snprintf(addr, sizeof(addr), "%.*s", (int)n, arg);
	memset(&o->prometheus, 0, sizeof(o->prometheus));
	if (count_parse(port, 65535, &number) || n >= sizeof(addr))
		return wrong(o, "prometheus '%.64s': not a port, or ADDRESS:PORT", arg);
	if (inet_pton(AF_INET, addr, &o->prometheus.v4.sin_addr) == 1) {
		o->prometheus.v4.sin_family = AF_INET;
		o->prometheus.v4.sin_port = htons((uint16_t)number);
	} else if (inet_pton(AF_INET6, addr, &o->prometheus.v6.sin6_addr) == 1) {
		o->prometheus.v6.sin6_family = AF_INET6;
		o->prometheus.v6.sin6_port = htons((uint16_t)number);
	} else {
		return wrong(o, "prometheus: '%.64s' is no address of this host", addr);
	}
	return 0;
}

int options_attributes(struct options *o, const char *arg)
{
	char why[160];

	if (attributes_parse(&o->attributes, arg, why, sizeof(why)))
		return wrong(o, "--attributes: %s", why);
	return 0;
}

/* Words of a list as bits, in the order of names. 0 or EINVAL. */
static int choose_bits(struct options *o, const char *option, const char *arg,
		       const char *const *names, unsigned *bits)
{
	*bits = 0;
	while (*arg) {
		size_t n = strcspn(arg, ",");
		char name[32];
		int i, err;

		snprintf(name, sizeof(name), "%.*s", (int)(n < 31 ? n : 31), arg);
		err = options_choose(o, option, name, names, &i);
		if (err)
			return err;
		*bits |= 1u << i;
		arg += n + (arg[n] == ',');
	}
	return 0;
}

int options_signals(struct options *o, const char *arg)
{
	static const char *const names[] = { "traces", "metrics", NULL };
	int err = choose_bits(o, "otlp-signals", arg, names, &o->otlp_signals);

	return err || o->otlp_signals ? err
				      : wrong(o, "--otlp-signals: 'traces', 'metrics' or both");
}

int options_features(struct options *o, const char *arg)
{
	static const char *const names[] = { "network", "stats", NULL };
	int err = choose_bits(o, "features", arg, names, &o->features);

	return err || o->features ? err : wrong(o, "--features: 'network', 'stats' or both");
}
