/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pipe_reader SECONDS [AFTER_BYTES]: a reader of stdin that stalls once.
 *
 * Reads AFTER_BYTES (0) bytes, stops reading for SECONDS, then reads to the end.
 * Lines and bytes, and the bytes after the last newline, are printed as JSON.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct totals {
	uint64_t bytes, lines, tail;
};

static void totals_add(struct totals *totals, const char *data, size_t len)
{
	const char *at = data, *end = data + len, *newline;

	totals->bytes += len;
	while ((newline = memchr(at, '\n', (size_t)(end - at)))) {
		totals->lines++;
		totals->tail = 0;
		at = newline + 1;
	}
	totals->tail += (uint64_t)(end - at);
}

/* Read at most limit bytes, or to the end; return 0 or a negative errno. */
static int totals_read(struct totals *totals, uint64_t limit)
{
	static char buffer[1 << 16];

	while (limit) {
		size_t want = limit < sizeof(buffer) ? (size_t)limit : sizeof(buffer);
		ssize_t got = read(STDIN_FILENO, buffer, want);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -errno;
		if (got == 0)
			return 0;
		totals_add(totals, buffer, (size_t)got);
		limit -= (uint64_t)got;
	}
	return 0;
}

int main(int argc, char **argv)
{
	struct totals totals = { 0 };

	if (argc < 2 || argc > 3) {
		fprintf(stderr, "usage: pipe_reader SECONDS [AFTER_BYTES]\n");
		return 64;
	}
	double seconds = strtod(argv[1], NULL);
	uint64_t after = argc == 3 ? strtoull(argv[2], NULL, 10) : 0;

	int r = totals_read(&totals, after);
	if (r == 0) {
		usleep((useconds_t)(seconds * 1e6));
		r = totals_read(&totals, UINT64_MAX);
	}
	printf("{\"bytes\":%" PRIu64 ",\"lines\":%" PRIu64 ",\"tail\":%" PRIu64 ",\"errno\":%d}\n",
	       totals.bytes, totals.lines, totals.tail, -r);
	return r ? 74 : 0;
}
