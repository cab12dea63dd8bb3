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
#include "base/paths.h"
#include "systemd.h"
#include "unit.h"
#include "unit_dir.h"

#define RELOAD_S   30
#define RESTART_S  60 /* a server that ends gives transfers 20 s */
#define EXE_MAX    4096

#define WORDS(...) ((const char *const[]){ __VA_ARGS__, NULL })

const char *install_target(const struct service *service)
{
	return systemd_of_system(service) ? "multi-user.target" : "default.target";
}

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

int install_roots_find(struct install_roots *ret, struct problem *why)
{
	*ret = (struct install_roots){ path_below(ROOT_CREDENTIALS, NULL),
				       path_below(ROOT_STATE, NULL),
				       path_below(ROOT_RUNTIME, NULL) };
	if (ret->credentials && ret->state && ret->runtime)
		return 0;
	return problem(why, -ENOENT, "this user has no home folder: set HOME");
}

void install_roots_done(struct install_roots *roots)
{
	free(roots->credentials);
	free(roots->state);
	free(roots->runtime);
}

unsigned install_roots_values(const struct install_roots *roots, struct unit_value *ret)
{
	ret[0] = (struct unit_value){ "CREDENTIALS", UNIT_SETTING, "the credentials folder",
				      "TEROK_CREDENTIALS_DIR=", roots->credentials };
	ret[1] = (struct unit_value){ "STATE", UNIT_SETTING, "the state folder",
				      "TEROK_SANDBOX_STATE_DIR=", roots->state };
	ret[2] = (struct unit_value){ "RUNTIME", UNIT_SETTING, "the runtime folder",
				      "TEROK_SANDBOX_RUNTIME_DIR=", roots->runtime };
	return INSTALL_ROOTS;
}

/* --- what older ones left ------------------------------------------------------------- */

struct sweep {
	const struct service *service;
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
		systemd_do(sweep->service, WORDS("disable", "--now", "--", name), RESTART_S, NULL);
	if (unlinkat(sweep->dir, name, 0) && errno != ENOENT)
		return problem(sweep->why, -errno, "remove %.80s/%.80s: %s", sweep->folder, safe,
			       strerror(errno));
	return 0;
}

/* --- there ----------------------------------------------------------------------------- */

static int write_units(const struct service *service, int dir, const struct life_place *place,
		       const char *socket, const char *unit, struct problem *why)
{
	/* the service first: with a new socket an old one would be begun */
	int r = dir_replace(dir, service->unit, unit, strlen(unit), why)
		    ?: dir_replace(dir, service->socket, socket, strlen(socket), why);

	if (!r)
		printf("wrote %s/%s\nwrote %s/%s\n", place->units, service->socket, place->units,
		       service->unit);
	return r;
}

/*
 * Then restart, since "enable --now" leaves what runs as it is, with the program of before. The
 * service begins as well: containers that come in by listeners of their own do not begin it.
 */
static int activate(const struct service *service, struct problem *why)
{
	const char *socket = service->socket, *unit = service->unit;
	int r;

	systemd_do(service, WORDS("reset-failed", socket, unit), RELOAD_S, NULL);
	r = systemd_do(service, WORDS("daemon-reload"), RELOAD_S, why)
		    ?: systemd_do(service, WORDS("enable", socket, unit), RELOAD_S, why)
		    ?: systemd_do(service, WORDS("stop", unit), RESTART_S, why)
		    ?: systemd_do(service, WORDS("restart", socket), RESTART_S, why)
		    ?: systemd_do(service, WORDS("start", unit), RESTART_S, why);
	if (!r && systemd_is_active(service, socket, why) <= 0)
		r = problem(why, -EIO, "%s does not listen; see: %s status %s", socket,
			    systemd_ctl(service), socket);
	if (!r)
		printf("enabled %s, %s\n", socket, unit);
	return r;
}

static int allowed(const struct service *service, const struct life_place *place,
		   struct problem *why)
{
	_cleanup_life_ struct life life = {};
	int r = systemd_available(service, why) ?: life_read(service, place, &life);

	if (!r && life.mode == LIFE_DAEMON)
		r = problem(why, -EALREADY,
			    "a %s runs in the background, process %d; first: %s stop",
			    service->noun, life.pid, service->program);
	return r;
}

static int show_units(const struct service *service, const char *folder, const char *socket,
		      const char *unit, struct sweep *sweep)
{
	printf("would write %s/%s:\n%s\nwould write %s/%s:\n%s\n", folder, service->socket, socket,
	       folder, service->unit, unit);
	return unit_dir_orphans(service, folder, sweep_one, sweep);
}

int install_units(const struct service *service, const struct install *install, struct problem *why)
{
	_cleanup_free_ char *socket = NULL, *unit = NULL;
	const char *folder = install->place->units;
	struct sweep sweep = { .service = service, .folder = folder, .dir = -1, .why = why };
	_cleanup_close_ int dir = -1;
	int r = unit_dir_check(service, folder, why)
		    ?: unit_make(service, install->values, &socket, &unit, why);

	if (r)
		return r;
	if (install->dry)
		return show_units(service, folder, socket, unit, &sweep);
	r = allowed(service, install->place, why);
	if (!r && install->prepare)
		r = install->prepare(install->prepared, why);
	if (r)
		return r;
	dir = unit_dir_open(service, folder, true, why);
	if (dir < 0)
		return dir;
	sweep.dir = dir;
	return unit_dir_orphans(service, folder, sweep_one, &sweep)
		       ?: write_units(service, dir, install->place, socket, unit, why)
		       ?: activate(service, why);
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

/* The link that enabled @unit, which goes by its name. */
static void remove_link(int dir, const char *target, const char *unit)
{
	char path[256];

	snprintf(path, sizeof(path), "%s.wants/%s", target, unit);
	unlinkat(dir, path, 0);
}

int install_remove(const struct service *service, const struct life_place *place,
		   struct problem *why)
{
	struct sweep sweep = { .service = service, .folder = place->units, .why = why };
	const char *name = service->socket, *unit = service->unit;
	_cleanup_free_ char *socket = NULL;
	_cleanup_close_ int dir = unit_dir_open(service, place->units, false, why);
	int r;

	if (dir == -ENOENT)
		return 0;
	if (dir < 0)
		return dir;
	sweep.dir = dir;
	socket = unit_dir_read(place->units, name);
	/* without a service manager nothing of it runs */
	if (socket && systemd_do(service, WORDS("disable", "--now", name, unit), RESTART_S, why)) {
		remove_link(dir, "sockets.target", name);
		remove_link(dir, install_target(service), unit);
	}
	if (socket)
		systemd_do(service, WORDS("stop", unit), RESTART_S, NULL);
	r = unit_dir_orphans(service, place->units, sweep_one, &sweep)
		    ?: remove_one(dir, place, name, why)
		    ?: remove_one(dir, place, unit, why);
	systemd_do(service, WORDS("daemon-reload"), RELOAD_S, NULL);
	systemd_do(service, WORDS("reset-failed", name, unit), RELOAD_S, NULL);
	return r;
}
