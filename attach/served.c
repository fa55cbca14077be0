#include "attach/served.h"

#include <stdlib.h>
#include <string.h>

#include "attach/attach_priv.h"

#define COMMAND_MAX 1024

struct served {
	unsigned n; /* in all */
	char *command[SERVED_MAX];
};

/* The arguments, joined by blanks. */
static void read_command(pid_t pid, char command[COMMAND_MAX])
{
	size_t n = proc_read(pid, "cmdline", command, COMMAND_MAX);

	while (n && !command[n - 1])
		n--;
	for (size_t i = 0; i < n; i++)
		if (!command[i])
			command[i] = ' ';
}

/* Programs put a title before what they were started with: "nginx: master process nginx -c ...". */
static int ends_with(const char *text, const char *end)
{
	size_t n = strlen(text), m = strlen(end);

	return m && n >= m && !strcmp(text + n - m, end) && (n == m || text[n - m - 1] == ' ');
}

int served_before(const struct attach *a, pid_t pid)
{
	char command[COMMAND_MAX];

	if (!a->served)
		return 0;
	read_command(pid, command);
	for (unsigned i = 0; i < SERVED_MAX && a->served->command[i]; i++)
		if (ends_with(a->served->command[i], command))
			return 1;
	return 0;
}

void served_learn(struct attach *a, pid_t pid)
{
	char path[32], command[COMMAND_MAX], *copy;

	if (!a->served)
		a->served = calloc(1, sizeof(*a->served));
	if (!a->served || served_before(a, pid))
		return;
	read_command(pid, command);
	copy = strdup(command);
	if (!copy)
		return;
	free(a->served->command[a->served->n % SERVED_MAX]);
	a->served->command[a->served->n++ % SERVED_MAX] = copy;
	snprintf(path, sizeof(path), "/proc/%d/exe", pid);
	exe_learn(a, path, ZC_EXE_SERVED);
}

void served_free(struct attach *a)
{
	for (unsigned i = 0; a->served && i < SERVED_MAX; i++)
		free(a->served->command[i]);
	free(a->served);
}
