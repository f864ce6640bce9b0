/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/program.h"

#include <errno.h>

enum { ASSEMBLER_MAX = 16 << 20, LONG_CHARS = 256 };

/* ---- shape ------------------------------------------------------------- */

static bool has_label(const struct field *const *fields, uint32_t n, const char *text, size_t len)
{
	for (uint32_t i = 0; i < n; i++)
		if (!strncmp(fields[i]->label, text, len) && !fields[i]->label[len])
			return true;
	return false;
}

/* The length of the label's next component, the whole rest if it must not nest. */
static size_t component(const struct field *const *fields, uint32_t n, const char *label,
			const char *rest, unsigned depth)
{
	size_t len = strcspn(rest, ".");

	if (!len || !rest[len] || !rest[len + 1] || rest[len + 1] == '.' ||
	    depth == SHAPE_DEPTH_MAX)
		return strlen(rest);
	if (has_label(fields, n, label, (size_t)(rest - label) + len))
		return strlen(rest);
	return len;
}

static struct shape *find_object(const struct shape *parent, const char *key, size_t len)
{
	for (struct shape *s = parent->children; s; s = s->next)
		if (!s->field && s->key_len == len && !memcmp(s->key, key, len))
			return s;
	return NULL;
}

static struct shape *add_shape(struct arena *arena, struct shape *parent, const char *key,
			       size_t len)
{
	struct shape *s = arena_alloc(arena, sizeof(*s));

	s->key = key;
	s->key_len = len;
	if (parent->last)
		parent->last->next = s;
	else
		parent->children = s;
	parent->last = s;
	parent->nchildren++;
	return s;
}

static void place(struct arena *arena, struct shape *root, const struct field *const *fields,
		  uint32_t n, const struct field *field)
{
	struct shape *path[SHAPE_DEPTH_MAX + 2] = { root };
	const char *rest = field->label;
	unsigned depth = 0;
	bool is_optional = field->loc == LOC_COL;

	for (;;) {
		size_t len = component(fields, n, field->label, rest, depth);
		struct shape *parent = path[depth], *s;

		s = rest[len] ? find_object(parent, rest, len) : NULL;
		if (!s) {
			s = add_shape(arena, parent, rest, len);
			s->is_optional = true;
		}
		path[++depth] = s;
		if (!rest[len])
			break;
		rest += len + 1;
	}
	path[depth]->field = field;
	if (is_optional)
		return;
	for (unsigned i = 0; i <= depth; i++)
		path[i]->is_optional = false;
}

static int check_twins(const struct field *const *fields, uint32_t n, struct error *err)
{
	for (uint32_t i = 1; i < n; i++)
		if (has_label(fields, i, fields[i]->label, strlen(fields[i]->label)))
			return error_set(err, EEXIST,
					 "two fields are shown as '%s' (name each once)",
					 fields[i]->label);
	return 0;
}

int shown_fields(struct arena *arena, const struct schema *schema,
		 const struct encoder_options *options, unsigned skip_flags,
		 const struct field ***ret_fields, uint32_t *ret_nfields, struct error *err)
{
	uint32_t n = 0, max = options->nfields ? options->nfields : schema->nfields;
	const struct field **fields = arena_array(arena, max, sizeof(*fields));

	if (options->nfields) {
		for (uint32_t i = 0; i < options->nfields; i++) {
			fields[n] = schema_find(schema, options->fields[i]);
			if (!fields[n++])
				return error_set(err, ENOENT, "'%s' has no field '%s'",
						 schema->event, options->fields[i]);
		}
	} else {
		for (uint32_t i = 0; i < schema->nfields; i++)
			if (!(schema->fields[i].flags & skip_flags))
				fields[n++] = &schema->fields[i];
	}
	*ret_fields = fields;
	*ret_nfields = n;
	return 0;
}

int shape_make(struct arena *arena, const struct schema *schema,
	       const struct encoder_options *options, const struct shape **ret_root,
	       struct error *err)
{
	struct shape *root = arena_alloc(arena, sizeof(*root));
	const struct field **fields = NULL;
	uint32_t n = 0;
	int r;

	r = shown_fields(arena, schema, options, FIELD_HIDDEN, &fields, &n, err);
	if (r < 0)
		return r;
	r = check_twins(fields, n, err);
	if (r < 0)
		return r;
	for (uint32_t i = 0; i < n; i++)
		place(arena, root, fields, n, fields[i]);
	*ret_root = root;
	return 0;
}

/* ---- putting a program together ----------------------------------------- */

void assembler_init(struct assembler *as, struct arena *arena, const struct schema *schema,
		    const struct expansion *expansion)
{
	*as = (struct assembler){
		.arena = arena, .schema = schema, .expansion = expansion, .from = KERNEL_FROM_ROW
	};
	buf_init(&as->text, ASSEMBLER_MAX);
	buf_init(&as->ops, ASSEMBLER_MAX);
	buf_init(&as->variables, ASSEMBLER_MAX);
}

void assembler_release(struct assembler *as)
{
	buf_release(&as->text);
	buf_release(&as->ops);
	buf_release(&as->variables);
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
	as->fixed += len;
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
	case LAYOUT_STR:
		return KERNEL_STR;
	case LAYOUT_RID:
		return KERNEL_RID;
	default:
		return -1;
	}
}

static int span_kernel(const struct field *f, enum kernel kernel)
{
	bool is_span = f->layout == LAYOUT_CHARS || f->layout == LAYOUT_BYTES ||
		       f->layout == LAYOUT_TAIL || f->layout == LAYOUT_STR;

	return is_span ? (int)kernel : -1;
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
		return number_kernel((enum layout)f->layout, true) < 0 ? -1 : KERNEL_BOOL;
	case TYPE_INT:
	case TYPE_UINT:
		return number_kernel((enum layout)f->layout, f->type == TYPE_INT);
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
	default:
		break;
	}
	return -1;
}

/* Columns hold struct strs, doubles and 64-bit numbers, however narrow the layout. */
static int column_kernel(const struct field *f)
{
	struct field wide = *f;

	if (f->type == TYPE_STRING || f->type == TYPE_STRINGS || f->type == TYPE_BYTES)
		return f->layout == LAYOUT_STR ? any_kernel(f) : -1;
	if (f->type == TYPE_FLOAT)
		return f->layout == LAYOUT_F64 ? KERNEL_F64 : -1;
	if (f->layout > LAYOUT_S64)
		return -1;
	wide.layout = LAYOUT_U64;
	return any_kernel(&wide);
}

static int check_place(const struct schema *schema, const struct field *f, struct error *err)
{
	uint32_t bytes = layout_bytes((enum layout)f->layout);
	bool is_meta = f->layout == LAYOUT_READ || f->layout == LAYOUT_RID;

	if (f->loc != LOC_COL && is_meta != (f->loc == LOC_META))
		return error_set(err, EINVAL, "field '%s' of '%s' is not where its layout says",
				 f->name, schema->event);
	if (!bytes && f->layout != LAYOUT_TAIL && f->layout != LAYOUT_REST)
		bytes = f->size;
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
	return 0;
}

static void add_variable(struct assembler *as, const struct field *field, uint32_t factor)
{
	struct variable v = { .field = field, .factor = factor };

	buf_add(&as->variables, &v, sizeof(v));
}

static void count_bound(struct assembler *as, const struct field *f, enum kernel kernel)
{
	const struct expansion *x = as->expansion;
	uint32_t factor = kernel == KERNEL_HEX    ? x->per_raw
			  : kernel == KERNEL_LIST ? x->per_list
						  : x->per_byte;

	switch (kernel) {
	case KERNEL_SHORT:
	case KERNEL_CHARS:
	case KERNEL_LIST:
	case KERNEL_HEX:
		if (f->loc != LOC_COL && f->size <= LONG_CHARS &&
		    (f->layout == LAYOUT_CHARS || f->layout == LAYOUT_BYTES)) {
			as->fixed += x->frame + (size_t)factor * f->size;
			return;
		}
		/* fallthrough */
	case KERNEL_TAIL:
	case KERNEL_STR:
		as->fixed += x->frame;
		add_variable(as, f, factor);
		return;
	case KERNEL_RID:
		as->fixed += x->frame + RID_TEXT_MAX;
		return;
	default:
		as->fixed += x->number;
	}
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

int assemble_value(struct assembler *as, const struct field *f, bool is_guarded, struct error *err)
{
	int kernel = field_kernel(as->schema, f, err);
	uint32_t size = f->size;

	if (kernel < 0)
		return kernel;
	if (kernel == KERNEL_BOOL)
		size = f->loc == LOC_COL ? 8 : layout_bytes((enum layout)f->layout);
	assemble_op(as, (struct op){
				.kernel = (uint8_t)kernel,
				.at = f->loc == LOC_COL ? 0 : f->at,
				.size = size,
				.layout = f->layout,
				.is_guarded = is_guarded,
			});
	count_bound(as, f, (enum kernel)kernel);
	return 0;
}

void assemble_end(struct assembler *as, struct program *ret_program)
{
	assemble_op(as, (struct op){ .kernel = KERNEL_END });
	*ret_program = (struct program){
		.ops = arena_memdup(as->arena, as->ops.data, as->ops.len),
		.nops = nops(as),
		.fixed = as->fixed + PROGRAM_SLACK,
		.expansion = as->expansion,
		.nvariables = (uint32_t)(as->variables.len / sizeof(struct variable)),
	};
	if (as->variables.len)
		ret_program->variables =
			arena_memdup(as->arena, as->variables.data, as->variables.len);
}

/* ---- for interpreters --------------------------------------------------- */

void program_link(const struct program *program, const void *const kernels[KERNEL_COUNT])
{
	for (uint32_t i = 0; i < program->nops; i++)
		program->ops[i].go = kernels[program->ops[i].kernel];
}

static struct str row_span(const struct batch *batch, uint32_t row, const uint8_t *at,
			   enum layout layout, uint32_t offset, uint32_t size)
{
	struct str s = { .at = (const char *)at };

	switch (layout) {
	case LAYOUT_STR:
		return load_str(at);
	case LAYOUT_TAIL:
		s.len = tail_len(batch, row, offset);
		break;
	case LAYOUT_CHARS:
		s.len = strnlen(s.at, size);
		break;
	default:
		s.len = size;
	}
	return s;
}

struct str op_span(const struct op *op, const struct scene *scene, const uint8_t *src)
{
	struct str s = row_span(scene->batch, scene->index, src + op->at, (enum layout)op->layout,
				op->at, op->size);

	/* An array of the row is padded with NULs; they are no strings. */
	if (op->kernel == KERNEL_LIST && op->layout == LAYOUT_BYTES)
		while (s.len && !s.at[s.len - 1])
			s.len--;
	return s;
}

bool list_next(struct str *list, struct str *ret_string)
{
	size_t used;

	if (!list->len)
		return false;
	ret_string->at = list->at;
	ret_string->len = strnlen(list->at, list->len);
	used = ret_string->len + (ret_string->len < list->len);
	list->at += used;
	list->len -= used;
	return true;
}

struct str variable_span(const struct variable *v, const struct batch *batch, uint32_t row)
{
	const struct field *f = v->field;
	const struct column *col;

	if (f->loc != LOC_COL)
		return row_span(batch, row, field_bytes(f, batch, row), (enum layout)f->layout,
				f->at, f->size);
	col = &batch->cols[f->at];
	if (col->present && !(col->present[row / 64] >> (row % 64) & 1))
		return (struct str){ 0 };
	return col->s[row];
}

size_t variable_len(const struct variable *v, const struct batch *batch, uint32_t row)
{
	if (v->field->layout == LAYOUT_TAIL)
		return tail_len(batch, row, v->field->at);
	if (v->field->layout == LAYOUT_STR)
		return variable_span(v, batch, row).len;
	return v->field->size;
}

static size_t list_size(const struct expansion *x, struct str list)
{
	size_t size = 0;
	struct str s;

	while (list_next(&list, &s))
		size += x->per_string + x->text_size((const uint8_t *)s.at, s.len);
	return size;
}

size_t program_exact_bound(const struct program *program, const struct batch *batch, uint32_t row)
{
	const struct expansion *x = program->expansion;
	size_t bound = program->fixed;

	for (uint32_t i = 0; i < program->nvariables; i++) {
		const struct variable *v = &program->variables[i];
		struct str s = variable_span(v, batch, row);

		if (v->field->type == TYPE_BYTES)
			bound += x->per_raw * s.len;
		else if (v->field->type == TYPE_STRINGS)
			bound += list_size(x, s);
		else
			bound += x->text_size((const uint8_t *)s.at, s.len);
	}
	return bound;
}
