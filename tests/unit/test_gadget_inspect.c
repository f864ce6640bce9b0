/* SPDX-License-Identifier: Apache-2.0 */
/* From object files to models: what ours say, and what hostile ones may not do. */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
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
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "gadget/inspect.h"

static struct arena arena;

static int teardown(void **state)
{
	(void)state;
	arena_release(&arena);
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

static const struct model *inspect(const char *object)
{
	const char *path = arena_printf(&arena, "%s/%s", build_dir(), object);
	struct error err = ERROR_INIT;
	struct gadget_place place;
	const struct model *model = NULL;

	if (access(path, R_OK) != 0) {
		print_message("skip: %s is not built\n", object);
		skip();
	}
	if (gadget_find(&arena, path, NULL, &place, &err) < 0 ||
	    inspect_file(&arena, &place, NULL, &model, &err) < 0)
		fail_msg("%s", err.text);
	return model;
}

static const struct field *field(const struct model_source *s, const char *name)
{
	for (uint32_t i = 0; i < s->nfields; i++)
		if (!strcmp(s->fields[i].name, name))
			return &s->fields[i];
	return NULL;
}

static void assert_field(const struct model_source *s, const char *name, enum type type,
			 enum layout layout, uint32_t at, uint32_t size)
{
	const struct field *f = field(s, name);

	if (!f)
		fail_msg("no field '%s'", name);
	assert_int_equal(f->type, type);
	assert_int_equal(f->layout, layout);
	assert_int_equal(f->at, at);
	assert_int_equal(f->size, size);
}

/* ---- what our objects say ------------------------------------------------- */

static void inspect_finds_the_parts_of_a_gadget(void **state)
{
	const struct model *m = inspect("bpf/trace_open/program.o");
	const struct model_source *s = &m->sources[0];
	struct error err = ERROR_INIT;

	(void)state;
	assert_string_equal(m->name, "trace_open");
	assert_string_equal(m->license, "GPL");
	assert_non_null(m->metadata);
	assert_true(m->needs_btf);
	assert_int_equal(m->nsources, 1);
	assert_string_equal(s->name, "open");
	assert_string_equal(s->map, "events");
	assert_string_equal(s->attempts, "events_attempts");
	assert_string_equal(s->lost, "events_lost_samples");
	assert_int_equal(s->ring_size, 16 << 20);
	assert_true(s->seq_at != SCHEMA_NO_SEQ);
	assert_int_equal(model_check(m, &err), 0);
}

static void inspect_reads_programs_from_their_sections(void **state)
{
	const struct model *m = inspect("bpf/trace_exec/program.o");
	const struct model_program *p = NULL;

	(void)state;
	for (uint32_t i = 0; i < m->nprograms; i++)
		if (m->programs[i].kind == PROGRAM_TP_BTF)
			p = &m->programs[i];
	assert_non_null(p);
	assert_string_equal(p->section, "tp_btf/sched_process_exec");
	assert_string_equal(p->target, "sched_process_exec");
	assert_true(p->instructions > 0);
	for (uint32_t i = 0; i < m->nprograms; i++) {
		if (m->programs[i].kind != PROGRAM_TRACEPOINT)
			continue;
		assert_string_equal(m->programs[i].category, "syscalls");
		assert_int_equal(strncmp(m->programs[i].target, "sys_exit_exec", 13), 0);
	}
}

static void inspect_lays_out_members_of_every_shape(void **state)
{
	const struct model *m = inspect("tests/bpf/shapes.o");
	const struct model_source *s = model_source_find(m, "shapes");

	(void)state;
	assert_non_null(s);
	assert_string_equal(s->type, "shapes_event");
	assert_int_equal(s->seq_at, 0);
	assert_field(s, "u8", TYPE_UINT, LAYOUT_U8, 8, 1);
	assert_field(s, "s64", TYPE_INT, LAYOUT_S64, 32, 8);
	assert_field(s, "yes", TYPE_BOOL, LAYOUT_U8, 40, 1);
	assert_field(s, "color_raw", TYPE_UINT, LAYOUT_U32, 44, 4);
	assert_field(s, "inner.point.y", TYPE_INT, LAYOUT_S32, 56, 4);
	assert_field(s, "inner.name", TYPE_STRING, LAYOUT_CHARS, 60, 8);
	assert_field(s, "anonymous_a", TYPE_UINT, LAYOUT_U32, 68, 4);
	assert_field(s, "as_number", TYPE_UINT, LAYOUT_U32, 76, 4);
	assert_field(s, "as_bytes", TYPE_BYTES, LAYOUT_BYTES, 76, 4);
	assert_field(s, "strings", TYPE_STRINGS, LAYOUT_TAIL, 132, 0);
	assert_int_equal(s->row_min, 132);
	assert_int_equal(s->row_max, UINT32_MAX);
	assert_null(field(s, "seq"));
	assert_null(field(s, "__private"));
	assert_field(s, "color", TYPE_NAME, LAYOUT_U32, 44, 4);
	assert_int_equal(field(s, "color")->flags, 0);
	assert_int_equal(field(s, "color_raw")->flags, FIELD_QUIET);
	assert_field(s, "bits_a", TYPE_UINT, LAYOUT_BITS, 120, 1);
	assert_field(s, "bits_b", TYPE_UINT, LAYOUT_BITS, 120, 2);
	assert_int_equal(field(s, "bits_b")->bit, 3);
	assert_int_equal(field(s, "bits_b")->bits, 7);
	assert_field(s, "numbers", TYPE_ARRAY, LAYOUT_BYTES, 80, 6);
	assert_int_equal(field(s, "numbers")->element->stride, 2);
	assert_false(field(s, "numbers")->element->is_object);
}

static void inspect_gives_a_time_stamp_twice(void **state)
{
	const struct model *m = inspect("tests/bpf/tp_btf.o");
	const struct model_source *s = &m->sources[0];

	(void)state;
	assert_field(s, "timestamp", TYPE_TIME, LAYOUT_BOOT, 0, 8);
	assert_field(s, "timestamp_raw", TYPE_TIME_NS, LAYOUT_BOOT, 0, 8);
	assert_int_equal(field(s, "timestamp_raw")->flags, FIELD_QUIET);
	assert_int_equal(s->seq_at, 8);
}

static void inspect_keeps_details_out_of_the_default_columns(void **state)
{
	const struct model *m = inspect("tests/bpf/tp_btf.o");
	const struct model_source *s = &m->sources[0];

	(void)state;
	assert_int_equal(field(s, "proc.comm")->flags, 0);
	assert_int_equal(field(s, "proc.pid")->flags, 0);
	assert_int_equal(field(s, "proc.tid")->flags, FIELD_QUIET);
	assert_int_equal(field(s, "proc.mntns_id")->flags, FIELD_QUIET);
	assert_int_equal(field(s, "proc.parent.comm")->flags, FIELD_QUIET);
	assert_int_equal(field(s, "proc.parent.pid")->flags, FIELD_QUIET);
}

/* A text that ends the record need not be sent whole. */
static void inspect_lets_records_end_inside_their_last_text(void **state)
{
	const struct model *m = inspect("bpf/trace_open/program.o");
	const struct model_source *s = &m->sources[0];
	const struct field *fname = field(s, "fname");

	(void)state;
	assert_non_null(fname);
	assert_int_equal(fname->layout, LAYOUT_TAIL);
	assert_int_equal(s->row_min, fname->at);
	assert_int_equal(s->row_max, fname->at + 4096);
}

static void inspect_reads_the_older_convention(void **state)
{
	const struct model *m = inspect("tests/bpf/seed_events.o");
	const struct model_source *s = &m->sources[0];

	(void)state;
	assert_int_equal(m->nsources, 1);
	assert_string_equal(s->name, "seed_events");
	assert_string_equal(s->map, "print_events");
	assert_string_equal(s->type, "event");
	assert_null(s->attempts);
	assert_null(s->lost);
	assert_int_equal(s->seq_at, SCHEMA_NO_SEQ);
	assert_field(s, "asked", TYPE_INT, LAYOUT_S32, 8, 4);
}

static void inspect_finds_parameters_and_their_values(void **state)
{
	const struct model *m = inspect("bpf/trace_open/program.o");
	const struct model_param *p = model_param_find(m, "uid");

	(void)state;
	assert_non_null(p);
	assert_string_equal(p->variable, "targ_uid");
	assert_int_equal(p->kind, PARAM_UINT);
	assert_int_equal(p->size, 4);
	assert_string_equal(p->initial, "4294967295");
	assert_ptr_equal(model_param_find(m, "targ_uid"), p);
	p = model_param_find(m, "comm");
	assert_int_equal(p->kind, PARAM_TEXT);
	assert_int_equal(p->size, 16);
	p = model_param_find(m, "failed");
	assert_int_equal(p->kind, PARAM_BOOL);
	assert_string_equal(p->initial, "false");
	assert_string_equal(
		model_param_find(inspect("bpf/trace_exec/program.o"), "ignore-failed")->variable,
		"ignore_failed");
	assert_null(model_param_find(m, "nothing"));
}

static void inspect_finds_maps(void **state)
{
	const struct model *m = inspect("tests/bpf/hide_drop.o");
	const struct model_map *ring = model_map_find(m, "events");
	const struct model_map *counter = model_map_find(m, "events_attempts");

	(void)state;
	assert_int_equal(ring->type, BPF_MAP_TYPE_RINGBUF);
	assert_string_equal(ring->type_name, "ringbuf");
	assert_int_equal(ring->max_entries, 64 * 1024);
	assert_int_equal(counter->type, BPF_MAP_TYPE_PERCPU_ARRAY);
	assert_int_equal(counter->key_size, 4);
	assert_int_equal(counter->value_size, 8);
}

/* ---- what is not supported ------------------------------------------------ */

static void model_check_names_what_is_not_supported(void **state)
{
	struct model_source source = { .name = "files", .unsupported = "iterators" };
	struct model_program program = { .name = "enter", .section = "kprobe/do_sys_open" };
	struct model m = { .name = "g", .sources = &source, .nsources = 1 };
	struct error err = ERROR_INIT;

	(void)state;
	assert_int_equal(model_check(&m, &err), -EOPNOTSUPP);
	assert_string_equal(err.text, "gadget 'g': data source 'files' uses iterators, which this "
				      "version does not support");
	source.unsupported = NULL;
	m.programs = &program;
	m.nprograms = 1;
	program.unsupported = "programs of this kind";
	assert_int_equal(model_check(&m, &err), -EOPNOTSUPP);
	assert_string_equal(err.text,
			    "gadget 'g': program 'enter' in section 'kprobe/do_sys_open': "
			    "programs of this kind are not supported by this version");
	m.nsources = m.nprograms = 0;
	assert_int_equal(model_check(&m, &err), -EOPNOTSUPP);
}

/* ---- hostile files -------------------------------------------------------- */

struct file {
	uint8_t *bytes;
	size_t size;
};

static struct file copy_of(const char *object)
{
	const struct model *m = inspect(object);

	return (struct file){ arena_memdup(&arena, m->bytes, m->size), m->size };
}

static int try_bytes(const uint8_t *bytes, size_t size, struct error *err)
{
	struct arena own = ARENA_INIT;
	const struct model *model;
	int r = inspect_bytes(&own, "hostile", bytes, size, NULL, &model, err);

	arena_release(&own);
	return r;
}

static void assert_refused(const struct file *f, const char *text)
{
	struct error err = ERROR_INIT;

	assert_int_equal(try_bytes(f->bytes, f->size, &err), -ENOEXEC);
	assert_int_equal(err.code, ENOEXEC);
	if (!strstr(err.text, text))
		fail_msg("'%s' does not say '%s'", err.text, text);
}

static void inspect_refuses_what_is_no_object(void **state)
{
	uint8_t text[] = "#!/bin/sh\necho no object, but long enough to hold an ELF header\n";
	struct file f = { text, sizeof(text) };

	(void)state;
	assert_refused(&f, "not an ELF object");
	f.size = 0;
	assert_refused(&f, "not an ELF object");
	f = copy_of("tests/bpf/seed_events.o");
	((Elf64_Ehdr *)(void *)f.bytes)->e_machine = EM_X86_64;
	assert_refused(&f, "not a BPF object");
	f = copy_of("tests/bpf/seed_events.o");
	f.bytes[EI_DATA] = f.bytes[EI_DATA] == ELFDATA2LSB ? ELFDATA2MSB : ELFDATA2LSB;
	assert_refused(&f, "byte order");
}

static void inspect_survives_every_truncation(void **state)
{
	struct file f = copy_of("tests/bpf/seed_events.o");
	struct error err = ERROR_INIT;

	(void)state;
	for (size_t size = 0; size < f.size; size += 7)
		assert_true(try_bytes(f.bytes, size, &err) < 0);
}

/* Each byte of the file in turn says something else: an error or a model, never a crash. */
static void inspect_survives_any_byte_changed(void **state)
{
	struct file f = copy_of("tests/bpf/shapes.o");
	struct error err = ERROR_INIT;
	uint32_t refused = 0;

	(void)state;
	for (size_t i = 0; i < f.size; i += 3) {
		uint8_t was = f.bytes[i];

		f.bytes[i] = i % 2 ? 0xff : (uint8_t)(was + 1);
		refused += try_bytes(f.bytes, f.size, &err) < 0;
		f.bytes[i] = was;
	}
	assert_true(refused > 0);
	assert_int_equal(try_bytes(f.bytes, f.size, &err), 0);
}

/* Where a name stands last: symbols' behind those of types. */
static uint8_t *find_text(const struct file *f, const char *text)
{
	uint8_t *at = f->bytes, *found = NULL;

	while ((at = memmem(at, f->size - (size_t)(at - f->bytes), text, strlen(text) + 1)))
		found = at++;
	assert_non_null(found);
	return found;
}

static void inspect_refuses_names_that_could_drive_a_terminal(void **state)
{
	struct file f = copy_of("tests/bpf/shapes.o");

	(void)state;
	memcpy(find_text(&f, "anonymous_a"), "\033[2Jmous_a", 10);
	assert_refused(&f, "has no proper name");
	f = copy_of("tests/bpf/shapes.o");
	memcpy(find_text(&f, "LICENSE"), "LICE\nSE", 7);
	assert_refused(&f, "name of symbol");
	f = copy_of("tests/bpf/shapes.o");
	find_text(&f, "tracepoint/syscalls/sys_enter_getsid")[3] = 0x9b;
	assert_refused(&f, "name of section");
}

static void inspect_reads_only_regular_files(void **state)
{
	char dir[] = "/tmp/inspect.XXXXXX";
	struct gadget_place place = { .name = "x", .dir = "." };
	struct error err = ERROR_INIT;
	const struct model *model;
	int fd;

	(void)state;
	assert_non_null(mkdtemp(dir));
	/* Opening a FIFO nobody writes to would wait for ever. */
	place.object = arena_printf(&arena, "%s/fifo.o", dir);
	assert_int_equal(mkfifo(place.object, 0600), 0);
	assert_int_equal(inspect_file(&arena, &place, NULL, &model, &err), -ENOEXEC);
	assert_non_null(strstr(err.text, "not a regular file"));
	(void)unlink(place.object);

	place.object = arena_printf(&arena, "%s/large.o", dir);
	fd = open(place.object, O_CREAT | O_WRONLY, 0600);
	assert_int_equal(ftruncate(fd, MODEL_MAX_OBJECT + 1), 0);
	close(fd);
	assert_int_equal(inspect_file(&arena, &place, NULL, &model, &err), -ENOEXEC);
	(void)unlink(place.object);
	(void)rmdir(dir);
}

/* ---- finding -------------------------------------------------------------- */

static void make_gadget(const char *dir, const char *name)
{
	const char *path = arena_printf(&arena, "%s/%s", dir, name);

	assert_int_equal(mkdir(path, 0700), 0);
	close(open(arena_printf(&arena, "%s/program.o", path), O_CREAT | O_WRONLY, 0600));
}

static void remove_gadget(const char *dir, const char *name)
{
	(void)unlink(arena_printf(&arena, "%s/%s/program.o", dir, name));
	(void)rmdir(arena_printf(&arena, "%s/%s", dir, name));
}

static void find_looks_in_the_path_of_the_environment_first(void **state)
{
	char dir[] = "/tmp/find.XXXXXX";
	struct error err = ERROR_INIT;
	struct gadget_place place;

	(void)state;
	assert_non_null(mkdtemp(dir));
	make_gadget(dir, "my_gadget");
	(void)setenv("GADGETCTL_GADGET_PATH", arena_printf(&arena, "/nonexistent::%s", dir), 1);
	assert_int_equal(gadget_find(&arena, "my_gadget", NULL, &place, &err), 0);
	assert_string_equal(place.name, "my_gadget");
	assert_string_equal(place.object, arena_printf(&arena, "%s/my_gadget/program.o", dir));
	assert_string_equal(place.dir, arena_printf(&arena, "%s/my_gadget", dir));

	assert_int_equal(gadget_find(&arena, "my_gadgte", NULL, &place, &err), -ENOENT);
	assert_non_null(strstr(err.text, "no gadget 'my_gadgte' in '/nonexistent', '"));
	assert_non_null(strstr(err.text, "(did you mean 'my_gadget'?)"));
	(void)unsetenv("GADGETCTL_GADGET_PATH");
	remove_gadget(dir, "my_gadget");
	(void)rmdir(dir);
}

static void find_takes_paths_to_objects_and_folders(void **state)
{
	char dir[] = "/tmp/find.XXXXXX";
	struct error err = ERROR_INIT;
	struct gadget_place place;

	(void)state;
	assert_non_null(mkdtemp(dir));
	make_gadget(dir, "g");
	assert_int_equal(gadget_find(&arena, "./g", dir, &place, &err), 0);
	assert_string_equal(place.name, "g");
	assert_int_equal(gadget_find(&arena, "g/program.o", dir, &place, &err), 0);
	assert_string_equal(place.name, "g");
	close(open(arena_printf(&arena, "%s/other.bpf.o", dir), O_CREAT | O_WRONLY, 0600));
	assert_int_equal(gadget_find(&arena, "other.bpf.o", dir, &place, &err), 0);
	assert_string_equal(place.name, "other");
	assert_string_equal(place.dir, dir);
	assert_int_equal(gadget_find(&arena, "missing.o", dir, &place, &err), -ENOENT);
	assert_int_equal(gadget_find(&arena, "./", dir, &place, &err), -ENOENT);
	assert_non_null(strstr(err.text, "no program.o"));
	assert_int_equal(gadget_find(&arena, "", dir, &place, &err), -EINVAL);
	(void)unlink(arena_printf(&arena, "%s/other.bpf.o", dir));
	remove_gadget(dir, "g");
	(void)rmdir(dir);
}

static void count_gadget(void *arg, const char *name, const char *object)
{
	(void)object;
	*(uint32_t *)arg += !strcmp(name, "b");
}

static void find_lists_a_name_once(void **state)
{
	char one[] = "/tmp/find.XXXXXX", two[] = "/tmp/find.XXXXXX";
	uint32_t found = 0;

	(void)state;
	assert_non_null(mkdtemp(one));
	assert_non_null(mkdtemp(two));
	make_gadget(one, "b");
	make_gadget(two, "b");
	(void)setenv("GADGETCTL_GADGET_PATH", arena_printf(&arena, "%s:%s", one, two), 1);
	gadget_list(&arena, count_gadget, &found);
	assert_int_equal(found, 1);
	(void)unsetenv("GADGETCTL_GADGET_PATH");
	remove_gadget(one, "b");
	remove_gadget(two, "b");
	(void)rmdir(one);
	(void)rmdir(two);
}

#define TEST(name) cmocka_unit_test_teardown(name, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(inspect_finds_the_parts_of_a_gadget),
		TEST(inspect_reads_programs_from_their_sections),
		TEST(inspect_lays_out_members_of_every_shape),
		TEST(inspect_gives_a_time_stamp_twice),
		TEST(inspect_keeps_details_out_of_the_default_columns),
		TEST(inspect_lets_records_end_inside_their_last_text),
		TEST(inspect_reads_the_older_convention),
		TEST(inspect_finds_parameters_and_their_values),
		TEST(inspect_finds_maps),
		TEST(model_check_names_what_is_not_supported),
		TEST(inspect_refuses_what_is_no_object),
		TEST(inspect_survives_every_truncation),
		TEST(inspect_survives_any_byte_changed),
		TEST(inspect_refuses_names_that_could_drive_a_terminal),
		TEST(inspect_reads_only_regular_files),
		TEST(find_looks_in_the_path_of_the_environment_first),
		TEST(find_takes_paths_to_objects_and_folders),
		TEST(find_lists_a_name_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
