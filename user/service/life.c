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
#include "unit.h"
#include "unit_dir.h"

#define LOOPBACK "127.0.0.1"

/* --- where ----------------------------------------------------------------------------- */

int life_place_find(const struct service *service, char *folder, char *pid_file,
		    struct life_place *ret, struct problem *why)
{
	*ret = (struct life_place){
		.folder = folder,
		.pid_file = pid_file,
		.units = unit_dir_path(service),
		.state = path_below(ROOT_STATE, NULL),
	};
	if (ret->folder && ret->pid_file && ret->units && ret->state)
		return 0;
	life_place_done(ret);
	return problem(why, -ENOENT, "this user has no home folder: set HOME");
}

void life_place_done(struct life_place *place)
{
	free(place->folder);
	free(place->pid_file);
	free(place->units);
	free(place->state);
	*place = (struct life_place){};
}

/* --- how it is ------------------------------------------------------------------------- */

void life_done(struct life *life)
{
	free(life->address);
	free(life->folder);
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

static char *unit_option(const char *unit, const char *option)
{
	char begin[64];

	snprintf(begin, sizeof(begin), "%s=", option);
	return unit_exec_word(unit, begin);
}

char *life_option(const struct service *service, const struct life_place *place,
		  const struct life *life, const char *option)
{
	_cleanup_pid_ struct pid_process process = PID_PROCESS_NONE;
	_cleanup_free_ char *unit = NULL;
	const char *value;

	if (life->mode == LIFE_SYSTEMD) {
		unit = unit_dir_read(place->units, service->unit);
		return unit ? unit_option(unit, option) : NULL;
	}
	if (pid_file_read(place->pid_file, &process, NULL) != PID_OURS)
		return NULL;
	value = pid_process_option(&process, option);
	return value ? strdup(value) : NULL;
}

static int lower_version(const struct service *service, const char *socket, const char *unit)
{
	int one = unit_version(socket, service->kind->mark);
	int other = unit_version(unit, service->kind->mark);

	return one < 0 || other < 0 ? -1 : one < other ? one : other;
}

static void version_judge(const struct service *service, struct life *life)
{
	if (life->version < 0)
		say(&life->outdated,
		    "Systemd units are outdated (installed unversioned, expected v%d). Run "
		    "'%s install' to update.",
		    service->version, service->program);
	else if (life->version < service->version)
		say(&life->outdated,
		    "Systemd units are outdated (installed v%d, expected v%d). Run '%s "
		    "install' to update.",
		    life->version, service->version, service->program);
}

static void units_judge(const struct service *service, const struct life_place *place,
			const char *socket, const char *unit, struct life *life)
{
	_cleanup_free_ char *program = unit ? unit_exec_word(unit, "") : NULL;

	life->version = lower_version(service, socket, unit ?: socket);
	life->folder = unit ? unit_option(unit, service->folder_option) : NULL;
	version_judge(service, life);
	if (life->outdated)
		return;
	if (!unit || !program)
		say(&life->outdated,
		    "Systemd units are outdated (%s %s). Run '%s install' to update.",
		    service->unit, unit ? "runs nothing" : "is not there", service->program);
	else if (access(program, X_OK))
		say(&life->outdated,
		    "Systemd units are outdated (they run %s, which cannot be run). Run "
		    "'%s install' to update.",
		    program, service->program);
	else if (life->folder && !same_folder(life->folder, place->folder))
		say(&life->outdated,
		    "Systemd units have another %s (installed %s, expected %s). Run "
		    "'%s install' to update.",
		    service->folder, life->folder, place->folder, service->program);
}

static void units_read(const struct service *service, const struct life_place *place,
		       struct life *life)
{
	_cleanup_free_ char *socket = unit_dir_read(place->units, service->socket);
	_cleanup_free_ char *unit = unit_dir_read(place->units, service->unit);
	struct problem why;
	int r;

	life->version = -1;
	life->installed = socket;
	if (!socket)
		return;
	units_judge(service, place, socket, unit, life);
	r = systemd_is_active(service, service->socket, &why);
	if (r < 0)
		say(&life->unknown, "%s", why.text);
	life->mode = LIFE_SYSTEMD;
	life->running = r > 0;
	life->address = unit_listen(socket, &life->port);
	if (life->running)
		life->pid = systemd_main_pid(service, service->unit);
}

static void daemon_read(const struct service *service, const struct life_place *place,
			struct life *life)
{
	_cleanup_pid_ struct pid_process process = PID_PROCESS_NONE;
	struct problem why;
	int state = pid_file_read(place->pid_file, &process, &why);
	const char *port, *bind, *folder;

	if (state < 0)
		say(&life->unknown, "%s", why.text);
	if (state != PID_OURS)
		return;
	port = pid_process_option(&process, service->port_option ?: "--port");
	bind = pid_process_option(&process, service->bind_option ?: "--bind");
	folder = pid_process_option(&process, service->folder_option);
	free(life->address);
	free(life->folder);
	life->mode = LIFE_DAEMON;
	life->running = true;
	life->pid = process.pid;
	life->port = port ? (unsigned)atoi(port) : service->port;
	life->address = strdup(bind ?: LOOPBACK);
	life->folder = folder ? strdup(folder) : NULL;
	if (folder && !same_folder(folder, place->folder))
		say(&life->elsewhere,
		    "The %s that runs (process %d) has another %s (%s, expected %s). Run "
		    "'%s stop', then '%s start'.",
		    service->noun, process.pid, service->folder, folder, place->folder,
		    service->program, service->program);
}

int life_read(const struct service *service, const struct life_place *place, struct life *ret)
{
	*ret = (struct life){ .port = service->port };
	units_read(service, place, ret);
	if (!ret->running)
		daemon_read(service, place, ret);
	if (ret->mode == LIFE_NONE && !ret->address)
		ret->address = strdup(LOOPBACK);
	return ret->mode == LIFE_NONE && !ret->address ? -ENOMEM : 0;
}

int life_reachable(const struct service *service, const struct life *life, struct problem *why)
{
	if (!life->running && life->unknown)
		return problem(why, -ENOTCONN, "whether the %s runs cannot be known: %.150s",
			       service->noun, life->unknown);
	if (!life->running && life->mode == LIFE_SYSTEMD)
		return problem(why, -ENOTCONN,
			       "The %s is not running (its units are there). Run '%s "
			       "start'; why it ended: %s status %s %s",
			       service->noun, service->program, systemd_ctl(service),
			       service->socket, service->unit);
	if (!life->running)
		return problem(why, -ENOTCONN,
			       "The %s is not running. Run '%s install' (systemd begins "
			       "it), or '%s start'.",
			       service->noun, service->program, service->program);
	if (life->mode == LIFE_SYSTEMD && life->outdated)
		return problem(why, -ESTALE, "%s", life->outdated);
	return life->elsewhere ? problem(why, -ESTALE, "%s", life->elsewhere) : 0;
}
