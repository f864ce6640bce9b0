/* SPDX-License-Identifier: Apache-2.0 */
/* disk: what the pool leaves behind when a write ends in the middle of a record. */
#include "fake_engine.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include "engine/disk.h"

/* A pipe cannot be cut, and stops taking bytes where the test wants it to. */
struct place {
	struct sink *sink;
	struct disk disk;
	int reader;
	unsigned done;
	uint32_t n;
	int status;
};

static void nothing(void *self)
{
	(void)self;
}

static const struct sink_type no_sink = { .release = nothing };

static void on_done(void *arg, struct chunk *chunk, uint32_t first, uint32_t n, int status)
{
	struct place *place = arg;

	(void)chunk;
	assert_int_equal(first, 1);
	place->done++;
	place->n = n;
	place->status = status;
}

static int set_up(void **state)
{
	struct place *place = calloc(1, sizeof(*place));
	int ends[2];

	if (pipe2(ends, O_NONBLOCK | O_CLOEXEC) < 0)
		return -1;
	place->sink = fake_new(&no_sink);
	place->reader = ends[0];
	disk_init(&place->disk, &place->sink->loop, ends[1], on_done, place);
	*state = place;
	return 0;
}

static int tear_down(void **state)
{
	struct place *place = *state;

	disk_release(&place->disk);
	fake_free(place->sink);
	if (place->disk.fd >= 0)
		close(place->disk.fd);
	close(place->reader);
	free(place);
	return 0;
}

/* Read what is there; the last bytes of it land in tail, NUL-terminated. */
static size_t drain(int fd, char *tail, size_t size)
{
	static char text[1 << 20];
	ssize_t n = read(fd, text, sizeof(text));
	size_t len = n > 0 ? (size_t)n : 0, keep = len < size - 1 ? len : size - 1;

	memcpy(tail, text + len - keep, keep);
	tail[keep] = '\0';
	return len;
}

static bool is_full(int fd)
{
	return poll(&(struct pollfd){ .fd = fd, .events = POLLOUT }, 1, 0) == 0;
}

static void wait_full(struct place *place)
{
	fake_arm(place->sink);
	while (!is_full(place->disk.fd) && !place->sink->is_late)
		(void)uv_run(&place->sink->loop, UV_RUN_NOWAIT);
	assert_false(place->sink->is_late);
}

static void separator_follows_a_record_that_cannot_be_cut_off(void **state)
{
	struct place *place = *state;
	char tail[12];

	place->disk.separator = "\n";
	disk_write(&place->disk, fake_lines(place->sink, 0, 1, 1 << 20));
	wait_full(place);
	disk_abort(&place->disk);
	assert_int_equal(place->done, 1);
	assert_int_equal(place->n, 0);
	assert_int_equal(place->status, -ECANCELED);
	assert_true(place->disk.is_torn);
	assert_true(drain(place->reader, tail, sizeof(tail)) > 0);
	disk_write(&place->disk, fake_lines(place->sink, 1, 1, 10));
	fake_run_until(place->sink, place->done == 2);
	assert_int_equal(place->status, 0);
	assert_false(place->disk.is_torn);
	assert_int_equal(drain(place->reader, tail, sizeof(tail)), 11);
	assert_string_equal(tail, "\n1 xxxxxxx\n");
}

static void device_without_room_is_waited_for(void **state)
{
	struct place *place = *state;
	size_t total = 0;
	char tail[12];

	disk_write(&place->disk, fake_lines(place->sink, 0, 1, 1 << 20));
	wait_full(place);
	assert_int_equal(place->done, 0);
	fake_arm(place->sink);
	while (!place->done && !place->sink->is_late) {
		total += drain(place->reader, tail, sizeof(tail));
		(void)uv_run(&place->sink->loop, UV_RUN_NOWAIT);
	}
	total += drain(place->reader, tail, sizeof(tail));
	assert_int_equal(place->status, 0);
	assert_int_equal(place->n, 1);
	assert_int_equal(total, 1 << 20);
}

static void abort_without_a_write_is_nothing(void **state)
{
	struct place *place = *state;

	disk_abort(&place->disk);
	assert_int_equal(place->done, 0);
}

/* The descriptor is closed by the pool, also when there was nothing to sync. */
static void finish_closes(void **state)
{
	struct place *place = *state;
	int fd = place->disk.fd;

	disk_finish(&place->disk, "pipe");
	assert_int_equal(place->disk.fd, -1);
	fake_run_until(place->sink, fcntl(fd, F_GETFD) < 0);
}

#define WITH_PIPE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_PIPE(separator_follows_a_record_that_cannot_be_cut_off),
		WITH_PIPE(device_without_room_is_waited_for),
		WITH_PIPE(abort_without_a_write_is_nothing),
		WITH_PIPE(finish_closes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
