// SPDX-License-Identifier: Apache-2.0
#include "base/notify.h"

#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/cleanup.h"

#define WATCHDOG_USEC_MAX UINT64_C(86400000000) /* a day: longer is no watchdog */

static int socket_open(const char *path)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	_cleanup_close_ int fd = -1;
	size_t n = path ? strlen(path) : 0;

	if (n < 2 || n >= sizeof(sun.sun_path) || (*path != '/' && *path != '@'))
		return -1;
	memcpy(sun.sun_path, path, n);
	if (*path == '@')
		*sun.sun_path = '\0';
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0 ||
	    connect(fd, (struct sockaddr *)&sun, offsetof(struct sockaddr_un, sun_path) + n))
		return -1;
	return TAKE_FD(fd);
}

/* A number of an environment variable, all of it; 0: none. */
static uint64_t number(const char *name)
{
	const char *text = getenv(name);
	char *end;
	unsigned long long value;

	if (!text || *text < '0' || *text > '9')
		return 0;
	errno = 0;
	value = strtoull(text, &end, 10);
	return errno || *end ? 0 : value;
}

static uint64_t watchdog(void)
{
	uint64_t usec = number("WATCHDOG_USEC"), pid = number("WATCHDOG_PID");

	if (getenv("WATCHDOG_PID") && pid != (uint64_t)getpid()) /* somebody else's */
		return 0;
	return usec > WATCHDOG_USEC_MAX ? 0 : usec * 1000;
}

void notify_open(struct notify *ret)
{
	*ret = NOTIFY_NONE;
	ret->fd = socket_open(getenv("NOTIFY_SOCKET"));
	if (ret->fd >= 0)
		ret->watchdog_ns = watchdog();
	unsetenv("NOTIFY_SOCKET");
	unsetenv("WATCHDOG_USEC");
	unsetenv("WATCHDOG_PID");
}

bool notify_wanted(const struct notify *notify)
{
	return notify->fd >= 0;
}

void notify_say(const struct notify *notify, const char *fmt, ...)
{
	char text[NOTIFY_MAX];
	va_list ap;
	int n;

	if (!notify_wanted(notify))
		return;
	va_start(ap, fmt);
	n = vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (n > 0 && n < NOTIFY_MAX)
		send(notify->fd, text, n, MSG_NOSIGNAL | MSG_DONTWAIT);
}

void notify_close(struct notify *notify)
{
	closep(&notify->fd);
	*notify = NOTIFY_NONE;
}
