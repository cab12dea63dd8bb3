// SPDX-License-Identifier: Apache-2.0
/* verb_attach.c - terok-bpfd attach, detach: a cgroup or container becomes a guard, and stops */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/cli.h"
#include "base/json.h"
#include "base/log.h"
#include "attach.h"
#include "cgroup.h"
#include "control.h"
#include "guard.h"
#include "netns.h"
#include "podman.h"
#include "policy.h"
#include "rule_text.h"
#include "verbs.h"
#include "terok/names.h"

/* A cgroup is a path; everything else is a container. */
static bool is_path(const char *text)
{
	return strchr(text, '/') != NULL;
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

static int attach_cgroup(const char *text, struct guard_spec *spec, struct guard *ret,
			 bool *existing, struct problem *why)
{
	_cleanup_close_ int fd = cgroup_open(text, why), netns_fd = -1;
	char path[TEROK_PATH_LEN];
	pid_t pid;
	int r;

	if (fd < 0)
		return fd;
	r = cgroup_path(fd, path);
	if (r)
		return problem(why, r, "%s: %s", text, strerror(-r));
	spec->cgroup_fd = fd;
	spec->kind = TEROK_KIND_CGROUP;
	if (!spec->name)
		spec->name = strrchr(path, '/') + 1;
	pid = cgroup_first_pid(fd);
	if (pid)
		netns_fd = netns_of_pid(pid, NULL);
	spec->netns_fd = netns_fd;
	return attach_guard(spec, ret, existing, why);
}

static void publish_podmans(const struct guard *guard, struct podman_container *container)
{
	struct problem why = {};

	if (podman_ask_ports(container, &why))
		log_warn(0,
			 "published ports stay closed, podman cannot be asked: %s; see "
			 "terok-bpfd publish",
			 why.text);
	attach_publish(guard, container->published, container->n_published);
}

static int attach_container(const char *text, struct guard_spec *spec, struct guard *ret,
			    bool *existing, struct problem *why)
{
	struct podman_container container;
	int r = podman_find(text, &container, why);

	if (r)
		return r;
	spec->cgroup_fd = container.cgroup_fd;
	spec->netns_fd = container.netns_fd;
	spec->kind = TEROK_KIND_CONTAINER;
	spec->uid = container.uid;
	spec->container = container.id;
	if (!spec->name)
		spec->name = container.name;
	r = attach_guard(spec, ret, existing, why);
	if (!r && !*existing)
		publish_podmans(ret, &container);
	podman_container_done(&container);
	return r;
}

/* Nothing was changed; what was asked for and is not so is said, not passed over. */
static int attached_already(const struct guard *guard, const char *name, const char *state,
			    enum terok_state wanted, struct problem *why)
{
	if (name && strcmp(name, guard->info.name))
		return problem(
		    why, -EEXIST,
		    "it is guarded already, as guard %u (%s); detach it first to give it "
		    "another name",
		    guard->id, guard->info.name);
	if (state && wanted != guard->state)
		return problem(why, -EEXIST,
			       "it is guarded already, as guard %u (%s) in state %s; terok-bpfd "
			       "up, down or block changes that",
			       guard->id, guard->info.name, terok_state_name(guard->state));
	return 0;
}

int verb_attach(int argc, char **argv)
{
	const char *state = NULL, *name = NULL;
	uint16_t ports[CLI_LIST_MAX];
	struct cli_list publishes = {}, profiles = {};
	bool json = false, existing = false;
	const struct cli_option options[] = {
		{ "name", "NAME", "what to call it (the container's or cgroup's)", CLI_STRING,
		  &name },
		{ "state", "STATE", "up (default), down, down_all or block", CLI_STRING, &state },
		{ "publish", "PORT", "a TCP port open to the outside; repeatable", CLI_LIST,
		  &publishes },
		{ "profile", "NAME", "allow what this profile names; repeatable", CLI_LIST,
		  &profiles },
		{ "json", NULL, "one JSON object", CLI_FLAG, &json },
		{},
	};
	struct guard_spec spec = { .cgroup_fd = -1, .netns_fd = -1 };
	_cleanup_profile_ struct profile profile = {};
	struct problem why = {};
	struct guard guard;
	int r = cli_parse(argc, argv, options, 1, 1);

	if (r < 0)
		return r;
	r = attach_state_parse(state ?: "up", &spec.state, &why);
	if (!r && name)
		r = guard_name_check(name, &why);
	for (unsigned i = 0; !r && i < publishes.n; i++)
		r = publish_port_parse(publishes.item[i], &ports[i], &why);
	if (r)
		return verb_fail(r, &why);
	/* before anything is guarded: a name that was mistyped cuts nobody off */
	for (unsigned i = 0; !r && i < profiles.n; i++)
		r = profile_load(profiles.item[i], &profile, &why);
	if (r)
		return verb_fail(r == -EINVAL ? -EIO : r, &why);
	spec.name = name;
	spec.state_kept = !state;
	r = is_path(argv[1]) ? attach_cgroup(argv[1], &spec, &guard, &existing, &why)
			     : attach_container(argv[1], &spec, &guard, &existing, &why);
	if (!r && existing)
		r = attached_already(&guard, name, state, spec.state, &why);
	if (!r)
		r = attach_profile(&guard, &profile, &why);
	if (r)
		return verb_fail(r == -EINVAL ? -EIO : r, &why);
	attach_publish(&guard, ports, publishes.n);
	print_guard(existing ? "already" : "attached", &guard, json);
	return 0;
}

int verb_detach(int argc, char **argv)
{
	_cleanup_(kernel_freep) struct kernel *kernel = NULL;
	bool json = false;
	const struct cli_option options[] = {
		{ "json", NULL, "one JSON object", CLI_FLAG, &json },
		{},
	};
	struct problem why = {};
	struct guard guard;
	int r = cli_parse(argc, argv, options, 1, 1);

	if (r < 0)
		return r;
	r = verb_open(argv[1], &kernel, &guard);
	if (r)
		return r;
	r = guard_detach(kernel, &guard, &why);
	if (!r)
		r = policy_unkeep(&guard.info, &why);
	if (r)
		return verb_fail(r, &why);
	control_notify(guard.id);
	print_guard("detached", &guard, json);
	return 0;
}
