/*
 * redact_scan.h - for masks: names and URIs, an octet at a time
 */
#ifndef ZC_PARSERS_REDACT_SCAN_H
#define ZC_PARSERS_REDACT_SCAN_H

#include "parsers/redact.h"

void redact_name_reset(struct redact_name *a);
void redact_name_add(struct redact_name *a, char c);
int redact_name_is_secret_field(const struct redact_name *a);
int redact_name_is_uri_field(const struct redact_name *a);

void redact_scan_uri(struct redact_scan *s);

/*
 * The octet at p, with what is known of the following ones up to end; more: the URI may go on
 * there, in which case an authority that is not complete is taken for userinfo. Is it secret?
 */
int redact_scan_step(struct redact_scan *s, const char *p, const char *end, int more);

#endif
