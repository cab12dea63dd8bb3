/* SPDX-License-Identifier: Apache-2.0 */
/*
 * run.h - a service is begun and ended: by systemd where its units are, else in the background
 *
 * Called by: the verbs start and stop of each. They say on standard output what is done.
 * Threads: none (systemctl is run, and the service).
 */
#ifndef SERVICE_RUN_H
#define SERVICE_RUN_H

#include <stdbool.h>

#include "life.h"

struct run_start {
	const struct life_place *place;
	const char *const *words; /* see struct daemon_options */
	unsigned port;
	bool told;   /* options say where things are, which units would not hear of */
	bool daemon; /* in the background, also if there are units */
	int (*prepare)(const void *prepared, struct problem *why); /* as install.h has it */
	const void *prepared;
};

/**
 * run_start() - begin it, unless it runs
 *
 * Return: 0; -EALREADY, whoever runs it; -EINVAL options for units; as daemon_start() or
 * systemd_do(), with @why.
 */
int run_start(const struct service *service, const struct run_start *start, struct problem *why);

/** run_stop() - end it, also one in the background. 0, also if none runs; negative errno with @why */
int run_stop(const struct service *service, const struct life_place *place, struct problem *why);

#endif
