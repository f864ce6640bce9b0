/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Programs of a gadget: the functions of executable sections other than .text.
 *
 * What a program hangs on is in its section's name; `programs.<name>.attach_to` of
 * the metadata replaces it.  The target gadget_program_disabled, in either, means
 * that the program is not to be attached at all.
 */
#include <elf.h>
#include <errno.h>
#include <string.h>
#include <strings.h>

#include "base/suggest.h"
#include "gadget/inspection.h"
#include "gadget/metadata.h"

#define DISABLED "gadget_program_disabled"

static const struct {
	const char *prefix;
	enum program_kind kind;
} section_kinds[] = {
	{ "tracepoint/", PROGRAM_TRACEPOINT }, { "tp/", PROGRAM_TRACEPOINT },
	{ "raw_tracepoint/", PROGRAM_RAW_TP }, { "raw_tp/", PROGRAM_RAW_TP },
	{ "tp_btf/", PROGRAM_TP_BTF },
};

/* Read `category/name`, or `name`, as the kind of program has it. */
static bool read_target(struct inspection *in, struct model_program *p, const char *text)
{
	const char *slash = strchr(text, '/'), *name = text;

	if (p->kind == PROGRAM_TRACEPOINT) {
		if (!slash || slash == text)
			return false;
		name = slash + 1;
		slash = strchr(name, '/');
	}
	if (!*name || slash)
		return false;
	if (p->kind == PROGRAM_TRACEPOINT)
		p->category = arena_strndup(in->arena, text, (size_t)(name - 1 - text));
	p->target = name;
	return true;
}

/* The text without a last part gadget_program_disabled; NULL when it has none. */
static const char *without_disabled(struct inspection *in, const char *text)
{
	const char *slash = strrchr(text, '/'), *last = slash ? slash + 1 : text;

	if (strcmp(last, DISABLED) != 0)
		return NULL;
	return arena_strndup(in->arena, text, slash ? (size_t)(slash - text) : 0);
}

/* Find out from the section's name what the program hangs on. */
static void read_section(struct inspection *in, struct model_program *p)
{
	const char *section = without_disabled(in, p->section);

	p->is_disabled = section != NULL;
	if (!section)
		section = p->section;
	p->kind = PROGRAM_OTHER;
	if (!strcmp(section, "syscall")) {
		p->kind = PROGRAM_SYSCALL;
		return;
	}
	for (size_t i = 0; i < sizeof(section_kinds) / sizeof(*section_kinds); i++) {
		size_t len = strlen(section_kinds[i].prefix);

		/* `tp_btf/gadget_program_disabled` has no target left, and no slash */
		if (strncmp(p->section, section_kinds[i].prefix, len) != 0)
			continue;
		p->kind = section_kinds[i].kind;
		if (p->is_disabled && strlen(section) < len)
			return;
		if (read_target(in, p, section + len))
			return;
		p->kind = PROGRAM_OTHER;
		break;
	}
	p->unsupported = "programs of this kind";
}

static int add_program(struct inspection *in, const struct object_symbol *symbol)
{
	const struct object_section *section = &in->object.sections[symbol->section];
	struct model_program *p;

	if (symbol->bind == STB_LOCAL)
		return error_set(in->err, EBADMSG, "program '%s' in section '%s' is static",
				 symbol->name, section->name);
	if (symbol->value % 8 || symbol->size % 8 || symbol->size == 0)
		return error_set(in->err, EBADMSG, "damaged object: code of '%s'", symbol->name);
	if (in->model->nprograms == MODEL_MAX_PROGRAMS)
		return error_set(in->err, E2BIG, "more than %d programs", MODEL_MAX_PROGRAMS);
	p = &in->model->programs[in->model->nprograms++];
	p->name = arena_strdup(in->arena, symbol->name);
	p->section = arena_strdup(in->arena, section->name);
	p->instructions = (uint32_t)(symbol->size / 8);
	read_section(in, p);
	return 0;
}

/* ---- what the metadata says ---------------------------------------------- */

static struct model_program *find_program(const struct inspection *in, const char *name)
{
	for (uint32_t i = 0; i < in->model->nprograms; i++)
		if (!strcasecmp(in->model->programs[i].name, name))
			return &in->model->programs[i];
	return NULL;
}

static int unknown_program(const struct inspection *in, const struct yaml_node *entry)
{
	struct suggest suggest;
	const char *near;

	suggest_init(&suggest, entry->key);
	for (uint32_t i = 0; i < in->model->nprograms; i++)
		suggest_offer(&suggest, in->model->programs[i].name);
	near = suggest_result(&suggest);
	(void)error_at(in->err, EINVAL, entry->key_pos, "there is no program '%s'", entry->key);
	return near ? error_add(in->err, " (did you mean '%s'?)", near) : -EINVAL;
}

static int attach_to(struct inspection *in, struct model_program *p, const struct yaml_node *node)
{
	static const char *const forms[] = {
		[PROGRAM_TRACEPOINT] = "CATEGORY/NAME", [PROGRAM_RAW_TP] = "NAME"
	};

	if (node->kind == YAML_NULL || (node->kind == YAML_SCALAR && !*node->text))
		return 0;
	if (node->kind != YAML_SCALAR)
		return error_at(in->err, EINVAL, node->pos, "'attach_to' must be a text, not %s",
				yaml_describe(node));
	p->attach_to = node->text;
	if (!strcmp(node->text, DISABLED)) {
		p->is_disabled = true;
		return 0;
	}
	if (p->kind == PROGRAM_OTHER)
		return 0; /* model_check() says that it cannot be run */
	if (p->kind != PROGRAM_TRACEPOINT && p->kind != PROGRAM_RAW_TP)
		return error_at(in->err, EINVAL, node->pos,
				"program '%s' of section '%s' cannot be attached to %s (only to "
				"'" DISABLED "')",
				p->name, p->section, yaml_describe(node));
	if (!read_target(in, p, node->text))
		return error_at(in->err, EINVAL, node->pos,
				"program '%s' of section '%s' attaches to %s, not to %s", p->name,
				p->section, forms[p->kind], yaml_describe(node));
	p->is_disabled = false;
	return 0;
}

static int read_entry(struct inspection *in, const struct yaml_node *entry)
{
	const struct yaml_node *node = metadata_find(entry, "attach_to");
	struct model_program *p = find_program(in, entry->key);

	if (!node)
		return 0;
	return p ? attach_to(in, p, node) : unknown_program(in, entry);
}

static int read_targets(struct inspection *in)
{
	const struct metadata *md = in->model->metadata;
	const struct yaml_node *all = md ? metadata_find(md->root, "programs") : NULL;
	int r = 0;

	for (size_t i = 0; r == 0 && all && i < all->nitems; i++)
		r = read_entry(in, &all->items[i]);
	return r;
}

int inspect_programs(struct inspection *in)
{
	for (uint32_t i = 1; i < in->object.nsymbols; i++) {
		const struct object_symbol *s = &in->object.symbols[i];
		const struct object_section *section;
		int r;

		if (s->type != STT_FUNC || s->section == SHN_UNDEF || s->section >= SHN_LORESERVE)
			continue;
		section = &in->object.sections[s->section];
		if (!(section->flags & SHF_EXECINSTR) || !strcmp(section->name, ".text"))
			continue;
		r = add_program(in, s);
		if (r < 0)
			return r;
	}
	return read_targets(in);
}
