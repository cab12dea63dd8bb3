// SPDX-License-Identifier: Apache-2.0
/* test_reader_names.c - hub/reader_names.c: who is meant by an id, long or short, or a name */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "hub/reader_names.h"

#define SHORT "0123456789ab"
#define LONG  SHORT "cdef0123456789abcdef0123456789abcdef0123456789abcdef"

static struct reader_names names;

static int setup(void **state)
{
	(void)state;
	memset(&names, 0, sizeof(names));
	return 0;
}

static void is_meant(const char *text, const char *id)
{
	assert_string_equal(reader_names_find(&names, text), id);
}

static void a_name_means_the_container_that_has_it(void **state)
{
	(void)state;
	is_meant("web", "web");
	reader_names_learn(&names, SHORT, "web");
	is_meant("web", SHORT);
	is_meant(SHORT, SHORT);
	is_meant("other", "other");
	is_meant("", "");
	reader_names_forget(&names, SHORT);
	is_meant("web", "web");
}

static void all_digits_mean_the_container_of_the_first_twelve(void **state)
{
	char other[80];

	(void)state;
	assert_int_equal(strlen(LONG), 64);
	is_meant(LONG, LONG);
	reader_names_learn(&names, SHORT, NULL);
	is_meant(LONG, SHORT);
	strcpy(other, LONG);
	other[20] = 'x'; /* no id */
	is_meant(other, other);
	strcpy(other, LONG);
	other[63] = '\0';
	is_meant(other, other);
	/* one that is known by all of its digits is itself */
	reader_names_learn(&names, LONG, NULL);
	is_meant(LONG, LONG);
}

static void the_later_of_two_of_a_name_is_meant(void **state)
{
	(void)state;
	reader_names_learn(&names, "first", "web");
	reader_names_learn(&names, "second", "web");
	is_meant("web", "second");
	reader_names_learn(&names, "first", NULL); /* heard of again, and it keeps its name */
	is_meant("web", "first");
	reader_names_forget(&names, "first");
	is_meant("web", "second");
	/* a container whose id is another's name is itself */
	reader_names_learn(&names, "third", "second");
	is_meant("second", "second");
}

static void what_is_too_long_or_too_much_is_nobodys(void **state)
{
	char text[256], id[32];

	(void)state;
	memset(text, 'x', sizeof(text));
	text[sizeof(text) - 1] = '\0';
	reader_names_learn(&names, text, "web");
	is_meant("web", "web");
	reader_names_learn(&names, "c1", text);
	is_meant(text, text);
	is_meant("c1", "c1");
	for (unsigned i = 0; i < 20 * READER_NAMES_MAX; i++) {
		snprintf(id, sizeof(id), "%u", i);
		reader_names_learn(&names, id, id);
		is_meant(id, id);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup(name, setup)
		T(a_name_means_the_container_that_has_it),
		T(all_digits_mean_the_container_of_the_first_twelve),
		T(the_later_of_two_of_a_name_is_meant),
		T(what_is_too_long_or_too_much_is_nobodys),
	};

	return cmocka_run_group_tests_name("reader_names", tests, NULL, NULL);
}
