// SPDX-License-Identifier: Apache-2.0
#include "bus.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#define START_MS 10000
#define DBUS     "org.freedesktop.DBus"

static pid_t daemon_pid = -1;
static char socket_path[128];

void bus_daemon_start(const char *folder)
{
	char address[160], option[180], line[256];
	struct pollfd ready = { .events = POLLIN };
	int said[2];

	snprintf(socket_path, sizeof(socket_path), "%s/bus", folder);
	snprintf(address, sizeof(address), "unix:path=%s", socket_path);
	snprintf(option, sizeof(option), "--address=%s", address);
	assert_int_equal(pipe2(said, O_CLOEXEC), 0);
	fflush(NULL);
	daemon_pid = fork();
	if (!daemon_pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		/* in a test's session it would make a folder, and say that all is ready */
		unsetenv("XDG_RUNTIME_DIR");
		unsetenv("NOTIFY_SOCKET");
		dup2(said[1], 1);
		dup2(open("/dev/null", O_WRONLY), 2); /* what it lacks as nobody's daemon */
		execlp("dbus-daemon", "dbus-daemon", "--session", "--nofork", "--nosyslog",
		       "--print-address=1", option, NULL);
		_exit(127);
	}
	close(said[1]);
	/* it says its address when it serves there */
	ready.fd = said[0];
	if (poll(&ready, 1, START_MS) != 1 || read(said[0], line, sizeof(line)) <= 0)
		fail_msg("dbus-daemon did not start; see tools/deps");
	close(said[0]);
	setenv("DBUS_SESSION_BUS_ADDRESS", address, 1);
}

void bus_daemon_end(void)
{
	if (daemon_pid > 0) {
		kill(daemon_pid, SIGKILL);
		waitpid(daemon_pid, NULL, 0);
		unlink(socket_path);
	}
	daemon_pid = -1;
}

void bus_daemon_stop(bool stop)
{
	assert_int_equal(kill(daemon_pid, stop ? SIGSTOP : SIGCONT), 0);
}

/* --- the client ---------------------------------------------------------------------- */

static void name_note(struct bus_client *client, const char *name, const char *owner)
{
	struct bus_name *slot = client->names;

	if (strncmp(name, SHIELD ".", strlen(SHIELD ".")))
		return;
	while (slot < client->names + client->n_names && strcmp(slot->name, name))
		slot++;
	if (slot == client->names + client->n_names)
		assert_true(client->n_names++ < sizeof(client->names) / sizeof(client->names[0]));
	snprintf(slot->name, sizeof(slot->name), "%s", name);
	snprintf(slot->owner, sizeof(slot->owner), "%s", owner);
}

static int on_owner(sd_bus_message *message, void *user, sd_bus_error *error)
{
	const char *name, *before, *now;

	(void)error;
	assert_true(sd_bus_message_read(message, "sss", &name, &before, &now) > 0);
	name_note(user, name, now);
	return 0;
}

#define COPY(field, text) snprintf(field, sizeof(field), "%s", text)

static int on_signal(sd_bus_message *message, void *user, sd_bus_error *error)
{
	struct bus_client *client = user;
	struct bus_signal *seen = &client->signals[client->n_signals];
	const char *container, *dest, *domain = "", *request_id, *action = "";
	int r;

	(void)error;
	assert_true(client->n_signals < sizeof(client->signals) / sizeof(client->signals[0]));
	COPY(seen->sender, sd_bus_message_get_sender(message));
	COPY(seen->member, sd_bus_message_get_member(message));
	COPY(seen->signature, sd_bus_message_get_signature(message, true));
	if (!strcmp(seen->member, "ConnectionBlocked"))
		r = sd_bus_message_read(message, "ssqqss", &container, &dest, &seen->port,
					&seen->proto, &domain, &request_id);
	else
		r = sd_bus_message_read(message, "ssssb", &container, &dest, &request_id, &action,
					&seen->ok);
	assert_true(r > 0);
	COPY(seen->container, container);
	COPY(seen->dest, dest);
	COPY(seen->domain, domain);
	COPY(seen->request_id, request_id);
	COPY(seen->action, action);
	client->n_signals++;
	return 0;
}

/* Who is there already. */
static void names_list(struct bus_client *client)
{
	sd_bus_message *reply = NULL, *owner = NULL;
	const char *name, *unique;

	assert_true(sd_bus_call_method(client->bus, DBUS, "/org/freedesktop/DBus", DBUS,
				       "ListNames", NULL, &reply, "") >= 0);
	assert_true(sd_bus_message_enter_container(reply, 'a', "s") > 0);
	while (sd_bus_message_read(reply, "s", &name) > 0) {
		if (strncmp(name, SHIELD ".", strlen(SHIELD ".")))
			continue;
		if (sd_bus_call_method(client->bus, DBUS, "/org/freedesktop/DBus", DBUS,
				       "GetNameOwner", NULL, &owner, "s", name) >= 0 &&
		    sd_bus_message_read(owner, "s", &unique) > 0)
			name_note(client, name, unique);
		owner = sd_bus_message_unref(owner);
	}
	sd_bus_message_unref(reply);
}

void bus_client_open(struct bus_client *client, const char *sender)
{
	char rule[256];

	memset(client, 0, sizeof(*client));
	assert_true(sd_bus_open_user(&client->bus) >= 0);
	assert_true(sd_bus_add_match(client->bus, NULL,
				     "type='signal',sender='" DBUS "',interface='" DBUS
				     "',member='NameOwnerChanged',arg0namespace='" SHIELD "'",
				     on_owner, client) >= 0);
	snprintf(rule, sizeof(rule), "type='signal',interface='%s',path='%s'%s%s%s", SHIELD,
		 SHIELD_PATH, sender ? ",sender='" : "", sender ?: "", sender ? "'" : "");
	assert_true(sd_bus_add_match(client->bus, NULL, rule, on_signal, client) >= 0);
	names_list(client);
}

void bus_client_close(struct bus_client *client)
{
	client->bus = sd_bus_flush_close_unref(client->bus);
}

void bus_client_serve(void *arg)
{
	struct bus_client *client = arg;

	while (client->bus && sd_bus_process(client->bus, NULL) > 0)
		;
}

const char *bus_owner(const struct bus_client *client, const char *key)
{
	for (unsigned i = 0; i < client->n_names; i++) {
		const struct bus_name *name = &client->names[i];
		size_t n = strlen(name->name), k = strlen(key);

		if (n >= k && !strcmp(name->name + n - k, key))
			return *name->owner ? name->owner : NULL;
	}
	return NULL;
}

static int on_reply(sd_bus_message *reply, void *user, sd_bus_error *error)
{
	struct bus_call *call = user;

	(void)error;
	call->n_signals = call->client->n_signals;
	if (sd_bus_message_read(reply, "b", &call->ok) <= 0)
		call->ok = -2;
	return 0;
}

void bus_verdict(struct bus_client *client, struct bus_call *call, const char *to,
		 const char *request_id, const char *action)
{
	*call = (struct bus_call){ .ok = -1, .client = client };
	assert_true(sd_bus_call_method_async(client->bus, NULL, to, SHIELD_PATH, SHIELD, "Verdict",
					     on_reply, call, "ss", request_id, action) >= 0);
}
