// SPDX-License-Identifier: Apache-2.0
#include "policy.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "service/own_file.h"
#include "pattern.h"

#define GIB (UINT64_C(1) << 30)

char *policy_path(const char *base, const char *project)
{
	char *path;

	return asprintf(&path, "%s/%s.policy.json", base, project) < 0 ? NULL : path;
}

static void list_done(struct policy_list *list)
{
	for (unsigned i = 0; i < list->n; i++)
		free(list->item[i]);
	list->n = 0;
}

void policy_done(struct policy *policy)
{
	list_done(&policy->push);
	list_done(&policy->protect);
	list_done(&policy->forbidden);
}

static int list_add(struct policy_list *list, const char *pattern)
{
	list->item[list->n] = strdup(pattern);
	if (!list->item[list->n])
		return -ENOMEM;
	list->n++;
	return 0;
}

static int defaults(struct policy *policy)
{
	*policy = (struct policy){
		.max_push = 8 * GIB, .max_object = 2 * GIB, .max_refs = 1000, .check_seconds = 60
	};
	return list_add(&policy->push, "refs/heads/**") ?: list_add(&policy->push, "refs/tags/**")
		   ?: list_add(&policy->forbidden, ".github/workflows/**");
}

/* --- what a key's value may be ---------------------------------------------------------- */

static int take_patterns(struct json_object *value, struct policy_list *list, const char *key,
			 struct problem *why)
{
	struct problem wrong;

	if (!json_object_is_type(value, json_type_array) ||
	    json_object_array_length(value) > POLICY_PATTERNS)
		return problem(why, -EINVAL, "%s is no list of up to %d patterns", key,
			       POLICY_PATTERNS);
	list_done(list);
	for (size_t i = 0; i < json_object_array_length(value); i++) {
		struct json_object *item = json_object_array_get_idx(value, i);
		const char *text = json_object_is_type(item, json_type_string)
				       ? json_object_get_string(item)
				       : NULL;

		if (!text || strlen(text) != (size_t)json_object_get_string_len(item))
			return problem(why, -EINVAL, "%s: item %zu is no pattern", key, i + 1);
		if (pattern_check(text, &wrong))
			return problem(why, -EINVAL, "%s: item %zu: %s", key, i + 1, wrong.text);
		if (list_add(list, text))
			return problem(why, -ENOMEM, "no memory for a policy");
	}
	return 0;
}

static int take_number(struct json_object *value, uint64_t *ret, uint64_t min, uint64_t max,
		       const char *key, struct problem *why)
{
	int64_t n = json_object_is_type(value, json_type_int) ? json_object_get_int64(value) : -1;

	if (n < 0 || (uint64_t)n < min || (uint64_t)n > max)
		return problem(why, -EINVAL, "%s is no number from %llu to %llu", key,
			       (unsigned long long)min, (unsigned long long)max);
	*ret = n;
	return 0;
}

static int take_word(struct json_object *value, bool *ret, const char *strict, const char *key,
		     struct problem *why)
{
	const char *text =
	    json_object_is_type(value, json_type_string) ? json_object_get_string(value) : "";

	if (strcmp(text, strict) && strcmp(text, "any"))
		return problem(why, -EINVAL, "%s is neither \"%s\" nor \"any\"", key, strict);
	*ret = !strcmp(text, "any");
	return 0;
}

static int take_key(const char *key, struct json_object *value, struct policy *policy,
		    struct problem *why)
{
	const struct {
		const char *key;
		struct policy_list *list;
	} lists[] = { { "push", &policy->push },
		      { "protected", &policy->protect },
		      { "forbidden", &policy->forbidden } };
	const struct {
		const char *key;
		uint64_t *to, min, max;
	} numbers[] = { { "max_push", &policy->max_push, 1, INT64_MAX },
			{ "max_object", &policy->max_object, 0, INT64_MAX },
			{ "max_refs", &policy->max_refs, 1, 100000 },
			{ "check_seconds", &policy->check_seconds, 1, 86400 },
			{ "ask_seconds", &policy->ask_seconds, 0, 86400 } };

	for (size_t i = 0; i < sizeof(lists) / sizeof(*lists); i++)
		if (!strcmp(key, lists[i].key))
			return take_patterns(value, lists[i].list, key, why);
	for (size_t i = 0; i < sizeof(numbers) / sizeof(*numbers); i++)
		if (!strcmp(key, numbers[i].key))
			return take_number(value, numbers[i].to, numbers[i].min, numbers[i].max,
					   key, why);
	if (!strcmp(key, "symlinks"))
		return take_word(value, &policy->any_symlinks, "inside", key, why);
	if (!strcmp(key, "submodules"))
		return take_word(value, &policy->any_submodules, "safe", key, why);
	return problem(
	    why, -EINVAL,
	    "no key '%.40s': there are push, protected, forbidden, max_push, max_object, "
	    "max_refs, check_seconds, ask_seconds, symlinks, submodules",
	    key);
}

int policy_parse(const char *text, size_t size, struct policy *ret, struct problem *why)
{
	_cleanup_(json_putp) struct json_object *root = NULL;
	_cleanup_(policy_done) struct policy policy;
	int r = defaults(&policy);

	if (r)
		return problem(why, r, "no memory for a policy");
	if (json_parse(text, size, &root) || !json_object_is_type(root, json_type_object))
		return problem(why, -EINVAL, "no JSON object");
	json_object_object_foreach(root, key, value)
	{
		r = take_key(key, value, &policy, why);
		if (r)
			return r;
	}
	*ret = policy;
	policy = (struct policy){};
	return 0;
}

int policy_read(const char *base, const char *project, struct policy *ret, struct problem *why)
{
	_cleanup_free_ char *path = policy_path(base, project), *text = NULL;
	struct problem wrong;
	size_t size;
	int r;

	if (!path)
		return problem(why, -ENOMEM, "no memory for a policy");
	r = own_file_read(path, POLICY_FILE_MAX, &text, &size, NULL, why);
	if (r)
		return r;
	r = policy_parse(text ?: "{}", text ? size : 2, ret, &wrong);
	if (r)
		return problem(why, r, "%s.policy.json: %s", project, wrong.text);
	ret->from_file = text;
	return 0;
}

const char *policy_matches(const struct policy_list *list, const char *text,
			   bool (*matches)(const char *pattern, const char *text))
{
	for (unsigned i = 0; i < list->n; i++)
		if (matches(list->item[i], text))
			return list->item[i];
	return NULL;
}
