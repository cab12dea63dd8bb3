// SPDX-License-Identifier: Apache-2.0
/* test_runtime.c - names of cgroups and docker's files: which are containers, and which */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "runtime.h"

#define ID    "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define UPPER "0123456789ABCDEF0123456789abcdef0123456789abcdef0123456789abcdef"

static char id[CONTAINER_ID_LEN], name[TEROK_NAME_LEN];

static void cgroups_of_containers_carry_their_id(void **state)
{
	static const char *const good[] = { ID,
					    "docker-" ID ".scope",
					    "nerdctl-" ID ".scope",
					    "cri-containerd-" ID ".scope",
					    "crio-" ID ".scope",
					    "crio-" ID,
					    ID ".scope" };

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		*id = '\0';
		if (runtime_parse_cgroup(good[i], id) || strcmp(id, ID))
			fail_msg("%s: '%s'", good[i], id);
	}
}

static void other_cgroups_carry_none(void **state)
{
	static const char *const bad[] = { "",
					   ".scope",
					   "docker",
					   "docker.service",
					   "docker-0123456789ab.scope",
					   "x" ID,
					   ID "0",
					   "docker-" ID ".slice",
					   "docker-" UPPER ".scope",
					   "crio-conmon-" ID ".scope",
					   "libpod-" ID ".scope",
					   "libpod-conmon-" ID ".scope",
					   "docker-" ID ".scope.scope" };

	(void)state;
	strcpy(id, "kept");
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (runtime_parse_cgroup(bad[i], id) != -ENOENT || strcmp(id, "kept"))
			fail_msg("%s: '%s'", bad[i], id);
}

static int docker(const char *json)
{
	return runtime_parse_docker(json, strlen(json), id, name);
}

static void docker_says_id_and_name(void **state)
{
	(void)state;
	assert_int_equal(docker("{\"ID\":\"" ID "\",\"Name\":\"/web.1\",\"State\":{\"Pid\":1}}"),
			 0);
	assert_string_equal(id, ID);
	assert_string_equal(name, "web.1");
}

static void what_docker_would_not_say_is_refused(void **state)
{
	static const char *const bad[] = { "",
					   "{}",
					   "[]",
					   "{\"ID\":\"" ID "\"}",
					   "{\"ID\":\"" ID "\",\"Name\":\"web\"}",
					   "{\"ID\":\"" ID "\",\"Name\":\"/\"}",
					   "{\"ID\":\"" ID "\",\"Name\":\"/a b\"}",
					   "{\"ID\":\"" ID "\",\"Name\":\"/../x\"}",
					   "{\"ID\":\"" ID "0\",\"Name\":\"/web\"}",
					   "{\"ID\":\"" UPPER "\",\"Name\":\"/web\"}",
					   "{\"ID\":7,\"Name\":\"/web\"}" };
	char text[256];

	(void)state;
	strcpy(id, "kept");
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (docker(bad[i]) != -EBADMSG || strcmp(id, "kept"))
			fail_msg("%s", bad[i]);
	/* the longest name of a guard, and one more */
	snprintf(text, sizeof(text), "{\"ID\":\"" ID "\",\"Name\":\"/%0*d\"}", TEROK_NAME_LEN - 1,
		 0);
	assert_int_equal(docker(text), 0);
	snprintf(text, sizeof(text), "{\"ID\":\"" ID "\",\"Name\":\"/%0*d\"}", TEROK_NAME_LEN, 0);
	assert_int_equal(docker(text), -EBADMSG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cgroups_of_containers_carry_their_id),
		cmocka_unit_test(other_cgroups_carry_none),
		cmocka_unit_test(docker_says_id_and_name),
		cmocka_unit_test(what_docker_would_not_say_is_refused),
	};

	return cmocka_run_group_tests_name("runtime", tests, NULL, NULL);
}
