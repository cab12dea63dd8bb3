/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sync_within.h - the steps of a sync, for gate/sync*.c only
 *
 * Each returns 0 or a negative errno with @why, and can be done again.
 */
#ifndef GATE_SYNC_WITHIN_H
#define GATE_SYNC_WITHIN_H

#include "sync.h"
#include "upstream.h"

/* One sync. */
struct syncing {
	struct mirror *mirror;
	const struct sync_options *options;
	struct sync_result *result;
	struct upstream upstream;
	const struct mirror_memory *kept; /* of the mirror before this one; NULL: there was none */
	struct refs wanted;               /* names of options->branches, sorted; none: all */
	bool fresh;                       /* the mirror is being made, beside its place */
};

/** sync_wants() - is that branch among those that this sync is about? */
bool sync_wants(const struct syncing *syncing, const char *branch);

/** sync_attic() - note what the snapshot was of what is changed or gone at the upstream */
int sync_attic(struct syncing *syncing, struct problem *why);

/** sync_fetch() - the snapshot becomes what the upstream has; nothing is fetched if it is */
int sync_fetch(struct syncing *syncing, struct problem *why);

/** sync_branches() - new ones and fast forwards into the gate; the rest is told */
int sync_branches(struct syncing *syncing, struct problem *why);

/** sync_tags() - new ones into the gate; moved ones are told, none is removed */
int sync_tags(struct syncing *syncing, struct problem *why);

/** sync_head() - HEAD is the upstream's default branch, if the gate has it; it never dangles */
int sync_head(struct syncing *syncing, struct problem *why);

#endif
