// SPDX-License-Identifier: Apache-2.0
#include "unit_dir.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/dir.h"
#include "systemd.h"
#include "unit.h"

#define BELOW       "systemd/user"
#define SYSTEM      "/etc/systemd/system"
#define ORPHANS_MAX 64 /* of one sweep; the next takes the rest */

static const char *home(void)
{
	const char *text = getenv("HOME");
	struct passwd *entry = text && *text == '/' ? NULL : getpwuid(geteuid());

	return text && *text == '/' ? text : entry ? entry->pw_dir : NULL;
}

char *unit_dir_path(const struct service *service)
{
	const char *config = getenv("XDG_CONFIG_HOME");
	char *path = NULL;

	if (systemd_of_system(service))
		return strdup(SYSTEM);
	if (config && *config == '/')
		return asprintf(&path, "%s/" BELOW, config) < 0 ? NULL : path;
	return !home() || asprintf(&path, "%s/.config/" BELOW, home()) < 0 ? NULL : path;
}

/* --- may we write there? --------------------------------------------------------------- */

/* What of a path is there already, without links; the rest of it is not looked at. */
static char *deepest(const char *path)
{
	_cleanup_free_ char *part = strdup(path);
	char *real = NULL;

	while (part && *part && !real) {
		char *slash = strrchr(part, '/');

		real = realpath(part, NULL);
		if (real || errno != ENOENT || !slash)
			break;
		slash[slash == part] = '\0';
	}
	return real;
}

static bool is_below(const char *path, const char *folder)
{
	size_t n = strlen(folder);

	return !strncmp(path, folder, n) && (!path[n] || path[n] == '/');
}

int unit_dir_check(const struct service *service, const char *path, struct problem *why)
{
	_cleanup_free_ char *real = NULL, *real_home = home() ? realpath(home(), NULL) : NULL;

	if (systemd_of_system(service))
		return 0;
	if (!geteuid())
		return problem(why, -EPERM,
			       "root has no %s: it is a user's, and runs as that user; be that "
			       "user (not sudo)",
			       service->noun);
	if (!real_home)
		return problem(why, -EPERM, "there is no home folder: set HOME");
	real = strstr(path, "/../") ? NULL : deepest(path);
	if (!real || !strcmp(real_home, "/") || !is_below(real, real_home))
		return problem(why, -EPERM,
			       "units would go to %.100s, which is not in your home %.60s: unset "
			       "XDG_CONFIG_HOME",
			       path, real_home);
	return 0;
}

int unit_dir_open(const struct service *service, const char *path, bool make, struct problem *why)
{
	_cleanup_free_ char *real = NULL;
	int r = unit_dir_check(service, path, why);

	if (r)
		return r;
	if (make)
		dir_make(path);
	real = realpath(path, NULL);
	if (!real)
		return problem(why, -errno, "%.150s: %s", path, strerror(errno));
	return dir_open(AT_FDCWD, real, why);
}

/* --- what is there --------------------------------------------------------------------- */

char *unit_dir_read(const char *path, const char *name)
{
	_cleanup_free_ char *file = NULL, *text = NULL;
	_cleanup_close_ int fd = -1;
	struct stat st;
	ssize_t n;

	if (asprintf(&file, "%s/%s", path, name) < 0)
		return NULL;
	fd = open(file, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0 || fstat(fd, &st) || !S_ISREG(st.st_mode))
		return NULL;
	text = calloc(1, UNIT_MAX + 1);
	n = text ? read(fd, text, UNIT_MAX) : -1;
	return n < 0 ? NULL : TAKE_PTR(text);
}

static bool is_orphan(const struct service *service, const char *path, const char *name)
{
	_cleanup_free_ char *text = NULL;

	if (!strcmp(name, service->socket) || !strcmp(name, service->unit))
		return false;
	for (const struct service_kind *kind = service->kind; kind->prefix; kind++) {
		if (strncmp(name, kind->prefix, strlen(kind->prefix)))
			continue;
		text = text ?: unit_dir_read(path, name);
		if (text && unit_marked(text, kind->mark))
			return true;
	}
	return false;
}

int unit_dir_orphans(const struct service *service, const char *path, unit_dir_orphan_fn fn,
		     void *user)
{
	_cleanup_(closedirp) DIR *dir = opendir(path);
	char *names[ORPHANS_MAX];
	struct dirent *entry;
	unsigned n = 0;
	int r = 0;

	/* all are found before the first is removed */
	while (dir && n < ORPHANS_MAX && (entry = readdir(dir)))
		if (is_orphan(service, path, entry->d_name) && (names[n] = strdup(entry->d_name)))
			n++;
	for (unsigned i = 0; i < n; i++) {
		r = r ?: fn(names[i], user);
		free(names[i]);
	}
	return r;
}
