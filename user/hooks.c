// SPDX-License-Identifier: Apache-2.0
#include "hooks.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "origin.h"
#include "pins.h"
#include "terok/names.h"

#define PROGS_MAX 64 /* the kernel takes no more on one cgroup and hook */

/* Attach order: the backstop first, so that no socket call is ever the only lock. */
static const struct {
	enum terok_hook hook;
	enum bpf_attach_type type;
} attach_order[] = {
	{ TEROK_HOOK_EGRESS, BPF_CGROUP_INET_EGRESS },
	{ TEROK_HOOK_INGRESS, BPF_CGROUP_INET_INGRESS },
	{ TEROK_HOOK_CONNECT4, BPF_CGROUP_INET4_CONNECT },
	{ TEROK_HOOK_CONNECT6, BPF_CGROUP_INET6_CONNECT },
	{ TEROK_HOOK_SENDMSG4, BPF_CGROUP_UDP4_SENDMSG },
	{ TEROK_HOOK_SENDMSG6, BPF_CGROUP_UDP6_SENDMSG },
	{ TEROK_HOOK_SOCK_CREATE, BPF_CGROUP_INET_SOCK_CREATE },
	{ TEROK_HOOK_SETSOCKOPT, BPF_CGROUP_SETSOCKOPT },
	{ TEROK_HOOK_RECVMSG4, BPF_CGROUP_UDP4_RECVMSG },
	{ TEROK_HOOK_RECVMSG6, BPF_CGROUP_UDP6_RECVMSG },
	{ TEROK_HOOK_GETPEERNAME4, BPF_CGROUP_INET4_GETPEERNAME },
	{ TEROK_HOOK_GETPEERNAME6, BPF_CGROUP_INET6_GETPEERNAME },
};
#define N_HOOKS (sizeof(attach_order) / sizeof(attach_order[0]))
_Static_assert(N_HOOKS == TEROK_HOOK_MAX_ - 1, "every hook is attached");

int hooks_type(enum terok_hook hook)
{
	for (size_t i = 0; i < N_HOOKS; i++)
		if (attach_order[i].hook == hook)
			return attach_order[i].type;
	return -1;
}

const char *hooks_type_name(enum terok_hook hook)
{
	int type = hooks_type(hook);

	return type < 0 ? "" : libbpf_bpf_attach_type_str(type) ?: "";
}

/* What is attached to one hook of one cgroup, by whomever. */
struct attached {
	__u32 id[PROGS_MAX], n;
};

static int attached_get(int cgroup_fd, size_t i, struct attached *ret)
{
	ret->n = PROGS_MAX;
	return bpf_prog_query(cgroup_fd, attach_order[i].type, 0, NULL, ret->id, &ret->n) ? -errno
											  : 0;
}

static bool is_attached(const struct attached *attached, __u32 id)
{
	for (__u32 i = 0; i < attached->n; i++)
		if (attached->id[i] == id)
			return true;
	return false;
}

/* A program by id if it is ours: 1 with its descriptor and origin, 0 it is not, or gone. */
static int ours(__u32 id, uint64_t instance, int *ret, struct origin *origin)
{
	_cleanup_close_ int fd = bpf_prog_get_fd_by_id(id);
	int r;

	if (fd < 0)
		return errno == ENOENT ? 0 : -errno;
	r = origin_of(fd, origin);
	if (r)
		return r == -ENOENT ? 0 : r;
	if (origin->meta.instance != instance)
		return 0;
	*ret = TAKE_FD(fd);
	return 1;
}

static int put_problem(int err, size_t i, struct problem *why)
{
	const char *name = terok_hook_name(attach_order[i].hook);

	if (err == -EPERM)
		return problem(why, -EBUSY,
			       "another program keeps %s out of this cgroup (attached above or "
			       "here without BPF_F_ALLOW_MULTI); see bpftool cgroup tree",
			       name);
	return problem(why, err, "attach %s: %s", name, strerror(-err));
}

/* @old: the program whose place it takes, -1: its own */
static int put(const struct kernel *kernel, int cgroup_fd, size_t i, int old)
{
	LIBBPF_OPTS(bpf_prog_attach_opts, opts, .flags = BPF_F_ALLOW_MULTI);

	if (old >= 0) {
		opts.flags |= BPF_F_REPLACE;
		opts.replace_prog_fd = old;
	}
	return bpf_prog_attach_opts(kernel->prog[attach_order[i].hook], cgroup_fd,
				    attach_order[i].type, &opts)
		   ? -errno
		   : 0;
}

/* One hook: the first of ours that is older gives its place, the others go. */
static int hook_put(const struct kernel *kernel, int cgroup_fd, size_t i, bool add)
{
	__u32 mine = kernel->prog_id[attach_order[i].hook];
	uint64_t instance = pins_instance();
	struct attached attached;
	int r = attached_get(cgroup_fd, i, &attached);
	bool done = !r && is_attached(&attached, mine);

	for (__u32 n = 0; !r && n < attached.n; n++) {
		_cleanup_close_ int old = -1;
		struct origin origin;

		if (attached.id[n] == mine)
			continue;
		r = ours(attached.id[n], instance, &old, &origin);
		if (r <= 0)
			continue;
		r = done ? bpf_prog_detach2(old, cgroup_fd, attach_order[i].type)
			 : put(kernel, cgroup_fd, i, old);
		if (r == -ENOENT) /* a link of an older build holds it, or it went by itself */
			r = 0;
		else
			done = true;
	}
	if (r >= 0 && !done && add)
		r = put(kernel, cgroup_fd, i, -1);
	return r;
}

static int hooks_put(const struct kernel *kernel, int cgroup_fd, bool add, struct problem *why)
{
	int r = 0;

	for (size_t i = 0; !r && i < N_HOOKS; i++) {
		r = hook_put(kernel, cgroup_fd, i, add);
		if (r)
			r = put_problem(r, i, why);
	}
	return r;
}

int hooks_attach(const struct kernel *kernel, int cgroup_fd, struct problem *why)
{
	return hooks_put(kernel, cgroup_fd, true, why);
}

int hooks_renew(const struct kernel *kernel, int cgroup_fd, struct problem *why)
{
	return hooks_put(kernel, cgroup_fd, false, why);
}

/* One hook; how many of ours were on it. */
static int hook_remove(const struct kernel *kernel, int cgroup_fd, size_t i)
{
	uint64_t instance = pins_instance();
	struct attached attached;
	int r = attached_get(cgroup_fd, i, &attached), removed = 0;

	for (__u32 n = 0; r >= 0 && n < attached.n; n++) {
		enum terok_hook hook = attach_order[i].hook;
		_cleanup_close_ int fd = -1;
		struct origin origin;

		if (kernel && attached.id[n] == kernel->prog_id[hook])
			fd = fcntl(kernel->prog[hook], F_DUPFD_CLOEXEC, 3);
		else
			r = ours(attached.id[n], instance, &fd, &origin);
		if (r < 0 || fd < 0)
			continue;
		/* ENOENT: a link of an older build holds it, or it went by itself */
		if (bpf_prog_detach2(fd, cgroup_fd, attach_order[i].type) && errno != ENOENT)
			r = -errno;
		else
			removed++;
	}
	return r < 0 ? r : removed;
}

int hooks_detach(const struct kernel *kernel, int cgroup_fd, struct problem *why)
{
	int removed = 0;

	/* the backstop goes last: whoever dies on the way leaves a guard that lets nothing out */
	for (size_t i = N_HOOKS; i-- > 0;) {
		int r = hook_remove(kernel, cgroup_fd, i);

		if (r < 0)
			return problem(why, r, "detach %s: %s",
				       terok_hook_name(attach_order[i].hook), strerror(-r));
		removed += r;
	}
	return removed;
}

/* 1: on, 0: not */
static int hook_is_on(const struct kernel *kernel, int cgroup_fd, size_t i)
{
	uint64_t instance = pins_instance();
	struct attached attached;
	int r = attached_get(cgroup_fd, i, &attached);

	if (r) /* removed meanwhile */
		return r == -ENODEV || r == -ENOENT ? 0 : r;
	if (is_attached(&attached, kernel->prog_id[attach_order[i].hook]))
		return 1;
	for (__u32 n = 0; r >= 0 && n < attached.n; n++) {
		_cleanup_close_ int fd = -1;
		struct origin origin;

		r = ours(attached.id[n], instance, &fd, &origin);
		if (r > 0 && origin.meta_id == kernel->meta_id)
			return 1;
	}
	return r < 0 ? r : 0;
}

int hooks_count(const struct kernel *kernel, int cgroup_fd)
{
	int n = 0;

	for (size_t i = 0; i < N_HOOKS; i++) {
		int r = hook_is_on(kernel, cgroup_fd, i);

		if (r < 0)
			return r;
		n += r;
	}
	return n;
}
