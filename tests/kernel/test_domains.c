// SPDX-License-Identifier: Apache-2.0
/*
 * test_domains.c - allow and deny by domain, profiles that name some, and the files of both
 *
 * The host's resolver is the C library over an /etc/hosts of the test's own.
 */
#include "programs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#define OTHER  "203.0.113.1"
#define OTHER2 "203.0.113.2"

static void file_put(const char *name, const char *text)
{
	char path[128];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", world->dir, name);
	file = fopen(path, "we");
	assert_non_null(file);
	fputs(text, file);
	fclose(file);
	assert_int_equal(chmod(path, 0644), 0);
}

static void file_cover(const char *name, const char *over)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/%s", world->dir, name);
	assert_int_equal(mount(path, over, NULL, MS_BIND, NULL), 0);
}

static int setup(void **state)
{
	programs_setup(state);
	file_put("nsswitch.conf", "hosts: files\n");
	file_put("hosts", "127.0.0.1 localhost\n" OTHER " one.example\n" OTHER
			  " same.example\n" OTHER2 " one.example\n" TEST_FAR6 " one.example\n"
			  "10.1.2.3 inner.example\n" OTHER " inner.example\n"
			  "169.254.169.254 metadata.example\n::ffff:127.0.0.1 self.example\n" OTHER2
			  " wild.example\n");
	if (access("/etc/nsswitch.conf", F_OK)) /* the C library's own default asks DNS as well */
		close(open("/etc/nsswitch.conf", O_CREAT | O_WRONLY | O_CLOEXEC, 0644));
	file_cover("nsswitch.conf", "/etc/nsswitch.conf");
	file_cover("hosts", "/etc/hosts");
	setenv("TEROK_CONFIG", world->dir, 1);
	setenv("TEROK_DATA", "/nowhere", 1);
	attach_box();
	return 0;
}

static int teardown(void **state)
{
	umount2("/etc/hosts", MNT_DETACH);
	umount2("/etc/nsswitch.conf", MNT_DETACH);
	return programs_teardown(state);
}

static void come_back(void)
{
	/* as when the cgroup went: without forgetting what was kept */
	struct guard guard;

	assert_int_equal(guard_find(world->kernel, "box", 0, &guard, NULL), 0);
	assert_int_equal(guard_detach(world->kernel, &guard, NULL), 0);
	attach_box();
}

/* A text file of the guard's folder; "" if it is empty. */
static const char *list(const char *name)
{
	static char text[4096];
	char path[400];
	FILE *file;

	snprintf(path, sizeof(path), "%s/cgroups/%s/%s", getenv("TEROK_STATE"),
		 strrchr(world->cgroup_path, '/') + 1, name);
	file = fopen(path, "re");
	if (!file)
		fail_msg("%s: %s", path, strerror(errno));
	text[fread(text, 1, sizeof(text) - 1, file)] = '\0';
	fclose(file);
	return text;
}

static void a_domain_opens_its_addresses_until_it_is_taken_back(void **state)
{
	(void)state;
	assert_int_equal(test_tcp(world, OTHER), EHOSTUNREACH);
	assert_works("allow", "box", "One.Example.");
	assert_said("one.example");
	assert_said("\n  " OTHER "\n");
	assert_int_equal(test_tcp(world, OTHER), 0);
	assert_int_equal(test_tcp(world, OTHER2), 0);
	assert_int_equal(test_tcp(world, TEST_FAR6), 0);
	assert_int_equal(test_tcp(world, TEST_FAR), EHOSTUNREACH);
	assert_works("rules", "box");
	assert_said("one.example (3 addresses)");
	assert_works("rules", "box", "--json");
	assert_said("\"addresses\":3}");
	assert_mistake(VERB("allow", "box", OTHER, "--remove"), 1, "of a domain");
	assert_int_equal(test_tcp(world, OTHER), 0);
	assert_works("allow", "box", "one.example", "--remove");
	assert_int_equal(test_tcp(world, OTHER), EHOSTUNREACH);
	assert_int_equal(test_tcp(world, TEST_FAR6), EACCES);
	assert_mistake(VERB("allow", "box", "one.example", "--remove"), 1, "no such rule");
}

static void port_and_protocol_of_a_domain_count(void **state)
{
	(void)state;
	assert_works("allow", "box", "one.example:7777/tcp");
	assert_int_equal(test_tcp(world, OTHER), 0);
	assert_int_equal(test_udp(world, OTHER), EPERM);
	assert_string_equal(list("live.domains"), "one.example:7777/tcp\n");
	assert_works("explain", "box", "one.example:7777/udp");
	assert_said(OTHER " port 7777 udp would be refused");
	assert_said(OTHER2 " port 7777 udp would be refused");
}

static void a_domain_is_kept_with_its_addresses(void **state)
{
	(void)state;
	assert_works("allow", "box", "one.example");
	assert_works("deny", "box", "wild.example");
	file_put("hosts", "127.0.0.1 localhost\n"); /* nobody answers when it comes back */
	come_back();
	assert_int_equal(test_tcp(world, OTHER), 0);
	assert_int_equal(test_tcp(world, OTHER2), EHOSTUNREACH);
}

static void what_a_domain_had_and_has_no_more_is_closed(void **state)
{
	(void)state;
	assert_works("allow", "box", "one.example");
	file_put("hosts", OTHER2 " one.example\n");
	assert_works("resolve", "box");
	assert_said("1 addresses of 1 domains");
	assert_int_equal(test_tcp(world, OTHER), EHOSTUNREACH);
	assert_int_equal(test_tcp(world, OTHER2), 0);
	come_back();
	assert_int_equal(test_tcp(world, OTHER), EHOSTUNREACH);
}

/* Who answers for a name must not open the operator's own network. */
static void a_private_address_of_a_domain_opens_nothing(void **state)
{
	(void)state;
	assert_works("allow", "box", "inner.example");
	assert_said("10.1.2.3");
	assert_said("private or local");
	assert_int_equal(test_tcp(world, "10.1.2.3"), EHOSTUNREACH);
	assert_int_equal(test_tcp(world, OTHER), 0);
	assert_works("allow", "box", "metadata.example");
	assert_int_equal(test_tcp(world, "169.254.169.254"), EHOSTUNREACH);
	assert_works("allow", "box", "self.example");
	assert_said("no address is in force");
	assert_works("allow", "box", "10.1.2.3");
	assert_int_equal(test_tcp(world, "10.1.2.3"), 0);
}

static void of_two_domains_with_an_address_the_denied_one_counts(void **state)
{
	(void)state;
	assert_works("allow", "box", "one.example");
	assert_works("allow", "box", "same.example");
	assert_works("allow", "box", "same.example", "--remove");
	assert_int_equal(test_tcp(world, OTHER), 0); /* the other domain holds it */
	assert_works("deny", "box", "same.example");
	assert_int_equal(test_tcp(world, OTHER), EHOSTUNREACH);
	assert_int_equal(test_tcp(world, OTHER2), 0);
	come_back();
	assert_int_equal(test_tcp(world, OTHER), EHOSTUNREACH);
	assert_int_equal(test_tcp(world, OTHER2), 0);
	assert_works("resolve", "box");
	assert_int_equal(test_tcp(world, OTHER), EHOSTUNREACH);
	assert_works("deny", "box", "same.example", "--remove");
	assert_int_equal(test_tcp(world, OTHER), 0);
}

static void saying_the_opposite_of_a_domain_replaces_it(void **state)
{
	(void)state;
	assert_works("deny", "box", "one.example");
	assert_works("allow", "box", "one.example");
	assert_int_equal(test_tcp(world, OTHER), 0);
	assert_string_equal(list("denied.domains"), "");
	assert_works("deny", "box", "one.example");
	assert_int_equal(test_tcp(world, OTHER), EHOSTUNREACH);
	assert_string_equal(list("live.domains"), "");
	assert_string_equal(list("denied.domains"), "one.example\n");
}

static void a_rule_of_the_address_stands_above_its_domain(void **state)
{
	(void)state;
	assert_works("deny", "box", OTHER);
	assert_works("allow", "box", "one.example");
	assert_int_equal(test_tcp(world, OTHER), EHOSTUNREACH);
	come_back();
	assert_works("resolve", "box");
	assert_int_equal(test_tcp(world, OTHER), EHOSTUNREACH);
	assert_works("deny", "box", OTHER, "--remove");
	assert_int_equal(test_tcp(world, OTHER), 0); /* what the domain says */
	/* denying a domain takes allows of its addresses away, on disk as well */
	assert_works("allow", "box", OTHER);
	assert_works("deny", "box", "one.example");
	assert_int_equal(test_tcp(world, OTHER), EHOSTUNREACH);
	assert_string_equal(list("live.allowed"), "");
	come_back();
	assert_int_equal(test_tcp(world, OTHER), EHOSTUNREACH);
}

static void a_domain_that_cannot_be_found_changes_nothing(void **state)
{
	(void)state;
	assert_mistake(VERB("allow", "box", "nobody.example"), 1, "nobody.example");
	assert_works("rules", "box");
	assert_null(strstr(said, "nobody.example"));
	/* but a deny stands, for the day when it can be */
	assert_works("deny", "box", "nobody.example");
	assert_works("allow", "box", "one.example");
	file_put("hosts", OTHER " nobody.example one.example\n");
	assert_works("resolve", "box");
	assert_int_equal(test_tcp(world, OTHER), EHOSTUNREACH);
}

static void a_time_limit_of_a_domain_is_the_kernels(void **state)
{
	const char *left;

	(void)state;
	assert_works("allow", "box", "one.example", "--for", "1h");
	assert_works("rules", "box", "--json");
	left = strstr(said, "\"seconds_left\":");
	assert_non_null(left);
	assert_in_range(atoi(left + strlen("\"seconds_left\":")), 3500, 3600);
	assert_string_equal(list("live.domains"), "");
	assert_int_equal(test_tcp(world, OTHER), 0);
}

/* --- profiles ---------------------------------------------------------------------------- */

static void profile_put(const char *name, const char *text)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/profiles", world->dir);
	mkdir(path, 0755);
	snprintf(path, sizeof(path), "profiles/%s.txt", name);
	file_put(path, text);
}

static void attach_again(const char *profile)
{
	assert_works("attach", world->cgroup_path, "--profile", profile);
}

static void a_composition_replaces_the_one_before(void **state)
{
	(void)state;
	profile_put("one", "one.example\n!" OTHER2 "\n" TEST_FAR "\n192.0.2.0/24\n");
	profile_put("two", "wild.example\n");
	attach_again("one");
	assert_int_equal(test_tcp(world, OTHER), 0);
	assert_int_equal(test_tcp(world, OTHER2), EHOSTUNREACH);
	assert_int_equal(test_tcp(world, TEST_FAR), 0);
	assert_string_equal(list("profile.allowed"), "192.0.2.0/24\n" TEST_FAR "\n");
	assert_string_equal(list("profile.domains"), "one.example\n");
	assert_string_equal(list("deny.list"), OTHER2 "\n");
	attach_again("two");
	assert_int_equal(test_tcp(world, OTHER), EHOSTUNREACH);
	assert_int_equal(test_tcp(world, OTHER2), 0);
	assert_int_equal(test_tcp(world, TEST_FAR), EHOSTUNREACH);
	assert_int_equal(test_tcp(world, "192.0.2.7"), EHOSTUNREACH);
	attach_again("none");
	assert_int_equal(test_tcp(world, OTHER2), EHOSTUNREACH);
	assert_works("rules", "box");
	assert_said(", 0 rules");
}

static void a_guard_that_comes_back_has_the_profiles_it_had(void **state)
{
	(void)state;
	profile_put("one", OTHER "\n");
	attach_again("one");
	profile_put("one", OTHER2 "\n");
	come_back();
	assert_int_equal(test_tcp(world, OTHER), EHOSTUNREACH);
	assert_int_equal(test_tcp(world, OTHER2), 0);
}

static void a_profile_does_not_lift_what_a_person_said(void **state)
{
	(void)state;
	profile_put("one", OTHER "\none.example\n" TEST_FAR "\n");
	assert_works("deny", "box", OTHER);
	assert_works("deny", "box", "one.example");
	assert_works("allow", "box", TEST_FAR);
	attach_again("one");
	assert_int_equal(test_tcp(world, OTHER), EHOSTUNREACH);
	assert_int_equal(test_tcp(world, OTHER2), EHOSTUNREACH);
	attach_again("none"); /* what is a person's stays when the profile goes */
	assert_int_equal(test_tcp(world, TEST_FAR), 0);
	assert_int_equal(test_tcp(world, OTHER2), EHOSTUNREACH);
}

static void a_resolver_and_ports_of_the_host_stand_above_denies(void **state)
{
	(void)state;
	assert_works("deny", "box", "0.0.0.0/0");
	assert_works("attach", world->cgroup_path, "--resolver", OTHER, "--host-port", "7777",
		     "--gateway", "10.9.9.9");
	assert_int_equal(test_tcp(world, "10.9.9.9"), 0);
	assert_int_equal(test_tcp(world, "169.254.1.2"), 0);
	assert_int_equal(test_udp(world, "10.9.9.9"), EPERM);
	assert_int_equal(test_tcp(world, OTHER), EHOSTUNREACH); /* not port 53 */
	assert_works("explain", "box", OTHER ":53/udp");
	assert_said("would be allowed");
	assert_said("infrastructure");
	assert_works("block", "box");
	assert_int_equal(test_tcp(world, "10.9.9.9"), EHOSTUNREACH);
	assert_works("up", "box");
	come_back();
	assert_int_equal(test_tcp(world, "10.9.9.9"), 0);
	assert_works("allow", "box", "10.9.9.9:7777/tcp", "--remove");
	assert_int_equal(test_tcp(world, "10.9.9.9"), EHOSTUNREACH);
	assert_works("allow", "box", "10.9.9.9:7777/tcp", "--infra");
	assert_int_equal(test_tcp(world, "10.9.9.9"), 0);
	assert_mistake(VERB("allow", "box", "10.9.9.9", "--infra"), 2, "--infra");
	assert_mistake(VERB("attach", world->cgroup_path, "--gateway", "10.9.9.9"), 2,
		       "--host-port");
}

static void lists_are_what_can_be_typed_and_survive(void **state)
{
	(void)state;
	assert_works("allow", "box", "2001:db8::7");
	assert_works("allow", "box", "[2001:db8::1]:443/tcp");
	assert_works("allow", "box", "192.0.2.9/24");
	assert_works("allow", "box", OTHER, "--for", "1h"); /* has an end: in no file */
	assert_works("deny", "box", OTHER2 "/udp");
	assert_string_equal(list("live.allowed"),
			    "192.0.2.0/24\n2001:db8::7\n[2001:db8::1]:443/tcp\n");
	assert_string_equal(list("deny.list"), OTHER2 "/udp\n");
	assert_string_equal(list("profile.allowed"), "");
	come_back();
	assert_string_equal(list("deny.list"), OTHER2 "/udp\n");
	assert_works("deny", "box", OTHER2 "/udp", "--remove");
	assert_string_equal(list("deny.list"), "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		T(a_domain_opens_its_addresses_until_it_is_taken_back),
		T(port_and_protocol_of_a_domain_count),
		T(a_domain_is_kept_with_its_addresses),
		T(what_a_domain_had_and_has_no_more_is_closed),
		T(a_private_address_of_a_domain_opens_nothing),
		T(of_two_domains_with_an_address_the_denied_one_counts),
		T(saying_the_opposite_of_a_domain_replaces_it),
		T(a_rule_of_the_address_stands_above_its_domain),
		T(a_domain_that_cannot_be_found_changes_nothing),
		T(a_time_limit_of_a_domain_is_the_kernels),
		T(a_composition_replaces_the_one_before),
		T(a_guard_that_comes_back_has_the_profiles_it_had),
		T(a_profile_does_not_lift_what_a_person_said),
		T(a_resolver_and_ports_of_the_host_stand_above_denies),
		T(lists_are_what_can_be_typed_and_survive),
	};

	test_require("kernel/domains");
	programs_find();
	return cmocka_run_group_tests_name("kernel/domains", tests, NULL, NULL);
}
