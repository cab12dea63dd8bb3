// SPDX-License-Identifier: Apache-2.0
#include "hub/session.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/sock.h"
#include "hub/helper_main.h"
#include "hub/standalone.h"

struct session session;

static int dialled[256];
static unsigned n_dialled;

static int manager_bind(void)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	snprintf(sun.sun_path, sizeof(sun.sun_path), "%s/manager", session.folder);
	if (fd < 0 || bind(fd, (struct sockaddr *)&sun, sizeof(sun)) || chmod(sun.sun_path, 0666))
		return -1;
	setenv("NOTIFY_SOCKET", sun.sun_path, 1);
	return fd;
}

int session_setup(void **state)
{
	(void)state;
	n_dialled = 0;
	session = (struct session){ .uid = getuid() };
	strcpy(session.folder, "/tmp/test_session.XXXXXX");
	if (!mkdtemp(session.folder))
		return -1;
	snprintf(session.clients, sizeof(session.clients), "%s/terok-clearance.sock",
		 session.folder);
	snprintf(session.readers, sizeof(session.readers), "%s/terok-shield-events.sock",
		 session.folder);
	snprintf(session.helper, sizeof(session.helper), "%s/terok-clearance-verdict.sock",
		 session.folder);
	snprintf(session.shield, sizeof(session.shield), "%s/shield", session.folder);
	setenv("XDG_RUNTIME_DIR", session.folder, 1);
	session.manager = manager_bind();
	return session.manager < 0 ? -1 : 0;
}

/* What is there must be what the test knows of: both processes leave nothing. */
int session_teardown(void **state)
{
	static const char *const folders[] = { "terok/clearance/terok-session", "terok/clearance",
					       "terok" };
	char manager[80], path[128];

	(void)state;
	while (n_dialled)
		closep(&dialled[--n_dialled]);
	if (session.hub > 0)
		session_end(&session.hub, SIGTERM);
	if (session.verdicts > 0)
		session_end(&session.verdicts, SIGTERM);
	closep(&session.manager);
	snprintf(manager, sizeof(manager), "%s/manager", session.folder);
	unlink(manager);
	unlink(session.shield);
	for (size_t i = 0; i < sizeof(folders) / sizeof(*folders); i++) {
		snprintf(path, sizeof(path), "%s/%s", session.folder, folders[i]);
		rmdir(path); /* empty, or the next one fails */
	}
	return rmdir(session.folder);
}

void session_give(uid_t uid)
{
	assert_int_equal(chown(session.folder, uid, uid), 0);
	session.uid = uid;
}

static void become_its_user(void)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (session.uid != getuid() &&
	    (setgroups(0, NULL) || setresgid(session.uid, session.uid, session.uid) ||
	     setresuid(session.uid, session.uid, session.uid)))
		_exit(99);
}

static void set_patience(int fd)
{
	const struct timeval patience = { .tv_sec = SESSION_WAIT_S };

	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)), 0);
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience)), 0);
}

const char *session_told(void)
{
	static char text[256];
	ssize_t n;

	set_patience(session.manager);
	n = recv(session.manager, text, sizeof(text) - 1, 0);
	assert_true(n > 0);
	text[n] = '\0';
	return text;
}

static pid_t hub_fork(void)
{
	const struct standalone_paths usual = { .history = { .days = session.history ? 1 : 0,
							     .mib = HISTORY_MIB_MIN,
							     .file = session.history } };
	pid_t pid;

	fflush(NULL);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		become_its_user();
		_exit(standalone_main(&usual) ? 1 : 0);
	}
	return pid;
}

void session_hub(void)
{
	session.hub = hub_fork();
	assert_string_equal(session_told(), "READY=1");
}

int session_hub_tries(void)
{
	int status;

	assert_true(waitpid(hub_fork(), &status, 0) > 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

void session_helper(const char *script)
{
	FILE *file = fopen(session.shield, "w");

	assert_non_null(file);
	fprintf(file, "#!/bin/sh\ncd %s\n%s\n", session.folder, script);
	assert_int_equal(fchmod(fileno(file), 0755), 0);
	fclose(file);
	fflush(NULL);
	session.verdicts = fork();
	assert_true(session.verdicts >= 0);
	if (!session.verdicts) {
		become_its_user();
		_exit(helper_main(NULL, session.shield) ? 1 : 0);
	}
	assert_string_equal(session_told(), "READY=1");
}

int session_end(pid_t *process, int signal)
{
	pid_t pid = *process;
	int status;

	*process = 0;
	assert_int_equal(kill(pid, signal), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int session_dial(const char *path)
{
	int fd = sock_connect(path);

	assert_true(fd >= 0);
	assert_int_equal(fcntl(fd, F_SETFL, 0), 0);
	set_patience(fd);
	assert_true(n_dialled < sizeof(dialled) / sizeof(*dialled));
	dialled[n_dialled++] = fd;
	return fd;
}

int session_dial_as(uid_t uid, const char *path)
{
	uid_t was = geteuid();
	int fd;

	if (uid != was)
		assert_int_equal(seteuid(uid), 0);
	fd = session_dial(path);
	if (uid != was)
		assert_int_equal(seteuid(was), 0);
	return fd;
}

static void send_all(int fd, const char *bytes, size_t n)
{
	assert_int_equal(send(fd, bytes, n, MSG_NOSIGNAL), n);
}

void session_say(int fd, const char *frame)
{
	send_all(fd, frame, strlen(frame) + 1);
}

void session_line(int fd, const char *text)
{
	send_all(fd, text, strlen(text));
	send_all(fd, "\n", 1);
}

const char *session_heard(int fd)
{
	static char buf[64 << 10];
	size_t size = 0;

	for (char *nul = NULL; !nul;) {
		ssize_t n = recv(fd, buf + size, sizeof(buf) - size, MSG_PEEK);

		assert_true(n >= 0); /* patience is at its end */
		if (!n)
			return "";
		nul = memchr(buf + size, '\0', n);
		n = nul ? nul + 1 - (buf + size) : n;
		assert_int_equal(recv(fd, buf + size, n, 0), n);
		size += n;
		assert_true(size < sizeof(buf));
	}
	return buf;
}

void session_hear(int fd, const char *frame)
{
	assert_string_equal(session_heard(fd), frame);
}

void session_ask(int fd, const char *frame, const char *answer)
{
	session_say(fd, frame);
	session_hear(fd, answer);
}

/* No answer says that it stands: what is asked after it on the same connection is never served. */
int session_subscribe(void)
{
	int fd = session_dial(session.clients), other = session_dial(session.clients);

	session_say(fd, SUBSCRIBE);
	/* the hub serves connections in the order in which they spoke */
	session_say(other, "{\"method\":\"org.varlink.service.GetInfo\"}");
	assert_non_null(strstr(session_heard(other), CLEARANCE));
	return fd;
}
