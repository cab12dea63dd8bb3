// SPDX-License-Identifier: Apache-2.0
/* verb_serve.c - terok-proxy serve: options, listeners, then the loop until it is told to end */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "agent_place.h"
#include "base/cleanup.h"
#include "base/cli.h"
#include "base/confine.h"
#include "base/log.h"
#include "base/paths.h"
#include "confine.h"
#include "opened.h"
#include "proxy.h"
#include "server.h"
#include "service/doors.h"
#include "service/listen.h"
#include "service/stay.h"
#include "terok/control_msg.h"
#include "verbs.h"

#define CONNECTIONS_MAX 65536
#define SECONDS_MAX     86400

struct serve {
	struct opened opened;
	struct server_options server;
	const char *routes, *socket, *port, *pid_file, *connections, *head_time, *idle_time,
	    *log_level, *log_file;
	const char *agent_port, *keys_file, *audit, *ca_file;
	bool detach, no_containers;
	struct proxy_files files;
	char *audit_path, *locks; /* absolute */
	unsigned tcp_port, agent_tcp;

	struct passed passed;
	struct sock_place place;
	int tcp, agent_fd;
	struct loop *loop;
	struct store *store;
	struct server *running;
	struct agent_place agent_place;
	struct agent *agent; /* NULL: none was asked for */
	struct door_port doors_of[2];
	struct doors *doors;
	struct stay stay;
};

/* --- options -------------------------------------------------------------------------- */

static int level_read(const char *text)
{
	static const struct {
		const char *name;
		int level;
	} levels[] = {
		{ "DEBUG", LOG_DEBUG }, { "INFO", LOG_INFO },    { "WARNING", LOG_WARNING },
		{ "ERROR", LOG_ERR },   { "CRITICAL", LOG_ERR },
	};

	for (size_t i = 0; i < sizeof(levels) / sizeof(levels[0]); i++)
		if (!strcasecmp(levels[i].name, text))
			return levels[i].level;
	return log_error(-EINVAL, "serve: --log-level is DEBUG, INFO, WARNING or ERROR, not %s",
			 text);
}

static int seconds(const char *name, const char *text, uint64_t *ret)
{
	unsigned value = (unsigned)(*ret / SECOND_NS);
	int r = cli_number(name, text, 1, SECONDS_MAX, &value);

	*ret = value * SECOND_NS;
	return r;
}

static int options_check(struct serve *serve)
{
	unsigned *connections = &serve->server.limits.connections;
	int r;

	serve->tcp_port = PROXY_PORT;
	serve->agent_tcp = PROXY_AGENT_PORT;
	r = cli_number("port", serve->port, 0, 65535, &serve->tcp_port);
	if (!r)
		r = cli_number("connections", serve->connections, 1, CONNECTIONS_MAX, connections);
	if (!r)
		r = seconds("head-time", serve->head_time, &serve->server.limits.head_ns);
	if (!r)
		r = seconds("idle-time", serve->idle_time, &serve->server.limits.idle_ns);
	if (!r)
		r = cli_number("ssh-agent-port", serve->agent_port, 0, 65535, &serve->agent_tcp);
	/* a container that leaves connections open keeps no other one out */
	serve->server.limits.per_owner = (*connections + 3) / 4;
	if (!r && !serve->agent_port != !serve->keys_file)
		r = log_error(-EINVAL, "serve: --ssh-agent-port and --ssh-keys-file go together");
	if (!r && serve->log_level)
		r = level_read(serve->log_level);
	if (r >= 0 && serve->log_level)
		log_setup("terok-proxy", r, false);
	return r < 0 ? r : 0;
}

static int options_read(struct serve *serve, int argc, char **argv)
{
	const struct cli_option options[] = {
		OPENED_OPTIONS(serve->opened),
		{ "socket-path", "PATH", "a unix socket, for us alone", CLI_STRING,
		  &serve->socket },
		{ "routes-file", "FILE", "where requests go, routes.json", CLI_STRING,
		  &serve->routes },
		{ "port", "N", "of TCP on 127.0.0.1 (18731); 0: none", CLI_STRING, &serve->port },
		{ "ssh-agent-port", "N", "of the SSH agent on 127.0.0.1 (18732); 0: none",
		  CLI_STRING, &serve->agent_port },
		{ "ssh-keys-file", "FILE", "keys of the SSH agent; with --ssh-agent-port",
		  CLI_STRING, &serve->keys_file },
		{ "detach", NULL, "go on in the background", CLI_FLAG, &serve->detach },
		{ "pid-file", "FILE", "its process id", CLI_STRING, &serve->pid_file },
		{ "no-containers", NULL, "no listeners within containers", CLI_FLAG,
		  &serve->no_containers },
		{ "audit-log", "FILE", "who sent what where; none: not", CLI_STRING,
		  &serve->audit },
		{ "ca-file", "FILE", "who is trusted of upstreams, not whom the system trusts",
		  CLI_STRING, &serve->ca_file },
		{ "connections", "N", "at once; more wait (4096)", CLI_STRING,
		  &serve->connections },
		{ "head-time", "SECONDS", "for a request's head (20)", CLI_STRING,
		  &serve->head_time },
		{ "idle-time", "SECONDS", "without a byte to or from who is waited for (1200)",
		  CLI_STRING, &serve->idle_time },
		{ "log-level", "LEVEL", "DEBUG, INFO, WARNING, ERROR", CLI_STRING,
		  &serve->log_level },
		{ "log-file", "FILE", "lines go there", CLI_STRING, &serve->log_file },
		{},
	};
	int r = cli_parse(argc, argv, options, 0, 0);

	return r ?: options_check(serve);
}

/* The same file as older programs': two that refresh know of each other. */
static char *locks_place(void)
{
	const char *run = getenv("XDG_RUNTIME_DIR");
	char *ret = NULL;

	if (!run || *run != '/')
		return path_below(ROOT_RUNTIME, "locks");
	return asprintf(&ret, "%s/terok/vault/locks", run) < 0 ? NULL : ret;
}

static int places_find(struct serve *serve)
{
	struct server_options *to = &serve->server;

	const struct proxy_said said = { .socket = serve->socket,
					 .db = serve->opened.path,
					 .routes = serve->routes,
					 .keys = serve->keys_file };
	struct problem why;
	int r = proxy_files_find(&said, &serve->files, &why);

	if (r)
		return log_error(0, "%s", why.text), r;
	if (serve->audit)
		serve->audit_path = strcmp(serve->audit, "none") ? path_absolute(serve->audit)
								 : strdup("none");
	else
		serve->audit_path = path_below(ROOT_CREDENTIALS, "credential_audit.jsonl");
	serve->locks = locks_place();
	if (!serve->audit_path || !serve->locks)
		return log_error(-ENOMEM, "no memory for names of files");
	to->routes = serve->files.routes;
	to->audit = strcmp(serve->audit_path, "none") ? serve->audit_path : NULL;
	to->ca_file = serve->ca_file;
	to->locks = serve->locks;
	return 0;
}

/* --- listeners ------------------------------------------------------------------------ */

static int listeners_open(struct serve *serve)
{
	struct problem why;
	int r = passed_open(&serve->passed, &why);

	r = r ?: listen_path(&serve->passed, serve->files.socket, &serve->place, &why);
	if (!r && serve->tcp_port)
		r = listen_port(&proxy_service, &serve->passed, "127.0.0.1", serve->tcp_port,
				&serve->tcp, &why);
	if (!r && serve->agent_tcp)
		r = listen_port(&proxy_service, &serve->passed, "127.0.0.1", serve->agent_tcp,
				&serve->agent_fd, &why);
	if (r)
		log_error(0, "%s", why.text);
	return r == -EINVAL ? -EIO : r;
}

static int door_open(struct door_owner *owner, int fd, void *user)
{
	return http_listen(server_http(user), fd, owner);
}

static void door_close(struct door_owner *owner, void *user)
{
	http_unlisten(server_http(user), owner);
}

static int listeners_give(struct serve *serve)
{
	struct http *http = server_http(serve->running);
	/* the server closes its own of it: where the socket is stays ours until the end */
	int fd = fcntl(serve->place.fd, F_DUPFD_CLOEXEC, 3), r = fd < 0 ? -errno : 0;
	struct problem why;

	r = r ?: http_listen(http, fd, server_mine(serve->running));
	if (!r && serve->tcp >= 0)
		r = http_listen(http, TAKE_FD(serve->tcp), NULL);
	if (!r && serve->agent)
		r = agent_listen(serve->agent, TAKE_FD(serve->agent_fd), NULL);
	if (!r && passed_done(&serve->passed, &why))
		log_warn(0, "%s", why.text);
	if (!r && !serve->no_containers) {
		serve->doors_of[0] = (struct door_port){ .port = CONTROL_PORT_PROXY,
							 .open = door_open,
							 .close = door_close,
							 .user = serve->running };
		if (serve->agent)
			serve->doors_of[1] = agent_door(serve->agent);
		r = doors_new(serve->loop, serve->doors_of, serve->agent ? 2 : 1, &serve->doors);
	}
	return r ? log_error(r, "cannot listen") : 0;
}

/* --- until it ends --------------------------------------------------------------------- */

static void on_end(struct stay *stay)
{
	struct serve *serve = container_of(stay, struct serve, stay);

	doors_close(serve->doors);
	if (serve->agent)
		agent_close(serve->agent);
	server_end(serve->running);
}

/* A store that is locked is no reason not to serve: whoever asks for a secret is told. */
static int store_get(struct serve *serve)
{
	int r = opened_store(&serve->opened, STORE_WRITE, &serve->store);
	struct keys_options options = { .file = serve->opened.key_file,
					.passphrase_file = serve->opened.passphrase_file,
					.make = true };
	struct problem why;

	if (r)
		return r;
	r = keys_unlock(serve->store, &options, 1 << STORE_HTTP, &why);
	if (r)
		log_warn(0, "credentials are locked: %s", why.text);
	serve->server.store = serve->store;
	return 0;
}

/* Begun before we give up anything: its signer is a process of its own. */
static int agent_begin(struct serve *serve, struct problem *why)
{
	const struct agent_said said = { .opened = &serve->opened,
					 .keys = serve->keys_file,
					 .local = true };
	int r;

	if (!serve->agent_tcp)
		return 0;
	r = agent_place_find(&said, &serve->agent_place, why);
	return r ?: agent_new(serve->loop, &serve->agent_place.options, &serve->agent, why);
}

static int run(struct serve *serve)
{
	_cleanup_free_ char *key = serve->opened.key_file ? strdup(serve->opened.key_file)
							  : keys_file(serve->store);
	struct proxy_confine confine = { .store = store_path(serve->store),
					 .key = key,
					 .routes = serve->server.routes,
					 .audit = serve->server.audit,
					 .ca_file = serve->ca_file,
					 .locks = serve->locks,
					 .socket_folder = serve->place.folder };
	struct problem why;
	int r = loop_new(&serve->loop);

	if (!r)
		r = stay_begin(&serve->stay, serve->loop, on_end);
	if (r)
		return log_error(r, "cannot make a loop");
	r = agent_begin(serve, &why);
	r = r ?: server_new(serve->loop, &serve->server, &serve->running, &why);
	confine.local = serve->agent ? serve->agent_place.options.local : NULL;
	r = r ?: proxy_confine(&confine, &why);
	if (r) {
		log_error(0, "%s", why.text);
		return r == -EINVAL ? -EIO : r;
	}
	r = listeners_give(serve);
	if (r)
		return r;
	log_info("serves %s", store_path(serve->store));
	stay_ready(&serve->stay, store_path(serve->store));
	return loop_run(serve->loop);
}

/* Lines go to a file of our own, if that was said. */
static int log_open(const struct serve *serve)
{
	_cleanup_close_ int fd = -1;

	if (!serve->log_file)
		return 0;
	fd = open(serve->log_file,
		  O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY, 0600);
	if (fd < 0 || dup2(fd, 2) < 0)
		return log_error(-errno, "open %s", serve->log_file);
	return 0;
}

static int begin(struct serve *serve)
{
	static const struct rlimit none;
	struct problem why;
	int r = places_find(serve);

	r = r ?: listeners_open(serve);
	if (!r && serve->detach) {
		r = listen_detach(&proxy_service, serve->pid_file, &why);
		if (r)
			log_error(0, "%s", why.text);
	}
	r = r ?: log_open(serve);
	r = r ?: confine_privs();
	/* also of what it begins, until that has said so itself */
	if (!r && setrlimit(RLIMIT_CORE, &none))
		r = -errno;
	umask(077);
	signal(SIGPIPE, SIG_IGN);
	r = r ?: store_get(serve);
	return r ?: run(serve);
}

int verb_serve(int argc, char **argv)
{
	struct serve serve = { .server = SERVER_OPTIONS,
			       .place = SOCK_PLACE_NONE,
			       .tcp = -1,
			       .agent_fd = -1,
			       .stay = STAY_NONE };
	int r = options_read(&serve, argc, argv);

	if (r)
		return r;
	stay_open(&serve.stay);
	r = begin(&serve);
	doors_free(serve.doors);
	agent_free(serve.agent);
	server_free(serve.running);
	store_free(serve.store);
	stay_done(&serve.stay);
	loop_free(serve.loop);
	closep(&serve.tcp);
	closep(&serve.agent_fd);
	sock_place_leave(&serve.place);
	proxy_files_done(&serve.files);
	agent_place_done(&serve.agent_place);
	free(serve.audit_path);
	free(serve.locks);
	return r;
}
