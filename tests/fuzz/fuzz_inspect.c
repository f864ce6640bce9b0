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

static void check_names(const struct names *names, uint8_t type)
{
	bool has_names = type == TYPE_NAME || type == TYPE_FLAGS;

	if (has_names != (names != NULL))
		abort();
	for (uint32_t i = 0; names && i < names->n; i++)
		if (names->list[i].text.len > names->text_max)
			abort();
}

/* What readers rely on without looking, of the fields of one container. */
static void check_fields(const struct field *fields, uint32_t n, uint32_t bytes, bool is_element)
{
	for (uint32_t i = 0; i < n; i++) {
		const struct field *f = &fields[i];
		bool is_open = f->layout == LAYOUT_TAIL || f->layout == LAYOUT_REST;
		bool is_bits = f->layout == LAYOUT_BITS || f->layout == LAYOUT_SBITS;
		uint32_t size = is_open ? 0 : f->size, least = layout_bytes(f->layout);

		if (!f->name || !f->label || f->loc != LOC_ROW || (is_open && is_element))
			abort();
		if (f->at > bytes || size > bytes - f->at || size < least)
			abort();
		if (f->layout == LAYOUT_REST && (bytes < 4 || f->len_at > bytes - 4))
			abort();
		if (is_bits && (!f->bits || f->bits > 64 || f->bit > 7 || f->size > 9 ||
				f->bit + f->bits > 8 * f->size))
			abort();
		check_names(f->names, f->type);
		if ((f->type == TYPE_ARRAY) != (f->element != NULL))
			abort();
		if (!f->element)
			continue;
		if (!f->element->stride || !f->element->nfields ||
		    (!is_open && f->size % f->element->stride))
			abort();
		check_fields(f->element->fields, f->element->nfields, f->element->stride, true);
	}
}

static void check_source(const struct model_source *s)
{
	check_fields(s->fields, s->nfields, s->row_min, false);
	if (s->seq_at != SCHEMA_NO_SEQ && (s->row_min < 8 || s->seq_at > s->row_min - 8))
		abort();
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
				check_source(&model->sources[i]);
		if (model_check(model, &err) == 0)
			bpf_object__close(bpf_object__open_mem(data, size, &opts));
	}
	arena_release(&arena);
	return 0;
}
