/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What gadget authors include, loaded by libbpf alone: none of our code is involved
 * between the object and the kernel.  A gadget must not need its loader where it
 * does not ask for something only a loader can give (the owners of sockets).
 */
#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <libgen.h>
#include <limits.h>
#include <linux/bpf.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define RECORD_MAX 4096
#define LOG_SHOWN  1500 /* bytes; a longer message is cut by cmocka */

static char log_text[1 << 20];
static size_t log_size;

static int keep_log(enum libbpf_print_level level, const char *format, va_list args)
{
	int n;

	if (level == LIBBPF_DEBUG || log_size >= sizeof(log_text) - 1)
		return 0;
	n = vsnprintf(log_text + log_size, sizeof(log_text) - log_size, format, args);
	log_size += n > 0 ? (size_t)n : 0;
	if (log_size >= sizeof(log_text))
		log_size = sizeof(log_text) - 1;
	return n;
}

static int setup(void **state)
{
	(void)state;
	log_size = 0;
	log_text[0] = 0;
	(void)libbpf_set_print(keep_log);
	return 0;
}

/* build/, from build/tests/unit/<this> */
static const char *build_dir(void)
{
	static char path[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 1);

	path[n > 0 ? n : 0] = 0;
	return dirname(dirname(dirname(path)));
}

/* libbpf finds tracepoints in tracefs, which is not mounted everywhere. */
static int see_tracefs(void **state)
{
	(void)state;
	if (!access("/sys/kernel/tracing/events", R_OK))
		return 0;
	if (!unshare(CLONE_NEWNS) && !mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL))
		(void)mount("tracefs", "/sys/kernel/tracing", "tracefs", 0, NULL);
	return 0;
}

static void need_bpf(void)
{
	int fd = bpf_map_create(BPF_MAP_TYPE_RINGBUF, NULL, 0, 0, 4096, NULL);

	if (fd < 0) {
		print_message("no BPF here: %s\n", strerror(errno));
		skip();
	}
	close(fd);
}

static struct bpf_object *open_object(const char *name, const struct bpf_object_open_opts *opts)
{
	char path[PATH_MAX + 64];
	struct bpf_object *obj;

	(void)snprintf(path, sizeof(path), "%s/%s", build_dir(), name);
	obj = bpf_object__open_file(path, opts);
	if (!obj)
		fail_msg("opening '%s': %s\n%s", path, strerror(errno), log_text);
	return obj;
}

static void load(struct bpf_object *obj)
{
	int r = bpf_object__load(obj);

	/* The verifier says at its end what it does not like. */
	if (r)
		fail_msg("loading: %s\n%s", strerror(-r),
			 log_text + (log_size > LOG_SHOWN ? log_size - LOG_SHOWN : 0));
}

/* ---- loading ------------------------------------------------------------- */

static void loads(const char *name)
{
	struct bpf_object *obj;

	need_bpf();
	obj = open_object(name, NULL);
	load(obj);
	bpf_object__close(obj);
}

static void tracers_load_with_plain_libbpf(void **state)
{
	(void)state;
	loads("tests/bpf/abi_layouts.o");
	loads("tests/bpf/abi_calls.o");
}

static void the_gadgets_of_the_project_load_with_plain_libbpf(void **state)
{
	(void)state;
	loads("bpf/trace_open/program.o");
	loads("bpf/trace_exec/program.o");
}

static void iterators_load_with_plain_libbpf(void **state)
{
	(void)state;
	loads("tests/bpf/abi_sets.o");
}

static void packet_filters_load_with_plain_libbpf(void **state)
{
	(void)state;
	loads("tests/bpf/abi_filtered.o");
}

static void stacks_load_with_plain_libbpf_also_when_asked_for(void **state)
{
	static const char *const asked[] = { "collect_ustack", "collect_build_id" };
	struct bpf_object *obj;

	(void)state;
	loads("tests/bpf/abi_stacks.o");
	obj = open_object("tests/bpf/abi_stacks.o", NULL);
	for (size_t i = 0; i < 2; i++) {
		struct btf *btf = bpf_object__btf(obj);
		struct bpf_map *map = bpf_object__find_map_by_name(obj, ".rodata");
		int id = btf__find_by_name_kind(btf, ".rodata", BTF_KIND_DATASEC);
		const struct btf_type *sec = btf__type_by_id(btf, (uint32_t)id);
		bool *bytes;
		size_t size;

		assert_non_null(map);
		assert_non_null(sec);
		bytes = bpf_map__initial_value(map, &size);
		for (uint32_t k = 0; k < btf_vlen(sec); k++) {
			const struct btf_var_secinfo *v = btf_var_secinfos(sec) + k;
			const struct btf_type *var = btf__type_by_id(btf, v->type);

			if (!strcmp(btf__name_by_offset(btf, var->name_off), asked[i]))
				bytes[v->offset] = true;
		}
	}
	load(obj);
	bpf_object__close(obj);
}

static void maps_pinned_by_name_load_and_are_found_again(void **state)
{
	char dir[] = "/tmp/test_bpf_headers_XXXXXX", pin[128];
	LIBBPF_OPTS(bpf_object_open_opts, opts, .pin_root_path = dir);
	static const char *const names[] = { "gpu_meta", "gpu_device", "gpu_per_pid",
					     "gpu_per_pid_per_device" };
	struct bpf_object *obj, *again;

	(void)state;
	need_bpf();
	assert_non_null(mkdtemp(dir));
	if (mount("bpf", dir, "bpf", 0, NULL)) {
		print_message("no file system to pin in: %s\n", strerror(errno));
		(void)rmdir(dir);
		skip();
	}
	obj = open_object("tests/bpf/abi_gpu.o", &opts);
	load(obj);
	again = open_object("tests/bpf/abi_gpu.o", &opts);
	load(again);
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		struct bpf_map_info info[2] = { 0 };
		uint32_t size = sizeof(info[0]);

		assert_int_equal(
			bpf_map_get_info_by_fd(bpf_object__find_map_fd_by_name(obj, names[i]),
					       &info[0], &size),
			0);
		size = sizeof(info[1]);
		assert_int_equal(
			bpf_map_get_info_by_fd(bpf_object__find_map_fd_by_name(again, names[i]),
					       &info[1], &size),
			0);
		assert_int_equal(info[0].id, info[1].id);
		(void)snprintf(pin, sizeof(pin), "%s/%s", dir, names[i]);
		assert_int_equal(access(pin, F_OK), 0);
	}
	bpf_object__close(again);
	bpf_object__close(obj);
	assert_int_equal(umount(dir), 0);
	assert_int_equal(rmdir(dir), 0);
}

/* Their loader must know the struct; that is said by a name in the log, nothing else fails. */
static void owners_of_sockets_need_a_loader_that_keeps_them(void **state)
{
	struct bpf_object *obj;

	(void)state;
	need_bpf();
	obj = open_object("tests/bpf/abi_sockets.o", NULL);
	assert_int_not_equal(bpf_object__load(obj), 0);
	if (!strstr(log_text, "gadget_socket_value"))
		fail_msg("%s", log_text);
	bpf_object__close(obj);
	obj = open_object("tests/bpf/abi_packets.o", NULL);
	assert_non_null(bpf_object__find_map_by_name(obj, "gadget_sockets"));
	bpf_object__close(obj);
}

/* ---- what arrives -------------------------------------------------------- */

struct arrived {
	size_t n, size;
	_Alignas(16) char record[RECORD_MAX];
};

static int keep_record(void *arg, void *data, size_t size)
{
	struct arrived *a = arg;

	a->n++;
	a->size = size < sizeof(a->record) ? size : sizeof(a->record);
	memcpy(a->record, data, a->size);
	return 0;
}

static void keep_sample(void *arg, int cpu, void *data, uint32_t size)
{
	(void)cpu;
	(void)keep_record(arg, data, size);
}

static struct bpf_link *attach(struct bpf_object *obj, const char *name)
{
	struct bpf_program *prog = bpf_object__find_program_by_name(obj, name);
	struct bpf_link *link = prog ? bpf_program__attach(prog) : NULL;

	if (!link)
		fail_msg("attaching '%s': %s\n%s", name, strerror(errno), log_text);
	return link;
}

/* A member of the record, found by BTF: an independent reader. */
static const void *member_of(const struct bpf_object *obj, const char *type, const char *name,
			     const struct arrived *a)
{
	const struct btf *btf = bpf_object__btf(obj);
	int id = btf__find_by_name_kind(btf, type, BTF_KIND_STRUCT);
	const struct btf_type *t = btf__type_by_id(btf, (uint32_t)id);

	for (uint32_t i = 0; t && i < btf_vlen(t); i++)
		if (!strcmp(btf__name_by_offset(btf, btf_members(t)[i].name_off), name))
			return a->record + btf_member_bit_offset(t, i) / 8;
	fail_msg("no member '%s' in struct %s", name, type);
	return NULL;
}

static uint64_t u64_of(const struct bpf_object *obj, const char *name, const struct arrived *a)
{
	uint64_t v;

	memcpy(&v, member_of(obj, "call", name, a), sizeof(v));
	return v;
}

static uint32_t u32_of(const struct bpf_object *obj, const char *name, const struct arrived *a)
{
	uint32_t v;

	memcpy(&v, member_of(obj, "call", name, a), sizeof(v));
	return v;
}

/* Programs see every task of the host; the parameter makes it this one. */
static void set_pid(struct bpf_object *obj)
{
	struct btf *btf = bpf_object__btf(obj);
	struct bpf_map *map = bpf_object__find_map_by_name(obj, ".rodata");
	int id = btf__find_by_name_kind(btf, ".rodata", BTF_KIND_DATASEC);
	const struct btf_type *sec = btf__type_by_id(btf, (uint32_t)id);
	uint32_t pid = (uint32_t)getpid();
	char *bytes;
	size_t size;

	assert_non_null(map);
	bytes = bpf_map__initial_value(map, &size);
	for (uint32_t k = 0; k < btf_vlen(sec); k++) {
		const struct btf_var_secinfo *v = btf_var_secinfos(sec) + k;
		const struct btf_type *var = btf__type_by_id(btf, v->type);

		if (!strcmp(btf__name_by_offset(btf, var->name_off), "targ_pid"))
			memcpy(bytes + v->offset, &pid, sizeof(pid));
	}
}

/* FNV-1a as its authors write it. */
static uint64_t fnv1a(const char *text, uint64_t hash, uint64_t prime)
{
	for (; *text; text++)
		hash = (hash ^ (unsigned char)*text) * prime;
	return hash;
}

static void helpers_answer_what_the_system_says(void **state)
{
	struct arrived a = { 0 };
	struct bpf_object *obj;
	struct bpf_link *link;
	struct ring_buffer *ring;
	struct stat st, exe;
	char cwd[PATH_MAX], file[PATH_MAX];
	ssize_t n;

	(void)state;
	need_bpf();
	obj = open_object("tests/bpf/abi_calls.o", NULL);
	set_pid(obj);
	load(obj);
	link = attach(obj, "enter_getsid");
	ring = ring_buffer__new(bpf_object__find_map_fd_by_name(obj, "events"), keep_record, &a,
				NULL);
	assert_non_null(ring);
	(void)getsid(1); /* discarded */
	(void)getsid(0);
	(void)getsid(0);
	while (ring_buffer__consume(ring) > 0)
		;
	assert_int_equal(a.n, 2);

	assert_int_equal(stat("/proc/self/ns/mnt", &st), 0);
	assert_int_equal(u64_of(obj, "mntns_id", &a), st.st_ino);
	assert_int_equal(u64_of(obj, "arg", &a), 0);
	assert_int_equal(u64_of(obj, "state", &a), 0); /* running */
	assert_int_equal(u64_of(obj, "calls", &a), 3);
	assert_int_equal(stat("/proc/self/exe", &exe), 0);
	assert_int_equal(u64_of(obj, "ctime", &a),
			 (uint64_t)exe.st_ctim.tv_sec * 1000000000 + (uint64_t)exe.st_ctim.tv_nsec);
	assert_int_equal(u64_of(obj, "mtime_sec", &a), exe.st_mtim.tv_sec);
	assert_int_equal(u32_of(obj, "hash32", &a),
			 (uint32_t)fnv1a("foobar", 0x811c9dc5, 0x01000193));
	assert_int_equal(u64_of(obj, "hash64", &a),
			 fnv1a("foobar", 0xcbf29ce484222325, 0x100000001b3));
	assert_int_equal(u32_of(obj, "log", &a), 9 * 100 + 40);
	assert_int_equal(u32_of(obj, "slot", &a), 3);
	assert_non_null(getcwd(cwd, sizeof(cwd)));
	cwd[511] = 0;
	assert_string_equal(member_of(obj, "call", "cwd", &a), cwd);
	cwd[7] = 0;
	assert_string_equal(member_of(obj, "call", "start", &a), cwd);
	n = readlink("/proc/self/fd/0", file, sizeof(file) - 1);
	file[n > 0 ? n : 0] = 0;
	if (file[0] == '/' && !strstr(file, "/dev/pts"))
		assert_string_equal(member_of(obj, "call", "file", &a), file);

	ring_buffer__free(ring);
	bpf_link__destroy(link);
	bpf_object__close(obj);
}

/* ---- kernels without ring buffers ---------------------------------------- */

/* The kernel's types as of a kernel that has no helpers of rings; a file descriptor. */
static int types_without_rings(void)
{
	struct btf *btf = btf__new_empty();
	const void *bytes;
	uint32_t size;
	int fd = memfd_create("btf", 0);

	assert_non_null(btf);
	assert_true(btf__add_enum(btf, "bpf_func_id", 4) > 0);
	assert_int_equal(btf__add_enum_value(btf, "BPF_FUNC_map_lookup_elem", 1), 0);
	bytes = btf__raw_data(btf, &size);
	assert_int_equal(write(fd, bytes, size), size);
	btf__free(btf);
	return fd;
}

/* The sum of a counter's slots. */
static uint64_t counted(const struct bpf_object *obj, const char *name)
{
	int fd = bpf_object__find_map_fd_by_name(obj, name), cpus = libbpf_num_possible_cpus();
	uint64_t *slots = calloc((size_t)cpus, sizeof(*slots)), sum = 0;
	uint32_t zero = 0;

	assert_non_null(slots);
	assert_int_equal(bpf_map_lookup_elem(fd, &zero, slots), 0);
	for (int i = 0; i < cpus; i++)
		sum += slots[i];
	free(slots);
	return sum;
}

static void without_rings_the_same_object_uses_a_perf_event_array(void **state)
{
	int fd, cpus = libbpf_num_possible_cpus();
	char types[64];
	LIBBPF_OPTS(bpf_object_open_opts, opts, .btf_custom_path = types);
	struct arrived a = { 0 };
	struct perf_buffer *perf;
	struct bpf_object *obj;
	struct bpf_link *link;
	struct bpf_map *map;

	(void)state;
	need_bpf();
	fd = types_without_rings();
	(void)snprintf(types, sizeof(types), "/proc/self/fd/%d", fd);
	obj = open_object("tests/bpf/abi_buf.o", &opts);
	map = bpf_object__find_map_by_name(obj, "events");
	assert_non_null(map);
	assert_int_equal(bpf_map__set_type(map, BPF_MAP_TYPE_PERF_EVENT_ARRAY), 0);
	assert_int_equal(bpf_map__set_key_size(map, 4), 0);
	assert_int_equal(bpf_map__set_value_size(map, 4), 0);
	assert_int_equal(bpf_map__set_max_entries(map, (uint32_t)cpus), 0);
	set_pid(obj);
	load(obj);
	perf = perf_buffer__new(bpf_map__fd(map), 8, keep_sample, NULL, &a, NULL);
	assert_non_null(perf);
	link = attach(obj, "enter_getsid");
	(void)getsid(0); /* submitted */
	(void)getsid(1); /* discarded */
	(void)getsid(2); /* copied */
	assert_true(perf_buffer__consume(perf) >= 0);
	assert_int_equal(a.n, 2);
	assert_int_equal(counted(obj, "events_attempts"), 3);
	assert_int_equal(counted(obj, "events_lost_samples"), 0);
	assert_int_equal(counted(obj, "gadget_discards"), 1);
	bpf_link__destroy(link);
	perf_buffer__free(perf);
	bpf_object__close(obj);
	close(fd);
}

static void with_rings_that_object_uses_a_ring(void **state)
{
	struct arrived a = { 0 };
	struct ring_buffer *ring;
	struct bpf_object *obj;
	struct bpf_link *link;

	(void)state;
	need_bpf();
	obj = open_object("tests/bpf/abi_buf.o", NULL);
	set_pid(obj);
	load(obj);
	ring = ring_buffer__new(bpf_object__find_map_fd_by_name(obj, "events"), keep_record, &a,
				NULL);
	assert_non_null(ring);
	link = attach(obj, "enter_getsid");
	(void)getsid(0);
	(void)getsid(1);
	(void)getsid(2);
	assert_true(ring_buffer__consume(ring) >= 0);
	assert_int_equal(a.n, 2);
	assert_int_equal(a.record[0], 2);
	assert_int_equal(counted(obj, "events_attempts"), 3);
	assert_int_equal(counted(obj, "events_lost_samples"), 0);
	bpf_link__destroy(link);
	ring_buffer__free(ring);
	bpf_object__close(obj);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(tracers_load_with_plain_libbpf, setup),
		cmocka_unit_test_setup(the_gadgets_of_the_project_load_with_plain_libbpf, setup),
		cmocka_unit_test_setup(iterators_load_with_plain_libbpf, setup),
		cmocka_unit_test_setup(packet_filters_load_with_plain_libbpf, setup),
		cmocka_unit_test_setup(stacks_load_with_plain_libbpf_also_when_asked_for, setup),
		cmocka_unit_test_setup(maps_pinned_by_name_load_and_are_found_again, setup),
		cmocka_unit_test_setup(owners_of_sockets_need_a_loader_that_keeps_them, setup),
		cmocka_unit_test_setup(helpers_answer_what_the_system_says, setup),
		cmocka_unit_test_setup(without_rings_the_same_object_uses_a_perf_event_array,
				       setup),
		cmocka_unit_test_setup(with_rings_that_object_uses_a_ring, setup),
	};

	return cmocka_run_group_tests(tests, see_tracefs, NULL);
}
