/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_encode: any schema and any bytes give valid output.
 *
 * The input describes a schema (also impossible ones: compiling may refuse them)
 * and the bytes of some rows, columns and constants.  What is compiled is encoded
 * row by row into exactly the room that bound() asks for.  JSON must be accepted
 * by jansson, msgpack by msgpack-c, and both must say the same; lines of columns
 * must be one line each, without anything that could drive a terminal; YAML must
 * be one document to libyaml; CSV must have as many cells as its header.
 */
#include <jansson.h>
#include <math.h>
#include <msgpack.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "codec/encoder.h"
#include "codec/text.h"
#include "data/names.h"

enum { ROWS = 4, COLUMNS = 4, TEXT_COLUMNS = 2, CONSTS = 64 };

/* ---- input -------------------------------------------------------------- */

struct input {
	const uint8_t *at;
	size_t left;
};

static uint8_t take(struct input *in)
{
	if (!in->left)
		return 0;
	in->left--;
	return *in->at++;
}

static void take_bytes(struct input *in, void *to, size_t n)
{
	size_t have = n < in->left ? n : in->left;

	memset(to, 0, n);
	memcpy(to, in->at, have);
	in->at += have;
	in->left -= have;
}

static uint64_t take_u64(struct input *in)
{
	uint64_t v;

	take_bytes(in, &v, take(in) % 9);
	take_bytes(in, &v, sizeof(v));
	return v;
}

/* ---- a batch ------------------------------------------------------------ */

struct subject {
	struct arena arena;
	const struct schema *schema;
	struct batch batch;
	struct rows rows;
	struct origin origin;
	struct column cols[COLUMNS];
	uint64_t present[COLUMNS];
	uint64_t numbers[COLUMNS][ROWS];
	struct str texts[COLUMNS][ROWS];
	const uint8_t *at[ROWS];
	uint32_t len[ROWS];
	uint64_t pos[ROWS];
	uint16_t sel[ROWS];
};

static void make_name(struct input *in, char *name, size_t size)
{
	static const char *const parts[] = {
		"a",     "b",  "c",     "proc",
		"pid",   "",   "\"q\\", "\xc3\xa6",
		"tab\t", "@x", "{",     "a-key-that-is-longer-than-the-literal-of-one-operation",
		"d",     "e",  "f",     "g",
	};
	int n = 1 + take(in) % 4;
	size_t len = 0;

	for (int i = 0; i < n && len < size; i++)
		len += (size_t)snprintf(name + len, size - len, "%s%s", i ? "." : "",
					parts[take(in) % 16]);
}

static bool is_text(uint8_t type)
{
	return type == TYPE_STRING || type == TYPE_STRINGS || type == TYPE_BYTES ||
	       type == TYPE_ARRAY || (type_is_made(type) && !type_is_made_number(type));
}

static const struct names *make_names(struct arena *arena, struct input *in)
{
	static const char *const texts[] = {
		"A", "", "\"q\\", "\xc3\xa6", "yes", "a,b", "\n", "12"
	};
	uint32_t n = take(in) % 6;
	struct name list[6];

	for (uint32_t i = 0; i < n; i++) {
		const char *text = texts[take(in) % 8];

		list[i] = (struct name){ .mask = take_u64(in),
					 .value = take(in),
					 .text = { text, strlen(text) } };
	}
	return names_make(arena, list, n,
			  &(struct names_options){ .unknown = take(in) % 2 ? "\"?\x01" : NULL,
						   .hides_number = take(in) % 2,
						   .separator = take(in) % 2 ? "\n" : NULL,
						   .is_signed = take(in) % 2 });
}

static const struct element *make_element(struct arena *arena, struct input *in, unsigned depth);

/* What all types need to say what they are; some of it is impossible. */
static void make_needs(struct arena *arena, struct input *in, struct field *f, unsigned depth)
{
	static const struct notes notes[] = {
		{ .width = 9, .ellipsis = ELLIPSIS_START, .is_hex = true },
		{ .width = 3, .ellipsis = ELLIPSIS_MIDDLE, .align = ALIGN_RIGHT },
		{ .max_width = 5, .ellipsis = ELLIPSIS_NONE, .has_precision = true },
		{ .width = 200, .is_fixed = true, .alias = "\x01\xff" },
	};

	f->bit = take(in) % 10;
	f->bits = take(in) % 70;
	f->len_at = take(in);
	if (take(in) % 8)
		f->names = make_names(arena, in);
	if (f->type == TYPE_ARRAY && take(in) % 8)
		f->element = make_element(arena, in, depth + 1);
	if (take(in) % 2)
		f->notes = &notes[take(in) % 4];
}

static const struct element *make_element(struct arena *arena, struct input *in, unsigned depth)
{
	static const char *const labels[] = { "a", "b.c", "b.d", "e\"", "b", "" };
	struct element *element = arena_alloc(arena, sizeof(*element));
	struct field *members;

	element->is_object = take(in) % 2;
	element->stride = take(in) % 40;
	element->nfields = depth > 3 ? take(in) % 2 : take(in) % 4;
	members = arena_array(arena, element->nfields, sizeof(*members));
	for (uint32_t i = 0; i < element->nfields; i++) {
		struct field *f = &members[i];

		f->label = f->name = labels[take(in) % 6];
		f->type = take(in) % TYPE_COUNT;
		f->layout = take(in) % LAYOUT_COUNT;
		f->flags = take(in) % 16 ? 0 : take(in);
		f->at = take(in) % 24;
		f->size = take(in) % 24;
		if (depth < 12)
			make_needs(arena, in, f, depth);
	}
	element->fields = members;
	return element;
}

/* Places are chosen so that what is there can be read; types and layouts are not. */
static struct field make_field(struct input *in, const char *name)
{
	struct field f = { .name = name,
			   .type = take(in) % TYPE_COUNT,
			   .layout = take(in) % LAYOUT_COUNT,
			   .loc = take(in) % 4,
			   .flags = take(in) % 8,
			   .at = take(in),
			   .size = take(in) };

	if (f.loc == LOC_COL)
		f.at = f.at % TEXT_COLUMNS + (is_text(f.type) ? 0 : TEXT_COLUMNS);
	else if (f.loc == LOC_CONST && f.layout == LAYOUT_STR)
		f.at = f.at % 4 * sizeof(struct str);
	else if (f.loc == LOC_CONST)
		f.at += CONSTS;
	else if (f.loc == LOC_META)
		f.layout = f.layout % 2 ? LAYOUT_READ : LAYOUT_RID;
	if (f.loc == LOC_ROW && f.layout == LAYOUT_STR)
		f.layout = LAYOUT_TAIL;
	if (f.loc == LOC_CONST && f.layout == LAYOUT_TAIL)
		f.layout = LAYOUT_BYTES;
	return f;
}

static void make_schema(struct subject *s, struct input *in)
{
	struct schema_head head = { .event = "ev\"ent",
				    .source = "src",
				    .gadget = "\xff",
				    .host = "h",
				    .row_min = take(in),
				    .seq_at = SCHEMA_NO_SEQ };
	struct schema_builder builder;
	int n = take(in) % 24;

	if (head.row_min >= 8 && take(in) % 2)
		head.seq_at = head.row_min - 8;
	schema_begin(&builder, &s->arena, &head);
	for (int i = 0; i < n; i++) {
		char name[300];
		struct field f;

		make_name(in, name, sizeof(name));
		f = make_field(in, name);
		make_needs(&s->arena, in, &f, 0);
		(void)schema_add(&builder, &f); /* a name that is taken is left out */
	}
	take_bytes(in, builder.consts + CONSTS, 64);
	builder.schema->ncols = COLUMNS;
	s->schema = schema_end(&builder);
}

static void make_columns(struct subject *s, struct input *in)
{
	for (unsigned c = 0; c < COLUMNS; c++) {
		s->present[c] = take(in);
		s->cols[c].present = take(in) % 4 ? &s->present[c] : NULL;
		for (unsigned r = 0; r < ROWS; r++) {
			size_t len = c < TEXT_COLUMNS ? take(in) % 48 : 0;
			/* Exactly as long: nothing behind it may be read. */
			char *text = len ? malloc(len) : NULL;

			if (c >= TEXT_COLUMNS)
				s->numbers[c][r] = take_u64(in);
			take_bytes(in, text ? text : (char *)&len, len ? len : 0);
			s->texts[c][r] = (struct str){ text, len };
		}
		if (c < TEXT_COLUMNS)
			s->cols[c].s = s->texts[c];
		else
			s->cols[c].u = s->numbers[c];
	}
}

static void make_rows(struct subject *s, struct input *in)
{
	uint32_t n = 1 + take(in) % ROWS;

	for (uint32_t i = 0; i < n; i++) {
		uint32_t len = s->schema->row_min + take(in) % 4 * take(in);
		uint8_t *row = malloc(len + ROW_SLACK);

		take_bytes(in, row, len);
		memset(row + len, 0xff, ROW_SLACK);
		s->at[i] = row;
		s->len[i] = len;
		s->pos[i] = take_u64(in);
		s->sel[i] = (uint16_t)i;
	}
	s->origin = (struct origin){ .source = "src", .boot = "0123", .epoch = take_u64(in) };
	s->rows = (struct rows){ .at = s->at,
				 .len = s->len,
				 .pos = s->pos,
				 .origin = &s->origin,
				 .wall_ns = (int64_t)take_u64(in),
				 .boot_to_wall_ns = (int64_t)take_u64(in),
				 .n = n };
	s->batch = (struct batch){
		.schema = s->schema, .rows = &s->rows, .cols = s->cols, .sel = s->sel, .nsel = n
	};
}

static void drop(struct subject *s)
{
	for (uint32_t i = 0; i < s->rows.n; i++)
		free((void *)(uintptr_t)s->at[i]);
	for (unsigned c = 0; c < TEXT_COLUMNS; c++)
		for (unsigned r = 0; r < ROWS; r++)
			free((void *)(uintptr_t)s->texts[c][r].at);
	arena_release(&s->arena);
}

/* ---- checks ------------------------------------------------------------- */

struct bytes {
	uint8_t *at;
	size_t len;
};

static struct bytes encode(const struct subject *s, const struct encoder *encoder, uint32_t row)
{
	size_t bound = encoder->bound(encoder, &s->batch, row);
	uint32_t end = 0;
	struct bytes bytes = { .at = malloc(bound) };
	struct encoded out = {
		.at = bytes.at, .start = bytes.at, .limit = bytes.at + bound, .ends = &end, .max = 1
	};

	if (encoder->rows(encoder, &s->batch, row, row + 1, &out) != 1)
		abort();
	bytes.len = (size_t)(out.at - bytes.at);
	if (end != bytes.len || bytes.len > bound)
		abort();
	return bytes;
}

static const struct encoder *compile(struct subject *s, const struct codec *codec,
				     struct encoder_options options)
{
	const struct encoder *encoder = NULL;
	struct error error = ERROR_INIT;
	int r = codec->compile(&s->arena, s->schema, &options, &encoder, &error);

	if (r < 0 && (encoder || !error.text[0]))
		abort();
	return r < 0 ? NULL : encoder;
}

static void same(const json_t *json, const msgpack_object *packed);

static void same_map(const json_t *json, const msgpack_object_map *map)
{
	if (json_object_size(json) != map->size)
		abort();
	for (uint32_t i = 0; i < map->size; i++) {
		const msgpack_object_str *key = &map->ptr[i].key.via.str;
		char *name = strndup(key->ptr, key->size);

		if (map->ptr[i].key.type != MSGPACK_OBJECT_STR)
			abort();
		same(json_object_get(json, name), &map->ptr[i].val);
		free(name);
	}
}

static void same_bytes(const json_t *json, const msgpack_object_bin *bin)
{
	uint8_t *hex = malloc(2 * (size_t)bin->size + 1);
	size_t len = (size_t)(hex_text(hex, (const uint8_t *)bin->ptr, bin->size) - hex);

	if (json_string_length(json) != len || memcmp(json_string_value(json), hex, len))
		abort();
	free(hex);
}

static void same_float(const json_t *json, double v)
{
	if (!isfinite(v) ? !json_is_null(json) : json_real_value(json) != v)
		abort();
}

static double strtod_n(const char *text, size_t n)
{
	char copy[64];

	if (n >= sizeof(copy))
		abort();
	memcpy(copy, text, n);
	copy[n] = 0;
	return strtod(copy, NULL);
}

static void same(const json_t *json, const msgpack_object *packed)
{
	switch (packed->type) {
	case MSGPACK_OBJECT_MAP:
		same_map(json, &packed->via.map);
		return;
	case MSGPACK_OBJECT_ARRAY:
		if (json_array_size(json) != packed->via.array.size)
			abort();
		for (uint32_t i = 0; i < packed->via.array.size; i++)
			same(json_array_get(json, i), &packed->via.array.ptr[i]);
		return;
	case MSGPACK_OBJECT_STR:
		if (json_is_real(json)) { /* 128 bits */
			same_float(json, strtod_n(packed->via.str.ptr, packed->via.str.size));
			return;
		}
		if (json_string_length(json) != packed->via.str.size ||
		    memcmp(json_string_value(json), packed->via.str.ptr, packed->via.str.size))
			abort();
		return;
	case MSGPACK_OBJECT_BIN:
		same_bytes(json, &packed->via.bin);
		return;
	case MSGPACK_OBJECT_BOOLEAN:
		if (!json_is_boolean(json) || json_is_true(json) != packed->via.boolean)
			abort();
		return;
	case MSGPACK_OBJECT_POSITIVE_INTEGER:
		same_float(json, (double)packed->via.u64);
		return;
	case MSGPACK_OBJECT_NEGATIVE_INTEGER:
		same_float(json, (double)packed->via.i64);
		return;
	case MSGPACK_OBJECT_FLOAT32:
		if (isfinite(packed->via.f64) ? (float)json_real_value(json) != packed->via.f64
					      : !json_is_null(json))
			abort();
		return;
	case MSGPACK_OBJECT_FLOAT64:
		same_float(json, packed->via.f64);
		return;
	case MSGPACK_OBJECT_EXT:
		if (json_string_length(json) != 30)
			abort();
		return;
	default:
		abort();
	}
}

static json_t *read_json(struct bytes bytes)
{
	/* Integers as reals: jansson's end at 63 bits. */
	json_t *json = json_loadb((const char *)bytes.at, bytes.len,
				  JSON_REJECT_DUPLICATES | JSON_DECODE_INT_AS_REAL, NULL);

	if (!json || bytes.at[bytes.len - 1] != '}')
		abort();
	return json;
}

static void check_same(const struct subject *s, const struct encoder *json,
		       const struct encoder *msgpack, bool is_forward)
{
	for (uint32_t row = 0; row < s->batch.nsel; row++) {
		struct bytes text = encode(s, json, row), packed = encode(s, msgpack, row);
		json_t *read = read_json(text);
		msgpack_unpacked unpacked;
		size_t end = 0;

		msgpack_unpacked_init(&unpacked);
		if (msgpack_unpack_next(&unpacked, (char *)packed.at, packed.len, &end) !=
			    MSGPACK_UNPACK_SUCCESS ||
		    end != packed.len)
			abort();
		if (!is_forward)
			same(read, &unpacked.data);
		else if (unpacked.data.type != MSGPACK_OBJECT_ARRAY ||
			 unpacked.data.via.array.size != 2)
			abort();
		else
			same(read, &unpacked.data.via.array.ptr[1]);
		msgpack_unpacked_destroy(&unpacked);
		json_decref(read);
		free(text.at);
		free(packed.at);
	}
}

static void check_json(const struct subject *s, const struct encoder *encoder)
{
	for (uint32_t row = 0; row < s->batch.nsel; row++) {
		struct bytes text = encode(s, encoder, row);

		json_decref(read_json(text));
		free(text.at);
	}
}

static void check_pretty(const struct subject *s, const struct encoder *encoder)
{
	for (uint32_t row = 0; row < s->batch.nsel; row++) {
		struct bytes text = encode(s, encoder, row);

		if (!text.len || text.at[--text.len] != '\n')
			abort();
		json_decref(read_json(text));
		free(text.at);
	}
}

static void check_line(struct bytes line)
{
	size_t n = line.len;

	if (!n || line.at[--n] != '\n')
		abort();
	for (size_t i = 0; i < n;) {
		int len = utf8_next(line.at + i, n - i);

		if (len < 0 || line.at[i] < 0x20 || line.at[i] == 0x7f ||
		    (line.at[i] == 0xc2 && line.at[i + 1] < 0xa0))
			abort();
		i += (size_t)len;
	}
}

static void check_columns(const struct subject *s, const struct encoder *encoder)
{
	for (uint32_t row = 0; row < s->batch.nsel; row++) {
		struct bytes line = encode(s, encoder, row);

		check_line(line);
		free(line.at);
	}
}

/* One document, whatever the strings are. */
static void check_yaml(const struct subject *s, const struct encoder *encoder)
{
	for (uint32_t row = 0; row < s->batch.nsel; row++) {
		struct bytes text = encode(s, encoder, row);
		yaml_event_type_t type = YAML_NO_EVENT;
		yaml_parser_t parser;
		unsigned ndocuments = 0;

		yaml_parser_initialize(&parser);
		yaml_parser_set_input_string(&parser, text.at, text.len);
		while (type != YAML_STREAM_END_EVENT) {
			yaml_event_t event;

			if (!yaml_parser_parse(&parser, &event))
				abort();
			type = event.type;
			ndocuments += type == YAML_DOCUMENT_START_EVENT;
			yaml_event_delete(&event);
		}
		if (ndocuments != 1)
			abort();
		yaml_parser_delete(&parser);
		free(text.at);
	}
}

/* Commas outside quotes; the text must be one line outside quotes. */
static unsigned count_commas(const uint8_t *s, size_t n)
{
	bool is_quoted = false;
	unsigned commas = 0;

	if (n < 2 || s[n - 2] != '\r' || s[n - 1] != '\n')
		abort();
	for (size_t i = 0; i < n - 2; i++) {
		if (s[i] == '"')
			is_quoted = !is_quoted;
		else if (!is_quoted && (s[i] == '\r' || s[i] == '\n'))
			abort();
		else if (!is_quoted && s[i] == ',')
			commas++;
	}
	if (is_quoted)
		abort();
	return commas;
}

static void check_csv(const struct subject *s, const struct encoder *encoder)
{
	struct str header = codec_csv.header(encoder);
	unsigned commas = count_commas((const uint8_t *)header.at, header.len);

	for (uint32_t row = 0; row < s->batch.nsel; row++) {
		struct bytes text = encode(s, encoder, row);

		if (count_commas(text.at, text.len) != commas)
			abort();
		free(text.at);
	}
}

static void check_mark(const struct subject *s, const struct encoder *json)
{
	const struct mark mark = { .origin = &s->origin,
				   .event = s->schema->event,
				   .reason = "r",
				   .n = s->pos[0],
				   .has_cpu = s->pos[0] & 1,
				   .from = s->pos[0] };
	uint8_t *out = malloc(ENCODER_MARK_MAX);

	json_decref(read_json((struct bytes){ out, json->mark(json, &mark, out) }));
	free(out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = { data, size };
	struct subject s = { 0 };
	const struct encoder *json, *safe, *msgpack, *forward, *columns, *terminal, *pretty, *yaml,
		*csv, *shown;
	uint8_t width = take(&in);

	make_schema(&s, &in);
	make_columns(&s, &in);
	make_rows(&s, &in);
	json = compile(&s, &codec_json, (struct encoder_options){ 0 });
	safe = compile(&s, &codec_json, (struct encoder_options){ .big_int_string = true });
	msgpack = compile(&s, &codec_msgpack, (struct encoder_options){ 0 });
	forward = compile(&s, &codec_msgpack, (struct encoder_options){ .forward_entry = true });
	columns = compile(&s, &codec_columns, (struct encoder_options){ 0 });
	terminal = compile(&s, &codec_columns,
			   (struct encoder_options){ .is_terminal = true, .width = width });
	pretty = compile(&s, &codec_jsonpretty, (struct encoder_options){ .newline = true });
	yaml = compile(&s, &codec_yaml, (struct encoder_options){ 0 });
	csv = compile(&s, &codec_csv, (struct encoder_options){ 0 });
	shown = compile(&s, &codec_csv, (struct encoder_options){ .is_terminal = true });
	if (!json != !msgpack || !json != !pretty || !csv != !shown || (yaml && !json) ||
	    !json != !safe || !columns != !terminal || (forward && !json))
		abort();
	if (json) {
		check_same(&s, json, msgpack, false);
		check_json(&s, safe);
		check_mark(&s, json);
		check_pretty(&s, pretty);
	}
	if (yaml)
		check_yaml(&s, yaml);
	if (csv) {
		check_csv(&s, csv);
		check_csv(&s, shown);
	}
	if (forward)
		check_same(&s, json, forward, true);
	if (columns) {
		check_columns(&s, columns);
		check_columns(&s, terminal);
	}
	drop(&s);
	return 0;
}
