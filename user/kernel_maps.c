// SPDX-License-Identifier: Apache-2.0
#include "kernel_maps.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "origin.h"

/*
 * What this build takes the maps for. The sizes are those that it reads and writes with, so a
 * map of another build is never opened with them; 0: only the programs look into it.
 */
static const struct row {
	const char *name;
	unsigned key, value;
	/*
	 * Pins of a build before this one have not got it: made anew, empty, which allows nothing.
	 * All others must be there: without denies a guard would let out what it must not.
	 */
	bool may_be_new;
} rows[] = {
	[MAP_GUARDS] = { .name = "terok_guards",
			 .key = sizeof(__u64),
			 .value = sizeof(struct terok_guard) },
	[MAP_COUNTS] = { .name = "terok_counts",
			 .key = sizeof(__u64),
			 .value = sizeof(struct terok_counts) },
	[MAP_RULES] = { .name = "terok_rules",
			.key = sizeof(struct terok_rule_key),
			.value = sizeof(struct terok_rule) },
	[MAP_PREFIX] = { .name = "terok_prefix",
			 .key = sizeof(struct terok_prefix_key),
			 .value = sizeof(struct terok_rule) },
	[MAP_SELF] = { .name = "terok_self",
		       .key = sizeof(struct terok_self_key),
		       .value = sizeof(__u32) },
	[MAP_INFO] = { .name = "terok_info",
		       .key = sizeof(__u32),
		       .value = sizeof(struct terok_info) },
	[MAP_FLOWS] = { .name = "terok_flows" },
	[MAP_RECORDS] = { .name = "terok_records" },
	[MAP_WAKE] = { .name = "terok_wake",
		       .key = sizeof(__u32),
		       .value = sizeof(struct terok_wake) },
	[MAP_META] = { .name = "terok_meta",
		       .key = sizeof(__u32),
		       .value = sizeof(struct terok_meta) },
	[MAP_PUBLISH] = { .name = "terok_publish",
			  .key = sizeof(struct terok_publish_key),
			  .value = sizeof(__u32) },
	[MAP_ASKERS] = { .name = "terok_askers",
			 .key = sizeof(struct terok_asker_key),
			 .value = sizeof(__u64) },
	[MAP_DOMAINS] = { .name = "terok_domains",
			  .key = sizeof(struct terok_domain_key),
			  .value = sizeof(struct terok_rule),
			  .may_be_new = true },
	[MAP_NAMES] = { .name = "terok_names",
			.key = sizeof(struct terok_name_key),
			.value = sizeof(struct terok_name),
			.may_be_new = true },
	[MAP_LEARNED] = { .name = "terok_learned",
			  .key = sizeof(struct terok_learned_key),
			  .value = sizeof(struct terok_learned),
			  .may_be_new = true },
	[MAP_SYNTHETIC] = { .name = "terok_synthetic",
			    .key = sizeof(struct terok_learned_key),
			    .value = sizeof(struct terok_synthetic),
			    .may_be_new = true },
	[MAP_STEERED] = { .name = "terok_steered", .may_be_new = true },
	[MAP_SENT] = { .name = "terok_sent",
		       .key = sizeof(struct terok_sent_key),
		       .value = sizeof(struct terok_steered),
		       .may_be_new = true },
	[MAP_QUERIES] = { .name = "terok_queries",
			  .key = sizeof(__u32),
			  .value = sizeof(struct terok_queries),
			  .may_be_new = true },
	[MAP_HELLOS] = { .name = "terok_hellos", .may_be_new = true },
	[MAP_PORTS] = { .name = "terok_ports",
			.key = sizeof(struct terok_port_key),
			.value = sizeof(__u32),
			.may_be_new = true },
	[MAP_SAID] = { .name = "terok_said",
		       .key = sizeof(__u64),
		       .value = sizeof(struct terok_said),
		       .may_be_new = true },
	[MAP_REACHED] = { .name = "terok_reached",
			  .key = sizeof(struct terok_reached_key),
			  .value = sizeof(struct terok_reached),
			  .may_be_new = true },
	[MAP_DOSSIER] = { .name = "terok_dossier",
			  .key = sizeof(__u32),
			  .value = sizeof(struct terok_dossier),
			  .may_be_new = true },
};
_Static_assert(sizeof(rows) / sizeof(rows[0]) == MAP_MAX_, "a row for each map");

const char *kernel_map_name(enum kernel_map map)
{
	return rows[map].name;
}

int kernel_pin_problem(const char *path, const char *cure, struct problem *why)
{
	if (errno == ENOENT)
		return problem(why, -EUCLEAN,
			       "%s is missing: the pins are damaged, or of an unfinished version; "
			       "terok-bpfd %s them",
			       path, cure);
	return problem(why, -errno, "open %s: %s%s", path, strerror(errno),
		       errno == EPERM || errno == EACCES ? "; run as root" : "");
}

static int layout_problem(const char *path, const struct bpf_map_info *info, struct problem *why)
{
	return problem(why, -EEXIST,
		       "%s has another layout (key %u, value %u, %u entries) than this build: pins "
		       "of another version, and what they guard stays as it is; when nothing "
		       "guarded runs any more, terok-bpfd unload",
		       path, info->key_size, info->value_size, info->max_entries);
}

static int map_look(int fd, const char *path, struct bpf_map_info *ret, struct problem *why)
{
	__u32 size = sizeof(*ret);

	*ret = (struct bpf_map_info){};
	if (bpf_obj_get_info_by_fd(fd, ret, &size))
		return problem(why, -errno, "%s, as a BPF map: %s", path, strerror(errno));
	return 0;
}

/* A pinned map is ours to use only if it is what this build would make. */
static int map_check(int fd, const struct bpf_map *map, const char *path, struct problem *why)
{
	struct bpf_map_info info;
	int r = map_look(fd, path, &info, why);

	if (r)
		return r;
	if (info.type == bpf_map__type(map) && info.key_size == bpf_map__key_size(map) &&
	    info.value_size == bpf_map__value_size(map) &&
	    info.max_entries == bpf_map__max_entries(map))
		return 0;
	return layout_problem(path, &info, why);
}

/* A map that is there already: a pin, or what a guard without pins (@lost) looks into. */
static int map_open(int lost, const char *name, char path[static PINS_PATH_LEN],
		    struct problem *why)
{
	int fd;

	if (lost >= 0) {
		snprintf(path, PINS_PATH_LEN, "%s of the guards that stand without pins", name);
		fd = origin_map(lost, name);
		return fd < 0 ? problem(why, fd, "open %s: %s", path, strerror(-fd)) : fd;
	}
	fd = bpf_obj_get(pins_path(path, "maps/%s", name));
	return fd < 0 ? kernel_pin_problem(path, "unload --force removes", why) : fd;
}

/* One map; 1: it is not there, and may be made. */
static int map_adopt(struct bpf_object *object, enum kernel_map i, int lost, struct problem *why)
{
	struct bpf_map *map = bpf_object__find_map_by_name(object, kernel_map_name(i));
	char path[PINS_PATH_LEN];
	_cleanup_close_ int fd = -1;
	int r;

	if (!map)
		return problem(why, -ENOENT, "this build has no map %s", kernel_map_name(i));
	fd = map_open(lost, kernel_map_name(i), path, why);
	if (rows[i].may_be_new && (fd == -EUCLEAN || fd == -ENOENT))
		return 1;
	if (fd < 0)
		return fd;
	r = map_check(fd, map, path, why);
	if (r)
		return r;
	r = bpf_map__reuse_fd(map, fd);
	return r ? problem(why, r, "%s: cannot be reused: %s", path, strerror(-r)) : 0;
}

int kernel_maps_adopt(struct bpf_object *object, int lost, unsigned *news, struct problem *why)
{
	int r = 0;

	*news = 0;
	for (int i = 0; r >= 0 && i < MAP_MAX_; i++) {
		r = map_adopt(object, i, lost, why);
		*news += r > 0;
	}
	return r < 0 ? r : 0;
}

int kernel_maps_pin_new(const struct kernel *kernel, struct problem *why)
{
	char path[PINS_PATH_LEN];

	for (int i = 0; i < MAP_MAX_; i++) {
		pins_path(path, "maps/%s", kernel_map_name(i));
		if (rows[i].may_be_new && access(path, F_OK) && errno == ENOENT &&
		    bpf_obj_pin(kernel->map[i], path))
			return problem(why, -errno, "pin %s: %s", path, strerror(errno));
	}
	return 0;
}

int kernel_maps_open(struct kernel *kernel, struct problem *why)
{
	char path[PINS_PATH_LEN];

	for (int i = 0; i < MAP_MAX_; i++) {
		struct bpf_map_info info;
		int r;

		pins_path(path, "maps/%s", kernel_map_name(i));
		kernel->map[i] = bpf_obj_get(path);
		if (kernel->map[i] < 0)
			return kernel_pin_problem(
			    path, rows[i].may_be_new ? "load mends" : "unload --force removes",
			    why);
		r = map_look(kernel->map[i], path, &info, why);
		if (!r && rows[i].value &&
		    (info.key_size != rows[i].key || info.value_size != rows[i].value))
			r = layout_problem(path, &info, why);
		if (r)
			return r;
	}
	return 0;
}
