// SPDX-License-Identifier: Apache-2.0
#include "watcher/monitor.h"

#include <errno.h>
#include <string.h>

static void path_take(char ret[static MONITOR_PATH], const char *value)
{
	if (value && *value == '/' && strlen(value) < MONITOR_PATH)
		strcpy(ret, value);
}

int monitor_parse(const char *cmdline, size_t size, struct monitor *ret)
{
	const char *end = cmdline + size;

	*ret = (struct monitor){};
	if (container_of_monitor(cmdline, size, ret->id, ret->name))
		return -ENOENT;
	for (const char *word = cmdline; word < end; word += strlen(word) + 1) {
		const char *value = word + strlen(word) + 1;

		if (word == cmdline || value >= end)
			continue;
		if (!strcmp(word, "-b"))
			path_take(ret->bundle, value);
		else if (!strcmp(word, "-p"))
			path_take(ret->pidfile, value);
		else if (!strcmp(word, "--exit-dir"))
			path_take(ret->exits, value);
		else if (!strcmp(word, "--"))
			break;
		else if (strcmp(word, "-c") && strcmp(word, "-u") && strcmp(word, "-n"))
			continue;
		word = value;
	}
	return 0;
}
