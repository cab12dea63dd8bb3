// SPDX-License-Identifier: Apache-2.0
/* test_notify.c - user/base/notify.c: what systemd hears of us, and what of it we pass on */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/cleanup.h"
#include "base/notify.h"

static int systemd = -1;
static char text[2 * NOTIFY_MAX];
static struct notify notify;

/* Listen where NOTIFY_SOCKET says; its first byte '@': abstract. */
static void listen_at(const char *name)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };

	strcpy(sun.sun_path, name);
	if (*name == '@')
		sun.sun_path[0] = '\0';
	systemd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(systemd, (struct sockaddr *)&sun,
			      offsetof(struct sockaddr_un, sun_path) + strlen(name)),
			 0);
	setenv("NOTIFY_SOCKET", name, 1);
}

static const char *heard(void)
{
	ssize_t n = recv(systemd, text, sizeof(text) - 1, MSG_DONTWAIT);

	text[n > 0 ? n : 0] = '\0';
	return text;
}

static int setup(void **state)
{
	(void)state;
	unsetenv("NOTIFY_SOCKET");
	unsetenv("WATCHDOG_USEC");
	unsetenv("WATCHDOG_PID");
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	notify_close(&notify);
	closep(&systemd);
	return 0;
}

static void without_systemd_nothing_happens(void **state)
{
	(void)state;
	setenv("WATCHDOG_USEC", "1000000", 1);
	notify_open(&notify);
	assert_false(notify_wanted(&notify));
	assert_int_equal(notify.watchdog_ns, 0);
	notify_say(&notify, "READY=1");
}

static void it_is_told_by_either_kind_of_address(void **state)
{
	char path[64];

	(void)state;
	snprintf(path, sizeof(path), "/tmp/test_notify.%d", getpid());
	listen_at(path);
	notify_open(&notify);
	unlink(path);
	notify_say(&notify, "READY=1\nMAINPID=%d", 42);
	assert_string_equal(heard(), "READY=1\nMAINPID=42");
	notify_close(&notify);
	closep(&systemd);

	snprintf(path, sizeof(path), "@test_notify.%d", getpid());
	listen_at(path);
	notify_open(&notify);
	notify_say(&notify, "STOPPING=1");
	assert_string_equal(heard(), "STOPPING=1");
}

static void what_we_start_does_not_speak_for_us(void **state)
{
	char path[64], pid[16];

	(void)state;
	snprintf(path, sizeof(path), "@test_notify.%d", getpid());
	snprintf(pid, sizeof(pid), "%d", getpid());
	listen_at(path);
	setenv("WATCHDOG_USEC", "30000000", 1);
	setenv("WATCHDOG_PID", pid, 1);
	notify_open(&notify);
	assert_null(getenv("NOTIFY_SOCKET"));
	assert_null(getenv("WATCHDOG_USEC"));
	assert_null(getenv("WATCHDOG_PID"));
	assert_int_equal(notify.watchdog_ns, UINT64_C(30000000000));
}

static uint64_t watchdog_of(const char *usec, const char *pid)
{
	char path[64];
	uint64_t ns;

	snprintf(path, sizeof(path), "@test_notify.%d", getpid());
	listen_at(path);
	setenv("WATCHDOG_USEC", usec, 1);
	if (pid)
		setenv("WATCHDOG_PID", pid, 1);
	notify_open(&notify);
	ns = notify.watchdog_ns;
	notify_close(&notify);
	closep(&systemd);
	return ns;
}

static void a_watchdog_that_is_not_ours_or_no_number_is_none(void **state)
{
	static const char *const none[] = { "",   "0",  "-1",   "x",
					    "1x", " 5", "0x10", "99999999999999999999999" };

	(void)state;
	for (size_t i = 0; i < sizeof(none) / sizeof(*none); i++)
		assert_int_equal(watchdog_of(none[i], NULL), 0);
	assert_int_equal(watchdog_of("1000000", "1"), 0);
	assert_int_equal(watchdog_of("1000000", "x"), 0);
	assert_int_equal(watchdog_of("86400000000", NULL), UINT64_C(86400000000000));
	assert_int_equal(watchdog_of("86400000001", NULL), 0);
}

static void an_address_that_is_none_is_not_used(void **state)
{
	static const char *const none[] = { "", "/", "@", "relative", "/tmp/nobody.listens.here" };
	char path[200];

	(void)state;
	for (size_t i = 0; i < sizeof(none) / sizeof(*none); i++) {
		setenv("NOTIFY_SOCKET", none[i], 1);
		notify_open(&notify);
		assert_false(notify_wanted(&notify));
	}
	memset(path, 'x', sizeof(path) - 1);
	path[sizeof(path) - 1] = '\0';
	*path = '/';
	setenv("NOTIFY_SOCKET", path, 1);
	notify_open(&notify);
	assert_false(notify_wanted(&notify));
}

static void nobody_is_waited_for_and_nothing_is_cut(void **state)
{
	char path[64], long_text[NOTIFY_MAX + 1];

	(void)state;
	snprintf(path, sizeof(path), "@test_notify.%d", getpid());
	listen_at(path);
	notify_open(&notify);
	memset(long_text, 'x', NOTIFY_MAX);
	long_text[NOTIFY_MAX] = '\0';
	notify_say(&notify, "%s", long_text);
	assert_string_equal(heard(), "");
	notify_say(&notify, "%s", long_text + 1);
	assert_int_equal(strlen(heard()), NOTIFY_MAX - 1);
	for (int i = 0; i < 100000; i++) /* nobody reads: it would block long before */
		notify_say(&notify, "WATCHDOG=1");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(without_systemd_nothing_happens, setup, teardown),
		cmocka_unit_test_setup_teardown(it_is_told_by_either_kind_of_address, setup,
						teardown),
		cmocka_unit_test_setup_teardown(what_we_start_does_not_speak_for_us, setup,
						teardown),
		cmocka_unit_test_setup_teardown(a_watchdog_that_is_not_ours_or_no_number_is_none,
						setup, teardown),
		cmocka_unit_test_setup_teardown(an_address_that_is_none_is_not_used, setup,
						teardown),
		cmocka_unit_test_setup_teardown(nobody_is_waited_for_and_nothing_is_cut, setup,
						teardown),
	};

	return cmocka_run_group_tests_name("notify", tests, NULL, NULL);
}
