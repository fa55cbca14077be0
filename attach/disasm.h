/*
 * disasm.h - the disassembler, there for as long as somebody needs it
 *
 * capstone's tables take megabytes of every process that links it, and are needed for some
 * milliseconds when a file is looked into. So it is loaded then and let go afterwards. In a static
 * program (ZC_STATIC), whose tables need no relocation, it is a part of it.
 */
#ifndef ZC_ATTACH_DISASM_H
#define ZC_ATTACH_DISASM_H

#include <capstone/capstone.h>

/* The functions of capstone by their names without cs_. */
struct disasm {
	__typeof__(&cs_open) open;
	__typeof__(&cs_close) close;
	__typeof__(&cs_option) option;
	__typeof__(&cs_malloc) malloc;
	__typeof__(&cs_free) free;
	__typeof__(&cs_disasm_iter) disasm_iter;
	__typeof__(&cs_regs_access) regs_access;
};

/*
 * NULL: the library is not there; then nothing is told of code. Each success is to be followed by
 * one disasm_put. Not for several threads at a time.
 */
const struct disasm *disasm_get(void);
void disasm_put(void);

/* A series of files has been looked into: lets the library go, unless somebody is using it. */
void disasm_rest(void);

#endif
