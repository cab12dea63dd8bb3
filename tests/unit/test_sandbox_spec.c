// SPDX-License-Identifier: Apache-2.0
/* test_sandbox_spec.c - tools/sandbox_spec*.c, sandbox_passed.c: what is taken, and what is not */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "tools/sandbox_passed.h"
#include "tools/sandbox_spec.h"

static int parse(const char *json, struct spec *spec, struct problem *why)
{
	assert_int_equal(spec_init(spec), 0);
	return spec_parse(spec, json, strlen(json), why);
}

static void what_is_wrong_is_named_and_never_a_value(void **state)
{
	static const char *const wrong[][2] = {
		{ "[]", "no JSON object" },
		{ "{\"a\":1}", "'a' is no key" },
		{ "{\"image\":1}", "image" },
		{ "{\"image\":\"-x\"}", "image" },
		{ "{\"image\":\"a\\nb\"}", "image" },
		{ "{\"image\":\"a\\u0000b\"}", "image" },
		{ "{\"container_name\":\"a b\"}", "no container's name" },
		{ "{\"container_name\":\"-a\"}", "no container's name" },
		{ "{\"container_name\":\"../a\"}", "no container's name" },
		{ "{\"env\":[\"A=B\"]}", "env" },
		{ "{\"env\":{\"A\":1}}", "env" },
		{ "{\"env\":{\"A=\":\"s3cret\"}}", "env" },
		{ "{\"env\":{\"A B\":\"s3cret\"}}", "'A B' is no name" },
		{ "{\"env\":{\"#A\":\"s3cret\"}}", "is no name" },
		{ "{\"env\":{\"A*\":\"s3cret\"}}", "is no name" },
		{ "{\"env\":{\"\":\"s3cret\"}}", "is no name" },
		{ "{\"volumes\":[\"/a:b\"]}", "volume" },
		{ "{\"volumes\":[\"/a:/run/terok\"]}", "/run/terok" },
		{ "{\"volumes\":[\"/a:/x/..//run/./terok/y:ro\"]}", "/run/terok" },
		{ "{\"volumes\":[{\"host_path\":\"/a\"}]}", "volumes" },
		{ "{\"volumes\":[{\"host_path\":\"/a:b\",\"container_path\":\"/c\"}]}", "volumes" },
		{ "{\"volumes\":[{\"host_path\":\"/a\",\"container_path\":\"/c\",\"x\":1}]}",
		  "'x'" },
		{ "{\"volumes\":[{\"host_path\":\"/a\",\"container_path\":\"/c\",\"sharing\":\"y\"}]}",
		  "volumes" },
		{ "{\"command\":\"a\"}", "command" },
		{ "{\"command\":[1]}", "command" },
		{ "{\"unrestricted\":1}", "unrestricted" },
		{ "{\"unrestricted\":\"true\"}", "unrestricted" },
		{ "{\"caps\":[\"NET_ADMIN\"]}", "NET_ADMIN" },
		{ "{\"runtime\":\"/bin/crun\"}", "runtime" },
		{ "{\"runtime\":\"runc\"}", "runtime" },
		{ "{\"annotations\":{\"terok.guard\":\"down\"}}", "terok.guard" },
		{ "{\"annotations\":{\"run.oci.x\":\"y\"}}", "run.oci.x" },
		{ "{\"annotations\":{\"dossier.\":\"y\"}}", "dossier." },
		{ "{\"annotations\":{\"dossier.a\":\"y\\nz\"}}", "more than one line" },
		{ "{\"gpus\":\"all:1\"}", "gpus" },
		{ "{\"gpus\":[\"matrox\"]}", "gpus" },
		{ "{\"gpus\":\"nvidia:x\"}", "gpus" },
		{ "{\"hooks\":{\"pre_stop\":\"x\"}}", "hook" },
		{ "{\"hooks\":{\"pre_start\":[]}}", "hooks" },
		{ "{\"hooks\":{\"pre_start\":[1]}}", "hooks" },
		{ "{\"extra_args\":[\"--privileged\"]}", "--privileged" },
		{ "{\"extra_args\":[\"image\"]}", "no flag" },
		{ "{\"publish\":[\"80-90\"]}", "publish" },
		{ "{\"publish\":[\"0\"]}", "publish" },
		{ "{\"loopback_ports\":[0]}", "loopback_ports" },
		{ "{\"loopback_ports\":[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17]}",
		  "loopback_ports" },
		{ "{\"shutdown_timeout\":-1}", "shutdown_timeout" },
		{ "{\"shutdown_timeout\":86401}", "shutdown_timeout" },
		{ "{\"sealed\":true}", "sealed" },
		{ "{\"profiles\":[\"a:b\"]}", "profile" },
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		struct problem why = {};
		struct spec spec;

		if (parse(wrong[i][0], &spec, &why) != -EINVAL || !strstr(why.text, wrong[i][1]))
			fail_msg("%s: '%s'", wrong[i][0], why.text);
		assert_null(strstr(why.text, "s3cret"));
		spec_done(&spec);
	}
}

static void what_is_null_is_not_said(void **state)
{
	struct spec spec;

	(void)state;
	assert_int_equal(parse("{\"memory\":null,\"env\":null,\"hooks\":{\"pre_start\":null},"
			       "\"env\":{\"A\":null}}",
			       &spec, NULL),
			 0);
	assert_null(spec.memory);
	assert_int_equal(spec.hooks[HOOK_PRE_START].n, 0);
	assert_string_equal(spec.env.word[0], "A");
	spec_done(&spec);
}

static void a_hook_is_a_shells_or_a_list(void **state)
{
	struct spec spec;

	(void)state;
	assert_int_equal(
	    parse("{\"hooks\":{\"pre_start\":\"a b\",\"post_stop\":[\"a b\",\"c\"]}}", &spec, NULL),
	    0);
	assert_int_equal(spec.hooks[HOOK_PRE_START].n, 3);
	assert_string_equal(spec.hooks[HOOK_PRE_START].word[2], "a b");
	assert_int_equal(spec.hooks[HOOK_POST_STOP].n, 2);
	assert_string_equal(spec.hooks[HOOK_POST_STOP].word[0], "a b");
	spec_done(&spec);
}

static void as_many_ports_as_there_is_room_for(void **state)
{
	struct spec spec;

	(void)state;
	assert_int_equal(
	    parse("{\"loopback_ports\":[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16]}", &spec, NULL), 0);
	assert_int_equal(spec.n_loopback, 16);
	assert_int_equal(spec_set_loopback(&spec, "1,2,65535", NULL), 0);
	assert_int_equal(spec.n_loopback, 3);
	assert_int_equal(spec_set_loopback(&spec, "none", NULL), 0);
	assert_int_equal(spec.n_loopback, 0);
	assert_int_equal(spec_set_loopback(&spec, "1,", NULL), -EINVAL);
	assert_int_equal(spec_set_loopback(&spec, "65536", NULL), -EINVAL);
	spec_done(&spec);
}

/* --- behind the "--" ------------------------------------------------------------------- */

/* Words with '|' between them: what goes on, joined again. */
static int pass(const char *text, struct spec *spec, char *ret, struct problem *why)
{
	_cleanup_words_ struct words words = {};
	char *copy = strdup(text), *save;
	int r;

	assert_int_equal(spec_init(spec), 0);
	for (char *one = strtok_r(copy, "|", &save); one; one = strtok_r(NULL, "|", &save))
		words_add(&words, one);
	free(copy);
	r = passed_command(spec, &words, why);
	*ret = '\0';
	for (unsigned i = 0; i < spec->extra.n; i++)
		sprintf(ret + strlen(ret), "%s%s", i ? "|" : "", spec->extra.word[i]);
	return r;
}

static void flags_end_where_the_image_begins(void **state)
{
	static const char *const lines[][4] = {
		/* said, passed on, image, first of the command */
		{ "img|--name|x", "", "img", "--name" },
		{ "-it|img", "-it", "img", NULL },
		{ "-v|/a:/b|-l|x=y|img|c", "-v|/a:/b|-l|x=y", "img", "c" },
		{ "-v/a:/b|--dns=x|--rm|img", "-v/a:/b|--dns=x|--rm", "img", NULL },
		{ "--rm|--|img|-x", "--rm", "img", "-x" },
		{ "--pids-limit|-1|img", "--pids-limit|-1", "img", NULL },
		{ "--unheard-of=x|img", "--unheard-of=x", "img", NULL },
		{ "-d|--detach|--detach=true|img", "-d|--detach|--detach=true", "img", NULL },
		{ "-h=box|-itu|1:1|img", "-h=box|-itu|1:1", "img", NULL },
		{ "-v|/x:/run/terokx|img", "-v|/x:/run/terokx", "img", NULL },
		{ "-v|/run/terok:/x|img", "-v|/run/terok:/x", "img", NULL },
		{ "--mount|type=bind,src=/run/terok,dst=/x|img",
		  "--mount|type=bind,src=/run/terok,dst=/x", "img", NULL },
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		struct problem why = {};
		struct spec spec;
		char passed[512];

		if (pass(lines[i][0], &spec, passed, &why) || strcmp(passed, lines[i][1]))
			fail_msg("%s: '%s' %s", lines[i][0], passed, why.text);
		assert_string_equal(spec.image, lines[i][2]);
		if (lines[i][3])
			assert_string_equal(spec.command.word[0], lines[i][3]);
		else
			assert_int_equal(spec.command.n, 0);
		spec_done(&spec);
	}
}

static const char *const managed[] = {
	"--name|x",
	"--name=x",
	"--network|host",
	"--network=host",
	"--net|x",
	"--net=x",
	"--hooks-dir|x",
	"--hooks-dir=x",
	"--annotation|a=b",
	"--annotation=a=b",
	"--cap-add|x",
	"--cap-add=x",
	"--cap-drop|x",
	"--cap-drop=x",
	"--userns|x",
	"--userns=x",
	"--uidmap=0:0:1",
	"--gidmap|0:0:1",
	"-p|80",
	"-p80",
	"-p=80",
	"-itp|80",
	"-itp80",
	"-P",
	"-itP",
	"--publish|80",
	"--publish=80",
	"--publish-all",
	"--privileged",
	"--privileged=true",
	"--security-opt|x",
	"--security-opt=x",
	"--pod|x",
	"--pod=x",
	"--pod-id-file=x",
	"--cgroups|x",
	"--cgroups=x",
	"--cgroup-parent=x",
	"--cgroupns=host",
	"--preserve-fds=3",
	"--preserve-fds|3",
	"--detach=false",
	"-d=false",
	"-a|stdin",
	"-astdin",
	"--runtime=/x",
	"--root|x",
	"--remote",
	"-w|/x",
	"-w/x",
	"--help",
	"-v|/x:/run/terok",
	"-v/x:/run/terok/",
	"-v=/x:/run/terok",
	"--volume=/x:/run/terok",
	"-itv|/x:/run/terok",
	"--volume|/run/terok",
	"--tmpfs=/run/terok:x",
	"--mount=type=tmpfs,dst=/run/terok",
	"--mount|type=tmpfs,destination=/run/terok/x",
	"--mount|target=/usr/local/share/terok-sandbox/bridges,type=tmpfs",
	"--unheard-of",
	"-Z",
	"--name",
	"-v",
	"--dns",
};

static void what_is_managed_is_refused_in_each_form(void **state)
{
	(void)state;
	for (unsigned i = 0; i < sizeof(managed) / sizeof(managed[0]); i++) {
		struct problem why = {};
		char line[256], passed[512];
		struct spec spec;

		snprintf(line, sizeof(line), "%s%s", managed[i],
			 i < sizeof(managed) / sizeof(managed[0]) - 3 ? "|img" : "");
		if (pass(line, &spec, passed, &why) != -EINVAL || !*why.text)
			fail_msg("%s: passed as '%s'", line, passed);
		spec_done(&spec);
	}
}

static void a_variable_leaves_the_line(void **state)
{
	static const char *const lines[][3] = {
		{ "-e|A=x|img", "", "A=x" },
		{ "-eA=x|img", "", "A=x" },
		{ "-e=A=x|img", "", "A=x" },
		{ "--env|A=x|img", "", "A=x" },
		{ "--env=A=x|img", "", "A=x" },
		{ "-it|-e|A=x|img", "-it", "A=x" },
		{ "-ite|A=x|img", "-it", "A=x" },
		{ "-iteA=x|img", "-it", "A=x" },
		{ "-ite=A=x|--rm|img", "-it|--rm", "A=x" },
		{ "-e|A|img", "", "A" },
		{ "-e|A=1|-e|A=x|img", "", "A=x" },
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		struct problem why = {};
		struct spec spec;
		char passed[512];

		if (pass(lines[i][0], &spec, passed, &why) || strcmp(passed, lines[i][1]) ||
		    spec.env.n != 1 || strcmp(spec.env.word[0], lines[i][2]))
			fail_msg("%s: '%s' %s", lines[i][0], passed, why.text);
		spec_done(&spec);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_wrong_is_named_and_never_a_value),
		cmocka_unit_test(what_is_null_is_not_said),
		cmocka_unit_test(a_hook_is_a_shells_or_a_list),
		cmocka_unit_test(as_many_ports_as_there_is_room_for),
		cmocka_unit_test(flags_end_where_the_image_begins),
		cmocka_unit_test(what_is_managed_is_refused_in_each_form),
		cmocka_unit_test(a_variable_leaves_the_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
