/* SPDX-License-Identifier: Apache-2.0 */
/*
 * watcher/monitor.h - what a container's monitor (conmon) says of it on its command line
 *
 * Text into words, nothing believed: whoever runs a monitor chose all of it. Threads: none.
 */
#ifndef TEROK_WATCHER_MONITOR_H
#define TEROK_WATCHER_MONITOR_H

#include <stddef.h>

#include "base/container.h"

#define MONITOR_PATH 256

struct monitor {
	char id[CONTAINER_ID_LEN];
	char name[TEROK_NAME_LEN]; /* as it was when the container was started */
	char bundle[MONITOR_PATH]; /* the folder of its config.json; "": not said, or too long */
	char pidfile[MONITOR_PATH];
	char exits[MONITOR_PATH]; /* the folder where its end is noted */
};

/** monitor_parse() - conmon's command line; -ENOENT: no container's main monitor */
int monitor_parse(const char *cmdline, size_t size, struct monitor *ret);

#endif
