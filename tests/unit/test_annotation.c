// SPDX-License-Identifier: Apache-2.0
/* test_annotation.c - tools/hook_annotation.c: the words of terok.guard */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "base/addr.h"
#include "tools/hook_annotation.h"

static struct control_attach word;

static int parse(const char *text, struct problem *why)
{
	word = (struct control_attach){};
	return annotation_parse(text, &word, why);
}

static const char *address(char text[static ADDR_TEXT], unsigned i)
{
	return addr_format(text, word.infra[i].addr);
}

static void no_word_is_up_with_what_was_kept(void **state)
{
	static const char *const none[] = { "", " ", "1", "true", "1 profiles=a" };

	(void)state;
	for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++) {
		assert_int_equal(parse(none[i], NULL), 0);
		assert_int_equal(word.state, TEROK_STATE_NONE);
	}
	assert_string_equal(word.profiles, "a");
	assert_int_equal(parse("", NULL), 0);
	assert_int_equal(word.profiles_said, 0);
	assert_int_equal(parse("profiles=", NULL), 0);
	assert_string_equal(word.profiles, "");
	assert_int_equal(word.profiles_said, 1);
}

static void every_word_is_taken(void **state)
{
	char text[ADDR_TEXT];

	(void)state;
	assert_int_equal(parse("down_all gateway=10.88.0.1 host-ports=9418:18731 gateway=fd00::2 "
			       "resolver=10.0.2.3  resolver=fd00::3 publish=80:8443/tcp "
			       "profiles=dev-standard:/etc/mine.txt names=synthetic",
			       NULL),
			 0);
	assert_int_equal(word.state, TEROK_STATE_DOWN_ALL);
	assert_int_equal(word.names, CONTROL_NAMES_SYNTHETIC);
	assert_string_equal(word.profiles, "dev-standard:/etc/mine.txt");
	assert_int_equal(word.n_ports, 2);
	assert_int_equal(word.port[1].port, 8443);
	assert_int_equal(word.port[1].proto, IPPROTO_TCP);
	/* two resolvers by two protocols, two ports at three addresses */
	assert_int_equal(word.n_infra, 10);
	assert_string_equal(address(text, 0), "10.0.2.3");
	assert_int_equal(word.infra[0].port, 53);
	assert_int_equal(word.infra[0].proto + word.infra[1].proto, IPPROTO_UDP + IPPROTO_TCP);
	assert_string_equal(address(text, 3), "fd00::3");
	assert_string_equal(address(text, 4), ANNOTATION_PASTA_MAP);
	assert_string_equal(address(text, 6), "10.88.0.1");
	assert_string_equal(address(text, 9), "fd00::2");
	assert_int_equal(word.infra[9].port, 18731);
	assert_int_equal(word.infra[9].proto, IPPROTO_TCP);
}

static void a_wrong_word_is_named(void **state)
{
	static const char *const wrong[][2] = {
		{ "open", "'open'" },
		{ "up down", "'down'" },
		{ "publish=80 up", "'up'" },
		{ "UP", "'UP'" },
		{ "up,down", "'up,down'" },
		{ "publish=", "'publish='" },
		{ "publish=0", "'publish=0'" },
		{ "publish=80:x", "'publish=80:x'" },
		{ "resolver=10.0.0.0/8", "one address" },
		{ "resolver=10.0.0.1:53", "one address" },
		{ "resolver=dns.example", "'resolver=dns.example'" },
		{ "gateway=10.0.0.1", "host-ports=" },
		{ "gateway=10.0.0.0/8 host-ports=1", "one address" },
		{ "host-ports=", "host-ports=" },
		{ "host-ports=1 host-ports=2", "'host-ports=2'" },
		{ "profiles=a profiles=b", "'profiles=b'" },
		{ "profile=a", "'profile=a'" },
		{ "=", "'='" },
	};
	char text[ANNOTATION_MAX + 8];

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		struct problem why = {};

		assert_int_equal(parse(wrong[i][0], &why), -EINVAL);
		if (!strstr(why.text, wrong[i][1]) || !strstr(why.text, "terok.guard"))
			fail_msg("'%s': %s", wrong[i][0], why.text);
	}
	memset(text, 'x', sizeof(text));
	text[sizeof(text) - 1] = '\0';
	assert_int_equal(parse(text, NULL), -EINVAL);
}

static void too_many_are_refused(void **state)
{
	char text[ANNOTATION_MAX] = "";

	(void)state;
	for (int i = 0; i < CONTROL_PORTS; i++)
		strcat(text, " publish=1");
	assert_int_equal(parse(text, NULL), 0);
	strcat(text, " publish=1");
	assert_int_equal(parse(text, NULL), -EINVAL);
	*text = '\0';
	for (int i = 0; i < CONTROL_INFRA / 2; i++)
		strcat(text, " resolver=::1");
	assert_int_equal(parse(text, NULL), 0);
	strcat(text, " resolver=::1");
	assert_int_equal(parse(text, NULL), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_word_is_up_with_what_was_kept),
		cmocka_unit_test(every_word_is_taken),
		cmocka_unit_test(a_wrong_word_is_named),
		cmocka_unit_test(too_many_are_refused),
	};

	return cmocka_run_group_tests_name("unit/annotation", tests, NULL, NULL);
}
