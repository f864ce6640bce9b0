/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bench_filter: what an expression costs per event, beside the same filter
 * written by hand in C for one struct.
 *
 * Both run over the same rows in the same process, by turns, so the ratio holds
 * even where the machine's clock does not.  The rows look like file opens; about
 * a fifth of them pass the first filter.  Each number is the first quartile of
 * ROUNDS passes, since other programs only ever make a pass slower.
 *
 * Ends with exit code 1 when the first filter takes more than 4 times what the
 * hand-written one takes, or when the two do not agree.  The aim is 5 ns, too,
 * on an idle machine.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "expr/expr.h"

enum { NROWS = 4096, ROUNDS = 401 };

struct record {
	uint64_t time, mntns;
	uint32_t pid, tid, uid, gid;
	char comm[16];
	char fname[255];
	uint8_t pad;
	uint32_t flags, mode;
	int32_t err;
	char path[64]; /* the tail of the row */
};

static const struct {
	const char *name;
	enum type type;
	enum layout layout;
	uint32_t at, size;
} fields[] = {
#define FIELD(m, t, l) { #m, t, l, offsetof(struct record, m), sizeof(((struct record *)0)->m) }
	FIELD(mntns, TYPE_UINT, LAYOUT_U64),    FIELD(pid, TYPE_UINT, LAYOUT_U32),
	FIELD(uid, TYPE_UINT, LAYOUT_U32),      FIELD(gid, TYPE_UINT, LAYOUT_U32),
	FIELD(comm, TYPE_STRING, LAYOUT_CHARS), FIELD(fname, TYPE_STRING, LAYOUT_CHARS),
	FIELD(flags, TYPE_UINT, LAYOUT_U32),    FIELD(err, TYPE_INT, LAYOUT_S32),
	FIELD(path, TYPE_STRING, LAYOUT_TAIL),
};

static const struct schema *make_schema(struct arena *arena)
{
	const struct schema_head head = { .event = "open",
					  .source = "opens",
					  .gadget = "trace_open",
					  .host = "host",
					  .row_min = offsetof(struct record, path),
					  .seq_at = SCHEMA_NO_SEQ };
	struct schema_builder b;

	schema_begin(&b, arena, &head);
	for (size_t i = 0; i < sizeof(fields) / sizeof(*fields); i++) {
		const struct field f = { .name = fields[i].name,
					 .type = (uint8_t)fields[i].type,
					 .layout = (uint8_t)fields[i].layout,
					 .loc = LOC_ROW,
					 .at = fields[i].at,
					 .size = fields[i].size };

		if (schema_add(&b, &f) < 0)
			abort();
	}
	return schema_end(&b);
}

static uint64_t seed = 88172645463325252;

static uint32_t pick(uint32_t n)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (uint32_t)((seed >> 32) % n);
}

static void fill(struct record *r)
{
	static const char *const comms[] = { "curl", "cupsd", "bash", "cu", "nginx" };
	static const char *const names[] = { "/etc/shadow", "/etc/passwd", "/usr/lib/libc.so.6",
					     "/var/lib/dpkg/info/libc6:amd64.list",
					     "/proc/self/maps" };

	memset(r, 0, sizeof(*r));
	r->pid = pick(30000);
	r->uid = pick(10) < 6 ? 0 : 1000;
	(void)snprintf(r->comm, sizeof(r->comm), "%s", comms[pick(5)]);
	(void)snprintf(r->fname, sizeof(r->fname), "%s", names[pick(5)]);
	memcpy(r->path, r->fname, sizeof(r->path));
	r->err = pick(2) ? -2 : 0;
}

/* The filters by hand, over the same kind of selection. */
typedef uint32_t hand_fn(const uint8_t *const *at, uint16_t *sel, uint32_t n);

#define HAND(name, test)                                                                          \
	static uint32_t name(const uint8_t *const *at, uint16_t *sel, uint32_t n)                 \
	{                                                                                         \
		uint32_t kept = 0;                                                                \
                                                                                                  \
		for (uint32_t i = 0; i < n; i++) {                                                \
			const struct record *r = (const struct record *)(const void *)at[sel[i]]; \
                                                                                                  \
			if (test)                                                                 \
				sel[kept++] = sel[i];                                             \
		}                                                                                 \
		return kept;                                                                      \
	}
HAND(hand_three, r->uid == 0 && r->comm[0] == 'c' && r->comm[1] == 'u' && r->err < 0)
HAND(hand_one, r->uid == 0)
HAND(hand_or, r->err < 0 && (r->uid != 0 || !strncmp(r->fname, "/etc/shadow", 11)))
HAND(hand_long, !strcmp(r->fname, "/var/lib/dpkg/info/libc6:amd64.list"))
HAND(hand_tail, !strncmp(r->path, "/etc/shadow", 11))
HAND(hand_contains, strstr(r->fname, "dpkg"))

static const struct {
	const char *text;
	hand_fn *hand;
	double max_ratio; /* 0: no target */
} filters[] = {
	{ "uid == 0 && comm ~ 'cu*' && err < 0", hand_three, 4 },
	{ "uid == 0", hand_one, 0 },
	{ "err < 0 && (uid != 0 || fname ~ '/etc/shadow*')", hand_or, 0 },
	{ "fname == '/var/lib/dpkg/info/libc6:amd64.list'", hand_long, 0 },
	{ "path ~ '/etc/shadow*'", hand_tail, 0 },
	{ "fname ~ '*dpkg*'", hand_contains, 0 },
};

static struct record records[NROWS + 1]; /* one behind as slack */
static const uint8_t *row_at[NROWS];
static uint32_t row_len[NROWS];

static double now_ns(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec * 1e9 + (double)ts.tv_nsec;
}

static uint32_t select_all(uint16_t *sel)
{
	for (uint16_t i = 0; i < BATCH_MAX; i++)
		sel[i] = i;
	return BATCH_MAX;
}

/* One pass over all rows, a batch at a time; by hand, or by the predicate. */
static double pass(const struct schema *schema, const struct predicate *p, hand_fn *hand,
		   uint32_t *ret_kept)
{
	double begin = now_ns();

	*ret_kept = 0;
	for (uint32_t first = 0; first < NROWS; first += BATCH_MAX) {
		const struct rows rows = { .at = row_at + first,
					   .len = row_len + first,
					   .n = BATCH_MAX };
		uint16_t sel[BATCH_MAX];
		struct batch batch = { .schema = schema, .rows = &rows, .sel = sel };

		batch.nsel = select_all(sel);
		*ret_kept += p ? predicate_select(p, &batch) : hand(rows.at, sel, batch.nsel);
	}
	return (now_ns() - begin) / (double)NROWS;
}

static int compare_doubles(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double first_quartile(double *values)
{
	qsort(values, ROUNDS, sizeof(*values), compare_doubles);
	return values[ROUNDS / 4];
}

static int run(const struct schema *schema, struct arena *arena, size_t i)
{
	static double ours[ROUNDS], hand[ROUNDS];
	struct error err = ERROR_INIT;
	struct predicate *p;
	struct expr *expr;
	uint32_t kept, kept_by_hand;
	double our_ns, hand_ns;

	if (expr_parse(arena, filters[i].text, (struct pos){ 0 }, &expr, &err) < 0 ||
	    expr_bind(expr, schema, arena, &p, &err) < 0) {
		fprintf(stderr, "%s\n", err.text);
		return 1;
	}
	for (int round = 0; round < ROUNDS; round++) {
		hand[round] = pass(schema, NULL, filters[i].hand, &kept_by_hand);
		ours[round] = pass(schema, p, NULL, &kept);
	}
	our_ns = first_quartile(ours);
	hand_ns = first_quartile(hand);
	printf("%-52s %5.1f %% %6.2f %6.2f %6.2f\n", filters[i].text, 100.0 * kept / (double)NROWS,
	       hand_ns, our_ns, our_ns / hand_ns);
	if (kept != kept_by_hand) {
		fprintf(stderr, "the two disagree: %u and %u rows\n", kept, kept_by_hand);
		return 1;
	}
	if (filters[i].max_ratio > 0 && our_ns > filters[i].max_ratio * hand_ns) {
		fprintf(stderr, "more than %.0f times the hand-written one\n",
			filters[i].max_ratio);
		return 1;
	}
	return 0;
}

int main(void)
{
	struct arena arena = ARENA_INIT;
	const struct schema *schema = make_schema(&arena);
	int failed = 0;

	for (uint32_t i = 0; i < NROWS; i++) {
		fill(&records[i]);
		row_at[i] = (const uint8_t *)&records[i];
		row_len[i] = sizeof(records[i]);
	}
	printf("%-52s %7s %6s %6s %6s\n", "filter, ns per event", "passes", "hand", "ours",
	       "ratio");
	for (size_t i = 0; i < sizeof(filters) / sizeof(*filters); i++)
		failed |= run(schema, &arena, i);
	arena_release(&arena);
	return failed;
}
