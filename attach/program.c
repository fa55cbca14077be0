#include "attach/program.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define HEAD_MAX 256 /* BINPRM_BUF_SIZE: what the kernel reads of a script */
#define DEPTH 5	     /* of scripts whose interpreters are scripts, as in the kernel */

/* As execvp() looks for it. 1: found. */
static int find(const char *file, char path[PATH_MAX])
{
	const char *dirs = getenv("PATH");

	if (strchr(file, '/'))
		return (size_t)snprintf(path, PATH_MAX, "%s", file) < PATH_MAX;
	for (dirs = dirs ? dirs : "/bin:/usr/bin"; *dirs; dirs += *dirs == ':') {
		int n = (int)strcspn(dirs, ":");

		size_t size = (size_t)snprintf(path, PATH_MAX, "%.*s/%s", n ? n : 1,
					       n ? dirs : ".", file);

		if (size < PATH_MAX && !access(path, X_OK))
			return 1;
		dirs += n;
	}
	return 0;
}

/* The interpreter of a script's first line, or what it has env(1) look for. 0: there is none. */
static int interpreter(const char *path, char name[HEAD_MAX])
{
	char head[HEAD_MAX] = "", *word, *rest = NULL, *base;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? 0 : read(fd, head, sizeof(head) - 1);

	if (fd >= 0)
		close(fd);
	if (n < 3 || head[0] != '#' || head[1] != '!')
		return 0;
	head[strcspn(head, "\n")] = '\0';
	word = strtok_r(head + 2, " \t", &rest);
	base = word ? strrchr(word, '/') : NULL;
	if (base && !strcmp(base, "/env"))
		do
			word = strtok_r(NULL, " \t", &rest);
		while (word && (word[0] == '-' || strchr(word, '=')));
	if (word)
		memcpy(name, word, strlen(word) + 1);
	return word != NULL;
}

void program_files(const char *file, void (*fn)(void *ctx, const char *path), void *ctx)
{
	char path[PATH_MAX], name[HEAD_MAX];

	for (int i = 0; i < DEPTH && find(file, path); i++) {
		fn(ctx, path);
		if (!interpreter(path, name))
			return;
		file = name;
	}
}
