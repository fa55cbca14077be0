/*
 * load.h - a library that only some runs need, loaded by them
 */
#ifndef ZC_CORE_LOAD_H
#define ZC_CORE_LOAD_H

#include <stddef.h>

struct load_symbol {
	const char *name;
	size_t at; /* offset in the table of functions */
};

/*
 * Loads the first of the files (ended by NULL) that there is, and fills the table. A handle for
 * dlclose(), or NULL: none is there, or one that lacks a function.
 */
void *load_library(const char *const *files, const struct load_symbol *symbol, size_t n,
		   void *table);

#endif
