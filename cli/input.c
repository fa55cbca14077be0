#include "cli/input.h"

#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>

#include "cli/called.h"
#include "cli/pod.h"
#include "core/merge.h"
#include "core/packets.h"
#include "core/source_file.h"

int input_status(int err)
{
	switch (-err) {
	case EPERM:
	case EACCES:
	case ENOTSUP:
	case ENOSYS:
	case ENOENT:
		return EXIT_UNSUPPORTED;
	case EINVAL:
	case ESRCH:
		return EXIT_BAD_USAGE;
	default:
		return EXIT_FAILED;
	}
}

static int add_strings(struct attach *a, const struct string_list *l,
		       int (*add)(struct attach *a, const char *s))
{
	int err = 0;

	for (unsigned i = 0; !err && i < l->n; i++)
		err = add(a, l->v[i]);
	return err;
}

static int add_pod(void *a, const struct pod *p)
{
	return attach__add_pod(a, p->uid);
}

/* Those that run here now: others come with their own control groups. */
static int add_pods(struct attach *a, const struct options *o)
{
	int err = 0;

	for (unsigned i = 0; !err && i < o->namespaces.n; i++) {
		err = pod_each("", o->namespaces.v[i], NULL, add_pod, a);
		if (err == -ENOENT)
			err = attach__not_here(a, "namespace", o->namespaces.v[i],
					       "none of its pods is on this host");
	}
	for (unsigned i = 0; !err && i < o->pods.n; i++) {
		const char *slash = strchr(o->pods.v[i], '/');
		char space[64] = "";

		if (slash)
			snprintf(space, sizeof(space), "%.*s", (int)(slash - o->pods.v[i]),
				 o->pods.v[i]);
		err = pod_each("", slash ? space : NULL, slash ? slash + 1 : o->pods.v[i], add_pod,
			       a);
		if (err == -ENOENT)
			err = attach__not_here(a, "pod", o->pods.v[i],
					       "it is not on this host (by /var/log/pods)");
	}
	return err;
}

static int add_selectors(struct attach *a, const struct options *o, pid_t command)
{
	int err = 0;

	for (unsigned i = 0; !err && i < o->nports; i++)
		err = attach__add_ports(a, o->ports[i].first, o->ports[i].last);
	for (unsigned i = 0; !err && i < o->npids; i++)
		err = attach__add_pid(a, (pid_t)o->pids[i]);
	if (!err && command)
		err = attach__add_command(a, command, o->command[0]);
	if (!err)
		err = add_strings(a, &o->comms, attach__add_comm);
	if (!err)
		err = add_strings(a, &o->exes, attach__add_exe);
	if (!err)
		err = add_strings(a, &o->tls_symbols, attach__add_tls_symbol);
	if (!err)
		err = add_strings(a, &o->cgroups, attach__add_cgroup);
	if (!err)
		err = called_add(a, o);
	if (!err)
		err = add_pods(a, o);
	if (!err && o->all)
		attach__all(a);
	return err;
}

struct attach *input_selectors(const struct options *o, int *status, char *err, size_t errlen)
{
	const struct attach_options opt = { .role = o->role, .no_downstream = o->no_downstream };
	struct attach *a = attach__new(&opt);
	int code = a ? add_selectors(a, o, 0) : -ENOMEM;

	if (!code)
		return a;
	snprintf(err, errlen, "%s", a ? attach__error(a) : "out of memory");
	*status = input_status(code);
	attach__free(a);
	return NULL;
}

static int open_probes(struct input *g, const struct options *o, pid_t command,
		       void (*on_note)(void *ctx, const char *name, const char *text), void *ctx,
		       char *err, size_t errlen)
{
	const struct attach_options opt = {
		.role = o->role,
		.no_downstream = o->no_downstream,
		.follow = o->follow,
		.verbose = o->verbose,
		.on_note = on_note,
		.ctx = ctx,
	};
	char text[400];
	int code;

	g->attach = attach__new(&opt);
	if (!g->attach) {
		snprintf(err, errlen, "out of memory");
		return EXIT_FAILED;
	}
	code = add_selectors(g->attach, o, command);
	if (!code)
		code = attach__start(g->attach);
	if (code) {
		snprintf(err, errlen, "%s", attach__error(g->attach));
		attach__free(g->attach);
		g->attach = NULL;
		return input_status(code);
	}
	if (called_nobody(g->attach, o, text, sizeof(text)))
		on_note(ctx, "waiting", text);
	g->source = attach__source(g->attach);
	g->backend = attach__backend(g->attach);
	snprintf(g->what, sizeof(g->what), "%s", attach__what(g->attach));
	return 0;
}

static void describe_packets(struct input *g, const struct options *o, const char *interface)
{
	size_t used = (size_t)snprintf(g->what, sizeof(g->what), "packets on %.32s", interface);

	for (unsigned i = 0; i < o->nports && used < sizeof(g->what); i++) {
		const struct port_range *r = &o->ports[i];

		used += (size_t)snprintf(g->what + used, sizeof(g->what) - used,
					 r->first == r->last ? ", port %u" : ", ports %u-%u",
					 r->first, r->last);
	}
}

static int open_interface(struct input *g, const struct options *o, char *err, size_t errlen)
{
	const struct packets_options opt = { .ports = o->ports, .nports = o->nports };
	const char *name = o->interface ? o->interface : "any";
	int perm = 0;

	if (strcmp(name, "any") && !if_nametoindex(name)) {
		snprintf(err, errlen, "interface %s: no such interface", name);
		return EXIT_BAD_USAGE;
	}
	g->source = packets__open_interface(name, &opt, &perm, err, errlen);
	if (!g->source)
		return perm ? EXIT_UNSUPPORTED : EXIT_FAILED;
	g->backend = "packet";
	describe_packets(g, o, name);
	return 0;
}

static void describe_files(struct input *g, const struct string_list *files)
{
	size_t used = 0;

	for (unsigned i = 0; i < files->n && used < sizeof(g->what); i++)
		used += (size_t)snprintf(g->what + used, sizeof(g->what) - used, "%s%s",
					 i ? ", " : "", files->v[i]);
}

static int open_file(struct input *g, const struct options *o, int wake_fd,
		     void (*on_note)(void *ctx, const char *name, const char *text), void *ctx,
		     char *err, size_t errlen)
{
	const struct packets_options opt = { .ports = o->ports, .nports = o->nports };
	const struct bytes_options how = {
		.follow = o->follow_file, .wake_fd = wake_fd, .patience_ns = o->duration_ns,
	};

	describe_files(g, &o->reads);
	if (o->reads.n > 1)
		g->source = merge__open(o->reads.v, o->reads.n, &opt, on_note, ctx, err, errlen);
	else
		g->source = source_open_file(o->read, &opt, &how, err, errlen);
	return g->source ? 0 : EXIT_BAD_USAGE;
}

/* Nothing is asked for that packets could not show. */
static int packets_will_do(const struct options *o, pid_t command)
{
	return o->capture == CAPTURE_AUTO && o->nports && !o->npids && !options_select_by_name(o) &&
	       !o->all && !command;
}

int input_open(struct input *g, const struct options *o, pid_t command, int wake_fd,
		void (*on_note)(void *ctx, const char *name, const char *text), void *ctx,
		char *err, size_t errlen)
{
	char text[512], reason[256];
	int status;

	memset(g, 0, sizeof(*g));
	if (o->read)
		return open_file(g, o, wake_fd, on_note, ctx, err, errlen);
	if (o->capture == CAPTURE_PACKET)
		return open_interface(g, o, err, errlen);
	status = open_probes(g, o, command, on_note, ctx, err, errlen);
	if (status != EXIT_UNSUPPORTED || !packets_will_do(o, command))
		return status;
	/* the reason why the better way is closed stays the error if the other is, too */
	if (open_interface(g, o, reason, sizeof(reason)))
		return status;
	snprintf(text, sizeof(text), "capturing packets, without processes and their times: %s",
		 err);
	on_note(ctx, "backend", text);
	return 0;
}

void input_close(struct input *g)
{
	if (g->attach)
		attach__free(g->attach);
	else if (g->source)
		g->source->ops->free(g->source);
	memset(g, 0, sizeof(*g));
}
