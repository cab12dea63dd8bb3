// SPDX-License-Identifier: Apache-2.0
#include "doctor_ask.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cgroup.h"

void file_write(const char *path, const char *text)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	fputs(text, file);
	assert_int_equal(fclose(file), 0);
}

void cover(const char *place, const char *text)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/cover", world->dir);
	file_write(path, text);
	assert_int_equal(mount(path, place, NULL, MS_BIND, NULL), 0);
}

void uncover(const char *place)
{
	assert_int_equal(umount2(place, MNT_DETACH), 0);
}

pid_t worker_of(const char *name)
{
	pid_t pid = 0;

	for (int i = 0; !pid && i < LIMIT_MS / 10; i++) {
		pid = test_worker(agent, name);
		if (!pid)
			poll(NULL, 0, 10);
	}
	assert_true(pid > 0); /* 0 would be our own process group */
	return pid;
}

pid_t move_in(void)
{
	int there[2];
	char byte;
	pid_t pid;

	assert_int_equal(pipe2(there, O_CLOEXEC), 0);
	pid = fork();
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (cgroup_join(world->cgroup_fd) || write(there[1], "1", 1) != 1)
			_exit(1);
		pause();
		_exit(0);
	}
	close(there[1]);
	assert_int_equal(read(there[0], &byte, 1), 1);
	close(there[0]);
	return pid;
}

void move_out(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}
