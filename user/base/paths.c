// SPDX-License-Identifier: Apache-2.0
#include "paths.h"

#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"

/* Of a user: the first of @xdg that is set and absolute, else @home below the home. */
static const struct {
	const char *variable, *root;
	const char *xdg[2], *home, *name;
} roots[] = {
	[ROOT_CONFIG] = { "TEROK_SANDBOX_CONFIG_DIR",
			  "/etc/terok/sandbox",
			  { "XDG_CONFIG_HOME" },
			  ".config",
			  "terok/sandbox" },
	[ROOT_STATE] = { "TEROK_SANDBOX_STATE_DIR",
			 "/var/lib/terok/sandbox",
			 { "XDG_DATA_HOME" },
			 ".local/share",
			 "terok/sandbox" },
	[ROOT_RUNTIME] = { "TEROK_SANDBOX_RUNTIME_DIR",
			   "/run/terok/sandbox",
			   { "XDG_RUNTIME_DIR", "XDG_STATE_HOME" },
			   ".local/state",
			   "terok/sandbox" },
	[ROOT_CREDENTIALS] = { "TEROK_CREDENTIALS_DIR",
			       "/var/lib/terok/credentials",
			       { "XDG_DATA_HOME" },
			       ".local/share",
			       "terok/credentials" },
	[ROOT_UMBRELLA] = { "TEROK_CONFIG_DIR",
			    "/etc/terok",
			    { "XDG_CONFIG_HOME" },
			    ".config",
			    "terok" },
};
_Static_assert(sizeof(roots) / sizeof(roots[0]) == ROOT_MAX_, "all roots");

static const char *home_of(const char *user)
{
	const char *home = user ? NULL : getenv("HOME");
	struct passwd *entry;

	if (home && *home)
		return home;
	entry = user ? getpwnam(user) : getpwuid(geteuid());
	return entry ? entry->pw_dir : NULL;
}

static char *joined(const char *a, const char *b, const char *c)
{
	char *path = NULL;

	if (!a || asprintf(&path, "%s%s%s%s%s", a, b && *b ? "/" : "", b ?: "", c ? "/" : "",
			   c ?: "") < 0)
		return NULL;
	return path;
}

/* "~/x", "~user/x"; of a user that there is not, as it stands. */
static char *expanded(const char *text, const char *below)
{
	_cleanup_free_ char *user = NULL;
	size_t name = strcspn(text, "/");
	const char *home;

	if (*text != '~')
		return joined(text, NULL, below);
	user = name > 1 ? strndup(text + 1, name - 1) : NULL;
	home = home_of(user);
	if (!home)
		return name > 1 ? joined(text, NULL, below) : NULL;
	return joined(home, text[name] ? text + name + 1 : NULL, below);
}

char *path_below(enum path_root root, const char *below)
{
	const char *value = getenv(roots[root].variable);
	_cleanup_free_ char *base = NULL;

	if (value && *value)
		return expanded(value, below);
	if (!geteuid())
		return joined(roots[root].root, NULL, below);
	for (unsigned i = 0; i < 2 && roots[root].xdg[i]; i++) {
		value = getenv(roots[root].xdg[i]);
		if (value && *value == '/')
			return joined(value, roots[root].name, below);
	}
	base = joined(home_of(NULL), roots[root].home, NULL);
	return joined(base, roots[root].name, below);
}

char *path_absolute(const char *path)
{
	char *ret = NULL, *here;

	if (*path == '/')
		return strdup(path);
	here = getcwd(NULL, 0);
	if (here && asprintf(&ret, "%s/%s", here, path) < 0)
		ret = NULL;
	free(here);
	return ret;
}
