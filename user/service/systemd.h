/* SPDX-License-Identifier: Apache-2.0 */
/*
 * systemd.h - the user's service manager, asked by systemctl(1); of a service that root has, the system's
 *
 * Each question has a deadline of its own. That nothing could be asked is never an answer.
 * Threads: none (systemctl is run).
 */
#ifndef SERVICE_SYSTEMD_H
#define SERVICE_SYSTEMD_H

#include "base/problem.h"
#include "service.h"

/** systemd_of_system() - is it the system's? Root's, of a service that root has */
bool systemd_of_system(const struct service *service);

/** systemd_ctl() - how people ask it: "systemctl --user", "systemctl" */
const char *systemd_ctl(const struct service *service);

/**
 * systemd_available() - is there one that units can be given to? It may be degraded
 *
 * Return: 0; -ENOENT there is no systemctl, -ETIMEDOUT, -ENOTCONN it does not answer, with @why.
 */
int systemd_available(const struct service *service, struct problem *why);

/** systemd_is_active() - 1 or 0; a negative errno with @why if that cannot be known */
int systemd_is_active(const struct service *service, const char *unit, struct problem *why);

/** systemd_main_pid() - the process of a service; 0: none, or not known */
int systemd_main_pid(const struct service *service, const char *unit);

/**
 * systemd_do() - one command: systemctl [--user] VERB [OPTION...] [UNIT]
 * @words: NULL behind the last
 * @limit_s: what takes longer has failed
 *
 * Return: 0; -EIO it failed, or why it did not run, with @why: what it said.
 */
int systemd_do(const struct service *service, const char *const *words, unsigned limit_s,
	       struct problem *why);

#endif
