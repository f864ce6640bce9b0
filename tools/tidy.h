/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What clang-tidy is told besides the source; never part of a build.
 *
 * The analyzer sees one file at a time.  It would follow every failure path once
 * more as if error_set() could return 0, and find what the failed function did
 * not fill in.
 */
#include "base/error.h"

#define error_set(...)  (error_set(__VA_ARGS__), -1)
#define error_at(...)   (error_at(__VA_ARGS__), -1)
#define error_wrap(...) (error_wrap(__VA_ARGS__), -1)
#define error_add(...)  (error_add(__VA_ARGS__), -1)
