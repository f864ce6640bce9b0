/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/cursor.h"

static bool wants(const struct cursor *cursor, const struct crec *rec)
{
	if (rec->fate != PENDING)
		return false;
	return cursor->route == CURSOR_ANY_ROUTE || rec->route == cursor->route;
}

static void step_over(struct cursor *cursor)
{
	const struct chunk *chunk = cursor->chunk;

	while (cursor->rec < chunk->nrecs && !wants(cursor, &chunk->recs[cursor->rec]))
		cursor->rec++;
}

void cursor_init(struct cursor *cursor, const struct chunk *chunk, uint32_t route)
{
	*cursor = (struct cursor){ .chunk = chunk, .route = route };
	step_over(cursor);
}

const uint8_t *cursor_run(const struct cursor *cursor, size_t max, size_t *ret_len)
{
	const struct chunk *chunk = cursor->chunk;
	const struct crec *rec;
	uint32_t at, end;

	if (cursor_is_done(cursor))
		return NULL;
	rec = &chunk->recs[cursor->rec];
	at = rec->at + cursor->skip;
	end = rec->at + rec->len;
	if (end - at > max) {
		*ret_len = max;
		return chunk->bytes + at;
	}
	for (uint32_t i = cursor->rec + 1; i < chunk->nrecs; i++) {
		rec = &chunk->recs[i];
		if (rec->at != end || !wants(cursor, rec) || rec->at + rec->len - at > max)
			break;
		end = rec->at + rec->len;
	}
	*ret_len = end - at;
	return chunk->bytes + at;
}

size_t cursor_advance(struct cursor *cursor, size_t n)
{
	size_t left = n;

	while (!cursor_is_done(cursor)) {
		uint32_t rest = cursor->chunk->recs[cursor->rec].len - cursor->skip;

		if (left < rest) {
			cursor->skip += (uint32_t)left;
			return n;
		}
		left -= rest;
		cursor->skip = 0;
		cursor->rec++;
		step_over(cursor);
	}
	return n - left;
}

size_t cursor_left(const struct cursor *cursor)
{
	const struct chunk *chunk = cursor->chunk;
	size_t left = 0;

	for (uint32_t i = cursor->rec; i < chunk->nrecs; i++)
		if (wants(cursor, &chunk->recs[i]))
			left += chunk->recs[i].len;
	return left - cursor->skip;
}
