/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Object files as an attacker would write them: inspection must end in a model
 * or an error, and what it lets pass must not break libbpf, which opens the same
 * bytes with root's rights when the gadget is loaded.
 */
#include <bpf/libbpf.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "gadget/inspect.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int say_nothing(enum libbpf_print_level level, const char *fmt, va_list args)
{
	(void)level, (void)fmt, (void)args;
	return 0;
}

static void check_fields(const struct model_source *s)
{
	for (uint32_t i = 0; i < s->nfields; i++) {
		const struct field *f = &s->fields[i];
		uint32_t size = f->layout == LAYOUT_TAIL || f->layout == LAYOUT_REST ? 0 : f->size;

		/* What a reader relies on without looking. */
		if (f->at > s->row_min || size > s->row_min - f->at)
			abort();
	}
	if (s->row_min > s->row_max || s->row_min > MODEL_MAX_ROW)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	LIBBPF_OPTS(bpf_object_open_opts, opts, .object_name = "fuzz");
	struct arena arena = ARENA_INIT;
	struct error err = ERROR_INIT;
	const struct model *model;

	(void)libbpf_set_print(say_nothing);
	if (inspect_bytes(&arena, "fuzz", data, size, NULL, &model, &err) == 0) {
		for (uint32_t i = 0; i < model->nsources; i++)
			if (!model->sources[i].unsupported)
				check_fields(&model->sources[i]);
		if (model_check(model, &err) == 0)
			bpf_object__close(bpf_object__open_mem(data, size, &opts));
	}
	arena_release(&arena);
	return 0;
}
