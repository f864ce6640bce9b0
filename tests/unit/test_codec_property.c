/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Random schemas and random rows: JSON and msgpack against a twin that reads
 * each value with the plain reader, builds a tree of it, and prints the tree with
 * libc and msgpack-c.
 */
#include "codec_random.h"
#include "codec_twin.h"

#include <float.h>
#include <inttypes.h>
#include <math.h>
#include <msgpack.h>
#include <time.h>

#include "data/show.h"

enum { SCHEMAS = 400, ROWS = 24 };

/* ---- the tree --------------------------------------------------------------- */

enum kind { MAP, LIST, TEXT, RAW, BOOLEAN, SIGNED, UNSIGNED, WIDE, REAL32, REAL64, MOMENT };

struct node {
	enum kind kind;
	char *key;         /* of a member */
	struct node *kids; /* MAP, LIST */
	uint32_t nkids;
	uint8_t *bytes; /* TEXT, RAW, WIDE; terminated */
	size_t len;
	uint64_t u;
	double f;
	float narrow; /* REAL32: its bits, NaN's too */
};

static struct node *add_kid(struct node *parent, const char *key, size_t key_len)
{
	struct node *kid;

	parent->kids = realloc(parent->kids, (parent->nkids + 1) * sizeof(*kid));
	kid = &parent->kids[parent->nkids++];
	*kid = (struct node){ .key = key ? strndup(key, key_len) : NULL };
	return kid;
}

static void drop_node(struct node *node)
{
	for (uint32_t i = 0; i < node->nkids; i++)
		drop_node(&node->kids[i]);
	free(node->kids);
	free(node->key);
	free(node->bytes);
}

/* The member a dotted name stands for; objects on the way are made. */
static struct node *member(struct node *map, const char *name)
{
	const char *dot = strchr(name, '.');
	size_t len = dot ? (size_t)(dot - name) : strlen(name);

	if (!dot)
		return add_kid(map, name, len);
	for (uint32_t i = 0; i < map->nkids; i++)
		if (strlen(map->kids[i].key) == len && !memcmp(map->kids[i].key, name, len))
			return member(&map->kids[i], dot + 1);
	return member(add_kid(map, name, len), dot + 1);
}

static void set_bytes(struct node *node, enum kind kind, const char *at, size_t len)
{
	node->kind = kind;
	node->bytes = malloc(3 * len + 1);
	node->len = len;
	if (kind == TEXT)
		node->len = twin_utf8((char *)node->bytes, (const uint8_t *)at, len);
	else if (len)
		memcpy(node->bytes, at, len);
	node->bytes[node->len] = 0;
}

static void set_strings(struct node *node, struct str s, bool is_padded)
{
	node->kind = LIST;
	while (is_padded && s.len && !s.at[s.len - 1])
		s.len--;
	for (uint64_t from = 0, i = 0; i <= s.len; i++) {
		if (i < s.len && s.at[i])
			continue;
		if (i < s.len || i > from)
			set_bytes(add_kid(node, NULL, 0), TEXT, s.at + from, i - from);
		from = i + 1;
	}
}

static void set_value(struct node *node, const struct field *field, const struct value *v,
		      const struct fixture *f);

static void set_element(struct node *node, const struct element *element, const uint8_t *at,
			const struct fixture *f)
{
	for (uint32_t i = 0; i < element->nfields; i++) {
		const struct field *field = &element->fields[i];
		struct value v;

		element_read(at, field, &v);
		if (field->layout == LAYOUT_BOOT)
			v.u += (uint64_t)f->rows.boot_to_wall_ns;
		set_value(element->is_object ? member(node, field->label) : node, field, &v, f);
	}
}

static void set_list(struct node *node, const struct element *element, struct str s,
		     const struct fixture *f)
{
	node->kind = LIST;
	for (uint64_t at = 0; at + element->stride <= s.len; at += element->stride)
		set_element(add_kid(node, NULL, 0), element, (const uint8_t *)s.at + at, f);
}

static void set_number(struct node *node, const struct field *field, const struct value *v)
{
	char text[SHOW_WIDE_MAX];

	node->u = v->u;
	node->f = v->f;
	node->narrow = (float)v->f;
	if (v->is_wide)
		set_bytes(node, WIDE, text, show_wide(v->high, v->u, v->type == TYPE_INT, text));
	else if (v->type == TYPE_FLOAT)
		node->kind = field->layout == LAYOUT_F32 ? REAL32 : REAL64;
	else if (v->type == TYPE_TIME)
		node->kind = MOMENT;
	else
		node->kind = v->type == TYPE_UINT ? UNSIGNED : SIGNED;
}

static void set_value(struct node *node, const struct field *field, const struct value *v,
		      const struct fixture *f)
{
	static char text[SHOW_MAX];

	if (type_is_made(v->type)) {
		set_bytes(node, TEXT, text, show_value(field, v, text));
		return;
	}
	switch (v->type) {
	case TYPE_BOOL:
		node->kind = BOOLEAN;
		node->u = v->b;
		return;
	case TYPE_STRING:
		set_bytes(node, TEXT, v->s.at, v->s.len);
		return;
	case TYPE_STRINGS:
		set_strings(node, v->s, field->layout == LAYOUT_BYTES);
		return;
	case TYPE_BYTES:
		set_bytes(node, RAW, v->s.at, v->s.len);
		return;
	case TYPE_ARRAY:
		set_list(node, field->element, v->s, f);
		return;
	default:
		set_number(node, field, v);
	}
}

static struct node twin(const struct fixture *f, uint32_t row)
{
	struct node root = { 0 };

	for (uint32_t i = 0; i < f->schema->nfields; i++) {
		const struct field *field = &f->schema->fields[i];
		struct value v;

		if (field->flags & FIELD_HIDDEN)
			continue;
		batch_read(&f->batch, row, field, &v);
		if (!v.missing) {
			struct node *leaf = member(&root, field->label);

			set_value(leaf, field, &v, f);
			if (field->type == TYPE_FLOAT && field->layout == LAYOUT_F32)
				memcpy(&leaf->narrow, field_bytes(field, &f->batch, row), 4);
		}
	}
	return root;
}

/* ---- JSON ------------------------------------------------------------------- */

static void print_moment(FILE *out, int64_t ns)
{
	int64_t rest = ns % 1000000000, sec = ns / 1000000000 - (rest < 0);
	char text[32];
	struct tm tm;

	gmtime_r(&(time_t){ sec }, &tm);
	strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm);
	fprintf(out, "\"%s.%09" PRId64 "Z\"", text, rest < 0 ? rest + 1000000000 : rest);
}

static void print_real(FILE *out, double v, bool is_narrow)
{
	/* %g leaves zeros out; but subnormals have fewer digits than the type. */
	bool is_small = fabs(v) < (is_narrow ? (double)FLT_MIN : DBL_MIN);
	int least = is_small ? 1 : is_narrow ? FLT_DIG : DBL_DIG;
	char text[40];

	if (!isfinite(v)) {
		fputs("null", out);
		return;
	}
	for (int digits = least; digits <= 17; digits++) {
		snprintf(text, sizeof(text), "%.*g", digits, v);
		if (is_narrow ? strtof(text, NULL) == (float)v : strtod(text, NULL) == v)
			break;
	}
	fprintf(out, "%s%s", text, strpbrk(text, ".e") ? "" : ".0");
}

static void print_json(FILE *out, const struct node *node)
{
	static char text[1 << 16];
	const char *brackets = node->kind == MAP ? "{}" : "[]";

	switch (node->kind) {
	case MAP:
	case LIST:
		fputc(brackets[0], out);
		for (uint32_t i = 0; i < node->nkids; i++) {
			fputs(i ? "," : "", out);
			if (node->kind == MAP)
				fprintf(out, "\"%s\":", node->kids[i].key);
			print_json(out, &node->kids[i]);
		}
		fputc(brackets[1], out);
		return;
	case TEXT:
		twin_json_text(text, node->bytes, node->len);
		fprintf(out, "\"%s\"", text);
		return;
	case RAW:
		fputc('"', out);
		for (size_t i = 0; i < node->len; i++)
			fprintf(out, "%02x", node->bytes[i]);
		fputc('"', out);
		return;
	case BOOLEAN:
		fputs(node->u ? "true" : "false", out);
		return;
	case SIGNED:
		fprintf(out, "%" PRId64, (int64_t)node->u);
		return;
	case UNSIGNED:
		fprintf(out, "%" PRIu64, node->u);
		return;
	case WIDE:
		fwrite(node->bytes, node->len, 1, out);
		return;
	case REAL32:
	case REAL64:
		print_real(out, node->f, node->kind == REAL32);
		return;
	default:
		print_moment(out, (int64_t)node->u);
	}
}

/* ---- msgpack ---------------------------------------------------------------- */

static void pack_moment(msgpack_packer *packer, int64_t ns)
{
	msgpack_timestamp t = { .tv_sec = ns / 1000000000, .tv_nsec = (uint32_t)(ns % 1000000000) };

	if (ns % 1000000000 < 0)
		t = (msgpack_timestamp){ t.tv_sec - 1, (uint32_t)(ns % 1000000000 + 1000000000) };
	if (t.tv_sec >= 0) {
		uint64_t both = __builtin_bswap64((uint64_t)t.tv_nsec << 34 | (uint64_t)t.tv_sec);

		msgpack_pack_ext(packer, 8, -1);
		msgpack_pack_ext_body(packer, &both, 8);
		return;
	}
	t.tv_nsec = __builtin_bswap32(t.tv_nsec);
	t.tv_sec = (int64_t)__builtin_bswap64((uint64_t)t.tv_sec);
	msgpack_pack_ext(packer, 12, -1);
	msgpack_pack_ext_body(packer, &t.tv_nsec, 4);
	msgpack_pack_ext_body(packer, &t.tv_sec, 8);
}

static void pack(msgpack_packer *packer, const struct node *node)
{
	switch (node->kind) {
	case MAP:
		msgpack_pack_map(packer, node->nkids);
		break;
	case LIST:
		msgpack_pack_array(packer, node->nkids);
		break;
	case TEXT:
	case WIDE:
		msgpack_pack_str_with_body(packer, node->bytes, node->len);
		break;
	case RAW:
		msgpack_pack_bin_with_body(packer, node->bytes, node->len);
		break;
	case BOOLEAN:
		(void)(node->u ? msgpack_pack_true(packer) : msgpack_pack_false(packer));
		break;
	case SIGNED:
		msgpack_pack_int64(packer, (int64_t)node->u);
		break;
	case UNSIGNED:
		msgpack_pack_uint64(packer, node->u);
		break;
	case REAL32:
		msgpack_pack_float(packer, node->narrow);
		break;
	case REAL64:
		msgpack_pack_double(packer, node->f);
		break;
	default:
		pack_moment(packer, (int64_t)node->u);
	}
	for (uint32_t i = 0; i < node->nkids; i++) {
		if (node->kind == MAP)
			msgpack_pack_str_with_body(packer, node->kids[i].key,
						   strlen(node->kids[i].key));
		pack(packer, &node->kids[i]);
	}
}

/* ---- comparing -------------------------------------------------------------- */

/* A row alone, into exactly the room its bound asks for. */
static uint8_t *encode_row(struct fixture *f, const struct encoder *encoder, uint32_t row,
			   size_t *ret_len)
{
	size_t room = encoder->bound(encoder, &f->batch, row);
	struct encoded out = { .ends = f->ends, .max = 1 };
	uint8_t *bytes = malloc(room);

	out.at = bytes;
	out.start = bytes;
	out.limit = bytes + room;
	assert_int_equal(encoder->rows(encoder, &f->batch, row, row + 1, &out), 1);
	*ret_len = (size_t)(out.at - bytes);
	assert_true(*ret_len <= room);
	return bytes;
}

static void expect_json(struct fixture *f, const struct encoder *encoder, uint32_t row,
			const struct node *root)
{
	char *expected;
	size_t size, len;
	FILE *out = open_memstream(&expected, &size);
	uint8_t *bytes = encode_row(f, encoder, row, &len);

	print_json(out, root);
	fclose(out);
	if (len != size || memcmp(bytes, expected, len) != 0)
		fail_msg("not\n%s\nbut\n%.*s", expected, (int)len, (char *)bytes);
	free(expected);
	free(bytes);
}

static void expect_msgpack(struct fixture *f, const struct encoder *encoder, uint32_t row,
			   const struct node *root)
{
	msgpack_sbuffer expected;
	msgpack_packer packer;
	size_t len;
	uint8_t *bytes = encode_row(f, encoder, row, &len);

	msgpack_sbuffer_init(&expected);
	msgpack_packer_init(&packer, &expected, msgpack_sbuffer_write);
	pack(&packer, root);
	assert_int_equal(len, expected.size);
	assert_memory_equal(bytes, expected.data, len);
	msgpack_sbuffer_destroy(&expected);
	free(bytes);
}

/* ---- bounds ----------------------------------------------------------------- */

static uint32_t encode_into(struct fixture *f, const struct encoder *encoder, uint32_t row,
			    size_t room)
{
	uint8_t *bytes = malloc(room ? room : 1);
	struct encoded out = {
		.at = bytes, .start = bytes, .limit = bytes + room, .ends = f->ends, .max = 1
	};
	uint32_t n = encoder->rows(encoder, &f->batch, row, row + 1, &out);

	assert_true((size_t)(out.at - bytes) <= room);
	free(bytes);
	return n;
}

/* Any room from what a record takes to what it may take; the sanitizer looks on. */
static void expect_bounds(struct fixture *f, const struct encoder *encoder, uint64_t *random)
{
	for (uint32_t row = 0; row < f->rows.n; row++) {
		size_t bound = encoder->bound(encoder, &f->batch, row), len;

		free(encode_row(f, encoder, row, &len));
		encode_into(f, encoder, row, len);
		encode_into(f, encoder, row,
			    len + random_below(random, (uint32_t)(bound - len) + 1));
		assert_int_equal(encode_into(f, encoder, row, bound), 1);
		assert_int_equal(encode_into(f, encoder, row, 16 * bound), 1);
	}
}

static void every_codec_keeps_to_its_bounds_for_random_schemas_and_rows(void **state)
{
	static const struct {
		const struct codec *codec;
		struct encoder_options options;
	} kinds[] = {
		{ &codec_json, { .big_int_string = true } },
		{ &codec_json, { .newline = true } },
		{ &codec_msgpack, { 0 } },
		{ &codec_msgpack, { .forward_entry = true } },
		{ &codec_columns, { 0 } },
		{ &codec_columns, { .is_terminal = true, .width = 80 } },
		{ &codec_jsonpretty, { .big_int_string = true } },
		{ &codec_yaml, { 0 } },
		{ &codec_csv, { 0 } },
		{ &codec_csv, { .is_terminal = true, .width = 80 } },
	};
	uint64_t random = UINT64_C(0x2026112400000003);

	(void)state;
	for (unsigned i = 0; i < SCHEMAS; i++) {
		struct fixture f;

		random_schema(&f, &random);
		for (unsigned row = 0; row < ROWS / 4; row++)
			random_row(&f, &random);
		random_columns(&f, &random);
		for (unsigned k = 0; k < sizeof(kinds) / sizeof(*kinds); k++)
			expect_bounds(&f, fixture_encoder(&f, kinds[k].codec, kinds[k].options),
				      &random);
		fixture_end(&f);
	}
}

static void codecs_agree_with_a_slow_twin_for_random_schemas_and_rows(void **state)
{
	static const struct encoder_options plain = { 0 };
	uint64_t random = UINT64_C(0x2026112400000001);

	(void)state;
	for (unsigned i = 0; i < SCHEMAS; i++) {
		const struct encoder *json, *msgpack;
		struct fixture f;

		random_schema(&f, &random);
		json = fixture_encoder(&f, &codec_json, plain);
		msgpack = fixture_encoder(&f, &codec_msgpack, plain);
		for (unsigned row = 0; row < ROWS; row++)
			random_row(&f, &random);
		random_columns(&f, &random);
		for (unsigned row = 0; row < ROWS; row++) {
			struct node root = twin(&f, row);

			expect_json(&f, json, row, &root);
			expect_msgpack(&f, msgpack, row, &root);
			drop_node(&root);
		}
		fixture_end(&f);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(codecs_agree_with_a_slow_twin_for_random_schemas_and_rows),
		cmocka_unit_test(every_codec_keeps_to_its_bounds_for_random_schemas_and_rows),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
