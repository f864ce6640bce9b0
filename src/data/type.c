/* SPDX-License-Identifier: Apache-2.0 */
#include "data/type.h"

const char *type_name(enum type type)
{
	static const char *const names[] = {
#define X(id, name) [TYPE_##id] = name,
		TYPE_LIST(X)
#undef X
	};

	return names[type];
}

uint32_t layout_bytes(enum layout layout)
{
	static const uint8_t sizes[] = {
#define X(id, bytes) [LAYOUT_##id] = bytes,
		LAYOUT_LIST(X)
#undef X
	};

	return sizes[layout];
}

const char *layout_name(enum layout layout)
{
	static const char *const names[] = {
#define X(id, bytes) [LAYOUT_##id] = #id,
		LAYOUT_LIST(X)
#undef X
	};

	return names[layout];
}
