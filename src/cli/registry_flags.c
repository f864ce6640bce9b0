/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/registry_flags.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/units.h"

#define INSECURE_VARIABLE "GADGETCTL_INSECURE_REGISTRIES"

enum { BAR_WIDTH = 24 };

static void note(void *arg, const char *text)
{
	(void)arg;
	log_warn("%s", text);
}

/* "host[:port]" and no URL: somebody will write one. */
static int check_host(const char *host, struct error *err)
{
	if (*host && !strchr(host, '/') && !strchr(host, '@'))
		return 0;
	return error_set(err, EINVAL,
			 "'%.200s' is no registry to speak plain HTTP with (write HOST or "
			 "HOST:PORT)",
			 host);
}

static int take_insecure(const struct registry_flags *flags, struct arena *arena,
			 struct registry_options *options, struct error *err)
{
	const char *variable = getenv(INSECURE_VARIABLE);
	char *rest = arena_strdup(arena, variable ? variable : "");
	size_t room = flags->insecure_registry.n + strlen(rest) / 2 + 1, n = 0;
	const char **list = arena_array(arena, room, sizeof(*list)), *one;
	int r = 0;

	for (size_t i = 0; i < flags->insecure_registry.n; i++)
		list[n++] = flags->insecure_registry.items[i];
	while ((one = strsep(&rest, ",")))
		if (*one)
			list[n++] = one;
	for (size_t i = 0; r == 0 && i < n; i++)
		r = check_host(list[i], err);
	options->insecure = list;
	options->ninsecure = n;
	return r;
}

int registry_flags_take(const struct registry_flags *flags, struct arena *arena,
			struct registry_options *ret_options, struct error *err)
{
	struct registry_options options = {
		.authfile = flags->authfile,
		.ca_file = flags->ca_file,
		.cert_file = flags->cert_file,
		.key_file = flags->key_file,
		.note = note,
	};
	int r = take_insecure(flags, arena, &options, err);

	if (r < 0)
		return r;
	/* Whole seconds are what can be waited for. */
	if (flags->timeout)
		options.silence_s = (unsigned)((flags->timeout + 999999999) / 1000000000);
	*ret_options = options;
	return 0;
}

/* ---- the bar -------------------------------------------------------------------- */

static void show(void *arg, const struct transfer_progress *p)
{
	uint64_t done = p->bytes_done < p->bytes ? p->bytes_done : p->bytes;
	int full = p->bytes ? (int)(done * BAR_WIDTH / p->bytes) : BAR_WIDTH;
	char bar[BAR_WIDTH + 1];

	(void)arg;
	for (int i = 0; i < BAR_WIDTH; i++)
		bar[i] = i < full ? '#' : '.';
	bar[BAR_WIDTH] = 0;
	(void)fprintf(stderr, "\r\033[K[%s] %u/%u blobs, %.1f/%.1f MiB", bar, p->blobs_done,
		      p->blobs, (double)done / (1 << 20), (double)p->bytes / (1 << 20));
}

void registry_show_progress(struct transfer_options *options)
{
	if (isatty(STDERR_FILENO))
		options->progress = show;
}

void registry_end_progress(const struct transfer_options *options)
{
	if (options->progress)
		(void)fputs("\r\033[K", stderr);
}

/* ---- the rest -------------------------------------------------------------------- */

enum exit_status registry_report(const struct error *err)
{
	(void)exit_report(err, STATUS_FAILED);
	switch (err->code) {
	case EBADMSG:
	case EFBIG:
	case E2BIG:
		return STATUS_BAD_GADGET;
	case ENOTCONN:
	case ECONNRESET:
	case ETIMEDOUT:
	case EPROTO:
	case EBUSY:
	case EREMOTEIO:
	case ELOOP:
		return STATUS_UNREACHABLE;
	default:
		return exit_status_of(err, STATUS_FAILED);
	}
}
