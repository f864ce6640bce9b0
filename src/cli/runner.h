/* SPDX-License-Identifier: Apache-2.0 */
/*
 * runner: takes a pipeline from its checked configuration to its end.
 *
 * It owns the loop, the signals and the timer: the first SIGINT or SIGTERM
 * ends the pipeline in order, the second at once.
 */
#ifndef CLI_RUNNER_H
#define CLI_RUNNER_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "cli/exit.h"
#include "engine/config.h"

/*
 * A command that runs beside the pipeline: it starts when everything is attached,
 * and the pipeline ends in order when it does.  It is killed when the pipeline
 * ends first.
 */
struct runner_child {
	char *const *argv; /* ends with NULL; argv[0] is looked up in $PATH */
	const char *dir;   /* where it runs; NULL: here */
	int stdout_fd;     /* its standard output; the others are ours */
	int *ret_status;   /* as waitpid() tells it; -1 when it has not ended */
};

struct runner_options {
	int64_t timeout_ns; /* stop after this; 0: never */
	int64_t shutdown_timeout_ns;
	FILE *report;      /* gets the books as JSON at the end; or NULL */
	bool fail_on_loss; /* STATUS_LOSS when records were lost */
	bool is_verbose;   /* print the books also when nothing was lost */
	/* The status for a configuration the components do not accept. */
	enum exit_status if_invalid;
	/* Look at an error before it is printed, for example to say it better. */
	void (*refine)(void *arg, struct error *err);
	void *arg;
	const char *host;                 /* what records call it; NULL: its name */
	const struct runner_child *child; /* or NULL */
};

/*
 * Run to the end.  Every failure has been printed when it returns, the books
 * have been checked, and printed when records were lost.
 */
enum exit_status runner_run(const struct config *config, const struct runner_options *options);

/*
 * Build it without touching the host, and describe it on out at verbose 1 (who
 * gets what) and 2 (with fields).
 */
int runner_check(const struct config *config, int verbose, FILE *out, struct error *err)
	__attribute__((warn_unused_result));

#endif
