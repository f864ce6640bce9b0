/* SPDX-License-Identifier: Apache-2.0 */
/*
 * chatter: what libbpf has to say, kept for the error message instead of printed.
 *
 * libbpf has one print callback for the whole process, without an argument.  A
 * thread that is about to call libbpf says where its messages go; those of a
 * thread that listens to nothing are dropped.
 */
#ifndef GADGET_CHATTER_H
#define GADGET_CHATTER_H

#include <stdbool.h>

#include "base/error.h"

struct chatter;

/* Start listening on this thread; end it with chatter_end().  Does not nest. */
struct chatter *chatter_begin(void);
void chatter_end(struct chatter *chatter);

/* Whether this was said. */
bool chatter_has(const struct chatter *chatter, const char *text);

/* Append the last line that was said, in parentheses. */
void chatter_add_last(const struct chatter *chatter, struct error *err);

/* Append the last lines of the kernel's verifier, where the reason stands. */
void chatter_add_verdict(const struct chatter *chatter, struct error *err);

#endif
