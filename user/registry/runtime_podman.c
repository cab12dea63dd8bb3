// SPDX-License-Identifier: Apache-2.0
#include "runtime_podman.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/addr.h"
#include "base/json.h"
#include "base/log.h"
#include "base/spawn.h"
#include "podman_line.h"

#define LABEL       "dev.clawker."
#define INSPECT_MAX (64U << 20) /* 4,096 containers of 16 KiB each */

/* --- words ----------------------------------------------------------------------------- */

int podman_ids(const char *text, size_t size, struct runtime_container *ret)
{
	const char *end = text + size;
	int n = 0;

	while (text < end) {
		const char *line = memchr(text, '\n', end - text);
		size_t length = (line ?: end) - text;

		if (length) {
			if (n == RUNTIME_MAX)
				return -EFBIG;
			if (length >= AGENT_ID_LEN)
				return -EBADMSG;
			ret[n] = (struct runtime_container){};
			memcpy(ret[n].id, text, length);
			if (agent_id_check(ret[n].id, NULL))
				return -EBADMSG;
			n++;
		}
		text += length + 1;
	}
	return n;
}

/* A label, "" if there is none; one that is no text, or too long, is no name. */
static bool take_label(struct json_object *labels, const char *key, char ret[static AGENT_NAME_LEN])
{
	struct json_object *label = json_member(labels, key, json_type_string);
	const char *text = label ? json_object_get_string(label) : "";
	size_t n = label ? (size_t)json_object_get_string_len(label) : 0;

	if (n >= AGENT_NAME_LEN || strlen(text) != n)
		return false;
	strcpy(ret, text);
	return true;
}

static void take_addr(struct json_object *network, const char *key, int family,
		      struct runtime_container *ret)
{
	const char *text = json_text(network, key);
	uint8_t *addr = ret->addr[ret->n_addr], v4[4];

	if (!text || !*text || ret->n_addr == RUNTIME_ADDRESSES)
		return;
	if (family == AF_INET) {
		if (inet_pton(AF_INET, text, v4) != 1)
			return;
		addr_of_v4(addr, v4);
	} else if (inet_pton(AF_INET6, text, addr) != 1) {
		return;
	}
	ret->n_addr++;
}

static int take_one(struct json_object *object, const char *name, struct runtime_container *ret)
{
	struct json_object *config = json_member(object, "Config", json_type_object), *labels,
			   *networks, *network;

	if (!config)
		return -EBADMSG;
	labels = json_member(config, "Labels", json_type_object); /* null: none at all */
	ret->labelled = take_label(labels, LABEL "project", ret->project) &&
			take_label(labels, LABEL "agent", ret->agent) &&
			!agent_name_check(ret->project, ret->agent, NULL);
	networks = json_member(json_member(object, "NetworkSettings", json_type_object), "Networks",
			       json_type_object);
	network = json_member(networks, name, json_type_object);
	ret->n_addr = 0;
	take_addr(network, "IPAddress", AF_INET, ret);
	take_addr(network, "GlobalIPv6Address", AF_INET6, ret);
	return 0;
}

int podman_inspected(const char *text, size_t size, const char *network,
		     struct runtime_container *container, unsigned n)
{
	_cleanup_(json_putp) struct json_object *all = NULL;
	unsigned found = 0;

	if (json_parse(text, size, &all) || !json_object_is_type(all, json_type_array))
		return -EBADMSG;
	for (size_t i = 0; i < json_object_array_length(all); i++) {
		struct json_object *one = json_object_array_get_idx(all, i);
		const char *id = json_text(one, "Id");

		for (unsigned k = found; id && k < n; k++) {
			struct runtime_container swap = container[k];

			if (strcmp(swap.id, id))
				continue;
			if (take_one(one, network, &swap))
				break; /* as one that could not be looked at */
			container[k] = container[found];
			container[found++] = swap;
			break;
		}
	}
	return (int)found;
}

/* --- podman ---------------------------------------------------------------------------- */

struct podman {
	struct runtime runtime;
	struct loop *loop;
	int by; /* who runs podman */
	char *network;
	struct scan *scans;
};

/* One look or list at work. */
struct scan {
	struct scan *next;
	struct podman *podman;
	struct spawn_child *child;
	uint64_t until_ns;
	bool inspect;
	runtime_fn done;
	void *user;
	unsigned n;
	struct runtime_container container[RUNTIME_MAX + 1];
};

static void scan_free(struct scan *scan)
{
	struct scan **at = &scan->podman->scans;

	while (*at != scan)
		at = &(*at)->next;
	*at = scan->next;
	spawn_end(scan->child);
	free(scan);
}

static void scan_ended(struct scan *scan, unsigned found, int error, const char *why)
{
	const struct runtime_seen seen = { scan->container, found, scan->n - found };

	scan->done(error ? NULL : &seen, error, why, scan->user);
	scan_free(scan);
}

static void on_inspected(const struct spawn_result *result, int error, void *user)
{
	struct scan *scan = user;
	int found;

	scan->child = NULL;
	if (error) {
		/* each of them could not be looked at: the list is good nevertheless */
		scan_ended(scan, 0, 0, NULL);
		return;
	}
	/* it fails if one of them has gone, and tells of the others */
	found = podman_inspected(result->output, result->size, scan->podman->network,
				 scan->container, scan->n);
	scan_ended(scan, found < 0 ? 0 : (unsigned)found, 0, NULL);
}

void podman_environment(const char *env[static PODMAN_ENV])
{
	static const char *const names[] = {
		"PATH",          "HOME",           "XDG_RUNTIME_DIR", "XDG_CONFIG_HOME",
		"XDG_DATA_HOME", "CONTAINERS_CONF"
	};
	extern char **environ;
	unsigned n = 0;

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		for (char **at = environ; at && *at; at++)
			if (!strncmp(*at, names[i], strlen(names[i])) &&
			    (*at)[strlen(names[i])] == '=') {
				env[n++] = *at;
				break;
			}
	env[n] = NULL;
}

static int begin(struct scan *scan, const char *const *argv, size_t max, spawn_fn done,
		 struct problem *why)
{
	uint64_t now = now_boot_ns();
	const char *env[PODMAN_ENV];
	const struct spawn spawn = { argv, env, scan->until_ns > now ? scan->until_ns - now : 1,
				     max, scan->podman->by };

	podman_environment(env);
	return spawn_begin(scan->podman->loop, &spawn, done, scan, &scan->child, why);
}

static int inspect(struct scan *scan, struct problem *why)
{
	static const char *const begins[PODMAN_INSPECT_WORDS] = PODMAN_INSPECT;
	_cleanup_free_ const char **argv =
	    calloc(PODMAN_INSPECT_WORDS + scan->n + 1, sizeof(*argv));
	unsigned n = PODMAN_INSPECT_WORDS;

	if (!argv)
		return -ENOMEM;
	memcpy(argv, begins, sizeof(begins));
	for (unsigned i = 0; i < scan->n; i++)
		argv[n++] = scan->container[i].id;
	return begin(scan, argv, INSPECT_MAX, on_inspected, why);
}

static void on_listed(const struct spawn_result *result, int error, void *user)
{
	struct scan *scan = user;
	struct problem why = {};
	char safe[SPAWN_ERR_MAX];
	int n;

	scan->child = NULL;
	if (!error && result->status)
		error = problem(&why, -EIO, "podman ps: exit %d: %.200s", result->status,
				log_safe(safe, sizeof(safe), result->error));
	n = error ?: podman_ids(result->output ?: "", result->size, scan->container);
	if (n < 0) {
		scan_ended(scan, 0, n, *why.text ? why.text : strerror(-n));
		return;
	}
	scan->n = n;
	if (!n || !scan->inspect)
		scan_ended(scan, n, 0, NULL);
	else if (inspect(scan, &why)) /* none of them can be looked at */
		scan_ended(scan, 0, 0, NULL);
}

static int scan_begin(struct runtime *runtime, bool all, runtime_fn done, void *user)
{
	struct podman *podman = container_of(runtime, struct podman, runtime);
	struct scan *scan = calloc(1, sizeof(*scan));
	int r;

	if (!scan)
		return -ENOMEM;
	scan->podman = podman;
	scan->next = podman->scans;
	podman->scans = scan;
	scan->until_ns = now_boot_ns() + RUNTIME_NS;
	scan->inspect = !all;
	scan->done = done;
	scan->user = user;
	r = begin(scan, all ? podman_all : podman_running, (size_t)RUNTIME_MAX * AGENT_ID_LEN + 1,
		  on_listed, NULL);
	if (r)
		scan_free(scan);
	return r;
}

static int podman_look(struct runtime *runtime, runtime_fn done, void *user)
{
	return scan_begin(runtime, false, done, user);
}

static int podman_list(struct runtime *runtime, runtime_fn done, void *user)
{
	return scan_begin(runtime, true, done, user);
}

static void podman_free(struct runtime *runtime)
{
	struct podman *podman = container_of(runtime, struct podman, runtime);

	while (podman->scans)
		scan_free(podman->scans);
	free(podman->network);
	free(podman);
}

int runtime_podman_new(struct loop *loop, int by, const char *network, struct runtime **ret)
{
	struct podman *podman = calloc(1, sizeof(*podman));

	if (podman)
		podman->network = strdup(network);
	if (!podman || !podman->network) {
		free(podman);
		return -ENOMEM;
	}
	podman->loop = loop;
	podman->by = by;
	podman->runtime = (struct runtime){ podman_look, podman_list, podman_free };
	*ret = &podman->runtime;
	return 0;
}

void runtime_free(struct runtime *runtime)
{
	if (runtime)
		runtime->free(runtime);
}
