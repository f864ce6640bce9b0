/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Derived fields: the same bytes read with another type, so that a number shows
 * as what it means.  The type of a member says what to make of it; an annotation, or a name
 * that ends in `_raw`, says what to call it.
 */
#include <bpf/btf.h>
#include <errno.h>
#include <string.h>

#include "gadget/metadata.h"
#include "gadget/templates.h"
#include "gadget/walk.h"

enum {
	ENUMERATORS_MAX = 65536, /* in all tables of one data source */
	SUFFIX = 4,              /* strlen("_raw"), strlen("_set") */
};

static const struct derivation {
	const char *type;       /* typedef of the member */
	const char *annotation; /* says where to */
	enum type to;
	enum words words;
	const char *template;
} derivations[] = {
	{ "gadget_errno", "formatters.errno.target", TYPE_NAME, WORDS_ERRNO, "errorString" },
	{ "gadget_signal", "formatters.signal.target", TYPE_NAME, WORDS_SIGNAL, "signal" },
	{ "gadget_syscall", "formatters.syscall.target", TYPE_NAME, WORDS_SYSCALL, "syscall" },
	{ "gadget_file_flags", "formatters.file_flags.target", TYPE_FLAGS, WORDS_OPEN_FLAGS, NULL },
	{ "gadget_file_mode", "formatters.file_mode.target", TYPE_MODE, WORDS_NONE, NULL },
	{ "gadget_bytes", "formatters.bytes.target", TYPE_SIZE, WORDS_NONE, "bytes" },
	{ "gadget_duration", "formatters.duration.target", TYPE_DURATION, WORDS_NONE, "duration" },
};

/* ---- where to ------------------------------------------------------------- */

static bool has_suffix(const char *name, const char *suffix)
{
	size_t len = strlen(name);

	return len > SUFFIX && !strcmp(name + len - SUFFIX, suffix);
}

int derive_target(struct walk *w, const char *key, const char **ret_target)
{
	const struct yaml_node *node =
		metadata_annotation(w->metadata, w->source->name, w->name, key);
	const char *dot = strrchr(w->name, '.'), *last = dot ? dot + 1 : w->name;

	*ret_target = NULL;
	if (node && (node->kind != YAML_SCALAR || !is_identifier(node->text) ||
		     strlen(node->text) >= WALK_NAME_MAX))
		return error_at(w->err, EINVAL, node->pos,
				"annotation '%s' must be the name of a field, not %s", key,
				yaml_describe(node));
	if (node)
		*ret_target = walk_sibling_name(w, node->text, strlen(node->text));
	else if (has_suffix(last, "_raw"))
		*ret_target = walk_sibling_name(w, last, strlen(last) - SUFFIX);
	return 0;
}

/* ---- enums ---------------------------------------------------------------- */

/* The number of an enumerator, as reading a member of that enum gives it. */
static uint64_t enumerator_value(const struct btf_type *t, uint32_t i)
{
	uint32_t unused = t->size < 8 ? 64 - 8 * t->size : 0;
	uint64_t v = btf_is_enum64(t) ? (uint64_t)btf_enum64_value(btf_enum64(t) + i)
				      : (uint64_t)(int64_t)btf_enum(t)[i].val;

	return btf_kflag(t) ? (uint64_t)((int64_t)(v << unused) >> unused) : v << unused >> unused;
}

static const char *enumerator_name(const struct btf *btf, const struct btf_type *t, uint32_t i)
{
	const char *name = btf_identifier(btf, btf_is_enum64(t) ? btf_enum64(t)[i].name_off
								: btf_enum(t)[i].name_off);

	return name && name[0] ? name : NULL;
}

static bool has_value(const struct name *list, uint32_t n, uint64_t value)
{
	for (uint32_t i = 0; i < n; i++)
		if (list[i].value == value)
			return true;
	return false;
}

/*
 * A set shows each enumerator whose bits are all there, once; the one that is 0
 * only when nothing is set.  Other enums show the first of that number.
 */
static const struct names *make_enum_names(struct walk *w, const struct btf *btf,
					   const struct btf_type *t, const char *separator)
{
	struct names_options options = { .unknown = "UNKNOWN",
					 .hides_number = true,
					 .is_single = !separator,
					 .separator = separator,
					 .is_signed = btf_kflag(t) };
	struct name *list;
	uint32_t n = 0;

	if (btf_vlen(t) > NAMES_MAX || t->size == 0 || t->size > 8)
		return NULL;
	list = arena_array(w->arena, btf_vlen(t), sizeof(*list));
	for (uint32_t i = 0; i < btf_vlen(t); i++) {
		const char *name = enumerator_name(btf, t, i);
		uint64_t v = enumerator_value(t, i);

		if (!name || (separator && has_value(list, n, v)))
			continue;
		list[n++] = (struct name){
			.mask = separator && v ? v : UINT64_MAX,
			.value = v,
			.text = { arena_strdup(w->arena, name), strlen(name) },
		};
	}
	return names_make(w->arena, list, n, &options);
}

/* The same for members of the same type; NULL when the limits do not allow a table. */
static const struct names *enum_names(struct walk *w, uint32_t id, const struct btf_type *t,
				      const char *separator)
{
	const struct btf *btf = w->btf;
	const struct btf_type *theirs = NULL;
	struct enum_names *e;

	for (e = w->enums; e; e = e->next)
		if (e->type_id == id && !e->separator == !separator &&
		    (!separator || !strcmp(e->separator, separator)))
			return e->names;
	if (w->kernel)
		theirs = kernel_enum(w->kernel, w->btf, t, &btf);
	if (theirs)
		t = theirs;
	w->enumerators += btf_vlen(t);
	if (w->enumerators > ENUMERATORS_MAX)
		return NULL;
	e = arena_alloc(w->arena, sizeof(*e));
	*e = (struct enum_names){ .next = w->enums, .type_id = id, .separator = separator };
	e->names = make_enum_names(w, btf, t, separator);
	w->enums = e;
	return e->names;
}

/* What an enum is called: its own name, or for one without the typedef's. */
static bool is_set(const struct walk *w, uint32_t type_id, const struct btf_type *t)
{
	const char *name = btf__name_by_offset(w->btf, t->name_off);
	const struct btf_type *declared = btf__type_by_id(w->btf, type_id);

	if ((!name || !name[0]) && declared && btf_is_typedef(declared))
		name = btf__name_by_offset(w->btf, declared->name_off);
	return name && has_suffix(name, "_set");
}

static int derive_enum(struct walk *w, uint32_t type_id, struct shape *shape)
{
	const struct yaml_node *node;
	const struct btf_type *t;
	const char *separator = NULL;
	uint32_t id = 0;
	int r = derive_target(w, "ebpf.formatter.enum", &shape->target);

	t = btf_bare(w->btf, type_id, &id);
	if (r < 0 || !shape->target || !t)
		return r;
	if (is_set(w, type_id, t)) {
		node = metadata_annotation(w->metadata, w->source->name, w->name,
					   "ebpf.formatter.bitfield.separator");
		separator = node && node->kind == YAML_SCALAR ? node->text : "|";
	}
	shape->made = shape->raw;
	shape->made.type = separator ? TYPE_FLAGS : TYPE_NAME;
	shape->made.names = enum_names(w, id, t, separator);
	if (!shape->made.names)
		shape->target = NULL; /* past the limits: the number has to do */
	return 0;
}

/* ---- numbers -------------------------------------------------------------- */

static const struct derivation *derivation_of(const struct walk *w, uint32_t type_id)
{
	for (size_t i = 0; i < sizeof(derivations) / sizeof(*derivations); i++)
		if (btf_is_called(w->btf, type_id, derivations[i].type))
			return &derivations[i];
	return NULL;
}

/* Names are looked up by any integer; units only make sense without a sign. */
static bool can_make(const struct field *raw, enum type to)
{
	if (raw->layout == LAYOUT_U128 || raw->layout == LAYOUT_S128)
		return false;
	return raw->type == TYPE_UINT || (raw->type == TYPE_INT && to == TYPE_NAME);
}

int derive(struct walk *w, uint32_t type_id, struct shape *shape)
{
	const struct btf_type *t = btf_bare(w->btf, type_id, NULL);
	const struct derivation *d;
	int r;

	shape->target = NULL;
	if (t && btf_is_any_enum(t))
		return derive_enum(w, type_id, shape);
	d = derivation_of(w, type_id);
	if (!d || !can_make(&shape->raw, d->to))
		return 0;
	r = derive_target(w, d->annotation, &shape->target);
	if (r < 0 || !shape->target)
		return r;
	shape->made = shape->raw;
	shape->made.type = (uint8_t)d->to;
	shape->made.names = walk_words(w, d->words);
	shape->made.notes = d->template ? &notes_template(d->template)->notes : NULL;
	return 0;
}
