/* SPDX-License-Identifier: Apache-2.0 */
/*
 * varlink_share.h - what one user has of a varlink server: connections, bytes, time
 *
 * One user's connections, however many and whatever they send or leave unread, cost the
 * others nothing: each user has so many places, so many bytes in all their buffers
 * together, and one slice of the server's time a turn. Root has its own places, and bytes and
 * time without a limit; users together leave it memory. Where there is only one user, that one
 * may be exempt, as root.
 * Called by: varlink.c alone. Owns: the shares; one exists while its user is connected.
 * Threads: none.
 */
#ifndef BASE_VARLINK_SHARE_H
#define BASE_VARLINK_SHARE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SHARE_SLICE_NS UINT64_C(500000) /* of one user a turn; a call that runs is not cut */

struct peer;

struct share {
	struct share *next;
	uint32_t uid;
	unsigned peers;
	size_t bytes;                /* that its peers' buffers take */
	uint64_t spent_ns;           /* of its slice of this turn */
	struct peer *waiting, *last; /* have calls, and no time left for them: varlink.c's */
};

struct shares {
	struct share *first;
	uint32_t exempt; /* as root: no limit of their own; 0: nobody else is */
	unsigned users;  /* the others */
	unsigned peers;  /* theirs */
	size_t bytes;    /* theirs */
};

/** share_join() - one more connection of @uid; NULL: no place, or no memory */
struct share *share_join(struct shares *shares, uint32_t uid);

/** share_leave() - one less; the last takes the share along */
void share_leave(struct shares *shares, struct share *share);

/** share_may_take() - may its peers' buffers take @bytes more? */
bool share_may_take(const struct shares *shares, const struct share *share, size_t bytes);

/** share_resize() - a buffer took @from bytes and takes @to now */
void share_resize(struct shares *shares, struct share *share, size_t from, size_t to);

#endif
