/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/exit.h"

#include <errno.h>

#include "base/log.h"

enum exit_status exit_status_of(const struct error *err, enum exit_status otherwise)
{
	switch (err->code) {
	case EPERM:
	case EACCES:
		return STATUS_NO_PERMISSION;
	case ENOENT:
		return STATUS_NOT_FOUND;
	case ENOEXEC:
	case EUCLEAN:
	case EBADMSG:
		return STATUS_BAD_GADGET;
	case EOPNOTSUPP:
		return STATUS_UNSUPPORTED;
	case ENOSPC:
	case EDQUOT:
	case EFBIG:
	case EROFS:
	case EIO:
		return STATUS_IO;
	case ENOTRECOVERABLE:
		return STATUS_UNBALANCED;
	default:
		return otherwise;
	}
}

enum exit_status exit_report(const struct error *err, enum exit_status otherwise)
{
	char line[sizeof(err->file_name) + sizeof(err->text) + 32];

	log_error("%s", error_format(err, line, sizeof(line)));
	return exit_status_of(err, otherwise);
}
