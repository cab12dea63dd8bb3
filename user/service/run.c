// SPDX-License-Identifier: Apache-2.0
#include "run.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "daemon.h"
#include "install.h"
#include "systemd.h"

#define LIMIT_S    60

#define WORDS(...) ((const char *const[]){ __VA_ARGS__, NULL })

static int start_daemon(const struct service *service, const struct run_start *start,
			struct problem *why)
{
	_cleanup_free_ char *program = NULL;
	pid_t pid = 0;
	int r = install_program(&program, why);

	if (!r && start->prepare)
		r = start->prepare(start->prepared, why);
	if (!r)
		r = daemon_start(service,
				 &(struct daemon_options){ .program = program,
							   .words = start->words,
							   .pid_file = start->place->pid_file },
				 &pid, why);
	if (!r)
		printf("%s runs in the background, process %d, port %u\n", service->noun, pid,
		       start->port);
	return r;
}

static int start_socket(const struct service *service, const struct run_start *start,
			const struct life *life, struct problem *why)
{
	int r;

	if (start->told)
		return problem(why, -EINVAL,
			       "its units say where things are: %s install takes these "
			       "options, or --daemon goes without the units",
			       service->program);
	if (life->outdated)
		log_warn(0, "%s", life->outdated);
	r = systemd_do(service, WORDS("start", service->socket), LIMIT_S, why);
	if (!r)
		printf("%s is begun by who comes in, port %u\n", service->noun, life->port);
	return r;
}

/* A second one is refused, whoever runs the first. */
int run_start(const struct service *service, const struct run_start *start, struct problem *why)
{
	_cleanup_life_ struct life life = {};
	int r = life_read(service, start->place, &life);

	if (r)
		return r;
	if (life.running)
		return problem(why, -EALREADY, "a %s runs already (%s), port %u; see: %s status",
			       service->noun, life_word(life.mode), life.port, service->program);
	if (life.mode == LIFE_SYSTEMD && !start->daemon)
		return start_socket(service, start, &life, why);
	if (!geteuid() && !service->system)
		log_warn(0, "as root the %s serves root's %s; it is made for users", service->noun,
			 service->plural);
	return start_daemon(service, start, why);
}

/* The socket first, or who comes in begins the service again. */
static int stop_units(const struct service *service, struct problem *why)
{
	int r = systemd_do(service, WORDS("stop", service->socket, service->unit), LIMIT_S, why);

	if (!r)
		printf("stopped %s\n", service->socket);
	return r;
}

int run_stop(const struct service *service, const struct life_place *place, struct problem *why)
{
	_cleanup_life_ struct life life = {};
	int units = 0, r = life_read(service, place, &life);

	if (r)
		return r;
	if (life.installed && life.unknown && life.mode == LIFE_SYSTEMD)
		log_warn(0, "%s", life.unknown);
	if (life.mode == LIFE_SYSTEMD && life.running) {
		units = 1;
		r = stop_units(service, why);
	}
	if (!r)
		r = daemon_stop(place->pid_file, why);
	if (r > 0)
		printf("stopped the %s in the background\n", service->noun);
	if (!r && !units)
		printf("no %s runs\n", service->noun);
	return r < 0 ? r : 0;
}
