/*
 * filter_program.h - private to the filter: what an expression is compiled to
 *
 * A program for a machine with one truth value: TEST sets it, NOT inverts it, and the jumps leave
 * out what cannot change the outcome. `a and not (b or c)` is
 *
 *     0 TEST a   1 UNLESS 6   2 TEST b   3 IF 5   4 TEST c   5 NOT   6
 */
#ifndef ZC_CLI_FILTER_PROGRAM_H
#define ZC_CLI_FILTER_PROGRAM_H

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "cli/filter.h"
#include "cli/filter_value.h"

enum test_op {
	OP_PRESENT,
	OP_EQ,
	OP_NE,
	OP_LT,
	OP_LE,
	OP_GT,
	OP_GE,
	OP_MATCH,
	OP_NO_MATCH,
	OP_ENTRY,
	OP_ROOT
};

struct test {
	unsigned field;
	enum test_op op;
	int any_case; /* method == get */
	int absent; /* tls == false: compare with absence instead of a value */
	int hundreds; /* compares with a class: status == 5xx */
	struct filter_number number;
	struct filter_prefix prefix;
	char *header; /* owned; the name of a header field, in place of the field */
	char *text; /* owned; text_len octets */
	size_t text_len;
	pcre2_code *regex;	 /* owned */
	pcre2_match_data *match; /* owned */
};

enum opcode { TEST, NOT, IF, UNLESS };

struct instruction {
	enum opcode code;
	unsigned arg; /* TEST: number of the test; IF, UNLESS: where to go on */
};

struct filter {
	struct instruction *code;
	struct test *tests;
	unsigned ncode, ntests;
	pcre2_compile_context *compile_limits;
	pcre2_match_context *match_limits;
	pcre2_jit_stack *stack;
	uint64_t given_up;
};

/* Compiles expr into f, which is empty. 0, or -1 with *err filled; f is to be freed either way. */
int filter_parse(struct filter *f, const char *expr, struct filter_error *err);

#endif
