/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON is read with the YAML reader: it keeps numbers as they are written, so 64
 * bits stay exact.
 *
 * Which record belongs to which expectation is a matching in a bipartite graph,
 * found by augmenting paths: an expectation that several records fit leaves the
 * only fitting one to another that needs it.
 */
#include "cli/expect.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cli/text.h"

enum { SHOWN_FAULTS = 20, NONE = UINT32_MAX };

/* ---- reading --------------------------------------------------------------- */

static int add_line(struct arena *arena, const char *path, uint32_t number, char *line, size_t len,
		    struct expect_lines *lines, struct error *err)
{
	struct yaml_node *root = NULL;
	int r = yaml_parse(arena, path, line, len, &root, err);

	if (r == 0 && root->kind != YAML_MAP)
		r = error_set(err, EINVAL, "not an object but %s", yaml_describe(root));
	if (r < 0) {
		err->pos.line = 0;
		return error_wrap(err, "%s:%u", path, number);
	}
	if (lines->n == EXPECT_MAX_LINES)
		return error_set(err, E2BIG, "'%s' has more than %d lines", path, EXPECT_MAX_LINES);
	lines->nodes[lines->n] = root;
	lines->texts[lines->n++] = arena_strndup(arena, line, len);
	return 0;
}

int expect_read(struct arena *arena, const char *path, struct expect_lines *ret_lines,
		struct error *err)
{
	FILE *file = fopen(path, "re");
	size_t cap = 0, total = 0;
	uint32_t number = 0;
	char *line = NULL;
	ssize_t len;
	int r = 0;

	if (!file)
		return error_set(err, errno, "cannot read '%s': %s", path, strerrordesc_np(errno));
	*ret_lines = (struct expect_lines){
		.nodes = arena_array(arena, EXPECT_MAX_LINES, sizeof(*ret_lines->nodes)),
		.texts = arena_array(arena, EXPECT_MAX_LINES, sizeof(*ret_lines->texts)),
	};
	while (r == 0 && (len = getline(&line, &cap, file)) >= 0) {
		number++;
		total += (size_t)len;
		while (len && strchr(" \r\n", line[len - 1]))
			len--;
		if (total > EXPECT_MAX_BYTES)
			r = error_set(err, E2BIG, "'%s' is larger than %d MiB", path,
				      EXPECT_MAX_BYTES >> 20);
		else if (len)
			r = add_line(arena, path, number, line, (size_t)len, ret_lines, err);
	}
	free(line);
	(void)fclose(file);
	return r;
}

/* ---- comparing -------------------------------------------------------------- */

/* A field by its name, whatever of it is dotted and what nested. */
static const struct yaml_node *field(const struct yaml_node *map, const char *name)
{
	const struct yaml_node *found = yaml_find(map, name);

	for (const char *dot = strchr(name, '.'); !found && dot; dot = strchr(dot + 1, '.')) {
		char front[256];

		if ((size_t)(dot - name) >= sizeof(front))
			return NULL;
		memcpy(front, name, (size_t)(dot - name));
		front[dot - name] = 0;
		found = field(yaml_find(map, front), dot + 1);
	}
	return found && found->kind == YAML_NULL ? NULL : found;
}

static bool is_same_number(const char *a, const char *b)
{
	char *x, *y;
	double u = strtod(a, &x), v = strtod(b, &y);

	/* Whole numbers are the same when their digits are. */
	return *a && *b && !*x && !*y && u == v && strpbrk(a, ".eE") != NULL;
}

static bool is_same(const struct yaml_node *expected, const struct yaml_node *actual)
{
	if (!actual || expected->kind == YAML_NULL)
		return !actual && expected->kind == YAML_NULL;
	if (expected->kind != actual->kind)
		return false;
	if (expected->kind == YAML_SCALAR)
		return expected->quoted == actual->quoted &&
		       (!strcmp(expected->text, actual->text) ||
			(!expected->quoted && is_same_number(expected->text, actual->text)));
	if (expected->kind == YAML_LIST && expected->nitems != actual->nitems)
		return false;
	for (size_t i = 0; i < expected->nitems; i++) {
		const struct yaml_node *item = &expected->items[i];

		if (!is_same(item, expected->kind == YAML_LIST ? &actual->items[i]
							       : field(actual, item->key)))
			return false;
	}
	return true;
}

/* ---- matching ---------------------------------------------------------------- */

struct matching {
	const struct expect_lines *expected, *records;
	uint32_t *owner; /* of each record: the expectation, or NONE */
	bool *tried;
};

/* Give the expectation a record, moving others to their second choice. */
static bool place(struct matching *m, uint32_t expectation)
{
	/* Breadth first, so that depth does not depend on the number of records. */
	uint32_t n = m->records->n, head = 0, tail = 0, *from, *queue;
	bool found = false;

	from = xcalloc(n + 1, sizeof(*from));
	queue = xcalloc(n + 1, sizeof(*queue));
	memset(m->tried, 0, n);
	for (uint32_t now = expectation, via = NONE; !found;) {
		for (uint32_t i = 0; i < n && !found; i++) {
			if (m->tried[i] || !is_same(m->expected->nodes[now], m->records->nodes[i]))
				continue;
			m->tried[i] = true;
			from[i] = via;
			if (m->owner[i] != NONE) {
				queue[tail++] = i;
				continue;
			}
			found = true;
			/* Free: everybody on the way here moves on by one. */
			for (uint32_t to = i; to != NONE; to = from[to])
				m->owner[to] = from[to] == NONE ? expectation : m->owner[from[to]];
		}
		if (found || head == tail)
			break;
		via = queue[head++];
		now = m->owner[via];
	}
	free(from);
	free(queue);
	return found;
}

static uint32_t common(const struct yaml_node *expected, const struct yaml_node *record)
{
	uint32_t n = 0;

	for (size_t i = 0; i < expected->nitems; i++)
		n += is_same(&expected->items[i], field(record, expected->items[i].key));
	return n;
}

static void print_value(const struct yaml_node *node, FILE *out)
{
	(void)fputs(node ? yaml_describe(node) : "nothing", out);
}

static void print_missing(const struct matching *m, uint32_t expectation, FILE *out)
{
	const struct yaml_node *want = m->expected->nodes[expectation], *nearest = NULL;
	uint32_t best = 0, at = NONE;

	for (uint32_t i = 0; i < m->records->n; i++) {
		uint32_t n = common(want, m->records->nodes[i]);

		if (m->owner[i] != NONE || (at != NONE && n <= best))
			continue;
		best = n;
		at = i;
	}
	(void)fprintf(out, "  no record is %s\n", m->expected->texts[expectation]);
	if (at == NONE)
		return;
	nearest = m->records->nodes[at];
	(void)fprintf(out, "    the nearest is %s\n", m->records->texts[at]);
	for (size_t i = 0; i < want->nitems; i++) {
		const struct yaml_node *got = field(nearest, want->items[i].key);

		if (is_same(&want->items[i], got))
			continue;
		(void)fprintf(out, "    %s is ", want->items[i].key);
		print_value(got, out);
		(void)fputs(" instead of ", out);
		print_value(&want->items[i], out);
		(void)fputc('\n', out);
	}
}

uint32_t expect_compare(const struct expect_lines *expected, const struct expect_lines *records,
			bool may_be_more, FILE *out)
{
	struct matching m = {
		.expected = expected,
		.records = records,
		.owner = xcalloc(records->n + 1, sizeof(*m.owner)),
		.tried = xcalloc(records->n + 1, sizeof(*m.tried)),
	};
	bool *is_missing = xcalloc(expected->n + 1, sizeof(*is_missing));
	uint32_t faults = 0;

	for (uint32_t i = 0; i < records->n; i++)
		m.owner[i] = NONE;
	for (uint32_t i = 0; i < expected->n; i++)
		is_missing[i] = !place(&m, i);
	for (uint32_t i = 0; i < expected->n; i++)
		if (is_missing[i] && faults++ < SHOWN_FAULTS)
			print_missing(&m, i, out);
	for (uint32_t i = 0; i < records->n && !may_be_more; i++)
		if (m.owner[i] == NONE && faults++ < SHOWN_FAULTS)
			(void)fprintf(out, "  nobody expects %s\n", records->texts[i]);
	if (faults > SHOWN_FAULTS)
		(void)fprintf(out, "  and %u more\n", faults - SHOWN_FAULTS);
	free(is_missing);
	free(m.owner);
	free(m.tried);
	return faults;
}
