/* SPDX-License-Identifier: Apache-2.0 */
#include "gadget/kernel_enums.h"

#include <bpf/btf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "gadget/chatter.h"

#define KERNEL_BTF "/sys/kernel/btf/vmlinux"

enum {
	BTF_BYTES_MAX = 256 << 20,
	LOOKUPS_MAX = 64, /* each takes milliseconds, and objects are not trusted */
};

static void read_bytes(struct kernel_enums *enums, int fd, size_t size)
{
	enums->bytes = xcalloc(1, size);
	while (enums->size < size) {
		ssize_t n = read(fd, enums->bytes + enums->size, size - enums->size);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		enums->size += (size_t)n;
	}
}

static void read_once(struct kernel_enums *enums)
{
	struct stat st;
	int fd;

	if (enums->is_read)
		return;
	enums->is_read = true;
	fd = open(KERNEL_BTF, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	if (fstat(fd, &st) == 0 && st.st_size > 0 && st.st_size <= BTF_BYTES_MAX)
		read_bytes(enums, fd, (size_t)st.st_size);
	close(fd);
}

/* Names stand in BTF once, between NULs. */
static bool has_name(const struct kernel_enums *enums, const char *name)
{
	size_t len = strlen(name) + 1;
	const uint8_t *at = enums->bytes, *end = enums->bytes + enums->size;

	while (at && (size_t)(end - at) > len) {
		at = memmem(at, (size_t)(end - at), name, len);
		if (at && at > enums->bytes && !at[-1])
			return true;
		if (at)
			at++;
	}
	return false;
}

static void parse_once(struct kernel_enums *enums)
{
	struct chatter *chatter;

	if (enums->is_parsed)
		return;
	enums->is_parsed = true;
	chatter = chatter_begin();
	enums->btf = btf__new(enums->bytes, (uint32_t)enums->size);
	chatter_end(chatter);
}

static const char *name_at(const struct btf *btf, const struct btf_type *t, uint32_t i)
{
	return btf__name_by_offset(btf, btf_is_enum64(t) ? btf_enum64(t)[i].name_off
							 : btf_enum(t)[i].name_off);
}

static bool has_enumerator(const struct btf *btf, const struct btf_type *t, const char *name)
{
	for (uint32_t i = 0; i < btf_vlen(t); i++) {
		const char *other = name_at(btf, t, i);

		if (other && !strcmp(other, name))
			return true;
	}
	return false;
}

/* Whether the kernel's enum has all names of ours. */
static bool contains(const struct btf *kernel, const struct btf_type *theirs, const struct btf *btf,
		     const struct btf_type *ours)
{
	if (btf_vlen(ours) > btf_vlen(theirs))
		return false;
	for (uint32_t i = 0; i < btf_vlen(ours); i++) {
		const char *name = name_at(btf, ours, i);

		if (!name || !has_enumerator(kernel, theirs, name))
			return false;
	}
	return true;
}

const struct btf_type *kernel_enum(struct kernel_enums *enums, const struct btf *btf,
				   const struct btf_type *t, const struct btf **ret_btf)
{
	const char *name = btf__name_by_offset(btf, t->name_off);

	if (!name || !name[0] || btf_vlen(t) == 0 || ++enums->lookups > LOOKUPS_MAX)
		return NULL;
	read_once(enums);
	if (!has_name(enums, name))
		return NULL;
	parse_once(enums);
	for (uint32_t id = 1; enums->btf && id < btf__type_cnt(enums->btf); id++) {
		const struct btf_type *k = btf__type_by_id(enums->btf, id);
		const char *other =
			btf_is_any_enum(k) ? btf__name_by_offset(enums->btf, k->name_off) : NULL;

		if (!other || strcmp(other, name) != 0 || !contains(enums->btf, k, btf, t))
			continue;
		*ret_btf = enums->btf;
		return k;
	}
	return NULL;
}

void kernel_enums_release(struct kernel_enums *enums)
{
	btf__free(enums->btf);
	free(enums->bytes);
	*enums = (struct kernel_enums){ 0 };
}
