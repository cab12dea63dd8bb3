// SPDX-License-Identifier: Apache-2.0
/* test_lately.c - user/lately.c: how often the kernel is asked for the name of an address */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "lately.h"
#include "names.h"

#define NOW 5000000000

static struct lately *lately;
static unsigned asked;
static const char *has = "";

bool __wrap_names_reverse(const struct kernel *kernel, uint32_t guard,
			  const uint8_t addr[static 16], char ret[static TEROK_DOMAIN_LEN]);

/* The kernel's maps, played. */
bool __wrap_names_reverse(const struct kernel *kernel, uint32_t guard,
			  const uint8_t addr[static 16], char ret[static TEROK_DOMAIN_LEN])
{
	(void)kernel, (void)guard, (void)addr;
	asked++;
	strcpy(ret, has);
	return *has;
}

static int setup(void **state)
{
	(void)state;
	asked = 0;
	has = "";
	return lately_new(&lately);
}

static int teardown(void **state)
{
	(void)state;
	lately_free(lately);
	return 0;
}

static const char *name_of(uint32_t guard, uint8_t last, uint64_t at_ns, uint64_t learned)
{
	struct terok_record record = { .guard = guard, .boot_ns = at_ns };

	memcpy(record.dst, "\0\0\0\0\0\0\0\0\0\0\xff\xff\xc0\x00\x02", 15);
	record.dst[15] = last;
	return lately_name(lately, NULL, &record, learned);
}

static void a_flood_is_one_question(void **state)
{
	(void)state;
	has = "one.example";
	for (unsigned i = 0; i < 1000; i++)
		assert_string_equal(name_of(1, 1, NOW + i, 0), "one.example");
	assert_int_equal(asked, 1);
	has = "";
	for (unsigned i = 0; i < 1000; i++)
		assert_string_equal(name_of(1, 2, NOW + i, 0), "");
	assert_int_equal(asked, 2);
}

static void what_was_said_ages(void **state)
{
	(void)state;
	assert_string_equal(name_of(1, 1, NOW, 0), "");
	has = "one.example";
	assert_string_equal(name_of(1, 1, NOW + LATELY_NS - 1, 0), "");
	assert_string_equal(name_of(1, 1, NOW + LATELY_NS, 0), "one.example");
}

static void what_is_learned_counts_at_once(void **state)
{
	(void)state;
	assert_string_equal(name_of(1, 1, NOW, 0), "");
	has = "one.example";
	assert_string_equal(name_of(1, 1, NOW, 1), "one.example");
}

static void another_guard_is_asked_about_itself(void **state)
{
	(void)state;
	has = "one.example";
	name_of(1, 1, NOW, 0);
	has = "";
	assert_string_equal(name_of(2, 1, NOW, 0), "");
	assert_int_equal(asked, 2);
}

int main(void)
{
#define T(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(a_flood_is_one_question),
		T(what_was_said_ages),
		T(what_is_learned_counts_at_once),
		T(another_guard_is_asked_about_itself),
	};

	return cmocka_run_group_tests_name("lately", tests, NULL, NULL);
}
