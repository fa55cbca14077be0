/*
 * replay.c - runs a fuzz harness over files and directories, without a fuzzer
 *
 * Usage: fuzz_NAME FILE-OR-DIRECTORY...
 * `make fuzz` links the same harness with libFuzzer instead.
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static unsigned long replayed;

static int replay_file(const char *path)
{
	FILE *f = fopen(path, "rb");
	uint8_t *buf = NULL;
	size_t size = 0, got;
	struct stat st;

	if (!f || fstat(fileno(f), &st)) {
		perror(path);
		return 1;
	}
	size = (size_t)st.st_size;
	/* exactly as large as the input, so that a read past its end is a read past the block */
	buf = malloc(size ? size : 1);
	got = fread(buf, 1, size, f);
	fclose(f);
	LLVMFuzzerTestOneInput(buf, got);
	free(buf);
	replayed++;
	return 0;
}

static int replay(const char *path)
{
	struct dirent *d;
	char sub[4096];
	DIR *dir = opendir(path);
	int err = 0;

	if (!dir)
		return replay_file(path);
	while ((d = readdir(dir)))
		if (d->d_name[0] != '.') {
			snprintf(sub, sizeof(sub), "%s/%s", path, d->d_name);
			err |= replay(sub);
		}
	closedir(dir);
	return err;
}

int main(int argc, char **argv)
{
	int err = 0;

	for (int i = 1; i < argc; i++)
		err |= replay(argv[i]);
	printf("%sok 1 - %s: %lu inputs\n1..1\n", err || !replayed ? "not " : "", argv[0],
	       replayed);
	return err || !replayed;
}
