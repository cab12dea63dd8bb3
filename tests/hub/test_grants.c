// SPDX-License-Identifier: Apache-2.0
/* test_grants.c - ListGrants and Revoke between clients and the core, as frames and messages */
#include "served.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define LIST      "{\"method\":\"" FIREWALL ".ListGrants\"}"
#define REVOKE(g) "{\"method\":\"" FIREWALL ".Revoke\",\"parameters\":{\"grant\":\"" g "\"}}"
#define MONITOR   "{\"method\":\"" FIREWALL ".Monitor\",\"more\":true}"
#define SUBSCRIBE "{\"method\":\"" CLEARANCE ".Subscribe\",\"more\":true}"

/* One of guard 1, which is uid 1000's. */
static struct msg_grant grant_of(uint64_t token, uint64_t number)
{
	struct msg_grant grant = { .token = token,
				   .number = number,
				   .guard = 1,
				   .uid = 7,
				   .port = 443,
				   .proto = 6,
				   .action = TEROK_ALLOW,
				   .scope = SCOPE_TIME,
				   .until_ns = 99,
				   .since_ns = 11 };

	strcpy(grant.dest, "192.0.2.1");
	return grant;
}

static void core_grants(uint64_t token, unsigned n, bool more)
{
	struct msg_packet packet = { .type = MSG_GRANT };

	for (unsigned i = 0; i < n; i++) {
		packet.GRANT = grant_of(token, 5 + i);
		core_says(&packet);
	}
	packet = (struct msg_packet){ .type = MSG_GRANTED };
	packet.GRANTED = (struct msg_granted){ .token = token, .more = more };
	core_says(&packet);
}

static void core_revoked(const struct msg_packet *revoke, int result, const char *problem)
{
	struct msg_packet packet = { .type = MSG_REVOKED };

	packet.REVOKED = (struct msg_revoked){ .token = revoke->REVOKE.token,
					       .result = result,
					       .uid = revoke->REVOKE.uid };
	snprintf(packet.REVOKED.problem, sizeof(packet.REVOKED.problem), "%s", problem);
	if (!result) {
		packet.REVOKED.grant = grant_of(0, revoke->REVOKE.number);
		strcpy(packet.REVOKED.rule, "allow 192.0.2.1 port 443 tcp");
		strcpy(packet.REVOKED.client, "tui");
	}
	core_says(&packet);
}

static void grants_are_asked_for_in_the_callers_name(void **state)
{
	struct msg_packet asked;
	int caller = dial();

	(void)state;
	core_guard(0);
	say(caller, "{\"method\":\"" FIREWALL ".ListGrants\",\"parameters\":{\"guard\":1}}");
	asked = core_hears(MSG_GRANTS);
	assert_int_equal(asked.GRANTS.uid, getuid());
	assert_int_equal(asked.GRANTS.guard, 1);
	core_grants(asked.GRANTS.token, 1, true);
	hear(caller, "{\"parameters\":{\"grants\":[{\"guard\":1,\"container\":\"" CONTAINER
		     "\",\"name\":\"box\",\"grant\":\"5\",\"dest\":\"192.0.2.1\",\"port\":443,"
		     "\"proto\":6,\"action\":\"allow\",\"scope\":\"time\",\"until_ns\":99,"
		     "\"uid\":7,\"since_ns\":11}],\"more\":true}}");
	say(caller, "{\"method\":\"" FIREWALL ".ListGrants\",\"parameters\":{\"guard\":-1}}");
	assert_non_null(strstr(heard(caller), "InvalidParameter"));
}

static void what_is_taken_back_is_told_to_everybody_else(void **state)
{
	int monitor = dial(), subscriber = dial(), caller = dial();
	struct msg_packet revoke;
	const char *told;

	(void)state;
	say(monitor, MONITOR);
	heard(monitor);
	say(subscriber, SUBSCRIBE);
	core_guard(0);
	say(caller, REVOKE("123456789012345"));
	revoke = core_hears(MSG_REVOKE);
	assert_int_equal(revoke.REVOKE.number, 123456789012345);
	assert_int_equal(revoke.REVOKE.uid, getuid());
	assert_int_equal(revoke.REVOKE.pid, getpid());
	core_revoked(&revoke, 0, "");
	hear(caller, "{}");
	told = heard(monitor);
	assert_non_null(strstr(told, "\"type\":\"revoked\""));
	assert_non_null(strstr(told, "\"dest\":\"192.0.2.1\",\"port\":443,\"proto\":6,"));
	assert_non_null(strstr(told, "\"rule\":\"allow 192.0.2.1 port 443 tcp\""));
	assert_non_null(strstr(told, "\"client\":\"tui\""));
	/* the old interface has no word for it: what it hears next is something else */
	core_refuses(5);
	assert_non_null(strstr(heard(subscriber), "connection_blocked"));
}

static void what_could_not_be_taken_back_says_why(void **state)
{
	struct msg_packet revoke;
	int caller = dial();

	(void)state;
	say(caller, REVOKE("5"));
	revoke = core_hears(MSG_REVOKE);
	core_revoked(&revoke, -EPERM, "root has said that\033[2J");
	hear(caller, "{\"error\":\"" FIREWALL ".NotRevoked\",\"parameters\":{\"grant\":\"5\","
		     "\"reason\":\"root has said that [2J\"}}");
	say(caller, REVOKE("6"));
	revoke = core_hears(MSG_REVOKE);
	core_revoked(&revoke, -ENOENT, "");
	hear(caller, "{\"error\":\"" FIREWALL ".UnknownGrant\",\"parameters\":{\"grant\":\"6\"}}");
	say(caller, REVOKE("06")); /* nobody asks the core for that */
	hear(caller, "{\"error\":\"" FIREWALL ".UnknownGrant\",\"parameters\":{\"grant\":\"06\"}}");
}

static void who_hangs_up_meanwhile_holds_up_nobody(void **state)
{
	struct msg_packet list, revoke;
	int leaves = dial(), stays = dial();

	(void)state;
	core_guard(0);
	say(leaves, LIST);
	list = core_hears(MSG_GRANTS);
	shutdown(leaves, SHUT_RDWR);
	say(stays, REVOKE("5"));
	revoke = core_hears(MSG_REVOKE);
	shutdown(stays, SHUT_RDWR);
	core_grants(list.GRANTS.token, 3, false);
	core_revoked(&revoke, 0, "");
	stays = dial();
	say(stays, LIST);
	list = core_hears(MSG_GRANTS);
	core_grants(list.GRANTS.token, 0, false);
	hear(stays, "{\"parameters\":{\"grants\":[],\"more\":false}}");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, served_setup, served_teardown)
		T(grants_are_asked_for_in_the_callers_name),
		T(what_is_taken_back_is_told_to_everybody_else),
		T(what_could_not_be_taken_back_says_why),
		T(who_hangs_up_meanwhile_holds_up_nobody),
	};

	return cmocka_run_group_tests_name("hub/grants", tests, NULL, NULL);
}
