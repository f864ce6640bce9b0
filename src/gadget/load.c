/* SPDX-License-Identifier: Apache-2.0 */
#include "gadget/load.h"

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/capability.h>
#include <linux/membarrier.h>
#include <linux/perf_event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "gadget/chatter.h"
#include "gadget/fallback.h"
#include "gadget/tracefs.h"

struct loaded_source {
	struct transport_map transport;
	int counter_fd[2]; /* by enum load_counter; -1: not kept */
};

struct loaded {
	const struct model *model;
	struct bpf_object *object;
	struct bpf_program **programs; /* by number in the model */
	struct bpf_link **links;       /* the same; NULL: not attached */
	uint64_t *events;              /* the same: perf's numbers of tracepoints */
	struct loaded_source *sources;
	uint32_t ncpus;
};

/* The kernel has codes of its own that libc has no words for. */
static const char *code_text(int code)
{
	const char *text = strerrordesc_np(code);

	if (code == 524)
		text = "Operation not supported";
	return text ? text : "unknown error";
}

/* ---- opening ------------------------------------------------------------- */

static bool has_capabilities(void)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = { { 0 } };
	uint64_t effective;

	if (syscall(SYS_capget, &header, data) < 0)
		return true; /* cannot tell; the kernel will */
	effective = (uint64_t)data[1].effective << 32 | data[0].effective;
	if (effective >> CAP_SYS_ADMIN & 1)
		return true;
	return (effective >> CAP_BPF & 1) && (effective >> CAP_PERFMON & 1);
}

static enum transport_kind choose_transport(const struct model_source *s,
					    enum load_transport wanted)
{
	if (s->is_perf)
		return TRANSPORT_PERF;
	if (!s->may_be_perf || wanted == LOAD_RING)
		return TRANSPORT_RING;
	return wanted == LOAD_PERF || !kernel_has_rings() ? TRANSPORT_PERF : TRANSPORT_RING;
}

static bool is_ring_size(uint64_t size)
{
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);

	return size >= page && size <= MODEL_MAX_RING && (size & (size - 1)) == 0;
}

/* What was asked for, else what a variable says, else what the object does. */
static uint64_t ring_bytes(const struct model *model, uint32_t index,
			   const struct load_options *options, enum transport_kind kind)
{
	const struct model_source *s = &model->sources[index];
	const struct model_map *map = model_map_find(model, s->map);

	if (options->ring_size)
		return options->ring_size;
	if (kind == TRANSPORT_PERF)
		return (uint64_t)sysconf(_SC_PAGESIZE) * PERF_PAGES;
	if (map && map->sized_by)
		return model_ring_size(settings_map_entries(&options->settings, map));
	return s->ring_size;
}

/* A map that names the type of its records has a value size the kernel refuses. */
static int shape_map(const struct loaded *l, const struct transport_map *t, struct bpf_map *map)
{
	bool is_perf = t->kind == TRANSPORT_PERF;
	uint32_t entries = is_perf ? l->ncpus : (uint32_t)t->size;
	int r = bpf_map__set_type(map,
				  is_perf ? BPF_MAP_TYPE_PERF_EVENT_ARRAY : BPF_MAP_TYPE_RINGBUF);

	if (r == 0)
		r = bpf_map__set_max_entries(map, entries);
	if (r == 0)
		r = bpf_map__set_value_size(map, is_perf ? sizeof(int) : 0);
	if (r == 0)
		r = bpf_map__set_key_size(map, is_perf ? sizeof(int) : 0);
	return r;
}

static int prepare_map(struct loaded *l, uint32_t index, const struct load_options *options,
		       struct error *err)
{
	const struct model_source *s = &l->model->sources[index];
	struct bpf_map *map = bpf_object__find_map_by_name(l->object, s->map);
	struct transport_map *t = &l->sources[index].transport;
	int r;

	*t = (struct transport_map){ .kind = choose_transport(s, options->transport),
				     .ncpus = l->ncpus };
	t->size = ring_bytes(l->model, index, options, t->kind);
	if (!is_ring_size(t->size))
		return error_set(err, EINVAL,
				 "a ring of %llu bytes is not possible (a power of two, at least "
				 "one page, at most 1GiB)",
				 (unsigned long long)t->size);
	if (!map)
		return error_set(err, EBADMSG, "map '%s' is missing", s->map);
	r = shape_map(l, t, map);
	if (r < 0)
		return error_set(err, -r, "cannot prepare map '%s'", s->map);
	return 0;
}

static int set_param(struct loaded *l, const struct param_setting *setting, struct error *err)
{
	const struct model_param *p = setting->param;
	struct bpf_map *map = bpf_object__find_map_by_name(l->object, p->section);
	size_t size = 0;
	uint8_t *image = map ? bpf_map__initial_value(map, &size) : NULL;

	if (!image || p->at > size || p->size > size - p->at)
		return error_set(err, EBADMSG, "cannot set parameter '%s'", p->key);
	memcpy(image + p->at, setting->bytes, p->size);
	return 0;
}

/* Maps that a variable sizes; a ring among them gets its size as rings do. */
static int size_map(struct loaded *l, const struct model_map *m, const struct settings *settings,
		    struct error *err)
{
	struct bpf_map *map = bpf_object__find_map_by_name(l->object, m->name);
	uint32_t entries = settings_map_entries(settings, m);
	int r = map ? bpf_map__set_max_entries(map, entries) : -ENOENT;

	if (r < 0)
		return error_set(err, -r, "cannot give map '%s' %u entries", m->name, entries);
	return 0;
}

static int size_maps(struct loaded *l, const struct settings *settings, struct error *err)
{
	int r = 0;

	for (uint32_t i = 0; r == 0 && i < l->model->nmaps; i++)
		if (l->model->maps[i].sized_by)
			r = size_map(l, &l->model->maps[i], settings, err);
	return r;
}

/*
 * A program that is not to be attached is loaded where that can be: the section
 * of a BTF-typed one must name something the kernel has.
 */
static int prepare_disabled(struct bpf_program *program, const struct model_program *p)
{
	if (p->unsupported || (p->kind == PROGRAM_TP_BTF && !p->target))
		return bpf_program__set_autoload(program, false);
	if (p->kind == PROGRAM_TP_BTF)
		return bpf_program__set_attach_target(program, 0, p->target);
	return 0;
}

static int prepare_programs(struct loaded *l, struct error *err)
{
	for (uint32_t i = 0; i < l->model->nprograms; i++) {
		const struct model_program *p = &l->model->programs[i];
		int r = 0;

		l->programs[i] = bpf_object__find_program_by_name(l->object, p->name);
		if (!l->programs[i])
			return error_set(err, EBADMSG, "program '%s' is missing", p->name);
		if (p->is_disabled)
			r = prepare_disabled(l->programs[i], p);
		if (r < 0)
			return error_set(err, -r, "cannot disable program '%s'", p->name);
	}
	return 0;
}

static int prepare(struct loaded *l, const struct load_options *options, struct error *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < options->settings.n; i++)
		r = set_param(l, &options->settings.list[i], err);
	if (r == 0)
		r = size_maps(l, &options->settings, err);
	for (uint32_t i = 0; r == 0 && i < l->model->nsources; i++)
		r = prepare_map(l, i, options, err);
	if (r == 0)
		r = prepare_programs(l, err);
	return r;
}

static int open_object(struct loaded *l, const char *btf_path, struct error *err)
{
	LIBBPF_OPTS(bpf_object_open_opts, opts, .object_name = l->model->name,
		    .btf_custom_path = btf_path);

	l->object = bpf_object__open_mem(l->model->bytes, l->model->size, &opts);
	if (!l->object)
		return error_set(err, errno, "%s", code_text(errno));
	return 0;
}

/* ---- loading ------------------------------------------------------------- */

static const char *counter_name(const struct model_source *s, enum load_counter counter)
{
	return counter == LOAD_ATTEMPTS ? s->attempts : s->lost;
}

static int find_maps(struct loaded *l, struct error *err)
{
	for (uint32_t i = 0; i < l->model->nsources; i++) {
		const struct model_source *s = &l->model->sources[i];

		l->sources[i].transport.fd = bpf_object__find_map_fd_by_name(l->object, s->map);
		if (l->sources[i].transport.fd < 0)
			return error_set(err, EBADMSG, "map '%s' was not made", s->map);
		for (int c = 0; c < 2; c++) {
			const char *name = counter_name(s, (enum load_counter)c);

			l->sources[i].counter_fd[c] =
				name ? bpf_object__find_map_fd_by_name(l->object, name) : -1;
		}
	}
	return 0;
}

/* Which program was refused, from libbpf's message about it; NULL: none was. */
static const struct model_program *refused(const struct loaded *l, const struct chatter *c)
{
	for (uint32_t i = 0; i < l->model->nprograms; i++) {
		char text[320];

		(void)snprintf(text, sizeof(text), "prog '%.256s': BPF program load failed",
			       l->model->programs[i].name);

		if (chatter_has(c, text))
			return &l->model->programs[i];
	}
	return NULL;
}

static int explain_load(const struct loaded *l, const struct chatter *c, int code,
			struct error *err)
{
	const struct model_program *p = refused(l, c);

	if (code == EPERM && !has_capabilities())
		return error_set(
			err, EPERM,
			"operation not permitted (needs CAP_BPF and CAP_PERFMON; try as root)");
	if (code == ESRCH && l->model->needs_btf && access("/sys/kernel/btf/vmlinux", R_OK) != 0)
		return error_set(err, EOPNOTSUPP, "this kernel has no BTF (CONFIG_DEBUG_INFO_BTF)");
	if (chatter_has(c, "is not on BPF FS"))
		return error_set(err, EOPNOTSUPP,
				 "its maps are shared by name, and no BPF file system is mounted "
				 "(try 'mount -t bpf bpf /sys/fs/bpf')");
	if (!p) {
		/* libbpf's way to say that there is no such hook or type in the kernel. */
		(void)error_set(err, code == ESRCH ? EOPNOTSUPP : code, "%s", code_text(code));
		chatter_add_last(c, err);
		return -err->code;
	}
	/* The type is a loader's, no kernel's; to the verifier it is a relocation that failed. */
	if (chatter_has(c, "relocation") && chatter_has(c, "struct gadget_socket_value"))
		return error_set(err, EOPNOTSUPP,
				 "program '%s' looks up the owners of sockets, which this version "
				 "does not support",
				 p->name);
	/* With the rights to load programs, EPERM means this kind of program. */
	(void)error_set(err, code == EPERM ? EOPNOTSUPP : ENOEXEC,
			"the kernel refused program '%s' of section '%s': %s", p->name, p->section,
			code_text(code));
	chatter_add_verdict(c, err);
	return -err->code;
}

/* btf_path: what to relocate to instead of the running kernel, or NULL. */
static int load_with(struct loaded *l, const struct load_options *options, const char *btf_path,
		     struct chatter *c, struct error *err)
{
	int r = open_object(l, btf_path, err);

	if (r == 0)
		r = prepare(l, options, err);
	if (r < 0) {
		chatter_add_last(c, err);
		return r;
	}
	r = bpf_object__load(l->object);
	if (r < 0)
		return explain_load(l, c, -r, err);
	return find_maps(l, err);
}

/*
 * Perf event arrays where there are rings: programs must believe that there are none,
 * and what they believe is what the BTF says they are relocated to.
 */
static int load_without_rings(struct loaded *l, const struct load_options *options,
			      struct chatter *c, struct error *err)
{
	char path[32];
	int fd, r;

	for (uint32_t i = 0; i < l->model->nsources; i++)
		if (!l->model->sources[i].is_perf && !l->model->sources[i].may_be_perf)
			return error_set(err, EOPNOTSUPP,
					 "map '%s' can only be a ring (a GADGET_TRACER_MAP can be "
					 "either)",
					 l->model->sources[i].map);
	fd = btf_without_rings(err);
	if (fd < 0)
		return fd;
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	r = load_with(l, options, path, c, err);
	close(fd);
	if (r == -ENOEXEC)
		return error_add(err, " (does it send through rings only? see 'transport')");
	return r;
}

int load_gadget(const struct model *model, const struct load_options *options,
		struct loaded **ret_loaded, struct error *err)
{
	struct loaded *l = xcalloc(1, sizeof(*l));
	struct chatter *c;
	int cpus = libbpf_num_possible_cpus(), r;

	l->model = model;
	l->ncpus = cpus > 0 ? (uint32_t)cpus : 1;
	l->programs = xcalloc(model->nprograms, sizeof(struct bpf_program *));
	l->links = xcalloc(model->nprograms, sizeof(struct bpf_link *));
	l->events = xcalloc(model->nprograms, sizeof(*l->events));
	l->sources = xcalloc(model->nsources, sizeof(*l->sources));
	r = model_check(model, err);
	if (r == 0) {
		c = chatter_begin();
		r = options->transport == LOAD_PERF ? load_without_rings(l, options, c, err)
						    : load_with(l, options, NULL, c, err);
		chatter_end(c);
		if (r < 0)
			(void)error_wrap(err, "cannot load '%s'", model->name);
	}
	if (r < 0) {
		loaded_free(l);
		return r;
	}
	*ret_loaded = l;
	return 0;
}

/* ---- attaching ----------------------------------------------------------- */

static bool has_tracepoints(const struct model *model)
{
	for (uint32_t i = 0; i < model->nprograms; i++)
		if (model->programs[i].kind == PROGRAM_TRACEPOINT &&
		    !model->programs[i].is_disabled)
			return true;
	return false;
}

static int explain_attach(const struct model_program *p, int code, struct error *err)
{
	const char *hint = "";

	if (code == ENOENT) {
		code = EOPNOTSUPP;
		hint = " (this kernel has no such tracepoint)";
	} else if ((code == EPERM || code == EACCES) && geteuid() != 0) {
		hint = " (tracepoints need tracefs and CAP_PERFMON; try as root)";
	}
	return error_set(err, code, "program '%s' to '%s': %s%s", p->name,
			 p->attach_to ? p->attach_to : p->section,
			 *hint && code == EOPNOTSUPP ? "not there" : code_text(code), hint);
}

/*
 * Look all tracepoints up before the first program is attached: a gadget that
 * traces opens would see these.
 */
static int find_events(struct loaded *l, struct error *err)
{
	int tracefs, r = 0;

	if (!has_tracepoints(l->model))
		return 0;
	tracefs = tracefs_open();
	if (tracefs < 0)
		return error_set(err, EOPNOTSUPP,
				 "tracefs is missing and cannot be mounted: %s (as root: mount -t "
				 "tracefs tracefs /sys/kernel/tracing)",
				 code_text(-tracefs));
	for (uint32_t i = 0; r == 0 && i < l->model->nprograms; i++) {
		const struct model_program *p = &l->model->programs[i];

		if (p->kind != PROGRAM_TRACEPOINT || p->is_disabled)
			continue;
		r = tracefs_event_id(tracefs, p->category, p->target, &l->events[i]);
		if (r < 0)
			r = explain_attach(p, -r, err);
	}
	close(tracefs);
	return r;
}

/* By hand, not bpf_program__attach_tracepoint(): that wants tracefs mounted. */
static int attach_tracepoint(struct loaded *l, uint32_t i)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_TRACEPOINT,
		.size = sizeof(attr),
		.config = l->events[i],
	};
	long fd = syscall(SYS_perf_event_open, &attr, -1, 0, -1, PERF_FLAG_FD_CLOEXEC);
	int r;

	if (fd < 0)
		return -errno;
	/* The link owns the descriptor from here on. */
	l->links[i] = bpf_program__attach_perf_event(l->programs[i], (int)fd);
	if (l->links[i])
		return 0;
	r = -errno;
	close((int)fd);
	return r;
}

static int attach_one(struct loaded *l, uint32_t i)
{
	const struct model_program *p = &l->model->programs[i];

	switch (p->kind) {
	case PROGRAM_TRACEPOINT:
		return attach_tracepoint(l, i);
	case PROGRAM_RAW_TP:
		l->links[i] = bpf_program__attach_raw_tracepoint(l->programs[i], p->target);
		break;
	case PROGRAM_TP_BTF:
		l->links[i] = bpf_program__attach_trace(l->programs[i]);
		break;
	case PROGRAM_SYSCALL:
		return 0;
	case PROGRAM_OTHER:
		return -EOPNOTSUPP;
	}
	return l->links[i] ? 0 : -errno;
}

int loaded_attach(struct loaded *l, struct error *err)
{
	struct chatter *c = chatter_begin();
	int r = find_events(l, err);

	for (uint32_t i = 0; r == 0 && i < l->model->nprograms; i++) {
		if (l->model->programs[i].is_disabled)
			continue;
		r = attach_one(l, i);
		if (r < 0)
			r = explain_attach(&l->model->programs[i], -r, err);
	}
	chatter_end(c);
	if (r == 0)
		return 0;
	loaded_detach(l);
	return error_wrap(err, "cannot attach '%s'", l->model->name);
}

void loaded_detach(struct loaded *l)
{
	bool was_attached = false;

	for (uint32_t i = 0; i < l->model->nprograms; i++) {
		was_attached |= l->links[i] != NULL;
		(void)bpf_link__destroy(l->links[i]);
		l->links[i] = NULL;
	}
	/*
	 * A program may be in the middle of its run on another CPU.  Programs run
	 * inside an RCU read section, and this waits for all of those.
	 */
	if (was_attached)
		(void)syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0);
}

/* ---- reading ------------------------------------------------------------- */

struct transport_map loaded_transport(const struct loaded *l, uint32_t source)
{
	return l->sources[source].transport;
}

int loaded_counter(const struct loaded *l, uint32_t source, enum load_counter counter,
		   uint64_t *per_cpu)
{
	int fd = l->sources[source].counter_fd[counter];
	uint32_t key = 0;

	if (fd < 0)
		return -ENOENT;
	return bpf_map_lookup_elem(fd, &key, per_cpu);
}

uint64_t loaded_discards(const struct loaded *l)
{
	const char *name = l->model->discards;
	int fd = name ? bpf_object__find_map_fd_by_name(l->object, name) : -1;
	uint64_t *per_cpu, sum = 0;
	uint32_t key = 0;

	if (fd < 0)
		return 0;
	per_cpu = xcalloc(l->ncpus, sizeof(*per_cpu));
	if (bpf_map_lookup_elem(fd, &key, per_cpu) == 0)
		for (uint32_t i = 0; i < l->ncpus; i++)
			sum += per_cpu[i];
	free(per_cpu);
	return sum;
}

uint32_t loaded_cpus(const struct loaded *l)
{
	return l->ncpus;
}

uint64_t loaded_missed(const struct loaded *l)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < l->model->nprograms; i++) {
		struct bpf_prog_info info = { 0 };
		uint32_t size = sizeof(info);

		if (bpf_prog_get_info_by_fd(bpf_program__fd(l->programs[i]), &info, &size) == 0)
			sum += info.recursion_misses;
	}
	return sum;
}

int loaded_program_fd(const struct loaded *l, const char *name)
{
	for (uint32_t i = 0; i < l->model->nprograms; i++)
		if (!strcmp(l->model->programs[i].name, name))
			return bpf_program__fd(l->programs[i]);
	return -ENOENT;
}

void loaded_free(struct loaded *l)
{
	if (!l)
		return;
	loaded_detach(l);
	bpf_object__close(l->object);
	free((void *)l->programs);
	free((void *)l->links);
	free(l->events);
	free(l->sources);
	free(l);
}
