// SPDX-License-Identifier: Apache-2.0
#include "persons.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/sock.h"
#include "cgroup.h"
#include "control.h"

static char users[96]; /* in place of /run/user */
static struct guarded {
	uint32_t guard;
	char cgroup[TEROK_PATH_LEN];
} guarded[PERSON_GUARDS];
static unsigned n_guarded;

/* --- processes and connections --------------------------------------------------------- */

int person_as(uid_t uid, int (*fn)(void *arg), void *arg)
{
	int status;
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (!pid) {
		if (setgroups(0, NULL) || setresgid(uid, uid, uid) || setresuid(uid, uid, uid))
			_exit(255);
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		_exit(fn(arg));
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

char person_out[1 << 20];

struct run {
	const char *const *argv;
	int fd;
};

static int exec_it(void *arg)
{
	struct run *run = arg;

	if (dup2(run->fd, 1) < 0 || dup2(run->fd, 2) < 0)
		return 126;
	execv(bpfd, (char *const *)run->argv);
	return 127;
}

int person_run(uid_t uid, const char *const argv[])
{
	_cleanup_close_ int fd = memfd_create("said", MFD_CLOEXEC);
	struct run run = { argv, fd };
	int code;
	ssize_t n;

	assert_true(fd >= 0);
	code = person_as(uid, exec_it, &run);
	n = pread(fd, person_out, sizeof(person_out) - 1, 0);
	assert_true(n >= 0);
	person_out[n] = '\0';
	return code;
}

void assert_out(const char *text)
{
	if (!strstr(person_out, text))
		fail_msg("'%s' is not in: %s", text, person_out);
}

void assert_not_out(const char *text)
{
	if (strstr(person_out, text))
		fail_msg("'%s' is in: %s", text, person_out);
}

struct dial {
	const char *path;
	int pair;
};

static int dial(void *arg)
{
	struct dial *dial = arg;
	int fd = sock_connect(dial->path);
	union {
		struct cmsghdr head;
		char room[CMSG_SPACE(sizeof(int))];
	} control = { .head = { .cmsg_level = SOL_SOCKET,
				.cmsg_type = SCM_RIGHTS,
				.cmsg_len = CMSG_LEN(sizeof(int)) } };
	struct iovec bytes = { "x", 1 };
	struct msghdr msg = { .msg_iov = &bytes,
			      .msg_iovlen = 1,
			      .msg_control = &control,
			      .msg_controllen = sizeof(control) };

	if (fd < 0)
		return -fd;
	memcpy(CMSG_DATA(&control.head), &fd, sizeof(fd));
	return sendmsg(dial->pair, &msg, 0) == 1 ? 0 : errno;
}

int person_dial(uid_t uid, const char *path)
{
	const struct timeval patience = { .tv_sec = PERSON_MS / 1000 };
	struct dial arg = { .path = path };
	int pair[2], fd = -1, r;
	char byte;

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	arg.pair = pair[1];
	r = person_as(uid, dial, &arg);
	if (!r) {
		assert_int_equal(sock_receive(pair[0], &byte, 1, &fd, 1), 1);
		assert_true(fd >= 0);
		assert_int_equal(fcntl(fd, F_SETFL, 0), 0);
		setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
		setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	}
	close(pair[0]);
	close(pair[1]);
	return r ? -r : fd;
}

void person_say(int fd, const char *frame)
{
	assert_int_equal(send(fd, frame, strlen(frame) + 1, MSG_NOSIGNAL), strlen(frame) + 1);
}

const char *person_hear(int fd)
{
	static char buf[256 << 10];
	size_t size = 0;

	for (char *nul = NULL; !nul;) {
		ssize_t n = recv(fd, buf + size, sizeof(buf) - size, MSG_PEEK);

		if (!n || (n < 0 && errno == ECONNRESET))
			return NULL;
		if (n < 0)
			fail_msg("nothing came: %s", strerror(errno));
		nul = memchr(buf + size, '\0', n);
		n = nul ? nul + 1 - (buf + size) : n;
		assert_int_equal(recv(fd, buf + size, n, 0), n);
		size += n;
		assert_true(size < sizeof(buf));
	}
	return buf;
}

const char *person_call(int fd, const char *frame)
{
	const char *answer;

	person_say(fd, frame);
	answer = person_hear(fd);
	if (!answer)
		fail_msg("no answer to %s", frame);
	return answer;
}

void person_await(const char *folder, const char *name, bool there)
{
	_cleanup_close_ int fd = inotify_init1(IN_CLOEXEC);
	struct pollfd changed = { .fd = fd, .events = POLLIN };
	char path[256], buf[4096];

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	assert_true(inotify_add_watch(fd, folder, IN_CREATE | IN_DELETE | IN_MOVE) >= 0);
	while (!faccessat(AT_FDCWD, path, F_OK, AT_SYMLINK_NOFOLLOW) != there) {
		if (poll(&changed, 1, PERSON_MS) != 1)
			fail_msg("%s is %s there", path, there ? "not" : "still");
		assert_true(read(fd, buf, sizeof(buf)) > 0);
	}
}

/* --- their folders and their guards ----------------------------------------------------- */

void person_folder(uid_t uid, char ret[static 128])
{
	snprintf(ret, 128, "%s/%u", users, uid);
}

int persons_setup(void **state)
{
	n_guarded = 0;
	if (programs_setup(state) || chmod(world->dir, 0711))
		return -1;
	snprintf(users, sizeof(users), "%s/users", world->dir);
	setenv("TEROK_USER_RUN", users, 1);
	return mkdir(users, 0755);
}

int persons_teardown(void **state)
{
	char path[128];
	int r;

	if (agent)
		agent_end(SIGTERM);
	for (uid_t uid = ANNE; uid <= BERT; uid++) {
		person_folder(uid, path);
		umount2(path, MNT_DETACH);
	}
	while (n_guarded)
		cgroup_remove(guarded[--n_guarded].cgroup, NULL, NULL);
	r = programs_teardown(state);
	unsetenv("TEROK_USER_RUN");
	return r;
}

/* As a login does: the folder first, then what is mounted there. */
void person_login(uid_t uid)
{
	char path[128], data[64];

	person_folder(uid, path);
	snprintf(data, sizeof(data), "mode=0700,uid=%u,gid=%u", uid, uid);
	assert_int_equal(mkdir(path, 0700), 0);
	assert_int_equal(mount("tmpfs", path, "tmpfs", 0, data), 0);
}

void person_logout(uid_t uid)
{
	char path[128];

	person_folder(uid, path);
	assert_int_equal(umount2(path, MNT_DETACH), 0);
	assert_int_equal(rmdir(path), 0);
}

uint32_t person_guard(uid_t uid, const char *name)
{
	struct guard_spec spec = {
		.netns_fd = -1, .name = name, .state = TEROK_STATE_UP, .uid = uid
	};
	struct guarded *here = &guarded[n_guarded];
	struct problem why = {};
	struct guard guard;
	bool existing;

	snprintf(here->cgroup, TEROK_PATH_LEN, "/terok-test-%d-%u-%s", getpid(), n_guarded, name);
	spec.cgroup_fd = cgroup_create(here->cgroup, NULL);
	assert_true(spec.cgroup_fd >= 0 && n_guarded < PERSON_GUARDS);
	n_guarded++;
	if (guard_attach(world->kernel, &spec, &guard, &existing, &why))
		fail_msg("attach: %s", why.text);
	close(spec.cgroup_fd);
	here->guard = guard.id;
	if (agent)
		assert_int_equal(control_notify(guard.id), 0);
	return guard.id;
}

int person_inside(uint32_t guard, int (*fn)(const void *arg), const void *arg)
{
	unsigned i = 0;
	int fd, status;
	pid_t pid;

	while (i < n_guarded && guarded[i].guard != guard)
		i++;
	assert_true(i < n_guarded);
	fflush(NULL);
	pid = fork();
	if (!pid) {
		fd = cgroup_create(guarded[i].cgroup, NULL);
		_exit(fd < 0 || cgroup_join(fd) ? 255 : fn(arg));
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

void person_path(uid_t uid, const char *place, char ret[static 192])
{
	snprintf(ret, 192, "%s/%u/%s", users, uid, place);
}

void person_await_open(uid_t uid)
{
	char path[128], place[192];
	int fd = -ECONNREFUSED;

	person_folder(uid, path);
	person_await(path, PERSON_SOCKET, true);
	/* a socket has a name a moment before it listens */
	person_path(uid, PERSON_SOCKET, place);
	for (int tries = 0; fd == -ECONNREFUSED && tries < 1000; tries++)
		fd = person_dial(uid, place);
	assert_true(fd >= 0);
	close(fd);
}
