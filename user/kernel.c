// SPDX-License-Identifier: Apache-2.0
#include "kernel.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "base/event.h"
#include "base/log.h"
#include "pins.h"
#include "terok.skel.h"
#include "terok/names.h"

static const char *const map_names[] = {
	[MAP_GUARDS] = "terok_guards",   [MAP_COUNTS] = "terok_counts",
	[MAP_RULES] = "terok_rules",     [MAP_PREFIX] = "terok_prefix",
	[MAP_SELF] = "terok_self",       [MAP_INFO] = "terok_info",
	[MAP_FLOWS] = "terok_flows",     [MAP_RECORDS] = "terok_records",
	[MAP_WAKE] = "terok_wake",       [MAP_META] = "terok_meta",
	[MAP_PUBLISH] = "terok_publish", [MAP_ASKERS] = "terok_askers",
};
_Static_assert(sizeof(map_names) / sizeof(map_names[0]) == MAP_MAX_, "a name for each map");

static const char *const prog_names[] = {
	[TEROK_HOOK_NONE] = "",
	[TEROK_HOOK_CONNECT4] = "terok_connect4",
	[TEROK_HOOK_CONNECT6] = "terok_connect6",
	[TEROK_HOOK_SENDMSG4] = "terok_sendmsg4",
	[TEROK_HOOK_SENDMSG6] = "terok_sendmsg6",
	[TEROK_HOOK_SOCK_CREATE] = "terok_socket",
	[TEROK_HOOK_EGRESS] = "terok_egress",
	[TEROK_HOOK_INGRESS] = "terok_ingress",
	[TEROK_HOOK_SETSOCKOPT] = "terok_option",
};
_Static_assert(sizeof(prog_names) / sizeof(prog_names[0]) == TEROK_HOOK_MAX_, "all programs");

static int kernel_new(struct kernel **ret)
{
	struct kernel *kernel = calloc(1, sizeof(*kernel));

	if (!kernel)
		return -ENOMEM;
	for (int i = 0; i < MAP_MAX_; i++)
		kernel->map[i] = -1;
	for (int i = 0; i < TEROK_HOOK_MAX_; i++)
		kernel->prog[i] = -1;
	*ret = kernel;
	return 0;
}

void kernel_free(struct kernel *kernel)
{
	if (!kernel)
		return;
	for (int i = 0; i < MAP_MAX_; i++)
		closep(&kernel->map[i]);
	for (int i = 0; i < TEROK_HOOK_MAX_; i++)
		closep(&kernel->prog[i]);
	free(kernel);
}

/* What the kernel or libbpf said last; the first line names the cause, the rest repeats it. */
static char last_words[160];

static int remember_words(enum libbpf_print_level level, const char *fmt, va_list ap)
{
	if (level == LIBBPF_WARN && !last_words[0]) {
		vsnprintf(last_words, sizeof(last_words), fmt, ap);
		last_words[strcspn(last_words, "\n")] = '\0';
	}
	return 0;
}

static int load_problem(int err, struct problem *why)
{
	if (access("/sys/kernel/btf/vmlinux", R_OK))
		return problem(
		    why, err,
		    "this kernel has no BTF (/sys/kernel/btf/vmlinux): programs cannot be "
		    "fitted to it; use a kernel with CONFIG_DEBUG_INFO_BTF");
	if (err == -EPERM || err == -EACCES)
		return problem(why, err,
			       "the kernel refuses to load BPF programs (%s): run as root, or with "
			       "CAP_BPF, CAP_NET_ADMIN and CAP_PERFMON",
			       strerror(-err));
	return problem(why, err, "load BPF programs: %s%s%s; see terok-bpfd check", strerror(-err),
		       last_words[0] ? ": " : "", last_words);
}

/* A pinned map is ours to use only if it is what this build would make. */
static int map_check(int fd, const struct bpf_map *map, const char *path, struct problem *why)
{
	struct bpf_map_info info = {};
	__u32 size = sizeof(info);

	if (bpf_obj_get_info_by_fd(fd, &info, &size))
		return problem(why, -errno, "%s is not a BPF map: %s", path, strerror(errno));
	if (info.type == bpf_map__type(map) && info.key_size == bpf_map__key_size(map) &&
	    info.value_size == bpf_map__value_size(map) &&
	    info.max_entries == bpf_map__max_entries(map))
		return 0;
	return problem(why, -EEXIST,
		       "%s has another layout (key %u, value %u, %u entries) than this build: pins "
		       "of another version; remove them with terok-bpfd unload",
		       path, info.key_size, info.value_size, info.max_entries);
}

/* Use the pinned maps, so that rules, guards and records stay. */
/* A pin that cannot be opened, from errno; one that is missing among others is damage. */
static int pin_problem(const char *path, const char *cure, struct problem *why)
{
	if (errno == ENOENT)
		return problem(why, -EUCLEAN,
			       "%s is missing: the pins are damaged, or of an unfinished version; "
			       "terok-bpfd %s them",
			       path, cure);
	return problem(why, -errno, "open %s: %s%s", path, strerror(errno),
		       errno == EPERM || errno == EACCES ? "; run as root" : "");
}

static int maps_adopt(struct terok_bpf *skel, struct problem *why)
{
	char path[PINS_PATH_LEN];

	for (int i = 0; i < MAP_MAX_; i++) {
		struct bpf_map *map = bpf_object__find_map_by_name(skel->obj, map_names[i]);
		_cleanup_close_ int fd = -1;
		int r;

		if (!map)
			return problem(why, -ENOENT, "this build has no map %s", map_names[i]);
		pins_path(path, "maps/%s", map_names[i]);
		fd = bpf_obj_get(path);
		if (fd < 0)
			return pin_problem(path, "unload --force removes", why);
		r = map_check(fd, map, path, why);
		if (r)
			return r;
		r = bpf_map__reuse_fd(map, fd);
		if (r)
			return problem(why, r, "%s: cannot be reused: %s", path, strerror(-r));
	}
	return 0;
}

static int dup_fd(int fd, int *ret)
{
	*ret = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	return *ret < 0 ? -errno : 0;
}

static int kernel_take(struct kernel *kernel, struct terok_bpf *skel)
{
	int r = 0;

	for (int i = 0; !r && i < MAP_MAX_; i++)
		r = dup_fd(bpf_map__fd(bpf_object__find_map_by_name(skel->obj, map_names[i])),
			   &kernel->map[i]);
	for (int i = TEROK_HOOK_NONE + 1; !r && i < TEROK_HOOK_MAX_; i++)
		r = dup_fd(
		    bpf_program__fd(bpf_object__find_program_by_name(skel->obj, prog_names[i])),
		    &kernel->prog[i]);
	return r;
}

static int meta_write(const struct kernel *kernel)
{
	struct terok_meta meta = { .abi = TEROK_ABI_VERSION, .next_id = 1 };
	__u32 zero = 0;

	/* the numbers of guards go on where the last agent stopped */
	if (!bpf_map_lookup_elem(kernel->map[MAP_META], &zero, &meta) && !meta.next_id)
		meta.next_id = 1;
	meta.abi = TEROK_ABI_VERSION;
	snprintf(meta.version, sizeof(meta.version), "%s", TEROK_VERSION);
	meta.loaded_ns = now_boot_ns();
	if (bpf_map_update_elem(kernel->map[MAP_META], &zero, &meta, BPF_ANY))
		return -errno;
	return 0;
}

/* Nothing there before: build the folder under another name and publish it whole. */
static int pins_publish(const struct kernel *kernel, struct problem *why)
{
	char path[PINS_PATH_LEN];
	int r;

	r = pins_stage_begin(why);
	if (r)
		return r;
	for (int i = 0; i < MAP_MAX_; i++) {
		pins_stage_path(path, "maps/%s", map_names[i]);
		if (bpf_obj_pin(kernel->map[i], path))
			return problem(why, -errno, "pin %s: %s", path, strerror(errno));
	}
	for (int i = TEROK_HOOK_NONE + 1; i < TEROK_HOOK_MAX_; i++) {
		pins_stage_path(path, "progs/%s", terok_hook_name(i));
		if (bpf_obj_pin(kernel->prog[i], path))
			return problem(why, -errno, "pin %s: %s", path, strerror(errno));
	}
	return pins_stage_publish(why);
}

static int prog_tag(int fd, __u8 tag[static BPF_TAG_SIZE])
{
	struct bpf_prog_info info = {};
	__u32 size = sizeof(info);

	if (bpf_obj_get_info_by_fd(fd, &info, &size))
		return -errno;
	memcpy(tag, info.tag, BPF_TAG_SIZE);
	return 0;
}

/* Is the pinned program of this hook the one we just loaded? */
static bool prog_is_same(int fd, enum terok_hook hook)
{
	__u8 mine[BPF_TAG_SIZE], theirs[BPF_TAG_SIZE];
	_cleanup_close_ int pinned = -1;
	char path[PINS_PATH_LEN];

	pins_path(path, "progs/%s", terok_hook_name(hook));
	pinned = bpf_obj_get(path);
	return pinned >= 0 && !prog_tag(fd, mine) && !prog_tag(pinned, theirs) &&
	       !memcmp(mine, theirs, sizeof(mine));
}

struct swap {
	const struct kernel *kernel;
	struct problem *why;
};

/* Move one guard's link to the new program: the kernel exchanges it without a gap. */
static int link_swap(uint32_t id, void *user)
{
	struct swap *swap = user;
	char path[PINS_PATH_LEN];

	for (int i = TEROK_HOOK_NONE + 1; i < TEROK_HOOK_MAX_; i++) {
		_cleanup_close_ int link = -1;

		pins_path(path, "guards/%u/%s", id, terok_hook_name(i));
		link = bpf_obj_get(path);
		if (link < 0)
			continue; /* half attached: guard_attach() completes it */
		/* ENOLINK: the cgroup is gone and the sweep will take the pin */
		if (bpf_link_update(link, swap->kernel->prog[i], NULL) && errno != ENOLINK)
			return problem(swap->why, -errno, "replace the program of %s: %s", path,
				       strerror(errno));
	}
	return 0;
}

static int progs_replace(const struct kernel *kernel, struct problem *why)
{
	struct swap swap = { .kernel = kernel, .why = why };
	char path[PINS_PATH_LEN];
	int r;

	r = pins_each_guard(link_swap, &swap);
	for (int i = TEROK_HOOK_NONE + 1; !r && i < TEROK_HOOK_MAX_; i++) {
		pins_path(path, "progs/%s", terok_hook_name(i));
		unlink(path);
		if (bpf_obj_pin(kernel->prog[i], path))
			r = problem(why, -errno, "pin %s: %s", path, strerror(errno));
	}
	return r;
}

static int count_guard(uint32_t id, void *user)
{
	(void)id;
	++*(unsigned *)user;
	return 0;
}

static int progs_adopt(const struct kernel *kernel, struct kernel_load *report, struct problem *why)
{
	bool same = true;

	for (int i = TEROK_HOOK_NONE + 1; i < TEROK_HOOK_MAX_; i++)
		same = same && prog_is_same(kernel->prog[i], i);
	if (same)
		return 0;
	report->replaced = true;
	return progs_replace(kernel, why);
}

static int load_locked(struct kernel **ret, struct kernel_load *report, struct problem *why)
{
	_cleanup_(kernel_freep) struct kernel *kernel = NULL;
	bool there = pins_exist();
	struct terok_bpf *skel;
	int r;

	r = kernel_new(&kernel);
	if (r)
		return r;
	last_words[0] = '\0';
	libbpf_set_print(remember_words);
	skel = terok_bpf__open();
	if (!skel)
		return load_problem(-errno, why);

	if (there)
		r = maps_adopt(skel, why);
	if (!r) {
		r = terok_bpf__load(skel);
		if (r)
			r = load_problem(r, why);
	}
	if (!r)
		r = kernel_take(kernel, skel);
	terok_bpf__destroy(skel);
	if (!r)
		r = there ? progs_adopt(kernel, report, why) : pins_publish(kernel, why);
	if (!r)
		r = meta_write(kernel);
	if (r)
		return r;
	report->loaded = !there;
	*ret = TAKE_PTR(kernel);
	return 0;
}

int kernel_load(struct kernel **ret, struct kernel_load *report, struct problem *why)
{
	struct kernel_load result = { .maps = MAP_MAX_, .progs = TEROK_HOOK_MAX_ - 1 };
	uint64_t start = now_boot_ns();
	_cleanup_close_ int lock = -1;
	int r;

	lock = kernel_lock(why);
	if (lock < 0)
		return lock;
	r = pins_mount(&result.mounted, why);
	if (!r)
		r = pins_check_version(why);
	if (!r)
		r = load_locked(ret, &result, why);
	if (r)
		return r;
	pins_sweep();
	pins_each_guard(count_guard, &result.guards);
	result.took_ns = now_boot_ns() - start;
	if (report)
		*report = result;
	return 0;
}

static int open_locked(struct kernel **ret, struct problem *why)
{
	_cleanup_(kernel_freep) struct kernel *kernel = NULL;
	char path[PINS_PATH_LEN];
	int r;

	if (!pins_exist()) {
		r = pins_check_version(why);
		return r ? r
			 : problem(why, -ENOENT, "nothing is loaded at %s; try: terok-bpfd load",
				   kernel_pins());
	}
	r = kernel_new(&kernel);
	if (r)
		return r;
	for (int i = 0; i < MAP_MAX_; i++) {
		pins_path(path, "maps/%s", map_names[i]);
		kernel->map[i] = bpf_obj_get(path);
		if (kernel->map[i] < 0)
			return pin_problem(path, "unload --force removes", why);
	}
	for (int i = TEROK_HOOK_NONE + 1; i < TEROK_HOOK_MAX_; i++) {
		pins_path(path, "progs/%s", terok_hook_name(i));
		kernel->prog[i] = bpf_obj_get(path);
		if (kernel->prog[i] < 0) /* who replaced it died between two steps */
			return pin_problem(path, "load mends", why);
	}
	*ret = TAKE_PTR(kernel);
	return 0;
}

int kernel_open(struct kernel **ret, struct problem *why)
{
	_cleanup_close_ int lock = kernel_lock(why); /* all of one load, or nothing */

	return lock < 0 ? lock : open_locked(ret, why);
}

static int map_id(int fd, __u32 *ret)
{
	struct bpf_map_info info = {};
	__u32 size = sizeof(info);

	if (fd < 0 || bpf_obj_get_info_by_fd(fd, &info, &size))
		return -errno;
	*ret = info.id;
	return 0;
}

bool kernel_is_current(const struct kernel *kernel)
{
	_cleanup_close_ int pinned = -1;
	char path[PINS_PATH_LEN];
	__u32 mine, theirs;

	pinned = bpf_obj_get(pins_path(path, "maps/%s", map_names[MAP_META]));
	return !map_id(kernel->map[MAP_META], &mine) && !map_id(pinned, &theirs) && mine == theirs;
}

int kernel_unload_idle(struct problem *why)
{
	_cleanup_close_ int lock = kernel_lock(why);
	unsigned guards = 0, maps = 0, progs = 0;

	if (lock < 0)
		return lock;
	pins_sweep();
	pins_each_guard(count_guard, &guards);
	return guards ? 1 : pins_remove(&maps, &progs, &guards, why);
}

int kernel_unload(struct kernel_load *removed, struct problem *why)
{
	struct kernel_load result = {};
	_cleanup_close_ int lock = -1;
	int r;

	lock = kernel_lock(why);
	if (lock < 0)
		return lock;
	r = pins_remove(&result.maps, &result.progs, &result.guards, why);
	if (r)
		return r;
	result.loaded = result.maps || result.progs;
	if (removed)
		*removed = result;
	return 0;
}
