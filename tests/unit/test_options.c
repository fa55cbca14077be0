/*
 * test_options.c - the command line, names of processes, and secrets in recordings
 *
 * These parts of cli/ are not in the library, so they are compiled in here.
 */
#include "cli/duration.c"
#include "cli/elfkind.c"
#include "cli/filter_value.c"
#include "core/mask.c"
#include "cli/options.c"
#include "cli/options_check.c"
#include "cli/options_export.c"
#include "cli/options_table.c"
#include "cli/options_value.c"
#include "cli/ports.c"
#include "cli/container.c"
#define copy service_copy
#include "cli/service.c"
#undef copy
#include "cli/environ.c"
#include "cli/pod.c"
#include "cli/procread.c"
#include "cli/when.c"
#include "cli/zones.c"
#include "tests/unit/tap.h"

static int ports(const char *list, struct port_range *out, unsigned max, char *err, size_t errlen)
{
	int n = 0, more;

	*err = '\0';
	while ((more = ports_next(&list, &out[n], err, errlen)) > 0) {
		if (++n == (int)max)
			break;
	}
	return more < 0 ? more : n;
}

static void test_ports(void)
{
	static const char *const wrong_ones[] = {
		"0",	       "70000", "80-",	  "9000-8000", "abc",	    "",
		",",	       "80,",	"80,,81", "-80",       "80-90-100", "+80",
		"10.0.0.1:80", "80:",	":",	  "0x50",      "65536",	    "99999999999999999999",
		"80-65536",    "0-10",
	};
	struct port_range r[4];
	char err[256];

	is_u64(ports("80,443,8000-9000", r, 4, err, sizeof(err)), 3, "ports: a list");
	ok(r[0].first == 80 && r[0].last == 80 && r[1].first == 443 && r[2].first == 8000 &&
		   r[2].last == 9000,
	   "ports: as given");
	is_u64(ports("1-65535", r, 4, err, sizeof(err)), 1, "ports: all of them");
	is_u64(ports(" 80 443, http ", r, 4, err, sizeof(err)), 3, "ports: blanks, and a name");
	ok(r[0].first == 80 && r[1].first == 443 && r[2].first == 80 && r[2].last == 80,
	   "ports: as meant");
	is_u64(ports(":8000,localhost:81,[::1]:82", r, 4, err, sizeof(err)), 3,
	       "ports: of this host");
	ok(r[0].first == 8000 && r[1].first == 81 && r[2].last == 82, "ports: behind addresses");
	for (size_t i = 0; i < sizeof(wrong_ones) / sizeof(wrong_ones[0]); i++)
		ok(ports(wrong_ones[i], r, 4, err, sizeof(err)) == -EINVAL && *err &&
			   !strchr(err, '\n'),
		   "ports: '%s' is refused: %s", wrong_ones[i], err);
}

static void test_times(void)
{
	static const char *const wrong_ones[] = { "", "5", "s", "-1s", "1x", "0s", "1s ", "1.s",
						  ".5s", "1e3s", "999999999999d", "1s2" };
	uint64_t v = 0;

	ok(!duration_parse("30s", &v) && v == 30000000000u, "time: 30s");
	ok(!duration_parse("1.5s", &v) && v == 1500000000u, "time: 1.5s");
	ok(!duration_parse("1h30m", &v) && v == 5400000000000u, "time: 1h30m");
	ok(!duration_parse("250ms", &v) && v == 250000000u, "time: 250ms");
	ok(!duration_parse("100us1ns", &v) && v == 100001u, "time: 100us1ns");
	for (size_t i = 0; i < sizeof(wrong_ones) / sizeof(wrong_ones[0]); i++)
		ok(duration_parse(wrong_ones[i], &v) == -EINVAL, "time: '%s' is refused",
		   wrong_ones[i]);
	ok(!size_parse("4k", 1 << 20, &v) && v == 4096 && !size_parse("1M", 1 << 20, &v) &&
		   v == 1 << 20,
	   "size: with units");
	ok(!size_parse("64MiB", 1ull << 32, &v) && v == 64 << 20 &&
	   !size_parse("4g", 4ull << 30, &v) && v == 4ull << 30 &&
	   size_parse("5G", 4ull << 30, &v) &&
	   size_parse("3iB", 99, &v) && size_parse("iB", 99, &v) && size_parse("1MB", 1 << 30, &v),
	   "sizes: of memory");
	ok(size_parse("2M", 1 << 20, &v) && size_parse("k", 9, &v) && size_parse("0k", 9999, &v) &&
		   size_parse("1kk", 1 << 20, &v) && size_parse("", 9, &v),
	   "size: what is none");
	ok(!count_parse("18446744073709551615", UINT64_MAX, &v) && v == UINT64_MAX, "count: max");
	ok(count_parse("18446744073709551616", UINT64_MAX, &v) && count_parse("0", 9, &v) &&
		   count_parse("10", 9, &v) && count_parse("1x", 9, &v) && count_parse("", 9, &v),
	   "count: what is none");
}

static void test_points_in_time(void)
{
	static const char *const wrong_ones[] = {
		"",	 "x",	    "24:00",	   "10:60",	"10:40:61", "10:40:",  "10:4x",
		"1e99",	 "--5",	    "2025-12-08",  "10:40 ",	"-",	    "T10:40",
		"2025-12-08T10:40+01", "2025-12-08 10:40" };
	const uint64_t second = 1000000000, begin = 1700000000 * second; /* 22:13:20 */
	uint64_t v = 0;

	setenv("TZ", "UTC", 1);
	tzset();
	ok(!when_parse("22:14", begin, begin, &v) && v == begin + 40 * second, "when: 22:14");
	ok(!when_parse("22:13:40.5", begin, begin, &v) && v == begin + 20 * second + second / 2,
	   "when: 22:13:40.5");
	ok(!when_parse("22:00", begin, begin, &v) && v == begin - 800 * second,
	   "when: shortly before the beginning");
	ok(!when_parse("00:13:20", begin, begin, &v) && v == begin + 7200 * second,
	   "when: past midnight");
	ok(!when_parse("2023-11-14T22:14:00Z", 0, 0, &v) && v == begin + 40 * second &&
	   !when_parse("2023-11-14T22:14", 0, 0, &v) && v == begin + 40 * second, "when: a date");
	ok(!when_parse("90", begin, begin, &v) && v == begin + 90 * second &&
	   !when_parse("1m30s", begin, begin, &v) && v == begin + 90 * second,
	   "when: since the beginning");
	ok(!when_parse("+10", begin, begin + second, &v) && v == begin + 11 * second &&
	   !when_parse("-2.5s", begin, begin + 5 * second, &v) &&
	   v == begin + 5 * second / 2 && !when_parse("-1h", begin, begin + second, &v) &&
	   v == begin, "when: from now");
	ok(!when_parse("end", begin, begin, &v) && v == UINT64_MAX, "when: the end");
	for (size_t i = 0; i < sizeof(wrong_ones) / sizeof(wrong_ones[0]); i++)
		ok(when_parse(wrong_ones[i], begin, begin, &v), "when: '%s' is refused",
		   wrong_ones[i]);
}

/* Parses a command line of words. Messages go nowhere. */
static int parse_words(struct options *o, const char *words)
{
	static char buf[512];
	static char *argv[64];
	int argc = 0, status, saved = dup(2), null = open("/dev/null", O_WRONLY);

	snprintf(buf, sizeof(buf), "zctrace %s", words);
	for (char *p = strtok(buf, " "); p; p = strtok(NULL, " "))
		argv[argc++] = p;
	argv[argc] = NULL;
	dup2(null, 2);
	status = options_parse(o, argc, argv);
	dup2(saved, 2);
	close(saved);
	close(null);
	return status;
}

static void refused(const char *words, const char *because)
{
	struct options o;
	int status = parse_words(&o, words);

	ok(status == EXIT_BAD_USAGE && strstr(o.error, because) && !strchr(o.error, '\n'),
	   "options: '%s' is refused: %s", words, o.error);
	options_release(&o);
}

static void test_options(void)
{
	struct options o;

	is_u64(parse_words(&o,
			   "-P 80,8000-8010 -p 1 -p 2,3 -c nginx* -o json --header=* --header A "
			   "--body 64 -n 5 -d 2s --role both --no-downstream --unmatched=path "
			   "--route /a --route /b -f x --no-redact -w f -q"),
	       0, "options: many");
	ok(o.nports == 2 && o.npids == 3 && o.pids[2] == 3 && o.comms.n == 1 && o.headers.n == 2 &&
		   o.body == 64 && o.count == 5 && o.duration_ns == 2000000000u &&
		   o.role == ATTACH_ROLE_BOTH && o.no_downstream && o.unmatched == ROUTE_PATH &&
		   o.routes.n == 2 && !strcmp(o.routes.v[1], "/b") && o.no_redact && o.quiet &&
		   o.noutputs == 1 && o.outputs[0].format == OUTPUT_JSON &&
		   !o.outputs[0].file && o.capture == CAPTURE_AUTO && !o.command,
	   "options: as given");
	options_release(&o);
	is_u64(parse_words(&o, "-q -- ls -l --color"), 0, "options: a command");
	ok(o.command && !strcmp(o.command[0], "ls") && !strcmp(o.command[2], "--color") &&
		   !o.command[3],
	   "options: with what belongs to it");
	options_release(&o);
	is_u64(parse_words(&o, "-i lo"), 0, "options: an interface needs no selector");
	ok(o.capture == CAPTURE_PACKET, "options: and means packets");
	options_release(&o);
	is_u64(parse_words(&o, "-r f -w -"), 0, "options: a recording to standard output");
	ok(!o.noutputs, "options: takes it for itself");
	options_release(&o);
	is_u64(parse_words(&o, "-r f -o json=a=b -o waterfall=w -o top --body 1 --slowest 3"), 0,
	       "options: several outputs");
	ok(o.noutputs == 3 && o.outputs[0].format == OUTPUT_JSON &&
		   !strcmp(o.outputs[0].file, "a=b") && o.outputs[1].format == OUTPUT_WATERFALL &&
		   o.outputs[2].format == OUTPUT_TOP && !o.outputs[2].file &&
		   options_use_stdout(&o),
	   "options: each with its file, what it says for one is for all");
	options_release(&o);
	is_u64(parse_words(&o, "-r f -w - -o json=a"), 0,
	       "options: a recording to standard output, spans to a file");
	options_release(&o);
	is_u64(parse_words(&o, "-o json=a -- ls"), 0, "options: spans to a file, beside a command");
	ok(o.noutputs == 1 && !options_use_stdout(&o),
	   "options: and nothing of ours beside its output");
	options_release(&o);
	is_u64(parse_words(&o, "-r f -o json=-"), 0, "options: - is standard output");
	ok(!o.outputs[0].file, "options: also for an output");
	options_release(&o);

	refused("", "nothing to trace");
	refused("-o json", "nothing to trace");
	refused("--", "nothing to trace");
	refused("-P 0", "port '0'");
	refused("-P 80 -o tip", "must be one of text, brief, json, summary");
	refused("-P 80 --capture syscall", "must be one of auto, skb, packet");
	refused("-P 80 --unmatched x", "must be one of");
	refused("-P 80 --role x", "must be one of server, client, both");
	refused("-P 80 -d 0", "duration '0'");
	refused("-P 80 -d 5.", "duration '5.'");
	refused("-P 80 -n 0", "count '0'");
	refused("-P 80 --body 99999999", "at most 1048576");
	refused("-P 80 -o json --sort p99", "-o summary");
	refused("-P 80 -o summary --sort x", "must be one of count");
	refused("-P 80 --header Host", "-o json");
	refused("-P 80 -w - -o json", "standard output");
	refused("-p 0", "pid '0'");
	refused("-p x", "pid 'x'");
	refused("-r f -p 1", "--pid");
	refused("-r f -- ls", "COMMAND");
	refused("-r f -i lo", "-r reads a file");
	refused("-i lo -c x", "--comm");
	refused("-i lo --capture skb", "leave out one");
	refused("-a --no-downstream", "--port");
	refused("-a --role client", "--port");
	refused("-a curl", "-- curl runs it");
	refused("--prot 80", "did you mean --port?");
	refused("-P 80 -o jsno", "did you mean json?");
	refused("-P 80 -o jsno=x", "output 'jsno': must be one of");
	refused("-P 80 -o json -o top", "give one a file: -o json=FILE");
	refused("-P 80 -o top -o text", "give one a file: -o text=FILE");
	refused("-P 80 -o json -o json=-", "standard output");
	refused("-P 80 -w - -o json=-", "standard output");
	refused("-P 80 -o json=", "a file must be named");
	refused("-P 80 -o top=x", "terminal");
	refused("-P 80 -o json=a --slowest 3 -o text", "-o waterfall");
	refused("--list -o json=a", "on standard output");
	refused("-P 80 -o text=1 -o text=2 -o text=3 -o text=4 -o text=5 -o text=6 -o text=7 -o "
		"text=8 "
		"-o text=9",
		"more than 8");
}

static void is_service(const char *exe, const char *cmdline, size_t n, const char *want)
{
	char service[64];

	service_name(exe, cmdline, n, "/srv/shop", service, sizeof(service));
	is_str(service, want, want);
}
#define SERVICE(exe, cmdline, want) is_service(exe, "" cmdline, sizeof(cmdline), want)

static void test_names(void)
{
	char id[80], line[160];

	SERVICE("/usr/sbin/nginx", "nginx: worker process", "nginx");
	SERVICE("/usr/bin/python3.11", "python3\0-u\0-W\0ignore\0/srv/app.py\0-m", "app");
	SERVICE("/usr/bin/python3", "python3\0-m\0http.server\08000", "http.server");
	SERVICE("/usr/bin/python3", "python3\0-c\0print()", "python3");
	SERVICE("/usr/bin/python3", "python3\0-m\0shop", "shop");
	SERVICE("/usr/bin/python3", "python3\0.", "shop");
	SERVICE("/usr/bin/python3", "python3\0tools/", "tools");
	SERVICE("/usr/bin/python3", "python3\0manage.py\0runserver", "shop");
	SERVICE("/usr/bin/python3", "python3\0../manage.py\0runserver", "manage");
	SERVICE("/usr/bin/python3", "python3\0/usr/bin/gunicorn\0app:app", "app");
	SERVICE("/usr/bin/python3",
		"python3\0/usr/bin/gunicorn\0-w\04\0-b\0localhost:80\0shop.wsgi", "shop.wsgi");
	SERVICE("/usr/bin/python3", "python3\0/usr/bin/gunicorn\0-c\0conf.py\0-k\0gevent",
		"gunicorn");
	SERVICE("/usr/bin/python3", "python3\0-m\0uvicorn\0--host\0::\0shop.main:app\0--reload",
		"shop.main");
	SERVICE("/usr/bin/python3", "python3\0/usr/bin/flask\0--app\0shop/web.py\0run", "web");
	SERVICE("/usr/bin/python3", "python3\0/usr/bin/flask\0run", "flask");
	SERVICE("/usr/bin/python3", "python3\0/usr/bin/celery\0--app=jobs\0worker", "jobs");
	SERVICE("/usr/bin/python3", "gunicorn: master [shop.wsgi:app]\0\0\0", "shop.wsgi");
	SERVICE("/usr/bin/ruby3.1", "puma 6.4.0 (tcp://0.0.0.0:80) [orders]", "orders");
	SERVICE("/usr/bin/ruby3.1", "unicorn master -c unicorn.rb", "unicorn");
	SERVICE("/usr/bin/ruby3.1", "sidekiq 7.1 shop [0 of 5 busy]", "sidekiq");
	SERVICE("/usr/bin/ruby3.1", "ruby\0/usr/bin/bundle\0exec\0puma\0-p\080", "puma");
	SERVICE("/usr/bin/node", "node\0.", "shop");
	SERVICE("/usr/bin/node", "node\0/opt/cart/", "cart");
	SERVICE("/usr/bin/node", "node\0/opt/cart/dist/index.js", "cart");
	SERVICE("/usr/bin/node", "node\0src/index.js", "shop");
	SERVICE("/usr/bin/node", "node\0--env-file\0.env\0--max-old-space-size=99\0api.mjs", "api");
	SERVICE("/usr/lib/jvm/bin/java", "java\0-Dx=y\0Hello.java\0arg", "Hello");
	SERVICE("/usr/lib/jvm/bin/java", "java\0--source\017\0/srv/Hello.java", "Hello");
	SERVICE("/usr/lib/jvm/bin/java", "java\0@args\0-m\0com.shop/com.shop.Cart", "Cart");
	SERVICE("/usr/lib/jvm/bin/java",
		"java\0-cp\0x\0org.apache.catalina.startup.Bootstrap\0start", "tomcat");
	SERVICE("/usr/bin/perl", "perl\0-I\0lib\0app.psgi", "app");
	SERVICE("/usr/bin/perl", "/usr/bin/perl\0/usr/bin/starman\0--port\080\0/srv/cart.psgi",
		"cart");
	SERVICE("/usr/bin/perl", "starman worker --port 80 /srv/cart.psgi", "cart");
	SERVICE("/usr/bin/perl", "perl\0/usr/bin/plackup\0-a\0pay.psgi\0-p\080", "pay");
	SERVICE("/opt/bun", "bun\0run\0--watch\0api.ts", "api");
	SERVICE("/opt/bun", "bun\0server.tsx", "server");
	SERVICE("/opt/node_modules/bun/bin/bun.exe", "bun\0api.ts", "api");
	SERVICE("/usr/bin/python3.13t", "python3.13t\0cart.py", "cart");
	SERVICE("/usr/bin/python3-config", "python3-config\0cart.py", "python3-config");
	SERVICE("/opt/deno", "deno\0run\0--allow-net\0/srv/cart/index.ts", "cart");
	SERVICE("/opt/deno", "deno\0serve\0--port\080\0api.ts", "api");
	SERVICE("/opt/deno", "deno\0eval\0x()", "deno");
	SERVICE("/usr/bin/python3", "python3\0/srv/shop/__main__.py", "shop");
	SERVICE("/usr/bin/python3", "python3", "python3");
	SERVICE("/usr/bin/node", "node\0--require\0x.js\0--inspect\0server.js", "server");
	SERVICE("/usr/lib/jvm/bin/java", "java\0-Xmx1g\0-jar\0/opt/shop-1.2.jar", "shop-1.2");
	SERVICE("/usr/lib/jvm/bin/java", "java\0-cp\0a:b\0com.example.Main\0x", "Main");
	SERVICE("/usr/bin/ruby", "ruby\0bin/rails.rb\0s", "rails");
	SERVICE("/usr/bin/dotnet", "dotnet\0Shop.Api.dll", "Shop.Api");
	SERVICE("/usr/bin/php-fpm8.2", "php-fpm: pool www", "php-fpm8.2");
	SERVICE("/usr/bin/php-fpm8.2", "php-fpm: pool shop", "shop");
	SERVICE("/usr/bin/php8.2", "php\0-S\0localhost:80\0-t\0/srv/shop/public", "shop");
	SERVICE("/usr/bin/php8.2", "php\0-S\0localhost:80\0/srv/shop/index.php", "shop");
	SERVICE("/usr/bin/php8.2", "php\0-S\0localhost:80\0-t", "php8.2");
	SERVICE("/usr/bin/perl", "/usr/bin/plackup", "plackup");
	SERVICE("/usr/bin/perl", "perl", "perl");
	SERVICE("/usr/bin/redis-check-rdb", "redis-server 127.0.0.1:6379", "redis-server");
	SERVICE("/usr/bin/busybox", "busybox\0httpd\0-f", "busybox");
	SERVICE("/usr/bin/busybox", "/sbin/httpd\0-f", "httpd");
	SERVICE("/usr/bin/bash", "-bash", "bash");
	is_service("/usr/bin/python3", "python3\0cut of", 14, "python3");
	is_service("/usr/bin/python3", "", 0, "python3");
	is_str(service_runtime("/usr/bin/python3.11"), "python", "runtime: python");
	is_str(service_runtime("/usr/bin/nodejs"), "nodejs", "runtime: nodejs");
	is_str(service_runtime("/usr/bin/node_exporter"), NULL, "runtime: not nodejs");
	is_str(service_runtime("/opt/bun/bin/bun.exe"), "bun", "runtime: bun of npm");
	is_str(service_runtime("/usr/bin/nodet"), NULL, "runtime: a build without a version");

	memset(id, 'a', 64);
	id[64] = '\0';
	snprintf(line, sizeof(line), "0::/system.slice/docker-%s.scope\n", id);
	ok(proc_container_id(line) == line + 24, "container: found");
	id[63] = '\0';
	snprintf(line, sizeof(line), "0::/system.slice/docker-%s.scope\n", id);
	ok(!proc_container_id(line), "container: too short for one");
	snprintf(line, sizeof(line), "0::/x/%saaa\n", id);
	ok(!proc_container_id(line), "container: too long for one");
}

/* Writes text into root/path, whose directories it makes. */
static void put_file(const char *root, const char *path, const char *text)
{
	char full[PATH_MAX];
	FILE *f;

	snprintf(full, sizeof(full), "%s%s", root, path);
	for (char *slash = full + strlen(root) + 1; (slash = strchr(slash, '/')); slash++) {
		*slash = '\0';
		mkdir(full, 0700);
		*slash = '/';
	}
	f = fopen(full, "w");
	if (!f || fputs(text, f) < 0 || fclose(f))
		abort();
}

#define ID(c) c c c c c c c c c c c c c c c c
#define RUNC "/run/containerd/io.containerd.runtime.v2.task/"

#define UID "0a1b2c3d-1111-2222-3333-0123456789ab"

static int count_pod(void *ctx, const struct pod *p)
{
	++*(int *)ctx;
	return !strcmp(p->name, "stop") ? 7 : 0;
}

static void try_pod(const char *name, const char *resource)
{
	struct pod p = { .space = "shop", .uid = UID };
	char text[512] = "a=b";

	snprintf(p.name, sizeof(p.name), "%s", name);
	pod_resource(&p, text, sizeof(text));
	is_str(text, resource, "pod: its resource");
}

static void test_pods(void)
{
	char root[] = "/tmp/zctrace-unit.XXXXXX", command[64], little[60] = "";
	char uid[POD_UID_LEN + 1];
	struct pod p = { .space = "shop", .name = "cart", .uid = UID };
	int n = 0;

	if (!mkdtemp(root))
		abort();
	ok(!pod_uid("0::/k.slice/kubepods-pod0a1b2c3d_1111_2222_3333_0123456789ab.slice/x", uid),
	   "pod: a slice of systemd");
	is_str(uid, UID, "pod: its UID");
	ok(!pod_uid("0::/kubepods/burstable/pod" UID "/0123", uid), "pod: a group of cgroupfs");
	ok(pod_uid("0::/system.slice/podman.service", uid) == -ENOENT &&
	   pod_uid("0::/pod0a1b2c3d-1111", uid) == -ENOENT && pod_uid("", uid) == -ENOENT,
	   "pod: other groups are of none");
	ok(pod_find(root, UID, &p) == -ENOENT &&
	   pod_each(root, NULL, NULL, count_pod, &n) == -ENOENT,
	   "pod: no kubelet");
	put_file(root, "/var/log/pods/shop_cart-x_" UID "/cart/0.log", "");
	put_file(root, "/var/log/pods/shop_stop_" "1" UID "/x", "");
	put_file(root, "/var/log/pods/kube_a_b_" UID "/x", "");
	put_file(root, "/var/log/pods/shop__" UID "/x", "");
	put_file(root, "/var/log/pods/web_cart-x_1a1b2c3d-1111-2222-3333-0123456789ab/0.log", "");
	ok(!pod_find(root, UID, &p) && !strcmp(p.space, "shop") && !strcmp(p.name, "cart-x"),
	   "pod: by its UID: %s/%s", p.space, p.name);
	ok(!pod_each(root, NULL, "cart-x", count_pod, &n) && n == 2, "pod: by name, %d", n);
	ok(!pod_each(root, "web", NULL, count_pod, &n) && n == 3, "pod: by namespace, %d", n);
	ok(pod_each(root, "web", "other", count_pod, &n) == -ENOENT && n == 3, "pod: not here");
	try_pod("cart", "a=b,k8s.namespace.name=shop,k8s.pod.name=cart,k8s.pod.uid=" UID);
	try_pod("cart-7d9f4c6b5d-x2x5k",
		"a=b,k8s.namespace.name=shop,k8s.pod.name=cart-7d9f4c6b5d-x2x5k,"
		"k8s.deployment.name=cart,zctrace.inferred=k8s.deployment.name,k8s.pod.uid=" UID);
	try_pod("db-0", "a=b,k8s.namespace.name=shop,k8s.pod.name=db-0,k8s.statefulset.name=db,"
			"zctrace.inferred=k8s.statefulset.name,k8s.pod.uid=" UID);
	try_pod("-x2x5k", "a=b,k8s.namespace.name=shop,k8s.pod.name=-x2x5k,k8s.pod.uid=" UID);
	pod_resource(&p, little, sizeof(little));
	is_str(little, "k8s.namespace.name=shop,k8s.pod.name=cart-x", "pod: whole attributes only");
	snprintf(command, sizeof(command), "rm -r %s", root);
	if (system(command))
		abort();
}

static void test_container_names(void)
{
	char root[] = "/tmp/zctrace-unit.XXXXXX", name[64], command[64];

	if (!mkdtemp(root))
		abort();
	ok(container_name(root, ID("aaaa"), name, sizeof(name)) == -ENOENT, "container: no engine");
	put_file(root, "/var/lib/docker/containers/" ID("aaaa") "/config.v2.json",
		 "{\"Config\":{\"Env\":[\"A=\\\"Name\\\":\\\"/no\\\"\"]},\"MountPoints\":{\"/x\":"
		 "{\"Name\":\"volume\"}},\"Name\":\"/envoy-1\",\"Driver\":\"overlay2\"}");
	put_file(root, RUNC "k8s.io/" ID("bbbb") "/config.json",
		 "{\"annotations\":{\"io.kubernetes.cri.container-name\":\"cart\"}}");
	put_file(root, RUNC "default/" ID("cccc") "/config.json",
		 "{\"annotations\":{\"nerdctl/name\":\"web\"}}");
	put_file(root, "/var/lib/containers/storage/overlay-containers/containers.json",
		 "[{\"id\":\"" ID("dddd") "\",\"image\":\"x\"},{\"id\":\"" ID("eeee")
		 "\",\"names\":[\"pod_man\"],\"image\":\"x\"}]");
	ok(!container_name(root, ID("aaaa"), name, sizeof(name)), "container: Docker");
	is_str(name, "envoy-1", "container: Docker's name for it");
	ok(!container_name(root, ID("bbbb"), name, sizeof(name)), "container: Kubernetes");
	is_str(name, "cart", "container: Kubernetes' name for it");
	ok(!container_name(root, ID("cccc"), name, sizeof(name)), "container: nerdctl");
	is_str(name, "web", "container: nerdctl's name for it");
	ok(!container_name(root, ID("eeee"), name, sizeof(name)), "container: Podman");
	is_str(name, "pod_man", "container: Podman's name for it");
	ok(container_name(root, ID("dddd"), name, sizeof(name)) == -ENOENT,
	   "container: one without a name has not that of the next");
	ok(container_name(root, ID("eeee"), name, 4) == -ENOENT, "container: a name too long");
	snprintf(command, sizeof(command), "rm -r %s", root);
	ok(!system(command), "container: cleaned up");
}

static void test_own_names(void)
{
	struct proc_identity a, b;
	struct zc_ev_names names = { 0 };
	uint32_t self = (uint32_t)getpid();

	ok(!proc_identity_read(self, &a) && !proc_identity_read(self, &b) &&
		   !memcmp(&a, &b, sizeof(a)) && a.start && a.inode,
	   "identity: our own does not change");
	ok(proc_identity_read(1u << 23, &a) == -ESRCH && !a.start, "identity: of nobody");
	ok(!proc_names_read(self, &names) && !strcmp(names.service, "test_options"), "names: ours");
	is_str(names.runtime, "generic", "names: a C program's runtime");
	ok(proc_names_read(1u << 23, &names) == -ESRCH, "names: of nobody");
	ok(elf_kind_of("/dev/null") == ELF_OTHER && elf_kind_of("/nonexistent") == ELF_OTHER &&
		   elf_kind_of("/") == ELF_OTHER,
	   "elf: what is none");
}

/* Feeds text as one segment and says what became of it. */
static const char *masked(struct mask *m, uint32_t seq, const char *text, uint32_t missing)
{
	static uint8_t payload[256];
	struct zc_ev_segment seg = {
		.ev = { .kind = ZC_EV_SEGMENT, .conn = 7 },
		.seq = seq,
		.orig_len = (uint32_t)strlen(text) + missing,
		.cap_len = (uint32_t)strlen(text),
		.dir = ZC_RX,
	};

	memcpy(payload, text, strlen(text) + 1);
	mask__segment(m, &seg, payload);
	return (const char *)payload;
}

static void test_mask(void)
{
	static const char head[] = "GET / HTTP/1.1\r\nCookie: a=";
	struct mask *m = mask__new(0);
	uint32_t seq = 0xfffffff0u, next = seq + sizeof(head) - 1;

	is_str(masked(m, seq, head, 0), "GET / HTTP/1.1\r\nCookie: xx", "mask: first half");
	is_str(masked(m, next, "secret\r\n\r\n", 0), "xxxxxx\r\n\r\n",
	       "mask: the value goes on in the next segment");
	is_str(masked(m, next, "secret\r\n\r\n", 0), "xxxxxx\r\n\r\n",
	       "mask: when it comes again, too");
	is_str(masked(m, next + 10, "GET /b HTTP/1.1\r\nX: y\r\n\r\n", 0),
	       "GET /b HTTP/1.1\r\nX: y\r\n\r\n", "mask: the rest stays");
	mask__forget(m, 7);

	/* the middle comes last */
	masked(m, 100, "GET / HTTP/1.1\r\nCookie: a", 0);
	masked(m, 135, "GET /c HTTP/1.1\r\n\r\n", 0);
	is_str(masked(m, 125, "bc\r\nX: y\r\n\r\n", 0), "xx\r\nX: y\r\n\r\n",
	       "mask: late into a gap");
	for (uint64_t conn = 8; conn < 100000; conn++) {
		struct zc_ev_segment seg = { .ev.conn = conn, .orig_len = 1, .cap_len = 1 };
		uint8_t octet = 'x';

		mask__segment(m, &seg, &octet);
	}
	is_str(masked(m, 900, "GET / HTTP/1.1\r\nCookie: a\r\n", 0),
	       "GET / HTTP/1.1\r\nCookie: x\r\n", "mask: a full table still works");
	mask__forget(m, 7);
	is_str(masked(m, 2000, "sesame", 0), "xxxxxx",
	       "mask: what is not known is recorded by length");
	mask__free(m);
}

#define PREFACE "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
#define HEADERS(length) "\0\0" length "\1\4\0\0\0\1\x82\x86"
#define COOKIE(c) HEADERS("\6") "\x0f\x11\1" c     /* not inserted */
#define ETAG(c) HEADERS("\6") "\x84\x62\1" c	  /* inserted */
#define NEWEST(c) HEADERS("\6") "\x84\x7e\1" c /* with the name of the newest entry */

static void h2_part(struct mask *m, uint32_t seq, const char *in, const char *want, size_t n,
		    const char *name)
{
	uint8_t payload[128];
	struct zc_ev_segment seg = {
		.ev = { .kind = ZC_EV_SEGMENT, .conn = 9 },
		.seq = seq,
		.orig_len = (uint32_t)n,
		.cap_len = (uint32_t)n,
		.dir = ZC_TX,
	};

	memcpy(payload, in, n);
	mask__segment(m, &seg, payload);
	ok(!memcmp(payload, want, n), "mask: HTTP/2: %s", name);
}
#define H2_PART(seq, in, want, name) h2_part(m, seq, in, want, sizeof(in) - 1, name)

static void test_mask_http2(void)
{
	struct mask *m = mask__new(0);
	uint32_t at = 0xffffffe0u, frame = 15;

	H2_PART(at, PREFACE, PREFACE, "preface");
	at += 24;
	H2_PART(at, ETAG("a"), ETAG("a"), "no secret");
	H2_PART(at, ETAG("a"), ETAG("a"), "again");
	H2_PART(at, ETAG("a") COOKIE("b"), ETAG("a") COOKIE("x"), "again, with more behind it");
	H2_PART(at + 2 * frame, NEWEST("c"), NEWEST("c"), "the table is known as before");
	at += 6 * frame;
	H2_PART(at, COOKIE("f"), COOKIE("x"), "behind a gap");
	H2_PART(at - 3 * frame, ETAG("d"), ETAG("d"), "the gap's first part");
	H2_PART(at - 2 * frame, NEWEST("e"), NEWEST("e"), "the gap's second part");
	H2_PART(at - frame, COOKIE("e"), COOKIE("x"), "the gap's last part");
	H2_PART(at + frame, NEWEST("g"), NEWEST("x"), "what was inserted in the gap stays unknown");
	H2_PART(at - 5 * frame, COOKIE("b"), COOKIE("x"), "something old");
	mask__free(m);
}

static const char *zone_of(const struct zones *z, const char *address)
{
	struct filter_prefix p;
	const char *why;

	value_prefix(address, strlen(address), &p, &why);
	return zones_name(z, p.addr);
}

static void test_zones(void)
{
	static const char *const bad[] = {"", "a", "=10.0.0.0/8", "a=", "a=10.0.0.0/33", "a=b"};
	struct zones z = {0};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ok(zones_add(&z, bad[i]) != NULL, "no zone: '%s'", bad[i]);
	ok(!zones_add(&z, "a=10.0.0.0/8") && !zones_add(&z, "b=10.2.0.0/16") &&
		   !zones_add(&z, "a=fd00::/8") && !zones_add(&z, "one=10.2.0.9"), "zones");
	is_str(zone_of(&z, "10.1.2.3"), "a", "in a prefix");
	is_str(zone_of(&z, "10.2.2.3"), "b", "in a longer one");
	is_str(zone_of(&z, "10.2.0.9"), "one", "an address");
	ok(zone_of(&z, "fd12::1") == zone_of(&z, "10.1.2.3"), "a zone of both versions is one");
	ok(!zone_of(&z, "11.0.0.1"), "elsewhere");
	zones_release(&z);
}

int main(void)
{
	test_zones();
	test_mask_http2();
	test_ports();
	test_times();
	test_points_in_time();
	test_options();
	test_names();
	test_pods();
	test_container_names();
	test_own_names();
	test_mask();
	return tap_done();
}
