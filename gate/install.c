// SPDX-License-Identifier: Apache-2.0
#include "install.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/dir.h"
#include "base/log.h"
#include "systemd.h"
#include "unit.h"
#include "unit_dir.h"

#define RELOAD_S   30
#define RESTART_S  60 /* a server that ends gives transfers 20 s */
#define EXE_MAX    4096

#define WORDS(...) ((const char *const[]){ __VA_ARGS__, NULL })

int install_program(char **ret, struct problem *why)
{
	char path[EXE_MAX];
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 1);

	if (n <= 0)
		return problem(why, -ENOENT, "/proc/self/exe cannot be read: is /proc mounted?");
	path[n] = '\0';
	if (access(path, X_OK))
		return problem(why, -ENOENT,
			       "%.150s is not there: this program was removed or replaced while it "
			       "ran; begin it again",
			       path);
	*ret = strdup(path);
	return *ret ? 0 : problem(why, -ENOMEM, "no memory");
}

int install_base(const char *base, struct problem *why)
{
	struct stat st;

	dir_make(base);
	if (stat(base, &st))
		return problem(why, -errno, "the folder of mirrors %.150s (--base-path): %s", base,
			       strerror(errno));
	return S_ISDIR(st.st_mode)
		   ? 0
		   : problem(why, -ENOTDIR, "%.150s (--base-path) is no folder", base);
}

/* --- what older gates left ------------------------------------------------------------- */

struct sweep {
	const char *folder;
	int dir; /* -1: only say it */
	unsigned n;
	struct problem *why;
};

static int sweep_one(const char *name, void *user)
{
	struct sweep *sweep = user;
	bool template = strstr(name, "@.");
	char safe[256];

	sweep->n++;
	printf("%s %s/%s\n", sweep->dir < 0 ? "would remove" : "removes", sweep->folder,
	       log_safe(safe, sizeof(safe), name));
	if (sweep->dir < 0)
		return 0;
	/*
	 * Of a service for each connection those that are at work end by themselves. One that
	 * systemd does not know, or cannot stop, is removed all the same.
	 */
	if (!template)
		systemd_do(WORDS("disable", "--now", "--", name), RESTART_S, NULL);
	if (unlinkat(sweep->dir, name, 0) && errno != ENOENT)
		return problem(sweep->why, -errno, "remove %.80s/%.80s: %s", sweep->folder, safe,
			       strerror(errno));
	return 0;
}

/* --- there ----------------------------------------------------------------------------- */

static int write_units(int dir, const struct life_place *place, const char *socket,
		       const char *service, struct problem *why)
{
	/* the service first: with a new socket an old one would be begun */
	int r = dir_replace(dir, UNIT_SERVICE, service, strlen(service), why)
		    ?: dir_replace(dir, UNIT_SOCKET, socket, strlen(socket), why);

	if (!r)
		printf("wrote %s/" UNIT_SOCKET "\nwrote %s/" UNIT_SERVICE "\n", place->units,
		       place->units);
	return r;
}

/*
 * Then restart, since "enable --now" leaves what runs as it is, with the program of before. The
 * service begins as well: containers that come in by listeners of their own do not begin it.
 */
static int activate(struct problem *why)
{
	int r;

	systemd_do(WORDS("reset-failed", UNIT_SOCKET, UNIT_SERVICE), RELOAD_S, NULL);
	r = systemd_do(WORDS("daemon-reload"), RELOAD_S, why)
		    ?: systemd_do(WORDS("enable", UNIT_SOCKET, UNIT_SERVICE), RELOAD_S, why)
		    ?: systemd_do(WORDS("stop", UNIT_SERVICE), RESTART_S, why)
		    ?: systemd_do(WORDS("restart", UNIT_SOCKET), RESTART_S, why)
		    ?: systemd_do(WORDS("start", UNIT_SERVICE), RESTART_S, why);
	if (!r && systemd_is_active(UNIT_SOCKET, why) <= 0)
		r = problem(why, -EIO,
			    UNIT_SOCKET
			    " does not listen; see: systemctl --user status " UNIT_SOCKET);
	if (!r)
		printf("enabled " UNIT_SOCKET ", " UNIT_SERVICE "\n");
	return r;
}

static int allowed(const struct life_place *place, struct problem *why)
{
	_cleanup_life_ struct life life = {};
	int r = systemd_available(why) ?: life_read(place, &life);

	if (!r && life.mode == LIFE_DAEMON)
		r = problem(why, -EALREADY,
			    "a gate runs in the background, process %d; first: terok-gate stop",
			    life.pid);
	return r;
}

static int show_units(const struct life_place *place, const char *socket, const char *service,
		      struct sweep *sweep)
{
	printf("would write %s/" UNIT_SOCKET ":\n%s\nwould write %s/" UNIT_SERVICE ":\n%s\n",
	       place->units, socket, place->units, service);
	return unit_dir_orphans(place->units, sweep_one, sweep);
}

int install_units(const struct life_place *place, const char *bind, unsigned port, bool dry,
		  struct problem *why)
{
	_cleanup_free_ char *program = NULL, *socket = NULL, *service = NULL;
	struct sweep sweep = { .folder = place->units, .dir = -1, .why = why };
	_cleanup_close_ int dir = -1;
	struct unit_values values = { .bind = bind,
				      .port = port,
				      .state = place->state,
				      .base = place->base,
				      .tokens = place->tokens };
	int r = unit_dir_check(place->units, why) ?: install_program(&program, why);

	values.program = program;
	r = r ?: unit_make(&values, &socket, &service, why);
	if (r)
		return r;
	if (dry)
		return show_units(place, socket, service, &sweep);
	r = allowed(place, why) ?: install_base(place->base, why);
	if (r)
		return r;
	dir = unit_dir_open(place->units, true, why);
	if (dir < 0)
		return dir;
	sweep.dir = dir;
	return unit_dir_orphans(place->units, sweep_one, &sweep)
		       ?: write_units(dir, place, socket, service, why)
		       ?: activate(why);
}

/* --- gone ------------------------------------------------------------------------------ */

static int remove_one(int dir, const struct life_place *place, const char *name,
		      struct problem *why)
{
	if (!unlinkat(dir, name, 0)) {
		printf("removed %s/%s\n", place->units, name);
		return 0;
	}
	return errno == ENOENT ? 0
			       : problem(why, -errno, "remove %.150s/%s: %s", place->units, name,
					 strerror(errno));
}

int install_remove(const struct life_place *place, struct problem *why)
{
	struct sweep sweep = { .folder = place->units, .why = why };
	_cleanup_free_ char *socket = NULL;
	_cleanup_close_ int dir = unit_dir_open(place->units, false, why);
	int r;

	if (dir == -ENOENT)
		return 0;
	if (dir < 0)
		return dir;
	sweep.dir = dir;
	socket = unit_dir_read(place->units, UNIT_SOCKET);
	/* without a service manager nothing of it runs, and the links it made go by name */
	if (socket &&
	    systemd_do(WORDS("disable", "--now", UNIT_SOCKET, UNIT_SERVICE), RESTART_S, why)) {
		unlinkat(dir, "sockets.target.wants/" UNIT_SOCKET, 0);
		unlinkat(dir, "default.target.wants/" UNIT_SERVICE, 0);
	}
	if (socket)
		systemd_do(WORDS("stop", UNIT_SERVICE), RESTART_S, NULL);
	r = unit_dir_orphans(place->units, sweep_one, &sweep)
		    ?: remove_one(dir, place, UNIT_SOCKET, why)
		    ?: remove_one(dir, place, UNIT_SERVICE, why);
	systemd_do(WORDS("daemon-reload"), RELOAD_S, NULL);
	systemd_do(WORDS("reset-failed", UNIT_SOCKET, UNIT_SERVICE), RELOAD_S, NULL);
	return r;
}
