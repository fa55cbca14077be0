/*
 * empty_probe.c - attaches the programs of empty.bpf.c until it is told to end
 * usage: empty_probe OBJECT CGROUP-ROOT
 */
#include <bpf/libbpf.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	struct bpf_object *obj = argc == 3 ? bpf_object__open_file(argv[1], NULL) : NULL;
	int cgroup = argc == 3 ? open(argv[2], O_RDONLY | O_DIRECTORY) : -1;
	struct bpf_program *prog;

	if (!obj || cgroup < 0 || bpf_object__load(obj)) {
		fprintf(stderr, "empty_probe: cannot load\n");
		return 1;
	}
	bpf_object__for_each_program(prog, obj) {
		struct bpf_link *link;

		link = strncmp(bpf_program__section_name(prog), "cgroup", 6) ?
			       bpf_program__attach(prog) :
			       bpf_program__attach_cgroup(prog, cgroup);
		if (!link) {
			fprintf(stderr, "empty_probe: cannot attach %s\n", bpf_program__name(prog));
			return 1;
		}
	}
	fprintf(stderr, "attached\n");
	pause();
	return 0;
}
