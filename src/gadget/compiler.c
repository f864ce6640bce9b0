/* SPDX-License-Identifier: Apache-2.0 */
#include "gadget/compiler.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MAX_ARGS = 96, MAX_ENV = 4096 };

static const struct {
	const char *name, *target, *triplet;
} architectures[] = {
	{ "amd64", "x86", "x86_64-linux-gnu" },
	{ "arm64", "arm64", "aarch64-linux-gnu" },
};

const char *const compiler_architectures[COMPILER_ARCHITECTURES] = { "amd64", "arm64" };

static bool is_there(const char *path)
{
	return access(path, F_OK) == 0;
}

/* ---- running programs ------------------------------------------------------ */

/* What would make clang look for headers elsewhere, or change what it writes. */
static bool changes_objects(const char *setting)
{
	static const char *const names[] = {
		"CPATH=",  "C_INCLUDE_PATH=", "CCC_OVERRIDE_OPTIONS=", "SOURCE_DATE_EPOCH=",
		"LC_ALL=", "LANGUAGE=",       "DEPENDENCIES_OUTPUT=",  "SUNPRO_DEPENDENCIES=",
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (!strncmp(setting, names[i], strlen(names[i])))
			return true;
	return false;
}

static char *const *make_environment(struct arena *arena, const char *epoch)
{
	char **env = arena_array(arena, MAX_ENV + 3, sizeof(*env));
	size_t n = 0;

	for (char **e = environ; *e && n < MAX_ENV; e++)
		if (!changes_objects(*e))
			env[n++] = *e;
	env[n++] = arena_strdup(arena, "LC_ALL=C");
	if (epoch)
		env[n] = arena_printf(arena, "SOURCE_DATE_EPOCH=%s", epoch);
	return env;
}

/* What the program is to have as its standard input and output, and where it is to run. */
struct surroundings {
	const char *folder; /* or NULL: here */
	int out;            /* or -1: ours */
	char *const *env;
};

static int start(const char *const *argv, const struct surroundings *around, pid_t *ret_pid)
{
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attr;
	sigset_t none;
	int r = posix_spawn_file_actions_init(&actions);

	if (r)
		return -r;
	r = posix_spawnattr_init(&attr);
	if (r) {
		(void)posix_spawn_file_actions_destroy(&actions);
		return -r;
	}
	(void)sigemptyset(&none);
	(void)posix_spawnattr_setsigmask(&attr, &none);
	(void)posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK);
	r = posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
	/* Nothing of theirs is our output. */
	if (!r)
		r = posix_spawn_file_actions_adddup2(
			&actions, around->out < 0 ? STDERR_FILENO : around->out, STDOUT_FILENO);
	if (!r && around->folder)
		r = posix_spawn_file_actions_addchdir_np(&actions, around->folder);
	if (!r)
		r = posix_spawn(ret_pid, argv[0], &actions, &attr, (char *const *)argv,
				around->env);
	(void)posix_spawnattr_destroy(&attr);
	(void)posix_spawn_file_actions_destroy(&actions);
	return -r;
}

/* Wait for it; what it ended with, as of wait(). */
static int finish(pid_t pid)
{
	int status = 0;

	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -1;
	return status;
}

/*
 * The same, with the signals of the set blocked: one that is to end us ends the
 * program first, and is left pending for us.
 */
static int finish_or_end(pid_t pid, const sigset_t *set)
{
	int status = 0, last = 0;
	pid_t r = 0;

	while ((r = waitpid(pid, &status, WNOHANG)) == 0) {
		int number = sigwaitinfo(set, NULL);

		if (number <= 0 || number == SIGCHLD)
			continue;
		last = number;
		(void)kill(pid, number);
	}
	if (last)
		(void)raise(last);
	return r < 0 ? -1 : status;
}

static int run_program(const char *const *argv, const struct surroundings *around,
		       struct error *err)
{
	static const int ending[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGCHLD };
	sigset_t set, before;
	pid_t pid = 0;
	int status, r;

	(void)sigemptyset(&set);
	for (size_t i = 0; i < sizeof(ending) / sizeof(*ending); i++)
		(void)sigaddset(&set, ending[i]);
	(void)sigprocmask(SIG_BLOCK, &set, &before);
	r = start(argv, around, &pid);
	status = r < 0 ? 0 : finish_or_end(pid, &set);
	(void)sigprocmask(SIG_SETMASK, &before, NULL);
	if (r < 0)
		return error_set(err, -r, "running '%s': %s", argv[0], strerrordesc_np(-r));
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return 0;
	if (WIFSIGNALED(status))
		return error_set(err, ECANCELED, "'%s' was ended by signal %d", argv[0],
				 WTERMSIG(status));
	return error_set(err, EINVAL, "'%s' failed", argv[0]);
}

/* ---- finding them ---------------------------------------------------------- */

static const char *in_path(struct arena *arena, const char *name)
{
	const char *path = getenv("PATH");

	if (name[0] == '/')
		return access(name, X_OK) == 0 ? name : NULL;
	if (strchr(name, '/')) {
		char *here = get_current_dir_name();
		const char *file = arena_printf(arena, "%s/%s", here ? here : "", name);

		free(here);
		return access(file, X_OK) == 0 ? file : NULL;
	}
	if (!path)
		path = "/usr/local/bin:/usr/bin:/bin";
	while (*path) {
		size_t len = strcspn(path, ":");
		const char *file = arena_printf(arena, "%.*s/%s", (int)len, path, name);
		struct stat st;

		/* A relative folder would be another one where clang runs. */
		if (*path == '/' && stat(file, &st) == 0 && S_ISREG(st.st_mode) &&
		    access(file, X_OK) == 0)
			return file;
		path += len + (path[len] == ':');
	}
	return NULL;
}

/* The newest are last: 19 is what this was tested with. */
static const char *const suffixes[] = { "-19", "",    "-18", "-20", "-21",
					"-22", "-17", "-16", "-15", "-14" };

static const char *find_program(struct arena *arena, const char *name)
{
	const char *found = NULL;

	for (size_t i = 0; i < sizeof(suffixes) / sizeof(*suffixes) && !found; i++)
		found = in_path(arena, arena_printf(arena, "%s%s", name, suffixes[i]));
	return found;
}

/* Beside clang, or with the same suffix, or any. */
static const char *find_strip(struct arena *arena, const char *clang)
{
	const char *base = strrchr(clang, '/') + 1, *found = NULL;

	if (!strncmp(base, "clang", 5)) {
		const char *name = arena_printf(arena, "llvm-strip%s", base + 5);

		found = in_path(arena,
				arena_printf(arena, "%.*s%s", (int)(base - clang), clang, name));
		if (!found)
			found = in_path(arena, name);
	}
	return found ? found : find_program(arena, "llvm-strip");
}

static int find_named(struct arena *arena, const char *variable, const char **ret_path,
		      struct error *err)
{
	const char *name = getenv(variable);

	*ret_path = NULL;
	if (!name || !*name)
		return 0;
	*ret_path = in_path(arena, name);
	return *ret_path ? 0
			 : error_set(err, ENOENT, "no program '%s' (it is what $%s says)", name,
				     variable);
}

/* What a pipe says until its end, so that its writer is not killed by writing; the first
 * line of it. */
static const char *read_line(struct arena *arena, int fd)
{
	char text[256] = "", rest[256];
	const char *end;
	size_t len = 0;
	ssize_t n;

	do {
		bool is_full = len == sizeof(text);

		n = is_full ? read(fd, rest, sizeof(rest))
			    : read(fd, text + len, sizeof(text) - len);
		if (n > 0 && !is_full)
			len += (size_t)n;
	} while (n > 0 || (n < 0 && errno == EINTR));
	end = memchr(text, '\n', len);
	return arena_strndup(arena, text, end ? (size_t)(end - text) : len);
}

/* The first line of `clang --version`. */
static int ask_version(struct arena *arena, struct compiler *compiler, struct error *err)
{
	const char *const argv[] = { compiler->clang, "--version", NULL };
	struct surroundings around = { .env = make_environment(arena, NULL) };
	pid_t pid = 0;
	int ends[2], r;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return error_set(err, errno, "a pipe: %s", strerrordesc_np(errno));
	around.out = ends[1];
	r = start(argv, &around, &pid);
	(void)close(ends[1]);
	compiler->version = read_line(arena, ends[0]);
	(void)close(ends[0]);
	if (r < 0)
		return error_set(err, -r, "running '%s': %s", compiler->clang, strerrordesc_np(-r));
	if (finish(pid) != 0 || !strstr(compiler->version, "clang"))
		return error_set(err, ENOEXEC, "'%s' is no clang", compiler->clang);
	return 0;
}

int compiler_find(struct arena *arena, struct compiler *ret_compiler, struct error *err)
{
	int r = find_named(arena, "CLANG", &ret_compiler->clang, err);

	if (r == 0)
		r = find_named(arena, "LLVM_STRIP", &ret_compiler->strip, err);
	if (r < 0)
		return r;
	if (!ret_compiler->clang)
		ret_compiler->clang = find_program(arena, "clang");
	if (!ret_compiler->clang)
		return error_set(err, ENOENT,
				 "no clang in $PATH (install clang-19, or say where it is with "
				 "$CLANG)");
	if (!ret_compiler->strip)
		ret_compiler->strip = find_strip(arena, ret_compiler->clang);
	if (!ret_compiler->strip)
		return error_set(err, ENOENT,
				 "no llvm-strip in $PATH (install llvm-19, or say where it is with "
				 "$LLVM_STRIP)");
	return ask_version(arena, ret_compiler, err);
}

/* ---- compiling ------------------------------------------------------------- */

struct line {
	struct arena *arena;
	const char *args[MAX_ARGS];
	size_t n;
};

static void add(struct line *line, const char *arg)
{
	if (line->n < MAX_ARGS - 1)
		line->args[line->n++] = arg;
}

/* What the object calls a folder, wherever that is. */
static void add_name(struct line *line, const char *folder, const char *name)
{
	/* clang takes what is in front of the first '=' for the folder */
	if (!strchr(folder, '='))
		add(line, arena_printf(line->arena, "-ffile-prefix-map=%s=%s", folder, name));
}

/* The folder of the architecture's vmlinux.h: ours, or what the kernel's package brought. */
static int find_vmlinux(struct arena *arena, const struct compile_job *job, const char *triplet,
			const char **ret_folder, struct error *err)
{
	const char *ours = arena_printf(arena, "%s/gadget/%s", job->include, job->architecture);
	const char *package = arena_printf(arena, "/usr/include/%s/linux/bpf", triplet);

	if (is_there(arena_printf(arena, "%s/vmlinux.h", ours)))
		*ret_folder = ours;
	else if (is_there(arena_printf(arena, "%s/vmlinux.h", package)))
		*ret_folder = package;
	else
		return error_set(err, ENOENT,
				 "no vmlinux.h for %s in '%s', nor in '%s' (install "
				 "linux-bpf-dev:%s, or choose another --platform)",
				 job->architecture, ours, package, job->architecture);
	return 0;
}

/* For <linux/...> of programs without vmlinux.h: <asm/...> is in the folder of some
 * architecture, and what programs for BPF use of it is the same in all of them. */
static void add_uapi(struct line *line, const char *triplet)
{
	const char *wanted = arena_printf(line->arena, "/usr/include/%s", triplet);

	for (size_t i = 0; i <= COMPILER_ARCHITECTURES; i++) {
		const char *folder = i == 0 ? wanted
					    : arena_printf(line->arena, "/usr/include/%s",
							   architectures[i - 1].triplet);

		if (!is_there(arena_printf(line->arena, "%s/asm/types.h", folder)))
			continue;
		add(line, "-idirafter");
		add(line, folder);
		add_name(line, folder, "/usr/include/asm");
		return;
	}
}

static int compile(const struct compiler *compiler, struct arena *arena,
		   const struct compile_job *job, const char *object, struct error *err)
{
	static const char *const fixed[] = {
		"-target", "bpf",        "-mcpu=v3", "-O2",
		"-g",      "-std=gnu17", "-Wall",    "-fdebug-compilation-dir=.",
	};
	struct line *line = arena_alloc(arena, sizeof(*line));
	struct surroundings around = { .folder = job->folder,
				       .out = -1,
				       .env = make_environment(arena, job->epoch) };
	size_t which = !strcmp(job->architecture, architectures[1].name);
	const char *vmlinux = NULL;
	int r = find_vmlinux(arena, job, architectures[which].triplet, &vmlinux, err);

	if (r < 0)
		return r;
	line->arena = arena;
	add(line, compiler->clang);
	for (size_t i = 0; i < sizeof(fixed) / sizeof(*fixed); i++)
		add(line, fixed[i]);
	add(line, arena_printf(arena, "-D__TARGET_ARCH_%s", architectures[which].target));
	add(line, "-isystem");
	add(line, vmlinux);
	add_name(line, vmlinux, "gadget");
	add(line, arena_printf(arena, "-I%s", job->include));
	add_name(line, arena_printf(arena, "%s/gadget", job->include), "gadget");
	add_uapi(line, architectures[which].triplet);
	for (size_t i = 0; i < job->nflags; i++)
		add(line, job->flags[i]);
	add(line, "-c");
	add(line, "-o");
	add(line, object);
	add(line, "--");
	add(line, job->source);
	return run_program(line->args, &around, err);
}

int compiler_run(const struct compiler *compiler, struct arena *arena,
		 const struct compile_job *job, const char *object, struct error *err)
{
	const char *source = job->source[0] == '/'
				     ? job->source
				     : arena_printf(arena, "%s/%s", job->folder, job->source);
	const char *const strip[] = { compiler->strip, "-g", "--", object, NULL };
	const struct surroundings here = { .out = -1, .env = make_environment(arena, NULL) };
	int r;

	if (!is_there(source))
		return error_set(err, errno, "no source '%s': %s", source, strerrordesc_np(errno));
	r = compile(compiler, arena, job, object, err);
	if (r == -EINVAL)
		return error_set(err, EINVAL, "'%s' does not compile for %s (clang says why above)",
				 source, job->architecture);
	if (r == 0)
		r = run_program(strip, &here, err);
	return r;
}
