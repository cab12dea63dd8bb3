// SPDX-License-Identifier: Apache-2.0
/* test_varlink_share.c - base/varlink_share.c: each limit at N and one beyond it */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/varlink.h"
#include "base/varlink_share.h"

static void a_user_has_so_many_places_and_root_its_own(void **state)
{
	struct shares shares = {};
	struct share *share = NULL, *root = NULL;

	(void)state;
	for (unsigned i = 0; i < VARLINK_UID_MAX; i++)
		assert_non_null(share = share_join(&shares, 1000));
	assert_null(share_join(&shares, 1000));
	assert_non_null(share_join(&shares, 1001));
	for (unsigned i = 0; i < VARLINK_ROOT_MAX; i++)
		assert_non_null(root = share_join(&shares, 0));
	assert_null(share_join(&shares, 0));
	assert_non_null(share_join(&shares, 1001));
	assert_int_equal(shares.users, 2);
	assert_int_equal(shares.peers, VARLINK_UID_MAX + 2);
	share_leave(&shares, share);
	assert_ptr_equal(share_join(&shares, 1000), share);

	for (unsigned i = 0; i < VARLINK_ROOT_MAX; i++)
		share_leave(&shares, root);
	for (unsigned i = 0; i < VARLINK_UID_MAX; i++)
		share_leave(&shares, share);
	share_leave(&shares, shares.first);
	share_leave(&shares, shares.first);
	assert_null(shares.first);
	assert_int_equal(shares.users + shares.peers, 0);
}

static void who_is_exempt_is_as_root(void **state)
{
	struct shares shares = { .exempt = 1000 };
	struct share *own = NULL, *other = NULL;

	(void)state;
	for (unsigned i = 0; i < VARLINK_ROOT_MAX; i++)
		assert_non_null(own = share_join(&shares, 1000));
	assert_null(share_join(&shares, 1000));
	share_resize(&shares, own, 0, VARLINK_UID_BYTES);
	assert_true(share_may_take(&shares, own, VARLINK_USERS_BYTES));
	assert_int_equal(shares.users + shares.peers + shares.bytes, 0);
	for (unsigned i = 0; i < VARLINK_UID_MAX; i++)
		assert_non_null(other = share_join(&shares, 1001));
	assert_null(share_join(&shares, 1001));
	assert_true(share_may_take(&shares, other, VARLINK_UID_BYTES));
	assert_false(share_may_take(&shares, other, VARLINK_UID_BYTES + 1));
	while (shares.first)
		share_leave(&shares, shares.first);
	assert_int_equal(shares.users + shares.peers, 0);
}

static void all_users_together_leave_places(void **state)
{
	struct shares shares = {};

	(void)state;
	for (unsigned i = 0; i < VARLINK_USERS_MAX; i++)
		assert_non_null(share_join(&shares, 1 + i));
	assert_null(share_join(&shares, 1));
	assert_null(share_join(&shares, 1 + VARLINK_USERS_MAX));
	assert_non_null(share_join(&shares, 0));
	while (shares.first)
		share_leave(&shares, shares.first);
}

static void a_users_bytes_have_a_limit_and_roots_have_none(void **state)
{
	struct shares shares = {};
	struct share *share = share_join(&shares, 1000), *root = share_join(&shares, 0);

	(void)state;
	assert_true(share_may_take(&shares, share, VARLINK_UID_BYTES));
	assert_false(share_may_take(&shares, share, VARLINK_UID_BYTES + 1));
	share_resize(&shares, share, 0, VARLINK_UID_BYTES);
	assert_false(share_may_take(&shares, share, 1));
	share_resize(&shares, share, 10, 9);
	assert_true(share_may_take(&shares, share, 1));
	share_resize(&shares, root, 0, VARLINK_USERS_BYTES);
	assert_true(share_may_take(&shares, root, VARLINK_USERS_BYTES));
	assert_true(share_may_take(&shares, share, 1)); /* root's do not count */
	share_leave(&shares, share);
	share_leave(&shares, root);
}

static void when_all_have_much_who_has_little_still_gets_some(void **state)
{
	struct shares shares = {};
	struct share *share = NULL, *late;
	unsigned n = VARLINK_USERS_BYTES / VARLINK_UID_BYTES;

	(void)state;
	for (unsigned i = 0; i < n; i++) {
		share = share_join(&shares, 1000 + i);
		share_resize(&shares, share, 0, VARLINK_UID_BYTES - 1);
	}
	late = share_join(&shares, 2000);
	assert_true(share_may_take(&shares, late, n)); /* what is left of all */
	assert_true(share_may_take(&shares, late, VARLINK_USERS_BYTES / (n + 1)));
	assert_false(share_may_take(&shares, late, VARLINK_USERS_BYTES / (n + 1) + 1));
	share_resize(&shares, late, 0, n);
	assert_false(share_may_take(&shares, share, 1)); /* has more than an equal part */
	while (shares.first)
		share_leave(&shares, shares.first);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_user_has_so_many_places_and_root_its_own),
		cmocka_unit_test(who_is_exempt_is_as_root),
		cmocka_unit_test(all_users_together_leave_places),
		cmocka_unit_test(a_users_bytes_have_a_limit_and_roots_have_none),
		cmocka_unit_test(when_all_have_much_who_has_little_still_gets_some),
	};

	return cmocka_run_group_tests_name("varlink share", tests, NULL, NULL);
}
