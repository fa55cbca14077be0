#include "core/load.h"

#include <dlfcn.h>

void *load_library(const char *const *files, const struct load_symbol *symbol, size_t n,
		   void *table)
{
	void *library = NULL;

	while (!library && *files)
		library = dlopen(*files++, RTLD_LAZY | RTLD_LOCAL);
	for (size_t i = 0; library && i < n; i++) {
		void *f = dlsym(library, symbol[i].name);

		if (!f) {
			dlclose(library);
			library = NULL;
		}
		*(void **)((char *)table + symbol[i].at) = f;
	}
	return library;
}
