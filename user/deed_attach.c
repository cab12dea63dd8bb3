// SPDX-License-Identifier: Apache-2.0
/* deed_attach.c - attach, detach: a cgroup or container becomes a guard, and stops to be one */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/log.h"
#include "attach.h"
#include "audit.h"
#include "caller.h"
#include "cgroup.h"
#include "claim.h"
#include "control.h"
#include "deed.h"
#include "enrol_word.h"
#include "guard.h"
#include "lists.h"
#include "lockout.h"
#include "netns.h"
#include "owned.h"
#include "podman.h"
#include "policy.h"
#include "roots.h"
#include "runtime.h"
#include "verbs.h"
#include "terok/names.h"

/* What is to be guarded, and all that its spec points at. */
struct subject {
	struct guard_spec spec;
	int cgroup_fd, netns_fd;
	char id[CONTAINER_ID_LEN], name[TEROK_PATH_LEN];
	struct publish published[PODMAN_PORTS_MAX]; /* that podman forwards to */
	unsigned n_published;
};

static void subject_done(struct subject *subject)
{
	closep(&subject->cgroup_fd);
	closep(&subject->netns_fd);
}

static void print_guard(const char *what, const struct guard *guard, bool json)
{
	_cleanup_json_ struct json out = {};
	char path[TEROK_PATH_LEN];

	if (!json) {
		printf("%s guard %u (%s) on %s, state %s\n", what, guard->id, guard->info.name,
		       log_safe(path, sizeof(path), guard->info.path),
		       terok_state_name(guard->state));
		return;
	}
	json_open_object(&out, NULL);
	json_add_string(&out, "result", what);
	json_add_uint(&out, "guard", guard->id);
	json_add_string(&out, "name", guard->info.name);
	json_add_string(&out, "container", guard->info.container);
	json_add_string(&out, "cgroup", guard->info.path);
	json_add_string(&out, "state", terok_state_name(guard->state));
	json_close_object(&out);
	puts(json_done(&out) ?: "{}");
}

/* --- what it is --------------------------------------------------------------------------- */

/* Where somebody in it is, if that can be told of one who stays. */
static int netns_within(int cgroup_fd, const char *path)
{
	pid_t pid = cgroup_first_pid(cgroup_fd);
	_cleanup_close_ int fd = pid ? netns_of_pid(pid, NULL) : -1;

	return fd >= 0 && cgroup_holds(path, pid) ? TAKE_FD(fd) : -1;
}

/* --force is for who asks: no user cuts off the agent, or process 1. */
static int subject_cgroup(const struct control_deed *deed, struct subject *ret, struct problem *why)
{
	pid_t you = deed->force ? 0 : caller_pid();
	bool roots = caller_scope() == CALLER_ALL;
	char path[TEROK_PATH_LEN];
	int r;

	ret->cgroup_fd = cgroup_open(deed->guard, why);
	if (ret->cgroup_fd < 0)
		return ret->cgroup_fd;
	r = cgroup_path(ret->cgroup_fd, path);
	if (r)
		return problem(why, r, "%s: %s", deed->guard, strerror(-r));
	r = roots ? 0 : owned_check(ret->cgroup_fd, path, caller_scope(), why);
	if (!r && !(roots && deed->force))
		r = lockout_check(path, you, why);
	if (r)
		return r;
	strcpy(ret->name, strrchr(path, '/') + 1);
	ret->netns_fd = netns_within(ret->cgroup_fd, path);
	ret->spec.kind = TEROK_KIND_CGROUP;
	ret->spec.uid = caller_scope();
	return 0;
}

/* What any runtime's container has. */
static void subject_container(struct subject *ret, const char *id, const char *name, uint32_t uid)
{
	ret->spec.kind = TEROK_KIND_CONTAINER;
	ret->spec.uid = uid;
	ret->spec.container = strcpy(ret->id, id);
	strcpy(ret->name, name);
}

/* Docker's, nerdctl's and others': whose ports are published by whom is not asked. */
static int subject_other(const char *text, struct subject *ret, struct problem *why)
{
	struct runtime_container container;
	struct problem other = {};
	int r = runtime_find(text, &container, &other);

	if (r == -ENOENT)
		return problem(why, r,
			       "no running container '%.72s' (root's podman, every user's "
			       "monitors, docker's and nerdctl's names and all cgroups were "
			       "looked at)",
			       text);
	if (r)
		return problem(why, r, "%s", other.text);
	ret->cgroup_fd = TAKE_FD(container.cgroup_fd);
	ret->netns_fd = TAKE_FD(container.netns_fd);
	subject_container(ret, container.id, container.name, container.uid);
	return 0;
}

static int subject_podman(const char *text, struct subject *ret, struct problem *why)
{
	struct podman_container container;
	struct problem silent = {};
	int r = podman_find(text, &container, why);

	if (r == -ENOENT)
		return subject_other(text, ret, why);
	if (r)
		return r;
	if (podman_ask_ports(&container, &silent))
		log_warn(0,
			 "published ports stay closed, podman cannot be asked: %s; see "
			 "terok-bpfd publish",
			 silent.text);
	memcpy(ret->published, container.published, sizeof(ret->published));
	ret->n_published = container.n_published;
	ret->cgroup_fd = TAKE_FD(container.cgroup_fd);
	ret->netns_fd = TAKE_FD(container.netns_fd);
	subject_container(ret, container.id, container.name, container.uid);
	return 0;
}

/* A user's: which it is their own process has found (verb_attach.c), and the kernel says if so. */
static int subject_claimed(const struct control_deed *deed, struct subject *ret,
			   struct problem *why)
{
	const struct control_attach *want = &deed->want;
	struct claim claim;
	int r = container_is_name(deed->guard)
		    ? claim_open(want->pid, want->id, deed->guard, &claim, why)
		    : problem(why, -EBADMSG, "that is no container's name");

	if (r)
		return r;
	r = claim_check(&claim, caller_scope(), why);
	if (!r && claim_is_within(&claim, caller_pid()))
		r = problem(why, -EDEADLK, "you live in its cgroup %s and would be cut off as well",
			    claim.cgroup);
	if (!r) {
		ret->cgroup_fd = TAKE_FD(claim.cgroup_fd);
		ret->netns_fd = TAKE_FD(claim.netns_fd);
		subject_container(ret, want->id, deed->guard, caller_scope());
	}
	claim_done(&claim);
	return r;
}

static int subject_find(const struct control_deed *deed, struct subject *ret, struct problem *why)
{
	int r;

	if (strchr(deed->guard, '/'))
		r = subject_cgroup(deed, ret, why);
	else if (caller_scope() != CALLER_ALL)
		r = subject_claimed(deed, ret, why);
	else
		r = subject_podman(deed->guard, ret, why);
	ret->spec.cgroup_fd = ret->cgroup_fd;
	ret->spec.netns_fd = ret->netns_fd;
	return r;
}

/* --- done ---------------------------------------------------------------------------------- */

/* Nothing was changed; what was asked for and is not so is said, not passed over. */
static int attached_already(const struct guard *guard, const struct control_attach *want,
			    struct problem *why)
{
	if (*want->name && strcmp(want->name, guard->info.name))
		return problem(
		    why, -EEXIST,
		    "it is guarded already, as guard %u (%s); detach it first to give it "
		    "another name",
		    guard->id, guard->info.name);
	if (want->state && want->state != guard->state)
		return problem(why, -EEXIST,
			       "it is guarded already, as guard %u (%s) in state %s; terok-bpfd "
			       "up, down or block changes that",
			       guard->id, guard->info.name, terok_state_name(guard->state));
	return 0;
}

static int user_check(const struct control_attach *want, struct problem *why)
{
	_cleanup_(kernel_freep) struct kernel *kernel = NULL;
	int r = enrol_want_check(want, caller_scope(), why);

	if (!r && *want->name)
		r = guard_name_check(want->name, why);
	return r ? r : owned_room(&kernel, caller_scope(), why);
}

int deed_attach(const struct control_deed *deed)
{
	_cleanup_(subject_done) struct subject subject = { .cgroup_fd = -1, .netns_fd = -1 };
	const struct control_attach *want = &deed->want;
	static struct attach_plan plan;
	struct problem why = {};
	bool existing = false;
	struct guard guard;
	int r = caller_scope() == CALLER_ALL ? 0 : user_check(want, &why);

	if (!r)
		r = subject_find(deed, &subject, &why);
	if (!r) {
		attach_plan_of(want, &plan);
		plan.found = subject.published;
		plan.n_found = subject.n_published;
		subject.spec.name = *want->name ? want->name : subject.name;
		subject.spec.state = want->state ?: TEROK_STATE_UP;
		subject.spec.state_kept = !want->state;
		subject.spec.by_root = caller_scope() == CALLER_ALL;
		r = attach_guard(&subject.spec, &plan, &guard, &existing, &why);
	}
	if (!r && existing)
		r = attached_already(&guard, want, &why);
	if (r)
		return verb_fail(r == -EINVAL ? -EIO : r, &why);
	print_guard(existing ? "already" : "attached", &guard, deed->json);
	return 0;
}

int deed_detach(const struct control_deed *deed)
{
	_cleanup_(kernel_freep) struct kernel *kernel = NULL;
	struct problem why = {};
	struct guard guard;
	int r = verb_open(deed->guard, &kernel, &guard);

	if (r)
		return r;
	r = caller_scope() == CALLER_ALL ? 0 : roots_any(kernel, &guard, &why);
	if (!r)
		r = guard_detach(kernel, &guard, &why);
	if (r)
		return verb_fail(r, &why);
	audit_deed(&guard.info, &(struct audit_deed){ .action = "detached", .uid = caller_uid() });
	lists_write(&guard.info);
	control_notify(guard.id);
	/* a disk that is full or broken must not keep anybody guarded */
	r = policy_unkeep(&guard.info, &why);
	if (r)
		return log_error(0,
				 "guard %u is detached, but what was kept of it would come back "
				 "with it: %s",
				 guard.id, why.text),
		       r;
	print_guard("detached", &guard, deed->json);
	return 0;
}
