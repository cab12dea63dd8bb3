// SPDX-License-Identifier: Apache-2.0
/* test_control.c - user/control.c: an agent that does not answer keeps no verb */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/cleanup.h"
#include "base/sock.h"
#include "control.h"

static void a_full_backlog_of_a_stopped_agent_has_an_end(void **state)
{
	char folder[] = "/tmp/test_control.XXXXXX", path[64];
	int listen_fd = -1, waiting[256], n = 0;

	(void)state;
	assert_non_null(mkdtemp(folder));
	setenv("TEROK_RUN", folder, 1);
	snprintf(path, sizeof(path), "%s/control.sock", folder);
	assert_int_equal(sock_listen(path, 0600, &listen_fd, NULL), 0);
	assert_int_equal(listen(listen_fd, 0), 0);
	while (n < 256 && (waiting[n] = sock_connect(path)) >= 0)
		n++;
	assert_int_equal(waiting[n], -EAGAIN);
	alarm(10); /* ends the test where there is no end */
	assert_int_equal(control_notify(1), -ETIMEDOUT);
	alarm(0);
	while (n)
		closep(&waiting[--n]);
	close(listen_fd);
	unlink(path);
	rmdir(folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_full_backlog_of_a_stopped_agent_has_an_end),
	};

	return cmocka_run_group_tests_name("control", tests, NULL, NULL);
}
