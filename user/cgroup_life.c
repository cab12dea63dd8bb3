// SPDX-License-Identifier: Apache-2.0
/*
 * cgroup_life.c - the second half of cgroup.h: make, join, watch, empty and remove
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/event.h"
#include "cgroup.h"
#include "cgroup_path.h"

#define DEPTH_MAX       32 /* the kernel allows more, TEROK_PATH_LEN hardly does */
#define REMOVE_LIMIT_NS UINT64_C(10000000000) /* longer: a process stuck in the kernel */
#define CREATE_TRIES    8 /* against others who remove our empty parent at the same time */

/* mkdir -p below the root; -ENOENT when somebody removed a parent in between. */
static int create_beneath(int root_fd, const char *path)
{
	_cleanup_close_ int fd = fcntl(root_fd, F_DUPFD_CLOEXEC, 3);
	char copy[TEROK_PATH_LEN], *save = NULL;

	strcpy(copy, path);
	for (char *part = strtok_r(copy, "/", &save); part; part = strtok_r(NULL, "/", &save)) {
		int next;

		if (mkdirat(fd, part, 0755) && errno != EEXIST)
			return -errno;
		next = cgroup_open_beneath(fd, part);
		if (next < 0)
			return next;
		close(fd);
		fd = next;
	}
	return TAKE_FD(fd);
}

int cgroup_create(const char *path, struct problem *why)
{
	char root[CGROUP_ROOT_LEN], clean[TEROK_PATH_LEN];
	_cleanup_close_ int root_fd = -1;
	int r = cgroup_root(root, why);

	if (!r)
		r = cgroup_path_clean(path, root, clean, why);
	if (r)
		return r;
	root_fd = cgroup_root_open(why);
	if (root_fd < 0)
		return root_fd;
	r = -ENOENT;
	for (int i = 0; r == -ENOENT && i < CREATE_TRIES; i++)
		r = create_beneath(root_fd, clean);
	if (r < 0)
		return problem(why, r, "cannot make cgroup %s: %s", path, strerror(-r));
	return r;
}

int cgroup_watch(int fd)
{
	int watch = openat(fd, "cgroup.events", O_RDONLY | O_CLOEXEC);

	return watch < 0 ? -errno : watch;
}

int cgroup_populated_at(int watch_fd)
{
	char text[256];
	const char *word;
	ssize_t n = pread(watch_fd, text, sizeof(text) - 1, 0);

	if (n < 0)
		return -errno;
	text[n] = '\0';
	word = strstr(text, "populated ");
	if (!word || (word[10] != '0' && word[10] != '1'))
		return -EBADMSG;
	return word[10] == '1';
}

int cgroup_populated(int fd)
{
	_cleanup_close_ int watch = cgroup_watch(fd);

	if (watch == -ENOENT)
		return -ENODEV; /* an open directory without its files: removed */
	return watch < 0 ? watch : cgroup_populated_at(watch);
}

int cgroup_join(int fd)
{
	int procs = openat(fd, "cgroup.procs", O_WRONLY | O_CLOEXEC);
	int r = 0;

	if (procs < 0)
		return -errno;
	if (write(procs, "0", 1) != 1)
		r = -errno;
	close(procs);
	return r;
}

/* Depth first, children before their parent: fn gets the parent directory and a name. */
struct walk {
	int (*fn)(int dir, int self, const char *name, struct walk *walk);
	unsigned count;
	pid_t first;
	int (*each)(uint64_t id, pid_t pid, void *user);
	int (*each_fd)(int fd, void *user);
	void *user;
};

static int walk_below(int dir, unsigned depth, struct walk *walk)
{
	int copy = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), r = 0;
	DIR *list = copy < 0 ? NULL : fdopendir(copy);
	struct dirent *entry;

	if (!list) {
		r = errno == ENOENT ? 0 : -errno; /* removed meanwhile: nothing is below it */
		if (copy >= 0)
			close(copy);
		return r;
	}
	while (!r && depth < DEPTH_MAX && (entry = readdir(list))) {
		_cleanup_close_ int self = -1;

		if (entry->d_type != DT_DIR || entry->d_name[0] == '.')
			continue;
		self = openat(dir, entry->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (self < 0)
			continue; /* removed meanwhile */
		r = walk_below(self, depth + 1, walk);
		if (!r)
			r = walk->fn(dir, self, entry->d_name, walk);
	}
	closedir(list);
	return r;
}

/* Count the members of one cgroup, remember the first. Zombies and foreign pids show as 0. */
static int walk_pids(int dir, int self, const char *name, struct walk *walk)
{
	int fd = openat(self, "cgroup.procs", O_RDONLY | O_CLOEXEC);
	FILE *file = fd < 0 ? NULL : fdopen(fd, "re");
	int pid;

	(void)dir;
	(void)name;
	if (!file) {
		if (fd >= 0)
			close(fd);
		return 0;
	}
	while (fscanf(file, "%d", &pid) == 1) {
		if (!walk->first && pid > 0)
			walk->first = pid;
		walk->count++;
	}
	fclose(file);
	return 0;
}

static int walk_each(int dir, int self, const char *name, struct walk *walk)
{
	int fd = openat(self, "cgroup.procs", O_RDONLY | O_CLOEXEC);
	FILE *file = fd < 0 ? NULL : fdopen(fd, "re");
	uint64_t id;
	int pid, r;

	(void)dir;
	(void)name;
	if (!file) {
		closep(&fd);
		return 0; /* removed meanwhile */
	}
	r = cgroup_id(self, &id);
	if (!r)
		r = walk->each(id, 0, walk->user);
	while (!r && fscanf(file, "%d", &pid) == 1)
		if (pid > 0)
			r = walk->each(id, pid, walk->user);
	fclose(file);
	return r;
}

int cgroup_each(int fd, int (*fn)(uint64_t id, pid_t pid, void *user), void *user)
{
	struct walk walk = { .fn = walk_each, .each = fn, .user = user };
	int r = walk_each(-1, fd, ".", &walk);

	return r ? r : walk_below(fd, 0, &walk);
}

static int walk_fd(int dir, int self, const char *name, struct walk *walk)
{
	(void)dir;
	(void)name;
	return walk->each_fd(self, walk->user);
}

int cgroup_each_below(int fd, int (*fn)(int fd, void *user), void *user)
{
	struct walk walk = { .fn = walk_fd, .each_fd = fn, .user = user };

	return walk_below(fd, 0, &walk);
}

static int walk_rmdir(int dir, int self, const char *name, struct walk *walk)
{
	(void)self;
	(void)walk;
	if (unlinkat(dir, name, AT_REMOVEDIR) && errno != ENOENT)
		return -errno;
	return 0;
}

pid_t cgroup_first_pid(int fd)
{
	struct walk walk = { .fn = walk_pids };

	walk_pids(-1, fd, ".", &walk);
	if (!walk.first)
		walk_below(fd, 0, &walk);
	return walk.first;
}

/* Kill all, again and again as the kernel reports life, until it reports none. */
static int empty(int fd, uint64_t until_ns)
{
	_cleanup_close_ int watch = cgroup_watch(fd);
	_cleanup_close_ int kill_fd = openat(fd, "cgroup.kill", O_WRONLY | O_CLOEXEC);

	if (watch < 0)
		return watch;
	if (kill_fd < 0)
		return -errno;
	for (;;) {
		struct pollfd news = { .fd = watch, .events = POLLPRI };
		int populated = cgroup_populated_at(watch);
		uint64_t now = now_boot_ns();

		if (populated <= 0)
			return populated;
		if (now >= until_ns)
			return -EBUSY;
		if (write(kill_fd, "1", 1) != 1)
			return -errno;
		if (poll(&news, 1, (until_ns - now) / 1000000 + 1) < 0 && errno != EINTR)
			return -errno;
	}
}

/* Split "/a/b" (clean, so without leading '/') into an open parent and "b". */
static int open_parent(char *clean, const char **ret_name)
{
	_cleanup_close_ int root_fd = cgroup_root_open(NULL);
	char *slash = strrchr(clean, '/');

	if (root_fd < 0)
		return root_fd;
	*ret_name = slash ? slash + 1 : clean;
	if (!slash)
		return TAKE_FD(root_fd);
	*slash = '\0';
	return cgroup_open_beneath(root_fd, clean);
}

int cgroup_kill(int fd, unsigned *killed)
{
	struct walk count = { .fn = walk_pids };
	int r;

	walk_below(fd, 0, &count);
	walk_pids(-1, fd, ".", &count);
	r = empty(fd, now_boot_ns() + REMOVE_LIMIT_NS);
	if (!r && killed)
		*killed = count.count;
	return r;
}

int cgroup_rmdir(const char *path)
{
	char root[CGROUP_ROOT_LEN], clean[TEROK_PATH_LEN];
	_cleanup_close_ int parent = -1;
	const char *name;
	int r = cgroup_root(root, NULL);

	if (!r)
		r = cgroup_path_clean(path, root, clean, NULL);
	if (r)
		return r;
	parent = open_parent(clean, &name);
	if (parent < 0)
		return parent;
	return unlinkat(parent, name, AT_REMOVEDIR) ? -errno : 0;
}

int cgroup_remove(const char *path, unsigned *killed, struct problem *why)
{
	uint64_t until_ns = now_boot_ns() + REMOVE_LIMIT_NS;
	_cleanup_close_ int fd = cgroup_open(path, why);
	struct walk remove = { .fn = walk_rmdir };
	unsigned count = 0, first = 0;
	int r;

	if (fd < 0 && fd != -ENOENT)
		return fd;
	/* a member that made a cgroup in between makes rmdir say busy: empty it again */
	for (r = fd < 0 ? -ENOENT : -EBUSY; r == -EBUSY && now_boot_ns() < until_ns;) {
		r = cgroup_kill(fd, &count);
		first = first ? first : count;
		if (!r)
			r = walk_below(fd, 0, &remove);
		if (!r)
			r = cgroup_rmdir(path);
	}
	if (r && r != -ENOENT && r != -ENODEV)
		return problem(why, r, "cannot empty and remove cgroup %s: %s", path, strerror(-r));
	if (killed)
		*killed = first;
	return 0;
}
