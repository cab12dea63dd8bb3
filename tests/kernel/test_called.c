// SPDX-License-Identifier: Apache-2.0
/*
 * test_called.c - a guard by each of its names, at each place where one is asked for
 *
 * Number, name, 12 digits of the container's id, more of them, all of them, its cgroup, and each
 * with its user before it: every verb takes all of them, and they are the same guard.
 */
#include "persons.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cgroup.h"
#include "control.h"

#define ID    "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define OTHER "0123456789abffff0123456789abcdef0123456789abcdef0123456789abcdef"

static char number[16], path[TEROK_PATH_LEN], clearance[512];
static int fds[4];
static unsigned n_fds;

static struct guard container(uint32_t uid, const char *id, const char *name)
{
	struct guard_spec spec = { .netns_fd = -1,
				   .kind = TEROK_KIND_CONTAINER,
				   .uid = uid,
				   .container = id,
				   .name = name,
				   .state = TEROK_STATE_UP };
	struct guard guard;
	bool existing;

	snprintf(path, sizeof(path), "%.100s/%s", world->cgroup_path, id);
	spec.cgroup_fd = fds[n_fds++] = cgroup_create(path, NULL);
	assert_true(spec.cgroup_fd >= 0);
	assert_int_equal(guard_attach(world->kernel, &spec, &guard, &existing, NULL), 0);
	assert_int_equal(control_notify(guard.id), 0);
	return guard;
}

static int setup(void **state)
{
	programs_setup(state);
	agent_start();
	snprintf(number, sizeof(number), "%u", container(0, ID, "web").id);
	return 0;
}

static int teardown(void **state)
{
	char below[TEROK_PATH_LEN];

	if (agent)
		agent_end(SIGTERM);
	while (n_fds) {
		if (!cgroup_path(fds[--n_fds], below))
			cgroup_remove(below, NULL, NULL);
		close(fds[n_fds]);
	}
	return programs_teardown(state);
}

/* GUARD stands where it is said. */
static const char *const places[][8] = {
	{ "status", "GUARD" },
	{ "status", "GUARD", "--json" },
	{ "rules", "GUARD" },
	{ "names", "GUARD" },
	{ "explain", "GUARD", "192.0.2.1" },
	{ "down", "GUARD" },
	{ "block", "GUARD" },
	{ "up", "GUARD" },
	{ "bypass", "GUARD", "--for", "1m" },
	{ "bypass", "GUARD", "--off" },
	{ "allow", "GUARD", "192.0.2.1" },
	{ "deny", "GUARD", "192.0.2.2" },
	{ "publish", "GUARD", "8080" },
	{ "resolve", "GUARD" },
	{ "flush", "GUARD" },
	{ "harvest", "GUARD" },
	{ "logs", "GUARD" },
	{ "history", "GUARD" },
	{ "CLEARANCE", "grants", "--guard", "GUARD" },
	{ "CLEARANCE", "history", "--guard", "GUARD" },
	{ "CLEARANCE", "export", "--json", "--guard", "GUARD" },
};

static int say_to(const char *const place[8], const char *guard)
{
	const char *argv[10] = { bpfd };
	unsigned n = 1;

	for (unsigned i = 0; i < 8 && place[i]; i++) {
		if (!strcmp(place[i], "CLEARANCE"))
			argv[0] = clearance;
		else
			argv[n++] = strcmp(place[i], "GUARD") ? place[i] : guard;
	}
	return verb(argv);
}

static void every_name_is_taken_at_every_place(void **state)
{
	const char *const forms[] = { number,  "web",      "0123456789ab",      "0123456789abc", ID,
				      "0:web", "root:web", "root:0123456789ab", "0:" ID };

	(void)state;
	for (unsigned i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		bool people = !strcmp(places[i][0], "CLEARANCE");

		for (unsigned j = 0; j < sizeof(forms) / sizeof(forms[0]); j++) {
			if (people && strchr(forms[j], ':')) /* they see their own */
				continue;
			if (say_to(places[i], forms[j]))
				fail_msg("%s %s: %s", places[i][0], forms[j], said);
			if (strstr(said, "No audit logs") || strstr(said, "No history"))
				fail_msg("%s %s finds nothing: %s", places[i][0], forms[j], said);
		}
	}
	assert_works("rules", path);
	assert_works("detach", "0123456789ab");
}

static void what_is_none_is_named(void **state)
{
	static const char *const none[] = { "0123456789a",     "0123456789ac", "weber", "4001:web",
					    "nobody-here:web", "0:",           ":web" };

	(void)state;
	for (unsigned i = 0; i < 16; i++) {
		if (!strcmp(places[i][0], "harvest")) /* what is gone has files */
			continue;
		for (unsigned j = 0; j < sizeof(none) / sizeof(none[0]); j++) {
			int code = say_to(places[i], none[j]);

			if (!code)
				fail_msg("%s %s: %s", places[i][0], none[j], said);
			assert_said("no guard");
		}
	}
	assert_int_equal(say_to(places[18], "weber"), 1);
	assert_said("no guard 'weber'");
}

static void what_fits_two_names_both(void **state)
{
	struct guard hers;

	(void)state;
	hers = container(ANNE, OTHER, "web");
	for (unsigned i = 2; i < 15; i++) {
		if (!say_to(places[i], "web"))
			fail_msg("%s: %s", places[i][0], said);
		assert_said(number);
		assert_said("0123456789ab, user 0");
		assert_said("0123456789ab, user 4001");
		if (say_to(places[i], "4001:web") || say_to(places[i], ID) ||
		    say_to(places[i], "0:web") || say_to(places[i], "0123456789abffff"))
			fail_msg("%s: %s", places[i][0], said);
	}
	assert_works("rules", "4001:web", "--json");
	snprintf(number, sizeof(number), "%u", hers.id);
	assert_said(number);
	/* the beginning of both ids */
	assert_int_equal(VERB("rules", "0123456789ab"), 1);
	assert_said("2 guards are called");
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(every_name_is_taken_at_every_place),
		T(what_is_none_is_named),
		T(what_fits_two_names_both),
	};

	test_require("test_called");
	programs_find();
	snprintf(clearance, sizeof(clearance), "%s", bpfd);
	strcpy(strrchr(clearance, '/'), "/terok-clearance");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
