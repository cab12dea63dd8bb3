// SPDX-License-Identifier: Apache-2.0
#include "stage.h"

#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "cgroup.h"

#define ATTEMPT_SECONDS 5 /* an attempt that takes longer hangs */

struct report {
	bool over; /* else: before() is done */
	int error;
	char why[96];
};

static int report_fd = -1;

static void report(bool over, int error, const char *why)
{
	struct report say = { .over = over, .error = error };

	snprintf(say.why, sizeof(say.why), "%s", why);
	if (write(report_fd, &say, sizeof(say)) != sizeof(say))
		_exit(1);
}

/* Sockets live until the judge has looked: a membership is announced a moment later. */
void stage_end(int error, const char *why)
{
	char never;

	if (report_fd >= 0) {
		report(true, error, why);
		if (read(report_fd, &never, 1))
			_exit(1);
	}
	_exit(0);
}

int stage_cgroup(struct stage *stage, const char *name)
{
	char path[TEROK_PATH_LEN + 32];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", stage->world->cgroup_path, name);
	fd = cgroup_create(path, NULL);
	assert_true(fd >= 0);
	return fd;
}

struct guard stage_guard(struct stage *stage, int cgroup_fd)
{
	struct guard_spec spec = {
		.cgroup_fd = cgroup_fd, .netns_fd = -1, .name = "escape", .state = TEROK_STATE_UP
	};
	struct problem why = {};
	struct guard guard;
	bool existing;

	if (guard_attach(stage->world->kernel, &spec, &guard, &existing, &why))
		fail_msg("attach: %s", why.text);
	assert_int_equal(test_rule(stage->world, guard.id, TEROK_ALLOW, ALLOWED4, 0), 0);
	assert_int_equal(test_rule(stage->world, guard.id, TEROK_ALLOW, ALLOWED6, 0), 0);
	return guard;
}

/*
 * Neighbours that never need to be asked for, and a host that is as willing as any: it
 * forwards, takes source routes and segments, lets everybody ping.
 */
static void network_prepare(struct test_world *world)
{
	char command[1024];

	snprintf(command, sizeof(command),
		 "far='nsenter --net=/proc/%d/ns/net' && "
		 "ip -6 addr flush dev near0 scope link && "
		 "$far ip -6 addr flush dev far0 scope link && "
		 "ip addr add fe80::1/64 dev near0 nodad && "
		 "$far ip addr add fe80::2/64 dev far0 nodad && "
		 "m=$(ip -br link show near0 | awk '{print $3}') && "
		 "n=$($far ip -br link show far0 | awk '{print $3}') && "
		 "for a in " TEST_FAR " " TEST_FAR6 " fe80::2; do "
		 "ip neigh replace $a lladdr $n dev near0 nud permanent || exit 1; done && "
		 "for a in " TEST_NEAR " 2001:db8::1 fe80::1; do "
		 "$far ip neigh replace $a lladdr $m dev far0 nud permanent || exit 1; done && "
		 "cd /proc/sys/net && echo 0 2147483647 > ipv4/ping_group_range && "
		 "for i in all lo near0; do "
		 "for k in accept_source_route accept_local forwarding; do "
		 "echo 1 > ipv4/conf/$i/$k || exit 1; done; "
		 "for k in seg6_enabled forwarding; do echo 1 > ipv6/conf/$i/$k || exit 1; done; "
		 "echo 0 > ipv4/conf/$i/rp_filter; done",
		 world->far_pid);
	assert_int_equal(system(command), 0);
}

static void program_copy(struct stage *stage)
{
	char command[512];

	snprintf(stage->setuid, sizeof(stage->setuid), "%s/setuid", stage->world->dir);
	snprintf(command, sizeof(command), "chmod 0711 %s && cp /proc/%d/exe %s && chmod 4755 %s",
		 stage->world->dir, getpid(), stage->setuid, stage->setuid);
	assert_int_equal(system(command), 0);
}

void stage_open(struct stage *stage, struct test_world *world)
{
	*stage = (struct stage){ .world = world };
	network_prepare(world);
	program_copy(stage);
	assert_int_equal(capture_open(&stage->capture, world->far_pid), 0);
	stage->plain_fd = stage_cgroup(stage, "plain");
	stage->guarded_fd = stage_cgroup(stage, "guarded");
	stage->guard = stage_guard(stage, stage->guarded_fd);
}

void stage_close(struct stage *stage)
{
	capture_close(&stage->capture);
	close(stage->plain_fd);
	close(stage->guarded_fd);
}

static void parse(union address *ret, int family, const char *text)
{
	char plain[64];
	const char *scope = strchr(text, '%');

	snprintf(plain, sizeof(plain), "%.*s", (int)strcspn(text, "%"), text);
	memset(ret, 0, sizeof(*ret));
	ret->sa.sa_family = family;
	if (family == AF_INET) {
		ret->in.sin_port = htons(TEST_PORT);
		assert_int_equal(inet_pton(AF_INET, plain, &ret->in.sin_addr), 1);
		return;
	}
	ret->in6.sin6_port = htons(TEST_PORT);
	ret->in6.sin6_scope_id = scope ? if_nametoindex(scope + 1) : 0;
	assert_int_equal(inet_pton(AF_INET6, plain, &ret->in6.sin6_addr), 1);
}

void stage_target(struct target *ret, unsigned number, int family, const char *text)
{
	static char own_text[INET6_ADDRSTRLEN], mapped[INET6_ADDRSTRLEN + 8];
	char marker[MARKER_LEN + 16];

	if (family == AF_INET)
		snprintf(own_text, sizeof(own_text), "198.18.%u.%u", number >> 8, number & 255);
	else
		snprintf(own_text, sizeof(own_text), "2001:db8:e:%x::1", number);
	*ret = (struct target){ .family = family, .number = number, .talk = -1 };
	ret->text = text ? text : own_text;
	ret->len = family == AF_INET ? sizeof(ret->to.in) : sizeof(ret->to.in6);
	parse(&ret->to, family, ret->text);
	parse(&ret->allowed, family, family == AF_INET ? ALLOWED4 : ALLOWED6);
	/* 239.18.x.y, ff15:db8:...: the case's own number in a group's clothes */
	parse(&ret->group, family, own_text);
	if (family == AF_INET) {
		ret->group.in.sin_addr.s_addr = htonl(0xef120000 | number);
	} else {
		ret->group.in6.sin6_addr.s6_addr[0] = 0xff;
		ret->group.in6.sin6_addr.s6_addr[1] = 0x15;
	}
	parse(&ret->own, family, family == AF_INET ? TEST_NEAR : "2001:db8::1");
	if (family == AF_INET)
		ret->own.in.sin_port = htons(10000 + number);
	else
		ret->own.in6.sin6_port = htons(10000 + number);
	if (family == AF_INET) {
		snprintf(mapped, sizeof(mapped), "::ffff:%s", ret->text);
		parse(&ret->mapped, AF_INET6, mapped);
	}
	snprintf(marker, sizeof(marker), "escape-%08u--escape-%08u", number, number);
	memcpy(ret->marker, marker, MARKER_LEN);
}

static void capability_drop(int capability)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2];

	if (prctl(PR_CAPBSET_DROP, capability) || syscall(SYS_capget, &head, data))
		_exit(1);
	data[0].effective &= ~(1U << capability);
	data[0].permitted &= ~(1U << capability);
	data[0].inheritable &= ~(1U << capability);
	if (syscall(SYS_capset, &head, data))
		_exit(1);
}

static void cgroups_read_only(void)
{
	char root[CGROUP_ROOT_LEN];

	if (cgroup_root(root, NULL) || unshare(CLONE_NEWNS) ||
	    mount(NULL, root, NULL, MS_REMOUNT | MS_BIND | MS_RDONLY, NULL))
		_exit(1);
}

void stage_become(enum who who, enum needs needs)
{
	if (who == WHO_USER && (setgroups(0, NULL) || setresgid(NOBODY, NOBODY, NOBODY) ||
				setresuid(NOBODY, NOBODY, NOBODY) || prctl(PR_SET_DUMPABLE, 1)))
		_exit(1);
	if (who == WHO_BOUND && needs == NEEDS_NET_RAW)
		capability_drop(CAP_NET_RAW);
	if (who == WHO_BOUND && needs == NEEDS_NET_ADMIN)
		capability_drop(CAP_NET_ADMIN);
	if (who == WHO_BOUND && needs == NEEDS_CGROUPFS)
		cgroups_read_only();
}

static void attempt(const struct vector *vector, struct target *target, enum who who)
{
	char go;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	alarm(ATTEMPT_SECONDS);
	if (cgroup_join(target->cgroup_fd))
		_exit(1);
	stage_become(who, vector->needs);
	if (vector->before)
		vector->before(target);
	report(false, 0, "");
	if (read(report_fd, &go, 1) != 1)
		_exit(1);
	vector->attempt(target);
	stage_end(0, "");
}

static void helper(struct stage *stage, const struct vector *vector, struct target *target,
		   int talk)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	alarm(ATTEMPT_SECONDS);
	report_fd = -1; /* need() in a helper just ends it */
	if (vector->helper_is_far && setns(stage->capture.far_netns, CLONE_NEWNET))
		_exit(1);
	vector->helper(target, talk);
	_exit(0);
}

/* The processes of one attempt. */
struct cast {
	pid_t pid, helper;
	int talk; /* our end to the attempt */
};

static void cast_start(struct stage *stage, const struct vector *vector, struct target *target,
		       enum who who, struct cast *ret)
{
	int to[2], talk[2] = { -1, -1 };

	*ret = (struct cast){};
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, to), 0);
	if (vector->helper) {
		assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, talk), 0);
		ret->helper = fork();
		assert_true(ret->helper >= 0);
		if (!ret->helper) {
			close(talk[0]);
			close(to[0]);
			close(to[1]);
			helper(stage, vector, target, talk[1]);
		}
		close(talk[1]);
	}
	target->talk = talk[0];
	ret->pid = fork();
	assert_true(ret->pid >= 0);
	if (!ret->pid) {
		close(to[0]);
		report_fd = to[1];
		attempt(vector, target, who);
	}
	close(to[1]);
	if (vector->helper)
		close(talk[0]);
	ret->talk = to[0];
}

static struct report cast_hear(struct cast *cast)
{
	struct report say = { .over = true, .error = STAGE_DIED };

	if (read(cast->talk, &say, sizeof(say)) != sizeof(say))
		say = (struct report){ .over = true, .error = STAGE_DIED };
	return say;
}

static void cast_end(struct cast *cast, int cgroup_fd)
{
	close(cast->talk);
	assert_int_equal(waitpid(cast->pid, NULL, 0), cast->pid);
	if (cast->helper)
		assert_int_equal(waitpid(cast->helper, NULL, 0), cast->helper);
	if (cgroup_populated(cgroup_fd))
		assert_int_equal(cgroup_kill(cgroup_fd, NULL), 0);
}

static uint64_t refusals(struct stage *stage, const struct guard *guard)
{
	struct terok_counts counts;

	assert_int_equal(guard_counts(stage->world->kernel, guard, &counts), 0);
	return counts.refused;
}

/* A phased vector has a cgroup of its own, which is guarded between the phases. */
static int case_cgroup(struct stage *stage, const struct vector *vector, bool guarded)
{
	char name[32];

	if (!vector->before)
		return guarded ? stage->guarded_fd : stage->plain_fd;
	snprintf(name, sizeof(name), "case-%u", stage->n);
	return stage_cgroup(stage, name);
}

static void window(struct stage *stage, const struct vector *vector, const struct target *target,
		   bool joins, struct seen *ret)
{
	int r = capture_window(&stage->capture, target, joins, ret);

	if (r)
		fail_msg("%s: the capture: %s", vector->name, strerror(-r));
}

struct outcome stage_try(struct stage *stage, const struct vector *vector, int family, enum who who,
			 bool guarded)
{
	struct outcome outcome = {};
	struct seen alive;
	struct guard guard = stage->guard;
	struct target target;
	struct report said;
	struct cast cast;
	uint64_t before;

	stage->n++;
	stage_target(&target, stage->n, family, family == AF_INET ? vector->dest4 : vector->dest6);
	target.cgroup_fd = case_cgroup(stage, vector, guarded);
	target.outside_fd = stage->world->cgroup_fd;
	target.setuid = stage->setuid;
	cast_start(stage, vector, &target, who, &cast);
	said = cast_hear(&cast);
	if (guarded && vector->before)
		guard = stage_guard(stage, target.cgroup_fd);
	before = refusals(stage, &guard);
	window(stage, vector, &target, false, &alive); /* what was sent before is no escape */
	if (!said.over) {
		if (write(cast.talk, "g", 1) == 1)
			said = cast_hear(&cast);
	}
	window(stage, vector, &target, vector->joins, &alive);
	cast_end(&cast, target.cgroup_fd);
	window(stage, vector, &target, false, &outcome.seen);
	if (alive.frames) {
		memcpy(outcome.seen.first, alive.first, sizeof(alive.first));
		outcome.seen.frames += alive.frames;
		outcome.seen.reached += alive.reached;
		outcome.seen.marked += alive.marked;
	}
	outcome.refused = refusals(stage, &guard) - before;
	outcome.error = said.error;
	memcpy(outcome.why, said.why, sizeof(outcome.why));
	if (vector->before)
		close(target.cgroup_fd);
	return outcome;
}
