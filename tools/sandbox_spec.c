// SPDX-License-Identifier: Apache-2.0
#include "sandbox_spec.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGITS  "0123456789"
#define NO_NAME "\"'`*\\" /* of a variable: podman's file of them or its patterns take these */

/* Where programs of ours are in a container: nothing of a person's may lie over them. */
static const char *const taken_targets[] = { "/usr/local/share/terok-sandbox/bridges",
					     "/run/terok" };

static const char *const annotations_allowed[] = { "dossier.meta_path", "krun.cpus",
						   "terok.sandbox.sidecar" };

const char *const spec_hook_name[HOOK_MAX_] = { "pre_start", "post_start", "post_ready",
						"post_stop" };
const char *const spec_gpu_name[GPU_MAX_] = { "nvidia", "amd", "intel" };

int spec_init(struct spec *spec)
{
	static const uint16_t services[] = { 9418, 18731, 18732 }; /* gate, proxy, SSH agent */

	*spec = (struct spec){ .grace_s = SPEC_GRACE_S,
			       .ready_s = SPEC_READY_S,
			       .hook_s = SPEC_HOOK_S };
	memcpy(spec->loopback, services, sizeof(services));
	spec->n_loopback = sizeof(services) / sizeof(services[0]);
	spec->workdir = strdup("/workspace");
	spec->marker = strdup(SPEC_MARKER);
	return spec->workdir && spec->marker ? 0 : -ENOMEM;
}

void spec_done(struct spec *spec)
{
	char *texts[] = { spec->name,    spec->image,    spec->task_dir, spec->memory,
			  spec->cpus,    spec->hostname, spec->runtime,  spec->workdir,
			  spec->network, spec->guard,    spec->marker };
	struct words *lists[] = { &spec->command,  &spec->extra,   &spec->volumes,     &spec->caps,
				  &spec->profiles, &spec->publish, &spec->annotations, &spec->env };

	for (unsigned i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		free(texts[i]);
	for (unsigned i = 0; i < sizeof(lists) / sizeof(lists[0]); i++)
		words_free(lists[i]);
	for (unsigned i = 0; i < HOOK_MAX_; i++)
		words_free(&spec->hooks[i]);
	for (unsigned i = 0; i < GPU_MAX_; i++)
		free(spec->gpu[i]);
	*spec = (struct spec){};
}

int spec_name_check(const char *name, struct problem *why)
{
	size_t n = strlen(name);

	if (n && n <= SPEC_NAME_MAX && isalnum((unsigned char)*name) &&
	    strspn(name, LETTERS DIGITS "_.-") == n)
		return 0;
	return problem(
	    why, -EINVAL,
	    "'%.70s' is no container's name: letters, digits, '_', '.' and '-', a letter or "
	    "digit first, at most %d",
	    name, SPEC_NAME_MAX);
}

int spec_set_text(char **to, const char *what, const char *text, struct problem *why)
{
	char *copy;

	if (!*text || strpbrk(text, "\n\r") || *text == '-')
		return problem(why, -EINVAL,
			       "%s '%.80s': one line is wanted that begins with no dash", what,
			       text);
	copy = strdup(text);
	if (!copy)
		return -ENOMEM;
	free(*to);
	*to = copy;
	return 0;
}

int spec_set_name(struct spec *spec, const char *name, struct problem *why)
{
	return spec_name_check(name, why) ?: spec_set_text(&spec->name, "name", name, why);
}

int spec_set_runtime(struct spec *spec, const char *name, struct problem *why)
{
	if (strcmp(name, "crun") && strcmp(name, "krun"))
		return problem(
		    why, -EINVAL,
		    "runtime '%.40s': crun or krun; podman's own is set in containers.conf", name);
	return spec_set_text(&spec->runtime, "runtime", name, why);
}

int spec_add_env(struct spec *spec, const char *pair, struct problem *why)
{
	size_t n = strcspn(pair, "=");
	bool bad = !n || *pair == '#' || strcspn(pair, NO_NAME) < n;

	for (size_t i = 0; i < n; i++)
		bad |= !isgraph((unsigned char)pair[i]);
	if (bad) /* never the value */
		return problem(why, -EINVAL, "env: '%.*s' is no name of a variable",
			       (int)(n < 60 ? n : 60), pair);
	words_set(&spec->env, pair);
	return words_error(&spec->env);
}

/* "/run//terok/./x/.." is "/run/terok": what a container's mount would lie at. */
static void plain_path(const char *path, size_t n, char *ret)
{
	char *end = ret;

	for (size_t i = 0; i < n;) {
		size_t part = 0;

		while (i < n && path[i] == '/')
			i++;
		while (i + part < n && path[i + part] != '/')
			part++;
		if (part == 2 && !memcmp(path + i, "..", 2)) {
			while (end > ret && *--end != '/')
				;
		} else if (part && !(part == 1 && path[i] == '.')) {
			*end++ = '/';
			memcpy(end, path + i, part);
			end += part;
		}
		i += part;
	}
	*end = '\0';
}

int spec_target_check(const char *target, size_t n, struct problem *why)
{
	_cleanup_free_ char *plain = malloc(n + 2);

	if (!plain)
		return -ENOMEM;
	plain_path(target, n, plain);
	for (unsigned i = 0; i < sizeof(taken_targets) / sizeof(taken_targets[0]); i++) {
		size_t taken = strlen(taken_targets[i]);

		if (!strncmp(plain, taken_targets[i], taken) &&
		    (!plain[taken] || plain[taken] == '/'))
			return problem(why, -EINVAL,
				       "nothing may be mounted at %s in the container: it is "
				       "managed here",
				       taken_targets[i]);
	}
	return 0;
}

/* HOST:CONTAINER[:OPTIONS], or CONTAINER alone */
int spec_add_volume(struct spec *spec, const char *volume, struct problem *why)
{
	const char *colon = strchr(volume, ':'), *target = colon ? colon + 1 : volume;
	int r;

	if (!*volume || *volume == '-' || *target != '/' || strpbrk(volume, "\n\r"))
		return problem(why, -EINVAL,
			       "volume '%.100s': HOST:CONTAINER[:OPTIONS] is wanted, with an "
			       "absolute place in the container",
			       volume);
	r = spec_target_check(target, strcspn(target, ":"), why);
	if (r)
		return r;
	words_add(&spec->volumes, volume);
	return words_error(&spec->volumes);
}

int spec_add_cap(struct spec *spec, const char *cap, struct problem *why)
{
	const char *name = strncasecmp(cap, "CAP_", 4) ? cap : cap + 4;

	if (strcasecmp(name, "perfmon"))
		return problem(why, -EINVAL,
			       "cap '%.40s': perfmon is the only one that may be added", cap);
	words_add(&spec->caps, "perfmon");
	return words_error(&spec->caps);
}

int spec_add_annotation(struct spec *spec, const char *key, const char *value, struct problem *why)
{
	_cleanup_free_ char *pair = NULL;
	bool allowed = !strncmp(key, "dossier.", 8) && key[8] &&
		       strspn(key + 8, LETTERS DIGITS "_.-") == strlen(key + 8);

	for (unsigned i = 0; i < sizeof(annotations_allowed) / sizeof(annotations_allowed[0]); i++)
		allowed |= !strcmp(key, annotations_allowed[i]);
	if (!allowed)
		return problem(why, -EINVAL,
			       "annotation '%.60s': only dossier.NAME, krun.cpus and "
			       "terok.sandbox.sidecar may be given",
			       key);
	if (strpbrk(value, "\n\r"))
		return problem(why, -EINVAL, "annotation '%.60s': its value has more than one line",
			       key);
	if (asprintf(&pair, "%s=%s", key, value) < 0) {
		pair = NULL;
		return -ENOMEM;
	}
	words_set(&spec->annotations, pair);
	return words_error(&spec->annotations);
}

int spec_add_profile(struct spec *spec, const char *name, struct problem *why)
{
	size_t n = strlen(name);

	if (!n || strspn(name, LETTERS DIGITS "_.-") != n)
		return problem(why, -EINVAL, "'%.60s' is no profile's name", name);
	words_add(&spec->profiles, name);
	return words_error(&spec->profiles);
}

/* A port number at @text; where it ends, or NULL. */
static const char *port_end(const char *text)
{
	char *end;
	unsigned long port = strtoul(text, &end, 10);

	return isdigit((unsigned char)*text) && port && port <= 65535 ? end : NULL;
}

/* [ADDRESS:][HOST:]CONTAINER[/udp], as podman has it, but no ranges */
int spec_add_publish(struct spec *spec, const char *port, struct problem *why)
{
	const char *last = strrchr(port, ':'), *end = port_end(last ? last + 1 : port);

	if (!end || (*end && strcmp(end, "/udp") && strcmp(end, "/tcp")) ||
	    strspn(port, DIGITS "abcdefABCDEF.:[]/udptc") != strlen(port))
		return problem(why, -EINVAL,
			       "publish '%.60s': [ADDRESS:][HOST_PORT:]PORT[/udp] is wanted", port);
	words_add(&spec->publish, port);
	return words_error(&spec->publish);
}

int spec_set_loopback(struct spec *spec, const char *ports, struct problem *why)
{
	spec->n_loopback = 0;
	if (!strcmp(ports, "none"))
		return 0;
	for (const char *at = ports, *end;; at = end + 1) {
		end = port_end(at);
		if (!end || (*end && *end != ',') || spec->n_loopback == SPEC_LOOPBACK)
			return problem(why, -EINVAL,
				       "loopback ports '%.60s': none, or at most %d, with commas",
				       ports, SPEC_LOOPBACK);
		spec->loopback[spec->n_loopback++] = strtoul(at, NULL, 10);
		if (!*end)
			return 0;
	}
}

/* One word of a selector: "all", "true", VENDOR or VENDOR:N */
static int gpu_add(struct spec *spec, const char *word, size_t n, struct problem *why)
{
	size_t vendor = 0;
	const char *device = "all";
	char *copy;

	if ((n == 3 && !memcmp(word, "all", 3)) || (n == 4 && !memcmp(word, "true", 4))) {
		spec->gpu_all = true;
		return 0;
	}
	for (unsigned i = 0; i < GPU_MAX_; i++) {
		vendor = strlen(spec_gpu_name[i]);
		if (n < vendor || memcmp(word, spec_gpu_name[i], vendor))
			continue;
		if (n > vendor && (word[vendor] != ':' || n == vendor + 1 || n > vendor + 4 ||
				   strspn(word + vendor + 1, DIGITS) < n - vendor - 1))
			continue;
		copy = n > vendor ? strndup(word + vendor + 1, n - vendor - 1) : strdup(device);
		if (!copy)
			return -ENOMEM;
		free(spec->gpu[i]);
		spec->gpu[i] = copy;
		return 0;
	}
	return problem(
	    why, -EINVAL,
	    "gpus '%.*s': all, or of nvidia, amd, intel, each with :NUMBER for one device",
	    (int)(n < 40 ? n : 40), word);
}

int spec_set_gpus(struct spec *spec, const char *selector, struct problem *why)
{
	for (const char *at = selector;; at++) {
		size_t n = strcspn(at, ",");
		int r = gpu_add(spec, at, n, why);

		if (r)
			return r;
		at += n;
		if (!*at)
			return 0;
	}
}

int spec_set_hook(struct spec *spec, const char *stage, const char *command, struct problem *why)
{
	for (unsigned i = 0; i < HOOK_MAX_; i++) {
		if (strcmp(stage, spec_hook_name[i]))
			continue;
		words_free(&spec->hooks[i]);
		words_add(&spec->hooks[i], "sh");
		words_add(&spec->hooks[i], "-c");
		words_add(&spec->hooks[i], command);
		return words_error(&spec->hooks[i]);
	}
	return problem(why, -EINVAL,
		       "hook '%.40s': pre_start, post_start, post_ready or post_stop is wanted",
		       stage);
}

int spec_check(const struct spec *spec, struct problem *why)
{
	if (!spec->name)
		return problem(why, -EINVAL, "the container has no name");
	if (!spec->image)
		return problem(why, -EINVAL, "no image is said");
	if (spec->no_guard && (spec->guard || spec->profiles.n))
		return problem(why, -EINVAL,
			       "without a guard there is nobody to have profiles or a state");
	return 0;
}
