// SPDX-License-Identifier: Apache-2.0
#include "reached.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <string.h>

#include "guard.h"
#include "names.h"

static void change_notes(struct terok_guard *value, void *user)
{
	(void)user;
	value->notes = 1;
}

int reached_begin(const struct kernel *kernel, uint32_t guard, struct problem *why)
{
	const struct terok_reached_key missed = { .guard = guard };
	const struct terok_reached none = {};
	_cleanup_close_ int lock = kernel_lock(why);

	if (lock < 0)
		return lock;
	/* first: nothing may be missing uncounted */
	if (bpf_map_update_elem(kernel->map[MAP_REACHED], &missed, &none, BPF_ANY))
		return errno == E2BIG
			   ? problem(why, -ENOSPC,
				     "the table of destinations is full (%d of all guards)",
				     TEROK_MAX_REACHED)
			   : problem(why, -errno, "write the table of destinations: %s",
				     strerror(errno));
	return guard_change(kernel, guard, change_notes, NULL, why);
}

int reached_each(const struct kernel *kernel, uint32_t guard,
		 int (*fn)(const struct reached *reached, void *user), void *user, uint64_t *missed)
{
	struct terok_reached_key key, *prev = NULL;
	int r = 0;

	*missed = 0;
	while (!r && !bpf_map_get_next_key(kernel->map[MAP_REACHED], prev, &key)) {
		struct reached reached = {
			.dest = { .bits = 128, .proto = key.proto, .port = key.port },
			.allowed = key.action == TEROK_ALLOW,
		};
		static const uint8_t none[16];

		prev = &key;
		if (key.guard != guard)
			continue;
		memcpy(reached.dest.addr, key.addr, sizeof(key.addr));
		if (bpf_map_lookup_elem(kernel->map[MAP_REACHED], &key, &reached.value))
			r = errno == ENOENT ? 0 : -errno;
		else if (!key.port && !key.proto && !memcmp(key.addr, none, sizeof(none)))
			*missed = reached.value.count;
		else if (reached.value.count)
			r = fn(&reached, user);
	}
	return kernel_walk_end(r);
}

int reached_forget(const struct kernel *kernel, uint32_t guard)
{
	struct terok_reached_key key, next, *prev = NULL;
	int map = kernel->map[MAP_REACHED];

	while (!bpf_map_get_next_key(map, prev, &next)) {
		if (next.guard != guard) {
			key = next;
			prev = &key;
		} else {
			if (bpf_map_delete_elem(map, &next) && errno != ENOENT)
				return -errno;
		}
	}
	return errno == ENOENT ? 0 : -errno;
}

const char *reached_name(const struct kernel *kernel, uint32_t guard, const uint8_t addr[static 16],
			 char ret[static PROFILE_DOMAIN_LEN])
{
	if (!names_reverse(kernel, guard, addr, ret))
		*ret = '\0';
	return ret;
}
