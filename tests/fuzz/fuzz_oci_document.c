/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_oci_document: any bytes as an index or manifest.
 *
 * What is accepted keeps to the limits, is written in a form that reads back as
 * the same document, and writing that again gives the same bytes.
 */
#include <stdlib.h>
#include <string.h>

#include "oci/digest.h"
#include "oci/document.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_descriptor(const struct descriptor *d)
{
	if (!digest_is_valid(d->digest) || !d->media_type || !*d->media_type ||
	    d->size > UINT64_C(1) << 50 || d->annotations.n > DOCUMENT_ANNOTATIONS)
		abort();
	for (uint32_t i = 1; i < d->annotations.n; i++)
		if (strcmp(d->annotations.list[i - 1].key, d->annotations.list[i].key) >= 0)
			abort();
}

static void check_document(const struct document *doc)
{
	if (doc->nitems > DOCUMENT_DESCRIPTORS)
		abort();
	for (uint32_t i = 0; i < doc->nitems; i++)
		check_descriptor(&doc->items[i]);
	if (doc->kind == DOCUMENT_MANIFEST)
		check_descriptor(&doc->config);
	if (doc->subject.digest)
		check_descriptor(&doc->subject);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena arena = ARENA_INIT;
	const struct document *doc, *again;
	struct str written, twice;

	if (document_parse(&arena, data, size, NULL, &doc, NULL) < 0)
		goto out;
	check_document(doc);
	written = document_write(&arena, doc);
	if (document_parse(&arena, written.at, written.len, NULL, &again, NULL) < 0 ||
	    again->nitems != doc->nitems || again->kind != doc->kind)
		abort();
	twice = document_write(&arena, again);
	if (twice.len != written.len || memcmp(twice.at, written.at, written.len) != 0)
		abort();
out:
	arena_release(&arena);
	return 0;
}
