/*
 * tap.h - the few lines that a unit test needs: numbered checks in TAP, a count at the end
 *
 * A test program includes this once, calls ok() and friends, and returns tap_done() from main.
 */
#ifndef ZC_TESTS_TAP_H
#define ZC_TESTS_TAP_H

#include <stdio.h>
#include <stdarg.h>
#include <string.h>
#include <stdint.h>

static int tap_count, tap_failed;

__attribute__((format(printf, 3, 4), unused)) static int tap_ok(int pass, const char *where,
								const char *fmt, ...)
{
	va_list ap;

	tap_count++;
	if (!pass)
		tap_failed++;
	printf("%sok %d - ", pass ? "" : "not ", tap_count);
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	printf("\n");
	if (!pass)
		printf("# failed at %s\n", where);
	fflush(stdout);
	return pass;
}

__attribute__((unused)) static int tap_eq_u64(uint64_t got, uint64_t want, const char *where,
					      const char *name)
{
	int pass = tap_ok(got == want, where, "%s", name);

	if (!pass)
		printf("# got %llu, want %llu\n", (unsigned long long)got,
		       (unsigned long long)want);
	return pass;
}

__attribute__((unused)) static int tap_eq_str(const char *got, const char *want, const char *where,
					      const char *name)
{
	int same = got && want ? !strcmp(got, want) : got == want;
	int pass = tap_ok(same, where, "%s", name);

	if (!pass)
		printf("# got  %s\n# want %s\n", got ? got : "(null)", want ? want : "(null)");
	return pass;
}

__attribute__((unused)) static int tap_done(void)
{
	printf("1..%d\n", tap_count);
	return tap_failed ? 1 : 0;
}

#define TAP_STR2(x) #x
#define TAP_STR(x) TAP_STR2(x)
#define TAP_HERE __FILE__ ":" TAP_STR(__LINE__)
#define ok(cond, ...) tap_ok(!!(cond), TAP_HERE, __VA_ARGS__)
#define is_u64(got, want, name) tap_eq_u64((uint64_t)(got), (uint64_t)(want), TAP_HERE, name)
#define is_str(got, want, name) tap_eq_str(got, want, TAP_HERE, name)

#endif
