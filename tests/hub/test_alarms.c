// SPDX-License-Identifier: Apache-2.0
/* test_alarms.c - a container without the guard that it asks for: told, listed, told again, over */
#include "served.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "terok/dossier.h"

#define ID        "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define SUBSCRIBE "{\"method\":\"" CLEARANCE ".Subscribe\",\"more\":true}"
#define MONITOR                                                                                    \
	"{\"method\":\"" FIREWALL ".Monitor\",\"more\":true,\"parameters\":{\"replay\":true}}"
#define ASK "{\"method\":\"" FIREWALL ".ListAlarms\"}"

static void core_alarms(uint32_t uid, bool over)
{
	struct msg_packet packet = { .type = MSG_ALARM, .ALARM = { .uid = uid, .over = over } };

	strcpy(packet.ALARM.id, ID);
	strcpy(packet.ALARM.name, "web\x1b");
	strcpy(packet.ALARM.why, over ? "it has ended" : "attach it");
	terok_dossier_put(&packet.ALARM.pairs, "task", "7");
	core_says(&packet);
}

/* Whatever the core said so far the hub has heard. */
static void core_is_heard(void)
{
	struct msg_packet packet;
	int fd = dial();

	say(fd, "{\"method\":\"" FIREWALL ".ListGuards\"}");
	packet = core_hears(MSG_LIST);
	packet.type = MSG_LISTED;
	packet.LISTED.token = packet.LIST.token;
	core_says(&packet);
	heard(fd);
}

static int monitoring(uid_t uid)
{
	int fd = dial_as(uid, 0);

	say(fd, MONITOR);
	heard(fd); /* it stands */
	return fd;
}

static void assert_has(const char *told, const char *text)
{
	if (!strstr(told, text))
		fail_msg("%s is not in %s", text, told);
}

static void everybody_who_may_hears_of_it_once(void **state)
{
	int subscriber = dial(), monitor = dial();
	const char *told;

	(void)state;
	say(subscriber, SUBSCRIBE);
	say(monitor, MONITOR);
	heard(monitor);
	core_alarms(1000, false);
	core_alarms(1000, false); /* a core that tells all of them again */
	core_alarms(1000, true);
	core_alarms(1000, true);
	told = heard(monitor);
	assert_has(told, "\"type\":\"alarm\",");
	assert_has(told, "\"guard\":0,\"container\":\"" ID "\",\"name\":\"web \"");
	assert_has(told, "\"reason\":\"unguarded\"");
	assert_has(told, "\"problem\":\"attach it\",\"uid\":1000");
	assert_has(told, "\"task\":\"7\"");
	told = heard(monitor);
	assert_has(told, "\"type\":\"alarm_over\",");
	assert_has(told, "\"problem\":\"it has ended\"");
	hear(subscriber,
	     "{\"continues\":true,\"parameters\":{\"event\":{\"type\":\"container_unguarded\","
	     "\"container\":\"" ID "\",\"request_id\":\"\",\"dest\":\"\",\"port\":0,"
	     "\"proto\":0,\"domain\":\"\",\"action\":\"\",\"ok\":false,"
	     "\"reason\":\"unguarded\",\"dossier\":{\"name\":\"web \","
	     "\"container_name\":\"web \",\"task\":\"7\"}}}}");
	core_refuses(0); /* and nothing else came before this */
	assert_has(heard(monitor), "\"type\":\"refused\"");
}

static void who_comes_later_is_told_and_may_ask(void **state)
{
	int fd = dial();

	(void)state;
	core_alarms(1000, false);
	core_alarms(1001, false);
	core_is_heard();
	assert_has(heard(monitoring(0)), "\"type\":\"alarm\"");
	say(fd, ASK);
	assert_has(heard(fd), "{\"parameters\":{\"alarms\":[{\"sequence\":1,\"type\":\"alarm\"");
	core_alarms(1000, true);
	core_alarms(1001, true);
	core_is_heard();
	say(fd, ASK);
	hear(fd, "{\"parameters\":{\"alarms\":[]}}");
}

static void nobody_hears_of_anothers(void **state)
{
	int anne = monitoring(1001), fd = dial_as(1001, 0);

	(void)state;
	core_alarms(1000, false);
	core_alarms(1001, false);
	assert_has(heard(anne), "\"uid\":1001");
	core_is_heard();
	say(fd, ASK);
	assert_has(heard(fd), "\"uid\":1001");
	fd = dial_as(1002, 0);
	say(fd, ASK);
	hear(fd, "{\"parameters\":{\"alarms\":[]}}");
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, served_setup, served_teardown)
	const struct CMUnitTest tests[] = {
		T(everybody_who_may_hears_of_it_once),
		T(who_comes_later_is_told_and_may_ask),
		T(nobody_hears_of_anothers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
