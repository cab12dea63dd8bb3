// SPDX-License-Identifier: Apache-2.0
/* verb_attach.c - terok-bpfd attach, detach: a cgroup or container becomes a guard, and stops */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/cli.h"
#include "base/json.h"
#include "base/log.h"
#include "attach.h"
#include "audit.h"
#include "caller.h"
#include "cgroup.h"
#include "control.h"
#include "deed.h"
#include "guard.h"
#include "journal.h"
#include "lists.h"
#include "lockout.h"
#include "netns.h"
#include "podman.h"
#include "policy.h"
#include "roots.h"
#include "runtime.h"
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

static int attach_cgroup(const char *text, bool force, struct guard_spec *spec,
			 struct attach_plan *plan, struct guard *ret, bool *existing,
			 struct problem *why)
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
	r = force ? 0 : lockout_check(path, why);
	if (r)
		return r;
	spec->cgroup_fd = fd;
	spec->kind = TEROK_KIND_CGROUP;
	if (!spec->name)
		spec->name = strrchr(path, '/') + 1;
	pid = cgroup_first_pid(fd);
	if (pid)
		netns_fd = netns_of_pid(pid, NULL);
	spec->netns_fd = netns_fd;
	return attach_guard(spec, plan, ret, existing, why);
}

/* What any runtime's container has; all of it stays the caller's. */
static void spec_container(struct guard_spec *spec, int cgroup_fd, int netns_fd, const char *id,
			   const char *name)
{
	spec->cgroup_fd = cgroup_fd;
	spec->netns_fd = netns_fd;
	spec->kind = TEROK_KIND_CONTAINER;
	spec->container = id;
	if (!spec->name)
		spec->name = name;
}

/* Docker's, nerdctl's and others': whose ports are published by whom is not asked. */
static int attach_other(const char *text, struct guard_spec *spec, struct attach_plan *plan,
			struct guard *ret, bool *existing, struct problem *why)
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
	spec->uid = container.uid;
	spec_container(spec, container.cgroup_fd, container.netns_fd, container.id, container.name);
	r = attach_guard(spec, plan, ret, existing, why);
	runtime_container_done(&container);
	return r;
}

static int attach_container(const char *text, struct guard_spec *spec, struct attach_plan *plan,
			    struct guard *ret, bool *existing, struct problem *why)
{
	struct podman_container container;
	struct problem silent = {};
	int r = podman_find(text, &container, why);

	if (r == -ENOENT)
		return attach_other(text, spec, plan, ret, existing, why);
	if (r)
		return r;
	if (podman_ask_ports(&container, &silent))
		log_warn(0,
			 "published ports stay closed, podman cannot be asked: %s; see "
			 "terok-bpfd publish",
			 silent.text);
	plan->found = container.published;
	plan->n_found = container.n_published;
	spec->uid = container.uid;
	spec_container(spec, container.cgroup_fd, container.netns_fd, container.id, container.name);
	r = attach_guard(spec, plan, ret, existing, why);
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

struct attach_options {
	const char *state, *name, *mode, *cgroup;
	struct cli_list publishes, profiles, resolvers, gateways, host_ports;
	char names[JOURNAL_PROFILES_LEN]; /* the profiles, with a colon between */
	bool force, json;
};

static int profiles_join(struct attach_options *o, struct attach_plan *plan, struct problem *why)
{
	size_t n = 0;

	for (unsigned i = 0; i < o->profiles.n; i++) {
		const char *name = o->profiles.item[i];

		if (strchr(name, ':') || n + strlen(name) + 2 > sizeof(o->names))
			return problem(why, -EINVAL,
				       "'%.80s': a profile's name or path has no colon, and all "
				       "together %zu characters",
				       name, sizeof(o->names) - 1);
		n += sprintf(o->names + n, "%s%s", i ? ":" : "", name);
	}
	if (o->profiles.n)
		plan->profiles = o->names;
	return 0;
}

static int host_ports_parse(const struct attach_options *o, struct attach_plan *plan,
			    struct problem *why)
{
	int r = 0;

	if (o->gateways.n && !o->host_ports.n)
		return problem(why, -EINVAL, "--gateway says where --host-port is: name a port");
	for (unsigned i = 0; !r && i < o->host_ports.n; i++) {
		const char *port = o->host_ports.item[i];

		r = attach_plan_host_port(plan, ATTACH_PASTA_MAP, port, why);
		for (unsigned k = 0; !r && k < o->gateways.n; k++)
			r = attach_plan_host_port(plan, o->gateways.item[k], port, why);
	}
	return r;
}

static int options_parse(struct attach_options *o, struct guard_spec *spec,
			 struct attach_plan *plan, struct problem *why)
{
	int r = attach_state_parse(o->state ?: "up", &spec->state, why);

	if (!r && o->name)
		r = guard_name_check(o->name, why);
	for (unsigned i = 0; !r && i < o->publishes.n; i++)
		r = attach_plan_port(plan, o->publishes.item[i], why);
	for (unsigned i = 0; !r && i < o->resolvers.n; i++)
		r = attach_plan_resolver(plan, o->resolvers.item[i], why);
	if (!r)
		r = host_ports_parse(o, plan, why);
	plan->names = o->mode;
	if (!r && o->mode)
		r = attach_names_parse(o->mode, &(uint16_t){ 0 }, why);
	spec->name = o->name;
	spec->state_kept = !o->state;
	return r ? r : profiles_join(o, plan, why);
}

int verb_attach(int argc, char **argv)
{
	struct attach_options o = {};
	const struct cli_option options[] = {
		{ "name", "NAME", "what to call it (the container's or cgroup's)", CLI_STRING,
		  &o.name },
		{ "state", "STATE", "up (default), down, down_all or block", CLI_STRING, &o.state },
		{ "publish", "PORT", "a port open to the outside; repeatable", CLI_LIST,
		  &o.publishes },
		{ "profile", "NAME", "allow what it names; repeatable; none: nothing", CLI_LIST,
		  &o.profiles },
		{ "names", "MODE", "learn (default), synthetic or off", CLI_STRING, &o.mode },
		{ "resolver", "ADDR", "it may ask this DNS server; repeatable", CLI_LIST,
		  &o.resolvers },
		{ "host-port", "PORT", "a TCP port of the host's; repeatable", CLI_LIST,
		  &o.host_ports },
		{ "gateway", "ADDR", "where the host is for it; repeatable", CLI_LIST,
		  &o.gateways },
		{ "cgroup", "PATH", "guard this cgroup, in place of CGROUP|CONTAINER", CLI_STRING,
		  &o.cgroup },
		{ "force", NULL, "also a cgroup that you, the agent or process 1 live in", CLI_FLAG,
		  &o.force },
		{ "json", NULL, "one JSON object", CLI_FLAG, &o.json },
		{},
	};
	struct guard_spec spec = { .cgroup_fd = -1, .netns_fd = -1 };
	struct attach_plan plan = {};
	struct problem why = {};
	bool existing = false;
	struct guard guard;
	const char *what;
	int r = cli_parse(argc, argv, options, 0, 1);

	if (r < 0)
		return r;
	if (!r == !o.cgroup) /* as with any other word that is missing or too many */
		return log_error(0, "attach: %s; see terok-bpfd attach --help",
				 r ? "a cgroup and a container, or one twice"
				   : "name a cgroup or a container"),
		       -EINVAL;
	what = o.cgroup ?: argv[1];
	r = options_parse(&o, &spec, &plan, &why);
	if (r)
		return verb_fail(r, &why);
	r = o.cgroup || is_path(what)
		? attach_cgroup(what, o.force, &spec, &plan, &guard, &existing, &why)
		: attach_container(what, &spec, &plan, &guard, &existing, &why);
	if (!r && existing)
		r = attached_already(&guard, o.name, o.state, spec.state, &why);
	if (r)
		return verb_fail(r == -EINVAL ? -EIO : r, &why);
	print_guard(existing ? "already" : "attached", &guard, o.json);
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

int verb_detach(int argc, char **argv)
{
	return deed_show(DEED_DETACH, argc, argv);
}
