// SPDX-License-Identifier: Apache-2.0
/*
 * test_dunst.c - terok-clearance notifier and a notification service that people use
 *
 * dunst on an X server without a screen. What it shows it counts on the bus, and tells when
 * it is over; its menu of actions is a script, which chooses what the test wants.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <systemd/sd-bus.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/cleanup.h"
#include "base/event.h"
#include "core_end.h"
#include "desktop_end.h"
#include "program.h"

#define SERVICE "org.freedesktop.Notifications"
#define PATH    "/org/freedesktop/Notifications"
#define DUNST   "org.dunstproject.cmd0"
#define TOLD    64

static pid_t x_server = -1, dunst = -1;
static char display[16], folder[96];
static sd_bus *bus;
static bool there; /* both programs are installed */
static struct {
	char summary[512], body[2048];
} told[TOLD];

/* --- both programs ---------------------------------------------------------------------- */

static const char *file(const char *name)
{
	static char path[2][128];
	static unsigned i;

	i = !i;
	snprintf(path[i], sizeof(path[i]), "%s/%s", folder, name);
	return path[i];
}

static void write_file(const char *path, mode_t mode, const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

/* It chooses a number itself and says so when it can be used. */
static int x_start(void)
{
	char option[16];
	int out[2], null;
	FILE *said;
	size_t n;

	if (pipe(out))
		return -1;
	fflush(NULL);
	x_server = fork();
	if (!x_server) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		null = open("/dev/null", O_RDWR);
		dup2(null, 1);
		dup2(null, 2);
		snprintf(option, sizeof(option), "%d", out[1]);
		execlp("Xvfb", "Xvfb", "-displayfd", option, "-screen", "0", "1024x1400x24",
		       "-nolisten", "tcp", "-noreset", NULL);
		_exit(127);
	}
	close(out[1]);
	display[0] = ':';
	said = fdopen(out[0], "r");
	n = said && fgets(display + 1, sizeof(display) - 1, said) ? strlen(display) : 0;
	fclose(said);
	if (n < 3)
		return -1;
	display[n - 1] = '\0'; /* without its line's end */
	return 0;
}

static void dunst_start(void)
{
	int null;

	fflush(NULL);
	dunst = fork();
	if (dunst)
		return;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	setenv("DISPLAY", display, 1);
	setenv("DBUS_SESSION_BUS_ADDRESS", desktop_end_address(), 1);
	setenv("HOME", folder, 1);
	unsetenv("XDG_RUNTIME_DIR");
	unsetenv("WAYLAND_DISPLAY");
	null = open("/dev/null", O_RDWR);
	dup2(null, 1);
	dup2(null, 2);
	execlp("dunst", "dunst", "-conf", file("dunstrc"), NULL);
	_exit(127);
}

static void dunst_stop(void)
{
	if (dunst > 0) {
		kill(dunst, SIGTERM);
		waitpid(dunst, NULL, 0);
	}
	dunst = -1;
}

static int group_setup(void **state)
{
	(void)state;
	there = !system("command -v dunst >/dev/null && command -v Xvfb >/dev/null");
	return there ? x_start() : 0;
}

static int group_teardown(void **state)
{
	(void)state;
	if (x_server > 0) {
		kill(x_server, SIGTERM);
		waitpid(x_server, NULL, 0);
	}
	return 0;
}

static int setup(void **state)
{
	char text[512];

	(void)state;
	if (!there)
		return 0;
	if (core_end_start() || desktop_end_start(core_end_folder()))
		return -1;
	snprintf(folder, sizeof(folder), "%s/dunst", core_end_folder());
	if (mkdir(folder, 0755))
		return -1;
	snprintf(text, sizeof(text),
		 "[global]\nmarkup = full\nformat = \"%%s\\n%%b\"\nidle_threshold = 0\n"
		 "notification_limit = 20\nhistory_length = %d\ndmenu = %s\n",
		 TOLD, file("menu"));
	write_file(file("dunstrc"), 0644, text);
	snprintf(text, sizeof(text), "#!/bin/sh\nexec grep -F \"$(cat %s)\"\n", file("choice"));
	write_file(file("menu"), 0755, text);
	if (sd_bus_new(&bus) < 0 || sd_bus_set_address(bus, desktop_end_address()) < 0 ||
	    sd_bus_set_bus_client(bus, true) < 0 || sd_bus_start(bus) < 0)
		return -1;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	if (!there)
		return 0;
	program_stop();
	dunst_stop();
	bus = sd_bus_flush_close_unref(bus);
	for (const char *const *name = (const char *const[]){ "dunstrc", "menu", "choice", NULL };
	     *name; name++)
		unlink(file(*name));
	rmdir(folder);
	desktop_end_stop();
	core_end_stop();
	return 0;
}

/* --- what dunst says --------------------------------------------------------------------- */

static int64_t count_now(void)
{
	uint32_t shown = 0, waiting = 0;

	if (sd_bus_get_property_trivial(bus, SERVICE, PATH, DUNST, "displayedLength", NULL, 'u',
					&shown) < 0 ||
	    sd_bus_get_property_trivial(bus, SERVICE, PATH, DUNST, "waitingLength", NULL, 'u',
					&waiting) < 0)
		return -1;
	return (int64_t)shown + waiting;
}

/* dunst is there and shows @n. It tells of no change: it is asked fifty times a second. */
static void shows(int64_t n)
{
	uint64_t until = now_boot_ns() + CORE_END_WAIT_S * SECOND_NS;
	const struct timespec moment = { .tv_nsec = 20000000 };

	while (count_now() != n) {
		if (now_boot_ns() > until)
			fail_msg("%d are shown, not %d", (int)count_now(), (int)n);
		nanosleep(&moment, NULL);
	}
}

static void call(const char *method)
{
	assert_true(sd_bus_call_method(bus, SERVICE, PATH, DUNST, method, NULL, NULL, "") >= 0);
}

/* Open its menu and choose @key. */
static void choose(const char *key)
{
	char text[64];

	snprintf(text, sizeof(text), ",%s]", key);
	write_file(file("choice"), 0644, text);
	call("ContextMenuCall");
}

/* What it has shown and shows no more, into told[]; returns how many. */
static unsigned history(void)
{
	sd_bus_message *reply = NULL;
	const char *key, *text;
	unsigned n = 0;

	memset(told, 0, sizeof(told));
	assert_true(sd_bus_call_method(bus, SERVICE, PATH, DUNST, "NotificationListHistory", NULL,
				       &reply, "") >= 0);
	assert_true(sd_bus_message_enter_container(reply, 'a', "a{sv}") > 0);
	for (; sd_bus_message_enter_container(reply, 'a', "{sv}") > 0; n++) {
		assert_true(n < TOLD);
		while (sd_bus_message_enter_container(reply, 'e', "sv") > 0) {
			assert_true(sd_bus_message_read(reply, "s", &key) > 0);
			if (!strcmp(key, "summary") || !strcmp(key, "body")) {
				bool body = !strcmp(key, "body");

				assert_true(sd_bus_message_read(reply, "v", "s", &text) > 0);
				snprintf(body ? told[n].body : told[n].summary,
					 body ? sizeof(told[n].body) : sizeof(told[n].summary),
					 "%s", text);
			} else {
				assert_true(sd_bus_message_skip(reply, "v") >= 0);
			}
			sd_bus_message_exit_container(reply);
		}
		sd_bus_message_exit_container(reply);
	}
	sd_bus_message_unref(reply);
	return n;
}

static bool was_told(const char *summary, const char *body)
{
	for (unsigned i = 0; i < TOLD; i++)
		if (!strcmp(told[i].summary, summary) && !strncmp(told[i].body, body, strlen(body)))
			return true;
	return false;
}

static void needs_dunst(void)
{
	if (there)
		return;
	puts("SKIP dunst: dunst or Xvfb is not there (sudo tools/deps --install desktop)");
	skip();
}

static void notifier(void)
{
	dunst_start();
	shows(0);
	RUN(2, desktop_end_address(), "notifier", "--socket", core_end_path());
	core_end_lists();
	core_end_guard(1, "box", GUARD_LISTED, TEROK_STATE_UP);
}

/* --- tests -------------------------------------------------------------------------------- */

static void a_request_is_shown_and_the_menu_answers_it(void **state)
{
	struct msg_packet verdict;

	(void)state;
	needs_dunst();
	notifier();
	core_end_refuses(1, 5, "192.0.2.1", 443, "example.com", 1);
	shows(1);
	choose("allow-once");
	verdict = core_end_hears(MSG_VERDICT);
	assert_int_equal(verdict.VERDICT.action, TEROK_ALLOW);
	assert_int_equal(verdict.VERDICT.scope, SCOPE_ONCE);
	core_end_results(&verdict, 0, "");
	core_end_refuses(1, 6, "192.0.2.2", 443, "", 1);
	shows(2); /* the outcome came before, in place of its question */
	call("NotificationCloseAll");
	shows(0);
	assert_int_equal(history(), 2);
	assert_true(was_told("Allowed: example.com", "Container: box\nUntil "));
	assert_true(was_told("Blocked: 192.0.2.2:443",
			     "Container: box\nProtocol: TCP\nProcess: /usr/bin/curl[4711]"));
}

static void what_a_container_asked_goes_with_it(void **state)
{
	(void)state;
	needs_dunst();
	notifier();
	core_end_refuses(1, 5, "192.0.2.1", 443, "", 1);
	shows(1);
	core_end_refuses(1, 5, "192.0.2.1", 443, "", 3);
	core_end_refuses(1, 6, "192.0.2.2", 443, "", 1);
	shows(2);
	core_end_gone(1, "cgroup removed");
	shows(1);
	call("NotificationCloseAll");
	shows(0);
	assert_int_equal(history(), 3);
	assert_true(was_told("Container stopped: box", "Reason: cgroup removed"));
}

static void of_many_it_shows_a_few_and_one_that_counts(void **state)
{
	char dest[32];

	(void)state;
	needs_dunst();
	notifier();
	for (int i = 1; i <= 42; i++) {
		snprintf(dest, sizeof(dest), "192.0.2.%d", i);
		core_end_refuses(1, i, dest, 443, "", 1);
	}
	shows(6);
	core_end_gone(1, "");
	shows(1); /* that it has stopped */
}

static void names_of_a_container_are_text_to_it(void **state)
{
	(void)state;
	needs_dunst();
	notifier();
	core_end_guard(2, "</b><a href=x>&amp;\x1b[31m\xe2\x80\xae", GUARD_LISTED, TEROK_STATE_UP);
	core_end_refuses(2, 5, "192.0.2.1", 443, "<i>%s%n</i>", 1);
	shows(1);
	call("NotificationCloseAll");
	shows(0);
	assert_int_equal(history(), 1);
	assert_true(was_told("Blocked: i%s%n/i:443",
			     "Container: &lt;/b&gt;&lt;a href=x&gt;&amp;amp; [31m"));
}

static void when_it_is_back_it_shows_what_waits(void **state)
{
	(void)state;
	needs_dunst();
	notifier();
	core_end_refuses(1, 5, "192.0.2.1", 443, "", 1);
	core_end_refuses(1, 6, "192.0.2.2", 443, "", 1);
	shows(2);
	dunst_stop();
	dunst_start();
	shows(2);
	kill(program, SIGTERM);
	shows(0); /* no button stays behind */
	assert_int_equal(program_exits(), 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(a_request_is_shown_and_the_menu_answers_it),
		TEST(what_a_container_asked_goes_with_it),
		TEST(of_many_it_shows_a_few_and_one_that_counts),
		TEST(names_of_a_container_are_text_to_it),
		TEST(when_it_is_back_it_shows_what_waits),
	};

	return cmocka_run_group_tests_name("dunst", tests, group_setup, group_teardown);
}
