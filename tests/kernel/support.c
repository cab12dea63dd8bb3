// SPDX-License-Identifier: Apache-2.0
#include "support.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cgroup.h"

#ifndef IPV6_FREEBIND
#define IPV6_FREEBIND 78 /* linux/in6.h, which netinet/in.h excludes */
#endif

void test_require(const char *suite)
{
	struct problem why = {};
	char root[CGROUP_ROOT_LEN];

	if (geteuid()) {
		printf("SKIP %s: needs root\n", suite);
		exit(77);
	}
	if (cgroup_root(root, &why)) {
		printf("SKIP %s: %s\n", suite, why.text);
		exit(77);
	}
}

static void run(const char *command)
{
	int status = system(command);

	if (status)
		fail_msg("'%s' ended with %d", command, status);
}

static int far_listen(int type, uint16_t port)
{
	struct sockaddr_in6 sin = { .sin6_family = AF_INET6, .sin6_port = htons(port) };
	int fd = socket(AF_INET6, type | SOCK_CLOEXEC, 0), one = 1;

	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) ||
	    bind(fd, (struct sockaddr *)&sin, sizeof(sin)))
		_exit(1);
	if (type == SOCK_STREAM && listen(fd, 1024))
		_exit(1);
	return fd;
}

/* Back to who sent it, from the address that it was sent to. */
static void far_echo(int fd)
{
	union {
		struct cmsghdr head;
		char room[CMSG_SPACE(sizeof(struct in6_pktinfo))];
	} control = {};
	struct sockaddr_in6 from;
	char bytes[2048];
	struct iovec part = { bytes, sizeof(bytes) };
	struct msghdr msg = { .msg_name = &from,
			      .msg_namelen = sizeof(from),
			      .msg_iov = &part,
			      .msg_iovlen = 1,
			      .msg_control = &control,
			      .msg_controllen = sizeof(control) };
	ssize_t n = recvmsg(fd, &msg, 0);

	if (n < 0)
		return;
	/* by whichever interface leads there, not by the one that it was for */
	((struct in6_pktinfo *)CMSG_DATA(&control.head))->ipi6_ifindex = 0;
	part.iov_len = n;
	sendmsg(fd, &msg, 0);
}

/* The far namespace: counts what arrives. */
static void far_serve(struct test_world *world, int ready)
{
	struct pollfd fds[3] = { { .events = POLLIN }, { .events = POLLIN }, { .events = POLLIN } };
	const int one = 1;
	char buf[2048];

	if (write(ready, "1", 1) != 1)
		_exit(1);
	fds[0].fd = far_listen(SOCK_STREAM, TEST_PORT);
	fds[1].fd = far_listen(SOCK_DGRAM, TEST_PORT);
	fds[2].fd = far_listen(SOCK_DGRAM, TEST_ECHO);
	if (setsockopt(fds[2].fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, &one, sizeof(one)) ||
	    setsockopt(fds[2].fd, IPPROTO_IPV6, IPV6_FREEBIND, &one, sizeof(one)))
		_exit(1);
	if (write(ready, "2", 1) != 1)
		_exit(1);
	for (;;) {
		if (poll(fds, 3, -1) < 0)
			_exit(1);
		if (fds[0].revents) {
			int fd = accept(fds[0].fd, NULL, NULL);

			if (fd >= 0) {
				world->far->streams++;
				/* kept open: an established flow is part of some tests */
			}
		}
		if (fds[1].revents && recv(fds[1].fd, buf, sizeof(buf), 0) >= 0)
			world->far->datagrams++;
		if (fds[2].revents)
			far_echo(fds[2].fd);
	}
}

static void far_start(struct test_world *world)
{
	char command[512], byte;
	int ready[2];

	assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
	world->far_pid = fork();
	assert_true(world->far_pid >= 0);
	if (!world->far_pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		close(ready[0]);
		if (unshare(CLONE_NEWNET))
			_exit(1);
		far_serve(world, ready[1]);
	}
	close(ready[1]);
	assert_int_equal(read(ready[0], &byte, 1), 1);
	snprintf(command, sizeof(command), "ip link add near0 type veth peer name far0 netns %d",
		 world->far_pid);
	run(command);
	run("ip link set lo up && ip addr add " TEST_NEAR "/24 dev near0 && "
	    "ip addr add 2001:db8::1/64 dev near0 nodad && ip link set near0 up && "
	    "ip route add default via " TEST_FAR " && ip -6 route add default via " TEST_FAR6);
	snprintf(command, sizeof(command),
		 "nsenter --net=/proc/%d/ns/net sh -c 'ip link set lo up && "
		 "ip addr add " TEST_FAR "/24 dev far0 && ip addr add " TEST_FAR6
		 "/64 dev far0 nodad && "
		 "ip link set far0 up && "
		 "ip route add " TEST_NEAR " dev far0 table local && "
		 "ip route add local 0.0.0.0/0 dev lo table local && "
		 "ip -6 route add 2001:db8::1 dev far0 table local && "
		 "ip -6 route add fe80::/10 dev far0 table local && "
		 "ip -6 route add local ::/0 dev lo table local'",
		 world->far_pid);
	run(command);
	assert_int_equal(read(ready[0], &byte, 1), 1);
	close(ready[0]);
}

struct test_world *test_world_new(void)
{
	struct test_world *world = test_calloc(1, sizeof(*world));
	char path[128];

	world->far = mmap(NULL, sizeof(*world->far), PROT_READ | PROT_WRITE,
			  MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_true(world->far != MAP_FAILED);
	assert_int_equal(unshare(CLONE_NEWNS | CLONE_NEWNET), 0);
	assert_int_equal(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);

	snprintf(world->dir, sizeof(world->dir), "/tmp/terok-test-XXXXXX");
	assert_non_null(mkdtemp(world->dir));
	snprintf(path, sizeof(path), "%s/bpf", world->dir);
	assert_int_equal(mkdir(path, 0700), 0);
	assert_int_equal(mount("bpf", path, "bpf", 0, NULL), 0);
	snprintf(path, sizeof(path), "%s/bpf/terok", world->dir);
	setenv("TEROK_PINS", path, 1);
	snprintf(path, sizeof(path), "%s/run", world->dir);
	setenv("TEROK_RUN", path, 1);
	snprintf(path, sizeof(path), "%s/state", world->dir);
	setenv("TEROK_STATE", path, 1);

	snprintf(world->cgroup_path, sizeof(world->cgroup_path), "/terok-test-%d", getpid());
	world->cgroup_fd = cgroup_create(world->cgroup_path, NULL);
	assert_true(world->cgroup_fd >= 0);
	far_start(world);
	return world;
}

void test_world_free(struct test_world *world)
{
	char command[192];

	kill(world->far_pid, SIGKILL);
	waitpid(world->far_pid, NULL, 0);
	records_close(world->records);
	kernel_free(world->kernel);
	kernel_unload(NULL, NULL);
	close(world->cgroup_fd);
	assert_int_equal(cgroup_remove(world->cgroup_path, NULL, NULL), 0);
	snprintf(command, sizeof(command), "umount %s/bpf && rm -rf --one-file-system %s",
		 world->dir, world->dir);
	run(command);
	munmap((void *)world->far, sizeof(*world->far));
	test_free(world);
}

static void remember(const struct terok_record *record, void *user)
{
	struct test_world *world = user;

	world->last = *record;
	world->n_records++;
	world->reasons |= UINT64_C(1) << record->reason;
	assert_true(record->state < TEROK_STATE_MAX_);
	world->reasons_in[record->state] |= 1ULL << record->reason;
	world->hooks |= UINT64_C(1) << record->hook;
}

void test_load(struct test_world *world)
{
	struct problem why = {};

	if (kernel_load(&world->kernel, NULL, &why))
		fail_msg("load: %s", why.text);
	assert_int_equal(records_open(world->kernel, remember, world, &world->records), 0);
}

struct guard test_guard(struct test_world *world, enum terok_state state, uint32_t rate,
			uint32_t burst)
{
	struct guard_spec spec = { .cgroup_fd = world->cgroup_fd,
				   .netns_fd = -1,
				   .name = "test",
				   .state = state,
				   .rate = rate,
				   .burst = burst };
	struct problem why = {};
	struct guard guard;
	bool existing;

	if (guard_attach(world->kernel, &spec, &guard, &existing, &why))
		fail_msg("attach: %s", why.text);
	return guard;
}

int test_rule(struct test_world *world, uint32_t guard, enum terok_action action, const char *dest,
	      uint64_t until_ns)
{
	struct rule rule = { .guard = guard, .value = { .action = action, .until_ns = until_ns } };

	assert_int_equal(dest_parse(dest, &rule.dest, NULL), 0);
	return policy_add(world->kernel, &rule, NULL);
}

unsigned test_records(struct test_world *world)
{
	unsigned n = 0, more;

	while ((more = records_drain(world->records, 100000)))
		n += more;
	return n;
}

static int child_result(pid_t pid)
{
	int status;

	assert_true(pid > 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_not_equal(WEXITSTATUS(status), 255);
	return WEXITSTATUS(status);
}

int test_inside(struct test_world *world, int (*fn)(const void *arg), const void *arg)
{
	pid_t pid = fork();

	if (!pid)
		_exit(cgroup_join(world->cgroup_fd) ? 255 : fn(arg));
	return child_result(pid);
}

int test_outside(int (*fn)(const void *arg), const void *arg)
{
	pid_t pid = fork();

	if (!pid)
		_exit(fn(arg));
	return child_result(pid);
}

static socklen_t address(const struct test_dest *dest, struct sockaddr_storage *ret)
{
	struct sockaddr_in6 *sin6 = (void *)ret;
	struct sockaddr_in *sin = (void *)ret;

	memset(ret, 0, sizeof(*ret));
	if (inet_pton(AF_INET, dest->addr, &sin->sin_addr) == 1) {
		sin->sin_family = AF_INET;
		sin->sin_port = htons(dest->port);
		return sizeof(*sin);
	}
	if (inet_pton(AF_INET6, dest->addr, &sin6->sin6_addr) != 1)
		_exit(255);
	sin6->sin6_family = AF_INET6;
	sin6->sin6_port = htons(dest->port);
	return sizeof(*sin6);
}

static int make_socket(const struct test_dest *dest, struct sockaddr_storage *to, socklen_t *len)
{
	*len = address(dest, to);
	return socket(to->ss_family, dest->type ? dest->type : SOCK_STREAM, dest->proto);
}

int test_socket(const void *arg)
{
	struct sockaddr_storage to;
	socklen_t len;

	return make_socket(arg, &to, &len) < 0 ? errno : 0;
}

int test_connect(const void *arg)
{
	struct sockaddr_storage to;
	socklen_t len;
	int fd = make_socket(arg, &to, &len);

	return fd < 0 || connect(fd, (struct sockaddr *)&to, len) ? errno : 0;
}

int test_sendto(const void *arg)
{
	struct sockaddr_storage to;
	socklen_t len;
	int fd = make_socket(arg, &to, &len);

	return fd < 0 || sendto(fd, "x", 1, 0, (struct sockaddr *)&to, len) < 0 ? errno : 0;
}

int test_connect_send(const void *arg)
{
	struct sockaddr_storage to;
	socklen_t len;
	int fd = make_socket(arg, &to, &len);

	return fd < 0 || connect(fd, (struct sockaddr *)&to, len) || send(fd, "x", 1, 0) < 0 ? errno
											     : 0;
}

int test_tcp(struct test_world *world, const char *addr)
{
	struct test_dest dest = { .addr = addr, .port = TEST_PORT };

	return test_inside(world, test_connect, &dest);
}

int test_udp(struct test_world *world, const char *addr)
{
	struct test_dest dest = { .addr = addr, .port = TEST_PORT, .type = SOCK_DGRAM };

	return test_inside(world, test_sendto, &dest);
}

/* terok-bpfd --worker NAME, which are three strings in a row. */
static bool is_worker(long pid, const char *name)
{
	char path[64], command[256] = "";
	const char *last = command;
	size_t n = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%ld/cmdline", pid);
	f = fopen(path, "re");
	if (f) {
		n = fread(command, 1, sizeof(command) - 1, f);
		fclose(f);
	}
	for (const char *at = command; at < command + n; at += strlen(at) + 1)
		last = at;
	return !strcmp(last, name);
}

pid_t test_worker(pid_t agent, const char *name)
{
	char path[64];
	long pid, found = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/children", agent, agent);
	f = fopen(path, "re");
	while (f && !found && fscanf(f, "%ld", &pid) == 1)
		if (is_worker(pid, name))
			found = pid;
	if (f)
		fclose(f);
	return found;
}
