/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/runner.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include <uv.h>

#include "base/clock.h"
#include "base/log.h"
#include "engine/pipeline.h"
#include "engine/report.h"

enum { NSIGNALS = 2, HOST_MAX = 256 };

struct runner {
	const struct runner_options *options;
	uv_loop_t loop;
	uv_signal_t signals[NSIGNALS];
	uv_timer_t timeout;
	uv_process_t process;
	bool has_process, is_running; /* of the child */
	struct pipeline *pipeline;
	bool was_asked; /* to end, by a signal */
	char host[HOST_MAX];
	struct error failure; /* code 0: none */
};

static enum exit_status fail(struct runner *runner, struct error *err, enum exit_status otherwise)
{
	if (runner->options->refine)
		runner->options->refine(runner->options->arg, err);
	return exit_report(err, otherwise);
}

static void on_signal(uv_signal_t *handle, int number)
{
	struct runner *runner = handle->data;

	log_info("%s", number == SIGINT ? "interrupted" : "terminated");
	if (runner->was_asked)
		pipeline_stop_now(runner->pipeline);
	else
		pipeline_stop(runner->pipeline);
	runner->was_asked = true;
}

static void on_timeout(uv_timer_t *handle)
{
	struct runner *runner = handle->data;

	pipeline_stop(runner->pipeline);
}

/* ---- the child ------------------------------------------------------------- */

static void on_exit(uv_process_t *process, int64_t status, int signal)
{
	struct runner *runner = process->data;

	runner->is_running = false;
	*runner->options->child->ret_status = signal ? signal : (int)status << 8;
	pipeline_stop(runner->pipeline);
}

static int start_child(struct runner *runner, struct error *err)
{
	const struct runner_child *child = runner->options->child;
	uv_stdio_container_t files[] = {
		{ .flags = UV_IGNORE },
		{ .flags = UV_INHERIT_FD, .data.fd = child->stdout_fd },
		{ .flags = UV_INHERIT_FD, .data.fd = STDERR_FILENO },
	};
	const uv_process_options_t options = {
		.exit_cb = on_exit,
		.file = child->argv[0],
		.args = (char **)(uintptr_t)child->argv,
		.cwd = child->dir,
		.stdio = files,
		.stdio_count = 3,
	};
	int r;

	runner->process.data = runner;
	*child->ret_status = -1;
	r = uv_spawn(&runner->loop, &runner->process, &options);
	runner->has_process = true; /* also when it failed, its handle wants to be closed */
	if (r < 0)
		return error_set(err, -r, "cannot run '%s': %s", child->argv[0],
				 strerrordesc_np(-r));
	runner->is_running = true;
	return 0;
}

static void end_child(struct runner *runner)
{
	if (!runner->has_process)
		return;
	if (runner->is_running)
		(void)uv_process_kill(&runner->process, SIGKILL);
	uv_close((uv_handle_t *)&runner->process, NULL);
}

/* ---- the loop -------------------------------------------------------------- */

static void close_handles(struct runner *runner)
{
	end_child(runner);
	for (int i = 0; i < NSIGNALS; i++)
		uv_close((uv_handle_t *)&runner->signals[i], NULL);
	uv_close((uv_handle_t *)&runner->timeout, NULL);
}

static void on_end(void *arg, const struct error *err)
{
	struct runner *runner = arg;

	if (err)
		runner->failure = *err;
	uv_stop(&runner->loop);
}

static int make_loop(struct runner *runner, struct error *err)
{
	int r = uv_loop_init(&runner->loop);

	if (r < 0)
		return error_set(err, -r, "cannot make an event loop: %s", uv_strerror(r));
	for (int i = 0; i < NSIGNALS; i++) {
		(void)uv_signal_init(&runner->loop, &runner->signals[i]);
		runner->signals[i].data = runner;
	}
	(void)uv_timer_init(&runner->loop, &runner->timeout);
	runner->timeout.data = runner;
	if (gethostname(runner->host, sizeof(runner->host) - 1) < 0)
		runner->host[0] = '\0';
	return 0;
}

static void free_loop(struct runner *runner)
{
	close_handles(runner);
	(void)uv_run(&runner->loop, UV_RUN_DEFAULT);
	if (uv_loop_close(&runner->loop) < 0)
		log_warn("a component left a handle open");
}

static int make_pipeline(struct runner *runner, const struct config *config, struct error *err)
{
	const struct pipeline_options options = {
		.loop = &runner->loop,
		.clock = clock_system(),
		.host = runner->options->host ? runner->options->host : runner->host,
		.shutdown_timeout_ns = runner->options->shutdown_timeout_ns,
		.on_end = on_end,
		.arg = runner,
	};

	return pipeline_new(config, &options, &runner->pipeline, err);
}

/* The handlers stand before anything is attached, so no signal can leave it so. */
static int start(struct runner *runner, struct error *err)
{
	static const int numbers[NSIGNALS] = { SIGINT, SIGTERM };
	int64_t timeout_ns = runner->options->timeout_ns;

	for (int i = 0; i < NSIGNALS; i++) {
		int r = uv_signal_start(&runner->signals[i], on_signal, numbers[i]);

		if (r < 0)
			return error_set(err, -r, "cannot handle signals: %s", uv_strerror(r));
	}
	if (pipeline_start(runner->pipeline, err) < 0)
		return -err->code;
	if (runner->options->child && start_child(runner, err) < 0)
		return -err->code;
	if (timeout_ns)
		(void)uv_timer_start(&runner->timeout, on_timeout,
				     (uint64_t)((timeout_ns + NS_PER_MS - 1) / NS_PER_MS), 0);
	return 0;
}

/* What the books say outranks how the run ended: they are the point of it. */
static enum exit_status close_books(struct runner *runner, enum exit_status status)
{
	const struct books *books = pipeline_books(runner->pipeline);
	struct error err = ERROR_INIT;
	uint64_t losses = books_losses(books);

	if (losses || runner->options->is_verbose)
		report_print(books, stderr);
	if (runner->options->report && report_write_json(books, runner->options->report, &err) < 0)
		status = exit_report(&err, STATUS_IO);
	if (books_check(books, &err) < 0)
		return exit_report(&err, STATUS_UNBALANCED);
	if (losses && runner->options->fail_on_loss && status == STATUS_OK)
		return STATUS_LOSS;
	return status;
}

static enum exit_status run_pipeline(struct runner *runner)
{
	struct error err = ERROR_INIT;
	enum exit_status status = STATUS_OK;

	if (start(runner, &err) < 0)
		return fail(runner, &err, STATUS_FAILED);
	(void)uv_run(&runner->loop, UV_RUN_DEFAULT);
	if (runner->failure.code)
		status = fail(runner, &runner->failure, STATUS_FAILED);
	return close_books(runner, status);
}

enum exit_status runner_run(const struct config *config, const struct runner_options *options)
{
	struct runner runner = { .options = options };
	struct error err = ERROR_INIT;
	enum exit_status status;

	/* A reader that goes away is an EPIPE for the sink, not the end of us. */
	(void)signal(SIGPIPE, SIG_IGN);
	if (make_loop(&runner, &err) < 0)
		return exit_report(&err, STATUS_FAILED);
	if (make_pipeline(&runner, config, &err) < 0) {
		status = fail(&runner, &err, options->if_invalid);
	} else {
		status = run_pipeline(&runner);
		pipeline_free(runner.pipeline);
	}
	free_loop(&runner);
	return status;
}

int runner_check(const struct config *config, int verbose, FILE *out, struct error *err)
{
	static const struct runner_options options = { 0 };
	struct runner runner = { .options = &options };
	int r = make_loop(&runner, err);

	if (r < 0)
		return r;
	r = make_pipeline(&runner, config, err);
	if (r == 0) {
		if (verbose)
			pipeline_describe(runner.pipeline, out, verbose);
		pipeline_free(runner.pipeline);
	}
	free_loop(&runner);
	return r;
}
