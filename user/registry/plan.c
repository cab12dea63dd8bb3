// SPDX-License-Identifier: Apache-2.0
#include "plan.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/json_scan.h"
#include "base/log.h"
#include "service/own_file.h"

/* The text is read in place: so each thing that is wrong has its line, and each key is seen, also again. */
struct reading {
	const char *text;
	char where[PLAN_NAME_MAX + 32]; /* "step 3 (git): " */
	struct problem *why;
	int r; /* what was wrong first; whatever comes behind it is not looked at */
};

static unsigned line_of(const struct reading *in, const char *at)
{
	unsigned line = 1;

	for (const char *p = in->text; p < at; p++)
		line += *p == '\n';
	return line;
}

static int wrong(const struct reading *in, const char *at, const char *what, const char *how)
{
	return problem(in->why, -EINVAL, "%u: %s%.40s %s", line_of(in, at), in->where, what, how);
}

static int no_memory(const struct reading *in)
{
	return problem(in->why, -ENOMEM, "no memory");
}

/* --- objects: each key once, and those alone that are known ------------------------------- */

struct keys {
	struct reading *in;
	const char *const *known; /* a NULL ends them */
	struct json_span *value;  /* one for each of them; .text NULL: it is not there */
	const char *how;          /* what is wrong with a key that is none of them */
};

static void take_key(const struct json_span *key, const struct json_span *value, void *user)
{
	struct keys *keys = user;
	unsigned i = 0;
	char text[32], safe[128];

	if (keys->in->r)
		return;
	while (keys->known[i] && !json_span_is(key, keys->known[i]))
		i++;
	if (keys->known[i] && !keys->value[i].text) {
		keys->value[i] = *value;
		return;
	}
	text[json_span_text(key, text, sizeof(text) - 1)] = '\0';
	keys->in->r = wrong(keys->in, key->text, log_safe(safe, sizeof(safe), text),
			    keys->known[i] ? "is there twice" : keys->how);
}

static int keys_read(struct reading *in, const struct json_span *from, const char *const *known,
		     const char *how, struct json_span *ret)
{
	struct keys keys = { in, known, ret, how };

	if (from->type != json_type_object || json_scan(from->text, from->n, take_key, &keys))
		return wrong(in, from->text, "it", "is no object");
	return in->r;
}

/* --- values ------------------------------------------------------------------------------- */

/* @max: bytes. A NUL would end it for the kernel, and not for who reads the plan. */
static int text_read(const struct reading *in, const char *key, const struct json_span *from,
		     size_t max, char **ret)
{
	_cleanup_free_ char *text = NULL;
	size_t n;

	if (from->type != json_type_string)
		return wrong(in, from->text, key, "is no text");
	text = malloc(from->n + 1);
	if (!text)
		return no_memory(in);
	n = json_span_text(from, text, from->n);
	text[n] = '\0';
	if (strlen(text) != n)
		return wrong(in, from->text, key, "has a NUL");
	if (n > max)
		return wrong(in, from->text, key, "is too long");
	*ret = TAKE_PTR(text);
	return 0;
}

static int number_read(const struct reading *in, const char *key, const struct json_span *from,
		       uint32_t min, uint32_t max, uint32_t *ret)
{
	char digits[16] = "";
	long long number;

	if (from->type != json_type_int)
		return wrong(in, from->text, key, "is no whole number");
	if (from->n < sizeof(digits))
		memcpy(digits, from->text, from->n);
	number = strtoll(digits, NULL, 10);
	if (from->n >= sizeof(digits) || number < min || number > max)
		return wrong(in, from->text, key, "is out of range");
	*ret = (uint32_t)number;
	return 0;
}

/* What an array or an object has, into a step. */
struct filling {
	struct reading *in;
	struct plan_step *step;
	size_t n;
};

static void count_word(const struct json_span *value, void *user)
{
	(void)value;
	(*(size_t *)user)++;
}

static void take_word(const struct json_span *value, void *user)
{
	struct filling *filling = user;
	struct plan_step *step = filling->step;

	if (filling->in->r)
		return;
	filling->in->r =
	    text_read(filling->in, "command", value, PLAN_TEXT_MAX, &step->argv[step->n_argv]);
	step->n_argv++;
}

static int words_read(struct reading *in, const struct json_span *from, struct plan_step *ret)
{
	struct filling filling = { .in = in, .step = ret };
	size_t n = 0;

	if (from->type != json_type_array || json_each(from->text, from->n, count_word, &n))
		return wrong(in, from->text, "command", "is neither a text nor an array of them");
	if (!n || n > PLAN_WORDS)
		return wrong(in, from->text, "command", "has no word, or too many");
	ret->argv = calloc(n, sizeof(*ret->argv));
	if (!ret->argv)
		return no_memory(in);
	json_each(from->text, from->n, take_word, &filling);
	return in->r;
}

/* A text is the shell's. */
static int command_read(struct reading *in, const struct json_span *from, struct plan_step *ret)
{
	static const char *const shell[] = { "/bin/sh", "-c" };
	int r;

	if (from->type != json_type_string) {
		r = words_read(in, from, ret);
		return r ?: *ret->argv[0] ? 0 : wrong(in, from->text, "command", "is empty");
	}
	ret->argv = calloc(3, sizeof(*ret->argv));
	if (!ret->argv)
		return no_memory(in);
	for (ret->n_argv = 0; ret->n_argv < 2; ret->n_argv++)
		if (!(ret->argv[ret->n_argv] = strdup(shell[ret->n_argv])))
			return no_memory(in);
	r = text_read(in, "command", from, PLAN_TEXT_MAX, &ret->argv[ret->n_argv++]);
	return r ?: *ret->argv[2] ? 0 : wrong(in, from->text, "command", "is empty");
}

static int variable_read(struct reading *in, const struct json_span *key,
			 const struct json_span *value, struct plan_step *step)
{
	struct plan_env *env = &step->env[step->n_env];
	char safe[64];
	int r;

	if (step->n_env == PLAN_WORDS)
		return wrong(in, key->text, "env", "has too many variables");
	r = text_read(in, "env", key, PLAN_TEXT_MAX, &env->key);
	if (r)
		return r;
	step->n_env++; /* freed with the step from now on */
	log_safe(safe, sizeof(safe), env->key);
	if (!*env->key || strchr(env->key, '='))
		return wrong(in, key->text, "env", "has a name that is none");
	for (size_t i = 0; i + 1 < step->n_env; i++)
		if (!strcmp(step->env[i].key, env->key))
			return wrong(in, key->text, safe, "is there twice");
	return text_read(in, safe, value, PLAN_TEXT_MAX, &env->value);
}

static void take_variable(const struct json_span *key, const struct json_span *value, void *user)
{
	struct filling *filling = user;

	filling->in->r = filling->in->r ?: variable_read(filling->in, key, value, filling->step);
}

static int env_read(struct reading *in, const struct json_span *from, struct plan_step *ret)
{
	struct filling filling = { .in = in, .step = ret };

	if (from->type != json_type_object)
		return wrong(in, from->text, "env", "is no object");
	ret->env = calloc(PLAN_WORDS, sizeof(*ret->env));
	if (!ret->env)
		return no_memory(in);
	json_scan(from->text, from->n, take_variable, &filling);
	return in->r;
}

static int input_read(const struct reading *in, const struct json_span *from, struct plan_step *ret)
{
	int r = text_read(in, "stdin", from, PLAN_STDIN_MAX, &ret->input);

	ret->n_input = r ? 0 : strlen(ret->input);
	return r;
}

/* --- a step -------------------------------------------------------------------------------- */

enum { NAME, UID, GID, COMMAND, CWD, ENV, STDIN, TIMEOUT, STEP_KEYS };

static const char *const step_keys[] = { "name", "uid",   "gid",     "command", "cwd",
					 "env",  "stdin", "timeout", NULL };
_Static_assert(sizeof(step_keys) / sizeof(*step_keys) == STEP_KEYS + 1, "all keys");

static int name_read(const struct reading *in, const struct json_span *it,
		     const struct json_span *from, struct plan_step *ret)
{
	int r;
	size_t n;

	if (from->type != json_type_string)
		return wrong(in, from->text ?: it->text, "name", "is missing, or no text");
	r = text_read(in, "name", from, PLAN_NAME_MAX, &ret->name);
	if (r)
		return r;
	n = strspn(ret->name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-");
	if (!n || ret->name[n])
		return wrong(in, from->text, "name", "is not up to 32 letters, digits and -");
	return strcmp(ret->name, PLAN_READY)
		   ? 0
		   : wrong(in, from->text, "name", "is that of the step behind all others");
}

static int name_alone(const struct reading *in, const struct json_span *from,
		      const struct plan *before, const char *name)
{
	for (unsigned i = 0; i < before->n; i++)
		if (!strcmp(before->step[i].name, name))
			return wrong(in, from->text, "name", "is another step's as well");
	return 0;
}

/* Whose program it is must be said: no default is safe. */
static int needed(const struct reading *in, const struct json_span *it,
		  const struct json_span *value)
{
	for (unsigned i = UID; i <= COMMAND; i++)
		if (!value[i].text)
			return wrong(in, it->text, step_keys[i], "is missing");
	return 0;
}

static int values_read(struct reading *in, const struct json_span *value, struct plan_step *ret)
{
	int r = number_read(in, "uid", &value[UID], 0, UINT32_MAX - 1, &ret->uid)
		    ?: number_read(in, "gid", &value[GID], 0, UINT32_MAX - 1, &ret->gid)
			   ?: command_read(in, &value[COMMAND], ret);

	if (!r && value[CWD].text)
		r = text_read(in, "cwd", &value[CWD], PLAN_TEXT_MAX, &ret->cwd);
	if (!r && value[ENV].text)
		r = env_read(in, &value[ENV], ret);
	if (!r && value[STDIN].text)
		r = input_read(in, &value[STDIN], ret);
	if (!r && value[TIMEOUT].text)
		r = number_read(in, "timeout", &value[TIMEOUT], 1, PLAN_TIMEOUT_MAX,
				&ret->timeout_s);
	return r;
}

static int step_read(struct reading *in, const struct json_span *it, const struct plan *before,
		     struct plan_step *ret)
{
	struct json_span value[STEP_KEYS] = {};
	char
	    name[PLAN_NAME_MAX + 1]; /* no longer: gcc does not know what name_read() has seen to */
	int r;

	snprintf(in->where, sizeof(in->where), "step %u: ", before->n + 1);
	r = keys_read(in, it, step_keys, "is no key of a step", value)
		?: name_read(in, it, &value[NAME], ret);
	if (r)
		return r;
	snprintf(name, sizeof(name), "%s", ret->name);
	snprintf(in->where, sizeof(in->where), "step %u (%s): ", before->n + 1, name);
	ret->timeout_s = PLAN_TIMEOUT_S;
	return name_alone(in, &value[NAME], before, name) ?: needed(in, it, value)
							?: values_read(in, value, ret);
}

/* --- the file ------------------------------------------------------------------------------- */

struct steps {
	struct reading *in;
	struct plan *plan;
};

static void take_step(const struct json_span *value, void *user)
{
	struct steps *steps = user;
	struct plan *plan = steps->plan;

	if (steps->in->r)
		return;
	steps->in->r = step_read(steps->in, value, plan, &plan->step[plan->n]);
	plan->n++;
}

static int steps_read(struct reading *in, const struct json_span *root, struct plan *plan)
{
	static const char *const keys[] = { "steps", NULL };
	struct steps into = { in, plan };
	struct json_span steps = {};
	size_t n = 0;
	int r = keys_read(in, root, keys, "is no key of a plan", &steps);

	if (r)
		return r;
	if (steps.type != json_type_array || json_each(steps.text, steps.n, count_word, &n))
		return wrong(in, steps.text ?: root->text, "steps", "is missing, or no array");
	if (n > PLAN_MAX)
		return problem(in->why, -EINVAL, "%u: it has %zu steps, more than %d",
			       line_of(in, steps.text), n, PLAN_MAX);
	plan->step = calloc(n + 1, sizeof(*plan->step));
	if (!plan->step)
		return no_memory(in);
	json_each(steps.text, steps.n, take_step, &into);
	return in->r;
}

int plan_parse(const char *text, size_t size, struct plan **ret, struct problem *why)
{
	_cleanup_(plan_freep) struct plan *plan = calloc(1, sizeof(*plan));
	struct reading in = { .text = text, .why = why };
	struct json_span root = { .text = text, .n = size, .type = json_type_object };
	int r;

	if (!plan)
		return no_memory(&in);
	plan->refs = 1;
	if (!json_check(text, size))
		return wrong(&in, text + json_wrong(text, size), "it", "is no JSON from here on");
	root.text += strspn(text, " \t\r\n"); /* which a value begins behind, as was checked */
	root.n -= (size_t)(root.text - text);
	r = steps_read(&in, &root, plan);
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
	return r ? problem(why, r, "%.110s:%.130s", path, inner.text) : 0;
}

struct plan *plan_ref(struct plan *plan)
{
	if (plan)
		plan->refs++;
	return plan;
}

void plan_free(struct plan *plan)
{
	if (!plan || --plan->refs)
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
