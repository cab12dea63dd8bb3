/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sandbox_host.h - what a launch needs to know of the host, and whether a guard can be had here
 *
 * Called by: sandbox_run.c, sandbox_doctor.c. Owns: what it found. Threads: none.
 */
#ifndef TEROK_SANDBOX_HOST_H
#define TEROK_SANDBOX_HOST_H

#include "base/json.h"
#include "sandbox_command.h"

#define HOST_PATH_MAX 4096

struct host {
	struct command_host command; /* borrows cgroup_parent */
	char cgroup_parent[HOST_PATH_MAX];
	char version[32];         /* podman's */
	char manager[16];         /* of cgroups: "systemd", "cgroupfs" */
	char cgroup_problem[256]; /* a container could have no cgroup of its own; "": it can */
	struct words hook_dirs;   /* where podman looks for hooks ... */
	bool hook_dirs_known;     /* ... if it was asked */
};

/**
 * host_ask() - podman and the system
 * @anew: podman itself, whatever is known of it (sandbox_known.h)
 *
 * Return: 0, and @ret is the caller's to host_done(); negative errno with @why.
 */
int host_ask(bool anew, struct host *ret, struct problem *why);
void host_done(struct host *host);

/**
 * host_hook() - is there a hook that guards a container, where podman looks for hooks?
 * @host: NULL: podman is asked where
 * @ret_path: the file, HOST_PATH_MAX bytes
 *
 * Return: 0; -ENOENT with @why, which says how to have one; other errno.
 */
int host_hook(const struct host *host, char *ret_path, struct problem *why);

/** host_agent() - does the agent answer? 0, or negative errno with @why */
int host_agent(struct problem *why);

/** host_guard() - all that a guarded container needs: hook, agent, cgroup; the first that lacks */
int host_guard(const struct host *host, struct problem *why);

/* For sandbox_host.c and its test. */

/** host_parse_info() - "podman info --format json" */
int host_parse_info(struct json_object *info, struct host *ret, struct problem *why);

/** host_parse_dirs() - the folders that podman's help names for hooks; false: it names none */
bool host_parse_dirs(const char *help, struct words *ret);

/** host_parse_hook() - is this a hook that guards? @path gets its program */
bool host_parse_hook(const char *text, size_t size, char path[static HOST_PATH_MAX]);

#endif
