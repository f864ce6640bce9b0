/* SPDX-License-Identifier: Apache-2.0 */
#include "gadget/btf.h"

#include <bpf/btf.h>
#include <string.h>

const struct btf_type *btf_bare(const struct btf *btf, uint32_t id, uint32_t *ret_id)
{
	for (int i = 0; i < BTF_CHAIN_MAX; i++) {
		const struct btf_type *t = btf__type_by_id(btf, id);

		if (!t)
			return NULL;
		if (!btf_is_mod(t) && !btf_is_typedef(t) && !btf_is_type_tag(t)) {
			if (ret_id)
				*ret_id = id;
			return t;
		}
		id = t->type;
	}
	return NULL;
}

bool btf_is_called(const struct btf *btf, uint32_t id, const char *name)
{
	for (int i = 0; i < BTF_CHAIN_MAX; i++) {
		const struct btf_type *t = btf__type_by_id(btf, id);
		const char *called;

		if (!t || (!btf_is_mod(t) && !btf_is_typedef(t) && !btf_is_type_tag(t)))
			return false;
		called = btf__name_by_offset(btf, t->name_off);
		if (btf_is_typedef(t) && called && !strcmp(called, name))
			return true;
		id = t->type;
	}
	return false;
}

bool is_identifier(const char *text)
{
	for (const char *c = text; *c; c++) {
		bool letter = (*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') || *c == '_';

		if (!letter && !(c > text && *c >= '0' && *c <= '9'))
			return false;
	}
	return text[0] != 0;
}

const char *btf_identifier(const struct btf *btf, uint32_t name_off)
{
	const char *name = btf__name_by_offset(btf, name_off);

	if (!name || !name[0])
		return name;
	return strnlen(name, BTF_NAME_MAX + 1) <= BTF_NAME_MAX && is_identifier(name) ? name : NULL;
}
