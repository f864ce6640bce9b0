/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fields: the members of a record's C struct, from BTF, as fields of a schema.
 *
 *  - structs and unions in it become dotted names ("proc.parent.pid"); anonymous
 *    ones add nothing to the name; typedefs of structs are followed; of a union
 *    every alternative is a field
 *  - integers of 8 to 128 bits, bool, float, double, enums and bit-fields become
 *    numbers; `char` arrays are text up to the first NUL, `unsigned char` arrays
 *    are bytes
 *  - other arrays, of numbers, texts, structs or arrays, are lists
 *  - the last member may run to the end of the record: a char array is read up
 *    to where the record ends (it need not be sent whole), a flexible array of
 *    anything has as many elements as there are; `ebpf.rest.name` in the
 *    metadata names what lies behind the struct
 *  - members whose type says what they mean have a second field in front of them,
 *    which shows it (derive.c): `error` beside `error_raw`.  They are named by an
 *    annotation, or by leaving out `_raw`; without either nothing is derived
 *  - gadget_timestamp is a moment; `x_raw` of that type is a field `x` (time)
 *    and a field `x_raw` (nanoseconds)
 *  - gadget_dns_name arrays are domain names; endpoints (endpoint.c) are addresses
 *  - gadget_seq is no field, it identifies the record
 *  - names that begin with "__" are private; pointers mean nothing outside the
 *    kernel and are listed as skipped, like what has no size
 */
#ifndef GADGET_FIELDS_H
#define GADGET_FIELDS_H

#include "gadget/model.h"

struct btf;
struct kernel_enums;

/* In older objects (`print_` rings) text is declared as __u8 arrays. */
enum fields_style { FIELDS_STYLE_MARKED, FIELDS_STYLE_SEED };

/*
 * Fill size, row_min, row_max, seq_at, fields and skipped of source (its name is set)
 * from the struct with that BTF id.  The metadata (may be NULL) says where what is derived
 * from a member goes: `formatters.errno.target` and the like.  With `kernel` (may be
 * NULL) enums have the running kernel's names where it has the same enum.
 */
int fields_read(struct arena *arena, const struct btf *btf, uint32_t struct_id,
		enum fields_style style, const struct metadata *metadata,
		struct kernel_enums *kernel, struct model_source *source, struct error *err)
	__attribute__((warn_unused_result));

#endif
