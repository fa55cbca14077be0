#include "cli/guess.h"

#include <stddef.h>
#include <string.h>

/* A program says more than a port: it may be told to use any. */
static const struct {
	const char *comm; /* how it begins */
	const char *protocol;
} programs[] = {
	{ "nginx", "http" },	      { "apache2", "http" },	  { "httpd", "http" },
	{ "haproxy", "http" },	      { "envoy", "http" },	  { "caddy", "http" },
	{ "traefik", "http" },	      { "lighttpd", "http" },	  { "gunicorn", "http" },
	{ "uvicorn", "http" },	      { "php-fpm", "fastcgi" },	  { "redis-server", "redis" },
	{ "valkey-server", "redis" }, { "postgres", "postgresql" }, { "mysqld", "mysql" },
	{ "mariadbd", "mysql" },      { "mongod", "mongodb" },	  { "memcached", "memcached" },
	{ "sshd", "ssh" },	      { "etcd", "grpc" },	  { "nats-server", "nats" },
	{ "mosquitto", "mqtt" },      { "named", "dns" },
	{ "dnsmasq", "dns" },	      { "systemd-resolve", "dns" }, { "unbound", "dns" },
	{ "master", "smtp" },	      { "exim4", "smtp" },	  { "dovecot", "imap" },
};

static const struct {
	uint16_t port;
	const char *protocol;
	int tls;
} ports[] = {
	{ 22, "ssh", 0 },	    { 25, "smtp", 0 },	     { 53, "dns", 0 },
	{ 80, "http", 0 },	    { 143, "imap", 0 },	     { 443, "http", 1 },
	{ 465, "smtp", 1 },	    { 587, "smtp", 0 },	     { 636, "ldap", 1 },
	{ 853, "dns", 1 },	    { 993, "imap", 1 },	     { 1883, "mqtt", 0 },
	{ 2375, "http", 0 },	    { 2376, "http", 1 },     { 2379, "grpc", 0 },
	{ 3000, "http", 0 },	    { 3306, "mysql", 0 },    { 4222, "nats", 0 },
	{ 4317, "grpc", 0 },	    { 4318, "http", 0 },     { 4443, "http", 1 },
	{ 5000, "http", 0 },	    { 5432, "postgresql", 0 }, { 5672, "amqp", 0 },
	{ 6379, "redis", 0 },	    { 6380, "redis", 1 },    { 6443, "http", 1 },
	{ 8000, "http", 0 },	    { 8008, "http", 0 },     { 8080, "http", 0 },
	{ 8081, "http", 0 },	    { 8088, "http", 0 },     { 8443, "http", 1 },
	{ 8883, "mqtt", 1 },	    { 8888, "http", 0 },     { 9000, "fastcgi", 0 },
	{ 9042, "cassandra", 0 },   { 9090, "http", 0 },     { 9092, "kafka", 0 },
	{ 9100, "http", 0 },	    { 9200, "http", 0 },     { 9443, "http", 1 },
	{ 10250, "http", 1 },	    { 11211, "memcached", 0 }, { 15000, "http", 0 },
	{ 27017, "mongodb", 0 },    { 50051, "grpc", 0 },
};

static int is_decoded(const char *protocol)
{
	return protocol && (!strcmp(protocol, "http") || !strcmp(protocol, "grpc"));
}

struct guess guess_protocol(uint16_t port, const char *comm)
{
	struct guess g = { 0 };

	for (size_t i = 0; i < sizeof(ports) / sizeof(ports[0]); i++) {
		if (ports[i].port == port) {
			g.protocol = ports[i].protocol;
			g.tls = ports[i].tls;
		}
	}
	for (size_t i = 0; i < sizeof(programs) / sizeof(programs[0]); i++) {
		if (!strncmp(comm, programs[i].comm, strlen(programs[i].comm)))
			g.protocol = programs[i].protocol;
	}
	g.decoded = is_decoded(g.protocol);
	return g;
}
