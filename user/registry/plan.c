// SPDX-License-Identifier: Apache-2.0
#include "plan.h"

#include <errno.h>
#include <string.h>

#include "base/json.h"
#include "service/own_file.h"

struct reading {
	char where[PLAN_NAME_MAX + 32]; /* "step 3 (git)" */
	struct problem *why;
};

static int wrong(const struct reading *in, const char *key, const char *how)
{
	return problem(in->why, -EINVAL, "%s: %.40s %s", in->where, key, how);
}

static int no_memory(const struct reading *in)
{
	return problem(in->why, -ENOMEM, "no memory");
}

/* @max: bytes. A NUL would end it for the kernel, and not for who reads the plan. */
static int text_read(const struct reading *in, const char *key, struct json_object *from,
		     size_t max, char **ret)
{
	const char *text;

	if (!json_object_is_type(from, json_type_string))
		return wrong(in, key, "is no text");
	text = json_object_get_string(from);
	if (strlen(text) != (size_t)json_object_get_string_len(from))
		return wrong(in, key, "has a NUL");
	if (strlen(text) > max)
		return wrong(in, key, "is too long");
	*ret = strdup(text);
	return *ret ? 0 : no_memory(in);
}

static int number_read(const struct reading *in, const char *key, struct json_object *from,
		       uint32_t min, uint32_t max, uint32_t *ret)
{
	int64_t number = json_object_get_int64(from);

	if (!json_object_is_type(from, json_type_int))
		return wrong(in, key, "is no whole number");
	if (number < min || number > max)
		return wrong(in, key, "is out of range");
	*ret = (uint32_t)number;
	return 0;
}

/* A text is the shell's. */
static int command_read(const struct reading *in, struct json_object *from, struct plan_step *ret)
{
	static const char *const shell[] = { "/bin/sh", "-c" };
	bool text = json_object_is_type(from, json_type_string);
	size_t n = text ? 3 : 0;

	if (json_object_is_type(from, json_type_array))
		n = json_object_array_length(from);
	else if (!text)
		return wrong(in, "command", "is neither a text nor an array of them");
	if (!n || n > PLAN_WORDS)
		return wrong(in, "command", "has no word, or too many");
	ret->argv = calloc(n, sizeof(*ret->argv));
	if (!ret->argv)
		return no_memory(in);
	for (ret->n_argv = 0; ret->n_argv < n; ret->n_argv++) {
		char **word = &ret->argv[ret->n_argv];
		struct json_object *said = text ? from
						: json_object_array_get_idx(from, ret->n_argv);
		int r = 0;

		if (text && ret->n_argv < 2)
			*word = strdup(shell[ret->n_argv]);
		else
			r = text_read(in, "command", said, PLAN_TEXT_MAX, word);
		if (r || !*word)
			return r ?: no_memory(in);
	}
	return *ret->argv[0] && (!text || *ret->argv[2]) ? 0 : wrong(in, "command", "is empty");
}

static int env_read(const struct reading *in, struct json_object *from, struct plan_step *ret)
{
	int r;

	if (!json_object_is_type(from, json_type_object))
		return wrong(in, "env", "is no object");
	if (json_object_object_length(from) > PLAN_WORDS)
		return wrong(in, "env", "has too many variables");
	ret->env = calloc((size_t)json_object_object_length(from) + 1, sizeof(*ret->env));
	if (!ret->env)
		return no_memory(in);
	json_object_object_foreach(from, key, value)
	{
		struct plan_env *env = &ret->env[ret->n_env++];

		if (!*key || strchr(key, '=') || strlen(key) > PLAN_TEXT_MAX)
			return wrong(in, "env", "has a name that is none");
		env->key = strdup(key);
		r = env->key ? text_read(in, key, value, PLAN_TEXT_MAX, &env->value)
			     : no_memory(in);
		if (r)
			return r;
	}
	return 0;
}

static int name_check(const struct reading *in, const char *name)
{
	size_t n = strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-");

	if (!n || name[n] || n > PLAN_NAME_MAX)
		return wrong(in, "name", "is not up to 32 letters, digits and -");
	return strcmp(name, PLAN_READY)
		   ? 0
		   : wrong(in, "name", "is that of the step behind all others");
}

static int input_read(const struct reading *in, struct json_object *from, struct plan_step *ret)
{
	int r = text_read(in, "stdin", from, PLAN_STDIN_MAX, &ret->input);

	ret->n_input = r ? 0 : strlen(ret->input);
	return r;
}

static int key_read(const struct reading *in, const char *key, struct json_object *value,
		    struct plan_step *ret)
{
	if (!strcmp(key, "name"))
		return 0; /* it was read first, for the words of all that is wrong */
	if (!strcmp(key, "uid"))
		return number_read(in, key, value, 0, UINT32_MAX - 1, &ret->uid);
	if (!strcmp(key, "gid"))
		return number_read(in, key, value, 0, UINT32_MAX - 1, &ret->gid);
	if (!strcmp(key, "cwd"))
		return text_read(in, key, value, PLAN_TEXT_MAX, &ret->cwd);
	if (!strcmp(key, "env"))
		return env_read(in, value, ret);
	if (!strcmp(key, "command"))
		return command_read(in, value, ret);
	if (!strcmp(key, "stdin"))
		return input_read(in, value, ret);
	if (!strcmp(key, "timeout"))
		return number_read(in, key, value, 1, PLAN_TIMEOUT_MAX, &ret->timeout_s);
	return wrong(in, key, "is no key of a step");
}

/* Whose program it is must be said: no default is safe. */
static int needed(const struct reading *in, struct json_object *from)
{
	static const char *const keys[] = { "uid", "gid", "command" };

	for (unsigned i = 0; i < sizeof(keys) / sizeof(*keys); i++)
		if (!json_object_object_get_ex(from, keys[i], NULL))
			return wrong(in, keys[i], "is missing");
	return 0;
}

static int step_read(struct reading *in, struct json_object *from, const struct plan *before,
		     struct plan_step *ret)
{
	struct json_object *name = json_member(from, "name", json_type_string);
	int r;

	snprintf(in->where, sizeof(in->where), "step %u", before->n + 1);
	if (!json_object_is_type(from, json_type_object))
		return wrong(in, "it", "is no object");
	if (!name)
		return wrong(in, "name", "is missing, or no text");
	r = text_read(in, "name", name, PLAN_NAME_MAX, &ret->name) ?: name_check(in, ret->name);
	if (r)
		return r;
	snprintf(in->where, sizeof(in->where), "step %u (%s)", before->n + 1, ret->name);
	for (unsigned i = 0; i < before->n; i++)
		if (!strcmp(before->step[i].name, ret->name))
			return wrong(in, "name", "is another step's as well");
	ret->timeout_s = PLAN_TIMEOUT_S;
	json_object_object_foreach(from, key, value)
	{
		r = key_read(in, key, value, ret);
		if (r)
			return r;
	}
	return needed(in, from);
}

static int steps_read(struct json_object *root, struct plan *plan, struct problem *why)
{
	struct reading in = { .why = why };
	struct json_object *steps = json_member(root, "steps", json_type_array);
	size_t n = steps ? json_object_array_length(steps) : 0;
	int r = 0;

	if (!json_object_is_type(root, json_type_object))
		return problem(why, -EINVAL, "it is no object");
	json_object_object_foreach(root, key, value)
	{
		(void)value;
		if (strcmp(key, "steps") != 0)
			return problem(why, -EINVAL, "%.40s is no key of a plan", key);
	}
	if (!steps)
		return problem(why, -EINVAL, "steps is missing, or no array");
	if (n > PLAN_MAX)
		return problem(why, -EINVAL, "it has %zu steps, more than %d", n, PLAN_MAX);
	plan->step = calloc(n + 1, sizeof(*plan->step));
	if (!plan->step)
		return problem(why, -ENOMEM, "no memory");
	for (size_t i = 0; i < n && !r; i++) {
		r = step_read(&in, json_object_array_get_idx(steps, i), plan, &plan->step[i]);
		plan->n++;
	}
	return r;
}

int plan_parse(const char *text, size_t size, struct plan **ret, struct problem *why)
{
	_cleanup_(json_putp) struct json_object *root = NULL;
	_cleanup_(plan_freep) struct plan *plan = calloc(1, sizeof(*plan));
	int r;

	if (!plan)
		return problem(why, -ENOMEM, "no memory");
	if (json_parse(text, size, &root))
		return problem(why, -EINVAL, "it is no JSON");
	r = steps_read(root, plan, why);
	if (!r)
		*ret = TAKE_PTR(plan);
	return r;
}

int plan_read(const char *path, struct plan **ret, struct problem *why)
{
	_cleanup_free_ char *text = NULL;
	struct problem inner = {};
	size_t size = 0;
	int r = own_file_read(path, PLAN_FILE_MAX, &text, &size, NULL, why);

	if (r)
		return r;
	if (!text)
		return problem(why, -ENOENT, "%.180s is not there", path);
	r = plan_parse(text, size, ret, &inner);
	return r ? problem(why, r, "%.120s: %.120s", path, inner.text) : 0;
}

void plan_free(struct plan *plan)
{
	if (!plan)
		return;
	for (unsigned i = 0; i < plan->n; i++) {
		struct plan_step *step = &plan->step[i];

		for (size_t k = 0; k < step->n_argv; k++)
			free(step->argv[k]);
		for (size_t k = 0; k < step->n_env; k++) {
			free(step->env[k].key);
			free(step->env[k].value);
		}
		free(step->name);
		free(step->cwd);
		free(step->argv);
		free(step->env);
		free(step->input);
	}
	free(plan->step);
	free(plan);
}
