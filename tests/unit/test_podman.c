// SPDX-License-Identifier: Apache-2.0
/* test_podman.c - user/podman.c: what conmon, podman and the kernel write, read strictly */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "podman.h"

#define ID    "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define OTHER "ffff456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static char id[CONTAINER_ID_LEN], name[TEROK_NAME_LEN], path[TEROK_PATH_LEN];

#define MONITOR(text) container_of_monitor(text, sizeof(text), id, name)

static void a_monitor_names_its_container(void **state)
{
	(void)state;
	assert_int_equal(MONITOR("/usr/bin/conmon\0--api-version\0"
				 "1\0-c\0" ID "\0-u\0" ID "\0-r\0/usr/bin/crun\0-n\0web.1\0-e\0x"),
			 0);
	assert_string_equal(id, ID);
	assert_string_equal(name, "web.1");
}

static void an_exec_sessions_monitor_is_not_the_containers(void **state)
{
	(void)state;
	assert_int_equal(MONITOR("conmon\0-c\0" ID "\0-u\0" OTHER "\0-n\0web"), -ENOENT);
	assert_int_equal(MONITOR("conmon\0-c\0" ID "\0-u\0" ID "\0-n\0web"), 0);
}

static void odd_monitors_are_passed_over(void **state)
{
	char no_end[] = { 'c', 0, '-', 'c' };

	(void)state;
	assert_int_equal(MONITOR("conmon"), -ENOENT);
	assert_int_equal(MONITOR("conmon\0-c\0short\0-u\0short\0-n\0web"), -ENOENT);
	assert_int_equal(MONITOR("conmon\0-c\0" ID "\0-u\0" ID "\0-n\0we\x1b[b"), -ENOENT);
	assert_int_equal(MONITOR("conmon\0-c\0" ID "\0-u\0" ID "\0-n"), -ENOENT);
	assert_int_equal(MONITOR("conmon\0-c\0" ID "\0-u\0" ID "\0-n\0"), -ENOENT);
	assert_int_equal(container_of_monitor(no_end, sizeof(no_end), id, name), -ENOENT);
	assert_int_equal(container_of_monitor("", 0, id, name), -ENOENT);
}

static void the_guarded_cgroup_ends_with_the_component_of_the_id(void **state)
{
	(void)state;
	assert_int_equal(container_cgroup("/machine.slice/libpod-" ID ".scope/container", ID, path),
			 0);
	assert_string_equal(path, "/machine.slice/libpod-" ID ".scope");
	assert_int_equal(container_cgroup("/libpod_parent/libpod-" ID, ID, path), 0);
	assert_string_equal(path, "/libpod_parent/libpod-" ID);
	assert_int_equal(container_cgroup("/user-61000/" ID, ID, path), 0);
	assert_string_equal(path, "/user-61000/" ID);
}

static void a_shared_cgroup_is_refused(void **state)
{
	(void)state;
	assert_int_equal(container_cgroup("/", ID, path), -EREMCHG);
	assert_int_equal(container_cgroup("/user.slice/session-1.scope", ID, path), -EREMCHG);
	assert_int_equal(container_cgroup("/x/libpod-" OTHER, ID, path), -EREMCHG);
	assert_int_equal(container_cgroup("/x/libpod-conmon-" ID ".scope", ID, path), -EREMCHG);
}

static int inspect(const char *json, struct podman_container *ret)
{
	return podman_parse_inspect(json, strlen(json), ret, NULL);
}

static void inspect_gives_id_name_and_pid(void **state)
{
	struct podman_container c = { 0 };

	(void)state;
	assert_int_equal(
	    inspect("[{\"Id\":\"" ID "\",\"Name\":\"web\",\"State\":{\"Pid\":42}}]\n", &c), 0);
	assert_string_equal(c.id, ID);
	assert_string_equal(c.name, "web");
	assert_int_equal(c.pid, 42);
}

static void inspect_gives_published_ports(void **state)
{
	struct podman_container c = {};

	(void)state;
	assert_int_equal(
	    inspect(
		"[{\"Id\":\"" ID "\",\"Name\":\"web\",\"State\":{\"Pid\":42},"
		"\"NetworkSettings\":{\"Ports\":{\"8080/tcp\":[{\"HostPort\":\"1\"}],"
		"\"53/udp\":[{}],\"9/sctp\":[{}],\"81/tcp\":null,\"82/tcp\":[],\"70000/tcp\":[{}],"
		"\"0/tcp\":[{}],\"-1/tcp\":[{}],\"x/tcp\":[{}],\"443/tcp\":[{}]}}}]",
		&c),
	    0);
	assert_int_equal(c.n_published, 3);
	assert_int_equal(c.published[0].port, 8080);
	assert_int_equal(c.published[0].proto, IPPROTO_TCP);
	assert_int_equal(c.published[1].port, 53);
	assert_int_equal(c.published[1].proto, IPPROTO_UDP);
	assert_int_equal(c.published[2].port, 443);
}

static void odd_inspect_output_is_refused_and_leaves_the_result_alone(void **state)
{
	static const char *const odd[] = {
		"",
		"[]",
		"{}",
		"[1]",
		"[{}]",
		"nonsense",
		"[{\"Id\":",
		"[[[[",
		"[{\"Id\":\"" ID "\",\"Name\":\"web\",\"State\":{\"Pid\":-1}}]",
		"[{\"Id\":\"" ID "\",\"Name\":\"web\",\"State\":{\"Pid\":\"1\"}}]",
		"[{\"Id\":\"" ID "\",\"Name\":\"we b\",\"State\":{\"Pid\":1}}]",
		"[{\"Id\":\"" ID "0\",\"Name\":\"web\",\"State\":{\"Pid\":1}}]",
		"[{\"Id\":\"" ID "\",\"Name\":\"web\",\"State\":{\"Pid\":1}}] x",
		"[{\"Id\":\"" ID "\",\"Name\":\"web\",\"State\":{\"Pid\":1}},{}]",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(odd) / sizeof(*odd); i++) {
		struct podman_container c = { .pid = 7 };
		struct problem why = { 0 };

		if (!podman_parse_inspect(odd[i], strlen(odd[i]), &c, &why))
			fail_msg("taken: %s", odd[i]);
		assert_int_equal(c.pid, 7);
		assert_true(*why.text);
	}
}

static void texts_that_are_no_container_are_refused(void **state)
{
	struct podman_container c;
	struct problem why;

	(void)state;
	assert_int_equal(podman_find("", &c, &why), -EINVAL);
	assert_int_equal(podman_find("-x", &c, &why), -EINVAL);
	assert_int_equal(podman_find("a b", &c, &why), -EINVAL);
	assert_int_equal(podman_find("no-such-user:web", &c, &why), -EINVAL);
	assert_int_equal(podman_find("4000000000:no-such-container", &c, &why), -ENOENT);
	assert_non_null(strstr(why.text, "no-such-container"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_monitor_names_its_container),
		cmocka_unit_test(an_exec_sessions_monitor_is_not_the_containers),
		cmocka_unit_test(odd_monitors_are_passed_over),
		cmocka_unit_test(the_guarded_cgroup_ends_with_the_component_of_the_id),
		cmocka_unit_test(a_shared_cgroup_is_refused),
		cmocka_unit_test(inspect_gives_id_name_and_pid),
		cmocka_unit_test(inspect_gives_published_ports),
		cmocka_unit_test(odd_inspect_output_is_refused_and_leaves_the_result_alone),
		cmocka_unit_test(texts_that_are_no_container_are_refused),
	};

	return cmocka_run_group_tests_name("podman", tests, NULL, NULL);
}
