/* SPDX-License-Identifier: Apache-2.0 */
/*
 * metadata_complete: put into a gadget.yaml what the object has and it does not
 * mention.
 *
 * Added are fields that nothing describes, with their data source, and parameters, each
 * with METADATA_PLACEHOLDER where somebody has to write.  The text is only added to:
 * what stands in it stays, comments and order included, and the result is read
 * again to see that it does.  Documents that cannot be added to in this way (in
 * one of the older formats, or with maps in braces at the place) are refused.
 */
#ifndef GADGET_METADATA_COMPLETE_H
#define GADGET_METADATA_COMPLETE_H

#include "gadget/model.h"

#define METADATA_PLACEHOLDER "(to be described)"

/*
 * Complete the text of the model's metadata; at NULL: there is none, and all of it
 * is written.  `file` is what messages call it.  *ret_nadded counts fields and
 * parameters; with 0, *ret_text is the same text.  -EINVAL when it is
 * refused; then *ret_text is what would have been added, as a document of its own.
 */
int metadata_complete(struct arena *arena, const char *file, struct str text,
		      const struct model *model, struct str *ret_text, uint32_t *ret_nadded,
		      struct error *err) __attribute__((warn_unused_result));

#endif
