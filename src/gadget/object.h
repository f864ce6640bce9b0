/* SPDX-License-Identifier: Apache-2.0 */
/*
 * object: a relocatable BPF ELF file in memory, checked before it is believed.
 *
 * Neither libelf nor libbpf was written for hostile files read with root's
 * rights, so object_parse() first proves the frame of the file: every section
 * inside it, every name terminated, every symbol and relocation inside what it
 * points to, all counts within limits.  What is left for libbpf to judge is the
 * meaning of BTF and of instructions.
 *
 * Only 64-bit files of the machine's own byte order are taken.
 */
#ifndef GADGET_OBJECT_H
#define GADGET_OBJECT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/error.h"

enum {
	OBJECT_MAX_SECTIONS = 4096,
	OBJECT_MAX_SYMBOLS = 32768,
	OBJECT_MAX_EXTERNS = 1024,
	OBJECT_MAX_RELOCATIONS = 1 << 20,
};

struct object_section {
	const char *name;
	const uint8_t *data; /* NULL when the section has no bytes in the file */
	uint64_t size, flags;
	uint32_t type, link, info;
};

struct object_symbol {
	const char *name;
	uint64_t value, size;
	uint8_t type, bind; /* STT_*, STB_* */
	uint16_t section;   /* index into sections; 0 and >= 0xff00 as in ELF */
};

struct object {
	const uint8_t *bytes;
	size_t size;
	struct object_section *sections;
	uint32_t nsections;
	struct object_symbol *symbols;
	uint32_t nsymbols;
};

/* Check the file and fill in *ret_object; tables live in the arena, names and
 * data point into bytes. */
int object_parse(struct arena *arena, const uint8_t *bytes, size_t size, struct object *ret_object,
		 struct error *err) __attribute__((warn_unused_result));

/* The first section of that name, or NULL. */
const struct object_section *object_section(const struct object *object, const char *name);

#endif
