/* SPDX-License-Identifier: Apache-2.0 */
/*
 * podman_line.h - all command lines that podman is asked by, and no other is one of ours
 *
 * Podman is run by a process that was there before the control plane gave up its powers
 * (base/runner.h): whoever takes the control plane over can ask what is here, and no more.
 * What has no end in here is followed by what the caller says of it. Threads: no state, any.
 */
#ifndef REGISTRY_PODMAN_LINE_H
#define REGISTRY_PODMAN_LINE_H

#include <stdbool.h>

extern const char *const podman_running[]; /* ids of agents' containers that run */
extern const char *const podman_all[];     /* ... of all of them */
extern const char *const podman_managed[]; /* JSON: a list of managed ones, and of what they are */

#define PODMAN_INSPECT                                                                             \
	{                                                                                          \
		"podman", "container", "inspect", "--"                                             \
	} /* ids */
#define PODMAN_INSPECT_WORDS 4
#define PODMAN_EVENTS                                                                              \
	{                                                                                          \
		"podman", "events", "--format", "json", "--filter", "type=container", "--filter",  \
		    "label=dev.clawker.managed=true", "--since"                                    \
	} /* seconds since 1970 */
#define PODMAN_EVENTS_WORDS 9

/** podman_line_may() - is @argv one of them? */
bool podman_line_may(const char *const *argv);

#endif
