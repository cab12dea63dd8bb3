// SPDX-License-Identifier: Apache-2.0
/*
 * clearance_web.c - terok-clearance web: the live list in a browser (clearance_web.h)
 *
 * For machines without a screen: it listens on a unix socket of its user's or on loopback, and
 * a tunnel brings it to where the browser is. The link that lets in goes to stdout; Enter or
 * SIGUSR1 makes a new one.
 */
#include "clearance_web.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/addr.h"
#include "base/cli.h"
#include "base/confine.h"
#include "base/log.h"
#include "base/signals.h"
#include "base/sock.h"
#include "clearance.h"

#define BACKLOG       64
#define LINK_MAX_SIZE 256  /* bytes of a file that may be a link */
#define TUNNEL_PORT   8642 /* of the browser's machine, where we have none */

struct program {
	struct loop *loop;
	struct signals signals;
	struct source keys;
	struct door door;
	struct web *web;
	const char *socket, *address, *link;
	uint16_t port;
	int link_fd;
};

static int listen_tcp(const char *address, uint16_t *port, int *ret, struct problem *why)
{
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6, .sin6_port = htons(*port) };
	struct sockaddr_in v4 = { .sin_family = AF_INET, .sin_port = htons(*port) };
	bool is_v6 = inet_pton(AF_INET6, address, &v6.sin6_addr) == 1;
	struct sockaddr *at = is_v6 ? (struct sockaddr *)&v6 : (struct sockaddr *)&v4;
	socklen_t size = is_v6 ? sizeof(v6) : sizeof(v4);
	_cleanup_close_ int fd = -1;

	if (!is_v6)
		inet_pton(AF_INET, address, &v4.sin_addr);
	fd = socket(at->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return problem(why, -errno, "make a socket: %s", strerror(errno));
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){ 1 }, sizeof(int));
	if (bind(fd, at, size) || listen(fd, BACKLOG) || getsockname(fd, at, &size))
		return problem(why, -errno, "listen at %s port %u: %s", address, *port,
			       strerror(errno));
	*port = ntohs(is_v6 ? v6.sin6_port : v4.sin_port);
	*ret = TAKE_FD(fd);
	return 0;
}

/* What stdout is goes to a log that others read. */
static bool stdout_is_log(void)
{
	const char *stream = getenv("JOURNAL_STREAM"); /* systemd.exec(5): DEVICE:INODE */
	char ours[48];
	struct stat st;

	if (!stream || fstat(1, &st))
		return false;
	snprintf(ours, sizeof(ours), "%ju:%ju", (uintmax_t)st.st_dev, (uintmax_t)st.st_ino);
	return !strcmp(stream, ours);
}

/* A file that is new, so that nobody holds it open; only a link of before gives way. */
static int link_open(const char *path, int *ret, struct problem *why)
{
	struct stat st;

	if (!lstat(path, &st)) {
		if (!S_ISREG(st.st_mode) || st.st_uid != geteuid() || st.st_size > LINK_MAX_SIZE)
			return problem(why, -EEXIST, "%s is there, and is no link of ours", path);
		unlink(path);
	}
	*ret = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	return *ret < 0 ? problem(why, -errno, "make %s: %s", path, strerror(errno)) : 0;
}

static int link_print(struct program *program, struct problem *why)
{
	const char *token = door_token_new(&program->door, now_boot_ns());
	bool v6 = program->address && strchr(program->address, ':');
	char text[LINK_MAX_SIZE];
	int n;

	if (!token)
		return problem(why, -EIO, "no random numbers: no link");
	n = snprintf(text, sizeof(text), "http://%s%s%s:%u/#login=%s\n", v6 ? "[" : "",
		     program->address ?: "localhost", v6 ? "]" : "", program->port, token);
	/* all links are of one length: the file has the old one or the new one */
	if (program->link ? pwrite(program->link_fd, text, n, 0) != n : write(1, text, n) != n)
		return problem(why, -EIO, "the link cannot be written: nobody can log in");
	return 0;
}

static void link_again(struct program *program)
{
	struct problem why = {};

	if (link_print(program, &why))
		log_error(0, "%s", why.text);
}

/* How to get here from where the browser is. */
static void hint(const struct program *program)
{
	char host[65] = "HOST";
	bool v6 = program->address && strchr(program->address, ':');

	if (gethostname(host, sizeof(host) - 1))
		strcpy(host, "HOST");
	log_info(
	    "the link %s%slets in one browser, once, for ten minutes; %sSIGUSR1 makes a new one",
	    program->link ? "in " : "", program->link ? program->link : "",
	    isatty(0) ? "Enter or " : "");
	if (program->socket)
		log_info("first, where the browser is: ssh -L %u:%s %s", program->port,
			 program->socket, host);
	else
		log_info("from another machine, first: ssh -L %u:%s%s%s:%u %s", program->port,
			 v6 ? "[" : "", program->address, v6 ? "]" : "", program->port, host);
}

static int on_signal(struct signals *signals, int signal)
{
	struct program *program = container_of(signals, struct program, signals);

	if (signal == SIGUSR1)
		link_again(program);
	else
		loop_stop(program->loop);
	return 0;
}

static int on_key(struct source *source, uint32_t events)
{
	struct program *program = container_of(source, struct program, keys);
	char line[64];
	ssize_t n = read(0, line, sizeof(line));

	(void)events;
	if (n <= 0) /* no terminal any more, or not ours */
		source_del(source);
	else if (line[n - 1] == '\n')
		link_again(program);
	return 0;
}

static int program_listen(struct program *program, int *ret, struct problem *why)
{
	if (!program->socket)
		return listen_tcp(program->address, &program->port, ret, why);
	program->port = TUNNEL_PORT;
	return sock_listen(program->socket, 0600, ret, why);
}

static int program_inputs(struct program *program)
{
	static const int more[] = { SIGHUP, SIGUSR1, 0 };
	int r;

	signal(SIGPIPE, SIG_IGN);
	signal(SIGTTIN, SIG_IGN); /* in the background, its terminal's keys are not for us */
	r = signals_add(program->loop, &program->signals, more, on_signal);
	if (!r && isatty(0))
		r = source_add(program->loop, &program->keys, 0, EPOLLIN, on_key);
	return r;
}

/* Everything is open: from here on only what serving needs. */
static int program_confine(const struct program *program)
{
	const char *files[WEB_FILES];
	unsigned n = 0;

	if (program->socket)
		files[n++] = program->socket;
	if (program->link)
		files[n++] = program->link;
	return web_confine(files, n);
}

static int program_start(struct program *program, const char *hub, struct problem *why)
{
	int fd = -1, r;

	/* a program that listens and has secrets: no privileges, no core dump */
	r = confine_privs();
	if (!r)
		r = loop_new(&program->loop);
	if (!r)
		r = door_open(&program->door);
	if (!r)
		r = program_inputs(program);
	if (!r)
		r = program_listen(program, &fd, why);
	if (!r)
		r = web_new(program->loop, fd, &program->door, hub, &program->web);
	if (!r && program->link)
		r = link_open(program->link, &program->link_fd, why);
	if (!r)
		r = confine_caps(0);
	if (!r)
		r = link_print(program, why);
	if (r)
		return r;
	hint(program);
	return program_confine(program);
}

static void program_end(struct program *program)
{
	if (program->link_fd >= 0)
		unlink(program->link);
	if (program->socket && program->web)
		unlink(program->socket);
	web_free(program->web);
	source_del(&program->keys);
	signals_end(&program->signals);
	closep(&program->link_fd);
	loop_free(program->loop);
}

static int program_run(struct program *program, const char *hub)
{
	struct problem why = {};
	int r = program_start(program, hub, &why);

	if (!r)
		r = loop_run(program->loop);
	if (why.text[0])
		log_error(0, "%s", why.text);
	else if (r)
		log_error(r, "web");
	program_end(program);
	return r;
}

int verb_web(int argc, char **argv)
{
	const char *socket = NULL, *port = NULL, *address = NULL, *hub = NULL, *link = NULL;
	const struct cli_option options[] = {
		{ "socket", "PATH", "listen on a unix socket, for this user only", CLI_STRING,
		  &socket },
		{ "port", "N", "listen on this port of loopback (default: a free one)", CLI_STRING,
		  &port },
		{ "address", "ADDRESS", "of loopback: 127.0.0.1 (default) or ::1", CLI_STRING,
		  &address },
		{ "link", "PATH", "write the link into a file, for this user only", CLI_STRING,
		  &link },
		{ "hub", "PATH", "the hub (/run/terok/clearance.sock)", CLI_STRING, &hub },
		{},
	};
	struct program program = { .link_fd = -1 };
	struct problem why = {};
	int r = cli_parse(argc, argv, options, 0, 0);

	if (r < 0)
		return r;
	if (socket && (port || address))
		return log_error(0, "--socket excludes --port and --address"), -EINVAL;
	if (port && port_parse(port, &program.port, &why))
		return log_error(0, "%s", why.text), -EINVAL;
	if (address && !door_loopback(address))
		return log_error(0,
				 "'%s' is not loopback: others could reach it; take 127.0.0.1 or "
				 "::1, and a tunnel: ssh -L",
				 address),
		       -EINVAL;
	if (!link && stdout_is_log())
		return log_error(0, "stdout is the journal, and who reads that could log in: "
				    "take --link PATH"),
		       -EINVAL;
	program.link = link;
	program.socket = socket;
	program.address = socket ? NULL : address ?: "127.0.0.1";
	return program_run(&program, hub ?: session_socket());
}
