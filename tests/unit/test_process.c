// SPDX-License-Identifier: Apache-2.0
/* test_process.c - user/process.c: names of processes, believed only with their birth */
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/comm.h"
#include "process.h"

/* What the hook would write of a process: number, birth, executable. */
static struct terok_record record_of(pid_t pid)
{
	struct terok_record record = { .tgid = pid };
	char path[32], stat[512], *p;
	struct stat exe;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/exe", pid);
	assert_int_equal(fstatat(AT_FDCWD, path, &exe, 0), 0);
	record.exe_ino = exe.st_ino;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	f = fopen(path, "r");
	assert_non_null(f);
	assert_non_null(fgets(stat, sizeof(stat), f));
	fclose(f);
	p = strrchr(stat, ')');
	for (int field = 2; field < 22; field++)
		p = strchr(p + 1, ' ');
	record.start_ns = strtoull(p + 1, NULL, 10) * (UINT64_C(1000000000) / sysconf(_SC_CLK_TCK));
	return record;
}

/* A process of its own name, which even looks like the end of a stat field. */
static pid_t child_start(void)
{
	int ready[2], hold[2];
	pid_t pid;
	char byte;

	assert_int_equal(pipe(ready), 0);
	pid = fork();
	if (!pid) {
		/* its input never ends, because it holds the other end itself */
		if (pipe(hold) || dup2(hold[0], 0) < 0)
			_exit(1);
		dup2(ready[1], 1);
		execl("/bin/sh", "sh) 1 2 (", "-c", "echo; read x", "an argument", NULL);
		_exit(1);
	}
	close(ready[1]);
	assert_int_equal(read(ready[0], &byte, 1), 1);
	close(ready[0]);
	return pid;
}

static void child_end(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

static void a_process_is_named_by_path_and_arguments(void **state)
{
	pid_t pid = child_start();
	struct terok_record record = record_of(pid);
	const struct process_text *text = process_name(&record);

	(void)state;
	assert_non_null(strstr(text->exe, "/dash") ?: strstr(text->exe, "sh"));
	assert_string_equal(text->cmdline, "sh) 1 2 ( -c echo; read x an argument");
	/* what was read once is known when the process has gone */
	child_end(pid);
	text = process_name(&record);
	assert_string_equal(text->cmdline, "sh) 1 2 ( -c echo; read x an argument");
	/* another program in the same process is another name */
	record.exe_ino++;
	assert_string_equal(process_name(&record)->exe, "");
}

static void another_birth_is_another_process(void **state)
{
	pid_t pid = child_start();
	struct terok_record record = record_of(pid);

	(void)state;
	record.start_ns -= UINT64_C(5000000000);
	assert_string_equal(process_name(&record)->exe, "");
	assert_string_equal(process_name(&record)->cmdline, "");
	record.start_ns += UINT64_C(5000000000);
	assert_string_not_equal(process_name(&record)->exe, "");
	child_end(pid);
}

static void a_program_that_replaced_the_refused_one_gives_it_no_name(void **state)
{
	pid_t pid = child_start();
	struct terok_record record = record_of(pid), before = record;

	(void)state;
	before.exe_ino++;
	assert_string_equal(process_name(&before)->exe, "");
	assert_string_equal(process_name(&before)->cmdline, "");
	assert_string_not_equal(process_name(&record)->exe, "");
	child_end(pid);
}

/* Ourselves as the parent, as the kernel would say. */
static void parent_is_us(struct terok_record *record)
{
	FILE *f = fopen("/proc/self/comm", "r");

	assert_non_null(f);
	assert_non_null(fgets(record->pcomm, sizeof(record->pcomm), f));
	fclose(f);
	record->pcomm[strcspn(record->pcomm, "\n")] = '\0';
	record->ppid = getpid();
}

static void ancestors_are_named_nearest_first(void **state)
{
	pid_t pid = child_start();
	struct terok_record record = record_of(pid);
	const struct process_text *text;

	(void)state;
	parent_is_us(&record);
	text = process_name(&record);
	assert_string_equal(text->parents[0], record.pcomm);
	if (getppid() > 0)
		assert_string_not_equal(text->parents[1], "");
	child_end(pid);
}

/* A number that belongs to somebody else by now says nothing of who the parent was. */
static void a_parent_that_is_another_by_now_ends_the_line(void **state)
{
	pid_t pid = child_start(), older = child_start();
	struct terok_record record = record_of(pid);
	const struct process_text *text;

	(void)state;
	parent_is_us(&record);
	strcpy(record.pcomm, "somebody");
	text = process_name(&record);
	assert_string_equal(text->parents[0], "somebody");
	assert_string_equal(text->parents[1], "");
	/* born after its child */
	record = record_of(older);
	parent_is_us(&record);
	record.start_ns = 1;
	text = process_name(&record);
	assert_string_equal(text->parents[0], record.pcomm);
	assert_string_equal(text->parents[1], "");
	child_end(pid);
	child_end(older);
}

static void a_client_is_named_if_it_is_its_users(void **state)
{
	char comm[TEROK_COMM_LEN];
	pid_t pid = child_start();

	(void)state;
	process_comm(pid, geteuid(), comm);
	assert_string_equal(comm, "sh");
	process_comm(pid, geteuid() + 1, comm);
	assert_string_equal(comm, "");
	process_comm(0, geteuid(), comm);
	assert_string_equal(comm, "");
	child_end(pid);
	process_comm(pid, geteuid(), comm);
	assert_string_equal(comm, "");
}

static void no_process_has_no_name(void **state)
{
	struct terok_record record = {};

	(void)state;
	assert_string_equal(process_name(&record)->exe, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_process_is_named_by_path_and_arguments),
		cmocka_unit_test(another_birth_is_another_process),
		cmocka_unit_test(a_program_that_replaced_the_refused_one_gives_it_no_name),
		cmocka_unit_test(ancestors_are_named_nearest_first),
		cmocka_unit_test(a_parent_that_is_another_by_now_ends_the_line),
		cmocka_unit_test(a_client_is_named_if_it_is_its_users),
		cmocka_unit_test(no_process_has_no_name),
	};

	return cmocka_run_group_tests_name("process", tests, NULL, NULL);
}
