// SPDX-License-Identifier: Apache-2.0
/*
 * doctor_pins.c - what is pinned: all of it, of this build, and laid out as it is here
 *
 * Programs and maps of this build are loaded apart (kernel.h), and what the kernel says of them is
 * compared with what it says of those that are pinned: so nothing is computed here that the kernel
 * computes in its own way, which changes.
 */
#include <bpf/bpf.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "doctor.h"
#include "kernel_maps.h"
#include "origin.h"
#include "pins.h"
#include "terok/names.h"

#define LOAD_IT "terok-bpfd load"

/* --- are they there? --------------------------------------------------------------------------- */

static int map_pinned(enum kernel_map map)
{
	char path[PINS_PATH_LEN];

	return bpf_obj_get(pins_path(path, "maps/%s", kernel_map_name(map)));
}

static int prog_pinned(enum terok_hook hook)
{
	char path[PINS_PATH_LEN];

	return bpf_obj_get(pins_path(path, "progs/%s", terok_hook_name(hook)));
}

/* One pin, opened and looked at; @fd is closed. */
static void look_at_pin(struct doctor *doctor, int fd, const char *what, const char *name)
{
	_cleanup_close_ int pin = fd;

	if (pin >= 0)
		return;
	if (errno == ENOENT)
		doctor_can(doctor, "pin %s %s again, from the guards that use it", what, name);
	doctor_say(doctor, VERDICT_FAIL, "terok-bpfd doctor --fix, or " LOAD_IT,
		   "the pin of %s %s cannot be opened: %s", what, name, strerror(errno));
}

static void say_unpinned(struct doctor *doctor)
{
	struct problem why = {};
	int lost;

	if (pins_check_version(&why)) {
		doctor_say(doctor, VERDICT_FAIL, "", "%s", why.text);
		return;
	}
	lost = kernel_lost();
	if (lost > 0) {
		doctor_can(doctor, "load and pin again what %d guards have", lost);
		doctor_say(doctor, VERDICT_FAIL, LOAD_IT,
			   "nothing is pinned at %s, and %d guards stand: they hold as they are, "
			   "and cannot be changed",
			   kernel_pins(), lost);
	} else {
		doctor_say(doctor, VERDICT_OK, "", "nothing is loaded at %s", kernel_pins());
	}
}

static void check_pins(struct doctor *doctor)
{
	struct problem why = {};

	if (!pins_exist()) {
		say_unpinned(doctor);
		return;
	}
	if (pins_check_version(&why))
		doctor_say(doctor, VERDICT_WARN, "", "%s", why.text);
	for (int map = 0; map < MAP_MAX_; map++)
		look_at_pin(doctor, map_pinned(map), "map", kernel_map_name(map));
	for (int hook = TEROK_HOOK_NONE + 1; hook < TEROK_HOOK_MAX_; hook++)
		look_at_pin(doctor, prog_pinned(hook), "program", terok_hook_name(hook));
	if (doctor->said)
		return;
	if (doctor->closed)
		doctor_say(doctor, VERDICT_WARN, "", "%s", doctor->closed->text);
	else
		doctor_say(doctor, VERDICT_OK, "", "%d maps and %d programs at %s", MAP_MAX_,
			   TEROK_HOOK_MAX_ - 1, kernel_pins());
}

/* --- pinning again ------------------------------------------------------------------------------ */

struct again {
	struct problem *why;
	uint32_t meta; /* the map that is pinned: programs with it are of this load; 0: none is */
	unsigned pinned;
};

static int pin_again(struct again *again, int fd, const char *path)
{
	if (!access(path, F_OK))
		return 0;
	if (bpf_obj_pin(fd, path))
		return problem(again->why, -errno, "pin %s: %s", path, strerror(errno));
	again->pinned++;
	return 0;
}

/* The backstop, which is on every guard, has all maps; each program the one that says whose it is. */
static int pin_from(int prog_fd, const struct origin *origin, void *user)
{
	struct again *again = user;
	struct bpf_prog_info info = {};
	__u32 size = sizeof(info);
	char path[PINS_PATH_LEN];
	int r = 0;

	if (again->meta && origin->meta_id != again->meta)
		return 0;
	if (bpf_obj_get_info_by_fd(prog_fd, &info, &size))
		return -errno;
	for (int hook = TEROK_HOOK_NONE + 1; !r && hook < TEROK_HOOK_MAX_; hook++)
		if (!strcmp(info.name, kernel_prog_name(hook)))
			r = pin_again(again, prog_fd,
				      pins_path(path, "progs/%s", terok_hook_name(hook)));
	for (int map = 0; !r && map < MAP_MAX_; map++) {
		_cleanup_close_ int fd = origin_map(prog_fd, kernel_map_name(map));

		if (fd >= 0)
			r = pin_again(again, fd, pins_path(path, "maps/%s", kernel_map_name(map)));
	}
	return r;
}

static uint32_t meta_pinned(void)
{
	_cleanup_close_ int fd = map_pinned(MAP_META);
	struct bpf_map_info info = {};
	__u32 size = sizeof(info);

	return fd >= 0 && !bpf_obj_get_info_by_fd(fd, &info, &size) ? info.id : 0;
}

static int pins_again(struct problem *why)
{
	_cleanup_close_ int lock = kernel_lock(why);
	struct again again = { .why = why, .meta = meta_pinned() };
	int r;

	if (lock < 0)
		return lock;
	r = pins_exist() ? origin_each(pins_instance(), pin_from, &again) : 0;
	return r && !*why->text ? problem(why, r, "look for the programs: %s", strerror(-r)) : r;
}

/* What is missing is taken from the guards; then this build's programs take the others' place. */
static int mend_pins(struct doctor *doctor, struct problem *why)
{
	_cleanup_(kernel_freep) struct kernel *kernel = NULL;
	int r = pins_again(why);

	(void)doctor;
	return r ? r : kernel_load(&kernel, NULL, why);
}

/* --- are they this build's? ----------------------------------------------------------------------- */

static int prog_look(int fd, struct bpf_prog_info *ret)
{
	__u32 size = sizeof(*ret);

	memset(ret, 0, size);
	return bpf_obj_get_info_by_fd(fd, ret, &size) ? -errno : 0;
}

static void say_program(struct doctor *doctor, const struct kernel *built, enum terok_hook hook)
{
	struct bpf_prog_info mine, its;

	if (prog_look(built->prog[hook], &mine) || prog_look(doctor->kernel->prog[hook], &its)) {
		doctor_say(doctor, VERDICT_WARN, "", "cannot tell of %s: %s", terok_hook_name(hook),
			   strerror(errno));
		return;
	}
	if (!memcmp(mine.tag, its.tag, sizeof(mine.tag)) && !strcmp(mine.name, its.name))
		return;
	doctor_can(doctor, "exchange the programs, of every guard too, for this build's");
	doctor_say(doctor, VERDICT_FAIL, LOAD_IT " exchanges it, without a gap",
		   "what is pinned for %s is %s, tag %02x%02x%02x%02x..., not this build's", //
		   terok_hook_name(hook), its.name, its.tag[0], its.tag[1], its.tag[2], its.tag[3]);
}

/* This build's, for the two checks that compare; it goes with the process. */
static const struct kernel *build(struct problem *why)
{
	static struct kernel *built;

	if (!built && kernel_load_apart(&built, why))
		return NULL;
	return built;
}

static void check_programs(struct doctor *doctor)
{
	const struct kernel *built;
	struct problem why = {};
	struct terok_meta meta;
	__u32 zero = 0;

	if (!doctor->kernel)
		return;
	built = build(&why);
	if (!built) {
		doctor_say(doctor, VERDICT_FAIL, "", "this build cannot be loaded: %s", why.text);
		return;
	}
	for (int hook = TEROK_HOOK_NONE + 1; hook < TEROK_HOOK_MAX_; hook++)
		say_program(doctor, built, hook);
	if (doctor->said)
		return;
	if (bpf_map_lookup_elem(doctor->kernel->map[MAP_META], &zero, &meta))
		memset(&meta, 0, sizeof(meta));
	doctor_say(doctor, VERDICT_OK, "", "%d, each with the tag of this build (loaded by %.*s)",
		   TEROK_HOOK_MAX_ - 1, (int)sizeof(meta.version), meta.version);
}

static int map_look(int fd, struct bpf_map_info *ret)
{
	__u32 size = sizeof(*ret);

	memset(ret, 0, size);
	return bpf_obj_get_info_by_fd(fd, ret, &size) ? -errno : 0;
}

static void say_layout(struct doctor *doctor, const struct kernel *built, enum kernel_map map)
{
	struct bpf_map_info mine, its;

	if (map_look(built->map[map], &mine) || map_look(doctor->kernel->map[map], &its)) {
		doctor_say(doctor, VERDICT_WARN, "", "cannot tell of %s: %s", kernel_map_name(map),
			   strerror(errno));
		return;
	}
	if (mine.type == its.type && mine.key_size == its.key_size &&
	    mine.value_size == its.value_size && mine.max_entries == its.max_entries &&
	    mine.map_flags == its.map_flags && !strcmp(mine.name, its.name))
		return;
	doctor_say(doctor, VERDICT_FAIL,
		   "terok-bpfd unload with the version that made it, then " LOAD_IT,
		   "what is pinned as %s is %s of type %u, key %u, value %u, %u entries, flags "
		   "%#x; this build has type %u, key %u, value %u, %u entries, flags %#x",
		   kernel_map_name(map), its.name, its.type, its.key_size, its.value_size,
		   its.max_entries, its.map_flags, mine.type, mine.key_size, mine.value_size,
		   mine.max_entries, mine.map_flags);
}

static void check_layouts(struct doctor *doctor)
{
	const struct kernel *built = doctor->kernel ? build(NULL) : NULL;

	if (!built) /* said with the programs */
		return;
	for (int map = 0; map < MAP_MAX_; map++)
		say_layout(doctor, built, map);
	if (!doctor->said)
		doctor_say(doctor, VERDICT_OK, "", "%d maps, each laid out as here", MAP_MAX_);
}

const struct check doctor_pins[] = {
	{ .name = "pins", .host = check_pins, .mend = mend_pins, .limit_s = 20 },
	{ .name = "programs", .host = check_programs, .mend = mend_pins, .limit_s = 20 },
	{ .name = "layouts", .host = check_layouts, .limit_s = 20 },
	{},
};
