// SPDX-License-Identifier: Apache-2.0
/* test_registry_world.c - user/registry/world.c: what events make of containers and agents */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "registry/world.h"

static struct world *world;

static int setup(void **state)
{
	(void)state;
	return world_new(&world);
}

static int teardown(void **state)
{
	(void)state;
	world_free(world);
	return 0;
}

#define APPLY(...) world_apply(world, &(struct agent_event){ .container = "c1", __VA_ARGS__ })

static const struct world_agent *c1(void)
{
	const struct world_agent *agent = world_agent(world, "c1");

	assert_non_null(agent);
	return agent;
}

static void a_container_runs_stops_is_renamed_and_goes(void **state)
{
	static const char *const runs[] = { "start", "restart", "unpause" }, *const stops[] = {
		"die", "stop", "oom"
	};
	struct world_counts counts;

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		APPLY(.type = AGENT_EVENT_CONTAINER, .action = runs[i], .labels = "{\"a\":\"b\"}");
		assert_int_equal(world_container(world, "c1")->status, CONTAINER_RUNNING);
		APPLY(.type = AGENT_EVENT_CONTAINER, .action = "kill"); /* any signal */
		assert_int_equal(world_container(world, "c1")->status, CONTAINER_RUNNING);
		for (unsigned j = 0; j < 3; j++) {
			APPLY(.type = AGENT_EVENT_CONTAINER, .action = stops[j]);
			assert_int_equal(world_container(world, "c1")->status, CONTAINER_STOPPED);
		}
	}
	APPLY(.type = AGENT_EVENT_CONTAINER, .action = "rename", .name = "new", .old_name = "old");
	assert_string_equal(world_container(world, "c1")->name, "new");
	assert_string_equal(world_container(world, "c1")->labels, "{\"a\":\"b\"}"); /* still */
	APPLY(.type = AGENT_EVENT_CONNECTING, .address = "10.88.0.2:7700");
	APPLY(.type = AGENT_EVENT_CONTAINER, .action = "destroy");
	assert_null(world_container(world, "c1"));
	assert_null(world_agent(world, "c1"));
	world_counts(world, &counts);
	assert_int_equal(counts.containers + counts.agents + counts.unknown, 0);
}

static void a_session_says_how_it_is_and_an_error_is_over_when_it_is_up(void **state)
{
	struct world_counts counts;

	(void)state;
	APPLY(.type = AGENT_EVENT_CONNECTING, .address = "10.88.0.2:7700", .agent = "dev",
	      .project = "proj", .wall_ns = 5);
	assert_int_equal(c1()->session, SESSION_CONNECTING);
	assert_string_equal(c1()->agent, "dev");
	APPLY(.type = AGENT_EVENT_FAILED, .reason = "connect_total_timeout", .attempts = 9);
	assert_int_equal(c1()->session, SESSION_FAILED);
	assert_string_equal(c1()->error, "connect_total_timeout");
	assert_int_equal(c1()->attempts, 9);
	APPLY(.type = AGENT_EVENT_CONNECTED, .attempts = 2, .peer_thumbprint = "ab");
	assert_int_equal(c1()->session, SESSION_CONNECTED);
	assert_null(c1()->error);
	assert_string_equal(c1()->address, "10.88.0.2:7700"); /* it was not spoken of */
	world_counts(world, &counts);
	assert_int_equal(counts.sessions, 1);
	APPLY(.type = AGENT_EVENT_BROKEN, .reason = "eof", .wall_ns = 6);
	assert_int_equal(c1()->session, SESSION_BROKEN);
	assert_string_equal(c1()->error, "eof");
	assert_int_equal(c1()->updated_ns, 6);
}

static void a_session_never_changes_trust(void **state)
{
	(void)state;
	APPLY(.type = AGENT_EVENT_CONNECTED);
	assert_null(c1()->untrusted); /* zero is trusted, as the contract has it */
	APPLY(.type = AGENT_EVENT_UNTRUSTED, .reason = "cert_thumbprint_mismatch");
	APPLY(.type = AGENT_EVENT_BROKEN, .reason = "eof");
	APPLY(.type = AGENT_EVENT_CONNECTING);
	APPLY(.type = AGENT_EVENT_CONNECTED);
	assert_string_equal(c1()->untrusted, "cert_thumbprint_mismatch");
	APPLY(.type = AGENT_EVENT_REGISTERED, .ok = true);
	assert_true(c1()->registered);
	assert_string_equal(c1()->untrusted, "cert_thumbprint_mismatch");
	APPLY(.type = AGENT_EVENT_REGISTERED, .ok = false, .reason = "x");
	assert_false(c1()->registered);
	APPLY(.type = AGENT_EVENT_UNTRUSTED);
	assert_null(c1()->untrusted);
}

static void an_init_tracks_its_steps_and_ends_not_before_it_began(void **state)
{
	(void)state;
	APPLY(.type = AGENT_EVENT_INIT_STARTED, .step_count = 3, .wall_ns = 100);
	assert_int_equal(c1()->init.status, INIT_RUNNING);
	APPLY(.type = AGENT_EVENT_STEP_STARTED, .step = "git", .step_index = 2, .step_count = 3);
	assert_string_equal(c1()->init.step, "git");
	assert_int_equal(c1()->init.index, 2);
	APPLY(.type = AGENT_EVENT_STEP_STARTED, .step = "git", .step_index = 77, .step_count = 3);
	assert_int_equal(c1()->init.index, 2); /* there are three */
	APPLY(.type = AGENT_EVENT_INIT_FAILED, .reason = "exit_code", .wall_ns = 50);
	assert_int_equal(c1()->init.status, INIT_FAILED);
	assert_string_equal(c1()->init.error, "exit_code");
	assert_int_equal(c1()->init.completed_ns, 100); /* somebody set the clock back */
	APPLY(.type = AGENT_EVENT_INIT_STARTED, .step_count = 3, .wall_ns = 60);
	assert_null(c1()->init.error);
	assert_int_equal(c1()->init.index, 0);
	APPLY(.type = AGENT_EVENT_INIT_COMPLETED, .wall_ns = 70);
	assert_int_equal(c1()->init.status, INIT_COMPLETED);
	assert_int_equal(c1()->init.completed_ns, 70);
}

static void what_names_no_container_changes_nothing(void **state)
{
	struct world_counts counts;

	(void)state;
	world_apply(world, &(struct agent_event){ .type = AGENT_EVENT_CONNECTED });
	world_apply(world, &(struct agent_event){ .type = AGENT_EVENT_CONNECTED, .container = "" });
	APPLY(.type = AGENT_EVENT_REAP_DEGRADED, .detail = "x");
	APPLY(.type = AGENT_EVENT_CONTAINER); /* no action */
	world_counts(world, &counts);
	assert_int_equal(counts.containers + counts.agents + counts.unknown, 0);
}

static void there_is_room_for_so_many_and_the_rest_is_counted(void **state)
{
	struct world_counts counts;
	char id[32];

	(void)state;
	for (unsigned i = 0; i <= WORLD_MAX; i++) {
		snprintf(id, sizeof(id), "%x", i * 2654435761u);
		world_apply(world, &(struct agent_event){ .type = AGENT_EVENT_CONTAINER,
							  .container = id,
							  .action = "start" });
	}
	world_counts(world, &counts);
	assert_int_equal(counts.containers, WORLD_MAX);
	assert_int_equal(counts.unknown, 1);
	world_apply(world, &(struct agent_event){ .type = AGENT_EVENT_CONTAINER,
						  .container = "0",
						  .action = "destroy" });
	world_apply(world, &(struct agent_event){ .type = AGENT_EVENT_CONTAINER,
						  .container = "z",
						  .action = "start" });
	assert_non_null(world_container(world, "z"));
}

static void a_snapshot_is_of_its_moment_and_in_the_order_of_ids(void **state)
{
	_cleanup_json_ struct json json = {};
	const char *text;

	(void)state;
	world_apply(world, &(struct agent_event){ .type = AGENT_EVENT_CONTAINER,
						  .container = "b",
						  .action = "start",
						  .name = "two" });
	world_apply(world, &(struct agent_event){ .type = AGENT_EVENT_CONTAINER,
						  .container = "a",
						  .action = "die",
						  .wall_ns = 3 });
	APPLY(.type = AGENT_EVENT_CONNECTED, .attempts = 4);
	world_json(&json, NULL, world);
	APPLY(.type = AGENT_EVENT_CONTAINER, .action = "destroy");
	text = json_done(&json);
	assert_non_null(text);
	assert_non_null(
	    strstr(text, "{\"containers\":[{\"id\":\"a\",\"name\":\"\",\"status\":\"stopped\","
			 "\"labels\":{},\"updated_unix_ns\":3},{\"id\":\"b\",\"name\":\"two\","));
	assert_non_null(strstr(text, "\"agents\":[{\"container_id\":\"c1\""));
	assert_non_null(
	    strstr(text, "\"session\":\"connected\",\"registered\":false,\"trust\":\"\""));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
		TEST(a_container_runs_stops_is_renamed_and_goes),
		TEST(a_session_says_how_it_is_and_an_error_is_over_when_it_is_up),
		TEST(a_session_never_changes_trust),
		TEST(an_init_tracks_its_steps_and_ends_not_before_it_began),
		TEST(what_names_no_container_changes_nothing),
		TEST(there_is_room_for_so_many_and_the_rest_is_counted),
		TEST(a_snapshot_is_of_its_moment_and_in_the_order_of_ids),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
