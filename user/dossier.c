// SPDX-License-Identifier: Apache-2.0
#include "dossier.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <string.h>

int dossier_forget(const struct kernel *kernel, uint32_t guard)
{
	return bpf_map_delete_elem(kernel->map[MAP_DOSSIER], &guard) && errno != ENOENT ? -errno
											: 0;
}

int dossier_write(const struct kernel *kernel, uint32_t guard, const struct terok_dossier *said,
		  struct problem *why)
{
	struct terok_dossier dossier;
	int r = 0;

	terok_dossier_take(said, &dossier);
	if (!terok_dossier_said(&dossier))
		r = dossier_forget(kernel, guard);
	else if (bpf_map_update_elem(kernel->map[MAP_DOSSIER], &guard, &dossier, BPF_ANY))
		r = -errno;
	return r ? problem(why, r, "write the dossier of guard %u: %s", guard, strerror(-r)) : 0;
}

int dossier_read(const struct kernel *kernel, uint32_t guard, struct terok_dossier *ret)
{
	struct terok_dossier said = {};
	int r = bpf_map_lookup_elem(kernel->map[MAP_DOSSIER], &guard, &said) ? -errno : 0;

	/* who may write maps may write anything */
	terok_dossier_take(&said, ret);
	return r == -ENOENT ? 0 : r;
}
