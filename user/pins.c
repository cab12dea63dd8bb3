// SPDX-License-Identifier: Apache-2.0
#include "pins.h"

#include <dirent.h>
#include <bpf/bpf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "base/cleanup.h"
#include "kernel.h"
#include "terok/names.h"

#define PINS_DEFAULT  "/sys/fs/bpf/terok"
#define BPFFS         "/sys/fs/bpf"
#define TEXT(number)  TEXT_(number)
#define TEXT_(number) #number
#define VERSION_DIR   "v" TEXT(TEROK_ABI_VERSION)
#define STAGE_DIR     VERSION_DIR "_stage"

static const char *pins_root(void)
{
	const char *root = getenv("TEROK_PINS");

	return root && *root ? root : PINS_DEFAULT;
}

const char *kernel_pins(void)
{
	static char path[PINS_PATH_LEN];

	snprintf(path, sizeof(path), "%s/" VERSION_DIR, pins_root());
	return path;
}

static const char *path_below(char buf[static PINS_PATH_LEN], const char *dir, const char *fmt,
			      va_list ap)
{
	int n = snprintf(buf, PINS_PATH_LEN, "%s/%s/", pins_root(), dir);

	if (n < PINS_PATH_LEN)
		vsnprintf(buf + n, PINS_PATH_LEN - n, fmt, ap);
	return buf;
}

const char *pins_path(char buf[static PINS_PATH_LEN], const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	path_below(buf, VERSION_DIR, fmt, ap);
	va_end(ap);
	return buf;
}

const char *pins_stage_path(char buf[static PINS_PATH_LEN], const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	path_below(buf, STAGE_DIR, fmt, ap);
	va_end(ap);
	return buf;
}

bool pins_exist(void)
{
	return !access(kernel_pins(), F_OK);
}

static uint64_t mix(uint64_t hash, const void *bytes, size_t n)
{
	for (const uint8_t *byte = bytes; n--; byte++)
		hash = (hash ^ *byte) * UINT64_C(0x100000001b3);
	return hash;
}

uint64_t pins_instance(void)
{
	uint64_t hash = UINT64_C(0xcbf29ce484222325);
	struct stat st = {};

	/* with its device: a container with folders of the same names is another house */
	stat(kernel_run_dir(), &st);
	hash = mix(hash, pins_root(), strlen(pins_root()) + 1);
	hash = mix(hash, kernel_run_dir(), strlen(kernel_run_dir()) + 1);
	hash = mix(hash, &st.st_dev, sizeof(st.st_dev));
	return hash ?: 1;
}

static bool is_bpffs(const char *path)
{
	struct statfs fs;

	return !statfs(path, &fs) && fs.f_type == BPF_FS_MAGIC;
}

/* The folder that holds the pin root; a pin root of one's own must be on a bpffs already. */
static void parent_of(char buf[static PINS_PATH_LEN], const char *path)
{
	char *slash;

	snprintf(buf, PINS_PATH_LEN, "%s", path);
	slash = strrchr(buf, '/');
	if (slash && slash != buf)
		*slash = '\0';
}

int pins_mount(bool *mounted, struct problem *why)
{
	char parent[PINS_PATH_LEN];

	parent_of(parent, pins_root());
	if (is_bpffs(pins_root()) || is_bpffs(parent))
		return 0;
	if (strcmp(parent, BPFFS))
		return problem(why, -ENOTDIR,
			       "%s is not on a BPF filesystem; try: mount -t bpf bpf %s",
			       pins_root(), parent);
	if (mount("bpf", BPFFS, "bpf", MS_NOSUID | MS_NODEV | MS_NOEXEC, "mode=0700"))
		return problem(why, -errno, "mount the BPF filesystem on " BPFFS ": %s%s",
			       strerror(errno), errno == EPERM ? "; run as root" : "");
	*mounted = true;
	return 0;
}

int pins_check_version(struct problem *why)
{
	_cleanup_(closedirp) DIR *dir = opendir(pins_root());
	struct dirent *entry;

	while (dir && (entry = readdir(dir))) {
		const char *name = entry->d_name;

		if (name[0] != 'v' || !strcmp(name, VERSION_DIR) || !strcmp(name, STAGE_DIR))
			continue;
		return problem(why, -EEXIST,
			       "%s/%s holds pins of another version, and what they guard stays as "
			       "it is; when nothing guarded runs any more, terok-bpfd unload",
			       pins_root(), name);
	}
	return 0;
}

static int dir_make(const char *path, struct problem *why)
{
	if (!mkdir(path, 0700) || errno == EEXIST)
		return 0;
	if (errno == EROFS)
		return problem(why, -EROFS,
			       "%s: the BPF filesystem is mounted read-only; try: mount -o "
			       "remount,rw " BPFFS,
			       path);
	return problem(why, -errno, "make %s: %s%s", path, strerror(errno),
		       errno == EACCES || errno == EPERM ? "; run as root" : "");
}

/* Remove a folder of pins and folders; counts the pins. Missing is fine. */
static int tree_remove(const char *path, unsigned *pins, struct problem *why)
{
	_cleanup_(closedirp) DIR *dir = opendir(path);
	struct dirent *entry;
	char below[PINS_PATH_LEN];

	if (!dir)
		return errno == ENOENT ? 0 : problem(why, -errno, "%s: %s", path, strerror(errno));
	while ((entry = readdir(dir))) {
		int r = 0;

		if (entry->d_name[0] == '.')
			continue;
		if (snprintf(below, sizeof(below), "%s/%s", path, entry->d_name) >=
		    (int)sizeof(below))
			return problem(why, -ENAMETOOLONG, "%s: a name too long", path);
		if (entry->d_type == DT_DIR)
			r = tree_remove(below, pins, why);
		else if (unlink(below))
			r = problem(why, -errno, "remove %s: %s", below, strerror(errno));
		else if (pins)
			++*pins;
		if (r)
			return r;
	}
	return rmdir(path) ? problem(why, -errno, "remove %s: %s", path, strerror(errno)) : 0;
}

int pins_stage_begin(struct problem *why)
{
	static const char *const dirs[] = { "maps", "progs" };
	char path[PINS_PATH_LEN];
	int r;

	r = dir_make(pins_root(), why);
	if (r)
		return r;
	pins_stage_path(path, "%s", "");
	path[strlen(path) - 1] = '\0';
	r = tree_remove(path, NULL, why);
	if (!r)
		r = dir_make(path, why);
	for (size_t i = 0; !r && i < sizeof(dirs) / sizeof(dirs[0]); i++)
		r = dir_make(pins_stage_path(path, "%s", dirs[i]), why);
	return r;
}

void pins_stage_drop(void)
{
	char path[PINS_PATH_LEN];

	pins_stage_path(path, "%s", "");
	path[strlen(path) - 1] = '\0';
	tree_remove(path, NULL, NULL);
	rmdir(pins_root()); /* kept if there is anything else in it */
}

int pins_stage_publish(struct problem *why)
{
	char stage[PINS_PATH_LEN];

	pins_stage_path(stage, "%s", "");
	stage[strlen(stage) - 1] = '\0';
	if (rename(stage, kernel_pins()))
		return problem(why, -errno, "publish %s: %s", kernel_pins(), strerror(errno));
	return 0;
}

/* Detached at once: a pin that goes lets its link go only after a grace period. */
static void link_remove(uint32_t id, enum terok_hook hook)
{
	_cleanup_close_ int link = -1;
	char path[PINS_PATH_LEN];

	link = bpf_obj_get(pins_path(path, "guards/%u/%s", id, terok_hook_name(hook)));
	if (link >= 0)
		bpf_link_detach(link);
	unlink(path);
}

int pins_links_remove(uint32_t id, struct problem *why)
{
	char path[PINS_PATH_LEN];

	/* the backstop goes last: whoever dies on the way leaves a guard that lets nothing out */
	for (int hook = TEROK_HOOK_NONE + 1; hook < TEROK_HOOK_MAX_; hook++)
		if (hook != TEROK_HOOK_EGRESS)
			link_remove(id, hook);
	link_remove(id, TEROK_HOOK_EGRESS);
	return tree_remove(pins_path(path, "guards/%u", id), NULL, why);
}

int pins_each_links(int (*fn)(uint32_t id, void *user), void *user)
{
	_cleanup_(closedirp) DIR *dir = NULL;
	char path[PINS_PATH_LEN];
	struct dirent *entry;
	int r = 0;

	dir = opendir(pins_path(path, "guards"));
	while (!r && dir && (entry = readdir(dir))) {
		char *end;
		unsigned long id = strtoul(entry->d_name, &end, 10);

		if (entry->d_name[0] >= '1' && entry->d_name[0] <= '9' && !*end && id <= UINT32_MAX)
			r = fn(id, user);
	}
	return r;
}

bool pins_links_stand(uint32_t id)
{
	struct bpf_link_info info = {};
	__u32 size = sizeof(info);
	char path[PINS_PATH_LEN];
	_cleanup_close_ int link = -1;

	link = bpf_obj_get(pins_path(path, "guards/%u/%s", id, terok_hook_name(TEROK_HOOK_EGRESS)));
	/* the kernel shows cgroup 0 when the last socket of a removed cgroup is gone */
	return link >= 0 && !bpf_obj_get_info_by_fd(link, &info, &size) && info.cgroup.cgroup_id;
}

static int links_remove(uint32_t id, void *user)
{
	int r = pins_links_remove(id, NULL);

	if (!r)
		++*(unsigned *)user;
	return r;
}

/* One folder of pins: what is in it, counted, and itself. */
static int version_remove(const char *name, unsigned *maps, unsigned *progs, struct problem *why)
{
	char path[PINS_PATH_LEN];
	int r;

	snprintf(path, sizeof(path), "%s/%.32s/progs", pins_root(), name);
	r = tree_remove(path, progs, why);
	snprintf(path, sizeof(path), "%s/%.32s/maps", pins_root(), name);
	if (!r)
		r = tree_remove(path, maps, why);
	snprintf(path, sizeof(path), "%s/%.32s", pins_root(), name);
	return r ? r : tree_remove(path, NULL, why);
}

/* Every version's: the build that made them may be here no longer. */
static int versions_remove(unsigned *maps, unsigned *progs, struct problem *why)
{
	_cleanup_(closedirp) DIR *dir = opendir(pins_root());
	struct dirent *entry;
	int r = 0;

	while (!r && dir && (entry = readdir(dir)))
		if (entry->d_name[0] == 'v')
			r = version_remove(entry->d_name, maps, progs, why);
	return r;
}

int pins_remove(unsigned *maps, unsigned *progs, unsigned *guards, struct problem *why)
{
	int r;

	/* links first: while one stands, its programs and maps must be findable */
	r = pins_each_links(links_remove, guards);
	if (r)
		return problem(why, r, "remove the guards below %s: %s", kernel_pins(),
			       strerror(-r));
	r = versions_remove(maps, progs, why);
	if (!r && rmdir(pins_root()) && errno != ENOENT && errno != ENOTEMPTY)
		r = problem(why, -errno, "remove %s: %s", pins_root(), strerror(errno));
	return r;
}
