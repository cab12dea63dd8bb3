// SPDX-License-Identifier: Apache-2.0
#include "hook_created.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/container.h"
#include "hook_annotation.h"
#include "hook_means.h"
#include "hook_read.h"
#include "hook_shield.h"

#define CGROUP_MAX 4096 /* of /proc/PID/cgroup */
#define ANCESTORS  4    /* runtime, and what wraps it, to the monitor */

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

/* What hooks cannot see is refused here, and only here: podman does not show what precreate says. */
static int means(struct json_object *config, const char *bundle, int64_t pid, const char *cgroup,
		 struct problem *why)
{
	_cleanup_fclose_ FILE *mountinfo = hook_open_proc(pid, "mountinfo");
	_cleanup_fclose_ FILE *status = hook_open_proc(pid, "status");
	_cleanup_free_ char *root = root_of(config, bundle);
	struct means_place place;
	struct stat proc;
	int r = means_check(config, why);

	if (r)
		return r;
	if (!root || !mountinfo || !status || stat("/proc", &proc))
		return problem(why, -EBADMSG, "its mounts or its root cannot be found");
	place = (struct means_place){ .mountinfo = mountinfo,
				      .status = status,
				      .root = root,
				      .cgroup = cgroup,
				      .proc = proc.st_dev };
	return means_check_place(&place, why);
}

static int cgroup_of(int64_t pid, const char *id, char ret[static TEROK_PATH_LEN],
		     struct problem *why)
{
	char text[CGROUP_MAX], path[TEROK_PATH_LEN];
	ssize_t n = hook_read_proc(pid, "cgroup", text, sizeof(text));
	int r = n < 0 ? n : container_cgroup_line(text, path);

	if (r == -ENOTSUP)
		return problem(why, r, "this host has no cgroup v2, which guards are made of");
	if (r)
		return problem(why, r, "the cgroup of process %lld: %s", (long long)pid,
			       strerror(-r));
	if (!container_cgroup(path, id, ret))
		return 0;
	return problem(why, -EREMCHG,
		       "it has no cgroup of its own, but shares %.80s with others; start it with "
		       "--cgroup-parent, or with systemd as podman's cgroup manager",
		       path);
}

/* What podman calls it its monitor says, which started the runtime. A hint; digits if there is none. */
static void name_of(const char *id, char ret[static TEROK_NAME_LEN])
{
	static char line[HOOK_PROC_MAX];
	char of[CONTAINER_ID_LEN], name[TEROK_NAME_LEN];
	pid_t pid = getppid();

	snprintf(ret, TEROK_NAME_LEN, "%.12s", id);
	for (int i = 0; i < ANCESTORS && pid > 1; i++, pid = hook_parent_of(pid)) {
		ssize_t n = hook_read_proc(pid, "cmdline", line, sizeof(line));

		if (n > 0 && !container_of_monitor(line, n, of, name) && !strcmp(of, id)) {
			strcpy(ret, name);
			return;
		}
	}
}

/* A trigger that is no annotation of ours is none: whoever wrote the hook's file wants it guarded. */
static int wishes(struct json_object *annotations, struct control_attach *word, int *folder,
		  struct problem *why)
{
	const char *said = json_text(annotations, ANNOTATION_KEY);
	int r = annotation_parse(said ?: "", word, why);

	if (!r)
		r = shield_parse(annotations, word, folder, why);
	if (!r)
		annotation_dossier(annotations, word);
	return r;
}

static uint32_t version_of_files(void)
{
	const char *text = getenv("TEROK_HOOK_VERSION");

	return text ? strtoul(text, NULL, 10) : 0;
}

int hook_created(struct json_object *state, struct control_attach *word, int *folder,
		 struct problem *why)
{
	struct json_object *pid = json_member(state, "pid", json_type_int);
	struct json_object *annotations = json_member(state, "annotations", json_type_object);
	const char *id = json_text(state, "id"), *bundle = json_text(state, "bundle");
	_cleanup_(json_putp) struct json_object *config = NULL;
	char cgroup[TEROK_PATH_LEN];
	int64_t number = pid ? json_object_get_int64(pid) : 0;
	int r;

	*folder = -1;
	if (!id || !container_is_id(id) || number < 1 || number > INT32_MAX)
		return problem(why, -EBADMSG, "the OCI state has no id or no pid");
	if (!bundle || *bundle != '/')
		return problem(why, -EBADMSG, "the OCI state has no bundle");
	*word = (struct control_attach){ .version = version_of_files(), .pid = number };
	strcpy(word->id, id);
	name_of(id, word->name);
	r = cgroup_of(number, id, cgroup, why);
	if (!r)
		r = hook_read_config(bundle, &config, why);
	if (!r)
		r = means(config, bundle, number, cgroup, why);
	return r ?: wishes(annotations, word, folder, why);
}
