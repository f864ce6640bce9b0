/* SPDX-License-Identifier: Apache-2.0 */
/*
 * books: what became of every record, counted where it happened.
 *
 * Each node has an account.  Nothing is found by subtraction: both sides of
 * every equation are counted in their own place, and books_check() compares
 * them.
 *
 *   source   attempts = lost + discarded + read          (the kernel's counters | ours)
 *            read = dropped (its counters) + unread + out
 *   edge     out of one end = in at the other
 *   stage    in + created = out + dropped (its counters)
 *   sink     in = delivered + rejected + dropped + held
 *
 * `missed` counts probe hits for which the kernel did not even run the program
 * (recursion); they are not attempts, but they are losses.
 */
#ifndef ENGINE_BOOKS_H
#define ENGINE_BOOKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "engine/chunk.h"

enum { BOOKS_MAX_COUNTERS = 16 };

enum account_kind { ACCOUNT_SOURCE, ACCOUNT_STAGE, ACCOUNT_SINK };

struct counter;

struct account {
	enum account_kind kind;
	const char *id, *type;       /* as the pipeline file has them */
	const struct counter *names; /* of counts[]; the component's table */
	uint64_t counts[BOOKS_MAX_COUNTERS];
	uint64_t in, out;     /* events */
	uint64_t expected_in; /* sum of what the nodes before say they sent here */
	uint64_t created;     /* stages that make records */
	uint64_t batches, ns; /* calls, and time spent inside */
	/* source */
	bool has_attempts; /* the source counts attempts at the probe */
	uint64_t attempts, lost, missed, discarded, read;
	uint64_t unread; /* came out of a port that no input names */
	/* sink */
	uint64_t delivered, rejected, dropped[DROP_COUNT], held;
	uint64_t notes;       /* loss records encoded */
	uint64_t retries;     /* chunks handed out again */
	uint64_t maybe_twice; /* records sent again that may have arrived before */
	uint64_t bytes;       /* encoded */
};

struct books {
	struct account **accounts; /* sources, then stages, then sinks */
	size_t naccounts;
	int64_t started_ns, ended_ns; /* wall */
	bool is_final;                /* everything has ended; held must be 0 */
};

/* Records that were lost or dropped without anybody asking for it: lost,
 * missed, rejected and dropped (except DROP_CLOSED) of all accounts, and the
 * counters that are marked is_loss. */
uint64_t books_losses(const struct books *books);

/*
 * Check every equation.  0 when all hold; else -EBADMSG, with the first that
 * does not and its numbers in the error.
 */
int books_check(const struct books *books, struct error *err);

#endif
