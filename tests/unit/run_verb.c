// SPDX-License-Identifier: Apache-2.0
#include "run_verb.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/cleanup.h"
#include "base/event.h"
#include "base/log.h"

#define ARGS_MAX    10
#define PATIENCE_MS 10000

struct fake_hub verb_hub;
char verb_printed[65536];
static size_t n_printed;
static pid_t pid;
static int to_fd = -1, from_fd = -1;

int verb_setup(void **state)
{
	(void)state;
	return fake_hub_open(&verb_hub) ? 0 : -1;
}

int verb_teardown(void **state)
{
	(void)state;
	closep(&to_fd);
	closep(&from_fd);
	if (pid > 0) { /* the test has failed before its end */
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
	}
	pid = 0;
	fake_hub_close(&verb_hub);
	return 0;
}

static void child(int in, int out, int (*verb)(int argc, char **argv), int argc, char **argv)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	dup2(in, 0);
	dup2(out, 1);
	dup2(out, 2);
	for (int fd = 3; fd < 64; fd++)
		close(fd); /* the hub's ends, too: who holds them would not see them closed */
	log_setup("verb", LOG_INFO, false);
	argc = verb(argc, argv);
	fflush(stdout);
	_exit(argc < 0 ? 1 : argc);
}

void verb_runs(int (*verb)(int argc, char **argv), ...)
{
	char *argv[ARGS_MAX + 3] = { "verb" }, *word;
	int argc = 1, in[2], out[2];
	va_list words;

	va_start(words, verb);
	while (argc < ARGS_MAX && (word = va_arg(words, char *)))
		argv[argc++] = word;
	va_end(words);
	argv[argc++] = "--socket";
	argv[argc++] = verb_hub.path;
	n_printed = 0;
	verb_printed[0] = '\0';
	assert_int_equal(pipe2(in, O_CLOEXEC), 0);
	assert_int_equal(pipe2(out, O_CLOEXEC), 0);
	fflush(NULL);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid)
		child(in[0], out[1], verb, argc, argv);
	close(in[0]);
	close(out[1]);
	to_fd = in[1];
	from_fd = out[0];
	assert_true(fake_hub_accept(&verb_hub));
}

/* What it prints within @ms; false: nothing, or its output has ended. */
static bool take(int ms)
{
	struct pollfd ready = { .fd = from_fd, .events = POLLIN };
	ssize_t n;

	if (poll(&ready, 1, ms) <= 0)
		return false;
	n = read(from_fd, verb_printed + n_printed, sizeof(verb_printed) - 1 - n_printed);
	n_printed += n > 0 ? n : 0;
	verb_printed[n_printed] = '\0';
	return n > 0;
}

bool verb_prints(const char *text)
{
	while (!strstr(verb_printed, text))
		if (!take(PATIENCE_MS)) {
			print_message("no '%s' in:\n%s\n", text, verb_printed);
			return false;
		}
	return true;
}

void verb_types(const char *line)
{
	if (!line)
		closep(&to_fd);
	else
		assert_int_equal(write(to_fd, line, strlen(line)), strlen(line));
}

int verb_ends(void)
{
	int status;

	while (take(PATIENCE_MS))
		;
	assert_int_equal(waitpid(pid, &status, 0), pid);
	pid = 0;
	closep(&to_fd);
	closep(&from_fd);
	fake_hub_leave(&verb_hub);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

void verb_hears(const char *text)
{
	const char *call = fake_hub_hear(&verb_hub, PATIENCE_MS);

	assert_non_null(call);
	if (!strstr(call, text))
		print_message("no '%s' in %s\n", text, call);
	assert_non_null(strstr(call, text));
}
