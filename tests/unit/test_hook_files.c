// SPDX-License-Identifier: Apache-2.0
/*
 * test_hook_files.c - tools/hook_tell.c, tools/hook_shield.c: files and folders that a hook believes
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/json.h"
#include "tools/hook_shield.h"
#include "tools/hook_tell.h"

#define LINE(text) hook_log_of(text, sizeof(text))

static char folder[64];

static const char *at(const char *name)
{
	static char path[160];

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	return path;
}

static void put(const char *name, const char *text)
{
	FILE *file = fopen(at(name), "we");

	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

static const char *got(const char *name)
{
	static char text[1024];
	FILE *file = fopen(at(name), "re");

	assert_non_null(file);
	text[fread(text, 1, sizeof(text) - 1, file)] = '\0';
	fclose(file);
	return text;
}

static int set_up(void **state)
{
	(void)state;
	strcpy(folder, "/tmp/test_hook_files.XXXXXX");
	return mkdtemp(folder) ? 0 : -1;
}

static int tear_down(void **state)
{
	char command[128];

	(void)state;
	snprintf(command, sizeof(command), "rm -rf '%s'", folder);
	return system(command);
}

static void a_runtimes_log_is_in_its_command_line(void **state)
{
	(void)state;
	assert_string_equal(LINE("crun\0--log-format=json\0--log\0/a/log\0create\0"), "/a/log");
	assert_string_equal(LINE("runc\0--log=/a/log\0--log-format\0json\0create\0"), "/a/log");
	assert_null(LINE("crun\0--log=/a/log\0create\0"));                        /* not JSON */
	assert_null(LINE("crun\0--log=/a/log\0--log-format=text\0create\0"));     /* not JSON */
	assert_null(LINE("crun\0--log-format=json\0create\0"));                   /* none */
	assert_null(LINE("crun\0--log-format=json\0--log=log\0create\0"));        /* where? */
	assert_null(LINE("crun\0--log-format=json\0--log\0"));                    /* no value */
	assert_null(LINE("crun\0--log-format=json\0--logfile=/a/log\0create\0")); /* another */
	assert_null(hook_log_of("crun\0--log-format=json\0--log=/a/log", 35));    /* not whole */
	assert_null(hook_log_of("", 0));
}

static void a_log_has_one_line_that_is_json(void **state)
{
	_cleanup_(json_putp) struct json_object *line = NULL;
	struct stat before, after;

	(void)state;
	put("log", "what was there\n");
	assert_int_equal(stat(at("log"), &before), 0);
	assert_int_equal(hook_log_replace(at("log"), "terok: \"so\" it is\n\033"), 0);
	assert_int_equal(stat(at("log"), &after), 0);
	assert_true(before.st_ino != after.st_ino); /* who has it open writes to the old one */
	assert_int_equal(json_parse(got("log"), strlen(got("log")), &line), 0);
	assert_string_equal(json_text(line, "level"), "error");
	assert_string_equal(json_text(line, "msg"), "terok: \"so\" it is\n\033");
	assert_non_null(json_text(line, "time"));
	assert_null(strchr(got("log"), '\033'));
	assert_ptr_equal(strchr(got("log"), '\n'), got("log") + strlen(got("log")) - 1);
}

/* Nothing is left beside it either. */
static void another_file_stays_as_it_was(void **state)
{
	char real[160];

	(void)state;
	put("real", "kept");
	strcpy(real, at("real"));
	assert_int_equal(symlink("real", at("link")), 0);
	assert_int_equal(hook_log_replace(at("link"), "x"), -EPERM);
	assert_int_equal(link(real, at("hard")), 0);
	assert_int_equal(hook_log_replace(at("real"), "x"), -EPERM);
	assert_int_equal(unlink(at("hard")), 0);
	assert_int_equal(mkdir(at("folder"), 0700), 0);
	assert_int_equal(hook_log_replace(at("folder"), "x"), -EPERM);
	assert_int_equal(hook_log_replace(at("missing"), "x"), -ENOENT);
	assert_int_equal(mkfifo(at("pipe"), 0600), 0);
	assert_int_equal(hook_log_replace(at("pipe"), "x"), -EPERM);
	assert_string_equal(got("real"), "kept");
	assert_int_equal(chmod(folder, 0777), 0);
	assert_int_equal(hook_log_replace(at("real"), "x"), -EPERM);
	assert_int_equal(chmod(folder, 0700), 0);
	if (!geteuid()) {
		assert_int_equal(chown(at("real"), 4242, -1), 0);
		assert_int_equal(hook_log_replace(at("real"), "x"), -EPERM);
		assert_int_equal(chown(at("real"), 0, -1), 0);
	}
	assert_string_equal(got("real"), "kept");
	assert_int_equal(hook_log_replace(at("real"), "x"), 0); /* the control */
}

/* --- a shield's ---------------------------------------------------------------------------- */

static int folder_of(const char *path, struct problem *why)
{
	int fd = -1, r = shield_folder(path, &fd, why);

	closep(&fd);
	return r;
}

static void a_state_dir_is_its_owners_alone_and_no_systems(void **state)
{
	struct problem why = {};

	(void)state;
	assert_int_equal(folder_of("relative", &why), -EINVAL);
	assert_int_equal(folder_of("/etc/terok", &why), -EPERM);
	assert_int_equal(folder_of("/root", &why), -EPERM);
	assert_int_equal(folder_of("/proc/self", &why), -EPERM);
	assert_int_equal(folder_of(at("missing"), &why), -ENOENT);
	put("file", "");
	assert_int_equal(folder_of(at("file"), &why), -ENOTDIR);
	assert_int_equal(symlink("/etc", at("etc")), 0);
	assert_int_equal(folder_of(at("etc"), &why), -EPERM);
	assert_non_null(strstr(why.text, "which is the system's"));
	assert_int_equal(mkdir(at("state"), 0700), 0);
	assert_int_equal(symlink("state", at("link")), 0);
	assert_int_not_equal(folder_of(at("link"), &why), 0);
	assert_int_equal(folder_of(at("state"), &why), 0); /* the control */
	assert_int_equal(chmod(at("state"), 0770), 0);
	assert_int_equal(folder_of(at("state"), &why), -EPERM);
	assert_int_equal(chmod(at("state"), 0700), 0);
	if (!geteuid()) {
		assert_int_equal(chown(at("state"), 4242, -1), 0);
		assert_int_equal(folder_of(at("state"), &why), -EPERM);
	}
}

static void a_short_id_is_written_and_by_no_link(void **state)
{
	int fd = -1;

	(void)state;
	assert_int_equal(shield_folder(folder, &fd, NULL), 0);
	assert_int_equal(shield_note(fd, "0123456789abcdef"), 0);
	assert_string_equal(got("container.id"), "0123456789ab\n");
	put("other", "kept");
	assert_int_equal(unlink(at("container.id")), 0);
	assert_int_equal(symlinkat("other", fd, "container.id"), 0);
	assert_int_equal(shield_note(fd, "0123456789abcdef"), -ELOOP);
	assert_string_equal(got("other"), "kept");
	close(fd);
}

static int shield(const char *json, struct control_attach *word, struct problem *why)
{
	_cleanup_(json_putp) struct json_object *annotations = NULL;
	int fd = -1, r;

	assert_int_equal(json_parse(json, strlen(json), &annotations), 0);
	r = shield_parse(annotations, word, &fd, why);
	closep(&fd);
	return r;
}

#define P "\"terok.shield.profiles\":\"dev-standard:mine\""
#define V ",\"terok.shield.version\":\"12\""

static void a_shields_annotations_are_taken(void **state)
{
	struct control_attach word = {};

	(void)state;
	assert_int_equal(shield("{" P V
				",\"terok.shield.name\":\"box\",\"terok.shield.loopback_ports\":"
				"\"80:9418\",\"terok.shield.upstream_dns\":\"169.254.1.1\"}",
				&word, NULL),
			 0);
	assert_string_equal(word.profiles, "dev-standard:mine");
	assert_int_equal(word.profiles_said, 1);
	assert_string_equal(word.name, "box");
	assert_int_equal(word.n_infra, 6); /* two ports at three addresses */
	word = (struct control_attach){};
	assert_int_equal(shield("{\"terok.shield.version\":\"7\"}", &word, NULL),
			 0); /* not asked for */
	assert_int_equal(word.profiles_said, 0);
	assert_int_equal(shield("{\"terok.shield.profiles\":\"\"" V "}", &word, NULL), 0);
	assert_int_equal(word.profiles_said, 0); /* the default's */
}

static void what_a_shield_is_not_known_for_is_refused(void **state)
{
	static const char *const wrong[][2] = {
		{ "{" P "}", "version is not there" },
		{ "{" P ",\"terok.shield.version\":\"11\"}", "version is '11'" },
		{ "{" P ",\"terok.shield.version\":\"\"}", "version is ''" },
		{ "{" P ",\"terok.shield.version\":12}", "is no text" },
		{ "{\"terok.shield.profiles\":[]" V "}", "is no text" },
		{ "{" P V ",\"terok.shield.name\":\"../x\"}", "is no name" },
		{ "{" P V ",\"terok.shield.loopback_ports\":\"80:x\"}", "loopback_ports" },
		{ "{" P V ",\"terok.shield.loopback_ports\":\"0\"}", "loopback_ports" },
		{ "{" P V ",\"terok.shield.upstream_dns\":\"dns.example\"}", "upstream_dns" },
		{ "{" P V ",\"terok.shield.state_dir\":\"x\"}", "no absolute path" },
		{ "{" P V ",\"terok.shield.state_dir\":false}", "is no text" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		struct control_attach word = {};
		struct problem why = {};

		if (!shield(wrong[i][0], &word, &why) || !strstr(why.text, wrong[i][1]))
			fail_msg("%s: '%s'", wrong[i][0], why.text);
	}
}

static void profiles_are_named_once(void **state)
{
	struct control_attach word = { .profiles_said = 1, .profiles = "a" };
	struct problem why = {};

	(void)state;
	assert_int_equal(shield("{" P V "}", &word, &why), -EINVAL);
	assert_int_equal(shield("{\"terok.shield.profiles\":\"\"" V "}", &word, &why), 0);
	assert_string_equal(word.profiles, "a");
}

#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_runtimes_log_is_in_its_command_line),
		T(a_log_has_one_line_that_is_json),
		T(another_file_stays_as_it_was),
		T(a_state_dir_is_its_owners_alone_and_no_systems),
		T(a_short_id_is_written_and_by_no_link),
		T(a_shields_annotations_are_taken),
		T(what_a_shield_is_not_known_for_is_refused),
		T(profiles_are_named_once),
	};

	return cmocka_run_group_tests_name("unit/hook_files", tests, NULL, NULL);
}
