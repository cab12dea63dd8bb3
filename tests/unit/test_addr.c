// SPDX-License-Identifier: Apache-2.0
/* test_addr.c - base/addr.c: destinations, ports, protocols and durations as people write them */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "base/addr.h"

static void what_is_written_is_what_is_shown(void **state)
{
	static const struct {
		const char *text, *shown;
		int port, proto;
	} cases[] = {
		{ "192.0.2.1", "192.0.2.1", 0, 0 },
		{ "192.0.2.1:443", "192.0.2.1", 443, 0 },
		{ "192.0.2.1:443/tcp", "192.0.2.1", 443, 6 },
		{ "192.0.2.1/udp", "192.0.2.1", 0, 17 },
		{ "192.0.2.77/24", "192.0.2.0/24", 0, 0 },
		{ "10.1.2.3/8:80/tcp", "10.0.0.0/8", 80, 6 },
		{ "0.0.0.0/0", "0.0.0.0/0", 0, 0 },
		{ "2001:DB8::1", "2001:db8::1", 0, 0 },
		{ "[2001:db8::1]:443", "2001:db8::1", 443, 0 },
		{ "[2001:db8::1]:443/udp", "2001:db8::1", 443, 17 },
		{ "2001:db8:ffff::/32", "2001:db8::/32", 0, 0 },
		{ "::/0", "::/0", 0, 0 },
		{ "::ffff:192.0.2.9", "192.0.2.9", 0, 0 },
		{ "192.0.2.1/32", "192.0.2.1", 0, 0 },
		{ "192.0.2.1/255", "", 0, -1 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct problem why = {};
		char buf[ADDR_TEXT];
		struct dest dest;
		int r = dest_parse(cases[i].text, &dest, &why);

		if (cases[i].proto < 0) {
			assert_int_not_equal(r, 0);
			continue;
		}
		if (r)
			fail_msg("%s: %s", cases[i].text, why.text);
		assert_string_equal(dest_format(buf, &dest), cases[i].shown);
		assert_int_equal(dest.port, cases[i].port);
		assert_int_equal(dest.proto, cases[i].proto);
	}
}

static void what_is_wrong_is_refused_by_name_and_changes_nothing(void **state)
{
	static const char *const bad[] = {
		"",           "example.com", "10.1",          "010.0.0.1",
		"1.2.3.4.5",  "1.2.3.256",   "1.2.3.4/33",    "::1/129",
		"1.2.3.4/-1", "1.2.3.4/08",  "1.2.3.4:0",     "1.2.3.4:65536",
		"1.2.3.4:",   "1.2.3.4:x",   "1.2.3.4/sctp",  "fe80::1%eth",
		"[::1",       "[::1]443",    "1.2.3.4/24/24", "1.2.3.4/tcp/udp",
		" 1.2.3.4",   "1.2.3.4 ",    "1.2.3.4:80:80", "0x7f.0.0.1",
		"[1.2.3.4]x",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct dest dest = { .port = 4242 };
		struct problem why = {};

		if (!dest_parse(bad[i], &dest, &why))
			fail_msg("'%s' was taken", bad[i]);
		assert_true(why.text[0]);
		assert_int_equal(dest.port, 4242);
	}
}

static void durations_have_units_and_bounds(void **state)
{
	static const struct {
		const char *text;
		uint64_t seconds; /* 0: refused */
	} cases[] = {
		{ "1", 1 },           { "90s", 90 }, { "10m", 600 }, { "2h", 7200 },
		{ "366d", 31622400 }, { "367d", 0 }, { "0", 0 },     { "-1", 0 },
		{ "1w", 0 },          { "1m1", 0 },  { "", 0 },      { "m", 0 },
		{ "99999999999", 0 }, { "1.5h", 0 }, { "10 m", 0 },  { "010", 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint64_t seconds = 0;

		assert_int_equal(!duration_parse(cases[i].text, &seconds, NULL),
				 cases[i].seconds != 0);
		assert_int_equal(seconds, cases[i].seconds);
	}
}

static void protocols_have_names_and_numbers(void **state)
{
	uint8_t proto = 99;
	char buf[8];

	(void)state;
	assert_int_equal(proto_parse("udp", &proto, NULL), 0);
	assert_int_equal(proto, 17);
	assert_int_equal(proto_parse("132", &proto, NULL), 0);
	assert_int_equal(proto, 132);
	assert_int_equal(proto_parse("256", &proto, NULL), -22);
	assert_int_equal(proto_parse("0", &proto, NULL), -22);
	assert_string_equal(proto_name(6, buf), "tcp");
	assert_string_equal(proto_name(0, buf), "any");
	assert_string_equal(proto_name(132, buf), "132");
}

/* What containers connect to differs in the last bytes, of IPv4 and of one prefix of IPv6. */
static void addresses_that_differ_a_little_hash_far_apart(void **state)
{
	static const uint8_t nets[2][16] = { "\0\0\0\0\0\0\0\0\0\0\xff\xff\xc0\x00\x02",
					     "\x20\x01\x0d\xb8" };
	uint8_t addr[16];

	(void)state;
	for (unsigned seed = 0; seed < 8; seed++) {
		bool taken[2][1024] = {};
		unsigned different[2] = {};

		for (unsigned net = 0; net < 2; net++) {
			memcpy(addr, nets[net], sizeof(addr));
			for (unsigned i = 0; i < 256; i++) {
				bool *place;

				addr[15] = i;
				place = &taken[net][addr_hash(addr, seed) % 1024];
				different[net] += !*place;
				*place = true;
			}
			/* 256 thrown at 1024 by chance hit 226 */
			assert_in_range(different[net], 190, 256);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_written_is_what_is_shown),
		cmocka_unit_test(what_is_wrong_is_refused_by_name_and_changes_nothing),
		cmocka_unit_test(durations_have_units_and_bounds),
		cmocka_unit_test(protocols_have_names_and_numbers),
		cmocka_unit_test(addresses_that_differ_a_little_hash_far_apart),
	};

	return cmocka_run_group_tests_name("addr", tests, NULL, NULL);
}
