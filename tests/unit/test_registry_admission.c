// SPDX-License-Identifier: Apache-2.0
/* test_registry_admission.c - user/registry/admission.c: for how long a call is admitted */
#include "registry_box.h"

#include "registry_runtime.h"
#include "user/registry/admission.h"

static struct peers *peers;
static struct admission_use use;
static struct admission *admission;

static int setup(void **state)
{
	(void)state;
	empty_runtime();
	use = (struct admission_use){};
	return peers_new(&fake, &peers) ?: identity_new(peers, NULL, &use.identity)
					 ?: admission_new(&use, &admission);
}

static int teardown(void **state)
{
	(void)state;
	admission_free(admission);
	identity_free(use.identity);
	peers_free(peers);
	return 0;
}

static void a_message_that_comes_a_minute_later_is_too_late(void **state)
{
	struct caller caller = { .admission = admission,
				 .who = { .container = "aa", .seen_ns = now_boot_ns() } };

	(void)state;
	caller.admitted_ns = now_boot_ns() - ADMISSION_NS + 5 * SECOND_NS;
	assert_true(caller_holds(&caller));
	caller.admitted_ns = now_boot_ns() - ADMISSION_NS;
	assert_false(caller_holds(&caller));
	caller.admitted_ns = 0; /* nobody has */
	assert_false(caller_holds(&caller));
}

static void whose_container_has_moved_is_admitted_no_more(void **state)
{
	struct caller caller = { .admission = admission,
				 .admitted_ns = now_boot_ns(),
				 .who = { .container = "aa", .seen_ns = now_boot_ns() } };

	(void)state;
	peers_moved(peers, "bb");
	assert_true(caller_holds(&caller));
	peers_moved(peers, "aa");
	assert_false(caller_holds(&caller));
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		CASE(a_message_that_comes_a_minute_later_is_too_late),
		CASE(whose_container_has_moved_is_admitted_no_more),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
