/* SPDX-License-Identifier: Apache-2.0 */
/*
 * archive: images in one file, a tar of an OCI image layout.
 *
 * It is what skopeo calls oci-archive, and what containerd imports and exports.
 * What is written is the same, byte for byte, for the same images: members are
 * sorted and have one owner, mode and time.
 *
 * What is read is hostile.  Only three kinds of members mean anything, oci-layout,
 * index.json and blobs/ALGORITHM/HEX, and none of their names ever becomes a path:
 * blobs go into the store by digest, the others into memory.  Links, devices, paths
 * that lead outside, members that come twice, and anything past the limits end the
 * import; other plain files are passed over.  Names are given last, when all that
 * they lead to is there.  Tars may be compressed with gzip.
 */
#ifndef OCI_ARCHIVE_H
#define OCI_ARCHIVE_H

#include "oci/store.h"

#define ARCHIVE_MAX_SIZE_TEXT "1GiB"
#define ARCHIVE_MAX_SIZE      (UINT64_C(1) << 30)

enum { ARCHIVE_MAX_MEMBERS = 16384 };

/* What containerd calls an image in an archive. */
#define ANNOTATION_CONTAINERD_NAME "io.containerd.image.name"

struct import_options {
	uint64_t max_size; /* bytes of the tar, unpacked; 0: ARCHIVE_MAX_SIZE */
	/* What to call the only image of an archive, whatever its name there; or NULL. */
	const struct reference *name;
	struct reference_defaults defaults; /* for short names in the archive */
};

struct imported {
	struct image *images; /* in the archive's order */
	uint32_t n;
	uint32_t blobs; /* read */
};

/*
 * Add the images of an archive to the store.  -EBADMSG for what is wrong with it,
 * -E2BIG past a limit, else what reading and writing say.  When it fails, no name
 * was given, and what was read is deleted again (unless somebody else is adding).
 */
int archive_import(struct store *store, struct arena *arena, int fd,
		   const struct import_options *options, struct imported *ret_imported,
		   struct error *err) __attribute__((warn_unused_result));

/*
 * Write images, with all platforms that are in the store, to fd; every blob is
 * verified.  mtime is that of all members, in seconds since 1970.
 */
int archive_export(const struct store *store, struct arena *arena, const struct image *images,
		   uint32_t n, int64_t mtime, int fd, struct error *err)
	__attribute__((warn_unused_result));

#endif
