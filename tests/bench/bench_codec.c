/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bench_codec: what it costs to be generic.
 *
 * Records of 320 bytes, in memory, written as JSON and as MessagePack
 *
 *   hand       by a printer written for this one struct, with the codec's own
 *              primitives (the most that any schema-driven encoder can reach)
 *   json       by the codec
 *   snprintf   as programs usually do it
 *   jansson    as an object that is then dumped
 *   btf_dump   by libbpf, as C text: generic like the codec, but for debugging
 *   msgpack    by the codec
 *   msgpack-c  with the library's calls written for this one struct
 *
 * first with the struct's own fields, then also with what a gadget derives of
 * them: the names of errors, of flags, and the permissions, each beside its number.
 * hand, snprintf and json write the same bytes, as do msgpack and msgpack-c, and
 * this is checked.  hand and msgpack-c remember those texts as the codecs do.  Rounds alternate between the variants, and what is printed is the
 * median of the ratios of neighbours, because the machine's clock wanders.
 *
 *     bench_codec [rounds]
 */
#include <bpf/btf.h>
#include <inttypes.h>
#include <jansson.h>
#include <msgpack.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "codec/encoder.h"
#include "codec/memo.h"
#include "codec/moment.h"
#include "codec/number.h"
#include "codec/text.h"
#include "data/show.h"
#include "gadget/vocabulary.h"

struct event {
	uint64_t timestamp, mntns_id;
	uint32_t pid, tid, uid, gid;
	char comm[16];
	char fname[255];
	uint32_t flags_raw, mode_raw, error_raw;
};

enum {
	ROWS = 1024,
	COLD_BYTES = 64 << 20,
	ROUNDS = 101,
	OUT_SIZE = 64 * 1024,
	PROCESSES = 40,
	SLOW_ROWS = 64, /* of variants that take microseconds */
};

#define BOOT_TO_WALL INT64_C(1763888888000000000)

static struct {
	struct arena arena;
	struct event *events;
	size_t nevents, next;
	const struct schema *schema;
	const struct encoder *json, *msgpack;
	bool is_derived; /* the names too */
	struct field error, flags, mode;
	struct {
		struct memo *error, *flags, *mode;
	} json_memo, text_memo;
	struct btf *btf;
	int btf_event;
	struct batch batch;
	struct rows rows;
	struct origin origin;
	uint16_t sel[ROWS];
	uint32_t len[ROWS], ends[ROWS];
	const uint8_t *at[ROWS];
	uint8_t out[OUT_SIZE];
	msgpack_sbuffer packed;
	volatile uint64_t sum; /* keeps results alive */
} bench;

/* ---- records ------------------------------------------------------------ */

static uint64_t next_random(void)
{
	static uint64_t state = UINT64_C(88172645463325252);

	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state;
}

static const char *const paths[] = {
	"/etc/ld.so.cache",
	"/lib/x86_64-linux-gnu/libc.so.6",
	"/proc/self/maps",
	"/dev/null",
	"/usr/lib/locale/locale-archive",
	"/proc/12345/status",
	"/sys/fs/cgroup/unified/system.slice/docker.service/cgroup.procs",
	"/usr/share/zoneinfo/Europe/Copenhagen",
	"/srv/www/.cache/mozilla/firefox/profiles.ini",
	"/var/lib/docker/overlay2/1f3a2b4c5d6e7f8091a2b3c4d5e6f708192a3b4c5d6e7f8091a2b3c4d5e6f708/"
	"merged/app/node_modules/lodash/package.json",
	"relative/file.txt",
	"/usr/lib/python3/dist-packages/__pycache__/site.cpython-311.pyc",
	"/etc/passwd",
	"/run/systemd/journal/socket",
	"/tmp/a \"quoted\" name\n",
	"/opt/\xc3\xa6\xc3\xb8\xc3\xa5/data",
};

static const char *const comms[] = {
	"cat",  "bash", "systemd-journal", "nginx", "kubelet", "containerd-shim", "python3", "node",
	"curl", "sshd",
};

static void fill(struct event *e, uint64_t *boot_ns)
{
	uint32_t process = (uint32_t)(next_random() % PROCESSES);
	uint32_t path = (uint32_t)(next_random() % 16);

	/* Some three in a hundred need more than a copy. */
	if (path >= 14 && next_random() % 4)
		path = 0;
	*boot_ns += next_random() % 2000;
	*e = (struct event){
		.timestamp = *boot_ns,
		.mntns_id = 4026531841u + process % 7,
		.pid = 1000 + process * 37,
		.tid = 1000 + process * 37 + process % 3,
		.uid = process % 4 ? 0 : 1000 + process % 5,
		.gid = process % 4 ? 0 : 1000 + process % 5,
		.flags_raw = next_random() % 2 ? 524288 : 32768 + 577,
		.mode_raw = next_random() % 4 ? 0 : 0644,
		.error_raw = next_random() % 4 ? 0 : 2,
	};
	if (next_random() % 16 == 0)
		e->error_raw = 1 + (uint32_t)(next_random() % 40);
	(void)snprintf(e->comm, sizeof(e->comm), "%s", comms[process % 10]);
	(void)snprintf(e->fname, sizeof(e->fname), "%s", paths[path]);
}

#define FIELD(n, t, l)                     \
	{ .name = #n,                      \
	  .type = (t),                     \
	  .layout = (l),                   \
	  .at = offsetof(struct event, n), \
	  .size = sizeof(((struct event *)0)->n) }

static const struct field fields[] = {
	FIELD(timestamp, TYPE_TIME, LAYOUT_BOOT), FIELD(mntns_id, TYPE_UINT, LAYOUT_U64),
	FIELD(pid, TYPE_UINT, LAYOUT_U32),        FIELD(tid, TYPE_UINT, LAYOUT_U32),
	FIELD(uid, TYPE_UINT, LAYOUT_U32),        FIELD(gid, TYPE_UINT, LAYOUT_U32),
	FIELD(comm, TYPE_STRING, LAYOUT_CHARS),   FIELD(fname, TYPE_STRING, LAYOUT_CHARS),
	FIELD(flags_raw, TYPE_UINT, LAYOUT_U32),  FIELD(mode_raw, TYPE_UINT, LAYOUT_U32),
	FIELD(error_raw, TYPE_UINT, LAYOUT_U32),
};

enum { NFIELDS = sizeof(fields) / sizeof(*fields), NDERIVED = 3 };

static struct field derived(const char *name, uint32_t at, enum type type,
			    const struct names *names)
{
	return (struct field){ .name = name,
			       .type = (uint8_t)type,
			       .layout = LAYOUT_U32,
			       .at = at,
			       .size = sizeof(uint32_t),
			       .names = names };
}

static void set_up_derived(void)
{
	bench.error = derived("error", offsetof(struct event, error_raw), TYPE_NAME,
			      vocabulary_make(&bench.arena, WORDS_ERRNO));
	bench.flags = derived("flags", offsetof(struct event, flags_raw), TYPE_FLAGS,
			      vocabulary_make(&bench.arena, WORDS_OPEN_FLAGS));
	bench.mode = derived("mode", offsetof(struct event, mode_raw), TYPE_MODE, NULL);
	bench.json_memo.error = memo_new(&bench.arena, &bench.error);
	bench.json_memo.flags = memo_new(&bench.arena, &bench.flags);
	bench.json_memo.mode = memo_new(&bench.arena, &bench.mode);
	bench.text_memo.error = memo_new(&bench.arena, &bench.error);
	bench.text_memo.flags = memo_new(&bench.arena, &bench.flags);
	bench.text_memo.mode = memo_new(&bench.arena, &bench.mode);
}

static void set_up_schema(void)
{
	struct schema_builder builder;
	struct schema_head head = { .event = "open",
				    .source = "bench",
				    .row_min = sizeof(struct event),
				    .seq_at = SCHEMA_NO_SEQ };

	schema_begin(&builder, &bench.arena, &head);
	for (size_t i = 0; i < NFIELDS; i++)
		if (schema_add(&builder, &fields[i]) < 0)
			abort();
	if (schema_add(&builder, &bench.error) < 0 || schema_add(&builder, &bench.flags) < 0 ||
	    schema_add(&builder, &bench.mode) < 0)
		abort();
	bench.schema = schema_end(&builder);
}

/* What the compiler would say of struct event. */
static void set_up_btf(void)
{
	struct btf *btf = btf__new_empty();
	int u32, u64, chars, index, comm, fname;

	if (!btf)
		abort();
	u32 = btf__add_int(btf, "unsigned int", 4, 0);
	u64 = btf__add_int(btf, "unsigned long", 8, 0);
	chars = btf__add_int(btf, "char", 1, BTF_INT_CHAR);
	index = btf__add_int(btf, "size", 4, 0);
	comm = btf__add_array(btf, index, chars, sizeof(((struct event *)0)->comm));
	fname = btf__add_array(btf, index, chars, sizeof(((struct event *)0)->fname));
	bench.btf_event = btf__add_struct(btf, "event", sizeof(struct event));
	for (size_t i = 0; i < NFIELDS; i++) {
		const struct field *f = &fields[i];
		int type = f->layout == LAYOUT_U32     ? u32
			   : f->layout != LAYOUT_CHARS ? u64
			   : f->size == 16             ? comm
						       : fname;

		if (btf__add_field(btf, f->name, type, 8 * f->at, 0) < 0)
			abort();
	}
	bench.btf = btf;
}

static const struct encoder *compile(const struct codec *codec)
{
	const char *names[NFIELDS + NDERIVED] = { [NFIELDS] = "error", "flags", "mode" };
	struct encoder_options options = { .newline = true, .fields = names };
	const struct encoder *encoder;
	struct error error = ERROR_INIT;

	for (; options.nfields < NFIELDS; options.nfields++)
		names[options.nfields] = fields[options.nfields].name;
	if (bench.is_derived)
		options.nfields += NDERIVED;
	if (codec->compile(&bench.arena, bench.schema, &options, &encoder, &error) < 0) {
		(void)fprintf(stderr, "bench_codec: %s\n", error.text);
		exit(1);
	}
	return encoder;
}

/* Records one behind the other, as in a ring: a few that stay in the cache, or
 * more than any cache holds. */
static void set_up_rows(size_t bytes)
{
	uint64_t boot_ns = UINT64_C(5000000000000);

	bench.nevents = bytes / sizeof(struct event) / ROWS * ROWS;
	bench.events = xcalloc(bench.nevents + 1, sizeof(*bench.events));
	bench.next = 0;
	for (size_t i = 0; i < bench.nevents; i++)
		fill(&bench.events[i], &boot_ns);
	for (uint32_t i = 0; i < ROWS; i++) {
		bench.len[i] = sizeof(struct event);
		bench.sel[i] = (uint16_t)i;
	}
	bench.rows = (struct rows){ .at = bench.at,
				    .len = bench.len,
				    .origin = &bench.origin,
				    .boot_to_wall_ns = BOOT_TO_WALL,
				    .n = ROWS };
	bench.batch = (struct batch){
		.schema = bench.schema, .rows = &bench.rows, .sel = bench.sel, .nsel = ROWS
	};
}

/* The rows of the next run. */
static void next_rows(void)
{
	for (uint32_t i = 0; i < ROWS; i++)
		bench.at[i] = (const uint8_t *)&bench.events[bench.next + i];
	bench.next = (bench.next + ROWS) % bench.nevents;
}

/* ---- variants ----------------------------------------------------------- */

#define LITERAL(out, text) (memcpy(out, text, sizeof(text) - 1), (out) + sizeof(text) - 1)

__attribute__((noinline)) static uint8_t *hand_new(uint8_t *out, struct memo *memo, uint64_t number)
{
	char text[SHOW_MAX];
	uint32_t len = show_number(memo->field, number, text);
	uint8_t *end = json_text(out, (const uint8_t *)text, len);

	memo_keep(memo, number, out, end);
	return end;
}

static inline uint8_t *hand_name(uint8_t *out, struct memo *memo, uint64_t number)
{
	uint8_t *end = memo_put(memo, number, out);

	return end ? end : hand_new(out, memo, number);
}

/* Two printers, one for each set of fields: is_derived is known when it is compiled. */
__attribute__((always_inline)) static inline uint8_t *
hand_fields(uint8_t *out, const struct event *e, struct second *second, bool is_derived)
{
	out = LITERAL(out, "{\"timestamp\":\"");
	out = put_moment(out, (int64_t)e->timestamp + BOOT_TO_WALL, second);
	out = LITERAL(out, "Z\",\"mntns_id\":");
	out = put_u64(out, e->mntns_id);
	out = LITERAL(out, ",\"pid\":");
	out = put_u32(out, e->pid);
	out = LITERAL(out, ",\"tid\":");
	out = put_u32(out, e->tid);
	out = LITERAL(out, ",\"uid\":");
	out = put_u32(out, e->uid);
	out = LITERAL(out, ",\"gid\":");
	out = put_u32(out, e->gid);
	out = LITERAL(out, ",\"comm\":\"");
	out = json_chars(out, (const uint8_t *)e->comm, sizeof(e->comm));
	out = LITERAL(out, "\",\"fname\":\"");
	out = json_chars(out, (const uint8_t *)e->fname, sizeof(e->fname));
	out = LITERAL(out, "\",\"flags_raw\":");
	out = put_u32(out, e->flags_raw);
	out = LITERAL(out, ",\"mode_raw\":");
	out = put_u32(out, e->mode_raw);
	out = LITERAL(out, ",\"error_raw\":");
	out = put_u32(out, e->error_raw);
	if (is_derived) {
		out = LITERAL(out, ",\"error\":\"");
		out = hand_name(out, bench.json_memo.error, e->error_raw);
		out = LITERAL(out, "\",\"flags\":\"");
		out = hand_name(out, bench.json_memo.flags, e->flags_raw);
		out = LITERAL(out, "\",\"mode\":\"");
		out = hand_name(out, bench.json_memo.mode, e->mode_raw);
		out = LITERAL(out, "\"");
	}
	return LITERAL(out, "}\n");
}

static uint8_t *hand_one(uint8_t *out, const struct event *e, struct second *second)
{
	return bench.is_derived ? hand_fields(out, e, second, true)
				: hand_fields(out, e, second, false);
}

__attribute__((always_inline)) static inline uint64_t run_hand_fields(bool is_derived)
{
	struct second second = SECOND_INIT;
	uint8_t *out = bench.out;
	uint64_t total = 0;

	for (uint32_t i = 0; i < ROWS; i++) {
		if (out > bench.out + OUT_SIZE - 4096) {
			total += (uint64_t)(out - bench.out);
			out = bench.out;
		}
		out = hand_fields(out, (const struct event *)bench.at[i], &second, is_derived);
	}
	return total + (uint64_t)(out - bench.out);
}

__attribute__((noinline)) static uint64_t run_hand(void)
{
	return bench.is_derived ? run_hand_fields(true) : run_hand_fields(false);
}

static uint64_t run_encoder(const struct encoder *encoder)
{
	uint64_t total = 0;

	for (uint32_t i = 0; i < ROWS;) {
		struct encoded out = { .at = bench.out,
				       .start = bench.out,
				       .limit = bench.out + OUT_SIZE,
				       .ends = bench.ends,
				       .max = ROWS };

		i += encoder->rows(encoder, &bench.batch, i, ROWS, &out);
		total += (uint64_t)(out.at - bench.out);
	}
	return total;
}

__attribute__((noinline)) static uint64_t run_json(void)
{
	return run_encoder(bench.json);
}

__attribute__((noinline)) static uint64_t run_msgpack(void)
{
	return run_encoder(bench.msgpack);
}

/* The text of a derived field; terminated. */
static const char *text_of(const struct field *field, uint64_t number, char *text)
{
	text[show_number(field, number, text)] = 0;
	return text;
}

static size_t printf_names(char *out, size_t size, const struct event *e)
{
	char error[64], flags[SHOW_MAX + 1], mode[16];

	return (size_t)snprintf(out, size, ",\"error\":\"%s\",\"flags\":\"%s\",\"mode\":\"%s\"}\n",
				text_of(&bench.error, e->error_raw, error),
				text_of(&bench.flags, e->flags_raw, flags),
				text_of(&bench.mode, e->mode_raw, mode));
}

static size_t printf_one(char *out, size_t size, const struct event *e)
{
	int64_t ns = (int64_t)e->timestamp + BOOT_TO_WALL;
	char comm[6 * sizeof(e->comm) + 32], fname[6 * sizeof(e->fname) + 32];
	struct tm tm;
	size_t n;

	gmtime_r(&(time_t){ ns / 1000000000 }, &tm);
	*json_chars((uint8_t *)comm, (const uint8_t *)e->comm, sizeof(e->comm)) = 0;
	*json_chars((uint8_t *)fname, (const uint8_t *)e->fname, sizeof(e->fname)) = 0;
	n = (size_t)snprintf(out, size,
			     "{\"timestamp\":\"%04d-%02d-%02dT%02d:%02d:%02d.%09dZ\","
			     "\"mntns_id\":%" PRIu64 ",\"pid\":%u,\"tid\":%u,\"uid\":%u,"
			     "\"gid\":%u,\"comm\":\"%s\",\"fname\":\"%s\",\"flags_raw\":%u,"
			     "\"mode_raw\":%u,\"error_raw\":%u}\n",
			     tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min,
			     tm.tm_sec, (int)(ns % 1000000000), e->mntns_id, e->pid, e->tid, e->uid,
			     e->gid, comm, fname, e->flags_raw, e->mode_raw, e->error_raw);
	if (!bench.is_derived)
		return n;
	n -= sizeof("}\n") - 1;
	return n + printf_names(out + n, size - n, e);
}

static uint64_t run_snprintf(void)
{
	uint64_t total = 0;

	for (uint32_t i = 0; i < SLOW_ROWS; i++)
		total += printf_one((char *)bench.out, OUT_SIZE, (const struct event *)bench.at[i]);
	return total;
}

static void set_int(json_t *object, const char *key, json_int_t v)
{
	json_object_set_new_nocheck(object, key, json_integer(v));
}

static void set_name(json_t *object, const struct field *field, uint64_t number)
{
	char buffer[SHOW_MAX + 1];

	json_object_set_new_nocheck(object, field->name,
				    json_string_nocheck(text_of(field, number, buffer)));
}

static uint64_t run_jansson(void)
{
	uint64_t total = 0;

	for (uint32_t i = 0; i < SLOW_ROWS; i++) {
		const struct event *e = (const struct event *)bench.at[i];
		json_t *object = json_object();
		char *text;

		set_int(object, "timestamp", (json_int_t)e->timestamp);
		set_int(object, "mntns_id", (json_int_t)e->mntns_id);
		set_int(object, "pid", e->pid);
		set_int(object, "tid", e->tid);
		set_int(object, "uid", e->uid);
		set_int(object, "gid", e->gid);
		json_object_set_new_nocheck(object, "comm", json_string_nocheck(e->comm));
		json_object_set_new_nocheck(object, "fname", json_string_nocheck(e->fname));
		set_int(object, "flags_raw", e->flags_raw);
		set_int(object, "mode_raw", e->mode_raw);
		set_int(object, "error_raw", e->error_raw);
		if (bench.is_derived) {
			set_name(object, &bench.error, e->error_raw);
			set_name(object, &bench.flags, e->flags_raw);
			set_name(object, &bench.mode, e->mode_raw);
		}
		text = json_dumps(object, JSON_COMPACT);
		total += strlen(text);
		free(text);
		json_decref(object);
	}
	return total;
}

__attribute__((format(printf, 2, 0))) static void take_dump(void *total, const char *fmt,
							    va_list args)
{
	int n = vsnprintf((char *)bench.out, OUT_SIZE, fmt, args);

	*(uint64_t *)total += (uint64_t)n;
}

static uint64_t run_btf_dump(void)
{
	LIBBPF_OPTS(btf_dump_type_data_opts, opts, .compact = true, .emit_zeroes = true);
	uint64_t total = 0;
	struct btf_dump *dump = btf_dump__new(bench.btf, take_dump, &total, NULL);

	if (!dump)
		abort();
	for (uint32_t i = 0; i < SLOW_ROWS; i++)
		if (btf_dump__dump_type_data(dump, (uint32_t)bench.btf_event, bench.at[i],
					     sizeof(struct event), &opts) < 0)
			abort();
	btf_dump__free(dump);
	return total;
}

__attribute__((always_inline)) static inline void pack_key(msgpack_packer *packer, const char *key,
							   size_t len)
{
	msgpack_pack_str(packer, len);
	msgpack_pack_str_body(packer, key, len);
}

#define KEY(text) pack_key(packer, text, sizeof(text) - 1)

__attribute__((always_inline)) static inline void pack_text(msgpack_packer *packer,
							    const char *text, size_t max)
{
	size_t len = strnlen(text, max);

	pack_key(packer, text, len);
}

/* Not told the packer: a library that is inlined knows what it does, else not. */
static size_t name_of(struct memo *memo, uint64_t number, uint8_t *text)
{
	uint8_t *end = memo_put(memo, number, text);

	if (end)
		return (size_t)(end - text);
	end = text + show_number(memo->field, number, (char *)text);
	memo_keep(memo, number, text, end);
	return (size_t)(end - text);
}

__attribute__((always_inline)) static inline void pack_name(msgpack_packer *packer,
							    struct memo *memo, uint64_t number)
{
	uint8_t text[SHOW_MAX];
	size_t len = name_of(memo, number, text);

	pack_key(packer, (char *)text, len);
}

/* A packer of its own: shared, neither would have the library inlined. */
__attribute__((noinline)) static void pack_derived(const struct event *e)
{
	msgpack_packer whole, *packer = &whole;

	msgpack_packer_init(packer, &bench.packed, msgpack_sbuffer_write);
	KEY("error");
	pack_name(packer, bench.text_memo.error, e->error_raw);
	KEY("flags");
	pack_name(packer, bench.text_memo.flags, e->flags_raw);
	KEY("mode");
	pack_name(packer, bench.text_memo.mode, e->mode_raw);
}

__attribute__((noinline)) static uint64_t run_pack(uint32_t first, uint32_t until)
{
	msgpack_packer whole, *packer = &whole;
	uint64_t total = 0;

	msgpack_packer_init(packer, &bench.packed, msgpack_sbuffer_write);
	msgpack_sbuffer_clear(&bench.packed);
	for (uint32_t i = first; i < until; i++) {
		const struct event *e = (const struct event *)bench.at[i];
		int64_t ns = (int64_t)e->timestamp + BOOT_TO_WALL;
		uint64_t time = __builtin_bswap64((uint64_t)(ns % 1000000000) << 34 |
						  (uint64_t)(ns / 1000000000));
		if (bench.packed.size > OUT_SIZE - 4096) {
			total += bench.packed.size;
			msgpack_sbuffer_clear(&bench.packed);
		}
		msgpack_pack_map(packer, bench.is_derived ? NFIELDS + NDERIVED : NFIELDS);
		KEY("timestamp");
		msgpack_pack_ext(packer, sizeof(time), -1);
		msgpack_pack_ext_body(packer, &time, sizeof(time));
		KEY("mntns_id");
		msgpack_pack_uint64(packer, e->mntns_id);
		KEY("pid");
		msgpack_pack_uint32(packer, e->pid);
		KEY("tid");
		msgpack_pack_uint32(packer, e->tid);
		KEY("uid");
		msgpack_pack_uint32(packer, e->uid);
		KEY("gid");
		msgpack_pack_uint32(packer, e->gid);
		KEY("comm");
		pack_text(packer, e->comm, sizeof(e->comm));
		KEY("fname");
		pack_text(packer, e->fname, sizeof(e->fname));
		KEY("flags_raw");
		msgpack_pack_uint32(packer, e->flags_raw);
		KEY("mode_raw");
		msgpack_pack_uint32(packer, e->mode_raw);
		KEY("error_raw");
		msgpack_pack_uint32(packer, e->error_raw);
		if (bench.is_derived)
			pack_derived(e);
	}
	return total + bench.packed.size;
}

static uint64_t run_msgpack_c(void)
{
	return run_pack(0, ROWS);
}

/* ---- measuring ---------------------------------------------------------- */

static const struct variant {
	const char *name;
	uint64_t (*run)(void);
	uint32_t rows;
} variants[] = {
	{ "hand", run_hand, ROWS },
	{ "json", run_json, ROWS },
	{ "msgpack", run_msgpack, ROWS },
	{ "msgpack-c", run_msgpack_c, ROWS },
	{ "snprintf", run_snprintf, SLOW_ROWS },
	{ "jansson", run_jansson, SLOW_ROWS },
	{ "btf_dump", run_btf_dump, SLOW_ROWS },
};

enum {
	NVARIANTS = sizeof(variants) / sizeof(*variants),
	HAND = 0,
	MSGPACK_C = 3,
	MAX_ROUNDS = 2001
};

static double ns_of[NVARIANTS][MAX_ROUNDS];

static double now_ns(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double median(const double *values, int n)
{
	static double sorted[MAX_ROUNDS];

	memcpy(sorted, values, (size_t)n * sizeof(*values));
	qsort(sorted, (size_t)n, sizeof(*sorted), compare);
	return sorted[n / 2];
}

static double ratio(int variant, int base, int rounds)
{
	static double ratios[MAX_ROUNDS];

	for (int i = 0; i < rounds; i++)
		ratios[i] = ns_of[variant][i] / ns_of[base][i];
	return median(ratios, rounds);
}

static void measure(const char *title, int rounds)
{
	uint64_t bytes[NVARIANTS] = { 0 };

	for (int round = 0; round < rounds; round++) {
		for (int v = 0; v < NVARIANTS; v++) {
			double begin;

			next_rows();
			begin = now_ns();

			bytes[v] = variants[v].run();
			ns_of[v][round] = (now_ns() - begin) / variants[v].rows;
			bench.sum += bytes[v];
		}
	}
	printf("%s (%d rounds)\n  %-10s %9s %8s %8s %11s\n", title, rounds, "", "ns/event",
	       "B/event", "of hand", "of msgpack-c");
	for (int v = 0; v < NVARIANTS; v++)
		printf("  %-10s %9.1f %8.1f %7.2fx %10.2fx\n", variants[v].name,
		       median(ns_of[v], rounds), (double)bytes[v] / variants[v].rows,
		       ratio(v, HAND, rounds), ratio(v, MSGPACK_C, rounds));
}

/* hand = json and msgpack = msgpack-c, byte by byte. */
static void check_equal(const struct encoder *encoder, uint32_t row, const void *bytes, size_t len)
{
	static uint8_t own[8192];
	struct encoded out = {
		.at = own, .start = own, .limit = own + sizeof(own), .ends = bench.ends, .max = 1
	};

	encoder->rows(encoder, &bench.batch, row, row + 1, &out);
	if ((size_t)(out.at - own) == len && !memcmp(own, bytes, len))
		return;
	(void)fprintf(stderr, "bench_codec: record %u differs:\n%.*s\n%.*s\n", row,
		      (int)(out.at - own), (const char *)own, (int)len, (const char *)bytes);
	exit(1);
}

static void check(void)
{
	next_rows();
	for (uint32_t row = 0; row < ROWS; row++) {
		struct second second = SECOND_INIT;
		const struct event *e = (const struct event *)bench.at[row];
		uint8_t *end = hand_one(bench.out, e, &second);

		check_equal(bench.json, row, bench.out, (size_t)(end - bench.out));
		check_equal(bench.json, row, bench.out, printf_one((char *)bench.out, OUT_SIZE, e));
		run_pack(row, row + 1);
		check_equal(bench.msgpack, row, bench.packed.data, bench.packed.size);
	}
}

int main(int argc, char **argv)
{
	int rounds = argc > 1 ? (int)strtol(argv[1], NULL, 10) : ROUNDS;

	if (rounds < 1 || rounds > MAX_ROUNDS) {
		(void)fprintf(stderr, "usage: bench_codec [rounds (1..%d)]\n", MAX_ROUNDS);
		return 64;
	}
	msgpack_sbuffer_init(&bench.packed);
	set_up_derived();
	set_up_schema();
	set_up_btf();
	for (int derived_too = 0; derived_too < 2; derived_too++) {
		bench.is_derived = derived_too;
		bench.json = compile(&codec_json);
		bench.msgpack = compile(&codec_msgpack);
		printf("%s\n", derived_too
				       ? "== with the names of errors and flags, and permissions"
				       : "== the struct's own fields");
		set_up_rows((size_t)ROWS * sizeof(struct event));
		check();
		measure("records in the cache", rounds);
		free(bench.events);
		set_up_rows(COLD_BYTES);
		check();
		measure("64 MiB of records", rounds);
		free(bench.events);
	}
	btf__free(bench.btf);
	return 0;
}
