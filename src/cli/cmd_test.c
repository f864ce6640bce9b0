/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test: does a gadget see what it should?  See testcase.h for what a test is.
 */
#include "cli/commands.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/testcase.h"
#include "gadget/find.h"

struct args {
	const char *gadget;
	struct flag_texts only;
	bool live, replay, record;
};

static const struct flag flags_table[] = {
	FLAG_TEXT(
		struct args, gadget, 'g', "GADGET",
		"Test this gadget: an object file, or a name. Otherwise it is FOLDER/program.o if "
		"that exists, else the gadget called as the folder is."),
	FLAG_TEXTS(struct args, only, 'k', "NAME", "Run the test of this name only; repeatable."),
	FLAG_SWITCH(struct args, live, 0, "Run live only."),
	FLAG_SWITCH(struct args, replay, 0, "Replay recordings only: needs no privileges."),
	FLAG_SWITCH(struct args, record, 0,
		    "Run live, and where that passes make the files of the replay anew."),
	FLAG_END,
};

struct session {
	const struct args *args;
	struct arena *arena;
	unsigned passed, failed, skipped;
};

static const char *gadget_of(const char *folder, const struct args *args, struct arena *arena)
{
	const char *object = arena_printf(arena, "%s/program.o", folder), *slash;
	char *real;

	if (args->gadget)
		return args->gadget;
	if (access(object, R_OK) == 0)
		return object;
	real = realpath(folder, NULL);
	slash = real ? strrchr(real, '/') : NULL;
	object = slash ? arena_strdup(arena, slash + 1) : folder;
	free(real);
	return object;
}

static void tell(struct session *s, enum testcase_result result, const char *folder,
		 const struct testcase *test, const char *how, const char *note)
{
	static const char *const words[] = {
		[TESTCASE_PASSED] = "PASS", [TESTCASE_FAILED] = "FAIL", [TESTCASE_SKIPPED] = "SKIP"
	};
	unsigned *const counts[] = { &s->passed, &s->failed, &s->skipped };

	(*counts[result])++;
	(void)printf("%s %s %s %s%s%s\n", words[result], folder, test->name, how, note ? ": " : "",
		     note ? note : "");
	(void)fflush(stdout);
}

static void run_test(struct session *s, const char *folder, const struct testcase *test)
{
	struct arena arena = ARENA_INIT;
	const char *note = NULL;
	enum testcase_result result;

	if (!s->args->replay || s->args->record) {
		result = testcase_live(test, s->args->record, &arena, &note);
		tell(s, result, folder, test, "live", note);
		arena_release(&arena);
	}
	if (!s->args->live) {
		result = testcase_replay(test, &arena, &note);
		tell(s, result, folder, test, "replayed", note);
		arena_release(&arena);
	}
}

static bool is_wanted(const struct args *args, const char *name)
{
	for (size_t i = 0; i < args->only.n; i++)
		if (!strcmp(args->only.items[i], name))
			return true;
	return !args->only.n;
}

static int is_test(const struct dirent *entry)
{
	size_t len = strlen(entry->d_name);

	return entry->d_name[0] != '.' && len > 5 && !strcmp(entry->d_name + len - 5, ".yaml");
}

/* All tests of a gadget's folder. */
static int run_folder(struct session *s, const char *folder, struct error *err)
{
	const char *dir = arena_printf(s->arena, "%s/test", folder);
	const char *gadget = gadget_of(folder, s->args, s->arena);
	struct dirent **entries;
	int n = scandir(dir, &entries, is_test, alphasort), r = 0, found = 0;

	if (n < 0)
		return error_set(err, errno, "cannot read '%s': %s", dir, strerrordesc_np(errno));
	for (int i = 0; i < n; i++) {
		const char *file = arena_printf(s->arena, "%s/%s", dir, entries[i]->d_name);
		struct testcase test;

		free(entries[i]);
		if (r < 0)
			continue;
		r = testcase_read(s->arena, file, gadget, &test, err);
		if (r < 0 || !is_wanted(s->args, test.name))
			continue;
		found++;
		run_test(s, folder, &test);
	}
	free(entries);
	if (r == 0 && !found)
		r = error_set(err, ENOENT, "'%s' holds no test%s", dir,
			      s->args->only.n ? " of that name" : " (NAME.yaml)");
	return r;
}

static enum exit_status run_all(const struct args *args, const struct flags *flags,
				struct arena *arena)
{
	struct session session = { .args = args, .arena = arena };
	struct error err = ERROR_INIT;

	for (size_t i = 0; i < flags->nwords; i++) {
		char *folder = arena_strdup(arena, flags->words[i]);

		while (strlen(folder) > 1 && folder[strlen(folder) - 1] == '/')
			folder[strlen(folder) - 1] = 0;
		if (run_folder(&session, folder, &err) < 0)
			return exit_report(&err, STATUS_BAD_CONFIG);
	}
	(void)printf("%u passed, %u failed, %u skipped\n", session.passed, session.failed,
		     session.skipped);
	return session.failed ? STATUS_FAILED : STATUS_OK;
}

static enum exit_status run(int argc, char *const *argv)
{
	struct arena arena = ARENA_INIT;
	struct flags flags = { .arena = &arena };
	struct args args = { 0 };
	struct error err = ERROR_INIT;
	enum exit_status status = STATUS_OK;

	if (!command_read_flags(&command_test, &flags, argc, argv, &args, &status))
		goto out;
	if (!flags.nwords)
		error_set(&err, EINVAL, "which gadget's folder? (give at least one)");
	else if (args.live && args.replay)
		error_set(&err, EINVAL, "--live and --replay leave nothing to do (give one)");
	else if (args.replay && args.record)
		error_set(&err, EINVAL, "--record needs a live run (leave --replay out)");
	status = err.code ? command_misused(&command_test, &err) : run_all(&args, &flags, &arena);
out:
	arena_release(&arena);
	return status;
}

const struct command command_test = {
	.name = "test",
	.usage = "FOLDER... [flags]",
	.summary = "Run the tests of gadgets, live and replayed",
	.help = "FOLDER is a gadget's, with its tests in FOLDER/test/. A workload does what the\n"
		"gadget must see and prints, as JSON, a line for each record it expects; the test\n"
		"passes when these records come and no others. Once recorded, it can be replayed\n"
		"anywhere. docs/testing-gadgets.md tells how to write one.\n"
		"\n"
		"  sudo gadgetctl test ./mygadget\n"
		"  sudo gadgetctl test ./mygadget --record\n"
		"  gadgetctl test bpf/trace_open --replay\n",
	.flags = flags_table,
	.run = run,
};
