/* SPDX-License-Identifier: Apache-2.0 */
/*
 * made: comparisons with text of values whose text is made: names, flags,
 * addresses, domain names.
 *
 * What the text means is settled when binding wherever it can be: a name is the
 * numbers it stands for, a flag its bits, an address or a network some bytes
 * under a mask.  Only what is left (patterns, whole sets of flags) makes each
 * record's text and looks at it.
 */
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "data/names.h"
#include "data/show.h"
#include "expr/program.h"

enum {
	L3_VERSION = 16, /* bytes from an address to its version; see data/type.h */
	L4_VERSION = 20,
	IP_TEXT_MAX = INET6_ADDRSTRLEN + 4, /* with a prefix length */
};

static struct bound *new_test(struct arena *arena, enum op_code code, const struct field *field)
{
	struct bound *bound = arena_alloc(arena, sizeof(*bound));

	bound->kind = BOUND_TEST;
	bound->ntests = 1;
	bound->op.code = (uint8_t)code;
	bound->op.at = field->at;
	bound->op.field = field;
	return bound;
}

struct bound *leaf_shown(struct arena *arena, const struct field *field, enum match match,
			 struct str text, const struct glob *glob)
{
	struct bound *bound = new_test(arena, OP_SHOWN, field);

	bound->op.match = match;
	if (text.len)
		bound->op.text = (struct str){ arena_strndup(arena, text.at, text.len), text.len };
	bound->op.glob = glob;
	return bound;
}

/* ---- names and flags ------------------------------------------------------ */

static bool is_called(const struct name *name, struct str text)
{
	return name->text.len == text.len && !memcmp(name->text.at, text.at, text.len);
}

/* "error#300" means 300 where numbers without name are shown so. */
static bool unnamed_number(const struct names *names, struct str text, __int128 *ret_number)
{
	size_t len = strlen(names->unknown);
	char digits[24], *end;

	if (names->hides_number || text.len <= len || text.len - len >= sizeof(digits) ||
	    memcmp(text.at, names->unknown, len) != 0)
		return false;
	memcpy(digits, text.at + len, text.len - len);
	digits[text.len - len] = 0;
	if (digits[0] != '-' && (digits[0] < '0' || digits[0] > '9'))
		return false;
	*ret_number = digits[0] == '-' ? (__int128)strtoll(digits, &end, 10)
				       : (__int128)strtoull(digits, &end, 10);
	return !*end;
}

bool made_numbers(const struct field *field, struct str text,
		  void (*visit)(void *arg, __int128 number), void *arg)
{
	const struct names *names = field->names;
	bool found = false;
	__int128 number;

	for (uint32_t i = 0; i < names->n; i++) {
		const struct name *name = &names->list[i];

		if (!is_called(name, text))
			continue;
		visit(arg,
		      names->is_signed ? (__int128)(int64_t)name->value : (__int128)name->value);
		found = true;
	}
	if (found || !unnamed_number(names, text, &number))
		return found;
	visit(arg, number);
	return true;
}

struct bound *leaf_flag(struct arena *arena, const struct field *field, struct str text)
{
	const struct name *name = names_find_text(field->names, text.at, text.len);
	struct bound *bound;

	if (!name)
		return NULL;
	bound = new_test(arena, OP_MASK, field);
	bound->op.mask[0] = name->mask;
	bound->op.word[0] = name->value;
	return bound;
}

/* ---- addresses ------------------------------------------------------------ */

/* Cut "/len" off the text; false when it is no length of at most `max` bits. */
static bool cut_prefix(char *text, unsigned *ret_len, unsigned max)
{
	char *slash = strchr(text, '/'), *end;
	unsigned long len;

	*ret_len = max;
	if (!slash)
		return true;
	*slash = 0;
	if (slash[1] < '0' || slash[1] > '9')
		return false;
	len = strtoul(slash + 1, &end, 10);
	*ret_len = (unsigned)len;
	return !*end && len <= max;
}

static void set_mask(uint8_t *mask, unsigned bits)
{
	for (unsigned i = 0; i < bits; i++)
		mask[i / 8] |= (uint8_t)(0x80 >> (i % 8));
}

struct bound *leaf_ip(struct arena *arena, const struct field *field, struct str text)
{
	uint8_t word[16] = { 0 }, mask[16] = { 0 };
	char copy[IP_TEXT_MAX + 1];
	struct bound *bound;
	unsigned bits;
	bool is_v6;

	if (text.len > IP_TEXT_MAX || memchr(text.at, '\0', text.len))
		return NULL;
	memcpy(copy, text.at, text.len);
	copy[text.len] = 0;
	is_v6 = strchr(copy, ':');
	if (!cut_prefix(copy, &bits, is_v6 ? 128 : 32) ||
	    inet_pton(is_v6 ? AF_INET6 : AF_INET, copy, word) != 1)
		return NULL;
	set_mask(mask, bits);
	for (unsigned i = 0; i < sizeof(word); i++)
		word[i] &= mask[i];
	bound = new_test(arena, OP_IP, field);
	memcpy(bound->op.word, word, sizeof(word));
	memcpy(bound->op.mask, mask, sizeof(mask));
	bound->op.ntext = is_v6 ? 6 : 4;
	bound->op.nrest = field->layout == LAYOUT_L4 ? L4_VERSION : L3_VERSION;
	return bound;
}
