/* SPDX-License-Identifier: Apache-2.0 */
#include "gadget/fallback.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/btf.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/arena.h"

#define KERNEL_BTF "/sys/kernel/btf/vmlinux"

enum { MAX_BTF = 64 << 20 };

/* As enumerators of enum bpf_func_id are called, and what they are called instead. */
static const char known[] = "BPF_FUNC_ringbuf_", unknown[] = "BPF_FUNC_missing_";

_Static_assert(sizeof(known) == sizeof(unknown), "names are changed in place");

bool kernel_has_rings(void)
{
	int fd = bpf_map_create(BPF_MAP_TYPE_RINGBUF, "probe", 0, 0,
				(uint32_t)sysconf(_SC_PAGESIZE), NULL);

	if (fd >= 0)
		close(fd);
	return fd >= 0 || errno != EINVAL;
}

/* 0 when the whole file was read; *ret_bytes is to be freed. */
static int read_kernel_btf(uint8_t **ret_bytes, size_t *ret_size)
{
	int fd = open(KERNEL_BTF, O_RDONLY | O_CLOEXEC), r = 0;
	uint8_t *bytes = xcalloc(1, MAX_BTF);
	size_t size = 0;

	if (fd < 0) {
		free(bytes);
		return -errno;
	}
	while (size < MAX_BTF) {
		ssize_t n = read(fd, bytes + size, MAX_BTF - size);

		if (n < 0)
			r = -errno;
		if (n <= 0)
			break;
		size += (size_t)n;
	}
	close(fd);
	if (r == 0 && size == MAX_BTF)
		r = -E2BIG;
	if (r < 0) {
		free(bytes);
		return r;
	}
	*ret_bytes = bytes;
	*ret_size = size;
	return 0;
}

/* Rename the helpers in the table of names; everything else stays as it is. */
static int forget_rings(uint8_t *bytes, size_t size)
{
	struct btf_header header;
	uint8_t *at, *end;

	if (size < sizeof(header))
		return -EBADMSG;
	memcpy(&header, bytes, sizeof(header));
	if (header.hdr_len > size || header.str_off > size - header.hdr_len ||
	    header.str_len > size - header.hdr_len - header.str_off)
		return -EBADMSG;
	at = bytes + header.hdr_len + header.str_off;
	end = at + header.str_len;
	while ((at = memmem(at, (size_t)(end - at), known, sizeof(known) - 1))) {
		memcpy(at, unknown, sizeof(unknown) - 1);
		at += sizeof(unknown) - 1;
	}
	return 0;
}

static int write_all(int fd, const uint8_t *bytes, size_t size)
{
	while (size) {
		ssize_t n = write(fd, bytes, size);

		if (n < 0)
			return -errno;
		bytes += n;
		size -= (size_t)n;
	}
	return 0;
}

int btf_without_rings(struct error *err)
{
	uint8_t *bytes = NULL;
	size_t size = 0;
	int fd = -1, r = read_kernel_btf(&bytes, &size);

	if (r == 0)
		r = forget_rings(bytes, size);
	if (r == 0) {
		fd = memfd_create("btf", MFD_CLOEXEC);
		r = fd < 0 ? -errno : write_all(fd, bytes, size);
	}
	free(bytes);
	if (r == 0)
		return fd;
	if (fd >= 0)
		close(fd);
	return error_set(err, -r, "cannot use the kernel's BTF '%s': %s", KERNEL_BTF,
			 strerrordesc_np(-r));
}
