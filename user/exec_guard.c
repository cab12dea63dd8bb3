// SPDX-License-Identifier: Apache-2.0
#include "exec_guard.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"
#include "caller.h"
#include "control.h"
#include "domains.h"
#include "exec_agent.h"
#include "policy.h"
#include "reached.h"

#define PARENT     "/terok" /* below the cgroup2 root, shared by all execs */
#define OPEN_TRIES 100      /* against a transient agent that ends while we arrive ... */
#define TELL_TRIES 100
#define TELL_MS    20 /* ... which takes a moment, and on a busy machine a second */
#define NAME_TRIES 16 /* cgroups of killed execs that had our pid */

/* Inside another exec's guard our cgroup goes below its, so that both guards hold. */
static void choose_parent(struct exec_guard *own)
{
	char ours[TEROK_PATH_LEN];
	bool nested = !cgroup_of_pid(getpid(), ours, NULL) &&
		      !strncmp(ours, PARENT "/exec-", strlen(PARENT "/exec-"));

	strcpy(own->parent, nested ? ours : PARENT);
}

static int make_cgroup(struct exec_guard *own, struct problem *why)
{
	choose_parent(own);
	for (int i = 0; i < NAME_TRIES; i++) {
		int n = snprintf(own->path, sizeof(own->path), "%s/exec-%d", own->parent, getpid()),
		    fd;

		if (i && n < (int)sizeof(own->path))
			n += snprintf(own->path + n, sizeof(own->path) - n, "-%d", i);
		if (n >= (int)sizeof(own->path))
			return problem(why, -ENAMETOOLONG, "exec within exec is nested too deep");
		fd = cgroup_open(own->path, why);
		if (fd >= 0) { /* what an exec with our pid left, and is still guarded */
			close(fd);
			continue;
		}
		if (fd != -ENOENT)
			return fd;
		own->cgroup_fd = cgroup_create(own->path, why);
		return own->cgroup_fd < 0 ? own->cgroup_fd : 0;
	}
	return problem(why, -EEXIST, "%s is full of what killed execs left", own->parent);
}

/* Signals that exec takes are blocked in it, so that Ctrl-C does not end it before exec. */
static int start_keeper(struct exec_guard *own, struct problem *why)
{
	int end[2], said[2];
	char byte;

	if (pipe2(end, O_CLOEXEC))
		return -errno;
	own->keeper_fd = end[1];
	if (pipe2(said, O_CLOEXEC)) {
		close(end[0]);
		return -EMFILE;
	}
	own->keeper = fork();
	if (own->keeper == 0) {
		prctl(PR_SET_NAME, "terok-keeper");
		if (cgroup_join(own->cgroup_fd) || write(said[1], "1", 1) != 1)
			_exit(1);
		/* hold nothing of the person's: the reader of a pipe waits for its last holder */
		dup2(end[0], 3);
		close_range(4, ~0U, 0);
		for (int fd = 0; fd < 3; fd++)
			close(fd);
		while (read(3, &byte, 1) < 0 && errno == EINTR)
			;
		_exit(0);
	}
	close(end[0]);
	close(said[1]);
	if (own->keeper < 0 || read(said[0], &byte, 1) != 1) {
		close(said[0]);
		return problem(why, -EIO, "no process can enter cgroup %s", own->path);
	}
	close(said[0]);
	return 0;
}

static void stop_keeper(struct exec_guard *own)
{
	closep(&own->keeper_fd);
	if (own->keeper > 0)
		waitpid(own->keeper, NULL, 0);
	own->keeper = 0;
}

static int add_rules(struct exec_guard *own, const struct exec_options *options, uid_t uid,
		     struct problem *why)
{
	for (size_t i = 0; i < options->n_rules; i++) {
		struct rule rule = {
			.guard = own->guard.id,
			.dest = options->rule[i].dest,
			.value = {
				.uid = uid,
				.action = options->rule[i].allow ? TEROK_ALLOW : TEROK_DENY,
				.author = TEROK_AUTHOR_OPERATOR,
			},
		};
		int r = *options->rule[i].domain ? 0 : policy_add(own->kernel, &rule, why);

		if (r)
			return r;
	}
	return 0;
}

int exec_guard_names(struct exec_guard *own, const struct exec_options *options,
		     struct problem *why)
{
	bool any = false;
	int r = 0;

	for (size_t i = 0; !r && i < options->n_rules; i++) {
		struct domain_rule name = {
			.dest = options->rule[i].dest,
			.value = {
				.uid = own->guard.info.uid,
				.action = options->rule[i].allow ? TEROK_ALLOW : TEROK_DENY,
				.author = TEROK_AUTHOR_OPERATOR,
			},
		};

		if (!*options->rule[i].domain)
			continue;
		memcpy(name.domain, options->rule[i].domain, sizeof(name.domain));
		r = domains_put_session(own->kernel, own->guard.id, &name, why);
		any = true;
	}
	return r || !any ? r : exec_guard_tell(own, why);
}

/*
 * A transient agent that has just lost its last guard unloads everything: if that falls
 * between our opening and our attaching, begin again, with an agent that stays. Until it
 * has gone it is still one that is there.
 */
static int attach(struct exec_guard *own, const struct guard_spec *spec, struct problem *why)
{
	int r = -ESTALE;

	for (int i = 0; (r == -ESTALE || r == -ENOENT) && i < OPEN_TRIES; i++) {
		bool existing;

		kernel_freep(&own->kernel);
		if (i)
			poll(NULL, 0, TELL_MS);
		r = i ? agent_ensure(why) : 0;
		if (!r)
			r = kernel_open(&own->kernel, why);
		if (r == -EUCLEAN) /* the pins were lost, and the agent lives on */
			r = kernel_load(&own->kernel, NULL, why);
		if (!r)
			r = guard_attach(own->kernel, spec, &own->guard, &existing, why);
	}
	return r;
}

int exec_guard_make(struct exec_guard *own, const struct exec_options *options, const char *name,
		    struct problem *why)
{
	struct guard_spec spec = {
		.netns_fd = -1,
		.kind = TEROK_KIND_EXEC,
		.uid = caller_uid(),
		.name = name,
		.state = options->state,
	};
	int r = make_cgroup(own, why);

	if (!r)
		r = start_keeper(own, why);
	if (r)
		return r;
	spec.cgroup_fd = own->cgroup_fd;
	r = attach(own, &spec, why);
	if (r)
		return r;
	own->guarded = true;
	r = options->notes ? reached_begin(own->kernel, own->guard.id, why) : 0;
	return r ? r : add_rules(own, options, spec.uid, why);
}

/* A transient agent may end in the moment between our finding it and its seeing us. */
int exec_guard_tell(struct exec_guard *own, struct problem *why)
{
	int r = -EAGAIN;

	for (int i = 0; r && i < TELL_TRIES; i++) {
		r = agent_ensure(why);
		if (r)
			return r;
		r = control_notify(own->guard.id);
		if (r == -ENOENT)
			poll(NULL, 0, TELL_MS);
		else if (r)
			break;
	}
	if (r)
		log_warn(r, "exec: the agent does not answer; the command is guarded all the same");
	return 0;
}

void exec_guard_kill(struct exec_guard *own, unsigned *killed)
{
	int r;

	stop_keeper(own);
	r = own->cgroup_fd < 0 ? 0 : cgroup_kill(own->cgroup_fd, killed);
	if (!r || r == -ENODEV || r == -ENOENT)
		return;
	log_error(r, "exec: processes in %s do not die; they stay guarded", own->path);
	own->guarded = false;
	closep(&own->cgroup_fd);
}

bool exec_guard_clear(struct exec_guard *own, struct terok_counts *ret)
{
	bool counted = false, detached = false;
	struct problem why = { 0 };
	int r;

	if (own->guarded) {
		counted = !guard_counts(own->kernel, &own->guard, ret);
		r = guard_retire(own->kernel, &own->guard, &why);
		detached = !r;
		if (r)
			log_error(r, "exec: cannot detach guard %u: %s", own->guard.id, why.text);
	}
	if (own->cgroup_fd >= 0) {
		if (cgroup_remove(own->path, NULL, &why))
			log_error(0, "exec: %s", why.text);
		if (!strcmp(own->parent, PARENT))
			cgroup_rmdir(PARENT); /* another exec may live in it: fails, fine */
	}
	if (detached)
		control_notify(own->guard.id); /* a transient agent ends with its last guard */
	closep(&own->cgroup_fd);
	kernel_free(own->kernel);
	own->kernel = NULL;
	own->guarded = false;
	return counted;
}
