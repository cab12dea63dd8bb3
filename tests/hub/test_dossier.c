// SPDX-License-Identifier: Apache-2.0
/* test_dossier.c - what whoever started a container says of it is in every event of its guard */
#include "served.h"

#include <stdio.h>
#include <string.h>

#include "terok/dossier.h"

#define SUBSCRIBE "{\"method\":\"" CLEARANCE ".Subscribe\",\"more\":true}"
#define MONITOR   "{\"method\":\"" FIREWALL ".Monitor\",\"more\":true}"

static int subscriber, monitor;

static void core_describes(const char *key, const char *value)
{
	struct msg_packet packet = { .type = MSG_DOSSIER, .DOSSIER = { .guard = 1 } };

	if (key)
		assert_int_equal(terok_dossier_put(&packet.DOSSIER.now, key, value), 0);
	core_says(&packet);
}

static void core_attaches(void)
{
	struct msg_packet packet = { .type = MSG_GUARD };

	packet.GUARD = (struct msg_guard){ .news = GUARD_ATTACHED,
					   .id = 1,
					   .state = TEROK_STATE_UP,
					   .info = { .uid = 1000, .name = "box" } };
	strcpy(packet.GUARD.info.container, CONTAINER);
	core_says(&packet);
}

static int setup(void **state)
{
	int r = served_setup(state);

	subscriber = dial();
	monitor = dial();
	say(subscriber, SUBSCRIBE);
	say(monitor, MONITOR);
	heard(monitor); /* it stands */
	return r;
}

/* The dossier of the next event that is heard there. */
static void hears(int fd, const char *type, const char *dossier)
{
	char want[512];
	const char *told = heard(fd);

	snprintf(want, sizeof(want), "\"type\":\"%s\"", type);
	if (!strstr(told, want))
		fail_msg("no %s: %s", type, told);
	snprintf(want, sizeof(want), "\"dossier\":{%s}}", dossier);
	if (!strstr(told, want))
		fail_msg("not %s: %s", want, told);
}

static void every_event_has_it(void **state)
{
	struct msg_packet gone = { .type = MSG_GONE, .GONE = { 1, "detached" } };

	(void)state;
	core_describes("task", "7 \x1b[1m");
	core_attaches();
	hears(monitor, "guard_attached", "\"task\":\"7  [1m\"");
	hears(subscriber, "container_started",
	      "\"name\":\"box\",\"container_name\":\"box\",\"task\":\"7  [1m\"");
	core_refuses(5);
	hears(monitor, "request", "\"task\":\"7  [1m\"");
	hears(subscriber, "connection_blocked",
	      "\"name\":\"box\",\"container_name\":\"box\",\"task\":\"7  [1m\","
	      "\"process\":\"curl[4711] /usr/bin/curl\",\"parent\":\"bash[4700]\",\"uid\":\"1000\","
	      "\"reason\":\"default\",\"hook\":\"connect4\"");
	core_describes(NULL, NULL); /* it says nothing any more */
	core_refuses(0);
	hears(monitor, "refused", "");
	core_describes("task", "8");
	core_says(&gone);
	hears(monitor, "guard_detached", "\"task\":\"8\"");
	hears(subscriber, "container_exited",
	      "\"name\":\"box\",\"container_name\":\"box\",\"task\":\"8\"");
}

static void its_own_name_comes_before_the_containers(void **state)
{
	(void)state;
	core_describes("name", "fix the bug");
	core_attaches();
	hears(subscriber, "container_started",
	      "\"container_name\":\"box\",\"name\":\"fix the bug\"");
}

/* What the kernel saw is not the container's to say. */
static void it_does_not_stand_in_for_the_kernel(void **state)
{
	(void)state;
	core_describes("process", "sshd[1]");
	core_attaches();
	heard(subscriber);
	core_refuses(5);
	hears(subscriber, "connection_blocked",
	      "\"name\":\"box\",\"container_name\":\"box\","
	      "\"process\":\"curl[4711] /usr/bin/curl\",\"parent\":\"bash[4700]\",\"uid\":\"1000\","
	      "\"reason\":\"default\",\"hook\":\"connect4\"");
}

/* Of a guard that was not told of nobody hears, whatever is said of it before. */
static void a_dossier_makes_no_guard(void **state)
{
	struct msg_packet gone = { .type = MSG_GONE, .GONE = { 1, "detached" } };

	(void)state;
	core_describes("task", "7");
	core_says(&gone);
	core_describes("task", "8");
	core_refuses(5);
	hears(monitor, "refused", "");
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, served_teardown)
	const struct CMUnitTest tests[] = {
		T(every_event_has_it),
		T(its_own_name_comes_before_the_containers),
		T(it_does_not_stand_in_for_the_kernel),
		T(a_dossier_makes_no_guard),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
