/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of the store share.  Inside of src/oci/store*.c only.
 */
#ifndef OCI_STORE_PRIVATE_H
#define OCI_STORE_PRIVATE_H

#include <dirent.h>

#include "oci/store.h"

enum {
	STORE_NAME_MAX = 160, /* of a file below the store's folder */
	STORE_DEPTH_MAX = 4,  /* indexes in indexes */
	STORE_NODES_MAX = 65536,
};

struct store {
	char *dir;
	int dir_fd, lock_fd;
	unsigned begun; /* store_begin() without store_end() */
};

/* "blobs/sha256/HEX", or below `top`; returns out. */
char *store_blob_path(const char *top, const char *digest, char out[STORE_NAME_MAX]);

/* flock() that waits through signals; 0 or negative errno. */
int store_flock(int fd, int operation);

/* Read a small file below the store into the arena, at most max bytes. */
int store_read_file(const struct store *store, struct arena *arena, const char *name, uint64_t max,
		    struct str *ret_bytes);

/* index.json; an empty index when there is none. */
int store_index(const struct store *store, struct arena *arena,
		const struct document **ret_document, struct error *err)
	__attribute__((warn_unused_result));

/* "cannot WHAT 'DIR/NAME': why" */
int store_failed(const struct store *store, int code, const char *what, const char *name,
		 struct error *err);

#endif
