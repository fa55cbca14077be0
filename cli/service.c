#include "cli/service.h"

#include <ctype.h>
#include <limits.h>
#include <string.h>

/* Interpreters, and how their arguments name the program that they run. */
static const struct language {
	const char *exe; /* name of the executable, up to version digits */
	const char *runtime;
	const char *with_value; /* options whose value is the next argument */
	const char *program;	/* options whose value names the program */
	const char *inline_code; /* options after which there is no name */
	const char *suffix;
} languages[] = {
	{ "python", "python", " -W -X --check-hash-based-pycs ", " -m ", " -c ", ".py" },
	{ "pypy", "python", " -W -X ", " -m ", " -c ", ".py" },
	{ "node", "nodejs",
	  " -r --require --import --loader --experimental-loader -C --conditions --env-file "
	  "--inspect-port --title ",
	  " ", " -e --eval -p --print ", ".js .mjs .cjs .ts .mts" },
	{ "nodejs", "nodejs", " -r --require --import --loader -C --conditions --env-file ", " ",
	  " -e --eval -p --print ", ".js .mjs .cjs .ts .mts" },
	{ "bun", "bun", " -r --preload --env-file --port --cwd ", " run ", " -e --eval -p --print ",
	  ".js .mjs .cjs .ts .mts .jsx .tsx" },
	{ "deno", "deno", " -c --config --env-file --port --host ", " run serve ", " eval repl ",
	  ".js .mjs .cjs .ts .mts .jsx .tsx" },
	{ "java", "java",
	  " -cp -classpath --class-path -p --module-path --add-modules --add-opens "
	  "--add-exports --add-reads --upgrade-module-path --source ",
	  " -jar -m --module ", " ", ".jar .java" },
	{ "ruby", "ruby", " -I -r -C -E ", " ", " -e ", ".rb" },
	{ "php", "php", " -d -c -S -t -z ", " -f ", " -r ", ".php" },
	{ "php-fpm", "php", NULL, NULL, NULL, NULL },
	{ "perl", NULL, " -I -M ", " ", " -e -E ", ".pl .psgi" },
	{ "dotnet", "dotnet", " --fx-version --additionalprobingpath --depsfile --runtimeconfig ",
	  " exec ", " ", ".dll" },
};

/* Programs that only start others, and how these are named. */
static const struct launcher {
	const char *name;
	const char *app; /* options whose value names the application */
	const char *exec; /* a word behind which comes the program; NULL: module:object */
} launchers[] = {
	{ "gunicorn", " ", NULL },	  { "uvicorn", " ", NULL },
	{ "hypercorn", " ", NULL },	  { "daphne", " ", NULL },
	{ "granian", " ", NULL },	  { "waitress-serve", " --app ", NULL },
	{ "flask", " --app -A ", NULL }, { "celery", " -A --app ", NULL },
	{ "bundle", " ", "exec" },	 { "starman", " -a --app ", NULL },
	{ "plackup", " -a --app ", NULL }, { "twiggy", " -a --app ", NULL },
};

/* Main classes that tell less than the product that they belong to. */
static const char *const main_classes[][2] = {
	{ "org.apache.catalina.startup.Bootstrap", "tomcat" },
	{ "org.eclipse.jetty.start.Main", "jetty" },
};

/* Scripts and directories that are called the same everywhere. */
static const char plain_scripts[] =
	" __main__.py manage.py index.js index.mjs index.cjs index.ts index.tsx index.php ";
static const char plain_dirs[] = " . dist build src lib out bin public ";

struct args {
	const char *end;
	const char *cwd;
};

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/* Is it only a version of the interpreter, up to end, and a kind of build? Not python3-config. */
static int is_variant(const char *version, const char *end)
{
	return !*end || !strcmp(version, ".exe") ||
	       (end > version && (!strcmp(end, "t") || !strcmp(end, "d") || !strcmp(end, "td")));
}

static const struct language *language_of(const char *exe)
{
	const char *name = base_name(exe);

	for (size_t i = 0; i < sizeof(languages) / sizeof(languages[0]); i++) {
		size_t n = strlen(languages[i].exe);
		const char *version = name + n;

		/* python3.11, php8.2, python3.13t (without a lock), npm's bun.exe */
		if (!strncmp(name, languages[i].exe, n) &&
		    is_variant(version, version + strspn(version, "0123456789.")))
			return &languages[i];
	}
	return NULL;
}

const char *service_runtime(const char *exe)
{
	const struct language *l = language_of(exe);

	return l ? l->runtime : NULL;
}

/* Is word one of the words of list, which has blanks around each? */
static int listed(const char *list, const char *word)
{
	size_t n = strlen(word);

	for (const char *at = list; n && (at = strstr(at, word)); at += n) {
		if (at > list && at[-1] == ' ' && at[n] == ' ')
			return 1;
	}
	return 0;
}

static void copy(char *out, size_t size, const char *s, size_t n)
{
	n = n < size ? n : size - 1;
	memcpy(out, s, n);
	out[n] = '\0';
}

/* ---- arguments */

/* The argument after p, or NULL. */
static const char *next_arg(const char *p, const struct args *a)
{
	p += strlen(p) + 1;
	return p < a->end ? p : NULL;
}

/* The argument that names the program, or NULL. arg is what comes after the interpreter. */
static const char *find_program(const struct language *l, const char *arg, const struct args *a)
{
	while (arg) {
		if (listed(l->program, arg) && *arg == '-')
			return next_arg(arg, a);
		if (listed(l->program, arg)) { /* a word, behind which come more options */
			arg = next_arg(arg, a);
			continue;
		}
		if (listed(l->inline_code, arg))
			return NULL;
		if (*arg != '-' && *arg != '@') /* @: a file of more arguments, to java */
			return arg;
		if (listed(l->with_value, arg))
			arg = next_arg(arg, a);
		arg = arg ? next_arg(arg, a) : NULL;
	}
	return NULL;
}

/* Octets of a dotted name of Python at p. */
static size_t module_len(const char *p)
{
	size_t n = 0;

	if (!isalpha((unsigned char)*p) && *p != '_')
		return 0;
	while (isalnum((unsigned char)p[n]) || p[n] == '_' || p[n] == '.')
		n++;
	return n;
}

/* Is it module:object? An address (localhost:80, unix:/run/x) is not. */
static int is_application(const char *arg)
{
	size_t n = module_len(arg);

	return n && arg[n] == ':' && module_len(arg + n + 1);
}

/* Is it an application of Perl, by its name? */
static int is_psgi(const char *arg)
{
	size_t n = strlen(arg);

	return n > 5 && !strcmp(arg + n - 5, ".psgi");
}

/* What a launcher starts: an argument, or NULL. */
static const char *find_application(const struct launcher *l, const char *arg,
				    const struct args *a)
{
	const char *before = NULL;

	for (; arg; before = arg, arg = next_arg(arg, a)) {
		const char *value = strchr(arg, '=');
		char option[32];

		copy(option, sizeof(option), arg, value ? (size_t)(value - arg) : strlen(arg));
		if (l->exec && !strcmp(arg, l->exec))
			return next_arg(arg, a);
		if (listed(l->app, option))
			return value ? value + 1 : next_arg(arg, a);
		if (!l->exec && is_application(arg))
			return arg;
	}
	if (!l->exec && before && is_psgi(before))
		return before;
	/*
	 * gunicorn's object may be left out; the module comes last then, if it is not an option's
	 */
	if (!l->exec && *l->app == ' ' && !l->app[1] && before && strchr(before, '.') &&
	    module_len(before) == strlen(before))
		return before;
	return NULL;
}

static const struct launcher *launcher_of(const char *program)
{
	const char *name = base_name(program);

	for (size_t i = 0; i < sizeof(launchers) / sizeof(launchers[0]); i++)
		if (!strcmp(name, launchers[i].name))
			return &launchers[i];
	return NULL;
}

/* ---- names */

/* The last part of a path that is no plain directory, within `keep` octets of it. */
static int name_of_dir(const char *path, size_t keep, char *out, size_t size)
{
	char dir[PATH_MAX];

	copy(dir, sizeof(dir), path, keep);
	for (;;) {
		size_t n = strlen(dir);
		const char *name;

		while (n && dir[n - 1] == '/')
			dir[--n] = '\0';
		name = base_name(dir);
		if (!*name || !strcmp(name, ".."))
			return 0;
		if (!listed(plain_dirs, name)) {
			copy(out, size, name, strlen(name));
			return 1;
		}
		dir[name - dir] = '\0';
	}
}

/* After the directory that it is in, which may be the working directory. */
static int name_by_dir(const struct args *a, const char *path, size_t keep, char *out, size_t size)
{
	if (name_of_dir(path, keep, out, size))
		return 1;
	return *path != '/' && !strstr(path, "..") &&
	       name_of_dir(a->cwd, strlen(a->cwd), out, size);
}

static void name_java_class(const char **name, size_t *n)
{
	const char *dot;

	for (size_t i = 0; i < sizeof(main_classes) / sizeof(main_classes[0]); i++) {
		if (!strcmp(*name, main_classes[i][0])) {
			*name = main_classes[i][1];
			*n = strlen(*name);
			return;
		}
	}
	dot = strrchr(*name, '.'); /* com.example.Main */
	*n -= (size_t)(dot + 1 - *name);
	*name = dot + 1;
}

/* Cuts a suffix of the language. */
static void name_program(const struct language *l, const struct args *a, const char *arg, char *out,
			 size_t size)
{
	const char *name = base_name(arg), *dot = strrchr(name, '.');
	size_t n = strlen(name);

	if ((!n || !strcmp(name, ".") || listed(plain_scripts, name)) &&
	    name_by_dir(a, arg, n ? (size_t)(name - arg) : strlen(arg), out, size))
		return;
	if (dot && dot > name) {
		const char *suffix = strstr(l->suffix, dot);
		size_t len = strlen(dot);

		if (suffix && (!suffix[len] || suffix[len] == ' '))
			n -= len;
		else if (l->runtime && !strcmp(l->runtime, "java"))
			name_java_class(&name, &n);
	}
	copy(out, size, name, n);
}

/* module:object, or a path or module without one */
static void name_application(const struct language *l, const struct args *a, const char *app,
			     char *out, size_t size)
{
	if (is_application(app))
		copy(out, size, app, module_len(app));
	else
		name_program(l, a, app, out, size);
}

/*
 * "gunicorn: master [shop.wsgi:app]", "puma 6.4.0 (tcp://0.0.0.0:80) [shop]": what is in the last
 * brackets, if it is one word; else the first word.
 */
static void name_title(const struct language *l, const struct args *a, const char *title, char *out,
		       size_t size)
{
	size_t n = strlen(title);
	const char *open = strrchr(title, '['), *last = strrchr(title, ' ');

	if (last && is_psgi(last + 1)) { /* "starman worker --port 80 shop.psgi" */
		name_program(l, a, last + 1, out, size);
		return;
	}
	if (open && n && title[n - 1] == ']' && !strpbrk(open, " /")) {
		size_t len = is_application(open + 1) ? module_len(open + 1) : strlen(open + 1) - 1;

		copy(out, size, open + 1, len);
	} else {
		copy(out, size, title, strcspn(title, " :"));
	}
}

/* One string with blanks in it, and nothing but NULs behind. */
static int is_title(const char *cmdline, size_t n)
{
	size_t len = strnlen(cmdline, n);

	if (!len || len == n || !memchr(cmdline, ' ', len) || *cmdline == '/')
		return 0;
	for (size_t i = len; i < n; i++)
		if (cmdline[i])
			return 0;
	return 1;
}

/* php -S, which serves a directory, without a script that answers all: after that directory. */
static int name_served(const struct language *l, const char *arg, const struct args *a, char *out,
		       size_t size)
{
	const char *dir = ".", *serves = NULL;

	if (!l->runtime || strcmp(l->runtime, "php"))
		return 0;
	for (; arg; arg = next_arg(arg, a)) {
		if (!strcmp(arg, "-S"))
			serves = arg;
		if (!strcmp(arg, "-t"))
			dir = next_arg(arg, a);
		if (!dir)
			return 0;
	}
	return serves && name_by_dir(a, dir, strlen(dir), out, size);
}

static int name_by_args(const struct language *l, const char *cmdline, const struct args *a,
			char *out, size_t size)
{
	const char *program = find_program(l, next_arg(cmdline, a), a), *app;
	const struct launcher *launcher;

	if (!program)
		return name_served(l, next_arg(cmdline, a), a, out, size);
	if (!*program)
		return 0;
	launcher = launcher_of(program);
	app = launcher ? find_application(launcher, next_arg(program, a), a) : NULL;
	if (app && *app)
		name_application(l, a, app, out, size);
	else
		name_program(l, a, program, out, size);
	return *out != '\0';
}

/* "php-fpm: pool shop"; the pool that every configuration comes with says nothing. */
static void name_pool(const char *cmdline, size_t n, char *out, size_t size)
{
	static const char pool[] = "php-fpm: pool ";
	size_t len = sizeof(pool) - 1;

	if (n > len && !memcmp(cmdline, pool, len))
		copy(out, size, cmdline + len, strnlen(cmdline + len, n - len));
	if (!strcmp(out, "www"))
		*out = '\0';
}

/*
 * A program of many names (busybox, redis-check-rdb, which is redis-server as well) is called by
 * the one that it was started under: the first word of its title or arguments, if that is a plain
 * name.
 */
static void name_as_called(const char *exe, const char *cmdline, size_t n, char *out, size_t size)
{
	char first[64];
	size_t len = strnlen(cmdline, n);
	const char *name;

	copy(first, sizeof(first), cmdline, len);
	first[strcspn(first, " :")] = '\0';
	name = base_name(first);
	if (len &&
	    strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-+") ==
		    strlen(name) &&
	    *name != '-' && strlen(name) > 1 && strncmp(base_name(exe), name, strlen(name)) != 0)
		copy(out, size, name, strlen(name));
}

void service_name(const char *exe, const char *cmdline, size_t n, const char *cwd, char *out,
		  size_t size)
{
	const struct language *l = language_of(exe);
	const struct args a = { cmdline + n, cwd };

	*out = '\0';
	if (l && !l->program)
		name_pool(cmdline, n, out, size);
	if (l && l->program && n && is_title(cmdline, n))
		name_title(l, &a, cmdline, out, size);
	/* without its last NUL the arguments were cut */
	else if (l && l->program && n && !cmdline[n - 1] && name_by_args(l, cmdline, &a, out, size))
		return;
	/* one argument alone may be a name that the process has given itself: plackup */
	if (!*out && (!l || !l->program || (n && strnlen(cmdline, n) == n - 1)))
		name_as_called(exe, cmdline, n, out, size);
	if (!*out)
		copy(out, size, base_name(exe), strlen(base_name(exe)));
}
