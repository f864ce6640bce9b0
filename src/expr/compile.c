/* SPDX-License-Identifier: Apache-2.0 */
/*
 * compile: from the bound tree to a list of operations with forward jumps, and
 * that list as text.
 *
 * A test knows where to send the rows for which it is true and those for which
 * it is false; one of the two is always the operation behind it.  So an AND of
 * tests is a plain narrowing, operation by operation, and only OR parks rows.
 */
#include <arpa/inet.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "data/show.h"
#include "expr/program.h"

enum { DUMP_MAX = 4 << 20, TEXT_SHOWN = 64 };

/* A place to jump to; gets its number when something first jumps there. */
struct label {
	uint16_t number; /* LABEL_NONE: nothing has */
};

struct compiler {
	struct predicate *p;
	uint16_t join; /* of the next operation */
};

static uint16_t label_use(struct compiler *c, struct label *label)
{
	if (label->number == LABEL_NONE)
		label->number = (uint16_t)c->p->nlabels++;
	return label->number;
}

static void emit_test(struct compiler *c, const struct bound *test, struct label *yes,
		      struct label *no, struct label *next)
{
	struct op *op = &c->p->ops[c->p->nops++];
	bool is_inverted = test->op.want;
	struct label *leave = next == yes ? no : yes;

	*op = test->op;
	op->want = (next == yes) != is_inverted;
	op->join = c->join;
	/* NULL: the rows are dropped */
	op->exit = leave ? label_use(c, leave) : LABEL_FALSE;
	c->join = LABEL_NONE;
}

/* Rows for which the tree is true go to `yes`, the others to `no` (NULL: they
 * are dropped); `next`, one of the two, stands right behind. */
static void emit(struct compiler *c, const struct bound *bound, struct label *yes, struct label *no,
		 struct label *next)
{
	if (bound->kind == BOUND_TEST) {
		emit_test(c, bound, yes, no, next);
		return;
	}
	for (const struct bound *part = bound->first; part->next; part = part->next) {
		struct label behind = { LABEL_NONE };

		if (bound->kind == BOUND_AND)
			emit(c, part, &behind, no, &behind);
		else
			emit(c, part, yes, &behind, &behind);
		c->join = behind.number;
	}
	emit(c, bound->last, yes, no, next);
}

struct predicate *predicate_compile(const struct bound *root, struct arena *arena)
{
	struct predicate *p = arena_alloc(arena, sizeof(*p));
	struct compiler c = { .p = p, .join = LABEL_NONE };
	struct label end = { LABEL_TRUE };

	if (root->kind == BOUND_TRUE || root->kind == BOUND_FALSE) {
		p->folded = root->kind == BOUND_TRUE ? FOLDED_TRUE : FOLDED_FALSE;
		return p;
	}
	p->ops = arena_array(arena, root->ntests, sizeof(*p->ops));
	p->nlabels = 1; /* LABEL_TRUE */
	emit(&c, root, &end, NULL, &end);
	p->parked = arena_array(arena, p->nlabels, sizeof(*p->parked));
	return p;
}

enum folded predicate_folded(const struct predicate *predicate)
{
	return predicate->folded;
}

/* ---- as text ----------------------------------------------------------- */

static const char *code_text(enum op_code code)
{
	static const char *const texts[] = {
#define X(id) [OP_##id] = #id,
		OP_LIST(X)
#undef X
	};

	return texts[code];
}

static const char *match_text(enum match match)
{
	static const char *const texts[] = {
#define X(id, name) [MATCH_##id] = name,
		MATCH_LIST(X)
#undef X
	};

	return texts[match];
}

static void dump_text(struct buf *out, const char *what, const char *text, uint64_t len)
{
	(void)buf_printf(out, " %s \"", what);
	for (uint64_t i = 0; i < len && i < TEXT_SHOWN; i++) {
		unsigned char c = (unsigned char)text[i];

		if (c < 0x20 || c >= 0x7f || c == '"' || c == '\\')
			(void)buf_printf(out, "\\x%02x", c);
		else
			(void)buf_add(out, &text[i], 1);
	}
	(void)buf_addstr(out, len > TEXT_SHOWN ? "\"..." : "\"");
}

static void dump_interval(struct buf *out, const struct op *op)
{
	bool is_unsigned = is_unsigned_field(op->field);
	uint64_t hi = op->lo + op->span;

	if (is_unsigned)
		(void)buf_printf(out, " in %" PRIu64 "..%" PRIu64, op->lo, hi);
	else
		(void)buf_printf(out, " in %" PRId64 "..%" PRId64, (int64_t)op->lo, (int64_t)hi);
}

static void dump_ip(struct buf *out, const struct op *op)
{
	char text[INET6_ADDRSTRLEN] = "";
	int bits = 0;

	for (unsigned i = 0; i < 2; i++)
		bits += __builtin_popcountll(op->mask[i]);
	(void)inet_ntop(op->ntext == 6 ? AF_INET6 : AF_INET, op->word, text, sizeof(text));
	(void)buf_printf(out, " in %s/%d", text, bits);
}

static void dump_wide(struct buf *out, const struct op *op)
{
	uint128 lo = (uint128)op->word[1] << 64 | op->word[0];
	uint128 hi = lo + ((uint128)op->mask[1] << 64 | op->mask[0]);
	bool is_signed = op->field->type == TYPE_INT;
	char text[2 * SHOW_WIDE_MAX + 2];
	uint32_t n = show_wide((uint64_t)(lo >> 64), (uint64_t)lo, is_signed, text);

	memcpy(text + n, "..", 2);
	n += 2;
	n += show_wide((uint64_t)(hi >> 64), (uint64_t)hi, is_signed, text + n);
	(void)buf_printf(out, " in %.*s", (int)n, text);
}

/* The bytes compared: those the mask covers, and the rest. */
static void dump_head(struct buf *out, const struct op *op)
{
	char bytes[sizeof(op->word) + 1] = { 0 }, mask[sizeof(op->mask)];
	uint64_t n = 0;

	memcpy(bytes, op->word, sizeof(op->word));
	memcpy(mask, op->mask, sizeof(mask));
	while (n < sizeof(mask) && mask[n])
		n++;
	dump_text(out, "begins", bytes, n);
	if (op->nrest)
		dump_text(out, "then", op->rest, op->nrest);
	if (op->code == OP_TAIL && op->is_whole)
		(void)buf_addstr(out, " and ends");
}

static void dump_test(struct buf *out, const struct op *op)
{
	(void)buf_printf(out, "%s %s", code_text((enum op_code)op->code), op->field->name);
	switch ((enum op_code)op->code) {
	case OP_HEAD8:
	case OP_HEAD16:
	case OP_HEAD:
	case OP_TAIL:
		dump_head(out, op);
		return;
	case OP_STRING:
	case OP_STRINGS:
	case OP_SHOWN:
		if (op->match == MATCH_GLOB || op->match == MATCH_ANY)
			(void)buf_printf(out, " %s", match_text(op->match));
		else
			dump_text(out, match_text(op->match), op->text.at, op->text.len);
		return;
	case OP_FLOAT:
		(void)buf_printf(out, " %s %.17g", cmp_text(op->cmp), op->limit);
		return;
	case OP_NUMBERS:
	case OP_TEXTS:
		(void)buf_printf(out, " %s %s", cmp_text(op->cmp), op->other->name);
		return;
	case OP_MASK:
		(void)buf_printf(out, " & 0x%" PRIx64 " == 0x%" PRIx64, op->mask[0], op->word[0]);
		return;
	case OP_IP:
		dump_ip(out, op);
		return;
	case OP_WIDE:
		dump_wide(out, op);
		return;
	case OP_PRESENT:
		return;
	default:
		dump_interval(out, op);
	}
}

static void dump_target(struct buf *out, const struct predicate *p, uint16_t label)
{
	if (label == LABEL_FALSE) {
		(void)buf_addstr(out, "drop");
		return;
	}
	for (uint32_t i = 0; i < p->nops; i++) {
		if (p->ops[i].join != label)
			continue;
		(void)buf_printf(out, "goto %u", i);
		return;
	}
	(void)buf_addstr(out, "keep");
}

char *predicate_dump(const struct predicate *p, struct arena *arena)
{
	struct buf out;
	char *text;

	if (p->folded != FOLDED_NO)
		return arena_strdup(arena, p->folded == FOLDED_TRUE ? "true\n" : "false\n");
	buf_init(&out, DUMP_MAX);
	for (uint32_t i = 0; i < p->nops; i++) {
		(void)buf_printf(&out, "%u: %s ", i, p->ops[i].want ? "unless" : "if");
		dump_test(&out, &p->ops[i]);
		(void)buf_addstr(&out, " ");
		dump_target(&out, p, p->ops[i].exit);
		(void)buf_addstr(&out, "\n");
	}
	text = arena_strndup(arena, (const char *)out.data, out.len);
	buf_release(&out);
	return text;
}
