/* SPDX-License-Identifier: Apache-2.0 */
/*
 * msgpack_style: values as MessagePack, one at a time; for lists.  The whole
 * record goes through msgpack.c.
 */
#ifndef CODEC_MSGPACK_STYLE_H
#define CODEC_MSGPACK_STYLE_H

#include "codec/bounds.h"
#include "codec/tree.h"

/* With moments as extensions, and as RFC 3339 text. */
extern const struct style msgpack_style;
extern const struct style msgpack_forward_style;

extern const struct expansion msgpack_expansion;

#endif
