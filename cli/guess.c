#include "cli/guess.h"

#include <stddef.h>
#include <string.h>

#include "parsers/protocol.h"

/* What is known by name only; of what is decoded, the rows of parsers/protocols.c speak. */
static const struct {
	const char *comm; /* how it begins */
	const char *protocol;
} programs[] = {
	{"sshd", "ssh"},
	{"master", "smtp"},
	{"exim4", "smtp"},
	{"dovecot", "imap"},
};

static const struct {
	uint16_t port;
	const char *protocol;
	int tls;
} ports[] = {
	{22, "ssh", 0},	  {25, "smtp", 0},  {143, "imap", 0}, {465, "smtp", 1},
	{587, "smtp", 0}, {636, "ldap", 1}, {993, "imap", 1}, {9042, "cassandra", 0},
};

static const char *family(const struct protocol *p)
{
	return p->family ? p->family : p->name.name;
}

static struct guess by_port(uint16_t port)
{
	struct guess g = {0};
	const struct protocol *p = protocol_by_port(port, &g.tls);

	if (p) {
		g.protocol = family(p);
		g.decoded = 1;
		return g;
	}
	for (size_t i = 0; i < sizeof(ports) / sizeof(ports[0]); i++)
		if (ports[i].port == port) {
			g.protocol = ports[i].protocol;
			g.tls = ports[i].tls;
		}
	return g;
}

/* A program says more than a port: it may be told to use any. */
struct guess guess_protocol(uint16_t port, const char *comm)
{
	const struct protocol *p = protocol_by_program(comm);
	struct guess g = by_port(port);

	if (p) {
		g.protocol = family(p);
		g.decoded = 1;
		return g;
	}
	for (size_t i = 0; i < sizeof(programs) / sizeof(programs[0]); i++)
		if (!strncmp(comm, programs[i].comm, strlen(programs[i].comm))) {
			g.protocol = programs[i].protocol;
			g.decoded = 0;
		}
	return g;
}
