/* disasm.c - see disasm.h */
#include "attach/disasm.h"

#include <dlfcn.h>
#include <stddef.h>

#include "core/load.h"

static struct disasm functions;
static void *library;
static unsigned users;

#ifdef ZC_STATIC

static int load(void)
{
	functions = (struct disasm){cs_open, cs_close,	     cs_option,	    cs_malloc,
				    cs_free, cs_disasm_iter, cs_regs_access};
	library = &functions;
	return 1;
}

static void unload(void)
{
}

#else

#define TEXT(x) #x
#define LIBRARY(major) "libcapstone.so." TEXT(major)

static void unload(void)
{
	dlclose(library);
}

static int load(void)
{
	static const char *const files[] = {LIBRARY(CS_API_MAJOR), NULL};
	static const struct load_symbol symbols[] = {
		{"cs_open", offsetof(struct disasm, open)},
		{"cs_close", offsetof(struct disasm, close)},
		{"cs_option", offsetof(struct disasm, option)},
		{"cs_malloc", offsetof(struct disasm, malloc)},
		{"cs_free", offsetof(struct disasm, free)},
		{"cs_disasm_iter", offsetof(struct disasm, disasm_iter)},
		{"cs_regs_access", offsetof(struct disasm, regs_access)},
	};

	library = load_library(files, symbols, sizeof(symbols) / sizeof(*symbols), &functions);
	return library != NULL;
}

#endif

const struct disasm *disasm_get(void)
{
	if (!library && !load())
		return NULL;
	users++;
	return &functions;
}

void disasm_put(void)
{
	users--;
}

void disasm_rest(void)
{
	if (users || !library)
		return;
	unload();
	library = NULL;
}
