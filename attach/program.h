/*
 * program.h - which files the kernel will execute for a command
 */
#ifndef ZC_ATTACH_PROGRAM_H
#define ZC_ATTACH_PROGRAM_H

/*
 * Calls fn for the file that execvp(3) finds for `file`, and, if that is a script, for its
 * interpreter, or for the one that env(1) then finds. Not for what cannot be found or read.
 */
void program_files(const char *file, void (*fn)(void *ctx, const char *path), void *ctx);

#endif
