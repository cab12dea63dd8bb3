// SPDX-License-Identifier: Apache-2.0
#include "token_file.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "base/dir.h"
#include "base/json.h"
#include "service/own_file.h"
#include "pattern.h"

#define DIGITS 32 /* of a token that we make */

/* --- reading -------------------------------------------------------------------------- */

static bool plain(const char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text < ' ' || *text == 0x7f)
			return false;
	return true;
}

/* A text of @size bytes at most, its NUL included. @must: it has to be there */
static int take_text(struct json_object *from, const char *key, bool must, char *ret, size_t size,
		     struct problem *why)
{
	struct json_object *value;
	const char *text;

	if (!json_object_object_get_ex(from, key, &value))
		return must ? problem(why, -EINVAL, "has no %s", key) : 0;
	text = json_object_is_type(value, json_type_string) ? json_object_get_string(value) : NULL;
	if (!text || (size_t)json_object_get_string_len(value) >= size ||
	    strlen(text) != (size_t)json_object_get_string_len(value) || !plain(text))
		return problem(why, -EINVAL, "its %s is no text of up to %zu bytes", key, size - 1);
	strcpy(ret, text);
	return 0;
}

static int take_bool(struct json_object *from, const char *key, bool *ret, struct problem *why)
{
	struct json_object *value;

	if (!json_object_object_get_ex(from, key, &value))
		return 0;
	if (!json_object_is_type(value, json_type_boolean))
		return problem(why, -EINVAL, "its %s is neither true nor false", key);
	*ret = json_object_get_boolean(value);
	return 0;
}

static int take_time(struct json_object *from, const char *key, uint64_t *ret, struct problem *why)
{
	struct json_object *value;
	int64_t seconds;

	if (!json_object_object_get_ex(from, key, &value))
		return 0;
	seconds = json_object_is_type(value, json_type_int) ? json_object_get_int64(value) : -1;
	if (seconds < 0)
		return problem(why, -EINVAL, "its %s is no number of seconds since 1970", key);
	*ret = seconds;
	return 0;
}

static int take_patterns(struct json_object *from, struct token *token, struct problem *why)
{
	struct json_object *list;
	struct problem wrong;

	if (!json_object_object_get_ex(from, "push", &list))
		return 0;
	if (!json_object_is_type(list, json_type_array) ||
	    json_object_array_length(list) > TOKEN_PUSH_MAX)
		return problem(why, -EINVAL, "its push is no list of up to %d patterns",
			       TOKEN_PUSH_MAX);
	if (!json_object_array_length(list))
		token->read_only = true;
	for (size_t i = 0; i < json_object_array_length(list); i++) {
		struct json_object *item = json_object_array_get_idx(list, i);
		const char *text =
		    json_object_is_type(item, json_type_string) ? json_object_get_string(item) : "";

		if (strlen(text) != (size_t)json_object_get_string_len(item) ||
		    pattern_check(text, &wrong))
			return problem(why, -EINVAL, "pattern %zu of its push is none", i + 1);
		token->push[token->n_push] = strdup(text);
		if (!token->push[token->n_push])
			return problem(why, -ENOMEM, "no memory for tokens");
		token->n_push++;
	}
	return 0;
}

static int check_text(const char *text, struct problem *why)
{
	size_t n = strlen(text);

	if (n < 8 || n >= TOKEN_SIZE)
		return problem(why, -EINVAL, "is of %zu bytes: 8 to %d are allowed", n,
			       TOKEN_SIZE - 1);
	if (!plain(text) || strpbrk(text, ": "))
		return problem(why, -EINVAL, "has a colon, a space or a control character");
	return 0;
}

static int take_token(const char *text, struct json_object *from, struct token *token,
		      struct problem *why)
{
	struct json_object *unused;
	struct problem wrong;
	bool scope; /* what project was called for a while */
	int r = check_text(text, why);

	if (r)
		return r;
	strcpy(token->text, text);
	if (!json_object_is_type(from, json_type_object))
		return problem(why, -EINVAL, "is no object");
	scope = !json_object_object_get_ex(from, "project", &unused);
	r = take_text(from, scope ? "scope" : "project", true, token->project,
		      sizeof(token->project), why);
	if (!r && project_check(token->project, &wrong))
		r = problem(why, -EINVAL, "its project: %s", wrong.text);
	r = r ?: take_text(from, "task", true, token->task, sizeof(token->task), why);
	r = r
		?: take_text(from, "container", false, token->container, sizeof(token->container),
			     why);
	r = r ?: take_time(from, "created", &token->created, why);
	r = r ?: take_time(from, "expires", &token->expires, why);
	r = r ?: take_bool(from, "read_only", &token->read_only, why);
	r = r ?: take_bool(from, "force", &token->force, why);
	r = r ?: take_bool(from, "remove", &token->remove, why);
	r = r ?: take_bool(from, "workflows", &token->workflows, why);
	return r ?: take_patterns(from, token, why);
}

void token_list_done(struct token_list *list)
{
	for (unsigned i = 0; i < list->n; i++)
		token_put(list->token[i]);
	free(list->token);
	*list = (struct token_list){};
}

static int take_all(struct json_object *root, struct token_list *list, struct problem *why)
{
	struct problem first = {}, wrong;
	int bad = 0;

	json_object_object_foreach(root, text, from)
	{
		_cleanup_(token_putp) struct token *token = token_new();
		int r = token ? take_token(text, from, token, &wrong) : -ENOMEM;
		char shown[TOKEN_SIZE];

		if (r == -ENOMEM)
			return problem(why, r, "no memory for tokens");
		if (!r)
			list->token[list->n++] = TAKE_PTR(token);
		else if (!bad++)
			problem(&first, r, "%s %s", token_shown(text, shown), wrong.text);
	}
	if (bad)
		problem(why, 0, "%d left out, the first: %s", bad, first.text);
	return bad;
}

int token_parse(const char *text, size_t size, struct token_list *ret, struct problem *why)
{
	_cleanup_(json_putp) struct json_object *root = NULL;
	struct token_list list = {};
	unsigned n;
	int r = json_parse(text, size, &root);

	if (r || !json_object_is_type(root, json_type_object))
		return problem(why, -EINVAL, "no JSON object");
	n = json_object_object_length(root);
	if (n > TOKENS_MAX)
		return problem(why, -E2BIG, "%u tokens: %d are the most", n, TOKENS_MAX);
	list.token = calloc(n + 1, sizeof(*list.token));
	r = list.token ? take_all(root, &list, why) : problem(why, -ENOMEM, "no memory for tokens");
	if (r < 0) {
		token_list_done(&list);
		return r;
	}
	*ret = list;
	return r;
}

/* --- writing -------------------------------------------------------------------------- */

/* The file as a tree, to be changed and written; one that is none is moved aside. */
static int load_tree(const char *path, const struct own_file *file, struct json_object **ret,
		     struct problem *warning, struct problem *why)
{
	_cleanup_free_ char *text = NULL;
	char aside[512];
	size_t size;
	int r = own_file_read(path, TOKEN_FILE_MAX, &text, &size, NULL, why);

	warning->text[0] = '\0';
	if (r)
		return r;
	if (text && !json_parse(text, size, ret) && json_object_is_type(*ret, json_type_object))
		return 0;
	json_putp(ret);
	if (text) {
		snprintf(aside, sizeof(aside), "%s.corrupt", file->name);
		if (renameat(file->dir, file->name, file->dir, aside))
			return problem(why, -errno, "%s is no JSON object, and cannot be moved: %s",
				       path, strerror(errno));
		problem(warning, 0,
			"%s is no JSON object: it is %s.corrupt now, and none of its tokens "
			"is good",
			path, path);
	}
	*ret = json_object_new_object();
	return *ret ? 0 : problem(why, -ENOMEM, "no memory for tokens");
}

static int save_tree(const struct own_file *file, struct json_object *root, struct problem *why)
{
	_cleanup_free_ char *text = NULL;
	int n = asprintf(&text, "%s\n",
			 json_object_to_json_string_ext(root, JSON_C_TO_STRING_PRETTY |
								  JSON_C_TO_STRING_SPACED |
								  JSON_C_TO_STRING_NOSLASHESCAPE));

	if (n < 0) {
		text = NULL;
		return problem(why, -ENOMEM, "no memory for tokens");
	}
	if (n > TOKEN_FILE_MAX)
		return problem(why, -EFBIG, "%d bytes of tokens: %d are the most; revoke some", n,
			       TOKEN_FILE_MAX);
	return dir_replace(file->dir, file->name, text, n, why);
}

static bool add(struct json_object *to, const char *key, struct json_object *value)
{
	if (value && !json_object_object_add(to, key, value))
		return true;
	json_object_put(value);
	return false;
}

static struct json_object *patterns_of(const struct token *token)
{
	struct json_object *list = json_object_new_array();

	for (unsigned i = 0; list && i < token->n_push; i++)
		if (json_object_array_add(list, json_object_new_string(token->push[i]))) {
			json_object_put(list);
			return NULL;
		}
	return list;
}

static struct json_object *entry_of(const struct token *token)
{
	struct json_object *entry = json_object_new_object();
	const struct {
		const char *key;
		bool value;
	} flags[] = { { "read_only", token->read_only },
		      { "force", token->force },
		      { "remove", token->remove },
		      { "workflows", token->workflows } };
	bool done = entry && add(entry, "project", json_object_new_string(token->project)) &&
		    add(entry, "task", json_object_new_string(token->task));

	done = done && add(entry, "created", json_object_new_int64(token->created));
	if (*token->container)
		done = done && add(entry, "container", json_object_new_string(token->container));
	if (token->expires)
		done = done && add(entry, "expires", json_object_new_int64(token->expires));
	for (size_t i = 0; i < sizeof(flags) / sizeof(*flags); i++)
		if (flags[i].value)
			done = done && add(entry, flags[i].key, json_object_new_boolean(true));
	if (token->n_push)
		done = done && add(entry, "push", patterns_of(token));
	if (!done) {
		json_object_put(entry);
		return NULL;
	}
	return entry;
}

static void random_text(char *ret)
{
	uint8_t bytes[DIGITS / 2];
	char *at = stpcpy(ret, TOKEN_PREFIX);

	while (getrandom(bytes, sizeof(bytes), 0) != sizeof(bytes))
		;
	for (size_t i = 0; i < sizeof(bytes); i++)
		at += sprintf(at, "%02x", bytes[i]);
	explicit_bzero(bytes, sizeof(bytes));
}

static int check_wanted(const struct token *want, struct problem *why)
{
	struct problem wrong;
	int r = project_check(want->project, &wrong);

	if (r)
		return problem(why, r, "project: %s", wrong.text);
	r = project_check(want->task, &wrong);
	if (r)
		return problem(why, r, "task: %s", wrong.text);
	for (unsigned i = 0; i < want->n_push; i++)
		if (pattern_check(want->push[i], &wrong))
			return problem(why, -EINVAL, "push: %s", wrong.text);
	if (!plain(want->container))
		return problem(why, -EINVAL, "container: the name has a control character");
	return 0;
}

static int add_token(struct json_object *root, const struct token *want, char *ret,
		     struct problem *why)
{
	struct token stamped = *want;

	if (json_object_object_length(root) >= TOKENS_MAX)
		return problem(
		    why, -E2BIG,
		    "%d tokens are there, and more are not allowed; try: terok-gate token revoke",
		    TOKENS_MAX);
	stamped.created = time(NULL);
	random_text(ret);
	if (!add(root, ret, entry_of(&stamped)))
		return problem(why, -ENOMEM, "no memory for tokens");
	return 0;
}

int token_create(const char *path, const struct token *want, char *ret, struct problem *warning,
		 struct problem *why)
{
	_cleanup_(own_file_done) struct own_file file = OWN_FILE_NONE;
	_cleanup_(json_putp) struct json_object *root = NULL;
	char text[TOKEN_SIZE];
	int r = check_wanted(want, why);

	r = r ?: own_file_begin(path, &file, why);
	r = r ?: load_tree(path, &file, &root, warning, why);
	r = r ?: add_token(root, want, text, why);
	r = r ?: save_tree(&file, root, why);
	if (!r)
		strcpy(ret, text);
	return r;
}

static bool is_text(struct json_object *from, const char *key, const char *text)
{
	const char *have = json_text(from, key);

	return have && !strcmp(have, text);
}

static bool is_meant(const char *text, struct json_object *from, const struct token_which *which)
{
	struct json_object *expires = json_member(from, "expires", json_type_int);

	if (which->expired && (!expires || json_object_get_int64(expires) <= 0 ||
			       json_object_get_int64(expires) > time(NULL)))
		return false;
	if (which->text)
		return !strcmp(text, which->text) ||
		       (strlen(which->text) >= TOKEN_SHOWN &&
			!strncmp(text, which->text, strlen(which->text)));
	if (!which->project)
		return which->expired;
	return (is_text(from, "project", which->project) ||
		is_text(from, "scope", which->project)) &&
	       (!which->task || is_text(from, "task", which->task));
}

/* All but the tokens that are meant, in @ret. Return: how many those are. */
static int without_meant(struct json_object *root, const struct token_which *which,
			 struct json_object **ret, struct problem *why)
{
	_cleanup_(json_putp) struct json_object *kept = json_object_new_object();
	int n = 0;

	json_object_object_foreach(root, text, from)
	{
		if (is_meant(text, from, which))
			n++;
		else if (!kept || !add(kept, text, json_object_get(from)))
			return problem(why, -ENOMEM, "no memory for tokens");
	}
	if (which->text && n > 1)
		return problem(why, -EEXIST, "%s is the beginning of %d tokens: give more of it",
			       which->text, n);
	*ret = TAKE_PTR(kept);
	return n;
}

int token_revoke(const char *path, const struct token_which *which, struct problem *warning,
		 struct problem *why)
{
	_cleanup_(own_file_done) struct own_file file = OWN_FILE_NONE;
	_cleanup_(json_putp) struct json_object *root = NULL, *kept = NULL;
	int n, r = own_file_begin(path, &file, why);

	r = r ?: load_tree(path, &file, &root, warning, why);
	if (r)
		return r;
	n = without_meant(root, which, &kept, why);
	if (n > 0)
		r = save_tree(&file, kept, why);
	return r ?: n;
}
