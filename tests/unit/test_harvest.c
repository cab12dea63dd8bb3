// SPDX-License-Identifier: Apache-2.0
/* test_harvest.c - what was refused as a profile: groups, order, what is left out, what it says */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/suffix.h"
#include "harvest.h"

static struct harvest harvest;
static char *text;

static int setup(void **state)
{
	(void)state;
	harvest = (struct harvest){};
	text = NULL;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	harvest_done(&harvest);
	free(text);
	return 0;
}

/* @dest: as people write it, or "" */
static void wish(const char *domain, const char *dest, const char *process, const char *when)
{
	struct harvest_wish wish = {
		.domain = domain, .process = process, .when = when, .count = 1, .refused = true
	};

	if (*dest && dest_parse(dest, &wish.dest, NULL))
		fail_msg("%s", dest);
	assert_int_equal(harvest_add(&harvest, &wish), 0);
}

/* A name with a port and TCP. */
static void name(const char *domain, uint16_t port)
{
	struct harvest_wish wish = { .domain = domain, .count = 1, .refused = true };

	wish.dest.port = port;
	wish.dest.proto = port ? IPPROTO_TCP : 0;
	assert_int_equal(harvest_add(&harvest, &wish), 0);
}

static void print(void)
{
	size_t size;
	FILE *to = open_memstream(&text, &size);

	assert_int_equal(harvest_sort(&harvest), 0);
	harvest_print(&harvest, "title", to);
	fclose(to);
}

static void again(void)
{
	free(text);
	text = NULL;
}

static void has(const char *part)
{
	if (!strstr(text, part))
		fail_msg("'%s' is missing in:\n%s", part, text);
}

static void has_not(const char *part)
{
	if (strstr(text, part))
		fail_msg("'%s' is in:\n%s", part, text);
}

static int collect(unsigned line, const struct profile_entry *entry, const struct problem *why,
		   void *user)
{
	char *to = user, buf[PROFILE_TEXT_LEN];

	if (!entry)
		fail_msg("line %u is no entry: %s\n%s", line, why->text, text);
	strcat(strcat(to, profile_entry_format(buf, entry)), "\n");
	return 0;
}

/* The entries that whoever pastes it gets, and nothing but entries and comments in it. */
static void proposes(const char *want)
{
	char got[4096] = "";

	print();
	assert_int_equal(profile_parse(text, strlen(text), collect, got), 0);
	assert_string_equal(got, want);
}

static void the_owner_of_a_name_begins_below_the_public_suffix(void **state)
{
	static const struct {
		const char *domain, *owner;
	} cases[] = {
		{ "a.b.example.com", "example.com" },
		{ "example.com", "example.com" },
		{ "a.example.co.uk", "example.co.uk" },
		{ "x.user.github.io", "user.github.io" },
		{ "a.xn--85x722f.xn--55qx5d.cn", "xn--85x722f.xn--55qx5d.cn" },
		{ "a.b.nobody-knows-this", "b.nobody-knows-this" },
		{ "co.uk", NULL },
		{ "github.io", NULL },
		{ "com", NULL },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *owner = suffix_registrable(cases[i].domain);

		if (!owner || !cases[i].owner)
			assert_ptr_equal(owner, cases[i].owner);
		else
			assert_string_equal(owner, cases[i].owner);
	}
}

static void three_names_offer_their_domain_and_two_do_not(void **state)
{
	(void)state;
	name("c.example.co.uk", 443);
	name("a.example.co.uk", 443);
	name("a.example.co.uk", 80);
	print();
	has_not("*.");
	again();
	name("b.x.example.co.uk", 443);
	proposes("a.example.co.uk:80/tcp\na.example.co.uk:443/tcp\nb.x.example.co.uk:443/tcp\n"
		 "c.example.co.uk:443/tcp\n");
	has("# in place of these 3 names, all below it, those of tomorrow as well:\n"
	    "# *.example.co.uk/tcp\n");
}

static void a_port_that_all_have_stays(void **state)
{
	(void)state;
	name("a.example.com", 443);
	name("b.example.com", 443);
	name("example.com", 443);
	print();
	has("# *.example.com:443/tcp\n");
}

static void no_public_suffix_is_ever_offered(void **state)
{
	(void)state;
	name("a.github.io", 443);
	name("b.github.io", 443);
	name("c.github.io", 443);
	name("github.io", 443);
	name("a.co.uk", 443);
	name("b.co.uk", 443);
	name("c.co.uk", 443);
	proposes("a.co.uk:443/tcp\na.github.io:443/tcp\nb.co.uk:443/tcp\nb.github.io:443/tcp\n"
		 "c.co.uk:443/tcp\nc.github.io:443/tcp\ngithub.io:443/tcp\n");
	has_not("*");
	again();
	name("x.user.github.io", 443);
	name("y.user.github.io", 443);
	name("z.user.github.io", 443);
	print();
	has("# *.user.github.io:443/tcp\n");
	has_not("*.github.io");
}

static void addresses_come_last_by_number(void **state)
{
	(void)state;
	wish("", "[2001:db8::1]:443/tcp", "", "");
	wish("", "203.0.113.10:443/tcp", "", "");
	wish(NULL, "203.0.113.9:443/tcp", NULL, NULL);
	wish("", "203.0.113.9:80/tcp", "", "");
	wish("", "203.0.113.9/icmp", "", "");
	wish("zzz.example.com", "203.0.113.1:443/tcp", "", "");
	proposes("zzz.example.com:443/tcp\n203.0.113.9/icmp\n203.0.113.9:80/tcp\n"
		 "203.0.113.9:443/tcp\n203.0.113.10:443/tcp\n[2001:db8::1]:443/tcp\n");
	has("# addresses without a known name\n");
}

static void private_and_link_local_are_only_comments(void **state)
{
	(void)state;
	wish("", "10.0.0.5:5432/tcp", "psql", "");
	wish("", "169.254.169.254:80/tcp", "", "");
	wish("", "[fe80::1]:80/tcp", "", "");
	wish("", "[64:ff9b::a00:1]:80/tcp", "", ""); /* 10.0.0.1 behind a translator */
	/* an answer that leads into the host's own network must not be allowed by its name */
	wish("rebound.example.com", "192.168.1.1:80/tcp", "", "");
	proposes("");
	has("# WARNING: private or link-local");
	has("# refused 1 time by psql\n# 10.0.0.5:5432/tcp\n");
	has("# 169.254.169.254:80/tcp\n");
	has("# [fe80::1]:80/tcp\n");
	has("# [64:ff9b::a00:1]:80/tcp\n");
	has("# 192.168.1.1:80/tcp\n#   which was called rebound.example.com\n");
}

static void how_often_by_whom_and_when_last(void **state)
{
	(void)state;
	wish("a.example.com", "203.0.113.1:443/tcp", "wget", "2026-01-01T00:00:00+00:00");
	wish("a.example.com", "203.0.113.2:443/tcp", "curl", "2026-01-03T00:00:00+00:00");
	wish("A.Example.com.", "203.0.113.2:443/tcp", "curl", "2026-01-02T00:00:00+00:00");
	proposes("a.example.com:443/tcp\n");
	has("# refused 3 times by curl, wget, last 2026-01-03T00:00:00+00:00\n");
	has("# from 2026-01-01T00:00:00+00:00 to 2026-01-03T00:00:00+00:00\n");
	again();
	wish("a.example.com", "203.0.113.2:443/tcp", "aria2", "");
	wish("a.example.com", "203.0.113.2:443/tcp", "zsync", "");
	harvest.at_least = true;
	print();
	has("# refused at least 5 times by aria2, curl, wget and others, last ");
}

static void the_order_of_wishes_does_not_matter(void **state)
{
	static const char *const names[] = { "b.example.com", "a.example.org", "c.example.com",
					     "a.example.com", "x.example.net", "b.example.com",
					     "b.example.com", "b.example.com" };
	static const char *const who[] = { "d", "b", "c", "a", "e", "f", "a", "g" };
	char *first = NULL;

	(void)state;
	for (unsigned start = 0; start < 8; start++) {
		setup(NULL);
		for (unsigned i = 0; i < 8; i++)
			wish(names[(start + 3 * i) % 8], "203.0.113.1:1/tcp",
			     who[(start + 3 * i) % 8], "");
		print();
		if (!first)
			first = strdup(text);
		assert_string_equal(text, first);
		if (start < 7)
			teardown(NULL);
	}
	has("by a, d, f and others");
	free(first);
}

static void a_name_alone_gives_way_to_one_with_a_port(void **state)
{
	(void)state;
	name("a.example.com", 0);
	name("b.example.com", 0);
	name("a.example.com", 443);
	proposes("a.example.com:443/tcp\nb.example.com\n");
}

static void what_getaddrinfo_asks_routes_with_is_no_wish(void **state)
{
	(void)state;
	wish("", "203.0.113.1/udp", "", "");
	wish("", "203.0.113.1:65535/udp", "", "");
	proposes("");
	has("# nothing is left to propose\n");
}

static void nobody_chooses_a_line_by_a_name(void **state)
{
	(void)state;
	wish("a.example.com", "203.0.113.1:443/tcp", "x\n*.evil.example\n", "");
	wish("b.example.com\n*.evil.example", "203.0.113.2:443/tcp", "\033[2J", "");
	wish("!c.example.com", "203.0.113.3:443/tcp", "", "2026\n*.evil.example");
	wish("*.d.example.com", "203.0.113.4:443/tcp", "", "");
	wish("e.example.com:1", "203.0.113.5:443/tcp", "", "");
	wish("203.0.113.99", "203.0.113.6:443/tcp", "", "");
	proposes("a.example.com:443/tcp\n203.0.113.2:443/tcp\n203.0.113.3:443/tcp\n"
		 "203.0.113.4:443/tcp\n203.0.113.5:443/tcp\n203.0.113.6:443/tcp\n");
	has_not("\033");
	has_not("\n*");
}

static void a_name_that_no_profile_can_say_is_counted(void **state)
{
	(void)state;
	name("_dmarc.example.com", 0);
	name("localhost", 0);
	name("", 0);
	proposes("");
	has("# left out: 3 of a name that no profile can say\n");
}

static void long_names_stay_within_a_line(void **state)
{
	char domain[PROFILE_DOMAIN_MAX + 1], process[2000];

	(void)state;
	memset(domain, 'a', sizeof(domain));
	memset(process, 'p', sizeof(process));
	process[sizeof(process) - 1] = '\0';
	for (unsigned i = 63; i < 249; i += 62)
		domain[i] = '.';
	strcpy(domain + 249, ".com");
	for (char c = 'b'; c < 'e'; c++) {
		domain[0] = c;
		wish(domain, "203.0.113.1:443/tcp", process, "");
	}
	print();
	has("ppp...");
	for (const char *line = text; line; line = strchr(line + 1, '\n'))
		assert_true(strcspn(line + 1, "\n") < PROFILE_LINE_MAX);
}

/* 1: a wish; 0: nothing to do with us; -1 - N: left out because of N */
static int line(const char *json, struct harvest_wish *ret)
{
	static struct json_object *object;
	enum harvest_left left;
	int r;

	if (object)
		json_object_put(object);
	object = json_tokener_parse(json);
	if (!object)
		fail_msg("%s", json);
	r = harvest_line(object, ret, &left);
	return r || left == HARVEST_LEFT_MAX_ ? r : -1 - (int)left;
}

#define LINE "{\"ts\":\"2026-01-01T00:00:00+00:00\",\"container\":\"box\",\"action\":\"blocked\""

static void a_line_has_an_address_a_name_or_both(void **state)
{
	struct harvest_wish w;
	char buf[ADDR_TEXT];

	(void)state;
	assert_int_equal(line(LINE ",\"dest\":\"203.0.113.1\",\"port\":443,\"proto\":\"tcp\","
				   "\"reason\":\"default\",\"comm\":\"curl\",\"pid\":7}",
			      &w),
			 1);
	assert_null(w.domain);
	assert_string_equal(addr_format(buf, w.dest.addr), "203.0.113.1");
	assert_int_equal(w.dest.port, 443);
	assert_int_equal(w.dest.proto, IPPROTO_TCP);
	assert_string_equal(w.process, "curl");
	assert_string_equal(w.when, "2026-01-01T00:00:00+00:00");
	assert_int_equal(line(LINE ",\"domain\":\"api.example.com\"}", &w), 1);
	assert_string_equal(w.domain, "api.example.com");
	assert_int_equal(w.dest.bits, 0);
	assert_int_equal(line(LINE ",\"dest\":\"203.0.113.1\",\"port\":443,\"proto\":\"6\","
				   "\"domain\":\"api.example.com\",\"comm\":\"curl\","
				   "\"exe\":\"/usr/bin/curl\"}",
			      &w),
			 1);
	assert_string_equal(w.domain, "api.example.com");
	assert_int_equal(w.dest.bits, 128);
	assert_int_equal(w.dest.proto, IPPROTO_TCP);
	assert_string_equal(w.process, "/usr/bin/curl");
}

static void a_line_that_no_rule_would_mend_is_left_out(void **state)
{
	struct harvest_wish w;

	(void)state;
	assert_int_equal(line("{\"ts\":\"2026\",\"action\":\"shield_up\"}", &w), 0);
	assert_int_equal(line("{\"ts\":\"2026\",\"action\":7}", &w), 0);
	assert_int_equal(line(LINE ",\"dest\":\"203.0.113.1\",\"reason\":\"blocked\"}", &w),
			 -1 - HARVEST_BLOCKED);
	assert_int_equal(line(LINE ",\"dest\":\"::\",\"reason\":\"socket_kind\"}", &w),
			 -1 - HARVEST_NO_RULE);
	assert_int_equal(line(LINE ",\"dest\":\"203.0.113.1\",\"reason\":\"default\","
				   "\"from\":\"203.0.113.2\"}",
			      &w),
			 -1 - HARVEST_NO_RULE);
}

static void a_line_that_makes_no_sense_is_unreadable(void **state)
{
	static const char *const bad[] = {
		LINE "}",
		LINE ",\"dest\":\"nowhere\",\"port\":443}",
		LINE ",\"dest\":\"203.0.113.0/24\"}",
		LINE ",\"dest\":\"203.0.113.1:443\"}",
		LINE ",\"dest\":\"203.0.113.1\",\"port\":65536}",
		LINE ",\"dest\":\"203.0.113.1\",\"port\":-1}",
		LINE ",\"dest\":\"203.0.113.1\",\"port\":\"443\"}",
		LINE ",\"dest\":\"203.0.113.1\",\"proto\":\"carrier pigeon\"}",
		LINE ",\"domain\":{}}",
	};
	struct harvest_wish w;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (line(bad[i], &w) != -1 - HARVEST_UNREADABLE)
			fail_msg("%s", bad[i]);
}

static void json_says_the_same(void **state)
{
	_cleanup_json_ struct json json = {};

	(void)state;
	name("a.example.com", 443);
	name("b.example.com", 443);
	name("c.example.com", 443);
	wish("", "10.0.0.1:22/tcp", "ssh", "2026");
	harvest.left[HARVEST_ALLOWED] = 4;
	assert_int_equal(harvest_sort(&harvest), 0);
	json_open_object(&json, NULL);
	harvest_json(&harvest, &json);
	json_close_object(&json);
	text = strdup(json_done(&json));
	has("\"left_out\":{\"allowed\":4,");
	has("{\"domain\":\"example.com\",\"all\":\"*.example.com:443/tcp\",\"entries\":[{\"entry\":"
	    "\"a.example.com:443/tcp\",\"proposed\":true,");
	has("{\"domain\":null,\"all\":null,\"entries\":[{\"entry\":\"10.0.0.1:22/tcp\","
	    "\"proposed\":false,\"reached\":0,\"refused\":1,\"last\":\"2026\",\"processes\":"
	    "[\"ssh\"],\"more_processes\":false}]}");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		T(the_owner_of_a_name_begins_below_the_public_suffix),
		T(three_names_offer_their_domain_and_two_do_not),
		T(a_port_that_all_have_stays),
		T(no_public_suffix_is_ever_offered),
		T(addresses_come_last_by_number),
		T(private_and_link_local_are_only_comments),
		T(how_often_by_whom_and_when_last),
		T(the_order_of_wishes_does_not_matter),
		T(a_name_alone_gives_way_to_one_with_a_port),
		T(what_getaddrinfo_asks_routes_with_is_no_wish),
		T(nobody_chooses_a_line_by_a_name),
		T(a_name_that_no_profile_can_say_is_counted),
		T(long_names_stay_within_a_line),
		T(a_line_has_an_address_a_name_or_both),
		T(a_line_that_no_rule_would_mend_is_left_out),
		T(a_line_that_makes_no_sense_is_unreadable),
		T(json_says_the_same),
	};

	return cmocka_run_group_tests_name("unit/harvest", tests, NULL, NULL);
}
