// SPDX-License-Identifier: Apache-2.0
#include "sandbox_known.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/dir.h"
#include "base/json.h"
#include "base/paths.h"

#define FILE_NAME   "podman.json"
#define FILE_MAX    (64 << 10)
#define ENTRIES_MAX 2048 /* of settings: registries and hooks of a big host are a hundred */
#define DEPTH_MAX   4
#define SETTLED_S   2 /* the coarsest times that a file system has */

/* --- the mark ------------------------------------------------------------------------------ */

/* A sum over lines, each by itself: a folder may be listed in any order, and no line can be read again. */
struct marking {
	uint64_t sum[2];
	int64_t now_s;
	unsigned entries;
	bool settled, lost;
};

static uint64_t mixed(uint64_t x)
{
	x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
	return x ^ x >> 31;
}

static void __attribute__((__format__(__printf__, 2, 3)))
mark_line(struct marking *m, const char *fmt, ...)
{
	uint64_t sum = UINT64_C(0xcbf29ce484222325), other = 0;
	_cleanup_free_ char *line = NULL;
	va_list args;

	va_start(args, fmt);
	if (vasprintf(&line, fmt, args) < 0) {
		line = NULL;
		m->lost = true;
	}
	va_end(args);
	for (const char *c = line; c && *c; c++) {
		sum = (sum ^ (uint8_t)*c) * UINT64_C(0x100000001b3);
		other = mixed(other + (uint8_t)*c + 1);
	}
	m->sum[0] += mixed(sum);
	m->sum[1] += other;
}

/* The file itself, behind links; what is not there is a fact as well. */
static void mark_file(struct marking *m, const char *path)
{
	struct stat st;

	if (stat(path, &st)) {
		mark_line(m, "%s: %d", path, errno);
		return;
	}
	mark_line(m, "%s: %llx:%llu %o %u %lld %lld.%09ld %lld.%09ld", path,
		  (unsigned long long)st.st_dev, (unsigned long long)st.st_ino, st.st_mode,
		  st.st_uid, (long long)st.st_size, (long long)st.st_mtim.tv_sec,
		  st.st_mtim.tv_nsec, (long long)st.st_ctim.tv_sec, st.st_ctim.tv_nsec);
	m->settled &= st.st_ctim.tv_sec + SETTLED_S < m->now_s;
	m->lost |= ++m->entries >= ENTRIES_MAX;
}

/* A file or folder of settings and all in it, links as well. */
static void mark_tree(struct marking *m, const char *path, unsigned depth)
{
	_cleanup_(closedirp) DIR *dir = depth < DEPTH_MAX ? opendir(path) : NULL;
	struct dirent *entry;

	mark_file(m, path);
	while (dir && !m->lost && (entry = readdir(dir))) {
		_cleanup_free_ char *below = NULL;

		if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, ".."))
			continue;
		if (asprintf(&below, "%s/%s", path, entry->d_name) < 0) {
			below = NULL;
			m->lost = true;
		} else if (entry->d_type == DT_REG) {
			mark_file(m, below);
		} else {
			mark_tree(m, below, depth + 1);
		}
	}
}

/* Every podman that the PATH could mean: one that comes before the others is another. */
static void mark_programs(struct marking *m)
{
	_cleanup_free_ char *list = strdup(getenv("PATH") ?: "");
	char *save, *one = list ? strtok_r(list, ":", &save) : NULL;

	for (; one; one = strtok_r(NULL, ":", &save)) {
		_cleanup_free_ char *path = NULL;

		if (asprintf(&path, "%s/podman", one) < 0)
			path = NULL;
		else
			mark_file(m, path);
	}
}

/* What podman and its libraries read of it. */
static bool is_meant(const char *variable)
{
	static const char *const begin[] = {
		"CONTAINER",    "_CONTAINERS_", "PODMAN",         "STORAGE_", "XDG_",
		"DBUS_SESSION", "REGISTRY",     "HOME=",          "PATH=",    "USER=",
		"LISTEN_",      "TMPDIR=",      "TEROK_SANDBOX_", "_PODMAN"
	};

	for (size_t i = 0; i < sizeof(begin) / sizeof(*begin); i++)
		if (!strncmp(variable, begin[i], strlen(begin[i])))
			return true;
	return false;
}

static void mark_settings(struct marking *m)
{
	static const char *const named[] = { "CONTAINERS_CONF", "CONTAINERS_CONF_OVERRIDE",
					     "CONTAINERS_STORAGE_CONF" };
	const char *config = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");
	_cleanup_free_ char *own = NULL;

	mark_tree(m, "/usr/share/containers", 0);
	mark_tree(m, "/etc/containers", 0);
	config = config && *config ? config : NULL;
	if ((!config && !home) ||
	    asprintf(&own, "%s%s/containers", config ?: home, config ? "" : "/.config") < 0) {
		own = NULL;
		m->lost = true;
	} else {
		mark_tree(m, own, 0);
	}
	for (size_t i = 0; i < sizeof(named) / sizeof(*named); i++)
		if (getenv(named[i]))
			mark_file(m, getenv(named[i]));
}

static void mark_link(struct marking *m, const char *path)
{
	char text[256];
	ssize_t n = readlink(path, text, sizeof(text));

	mark_line(m, "%s: %.*s", path, n > 0 ? (int)n : 0, text);
}

/* Which boot and which namespaces this is, and what manages cgroups in it. */
static void mark_system(struct marking *m)
{
	const char *run = getenv("XDG_RUNTIME_DIR");
	char boot[64] = "", path[300];
	_cleanup_fclose_ FILE *file = fopen("/proc/sys/kernel/random/boot_id", "re");
	struct statfs fs;

	m->lost |= !file || !fgets(boot, sizeof(boot), file);
	mark_line(m, "terok-sandbox " TEROK_VERSION ", user %u %u, boot %s", getuid(), geteuid(),
		  boot);
	mark_link(m, "/proc/self/ns/user");
	mark_link(m, "/proc/self/ns/mnt");
	mark_link(m, "/proc/self/ns/cgroup");
	mark_line(m, "cgroup %lx", statfs("/sys/fs/cgroup", &fs) ? 0UL : (unsigned long)fs.f_type);
	mark_line(m, "systemd %d", access("/run/systemd/system", F_OK));
	for (int i = 0; run && i < 2; i++) {
		snprintf(path, sizeof(path), "%s/%s", run, i ? "systemd/private" : "bus");
		mark_line(m, "session %d %d", i, access(path, F_OK));
	}
}

bool known_mark(int64_t now_s, char ret[static KNOWN_MARK_LEN], bool *settled)
{
	struct marking m = { .now_s = now_s, .settled = true };

	mark_system(&m);
	for (char **one = environ; *one; one++)
		if (is_meant(*one))
			mark_line(&m, "%s", *one);
	mark_programs(&m);
	mark_settings(&m);
	*settled = m.settled;
	snprintf(ret, KNOWN_MARK_LEN, "%016" PRIx64 "%016" PRIx64, m.sum[0], m.sum[1]);
	return !m.lost;
}

/* --- the file ------------------------------------------------------------------------------ */

static int open_folder(void)
{
	_cleanup_free_ char *path = path_below(ROOT_RUNTIME, NULL);

	if (!path)
		return -ENOENT;
	if (geteuid()) /* root's lies in the agent's, which the agent makes */
		dir_make(path);
	return dir_open(AT_FDCWD, path, NULL);
}

/* The user's own, of which nobody else could have written a byte. */
static char *read_own(int dir, size_t *ret_size)
{
	_cleanup_close_ int fd =
	    openat(dir, FILE_NAME, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	_cleanup_free_ char *text = NULL;
	struct stat st;

	if (fd < 0 || fstat(fd, &st) || !S_ISREG(st.st_mode) || st.st_uid != geteuid() ||
	    st.st_mode & 022 || st.st_size > FILE_MAX)
		return NULL;
	text = malloc(st.st_size + 1);
	if (!text || read(fd, text, st.st_size) != st.st_size)
		return NULL;
	*ret_size = st.st_size;
	return TAKE_PTR(text);
}

static bool is_fresh(struct json_object *kept, const char *mark, int64_t now_s)
{
	const char *of = json_text(kept, "mark");
	struct json_object *at = json_member(kept, "at", json_type_int);
	int64_t age = at ? now_s - json_object_get_int64(at) : -1;

	return of && !strcmp(of, mark) && age >= 0 && age < KNOWN_S;
}

static int take_kept(struct json_object *kept, struct host *ret)
{
	struct json_object *dirs = json_member(kept, "hooks_dirs", json_type_array);
	struct json_object *root = json_member(kept, "root", json_type_boolean);
	struct json_object *pasta = json_member(kept, "pasta", json_type_boolean);
	const char *version = json_text(kept, "version"), *manager = json_text(kept, "manager");

	if (!dirs || !root || !pasta || !version || !manager)
		return -ENOENT;
	for (size_t i = 0; i < json_object_array_length(dirs); i++)
		words_add(&ret->hook_dirs,
			  json_object_get_string(json_object_array_get_idx(dirs, i)) ?: "");
	snprintf(ret->version, sizeof(ret->version), "%s", version);
	snprintf(ret->manager, sizeof(ret->manager), "%s", manager);
	ret->command.root = json_object_get_boolean(root);
	ret->command.pasta = json_object_get_boolean(pasta);
	if (sscanf(version, "%u", &ret->command.podman) != 1)
		ret->command.podman = 0;
	ret->hook_dirs_known = true;
	return words_error(&ret->hook_dirs);
}

int known_load(const char *mark, int64_t now_s, struct host *ret)
{
	_cleanup_(json_putp) struct json_object *kept = NULL;
	_cleanup_close_ int dir = open_folder();
	_cleanup_free_ char *text = NULL;
	size_t size = 0;

	text = dir < 0 ? NULL : read_own(dir, &size);
	if (!text || json_parse(text, size, &kept) || !is_fresh(kept, mark, now_s))
		return -ENOENT;
	return take_kept(kept, ret);
}

void known_save(const char *mark, int64_t now_s, const struct host *host)
{
	_cleanup_json_ struct json json = {};
	_cleanup_close_ int dir = open_folder();
	const char *text;

	json_open_object(&json, NULL);
	json_add_string(&json, "mark", mark);
	json_add_int(&json, "at", now_s);
	json_add_string(&json, "version", host->version);
	json_add_string(&json, "manager", host->manager);
	json_add_bool(&json, "root", host->command.root);
	json_add_bool(&json, "pasta", host->command.pasta);
	json_open_array(&json, "hooks_dirs");
	for (unsigned i = 0; i < host->hook_dirs.n; i++)
		json_add_string(&json, NULL, host->hook_dirs.word[i]);
	json_close_array(&json);
	json_close_object(&json);
	text = json_done(&json);
	if (dir >= 0 && text)
		dir_replace(dir, FILE_NAME, text, json.n, NULL);
}
