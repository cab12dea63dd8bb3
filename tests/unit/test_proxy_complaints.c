// SPDX-License-Identifier: Apache-2.0
/* test_proxy_complaints.c - proxy/complaints.c: who may have lines in the log, and what is said of the rest */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/log.h"
#include "proxy/complaints.h"

static struct loop *loop;
static struct complaints *complaints;
static int said = -1, was = -1;

static int setup(void **state)
{
	(void)state;
	log_setup("test", LOG_WARNING, false);
	said = memfd_create("said", MFD_CLOEXEC);
	was = dup(2);
	dup2(said, 2);
	return loop_new(&loop) || complaints_new(loop, &complaints);
}

static int teardown(void **state)
{
	(void)state;
	complaints_free(complaints);
	loop_free(loop);
	dup2(was, 2);
	close(was);
	return close(said);
}

/* What was said since; good until the next. */
static const char *lines(void)
{
	static char text[8192];
	ssize_t n = pread(said, text, sizeof(text) - 1, 0);

	assert_true(n >= 0);
	text[n] = '\0';
	assert_int_equal(ftruncate(said, 0), 0);
	lseek(said, 0, SEEK_SET);
	return text;
}

static unsigned had(const char *from, unsigned n, uint64_t now_ns)
{
	unsigned ret = 0;

	while (n--)
		ret += complaints_may(complaints, from, now_ns);
	return ret;
}

static int over(struct timer *timer)
{
	(void)timer;
	return -ECANCELED;
}

static void each_source_has_its_own_and_one_more_a_second(void **state)
{
	uint64_t now = now_boot_ns();

	(void)state;
	assert_int_equal(had("noisy", 1000, now), COMPLAINTS);
	assert_int_equal(had("quiet", 1, now), 1);
	assert_int_equal(had("", 1, now), 1);
	assert_int_equal(had("noisy", 1000, now + SECOND_NS - 1), 0);
	assert_int_equal(had("noisy", 1000, now + 3 * SECOND_NS), 3);
	assert_int_equal(had("noisy", 1000, now + 100 * SECOND_NS), COMPLAINTS);
}

static void what_was_left_out_is_said_once_a_while_later(void **state)
{
	uint64_t before = now_boot_ns() - COMPLAINTS_TOLD_NS;
	struct timer timer = {};

	(void)state;
	had("noisy\033[31m", COMPLAINTS + 7, before);
	had("", COMPLAINTS + 3, before);
	had("quiet", COMPLAINTS, before);
	assert_string_equal(lines(), "");
	timer_arm(loop, &timer, now_boot_ns() + 1000000, over);
	assert_int_equal(loop_run(loop), -ECANCELED);
	assert_string_equal(lines(), "test: 7 more requests of container noisy?[31m were refused\n"
				     "test: 3 more requests were refused\n");
	complaints_free(complaints);
	assert_string_equal(lines(), "");
	assert_int_equal(complaints_new(loop, &complaints), 0);
	had("", COMPLAINTS + 2, now_boot_ns()); /* and at the end */
	complaints_free(complaints);
	complaints = NULL;
	assert_string_equal(lines(), "test: 2 more requests were refused\n");
}

static void of_too_many_who_was_quiet_for_longest_gives_way(void **state)
{
	uint64_t now = now_boot_ns();
	char name[16];

	(void)state;
	had("first", COMPLAINTS + 1, now - 1000 * SECOND_NS);
	had("second", COMPLAINTS, now);
	for (unsigned i = 0; i < COMPLAINTS_SOURCES - 2; i++) {
		snprintf(name, sizeof(name), "c%u", i);
		assert_int_equal(had(name, 1, now), 1);
	}
	assert_string_equal(lines(), "");
	assert_int_equal(had("last", 1, now), 1);
	assert_string_equal(lines(), "test: 1 more requests of container first were refused\n");
	assert_int_equal(had("second", 10, now), 0);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(each_source_has_its_own_and_one_more_a_second),
		T(what_was_left_out_is_said_once_a_while_later),
		T(of_too_many_who_was_quiet_for_longest_gives_way),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
