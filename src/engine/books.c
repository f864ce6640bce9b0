/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/books.h"

#include <errno.h>

#include "engine/component.h"

static uint64_t sum_counters(const struct account *account)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; account->names && account->names[i].name; i++)
		sum += account->counts[i];
	return sum;
}

static uint64_t sum_dropped(const struct account *account)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < DROP_COUNT; i++)
		sum += account->dropped[i];
	return sum;
}

static uint64_t account_losses(const struct account *account)
{
	uint64_t sum = account->lost + account->missed + account->rejected + sum_dropped(account) -
		       account->dropped[DROP_CLOSED];

	if (account->kind == ACCOUNT_SINK)
		return sum;
	for (uint32_t i = 0; account->names && account->names[i].name; i++)
		if (account->names[i].is_loss)
			sum += account->counts[i];
	return sum;
}

uint64_t books_losses(const struct books *books)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < books->naccounts; i++)
		sum += account_losses(books->accounts[i]);
	return sum;
}

static int unequal(struct error *err, const struct account *account, const char *left_name,
		   uint64_t left, const char *right_name, uint64_t right)
{
	static const char *const kinds[] = { "source", "stage", "sink" };

	return error_set(err, ENOTRECOVERABLE,
			 "the books of %s '%s' do not balance: %s is %llu, but %s is %llu",
			 kinds[account->kind], account->id, left_name, (unsigned long long)left,
			 right_name, (unsigned long long)right);
}

static int check_source(const struct books *books, const struct account *a, struct error *err)
{
	uint64_t accounted = a->lost + a->discarded + a->read;
	uint64_t passed = sum_counters(a) + a->unread + a->out;

	/* While it runs, reports are on their way between the two counters. */
	if (books->is_final && a->has_attempts && a->attempts != accounted)
		return unequal(err, a, "attempts", a->attempts, "lost + discarded + read",
			       accounted);
	if (a->read != passed)
		return unequal(err, a, "read", a->read, "dropped + unread + out", passed);
	return 0;
}

static int check_sink(const struct books *books, const struct account *a, struct error *err)
{
	uint64_t settled = a->delivered + a->rejected + sum_dropped(a) + a->held;

	if (a->in != settled)
		return unequal(err, a, "in", a->in, "delivered + rejected + dropped + held",
			       settled);
	if (books->is_final && a->held)
		return unequal(err, a, "held", a->held, "what may be held at the end", 0);
	return 0;
}

static int check_account(const struct books *books, const struct account *a, struct error *err)
{
	uint64_t passed = a->out + sum_counters(a);

	if (a->kind == ACCOUNT_SOURCE)
		return check_source(books, a, err);
	if (a->in != a->expected_in)
		return unequal(err, a, "in", a->in, "what its inputs sent", a->expected_in);
	if (a->kind == ACCOUNT_SINK)
		return check_sink(books, a, err);
	if (a->in + a->created != passed)
		return unequal(err, a, "in + created", a->in + a->created, "out + dropped", passed);
	return 0;
}

int books_check(const struct books *books, struct error *err)
{
	for (size_t i = 0; i < books->naccounts; i++) {
		int r = check_account(books, books->accounts[i], err);

		if (r < 0)
			return r;
	}
	return 0;
}
