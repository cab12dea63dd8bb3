// SPDX-License-Identifier: Apache-2.0
/*
 * test_grants.c - user/grants.c: whose grants are forgotten when there are too many
 *
 * The kernel's maps are played (--wrap): every rule that is looked for is there and in force, since
 * it was made. What is in real maps is tests/kernel/test_grants.c's.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "grants.h"
#include "guard.h"
#include "names.h"

#define ANNE   1001
#define BERT   1002
#define GUARDS 80 /* of Bert's */
#define EACH   900
#define FEW    5 /* of Anne's only guard */

static struct grants *grants;
static uint64_t numbers[FEW];
static unsigned n_numbers;

int __wrap_guard_info(const struct kernel *kernel, uint32_t guard, struct terok_info *ret);
bool __wrap_policy_exact(const struct kernel *kernel, struct rule *rule);
int __wrap_policy_each(const struct kernel *kernel, uint32_t guard,
		       int (*fn)(const struct rule *rule, void *user), void *user);
int __wrap_names_domains(const struct kernel *kernel, uint32_t guard,
			 int (*fn)(const struct domain_rule *rule, void *user), void *user);

int __wrap_guard_info(const struct kernel *kernel, uint32_t guard, struct terok_info *ret)
{
	(void)kernel;
	*ret = (struct terok_info){ .uid = guard == 1 ? ANNE : BERT };
	return 0;
}

bool __wrap_policy_exact(const struct kernel *kernel, struct rule *rule)
{
	(void)kernel;
	rule->value = (struct terok_rule){ .author = TEROK_AUTHOR_VERDICT, .action = TEROK_ALLOW };
	return true;
}

int __wrap_policy_each(const struct kernel *kernel, uint32_t guard,
		       int (*fn)(const struct rule *rule, void *user), void *user)
{
	(void)kernel, (void)guard, (void)fn, (void)user;
	return 0;
}

int __wrap_names_domains(const struct kernel *kernel, uint32_t guard,
			 int (*fn)(const struct domain_rule *rule, void *user), void *user)
{
	(void)kernel, (void)guard, (void)fn, (void)user;
	return 0;
}

static int setup(void **state)
{
	(void)state;
	return grants_new(NULL, &grants);
}

static int teardown(void **state)
{
	(void)state;
	grants_free(grants);
	return 0;
}

static void note(uint32_t guard, unsigned n)
{
	struct verdict_rule rule = { .dest = { .bits = 128, .proto = 6, .port = 443 } };

	memcpy(rule.dest.addr, "\x20\x01\x0d\xb8", 4);
	memcpy(rule.dest.addr + 12, &n, sizeof(n));
	grants_note(grants, guard, &rule, TEROK_ALLOW, SCOPE_ONCE);
}

static void is_annes(const struct granted *granted, void *user)
{
	(void)user;
	assert_int_equal(granted->guard, 1);
	assert_int_equal(granted->scope,
			 SCOPE_ONCE); /* as she said it: it was not looked for anew */
	assert_true(n_numbers < FEW);
	numbers[n_numbers++] = granted->number;
}

static void annes_now(uint64_t ret[static FEW])
{
	n_numbers = 0;
	assert_false(grants_each(grants, ANNE, 0, is_annes, NULL));
	assert_int_equal(n_numbers, FEW);
	memcpy(ret, numbers, sizeof(numbers));
}

static void who_has_a_few_keeps_them_when_another_has_too_many(void **state)
{
	uint64_t before[FEW], after[FEW];

	(void)state;
	for (unsigned i = 0; i < FEW; i++)
		note(1, i);
	annes_now(before);
	assert_true(GUARDS * EACH > GRANTS_MAX + EACH);
	for (unsigned i = 0; i < GUARDS * EACH; i++)
		note(2 + i % GUARDS, i);
	annes_now(after);
	assert_memory_equal(after, before, sizeof(after));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(who_has_a_few_keeps_them_when_another_has_too_many,
						setup, teardown),
	};

	return cmocka_run_group_tests_name("grants", tests, NULL, NULL);
}
