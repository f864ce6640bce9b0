/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Both ways end alike: a recording is replayed into JSON lines, and those are
 * compared.  A live run only makes the recording first.  The pipelines are the
 * ones users write, as text.
 */
#include "cli/testcase.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "cli/expect.h"
#include "cli/runner.h"

enum { CONFIG_MAX = 1 << 20, END_S = 10 };

static const struct opt_value unexpected_values[] = {
	[TESTCASE_FAULT] = { "fault", "The test fails." },
	[TESTCASE_IGNORE] = { "ignore", "It does not matter." },
	OPT_VALUES_END,
};

const struct opt testcase_options[] = {
	OPT_STRING(struct testcase_spec, description, .def = "",
		   .help = "What the test shows, in a line."),
	OPT_STRINGS(struct testcase_spec, workload,
		    .help = "The command and its arguments, run in the folder of the file. Without "
			    "it NAME.c is compiled and run, under the name NAME."),
	OPT_MAP(struct testcase_spec, params, .help = "Parameters of the gadget."),
	OPT_EXPR(struct testcase_spec, filter,
		 .help = "Records for which this is false are not looked at. The host is never "
			 "quiet, so this or a parameter should leave the workload's records only."),
	OPT_ENUM(struct testcase_spec, unexpected, .def = "fault", .values = unexpected_values,
		 .help = "What a record means that no printed line fits."),
	OPT_DURATION(struct testcase_spec, timeout, .def = "60s", .min = "1s", .max = "1h",
		     .help = "How long the workload may take."),
	OPT_END,
};

/* ---- reading ---------------------------------------------------------------- */

int testcase_read(struct arena *arena, const char *file, const char *gadget,
		  struct testcase *ret_case, struct error *err)
{
	struct testcase test = { .file = file, .gadget = gadget };
	const char *slash = strrchr(file, '/'), *base;
	const struct yaml_node *filter;
	struct yaml_node *root;
	int r = yaml_load(arena, file, &root, err);

	if (r < 0)
		return r;
	if (root->kind == YAML_NULL)
		root->kind = YAML_MAP;
	if (root->kind != YAML_MAP)
		return error_at(err, EINVAL, root->pos, "a test must be a map, not %s",
				yaml_describe(root));
	test.dir = slash ? arena_strndup(arena, file, (size_t)(slash - file)) : ".";
	base = slash ? slash + 1 : file;
	test.name = arena_strndup(arena, base, strlen(base) - strlen(".yaml"));
	r = opt_parse(testcase_options, root, NULL, arena_printf(arena, "test '%s'", test.name),
		      &test.spec, arena, err);
	if (r < 0)
		return r;
	filter = yaml_find(root, "filter");
	test.filter = filter ? filter->text : NULL;
	test.source = arena_printf(arena, "%s/%s.c", test.dir, test.name);
	test.recording = arena_printf(arena, "%s/%s.gadgetrec", test.dir, test.name);
	test.expected = arena_printf(arena, "%s/%s.jsonl", test.dir, test.name);
	*ret_case = test;
	return 0;
}

/* ---- a place for a run ------------------------------------------------------- */

struct place {
	struct arena *arena;
	const char *dir; /* temporary; or NULL */
	const char *recording, *printed, *records, *program;
};

static int place_make(struct place *place, const struct testcase *test, struct arena *arena,
		      struct error *err)
{
	const char *top = getenv("TMPDIR");
	char *dir = arena_printf(arena, "%s/gadgetctl-test.XXXXXX", top && *top ? top : "/tmp");

	*place = (struct place){ .arena = arena };
	if (!mkdtemp(dir))
		return error_set(err, errno, "cannot make '%s': %s", dir, strerrordesc_np(errno));
	place->dir = dir;
	place->recording = arena_printf(arena, "%s/live.gadgetrec", dir);
	place->printed = arena_printf(arena, "%s/printed.jsonl", dir);
	place->records = arena_printf(arena, "%s/records.jsonl", dir);
	place->program = arena_printf(arena, "%s/%s", dir, test->name);
	return 0;
}

static void place_clear(const struct place *place)
{
	if (!place->dir)
		return;
	(void)unlink(place->recording);
	(void)unlink(place->printed);
	(void)unlink(place->records);
	(void)unlink(place->program);
	(void)rmdir(place->dir);
}

/* ---- commands ----------------------------------------------------------------- */

/* Run a command to its end; 0 or -EIO. */
static int run_command(const char *const *argv, struct error *err)
{
	pid_t pid = fork();
	int status;

	if (pid < 0)
		return error_set(err, errno, "cannot run '%s': %s", argv[0],
				 strerrordesc_np(errno));
	if (pid == 0) {
		(void)execvp(argv[0], (char *const *)(uintptr_t)argv);
		_exit(127);
	}
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return error_set(err, errno, "cannot wait for '%s'", argv[0]);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return 0;
	return error_set(err, EIO, "'%s' failed", argv[0]);
}

/* The command of the workload; its program is compiled when there is a source. */
static int make_workload(const struct testcase *test, const struct place *place,
			 char *const **ret_argv, struct error *err)
{
	const struct opt_strings *words = &test->spec.workload;
	char **argv = arena_array(place->arena, words->n + 2, sizeof(*argv));
	const char *cc = getenv("CC");
	const char *const compile[] = {
		cc && *cc ? cc : "cc", "-O1",        "-D_GNU_SOURCE", "-o",
		place->program,        test->source, "-pthread",      NULL,
	};
	int r;

	for (size_t i = 0; i < words->n; i++)
		argv[i] = arena_strdup(place->arena, words->items[i]);
	*ret_argv = argv;
	if (words->n)
		return 0;
	if (access(test->source, R_OK) < 0)
		return error_set(err, ENOENT, "%s names no workload, and there is no '%s'",
				 test->file, test->source);
	r = run_command(compile, err);
	if (r < 0)
		return error_wrap(err, "cannot compile '%s'", test->source);
	argv[0] = arena_strdup(place->arena, place->program);
	return 0;
}

/* ---- pipelines ----------------------------------------------------------------- */

/* As YAML reads it between double quotes. */
static void put_quoted(struct buf *out, const char *text)
{
	(void)buf_addstr(out, "\"");
	for (const char *c = text; *c; c++) {
		if (*c == '"' || *c == '\\')
			(void)buf_printf(out, "\\%c", *c);
		else if ((unsigned char)*c < ' ' || *c == 0x7f)
			(void)buf_printf(out, "\\x%02x", *c);
		else
			(void)buf_add(out, c, 1);
	}
	(void)buf_addstr(out, "\"");
}

static void put_option(struct buf *out, const char *indent, const char *key, const char *value)
{
	(void)buf_printf(out, "%s", indent);
	put_quoted(out, key);
	(void)buf_addstr(out, ": ");
	put_quoted(out, value);
	(void)buf_addstr(out, "\n");
}

/* "/a/b" of "b": paths in a pipeline start where its file is, and ours is nowhere. */
static const char *absolute(struct arena *arena, const char *path)
{
	char *real = realpath(path, NULL);
	const char *result = real ? arena_strdup(arena, real) : path;

	free(real);
	return result;
}

static void put_live(struct buf *out, const struct testcase *test, const struct place *place)
{
	const struct yaml_node *params = test->spec.params;
	bool is_path = strchr(test->gadget, '/') != NULL;

	(void)buf_addstr(out, "sources:\n  gadget:\n    type: gadget\n");
	put_option(out, "    ", "gadget",
		   is_path ? absolute(place->arena, test->gadget) : test->gadget);
	if (params && params->nitems)
		(void)buf_addstr(out, "    params:\n");
	for (size_t i = 0; params && i < params->nitems; i++)
		put_option(out, "      ", params->items[i].key,
			   params->items[i].text ? params->items[i].text : "");
	if (test->filter) {
		(void)buf_addstr(out,
				 "stages:\n  ours:\n    type: filter\n    inputs: [gadget.*]\n");
		put_option(out, "    ", "where", test->filter);
	}
	(void)buf_printf(out, "sinks:\n  recording:\n    type: recording\n    inputs: [%s]\n",
			 test->filter ? "ours" : "gadget.*");
	(void)buf_addstr(out, "    level: 9\n");
	put_option(out, "    ", "path", place->recording);
}

static void put_replay(struct buf *out, const char *recording, const struct place *place)
{
	(void)buf_addstr(out, "sources:\n  recording:\n    type: replay\n");
	put_option(out, "    ", "path", absolute(place->arena, recording));
	(void)buf_addstr(out, "sinks:\n  lines:\n    type: file\n    inputs: [recording.*]\n");
	put_option(out, "    ", "path", place->records);
}

/* Run a pipeline given as text; its own messages go where those of `run` go. */
static enum exit_status run_text(struct buf *text, const struct runner_options *options,
				 struct arena *arena)
{
	struct error err = ERROR_INIT;
	struct config *config = NULL;
	struct yaml_node *root = NULL;

	if (yaml_parse(arena, "test", (const char *)text->data, text->len, &root, &err) < 0 ||
	    config_read(arena, &registry_builtin, "test", root, &config, &err) < 0)
		return exit_report(&err, STATUS_BAD_CONFIG);
	return runner_run(config, options);
}

/* ---- comparing ----------------------------------------------------------------- */

static enum testcase_result failed(struct error *err, const char **ret_note)
{
	char text[sizeof(err->text) + sizeof(err->file_name) + 32];

	(void)printf("  %s\n", error_format(err, text, sizeof(text)));
	*ret_note = NULL;
	return TESTCASE_FAILED;
}

static enum testcase_result compare(const struct testcase *test, const char *recording,
				    const char *expected_file, const struct place *place,
				    const char **ret_note)
{
	const struct runner_options options = { .shutdown_timeout_ns = END_S * NS_PER_S,
						.if_invalid = STATUS_BAD_CONFIG };
	struct expect_lines expected, records;
	struct error err = ERROR_INIT;
	enum exit_status status;
	struct buf text;

	buf_init(&text, CONFIG_MAX);
	put_replay(&text, recording, place);
	status = run_text(&text, &options, place->arena);
	buf_release(&text);
	*ret_note = NULL;
	if (status != STATUS_OK)
		return TESTCASE_FAILED;
	if (expect_read(place->arena, expected_file, &expected, &err) < 0 ||
	    expect_read(place->arena, place->records, &records, &err) < 0)
		return failed(&err, ret_note);
	if (!expected.n)
		return failed((error_set(&err, EINVAL, "the workload expects nothing"), &err),
			      ret_note);
	if (expect_compare(&expected, &records, test->spec.unexpected == TESTCASE_IGNORE, stdout))
		return TESTCASE_FAILED;
	*ret_note = arena_printf(place->arena, "%u record%s", records.n, records.n == 1 ? "" : "s");
	return TESTCASE_PASSED;
}

/* ---- live ---------------------------------------------------------------------- */

static int copy_file(const char *from, const char *to, struct error *err)
{
	const char *const argv[] = { "install", "-m", "644", "--", from, to, NULL };

	return run_command(argv, err);
}

/* What the kernel or our rights do not give is no fault of the gadget. */
static bool is_skip(enum exit_status status, const char **ret_note)
{
	if (status == STATUS_NO_PERMISSION)
		*ret_note = "no permission to load programs";
	else if (status == STATUS_UNSUPPORTED)
		*ret_note = "this kernel lacks what the gadget needs";
	else
		return false;
	return true;
}

static enum testcase_result check_workload(const struct testcase *test, int status,
					   const char **ret_note)
{
	struct error err = ERROR_INIT;

	if (status < 0)
		error_set(&err, ETIMEDOUT, "the workload of '%s' did not end in time", test->name);
	else if (WIFSIGNALED(status))
		error_set(&err, EIO, "the workload of '%s' died of signal %d", test->name,
			  WTERMSIG(status));
	else if (WEXITSTATUS(status))
		error_set(&err, EIO, "the workload of '%s' ended with status %d", test->name,
			  WEXITSTATUS(status));
	else
		return TESTCASE_PASSED;
	return failed(&err, ret_note);
}

/* Record what the gadget sees of the workload. */
static enum testcase_result record(const struct testcase *test, const struct place *place,
				   char *const *argv, const char **ret_note)
{
	int status = -1, fd = open(place->printed, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	const struct runner_child child = {
		.argv = argv, .dir = test->dir, .stdout_fd = fd, .ret_status = &status
	};
	const struct runner_options options = {
		.timeout_ns = test->spec.timeout,
		.shutdown_timeout_ns = END_S * NS_PER_S,
		.fail_on_loss = true,
		.if_invalid = STATUS_BAD_CONFIG,
		.host = "test",
		.child = &child,
	};
	struct error err = ERROR_INIT;
	enum exit_status how;
	struct buf text;

	*ret_note = NULL;
	if (fd < 0)
		return failed((error_set(&err, errno, "cannot write '%s'", place->printed), &err),
			      ret_note);
	buf_init(&text, CONFIG_MAX);
	put_live(&text, test, place);
	how = run_text(&text, &options, place->arena);
	buf_release(&text);
	close(fd);
	if (is_skip(how, ret_note))
		return TESTCASE_SKIPPED;
	return how == STATUS_OK ? check_workload(test, status, ret_note) : TESTCASE_FAILED;
}

static enum testcase_result keep_files(const struct testcase *test, const struct place *place,
				       const char **ret_note)
{
	struct error err = ERROR_INIT;

	if (copy_file(place->recording, test->recording, &err) < 0 ||
	    copy_file(place->printed, test->expected, &err) < 0)
		return failed(&err, ret_note);
	return TESTCASE_PASSED;
}

enum testcase_result testcase_live(const struct testcase *test, bool keep, struct arena *arena,
				   const char **ret_note)
{
	enum testcase_result result;
	struct error err = ERROR_INIT;
	struct place place = { 0 };
	char *const *argv;

	if (place_make(&place, test, arena, &err) < 0 ||
	    make_workload(test, &place, &argv, &err) < 0) {
		result = failed(&err, ret_note);
		goto out;
	}
	result = record(test, &place, argv, ret_note);
	if (result == TESTCASE_PASSED)
		result = compare(test, place.recording, place.printed, &place, ret_note);
	if (result == TESTCASE_PASSED && keep)
		result = keep_files(test, &place, ret_note);
out:
	place_clear(&place);
	return result;
}

enum testcase_result testcase_replay(const struct testcase *test, struct arena *arena,
				     const char **ret_note)
{
	enum testcase_result result;
	struct error err = ERROR_INIT;
	struct place place = { 0 };

	if (access(test->recording, F_OK) < 0) {
		*ret_note = "there is no recording (make one with --record)";
		return TESTCASE_SKIPPED;
	}
	if (place_make(&place, test, arena, &err) < 0)
		return failed(&err, ret_note);
	result = compare(test, test->recording, test->expected, &place, ret_note);
	place_clear(&place);
	return result;
}
