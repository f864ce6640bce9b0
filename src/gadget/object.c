/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every read goes through memcpy: nothing in a hostile file is aligned.  The
 * facts are those of the ELF specification and of BPF objects as clang writes
 * them.
 */
#include "gadget/object.h"

#include <elf.h>
#include <errno.h>
#include <string.h>

#ifndef EM_BPF
# define EM_BPF 247
#endif

#define NATIVE_DATA (__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? ELFDATA2LSB : ELFDATA2MSB)

static bool is_inside(uint64_t at, uint64_t len, uint64_t size)
{
	return at <= size && len <= size - at;
}

/* Longer names are nobody's; without the limit many names could share one long tail. */
enum { NAME_MAX_LEN = 1024 };

/* The string at an offset of a string table, or NULL. */
static const char *string_at(const struct object_section *table, uint32_t at)
{
	uint64_t left;

	if (!table->data || at >= table->size)
		return NULL;
	left = table->size - at;
	if (!memchr(table->data + at, 0, left < NAME_MAX_LEN ? left : NAME_MAX_LEN))
		return NULL;
	return (const char *)table->data + at;
}

static bool is_printable(const char *text)
{
	for (; *text; text++)
		if (*text < ' ' || *text > '~')
			return false;
	return true;
}

static int check_header(const struct object *o, Elf64_Ehdr *ret_header, struct error *err)
{
	Elf64_Ehdr h;

	if (o->size < sizeof(h) || memcmp(o->bytes, ELFMAG, SELFMAG) != 0)
		return error_set(err, EINVAL, "not an ELF object");
	memcpy(&h, o->bytes, sizeof(h));
	if (h.e_ident[EI_CLASS] != ELFCLASS64 || h.e_machine != EM_BPF || h.e_type != ET_REL)
		return error_set(err, EINVAL, "not a BPF object (compile with clang -target bpf)");
	if (h.e_ident[EI_DATA] != NATIVE_DATA)
		return error_set(err, EINVAL, "not of this machine's byte order");
	if (h.e_version != EV_CURRENT || h.e_ident[EI_VERSION] != EV_CURRENT)
		return error_set(err, EINVAL, "an unknown version of ELF");
	if (h.e_shentsize != sizeof(Elf64_Shdr) || h.e_shnum < 2 || h.e_shstrndx >= h.e_shnum)
		return error_set(err, EBADMSG, "damaged object: no section table");
	if (h.e_shnum > OBJECT_MAX_SECTIONS)
		return error_set(err, E2BIG, "%u sections are too many (at most %d)", h.e_shnum,
				 OBJECT_MAX_SECTIONS);
	if (!is_inside(h.e_shoff, (uint64_t)h.e_shnum * sizeof(Elf64_Shdr), o->size) ||
	    h.e_shoff % 8 != 0)
		return error_set(err, EBADMSG, "damaged object: sections lie outside the file");
	*ret_header = h;
	return 0;
}

static int check_section(const struct object *o, const Elf64_Shdr *h, uint32_t index,
			 struct error *err)
{
	if (h->sh_type == SHT_NULL)
		return 0;
	if (h->sh_type != SHT_NOBITS && !is_inside(h->sh_offset, h->sh_size, o->size))
		return error_set(err, EBADMSG, "damaged object: section %u lies outside the file",
				 index);
	if (h->sh_type == SHT_NOBITS && h->sh_size > o->size + (1 << 20))
		return error_set(err, E2BIG, "section %u is too large", index);
	if ((h->sh_addralign & (h->sh_addralign - 1)) || h->sh_addralign > 4096)
		return error_set(err, EBADMSG, "damaged object: alignment of section %u", index);
	if (h->sh_addralign && h->sh_offset % h->sh_addralign && h->sh_type != SHT_NOBITS)
		return error_set(err, EBADMSG, "damaged object: section %u is not aligned", index);
	if (h->sh_link >= o->nsections)
		return error_set(err, EBADMSG, "damaged object: link of section %u", index);
	if (h->sh_flags & SHF_COMPRESSED)
		return error_set(err, EINVAL, "section %u is compressed", index);
	return 0;
}

static int read_sections(struct arena *arena, struct object *o, const Elf64_Ehdr *header,
			 struct error *err)
{
	o->nsections = header->e_shnum;
	o->sections = arena_array(arena, o->nsections, sizeof(*o->sections));
	for (uint32_t i = 0; i < o->nsections; i++) {
		Elf64_Shdr h;
		int r;

		memcpy(&h, o->bytes + header->e_shoff + i * sizeof(h), sizeof(h));
		r = check_section(o, &h, i, err);
		if (r < 0)
			return r;
		o->sections[i] = (struct object_section){
			.type = h.sh_type,
			.flags = h.sh_flags,
			.size = h.sh_type == SHT_NULL ? 0 : h.sh_size,
			.link = h.sh_link,
			.info = h.sh_info,
		};
		if (h.sh_type != SHT_NOBITS && h.sh_type != SHT_NULL)
			o->sections[i].data = o->bytes + h.sh_offset;
	}
	return 0;
}

static int name_sections(struct object *o, const Elf64_Ehdr *header, struct error *err)
{
	const struct object_section *names = &o->sections[header->e_shstrndx];

	if (names->type != SHT_STRTAB)
		return error_set(err, EBADMSG, "damaged object: no section names");
	for (uint32_t i = 0; i < o->nsections; i++) {
		Elf64_Shdr h;

		memcpy(&h, o->bytes + header->e_shoff + i * sizeof(h), sizeof(h));
		o->sections[i].name = string_at(names, h.sh_name);
		if (!o->sections[i].name || !is_printable(o->sections[i].name))
			return error_set(err, EBADMSG, "damaged object: name of section %u", i);
	}
	return 0;
}

static int check_symbol(const struct object *o, const struct object_symbol *s, uint32_t index,
			struct error *err)
{
	if (!s->name || !is_printable(s->name))
		return error_set(err, EBADMSG, "damaged object: name of symbol %u", index);
	if (s->section >= SHN_LORESERVE)
		return s->section == SHN_ABS || s->section == SHN_COMMON
			       ? 0
			       : error_set(err, EBADMSG, "damaged object: section of symbol '%s'",
					   s->name);
	if (s->section >= o->nsections)
		return error_set(err, EBADMSG, "damaged object: section of symbol '%s'", s->name);
	if (s->section != SHN_UNDEF && !is_inside(s->value, s->size, o->sections[s->section].size))
		return error_set(err, EBADMSG, "damaged object: symbol '%s' lies outside '%s'",
				 s->name, o->sections[s->section].name);
	return 0;
}

static int read_symbols(struct arena *arena, struct object *o, const struct object_section *table,
			struct error *err)
{
	const struct object_section *names = &o->sections[table->link];
	uint32_t externs = 0;

	if (names->type != SHT_STRTAB || table->size % sizeof(Elf64_Sym))
		return error_set(err, EBADMSG, "damaged object: symbol table");
	if (table->size / sizeof(Elf64_Sym) > OBJECT_MAX_SYMBOLS)
		return error_set(err, E2BIG, "too many symbols (at most %d)", OBJECT_MAX_SYMBOLS);
	o->nsymbols = (uint32_t)(table->size / sizeof(Elf64_Sym));
	o->symbols = arena_array(arena, o->nsymbols, sizeof(*o->symbols));
	for (uint32_t i = 0; i < o->nsymbols; i++) {
		Elf64_Sym sym;
		int r;

		memcpy(&sym, table->data + i * sizeof(sym), sizeof(sym));
		o->symbols[i] = (struct object_symbol){
			.name = string_at(names, sym.st_name),
			.value = sym.st_value,
			.size = sym.st_size,
			.type = ELF64_ST_TYPE(sym.st_info),
			.bind = ELF64_ST_BIND(sym.st_info),
			.section = sym.st_shndx,
		};
		r = check_symbol(o, &o->symbols[i], i, err);
		if (r < 0)
			return r;
		externs += i > 0 && sym.st_shndx == SHN_UNDEF;
	}
	if (externs > OBJECT_MAX_EXTERNS)
		return error_set(err, E2BIG, "%u undefined symbols are too many (at most %d)",
				 externs, OBJECT_MAX_EXTERNS);
	return 0;
}

static int find_symbols(struct arena *arena, struct object *o, struct error *err)
{
	const struct object_section *table = NULL;

	for (uint32_t i = 0; i < o->nsections; i++) {
		if (o->sections[i].type != SHT_SYMTAB)
			continue;
		if (table)
			return error_set(err, EBADMSG, "damaged object: two symbol tables");
		table = &o->sections[i];
	}
	if (!table)
		return error_set(err, EINVAL, "the object has no symbols (was it stripped?)");
	return read_symbols(arena, o, table, err);
}

static int check_relocations(const struct object *o, const struct object_section *s,
			     struct error *err)
{
	const struct object_section *target;
	uint64_t n = s->size / sizeof(Elf64_Rel);

	if (s->size % sizeof(Elf64_Rel) || o->sections[s->link].type != SHT_SYMTAB ||
	    s->info >= o->nsections)
		return error_set(err, EBADMSG, "damaged object: relocations '%s'", s->name);
	if (n > OBJECT_MAX_RELOCATIONS)
		return error_set(err, E2BIG, "'%s' has too many relocations (at most %d)", s->name,
				 OBJECT_MAX_RELOCATIONS);
	target = &o->sections[s->info];
	for (uint64_t i = 0; i < n; i++) {
		Elf64_Rel rel;

		memcpy(&rel, s->data + i * sizeof(rel), sizeof(rel));
		if (!is_inside(rel.r_offset, 4, target->size) ||
		    ELF64_R_SYM(rel.r_info) >= o->nsymbols)
			return error_set(err, EBADMSG, "damaged object: relocation in '%s'",
					 s->name);
	}
	return 0;
}

static int check_contents(const struct object *o, struct error *err)
{
	for (uint32_t i = 0; i < o->nsections; i++) {
		const struct object_section *s = &o->sections[i];
		int r = 0;

		if (s->type == SHT_REL)
			r = check_relocations(o, s, err);
		else if (s->type == SHT_RELA)
			r = error_set(err, EINVAL, "'%s': relocations of a kind BPF does not have",
				      s->name);
		else if (s->type == SHT_PROGBITS && (s->flags & SHF_EXECINSTR) && s->size % 8)
			r = error_set(err, EBADMSG, "damaged object: code in '%s'", s->name);
		if (r < 0)
			return r;
	}
	return 0;
}

int object_parse(struct arena *arena, const uint8_t *bytes, size_t size, struct object *ret_object,
		 struct error *err)
{
	struct object o = { .bytes = bytes, .size = size };
	Elf64_Ehdr header = { 0 };
	int r = check_header(&o, &header, err);

	if (r < 0)
		return r;
	r = read_sections(arena, &o, &header, err);
	if (r < 0)
		return r;
	r = name_sections(&o, &header, err);
	if (r < 0)
		return r;
	r = find_symbols(arena, &o, err);
	if (r < 0)
		return r;
	r = check_contents(&o, err);
	if (r < 0)
		return r;
	*ret_object = o;
	return 0;
}

const struct object_section *object_section(const struct object *object, const char *name)
{
	for (uint32_t i = 1; i < object->nsections; i++)
		if (!strcmp(object->sections[i].name, name))
			return &object->sections[i];
	return NULL;
}
