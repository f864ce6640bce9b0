/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/program.h"

#include <errno.h>

#include "data/show.h"

enum { ASSEMBLER_MAX = 16 << 20 };

/* ---- putting a program together ----------------------------------------- */

void assembler_init(struct assembler *as, struct arena *arena, const struct schema *schema,
		    const struct expansion *expansion)
{
	*as = (struct assembler){ .arena = arena, .schema = schema, .from = KERNEL_FROM_ROW };
	bounds_begin(&as->bounds, expansion);
	buf_init(&as->text, ASSEMBLER_MAX);
	buf_init(&as->ops, ASSEMBLER_MAX);
}

void assembler_release(struct assembler *as)
{
	buf_release(&as->text);
	buf_release(&as->ops);
	bounds_release(&as->bounds);
}

void assemble_bytes(struct assembler *as, const void *bytes, size_t len)
{
	buf_add(&as->text, bytes, len);
}

void assemble_text(struct assembler *as, const char *text)
{
	assemble_bytes(as, text, strlen(text));
}

static uint32_t nops(const struct assembler *as)
{
	return (uint32_t)(as->ops.len / sizeof(struct op));
}

static void take_literal(struct assembler *as, struct op *op)
{
	size_t len = as->text.len < LITERAL_MAX ? as->text.len : LITERAL_MAX;

	if (len)
		memcpy(op->literal, as->text.data, len);
	op->nliteral = (uint8_t)len;
	buf_consume(&as->text, len);
	as->bounds.fixed += len;
}

uint32_t assemble_op(struct assembler *as, struct op op)
{
	while (as->text.len > LITERAL_MAX) {
		struct op literal = { .kernel = KERNEL_LITERAL };

		take_literal(as, &literal);
		buf_add(&as->ops, &literal, sizeof(literal));
	}
	take_literal(as, &op);
	buf_add(&as->ops, &op, sizeof(op));
	return nops(as) - 1;
}

void assemble_flush(struct assembler *as)
{
	if (as->text.len)
		assemble_op(as, (struct op){ .kernel = KERNEL_LITERAL });
}

void assemble_from(struct assembler *as, const struct field *field)
{
	enum kernel from = field->loc == LOC_CONST ? KERNEL_FROM_CONSTS : KERNEL_FROM_ROW;

	if (field->loc == LOC_COL) {
		assemble_op(as,
			    (struct op){
				    .kernel = KERNEL_FROM_COLUMN,
				    .at = field->at,
				    .size = field->layout == LAYOUT_STR ? sizeof(struct str) : 8,
			    });
		as->from = KERNEL_FROM_COLUMN;
		return;
	}
	if (field->loc == LOC_META || as->from == from)
		return;
	assemble_op(as, (struct op){ .kernel = (uint8_t)from });
	as->from = from;
}

void assemble_join(struct assembler *as, uint32_t from_column)
{
	struct op *ops;

	assemble_flush(as);
	ops = (struct op *)as->ops.data;
	ops[from_column].skip = nops(as) - from_column - 1;
	as->from = KERNEL_END;
}

static int number_kernel(enum layout layout, bool is_signed)
{
	switch (layout) {
	case LAYOUT_U8:
		return KERNEL_U8;
	case LAYOUT_U16:
		return KERNEL_U16;
	case LAYOUT_U32:
		return KERNEL_U32;
	case LAYOUT_U64:
	case LAYOUT_S64:
		return is_signed ? KERNEL_S64 : KERNEL_U64;
	case LAYOUT_S8:
		return is_signed ? KERNEL_S8 : -1;
	case LAYOUT_S16:
		return is_signed ? KERNEL_S16 : -1;
	case LAYOUT_S32:
		return is_signed ? KERNEL_S32 : -1;
	default:
		return -1;
	}
}

static int string_kernel(const struct field *f)
{
	switch ((enum layout)f->layout) {
	case LAYOUT_CHARS:
	case LAYOUT_BYTES:
		return f->size <= 16 ? KERNEL_SHORT : KERNEL_CHARS;
	case LAYOUT_TAIL:
		return KERNEL_TAIL;
	case LAYOUT_REST:
		return KERNEL_REST;
	case LAYOUT_STR:
		return KERNEL_STR;
	case LAYOUT_RID:
		return KERNEL_RID;
	default:
		return -1;
	}
}

static bool is_span(enum layout layout)
{
	return layout == LAYOUT_CHARS || layout == LAYOUT_BYTES || layout == LAYOUT_TAIL ||
	       layout == LAYOUT_REST || layout == LAYOUT_STR;
}

static int span_kernel(const struct field *f, enum kernel kernel)
{
	return is_span((enum layout)f->layout) ? (int)kernel : -1;
}

static bool is_number(enum layout layout)
{
	return layout <= LAYOUT_S64 || layout == LAYOUT_BITS || layout == LAYOUT_SBITS;
}

static int integer_kernel(const struct field *f)
{
	bool is_signed = f->type == TYPE_INT;

	switch ((enum layout)f->layout) {
	case LAYOUT_BITS:
	case LAYOUT_SBITS:
		return is_signed ? KERNEL_SBITS : KERNEL_BITS;
	case LAYOUT_U128:
	case LAYOUT_S128:
		return is_signed ? KERNEL_SWIDE : KERNEL_WIDE;
	default:
		return number_kernel((enum layout)f->layout, is_signed);
	}
}

static int made_kernel(const struct field *f)
{
	enum layout layout = (enum layout)f->layout;

	if (!type_is_made_number((enum type)f->type))
		return is_span(layout) || layout == LAYOUT_L3 || layout == LAYOUT_L4 ? KERNEL_MADE
										     : -1;
	if (!is_number(layout))
		return -1;
	if (f->type == TYPE_NAME || f->type == TYPE_FLAGS)
		return f->names ? KERNEL_MEMO : -1;
	return f->type == TYPE_MODE ? KERNEL_MEMO : KERNEL_MADE;
}

static int moment_kernel(const struct field *f)
{
	bool is_ns = f->type == TYPE_TIME_NS;

	switch ((enum layout)f->layout) {
	case LAYOUT_BOOT:
		return is_ns ? KERNEL_BOOT_NS : KERNEL_BOOT;
	case LAYOUT_READ:
		return is_ns ? KERNEL_READ_NS : KERNEL_READ;
	case LAYOUT_U64:
	case LAYOUT_S64:
		return is_ns ? KERNEL_S64 : KERNEL_WALL;
	default:
		return -1;
	}
}

static int any_kernel(const struct field *f)
{
	switch ((enum type)f->type) {
	case TYPE_BOOL:
		return is_number((enum layout)f->layout) ? KERNEL_BOOL : -1;
	case TYPE_INT:
	case TYPE_UINT:
		return integer_kernel(f);
	case TYPE_FLOAT:
		return f->layout == LAYOUT_F64   ? KERNEL_F64
		       : f->layout == LAYOUT_F32 ? KERNEL_F32
						 : -1;
	case TYPE_STRING:
		return string_kernel(f);
	case TYPE_STRINGS:
		return span_kernel(f, KERNEL_LIST);
	case TYPE_BYTES:
		return span_kernel(f, KERNEL_HEX);
	case TYPE_TIME:
	case TYPE_TIME_NS:
		return moment_kernel(f);
	case TYPE_ARRAY:
		return f->element ? span_kernel(f, KERNEL_ARRAY) : -1;
	default:
		return type_is_made((enum type)f->type) ? made_kernel(f) : -1;
	}
}

/* Columns hold struct strs, doubles and 64-bit numbers, however narrow the layout. */
static int column_kernel(const struct field *f)
{
	struct field wide = *f;

	if (f->type == TYPE_STRING || f->type == TYPE_STRINGS || f->type == TYPE_BYTES ||
	    f->type == TYPE_ARRAY ||
	    (type_is_made((enum type)f->type) && !type_is_made_number((enum type)f->type)))
		return f->layout == LAYOUT_STR ? any_kernel(f) : -1;
	if (f->type == TYPE_FLOAT)
		return f->layout == LAYOUT_F64 ? KERNEL_F64 : -1;
	if (f->layout > LAYOUT_S64)
		return -1;
	wide.layout = LAYOUT_U64;
	return any_kernel(&wide);
}

/* Bytes that are read at the field's place, without what is behind the row's struct. */
static uint32_t place_bytes(const struct field *f)
{
	uint32_t bytes = layout_bytes((enum layout)f->layout);

	return bytes || f->layout == LAYOUT_TAIL || f->layout == LAYOUT_REST ? bytes : f->size;
}

static int check_bits(const struct schema *schema, const struct field *f, struct error *err)
{
	bool is_bits = f->layout == LAYOUT_BITS || f->layout == LAYOUT_SBITS;

	if (!is_bits || (f->bits && f->bits <= 64 && f->bit < 8 && f->size <= 9 &&
			 f->bit + f->bits <= 8 * (int)f->size))
		return 0;
	return error_set(err, EINVAL, "field '%s' of '%s' has bits %u to %u of %u bytes", f->name,
			 schema->event, f->bit, f->bit + f->bits, f->size);
}

static int check_place(const struct schema *schema, const struct field *f, struct error *err)
{
	uint32_t bytes = place_bytes(f);
	bool is_behind = f->layout == LAYOUT_TAIL || f->layout == LAYOUT_REST;
	bool is_meta = f->layout == LAYOUT_READ || f->layout == LAYOUT_RID;

	if ((f->loc != LOC_COL && is_meta != (f->loc == LOC_META)) ||
	    (f->loc != LOC_ROW && is_behind))
		return error_set(err, EINVAL, "field '%s' of '%s' is not where its layout says",
				 f->name, schema->event);
	if (f->loc == LOC_ROW && (uint64_t)f->at + bytes > schema->row_min)
		return error_set(err, EINVAL, "field '%s' of '%s' ends at byte %llu of a row of %u",
				 f->name, schema->event, (unsigned long long)f->at + bytes,
				 schema->row_min);
	if (f->loc == LOC_ROW && f->layout == LAYOUT_REST &&
	    (uint64_t)f->len_at + sizeof(uint32_t) > schema->row_min)
		return error_set(err, EINVAL, "the length of field '%s' of '%s' is not in the row",
				 f->name, schema->event);
	if (f->loc == LOC_COL && f->at >= schema->ncols)
		return error_set(err, EINVAL, "field '%s' of '%s' is in column %u of %u", f->name,
				 schema->event, f->at, schema->ncols);
	return check_bits(schema, f, err);
}

int field_kernel(const struct schema *schema, const struct field *f, struct error *err)
{
	int kernel = f->loc == LOC_COL ? column_kernel(f) : any_kernel(f);
	int r;

	if (kernel < 0)
		return error_set(err, ENOTSUP, "cannot show field '%s' of '%s' (a %s in layout %u)",
				 f->name, schema->event, type_name((enum type)f->type), f->layout);
	r = check_place(schema, f, err);
	return r < 0 ? r : kernel;
}

int member_kernel(const struct schema *schema, const struct field *array, const struct field *f,
		  uint32_t stride, struct error *err)
{
	/* What only a record has, and what would be a pointer from the row. */
	bool is_elsewhere = f->loc != LOC_ROW || f->layout == LAYOUT_TAIL ||
			    f->layout == LAYOUT_REST || f->layout == LAYOUT_STR ||
			    f->layout == LAYOUT_READ || f->layout == LAYOUT_RID;
	int kernel = any_kernel(f);

	if (kernel < 0 || is_elsewhere)
		return error_set(err, ENOTSUP,
				 "cannot show what field '%s' of '%s' repeats (a %s in layout %u)",
				 array->name, schema->event, type_name((enum type)f->type),
				 f->layout);
	if ((uint64_t)f->at + place_bytes(f) > stride)
		return error_set(err, EINVAL,
				 "a member of field '%s' of '%s' ends at byte %llu of %u",
				 array->name, schema->event,
				 (unsigned long long)f->at + place_bytes(f), stride);
	return check_bits(schema, f, err) < 0 ? -EINVAL : kernel;
}

/* How op_number() finds the field's number. */
static void place_number(struct op *op, const struct field *f)
{
	enum layout layout = f->loc == LOC_COL ? LAYOUT_U64 : (enum layout)f->layout;
	uint32_t bits = 8 * layout_bytes(layout);

	if (layout == LAYOUT_BITS || layout == LAYOUT_SBITS) {
		bits = f->bits;
		op->bit = f->bit;
	}
	op->unused = (uint8_t)(64 - bits);
	op->is_signed = layout == LAYOUT_SBITS || (layout >= LAYOUT_S8 && layout <= LAYOUT_S64);
}

static void set_needs(struct assembler *as, struct op *op, const struct shape *leaf)
{
	const struct field *f = leaf->field;

	switch ((enum kernel)op->kernel) {
	case KERNEL_MEMO:
		op->memo = memo_new(as->arena, f);
		if (f->layout == LAYOUT_U32 && f->loc != LOC_COL)
			op->kernel = KERNEL_MEMO32;
		break;
	case KERNEL_MADE:
		op->field = f;
		if (!type_is_made_number((enum type)f->type))
			return;
		break;
	case KERNEL_LIST:
		op->field = f;
		return;
	case KERNEL_ARRAY:
		op->list = leaf->list;
		return;
	case KERNEL_BITS:
	case KERNEL_SBITS:
	case KERNEL_BOOL:
		break;
	default:
		return;
	}
	place_number(op, f);
}

int assemble_value(struct assembler *as, const struct shape *leaf, bool is_guarded,
		   struct error *err)
{
	const struct field *f = leaf->field;
	int kernel = field_kernel(as->schema, f, err);
	struct op op = {
		.kernel = (uint8_t)kernel,
		.at = f->loc == LOC_COL ? 0 : f->at,
		.size = f->size,
		.layout = f->layout,
		.is_guarded = is_guarded,
	};

	if (kernel < 0)
		return kernel;
	if (f->layout == LAYOUT_REST)
		op.size = f->len_at;
	else if (f->layout == LAYOUT_L3 || f->layout == LAYOUT_L4)
		op.size = layout_bytes((enum layout)f->layout);
	set_needs(as, &op, leaf);
	assemble_op(as, op);
	bounds_add(&as->bounds, f, leaf->list, 0);
	return 0;
}

void assemble_end(struct assembler *as, struct program *ret_program)
{
	assemble_op(as, (struct op){ .kernel = KERNEL_END });
	*ret_program = (struct program){
		.ops = arena_memdup(as->arena, as->ops.data, as->ops.len),
		.nops = nops(as),
		.bounds = bounds_end(&as->bounds, as->arena, PROGRAM_SLACK),
	};
}

/* ---- for interpreters --------------------------------------------------- */

void program_link(const struct program *program, const void *const kernels[KERNEL_COUNT])
{
	for (uint32_t i = 0; i < program->nops; i++)
		program->ops[i].go = kernels[program->ops[i].kernel];
}

struct str op_span(const struct op *op, const struct scene *scene, const uint8_t *src)
{
	struct str s = { .at = (const char *)src + op->at, .len = op->size };

	switch ((enum layout)op->layout) {
	case LAYOUT_STR:
		s = load_str(src + op->at);
		break;
	case LAYOUT_TAIL:
		s.len = tail_len(scene->batch, scene->index, op->at);
		break;
	case LAYOUT_REST:
		s.len = rest_len(scene->batch, scene->index, op->at, op->size);
		break;
	case LAYOUT_CHARS:
		s.len = strnlen(s.at, op->size);
		break;
	default:
		break;
	}
	return op->kernel == KERNEL_LIST ? strings_trim(op->field, s) : s;
}

uint32_t op_show(const struct op *op, const struct scene *scene, const uint8_t *src, char *text)
{
	if (type_is_made_number((enum type)op->field->type))
		return show_number(op->field, op_number(op, src), text);
	return show_bytes(op->field, op_span(op, scene, src), text);
}
