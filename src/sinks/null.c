/* SPDX-License-Identifier: Apache-2.0 */
/*
 * null: encode the records and forget them.
 *
 * For measuring everything in front of a destination, and for sources that are
 * run for their counters.  A record is delivered when it was encoded.
 */
#include "engine/component.h"

enum { CODEC_JSON, CODEC_MSGPACK, CODEC_COLUMNS, CODEC_JSONPRETTY, CODEC_YAML, CODEC_CSV };

struct null_sink {
	int codec;
	struct sink *sink;
};

static const struct opt_value codecs[] = {
	[CODEC_JSON] = { "json", "JSON lines." },
	[CODEC_MSGPACK] = { "msgpack", "MessagePack maps." },
	[CODEC_COLUMNS] = { "columns", "A table." },
	[CODEC_JSONPRETTY] = { "jsonpretty", "JSON with a line for each value." },
	[CODEC_YAML] = { "yaml", "One YAML document a record." },
	[CODEC_CSV] = { "csv", "Comma-separated values." },
	OPT_VALUES_END,
};

static const struct opt options[] = {
	OPT_ENUM(struct null_sink, codec, .def = "json", .values = codecs,
		 .help = "How records are encoded before they are thrown away; choose what the "
			 "sink you compare with uses."),
	OPT_END,
};

static int null_open(void *self, struct sink *sink, struct error *err)
{
	struct null_sink *null = self;

	(void)err;
	null->sink = sink;
	return 0;
}

static int null_bind(void *self, const struct schema *in, struct encoding *ret_encoding,
		     struct error *err)
{
	static const struct codec *const table[] = {
		[CODEC_JSON] = &codec_json,       [CODEC_MSGPACK] = &codec_msgpack,
		[CODEC_COLUMNS] = &codec_columns, [CODEC_JSONPRETTY] = &codec_jsonpretty,
		[CODEC_YAML] = &codec_yaml,       [CODEC_CSV] = &codec_csv,
	};
	struct null_sink *null = self;
	struct encoder_options how = {
		.newline = true,
		.with_event = sink_has_events(null->sink),
	};

	return table[null->codec]->compile(sink_arena(null->sink), in, &how, &ret_encoding->encoder,
					   err);
}

static int null_start(void *self, struct error *err)
{
	(void)self;
	(void)err;
	return 0;
}

static void null_write(void *self, struct chunk *chunk)
{
	struct null_sink *null = self;

	sink_settle(null->sink, chunk, 0, chunk->nrecs, DELIVERED, 0);
}

/* Never holds a chunk when somebody could ask for it back. */
static void null_cancel(void *self)
{
	(void)self;
}

static void null_release(void *self)
{
	(void)self;
}

static const struct example examples[] = {
	{ .title = "What encoding alone costs",
	  .config = "type: 'null'\n"
		    "codec: msgpack\n" },
	EXAMPLE_END,
};

const struct sink_type sink_null = {
	.base = {
		.name = "null",
		.summary = "Encode the records and forget them",
		.help = "Measures what a pipeline costs without a destination.",
		.size = sizeof(struct null_sink),
		.options = options,
		.examples = examples,
	},
	.open = null_open,
	.bind = null_bind,
	.start = null_start,
	.write = null_write,
	.cancel = null_cancel,
	.release = null_release,
};
