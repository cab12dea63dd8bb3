// SPDX-License-Identifier: Apache-2.0
#include "push_note.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/json.h"
#include "pattern.h"

static const char *runtime_dir(char *buf, size_t size)
{
	const char *dir = getenv("XDG_RUNTIME_DIR");

	if (!dir || *dir != '/' || strlen(dir) >= size)
		snprintf(buf, size, "/run/user/%u", getuid());
	else
		strcpy(buf, dir);
	return buf;
}

char *push_note_text(const char *base, const char *project, const struct token *token)
{
	_cleanup_json_ struct json json = {};
	char runtime[256], *all;
	const char *text;

	json_open_object(&json, NULL);
	json_add_string(&json, "base", base);
	json_add_string(&json, "project", project);
	json_add_string(&json, "runtime", runtime_dir(runtime, sizeof(runtime)));
	json_add_string(&json, "scope", token->project);
	json_add_string(&json, "task", token->task);
	json_add_string(&json, "container", token->container);
	json_add_bool(&json, "read_only", token->read_only);
	json_add_bool(&json, "force", token->force);
	json_add_bool(&json, "remove", token->remove);
	json_add_bool(&json, "workflows", token->workflows);
	json_open_array(&json, "push");
	for (unsigned i = 0; i < token->n_push; i++)
		json_add_string(&json, NULL, token->push[i]);
	json_close_array(&json);
	json_close_object(&json);
	text = json_done(&json);
	return text && asprintf(&all, PUSH_NOTE "=%s", text) >= 0 ? all : NULL;
}

static int take_text(struct json_object *from, const char *key, char *ret, size_t size,
		     struct problem *why)
{
	const char *text = json_text(from, key);

	if (!text || strlen(text) >= size)
		return problem(why, -EINVAL, PUSH_NOTE " has no %s", key);
	strcpy(ret, text);
	return 0;
}

static int take_flag(struct json_object *from, const char *key, bool *ret, struct problem *why)
{
	struct json_object *value = json_member(from, key, json_type_boolean);

	if (!value)
		return problem(why, -EINVAL, PUSH_NOTE " has no %s", key);
	*ret = json_object_get_boolean(value);
	return 0;
}

static int take_patterns(struct json_object *from, struct token *token, struct problem *why)
{
	struct json_object *list = json_member(from, "push", json_type_array);

	if (!list || json_object_array_length(list) > TOKEN_PUSH_MAX)
		return problem(why, -EINVAL, PUSH_NOTE " has no push");
	for (size_t i = 0; i < json_object_array_length(list); i++) {
		struct json_object *item = json_object_array_get_idx(list, i);

		if (!json_object_is_type(item, json_type_string) ||
		    pattern_check(json_object_get_string(item), NULL))
			return problem(why, -EINVAL, PUSH_NOTE ": push has no pattern at %zu", i);
		token->push[i] = strdup(json_object_get_string(item));
		if (!token->push[i])
			return problem(why, -ENOMEM, "no memory for a hook");
		token->n_push++;
	}
	return 0;
}

static int take_all(struct json_object *from, struct push_note *note, struct problem *why)
{
	struct token *token = note->token;
	const char *base = json_text(from, "base"), *project = json_text(from, "project"),
		   *runtime = json_text(from, "runtime");

	if (!base || *base != '/' || !runtime || *runtime != '/' || !project ||
	    project_check(project, NULL))
		return problem(why, -EINVAL, PUSH_NOTE " has no base and project");
	note->base = strdup(base);
	note->project = strdup(project);
	note->runtime = strdup(runtime);
	if (!note->base || !note->project || !note->runtime || !token)
		return problem(why, -ENOMEM, "no memory for a hook");
	return take_text(from, "scope", token->project, sizeof(token->project), why)
		   ?: take_text(from, "task", token->task, sizeof(token->task), why)
		   ?: take_text(from, "container", token->container, sizeof(token->container), why)
		   ?: take_flag(from, "read_only", &token->read_only, why)
		   ?: take_flag(from, "force", &token->force, why)
		   ?: take_flag(from, "remove", &token->remove, why)
		   ?: take_flag(from, "workflows", &token->workflows, why)
		   ?: take_patterns(from, token, why);
}

int push_note_read(const char *text, struct push_note *ret, struct problem *why)
{
	_cleanup_(json_putp) struct json_object *root = NULL;
	struct push_note note = {};
	int r;

	if (!text || json_parse(text, strlen(text), &root))
		return problem(why, -EINVAL,
			       "no " PUSH_NOTE
			       ": hooks of the gate are run by git, below terok-gate serve");
	note.token = token_new();
	r = take_all(root, &note, why);
	if (r) {
		push_note_done(&note);
		return r;
	}
	*ret = note;
	return 0;
}

void push_note_done(struct push_note *note)
{
	free(note->base);
	free(note->project);
	free(note->runtime);
	token_put(note->token);
	*note = (struct push_note){};
}
