// SPDX-License-Identifier: Apache-2.0
/* test_registry_reap.c - user/registry/reap.c: whose rows go when the control plane begins */
#include "registry_file.h"

#include "base/event.h"
#include "base/log.h"
#include "registry_runtime.h"
#include "user/registry/reap.h"

static struct loop *loop;
static struct agents *agents;
static char degraded[300];
static unsigned evicted, told;

static int setup(void **state)
{
	static const char *const ids[] = { "aa", "bb", "cc" };

	(void)state;
	log_setup("test", LOG_EMERG, false);
	empty_runtime();
	told = 0;
	if (box_make())
		return -1;
	strcpy(file, in_box("controlplane.db"));
	if (loop_new(&loop) || agents_open(file, &agents, &why))
		return -1;
	for (int i = 0; i < 3; i++) {
		struct agent agent = { .thumbprint = { i + 1 }, .registered = 1, .name = "a" };

		strcpy(agent.container, ids[i]);
		if (agents_add(agents, &agent, &why))
			return -1;
	}
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	agents_free(agents);
	loop_free(loop);
	return box_remove();
}

static void on_done(unsigned n, const char *text, void *user)
{
	(void)user;
	told++;
	evicted = n;
	snprintf(degraded, sizeof(degraded), "%s", text);
	loop_stop(loop);
}

static int count(const struct agent *agent, void *user)
{
	(void)agent;
	++*(unsigned *)user;
	return 0;
}

static unsigned rows(void)
{
	unsigned n = 0;

	assert_int_equal(agents_each(agents, count, &n, &why), 0);
	return n;
}

static void reaped(void)
{
	struct reap *reap;

	assert_int_equal(reap_begin(loop, &fake, agents, on_done, NULL, &reap), 0);
	assert_int_equal(loop_run(loop), 0);
	assert_int_equal(told, 1);
}

static void rows_of_containers_that_are_gone_go_and_stopped_ones_keep_theirs(void **state)
{
	struct agent agent;

	(void)state;
	put_container("cc", NULL, "", "x"); /* the list has stopped ones as well */
	put_container("aa", NULL, "", "x");
	put_container("dd", NULL, "", "x");
	reaped();
	assert_int_equal(evicted, 1);
	assert_string_equal(degraded, "");
	assert_int_equal(rows(), 2);
	assert_int_equal(agents_lookup(agents, "bb", &agent, &why), -ENOENT);
}

static void an_empty_list_is_one_and_evicts_all(void **state)
{
	(void)state;
	reaped();
	assert_int_equal(evicted, 3);
	assert_int_equal(rows(), 0);
}

static void a_list_that_comes_the_third_time_is_a_list(void **state)
{
	uint64_t begun = now_boot_ns();

	(void)state;
	fails = 2;
	put_container("aa", NULL, "", "x");
	reaped();
	assert_int_equal(looks, 3);
	assert_int_equal(evicted, 2);
	assert_string_equal(degraded, "");
	assert_true(now_boot_ns() - begun >= 3 * REAP_PAUSE_NS); /* one, then two of them */
}

static void three_that_fail_evict_nobody_and_it_goes_on(void **state)
{
	(void)state;
	fails = 3;
	reaped();
	assert_int_equal(looks, 3);
	assert_int_equal(evicted, 0);
	assert_int_equal(rows(), 3);
	assert_non_null(strstr(degraded, "the daemon is away"));
}

static void a_runtime_that_cannot_be_asked_is_the_same(void **state)
{
	(void)state;
	cannot = -ENOENT;
	reaped();
	assert_int_equal(rows(), 3);
	assert_true(*degraded);
}

static void rows_that_cannot_be_read_evict_nobody(void **state)
{
	(void)state;
	sql("ALTER TABLE agents RENAME TO others");
	reaped();
	assert_int_equal(evicted, 0);
	assert_true(*degraded);
	sql("ALTER TABLE others RENAME TO agents");
	assert_int_equal(rows(), 3);
}

static void one_row_that_cannot_go_keeps_no_other(void **state)
{
	(void)state;
	sql("CREATE TRIGGER stay BEFORE DELETE ON agents WHEN OLD.container_id = 'bb'"
	    " BEGIN SELECT raise(ABORT, 'no'); END");
	reaped();
	assert_non_null(strstr(degraded, "1 of 3"));
	assert_int_equal(rows(), 1);
}

static void nothing_that_it_needs_may_be_missing(void **state)
{
	struct reap *reap = NULL;

	(void)state;
	assert_int_equal(reap_begin(NULL, &fake, agents, on_done, NULL, &reap), -EINVAL);
	assert_int_equal(reap_begin(loop, NULL, agents, on_done, NULL, &reap), -EINVAL);
	assert_int_equal(reap_begin(loop, &fake, NULL, on_done, NULL, &reap), -EINVAL);
	assert_int_equal(reap_begin(loop, &fake, agents, NULL, NULL, &reap), -EINVAL);
	assert_null(reap);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		CASE(rows_of_containers_that_are_gone_go_and_stopped_ones_keep_theirs),
		CASE(an_empty_list_is_one_and_evicts_all),
		CASE(a_list_that_comes_the_third_time_is_a_list),
		CASE(three_that_fail_evict_nobody_and_it_goes_on),
		CASE(a_runtime_that_cannot_be_asked_is_the_same),
		CASE(rows_that_cannot_be_read_evict_nobody),
		CASE(one_row_that_cannot_go_keeps_no_other),
		CASE(nothing_that_it_needs_may_be_missing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
