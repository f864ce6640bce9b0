/* SPDX-License-Identifier: Apache-2.0 */
#include "gadget/nap.h"

/* Parts of the ring: fuller is too full, emptier is a nap that could be longer. */
enum { FULL_PART = 4, EMPTY_PART = 50 };

void nap_init(struct nap *nap, int64_t max_ns)
{
	nap->max_ns = max_ns;
	nap->min_ns = max_ns < NAP_MIN_NS ? max_ns : NAP_MIN_NS;
	nap->ns = nap->min_ns;
}

void nap_adapt(struct nap *nap, uint64_t fill, uint64_t size)
{
	if (fill > size / FULL_PART)
		nap->ns /= 2;
	else if (fill < size / EMPTY_PART)
		nap->ns *= 2;
	if (nap->ns < nap->min_ns)
		nap->ns = nap->min_ns;
	if (nap->ns > nap->max_ns)
		nap->ns = nap->max_ns;
}
