// SPDX-License-Identifier: Apache-2.0
#include "base/varlink_share.h"

#include <stdlib.h>

#include "base/varlink.h"

static bool is_limited(const struct shares *shares, uint32_t uid)
{
	return uid && uid != shares->exempt;
}

struct share *share_join(struct shares *shares, uint32_t uid)
{
	bool limited = is_limited(shares, uid);
	struct share *share = shares->first;

	while (share && share->uid != uid)
		share = share->next;
	if (share && share->peers == (limited ? VARLINK_UID_MAX : VARLINK_ROOT_MAX))
		return NULL;
	if (limited && shares->peers == VARLINK_USERS_MAX)
		return NULL;
	if (!share) {
		share = calloc(1, sizeof(*share));
		if (!share)
			return NULL;
		share->uid = uid;
		share->next = shares->first;
		shares->first = share;
		shares->users += limited;
	}
	share->peers++;
	shares->peers += limited;
	return share;
}

void share_leave(struct shares *shares, struct share *share)
{
	bool limited = is_limited(shares, share->uid);
	struct share **slot = &shares->first;

	shares->peers -= limited;
	if (--share->peers)
		return;
	while (*slot != share)
		slot = &(*slot)->next;
	*slot = share->next;
	shares->users -= limited;
	free(share);
}

/* When all of them are too many, who has more than an equal part gets no more. */
bool share_may_take(const struct shares *shares, const struct share *share, size_t bytes)
{
	if (!is_limited(shares, share->uid))
		return true;
	if (share->bytes + bytes > VARLINK_UID_BYTES)
		return false;
	return shares->bytes + bytes <= VARLINK_USERS_BYTES ||
	       share->bytes + bytes <= VARLINK_USERS_BYTES / shares->users;
}

void share_resize(struct shares *shares, struct share *share, size_t from, size_t to)
{
	share->bytes += to - from;
	if (is_limited(shares, share->uid))
		shares->bytes += to - from;
}
