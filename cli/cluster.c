#include "cli/cluster.h"

#include <arpa/inet.h>
#include <kubernetes.pb-c.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "sinks/otlp/curl.h"

#define ACCOUNT "/var/run/secrets/kubernetes.io/serviceaccount/"
#define PAGE_MAX (16u << 20) /* bytes of an answer */
#define PAGES_MAX 200
#define TIMEOUT_S 10L
#define MAGIC "k8s"	     /* with its 0, before an answer */

struct named {
	uint8_t addr[16];
	char *name;
};

struct table {
	struct named *v;
	size_t n, room;
};

/* What the thread shares with us; the last of both frees it. */
struct cluster {
	pthread_mutex_t lock;
	pthread_cond_t wake;
	int users, stop;
	struct table names; /* sorted */
	const struct curl_library *curl;
	char url[160], node[256], found[CLUSTER_NAME_MAX];
};

/* ---- tables */

static void table_release(struct table *t)
{
	for (size_t i = 0; i < t->n; i++)
		free(t->v[i].name);
	free(t->v);
	*t = (struct table){ 0 };
}

static int by_addr(const void *a, const void *b)
{
	return memcmp(((const struct named *)a)->addr, ((const struct named *)b)->addr, 16);
}

/* 0, or -1: no memory. What is no address, such as "None", has no name. */
static int table_add(struct table *t, const char *address, const char *name)
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
	struct named *v = t->v, new;

	memcpy(new.addr, mapped, sizeof(mapped));
	if (!address || t->n == CLUSTER_MAX ||
	    (inet_pton(AF_INET, address, new.addr + 12) != 1 &&
	     inet_pton(AF_INET6, address, new.addr) != 1))
		return 0;
	if (t->n == t->room) {
		t->room = t->room ? t->room * 2 : 64;
		v = realloc(t->v, t->room * sizeof(*v));
		if (!v)
			return -1;
		t->v = v;
	}
	new.name = strdup(name);
	if (!new.name)
		return -1;
	t->v[t->n++] = new;
	return 0;
}

/* ---- what the API answers */

static int add_pods(struct table *t, const Kubernetes__PodList *l)
{
	char name[CLUSTER_NAME_MAX];
	int err = 0;

	for (size_t i = 0; i < l->n_items; i++) {
		const Kubernetes__Pod *p = l->items[i];

		/* on the host's network the address is the node's; what has ended has none */
		if (!p->metadata || !p->metadata->name || !p->metadata->namespace_ || !p->status ||
		    (p->spec && p->spec->hostnetwork) ||
		    (p->status->phase && strcmp(p->status->phase, "Running") != 0))
			continue;
		snprintf(name, sizeof(name), "%s/%s", p->metadata->namespace_, p->metadata->name);
		for (size_t k = 0; k < p->status->n_podips; k++)
			err |= table_add(t, p->status->podips[k]->ip, name);
		if (!p->status->n_podips)
			err |= table_add(t, p->status->podip, name);
	}
	return err;
}

static int add_services(struct table *t, const Kubernetes__ServiceList *l)
{
	char name[CLUSTER_NAME_MAX];
	int err = 0;

	for (size_t i = 0; i < l->n_items; i++) {
		const Kubernetes__Service *s = l->items[i];

		if (!s->metadata || !s->metadata->name || !s->metadata->namespace_ || !s->spec)
			continue;
		snprintf(name, sizeof(name), "%s.%s", s->metadata->name, s->metadata->namespace_);
		for (size_t k = 0; k < s->spec->n_clusterips; k++)
			err |= table_add(t, s->spec->clusterips[k], name);
		if (!s->spec->n_clusterips)
			err |= table_add(t, s->spec->clusterip, name);
	}
	return err;
}

/* ---- asking */

struct answer {
	uint8_t *data;
	size_t n;
};

static size_t on_data(char *data, size_t size, size_t n, void *ctx)
{
	struct answer *a = ctx;
	uint8_t *p;

	n *= size;
	if (n > PAGE_MAX - a->n)
		return 0;
	p = realloc(a->data, a->n + n);
	if (!p)
		return 0;
	memcpy(p + a->n, data, n);
	a->data = p;
	a->n += n;
	return n;
}

/* The token is read each time, as it is renewed. 0 or -1. */
static int read_token(char *out, size_t size)
{
	FILE *f = fopen(ACCOUNT "token", "re");
	size_t n;

	if (!f)
		return -1;
	n = fread(out, 1, size - 1, f);
	fclose(f);
	out[n] = '\0';
	out[strcspn(out, "\r\n")] = '\0';
	return n ? 0 : -1;
}

/* 0, or -1: no answer, or one that is none. */
static int fetch(struct cluster *c, CURL *easy, const char *path, struct answer *a)
{
	char url[4096], token[8192 + 32] = "Authorization: Bearer ";
	struct curl_slist *head;
	long status = 0;
	int ok;

	if (read_token(token + strlen(token), sizeof(token) - strlen(token)) ||
	    snprintf(url, sizeof(url), "%s%s", c->url, path) >= (int)sizeof(url))
		return -1;
	head = c->curl->slist_append(NULL, "Accept: application/vnd.kubernetes.protobuf");
	head = c->curl->slist_append(head, token);
	c->curl->easy_reset(easy);
	c->curl->easy_setopt(easy, CURLOPT_URL, url);
	c->curl->easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	c->curl->easy_setopt(easy, CURLOPT_PROXY, "");
	c->curl->easy_setopt(easy, CURLOPT_TIMEOUT, TIMEOUT_S);
	c->curl->easy_setopt(easy, CURLOPT_HTTPHEADER, head);
	c->curl->easy_setopt(easy, CURLOPT_CAINFO, ACCOUNT "ca.crt");
	c->curl->easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_data);
	c->curl->easy_setopt(easy, CURLOPT_WRITEDATA, a);
	ok = c->curl->easy_perform(easy) == CURLE_OK;
	c->curl->easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
	c->curl->slist_free_all(head);
	return ok && status == 200 ? 0 : -1;
}

/* Adds what a page has, and puts where the next begins into more. 0 or -1. */
static int take_page(struct table *t, int services, const struct answer *a, char *more,
		     size_t size)
{
	const Kubernetes__ListMeta *meta = NULL;
	Kubernetes__ServiceList *s = NULL;
	Kubernetes__PodList *p = NULL;
	Kubernetes__Unknown *u = NULL;
	int err = -1;

	if (a->n > sizeof(MAGIC) && !memcmp(a->data, MAGIC, sizeof(MAGIC)))
		u = kubernetes__unknown__unpack(NULL, a->n - sizeof(MAGIC),
						a->data + sizeof(MAGIC));
	if (u && services)
		s = kubernetes__service_list__unpack(NULL, u->raw.len, u->raw.data);
	else if (u)
		p = kubernetes__pod_list__unpack(NULL, u->raw.len, u->raw.data);
	if (s) {
		err = add_services(t, s);
		meta = s->metadata;
	} else if (p) {
		err = add_pods(t, p);
		meta = p->metadata;
	}
	snprintf(more, size, "%s", meta && meta->continue_ ? meta->continue_ : "");
	kubernetes__service_list__free_unpacked(s, NULL);
	kubernetes__pod_list__free_unpacked(p, NULL);
	kubernetes__unknown__free_unpacked(u, NULL);
	return err;
}

static int list(struct cluster *c, CURL *easy, int services, struct table *t)
{
	char path[3072], more[2048] = "";

	for (int page = 0; page < PAGES_MAX; page++) {
		struct answer a = { NULL, 0 };
		int err;

		snprintf(path, sizeof(path), "/api/v1/%s?limit=500%s%s%s%s",
			 services ? "services" : "pods",
			 services ? "" : "&fieldSelector=spec.nodeName%3D", services ? "" : c->node,
			 *more ? "&continue=" : "", more);
		err = fetch(c, easy, path, &a) || take_page(t, services, &a, more, sizeof(more));
		free(a.data);
		if (err)
			return -1;
		if (!*more)
			return 0;
	}
	return 0;
}

/* What can be had is used: an account may see services and no pods. */
static void refresh(struct cluster *c, CURL *easy)
{
	struct table t = { 0 }, old;
	int failed = list(c, easy, 0, &t) + list(c, easy, 1, &t);

	if (failed && !t.n)
		return;
	qsort(t.v, t.n, sizeof(*t.v), by_addr);
	pthread_mutex_lock(&c->lock);
	old = c->names;
	c->names = t;
	pthread_mutex_unlock(&c->lock);
	table_release(&old);
}

/* ---- life */

static void leave(struct cluster *c)
{
	int last;

	pthread_mutex_lock(&c->lock);
	last = !--c->users;
	pthread_mutex_unlock(&c->lock);
	if (!last)
		return;
	table_release(&c->names);
	pthread_cond_destroy(&c->wake);
	pthread_mutex_destroy(&c->lock);
	free(c);
}

static void *run(void *arg)
{
	struct cluster *c = arg;
	CURL *easy = c->curl->easy_init();

	pthread_mutex_lock(&c->lock);
	while (easy && !c->stop) {
		struct timespec until;

		pthread_mutex_unlock(&c->lock);
		refresh(c, easy);
		clock_gettime(CLOCK_REALTIME, &until);
		until.tv_sec += CLUSTER_PERIOD_S;
		pthread_mutex_lock(&c->lock);
		while (!c->stop && !pthread_cond_timedwait(&c->wake, &c->lock, &until))
			;
	}
	pthread_mutex_unlock(&c->lock);
	if (easy)
		c->curl->easy_cleanup(easy);
	leave(c);
	return NULL;
}

/* The node is said by the pod's description, else by the host, as of a pod on its network. */
static int find_api(struct cluster *c)
{
	const char *host = getenv("KUBERNETES_SERVICE_HOST");
	const char *port = getenv("KUBERNETES_SERVICE_PORT"), *node = getenv("NODE_NAME");
	int v6;

	if (!host || !*host || access(ACCOUNT "token", R_OK))
		return -1;
	v6 = strchr(host, ':') != NULL;
	snprintf(c->url, sizeof(c->url), "https://%s%s%s:%s", v6 ? "[" : "", host, v6 ? "]" : "",
		 port && *port ? port : "443");
	if (node && *node)
		snprintf(c->node, sizeof(c->node), "%s", node);
	else if (gethostname(c->node, sizeof(c->node) - 1))
		return -1;
	return c->node[strspn(c->node, "abcdefghijklmnopqrstuvwxyz0123456789.-")] ? -1 : 0;
}

struct cluster *cluster_start(void)
{
	struct cluster *c = calloc(1, sizeof(*c));
	pthread_t thread;

	if (c && !find_api(c))
		c->curl = curl_library();
	if (!c || !c->curl) {
		free(c);
		return NULL;
	}
	pthread_mutex_init(&c->lock, NULL);
	pthread_cond_init(&c->wake, NULL);
	c->users = 2;
	if (pthread_create(&thread, NULL, run, c)) {
		c->users = 1;
		leave(c);
		return NULL;
	}
	pthread_detach(thread);
	return c;
}

const char *cluster_name(struct cluster *c, const uint8_t addr[16])
{
	const struct named *f = NULL;
	struct named key;

	memcpy(key.addr, addr, 16);
	pthread_mutex_lock(&c->lock);
	if (c->names.n)
		f = bsearch(&key, c->names.v, c->names.n, sizeof(key), by_addr);
	if (f)
		snprintf(c->found, sizeof(c->found), "%s", f->name);
	pthread_mutex_unlock(&c->lock);
	return f ? c->found : NULL;
}

void cluster_stop(struct cluster *c)
{
	if (!c)
		return;
	pthread_mutex_lock(&c->lock);
	c->stop = 1;
	pthread_cond_signal(&c->wake);
	pthread_mutex_unlock(&c->lock);
	leave(c);
}
