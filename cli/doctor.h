/*
 * doctor.h - --doctor: what can be seen here, what cannot, why, and the remedy
 */
#ifndef ZC_CLI_DOCTOR_H
#define ZC_CLI_DOCTOR_H

#include "cli/inventory.h"
#include "cli/options.h"
#include "cli/procinfo.h"
#include "cli/report.h"

/*
 * The host, then the selected processes. The exit status: EXIT_DONE if the preferred backend works,
 * EXIT_FAILED if only packets can be captured, EXIT_UNSUPPORTED if nothing can; EXIT_BAD_USAGE if a
 * selector is wrong.
 */
int doctor_run(const struct options *o);

/* One process: as lines for people, or as a line of JSON. */
void doctor_process_text(struct report *r, const struct proc_info *p, const struct inventory *inv);
void doctor_process_json(struct report *r, const struct proc_info *p, const struct inventory *inv);

#endif
