// SPDX-License-Identifier: Apache-2.0
#include "hook_read.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define STAT_MAX 1024

/* What there is, @size bytes at most; -EFBIG: there is more. */
static ssize_t read_all(int fd, char *ret, size_t size)
{
	size_t n = 0;

	for (;;) {
		ssize_t got = read(fd, ret + n, size - n);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -errno;
		n += got;
		if (!got)
			return n;
		if (n == size)
			return -EFBIG;
	}
}

int hook_read_object(int fd, const char *name, struct json_object **ret, struct problem *why)
{
	_cleanup_(json_putp) struct json_object *object = NULL;
	_cleanup_free_ char *text = malloc(HOOK_READ_MAX);
	ssize_t n = text ? read_all(fd, text, HOOK_READ_MAX) : -ENOMEM;

	if (n < 0 && n != -EFBIG)
		return problem(why, n, "%s: %s", name, strerror(-n));
	if (n < 0 || json_parse(text, n, &object) ||
	    json_object_get_type(object) != json_type_object)
		return problem(why, -EBADMSG, "%s: JSON of the container is expected", name);
	*ret = TAKE_PTR(object);
	return 0;
}

int hook_read_config(const char *bundle, struct json_object **ret, struct problem *why)
{
	_cleanup_close_ int folder = open(bundle, O_PATH | O_DIRECTORY | O_CLOEXEC);
	_cleanup_close_ int fd =
	    folder < 0 ? -1 : openat(folder, "config.json", O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	struct stat st;

	if (fd < 0 || fstat(fd, &st))
		return problem(why, -errno, "%.128s/config.json: %s", bundle, strerror(errno));
	if (!S_ISREG(st.st_mode) || st.st_uid != geteuid() || st.st_mode & 022)
		return problem(why, -EPERM, "%.128s/config.json is not its owner's alone to write",
			       bundle);
	return hook_read_object(fd, "config.json", ret, why);
}

static int open_proc(int64_t pid, const char *name)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%lld/%s", (long long)pid, name);
	return open(path, O_RDONLY | O_CLOEXEC);
}

ssize_t hook_read_proc(int64_t pid, const char *name, char *ret, size_t size)
{
	_cleanup_close_ int fd = open_proc(pid, name);
	ssize_t n = fd < 0 ? -errno : read_all(fd, ret, size - 1);

	if (n >= 0)
		ret[n] = '\0';
	return n;
}

FILE *hook_open_proc(int64_t pid, const char *name)
{
	int fd = open_proc(pid, name);

	return fd < 0 ? NULL : fdopen(fd, "r");
}

pid_t hook_parent_of(pid_t pid)
{
	char text[STAT_MAX];
	ssize_t n = hook_read_proc(pid, "stat", text, sizeof(text));
	const char *behind = n < 0 ? NULL : strrchr(text, ')'); /* the name may hold anything */
	int parent;

	if (n < 0)
		return n;
	return behind && sscanf(behind, ") %*c %d", &parent) == 1 ? parent : -EBADMSG;
}
