/* SPDX-License-Identifier: Apache-2.0 */
/*
 * registry_flags: what every command that talks to an image registry can be told.
 */
#ifndef CLI_REGISTRY_FLAGS_H
#define CLI_REGISTRY_FLAGS_H

#include "cli/commands.h"
#include "oci/transfer.h"

struct registry_flags {
	const char *authfile, *ca_file, *cert_file, *key_file;
	struct flag_texts insecure_registry;
	int64_t timeout;
};

/* As members of the command's own struct, and their rows in its table. */
#define REGISTRY_FLAG_MEMBERS                                  \
	const char *authfile, *ca_file, *cert_file, *key_file; \
	struct flag_texts insecure_registry;                   \
	int64_t timeout

#define REGISTRY_FLAGS(T)                                                                         \
	FLAG_TEXT(T, authfile, 0, "FILE",                                                         \
		  "Where credentials are, instead of $REGISTRY_AUTH_FILE and docker's and "       \
		  "podman's files."),                                                             \
		FLAG_TEXTS(T, insecure_registry, 0, "HOST",                                       \
			   "Speak plain HTTP with this registry, written as in image names. May " \
			   "be given repeatedly."),                                               \
		FLAG_TEXT(T, ca_file, 0, "FILE",                                                  \
			  "Trust these certificates (PEM) besides the system's."),                \
		FLAG_TEXT(T, cert_file, 0, "FILE", "Show this certificate (PEM)."),               \
		FLAG_TEXT(T, key_file, 0, "FILE", "The key of --cert-file (PEM)."),               \
		FLAG_DURATION(                                                                    \
			T, timeout, 0, "TIME",                                                    \
			"Give up on a registry that moves less than 4KiB for so long (30s).")

#define REGISTRY_FLAGS_OF(args)                                                             \
	(struct registry_flags)                                                             \
	{                                                                                   \
		.authfile = (args)->authfile, .ca_file = (args)->ca_file,                   \
		.cert_file = (args)->cert_file, .key_file = (args)->key_file,               \
		.insecure_registry = (args)->insecure_registry, .timeout = (args)->timeout, \
	}

/*
 * The options that the flags and $GADGETCTL_INSECURE_REGISTRIES (a list with
 * commas) stand for.  Lives in the arena.
 */
int registry_flags_take(const struct registry_flags *flags, struct arena *arena,
			struct registry_options *ret_options, struct error *err)
	__attribute__((warn_unused_result));

/* A bar on stderr, for transfer_options.progress; nothing unless it is a terminal. */
void registry_show_progress(struct transfer_options *options);
/* Take the bar away. */
void registry_end_progress(const struct transfer_options *options);

/* Print the error of a transfer; the status tells image, registry and host apart. */
enum exit_status registry_report(const struct error *err);

#endif
