// SPDX-License-Identifier: Apache-2.0
/*
 * verb_status.c - terok-cp status: does it run, who runs it, whom does it know
 *
 * One that systemd begins for who comes in is begun by nobody who only looks.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "agents.h"
#include "base/cleanup.h"
#include "base/cli.h"
#include "base/event.h"
#include "base/json.h"
#include "base/log.h"
#include "base/sock.h"
#include "control_plane.h"
#include "service/show.h"
#include "verbs.h"

#define SNAPSHOT_NS (2 * SECOND_NS)

struct told {
	struct cp_said said;
	struct cp_files files;
	struct life_place place;
	struct life life;
	unsigned admin_port;
	bool healthy;
	long registered, sessions, untrusted; /* -1: not known */
};

static void told_done(struct told *told)
{
	life_done(&told->life);
	life_place_done(&told->place);
	cp_files_done(&told->files);
}

/* What runs says where its files are; what is not said stays as it is. */
static void take(const struct told *told, const char *option, char **at)
{
	char *value = life_option(&cp_service, &told->place, &told->life, option);

	if (!value)
		return;
	free(*at);
	*at = value;
}

static int count_row(const struct agent *agent, void *user)
{
	(void)agent;
	(*(long *)user)++;
	return 0;
}

/* No registry is made by looking for one. */
static long rows_of(const char *path)
{
	_cleanup_(agents_freep) struct agents *agents = NULL;
	struct problem why = {};
	long n = 0;
	int r = agents_open_reader(path, &agents, &why);

	if (r)
		return r == -ENOENT ? 0 : -1;
	return agents_each(agents, count_row, &n, &why) ? -1 : n;
}

/* The first line that who watches is told, the caller's to free; NULL: there is none in time. */
static char *snapshot_read(const char *path, size_t *ret_size)
{
	_cleanup_close_ int fd = sock_connect(path);
	_cleanup_free_ char *text = NULL;
	uint64_t until = now_boot_ns() + SNAPSHOT_NS, now;
	size_t n = 0, room = 0;

	while (fd >= 0 && (now = now_boot_ns()) < until) {
		struct pollfd poll_fd = { .fd = fd, .events = POLLIN };
		char *end;
		ssize_t got;

		if (n == room) {
			char *bigger = realloc(text, room = room ? 2 * room : 65536);

			if (!bigger || room > JSON_LIMIT)
				return NULL;
			text = bigger;
		}
		if (poll(&poll_fd, 1, (int)((until - now) / 1000000) + 1) <= 0)
			continue;
		got = recv(fd, text + n, room - n, MSG_DONTWAIT);
		if (!got || (got < 0 && errno != EAGAIN && errno != EINTR))
			return NULL;
		end = got > 0 ? memchr(text + n, '\n', (size_t)got) : NULL;
		n += got > 0 ? (size_t)got : 0;
		if (end) {
			*ret_size = (size_t)(end - text);
			return TAKE_PTR(text);
		}
	}
	return NULL;
}

static void world_read(struct told *told)
{
	_cleanup_(json_putp) struct json_object *said = NULL;
	size_t size = 0;
	_cleanup_free_ char *text = snapshot_read(told->files.socket, &size);
	struct json_object *agents;

	if (!text || json_parse(text, size, &said))
		return;
	agents =
	    json_member(json_member(said, "snapshot", json_type_object), "agents", json_type_array);
	if (!agents)
		return;
	told->healthy = true;
	told->sessions = told->untrusted = 0;
	for (size_t i = 0; i < json_object_array_length(agents); i++) {
		struct json_object *agent = json_object_array_get_idx(agents, i);
		const char *session = json_text(agent, "session"),
			   *trust = json_text(agent, "trust");

		if (!session || strcmp(session, "connected") != 0)
			continue;
		told->sessions++;
		told->untrusted += trust && *trust;
	}
}

static int told_read(struct told *told, struct problem *why)
{
	_cleanup_free_ char *port = NULL;
	int r = cp_files_find(&told->said, &told->files, why)
		    ?: cp_place(&told->files, &told->place, why)
		    ?: life_read(&cp_service, &told->place, &told->life);

	if (r)
		return r;
	if (told->life.mode != LIFE_NONE) {
		take(told, "--socket", &told->files.socket);
		take(told, "--db", &told->files.db);
		take(told, "--pki-dir", &told->files.pki);
		take(told, "--plan", &told->files.plan);
		port = life_option(&cp_service, &told->place, &told->life, "--admin-port");
	}
	told->admin_port = port ? (unsigned)atoi(port) : CP_ADMIN_PORT;
	told->registered = rows_of(told->files.db);
	told->sessions = told->untrusted = -1;
	if (told->life.running && told->life.pid)
		world_read(told);
	else /* nobody has come to its sockets yet, which stand for it */
		told->healthy = told->life.running;
	return 0;
}

/* --- shown ------------------------------------------------------------------------------- */

static void add_number(struct json *json, const char *key, long number)
{
	if (number < 0)
		json_add_null(json, key);
	else
		json_add_int(json, key, number);
}

static int show_json(const struct told *told)
{
	_cleanup_json_ struct json json = {};
	const char *text;

	json_open_object(&json, NULL);
	show_add_begin(&json, &told->life);
	show_add(&json, "address", told->life.address);
	show_add_end(&json, &told->life);
	json_add_bool(&json, "healthy", told->healthy);
	json_add_int(&json, "admin_port", told->admin_port);
	json_add_string(&json, "socket_path", told->files.socket);
	json_add_string(&json, "db_path", told->files.db);
	json_add_string(&json, "pki_dir", told->files.pki);
	show_add(&json, "plan_path", told->files.plan);
	add_number(&json, "registered", told->registered);
	add_number(&json, "sessions", told->sessions);
	add_number(&json, "untrusted", told->untrusted);
	json_close_object(&json);
	text = json_done(&json);
	return text ? puts(text), 0 : -ENOMEM;
}

static int show_text(const struct told *told)
{
	const struct life *life = &told->life;
	char text[300];

	show_line("mode", life_word(life->mode));
	show_line("running", life->running ? "yes" : "no");
	if (life->running)
		show_line("healthy", told->healthy ? "yes" : "no");
	snprintf(text, sizeof(text), "%.200s port %u, people's programs port %u",
		 life->address ?: "?", life->port, told->admin_port);
	show_line("at", text);
	show_line("socket", told->files.socket);
	show_line("registry", told->files.db);
	show_line("pki", told->files.pki);
	show_line("plan", told->files.plan);
	if (told->registered >= 0)
		printf("%-10s %ld registered\n", "agents", told->registered);
	if (told->sessions >= 0)
		printf("%-10s %ld, %ld of them not trusted\n", "sessions", told->sessions,
		       told->untrusted);
	show_end(life);
	return 0;
}

int verb_status(int argc, char **argv)
{
	_cleanup_(told_done) struct told told = {};
	struct problem why = {};
	bool json = false;
	const struct cli_option options[] = {
		{ "db", "FILE", "the registry", CLI_STRING, &told.said.db },
		{ "pid-file", "FILE", "of the one in the background", CLI_STRING,
		  &told.said.pid_file },
		{ "json", NULL, "one JSON object", CLI_FLAG, &json },
		{},
	};
	int r = cli_parse(argc, argv, options, 0, 0);

	if (r)
		return r;
	r = told_read(&told, &why);
	if (!r)
		r = json ? show_json(&told) : show_text(&told);
	if (r)
		log_error(0, "status: %s", *why.text ? why.text : strerror(-r));
	return r == -EINVAL ? -EIO : r;
}
