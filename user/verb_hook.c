// SPDX-License-Identifier: Apache-2.0
/*
 * verb_hook.c - terok-bpfd hook: what podman calls before a container's first instruction
 *
 * An OCI hook: the state of the container comes as JSON on stdin, and any failure at
 * createRuntime keeps the container from being started. What is believed is the kernel: the
 * process is in a cgroup whose path carries the container's id. Only root's containers can be
 * guarded this way: a user's hook runs as that user.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cli.h"
#include "base/json.h"
#include "base/log.h"
#include "attach.h"
#include "podman.h"
#include "verbs.h"
#include "terok/names.h"

#define STATE_MAX (1 << 20) /* annotations of one container, generously */

static int state_read(struct json_object **ret, struct problem *why)
{
	_cleanup_free_ char *text = malloc(STATE_MAX);
	size_t n = 0;
	ssize_t got = 1;

	if (!text)
		return -ENOMEM;
	while (got > 0 && n < STATE_MAX) {
		got = read(STDIN_FILENO, text + n, STATE_MAX - n);
		n += got > 0 ? got : 0;
	}
	if (got < 0)
		return problem(why, -errno, "stdin: %s", strerror(errno));
	if (n == STATE_MAX || json_parse(text, n, ret) ||
	    json_object_get_type(*ret) != json_type_object)
		return problem(why, -EBADMSG,
			       "stdin: a container's OCI state is expected, as JSON");
	return 0;
}

/* terok.guard=STATE: up when it names none. */
static int state_of(struct json_object *oci, struct guard_spec *spec, struct problem *why)
{
	struct json_object *annotations = json_object_object_get(oci, "annotations");
	const char *state = json_text(annotations, "terok.guard");

	spec->state = TEROK_STATE_UP;
	spec->state_kept = !state || !*state || !strcmp(state, "1") || !strcmp(state, "true");
	return spec->state_kept ? 0 : attach_state_parse(state, &spec->state, why);
}

/* Each word of an annotation; podman <= 4.9 splits values at commas. */
static int words(struct json_object *annotations, const char *key, const char *between,
		 int (*fn)(struct attach_plan *, const char *, struct problem *),
		 struct attach_plan *plan, struct problem *why)
{
	char copy[1024], *save;
	const char *text = json_text(annotations, key);
	struct problem wrong = {};
	int r = 0;

	if (!text)
		return 0;
	if (strlen(text) >= sizeof(copy))
		return problem(why, -EINVAL, "annotation %s is too long", key);
	strcpy(copy, text);
	for (char *one = strtok_r(copy, between, &save); !r && one;
	     one = strtok_r(NULL, between, &save))
		r = fn(plan, one, &wrong);
	return r ? problem(why, r, "annotation %s: %.200s", key, wrong.text) : 0;
}

static int pasta_port(struct attach_plan *plan, const char *port, struct problem *why)
{
	return attach_plan_host_port(plan, ATTACH_PASTA_MAP, port, why);
}

/* Every port of terok.host-ports at every address of terok.gateway. */
static int gateways_read(struct json_object *annotations, struct attach_plan *plan,
			 struct problem *why)
{
	const char *text = json_text(annotations, "terok.gateway");
	unsigned ports = plan->n_infra;
	char copy[1024], number[8], *save;
	const struct dest *infra = plan->infra;
	int r = 0;

	r = words(annotations, "terok.host-ports", ": ", pasta_port, plan, why);
	ports = r ? 0 : plan->n_infra - ports;
	snprintf(copy, sizeof(copy), "%s", text ?: "");
	infra += plan->n_infra - ports;
	for (char *one = strtok_r(copy, " ", &save); !r && one; one = strtok_r(NULL, " ", &save)) {
		for (unsigned i = 0; !r && i < ports; i++) {
			snprintf(number, sizeof(number), "%u", infra[i].port);
			r = attach_plan_host_port(plan, one, number, why);
		}
	}
	return r;
}

/*
 * What the annotations say beside the state. Podman cannot be asked for published ports: it
 * holds the container's lock and waits for us.
 */
static int plan_read(struct json_object *annotations, struct attach_plan *plan, struct problem *why)
{
	int r = words(annotations, "terok.publish", ": ", attach_plan_port, plan, why);

	plan->profiles = json_text(annotations, "terok.profiles");
	if (!r)
		r = words(annotations, "terok.resolver", " ", attach_plan_resolver, plan, why);
	return r ? r : gateways_read(annotations, plan, why);
}

static int created(struct json_object *oci, struct problem *why)
{
	struct json_object *pid = json_object_object_get(oci, "pid");
	struct json_object *annotations = json_object_object_get(oci, "annotations");
	struct guard_spec spec = { .cgroup_fd = -1, .netns_fd = -1, .kind = TEROK_KIND_CONTAINER };
	struct podman_container container;
	struct attach_plan plan = {};
	const char *id = json_text(oci, "id"),
		   *name = json_text(annotations, "io.podman.annotations.name");
	struct guard guard;
	bool existing;
	int r;

	if (!id || json_object_get_type(pid) != json_type_int)
		return problem(why, -EBADMSG, "the OCI state has no id or no pid");
	r = podman_of_pid(id, json_object_get_int64(pid), &container, why);
	if (r)
		return r;
	r = state_of(oci, &spec, why);
	if (!r)
		r = plan_read(annotations, &plan, why);
	if (!r) {
		spec.cgroup_fd = container.cgroup_fd;
		spec.netns_fd = container.netns_fd;
		spec.container = container.id;
		spec.name = name && !guard_name_check(name, NULL) ? name : container.name;
		r = attach_guard(&spec, &plan, &guard, &existing, why);
	}
	podman_container_done(&container);
	return r;
}

int verb_hook(int argc, char **argv)
{
	_cleanup_(json_putp) struct json_object *oci = NULL;
	struct problem why = {};
	int r = cli_parse(argc, argv, NULL, 1, 1);

	if (r < 0)
		return r;
	if (strcmp(argv[1], "createRuntime"))
		return log_error(0, "hook: '%s' is no stage of ours: createRuntime", argv[1]),
		       -EINVAL;
	if (geteuid())
		r = problem(&why, -EPERM, "only root can attach a guard");
	else
		r = state_read(&oci, &why);
	if (!r)
		r = created(oci, &why);
	if (r)
		log_error(0, "the container is not started: %s", why.text);
	return r == -EINVAL ? -EIO : r;
}
