// SPDX-License-Identifier: Apache-2.0
/* test_gate_audit.c - gate/audit.c: whole lines of many writers, a file that is full, one that is not ours, and back */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/json.h"
#include "gate/audit.h"
#include "gate/trail.h"
#include "service/audit_line.h"

#define WRITERS 6
#define LINES   200

static char folder[64], path[96], before[104];
static struct token token = { .project = "p", .task = "t", .text = "terok-g-0123456789abcdef" };
static const struct audit_ref refs[] = { { "refs/heads/a\033[31m", "0", "1", "ok" },
					 { "refs/heads/b", "1", "2", NULL } };
static const struct audit_deed push = { .what = "push",
					.project = "p",
					.token = &token,
					.outcome = "done",
					.ref = refs,
					.n_refs = 2,
					.more_refs = 3,
					.in = 7,
					.out = 8 };

static int setup(void **state)
{
	(void)state;
	strcpy(folder, "/tmp/terok-audit-XXXXXX");
	if (!mkdtemp(folder))
		return -1;
	snprintf(path, sizeof(path), "%s/audit.jsonl", folder);
	snprintf(before, sizeof(before), "%s.1", path);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	unlink(path);
	unlink(before);
	return rmdir(folder);
}

static void a_line_says_who_did_what_and_not_the_token(void **state)
{
	_cleanup_(json_putp) struct json_object *line = NULL;
	char text[2048];
	struct stat st;
	FILE *file;

	(void)state;
	assert_int_equal(audit_note(path, &push, NULL), 0);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	file = fopen(path, "re");
	assert_non_null(fgets(text, sizeof(text), file));
	fclose(file);
	assert_null(strstr(text, token.text));
	assert_null(strchr(text, '\033'));
	assert_int_equal(json_parse(text, strcspn(text, "\n"), &line), 0);
	assert_string_equal(json_text(line, "what"), "push");
	assert_string_equal(json_text(line, "task"), "t");
	assert_int_equal(json_object_array_length(json_member(line, "refs", json_type_array)), 2);
	assert_int_equal(json_object_get_int(json_member(line, "more_refs", json_type_int)), 3);
}

static void lines_of_many_writers_are_whole(void **state)
{
	unsigned n = 0;
	char text[2048];
	int status;
	FILE *file;

	(void)state;
	for (int i = 0; i < WRITERS; i++)
		if (!fork()) {
			int r = 0;

			for (int k = 0; k < LINES && !r; k++)
				r = audit_note(path, &push, NULL);
			_exit(r != 0);
		}
	for (int i = 0; i < WRITERS; i++) {
		assert_true(wait(&status) > 0);
		assert_int_equal(status, 0);
	}
	file = fopen(path, "re");
	for (; fgets(text, sizeof(text), file); n++) {
		_cleanup_(json_putp) struct json_object *line = NULL;

		assert_int_equal(json_parse(text, strcspn(text, "\n"), &line), 0);
	}
	fclose(file);
	assert_int_equal(n, WRITERS * LINES);
}

static void a_file_that_is_full_makes_way(void **state)
{
	struct stat st;

	(void)state;
	assert_int_equal(audit_note(path, &push, NULL), 0);
	assert_int_equal(truncate(path, AUDIT_SIZE - 1), 0);
	assert_int_equal(audit_note(path, &push, NULL), 0);
	assert_int_equal(access(before, F_OK), -1);
	assert_int_equal(audit_note(path, &push, NULL), 0);
	assert_int_equal(stat(before, &st), 0);
	assert_true(st.st_size > AUDIT_SIZE);
	assert_int_equal(stat(path, &st), 0);
	assert_true(st.st_size > 0 && st.st_size < 4096);
}

static void what_others_may_read_or_what_is_no_file_is_not_written(void **state)
{
	struct problem why;
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	(void)state;
	assert_int_equal(fchmod(fd, 0644), 0);
	close(fd);
	assert_int_equal(audit_note(path, &push, &why), -EPERM);
	assert_non_null(strstr(why.text, path));
	unlink(path);
	assert_int_equal(symlink("/dev/null", path), 0);
	assert_int_equal(audit_note(path, &push, &why), -ELOOP);
}

/* --- read back ------------------------------------------------------------------------ */

static void put(const char *to, const char *text)
{
	int fd = open(to, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

#define LINE(time, project, task)                                                                  \
	"{\"time\":\"" time "\",\"what\":\"clone\",\"project\":\"" project "\",\"task\":\"" task   \
	"\"}\n"

/* The tasks of what was read, in its order. */
static int collect(const char *text, const struct trail_line *line, void *user)
{
	assert_true(*text == '{');
	strcat(user, line->task);
	return 0;
}

static const char *tasks(const char *project, time_t since, unsigned broken)
{
	const struct trail_want want = { .project = project, .since = since };
	static char found[64];
	unsigned n = 99;

	*found = '\0';
	assert_int_equal(trail_read(path, &want, collect, found, &n, NULL), 0);
	assert_int_equal(n, broken);
	return found;
}

static void lines_are_read_back_the_older_file_first(void **state)
{
	(void)state;
	assert_string_equal(tasks(NULL, 0, 0), ""); /* no file has no lines */
	put(path, LINE("2026-11-21T10:00:02.000Z", "p", "c"));
	put(path, LINE("2026-11-21T10:00:03.000Z", "q", "d"));
	put(before, LINE("2026-11-21T10:00:00.000Z", "p", "a"));
	put(before, LINE("2026-11-21T10:00:01.000Z", "p", "b"));
	assert_string_equal(tasks(NULL, 0, 0), "abcd");
	assert_string_equal(tasks("p", 0, 0), "abc");
	assert_string_equal(tasks(NULL, 1795255201, 0), "bcd"); /* that second, and what is later */
	assert_string_equal(tasks("nobody", 0, 0), "");
}

static void what_is_none_of_ours_is_counted_and_not_shown(void **state)
{
	(void)state;
	put(path, "nonsense\n[]\n{}\n\n");
	put(path, "{\"time\":\"yesterday\",\"what\":\"clone\",\"project\":\"p\"}\n");
	put(path, LINE("2026-11-21T10:00:00Z", "p", "a"));
	put(path, LINE("2026-11-21T10:00:00Z", "p\033[2J", "x"));
	put(path, LINE("2026-11-21T10:00:00Z", "p\303\251", "x"));
	put(path, LINE("2026-11-21T10:00:00Z", "p", "b"));
	put(path, "{\"time\":\"2026-11-21T10:00:00Z\""); /* it is being written */
	assert_string_equal(tasks(NULL, 0, 7), "ab");
	assert_int_equal(chmod(path, 0622), 0);
	assert_int_equal(trail_read(path, &(struct trail_want){}, collect, NULL, NULL, NULL),
			 -EPERM);
}

static int one_push(const char *text, const struct trail_line *line, void *user)
{
	struct trail_line_ref ref;

	(void)text, (void)user;
	assert_string_equal(line->what, "push");
	assert_int_equal(line->in, 7);
	assert_int_equal(line->more_refs, 3);
	assert_int_equal(trail_line_ref(line, 0, &ref), 0);
	assert_string_equal(ref.name, "refs/heads/a\033[31m");
	assert_string_equal(ref.result, "ok");
	assert_int_equal(trail_line_ref(line, 1, &ref), 0);
	assert_string_equal(ref.new, "2");
	assert_string_equal(ref.result, "");
	assert_int_equal(trail_line_ref(line, 2, &ref), -ENOENT);
	return 77;
}

static void what_was_noted_is_what_is_read(void **state)
{
	unsigned broken;

	(void)state;
	assert_int_equal(audit_note(path, &push, NULL), 0);
	assert_int_equal(trail_read(path, &(struct trail_want){}, one_push, NULL, &broken, NULL),
			 77);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		T(a_line_says_who_did_what_and_not_the_token),
		T(lines_of_many_writers_are_whole),
		T(a_file_that_is_full_makes_way),
		T(what_others_may_read_or_what_is_no_file_is_not_written),
		T(lines_are_read_back_the_older_file_first),
		T(what_is_none_of_ours_is_counted_and_not_shown),
		T(what_was_noted_is_what_is_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
