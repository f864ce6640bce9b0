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
