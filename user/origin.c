// SPDX-License-Identifier: Apache-2.0
#include "origin.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <string.h>

#include "base/cleanup.h"

#define MAPS_MAX 64 /* far more than any program of ours has */

static int maps_of(int prog_fd, __u32 ids[static MAPS_MAX], __u32 *n)
{
	struct bpf_prog_info info = { .nr_map_ids = MAPS_MAX, .map_ids = (uintptr_t)ids };
	__u32 size = sizeof(info);

	if (bpf_obj_get_info_by_fd(prog_fd, &info, &size))
		return -errno;
	if (strncmp(info.name, "terok_", 6))
		return -ENOENT;
	*n = info.nr_map_ids < MAPS_MAX ? info.nr_map_ids : MAPS_MAX;
	return 0;
}

/* The map of that name, its id in @id: from the end, where terok_meta is. */
static int map_named(int prog_fd, const char *name, struct bpf_map_info *ret)
{
	__u32 ids[MAPS_MAX], n = 0;
	int r = maps_of(prog_fd, ids, &n);

	if (r)
		return r;
	while (n--) {
		_cleanup_close_ int fd = bpf_map_get_fd_by_id(ids[n]);
		__u32 size = sizeof(*ret);

		if (fd < 0 || bpf_obj_get_info_by_fd(fd, memset(ret, 0, size), &size))
			return -errno;
		if (!strcmp(ret->name, name))
			return TAKE_FD(fd);
	}
	return -ENOENT;
}

int origin_map(int prog_fd, const char *name)
{
	struct bpf_map_info info;

	return map_named(prog_fd, name, &info);
}

int origin_of(int prog_fd, struct origin *ret)
{
	struct bpf_map_info info;
	_cleanup_close_ int fd = map_named(prog_fd, "terok_meta", &info);
	__u32 zero = 0;

	if (fd < 0)
		return fd;
	if (info.type != BPF_MAP_TYPE_ARRAY || info.key_size != sizeof(zero) ||
	    info.value_size != sizeof(ret->meta))
		return -ENOENT;
	ret->meta_id = info.id;
	return bpf_map_lookup_elem(fd, &zero, &ret->meta) ? -errno : 0;
}

int origin_each(uint64_t instance, int (*fn)(int prog_fd, const struct origin *origin, void *user),
		void *user)
{
	__u32 id = 0;
	int r = 0;

	while (!r && !bpf_prog_get_next_id(id, &id)) {
		_cleanup_close_ int fd = bpf_prog_get_fd_by_id(id);
		struct origin origin;

		if (fd < 0 && errno == ENOENT) /* gone between the two calls */
			continue;
		r = fd < 0 ? -errno : origin_of(fd, &origin);
		if (!r && origin.meta.instance == instance)
			r = fn(fd, &origin, user);
		else if (r == -ENOENT)
			r = 0;
	}
	/* it ends with ENOENT; whatever else ends it leaves programs that were not looked at */
	return r ? r : errno == ENOENT ? 0 : -errno;
}
