// SPDX-License-Identifier: Apache-2.0
#include "runtime.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cgroup.h"
#include "netns.h"
#include "runtime_name.h"

#define ID_SHORT_MIN 12    /* fewer digits are a name */
#define CGROUPS_MAX  65536 /* looked at; a host with the kernel's most containers has fewer */
#define DEPTH_MAX    24    /* kubepods and users' sessions are some six deep */

/* What is looked for, and what was found. */
struct search {
	char text[CONTAINER_ID_LEN]; /* an id, or how it begins */
	char path[TEROK_PATH_LEN];   /* where the walk is */
	bool users;                  /* where users may make cgroups as well */
	unsigned looked, found;
	struct runtime_container best;
	char also[TEROK_PATH_LEN]; /* another that fits as well */
};

static bool is_hex(const char *text, size_t n)
{
	return strspn(text, "0123456789abcdef") >= n;
}

int runtime_parse_cgroup(const char *name, char id[static CONTAINER_ID_LEN])
{
	size_t n = strlen(name), digits = CONTAINER_ID_LEN - 1, before;

	if (n > 6 && !strcmp(name + n - 6, ".scope"))
		n -= 6;
	if (n < digits)
		return -ENOENT;
	before = n - digits;
	if (!is_hex(name + before, digits) || (before && name[before - 1] != '-'))
		return -ENOENT;
	/* monitors are beside their containers, and podman's are found by podman.c */
	if (memmem(name, before, "conmon", 6) || !strncmp(name, "libpod-", 7))
		return -ENOENT;
	memcpy(id, name + before, digits);
	id[digits] = '\0';
	return 0;
}

/*
 * Whose a cgroup below @parent is: root's, or who may make cgroups there. Its own owner says
 * nothing: that may be the root of its user namespace.
 */
static uid_t uid_below(int parent, uid_t above)
{
	struct stat st;

	if (above)
		return above;
	return fstat(parent, &st) ? UINT32_MAX : st.st_uid;
}

static int found(struct search *search, int fd, const char *id, uid_t uid)
{
	struct runtime_container *best = &search->best;

	if (search->found++) {
		strcpy(search->also, search->path);
		return 0;
	}
	best->cgroup_fd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	if (best->cgroup_fd < 0)
		return -errno;
	strcpy(best->id, id);
	strcpy(best->cgroup, search->path);
	best->uid = uid;
	return 0;
}

static int walk(struct search *search, int dir, uid_t above, unsigned depth);

/* One cgroup: a container, whose inside is its own affair, or a folder of them. */
static int look(struct search *search, int parent, const char *name, uid_t uid, unsigned depth)
{
	_cleanup_close_ int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	size_t at = strlen(search->path);
	char id[CONTAINER_ID_LEN];
	int r = 0;

	if (fd < 0 || at + strlen(name) + 2 > sizeof(search->path))
		return 0; /* removed meanwhile, or longer than any guard's */
	if (++search->looked > CGROUPS_MAX)
		return -EMLINK;
	sprintf(search->path + at, "/%s", name);
	if (runtime_parse_cgroup(name, id))
		r = strncmp(name, "libpod-", 7) ? walk(search, fd, uid, depth + 1) : 0;
	else if (!strncmp(id, search->text, strlen(search->text)))
		r = found(search, fd, id, uid);
	search->path[at] = '\0';
	return r;
}

static int walk(struct search *search, int dir, uid_t above, unsigned depth)
{
	int copy = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), r = 0;
	DIR *list = copy < 0 ? NULL : fdopendir(copy);
	uid_t uid = uid_below(dir, above);
	struct dirent *entry;

	if (!list) {
		closep(&copy);
		return 0; /* removed meanwhile */
	}
	if (uid && !search->users)
		depth = DEPTH_MAX;
	while (!r && depth < DEPTH_MAX && (entry = readdir(list)))
		if (entry->d_type == DT_DIR && entry->d_name[0] != '.')
			r = look(search, dir, entry->d_name, uid, depth);
	closedir(list);
	return r;
}

/* Believe the kernel: somebody lives in it. */
static int verify(struct runtime_container *c, struct problem *why)
{
	pid_t pid = cgroup_first_pid(c->cgroup_fd);

	if (!pid)
		return problem(why, -ESRCH, "container %s does not run: nothing lives in %s",
			       c->name, c->cgroup);
	c->netns_fd = netns_of_pid(pid, why);
	if (c->netns_fd < 0)
		return c->netns_fd;
	/* the process, whose namespace that is, is still its own */
	if (!cgroup_holds(c->cgroup, pid))
		return problem(why, -EAGAIN, "container %s changes at this moment; try again",
			       c->name);
	return 0;
}

static int search_cgroups(struct search *search, const char *text, struct problem *why)
{
	_cleanup_close_ int root = cgroup_root_open(why);
	int r;

	if (root < 0)
		return root;
	/* root's first: no user hides or shadows one of them, by its id or by many cgroups */
	r = walk(search, root, 0, 0);
	if (!r && !search->found) {
		search->users = true;
		search->looked = 0;
		r = walk(search, root, 0, 0);
	}
	if (r == -EMLINK)
		return problem(why, r,
			       "more than %d cgroups: name the container's with --cgroup PATH",
			       CGROUPS_MAX);
	if (r)
		return problem(why, r, "look through the cgroups: %s", strerror(-r));
	if (!search->found)
		return problem(why, -ENOENT,
			       "no cgroup of a running container '%.80s' (looked at %u); --cgroup "
			       "PATH names one",
			       text, search->looked);
	if (search->found > 1)
		return problem(why, -ENOTUNIQ,
			       "%u containers fit '%.64s', %.100s and %.100s: say the full id, or "
			       "--cgroup PATH",
			       search->found, text, search->best.cgroup, search->also);
	return 0;
}

int runtime_find(const char *text, struct runtime_container *ret, struct problem *why)
{
	struct search search = { .best = { .cgroup_fd = -1, .netns_fd = -1 } };
	size_t n = strlen(text);
	int r = 0;

	if (n >= ID_SHORT_MIN && n < CONTAINER_ID_LEN && is_hex(text, n))
		strcpy(search.text, text);
	else
		r = runtime_id_of_name(text, search.text, why);
	if (!r)
		r = search_cgroups(&search, text, why);
	if (!r) {
		runtime_name_of_id(search.best.id, search.best.name);
		r = verify(&search.best, why);
	}
	if (r)
		runtime_container_done(&search.best);
	else
		*ret = search.best;
	return r;
}

void runtime_container_done(struct runtime_container *container)
{
	closep(&container->cgroup_fd);
	closep(&container->netns_fd);
}
