// SPDX-License-Identifier: Apache-2.0
#include "kernel.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/btf.h>
#include <stdio.h>
#include <string.h>

#include "base/event.h"
#include "base/log.h"
#include "cgroup.h"
#include "hooks.h"
#include "kernel_maps.h"
#include "origin.h"
#include "pins.h"
#include "synthetic.h"
#include "terok.skel.h"
#include "terok/names.h"

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
	[TEROK_HOOK_RECVMSG4] = "terok_recvmsg4",
	[TEROK_HOOK_RECVMSG6] = "terok_recvmsg6",
	[TEROK_HOOK_GETPEERNAME4] = "terok_getpeer4",
	[TEROK_HOOK_GETPEERNAME6] = "terok_getpeer6",
};
_Static_assert(sizeof(prog_names) / sizeof(prog_names[0]) == TEROK_HOOK_MAX_, "all programs");

const char *kernel_prog_name(enum terok_hook hook)
{
	return prog_names[hook];
}

#define BTF_FILE "/sys/kernel/btf/vmlinux"

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

bool kernel_has_btf(void)
{
	_cleanup_close_ int fd = open(BTF_FILE, O_RDONLY | O_CLOEXEC);
	__u16 magic = 0;

	return fd >= 0 && read(fd, &magic, sizeof(magic)) == sizeof(magic) && magic == BTF_MAGIC;
}

static int load_problem(int err, struct problem *why)
{
	if (access(BTF_FILE, F_OK))
		return problem(why, err,
			       "this kernel has no BTF (" BTF_FILE "): programs cannot be fitted "
			       "to it; use a kernel with CONFIG_DEBUG_INFO_BTF, and mount sysfs");
	if (!kernel_has_btf())
		return problem(why, err,
			       BTF_FILE " cannot be read as BTF: programs cannot be fitted to "
					"this kernel; see what is mounted over it (findmnt -T)");
	if (err == -EPERM || err == -EACCES)
		return problem(why, err,
			       "the kernel refuses to load BPF programs (%s): run as root, or with "
			       "CAP_BPF, CAP_NET_ADMIN and CAP_PERFMON",
			       strerror(-err));
	return problem(why, err, "load BPF programs: %s%s%s; see terok-bpfd check", strerror(-err),
		       last_words[0] ? ": " : "", last_words);
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
		r = dup_fd(bpf_map__fd(bpf_object__find_map_by_name(skel->obj, kernel_map_name(i))),
			   &kernel->map[i]);
	for (int i = TEROK_HOOK_NONE + 1; !r && i < TEROK_HOOK_MAX_; i++)
		r = dup_fd(
		    bpf_program__fd(bpf_object__find_program_by_name(skel->obj, prog_names[i])),
		    &kernel->prog[i]);
	return r;
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

/* The kernel's own numbers, by which hooks_*() know what is attached. */
static int kernel_number(struct kernel *kernel, struct problem *why)
{
	int r = map_id(kernel->map[MAP_META], &kernel->meta_id);

	for (int i = TEROK_HOOK_NONE + 1; !r && i < TEROK_HOOK_MAX_; i++) {
		struct bpf_prog_info info = {};
		__u32 size = sizeof(info);

		if (bpf_obj_get_info_by_fd(kernel->prog[i], &info, &size))
			r = -errno;
		kernel->prog_id[i] = info.id;
	}
	return r ? problem(why, r, "look at the programs: %s", strerror(-r)) : 0;
}

static int name_problem(const char *name, struct problem *why)
{
	return problem(why, -EAGAIN,
		       "the kernel has %s without its name, by which it is found again: it had no "
		       "memory for a moment; try again",
		       name);
}

/* libbpf goes on without names when it could not find out whether the kernel takes them. */
static int names_check(const struct kernel *kernel, struct problem *why)
{
	for (int i = 0; i < MAP_MAX_; i++) {
		struct bpf_map_info info = {};
		__u32 size = sizeof(info);

		if (bpf_obj_get_info_by_fd(kernel->map[i], &info, &size))
			return problem(why, -errno, "look at the maps: %s", strerror(errno));
		if (strcmp(info.name, kernel_map_name(i)))
			return name_problem(kernel_map_name(i), why);
	}
	for (int i = TEROK_HOOK_NONE + 1; i < TEROK_HOOK_MAX_; i++) {
		struct bpf_prog_info info = {};
		__u32 size = sizeof(info);

		if (bpf_obj_get_info_by_fd(kernel->prog[i], &info, &size))
			return problem(why, -errno, "look at the programs: %s", strerror(errno));
		if (strcmp(info.name, prog_names[i]))
			return name_problem(prog_names[i], why);
	}
	return 0;
}

/*
 * A program keeps the maps it looks into. The backstop, which is on every guard, keeps them
 * all, and each program the one that says whose it is (origin.h).
 */
static int maps_bind(const struct kernel *kernel, struct problem *why)
{
	for (int i = TEROK_HOOK_NONE + 1; i < TEROK_HOOK_MAX_; i++)
		for (int map = 0; map < MAP_MAX_; map++)
			if ((map == MAP_META || i == TEROK_HOOK_EGRESS) &&
			    bpf_prog_bind_map(kernel->prog[i], kernel->map[map], NULL))
				return problem(why, -errno, "bind %s to %s: %s",
					       kernel_map_name(map), prog_names[i],
					       strerror(errno));
	return 0;
}

static int meta_write(struct kernel *kernel)
{
	struct terok_meta meta = { .abi = TEROK_ABI_VERSION, .next_id = 1 };
	__u32 zero = 0;

	/* the numbers of guards go on where the last agent stopped */
	if (!bpf_map_lookup_elem(kernel->map[MAP_META], &zero, &meta) && !meta.next_id)
		meta.next_id = 1;
	meta.abi = TEROK_ABI_VERSION;
	snprintf(meta.version, sizeof(meta.version), "%s", TEROK_VERSION);
	meta.instance = pins_instance();
	meta.loaded_ns = now_boot_ns();
	if (bpf_map_update_elem(kernel->map[MAP_META], &zero, &meta, BPF_ANY))
		return -errno;
	kernel->loaded_ns = meta.loaded_ns;
	return 0;
}

static int meta_read(const struct kernel *kernel, struct terok_meta *ret)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(kernel->map[MAP_META], &zero, ret) ? -errno : 0;
}

static int pins_stage(const struct kernel *kernel, struct problem *why)
{
	char path[PINS_PATH_LEN];

	for (int i = 0; i < MAP_MAX_; i++) {
		pins_stage_path(path, "maps/%s", kernel_map_name(i));
		if (bpf_obj_pin(kernel->map[i], path))
			return problem(why, -errno, "pin %s: %s", path, strerror(errno));
	}
	for (int i = TEROK_HOOK_NONE + 1; i < TEROK_HOOK_MAX_; i++) {
		pins_stage_path(path, "progs/%s", terok_hook_name(i));
		if (bpf_obj_pin(kernel->prog[i], path))
			return problem(why, -errno, "pin %s: %s", path, strerror(errno));
	}
	return 0;
}

/* Nothing there before: build the folder under another name and publish it whole. */
static int pins_publish(const struct kernel *kernel, struct problem *why)
{
	int r = pins_stage_begin(why);

	if (!r)
		r = pins_stage(kernel, why);
	if (!r)
		r = pins_stage_publish(why);
	if (r)
		pins_stage_drop();
	return r;
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

int kernel_each_label(int info_map,
		      int (*fn)(uint32_t id, const struct terok_info *info, void *user), void *user)
{
	uint32_t id, key, *prev = NULL;
	struct terok_info info;
	int r = 0;

	while (!r && !bpf_map_get_next_key(info_map, prev, &id)) {
		if (!bpf_map_lookup_elem(info_map, &id, &info))
			r = fn(id, &info, user);
		else if (errno != ENOENT) /* gone between the two calls */
			r = -errno;
		key = id;
		prev = &key;
	}
	/* it ends with ENOENT; whatever else ends it leaves guards that were not looked at */
	return r ? r : errno == ENOENT ? 0 : -errno;
}

static int count_guard(uint32_t id, const struct terok_info *info, void *user)
{
	(void)id;
	(void)info;
	++*(int *)user;
	return 0;
}

static int count_guards(int info_map)
{
	int n = 0, r = kernel_each_label(info_map, count_guard, &n);

	return r ? r : n;
}

struct swap {
	const struct kernel *kernel;
	struct problem *why;
};

/* Move one guard to the new programs: the kernel exchanges each without a gap. */
static int guard_renew(uint32_t id, const struct terok_info *info, void *user)
{
	struct swap *swap = user;
	_cleanup_close_ int cgroup_fd = cgroup_open_id(info->cgroup, swap->why);
	struct problem why = {};
	int r;

	if (cgroup_fd < 0) /* removed: what is on it goes with its last socket */
		return cgroup_fd == -ENOENT ? 0 : cgroup_fd;
	r = hooks_renew(swap->kernel, cgroup_fd, &why);
	return r ? problem(swap->why, r, "replace the programs of guard %u: %s", id, why.text) : 0;
}

static int guards_renew(const struct kernel *kernel, struct problem *why)
{
	struct swap swap = { .kernel = kernel, .why = why };
	int r = kernel_each_label(kernel->map[MAP_INFO], guard_renew, &swap);

	return r && !*why->text ? problem(why, r, "list the guards: %s", strerror(-r)) : r;
}

static int progs_replace(const struct kernel *kernel, struct problem *why)
{
	char path[PINS_PATH_LEN];
	int r = guards_renew(kernel, why);

	for (int i = TEROK_HOOK_NONE + 1; !r && i < TEROK_HOOK_MAX_; i++) {
		pins_path(path, "progs/%s", terok_hook_name(i));
		unlink(path);
		if (bpf_obj_pin(kernel->prog[i], path))
			r = problem(why, -errno, "pin %s: %s", path, strerror(errno));
	}
	return r;
}

/* What a build before this one attached by links: the hooks themselves first, then those go. */
static int links_renew(uint32_t id, void *user)
{
	struct swap *swap = user;
	_cleanup_close_ int cgroup_fd = -1;
	struct terok_info info;
	int r;

	if (!bpf_map_lookup_elem(swap->kernel->map[MAP_INFO], &id, &info))
		cgroup_fd = cgroup_open_id(info.cgroup, NULL);
	if (cgroup_fd < 0) /* it drops all until the last socket is gone */
		return pins_links_stand(id) ? 0 : pins_links_remove(id, swap->why);
	r = hooks_attach(swap->kernel, cgroup_fd, swap->why);
	return r ? r : pins_links_remove(id, swap->why);
}

/*
 * To the programs of this build, unless those that stand are the same over the same maps: with
 * @news a map was made that they do not look into, and do not keep.
 */
static int progs_adopt(const struct kernel *kernel, unsigned news, struct kernel_load *report,
		       struct problem *why)
{
	struct swap swap = { .kernel = kernel, .why = why };
	bool same = !news;
	int r;

	r = kernel_maps_pin_new(kernel, why);
	if (r)
		return r;
	for (int i = TEROK_HOOK_NONE + 1; i < TEROK_HOOK_MAX_; i++)
		same = same && prog_is_same(kernel->prog[i], i);
	if (!same) {
		report->replaced = true;
		r = progs_replace(kernel, why);
		if (r)
			return r;
	}
	return pins_each_links(links_renew, &swap);
}

struct pick {
	int fd;
	uint64_t loaded_ns;
};

/* The backstop that was loaded last: it has all maps. */
static int pick_backstop(int prog_fd, const struct origin *origin, void *user)
{
	struct bpf_prog_info info = {};
	__u32 size = sizeof(info);
	struct pick *pick = user;

	if (bpf_obj_get_info_by_fd(prog_fd, &info, &size))
		return -errno;
	if (origin->meta.abi != TEROK_ABI_VERSION)
		return -EEXIST;
	if (strcmp(info.name, prog_names[TEROK_HOOK_EGRESS]) ||
	    (pick->fd >= 0 && origin->meta.loaded_ns < pick->loaded_ns))
		return 0;
	closep(&pick->fd);
	pick->loaded_ns = origin->meta.loaded_ns;
	return dup_fd(prog_fd, &pick->fd);
}

/* A program of ours that the kernel still has; *@ret -1: none. */
static int lost_find(int *ret, struct problem *why)
{
	struct pick pick = { .fd = -1 };
	int r = origin_each(pins_instance(), pick_backstop, &pick);

	if (r)
		closep(&pick.fd);
	if (r == -EEXIST)
		return problem(why, r,
			       "guards of another version stand in the kernel without pins, and "
			       "hold; when nothing guarded runs any more, terok-bpfd unload");
	if (r)
		return problem(why, r, "look for guards without pins: %s%s", strerror(-r),
			       r == -EPERM ? "; run as root, or with CAP_SYS_ADMIN" : "");
	*ret = pick.fd;
	return 0;
}

int kernel_lost(void)
{
	_cleanup_close_ int prog = -1, info = -1;
	int r = pins_exist() ? 0 : lost_find(&prog, NULL);

	if (r || prog < 0)
		return r;
	info = origin_map(prog, kernel_map_name(MAP_INFO));
	return info < 0 ? info : count_guards(info);
}

/* The skeleton's programs in the kernel, over maps that were there (@lost: kernel_maps.h) or new. */
static int progs_load(struct kernel *kernel, bool there, int lost, unsigned *news,
		      struct problem *why)
{
	const struct synthetic_ranges *ranges = synthetic_ranges();
	struct terok_bpf *skel;
	int r = 0;

	last_words[0] = '\0';
	libbpf_set_print(remember_words);
	skel = terok_bpf__open();
	if (!skel)
		return load_problem(-errno, why);
	skel->rodata->synthetic4 = ranges->v4;
	skel->rodata->synthetic4_mask = ranges->v4_mask;
	skel->rodata->synthetic6_first = ranges->v6_first;
	skel->rodata->synthetic6_second = ranges->v6_second;
	if (there || lost >= 0)
		r = kernel_maps_adopt(skel->obj, lost, news, why);
	if (!r) {
		r = terok_bpf__load(skel);
		if (r)
			r = load_problem(r, why);
	}
	if (!r) {
		r = kernel_take(kernel, skel);
		if (r)
			problem(why, r, "take over maps and programs: %s", strerror(-r));
	}
	terok_bpf__destroy(skel);
	return r;
}

int kernel_load_apart(struct kernel **ret, struct problem *why)
{
	_cleanup_(kernel_freep) struct kernel *kernel = NULL;
	int r = kernel_new(&kernel);

	if (!r)
		r = progs_load(kernel, false, -1, NULL, why);
	if (!r)
		r = kernel_number(kernel, why);
	if (!r)
		*ret = TAKE_PTR(kernel);
	return r;
}

static int load_locked(struct kernel **ret, struct kernel_load *report, struct problem *why)
{
	_cleanup_(kernel_freep) struct kernel *kernel = NULL;
	_cleanup_close_ int lost = -1;
	bool there = pins_exist();
	unsigned news = 0;
	int r = kernel_new(&kernel);

	if (!r && !there)
		r = lost_find(&lost, why);
	if (!r)
		r = progs_load(kernel, there, lost, &news, why);
	if (!r)
		r = kernel_number(kernel, why);
	if (!r)
		r = names_check(kernel, why);
	if (!r)
		r = maps_bind(kernel, why);
	if (!r) {
		r = meta_write(kernel);
		if (r)
			problem(why, r, "write %s: %s", kernel_map_name(MAP_META), strerror(-r));
	}
	if (!r && there)
		r = progs_adopt(kernel, news, report, why);
	/* pins last: until they are there, whoever comes next finds the guards as we did */
	if (!r && lost >= 0)
		r = guards_renew(kernel, why);
	if (!r && !there)
		r = pins_publish(kernel, why);
	if (r)
		return r;
	r = count_guards(kernel->map[MAP_INFO]);
	report->guards = r > 0 ? r : 0; /* all is done: a number that is not known stops nothing */
	report->found = lost >= 0;
	report->loaded = !there && !report->found;
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
	result.took_ns = now_boot_ns() - start;
	if (report)
		*report = result;
	return 0;
}

/* Nothing is pinned: nothing is there, or it is of another version, or the pins were lost. */
static int open_problem(struct problem *why)
{
	int r = pins_check_version(why), n = r ? 0 : kernel_lost();

	if (r)
		return r;
	if (n > 0)
		return problem(why, -EUCLEAN,
			       "the pins at %s are gone (was the BPF filesystem unmounted?): %d "
			       "guards hold in the kernel as they were, but cannot be changed; "
			       "terok-bpfd load pins them again",
			       kernel_pins(), n);
	return problem(why, -ENOENT, "nothing is loaded at %s; try: terok-bpfd load",
		       kernel_pins());
}

static int open_locked(struct kernel **ret, struct problem *why)
{
	_cleanup_(kernel_freep) struct kernel *kernel = NULL;
	char path[PINS_PATH_LEN];
	struct terok_meta meta;
	int r;

	if (!pins_exist())
		return open_problem(why);
	r = kernel_new(&kernel);
	if (r)
		return r;
	r = kernel_maps_open(kernel, why);
	if (r)
		return r;
	for (int i = TEROK_HOOK_NONE + 1; i < TEROK_HOOK_MAX_; i++) {
		pins_path(path, "progs/%s", terok_hook_name(i));
		kernel->prog[i] = bpf_obj_get(path);
		if (kernel->prog[i] < 0) /* who replaced it died between two steps */
			return kernel_pin_problem(path, "load mends", why);
	}
	r = kernel_number(kernel, why);
	if (r)
		return r;
	r = meta_read(kernel, &meta);
	if (r)
		return problem(why, r, "read %s: %s", kernel_map_name(MAP_META), strerror(-r));
	kernel->loaded_ns = meta.loaded_ns;
	*ret = TAKE_PTR(kernel);
	return 0;
}

int kernel_open(struct kernel **ret, struct problem *why)
{
	_cleanup_close_ int lock = kernel_lock(why); /* all of one load, or nothing */

	return lock < 0 ? lock : open_locked(ret, why);
}

bool kernel_is_current(const struct kernel *kernel)
{
	_cleanup_close_ int pinned = -1;
	char path[PINS_PATH_LEN];
	__u32 mine, theirs;

	pinned = bpf_obj_get(pins_path(path, "maps/%s", kernel_map_name(MAP_META)));
	return !map_id(kernel->map[MAP_META], &mine) && !map_id(pinned, &theirs) && mine == theirs;
}

bool kernel_is_latest(const struct kernel *kernel)
{
	struct terok_meta meta;

	return !meta_read(kernel, &meta) && meta.loaded_ns == kernel->loaded_ns;
}

static int take_off(int cgroup_fd, void *user)
{
	struct kernel_load *removed = user;
	int n = hooks_detach(NULL, cgroup_fd, NULL);

	removed->guards += n > 0;
	return n < 0 ? n : 0;
}

/* These maps guard nothing any more: whoever finds a program that outlives it lets it be. */
static int disown(int prog_fd, const struct origin *origin, void *user)
{
	_cleanup_close_ int fd = origin_map(prog_fd, kernel_map_name(MAP_META));
	struct terok_meta meta = origin->meta;
	__u32 zero = 0;

	(void)user;
	meta.instance = 0;
	if (fd < 0)
		return fd;
	return bpf_map_update_elem(fd, &zero, &meta, BPF_ANY) ? -errno : 0;
}

static int find_any(int prog_fd, const struct origin *origin, void *user)
{
	(void)prog_fd;
	(void)origin;
	(void)user;
	return 1;
}

/* Every cgroup is asked, not a list of guards: pins and maps may be damaged or gone. */
static int guards_take_off(struct kernel_load *removed, struct problem *why)
{
	_cleanup_close_ int root = -1;
	int r = origin_each(pins_instance(), find_any, NULL);

	if (r > 0) {
		root = cgroup_root_open(why);
		if (root < 0)
			return root;
		r = cgroup_each_below(root, take_off, removed);
		if (!r)
			r = origin_each(pins_instance(), disown, NULL);
	}
	return r ? problem(why, r, "take the programs off their cgroups: %s", strerror(-r)) : 0;
}

static int unload_locked(struct kernel_load *removed, struct problem *why)
{
	int r = guards_take_off(removed, why);

	if (!r)
		r = pins_remove(&removed->maps, &removed->progs, &removed->guards, why);
	removed->loaded = removed->maps || removed->progs || removed->guards;
	return r;
}

int kernel_unload_idle(struct kernel_load *removed, struct problem *why)
{
	_cleanup_close_ int lock = kernel_lock(why), info = -1;
	struct kernel_load result = {};
	char path[PINS_PATH_LEN];
	int n, r;

	if (lock < 0)
		return lock;
	info = bpf_obj_get(pins_path(path, "maps/%s", kernel_map_name(MAP_INFO)));
	n = info < 0 ? kernel_lost() : count_guards(info);
	if (n)
		return n < 0 ? n : 1;
	r = unload_locked(&result, why);
	if (!r && removed)
		*removed = result;
	return r;
}

int kernel_unload(struct kernel_load *removed, struct problem *why)
{
	struct kernel_load result = {};
	_cleanup_close_ int lock = kernel_lock(why);
	int r = lock < 0 ? lock : unload_locked(&result, why);

	if (!r && removed)
		*removed = result;
	return r;
}
