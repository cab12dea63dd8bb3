/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sandbox_command.h - podman's command line for a spec, to be run and to be shown
 *
 * No value of the environment is on the line that is run, which everybody can read in /proc. What
 * fits on a line of podman's --env-file goes that way, through a file without a name that only this
 * process and podman have; what does not (line ends, quotes) goes through podman's own environment
 * as "-e NAME". The line that is shown has "-e NAME=VALUE", without secrets: what a person would
 * have typed.
 *
 * Called by: sandbox_run.c. Owns: nothing. Threads: none.
 */
#ifndef TEROK_SANDBOX_COMMAND_H
#define TEROK_SANDBOX_COMMAND_H

#include "sandbox_spec.h"

/* What the command depends on beside the spec: asked of the host once, by sandbox_host.c. */
struct command_host {
	bool root;       /* podman is root's */
	bool pasta;      /* a user's containers have their network by it, not slirp4netns */
	bool init;       /* catatonit is there */
	unsigned podman; /* major version */
	const char *cgroup_parent; /* of a user's; NULL: podman makes a cgroup for each by itself */
	bool gpu[GPU_MAX_];        /* whose devices CDI has */
};

struct command {
	struct words argv;  /* to be run */
	struct words shown; /* to be shown: redacted */
	struct words env;   /* podman's environment: ours and what no file can hold */
	int env_fd;         /* the file, open; -1: none. Its number is on argv. */
};

/**
 * command_build() - a command line of a spec that was checked
 * @ours: environment of this process
 *
 * Return: 0 and the caller's to command_done(); -EINVAL with @why, which names the variable that
 * cannot be handed over; -ENOMEM or another errno.
 */
int command_build(const struct spec *spec, const struct command_host *host, char **ours,
		  struct command *ret, struct problem *why);

void command_done(struct command *command);

/** command_guard_words() - the value of terok.guard for a spec; the caller frees; NULL: no memory */
char *command_guard_words(const struct spec *spec, const struct command_host *host);

#endif
