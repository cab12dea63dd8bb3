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
#include <time.h>
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
	is("10.0.0.0/8:443/tcp", "10.0.0.0/8:443/tcp");
	is("::ffff:192.0.2.1", "192.0.2.1");
	is("2001:db8::/32/icmpv6", "2001:db8::/32/icmpv6");
	is("example.org/132", "example.org/132");
	is("example.org/6", "example.org/tcp");
	is("example.org./icmp", "example.org/icmp");
	is("!*.EXAMPLE.org.:53/udp", "!*.example.org:53/udp");
}

static void join(char *name, size_t label, char last)
{
	memset(name, last, label);
	name[label] = '\0';
}

/* 63 + 1 + 63 + 1 + 63 + 1 + 61: the dot at the end and the star do not count. */
static void a_domain_has_253_bytes_and_a_label_63(void **state)
{
	char most[PROFILE_DOMAIN_MAX + 2] = "", text[PROFILE_DOMAIN_MAX + 8];
	struct profile_entry entry;

	(void)state;
	for (int i = 0; i < 4; i++) {
		join(most + i * 64, i < 3 ? 63 : 61, 'a' + i);
		if (i < 3)
			strcat(most, ".");
	}
	assert_int_equal(strlen(most), PROFILE_DOMAIN_MAX);
	is(most, most);
	snprintf(text, sizeof(text), "*.%s", most);
	is(text, text);
	snprintf(text, sizeof(text), "%s.", most);
	is(text, most);
	snprintf(text, sizeof(text), "*.%s.", most);
	assert_int_equal(profile_entry_parse(text, &entry, NULL), 0);
	strcat(most, "d");
	is_bad(most, "at most 253");
	snprintf(text, sizeof(text), "*.%s", most);
	is_bad(text, "at most 253");
	join(text, 64, 'a');
	strcat(text, ".org");
	is_bad(text, "no domain");
}

static void what_is_none_is_named(void **state)
{
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
	is_bad(".", "not an IPv4");
	is_bad("example.org..", "no domain");
	is_bad("*.*.example.org", "no domain");
	is_bad("*.org", "top level");
	is_bad("example.org/tcp/udp", "tcp/udp");
	is_bad("example.org/", "protocol");
	is_bad("example.org/256", "256");
	is_bad("example.org:443:80", "port");
	is_bad("2001:db8::1:443/tcp/udp", "2001:db8::1");
	is_bad("[2001:db8::1", "bracket");
	is_bad("[example.org]:443", "not an IPv4");
}

static const char *path_of(const char *folder, const char *name)
{
	static char path[256];

	snprintf(path, sizeof(path), "%s/%s/profiles/%s", root, folder, name);
	return path;
}

static void put(const char *folder, const char *name, const char *text, mode_t mode)
{
	char file[PROFILE_NAME_LEN + 8];
	FILE *stream;

	snprintf(file, sizeof(file), "%s.txt", name);
	stream = fopen(path_of(folder, file), "we");
	assert_non_null(stream);
	fputs(text, stream);
	fclose(stream);
	assert_int_equal(chmod(path_of(folder, file), mode), 0);
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
	assert_int_equal(profile_each(list_one, all, NULL), 0);
	assert_string_equal(all, "base(user) zoo ");
}

static void a_hundred_thousand_entries_are_no_wait(void **state)
{
	_cleanup_profile_ struct profile profile = {};
	struct profile_entry entry = {};
	struct timespec start, end;

	(void)state;
	clock_gettime(CLOCK_MONOTONIC, &start);
	for (int round = 0; round < 2; round++) {
		for (unsigned i = 0; i < 100000; i++) {
			snprintf(entry.domain, sizeof(entry.domain), "a%u.example", i);
			assert_int_equal(profile_add(&profile, &entry), 0);
		}
	}
	clock_gettime(CLOCK_MONOTONIC, &end);
	assert_int_equal(profile.n, 100000);
	assert_int_equal(profile_find(&profile, &entry), 99999);
	entry.deny = true;
	assert_int_equal(profile_find(&profile, &entry), -1);
	/* each compared with each would be minutes */
	assert_true(end.tv_sec - start.tv_sec < 10);
}

static void load_fails(const char *name, int error, const char *said)
{
	_cleanup_profile_ struct profile profile = {};
	struct problem why = {};

	assert_int_equal(profile_load(name, &profile, &why), error);
	if (!strstr(why.text, said))
		fail_msg("%s: '%s' is not in: %s", name, said, why.text);
}

static void load_works(const char *name)
{
	_cleanup_profile_ struct profile profile = {};
	struct problem why = {};

	if (profile_load(name, &profile, &why))
		fail_msg("%s", why.text);
}

static void a_name_leads_out_of_no_folder(void **state)
{
	static const char *const bad[] = { "..", "-x", ".x", "a b", "", "_x", "\033[31mx", "a\n" };
	char name[PROFILE_NAME_LEN + 1];

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		load_fails(bad[i], -EINVAL, "no profile's name");
	load_fails("\033[31mx", -EINVAL, "' [31mx'");
	join(name, PROFILE_NAME_LEN - 1, 'n');
	put("data", name, "ok.example\n", 0644);
	load_works(name);
	join(name, PROFILE_NAME_LEN, 'n');
	load_fails(name, -EINVAL, "no profile's name");
}

static void an_unknown_name_is_told_which_there_are(void **state)
{
	char name[32];

	(void)state;
	load_fails("nobody", -ENOENT, "no profile 'nobody'; terok-bpfd profiles lists them");
	load_fails("nobody", -ENOENT, "there are none");
	put("data", "zoo", "", 0644);
	put("config", "base", "", 0644);
	load_fails("nobody", -ENOENT, "lists them: base, zoo");
	for (int i = 0; i < 40; i++) {
		snprintf(name, sizeof(name), "profile-number-%d", i);
		put("data", name, "", 0644);
	}
	load_fails("nobody", -ENOENT, " ...");
}

static void files_that_are_none_are_named(void **state)
{
	(void)state;
	put("data", "bad", "ok.example\n\n# x\nnot ok\n", 0644);
	load_fails("bad", -EINVAL, "bad.txt:4: ");
	assert_int_equal(mkdir(path_of("data", "folder.txt"), 0755), 0);
	load_fails("folder", -EINVAL, "no regular file");
	assert_int_equal(mkfifo(path_of("data", "pipe.txt"), 0644), 0);
	load_fails("pipe", -EINVAL, "no regular file"); /* and nobody waits for a writer */
	put("data", "huge", "", 0644);
	assert_int_equal(truncate(path_of("data", "huge.txt"), PROFILE_FILE_MAX + 1), 0);
	load_fails("huge", -EFBIG, "larger");
	assert_int_equal(truncate(path_of("data", "huge.txt"), PROFILE_FILE_MAX), 0);
	load_fails("huge", -EINVAL, "huge.txt:1: ");
}

/* The shipped profile of that name would stand in for it, and allow what nobody asked for. */
static void a_link_to_nothing_is_no_missing_file(void **state)
{
	_cleanup_profile_ struct profile profile = {};

	(void)state;
	put("data", "base", "shipped.example\n", 0644);
	assert_int_equal(symlink("nothing", path_of("config", "base.txt")), 0);
	load_fails("base", -ENOLINK, "a link to nothing");
	put("config", "nothing", "mine.example\n", 0644);
	load_fails("base", -ENOLINK, "config/profiles/base.txt"); /* it is nothing.txt */
	unlink(path_of("config", "base.txt"));
	assert_int_equal(symlink("nothing.txt", path_of("config", "base.txt")), 0);
	assert_int_equal(profile_load("base", &profile, NULL), 0);
	assert_string_equal(profile.entry[0].domain, "mine.example");
}

static void what_others_can_write_is_not_believed(void **state)
{
	struct problem why = {};

	(void)state;
	put("data", "open", "ok.example\n", 0646);
	load_fails("open", -EPERM, "chmod go-w");
	put("data", "open", "ok.example\n", 0664);
	load_fails("open", -EPERM, "data/profiles/open.txt");
	put("data", "open", "ok.example\n", 0640);
	load_works("open");
	/* who can write the folder decides which file is there */
	assert_int_equal(chmod(path_of("config", ""), 0775), 0);
	load_fails("open", -EPERM, "config/profiles: ");
	assert_int_equal(profile_each(NULL, NULL, &why), -EPERM);
	assert_non_null(strstr(why.text, "chmod go-w"));
}

static void another_users_file_is_not_believed(void **state)
{
	(void)state;
	if (geteuid()) {
		puts("SKIP: needs root");
		skip();
	}
	put("data", "theirs", "ok.example\n", 0644);
	assert_int_equal(chown(path_of("data", "theirs.txt"), 12345, 0), 0);
	load_fails("theirs", -EPERM, "user 12345");
	assert_int_equal(seteuid(12345), 0);
	load_fails("theirs", -EACCES, "config/profiles: "); /* the fixture's folder is root's */
	assert_int_equal(seteuid(0), 0);
	assert_int_equal(chmod(root, 0755), 0);
	assert_int_equal(seteuid(12345), 0);
	load_works("theirs");
	assert_int_equal(seteuid(0), 0);
	put("data", "secret", "ok.example\n", 0600);
	assert_int_equal(seteuid(12345), 0);
	load_fails("secret", -EACCES, "secret.txt: ");
	assert_int_equal(seteuid(0), 0);
}

static void a_bad_file_adds_nothing(void **state)
{
	_cleanup_profile_ struct profile profile = {};

	(void)state;
	put("data", "good", "a.example\n", 0644);
	put("data", "bad", "b.example\n!\n", 0644);
	assert_int_equal(profile_load("good", &profile, NULL), 0);
	assert_int_equal(profile_load("bad", &profile, NULL), -EINVAL);
	assert_int_equal(profile.n, 1);
	assert_int_equal(profile_load("good", &profile, NULL), 0);
	assert_int_equal(profile.n, 1);
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
	char command[128];
	unsigned n = 0;

	(void)state;
	/* a copy: those of somebody's tree are somebody's */
	snprintf(command, sizeof(command), "install -m 0644 user/profiles/*.txt '%s/data/profiles'",
		 root);
	assert_int_equal(system(command), 0);
	assert_int_equal(profile_each(shipped_is_good, &n, NULL), 0);
	assert_int_equal(n, 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		T(entries_are_read_and_written_in_one_way),
		T(what_is_none_is_named),
		T(a_domain_has_253_bytes_and_a_label_63),
		T(profiles_are_composed_first_one_wins),
		T(a_users_profile_stands_in_for_a_shipped_one),
		T(a_hundred_thousand_entries_are_no_wait),
		T(a_name_leads_out_of_no_folder),
		T(an_unknown_name_is_told_which_there_are),
		T(files_that_are_none_are_named),
		T(a_link_to_nothing_is_no_missing_file),
		T(what_others_can_write_is_not_believed),
		T(another_users_file_is_not_believed),
		T(a_bad_file_adds_nothing),
		T(every_bad_line_is_told_and_no_other),
		T(the_shipped_ones_are_good),
	};

	return cmocka_run_group_tests_name("profile", tests, NULL, NULL);
}
