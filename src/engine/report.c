/* SPDX-License-Identifier: Apache-2.0 */
/*
 * report: both forms walk the same accounts; neither computes anything that the
 * books do not say themselves.
 */
#include "engine/report.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <time.h>

#include <jansson.h>

#include "base/clock.h"
#include "engine/component.h"

static const char *const kind_names[] = {
	[ACCOUNT_SOURCE] = "source",
	[ACCOUNT_STAGE] = "stage",
	[ACCOUNT_SINK] = "sink",
};

static const char *const drop_names[] = {
#define X(id, name, help) [DROP_##id] = name,
	DROP_LIST(X)
#undef X
};

/* ---- JSON -------------------------------------------------------------- */

static void put(json_t *object, const char *name, uint64_t value)
{
	(void)json_object_set_new(object, name, json_integer((json_int_t)value));
}

static json_t *moment(int64_t wall_ns)
{
	time_t seconds = (time_t)(wall_ns / NS_PER_S);
	char text[64];
	struct tm tm;
	size_t at;

	if (!wall_ns || !gmtime_r(&seconds, &tm))
		return json_null();
	at = strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm);
	(void)snprintf(text + at, sizeof(text) - at, ".%09" PRId64 "Z", wall_ns % NS_PER_S);
	return json_string(text);
}

static json_t *counters_json(const struct account *a)
{
	json_t *object = json_object();

	for (uint32_t i = 0; a->names && a->names[i].name; i++)
		put(object, a->names[i].name, a->counts[i]);
	return object;
}

static json_t *dropped_json(const struct account *a)
{
	json_t *object = json_object();

	for (uint32_t i = 0; i < DROP_COUNT; i++)
		put(object, drop_names[i], a->dropped[i]);
	return object;
}

static void put_source(json_t *object, const struct account *a)
{
	if (a->has_attempts)
		put(object, "attempts", a->attempts);
	put(object, "lost", a->lost);
	put(object, "missed", a->missed);
	put(object, "discarded", a->discarded);
	put(object, "read", a->read);
	put(object, "unread", a->unread);
	put(object, "out", a->out);
}

static void put_sink(json_t *object, const struct account *a)
{
	put(object, "in", a->in);
	put(object, "delivered", a->delivered);
	put(object, "rejected", a->rejected);
	(void)json_object_set_new(object, "dropped", dropped_json(a));
	put(object, "held", a->held);
	put(object, "notes", a->notes);
	put(object, "retries", a->retries);
	put(object, "maybe_twice", a->maybe_twice);
	put(object, "maybe_twice", a->maybe_twice);
	put(object, "bytes", a->bytes);
}

static json_t *account_json(const struct account *a)
{
	json_t *object = json_object();

	(void)json_object_set_new(object, "kind", json_string(kind_names[a->kind]));
	(void)json_object_set_new(object, "id", json_string(a->id));
	(void)json_object_set_new(object, "type", json_string(a->type));
	if (a->kind == ACCOUNT_SOURCE) {
		put_source(object, a);
	} else if (a->kind == ACCOUNT_STAGE) {
		put(object, "in", a->in);
		put(object, "created", a->created);
		put(object, "out", a->out);
	} else {
		put_sink(object, a);
	}
	(void)json_object_set_new(object, "counters", counters_json(a));
	put(object, "batches", a->batches);
	put(object, "ns", a->ns);
	return object;
}

static json_t *books_json(const struct books *books)
{
	json_t *root = json_object(), *accounts = json_array();
	struct error imbalance = ERROR_INIT;
	bool is_balanced = books_check(books, &imbalance) == 0;

	put(root, "version", 1);
	(void)json_object_set_new(root, "started", moment(books->started_ns));
	(void)json_object_set_new(root, "ended", moment(books->ended_ns));
	(void)json_object_set_new(root, "final", json_boolean(books->is_final));
	(void)json_object_set_new(root, "balanced", json_boolean(is_balanced));
	if (!is_balanced)
		(void)json_object_set_new(root, "imbalance", json_string(imbalance.text));
	put(root, "losses", books_losses(books));
	for (size_t i = 0; i < books->naccounts; i++)
		(void)json_array_append_new(accounts, account_json(books->accounts[i]));
	(void)json_object_set_new(root, "accounts", accounts);
	return root;
}

int report_write_json(const struct books *books, FILE *out, struct error *err)
{
	json_t *root = books_json(books);
	int r;

	errno = EIO;
	r = json_dumpf(root, out, JSON_INDENT(2));
	json_decref(root);
	if (r == 0 && fputc('\n', out) != EOF && fflush(out) == 0)
		return 0;
	return error_set(err, errno, "cannot write the report: %s", strerrordesc_np(errno));
}

/* ---- text -------------------------------------------------------------- */

/* One equation: "left N = a N + b N", with the terms that are not zero. */
struct equation {
	FILE *out;
	int nterms;
};

static void equation_begin(struct equation *eq, const char *name, uint64_t value)
{
	(void)fprintf(eq->out, "%s %" PRIu64, name, value);
	eq->nterms = 0;
}

static void equation_term(struct equation *eq, const char *name, uint64_t value)
{
	if (value)
		(void)fprintf(eq->out, " %c %s %" PRIu64, eq->nterms++ ? '+' : '=', name, value);
}

static void equation_counters(struct equation *eq, const struct account *a)
{
	for (uint32_t i = 0; a->names && a->names[i].name; i++)
		equation_term(eq, a->names[i].name, a->counts[i]);
}

static void print_source(struct equation *eq, const struct account *a, int indent)
{
	if (a->has_attempts) {
		equation_begin(eq, "attempts", a->attempts);
		equation_term(eq, "read", a->read);
		equation_term(eq, "lost", a->lost);
		equation_term(eq, "discarded", a->discarded);
		(void)fprintf(eq->out, "\n%*s", indent, "");
	} else if (a->lost) {
		(void)fprintf(eq->out, "lost %" PRIu64 "\n%*s", a->lost, indent, "");
	}
	if (a->missed)
		(void)fprintf(eq->out, "missed %" PRIu64 " (the kernel skipped the probe)\n%*s",
			      a->missed, indent, "");
	equation_begin(eq, "read", a->read);
	equation_term(eq, "out", a->out);
	equation_term(eq, "unread", a->unread);
	equation_counters(eq, a);
}

static void print_stage(struct equation *eq, const struct account *a)
{
	equation_begin(eq, "in", a->in);
	if (a->created)
		(void)fprintf(eq->out, " + created %" PRIu64, a->created);
	equation_term(eq, "out", a->out);
	equation_counters(eq, a);
}

/* The counters of a sink say why records were rejected. */
static void print_sink(struct equation *eq, const struct account *a)
{
	equation_begin(eq, "in", a->in);
	equation_term(eq, "delivered", a->delivered);
	equation_term(eq, "rejected", a->rejected);
	for (uint32_t i = 0; i < DROP_COUNT; i++)
		equation_term(eq, drop_names[i], a->dropped[i]);
	equation_term(eq, "held", a->held);
	for (uint32_t i = 0; a->names && a->names[i].name; i++)
		if (a->counts[i])
			(void)fprintf(eq->out, ", %s %" PRIu64, a->names[i].name, a->counts[i]);
	if (a->maybe_twice)
		(void)fprintf(eq->out, ", sent again and maybe there twice %" PRIu64,
			      a->maybe_twice);
}

static int name_width(const struct account *a)
{
	return (int)(strlen(kind_names[a->kind]) + strlen(a->id) + strlen(a->type) + 4);
}

static void print_account(const struct account *a, int width, FILE *out)
{
	struct equation eq = { .out = out };

	(void)fprintf(out, "  %s %s (%s)%*s  ", kind_names[a->kind], a->id, a->type,
		      width - name_width(a), "");
	if (a->kind == ACCOUNT_SOURCE)
		print_source(&eq, a, width + 4);
	else if (a->kind == ACCOUNT_STAGE)
		print_stage(&eq, a);
	else
		print_sink(&eq, a);
	(void)fputc('\n', out);
}

void report_print(const struct books *books, FILE *out)
{
	int width = 0;

	(void)fprintf(out, "books: %" PRIu64 " records lost\n", books_losses(books));
	for (size_t i = 0; i < books->naccounts; i++)
		if (name_width(books->accounts[i]) > width)
			width = name_width(books->accounts[i]);
	for (size_t i = 0; i < books->naccounts; i++)
		print_account(books->accounts[i], width, out);
}
