#include "cli/nets.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "sinks/format.h"

static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };

uint64_t net_namespace(uint32_t pid)
{
	char path[64] = "/proc/self/ns/net";
	struct stat st;

	if (pid)
		snprintf(path, sizeof(path), "/proc/%u/ns/net", pid);
	return stat(path, &st) ? 0 : st.st_ino;
}

void net_namespace_name(uint64_t netns, char *out, size_t size)
{
	DIR *dir = opendir("/run/netns");
	char path[300];
	struct dirent *d;
	struct stat st;

	*out = '\0';
	while (dir && !*out && (d = readdir(dir))) {
		if (d->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "/run/netns/%s", d->d_name);
		if (!stat(path, &st) && st.st_ino == netns)
			snprintf(out, size, "%s", d->d_name);
	}
	if (dir)
		closedir(dir);
}

/* Words of 32 bits in the host's order, as %08X. */
static int parse_address(const char *hex, uint8_t out[16])
{
	size_t words = strlen(hex) / 8, at = words == 1 ? 12 : 0;

	if (strlen(hex) % 8 || (words != 1 && words != 4))
		return -1;
	memcpy(out, mapped, sizeof(mapped));
	for (size_t i = 0; i < words; i++, at += 4) {
		char word[9] = "";
		uint32_t v;

		memcpy(word, hex + 8 * i, 8);
		v = (uint32_t)strtoul(word, NULL, 16);
		memcpy(out + at, &v, 4);
	}
	return 0;
}

static int parse_line(const char *line, struct net_socket *s)
{
	char local[33], remote[33];
	unsigned lport, rport, state;
	unsigned long long inode;

	if (sscanf(line, "%*d: %32[0-9A-Fa-f]:%x %32[0-9A-Fa-f]:%x %x %*s %*s %*s %*s %*s %llu",
		   local, &lport, remote, &rport, &state, &inode) != 6 ||
	    parse_address(local, s->local) || parse_address(remote, s->remote))
		return -1;
	s->local_port = (uint16_t)lport;
	s->remote_port = (uint16_t)rport;
	s->state = (uint8_t)state;
	s->inode = inode;
	s->v4 = strlen(local) == 8;
	return 0;
}

static int read_table(uint32_t pid, const char *table, struct net_socket *s, int listeners,
		      void (*fn)(void *ctx, const struct net_socket *s), void *ctx)
{
	char path[64], line[512];
	FILE *f;

	if (pid)
		snprintf(path, sizeof(path), "/proc/%u/net/%s", pid, table);
	else
		snprintf(path, sizeof(path), "/proc/self/net/%s", table);
	f = fopen(path, "re");
	if (!f)
		return -errno;
	while (fgets(line, sizeof(line), f)) {
		if (parse_line(line, s))
			continue; /* the heading */
		if (listeners && s->state != NET_LISTEN)
			break;
		fn(ctx, s);
	}
	fclose(f);
	return 0;
}

int net_tcp_each(uint32_t pid, uint64_t netns, int listeners,
		 void (*fn)(void *ctx, const struct net_socket *s), void *ctx)
{
	struct net_socket s = { .netns = netns };
	int err = read_table(pid, "tcp", &s, listeners, fn, ctx);

	if (err)
		return err;
	read_table(pid, "tcp6", &s, listeners, fn, ctx); /* a kernel without IPv6 has none */
	return 0;
}

char *net_address(char *buf, const uint8_t addr[16])
{
	*fmt_addr(buf, addr) = '\0';
	return buf;
}

char *net_endpoint(char *buf, const uint8_t addr[16], uint16_t port)
{
	char text[FMT_ADDR_MAX + 1];

	net_address(text, addr);
	snprintf(buf, NET_TEXT_MAX, strchr(text, ':') ? "[%s]:%u" : "%s:%u", text, port);
	return buf;
}
