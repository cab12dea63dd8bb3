// SPDX-License-Identifier: Apache-2.0
/* test_profile.c - profiles: entries, files, who may write them, which stands in for which */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "profile.h"

static char root[] = "/tmp/test_profile.XXXXXX";

static void is(const char *text, const char *canonical)
{
	char buf[PROFILE_TEXT_LEN];
	struct profile_entry entry;
	struct problem why = {};

	if (profile_entry_parse(text, &entry, &why))
		fail_msg("%s: %s", text, why.text);
	assert_string_equal(profile_entry_format(buf, &entry), canonical);
}

static void is_bad(const char *text, const char *said)
{
	struct profile_entry entry;
	struct problem why = {};

	assert_int_equal(profile_entry_parse(text, &entry, &why), -EINVAL);
	if (!strstr(why.text, said))
		fail_msg("%s: '%s' is not in: %s", text, said, why.text);
}

static void entries_are_read_and_written_in_one_way(void **state)
{
	(void)state;
	is("example.org", "example.org");
	is("Example.ORG.", "example.org");
	is("*.example.org", "*.example.org");
	is("!*.bad.example.org", "!*.bad.example.org");
	is("example.org:443", "example.org:443");
	is("example.org/udp", "example.org/udp");
	is("example.org:443/tcp", "example.org:443/tcp");
	is("xn--bcher-kva.xn--p1ai", "xn--bcher-kva.xn--p1ai");
	is("3com.com", "3com.com");
	is("dead.beef", "dead.beef");
	is("192.0.2.1", "192.0.2.1");
	is("!192.0.2.0/24", "!192.0.2.0/24");
	is("192.0.2.1:53/udp", "192.0.2.1:53/udp");
	is("2001:DB8::1", "2001:db8::1");
	is("[2001:db8::1]:443/tcp", "[2001:db8::1]:443/tcp");
	is("10.1.2.3/8", "10.0.0.0/8");
}

static void what_is_none_is_named(void **state)
{
	char label[80] = "", name[300] = "";

	(void)state;
	is_bad("", "not an IPv4");
	is_bad("!", "not an IPv4");
	is_bad("localhost", "top level");
	is_bad("1.2.3", "1.2.3");
	is_bad("example.123", "top level");
	is_bad("a_b.example.org", "no domain");
	is_bad("-a.example.org", "no domain");
	is_bad("a-.example.org", "no domain");
	is_bad("a..example.org", "no domain");
	is_bad(".example.org", "no domain");
	is_bad("*example.org", "no domain");
	is_bad("a.*.example.org", "no domain");
	is_bad("*.", "no domain");
	is_bad("example.org:0", "port");
	is_bad("example.org:70000", "port");
	is_bad("example.org:", "port");
	is_bad("example.org:4434434434", "port");
	is_bad("example.org/quic", "quic");
	is_bad("192.0.2.1/33", "33");
	is_bad("!!192.0.2.1", "no domain");
	memset(label, 'a', 64);
	strcat(label, ".org");
	is_bad(label, "no domain");
	for (int i = 0; i < 64; i++)
		strcat(name, "abc.");
	is_bad(name, "at most");
}

static void put(const char *folder, const char *name, const char *text, mode_t mode)
{
	char path[256];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s/profiles/%s.txt", root, folder, name);
	file = fopen(path, "we");
	assert_non_null(file);
	fputs(text, file);
	fclose(file);
	assert_int_equal(chmod(path, mode), 0);
}

static int setup(void **state)
{
	static char config[64], data[64];
	char path[128];

	(void)state;
	strcpy(root, "/tmp/test_profile.XXXXXX");
	if (!mkdtemp(root))
		return -1;
	snprintf(config, sizeof(config), "%s/config", root);
	snprintf(data, sizeof(data), "%s/data", root);
	setenv("TEROK_CONFIG", config, 1);
	setenv("TEROK_DATA", data, 1);
	for (int i = 0; i < 2; i++) {
		if (mkdir(i ? data : config, 0755))
			return -1;
		snprintf(path, sizeof(path), "%s/profiles", i ? data : config);
		if (mkdir(path, 0755))
			return -1;
	}
	return 0;
}

static int teardown(void **state)
{
	char command[64];

	(void)state;
	snprintf(command, sizeof(command), "rm -rf '%s'", root);
	return system(command);
}

static void profiles_are_composed_first_one_wins(void **state)
{
	_cleanup_profile_ struct profile profile = {};
	char text[PROFILE_TEXT_LEN];

	(void)state;
	put("data", "one", "# what it is for\n\n a.example \n\tB.example\r\n192.0.2.1", 0644);
	put("data", "two", "b.example\n!a.example\nb.example.\n", 0644);
	assert_int_equal(profile_load("one", &profile, NULL), 0);
	assert_int_equal(profile_load("two", &profile, NULL), 0);
	assert_int_equal(profile.n, 4);
	assert_string_equal(profile_entry_format(text, &profile.entry[0]), "a.example");
	assert_string_equal(profile_entry_format(text, &profile.entry[1]), "b.example");
	assert_string_equal(profile_entry_format(text, &profile.entry[2]), "192.0.2.1");
	assert_string_equal(profile_entry_format(text, &profile.entry[3]), "!a.example");
}

static int list_one(const char *name, bool shipped, void *user)
{
	char *all = user;

	sprintf(all + strlen(all), "%s%s ", name, shipped ? "" : "(user)");
	return 0;
}

static void a_users_profile_stands_in_for_a_shipped_one(void **state)
{
	_cleanup_profile_ struct profile profile = {};
	char all[256] = "", text[PROFILE_TEXT_LEN];

	(void)state;
	put("data", "base", "shipped.example\n", 0644);
	put("data", "zoo", "zoo.example\n", 0644);
	put("config", "base", "mine.example\n", 0644);
	put("config", ".hidden", "x.example\n", 0644);
	assert_int_equal(profile_load("base", &profile, NULL), 0);
	assert_string_equal(profile_entry_format(text, &profile.entry[0]), "mine.example");
	assert_int_equal(profile_each(list_one, all), 0);
	assert_string_equal(all, "base(user) zoo ");
}

static void load_fails(const char *name, int error, const char *said)
{
	_cleanup_profile_ struct profile profile = {};
	struct problem why = {};

	assert_int_equal(profile_load(name, &profile, &why), error);
	if (!strstr(why.text, said))
		fail_msg("%s: '%s' is not in: %s", name, said, why.text);
}

static void files_that_cannot_be_believed_are_named(void **state)
{
	char path[256];

	(void)state;
	load_fails("nobody", -ENOENT, "terok-bpfd profiles lists them");
	load_fails("..", -EINVAL, "no profile's name");
	load_fails("-x", -EINVAL, "no profile's name");
	load_fails("a b", -EINVAL, "no profile's name");
	put("data", "bad", "ok.example\n\n# x\nnot ok\n", 0644);
	load_fails("bad", -EINVAL, "bad.txt:4: ");
	put("data", "open", "ok.example\n", 0666);
	load_fails("open", -EPERM, "chmod go-w");
	snprintf(path, sizeof(path), "%s/data/profiles/folder.txt", root);
	assert_int_equal(mkdir(path, 0755), 0);
	load_fails("folder", -EINVAL, "no regular file");
	snprintf(path, sizeof(path), "%s/data/profiles/pipe.txt", root);
	assert_int_equal(mkfifo(path, 0644), 0);
	load_fails("pipe", -EINVAL, "no regular file"); /* and nobody waits for a writer */
	put("data", "huge", "ok.example\n", 0644);
	snprintf(path, sizeof(path), "%s/data/profiles/huge.txt", root);
	assert_int_equal(truncate(path, (1 << 20) + 1), 0);
	load_fails("huge", -EFBIG, "larger");
}

static int count_line(unsigned line, const struct profile_entry *entry, const struct problem *why,
		      void *user)
{
	(void)why;
	((unsigned *)user)[entry ? 0 : line]++;
	return 0;
}

static void every_bad_line_is_told_and_no_other(void **state)
{
	static const char text[] = "ok.example\n"
				   "a\0b.example\n"
				   "esc\033[31m.example\n"
				   "two.example words\n"
				   "# \033 a comment may hold what it likes\n"
				   "last.example";
	unsigned seen[8] = {};
	char longest[PROFILE_LINE_MAX + 3];

	(void)state;
	assert_int_equal(profile_parse(text, sizeof(text) - 1, count_line, seen), 0);
	assert_int_equal(seen[0], 2);
	assert_int_equal(seen[2], 1);
	assert_int_equal(seen[3], 1);
	assert_int_equal(seen[4], 1);
	assert_int_equal(seen[5], 0);
	memset(longest, ' ', sizeof(longest));
	memset(seen, 0, sizeof(seen));
	profile_parse(longest, PROFILE_LINE_MAX, count_line, seen);
	assert_int_equal(seen[1], 0);
	profile_parse(longest, PROFILE_LINE_MAX + 1, count_line, seen);
	assert_int_equal(seen[1], 1);
}

static int shipped_is_good(const char *name, bool shipped, void *user)
{
	_cleanup_profile_ struct profile profile = {};
	struct problem why = {};

	assert_true(shipped);
	if (profile_load(name, &profile, &why))
		fail_msg("%s", why.text);
	assert_true(profile.n >= 4);
	++*(unsigned *)user;
	return 0;
}

static void the_shipped_ones_are_good(void **state)
{
	unsigned n = 0;

	(void)state;
	setenv("TEROK_DATA", "user", 1);
	assert_int_equal(profile_each(shipped_is_good, &n), 0);
	assert_int_equal(n, 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		T(entries_are_read_and_written_in_one_way),
		T(what_is_none_is_named),
		T(profiles_are_composed_first_one_wins),
		T(a_users_profile_stands_in_for_a_shipped_one),
		T(files_that_cannot_be_believed_are_named),
		T(every_bad_line_is_told_and_no_other),
		T(the_shipped_ones_are_good),
	};

	return cmocka_run_group_tests_name("profile", tests, NULL, NULL);
}
