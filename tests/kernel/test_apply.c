// SPDX-License-Identifier: Apache-2.0
/*
 * test_apply.c - the agent as somebody's verdict helper: what Apply says is what the kernel does
 */
#include "answers.h"
#include "programs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "base/sock.h"

/* One Apply for the destination that was refused; the reply. */
static const char *apply(const char *dest, const char *action)
{
	const struct timeval patience = { .tv_sec = LIMIT_MS / 1000 };
	_cleanup_close_ int fd = -1;
	char path[128], call[512];
	static char reply[512];
	ssize_t n;

	snprintf(path, sizeof(path), "%s/clearance.sock", getenv("TEROK_RUN"));
	snprintf(call, sizeof(call),
		 "{\"method\":\"org.terok.ClearanceVerdict1.Apply\",\"parameters\":{\"container\":"
		 "\"%.*s\",\"dest\":\"%s\",\"action\":\"%s\"}}",
		 (int)strcspn(hub.id, ":"), hub.id, dest, action);
	fd = sock_connect(path);
	assert_true(fd >= 0);
	assert_int_equal(fcntl(fd, F_SETFL, 0), 0);
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)), 0);
	assert_int_equal(send(fd, call, strlen(call) + 1, 0), strlen(call) + 1);
	n = recv(fd, reply, sizeof(reply), 0); /* one short frame: it comes whole */
	assert_true(n > 0 && !reply[n - 1]);
	return reply;
}

static void what_is_allowed_passes_when_the_reply_is_there(void **state)
{
	(void)state;
	agent_start();
	attach_box();
	hub_ask();
	assert_string_equal(apply(TEST_FAR, "allow"),
			    "{\"parameters\":{\"ok\":true,\"stderr\":\"\"}}");
	assert_int_equal(test_udp(world, TEST_FAR), 0);
	/* it is a rule as any other, of this address and no other */
	assert_int_equal(VERB("rules", "box"), 0);
	assert_non_null(strstr(said, TEST_FAR));
	assert_int_equal(test_udp(world, "203.0.113.9"), EPERM);
	terok_client_close(hub.client);
}

static void what_nobody_asked_for_stays_as_it_is(void **state)
{
	(void)state;
	agent_start();
	attach_box();
	hub_ask();
	assert_non_null(strstr(apply("203.0.113.9", "allow"), "\"ok\":false"));
	assert_int_equal(test_udp(world, "203.0.113.9"), EPERM);
	assert_int_equal(test_udp(world, TEST_FAR), EPERM);
	terok_client_close(hub.client);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, programs_setup, programs_teardown)
		T(what_is_allowed_passes_when_the_reply_is_there),
		T(what_nobody_asked_for_stays_as_it_is),
	};

	test_require("kernel/apply");
	programs_find();
	return cmocka_run_group_tests_name("kernel/apply", tests, NULL, NULL);
}
