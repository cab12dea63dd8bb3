// SPDX-License-Identifier: Apache-2.0
#include "base/container.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

bool container_is_id(const char *text)
{
	return strlen(text) == 64 && strspn(text, "0123456789abcdef") == 64;
}

bool container_is_name(const char *text)
{
	size_t len = strlen(text);

	return len && len < TEROK_NAME_LEN && isalnum((unsigned char)*text) &&
	       strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
			    "0123456789_.-") == len;
}

int container_of_monitor(const char *cmdline, size_t size, char id[static CONTAINER_ID_LEN],
			 char name[static TEROK_NAME_LEN])
{
	const char *of = NULL, *unit = NULL, *called = NULL, *end = cmdline + size;

	if (!size || end[-1])
		return -ENOENT; /* not whole */
	for (const char *word = cmdline; word < end; word += strlen(word) + 1) {
		const char *value = word + strlen(word) + 1;

		if (word == cmdline || value >= end)
			continue;
		if (!strcmp(word, "-c"))
			of = value;
		else if (!strcmp(word, "-u"))
			unit = value;
		else if (!strcmp(word, "-n"))
			called = value;
		else if (!strcmp(word, "--"))
			break;
		else
			continue;
		word = value;
	}
	/* a monitor of "podman exec" has another -u than -c */
	if (!of || !unit || !called || strcmp(of, unit) || !container_is_id(of) ||
	    !container_is_name(called))
		return -ENOENT;
	strcpy(id, of);
	strcpy(name, called);
	return 0;
}

int container_cgroup(const char *path, const char *id, char ret[static TEROK_PATH_LEN])
{
	const char *at = path;

	while (*at) {
		const char *part = at + (*at == '/'), *end = strchrnul(part, '/');
		const char *hit = strstr(part, id);

		if (hit && hit + strlen(id) <= end && strncmp(part, "libpod-conmon-", 14)) {
			if (end - path >= TEROK_PATH_LEN)
				return -ENAMETOOLONG;
			memcpy(ret, path, end - path);
			ret[end - path] = '\0';
			return 0;
		}
		at = end;
	}
	return -EREMCHG;
}

int container_cgroup_line(const char *text, char ret[static TEROK_PATH_LEN])
{
	const char *line = text, *end;
	size_t len;

	while (strncmp(line, "0::", 3)) {
		line = strchr(line, '\n');
		if (!line)
			return -ENOTSUP;
		line++;
	}
	line += 3;
	end = strchr(line, '\n');
	if (!end || *line != '/')
		return -EBADMSG;
	len = end - line;
	if (len > 10 && !strncmp(end - 10, " (deleted)", 10))
		return -ENOENT;
	if (len >= TEROK_PATH_LEN)
		return -ENAMETOOLONG;
	if (len >= 3 && !strncmp(line, "/..", 3) && (len == 3 || line[3] == '/'))
		return -EXDEV;
	memcpy(ret, line, len);
	ret[len] = '\0';
	return 0;
}
