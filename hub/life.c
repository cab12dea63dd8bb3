// SPDX-License-Identifier: Apache-2.0
#include "life.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"

/*
 * The service manager's socket, now, while sockets may still be made. Programs that we run are not
 * the service: they must not find it.
 */
static int manager_open(void)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	const char *path = getenv("NOTIFY_SOCKET");
	_cleanup_close_ int fd = -1;
	size_t n = path ? strlen(path) : 0;

	if (n < 2 || n >= sizeof(sun.sun_path) || (*path != '/' && *path != '@'))
		return -1;
	memcpy(sun.sun_path, path, n);
	if (*path == '@')
		*sun.sun_path = '\0';
	unsetenv("NOTIFY_SOCKET");
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0 ||
	    connect(fd, (struct sockaddr *)&sun, offsetof(struct sockaddr_un, sun_path) + n))
		return -1;
	return TAKE_FD(fd);
}

static void manager_tell(const struct life *life, const char *state)
{
	if (life->manager >= 0)
		send(life->manager, state, strlen(state), MSG_NOSIGNAL | MSG_DONTWAIT);
}

void life_over(void *user)
{
	struct life *life = user;

	loop_stop(life->loop);
}

static int on_late(struct timer *timer)
{
	life_over(container_of(timer, struct life, late));
	return 0;
}

static int on_signal(struct signals *signals, int signal)
{
	struct life *life = container_of(signals, struct life, signals);

	(void)signal;
	if (life->ending) {
		life_over(life);
		return 0;
	}
	life->ending = true;
	manager_tell(life, "STOPPING=1");
	timer_arm(life->loop, &life->late, now_boot_ns() + LIFE_STOP_NS, on_late);
	life->end(life->user);
	return 0;
}

/* Does the journal read our stderr? Then each message says how grave it is. */
static bool in_journal(void)
{
	const char *stream = getenv("JOURNAL_STREAM");
	char ours[64];
	struct stat st;

	if (!stream || fstat(2, &st))
		return false;
	snprintf(ours, sizeof(ours), "%ju:%ju", (uintmax_t)st.st_dev, (uintmax_t)st.st_ino);
	return !strcmp(stream, ours);
}

int life_begin(struct life *life, const char *name, void (*end)(void *user), void *user)
{
	int r;

	*life = (struct life){ .manager = -1, .end = end, .user = user };
	log_setup(name, LOG_INFO, in_journal());
	signal(SIGPIPE, SIG_IGN);
	r = loop_new(&life->loop);
	if (r)
		return log_error(r, "make a loop");
	r = signals_add(life->loop, &life->signals, NULL, on_signal);
	if (r)
		return log_error(r, "wait for signals");
	life->manager = manager_open();
	return 0;
}

int life_run(struct life *life)
{
	manager_tell(life, "READY=1");
	return loop_run(life->loop);
}

void life_done(struct life *life)
{
	signals_end(&life->signals);
	timer_disarm(&life->late);
	closep(&life->manager);
	if (life->loop)
		loop_free(life->loop);
	*life = (struct life){ .manager = -1 };
}

int life_path(char *buf, size_t size, const char *given, const char *name, struct problem *why)
{
	const char *folder = getenv("XDG_RUNTIME_DIR");
	int n;

	if (given)
		n = snprintf(buf, size, "%s", given);
	else if (folder && *folder == '/')
		n = snprintf(buf, size, "%s/%s", folder, name);
	else
		n = snprintf(buf, size, "/run/user/%u/%s", getuid(), name);
	if (n >= (int)size)
		return problem(why, -ENAMETOOLONG, "%.60s... is too long for a socket", buf);
	return 0;
}
