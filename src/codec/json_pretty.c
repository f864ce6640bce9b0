/* SPDX-License-Identifier: Apache-2.0 */
/*
 * jsonpretty: JSON with a line for each value, for people to look at.
 *
 * What is said is what json says, so a reader of JSON takes either; only here a
 * record is many lines.  People read slower than this writes: it walks the tree.
 */
#include <string.h>

#include "codec/encoder.h"
#include "codec/json_style.h"
#include "codec/tree.h"

static size_t pretty_mark(const struct encoder *encoder, const struct mark *mark, uint8_t *out)
{
	uint8_t *end = json_mark(mark, out);

	(void)encoder;
	*end++ = '\n';
	return (size_t)(end - out);
}

static int pretty_compile(struct arena *arena, const struct schema *schema,
			  const struct encoder_options *options, const struct encoder **ret_encoder,
			  struct error *err)
{
	struct tree_encoder *tree = arena_alloc(arena, sizeof(*tree));
	struct expansion expansion = json_expansion;
	int r;

	/* A line break in front of each value and each closing bracket, and the
	 * space behind a colon. */
	expansion.key += 2;
	expansion.item += 1;
	expansion.list += 1;
	expansion.per_list += 1;
	expansion.per_string += 1;
	expansion.indent = 2;
	*tree = (struct tree_encoder){
		.style = &json_pretty_style,
		.begin = "{",
		.end = "\n}\n",
		.empty = "{}\n",
		.depth = 1,
	};
	r = tree_compile(arena, schema, options, arena_memdup(arena, &expansion, sizeof(expansion)),
			 tree, err);
	if (r < 0)
		return r;
	tree->encoder.mark = pretty_mark;
	*ret_encoder = &tree->encoder;
	return 0;
}

static struct str pretty_header(const struct encoder *encoder)
{
	(void)encoder;
	return (struct str){ 0 };
}

const struct codec codec_jsonpretty = {
	.name = "jsonpretty",
	.summary = "one JSON object a record, a line for each value",
	.content_type = "application/json",
	.compile = pretty_compile,
	.header = pretty_header,
};
