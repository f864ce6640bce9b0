/* SPDX-License-Identifier: Apache-2.0 */
/*
 * decode_records OBJECT SOURCE FILE: print the records of a file as the JSON of a
 * gadget's data source.
 *
 * The object is inspected, not loaded, and nothing runs: the file has, for each record,
 * its length (u32) and its bytes.  Each record is read from an allocation of its
 * own, so that a sanitizer sees what reads past it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "codec/encoder.h"
#include "gadget/inspect.h"

enum { RECORD_MAX = 1 << 20 };

static struct origin origin = { .source = "test", .boot = "0123456789abcdef0123456789abcdef" };

__attribute__((noreturn)) static void die(const char *what, const struct error *err)
{
	(void)fprintf(stderr, "decode_records: %s%s%s\n", what, err ? ": " : "",
		      err ? err->text : "");
	exit(1);
}

static const struct schema *make_schema(struct arena *arena, const struct model_source *s)
{
	struct schema_head head = { .event = s->name,
				    .source = "test",
				    .gadget = "test",
				    .host = "test",
				    .row_min = s->row_min,
				    .seq_at = s->seq_at };
	struct schema_builder builder;

	schema_begin(&builder, arena, &head);
	for (uint32_t i = 0; i < s->nfields; i++)
		if (schema_add(&builder, &s->fields[i]) < 0)
			die("a field does not fit the schema", NULL);
	return schema_end(&builder);
}

/* As a ring hands them over: zeros up to row_min, nothing behind row_max. */
static uint8_t *read_row(FILE *file, const struct model_source *s, uint32_t *ret_len)
{
	uint32_t len, kept;
	uint8_t *row, *all;

	if (fread(&len, sizeof(len), 1, file) != 1)
		return NULL;
	if (len > RECORD_MAX)
		die("a record is too long", NULL);
	all = malloc(len + 1U);
	if (fread(all, 1, len, file) != len)
		die("the file ends inside a record", NULL);
	kept = len < s->row_max ? len : s->row_max;
	*ret_len = kept < s->row_min ? s->row_min : kept;
	row = calloc(1, *ret_len + ROW_SLACK);
	memcpy(row, all, kept);
	free(all);
	return row;
}

static void print_row(const struct encoder *encoder, const struct schema *schema,
		      const uint8_t *row, uint32_t len)
{
	uint64_t pos = 0;
	uint16_t sel = 0;
	uint32_t end = 0;
	struct rows rows = { .at = &row, .len = &len, .pos = &pos, .origin = &origin, .n = 1 };
	struct batch batch = { .schema = schema, .rows = &rows, .sel = &sel, .nsel = 1 };
	struct encoded out = { .ends = &end, .max = 1 };
	size_t bound = encoder->bound(encoder, &batch, 0);
	uint8_t *text = malloc(bound);

	out.at = text;
	out.start = text;
	out.limit = text + bound;
	if (encoder->rows(encoder, &batch, 0, 1, &out) != 1)
		die("a record takes more room than the encoder said", NULL);
	(void)fwrite(text, 1, end, stdout);
	free(text);
}

int main(int argc, char **argv)
{
	struct encoder_options options = { .newline = true };
	struct arena arena = ARENA_INIT;
	struct error err = ERROR_INIT;
	const struct model_source *source;
	const struct encoder *encoder;
	const struct schema *schema;
	const struct model *model;
	struct gadget_place place;
	uint8_t *row;
	uint32_t len;
	FILE *file;

	if (argc != 4)
		die("OBJECT SOURCE FILE", NULL);
	if (gadget_find(&arena, argv[1], NULL, &place, &err) < 0 ||
	    inspect_file(&arena, &place, NULL, &model, &err) < 0)
		die("inspection", &err);
	source = model_source_find(model, argv[2]);
	file = fopen(argv[3], "rb");
	if (!source || !file)
		die("no such data source, or no such file", NULL);
	schema = make_schema(&arena, source);
	if (codec_json.compile(&arena, schema, &options, &encoder, &err) < 0)
		die("json", &err);
	while ((row = read_row(file, source, &len))) {
		print_row(encoder, schema, row, len);
		free(row);
	}
	(void)fclose(file);
	arena_release(&arena);
	return 0;
}
