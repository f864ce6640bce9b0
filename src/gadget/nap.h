/* SPDX-License-Identifier: Apache-2.0 */
/*
 * nap: how long to leave a busy ring alone.
 *
 * A reader that keeps up with the writer makes the kernel wake it for every
 * record, which costs both sides more than the record.  So while records come
 * it naps between two drains: the ring is not empty then, and the kernel wakes
 * nobody.  Naps get shorter when the ring fills and longer when it hardly does.
 */
#ifndef GADGET_NAP_H
#define GADGET_NAP_H

#include <stdint.h>

#define NAP_MIN_NS INT64_C(200000)

struct nap {
	int64_t ns; /* of the next nap */
	int64_t min_ns, max_ns;
};

/* max_ns bounds how long a record waits; the shortest nap is NAP_MIN_NS or that. */
void nap_init(struct nap *nap, int64_t max_ns);

/* Adapt to what had gathered in a ring of `size` bytes when the nap was over. */
void nap_adapt(struct nap *nap, uint64_t fill, uint64_t size);

#endif
