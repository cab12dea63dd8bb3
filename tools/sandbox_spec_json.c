// SPDX-License-Identifier: Apache-2.0
/*
 * sandbox_spec_json.c - a spec's JSON: a table of its keys, each with what reads it
 *
 * Errors name the key, and never a value of the environment.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "sandbox_passed.h"
#include "sandbox_spec.h"

/* A member's place in the spec and what it is called, for those that are read alike. */
struct at {
	struct spec *spec;
	void *to;
	const char *key;
};

typedef int (*read_fn)(const struct at *at, struct json_object *value, struct problem *why);

static int wrong(const struct at *at, const char *wanted, struct problem *why)
{
	return problem(why, -EINVAL, "spec: %s: %s is wanted", at->key, wanted);
}

/* A text without NULs in it: what podman is told ends at the first. */
static const char *text_of(struct json_object *value)
{
	const char *text;

	if (!json_object_is_type(value, json_type_string))
		return NULL;
	text = json_object_get_string(value);
	return strlen(text) == (size_t)json_object_get_string_len(value) ? text : NULL;
}

static int read_name(const struct at *at, struct json_object *value, struct problem *why)
{
	const char *text = text_of(value);

	return text ? spec_set_name(at->spec, text, why) : wrong(at, "a text", why);
}

static int read_text(const struct at *at, struct json_object *value, struct problem *why)
{
	const char *text = text_of(value);

	return text ? spec_set_text(at->to, at->key, text, why) : wrong(at, "a text", why);
}

/* A number as podman takes it, written as a number or as a text. */
static int read_amount(const struct at *at, struct json_object *value, struct problem *why)
{
	if (json_object_is_type(value, json_type_int) ||
	    json_object_is_type(value, json_type_double))
		return spec_set_text(at->to, at->key, json_object_get_string(value), why);
	return read_text(at, value, why);
}

static int read_bool(const struct at *at, struct json_object *value, struct problem *why)
{
	if (!json_object_is_type(value, json_type_boolean))
		return wrong(at, "true or false", why);
	*(bool *)at->to = json_object_get_boolean(value);
	return 0;
}

static int read_unrestricted(const struct at *at, struct json_object *value, struct problem *why)
{
	int r = read_bool(at, value, why);

	if (!r)
		at->spec->restricted = !json_object_get_boolean(value);
	return r;
}

static int read_seconds(const struct at *at, struct json_object *value, struct problem *why)
{
	int64_t n = json_object_get_int64(value);

	if (!json_object_is_type(value, json_type_int) || n < 0 || n > SPEC_SECONDS_MAX)
		return wrong(at, "a whole number of seconds, a day at most,", why);
	*(unsigned *)at->to = n;
	return 0;
}

/* Each text of a list goes to @each. */
static int read_each(const struct at *at, struct json_object *value,
		     int (*each)(struct spec *, const char *, struct problem *),
		     struct problem *why)
{
	int r = 0;

	if (!json_object_is_type(value, json_type_array))
		return wrong(at, "a list of texts", why);
	for (size_t i = 0; !r && i < json_object_array_length(value); i++) {
		const char *text = text_of(json_object_array_get_idx(value, i));

		r = text ? each(at->spec, text, why) : wrong(at, "a list of texts", why);
	}
	return r;
}

static int read_words(const struct at *at, struct json_object *value, struct problem *why)
{
	struct words *words = at->to;

	if (!json_object_is_type(value, json_type_array))
		return wrong(at, "a list of texts", why);
	for (size_t i = 0; i < json_object_array_length(value); i++) {
		const char *text = text_of(json_object_array_get_idx(value, i));

		if (!text)
			return wrong(at, "a list of texts", why);
		words_add(words, text);
	}
	return words_error(words);
}

static int read_extra(const struct at *at, struct json_object *value, struct problem *why)
{
	_cleanup_words_ struct words words = {};
	struct at list = { at->spec, &words, at->key };

	return read_words(&list, value, why) ?: passed_flags(at->spec, &words, why);
}

static int read_caps(const struct at *at, struct json_object *value, struct problem *why)
{
	return read_each(at, value, spec_add_cap, why);
}

static int read_profiles(const struct at *at, struct json_object *value, struct problem *why)
{
	return read_each(at, value, spec_add_profile, why);
}

static int read_publish(const struct at *at, struct json_object *value, struct problem *why)
{
	return read_each(at, value, spec_add_publish, why);
}

static int read_runtime(const struct at *at, struct json_object *value, struct problem *why)
{
	const char *text = text_of(value);

	return text ? spec_set_runtime(at->spec, text, why) : wrong(at, "crun or krun", why);
}

/* NAME=VALUE; a value that is null is ours of that name. */
static int read_env(const struct at *at, struct json_object *value, struct problem *why)
{
	int r = 0;

	if (!json_object_is_type(value, json_type_object))
		return wrong(at, "an object of texts", why);
	json_object_object_foreach(value, name, one)
	{
		_cleanup_free_ char *pair = NULL;
		const char *text = text_of(one);

		if ((one && !text) || strchr(name, '='))
			return wrong(at, "an object of texts", why);
		if (asprintf(&pair, "%s%s%s", name, text ? "=" : "", text ?: "") < 0) {
			pair = NULL;
			return -ENOMEM;
		}
		r = spec_add_env(at->spec, pair, why);
		if (r)
			return r;
	}
	return 0;
}

static int read_annotations(const struct at *at, struct json_object *value, struct problem *why)
{
	int r = 0;

	if (!json_object_is_type(value, json_type_object))
		return wrong(at, "an object of texts", why);
	json_object_object_foreach(value, key, one)
	{
		const char *text = text_of(one);

		r = text ? spec_add_annotation(at->spec, key, text, why)
			 : wrong(at, "an object of texts", why);
		if (r)
			return r;
	}
	return 0;
}

/* {"host_path", "container_path", "sharing", "read_only", "live"} as podman's -v has it */
static int read_volume_object(const struct at *at, struct json_object *volume, struct problem *why)
{
	const char *host = NULL, *inside = NULL, *sharing = "private";
	_cleanup_free_ char *text = NULL;
	bool read_only = false;

	json_object_object_foreach(volume, key, one)
	{
		if (!strcmp(key, "host_path"))
			host = text_of(one);
		else if (!strcmp(key, "container_path"))
			inside = text_of(one);
		else if (!strcmp(key, "sharing"))
			sharing = text_of(one);
		else if (!strcmp(key, "read_only") && json_object_is_type(one, json_type_boolean))
			read_only = json_object_get_boolean(one);
		else if (strcmp(key, "live") || !json_object_is_type(one, json_type_boolean))
			return problem(why, -EINVAL, "spec: volumes: '%.40s' is not understood",
				       key);
	}
	if (!host || !inside || !sharing || *inside != '/' || strchr(host, ':') ||
	    strchr(inside, ':') || (strcmp(sharing, "private") && strcmp(sharing, "shared")))
		return wrong(at,
			     "host_path and container_path without a colon, and sharing private or "
			     "shared,",
			     why);
	if (asprintf(&text, "%s:%s:%s%s", host, inside, *sharing == 'p' ? "Z" : "z",
		     read_only ? ",ro" : "") < 0) {
		text = NULL;
		return -ENOMEM;
	}
	return spec_add_volume(at->spec, text, why);
}

static int read_volumes(const struct at *at, struct json_object *value, struct problem *why)
{
	int r = 0;

	if (!json_object_is_type(value, json_type_array))
		return wrong(at, "a list", why);
	for (size_t i = 0; !r && i < json_object_array_length(value); i++) {
		struct json_object *one = json_object_array_get_idx(value, i);
		const char *text = text_of(one);

		if (text)
			r = spec_add_volume(at->spec, text, why);
		else if (json_object_is_type(one, json_type_object))
			r = read_volume_object(at, one, why);
		else
			r = wrong(at, "a list of texts or objects", why);
	}
	return r;
}

static int read_gpu_enabled(const struct at *at, struct json_object *value, struct problem *why)
{
	bool enabled = false;
	struct at flag = { at->spec, &enabled, at->key };
	int r = read_bool(&flag, value, why);

	return r || !enabled ? r : spec_set_gpus(at->spec, spec_gpu_name[GPU_NVIDIA], why);
}

static int read_gpus(const struct at *at, struct json_object *value, struct problem *why)
{
	const char *text = text_of(value);

	if (!value || json_object_is_type(value, json_type_boolean))
		return json_object_get_boolean(value) ? spec_set_gpus(at->spec, "all", why) : 0;
	return text ? spec_set_gpus(at->spec, text, why) : read_each(at, value, spec_set_gpus, why);
}

static int read_loopback(const struct at *at, struct json_object *value, struct problem *why)
{
	struct spec *spec = at->spec;

	if (!json_object_is_type(value, json_type_array) ||
	    json_object_array_length(value) > SPEC_LOOPBACK)
		return wrong(at, "a list of at most 16 ports", why);
	spec->n_loopback = 0;
	for (size_t i = 0; i < json_object_array_length(value); i++) {
		struct json_object *one = json_object_array_get_idx(value, i);
		int64_t port = json_object_get_int64(one);

		if (!json_object_is_type(one, json_type_int) || port < 1 || port > 65535)
			return wrong(at, "a list of ports", why);
		spec->loopback[spec->n_loopback++] = port;
	}
	return 0;
}

/* STAGE: a text for sh, or a list that is run as it is */
static int read_hooks(const struct at *at, struct json_object *value, struct problem *why)
{
	if (!json_object_is_type(value, json_type_object))
		return wrong(at, "an object of commands", why);
	json_object_object_foreach(value, stage, one)
	{
		const char *text = text_of(one);
		int r = one ? spec_set_hook(at->spec, stage, text ?: "", why) : 0;
		struct at list = { at->spec, NULL, at->key };

		for (unsigned i = 0; !r && one && !text && i < HOOK_MAX_; i++) {
			if (strcmp(stage, spec_hook_name[i]))
				continue;
			list.to = &at->spec->hooks[i];
			words_free(list.to);
			r = read_words(&list, one, why);
			if (!r && !at->spec->hooks[i].n)
				r = wrong(at, "a command", why);
		}
		if (r)
			return r;
	}
	return 0;
}

/* A kind of sandbox that copies its files in: not made here. */
static int read_sealed(const struct at *at, struct json_object *value, struct problem *why)
{
	if (!json_object_is_type(value, json_type_boolean))
		return wrong(at, "true or false", why);
	return json_object_get_boolean(value)
		   ? problem(why, -EINVAL, "spec: sealed: not supported; mount what it needs")
		   : 0;
}

#define AT(member) offsetof(struct spec, member)

static const struct {
	const char *key;
	read_fn read;
	size_t place;
} keys[] = {
	{ "container_name", read_name, 0 },
	{ "image", read_text, AT(image) },
	{ "env", read_env, 0 },
	{ "volumes", read_volumes, 0 },
	{ "command", read_words, AT(command) },
	{ "task_dir", read_text, AT(task_dir) },
	{ "extra_args", read_extra, 0 },
	{ "unrestricted", read_unrestricted, AT(restricted) },
	{ "gpu_enabled", read_gpu_enabled, 0 },
	{ "gpus", read_gpus, 0 },
	{ "memory", read_amount, AT(memory) },
	{ "cpus", read_amount, AT(cpus) },
	{ "hostname", read_text, AT(hostname) },
	{ "workdir", read_text, AT(workdir) },
	{ "network", read_text, AT(network) },
	{ "sealed", read_sealed, 0 },
	{ "ephemeral", read_bool, AT(ephemeral) },
	{ "caps", read_caps, 0 },
	{ "runtime", read_runtime, 0 },
	{ "annotations", read_annotations, 0 },
	{ "hooks", read_hooks, 0 },
	{ "hook_timeout", read_seconds, AT(hook_s) },
	{ "loopback_ports", read_loopback, 0 },
	{ "guard", read_text, AT(guard) },
	{ "profiles", read_profiles, 0 },
	{ "publish", read_publish, 0 },
	{ "bypass_firewall_no_protection", read_bool, AT(no_guard) },
	{ "ready_marker", read_text, AT(marker) },
	{ "wait_ready", read_bool, AT(wait_ready) },
	{ "ready_timeout", read_seconds, AT(ready_s) },
	{ "shutdown_timeout", read_seconds, AT(grace_s) },
};

static int read_member(struct spec *spec, const char *key, struct json_object *value,
		       struct problem *why)
{
	for (unsigned i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		struct at at = { spec, (char *)spec + keys[i].place, keys[i].key };

		if (strcmp(keys[i].key, key))
			continue;
		/* null is what is not said */
		return value ? keys[i].read(&at, value, why) : 0;
	}
	return problem(why, -EINVAL, "spec: '%.60s' is no key of a spec", key);
}

int spec_parse(struct spec *spec, const char *text, size_t size, struct problem *why)
{
	_cleanup_(json_putp) struct json_object *object = NULL;

	if (size > SPEC_MAX)
		return problem(why, -EINVAL, "spec: more than %u bytes", SPEC_MAX);
	if (json_parse(text, size, &object) || !json_object_is_type(object, json_type_object))
		return problem(why, -EINVAL, "spec: it is no JSON object");
	json_object_object_foreach(object, key, value)
	{
		int r = read_member(spec, key, value, why);

		if (r)
			return r;
	}
	return 0;
}
