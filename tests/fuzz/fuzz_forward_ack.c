/* SPDX-License-Identifier: Apache-2.0 */
/* Replies of a Forward server: whatever comes, no reply reaches beyond its bytes. */
#include <stdlib.h>

#include "codec/forward.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct forward_reply reply;
	ssize_t used;

	while ((used = forward_parse_reply(data, size, &reply)) > 0) {
		if ((size_t)used > size || used > FORWARD_REPLY_MAX)
			abort();
		if (reply.kind == FORWARD_ACK &&
		    (reply.id < data || reply.id + reply.id_len > data + used))
			abort();
		data += used;
		size -= (size_t)used;
	}
	return 0;
}
