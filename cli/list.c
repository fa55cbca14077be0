#include "cli/list.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "attach/rights.h"
#include "cli/blind.h"
#include "cli/guess.h"
#include "cli/inventory.h"
#include "cli/input.h"
#include "cli/log.h"
#include "cli/report.h"
#include "cli/targets.h"
#include "sinks/json_writer.h"
#include "core/tls_library.h"

#define COLUMNS 7
#define COLUMN_MAX 300

struct row {
	const struct listener *l;
	struct proc_info *p; /* of the first owner; NULL: not known */
	struct guess guess;
	char cell[COLUMNS][COLUMN_MAX];
	enum report_style style; /* of what can be seen */
};

struct list {
	const struct options *o;
	struct attach *attach; /* the selectors; not started */
	struct listeners all;
	struct targets targets;
	struct binscan *scan;
	struct proc_info *proc; /* those that have been looked at */
	size_t nprocs;
	struct row *row;
	size_t n;
	uint64_t here;
};

static const char *const heads[COLUMNS] = { "PORT",	"ADDRESS",	  "PROCESS",	 "RUNTIME",
					    "WHERE",	"PROTOCOL GUESS", "CAN BE SEEN" };

/* ---- what is known */

/* Room for all was made before: what is handed out stays where it is. */
static struct proc_info *look_at(struct list *l, uint32_t pid)
{
	for (size_t i = 0; i < l->nprocs; i++)
		if (l->proc[i].pid == pid)
			return &l->proc[i];
	if (proc_info_read(&l->proc[l->nprocs], pid, l->scan, 0)) {
		proc_info_release(&l->proc[l->nprocs]);
		return NULL;
	}
	return &l->proc[l->nprocs++];
}

static int is_selected(const struct list *l, const struct listener *at)
{
	if (!targets_wanted(l->o))
		return 1;
	if (options_has_port(l->o, at->at.local_port))
		return 1;
	for (unsigned i = 0; i < at->npids; i++)
		if (targets_have(&l->targets, at->pids[i]))
			return 1;
	return l->o->all;
}

/* ---- cells */

static void describe_process(struct row *r)
{
	char *cell = r->cell[2];
	int n;

	if (!r->p) {
		snprintf(cell, COLUMN_MAX, "?");
		return;
	}
	n = snprintf(cell, COLUMN_MAX, "%.64s (%u",
		     *r->p->names.service ? r->p->names.service : r->p->comm, r->p->pid);
	if (r->l->npids > 1)
		snprintf(cell + n, COLUMN_MAX - (size_t)n, " +%u)", r->l->npids - 1);
	else
		snprintf(cell + n, COLUMN_MAX - (size_t)n, ")");
}

static void describe_place(const struct list *l, struct row *r)
{
	const char *container = r->p ? r->p->names.container : "";
	char name[64] = "", *cell = r->cell[4];

	if (r->l->at.netns != l->here)
		net_namespace_name(r->l->at.netns, name, sizeof(name));
	if (*container)
		snprintf(cell, COLUMN_MAX, "container %.12s", container);
	else if (*name)
		snprintf(cell, COLUMN_MAX, "netns %s", name);
	else if (r->l->at.netns != l->here)
		snprintf(cell, COLUMN_MAX, "netns %llu", (unsigned long long)r->l->at.netns);
}

static unsigned tls_rank(const struct proc_tls *t)
{
	return 2u * (t->tls->npoints > 0) + (unsigned)(t->own != 0);
}

/* That of the program itself, or the first one loaded, most likely; of those that can be hooked. */
static const struct proc_tls *best_tls(const struct proc_info *p)
{
	const struct proc_tls *best = NULL;

	for (unsigned i = 0; i < p->ntls; i++)
		if (!best || tls_rank(&p->tls[i]) >= tls_rank(best))
			best = &p->tls[i];
	return best;
}

/* "openssl 3.0.19 or gnutls 3.7.9", as nobody knows which of those loaded a program uses. */
static void name_tls(const struct proc_info *p, char *out, size_t size)
{
	const struct proc_tls *best = best_tls(p);
	char title[TLS_TITLE_MAX];
	int n = snprintf(out, size, "%s", tls_title(best->tls->lib, best->version, title));

	for (unsigned i = p->ntls; i-- > 0 && !best->own;) {
		const struct proc_tls *t = &p->tls[i];

		if (t->tls->lib != best->tls->lib && t->tls->npoints && (size_t)n < size)
			n += snprintf(out + n, size - (size_t)n, " or %s",
				      tls_title(t->tls->lib, t->version, title));
	}
}

static enum report_style describe_tls(const struct proc_info *p, char *out, size_t size)
{
	const struct proc_tls *t = best_tls(p);
	char title[TLS_TITLE_MAX], names[128];

	if (t && t->tls->npoints) {
		name_tls(p, names, sizeof(names));
		snprintf(out, size, "tls: %s, hooked by %s", names, tls_how(t->tls->how));
		return REPORT_GOOD;
	}
	if (t)
		snprintf(out, size, "tls: %s: encrypted only (%s)",
			 tls_title(t->tls->lib, t->version, title), t->tls->missing);
	else if (p->java || p->nblind)
		snprintf(out, size, "tls: %s: encrypted only",
			 p->java ? "inside Java" : p->blind[0]);
	else
		snprintf(out, size, "tls: no known library: encrypted only");
	return REPORT_DOUBT;
}

static enum report_style describe_clear(const struct guess *g, char *out, size_t size)
{
	if (!g->protocol) {
		snprintf(out, size, "http and grpc, if spoken");
		return REPORT_PLAIN;
	}
	if (g->decoded) {
		snprintf(out, size, "%s: yes", g->protocol);
		return REPORT_GOOD;
	}
	snprintf(out, size, "%s: connections, not decoded", g->protocol);
	return REPORT_DOUBT;
}

static void describe_seen(const struct list *l, struct row *r)
{
	char *cell = r->cell[6], lack[80];
	size_t n;

	if (!r->p || r->p->hidden_memory) {
		rights_list(lack, sizeof(lack), rights_missing(RIGHTS_LOOK));
		if (!r->p && !l->all.denied)
			snprintf(cell, COLUMN_MAX, "not known: no process here has it open");
		else if (*lack)
			snprintf(cell, COLUMN_MAX, "not known: run as root, or with %s", lack);
		else
			snprintf(cell, COLUMN_MAX,
				 "not known: no process that may be looked at has it open");
		r->style = REPORT_DOUBT;
	} else if (r->guess.tls) {
		r->style = describe_tls(r->p, cell, COLUMN_MAX);
	} else {
		r->style = describe_clear(&r->guess, cell, COLUMN_MAX);
		n = strlen(cell);
		if (r->p->ntls || r->p->nblind || r->p->java) {
			n += (size_t)snprintf(cell + n, COLUMN_MAX - n, "; ");
			describe_tls(r->p, cell + n, COLUMN_MAX - n);
		}
	}
}

static void describe(struct list *l, struct row *r)
{
	snprintf(r->cell[0], COLUMN_MAX, "%u", r->l->at.local_port);
	net_address(r->cell[1], r->l->at.local);
	describe_process(r);
	snprintf(r->cell[3], COLUMN_MAX, "%s",
		 r->p && *r->p->names.runtime ? r->p->names.runtime : "-");
	describe_place(l, r);
	if (r->guess.protocol)
		snprintf(r->cell[5], COLUMN_MAX, "%s%s?",
			 r->guess.tls && !strcmp(r->guess.protocol, "http") ? "https"
									    : r->guess.protocol,
			 r->guess.tls && strcmp(r->guess.protocol, "http") ? " in tls" : "");
	else
		snprintf(r->cell[5], COLUMN_MAX, "-");
	describe_seen(l, r);
}

/* ---- output */

static void print_text(const struct list *l, struct report *out)
{
	size_t width[COLUMNS] = { 0 };

	for (int c = 0; c < COLUMNS; c++) {
		for (size_t i = 0; i < l->n; i++) {
			size_t w = report_width(l->row[i].cell[c]);

			width[c] = w > width[c] ? w : width[c];
		}
		/* a column that nobody fills is left out */
		if (width[c] && strlen(heads[c]) > width[c])
			width[c] = strlen(heads[c]);
	}
	for (int c = 0; l->n && c < COLUMNS - 1; c++)
		if (width[c])
			report_cell(out, REPORT_HEAD, heads[c], width[c]);
	if (l->n) {
		report_text(out, REPORT_HEAD, heads[COLUMNS - 1]);
		report_newline(out);
	}
	for (size_t i = 0; i < l->n; i++) {
		for (int c = 0; c < COLUMNS - 1; c++)
			if (width[c])
				report_cell(out, REPORT_PLAIN, l->row[i].cell[c], width[c]);
		report_text(out, l->row[i].style, l->row[i].cell[COLUMNS - 1]);
		report_newline(out);
	}
}

static void put_process(struct json *j, const struct row *r)
{
	if (!r->p)
		return;
	json_u64(j, "pid", r->p->pid);
	json_key(j, "pids");
	json_open(j, '[');
	for (unsigned i = 0; i < r->l->npids; i++) {
		json_comma(j);
		json_u64_value(j, r->l->pids[i]);
	}
	json_close(j, ']');
	json_cstr(j, "comm", r->p->comm);
	if (*r->p->names.service)
		json_cstr(j, "service", r->p->names.service);
	if (*r->p->names.runtime)
		json_cstr(j, "runtime", r->p->names.runtime);
	if (*r->p->names.container)
		json_cstr(j, "container", r->p->names.container);
}

static void put_tls(struct json *j, const struct row *r)
{
	const struct proc_tls *t = r->p ? best_tls(r->p) : NULL;

	if (!t)
		return;
	json_cstr(j, "tls", tls_library_name(t->tls->lib));
	if (t->version[0])
		json_cstr(j, "tls_library_version", t->version);
	if (t->tls->npoints)
		json_cstr(j, "tls_hooked_by", t->tls->how);
	if (t->tls->missing[0])
		json_cstr(j, "tls_missing", t->tls->missing);
}

static void print_json(const struct list *l, struct report *out)
{
	struct json j = { &out->out, 0 };
	char name[64];

	for (size_t i = 0; i < l->n; i++) {
		const struct row *r = &l->row[i];

		json_open(&j, '{');
		json_cstr(&j, "type", "listener");
		json_u64(&j, "port", r->l->at.local_port);
		json_cstr(&j, "address", r->cell[1]);
		put_process(&j, r);
		json_u64(&j, "netns", r->l->at.netns);
		net_namespace_name(r->l->at.netns, name, sizeof(name));
		if (*name)
			json_cstr(&j, "netns_name", name);
		if (r->guess.protocol)
			json_cstr(&j, "protocol_guess", r->guess.protocol);
		json_key(&j, "tls_guess");
		out_str(j.out, r->guess.tls ? "true" : "false");
		put_tls(&j, r);
		json_cstr(&j, "seen", r->cell[COLUMNS - 1]);
		json_end_line(&j);
	}
}

/* ---- life */

static int look(struct list *l, char *err, size_t errlen)
{
	struct inventory no_ports = { 0 }; /* those of listeners are known here */
	const struct tlsbin_given *given;
	size_t ngiven;
	int status = 0;

	l->attach = input_selectors(l->o, &status, err, errlen);
	if (!l->attach)
		return status;
	given = attach__tls_symbols(l->attach, &ngiven);
	l->here = net_namespace(0);
	l->scan = binscan__new(given, ngiven);
	snprintf(err, errlen, "out of memory");
	if (!l->scan || listeners_find(&l->all))
		return EXIT_FAILED;
	l->row = calloc(l->all.n + 1, sizeof(*l->row));
	l->proc = calloc(l->all.n + 1, sizeof(*l->proc));
	if (!l->row || !l->proc)
		return EXIT_FAILED;
	if (targets_wanted(l->o))
		status = targets_find(&l->targets, l->attach, l->o, &no_ports, err, errlen);
	for (size_t i = 0; !status && i < l->all.n; i++) {
		struct row *r = &l->row[l->n];

		if (!is_selected(l, &l->all.v[i]))
			continue;
		r->l = &l->all.v[i];
		r->p = r->l->npids ? look_at(l, listener_owner(r->l)) : NULL;
		r->guess = guess_protocol(r->l->at.local_port, r->p ? r->p->comm : "");
		describe(l, r);
		l->n++;
	}
	return status;
}

static void list_release(struct list *l)
{
	for (size_t i = 0; i < l->nprocs; i++)
		proc_info_release(&l->proc[i]);
	free(l->proc);
	free(l->row);
	targets_release(&l->targets);
	listeners_release(&l->all);
	binscan__free(l->scan);
	attach__free(l->attach);
}

static void say_nothing_listens(const struct options *o)
{
	if (o->nports == 1 && o->ports[0].first == o->ports[0].last)
		fprintf(stderr,
			"zctrace: nothing is listening on port %u; --list alone shows what is\n",
			o->ports[0].first);
	else
		fprintf(stderr,
			"zctrace: nothing that was selected is listening; --list alone shows "
			"what is\n");
}

int list_run(const struct options *o)
{
	struct list l = { .o = o };
	struct report out;
	char err[512];
	int status = look(&l, err, sizeof(err));

	if (status) {
		log_line("%s", err);
	} else if (report_init(&out, o->color)) {
		log_line("out of memory");
		status = EXIT_FAILED;
	} else {
		if (!l.n && targets_wanted(o) && !o->quiet)
			say_nothing_listens(o);
		if (options_has_output(o, OUTPUT_JSON))
			print_json(&l, &out);
		else
			print_text(&l, &out);
		status = report_finish(&out);
	}
	list_release(&l);
	return status;
}
