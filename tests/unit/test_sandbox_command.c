// SPDX-License-Identifier: Apache-2.0
/* test_sandbox_command.c - tools/sandbox_command.c, sandbox_env.c: podman's line, in its order */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "tools/sandbox_command.h"
#include "tools/sandbox_redact.h"

static const struct command_host roots = { .root = true, .podman = 4 };
static const struct command_host users = { .podman = 4, .cgroup_parent = "/user/terok-sandbox" };
static const struct command_host pasta = { .podman = 5, .pasta = true, .init = true };

struct line {
	struct spec spec;
	struct command command;
	char *text; /* what is run, with spaces */
};

/* The command for a spec's JSON. */
static int build(const char *json, const struct command_host *host, struct line *line,
		 struct problem *why)
{
	static char *environ_of_ours[] = { "PATH=/bin", "OURS=x", NULL };
	int r;

	*line = (struct line){ .command = { .env_fd = -1 } };
	assert_int_equal(spec_init(&line->spec), 0);
	r = spec_parse(&line->spec, json, strlen(json), why) ?: spec_check(&line->spec, why);
	if (!r)
		r = command_build(&line->spec, host, environ_of_ours, &line->command, why);
	if (!r) {
		line->text = redact_line(&line->command.argv);
		assert_non_null(line->text);
	}
	return r;
}

static void done(struct line *line)
{
	free(line->text);
	spec_done(&line->spec);
	if (line->command.argv.n)
		command_done(&line->command);
}

static void is_line(const char *json, const struct command_host *host, const char *want)
{
	struct problem why = {};
	struct line line;

	if (build(json, host, &line, &why))
		fail_msg("%s: %s", json, why.text);
	assert_string_equal(line.text, want);
	done(&line);
}

static void the_least_is_what_it_always_was(void **state)
{
	(void)state;
	is_line("{\"container_name\":\"c\",\"image\":\"i\",\"command\":[\"a\",\"b c\"],"
		"\"bypass_firewall_no_protection\":true}",
		&roots, "podman run -d --name c -w /workspace i a 'b c'");
	is_line("{\"container_name\":\"c\",\"image\":\"i\",\"bypass_firewall_no_protection\":true}",
		&users,
		"podman run -d --userns=keep-id:uid=1000,gid=1000 --network "
		"slirp4netns:allow_host_loopback=true --add-host host.containers.internal:10.0.2.2 "
		"--name c -w /workspace i");
	is_line("{\"container_name\":\"c\",\"image\":\"i\",\"bypass_firewall_no_protection\":true}",
		&pasta,
		"podman run -d --init --userns=keep-id:uid=1000,gid=1000 --network "
		"pasta:--map-host-loopback,169.254.1.2 --add-host "
		"host.containers.internal:169.254.1.2 --name c -w /workspace i");
}

static void a_guard_is_an_annotation_and_less_capabilities(void **state)
{
	(void)state;
	is_line("{\"container_name\":\"c\",\"image\":\"i\"}", &roots,
		"podman run -d --annotation terok.guard= --cap-drop NET_ADMIN --cap-drop NET_RAW "
		"--name c -w /workspace i");
	is_line("{\"container_name\":\"c\",\"image\":\"i\",\"guard\":\"up names=synthetic\","
		"\"profiles\":[\"a\",\"b\"],\"publish\":[\"127.0.0.1:8080:80\",\"53/udp\"],"
		"\"loopback_ports\":[9418,1]}",
		&users,
		"podman run -d --userns=keep-id:uid=1000,gid=1000 --network "
		"slirp4netns:allow_host_loopback=true --add-host host.containers.internal:10.0.2.2 "
		"--annotation 'terok.guard=up names=synthetic profiles=a:b publish=80:53/udp "
		"host-ports=9418:1 gateway=10.0.2.2' --cap-drop NET_ADMIN --cap-drop NET_RAW "
		"--cgroup-parent /user/terok-sandbox -p 127.0.0.1:8080:80 -p 53/udp --name c -w "
		"/workspace i");
	is_line(
	    "{\"container_name\":\"c\",\"image\":\"i\",\"loopback_ports\":[]}", &pasta,
	    "podman run -d --init --userns=keep-id:uid=1000,gid=1000 --network "
	    "pasta:--map-host-loopback,169.254.1.2 --add-host "
	    "host.containers.internal:169.254.1.2 --annotation terok.guard= --cap-drop NET_ADMIN "
	    "--cap-drop NET_RAW --name c -w /workspace i");
	is_line("{\"container_name\":\"c\",\"image\":\"i\",\"network\":\"none\"}", &users,
		"podman run -d --userns=keep-id:uid=1000,gid=1000 --network none --annotation "
		"terok.guard= --cap-drop NET_ADMIN --cap-drop NET_RAW --cgroup-parent "
		"/user/terok-sandbox --name c -w /workspace i");
}

static void all_of_it_stands_in_the_order_of_the_contract(void **state)
{
	(void)state;
	is_line(
	    "{\"container_name\":\"c\",\"image\":\"i\",\"command\":[\"x\"],\"ephemeral\":true,"
	    "\"runtime\":\"crun\",\"annotations\":{\"dossier.task\":\"a, b\",\"krun.cpus\":\"2\"},"
	    "\"unrestricted\":false,\"bypass_firewall_no_protection\":true,"
	    "\"gpu_enabled\":true,\"memory\":\"2g\",\"cpus\":1.5,\"caps\":[\"CAP_PERFMON\"],"
	    "\"extra_args\":[\"--dns\",\"192.0.2.1\",\"-it\"],\"volumes\":[\"/a:/b:ro\","
	    "{\"host_path\":\"/h\",\"container_path\":\"/c\",\"sharing\":\"shared\","
	    "\"read_only\":true},{\"host_path\":\"/h2\",\"container_path\":\"/c2\"}],"
	    "\"hostname\":\"box\",\"workdir\":\"/w\"}",
	    &roots,
	    "podman run -d --rm --runtime crun --annotation '\"dossier.task=a, b\"' --annotation "
	    "krun.cpus=2 --security-opt no-new-privileges --device nvidia.com/gpu=all -e "
	    "NVIDIA_VISIBLE_DEVICES=all -e NVIDIA_DRIVER_CAPABILITIES=all --memory 2g --cpus 1.5 "
	    "--cap-add perfmon --dns 192.0.2.1 -it -v /a:/b:ro -v /h:/c:z,ro -v /h2:/c2:Z --name "
	    "c --hostname box -w /w i x");
}

static void who_says_the_first_process_has_it(void **state)
{
	static const char *const said[] = { "--pid=host", "--init=false", "--systemd=always" };
	struct command_host with = roots;
	char json[160], want[160];

	(void)state;
	with.init = true;
	for (unsigned i = 0; i < sizeof(said) / sizeof(said[0]); i++) {
		snprintf(json, sizeof(json),
			 "{\"container_name\":\"c\",\"image\":\"i\",\"extra_args\":[\"%s\"],"
			 "\"bypass_firewall_no_protection\":true}",
			 said[i]);
		snprintf(want, sizeof(want), "podman run -d %s --name c -w /workspace i", said[i]);
		is_line(json, &with, want);
	}
}

static void gpus_come_by_vendor_in_one_order(void **state)
{
	struct command_host with = roots;

	(void)state;
	is_line("{\"container_name\":\"c\",\"image\":\"i\",\"gpus\":[\"intel:1\",\"amd\"],"
		"\"bypass_firewall_no_protection\":true}",
		&roots,
		"podman run -d --device amd.com/gpu=all --device intel.com/gpu=1 --name c -w "
		"/workspace i");
	with.gpu[GPU_AMD] = true;
	is_line("{\"container_name\":\"c\",\"image\":\"i\",\"gpus\":true,"
		"\"bypass_firewall_no_protection\":true}",
		&with, "podman run -d --device amd.com/gpu=all --name c -w /workspace i");
	/* with none to be found it is podman who says so */
	is_line("{\"container_name\":\"c\",\"image\":\"i\",\"gpus\":\"all\","
		"\"bypass_firewall_no_protection\":true}",
		&roots,
		"podman run -d --device nvidia.com/gpu=all -e NVIDIA_VISIBLE_DEVICES=all -e "
		"NVIDIA_DRIVER_CAPABILITIES=all --name c -w /workspace i");
}

static void a_comma_in_an_annotation_is_quoted_for_old_podman_only(void **state)
{
	static const char json[] = "{\"container_name\":\"c\",\"image\":\"i\",\"annotations\":"
				   "{\"dossier.x\":\"a,\\\"b\"},\"network\":\"none\","
				   "\"bypass_firewall_no_protection\":true}";
	struct command_host new = roots;

	(void)state;
	new.podman = 5;
	is_line(json, &roots,
		"podman run -d --annotation '\"dossier.x=a,\"\"b\"' --network none --name c -w "
		"/workspace i");
	is_line(
	    json, &new,
	    "podman run -d --annotation 'dossier.x=a,\"b' --network none --name c -w /workspace "
	    "i");
}

/* --- the environment ------------------------------------------------------------------ */

#define BEGIN                                                                                      \
	"{\"container_name\":\"c\",\"image\":\"i\",\"bypass_firewall_no_protection\":true,\"env\":"

static void no_value_is_on_the_line_and_each_is_carried(void **state)
{
	char file[256] = "", want[128];
	struct problem why = {};
	struct line line;

	(void)state;
	assert_int_equal(build(BEGIN
			       "{\"A\":\"plain  text \",\"PATH\":\"/x\",\"B\":\"two\\nlines\","
			       "\"C\":\"q\\\"q\",\"OURS\":null,\"D\":\"\"}}",
			       &roots, &line, &why),
			 0);
	snprintf(
	    want, sizeof(want),
	    "podman run -d --env-file /proc/self/fd/%d -e B -e C -e OURS --name c -w /workspace i",
	    line.command.env_fd);
	assert_string_equal(line.text, want);
	assert_true(pread(line.command.env_fd, file, sizeof(file) - 1, 0) > 0);
	assert_string_equal(file, "A=plain  text \nPATH=/x\nD=\n");
	assert_true(words_have(&line.command.env, "B=two\nlines"));
	assert_true(words_have(&line.command.env, "C=q\"q"));
	assert_true(words_have(&line.command.env, "PATH=/bin")); /* podman's own stays what it is */
	done(&line);
}

static void what_podman_reads_itself_cannot_be_given_to_it(void **state)
{
	static const char *const names[] = { "PATH", "HOME", "LD_PRELOAD", "https_proxy",
					     "LC_ALL" };
	struct problem why = {};
	char json[256];
	struct line line;

	(void)state;
	for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(json, sizeof(json), BEGIN "{\"%s\":\"secret\\nvalue\"}}", names[i]);
		assert_int_equal(build(json, &roots, &line, &why), -EINVAL);
		assert_non_null(strstr(why.text, names[i]));
		assert_null(strstr(why.text, "secret"));
		done(&line);
	}
}

static void the_line_that_is_shown_has_the_environment_without_secrets(void **state)
{
	_cleanup_free_ char *shown = NULL;
	struct line line;

	(void)state;
	assert_int_equal(build(BEGIN
			       "{\"A\":\"see\",\"B_TOKEN\":\"hunter22\",\"CODE_REPO\":\"u\","
			       "\"U\":\"https://me:pw@h/p\"},\"command\":[\"x\",\"-hunter22-\"]}",
			       &roots, &line, NULL),
			 0);
	shown = redact_line(&line.command.shown);
	assert_string_equal(shown,
			    "podman run -d -e A=see -e 'B_TOKEN=<redacted>' -e "
			    "'CODE_REPO=<redacted>' -e 'U=https://<redacted>@h/p' --name c -w "
			    "/workspace i x '-<redacted>-'");
	done(&line);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_least_is_what_it_always_was),
		cmocka_unit_test(a_guard_is_an_annotation_and_less_capabilities),
		cmocka_unit_test(all_of_it_stands_in_the_order_of_the_contract),
		cmocka_unit_test(who_says_the_first_process_has_it),
		cmocka_unit_test(gpus_come_by_vendor_in_one_order),
		cmocka_unit_test(a_comma_in_an_annotation_is_quoted_for_old_podman_only),
		cmocka_unit_test(no_value_is_on_the_line_and_each_is_carried),
		cmocka_unit_test(what_podman_reads_itself_cannot_be_given_to_it),
		cmocka_unit_test(the_line_that_is_shown_has_the_environment_without_secrets),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
