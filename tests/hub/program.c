// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include "program.h"
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/event.h"
#include "core_end.h"

pid_t program = -1;
FILE *program_said;

void program_run(int stream, const char *bus, const char *const args[])
{
	const char *build = getenv("B") ?: "build", *argv[12] = { "terok-clearance" };
	char path[256];
	int out[2];

	snprintf(path, sizeof(path), "%s/terok-clearance", build);
	for (int i = 0; args[i]; i++)
		argv[i + 1] = args[i];
	assert_int_equal(pipe(out), 0);
	fflush(NULL);
	program = fork();
	if (!program) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		alarm(6 * CORE_END_WAIT_S);
		unsetenv("XDG_RUNTIME_DIR");
		setenv("XDG_DATA_DIRS", "/nonexistent", 1);
		setenv("XDG_DATA_HOME", "/nonexistent", 1);
		setenv("TEROK_DATA", "/nonexistent", 1);
		if (bus)
			setenv("DBUS_SESSION_BUS_ADDRESS", bus, 1);
		else
			unsetenv("DBUS_SESSION_BUS_ADDRESS");
		dup2(out[1], stream);
		execv(path, (char **)argv);
		_exit(127);
	}
	assert_true(program > 0);
	close(out[1]);
	program_said = fdopen(out[0], "r");
}

int program_exits(void)
{
	int status;

	assert_int_equal(waitpid(program, &status, 0), program);
	program = -1;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

const char *program_last_words(void)
{
	static char text[1024];
	size_t n = fread(text, 1, sizeof(text) - 1, program_said);

	text[n] = '\0';
	return text;
}

/* Whatever comes wakes it before the sender goes on: asleep it has nothing left to do. */
void program_idles(void)
{
	uint64_t until = now_boot_ns() + CORE_END_WAIT_S * SECOND_NS;
	char path[64], state = 0;

	snprintf(path, sizeof(path), "/proc/%d/stat", program);
	while (state != 'S') {
		FILE *f = fopen(path, "r");

		assert_non_null(f);
		assert_int_equal(fscanf(f, "%*d (%*[^)]) %c", &state), 1);
		fclose(f);
		assert_true(now_boot_ns() < until);
		sched_yield();
	}
}

void program_stop(void)
{
	if (program > 0) {
		kill(program, SIGKILL);
		waitpid(program, NULL, 0);
	}
	program = -1;
	if (program_said)
		fclose(program_said);
	program_said = NULL;
}
