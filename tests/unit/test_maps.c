/*
 * Files that a process has mapped: found once, known by inode, opened whatever became of the name.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "attach/maps.h"
#include "tests/unit/tap.h"

struct want {
	const char *end; /* of the path */
	int found;
	struct maps_file file;
};

static int look(void *ctx, const struct maps_file *f)
{
	struct want *w = ctx;
	size_t n = strlen(f->path), m = strlen(w->end);

	if (n < m || strcmp(f->path + n - m, w->end))
		return 0;
	w->found++;
	w->file = *f;
	return 0;
}

static int look_exe(void *ctx, const struct maps_file *f)
{
	struct want *w = ctx;

	if (!f->is_exe)
		return 0;
	w->found++;
	w->file = *f;
	return 0;
}

static int stop(void *ctx, const struct maps_file *f)
{
	(void)f;
	++*(int *)ctx;
	return 77;
}

static struct want find(const char *end)
{
	struct want w = { .end = end };

	is_u64(-maps_each(getpid(), look, &w), 0, "maps can be read");
	return w;
}

/* A file with text and a mapping of it. */
static void map_file(const char *path, const char *text, int prot)
{
	int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0755);

	if (fd < 0 || write(fd, text, strlen(text)) < 0 || ftruncate(fd, 8192) ||
	    mmap(NULL, 4096, prot, MAP_PRIVATE, fd, 0) == MAP_FAILED)
		exit(1);
	close(fd);
}

static int opened_text(pid_t pid, const struct maps_file *f, char *buf, size_t size)
{
	int fd = maps_open(pid, f);
	ssize_t n;

	if (fd < 0)
		return fd;
	n = read(fd, buf, size - 1);
	buf[n > 0 ? strnlen(buf, (size_t)n) : 0] = '\0';
	close(fd);
	return 0;
}

static void ordinary(void)
{
	struct want w = { 0 };
	char text[64] = "";
	struct stat st;
	int calls = 0;

	map_file("code", "code of mine", PROT_READ | PROT_EXEC);
	map_file("code2", "other", PROT_READ | PROT_EXEC);
	map_file("data", "data", PROT_READ);
	w = find("/code");
	is_u64(w.found, 1, "a file is found");
	stat("code", &st);
	ok(w.file.ino == st.st_ino && !w.file.deleted && !w.file.is_exe, "and described");
	is_u64(-opened_text(getpid(), &w.file, text, sizeof(text)), 0, "and opened");
	is_str(text, "code of mine", "the same file");
	is_u64(find("/data").found, 0, "what is no code is left out");
	if (mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE, open("code", O_RDONLY), 4096) ==
	    MAP_FAILED)
		exit(1);
	is_u64(find("/code").found, 1, "mapped twice, found once");
	w = (struct want){ 0 };
	maps_each(getpid(), look_exe, &w);
	ok(w.found == 1 && strstr(w.file.path, "/test_maps"), "the program itself: %s",
	   w.file.path);
	is_u64(maps_each(getpid(), stop, &calls), 77, "fn's result ends it");
	is_u64(calls, 1, "at once");
}

static void names(void)
{
	struct want w;
	char text[64] = "";

	map_file("two\nlines", "newline", PROT_READ | PROT_EXEC);
	w = find("/two\nlines");
	is_u64(w.found, 1, "a name with a newline");
	opened_text(getpid(), &w.file, text, sizeof(text));
	is_str(text, "newline", "is opened");
	map_file("not really (deleted)", "there", PROT_READ | PROT_EXEC);
	w = find("/not really (deleted)");
	ok(w.found == 1 && !w.file.deleted, "a name that looks deleted");
	opened_text(getpid(), &w.file, text, sizeof(text));
	is_str(text, "there", "is opened, too");
}

/* May map_files be used here? */
static int may_open_mapped(void)
{
	struct want w = find("/code2");
	char path[128], text[8];

	snprintf(path, sizeof(path), "/proc/self/map_files/%llx-%llx",
		 (unsigned long long)w.file.start, (unsigned long long)w.file.end);
	return readlink(path, text, sizeof(text)) > 0 && access(path, R_OK) == 0;
}

static void replaced(void)
{
	struct want w;
	char text[64] = "";
	int err, may = may_open_mapped();

	map_file("lib", "old version", PROT_READ | PROT_EXEC);
	unlink("lib");
	w = find("/lib");
	ok(w.found == 1 && w.file.deleted, "a deleted file goes by its old name");
	err = opened_text(getpid(), &w.file, text, sizeof(text));
	ok(may ? !err && !strcmp(text, "old version") : err < 0,
	   may ? "and is opened" : "without privileges it is not opened");
	close(open("lib", O_RDWR | O_CREAT, 0644));
	err = opened_text(getpid(), &w.file, text, sizeof(text));
	ok(may ? !err && !strcmp(text, "old version") : err < 0,
	   "the one that took its place is not taken for it");
	munmap((void *)(uintptr_t)w.file.start, w.file.end - w.file.start);
	err = maps_open(getpid(), &w.file);
	ok(err == -ENOENT || err == -EPERM, "not mapped any more: %d", err);
}

static void no_process(void)
{
	struct want w = { .end = "" };
	pid_t pid = fork();

	if (!pid)
		_exit(0);
	waitpid(pid, NULL, 0);
	is_u64(-maps_each(pid, look, &w), ESRCH, "no such process");
	ok(!w.found, "has no files");
}

int main(void)
{
	char dir[] = "/tmp/zctrace-maps-XXXXXX", command[64];

	if (!mkdtemp(dir) || chdir(dir))
		return 1;
	ordinary();
	names();
	replaced();
	no_process();
	snprintf(command, sizeof(command), "rm -r %s", dir);
	return system(command) ? 1 : tap_done();
}
