/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/images.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#include "base/log.h"
#include "oci/digest.h"
#include "oci/find_model.h"

char *images_size(uint64_t bytes, char *out, size_t size)
{
	static const char *const units[] = { "B", "kB", "MB", "GB", "TB" };
	double value = (double)bytes;
	size_t unit = 0;

	while (value >= 999.5 && unit < 4) {
		value /= 1000;
		unit++;
	}
	(void)snprintf(out, size, "%.3g%s", value, units[unit]);
	return out;
}

const char *images_id(struct arena *arena, const char *digest, bool in_full)
{
	return in_full ? digest : arena_strndup(arena, digest_hex(digest), IMAGES_SHORT_ID);
}

int images_open(struct arena *arena, bool create, struct store **ret_store, struct error *err)
{
	const char *dir = store_default_dir(arena);
	int r = store_open(dir, create, ret_store, err);

	return r == -ENOENT ? error_set(err, ENOENT, "there are no images in '%s'", dir) : r;
}

int images_reference(struct arena *arena, const char *text, struct reference *ret_reference,
		     struct error *err)
{
	struct reference_defaults defaults;
	int r = reference_defaults(arena, &defaults, err);

	return r < 0 ? r : reference_parse(arena, text, &defaults, ret_reference, err);
}

const char *images_time(struct arena *arena, int64_t seconds)
{
	time_t at = (time_t)seconds;
	char text[32];
	struct tm tm;

	if (!gmtime_r(&at, &tm) || !strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm))
		return "";
	return arena_strdup(arena, text);
}

/* Names of the same content; of the same repository, too, when the word was a name. */
static bool is_same(const struct image *one, const struct image *other, bool by_name)
{
	if (strcmp(one->top.digest, other->top.digest) != 0)
		return false;
	return !by_name || (!strcmp(one->reference.host, other->reference.host) &&
			    !strcmp(one->reference.path, other->reference.path));
}

int images_match(const struct store *store, struct arena *arena, const char *what,
		 struct image **ret_images, uint32_t *ret_n, struct error *err)
{
	struct image *all = NULL, found;
	struct reference reference;
	struct error ignored = ERROR_INIT;
	uint32_t nall = 0, n = 0;
	bool by_name = images_reference(arena, what, &reference, &ignored) == 0 &&
		       store_resolve(store, arena, &reference, &found, &ignored) == 0;
	int r = by_name ? 0 : find_image(store, arena, what, &found, err);

	if (r == 0)
		r = store_list(store, arena, &all, &nall, err);
	if (r < 0)
		return r;
	if (by_name && !reference.digest) {
		all[0] = found;
		n = 1;
	}
	for (uint32_t i = 0; i < nall && !(by_name && !reference.digest); i++)
		if (is_same(&found, &all[i], by_name))
			all[n++] = all[i];
	*ret_images = all;
	*ret_n = n;
	return 0;
}

bool images_collect(struct store *store, struct store_pruned *ret_pruned)
{
	struct error err = ERROR_INIT;
	int r = store_prune(store, true, ret_pruned, &err);

	if (r == -EAGAIN)
		log_info("%s: what is not needed is deleted later", err.text);
	else if (r < 0)
		log_warn("nothing was deleted: %s (see 'gadgetctl image fsck')", err.text);
	return r == 0;
}
