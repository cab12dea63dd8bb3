// SPDX-License-Identifier: Apache-2.0
/*
 * test_sandbox_host.c - what terok-sandbox makes of what the host says: folders, podman's words, hooks,
 * logs, the kernel's keyring
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "tools/sandbox_bpfd.h"
#include "tools/sandbox_doctor.h"
#include "tools/sandbox_host.h"
#include "tools/sandbox_launch.h"
#include "tools/sandbox_logs.h"
#include "base/paths.h"

static const char *const variables[] = { "TEROK_SANDBOX_CONFIG_DIR", "TEROK_SANDBOX_STATE_DIR",
					 "TEROK_SANDBOX_RUNTIME_DIR", "TEROK_CREDENTIALS_DIR",
					 "TEROK_CONFIG_DIR" };

static void path_is(enum path_root root, const char *below, const char *want)
{
	_cleanup_free_ char *path = path_below(root, below);

	assert_non_null(path);
	assert_string_equal(path, want);
}

static void a_root_is_its_variable_with_the_home_put_in(void **state)
{
	struct passwd *entry = getpwuid(0);
	char want[300];

	(void)state;
	setenv("HOME", "/h", 1);
	for (unsigned i = 0; i < ROOT_MAX_; i++) {
		setenv(variables[i], "/set", 1);
		path_is(i, NULL, "/set");
		path_is(i, "runs/x", "/set/runs/x");
		setenv(variables[i], "~", 1);
		path_is(i, NULL, "/h");
		setenv(variables[i], "~/x", 1);
		path_is(i, "y", "/h/x/y");
		setenv(variables[i], "~root/x", 1);
		assert_non_null(entry);
		snprintf(want, sizeof(want), "%s/x", entry->pw_dir);
		path_is(i, NULL, want);
		setenv(variables[i], "~nobody-of-that-name/x", 1);
		path_is(i, NULL, "~nobody-of-that-name/x");
		unsetenv(variables[i]);
	}
}

/* Both of root and of a user: as root in a child that is one no more. */
static void without_it_roots_place_or_xdgs(void **state)
{
	static const char *const roots[] = { "/etc/terok/sandbox", "/var/lib/terok/sandbox",
					     "/run/terok/sandbox", "/var/lib/terok/credentials",
					     "/etc/terok" };
	static const char *const xdg[] = { "/c/terok/sandbox", "/d/terok/sandbox",
					   "/r/terok/sandbox", "/d/terok/credentials", "/c/terok" };
	static const char *const homes[] = { "/h/.config/terok/sandbox",
					     "/h/.local/share/terok/sandbox",
					     "/h/.local/state/terok/sandbox",
					     "/h/.local/share/terok/credentials",
					     "/h/.config/terok" };

	(void)state;
	if (!geteuid()) {
		for (unsigned i = 0; i < ROOT_MAX_; i++)
			path_is(i, NULL, roots[i]);
		assert_int_equal(seteuid(65534), 0);
	}
	setenv("XDG_CONFIG_HOME", "/c", 1);
	setenv("XDG_DATA_HOME", "/d", 1);
	setenv("XDG_RUNTIME_DIR", "/r", 1);
	setenv("XDG_STATE_HOME", "/s", 1);
	for (unsigned i = 0; i < ROOT_MAX_; i++)
		path_is(i, NULL, xdg[i]);
	unsetenv("XDG_RUNTIME_DIR");
	path_is(ROOT_RUNTIME, NULL, "/s/terok/sandbox");
	unsetenv("XDG_STATE_HOME");
	setenv("XDG_CONFIG_HOME", "relative", 1); /* is to be ignored, says its standard */
	unsetenv("XDG_DATA_HOME");
	for (unsigned i = 0; i < ROOT_MAX_; i++)
		path_is(i, NULL, homes[i]);
	if (!getuid())
		assert_int_equal(seteuid(0), 0);
}

/* --- podman ---------------------------------------------------------------------------- */

static int take_info(const char *text, struct host *host)
{
	_cleanup_(json_putp) struct json_object *info = NULL;

	*host = (struct host){};
	assert_int_equal(json_parse(text, strlen(text), &info), 0);
	return host_parse_info(info, host, NULL);
}

static void podman_says_what_it_is(void **state)
{
	struct host host;

	(void)state;
	/* podman 4.3 has no rootlessNetworkCmd: slirp4netns */
	assert_int_equal(take_info("{\"host\":{\"cgroupManager\":\"cgroupfs\",\"security\":"
				   "{\"rootless\":true}},\"version\":{\"Version\":\"4.3.1\"}}",
				   &host),
			 0);
	assert_false(host.command.root || host.command.pasta);
	assert_int_equal(host.command.podman, 4);
	assert_int_equal(
	    take_info("{\"host\":{\"cgroupManager\":\"systemd\",\"rootlessNetworkCmd\":"
		      "\"pasta\",\"security\":{\"rootless\":false},\"cdiSpecs\":"
		      "[\"/etc/cdi/amd.yaml\"]},\"version\":{\"Version\":\"5.4.2\"}}",
		      &host),
	    0);
	assert_true(host.command.root && host.command.pasta && host.command.gpu[GPU_AMD]);
	assert_false(host.command.gpu[GPU_NVIDIA]);
	assert_int_equal(take_info("{\"host\":{\"rootlessNetworkCmd\":\"other\",\"security\":"
				   "{\"rootless\":true}}}",
				   &host),
			 0);
	assert_false(host.command.pasta);
	assert_int_equal(take_info("{\"host\":{}}", &host), -EIO);
	assert_int_equal(take_info("[]", &host), -EIO);
}

static void folders_of_hooks_are_podmans_own_words(void **state)
{
	static const char help[] =
	    "Options:\n      --cgroup-manager string   X (default \"y\")\n"
	    "      --hooks-dir strings           Set the OCI hooks directory path "
	    "(may be set multiple times) (default [/a,/b c])\n      --help (default [/z])\n";
	_cleanup_words_ struct words dirs = {}, none = {};

	(void)state;
	assert_true(host_parse_dirs(help, &dirs));
	assert_int_equal(dirs.n, 2);
	assert_string_equal(dirs.word[0], "/a");
	assert_string_equal(dirs.word[1], "/b c");
	assert_false(host_parse_dirs("      --hooks-dir strings  X\n --x (default [/a])\n", &none));
	assert_false(host_parse_dirs("", &none));
}

static void a_hook_that_guards_is_known(void **state)
{
	static const char good[] =
	    "{\"hook\":{\"path\":\"/x/terok-hook\",\"args\":[]},\"when\":"
	    "{\"annotations\":{\"^terok\\\\.guard$\":\".*\"}},\"stages\":[\"createRuntime\"]}";
	static const char by_env[] =
	    "{\"hook\":{\"path\":\"/usr/bin/env\",\"args\":[\"env\",\"/y/terok-hook\",\"createRuntime\"]},"
	    "\"when\":{\"annotations\":{\"^terok\\\\.(guard|x)$\":\".*\"}},\"stages\":[\"createRuntime\"]}";
	static const char *const other[] = {
		"{\"hook\":{\"path\":\"/x/terok-hook\"},\"when\":{\"annotations\":{\"^terok\\\\.guard$\":"
		"\".*\"}},\"stages\":[\"poststop\"]}",
		"{\"hook\":{\"path\":\"/x/other\"},\"when\":{\"annotations\":{\"^terok\\\\.guard$\":\".*\"}},"
		"\"stages\":[\"createRuntime\"]}",
		"{\"hook\":{\"path\":\"/x/terok-hook\"},\"when\":{\"annotations\":{\"^other$\":\".*\"}},"
		"\"stages\":[\"createRuntime\"]}",
		"{\"hook\":{\"path\":\"/x/terok-hook\"},\"when\":{\"always\":false},\"stages\":"
		"[\"createRuntime\"]}",
		"{}",
		"",
		"[1]",
		"{\"stages\":[1,null]}",
	};
	char path[HOST_PATH_MAX];

	(void)state;
	assert_true(host_parse_hook(good, strlen(good), path));
	assert_string_equal(path, "/x/terok-hook");
	assert_true(host_parse_hook(by_env, strlen(by_env), path));
	assert_string_equal(path, "/y/terok-hook");
	for (unsigned i = 0; i < sizeof(other) / sizeof(other[0]); i++)
		assert_false(host_parse_hook(other[i], strlen(other[i]), path));
}

static void a_failure_for_want_of_a_gpu_is_known(void **state)
{
	(void)state;
	assert_true(launch_is_gpu("Error: setting up CDI devices: unresolvable CDI devices"));
	assert_true(launch_is_gpu("x cdi.k8s.io y"));
	assert_true(launch_is_gpu("stat nvidia.com/gpu=all: no such file"));
	assert_false(launch_is_gpu("Error: no such image"));
}

static void a_guard_is_found_by_the_id_alone(void **state)
{
	static const char text[] =
	    "{\"guards\":[{\"container\":\"\",\"name\":\"web\",\"state\":\"down\"},"
	    "{\"container\":\"0123456789ab\",\"name\":\"x\",\"state\":\"up\"}]}";
	_cleanup_(json_putp) struct json_object *status = NULL, *odd = NULL;
	char ret[BPFD_STATE_LEN];

	(void)state;
	assert_int_equal(json_parse(text, strlen(text), &status), 0);
	assert_int_equal(bpfd_parse_guards(status, "0123456789abcdef", ret, NULL), 0);
	assert_string_equal(ret, "up");
	assert_int_equal(bpfd_parse_guards(status, "web", ret, NULL), -ENOENT);
	assert_int_equal(bpfd_parse_guards(status, "0123456789ac", ret, NULL), -ENOENT);
	assert_int_equal(json_parse("{}", 2, &odd), 0);
	assert_int_equal(bpfd_parse_guards(odd, "web", ret, NULL), -EBADMSG);
}

/* --- a log ------------------------------------------------------------------------------ */

static void a_marker_is_found_however_it_comes(void **state)
{
	static const char text[] = "some >> in >> init complete\nmore";
	static const char marker[] = ">> init complete";

	(void)state;
	for (unsigned size = 1; size <= sizeof(text) - 1; size++) {
		struct logs_match match = {};
		unsigned found = 0;

		for (unsigned at = 0; at < sizeof(text) - 1 && !found; at += size) {
			unsigned n = sizeof(text) - 1 - at < size ? sizeof(text) - 1 - at : size;

			if (logs_match(&match, marker, text + at, n))
				found = at + n;
		}
		assert_true(found >= 27 && found < 27 + size);
	}
}

static void a_marker_that_is_not_there_is_not_found(void **state)
{
	struct logs_match match = {};
	char longest[LOGS_CARRY + 2];

	(void)state;
	for (unsigned i = 0; i < 1000; i++)
		assert_false(logs_match(&match, ">> init", ">> ini", 6));
	memset(longest, 'x', sizeof(longest));
	longest[LOGS_CARRY] = '\0';
	match = (struct logs_match){};
	assert_false(logs_match(&match, longest, longest, LOGS_CARRY - 1));
	assert_true(logs_match(&match, longest, "x", 1));
	longest[LOGS_CARRY] = 'x';
	longest[LOGS_CARRY + 1] = '\0';
	assert_false(logs_match(&match, longest, longest, LOGS_CARRY + 1));
}

static void a_terminal_is_not_steered(void **state)
{
	char text[] = "a\x1b[2Jb\r\n\tc\x7f\xc3\xa9\xc2\x9bx\xc2\xa9";
	bool c2 = false;

	(void)state;
	for (char *c = text; *c; c++) /* each byte by itself */
		logs_plain(c, 1, &c2);
	assert_string_equal(text, "a?[2Jb?\n\tc?\xc3\xa9\xc2?x\xc2\xa9");
}

/* --- the doctor -------------------------------------------------------------------------- */

static void a_keyring_is_short_from_95_percent(void **state)
{
	static const char text[] = "    0:    13 12/12 10/1000000 200/25000000\n"
				   " 1000:    13 12/12 189/200 200/20000\n"
				   " 1001:    13 12/12 190/200 200/20000\n"
				   " 1002:    13 12/12 1/200 19000/20000\n";
	char detail[160];

	(void)state;
	assert_int_equal(doctor_keyring(text, 0, detail, sizeof(detail)), SEVERITY_OK);
	assert_int_equal(doctor_keyring(text, 1000, detail, sizeof(detail)), SEVERITY_OK);
	assert_string_equal(detail, "189 of 200 keys, 200 of 20000 bytes");
	assert_int_equal(doctor_keyring(text, 1001, detail, sizeof(detail)), SEVERITY_WARN);
	assert_int_equal(doctor_keyring(text, 1002, detail, sizeof(detail)), SEVERITY_WARN);
	assert_int_equal(doctor_keyring(text, 7, detail, sizeof(detail)), SEVERITY_OK);
	assert_int_equal(doctor_keyring("", 0, detail, sizeof(detail)), SEVERITY_OK);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_root_is_its_variable_with_the_home_put_in),
		cmocka_unit_test(without_it_roots_place_or_xdgs),
		cmocka_unit_test(podman_says_what_it_is),
		cmocka_unit_test(folders_of_hooks_are_podmans_own_words),
		cmocka_unit_test(a_hook_that_guards_is_known),
		cmocka_unit_test(a_failure_for_want_of_a_gpu_is_known),
		cmocka_unit_test(a_guard_is_found_by_the_id_alone),
		cmocka_unit_test(a_marker_is_found_however_it_comes),
		cmocka_unit_test(a_marker_that_is_not_there_is_not_found),
		cmocka_unit_test(a_terminal_is_not_steered),
		cmocka_unit_test(a_keyring_is_short_from_95_percent),
	};

	for (unsigned i = 0; i < sizeof(variables) / sizeof(variables[0]); i++)
		unsetenv(variables[i]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
