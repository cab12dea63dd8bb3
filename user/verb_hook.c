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
#include "rule_text.h"
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

static const char *text_of(struct json_object *object, const char *key)
{
	struct json_object *value = NULL;

	if (!object || !json_object_object_get_ex(object, key, &value) ||
	    json_object_get_type(value) != json_type_string)
		return NULL;
	return json_object_get_string(value);
}

/* terok.guard=STATE: up when it names none. */
static int state_of(struct json_object *oci, struct guard_spec *spec, struct problem *why)
{
	struct json_object *annotations = json_object_object_get(oci, "annotations");
	const char *state = text_of(annotations, "terok.guard");

	spec->state = TEROK_STATE_UP;
	spec->state_kept = !state || !*state || !strcmp(state, "1") || !strcmp(state, "true");
	return spec->state_kept ? 0 : attach_state_parse(state, &spec->state, why);
}

/*
 * terok.publish=8080:9090. Podman cannot be asked here: it holds the container's lock and
 * waits for us.
 */
static void publish(const struct guard *guard, const char *list)
{
	uint16_t ports[CLI_LIST_MAX];
	struct problem why = {};
	char copy[512], *save;
	unsigned n = 0;
	int r = 0;

	snprintf(copy, sizeof(copy), "%s", list ?: "");
	for (char *one = strtok_r(copy, ":", &save); !r && one && n < CLI_LIST_MAX;
	     one = strtok_r(NULL, ":", &save))
		r = publish_port_parse(one, &ports[n++], &why);
	if (r)
		log_warn(0, "terok.publish: %s; its ports stay closed", why.text);
	else
		attach_publish(guard, ports, n);
}

static int created(struct json_object *oci, struct problem *why)
{
	struct json_object *pid = json_object_object_get(oci, "pid");
	struct json_object *annotations = json_object_object_get(oci, "annotations");
	struct guard_spec spec = { .cgroup_fd = -1, .netns_fd = -1, .kind = TEROK_KIND_CONTAINER };
	struct podman_container container;
	const char *id = text_of(oci, "id"),
		   *name = text_of(annotations, "io.podman.annotations.name");
	struct guard guard;
	bool existing;
	int r;

	if (!id || json_object_get_type(pid) != json_type_int)
		return problem(why, -EBADMSG, "the OCI state has no id or no pid");
	r = podman_of_pid(id, json_object_get_int64(pid), &container, why);
	if (r)
		return r;
	r = state_of(oci, &spec, why);
	if (!r) {
		spec.cgroup_fd = container.cgroup_fd;
		spec.netns_fd = container.netns_fd;
		spec.container = container.id;
		spec.name = name && !guard_name_check(name, NULL) ? name : container.name;
		r = attach_guard(&spec, &guard, &existing, why);
	}
	if (!r)
		publish(&guard, text_of(annotations, "terok.publish"));
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
