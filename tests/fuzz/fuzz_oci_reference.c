/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_oci_reference: any text as the name of an image.
 *
 * A name that is accepted reads back as itself, leads out of no folder, and keeps
 * to the limits.
 */
#include <stdlib.h>
#include <string.h>

#include "oci/digest.h"
#include "oci/reference.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct reference_defaults defaults = { "registry.example", "team/gadgets" };

static void check(struct arena *arena, const struct reference *ref)
{
	const char *text = reference_text(arena, ref);
	struct reference again;

	if (strlen(reference_name(arena, ref)) > REFERENCE_NAME_MAX ||
	    (!ref->tag && !ref->digest) || (ref->digest && !digest_is_valid(ref->digest)) ||
	    (ref->tag && strlen(ref->tag) > REFERENCE_TAG_MAX))
		abort();
	if (strstr(reference_name(arena, ref), "..") || strstr(text, "//") ||
	    strpbrk(text, " \\%?#\n\t"))
		abort();
	if (reference_parse(arena, text, &defaults, &again, NULL) < 0 ||
	    strcmp(reference_text(arena, &again), text) != 0)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena arena = ARENA_INIT;
	char *text = arena_strndup(&arena, (const char *)data, size);
	struct reference ref;

	if (reference_parse(&arena, text, &defaults, &ref, NULL) == 0)
		check(&arena, &ref);
	arena_release(&arena);
	return 0;
}
