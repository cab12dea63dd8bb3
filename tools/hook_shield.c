// SPDX-License-Identifier: Apache-2.0
#include "hook_shield.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/addr.h"
#include "base/container.h"
#include "base/json.h"
#include "hook_annotation.h"

#define SLIRP_GATEWAY    "10.0.2.2"
#define SLIRP_GATEWAY_V6 "fd00::2"
#define ID_SHORT         12

/* Nobody's container keeps its state there. */
static const char *const systems[] = { "/etc",  "/proc", "/sys",   "/dev",  "/usr", "/bin",
				       "/sbin", "/lib",  "/lib64", "/boot", "/root" };

static bool is_systems(const char *path)
{
	for (size_t i = 0; i < sizeof(systems) / sizeof(systems[0]); i++) {
		size_t n = strlen(systems[i]);

		if (!strncmp(path, systems[i], n) && (!path[n] || path[n] == '/'))
			return true;
	}
	return false;
}

int shield_folder(const char *path, int *ret, struct problem *why)
{
	_cleanup_free_ char *real = NULL;
	_cleanup_close_ int fd = -1;
	struct stat st;

	if (*path != '/')
		return problem(why, -EINVAL, "state_dir '%.80s' is no absolute path", path);
	if (is_systems(path))
		return problem(why, -EPERM, "state_dir '%.80s' is the system's", path);
	real = realpath(path, NULL);
	if (!real)
		return problem(why, -errno, "state_dir '%.80s': %s", path, strerror(errno));
	if (is_systems(real))
		return problem(why, -EPERM, "state_dir '%.80s' is '%.80s', which is the system's",
			       path, real);
	fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st))
		return problem(why, -errno, "state_dir '%.80s': %s", path, strerror(errno));
	if (st.st_uid != geteuid() || st.st_mode & 022)
		return problem(why, -EPERM,
			       "state_dir '%.80s' belongs to user %u with mode %04o: it has to be "
			       "its owner's alone to write",
			       path, st.st_uid, st.st_mode & 07777);
	*ret = TAKE_FD(fd);
	return 0;
}

int shield_note(int folder, const char *id)
{
	_cleanup_close_ int fd = -1;
	char text[ID_SHORT + 2];

	snprintf(text, sizeof(text), "%.*s\n", ID_SHORT, id);
	fd = openat(folder, "container.id",
		    O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	return write(fd, text, strlen(text)) == (ssize_t)strlen(text) ? 0 : -EIO;
}

/* A text; NULL: it is not there, *r: it is there and no text. */
static const char *said(struct json_object *annotations, const char *key, int *r,
			struct problem *why)
{
	char name[64];
	struct json_object *value = NULL;

	snprintf(name, sizeof(name), SHIELD_KEY "%s", key);
	if (*r || !json_object_object_get_ex(annotations, name, &value))
		return NULL;
	if (!json_object_is_type(value, json_type_string))
		*r = problem(why, -EINVAL, "annotation %s is no text", name);
	return *r ? NULL : json_object_get_string(value);
}

static int version_check(const char *version, struct problem *why)
{
	if (version && !strcmp(version, SHIELD_VERSION))
		return 0;
	return problem(why, -EPROTO,
		       "annotation " SHIELD_KEY "version is %.20s%s%s, and only " SHIELD_VERSION
		       " is known here: make the container anew with programs of that version",
		       version ? "'" : "not there", version ?: "", version ? "'" : "");
}

static int ports_take(const char *list, struct control_attach *word, struct problem *why)
{
	static const char *const at[] = { NULL, SLIRP_GATEWAY, SLIRP_GATEWAY_V6 };
	struct problem wrong = {};
	int r = 0;

	for (size_t i = 0; !r && i < sizeof(at) / sizeof(at[0]); i++)
		r = annotation_host_ports(list, at[i], word, &wrong);
	return r ? problem(why, r, "annotation " SHIELD_KEY "loopback_ports: %.160s", wrong.text)
		 : 0;
}

static int dns_check(const char *upstream, struct problem *why)
{
	struct dest dest;

	if (!*upstream || (!dest_parse(upstream, &dest, NULL) && dest.bits == 128))
		return 0;
	return problem(why, -EINVAL, "annotation " SHIELD_KEY "upstream_dns: '%.60s' is no address",
		       upstream);
}

static int names_take(const char *profiles, const char *name, struct control_attach *word,
		      struct problem *why)
{
	if (word->profiles_said && *profiles)
		return problem(why, -EINVAL,
			       "profiles are named by " ANNOTATION_KEY " and by " SHIELD_TRIGGER
			       ": one of them has to be enough");
	if (strlen(profiles) >= sizeof(word->profiles))
		return problem(why, -EINVAL, "annotation " SHIELD_TRIGGER ": too many profiles");
	if (*profiles) {
		strcpy(word->profiles, profiles);
		word->profiles_said = 1;
	}
	if (name && !container_is_name(name))
		return problem(why, -EINVAL, "annotation " SHIELD_KEY "name: '%.60s' is no name",
			       name);
	if (name)
		strcpy(word->name, name);
	return 0;
}

int shield_parse(struct json_object *annotations, struct control_attach *word, int *folder,
		 struct problem *why)
{
	const char *profiles, *version, *name, *state_dir, *ports, *upstream;
	int r = 0;

	*folder = -1;
	profiles = said(annotations, "profiles", &r, why);
	if (r || !profiles)
		return r;
	version = said(annotations, "version", &r, why);
	name = said(annotations, "name", &r, why);
	state_dir = said(annotations, "state_dir", &r, why);
	ports = said(annotations, "loopback_ports", &r, why);
	upstream = said(annotations, "upstream_dns", &r, why);
	if (!r)
		r = version_check(version, why);
	if (!r)
		r = names_take(profiles, name, word, why);
	if (!r && ports)
		r = ports_take(ports, word, why);
	if (!r && upstream)
		r = dns_check(upstream, why);
	if (!r && state_dir)
		r = shield_folder(state_dir, folder, why);
	return r;
}
