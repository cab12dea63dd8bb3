// SPDX-License-Identifier: Apache-2.0
#include "show.h"

#include <stdio.h>

#include "base/log.h"

void show_line(const char *label, const char *text)
{
	char safe[512];

	if (text)
		printf("%-10s %s\n", label, log_safe(safe, sizeof(safe), text));
}

void show_end(const struct life *life)
{
	if (life->pid)
		printf("%-10s %d\n", "process", life->pid);
	else if (life->running)
		show_line("process", "none: systemd begins it for who comes in");
	show_line("warning", life->outdated);
	show_line("warning", life->elsewhere);
	show_line("unknown", life->unknown);
}

void show_add(struct json *json, const char *key, const char *text)
{
	if (text)
		json_add_string(json, key, text);
	else
		json_add_null(json, key);
}

void show_add_begin(struct json *json, const struct life *life)
{
	json_add_string(json, "mode", life_word(life->mode));
	json_add_bool(json, "running", life->running);
	json_add_int(json, "port", life->port);
}

void show_add_end(struct json *json, const struct life *life)
{
	if (life->pid)
		json_add_int(json, "pid", life->pid);
	else
		json_add_null(json, "pid");
	json_add_bool(json, "installed", life->installed);
	if (life->version >= 0)
		json_add_int(json, "unit_version", life->version);
	else
		json_add_null(json, "unit_version");
	show_add(json, "outdated", life->outdated ?: life->elsewhere);
	show_add(json, "unknown", life->unknown);
}
