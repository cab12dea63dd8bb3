// SPDX-License-Identifier: Apache-2.0
#include "turns.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* One that waits; of its packet as many bytes as its type has. */
struct turn {
	struct turn *next;
	uint64_t round, token;
	uint32_t uid;
	struct msg_packet packet[];
};

struct turns {
	hub_send_fn send;
	void *user;
	struct turn *waiting; /* by round, then by their coming */
	uint64_t round;       /* of the one that went last */
	uint32_t last_uid;
	unsigned max, n;
	uint64_t open[TURNS_MAX]; /* tokens that are on their way */
};

int turns_new(unsigned max, hub_send_fn send, void *user, struct turns **ret)
{
	struct turns *turns = calloc(1, sizeof(*turns));

	if (!turns)
		return -ENOMEM;
	turns->max = max < TURNS_MAX ? max : TURNS_MAX;
	turns->send = send;
	turns->user = user;
	*ret = turns;
	return 0;
}

void turns_free(struct turns *turns)
{
	struct turn *turn;

	while (turns && (turn = turns->waiting)) {
		turns->waiting = turn->next;
		free(turn);
	}
	free(turns);
}

static int send_now(struct turns *turns, const struct msg_packet *packet, uint64_t token)
{
	struct msg_packet copy;
	int r;

	memcpy(&copy, packet, core_msg_size(packet->type));
	r = turns->send(&copy, turns->user);
	if (!r)
		turns->open[turns->n++] = token;
	return r;
}

/* As in recall.c: behind the others of its user, and beside the first of everybody else. */
static int wait_in_line(struct turns *turns, struct turn *turn)
{
	struct turn **slot = &turns->waiting;
	unsigned n = 0;

	turn->round = turns->round + (turn->uid == turns->last_uid);
	for (const struct turn *waits = turns->waiting; waits; waits = waits->next) {
		if (waits->uid != turn->uid)
			continue;
		n++;
		if (waits->round >= turn->round)
			turn->round = waits->round + 1;
	}
	if (n == TURNS_WAITING)
		return -EBUSY;
	while (*slot && (*slot)->round <= turn->round)
		slot = &(*slot)->next;
	turn->next = *slot;
	*slot = turn;
	return 0;
}

int turns_say(struct turns *turns, const struct msg_packet *packet, uint32_t uid, uint64_t token)
{
	size_t size = core_msg_size(packet->type);
	struct turn *turn;
	int r;

	if (turns->n < turns->max && !turns->waiting) {
		turns->last_uid = uid;
		return send_now(turns, packet, token);
	}
	turn = malloc(sizeof(*turn) + size);
	if (!turn)
		return -ENOMEM;
	*turn = (struct turn){ .uid = uid, .token = token };
	memcpy(turn->packet, packet, size);
	r = wait_in_line(turns, turn);
	if (r)
		free(turn);
	return r;
}

void turns_forget(struct turns *turns, uint64_t token)
{
	struct turn **slot = &turns->waiting, *turn;

	while (*slot && (*slot)->token != token)
		slot = &(*slot)->next;
	turn = *slot;
	if (!turn)
		return;
	*slot = turn->next;
	free(turn);
}

static bool open_remove(struct turns *turns, uint64_t token)
{
	unsigned i = 0;

	while (i < turns->n && turns->open[i] != token)
		i++;
	if (i == turns->n)
		return false;
	turns->open[i] = turns->open[--turns->n];
	return true;
}

void turns_over(struct turns *turns, uint64_t token)
{
	struct turn *turn;

	if (!open_remove(turns, token))
		return;
	while (turns->n < turns->max && (turn = turns->waiting)) {
		/* there is room, for one that was there is not; or the core has gone */
		if (send_now(turns, turn->packet, turn->token))
			return;
		turns->waiting = turn->next;
		turns->round = turn->round;
		turns->last_uid = turn->uid;
		free(turn);
	}
}
