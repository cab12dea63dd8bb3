// SPDX-License-Identifier: Apache-2.0
#include "resolve.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/confine.h"
#include "base/event.h"
#include "base/spawn.h"

#define CHILD_OUT 3          /* where its struct goes */
#define CHILD_MAX (64 << 20) /* bytes of memory for a library that parses strangers' bytes */

struct asking {
	pid_t pid;
	int fd; /* one struct comes, in one piece: it is shorter than PIPE_BUF */
	struct resolved *to;
};
_Static_assert(sizeof(struct resolved) <= PIPE_BUF, "an atomic write");

static int error_of(int gai)
{
	switch (gai) {
	case 0:
	case EAI_NONAME:
	case EAI_NODATA: return 0;
	case EAI_AGAIN: return -EAGAIN;
	case EAI_MEMORY: return -ENOMEM;
	case EAI_SYSTEM: return -errno ?: -EIO;
	default: return -EIO;
	}
}

static void address_take(const struct sockaddr *sa, struct resolved *ret)
{
	uint8_t addr[16] = { [10] = 0xff, [11] = 0xff };

	if (sa->sa_family == AF_INET)
		memcpy(addr + 12, &((const struct sockaddr_in *)sa)->sin_addr, 4);
	else if (sa->sa_family == AF_INET6)
		memcpy(addr, &((const struct sockaddr_in6 *)sa)->sin6_addr, 16);
	else
		return;
	for (uint32_t i = 0; i < ret->n; i++)
		if (!memcmp(ret->addr[i], addr, sizeof(addr)))
			return;
	if (ret->n < RESOLVE_ADDRS)
		memcpy(ret->addr[ret->n++], addr, sizeof(addr));
}

static void ask(const char *domain, struct resolved *ret)
{
	const struct addrinfo hints = { .ai_socktype = SOCK_STREAM };
	struct addrinfo *list = NULL;

	*ret = (struct resolved){};
	errno = 0;
	ret->error = error_of(getaddrinfo(domain, NULL, &hints, &list));
	for (struct addrinfo *one = list; one; one = one->ai_next)
		address_take(one->ai_addr, ret);
}

static _Noreturn void child(const char *domain, int out, struct resolved *ret)
{
	const struct rlimit memory = { CHILD_MAX, CHILD_MAX };

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	spawn_reset_signals();
	if (dup2(out, CHILD_OUT) < 0 || confine_early(CHILD_OUT) || confine_user() ||
	    confine_caps(0))
		_exit(1);
#ifndef CONFINE_SANITIZED
	setrlimit(RLIMIT_AS, &memory);
#else
	(void)memory;
#endif
	ask(domain, ret);
	_exit(write(CHILD_OUT, ret, sizeof(*ret)) != sizeof(*ret));
}

static void start(struct asking *one, const char *domain)
{
	int fd[2];

	*one->to = (struct resolved){ .error = -ETIMEDOUT };
	one->pid = one->fd = -1;
	if (pipe2(fd, O_CLOEXEC)) {
		one->to->error = -errno;
		return;
	}
	one->pid = fork();
	if (!one->pid)
		child(strncmp(domain, "*.", 2) ? domain : domain + 2, fd[1], one->to);
	if (one->pid < 0)
		one->to->error = -errno;
	close(fd[1]);
	one->fd = fd[0];
}

/* It wrote, or ended without; it is believed no further than the size of its struct. */
static void take(struct asking *one)
{
	struct resolved got;

	if (read(one->fd, &got, sizeof(got)) == sizeof(got) && got.n <= RESOLVE_ADDRS)
		*one->to = got;
	else
		one->to->error = -EIO;
	closep(&one->fd);
}

static void end(struct asking *one)
{
	closep(&one->fd);
	if (one->pid <= 0)
		return;
	kill(one->pid, SIGKILL);
	while (waitpid(one->pid, NULL, 0) < 0 && errno == EINTR)
		;
}

/* Wait for all of a batch; false: time ran out. */
static bool collect(struct asking *asking, unsigned n)
{
	const uint64_t until = now_boot_ns() + RESOLVE_LIMIT_NS;
	unsigned open = 0;

	for (unsigned i = 0; i < n; i++)
		open += asking[i].fd >= 0;
	while (open) {
		struct pollfd fds[RESOLVE_ABREAST];
		uint64_t now = now_boot_ns();

		for (unsigned i = 0; i < n; i++) /* poll() passes over what is negative */
			fds[i] = (struct pollfd){ .fd = asking[i].fd, .events = POLLIN };
		if (now >= until || poll(fds, n, (until - now) / 1000000 + 1) == 0)
			return false;
		for (unsigned i = 0; i < n; i++) {
			if (asking[i].fd < 0 || !fds[i].revents)
				continue;
			take(&asking[i]);
			open--;
		}
	}
	return true;
}

void resolve_domains(const char *const *domain, unsigned n, struct resolved *ret)
{
	struct asking asking[RESOLVE_ABREAST];
	bool in_time = true;

	for (unsigned i = 0; i < n && in_time; i += RESOLVE_ABREAST) {
		unsigned batch = n - i < RESOLVE_ABREAST ? n - i : RESOLVE_ABREAST;

		for (unsigned k = 0; k < batch; k++) {
			asking[k].to = &ret[i + k];
			start(&asking[k], domain[i + k]);
		}
		in_time = collect(asking, batch);
		for (unsigned k = 0; k < batch; k++)
			end(&asking[k]);
		for (unsigned k = i + batch; k < n && !in_time; k++)
			ret[k] = (struct resolved){ .error = -ETIMEDOUT };
	}
}
