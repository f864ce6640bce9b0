/* SPDX-License-Identifier: Apache-2.0 */
#include "gadget/vocabulary.h"

/* The kernel's own header: libc's hides O_LARGEFILE on 64-bit machines. */
#include <asm/fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "gadget/syscalls.h"

enum {
	LIST_MAX = 1024,
	ERRNO_MAX = 256,         /* no error that user space sees is higher */
	SIGNALS = 32,            /* the classic ones */
	REALTIME_FIRST = 34,     /* SIGRTMIN, behind the two that libc keeps to itself */
	REALTIME_LAST = 64,      /* SIGRTMAX */
	PATH_FLAG = 010000000,   /* O_PATH and __O_TMPFILE, the same on all but three old */
	TMPFILE_FLAG = 020000000 /* architectures, but missing from older headers */
};

/* A table on its way: entries are appended up to LIST_MAX. */
struct list {
	struct arena *arena;
	struct name *names;
	uint32_t n;
};

static void add_masked(struct list *list, uint64_t mask, uint64_t value, const char *text)
{
	if (list->n == LIST_MAX)
		return;
	list->names[list->n++] = (struct name){ .mask = mask,
						.value = value,
						.text = { .at = text, .len = strlen(text) } };
}

static void add(struct list *list, uint64_t number, const char *text)
{
	add_masked(list, UINT64_MAX, number, text);
}

/* ---- errors --------------------------------------------------------------- */

/* What the kernel uses inside; a probe that looks at its functions sees them. */
static const struct {
	uint16_t number;
	const char *name;
} kernel_errors[] = {
	{ 512, "ERESTARTSYS" }, { 513, "ERESTARTNOINTR" }, { 514, "ERESTARTNOHAND" },
	{ 515, "ENOIOCTLCMD" }, { 517, "EPROBE_DEFER" },   { 516, "ERESTART_RESTARTBLOCK" },
	{ 518, "EOPENSTALE" },  { 519, "ENOPARAM" },       { 521, "EBADHANDLE" },
	{ 522, "ENOTSYNC" },    { 523, "EBADCOOKIE" },     { 524, "ENOTSUPP" },
	{ 525, "ETOOSMALL" },   { 526, "ESERVERFAULT" },   { 527, "EBADTYPE" },
	{ 528, "EJUKEBOX" },    { 529, "EIOCBQUEUED" },    { 530, "ERECALLCONFLICT" },
};

static void list_errors(struct list *list)
{
	add(list, 0, "");
	for (int i = 1; i < ERRNO_MAX; i++) {
		const char *name = strerrorname_np(i);

		if (name)
			add(list, (uint64_t)i, name);
	}
	for (size_t i = 0; i < sizeof(kernel_errors) / sizeof(*kernel_errors); i++)
		add(list, kernel_errors[i].number, kernel_errors[i].name);
}

/* ---- signals -------------------------------------------------------------- */

static void list_signals(struct list *list)
{
	add(list, SIGIO, "SIGIO"); /* libc prefers SIGPOLL, nobody else does */
	for (int i = 1; i < SIGNALS; i++) {
		const char *name = sigabbrev_np(i);

		if (name)
			add(list, (uint64_t)i, arena_printf(list->arena, "SIG%s", name));
	}
	add(list, REALTIME_FIRST, "SIGRTMIN");
	for (int i = REALTIME_FIRST + 1; i <= REALTIME_LAST; i++)
		add(list, (uint64_t)i,
		    arena_printf(list->arena, "SIGRTMIN+%d", i - REALTIME_FIRST));
}

/* ---- system calls --------------------------------------------------------- */

/* New system calls have one number on all architectures; the kernel may be newer
 * than the headers the program was built with. */
static const struct syscall_name new_syscalls[] = {
	{ 451, "SYS_CACHESTAT" },         { 452, "SYS_FCHMODAT2" },
	{ 453, "SYS_MAP_SHADOW_STACK" },  { 454, "SYS_FUTEX_WAKE" },
	{ 455, "SYS_FUTEX_WAIT" },        { 456, "SYS_FUTEX_REQUEUE" },
	{ 457, "SYS_STATMOUNT" },         { 458, "SYS_LISTMOUNT" },
	{ 459, "SYS_LSM_GET_SELF_ATTR" }, { 460, "SYS_LSM_SET_SELF_ATTR" },
	{ 461, "SYS_LSM_LIST_MODULES" },  { 462, "SYS_MSEAL" },
	{ 463, "SYS_SETXATTRAT" },        { 464, "SYS_GETXATTRAT" },
	{ 465, "SYS_LISTXATTRAT" },       { 466, "SYS_REMOVEXATTRAT" },
	{ 467, "SYS_OPEN_TREE_ATTR" },    { 468, "SYS_FILE_GETATTR" },
	{ 469, "SYS_FILE_SETATTR" },
};

static void list_syscalls(struct list *list)
{
	for (const struct syscall_name *s = syscall_names; s->name; s++)
		add(list, s->number, s->name);
	for (size_t i = 0; i < sizeof(new_syscalls) / sizeof(*new_syscalls); i++)
		add(list, new_syscalls[i].number, new_syscalls[i].name);
}

/* ---- flags of open(2) ----------------------------------------------------- */

static void list_open_flags(struct list *list)
{
	static const struct {
		uint32_t flag;
		const char *name;
	} flags[] = {
		{ O_CREAT, "O_CREAT" },         { O_EXCL, "O_EXCL" },
		{ O_NOCTTY, "O_NOCTTY" },       { O_TRUNC, "O_TRUNC" },
		{ O_APPEND, "O_APPEND" },       { O_NONBLOCK, "O_NONBLOCK" },
		{ FASYNC, "O_FASYNC" },         { O_DIRECT, "O_DIRECT" },
		{ O_LARGEFILE, "O_LARGEFILE" }, { O_NOFOLLOW, "O_NOFOLLOW" },
		{ O_NOATIME, "O_NOATIME" },     { O_CLOEXEC, "O_CLOEXEC" },
		{ PATH_FLAG, "O_PATH" },
	};
	const uint32_t tmpfile_bits = TMPFILE_FLAG | O_DIRECTORY;

	add_masked(list, O_ACCMODE, O_RDONLY, "O_RDONLY");
	add_masked(list, O_ACCMODE, O_WRONLY, "O_WRONLY");
	add_masked(list, O_ACCMODE, O_RDWR, "O_RDWR");
	for (size_t i = 0; i < sizeof(flags) / sizeof(*flags); i++)
		add_masked(list, flags[i].flag, flags[i].flag, flags[i].name);
	/* Each of these contains the bit of the one in front of it. */
	add_masked(list, O_SYNC, O_DSYNC, "O_DSYNC");
	add_masked(list, O_SYNC, O_SYNC, "O_SYNC");
	add_masked(list, tmpfile_bits, O_DIRECTORY, "O_DIRECTORY");
	add_masked(list, tmpfile_bits, tmpfile_bits, "O_TMPFILE");
}

/* ---- protocols ------------------------------------------------------------ */

static void list_protocols(struct list *list)
{
	/* As IANA assigned them, and the one above 255 that is Linux's own. */
	static const struct {
		uint16_t number;
		const char *name;
	} protocols[] = {
		{ 0, "IP" },         { 1, "ICMP" },   { 2, "IGMP" },      { 4, "IPIP" },
		{ 6, "TCP" },        { 8, "EGP" },    { 12, "PUP" },      { 17, "UDP" },
		{ 22, "IDP" },       { 29, "TP" },    { 33, "DCCP" },     { 41, "IPV6" },
		{ 46, "RSVP" },      { 47, "GRE" },   { 50, "ESP" },      { 51, "AH" },
		{ 58, "ICMPV6" },    { 89, "OSPF" },  { 92, "MTP" },      { 94, "BEETPH" },
		{ 98, "ENCAP" },     { 103, "PIM" },  { 108, "COMP" },    { 112, "VRRP" },
		{ 115, "L2TP" },     { 132, "SCTP" }, { 136, "UDPLITE" }, { 137, "MPLS" },
		{ 143, "ETHERNET" }, { 255, "RAW" },  { 262, "MPTCP" },
	};

	for (size_t i = 0; i < sizeof(protocols) / sizeof(*protocols); i++)
		add(list, protocols[i].number, protocols[i].name);
}

static const struct {
	void (*fill)(struct list *list);
	struct names_options options;
} vocabularies[WORDS_COUNT] = {
	[WORDS_ERRNO] = { list_errors, { .unknown = "error#", .is_single = true } },
	[WORDS_SIGNAL] = { list_signals, { .unknown = "signal#", .is_single = true } },
	[WORDS_SYSCALL] = { list_syscalls,
			    { .unknown = "SYS_UNKNOWN", .hides_number = true, .is_single = true } },
	[WORDS_OPEN_FLAGS] = { list_open_flags, { .separator = "|" } },
	[WORDS_PROTOCOL] = { list_protocols, { .unknown = "proto#", .is_single = true } },
};

const struct names *vocabulary_make(struct arena *arena, enum words words)
{
	struct name names[LIST_MAX];
	struct list list = { .arena = arena, .names = names };

	vocabularies[words].fill(&list);
	return names_make(arena, list.names, list.n, &vocabularies[words].options);
}
