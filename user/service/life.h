/* SPDX-License-Identifier: Apache-2.0 */
/*
 * life.h - is there a service, who runs it, and is it the one that this program would be
 *
 *   unit file   socket active   daemon lives    it is
 *   no          -               no              none, does not run
 *   no          -               yes             daemon, runs
 *   yes         yes             -               systemd, runs
 *   yes         no              yes             daemon, runs
 *   yes         no              no              systemd, does not run
 *
 * Looking starts nothing: a socket of systemd's is not connected to.
 * Called by: the verbs that install, start, stop and show. Threads: none (systemctl is run).
 */
#ifndef SERVICE_LIFE_H
#define SERVICE_LIFE_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/problem.h"
#include "service.h"

enum life_mode { LIFE_NONE, LIFE_DAEMON, LIFE_SYSTEMD };

/* Where things are, absolute: of this user, or as options said. */
struct life_place {
	char *folder; /* that it serves: what the service's folder_option says */
	char *pid_file;
	char *units; /* folder of the user's units */
	char *state; /* root of the state */
};

struct life {
	enum life_mode mode;
	bool running;
	unsigned port;   /* where containers come in; 0: a unix socket */
	char *address;   /* of it, or the socket's path */
	char *folder;    /* that it serves; NULL: not known */
	pid_t pid;       /* of the server; 0: there is none now, or none that can be told */
	bool installed;  /* there is a socket unit */
	int version;     /* of the units, the lower one; -1: none, or not stamped */
	char *outdated;  /* what is wrong with the units, for people; NULL: nothing */
	char *elsewhere; /* it serves another folder than ours: for people; NULL: it does not */
	char *unknown;   /* what could not be found out; NULL: nothing */
};

/**
 * life_place_find() - where the units and the state are, beside what is said
 * @folder, @pid_file: absolute, taken over whatever is returned; NULL: they could not be found
 *
 * Return: 0 and @ret, the caller's to life_place_done(); -ENOENT there is no home, -ENOMEM, with @why.
 */
int life_place_find(const struct service *service, char *folder, char *pid_file,
		    struct life_place *ret, struct problem *why);
void life_place_done(struct life_place *place);

/** life_read() - all of it. Return: 0 and @ret, the caller's to life_done(); -ENOMEM */
int life_read(const struct service *service, const struct life_place *place, struct life *ret);
void life_done(struct life *life);

/**
 * life_option() - an option ("--port") of the command line that runs, or that its unit would run
 *
 * Return: the caller's to free; NULL: it has none, or there is neither.
 */
char *life_option(const struct service *service, const struct life_place *place,
		  const struct life *life, const char *option);

/** life_word() - "systemd", "daemon", "none" */
const char *life_word(enum life_mode mode);

/**
 * life_reachable() - may containers be sent to it? It is never started
 *
 * Return: 0; -ENOTCONN it does not run, -ESTALE its units are outdated, or it serves another folder,
 * with @why: what to do.
 */
int life_reachable(const struct service *service, const struct life *life, struct problem *why);

#define _cleanup_place_ _cleanup_(life_place_done)
#define _cleanup_life_  _cleanup_(life_done)

#endif
