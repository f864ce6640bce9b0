/* SPDX-License-Identifier: Apache-2.0 */
#include "gadget/templates.h"

#include <string.h>
#include <strings.h>

enum {
	WIDE = 30,  /* names of containers, nodes, ... */
	INODE = 12, /* digits of a namespace's inode number, and some room */
};

/* Times have one width in columns, whatever is noted, so none is noted here. */
static const struct notes_template templates[] = {
	{ "timestamp", FIELD_QUIET, { .description = "When it happened" } },
	{ "comm", 0, { .description = "Command name", .width = 16, .max_width = 16 } },
	{ "pcomm",
	  FIELD_QUIET,
	  { .description = "Command name of the parent", .width = 16, .max_width = 16 } },
	{ "pid", 0, { .description = "Process", .min_width = 7, .align = ALIGN_RIGHT } },
	{ "tid", FIELD_QUIET, { .description = "Thread", .min_width = 7, .align = ALIGN_RIGHT } },
	{ "ppid",
	  FIELD_QUIET,
	  { .description = "Parent process", .min_width = 7, .align = ALIGN_RIGHT } },
	{ "ptid",
	  FIELD_QUIET,
	  { .description = "Thread of the parent", .min_width = 7, .align = ALIGN_RIGHT } },
	{ "uid", 0, { .description = "User", .min_width = 6, .align = ALIGN_RIGHT } },
	{ "gid", 0, { .description = "Group", .min_width = 6, .align = ALIGN_RIGHT } },
	{ "ns", FIELD_QUIET, { .description = "Namespace", .width = INODE, .align = ALIGN_RIGHT } },
	{ "mntns_id",
	  FIELD_QUIET,
	  { .description = "Mount namespace", .width = INODE, .align = ALIGN_RIGHT } },
	{ "netns_id",
	  FIELD_QUIET,
	  { .description = "Network namespace", .width = INODE, .align = ALIGN_RIGHT } },
	{ "errorString", 0, { .description = "Error", .width = 12 } },
	{ "syscall", 0, { .description = "System call", .width = 18, .max_width = 28 } },
	{ "signal", 0, { .description = "Signal", .width = 11 } },
	{ "bytes", 0, { .description = "Size", .width = 10, .align = ALIGN_RIGHT } },
	{ "duration", 0, { .description = "Duration", .width = 20, .align = ALIGN_RIGHT } },
	{ "l4endpoint",
	  0,
	  { .description = "Address and port",
	    .min_width = 22,
	    .width = 40,
	    .max_width = 52,
	    .ellipsis = ELLIPSIS_MIDDLE } },
	{ "l3endpoint", 0, { .description = "Address", .width = 16, .max_width = 45 } },
	{ "kernel_stack", FIELD_QUIET, { .description = "Kernel stack" } },
	{ "user_stack", FIELD_QUIET, { .description = "User stack" } },
	{ "node", 0, { .description = "Node", .width = WIDE, .ellipsis = ELLIPSIS_MIDDLE } },
	{ "pod", 0, { .description = "Pod", .width = WIDE, .ellipsis = ELLIPSIS_MIDDLE } },
	{ "namespace", 0, { .description = "Kubernetes namespace", .width = WIDE } },
	{ "container", 0, { .description = "Container", .width = WIDE } },
	{ "containerImageName", 0, { .description = "Image of the container", .width = WIDE } },
	{ "containerImageDigest",
	  0,
	  { .description = "Digest of the container's image", .width = WIDE } },
	{ "containerPid",
	  FIELD_QUIET,
	  { .description = "First process of the container", .width = 6, .align = ALIGN_RIGHT } },
	{ "containerStartedAt", FIELD_QUIET, { .description = "When the container was started" } },
};

static const struct {
	const char *type, *name;
} typedefs[] = {
	{ "gadget_timestamp", "timestamp" },
	{ "gadget_comm", "comm" },
	{ "gadget_pcomm", "pcomm" },
	{ "gadget_pid", "pid" },
	{ "gadget_tid", "tid" },
	{ "gadget_ppid", "ppid" },
	{ "gadget_ptid", "ptid" },
	{ "gadget_uid", "uid" },
	{ "gadget_gid", "gid" },
	{ "gadget_mntns_id", "mntns_id" },
	{ "mnt_ns_id_t", "mntns_id" }, /* what the older convention called it */
	{ "gadget_netns_id", "netns_id" },
	{ "gadget_kernel_stack", "kernel_stack" },
};

const struct notes_template *notes_template(const char *name)
{
	for (size_t i = 0; i < sizeof(templates) / sizeof(*templates); i++)
		if (!strcasecmp(templates[i].name, name))
			return &templates[i];
	return NULL;
}

const struct notes_template *notes_template_at(uint32_t i)
{
	return i < sizeof(templates) / sizeof(*templates) ? &templates[i] : NULL;
}

const struct notes_template *notes_of_typedef(const char *type)
{
	for (size_t i = 0; i < sizeof(typedefs) / sizeof(*typedefs); i++)
		if (!strcmp(typedefs[i].type, type))
			return notes_template(typedefs[i].name);
	return NULL;
}
