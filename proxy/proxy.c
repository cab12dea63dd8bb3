// SPDX-License-Identifier: Apache-2.0
#include "proxy.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/dir.h"
#include "base/paths.h"
#include "service/unit.h"
#include "terok-credential-proxy.service.h" /* made from the units, by the Makefile */
#include "terok-credential-proxy.socket.h"

/* The second kind is what the program that was before called them later. */
static const struct service_kind kinds[] = {
	{ "terok-credential-proxy", "# terok-credential-proxy-version:" },
	{ "terok-vault", "# terok-vault-version:" },
	{},
};

const struct service proxy_service = {
	.program = "terok-proxy",
	.noun = "proxy",
	.plural = "credentials",
	.port = PROXY_PORT,
	.version = UNIT_VERSION,
	.socket = "terok-credential-proxy.socket",
	.unit = "terok-credential-proxy.service",
	.socket_text = terok_credential_proxy_socket,
	.unit_text = terok_credential_proxy_service,
	.kind = kinds,
	.folder_option = "--db-path",
	.folder = "store",
};

/* --- where ----------------------------------------------------------------------------- */

static char *find(const char *said, enum path_root root, const char *below)
{
	return said ? path_absolute(said) : path_below(root, below);
}

int proxy_files_find(const struct proxy_said *said, struct proxy_files *ret, struct problem *why)
{
	*ret = (struct proxy_files){
		.socket = find(said->socket, ROOT_RUNTIME, "credential-proxy.sock"),
		.db = find(said->db, ROOT_CREDENTIALS, "credentials.db"),
		.routes = find(said->routes, ROOT_CREDENTIALS, "routes.json"),
		.keys = find(said->keys, ROOT_CREDENTIALS, "ssh-keys.json"),
		.pid_file = find(said->pid_file, ROOT_RUNTIME, "credential-proxy.pid"),
	};
	if (ret->socket && ret->db && ret->routes && ret->keys && ret->pid_file)
		return 0;
	proxy_files_done(ret);
	return problem(why, -ENOENT, "this user has no home folder: set HOME");
}

void proxy_files_done(struct proxy_files *files)
{
	free(files->socket);
	free(files->db);
	free(files->routes);
	free(files->keys);
	free(files->pid_file);
	*files = (struct proxy_files){};
}

int proxy_place(const struct proxy_files *files, struct life_place *ret, struct problem *why)
{
	return life_place_find(&proxy_service, strdup(files->db), strdup(files->pid_file), ret,
			       why);
}

/* --- made ------------------------------------------------------------------------------ */

static int empty_make(const char *path, struct problem *why)
{
	int r = dir_make_for(path, why);
	_cleanup_close_ int fd = -1;

	if (r)
		return r;
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return errno == EEXIST ? 0
				       : problem(why, -errno, "make %s: %s", path, strerror(errno));
	r = dir_write(fd, "{}\n", 3);
	return r ? problem(why, r, "write %s: %s", path, strerror(-r)) : 0;
}

int proxy_prepare(const void *user, struct problem *why)
{
	const struct proxy_files *files = user;

	return dir_make_for(files->db, why)
		       ?: dir_make_for(files->socket, why)
		       ?: empty_make(files->routes, why) ?: empty_make(files->keys, why);
}
