/*
 * form_scan.h - names and values of application/x-www-form-urlencoded that comes in pieces
 *
 * The first FORM_TEXT_MAX bytes of each, decoded; told as JSON's values are, the name as the path.
 */
#ifndef ZC_PARSERS_NAMES_FORM_SCAN_H
#define ZC_PARSERS_NAMES_FORM_SCAN_H

#include "parsers/names/json_scan.h"

#define FORM_TEXT_MAX 256u

struct form_scan {
	uint16_t nname, ntext;
	uint8_t in_value, cut, escape, code;
	char name[JSON_PATH_MAX], text[FORM_TEXT_MAX];
};

/* All zero at the beginning. The last value is told by a '&' behind it. */
void form_scan(struct form_scan *s, const uint8_t *p, size_t n, json_told *fn, void *ctx);

#endif
