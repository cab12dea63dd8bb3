// SPDX-License-Identifier: Apache-2.0
/*
 * verb_hook.c - terok-bpfd hook: what podman calls before a container's first instruction
 *
 * Two stages. At precreate the runtime's configuration comes as JSON on stdin, and podman takes
 * from stdout what it hands to the runtime: without the means to leave unseen (means.h). At
 * createRuntime the state of the container comes as JSON on stdin, and any failure keeps the
 * container from being started: it is checked that it has no means, whoever made it and whether
 * precreate ran or not, and it is guarded. What is believed is the kernel: the process is in a
 * cgroup whose path carries the container's id. Only root's containers can be guarded this way:
 * a user's hook runs as that user.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cli.h"
#include "base/json.h"
#include "base/log.h"
#include "annotation.h"
#include "attach.h"
#include "means.h"
#include "podman.h"
#include "verbs.h"
#include "terok/names.h"

#define READ_MAX (8 << 20) /* one container, with all of its annotations and mounts, generously */

/* All of @fd, which is called @name, as a JSON object. */
static int object_read(int fd, const char *name, struct json_object **ret, struct problem *why)
{
	_cleanup_(json_putp) struct json_object *object = NULL;
	_cleanup_free_ char *text = malloc(READ_MAX);
	size_t n = 0;
	ssize_t got = 1;

	if (!text)
		return problem(why, -ENOMEM, "%s: %s", name, strerror(ENOMEM));
	while (got > 0 && n < READ_MAX) {
		got = read(fd, text + n, READ_MAX - n);
		n += got > 0 ? got : 0;
	}
	if (got < 0)
		return problem(why, -errno, "%s: %s", name, strerror(errno));
	if (n == READ_MAX || json_parse(text, n, &object) ||
	    json_object_get_type(object) != json_type_object)
		return problem(why, -EBADMSG, "%s: JSON of the container is expected", name);
	*ret = TAKE_PTR(object);
	return 0;
}

/*
 * Root's runtime says where the configuration is that it obeys; a file that others could have
 * written is none.
 */
static int config_read(const char *bundle, struct json_object **ret, struct problem *why)
{
	_cleanup_close_ int folder = open(bundle, O_PATH | O_DIRECTORY | O_CLOEXEC);
	_cleanup_close_ int fd =
	    folder < 0 ? -1 : openat(folder, "config.json", O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	struct stat st;

	if (fd < 0 || fstat(fd, &st))
		return problem(why, -errno, "%.128s/config.json: %s", bundle, strerror(errno));
	if (!S_ISREG(st.st_mode) || st.st_uid || st.st_mode & 022)
		return problem(why, -EPERM, "%.128s/config.json is not root's alone to write",
			       bundle);
	return object_read(fd, "config.json", ret, why);
}

/* Where the container's files are, as a path of the mount namespace that we and it are in. */
static char *root_of(struct json_object *config, const char *bundle)
{
	const char *root = json_text(json_member(config, "root", json_type_object), "path");
	char path[PATH_MAX];
	int n;

	if (!root)
		return NULL;
	n = snprintf(path, sizeof(path), "%s/%s", *root == '/' ? "" : bundle, root);
	return n < (int)sizeof(path) ? realpath(path, NULL) : NULL;
}

static FILE *proc_open(int64_t pid, const char *name)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%lld/%s", (long long)pid, name);
	return fopen(path, "re");
}

/* What hooks cannot see is refused here, and only here: podman does not show what precreate says. */
static int means(struct json_object *oci, const struct podman_container *container,
		 struct problem *why)
{
	_cleanup_fclose_ FILE *mountinfo = proc_open(container->pid, "mountinfo");
	_cleanup_fclose_ FILE *status = proc_open(container->pid, "status");
	_cleanup_(json_putp) struct json_object *config = NULL;
	_cleanup_free_ char *root = NULL;
	const char *bundle = json_text(oci, "bundle");
	struct means_place place;
	struct stat proc;
	int r;

	if (!bundle || *bundle != '/')
		return problem(why, -EBADMSG, "the OCI state has no bundle");
	r = config_read(bundle, &config, why);
	if (!r)
		r = means_check(config, why);
	if (r)
		return r;
	root = root_of(config, bundle);
	if (!root || !mountinfo || !status || stat("/proc", &proc))
		return problem(why, -EBADMSG, "its mounts or its root cannot be found");
	place = (struct means_place){ .mountinfo = mountinfo,
				      .status = status,
				      .root = root,
				      .cgroup = container->cgroup,
				      .proc = proc.st_dev };
	return means_check_place(&place, why);
}

static int created(struct json_object *oci, struct problem *why)
{
	struct json_object *pid = json_object_object_get(oci, "pid");
	struct json_object *annotations = json_object_object_get(oci, "annotations");
	struct guard_spec spec = { .cgroup_fd = -1, .netns_fd = -1, .kind = TEROK_KIND_CONTAINER };
	const char *id = json_text(oci, "id"), *said = json_text(annotations, ANNOTATION_KEY);
	struct podman_container container;
	struct annotation annotation;
	struct guard guard;
	bool existing;
	int r;

	if (!id || json_object_get_type(pid) != json_type_int)
		return problem(why, -EBADMSG, "the OCI state has no id or no pid");
	r = podman_of_pid(id, json_object_get_int64(pid), &container, why);
	if (r)
		return r;
	r = means(oci, &container, why);
	if (!r)
		r = annotation_parse(said ?: "", &annotation, why);
	if (!r) {
		spec.cgroup_fd = container.cgroup_fd;
		spec.netns_fd = container.netns_fd;
		spec.container = container.id;
		spec.name = container.name;
		spec.state = annotation.state;
		spec.state_kept = !annotation.state_said;
		/* podman cannot be asked what it publishes: it holds a lock and waits for us */
		r = attach_guard(&spec, &annotation.plan, &guard, &existing, why);
	}
	podman_container_done(&container);
	return r;
}

/* Mends and refuses nothing; what cannot be mended createRuntime refuses, with the reason. */
static int precreated(struct json_object *config, struct problem *why)
{
	const char *text;

	means_mend(config);
	text = json_object_to_json_string_ext(config, JSON_C_TO_STRING_PLAIN |
							  JSON_C_TO_STRING_NOSLASHESCAPE);
	if (!text || puts(text) < 0 || fflush(stdout))
		return problem(why, -EIO, "stdout: %s", strerror(errno));
	return 0;
}

/* To podman, and to the system's log: of what a hook of crun's says podman shows nothing. */
static void refusal_tell(struct json_object *oci, const struct problem *why)
{
	char id[PODMAN_ID_LEN], text[sizeof(why->text)];

	log_safe(id, sizeof(id), json_text(oci, "id") ?: "?");
	log_safe(text, sizeof(text), why->text);
	log_error(0, "the container is not started: %s", text);
	openlog("terok-bpfd", LOG_PID, LOG_DAEMON);
	syslog(LOG_ERR, "container %s is not started: %s", id, text);
}

int verb_hook(int argc, char **argv)
{
	_cleanup_(json_putp) struct json_object *oci = NULL;
	int (*stage)(struct json_object * oci, struct problem * why) = NULL;
	struct problem why = {};
	int r = cli_parse(argc, argv, NULL, 1, 1);

	if (r < 0)
		return r;
	if (!strcmp(argv[1], "precreate"))
		stage = precreated;
	else if (!strcmp(argv[1], "createRuntime"))
		stage = created;
	else
		return log_error(0, "hook: '%s' is no stage of ours: precreate, createRuntime",
				 argv[1]),
		       -EINVAL;
	if (geteuid())
		r = problem(&why, -EPERM, "only root can attach a guard");
	else
		r = object_read(STDIN_FILENO, "stdin", &oci, &why);
	if (!r)
		r = stage(oci, &why);
	if (r)
		refusal_tell(oci, &why);
	return r == -EINVAL ? -EIO : r;
}
