/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <unistd.h>

#include "cli/commands.h"

/*
 * Started with a standard descriptor closed, the next thing that is opened would
 * get its number, and with it what is meant for a terminal or a pipe; libuv even
 * aborts.  /dev/null takes the place: read-only for standard output, so that
 * writing to it still fails.
 */
static void hold_standard_descriptors(void)
{
	static const int modes[] = { O_RDWR, O_RDONLY, O_RDWR };

	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", modes[fd]) != fd)
			_exit(71);
}

int main(int argc, char **argv)
{
	hold_standard_descriptors();
	return cli_main(argc, argv);
}
