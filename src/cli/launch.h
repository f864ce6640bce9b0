/* SPDX-License-Identifier: Apache-2.0 */
/*
 * launch: what every command does that runs a pipeline: flags to a configuration,
 * the report, and the run itself.
 */
#ifndef CLI_LAUNCH_H
#define CLI_LAUNCH_H

#include "cli/commands.h"
#include "cli/oneliner.h"
#include "cli/runner.h"

#define LAUNCH_SHUTDOWN_TIMEOUT "10s"
enum { LAUNCH_SHUTDOWN_TIMEOUT_S = 10 };

/* The flags of every such command; T has members of these names. */
#define LAUNCH_FLAGS(T)                                                                           \
	FLAG_TEXT(T, report, 0, "FILE",                                                           \
		  "Write the books (what became of every record) as JSON at the end; '-' is "     \
		  "standard error."),                                                             \
		FLAG_SWITCH(T, fail_on_loss, 0,                                                   \
			    "Exit with status 3 when records were lost or dropped."),             \
		FLAG_DURATION(T, shutdown_timeout, 0, "TIME",                                     \
			      "How long the end may take before undelivered records are dropped " \
			      "(default " LAUNCH_SHUTDOWN_TIMEOUT ")."),                          \
		FLAG_SWITCH(T, print_config, 0,                                                   \
			    "Print the pipeline file that the flags stand for, and exit."),       \
		FLAG_REPEAT(T, verbose, 'v',                                                      \
			    "Print the books at the end also when nothing was lost; twice: say "  \
			    "more.")

struct launch {
	const char *report; /* where to; NULL: nowhere */
	int64_t timeout, shutdown_timeout;
	bool fail_on_loss;
	int verbose;
	enum exit_status if_invalid;
	const struct flag *flags; /* to guess which one was mistyped; NULL: none was */
	struct arena *arena;
};

/* What --help prints: behind a gadget's name (the first word) it is about the gadget. */
enum exit_status launch_help(const struct command *command, const struct flags *flags,
			     struct arena *arena);

/* `--param KEY=VALUE` (texts) and `--KEY VALUE` (flags' extras) are the same. */
int launch_params(const struct flag_texts *texts, const struct flags *flags, struct arena *arena,
		  struct oneliner *oneliner, struct error *err) __attribute__((warn_unused_result));

/* Run to the end; every failure has been printed. */
enum exit_status launch_config(struct launch *launch, const struct config *config);

/* What a one-liner stands for, as a configuration; errors point to the flags. */
int launch_parse(const struct oneliner_text *text, struct arena *arena, struct config **ret_config,
		 struct error *err) __attribute__((warn_unused_result));

/* The log level that -v and -vv ask for. */
void launch_set_verbose(int verbose);

#endif
