/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fallback: kernels without ring buffers (before 5.8).
 *
 * Programs that can do without ask the kernel's BTF, when they are loaded, whether it
 * knows the helpers for rings, and send through a perf event array if it does not.  The
 * loader has to make that kind of map then.
 */
#ifndef GADGET_FALLBACK_H
#define GADGET_FALLBACK_H

#include <stdbool.h>

#include "base/error.h"

/* Whether this kernel has ring buffers; made by making one.  True when it may not tell. */
bool kernel_has_rings(void);

/*
 * The BTF of a kernel that is like this one but does not know those helpers, as a
 * descriptor that is the caller's; negative errno.
 */
int btf_without_rings(struct error *err) __attribute__((warn_unused_result));

#endif
