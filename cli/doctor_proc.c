/*
 * doctor_proc.c - one process, as the doctor sees it
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "cli/blind.h"
#include "cli/doctor.h"
#include "sinks/json_writer.h"
#include "core/tls_library.h"

#define LABEL_WIDTH 13

/* ---- its connections */

struct counts {
	unsigned listening, established;
};

static struct counts count_sockets(const struct proc_info *p, const struct inventory *inv)
{
	struct counts c = { 0 };

	for (size_t i = 0; i < p->nsockets; i++) {
		const struct net_socket *s = inventory_find(inv, p->socket[i]);

		c.listening += s && s->state == NET_LISTEN;
		c.established += s && s->state == NET_ESTABLISHED;
	}
	return c;
}

/* Calls fn with "0.0.0.0:80" for each that listens. */
static void each_listening(const struct proc_info *p, const struct inventory *inv,
			   void (*fn)(void *ctx, const char *endpoint), void *ctx)
{
	char text[NET_TEXT_MAX];

	for (size_t i = 0; i < p->nsockets; i++) {
		const struct net_socket *s = inventory_find(inv, p->socket[i]);

		if (s && s->state == NET_LISTEN)
			fn(ctx, net_endpoint(text, s->local, s->local_port));
	}
}

/* ---- for people */

static void label(struct report *r, enum report_style st, const char *text)
{
	report_text(r, REPORT_PLAIN, "  ");
	report_cell(r, st, text, LABEL_WIDTH);
}

__attribute__((format(printf, 3, 4))) static void line(struct report *r, const char *name,
						      const char *fmt, ...)
{
	char text[PATH_MAX + 128];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	label(r, REPORT_FAINT, name);
	report_text(r, REPORT_PLAIN, text);
	report_newline(r);
}

static void print_head(struct report *r, const struct proc_info *p)
{
	report_printf(r, REPORT_HEAD, "Process %u %s", p->pid,
		      *p->names.service ? p->names.service : p->comm);
	if (*p->names.runtime)
		report_printf(r, REPORT_PLAIN, " (%s)", p->names.runtime);
	if (*p->names.container)
		report_printf(r, REPORT_PLAIN, ", container %.12s", p->names.container);
	if (*p->netns_name)
		report_printf(r, REPORT_PLAIN, ", network namespace %s", p->netns_name);
	else if (p->netns && p->netns != net_namespace(0))
		report_printf(r, REPORT_PLAIN, ", network namespace %llu",
			      (unsigned long long)p->netns);
	report_newline(r);
}

static void print_exe(struct report *r, const struct proc_info *p)
{
	if (!p->has_code && !p->hidden_memory)
		line(r, "exe", "none: a kernel thread, or a process that has ended");
	if (*p->exe)
		line(r, "exe", "%s%s%s%s%s", p->exe, p->exe_deleted ? " (deleted since)" : "",
		     p->traits.is_static ? ", statically linked" : "",
		     p->traits.is_stripped ? ", stripped" : "",
		     p->traits.is_32bit ? ", 32-bit" : "");
	if (strcmp(p->comm, p->names.service))
		line(r, "comm", "%s", p->comm);
}

static void print_endpoint(void *report, const char *endpoint)
{
	line(report, "listens on", "%s", endpoint);
}

static void print_sockets(struct report *r, const struct proc_info *p, const struct inventory *inv)
{
	struct counts c = count_sockets(p, inv);

	each_listening(p, inv, print_endpoint, r);
	if (c.established)
		line(r, "connections",
		     "%u open: they pre-date an attach; a request in progress at that "
		     "moment may be missed or incomplete",
		     c.established);
	else if (!p->hidden_files)
		line(r, "connections", "none open");
	if (p->io_urings)
		line(r, "io_uring", "in use (%u): what goes through it is seen like the rest",
		     p->io_urings);
}

static void print_tls(struct report *r, const struct proc_info *p)
{
	char title[TLS_TITLE_MAX];

	for (unsigned i = 0; i < p->ntls; i++) {
		const struct proc_tls *t = &p->tls[i];
		const char *gone = t->deleted ? " (deleted since, but still mapped)" : "";

		if (t->tls->npoints)
			line(r, "tls", "%s, hooked by %s (%zu point%s), in %s%s",
			     tls_title(t->tls->lib, t->version, title), tls_how(t->tls->how),
			     t->tls->npoints, t->tls->npoints == 1 ? "" : "s", t->path, gone);
		else
			line(r, "tls", "%s, not hooked, in %s%s",
			     tls_title(t->tls->lib, t->version, title), t->path, gone);
	}
	if (!p->ntls && !p->hidden_memory)
		line(r, "tls", "no library that can be hooked");
}

static void print_blind(void *report, const struct blind *b)
{
	struct report *r = report;

	label(r, REPORT_DOUBT, "blind");
	report_printf(r, REPORT_PLAIN, "%s: %s", b->what, b->why);
	report_newline(r);
	if (!*b->remedy)
		return;
	label(r, REPORT_PLAIN, "");
	report_text(r, REPORT_PLAIN, "remedy: ");
	report_text(r, REPORT_HEAD, b->remedy);
	report_newline(r);
}

void doctor_process_text(struct report *r, const struct proc_info *p, const struct inventory *inv)
{
	struct unseen_sockets u;

	unseen_sockets_find(p, &u);
	print_head(r, p);
	print_exe(r, p);
	print_sockets(r, p, inv);
	print_tls(r, p);
	blind_each(p, &u, print_blind, r);
}

/* ---- for programs */

static void put_bool(struct json *j, int v)
{
	out_str(j->out, v ? "true" : "false");
}

static void put_endpoint(void *json, const char *endpoint)
{
	struct json *j = json;

	json_comma(j);
	json_string(j, endpoint, strlen(endpoint));
}

static void put_blind(void *json, const struct blind *b)
{
	struct json *j = json;

	json_comma(j);
	json_open(j, '{');
	json_cstr(j, "what", b->what);
	json_cstr(j, "why", b->why);
	if (*b->remedy)
		json_cstr(j, "remedy", b->remedy);
	json_close(j, '}');
}

static void put_names(struct json *j, const struct proc_info *p)
{
	json_u64(j, "pid", p->pid);
	json_cstr(j, "comm", p->comm);
	if (*p->names.service)
		json_cstr(j, "service", p->names.service);
	if (*p->names.runtime)
		json_cstr(j, "runtime", p->names.runtime);
	if (*p->names.container)
		json_cstr(j, "container", p->names.container);
	if (p->netns)
		json_u64(j, "netns", p->netns);
	if (*p->netns_name)
		json_cstr(j, "netns_name", p->netns_name);
	if (!*p->exe)
		return;
	json_cstr(j, "exe", p->exe);
	json_key(j, "exe_deleted");
	put_bool(j, p->exe_deleted);
	json_key(j, "static");
	put_bool(j, p->traits.is_static);
	json_key(j, "stripped");
	put_bool(j, p->traits.is_stripped);
}

static void put_tls(struct json *j, const struct proc_tls *t)
{
	json_comma(j);
	json_open(j, '{');
	json_cstr(j, "library", tls_library_name(t->tls->lib));
	if (t->version[0])
		json_cstr(j, "version", t->version);
	json_cstr(j, "file", t->path);
	json_key(j, "deleted");
	put_bool(j, t->deleted);
	json_u64(j, "points", t->tls->npoints);
	if (t->tls->npoints)
		json_cstr(j, "hooked_by", t->tls->how);
	if (t->tls->missing[0])
		json_cstr(j, "missing", t->tls->missing);
	json_close(j, '}');
}

static void put_sockets(struct json *j, const struct proc_info *p, const struct inventory *inv)
{
	if (p->hidden_files)
		return;
	json_key(j, "listens");
	json_open(j, '[');
	each_listening(p, inv, put_endpoint, j);
	json_close(j, ']');
	json_u64(j, "connections", count_sockets(p, inv).established);
	json_u64(j, "io_urings", p->io_urings);
}

void doctor_process_json(struct report *r, const struct proc_info *p, const struct inventory *inv)
{
	struct json j = { &r->out, 0 };
	struct unseen_sockets u;

	unseen_sockets_find(p, &u);
	json_open(&j, '{');
	json_cstr(&j, "type", "process");
	put_names(&j, p);
	put_sockets(&j, p, inv);
	json_key(&j, "tls");
	json_open(&j, '[');
	for (unsigned i = 0; i < p->ntls; i++)
		put_tls(&j, &p->tls[i]);
	json_close(&j, ']');
	json_key(&j, "blind");
	json_open(&j, '[');
	blind_each(p, &u, put_blind, &j);
	json_close(&j, ']');
	json_end_line(&j);
}
