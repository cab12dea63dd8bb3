// SPDX-License-Identifier: Apache-2.0
/* test_dossier.c - user/dossier.c: what people are told of a guard stays with it, and goes with it */
#include "programs.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "control.h"
#include "dossier.h"
#include "pins.h"

static int setup(void **state)
{
	(void)state;
	world = test_world_new();
	test_load(world);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	test_world_free(world);
	return 0;
}

static void assert_task(uint32_t guard, const char *task)
{
	struct terok_dossier dossier;

	assert_int_equal(dossier_read(world->kernel, guard, &dossier), 0);
	if (task)
		assert_string_equal(terok_dossier_get(&dossier, "task"), task);
	else
		assert_false(terok_dossier_said(&dossier));
}

static void write_task(uint32_t guard, const char *task)
{
	struct terok_dossier dossier = {};

	terok_dossier_put(&dossier, "task", task);
	assert_int_equal(dossier_write(world->kernel, guard, &dossier, NULL), 0);
}

static void reload(void)
{
	kernel_free(world->kernel);
	world->kernel = NULL;
	assert_int_equal(kernel_load(&world->kernel, NULL, NULL), 0);
}

static void it_stays_with_the_guard_and_goes_with_it(void **state)
{
	struct guard guard = test_guard(world, TEROK_STATE_UP, 0, 0);
	static const struct terok_dossier none;

	(void)state;
	assert_task(guard.id, NULL);
	write_task(guard.id, "7");
	write_task(guard.id + 1, "of another");
	reload(); /* as the next agent does */
	assert_task(guard.id, "7");
	assert_int_equal(dossier_write(world->kernel, guard.id, &none, NULL), 0);
	assert_task(guard.id, NULL);
	write_task(guard.id, "8");
	assert_int_equal(guard_detach(world->kernel, &guard, NULL), 0);
	assert_task(guard.id, NULL);
	assert_task(guard.id + 1, "of another");
}

static void what_is_not_sound_in_the_map_is_not_read(void **state)
{
	struct terok_dossier odd, dossier;
	uint32_t guard = 9;

	(void)state;
	memset(&odd, 'x', sizeof(odd));
	assert_int_equal(
	    bpf_map_update_elem(world->kernel->map[MAP_DOSSIER], &guard, &odd, BPF_ANY), 0);
	assert_int_equal(dossier_read(world->kernel, guard, &dossier), 0);
	assert_int_equal(dossier.n, 1);
	assert_int_equal(strlen(dossier.key[0]), TEROK_DOSSIER_KEY - 1);
}

/* Pins of a build that had no such map: the guards stay, and have no dossier yet. */
static void pins_of_a_build_before_are_adopted(void **state)
{
	struct guard guard = test_guard(world, TEROK_STATE_UP, 0, 0);
	char path[PINS_PATH_LEN];

	(void)state;
	write_task(guard.id, "7");
	assert_int_equal(unlink(pins_path(path, "maps/terok_dossier")), 0);
	reload();
	assert_int_equal(access(path, F_OK), 0);
	assert_task(guard.id, NULL);
	assert_int_equal(test_udp(world, TEST_FAR), EPERM);
	write_task(guard.id, "8");
	reload();
	assert_task(guard.id, "8");
}

/* With an agent: what is said of the guard is in the line of what it was refused. */
static void the_audit_has_it(void **state)
{
	char path[400], line[2048] = "";
	struct guard box;

	(void)state;
	attach_box();
	agent_start();
	assert_int_equal(guard_find(world->kernel, "box", 0, &box, NULL), 0);
	write_task(box.id, "7");
	assert_int_equal(control_notify(box.id), 0);
	assert_int_equal(test_udp(world, TEST_FAR), EPERM);
	snprintf(path, sizeof(path), "%s/cgroups/%s/audit.jsonl", getenv("TEROK_STATE"),
		 strrchr(world->cgroup_path, '/') + 1);
	for (int i = 0; i < LIMIT_MS / 10 && !strstr(line, "blocked"); i++) {
		FILE *file = fopen(path, "re");

		while (file && fgets(line, sizeof(line), file))
			;
		if (file)
			fclose(file);
		usleep(10000);
	}
	assert_non_null(strstr(line, "\"dossier\":{\"task\":\"7\"}"));
	agent_end(SIGTERM);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(it_stays_with_the_guard_and_goes_with_it),
		T(what_is_not_sound_in_the_map_is_not_read),
		T(pins_of_a_build_before_are_adopted),
		cmocka_unit_test_setup_teardown(the_audit_has_it, programs_setup,
						programs_teardown),
	};

	test_require("test_dossier");
	programs_find();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
