/* SPDX-License-Identifier: Apache-2.0 */
/*
 * compiler: from a gadget's source to its object, with clang.
 *
 * Two programs are run, without a shell: clang, and llvm-strip, which takes away
 * the debugging information that is not BTF.  What they have to say goes to our
 * stderr as it is.
 *
 * Equal sources make equal objects, wherever they are and whoever compiles them:
 * clang runs in the source's folder and is told relative names, the folders of
 * headers are written into the object under names of their own, and the
 * environment's own folders of headers do not count.
 */
#ifndef GADGET_COMPILER_H
#define GADGET_COMPILER_H

#include <stddef.h>

#include "base/arena.h"
#include "base/error.h"

/* The architectures that can be compiled for, as images call them: "amd64", "arm64". */
enum { COMPILER_ARCHITECTURES = 2 };
extern const char *const compiler_architectures[COMPILER_ARCHITECTURES];

struct compiler {
	const char *clang, *strip; /* paths */
	const char *version;       /* what clang calls itself, one line */
};

/*
 * Find clang ($CLANG, else clang-19, clang, or another version) and the
 * llvm-strip that belongs to it ($LLVM_STRIP), in $PATH.  -ENOENT.
 */
int compiler_find(struct arena *arena, struct compiler *ret_compiler, struct error *err)
	__attribute__((warn_unused_result));

struct compile_job {
	const char *folder;       /* clang runs in it */
	const char *source;       /* in the folder, or a full path */
	const char *architecture; /* one of compiler_architectures */
	const char *include;      /* holds gadget/buffer.h */
	const char *const *flags; /* more of them, for clang */
	size_t nflags;
	const char *epoch; /* what __DATE__ and __TIME__ are made of: seconds since 1970 */
};

/*
 * Compile to the file `object`.  -ENOENT when there is no source, or no
 * vmlinux.h for the architecture; -EINVAL when it does not compile, which clang
 * has explained.
 */
int compiler_run(const struct compiler *compiler, struct arena *arena,
		 const struct compile_job *job, const char *object, struct error *err)
	__attribute__((warn_unused_result));

#endif
