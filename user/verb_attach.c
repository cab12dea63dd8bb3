// SPDX-License-Identifier: Apache-2.0
/* verb_attach.c - terok-bpfd attach, detach: what was typed, for deed_attach.c */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cli.h"
#include "base/log.h"
#include "attach.h"
#include "cgroup.h"
#include "deed.h"
#include "guard.h"
#include "podman.h"
#include "runtime.h"
#include "verbs.h"

struct attach_options {
	const char *state, *name, *mode, *cgroup;
	struct cli_list publishes, profiles, resolvers, gateways, host_ports;
	bool force, json;
};

/* The profiles, with a colon between. */
static int profiles_join(const struct attach_options *o, struct control_attach *want,
			 struct problem *why)
{
	size_t n = 0;

	for (unsigned i = 0; i < o->profiles.n; i++) {
		const char *name = o->profiles.item[i];

		if (strchr(name, ':') || n + strlen(name) + 2 > sizeof(want->profiles))
			return problem(why, -EINVAL,
				       "'%.80s': a profile's name or path has no colon, and all "
				       "together %zu characters",
				       name, sizeof(want->profiles) - 1);
		n += sprintf(want->profiles + n, "%s%s", i ? ":" : "", name);
	}
	want->profiles_said = o->profiles.n > 0;
	return 0;
}

static int host_ports_parse(const struct attach_options *o, struct control_attach *want,
			    struct problem *why)
{
	int r = 0;

	if (o->gateways.n && !o->host_ports.n)
		return problem(why, -EINVAL, "--gateway says where --host-port is: name a port");
	for (unsigned i = 0; !r && i < o->host_ports.n; i++) {
		const char *port = o->host_ports.item[i];

		r = attach_want_host_port(want, ATTACH_PASTA_MAP, port, why);
		for (unsigned k = 0; !r && k < o->gateways.n; k++)
			r = attach_want_host_port(want, o->gateways.item[k], port, why);
	}
	return r;
}

static int options_parse(const struct attach_options *o, struct control_attach *want,
			 struct problem *why)
{
	enum terok_state state = TEROK_STATE_NONE;
	int r = o->state ? attach_state_parse(o->state, &state, why) : 0;

	want->state = state;
	if (!r && o->name)
		r = guard_name_check(o->name, why);
	if (!r && o->name)
		strcpy(want->name, o->name);
	for (unsigned i = 0; !r && i < o->publishes.n; i++)
		r = attach_want_port(want, o->publishes.item[i], why);
	for (unsigned i = 0; !r && i < o->resolvers.n; i++)
		r = attach_want_resolver(want, o->resolvers.item[i], why);
	if (!r)
		r = host_ports_parse(o, want, why);
	if (!r && o->mode)
		r = attach_names_parse(o->mode, &want->names, why);
	return r ? r : profiles_join(o, want, why);
}

/* A user's container is found by the user's own process; the agent asks the kernel about it. */
static int container_hint(struct control_deed *deed, struct problem *why)
{
	struct runtime_container other;
	struct podman_container found;
	struct problem silent = {};
	int r = podman_hint(deed->guard, &found, why);

	if (r != -ENOENT) {
		if (r)
			return r;
		strcpy(deed->guard, found.name);
		strcpy(deed->want.id, found.id);
		deed->want.pid = found.pid;
		return 0;
	}
	if (runtime_find(deed->guard, &other, &silent))
		return r;
	strcpy(deed->guard, other.name);
	strcpy(deed->want.id, other.id);
	deed->want.pid = cgroup_first_pid(other.cgroup_fd);
	runtime_container_done(&other);
	return 0;
}

/* A cgroup is a path, with a slash in it whoever typed it; everything else is a container. */
static int subject_parse(const struct attach_options *o, const char *typed,
			 struct control_deed *deed, struct problem *why)
{
	char path[TEROK_PATH_LEN + 2];
	const char *text = typed ?: o->cgroup;
	int r;

	if (o->cgroup && !strchr(o->cgroup, '/')) {
		snprintf(path, sizeof(path), "/%s", o->cgroup);
		text = path;
	}
	r = deed_init(deed, DEED_ATTACH, text, why);
	deed->json = o->json;
	deed->force = o->force;
	return r;
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
	struct control_deed deed;
	struct problem why = {};
	int r = cli_parse(argc, argv, options, 0, 1);

	if (r < 0)
		return r;
	if (!r == !o.cgroup) /* as with any other word that is missing or too many */
		return log_error(0, "attach: %s; see terok-bpfd attach --help",
				 r ? "a cgroup and a container, or one twice"
				   : "name a cgroup or a container"),
		       -EINVAL;
	r = subject_parse(&o, r ? argv[1] : NULL, &deed, &why);
	if (!r)
		r = options_parse(&o, &deed.want, &why);
	if (r)
		return verb_fail(r, &why);
	if (geteuid() && !strchr(deed.guard, '/'))
		r = container_hint(&deed, &why);
	return r ? verb_fail(r == -EINVAL ? -EIO : r, &why) : deed_do(&deed);
}

int verb_detach(int argc, char **argv)
{
	return deed_show(DEED_DETACH, argc, argv);
}
