// SPDX-License-Identifier: Apache-2.0
/* verb_serve.c - terok-gate serve: options, listeners, then the loop until it is told to end */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/cli.h"
#include "base/confine.h"
#include "base/dir.h"
#include "base/log.h"
#include "base/passed.h"
#include "base/sock.h"
#include "confine.h"
#include "gate.h"
#include "mirror.h"
#include "place.h"
#include "server.h"
#include "service/doors.h"
#include "service/listen.h"
#include "service/stay.h"
#include "terok/control_msg.h"
#include "verbs.h"

#define ADMIN_VARIABLE "TEROK_GATE_ADMIN_TOKEN"
#define ADMIN_MAX      256
#define SECONDS_MAX    (7 * 24 * 3600)
#define TRANSFERS_MAX  4096

struct serve {
	struct server_options server;
	const char *bind, *port, *socket_path, *pid_file, *admin_file, *admin;
	const char *transfers, *per_token, *connections, *head_time, *idle, *total, *silence, *head;
	bool inetd, detach, no_containers;
	struct cli_list reach;
	char admin_text[ADMIN_MAX + 1];
	char *base, *tokens, *audit; /* absolute */

	struct passed passed;
	struct sock_place place;
	int tcp;
	struct loop *loop;
	struct server *running;
	struct door_port door;
	struct doors *doors;
	struct stay stay;
};

/* --- options -------------------------------------------------------------------------- */

static int seconds(const char *name, const char *text, uint64_t *ret)
{
	unsigned value = (unsigned)(*ret / SECOND_NS);
	int r = cli_number(name, text, 0, SECONDS_MAX, &value);

	*ret = value * SECOND_NS;
	return r;
}

static int limits_read(struct serve *serve)
{
	struct server_options *to = &serve->server;
	unsigned head = (unsigned)to->limits.head;
	int r = cli_number("transfers", serve->transfers, 1, TRANSFERS_MAX, &to->transfers);

	if (!r)
		r = cli_number("per-token", serve->per_token, 1, TRANSFERS_MAX, &to->per_token);
	if (!r)
		r = cli_number("connections", serve->connections, 1, TRANSFERS_MAX,
			       &to->limits.connections);
	if (!r)
		r = cli_number("head-size", serve->head, 256, HTTP_HEAD_MAX, &head);
	if (!r)
		r = seconds("head-time", serve->head_time, &to->limits.head_ns);
	if (!r)
		r = seconds("idle-time", serve->idle, &to->limits.idle_ns);
	if (!r)
		r = seconds("total-time", serve->total, &to->limits.total_ns);
	if (!r)
		r = seconds("silence-time", serve->silence, &to->silence_ns);
	to->limits.head = head;
	/* a container that leaves connections open keeps no other one out */
	to->limits.per_owner = (to->limits.connections + 3) / 4;
	return r;
}

/* The first line of a file that nobody else can read. */
static int admin_from_file(struct serve *serve)
{
	_cleanup_close_ int fd = open(serve->admin_file, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	struct stat st;
	ssize_t n;

	if (fd < 0 || fstat(fd, &st))
		return log_error(-errno, "open %s", serve->admin_file);
	if (!S_ISREG(st.st_mode) || st.st_mode & 077)
		return log_error(-EPERM, "%s can be read by others; try: chmod 600 %s",
				 serve->admin_file, serve->admin_file);
	n = read(fd, serve->admin_text, ADMIN_MAX);
	if (n < 0)
		return log_error(-errno, "read %s", serve->admin_file);
	serve->admin_text[n] = '\0';
	serve->admin_text[strcspn(serve->admin_text, "\r\n")] = '\0';
	serve->server.admin = serve->admin_text;
	return *serve->admin_text ? 0 : log_error(-ENODATA, "%s is empty", serve->admin_file);
}

/* From the environment it goes at once: programs that are run do not get it. */
static int admin_read(struct serve *serve)
{
	const char *text = getenv(ADMIN_VARIABLE);

	if (serve->admin)
		return log_error(-EINVAL,
				 "serve: --admin-token would be seen by everybody on this machine; "
				 "take --admin-token-file FILE, or " ADMIN_VARIABLE);
	if (serve->admin_file)
		return admin_from_file(serve);
	if (!text || !*text)
		return 0;
	if (strlen(text) > ADMIN_MAX)
		return log_error(-E2BIG, "%s is too long", ADMIN_VARIABLE);
	strcpy(serve->admin_text, text);
	serve->server.admin = serve->admin_text;
	return unsetenv(ADMIN_VARIABLE) ? -errno : 0;
}

/* Beside the mirrors, if it is not said where; "": nowhere. */
static char *audit_path(const struct serve *serve)
{
	const char *said = serve->server.audit;
	char *ret = NULL;

	if (said)
		return strcmp(said, "none") ? place_absolute(said, PLACE_AUDIT) : strdup("");
	if (!serve->server.base)
		return place_default(PLACE_AUDIT);
	return serve->base && asprintf(&ret, "%s/audit.jsonl", serve->base) < 0 ? NULL : ret;
}

static int paths_read(struct serve *serve)
{
	_cleanup_close_ int base = -1;

	serve->base = place_absolute(serve->server.base, PLACE_BASE);
	serve->tokens = place_absolute(serve->server.tokens, PLACE_TOKENS);
	serve->audit = audit_path(serve);
	if (!serve->base || !serve->tokens || !serve->audit)
		return log_error(-ENOENT, "there is no home: give --base-path and --token-file");
	if (!serve->server.base)
		dir_make(serve->base);
	base = open(serve->base, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (base < 0)
		return log_error(-errno, "open the folder of mirrors %s (--base-path)",
				 serve->base);
	serve->server.base = serve->base;
	serve->server.tokens = serve->tokens;
	serve->server.audit = *serve->audit ? serve->audit : NULL;
	return 0;
}

static int options_read(struct serve *serve, int argc, char **argv)
{
	struct server_options *to = &serve->server;
	const struct cli_option options[] = {
		{ "base-path", "DIR", "folder of the mirrors", CLI_STRING, &to->base },
		{ "token-file", "FILE", "tokens of containers", CLI_STRING, &to->tokens },
		{ "port", "N", "of TCP (9418); 0: none", CLI_STRING, &serve->port },
		{ "bind", "ADDRESS", "of TCP (127.0.0.1)", CLI_STRING, &serve->bind },
		{ "socket-path", "PATH", "a unix socket, for us alone", CLI_STRING,
		  &serve->socket_path },
		{ "inetd", NULL, "one connection, at descriptor 0", CLI_FLAG, &serve->inetd },
		{ "detach", NULL, "go on in the background", CLI_FLAG, &serve->detach },
		{ "pid-file", "FILE", "with --detach: its process id", CLI_STRING,
		  &serve->pid_file },
		{ "no-containers", NULL, "no listeners within containers", CLI_FLAG,
		  &serve->no_containers },
		{ "reach", "DIR", "outside, that mirrors lead to; may be repeated", CLI_LIST,
		  &serve->reach },
		{ "admin-token-file", "FILE", "holds a token for all mirrors", CLI_STRING,
		  &serve->admin_file },
		{ "admin-token", "TOKEN", "refused: others would see it", CLI_STRING,
		  &serve->admin },
		{ "audit", "FILE", "who fetched and pushed what; none: not", CLI_STRING,
		  &to->audit },
		{ "transfers", "N", "at once, in all (128)", CLI_STRING, &serve->transfers },
		{ "per-token", "N", "at once, of one token (64)", CLI_STRING, &serve->per_token },
		{ "connections", "N", "at once; more wait (256)", CLI_STRING, &serve->connections },
		{ "head-size", "BYTES", "of a request's head (16384)", CLI_STRING, &serve->head },
		{ "head-time", "SECONDS", "for a request's head (20)", CLI_STRING,
		  &serve->head_time },
		{ "idle-time", "SECONDS", "a client may do nothing (300); 0: ever", CLI_STRING,
		  &serve->idle },
		{ "total-time", "SECONDS", "for one transfer (0: no end)", CLI_STRING,
		  &serve->total },
		{ "silence-time", "SECONDS", "git may do nothing (600); 0: ever", CLI_STRING,
		  &serve->silence },
		{},
	};
	int r = cli_parse(argc, argv, options, 0, 0);

	if (!r && serve->inetd && serve->detach)
		r = log_error(-EINVAL, "serve: --inetd and --detach exclude each other");
	if (!r && serve->inetd && (serve->port || serve->socket_path))
		r = log_error(-EINVAL,
			      "serve: --inetd has its connection: no --port, no --socket-path");
	if (!r && serve->pid_file && !serve->detach)
		r = log_error(-EINVAL, "serve: --pid-file is for --detach");
	return r ?: limits_read(serve);
}

/* --- listeners ------------------------------------------------------------------------ */

static int tcp_open(struct serve *serve)
{
	bool other = serve->inetd || serve->passed.n || serve->socket_path;
	unsigned port = other ? 0 : GATE_PORT;
	struct problem why;
	int r = cli_number("port", serve->port, 0, 65535, &port);

	if (r || !port)
		return r;
	r = listen_tcp(&gate_service, serve->bind ?: "127.0.0.1", port, &serve->tcp, &why);
	return r == -EINVAL ? log_error(r, "serve: %s", why.text)
			    : r
		   ? log_error(0, "%s", why.text),
	       r : 0;
}

static int listeners_open(struct serve *serve)
{
	struct problem why;
	int r = passed_open(&serve->passed, &why);

	if (!r && serve->socket_path)
		r = sock_place_take(serve->socket_path, &serve->place, &why);
	if (r) {
		log_error(0, "%s", why.text);
		return r;
	}
	return tcp_open(serve);
}

static int listeners_give(struct serve *serve)
{
	struct http *http = server_http(serve->running);
	struct problem why;
	int r = 0, fd;

	if (serve->inetd) {
		fd = fcntl(0, F_DUPFD_CLOEXEC, 3);
		server_once(serve->running);
		r = fd < 0 ? -errno : fcntl(fd, F_SETFL, O_RDWR | O_NONBLOCK) ? -errno : 0;
		r = r ?: http_add(http, fd, NULL);
		return r ? log_error(r, "descriptor 0 is no connection") : 0;
	}
	while (!r && (fd = passed_next(&serve->passed)) >= 0)
		r = http_listen(http, fd, NULL);
	if (!r && passed_done(&serve->passed, &why))
		log_warn(0, "%s", why.text);
	if (!r && serve->tcp >= 0)
		r = http_listen(http, TAKE_FD(serve->tcp), NULL);
	/* the server closes its own of it: where the socket is stays ours until the end */
	if (!r && serve->place.fd >= 0) {
		fd = fcntl(serve->place.fd, F_DUPFD_CLOEXEC, 3);
		r = fd < 0 ? -errno : http_listen(http, fd, NULL);
	}
	return r ? log_error(r, "cannot listen") : 0;
}

/* --- until it ends --------------------------------------------------------------------- */

static void on_end(struct stay *stay)
{
	struct serve *serve = container_of(stay, struct serve, stay);

	doors_close(serve->doors);
	server_end(serve->running);
}

static int files_give_up(const struct serve *serve)
{
	const struct gate_confine confine = { .base = serve->server.base,
					      .tokens = serve->server.tokens,
					      .audit = serve->server.audit,
					      .socket_folder = serve->place.folder,
					      .reach = &serve->reach };
	struct problem why;
	int r = gate_confine(&confine, &why);

	if (!r)
		log_warn(0,
			 "this kernel has no Landlock, or one before 5.19: what git can reach is "
			 "all that you can");
	if (r >= 0)
		r = gate_confine_calls(&why);
	return r < 0 ? log_error(0, "%s", why.text), r : 0;
}

static int door_open(struct door_owner *owner, int fd, void *user)
{
	return http_listen(user, fd, owner);
}

static void door_close(struct door_owner *owner, void *user)
{
	http_unlisten(user, owner);
}

static int run(struct serve *serve)
{
	struct problem why;
	int r = loop_new(&serve->loop);

	if (!r)
		r = stay_begin(&serve->stay, serve->loop, on_end);
	if (r)
		return log_error(r, "cannot make a loop");
	r = server_new(serve->loop, &serve->server, &serve->running, &why);
	if (r) {
		log_error(0, "%s", why.text);
		return r;
	}
	r = files_give_up(serve);
	if (!r)
		r = listeners_give(serve);
	if (!r && !serve->inetd && !serve->no_containers) {
		serve->door = (struct door_port){ .port = CONTROL_PORT_GATE,
						  .open = door_open,
						  .close = door_close,
						  .user = server_http(serve->running) };
		r = doors_new(serve->loop, &serve->door, 1, &serve->doors);
		if (r)
			return log_error(r, "listeners within containers");
	}
	if (!r) {
		log_info("serves %s", serve->base);
		stay_ready(&serve->stay, serve->base);
		r = loop_run(serve->loop);
	}
	return r;
}

static int begin(struct serve *serve)
{
	struct problem why;
	int r = admin_read(serve);

	if (!r)
		r = paths_read(serve);
	if (!r)
		r = listeners_open(serve);
	if (!r && serve->detach) {
		r = listen_detach(&gate_service, serve->pid_file, &why);
		if (r)
			log_error(0, "%s", why.text);
	}
	if (!r)
		r = confine_privs();
	umask(077);
	signal(SIGPIPE, SIG_IGN);
	if (!r && !serve->inetd) /* one that was killed may have left git's locks behind */
		mirror_mend_all(serve->base);
	return r ?: run(serve);
}

int verb_serve(int argc, char **argv)
{
	struct serve serve = {
		.server = SERVER_OPTIONS, .place = SOCK_PLACE_NONE, .tcp = -1, .stay = STAY_NONE
	};
	int r = options_read(&serve, argc, argv);

	if (r)
		return r;
	stay_open(&serve.stay);
	r = begin(&serve);
	doors_free(serve.doors);
	server_free(serve.running);
	stay_done(&serve.stay);
	loop_free(serve.loop);
	closep(&serve.tcp);
	sock_place_leave(&serve.place);
	explicit_bzero(serve.admin_text, sizeof(serve.admin_text));
	free(serve.base);
	free(serve.tokens);
	free(serve.audit);
	return r;
}
