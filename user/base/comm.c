// SPDX-License-Identifier: Apache-2.0
#include "base/comm.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"

void process_comm(uint32_t pid, uint32_t uid, char ret[static TEROK_COMM_LEN])
{
	_cleanup_close_ int dir = -1, fd = -1;
	struct stat st;
	char path[32];
	ssize_t n;

	memset(ret, 0, TEROK_COMM_LEN);
	snprintf(path, sizeof(path), "/proc/%u", pid);
	dir = pid ? open(path, O_PATH | O_DIRECTORY | O_CLOEXEC) : -1;
	/* the folder is its user's, also where the files in it are root's */
	if (dir < 0 || fstat(dir, &st) || st.st_uid != uid)
		return;
	fd = openat(dir, "comm", O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? 0 : read(fd, ret, TEROK_COMM_LEN); /* with its newline */
	ret[n > 0 ? n - 1 : 0] = '\0';
}
