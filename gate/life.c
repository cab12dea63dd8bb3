// SPDX-License-Identifier: Apache-2.0
#include "life.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/paths.h"
#include "systemd.h"
#include "pid_file.h"
#include "place.h"
#include "unit.h"
#include "unit_dir.h"

#define LOOPBACK "127.0.0.1"

/* --- where ----------------------------------------------------------------------------- */

int life_place_find(const char *base, const char *tokens, const char *pid_file,
		    struct life_place *ret, struct problem *why)
{
	*ret = (struct life_place){
		.base = place_absolute(base, PLACE_BASE),
		.tokens = place_absolute(tokens, PLACE_TOKENS),
		.pid_file = place_absolute(pid_file, PLACE_PID),
		.units = unit_dir_path(),
		.state = path_below(ROOT_STATE, NULL),
	};
	if (ret->base && ret->tokens && ret->pid_file && ret->units && ret->state)
		return 0;
	life_place_done(ret);
	return problem(why, -ENOENT, "this user has no home folder: set HOME");
}

void life_place_done(struct life_place *place)
{
	free(place->base);
	free(place->tokens);
	free(place->pid_file);
	free(place->units);
	free(place->state);
	*place = (struct life_place){};
}

/* --- how it is ------------------------------------------------------------------------- */

void life_done(struct life *life)
{
	free(life->address);
	free(life->base);
	free(life->outdated);
	free(life->elsewhere);
	free(life->unknown);
	*life = (struct life){};
}

const char *life_word(enum life_mode mode)
{
	static const char *const words[] = { "none", "daemon", "systemd" };

	return words[mode];
}

/* The first that is said stays. */
__attribute__((__format__(__printf__, 2, 3))) static void say(char **to, const char *fmt, ...)
{
	va_list ap;

	if (*to)
		return;
	va_start(ap, fmt);
	if (vasprintf(to, fmt, ap) < 0)
		*to = NULL;
	va_end(ap);
}

/* The same folder, also by way of a link. */
static bool same_folder(const char *a, const char *b)
{
	_cleanup_free_ char *one = realpath(a, NULL), *other = realpath(b, NULL);

	return !strcmp(one ?: a, other ?: b);
}

static int lower_version(const char *socket, const char *service)
{
	int one = unit_version(socket), other = unit_version(service);

	return one < 0 || other < 0 ? -1 : one < other ? one : other;
}

static void units_judge(const struct life_place *place, const char *socket, const char *service,
			struct life *life)
{
	_cleanup_free_ char *program = service ? unit_exec_word(service, "") : NULL;
	_cleanup_free_ char *base = service ? unit_exec_word(service, "--base-path=") : NULL;

	life->version = lower_version(socket, service ?: socket);
	if (life->version < 0)
		say(&life->outdated,
		    "Systemd units are outdated (installed unversioned, expected v%d). Run "
		    "'terok-gate install' to update.",
		    UNIT_VERSION);
	else if (life->version < UNIT_VERSION)
		say(&life->outdated,
		    "Systemd units are outdated (installed v%d, expected v%d). Run 'terok-gate "
		    "install' to update.",
		    life->version, UNIT_VERSION);
	else if (!service || !program)
		say(&life->outdated,
		    "Systemd units are outdated (" UNIT_SERVICE " %s). Run 'terok-gate install' to "
		    "update.",
		    service ? "runs nothing" : "is not there");
	else if (access(program, X_OK))
		say(&life->outdated,
		    "Systemd units are outdated (they run %s, which cannot be run). Run "
		    "'terok-gate install' to update.",
		    program);
	else if (base && !same_folder(base, place->base))
		say(&life->outdated,
		    "Systemd units have another base path (installed %s, expected %s). Run "
		    "'terok-gate install' to update.",
		    base, place->base);
}

static void units_read(const struct life_place *place, struct life *life)
{
	_cleanup_free_ char *socket = unit_dir_read(place->units, UNIT_SOCKET);
	_cleanup_free_ char *service = unit_dir_read(place->units, UNIT_SERVICE);
	struct problem why;
	int r;

	life->version = -1;
	life->installed = socket;
	if (!socket)
		return;
	units_judge(place, socket, service, life);
	r = systemd_is_active(UNIT_SOCKET, &why);
	if (r < 0)
		say(&life->unknown, "%s", why.text);
	life->mode = LIFE_SYSTEMD;
	life->running = r > 0;
	life->address = unit_listen(socket, &life->port);
	life->base = service ? unit_exec_word(service, "--base-path=") : NULL;
	if (life->running)
		life->pid = systemd_main_pid(UNIT_SERVICE);
}

static void daemon_read(const struct life_place *place, struct life *life)
{
	_cleanup_pid_ struct pid_process process = PID_PROCESS_NONE;
	struct problem why;
	int state = pid_file_read(place->pid_file, &process, &why);
	const char *port, *bind, *base;

	if (state < 0)
		say(&life->unknown, "%s", why.text);
	if (state != PID_OURS)
		return;
	port = pid_process_option(&process, "--port");
	bind = pid_process_option(&process, "--bind");
	base = pid_process_option(&process, "--base-path");
	free(life->address);
	free(life->base);
	life->mode = LIFE_DAEMON;
	life->running = true;
	life->pid = process.pid;
	life->port = port ? (unsigned)atoi(port) : GATE_PORT;
	life->address = strdup(bind ?: LOOPBACK);
	life->base = base ? strdup(base) : NULL;
	if (base && !same_folder(base, place->base))
		say(&life->elsewhere,
		    "The gate that runs (process %d) has another base path (%s, expected %s). Run "
		    "'terok-gate stop', then 'terok-gate start'.",
		    process.pid, base, place->base);
}

int life_read(const struct life_place *place, struct life *ret)
{
	*ret = (struct life){ .port = GATE_PORT };
	units_read(place, ret);
	if (!ret->running)
		daemon_read(place, ret);
	if (ret->mode == LIFE_NONE && !ret->address)
		ret->address = strdup(LOOPBACK);
	return ret->mode == LIFE_NONE && !ret->address ? -ENOMEM : 0;
}

int life_reachable(const struct life *life, struct problem *why)
{
	if (!life->running && life->unknown)
		return problem(why, -ENOTCONN, "whether the gate runs cannot be known: %.150s",
			       life->unknown);
	if (!life->running && life->mode == LIFE_SYSTEMD)
		return problem(why, -ENOTCONN,
			       "The gate is not running (its units are there). Run 'terok-gate "
			       "start'; why it ended: systemctl --user status " UNIT_SOCKET
			       " " UNIT_SERVICE);
	if (!life->running)
		return problem(why, -ENOTCONN,
			       "The gate is not running. Run 'terok-gate install' (systemd begins "
			       "it), or 'terok-gate start'.");
	if (life->mode == LIFE_SYSTEMD && life->outdated)
		return problem(why, -ESTALE, "%s", life->outdated);
	return life->elsewhere ? problem(why, -ESTALE, "%s", life->elsewhere) : 0;
}
