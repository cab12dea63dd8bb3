// SPDX-License-Identifier: Apache-2.0
#include "ssh.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "place.h"

#define COMMON                                                                                     \
	"ssh -F /dev/null -o BatchMode=yes -o StrictHostKeyChecking=accept-new "                   \
	"-o ForwardAgent=no -o PermitLocalCommand=no -o ControlMaster=no -o ControlPath=none"
#define COMMAND_MAX 16384

int ssh_option(char *buf, size_t size, const char *name, const char *path)
{
	size_t n = snprintf(buf, size, " -o '%s=\"", name);

	for (; *path && n + 4 < size; path++) {
		/* quotes end what a shell or ssh reads; the others ssh puts something else for */
		if ((unsigned char)*path < ' ' || strchr("'\"\\$`\177", *path))
			return -EINVAL;
		if (*path == '%')
			buf[n++] = '%';
		buf[n++] = *path;
	}
	if (*path || n + 3 > size)
		return -ENOSPC;
	snprintf(buf + n, size - n, "\"'");
	return 0;
}

static int add_option(char *command, const char *name, const char *path, struct problem *why)
{
	size_t n = strlen(command);
	int r = ssh_option(command + n, COMMAND_MAX - n, name, path);

	return r ? problem(why, r,
			   "'%s' cannot be given to ssh: no quotes, backslashes or $ in a path",
			   path)
		 : 0;
}

static bool is_a(const char *path, mode_t kind)
{
	struct stat st;

	return !stat(path, &st) && (st.st_mode & S_IFMT) == kind;
}

static int known_hosts(const struct mirror *mirror, char *command, struct problem *why)
{
	_cleanup_free_ char *path = NULL;
	_cleanup_close_ int fd = -1;

	if (asprintf(&path, "%s/.known_hosts", mirror->base) < 0)
		return path = NULL, -ENOMEM;
	fd = open(path, O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return problem(why, -errno, "%s: %s", path, strerror(errno));
	return add_option(command, "UserKnownHostsFile", path, why);
}

/* The file of the key: the one that was named, or the project's place. */
static char *key_file(const struct mirror *mirror)
{
	_cleanup_free_ char *keys = place_default(PLACE_KEYS);
	char *path = NULL;

	if (mirror->memory.ssh_key)
		return strdup(mirror->memory.ssh_key);
	if (!keys ||
	    asprintf(&path, "%s/%s/id_ed25519_%s", keys, mirror->project, mirror->project) < 0)
		return NULL;
	return path;
}

static int with_agent(const struct mirror *mirror, char *command, struct git_env *env,
		      struct problem *why)
{
	const char *socket = mirror->memory.ssh_agent;
	int r;

	if (!is_a(socket, S_IFSOCK))
		return problem(why, -ENOKEY,
			       SSH_NOT_CONFIGURED
			       ": %s is no socket of an SSH agent; begin the agent, "
			       "or name a key: --ssh-key FILE",
			       socket);
	r = add_option(command, "IdentityAgent", socket, why)
		?: git_env_add(env, "SSH_AUTH_SOCK=%s", socket);
	strcat(command, " -o IdentityFile=none");
	return r;
}

static int with_key(const struct mirror *mirror, char *command, struct git_env *env,
		    struct problem *why)
{
	_cleanup_free_ char *key = key_file(mirror);

	if (!key || !is_a(key, S_IFREG))
		return problem(why, -ENOKEY,
			       SSH_NOT_CONFIGURED
			       ": no key for %s: %s is not there; put one there, or "
			       "--ssh-key FILE, --ssh-agent SOCKET, or "
			       "--use-personal-ssh for your own",
			       mirror->project, key ?: "its file");
	strcat(command, " -o IdentitiesOnly=yes -o IdentityAgent=none");
	return add_option(command, "IdentityFile", key, why) ?: git_env_add(env, "SSH_AUTH_SOCK=");
}

int ssh_environment(const struct mirror *mirror, struct git_env *env, struct problem *why)
{
	char command[COMMAND_MAX] = COMMON;
	int r;

	if (mirror->memory.personal)
		return 0;
	r = known_hosts(mirror, command, why);
	if (!r)
		r = mirror->memory.ssh_agent ? with_agent(mirror, command, env, why)
					     : with_key(mirror, command, env, why);
	if (!r)
		r = git_env_add(env, "GIT_SSH_VARIANT=ssh")
			?: git_env_add(env, "GIT_SSH_COMMAND=%s", command);
	return r;
}
