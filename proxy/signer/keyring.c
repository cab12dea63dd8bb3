// SPDX-License-Identifier: Apache-2.0
#include "keyring.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/event.h"
#include "base/log.h"
#include "base/sanitise.h"
#include "key_file.h"
#include "keys_json.h"
#include "openssh_key.h"

#define SETTLED_NS (SECOND_NS / 10) /* more than a tick of the clock that files are stamped with */
#define MINUTE_NS  (60 * SECOND_NS)

/* --- stamps --------------------------------------------------------------------------- */

static uint64_t wall_of(const struct timespec *time)
{
	return (uint64_t)time->tv_sec * SECOND_NS + (uint64_t)time->tv_nsec;
}

/* A file that is not there has a stamp too. */
static void stamp_of(const struct stat *st, struct stamp *ret)
{
	*ret = (struct stamp){
		.dev = st->st_dev,
		.ino = st->st_ino,
		.size = st->st_size,
		.mtime = st->st_mtim,
		.ctime = st->st_ctim,
		.settled = wall_of(&st->st_ctim) + SETTLED_NS < now_wall_ns(),
	};
}

static bool same_time(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

static void stamp_look(const char *path, struct stamp *ret)
{
	struct stat st = {};

	if (!path || stat(path, &st))
		st = (struct stat){};
	stamp_of(&st, ret);
}

static bool stamp_holds(const struct stamp *stamp, const char *path)
{
	struct stamp now;

	stamp_look(path, &now);
	return stamp->settled && stamp->dev == now.dev && stamp->ino == now.ino &&
	       stamp->size == now.size && same_time(&stamp->mtime, &now.mtime) &&
	       same_time(&stamp->ctime, &now.ctime);
}

/* --- what a project has --------------------------------------------------------------- */

static void held_done(struct held *held)
{
	key_unref(held->key);
	limits_done(&held->limits);
	free(held->private_key);
	free(held->public_key);
	*held = (struct held){};
}

static void ring_empty(struct keyring *ring)
{
	while (ring->n)
		held_done(&ring->held[--ring->n]);
	free(ring->held);
	ring->held = NULL;
	while (ring->n_lost)
		free(ring->lost[--ring->n_lost].path);
}

static void ring_free(struct keyring *ring)
{
	ring_empty(ring);
	free(ring->project);
	free(ring);
}

void keyrings_done(struct keyrings *rings)
{
	while (rings->n)
		ring_free(rings->ring[--rings->n]);
}

static bool ring_holds(const struct keyrings *rings, const struct keyring *ring)
{
	if (!ring->read || ring->generation != rings->generation ||
	    !stamp_holds(&ring->stamp, rings->json))
		return false;
	for (unsigned i = 0; i < ring->n_lost; i++)
		if (!stamp_holds(&ring->lost[i].stamp, ring->lost[i].path))
			return false;
	for (unsigned i = 0; i < ring->n; i++) {
		const struct held *held = &ring->held[i];

		if (held->private_key && (!stamp_holds(&held->private_stamp, held->private_key) ||
					  !stamp_holds(&held->public_stamp, held->public_key)))
			return false;
	}
	return true;
}

static struct held *find_blob(struct keyring *ring, struct span blob)
{
	for (unsigned i = 0; i < ring->n; i++)
		if (span_same(wire_out_span(&ring->held[i].key->blob), blob))
			return &ring->held[i];
	return NULL;
}

/* Take it in, with what is known of its use; @held is empty then. */
static void ring_add(struct keyring *to, struct keyring *before, struct held *held)
{
	struct span blob = wire_out_span(&held->key->blob);
	struct held *was = find_blob(before, blob);

	if (to->n == KEYRING_KEYS || find_blob(to, blob)) {
		held_done(held);
		return;
	}
	if (was)
		held->meter = was->meter;
	to->held[to->n++] = *held;
	*held = (struct held){};
}

/* --- files ---------------------------------------------------------------------------- */

static struct held *find_file(struct keyring *ring, const char *path)
{
	for (unsigned i = 0; i < ring->n; i++)
		if (ring->held[i].private_key && !strcmp(ring->held[i].private_key, path))
			return &ring->held[i];
	return NULL;
}

/* The key itself: the one of before, if its file is. */
static int file_key(struct keyring *before, struct held *held, struct problem *why)
{
	struct held *was = find_file(before, held->private_key);
	struct stat st;
	int r;

	if (was && stamp_holds(&was->private_stamp, held->private_key)) {
		held->key = key_ref(was->key);
		held->private_stamp = was->private_stamp;
		return 0;
	}
	r = key_file_load(held->private_key, NULL, &st, &held->key, why);
	if (!r)
		stamp_of(&st, &held->private_stamp);
	return r;
}

static int file_public(struct held *held, struct problem *why)
{
	_cleanup_wire_ struct wire_out blob = {};
	int r;

	stamp_look(held->public_key, &held->public_stamp);
	if (!held->public_key)
		return 0;
	r = key_file_public(held->public_key, &blob, held->comment, why);
	if (!r && !span_same(wire_out_span(&blob), wire_out_span(&held->key->blob)))
		r = problem(why, -EBADMSG, "%s is another key's", held->public_key);
	return r;
}

static void lost_add(struct keyring *to, const char *path)
{
	struct lost lost = { .path = path ? strdup(path) : NULL };

	if (!lost.path || to->n_lost == sizeof(to->lost) / sizeof(*to->lost)) {
		free(lost.path);
		return;
	}
	stamp_look(lost.path, &lost.stamp);
	to->lost[to->n_lost++] = lost;
}

static void file_take(struct keyrings *rings, struct keyring *to, struct keyring *before,
		      struct keys_entry *entry)
{
	struct held held = {
		.private_key = TAKE_PTR(entry->private_key),
		.public_key = TAKE_PTR(entry->public_key),
		.limits = TAKE(entry->limits, (struct limits){}),
	};
	struct problem why;
	int r = file_key(before, &held, &why);

	if (!r)
		r = file_public(&held, &why);
	if (r) {
		log_error(0, "project %s: a key is left out: %s", to->project, why.text);
		if (r == -EACCES && rings->denied)
			rings->denied(rings, held.private_key);
		lost_add(to, held.private_key);
		lost_add(to, held.public_key);
		held_done(&held);
		return;
	}
	ring_add(to, before, &held);
}

static int files_read(struct keyrings *rings, struct keyring *to, struct keyring *before,
		      struct problem *why)
{
	struct keys_entries entries = {};
	int r;

	stamp_look(rings->json, &to->stamp);
	if (!rings->json)
		return 0;
	r = keys_json_load(rings->json, to->project, &entries, why);
	if (r)
		return r;
	if (entries.left_out)
		log_error(0, "project %s: %u keys are left out: %s", to->project, entries.left_out,
			  why->text);
	for (unsigned i = 0; i < entries.n; i++)
		file_take(rings, to, before, &entries.entry[i]);
	keys_entries_done(&entries);
	return 0;
}

/* --- rows ----------------------------------------------------------------------------- */

/* Rows, as they are before a key is read. */
struct rows {
	struct store *store;
	struct keyring *to, *before;
	struct held held[KEYRING_KEYS];
	struct wire_out blob[KEYRING_KEYS];
	unsigned n;
};

static int on_row(const struct ssh_key *row, void *user)
{
	struct rows *rows = user;
	struct held held = { .row = row->id, .expires = row->terms.expires };
	struct problem why;
	int r;

	if (rows->n == KEYRING_KEYS)
		return 0;
	r = ssh_key_check(rows->store, row, held.half, &why);
	if (r == -EKEYREJECTED && store_locked(rows->store, STORE_SSH))
		return 0; /* that was said */
	if (r || limits_of_terms(&row->terms, &held.limits, &why)) {
		log_error(0, "project %s: key %lld is left out: %s", rows->to->project,
			  (long long)row->id, why.text);
		return 0;
	}
	sanitise(held.comment, KEY_COMMENT - 1, row->comment, strlen(row->comment));
	wire_put_bytes(&rows->blob[rows->n], span_of(row->blob, row->blob_size));
	rows->held[rows->n++] = held;
	return 0;
}

/*
 * The limits are of what the row had when they were looked at. Whoever writes to it can have it be
 * plain text at that moment, whose limits are anybody's, and another's sealed key at this one.
 */
static int row_key(struct keyrings *rings, struct keyring *before, struct held *held,
		   struct span blob, struct problem *why)
{
	_cleanup_secret_ struct secret *der = NULL;
	struct held *was = find_blob(before, blob);
	uint8_t half[SSH_KEY_HALF];
	int r;

	if (was && was->row == held->row && !memcmp(was->half, held->half, sizeof(half))) {
		held->key = key_ref(was->key);
		return 0;
	}
	r = ssh_key_private(rings->store, held->row, &der, why);
	r = r ?: ssh_key_half(der, half, why);
	if (!r && memcmp(half, held->half, sizeof(half)))
		r = problem(why, -EBADMSG, "it was changed at this moment");
	if (!r && openssh_key_is(der)) /* as the vault's first layout had them */
		r = key_file_parse(der, NULL, &held->key, why);
	else if (!r)
		r = key_from_der((const uint8_t *)der->bytes, der->len, &held->key, why);
	if (!r && !span_same(blob, wire_out_span(&held->key->blob)))
		r = problem(why, -EBADMSG, "its halves are of two keys");
	return r;
}

static int on_any(const struct ssh_key *row, void *user)
{
	(void)row, (void)user;
	return 1;
}

static int rows_read(struct keyrings *rings, struct keyring *to, struct keyring *before,
		     struct problem *why)
{
	struct rows *rows;
	struct problem said;
	int r;

	if (!rings->store)
		return 0;
	rows = calloc(1, sizeof(*rows));
	if (!rows)
		return problem(why, -ENOMEM, "no memory for keys");
	*rows = (struct rows){ .store = rings->store, .to = to, .before = before };
	r = ssh_key_each(rings->store, to->project, on_any, NULL, why);
	if (r > 0 && rings->unlock)
		rings->unlock(rings);
	if (r > 0)
		r = ssh_key_each(rings->store, to->project, on_row, rows, why);
	for (unsigned i = 0; i < rows->n; i++) {
		struct held *held = &rows->held[i];

		if (!r && !row_key(rings, before, held, wire_out_span(&rows->blob[i]), &said)) {
			ring_add(to, before, held);
		} else {
			if (!r && !store_locked(rings->store, STORE_SSH)) /* that was said */
				log_error(0, "project %s: key %lld of the store is left out: %s",
					  to->project, (long long)held->row, said.text);
			held_done(held);
		}
		wire_out_done(&rows->blob[i]);
	}
	free(rows);
	return r;
}

/* --- all of them ---------------------------------------------------------------------- */

static void main_first(struct keyring *ring)
{
	unsigned front = 0;

	for (unsigned i = 0; i < ring->n; i++) {
		struct held held = ring->held[i];

		if (strncmp(held.comment, COMMENT_FIRST, sizeof(COMMENT_FIRST) - 1))
			continue;
		memmove(&ring->held[front + 1], &ring->held[front],
			(i - front) * sizeof(*ring->held));
		ring->held[front++] = held;
	}
}

/* Into another ring first: what cannot be read changes nothing of what is known. */
static int ring_read(struct keyrings *rings, struct keyring *ring, struct problem *why)
{
	struct keyring to = { .project = ring->project, .generation = rings->generation };
	int r;

	to.held = calloc(KEYRING_KEYS, sizeof(*to.held));
	if (!to.held)
		return problem(why, -ENOMEM, "no memory for keys");
	r = files_read(rings, &to, ring, why);
	if (!r)
		r = rows_read(rings, &to, ring, why);
	if (r) {
		ring_empty(&to);
		return r;
	}
	main_first(&to);
	/* a locked store is asked again: nothing tells when it is not any more */
	to.read = !rings->store || !store_locked(rings->store, STORE_SSH);
	to.used = ring->used;
	ring_empty(ring);
	*ring = to;
	return 0;
}

static struct keyring *ring_of(struct keyrings *rings, const char *project)
{
	struct keyring *ring, **oldest = &rings->ring[0];

	for (unsigned i = 0; i < rings->n; i++) {
		if (!strcmp(rings->ring[i]->project, project))
			return rings->ring[i];
		if (rings->ring[i]->used < (*oldest)->used)
			oldest = &rings->ring[i];
	}
	ring = calloc(1, sizeof(*ring));
	if (!ring || !(ring->project = strdup(project))) {
		free(ring);
		return NULL;
	}
	if (rings->n < KEYRINGS_MAX) {
		rings->ring[rings->n++] = ring;
	} else {
		ring_free(*oldest);
		*oldest = ring;
	}
	return ring;
}

int keyring_get(struct keyrings *rings, const char *project, struct keyring **ret,
		struct problem *why)
{
	struct keyring *ring = ring_of(rings, project);
	int r;

	if (!ring)
		return problem(why, -ENOMEM, "no memory for keys");
	ring->used = ++rings->used;
	if (rings->store && store_changed(rings->store))
		rings->generation++;
	r = ring_holds(rings, ring) ? 0 : ring_read(rings, ring, why);
	if (!r)
		*ret = ring;
	return r;
}

bool held_is_over(const struct held *held)
{
	return held->expires && held->expires <= (int64_t)(now_wall_ns() / SECOND_NS);
}

struct held *keyring_find(struct keyring *ring, struct span blob)
{
	struct held *held = find_blob(ring, blob);

	return held && !held_is_over(held) ? held : NULL;
}

/* A minute's worth at once, and then one each time that one has come back. */
int held_take(struct held *held, uint64_t now_ns)
{
	unsigned n = held->limits.per_minute;

	return !n || meter_take(&held->meter, MINUTE_NS / n, n, now_ns) ? 0 : -EBUSY;
}
