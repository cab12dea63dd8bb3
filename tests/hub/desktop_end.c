// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include "desktop_end.h"
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

#include "base/event.h"
#include "core_end.h"

#define SERVICE "org.freedesktop.Notifications"
#define PATH    "/org/freedesktop/Notifications"
#define SHOWN   512

static char address[128], config[96], socket_path[96], services[96], words[128];
static pid_t daemon_pid = -1;
static sd_bus *service;
static struct shown shown[SHOWN];
static uint32_t closed[SHOWN], ids;
static unsigned n_shown, taken, n_closed, closed_taken, n_asked, strange;

/* --- the bus ------------------------------------------------------------------------------ */

/* No services that this machine happens to have: nobody is started but what the test wants. */
static const char policy[] =
    "<busconfig><type>session</type><listen>unix:path=%s</listen><auth>EXTERNAL</auth>"
    "<servicedir>%s</servicedir>"
    "<policy context=\"default\"><allow send_destination=\"*\" eavesdrop=\"true\"/>"
    "<allow eavesdrop=\"true\"/><allow own=\"*\"/></policy></busconfig>\n";

static int daemon_start(void)
{
	char option[128], line[256];
	int out[2];
	ssize_t n;

	snprintf(option, sizeof(option), "--config-file=%s", config);
	if (pipe(out))
		return -1;
	fflush(NULL);
	daemon_pid = fork();
	if (!daemon_pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		dup2(out[1], 1);
		execlp("dbus-daemon", "dbus-daemon", option, "--nofork", "--nopidfile",
		       "--print-address=1", NULL);
		_exit(127);
	}
	close(out[1]);
	/* it says where it listens when it does */
	n = read(out[0], line, sizeof(line));
	close(out[0]);
	return n > 0 ? 0 : -1;
}

static void daemon_stop(void)
{
	if (daemon_pid > 0) {
		kill(daemon_pid, SIGKILL);
		waitpid(daemon_pid, NULL, 0);
	}
	daemon_pid = -1;
	unlink(socket_path);
}

int desktop_end_start(const char *folder)
{
	FILE *f;

	n_shown = taken = n_closed = closed_taken = n_asked = strange = 0;
	ids = 0;
	snprintf(config, sizeof(config), "%s/bus.conf", folder);
	snprintf(socket_path, sizeof(socket_path), "%s/bus", folder);
	snprintf(services, sizeof(services), "%s/services", folder);
	snprintf(address, sizeof(address), "unix:path=%s", socket_path);
	f = fopen(config, "w");
	if (!f)
		return -1;
	fprintf(f, policy, socket_path, services);
	fclose(f);
	if (mkdir(services, 0755))
		return -1;
	return daemon_start();
}

static const char *service_path(const char *name)
{
	static char path[128];

	snprintf(path, sizeof(path), "%s/%s", services, name);
	return path;
}

static void forget(void)
{
	FILE *f = fopen(service_path("pid"), "r");
	int pid;

	/* it is nobody's child: the bus that began it has gone */
	if (f && fscanf(f, "%d", &pid) == 1)
		kill(pid, SIGKILL);
	if (f)
		fclose(f);
	unlink(service_path("pid"));
	unlink(service_path("notifications.service"));
	unlink(service_path("started"));
}

void desktop_end_stop(void)
{
	desktop_end_leave();
	daemon_stop();
	unlink(config);
	forget();
	rmdir(services);
}

void desktop_end_restart(void)
{
	desktop_end_leave();
	daemon_stop();
	assert_int_equal(daemon_start(), 0);
}

const char *desktop_end_address(void)
{
	return address;
}

static sd_bus *dial(void)
{
	sd_bus *bus = NULL;

	assert_true(sd_bus_new(&bus) >= 0);
	assert_true(sd_bus_set_address(bus, address) >= 0);
	assert_true(sd_bus_set_bus_client(bus, true) >= 0);
	assert_true(sd_bus_start(bus) >= 0);
	return bus;
}

void desktop_end_startable(bool fails)
{
	sd_bus *bus = NULL;
	FILE *f = fopen(service_path("notifications.service"), "w");

	assert_non_null(f);
	fprintf(f,
		"[D-BUS Service]\nName=" SERVICE
		"\nExec=/bin/sh -c \"cd %s; echo x >> started; %s\"\n",
		services, fails ? "exit 1" : "echo $$ > pid; exec sleep 100");
	fclose(f);
	bus = dial();
	assert_true(sd_bus_call_method(bus, "org.freedesktop.DBus", "/org/freedesktop/DBus",
				       "org.freedesktop.DBus", "ReloadConfig", NULL, NULL,
				       "") >= 0);
	sd_bus_close_unref(bus);
}

unsigned desktop_end_starts(void)
{
	struct stat st;

	return stat(service_path("started"), &st) ? 0 : st.st_size / 2;
}

/* --- the service ------------------------------------------------------------------------- */

static void read_hints(sd_bus_message *message, struct shown *to)
{
	const char *name;
	uint8_t urgency;
	int flag;

	to->urgency = -1;
	assert_true(sd_bus_message_enter_container(message, 'a', "{sv}") > 0);
	while (sd_bus_message_enter_container(message, 'e', "sv") > 0) {
		assert_true(sd_bus_message_read(message, "s", &name) > 0);
		if (!strcmp(name, "urgency")) {
			assert_true(sd_bus_message_read(message, "v", "y", &urgency) > 0);
			to->urgency = urgency;
		} else {
			assert_true(sd_bus_message_read(message, "v", "b", &flag) > 0);
			if (!strcmp(name, "resident"))
				to->resident = flag;
			else if (!strcmp(name, "transient"))
				to->transient = flag;
			else
				fail_msg("a hint called %s", name);
		}
		assert_true(sd_bus_message_exit_container(message) > 0);
	}
	assert_true(sd_bus_message_exit_container(message) > 0);
}

static int on_notify(sd_bus_message *message, void *user, sd_bus_error *error)
{
	const char *app, *icon, *summary, *body, *word;
	struct shown *to = &shown[n_shown];
	bool key = true;

	(void)user;
	(void)error;
	assert_true(n_shown < SHOWN);
	*to = (struct shown){};
	assert_true(
	    sd_bus_message_read(message, "susss", &app, &to->replaces, &icon, &summary, &body) > 0);
	snprintf(to->app, sizeof(to->app), "%s", app);
	snprintf(to->icon, sizeof(to->icon), "%s", icon);
	snprintf(to->summary, sizeof(to->summary), "%s", summary);
	snprintf(to->body, sizeof(to->body), "%s", body);
	assert_true(sd_bus_message_enter_container(message, 'a', "s") > 0);
	for (; sd_bus_message_read(message, "s", &word) > 0; key = !key) {
		size_t n = strlen(to->actions);

		snprintf(to->actions + n, sizeof(to->actions) - n, "%s%s", word, key ? "=" : "|");
	}
	assert_true(sd_bus_message_exit_container(message) > 0);
	read_hints(message, to);
	assert_true(sd_bus_message_read(message, "i", &to->timeout_ms) > 0);
	to->id = to->replaces ?: ++ids;
	n_shown++;
	return sd_bus_reply_method_return(message, "u", to->id);
}

static int on_close(sd_bus_message *message, void *user, sd_bus_error *error)
{
	(void)user;
	(void)error;
	assert_true(n_closed < SHOWN);
	assert_true(sd_bus_message_read(message, "u", &closed[n_closed]) > 0);
	sd_bus_emit_signal(service, PATH, SERVICE, "NotificationClosed", "uu", closed[n_closed], 3);
	n_closed++;
	return sd_bus_reply_method_return(message, "");
}

static int on_capabilities(sd_bus_message *message, void *user, sd_bus_error *error)
{
	sd_bus_message *reply = NULL;
	char copy[sizeof(words)], *save = NULL;
	int r = sd_bus_message_new_method_return(message, &reply);

	(void)user;
	(void)error;
	strcpy(copy, words);
	if (r >= 0)
		r = sd_bus_message_open_container(reply, 'a', "s");
	for (char *word = strtok_r(copy, " ", &save); r >= 0 && word;
	     word = strtok_r(NULL, " ", &save))
		r = sd_bus_message_append(reply, "s", word);
	if (r >= 0)
		r = sd_bus_message_close_container(reply);
	if (r >= 0)
		r = sd_bus_send(service, reply, NULL);
	sd_bus_message_unref(reply);
	n_asked++;
	return r < 0 ? r : 1;
}

/* Whatever else is asked of us: a notifier knows the interface, and asks nobody for it. */
static int on_message(sd_bus_message *message, void *user, sd_bus_error *error)
{
	(void)user;
	(void)error;
	if (sd_bus_message_is_method_call(message, NULL, NULL) &&
	    strcmp(sd_bus_message_get_interface(message) ?: "", SERVICE))
		strange++;
	return 0;
}

static const sd_bus_vtable vtable[] = {
	SD_BUS_VTABLE_START(0),
	SD_BUS_METHOD("Notify", "susssasa{sv}i", "u", on_notify, SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_METHOD("CloseNotification", "u", "", on_close, SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_METHOD("GetCapabilities", "", "as", on_capabilities, SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_VTABLE_END,
};

void desktop_end_own(const char *capabilities)
{
	snprintf(words, sizeof(words), "%s", capabilities);
	service = dial();
	assert_true(sd_bus_add_object_vtable(service, NULL, PATH, SERVICE, vtable, NULL) >= 0);
	assert_true(sd_bus_add_filter(service, NULL, on_message, NULL) >= 0);
	assert_true(sd_bus_request_name(service, SERVICE, 0) >= 0);
}

void desktop_end_leave(void)
{
	service = sd_bus_close_unref(service);
}

/* Serve until @count is above @before. */
static void serve_until(const unsigned *count, unsigned before, const char *what)
{
	uint64_t until = now_boot_ns() + CORE_END_WAIT_S * SECOND_NS;

	while (*count <= before) {
		int r = sd_bus_process(service, NULL);

		assert_true(r >= 0);
		if (now_boot_ns() > until)
			fail_msg("no %s in %d s", what, CORE_END_WAIT_S);
		if (!r)
			sd_bus_wait(service, 100000);
	}
	sd_bus_flush(service);
}

void desktop_end_answers(void)
{
	serve_until(&n_asked, n_asked, "GetCapabilities");
}

const struct shown *desktop_end_shows(void)
{
	serve_until(&n_shown, taken, "Notify");
	return &shown[taken++];
}

uint32_t desktop_end_closes(void)
{
	serve_until(&n_closed, closed_taken, "CloseNotification");
	return closed[closed_taken++];
}

void desktop_end_quiet(void)
{
	if (n_shown > taken)
		fail_msg("'%s' was shown as well", shown[taken].summary);
	assert_int_equal(n_closed, closed_taken);
	assert_int_equal(strange, 0);
}

void desktop_end_click(uint32_t id, const char *key)
{
	assert_true(sd_bus_emit_signal(service, PATH, SERVICE, "ActionInvoked", "us", id, key) >=
		    0);
	sd_bus_flush(service);
}

void desktop_end_put_away(uint32_t id)
{
	assert_true(sd_bus_emit_signal(service, PATH, SERVICE, "NotificationClosed", "uu", id, 2) >=
		    0);
	sd_bus_flush(service);
}

void desktop_end_mumble(uint32_t id)
{
	sd_bus_emit_signal(service, PATH, SERVICE, "ActionInvoked", "u", id);
	sd_bus_emit_signal(service, PATH, SERVICE, "ActionInvoked", "su", "allow", id);
	sd_bus_emit_signal(service, PATH, SERVICE, "ActionInvoked", "usu", id, "allow", id);
	sd_bus_emit_signal(service, PATH, SERVICE, "ActionInvoked", "");
	sd_bus_emit_signal(service, PATH, SERVICE, "NotificationClosed", "u", id);
	sd_bus_emit_signal(service, PATH, SERVICE, "NotificationClosed", "us", id, "2");
	sd_bus_emit_signal(service, PATH, SERVICE, "Invoked", "us", id, "allow");
	sd_bus_flush(service);
}

void desktop_end_lie(uint32_t id, const char *key)
{
	sd_bus *liar = dial();

	assert_true(sd_bus_emit_signal(liar, PATH, SERVICE, "ActionInvoked", "us", id, key) >= 0);
	assert_true(sd_bus_emit_signal(liar, PATH, SERVICE, "NotificationClosed", "uu", id, 2) >=
		    0);
	sd_bus_flush(liar);
	/* a call after it: the bus has passed it on when this is answered */
	sd_bus_call_method(liar, "org.freedesktop.DBus", "/org/freedesktop/DBus",
			   "org.freedesktop.DBus", "GetId", NULL, NULL, "");
	sd_bus_close_unref(liar);
}
