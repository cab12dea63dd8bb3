// SPDX-License-Identifier: Apache-2.0
/* verb_profiles.c - terok-bpfd profiles, profiles show, profiles lint */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cli.h"
#include "base/json.h"
#include "base/log.h"
#include "profile.h"
#include "verbs.h"

#define NAMES_MAX 64

static int list_one(const char *name, bool shipped, void *user)
{
	struct json *json = user;

	if (!json)
		return puts(name) < 0 ? -EIO : 0;
	json_open_object(json, NULL);
	json_add_string(json, "name", name);
	json_add_string(json, "source", shipped ? "shipped" : "user");
	json_close_object(json);
	return 0;
}

static int list(bool as_json)
{
	_cleanup_json_ struct json json = {};
	int r;

	json_open_array(&json, NULL);
	r = profile_each(list_one, as_json ? &json : NULL);
	json_close_array(&json);
	if (!r && as_json)
		puts(json_done(&json) ?: "[]");
	return r;
}

static int show(char **names, int n, bool as_json)
{
	_cleanup_profile_ struct profile profile = {};
	_cleanup_json_ struct json json = {};
	char text[PROFILE_TEXT_LEN];
	struct problem why = {};

	for (int i = 0; i < n; i++) {
		int r = profile_load(names[i], &profile, &why);

		if (r)
			return verb_fail(r == -EINVAL ? -EIO : r, &why);
	}
	json_open_array(&json, NULL);
	for (size_t i = 0; i < profile.n; i++) {
		profile_entry_format(text, &profile.entry[i]);
		if (as_json)
			json_add_string(&json, NULL, text);
		else
			puts(text);
	}
	json_close_array(&json);
	if (as_json)
		puts(json_done(&json) ?: "[]");
	return 0;
}

struct lint {
	const char *path;
	struct profile seen;
	struct json *json;
	unsigned errors, warnings;
};

static void lint_say(struct lint *lint, unsigned line, const char *kind, const char *text)
{
	*(strcmp(kind, "error") ? &lint->warnings : &lint->errors) += 1;
	if (!lint->json) {
		printf("%s:%u: %s: %s\n", lint->path, line, kind, text);
		return;
	}
	json_open_object(lint->json, NULL);
	json_add_string(lint->json, "file", lint->path);
	json_add_uint(lint->json, "line", line);
	json_add_string(lint->json, "kind", kind);
	json_add_string(lint->json, "text", text);
	json_close_object(lint->json);
}

static int lint_line(unsigned line, const struct profile_entry *entry, const struct problem *wrong,
		     void *user)
{
	char text[PROFILE_TEXT_LEN], other[PROFILE_TEXT_LEN], said[2 * PROFILE_TEXT_LEN];
	struct lint *lint = user;

	if (!entry) {
		lint_say(lint, line, "error", wrong->text);
		return 0;
	}
	profile_entry_format(text, entry);
	for (size_t i = 0; i < lint->seen.n; i++) {
		profile_entry_format(other, &lint->seen.entry[i]);
		if (strcmp(text + entry->deny, other + lint->seen.entry[i].deny))
			continue;
		snprintf(said, sizeof(said),
			 entry->deny == lint->seen.entry[i].deny ? "'%s' is there already"
								 : "'%s': a deny of the same "
								   "destination wins",
			 text);
		lint_say(lint, line, "warning", said);
		return 0;
	}
	if (lint->seen.n == lint->seen.room) {
		size_t room = lint->seen.room ? 2 * lint->seen.room : 32;
		struct profile_entry *more = reallocarray(lint->seen.entry, room, sizeof(*more));

		if (!more)
			return -ENOMEM;
		lint->seen.entry = more;
		lint->seen.room = room;
	}
	lint->seen.entry[lint->seen.n++] = *entry;
	return 0;
}

/* One file; what cannot be read is an error of its line 0. */
static int lint_file(const char *name, struct lint *lint)
{
	_cleanup_free_ char *text = NULL;
	struct problem why = {};
	char path[4096];
	size_t size;
	int r = profile_read(name, &text, &size, path, &why);

	lint->path = r ? name : path;
	lint->seen.n = 0;
	if (r) {
		lint_say(lint, 0, "error", why.text);
		return 0;
	}
	return profile_parse(text, size, lint_line, lint);
}

static int lint_one(const char *name, bool shipped, void *user)
{
	(void)shipped;
	return lint_file(name, user);
}

static int lint_all(char **names, int n, bool as_json)
{
	_cleanup_json_ struct json json = {};
	struct lint lint = { .json = as_json ? &json : NULL };
	int r = 0;

	json_open_array(&json, NULL);
	for (int i = 0; !r && i < n; i++)
		r = lint_file(names[i], &lint);
	if (!n)
		r = profile_each(lint_one, &lint);
	json_close_array(&json);
	if (as_json)
		puts(json_done(&json) ?: "[]");
	else if (!r)
		printf("%u errors, %u warnings\n", lint.errors, lint.warnings);
	profile_done(&lint.seen);
	return r ?: lint.errors ? 1 : 0;
}

int verb_profiles(int argc, char **argv)
{
	bool json = false;
	const struct cli_option options[] = {
		{ "json", NULL, "one JSON array", CLI_FLAG, &json },
		{},
	};
	int n = cli_parse(argc, argv, options, 0, NAMES_MAX);

	if (n < 0)
		return n;
	if (!n)
		return list(json);
	if (!strcmp(argv[1], "show") && n > 1)
		return show(argv + 2, n - 1, json);
	if (!strcmp(argv[1], "lint"))
		return lint_all(argv + 2, n - 1, json);
	return log_error(0, "profiles: show NAME..., lint [NAME|FILE...] or nothing, not '%s'%s",
			 argv[1], strcmp(argv[1], "show") ? "" : " alone"),
	       -EINVAL;
}
