/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ELF says where things are, BTF says what they are.
 *
 * Data sources, parameters and maps are found by walking BTF: markers are
 * global variables whose names carry the information, maps are the variables of
 * the section .maps, whose struct type spells out the definition.  Programs are
 * the functions of executable sections other than .text.  The kernel and
 * libbpf's object code are not involved.
 */
#include "gadget/inspect.h"

#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "gadget/btf.h"
#include "gadget/chatter.h"
#include "gadget/inspection.h"
#include "gadget/kernel_enums.h"
#include "gadget/metadata.h"
#include "gadget/present.h"
#include "gadget/settings.h"

enum {
	MAX_TYPES = 65536,
	MAX_MARKERS = 1024,
	MAX_NEEDS = 16,
};

/* ---- markers ------------------------------------------------------------- */

/* A marker is a global variable that is a pointer to void. */
static bool is_marker(const struct inspection *in, const struct btf_type *var)
{
	const struct btf_type *t = btf_bare(in->btf, var->type, NULL);
	uint32_t id = 0;

	if (btf_var(var)->linkage != BTF_VAR_GLOBAL_ALLOCATED || !t || !btf_is_ptr(t))
		return false;
	return btf_bare(in->btf, t->type, &id) && id == 0;
}

static const struct {
	const char *prefix, *why; /* why NULL: supported */
} marker_kinds[] = {
	{ "gadget_tracer_", NULL },
	{ "gadget_param_", NULL },
	{ "gadget_iter_", "iterators" },
	{ "gadget_snapshotter_", "iterators" },
	{ "gadget_mapiter_", "iterators over maps" },
	{ "gadget_mapelem_iter_target_", "iterators over maps" },
	{ "gadget_sk_prog_target_", "programs attached to socket maps" },
};

static int read_marker(struct inspection *in, const char *name)
{
	for (size_t i = 0; i < sizeof(marker_kinds) / sizeof(*marker_kinds); i++) {
		size_t len = strlen(marker_kinds[i].prefix);
		char *rest, *parts[1];

		if (strncmp(name, marker_kinds[i].prefix, len) != 0)
			continue;
		rest = arena_strdup(in->arena, name + len);
		if (i == 0)
			return inspect_tracer(in, rest);
		if (i == 1)
			return inspect_param(in, rest);
		(void)marker_split(rest, parts, 1);
		return inspect_unsupported(in, parts[0], marker_kinds[i].why);
	}
	return 0;
}

static int read_markers(struct inspection *in)
{
	uint32_t n = btf__type_cnt(in->btf), markers = 0;

	for (uint32_t id = 1; id < n; id++) {
		const struct btf_type *t = btf__type_by_id(in->btf, id);
		const char *name;
		int r;

		if (!t || !btf_is_var(t))
			continue;
		name = btf__name_by_offset(in->btf, t->name_off);
		if (!name || strncmp(name, "gadget_", 7) != 0 || !is_marker(in, t))
			continue;
		if (!btf_identifier(in->btf, t->name_off))
			return error_set(in->err, EBADMSG, "a marker has no proper name");
		if (++markers > MAX_MARKERS)
			return error_set(in->err, E2BIG, "more than %d markers", MAX_MARKERS);
		r = read_marker(in, name);
		if (r < 0)
			return r;
	}
	in->model->discards = counter_map(in, "gadget", "_discards");
	if (in->model->nsources == 0)
		return inspect_seed_rings(in);
	return 0;
}

/* ---- what it needs ------------------------------------------------------- */

static void need(struct inspection *in, const char *what)
{
	struct model *m = in->model;

	if (m->nneeds < MAX_NEEDS)
		m->needs[m->nneeds++] = what;
}

static bool has_kind(const struct model *m, enum program_kind kind)
{
	for (uint32_t i = 0; i < m->nprograms; i++)
		if (m->programs[i].kind == kind && !m->programs[i].is_disabled)
			return true;
	return false;
}

static bool needs_rings(const struct model *m)
{
	for (uint32_t i = 0; i < m->nsources; i++)
		if (!m->sources[i].unsupported && !m->sources[i].is_perf &&
		    !m->sources[i].may_be_perf)
			return true;
	return false;
}

static bool needs_bpffs(const struct model *m)
{
	for (uint32_t i = 0; i < m->nmaps; i++)
		if (m->maps[i].is_shared)
			return true;
	return false;
}

static void read_needs(struct inspection *in)
{
	struct model *m = in->model;
	const struct object_section *license = object_section(&in->object, "license");
	size_t len = license && license->data ? license->size : 0;

	m->license = len ? printable(in->arena, (const char *)license->data,
				     strnlen((const char *)license->data, len < 64 ? len : 64))
			 : "";
	m->needs_btf = has_kind(m, PROGRAM_TP_BTF) || object_section(&in->object, ".BTF.ext");
	need(in, "CAP_BPF and CAP_PERFMON, or root");
	if (m->needs_btf)
		need(in, "the kernel's BTF in /sys/kernel/btf/vmlinux");
	if (needs_rings(m))
		need(in, "ring buffers (Linux 5.8)");
	if (has_kind(m, PROGRAM_TRACEPOINT))
		need(in, "tracefs, mounted or mountable, for tracepoints");
	if (needs_bpffs(m))
		need(in, "a BPF file system at /sys/fs/bpf, for maps that are shared by name");
}

/* ---- putting it together ------------------------------------------------- */

static int read_btf(struct inspection *in)
{
	const struct object_section *section = object_section(&in->object, ".BTF");
	struct chatter *chatter;

	if (!section || !section->data || !section->size)
		return error_set(in->err, EINVAL, "the object has no BTF (compile with -g)");
	if (section->size > UINT32_MAX)
		return error_set(in->err, E2BIG, "too much BTF");
	chatter = chatter_begin();
	in->btf = btf__new(section->data, (uint32_t)section->size);
	if (!in->btf) {
		(void)error_set(in->err, EBADMSG, "damaged object: its BTF cannot be read");
		chatter_add_last(chatter, in->err);
	}
	chatter_end(chatter);
	if (!in->btf)
		return -EBADMSG;
	if (btf__type_cnt(in->btf) > MAX_TYPES)
		return error_set(in->err, E2BIG, "%u types are too many (at most %d)",
				 btf__type_cnt(in->btf), MAX_TYPES);
	return 0;
}

static int read_all(struct inspection *in)
{
	int r = read_btf(in);

	if (r < 0)
		return r;
	r = inspect_maps(in);
	if (r < 0)
		return r;
	r = read_markers(in);
	if (r < 0)
		return r;
	if (in->model->nsources == 0)
		r = inspect_seed_others(in);
	if (r < 0)
		return r;
	r = inspect_params_end(in);
	if (r < 0)
		return r;
	r = inspect_programs(in);
	if (r < 0)
		return r;
	read_needs(in);
	return 0;
}

/* Whatever is wrong with the file, callers see one code. */
static int no_gadget(struct error *err)
{
	if (err)
		err->code = ENOEXEC;
	return -ENOEXEC;
}

static int inspect(struct arena *arena, const char *name, const uint8_t *bytes, size_t size,
		   const struct metadata *metadata, struct kernel_enums *kernel,
		   const struct model **ret_model, struct error *err)
{
	struct inspection in = { .arena = arena, .kernel = kernel, .err = err };
	struct model *m = arena_alloc(arena, sizeof(*m));
	int r;

	*m = (struct model){
		.name = name, .path = name, .bytes = bytes, .size = size, .metadata = metadata
	};
	in.model = m;
	r = object_parse(arena, bytes, size, &in.object, err);
	if (r < 0)
		return no_gadget(err);
	m->sources = arena_array(arena, MODEL_MAX_SOURCES, sizeof(*m->sources));
	m->programs = arena_array(arena, MODEL_MAX_PROGRAMS, sizeof(*m->programs));
	m->params = arena_array(arena, MODEL_MAX_PARAMS, sizeof(*m->params));
	m->needs = arena_array(arena, MAX_NEEDS, sizeof(*m->needs));
	r = read_all(&in);
	btf__free(in.btf);
	if (r == 0)
		r = present_apply(arena, m, err);
	if (r < 0)
		return no_gadget(err);
	*ret_model = m;
	return 0;
}

int inspect_bytes(struct arena *arena, const char *name, const uint8_t *bytes, size_t size,
		  const struct metadata *metadata, const struct model **ret_model,
		  struct error *err)
{
	return inspect(arena, name, bytes, size, metadata, NULL, ret_model, err);
}

int inspect_bytes_here(struct arena *arena, const char *name, const uint8_t *bytes, size_t size,
		       const struct metadata *metadata, const struct model **ret_model,
		       struct error *err)
{
	struct kernel_enums kernel = { 0 };
	int r = inspect(arena, name, bytes, size, metadata, &kernel, ret_model, err);

	kernel_enums_release(&kernel);
	return r;
}

static int read_file(struct arena *arena, const char *path, const uint8_t **ret_bytes,
		     size_t *ret_size, struct error *err)
{
	/* Not blocking: a FIFO would wait for somebody to write. */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat st;
	uint8_t *bytes;
	size_t size = 0;
	int r = 0;

	if (fd < 0)
		return error_set(err, errno, "%s", strerrordesc_np(errno));
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
		r = error_set(err, ENOEXEC, "not a regular file");
		goto out;
	}
	if (st.st_size > MODEL_MAX_OBJECT) {
		r = error_set(err, ENOEXEC, "larger than %d MiB", MODEL_MAX_OBJECT >> 20);
		goto out;
	}
	bytes = arena_alloc(arena, (size_t)st.st_size);
	while (size < (size_t)st.st_size) {
		ssize_t n = read(fd, bytes + size, (size_t)st.st_size - size);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			r = error_set(err, errno, "%s", strerrordesc_np(errno));
			goto out;
		}
		if (n == 0)
			break;
		size += (size_t)n;
	}
	*ret_bytes = bytes;
	*ret_size = size;
out:
	close(fd);
	return r;
}

/* The gadget.yaml beside the object, or what it was called first; none is fine. */
static int read_metadata(struct arena *arena, const struct gadget_place *place,
			 struct gadget_parts *parts, struct error *err)
{
	const char *path = arena_printf(arena, "%s/gadget.yaml", place->dir);
	const uint8_t *bytes = NULL;
	size_t size = 0;
	int r;

	if (access(path, F_OK) < 0)
		path = arena_printf(arena, "%s/definition.yaml", place->dir);
	if (access(path, F_OK) < 0)
		return 0;
	r = read_file(arena, path, &bytes, &size, err);
	if (r < 0)
		return error_wrap(err, "cannot use '%s'", path);
	parts->metadata_name = path;
	parts->metadata = (struct str){ (const char *)bytes, size };
	return 0;
}

int inspect_parts(struct arena *arena, const struct gadget_parts *parts,
		  const struct yaml_node *wanted, const struct model **ret_model, struct error *err)
{
	const struct metadata *metadata = NULL;
	const struct model *found = NULL;
	struct model *model;
	int r = 0;

	if (parts->metadata.at && metadata_parse(arena, parts->metadata_name, parts->metadata.at,
						 parts->metadata.len, &metadata, err) < 0)
		r = no_gadget(err);
	if (r == 0)
		r = settings_choose(arena, metadata, wanted, &metadata, err);
	if (r == -EINVAL)
		return r; /* what is wanted is wrong, not the gadget */
	if (r == 0)
		r = inspect_bytes_here(arena, parts->name, (const uint8_t *)parts->object.at,
				       parts->object.len, metadata, &found, err);
	if (r < 0 && err && err->pos.line)
		return r; /* the place in the metadata says which file */
	if (r < 0)
		return error_wrap(err, "cannot use '%s'", parts->path);
	model = arena_memdup(arena, found, sizeof(*found));
	model->path = parts->path;
	*ret_model = model;
	return 0;
}

int inspect_file(struct arena *arena, const struct gadget_place *place,
		 const struct yaml_node *wanted, const struct model **ret_model, struct error *err)
{
	struct gadget_parts parts = { .name = place->name, .path = place->object };
	const uint8_t *bytes = NULL;
	size_t size = 0;
	int r = read_file(arena, place->object, &bytes, &size, err);

	if (r < 0)
		return error_wrap(err, "cannot use '%s'", place->object);
	parts.object = (struct str){ (const char *)bytes, size };
	r = read_metadata(arena, place, &parts, err);
	if (r < 0)
		return error_wrap(err, "cannot use '%s'", place->object);
	return inspect_parts(arena, &parts, wanted, ret_model, err);
}
