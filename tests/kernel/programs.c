// SPDX-License-Identifier: Apache-2.0
#include "programs.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

char bpfd[512];
struct test_world *world;
pid_t agent;

char said[65536];
int verb(const char *const argv[])
{
	int out[2], status;
	size_t size = 0;
	ssize_t n;
	pid_t pid;

	assert_int_equal(pipe2(out, O_CLOEXEC), 0);
	pid = fork();
	if (!pid) {
		dup2(open("/dev/null", O_RDONLY), 0);
		dup2(out[1], 1);
		dup2(out[1], 2);
		execv(argv[0], (char **)argv);
		_exit(99);
	}
	close(out[1]);
	while ((n = read(out[0], said + size, sizeof(said) - 1 - size)) > 0)
		size += n;
	said[size] = '\0';
	close(out[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

void assert_said(const char *text)
{
	if (!strstr(said, text))
		fail_msg("'%s' is missing in: %s", text, said);
}

void assert_mistake(int code, int want, const char *text)
{
	char *end = strchr(said, '\n');

	assert_said(text);
	assert_int_equal(code, want);
	if (!end || end[1])
		fail_msg("not one line: %s", said);
}

void agent_start(void)
{
	agent_start_asking(NULL);
}

void agent_start_asking(const char *upstream)
{
	struct pollfd ready = { .events = POLLIN };
	int pair[2];
	char fd[8];

	assert_int_equal(pipe(pair), 0);
	agent = fork();
	if (!agent) {
		close(pair[0]);
		snprintf(fd, sizeof(fd), "%d", pair[1]);
		execl(bpfd, "terok-bpfd", "run", "--ready-fd", fd, upstream ? "--upstream" : NULL,
		      upstream, NULL);
		_exit(99);
	}
	close(pair[1]);
	ready.fd = pair[0];
	assert_int_equal(poll(&ready, 1, LIMIT_MS), 1);
	assert_int_equal(read(pair[0], fd, 1), 1);
	close(pair[0]);
}

void agent_end(int sig)
{
	kill(agent, sig);
	waitpid(agent, NULL, 0);
	agent = 0;
}

int programs_setup(void **state)
{
	(void)state;
	world = test_world_new();
	assert_int_equal(VERB("load"), 0);
	assert_int_equal(kernel_open(&world->kernel, NULL), 0);
	return 0;
}

int programs_teardown(void **state)
{
	(void)state;
	if (agent)
		agent_end(SIGKILL);
	test_world_free(world);
	return 0;
}

void attach_box(void)
{
	assert_int_equal(VERB("attach", world->cgroup_path, "--name", "box"), 0);
}

void programs_find(void)
{
	char self[480];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

	self[n > 0 ? n : 0] = '\0';
	for (int i = 0; i < 3; i++)
		*strrchr(self, '/') = '\0';
	snprintf(bpfd, sizeof(bpfd), "%s/terok-bpfd", self);
	if (access(bpfd, X_OK)) {
		printf("%s is not there: make it first\n", bpfd);
		exit(1);
	}
}
