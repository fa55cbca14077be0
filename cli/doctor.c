#include "cli/doctor.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "attach/hostcheck.h"
#include "attach/rights.h"
#include "cli/clock.h"
#include "cli/input.h"
#include "cli/log.h"
#include "cli/targets.h"
#include "core/packets.h"
#include "sinks/json_writer.h"

#define NAME_WIDTH 13

struct doctor {
	const struct options *o;
	struct attach *attach; /* the selectors; not started */
	struct report out;
	struct inventory inv;
	struct targets targets;
	struct binscan *scan;
	int skb, packet; /* work */
};

static const struct {
	const char *name; /* in JSON */
	const char *mark;
	enum report_style style;
} states[] = {
	[CHECK_OK] = { "ok", "ok", REPORT_GOOD },
	[CHECK_NOTE] = { "note", "-", REPORT_FAINT },
	[CHECK_WARN] = { "warn", "!", REPORT_DOUBT },
	[CHECK_FAIL] = { "fail", "NO", REPORT_BAD },
};

/* ---- the host */

static void check_json(struct doctor *d, const struct check *c)
{
	struct json j = { &d->out.out, 0 };

	json_open(&j, '{');
	json_cstr(&j, "type", "check");
	json_cstr(&j, "check", c->name);
	json_cstr(&j, "state", states[c->state].name);
	json_cstr(&j, "text", c->text);
	if (*c->remedy)
		json_cstr(&j, "remedy", c->remedy);
	if (c->attach_ns)
		json_u64(&j, "attach_ns", c->attach_ns);
	if (c->detach_ns)
		json_u64(&j, "detach_ns", c->detach_ns);
	json_end_line(&j);
}

static void check_text(struct doctor *d, const struct check *c)
{
	struct report *r = &d->out;

	report_text(r, REPORT_PLAIN, "  ");
	report_cell(r, states[c->state].style, states[c->state].mark, 2);
	report_cell(r, REPORT_PLAIN, c->name, NAME_WIDTH);
	report_text(r, REPORT_PLAIN, c->text);
	report_newline(r);
	if (!*c->remedy)
		return;
	report_printf(r, REPORT_PLAIN, "      %*s  remedy: ", NAME_WIDTH, "");
	report_text(r, REPORT_HEAD, c->remedy);
	report_newline(r);
}

static void print_check(void *doctor, const struct check *c)
{
	struct doctor *d = doctor;

	if (options_has_output(d->o, OUTPUT_JSON))
		check_json(d, c);
	else
		check_text(d, c);
}

static void check_packet(struct check *c)
{
	const struct packets_options opt = { 0 };
	uint64_t began = monotonic();
	char err[256];
	int perm = 0;
	struct source *s = packets__open_interface("lo", &opt, &perm, err, sizeof(err));

	*c = (struct check){ .name = "packet" };
	if (s) {
		c->attach_ns = monotonic() - began;
		s->ops->free(s);
		snprintf(c->text, sizeof(c->text),
			 "works: packets of interface lo can be captured; cleartext only, no "
			 "processes");
		return;
	}
	c->state = CHECK_WARN;
	snprintf(c->text, sizeof(c->text), "cannot be used: %s", err);
	if (perm)
		snprintf(c->remedy, sizeof(c->remedy), "run as root, or with CAP_NET_RAW");
}

static void title(struct doctor *d, const char *text)
{
	if (options_has_output(d->o, OUTPUT_JSON))
		return;
	report_text(&d->out, REPORT_HEAD, text);
	report_newline(&d->out);
}

static void verdict(struct doctor *d)
{
	const char *backend = d->skb ? "skb" : d->packet ? "packet" : NULL;
	struct json j = { &d->out.out, 0 };

	if (options_has_output(d->o, OUTPUT_JSON)) {
		json_open(&j, '{');
		json_cstr(&j, "type", "verdict");
		json_key(&j, "works");
		out_str(j.out, backend ? "true" : "false");
		if (backend)
			json_cstr(&j, "backend", backend);
		json_end_line(&j);
		return;
	}
	report_printf(&d->out, d->skb ? REPORT_GOOD : backend ? REPORT_DOUBT : REPORT_BAD, "%s",
		      d->skb  ? "Tracing works here, with backend skb." :
		      backend ? "Only packets can be captured here: cleartext, and no processes." :
				"Nothing can be traced here.");
	report_newline(&d->out);
}

static void check_host(struct doctor *d)
{
	struct check c, more;

	title(d, "Host");
	hostcheck_each(print_check, d);
	title(d, "Backends, each tried");
	hostcheck_skb(&c, &more);
	d->skb = c.state == CHECK_OK;
	print_check(d, &c);
	if (more.name)
		print_check(d, &more);
	hostcheck_uprobe(&c, &more);
	print_check(d, &c);
	print_check(d, &more);
	hostcheck_threads(&c);
	print_check(d, &c);
	check_packet(&c);
	d->packet = c.state == CHECK_OK;
	print_check(d, &c);
	verdict(d);
}

/* ---- processes */

/* Kernel threads, and what has ended, are of interest only if asked for by their number. */
static int is_worth_it(const struct doctor *d, const struct proc_info *p)
{
	return p->has_code || p->hidden_memory || d->o->npids;
}

static int check_process(struct doctor *d, uint32_t pid)
{
	struct proc_info p;
	int err = proc_info_read(&p, pid, d->scan, 1);

	if (!err && is_worth_it(d, &p)) {
		if (options_has_output(d->o, OUTPUT_JSON))
			doctor_process_json(&d->out, &p, &d->inv);
		else
			doctor_process_text(&d->out, &p, &d->inv);
	}
	proc_info_release(&p);
	return err == -ENOMEM ? err : 0;
}

/* A chosen port on which somebody listens whose open files may not be looked at? */
static int check_owners(struct doctor *d)
{
	struct check c = { .name = "owners" };
	struct listeners l = { 0 };
	char lack[80];

	rights_list(lack, sizeof(lack), rights_missing(RIGHTS_LOOK));
	if (!listeners_find(&l) && l.denied)
		for (size_t i = 0; !*c.text && i < l.n; i++)
			if (!l.v[i].npids && options_has_port(d->o, l.v[i].at.local_port))
				check_set(&c, CHECK_WARN,
					  "whoever listens on port %u may not be looked at; it is "
					  "traced by its port",
					  l.v[i].at.local_port);
	listeners_release(&l);
	if (!*c.text)
		return 0;
	if (*lack)
		snprintf(c.remedy, sizeof(c.remedy), "run as root, or with %s", lack);
	print_check(d, &c);
	return 1;
}

static int check_processes(struct doctor *d)
{
	int err = 0;

	if (!check_owners(d) && !d->targets.n && !options_has_output(d->o, OUTPUT_JSON)) {
		report_text(&d->out, REPORT_DOUBT, "No process is selected: none fits now.");
		report_newline(&d->out);
	}
	for (size_t i = 0; !err && i < d->targets.n; i++)
		err = check_process(d, d->targets.pid[i]);
	return err;
}

/* ---- life */

static int find_processes(struct doctor *d, char *err, size_t errlen)
{
	const struct tlsbin_given *given;
	size_t ngiven;
	int status = 0;

	d->attach = input_selectors(d->o, &status, err, errlen);
	if (!d->attach)
		return status;
	given = attach__tls_symbols(d->attach, &ngiven);
	d->scan = binscan__new(given, ngiven);
	snprintf(err, errlen, "out of memory");
	if (!d->scan || inventory_read(&d->inv, 0))
		return EXIT_FAILED;
	return targets_find(&d->targets, d->attach, d->o, &d->inv, err, errlen);
}

static int examine(struct doctor *d, char *err, size_t errlen)
{
	/* a selector that is wrong is told before anything else */
	int status = targets_wanted(d->o) ? find_processes(d, err, errlen) : 0, failed;

	if (status)
		return status;
	snprintf(err, errlen, "out of memory");
	if (report_init(&d->out, d->o->color))
		return EXIT_FAILED;
	check_host(d);
	if (targets_wanted(d->o) && check_processes(d))
		status = EXIT_FAILED;
	failed = report_finish(&d->out);
	if (status)
		return status;
	*err = '\0';
	return failed ? failed : d->skb ? EXIT_DONE : d->packet ? EXIT_FAILED : EXIT_UNSUPPORTED;
}

int doctor_run(const struct options *o)
{
	struct doctor d = { .o = o };
	char err[512];
	int status = examine(&d, err, sizeof(err));

	if (status && *err)
		log_line("%s", err);
	targets_release(&d.targets);
	inventory_release(&d.inv);
	binscan__free(d.scan);
	attach__free(d.attach);
	return status;
}
