// SPDX-License-Identifier: Apache-2.0
#include "peers.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"

#define MOVED_MAX 64 /* containers that are remembered to have; with more of them, all have */

struct moved {
	char id[AGENT_ID_LEN];
	uint64_t at_ns;
};

struct peers {
	struct runtime *runtime;
	struct peer_ask *waiting; /* for the look that is at work, or for one after it */
	bool looking;
	uint64_t begun_ns; /* of the look that is at work */
	uint64_t seen_ns;  /* when the last good one was begun; 0: there is none */
	struct runtime_container *container;
	unsigned n, failed;
	struct moved moved[MOVED_MAX];
	unsigned n_moved;
	uint64_t all_moved_ns; /* when all of them may have */
};

/* Who it is, by its labels. */
static enum peer_is take(const struct runtime_container *found, struct resolved *ret)
{
	if (!found->labelled)
		return PEER_UNLABELLED;
	strcpy(ret->container, found->id);
	strcpy(ret->project, found->project);
	strcpy(ret->agent, found->agent);
	return PEER_FOUND;
}

enum peer_is peer_resolve(const struct runtime_seen *seen, const uint8_t addr[static 16],
			  struct resolved *ret)
{
	const struct runtime_container *found = NULL;

	*ret = (struct resolved){};
	for (unsigned i = 0; i < seen->n; i++)
		for (unsigned k = 0; k < seen->container[i].n_addr; k++) {
			if (memcmp(seen->container[i].addr[k], addr, 16))
				continue;
			if (found && found != &seen->container[i])
				return PEER_AMBIGUOUS;
			found = &seen->container[i];
		}
	if (!found) /* where none could be looked at, it may have been any of them */
		return seen->failed && !seen->n ? PEER_ERROR : PEER_NONE;
	return take(found, ret);
}

enum peer_is peer_resolve_id(const struct runtime_seen *seen, const char *id, struct resolved *ret)
{
	*ret = (struct resolved){};
	for (unsigned i = 0; i < seen->n; i++)
		if (!strcmp(seen->container[i].id, id))
			return take(&seen->container[i], ret);
	return seen->failed ? PEER_ERROR : PEER_NONE; /* it may be one of those */
}

int peers_new(struct runtime *runtime, struct peers **ret)
{
	struct peers *peers = calloc(1, sizeof(*peers));

	if (!peers)
		return -ENOMEM;
	peers->runtime = runtime;
	*ret = peers;
	return 0;
}

void peers_free(struct peers *peers)
{
	if (!peers)
		return;
	while (peers->waiting)
		peers_forget(peers->waiting);
	free(peers->container);
	free(peers);
}

void peers_forget(struct peer_ask *ask)
{
	struct peer_ask **at;

	if (!ask->peers)
		return;
	for (at = &ask->peers->waiting; *at != ask; at = &(*at)->next)
		;
	*at = ask->next;
	ask->peers = NULL;
}

/* --- what has happened since ------------------------------------------------------------- */

void peers_moved(struct peers *peers, const char *id)
{
	struct moved *moved = peers->moved, *end = moved + peers->n_moved;

	while (id && moved < end && strcmp(moved->id, id) != 0)
		moved++;
	if (!id || moved == peers->moved + MOVED_MAX || strlen(id) >= sizeof(moved->id)) {
		peers->all_moved_ns = now_boot_ns();
		peers->n_moved = 0;
		return;
	}
	if (moved == end) {
		strcpy(moved->id, id);
		peers->n_moved++;
	}
	moved->at_ns = now_boot_ns();
}

bool peers_hold(const struct peers *peers, const struct resolved *who)
{
	if (peers->all_moved_ns >= who->seen_ns)
		return false;
	for (unsigned i = 0; i < peers->n_moved; i++)
		if (peers->moved[i].at_ns >= who->seen_ns &&
		    !strcmp(peers->moved[i].id, who->container))
			return false;
	return true;
}

/* --- answers ----------------------------------------------------------------------------- */

/* By the look that was begun then; false: who that was has moved meanwhile, or may have. */
static bool resolve(const struct peers *peers, const struct peer_ask *ask, uint64_t begun_ns,
		    enum peer_is *is, struct resolved *who)
{
	const struct runtime_seen seen = { peers->container, peers->n, peers->failed };

	*is = ask->container ? peer_resolve_id(&seen, ask->container, who)
			     : peer_resolve(&seen, ask->addr, who);
	who->seen_ns = begun_ns;
	return *is != PEER_FOUND || peers_hold(peers, who);
}

/* The first of those who came before the look was begun whom it can answer. */
static struct peer_ask *answerable(struct peers *peers, int error, enum peer_is *is,
				   struct resolved *who)
{
	struct peer_ask *ask;

	for (ask = peers->waiting; ask; ask = ask->next) {
		if (ask->since_ns > peers->begun_ns)
			continue;
		*is = PEER_ERROR;
		if (error || resolve(peers, ask, peers->begun_ns, is, who))
			break;
	}
	return ask;
}

static void look(struct peers *peers);

/* Who is told may ask again, and end others. */
static void answer_all(struct peers *peers, int error)
{
	struct resolved who = {};
	struct peer_ask *ask;
	enum peer_is is;

	while ((ask = answerable(peers, error, &is, &who))) {
		peers_forget(ask);
		ask->done(ask, is, is == PEER_FOUND ? &who : NULL);
	}
}

static void on_seen(const struct runtime_seen *seen, int error, const char *why, void *user)
{
	struct peers *peers = user;
	size_t size = seen ? seen->n * sizeof(*seen->container) : 0;

	peers->looking = false;
	free(peers->container);
	peers->container = NULL;
	peers->n = 0;
	peers->seen_ns = 0;
	if (size && !(peers->container = malloc(size)))
		error = -ENOMEM;
	if (!error) {
		if (size)
			memcpy(peers->container, seen->container, size);
		peers->n = seen->n;
		peers->failed = seen->failed;
		peers->seen_ns = peers->begun_ns;
	}
	if (error)
		log_error(error, "event=peer_lookup_list_failed %s", why ?: "");
	else if (seen->failed)
		log_warn(0, "event=peer_lookup_inspect_failed containers=%u", seen->failed);
	answer_all(peers, error);
	if (peers->waiting && !peers->looking)
		look(peers);
}

/* Whoever asks while one is at work waits for the next. */
static void look(struct peers *peers)
{
	int r;

	peers->begun_ns = now_boot_ns();
	peers->looking = true;
	r = peers->runtime->look(peers->runtime, on_seen, peers);
	if (r) {
		peers->looking = false;
		log_error(r, "event=peer_lookup_list_failed");
		answer_all(peers, r);
	}
}

void peers_ask(struct peers *peers, struct peer_ask *ask)
{
	struct resolved who;
	enum peer_is is;

	/* where some could not be looked at, that nobody was found says nothing */
	if (peers->seen_ns && ask->since_ns <= peers->seen_ns &&
	    resolve(peers, ask, peers->seen_ns, &is, &who) &&
	    (!peers->failed || is == PEER_FOUND)) {
		ask->done(ask, is, is == PEER_FOUND ? &who : NULL);
		return;
	}
	ask->peers = peers;
	ask->next = peers->waiting;
	peers->waiting = ask;
	if (!peers->looking)
		look(peers);
}
