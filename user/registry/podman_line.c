// SPDX-License-Identifier: Apache-2.0
#include "podman_line.h"

#include <stddef.h>
#include <string.h>

#include "agent_name.h"

#define AGENTS  "label=dev.clawker.purpose=agent"
#define MANAGED "label=dev.clawker.managed=true"

/* without --all: those that run */
const char *const podman_running[] = { "podman",  "ps",       "--no-trunc", "--format",
				       "{{.ID}}", "--filter", AGENTS,       NULL };
const char *const podman_all[] = { "podman",   "ps",   "--no-trunc", "--format", "{{.ID}}",
				   "--filter", AGENTS, "--all",      NULL };
const char *const podman_managed[] = { "podman", "ps",       "--all", "--no-trunc", "--format",
				       "json",   "--filter", MANAGED, NULL };

static const char *const inspect[PODMAN_INSPECT_WORDS] = PODMAN_INSPECT;
static const char *const events[PODMAN_EVENTS_WORDS] = PODMAN_EVENTS;

static bool same(const char *const *argv, const char *const *line)
{
	while (*argv && *line && !strcmp(*argv, *line))
		argv++, line++;
	return !*argv && !*line;
}

/* What of @argv is behind the @n words of @line; NULL: it does not begin so. */
static const char *const *behind(const char *const *argv, const char *const *line, unsigned n)
{
	for (; n; n--, argv++, line++)
		if (!*argv || strcmp(*argv, *line) != 0)
			return NULL;
	return argv;
}

bool podman_line_may(const char *const *argv)
{
	const char *const *rest;

	if (same(argv, podman_running) || same(argv, podman_all) || same(argv, podman_managed))
		return true;
	rest = behind(argv, events, PODMAN_EVENTS_WORDS);
	if (rest)
		return *rest && **rest && !rest[1] && strspn(*rest, "0123456789") == strlen(*rest);
	rest = behind(argv, inspect, PODMAN_INSPECT_WORDS);
	if (!rest || !*rest)
		return false;
	while (*rest && !agent_id_check(*rest, NULL))
		rest++;
	return !*rest;
}
