#include "cli/hosts.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAME_MAX_LEN 64
#define MAX_LINE 1024
#define WAYS 4u
#define SETS (HOSTS_MAX / WAYS)
#define QUEUE 64u

struct entry {
	uint8_t addr[16];
	char name[NAME_MAX_LEN];
	uint64_t asked; /* when; 0: free */
	uint8_t from_file;
};

/* What the thread shares with us; the last of both frees it. */
struct resolver {
	pthread_mutex_t lock;
	pthread_cond_t wake;
	int users, stop;
	uint8_t question[QUEUE][16];
	unsigned nquestions;
	struct answer {
		uint8_t addr[16];
		char name[NAME_MAX_LEN];
	} answer[QUEUE];
	unsigned nanswers;
};

struct hosts {
	struct entry entry[SETS][WAYS];
	struct resolver *resolver; /* NULL: DNS is not asked */
	char name[NAME_MAX_LEN];
};

/* ---- the table */

static int is_v4(const uint8_t addr[16])
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };

	return !memcmp(addr, mapped, sizeof(mapped));
}

static int is_loopback(const uint8_t addr[16])
{
	static const uint8_t one[16] = { [15] = 1 };

	return is_v4(addr) ? addr[12] == 127 : !memcmp(addr, one, sizeof(one));
}

static struct entry *set_of(struct hosts *h, const uint8_t addr[16])
{
	uint32_t hash = 2166136261u;

	for (int i = 0; i < 16; i++)
		hash = (hash ^ addr[i]) * 16777619u;
	return h->entry[(hash ^ hash >> 15) % SETS];
}

static struct entry *find(struct hosts *h, const uint8_t addr[16])
{
	struct entry *set = set_of(h, addr);

	for (unsigned i = 0; i < WAYS; i++)
		if (set[i].asked && !memcmp(set[i].addr, addr, 16))
			return &set[i];
	return NULL;
}

/* A place for the address; what was asked longest ago goes, but never what the file says. */
static struct entry *place(struct hosts *h, const uint8_t addr[16], uint64_t now)
{
	struct entry *set = set_of(h, addr), *oldest = NULL;

	for (unsigned i = 0; i < WAYS; i++)
		if (!set[i].from_file && (!oldest || set[i].asked < oldest->asked))
			oldest = &set[i];
	if (!oldest)
		return NULL;
	memset(oldest, 0, sizeof(*oldest));
	memcpy(oldest->addr, addr, 16);
	oldest->asked = now ? now : 1;
	return oldest;
}

static int parse_addr(const char *text, uint8_t addr[16])
{
	memset(addr, 0, 10);
	addr[10] = addr[11] = 0xff;
	return inet_pton(AF_INET, text, addr + 12) == 1 || inet_pton(AF_INET6, text, addr) == 1;
}

static void read_file(struct hosts *h, const char *path)
{
	FILE *f = fopen(path, "re");
	char line[MAX_LINE], *rest, *word;
	uint8_t addr[16];

	while (f && fgets(line, sizeof(line), f)) {
		struct entry *e;

		line[strcspn(line, "#\n")] = '\0';
		word = strtok_r(line, " \t", &rest);
		if (!word || !parse_addr(word, addr) || is_loopback(addr) || find(h, addr))
			continue;
		word = strtok_r(NULL, " \t", &rest);
		e = word ? place(h, addr, 1) : NULL;
		if (!e)
			continue;
		e->from_file = 1;
		snprintf(e->name, sizeof(e->name), "%s", word);
	}
	if (f)
		fclose(f);
}

/* ---- DNS */

static void leave(struct resolver *r)
{
	int last;

	pthread_mutex_lock(&r->lock);
	last = !--r->users;
	pthread_mutex_unlock(&r->lock);
	if (!last)
		return;
	pthread_cond_destroy(&r->wake);
	pthread_mutex_destroy(&r->lock);
	free(r);
}

static void ask(const uint8_t addr[16], char name[NAME_MAX_LEN])
{
	struct sockaddr_in6 six = { .sin6_family = AF_INET6 };
	struct sockaddr_in four = { .sin_family = AF_INET };
	int v4 = is_v4(addr), err;
	char host[NI_MAXHOST];

	memcpy(&six.sin6_addr, addr, 16);
	memcpy(&four.sin_addr, addr + 12, 4);
	err = getnameinfo(v4 ? (void *)&four : (void *)&six, v4 ? sizeof(four) : sizeof(six), host,
			  sizeof(host), NULL, 0, NI_NAMEREQD);
	snprintf(name, NAME_MAX_LEN, "%.63s", err ? "" : host);
}

static void *run(void *arg)
{
	struct resolver *r = arg;
	struct answer a;

	pthread_mutex_lock(&r->lock);
	while (!r->stop) {
		if (!r->nquestions || r->nanswers == QUEUE) {
			pthread_cond_wait(&r->wake, &r->lock);
			continue;
		}
		memcpy(a.addr, r->question[0], 16);
		memmove(r->question, r->question + 1, --r->nquestions * sizeof(r->question[0]));
		pthread_mutex_unlock(&r->lock);
		ask(a.addr, a.name);
		pthread_mutex_lock(&r->lock);
		r->answer[r->nanswers++] = a;
	}
	pthread_mutex_unlock(&r->lock);
	leave(r);
	return NULL;
}

static void collect_answers(struct hosts *h)
{
	struct resolver *r = h->resolver;

	pthread_mutex_lock(&r->lock);
	for (unsigned i = 0; i < r->nanswers; i++) {
		struct entry *e = find(h, r->answer[i].addr);

		if (e && !e->from_file)
			memcpy(e->name, r->answer[i].name, sizeof(e->name));
	}
	if (r->nanswers)
		pthread_cond_signal(&r->wake);
	r->nanswers = 0;
	pthread_mutex_unlock(&r->lock);
}

/* Returns 0 if there is no room; then another span asks again. */
static int put_question(struct resolver *r, const uint8_t addr[16])
{
	int room;

	pthread_mutex_lock(&r->lock);
	room = r->nquestions < QUEUE;
	if (room) {
		memcpy(r->question[r->nquestions++], addr, 16);
		pthread_cond_signal(&r->wake);
	}
	pthread_mutex_unlock(&r->lock);
	return room;
}

static struct resolver *start_resolver(void)
{
	struct resolver *r = calloc(1, sizeof(*r));
	pthread_t thread;

	if (!r)
		return NULL;
	pthread_mutex_init(&r->lock, NULL);
	pthread_cond_init(&r->wake, NULL);
	r->users = 2;
	if (pthread_create(&thread, NULL, run, r)) {
		r->users = 1;
		leave(r);
		return NULL;
	}
	pthread_detach(thread);
	return r;
}

/* ---- life */

struct hosts *hosts__new(const char *file, int resolve)
{
	struct hosts *h = calloc(1, sizeof(*h));

	if (!h)
		return NULL;
	if (file)
		read_file(h, file);
	if (resolve) {
		h->resolver = start_resolver();
		if (!h->resolver) {
			free(h);
			return NULL;
		}
	}
	return h;
}

const char *hosts__name(struct hosts *h, const uint8_t addr[16], uint64_t now)
{
	struct entry *e;

	if (is_loopback(addr))
		return NULL;
	e = find(h, addr);
	if (h->resolver && (!e || (!e->from_file && now > e->asked + HOSTS_KEEP_NS))) {
		if (put_question(h->resolver, addr)) {
			if (e)
				e->asked = now;
			else
				e = place(h, addr, now);
		}
	}
	if (h->resolver && e && !*e->name)
		collect_answers(h);
	if (!e || !*e->name)
		return NULL;
	memcpy(h->name, e->name, sizeof(h->name));
	return h->name;
}

void hosts__free(struct hosts *h)
{
	if (!h)
		return;
	if (h->resolver) {
		pthread_mutex_lock(&h->resolver->lock);
		h->resolver->stop = 1;
		pthread_cond_signal(&h->resolver->wake);
		pthread_mutex_unlock(&h->resolver->lock);
		leave(h->resolver);
	}
	free(h);
}
