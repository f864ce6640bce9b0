/* SPDX-License-Identifier: Apache-2.0 */
/*
 * null: encode the records and forget them.
 *
 * For measuring everything in front of a destination, and for sources that are
 * run for their counters.  A record is delivered when it was encoded.
 */
#include "engine/component.h"

enum { CODEC_JSON, CODEC_MSGPACK };

struct null_sink {
	int codec;
	struct sink *sink;
};

static const struct opt_value codecs[] = {
	[CODEC_JSON] = { "json", "JSON lines." },
	[CODEC_MSGPACK] = { "msgpack", "MessagePack maps." },
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
	struct null_sink *null = self;
	const struct codec *codec = null->codec == CODEC_JSON ? &codec_json : &codec_msgpack;
	struct encoder_options how = { .newline = true };

	return codec->compile(sink_arena(null->sink), in, &how, &ret_encoding->encoder, err);
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
