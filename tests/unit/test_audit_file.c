// SPDX-License-Identifier: Apache-2.0
/* test_audit_file.c - service/audit_line.c: a file that stays open, lines of a round, and what becomes of the file */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/event.h"
#include "base/log.h"
#include "service/audit_line.h"

#define WRITERS 4
#define LINES   3000

static char folder[64], path[96], before[104], third[104];
static struct loop *loop;
static struct audit_file *file;
static unsigned writes; /* to the file, since it was last set to 0 */
static bool counts;

ssize_t write(int fd, const void *bytes, size_t n)
{
	writes += counts && n && *(const char *)bytes == '{';
	return syscall(SYS_write, fd, bytes, n);
}

static int setup(void **state)
{
	(void)state;
	strcpy(folder, "/tmp/terok-audit-XXXXXX");
	if (!mkdtemp(folder))
		return -1;
	snprintf(path, sizeof(path), "%s/audit.jsonl", folder);
	snprintf(before, sizeof(before), "%s.1", path);
	snprintf(third, sizeof(third), "%s.2", path);
	log_setup("test", LOG_ERR, false);
	return loop_new(&loop) || audit_file_new(loop, path, &file);
}

static int teardown(void **state)
{
	(void)state;
	audit_file_free(file);
	loop_free(loop);
	unlink(path);
	unlink(before);
	unlink(third);
	return rmdir(folder);
}

static int over(struct timer *timer)
{
	(void)timer;
	return -ECANCELED;
}

/* What waits is written; then as long as a look at the file's name is good for. */
static void a_round(void)
{
	struct timer timer = {};

	timer_arm(loop, &timer, now_boot_ns() + 1500000, over);
	assert_int_equal(loop_run(loop), -ECANCELED);
}

static void add(const char *text)
{
	audit_file_add(file, text, strlen(text));
}

/* Lines of a file; each is whole. */
static unsigned lines(const char *of)
{
	FILE *in = fopen(of, "re");
	char text[512];
	unsigned n = 0;

	assert_non_null(in);
	for (; fgets(text, sizeof(text), in); n++) {
		assert_int_equal(text[0], '{');
		assert_string_equal(strchr(text, '}'), "}\n");
	}
	fclose(in);
	return n;
}

static void lines_of_a_round_are_one_write_when_it_is_over(void **state)
{
	struct stat st;

	(void)state;
	writes = 0;
	counts = true;
	add("{1}");
	add("{2}");
	add("{3}");
	assert_int_equal(access(path, F_OK), -1);
	a_round();
	counts = false;
	assert_int_equal(writes, 1);
	assert_int_equal(lines(path), 3);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
}

static void what_waits_is_written_at_the_end_and_when_it_is_much(void **state)
{
	char text[400] = "{";

	(void)state;
	memset(text + 1, 'x', sizeof(text) - 3);
	text[sizeof(text) - 2] = '}';
	for (unsigned i = 0; i < AUDIT_WAITS / sizeof(text); i++)
		add(text);
	assert_int_equal(access(path, F_OK), -1);
	add(text);
	assert_int_equal(lines(path), AUDIT_WAITS / sizeof(text));
	audit_file_free(file); /* and no loop ran */
	file = NULL;
	assert_int_equal(lines(path), AUDIT_WAITS / sizeof(text) + 1);
}

static void line_of_a_round(const char *text)
{
	add(text);
	a_round();
}

static void another_file_or_none_at_its_place_is_seen(void **state)
{
	int fd;

	(void)state;
	line_of_a_round("{1}");
	assert_int_equal(rename(path, third), 0);
	line_of_a_round("{2}");
	assert_int_equal(lines(third), 1);
	assert_int_equal(lines(path), 1);
	assert_int_equal(unlink(path), 0);
	line_of_a_round("{3}");
	assert_int_equal(lines(path), 1);
	assert_int_equal(unlink(path), 0);
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	line_of_a_round("{4}");
	assert_int_equal(lines(path), 1);
	close(fd);
}

static void what_others_may_read_or_what_is_no_file_is_not_written_any_more(void **state)
{
	(void)state;
	line_of_a_round("{1}");
	assert_int_equal(chmod(path, 0640), 0);
	line_of_a_round("{2}");
	assert_int_equal(lines(path), 1);
	assert_int_equal(chmod(path, 0600), 0);
	line_of_a_round("{3}");
	assert_int_equal(lines(path), 2);
	assert_int_equal(rename(path, third), 0);
	assert_int_equal(symlink(third, path), 0);
	line_of_a_round("{4}");
	assert_int_equal(lines(third), 2);
	assert_int_equal(unlink(path), 0);
	line_of_a_round("{5}");
	assert_int_equal(lines(path), 1);
}

static void a_full_one_makes_way(void **state)
{
	struct stat st;

	(void)state;
	line_of_a_round("{1}");
	assert_int_equal(truncate(path, AUDIT_SIZE - 1), 0);
	line_of_a_round("{2}");
	assert_int_equal(access(before, F_OK), -1);
	line_of_a_round("{3}");
	assert_int_equal(lines(path), 1);
	assert_int_equal(stat(before, &st), 0);
	assert_int_equal(st.st_size, AUDIT_SIZE - 1 + 4);
}

/* As where the disk is full: the kernel takes a part of them. */
static void of_lines_without_room_whole_ones_are_kept(void **state)
{
	struct rlimit was, limit;

	(void)state;
	line_of_a_round("{1}");
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &was), 0);
	limit = was;
	limit.rlim_cur = 4 + 5 + 3;
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
	add("{22}");
	add("{33}");
	a_round();
	line_of_a_round("{4}");
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &was), 0);
	assert_int_equal(lines(path), 2);
	line_of_a_round("{5}");
	assert_int_equal(lines(path), 3);
}

/* While the file is full once, and becomes another. */
static void lines_of_many_that_have_it_open_are_whole_and_none_is_lost(void **state)
{
	char text[128];
	int status;

	(void)state;
	memset(text, 'x', sizeof(text));
	text[0] = '{';
	memcpy(text + sizeof(text) - 2, "}", 2);
	line_of_a_round("{0}");
	/* lines of before, so that it is full half way */
	for (unsigned i = 0; i < AUDIT_SIZE / sizeof(text) - WRITERS * LINES / 2; i++)
		add(text);
	a_round();
	for (int i = 0; i < WRITERS; i++)
		if (!fork()) {
			struct audit_file *mine;

			if (audit_file_new(loop, path, &mine))
				_exit(1);
			for (int k = 0; k < LINES; k++) {
				audit_file_add(mine, text, strlen(text));
				if (k % 8 == 7) /* and one that opens it for each */
					audit_line(path, text);
				if (k % 700 == 699) /* before that they are written as too many */
					a_round();
			}
			audit_file_free(mine);
			_exit(0);
		}
	for (int i = 0; i < WRITERS; i++) {
		assert_true(wait(&status) > 0);
		assert_int_equal(status, 0);
	}
	assert_int_equal(lines(path) + lines(before), 1 + AUDIT_SIZE / sizeof(text) -
							  WRITERS * LINES / 2 + WRITERS * LINES +
							  WRITERS * (LINES / 8));
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(lines_of_a_round_are_one_write_when_it_is_over),
		T(what_waits_is_written_at_the_end_and_when_it_is_much),
		T(another_file_or_none_at_its_place_is_seen),
		T(what_others_may_read_or_what_is_no_file_is_not_written_any_more),
		T(a_full_one_makes_way),
		T(of_lines_without_room_whole_ones_are_kept),
		T(lines_of_many_that_have_it_open_are_whole_and_none_is_lost),
	};

	return cmocka_run_group_tests_name("audit file", tests, NULL, NULL);
}
