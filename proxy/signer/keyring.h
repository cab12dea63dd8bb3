/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keyring.h - the keys of each project: of ssh-keys.json and of the store, with what they may do
 *
 * What lies in files and rows is looked at each time somebody asks, and read again only where it
 * changed: a key that goes is gone at once, one that stays is the same EVP_PKEY. One that
 * cannot be read is left out, said in the log, and hides no other. Main keys ("tk-main:" in front of
 * their comment) come first, then files in their order, then rows in theirs.
 *
 * Owns: the keys. Called by: session.c. Threads: none.
 */
#ifndef SIGNER_KEYRING_H
#define SIGNER_KEYRING_H

#include <sys/stat.h>

#include "base/meter.h"
#include "base/problem.h"
#include "key.h"
#include "key_file.h"
#include "limits.h"
#include "proxy/store/ssh_key.h"
#include "proxy/store/store.h"

#define KEYRINGS_MAX  256 /* projects that are remembered */
#define KEYRING_KEYS  128 /* of a project */
#define COMMENT_FIRST "tk-main:"

/* What a file was when it was read. */
struct stamp {
	dev_t dev;
	ino_t ino;
	off_t size;
	struct timespec mtime, ctime;
	bool settled; /* long enough ago that a change would be seen */
};

struct held {
	struct key *key;
	char comment[KEY_COMMENT];
	struct limits limits;
	struct meter meter;         /* of this minute; it stays when its key is read anew */
	int64_t expires;            /* seconds since 1970; 0: never */
	int64_t row;                /* of the store; 0: a file */
	uint8_t half[SSH_KEY_HALF]; /* of a row: what the limits were said of */
	char *private_key, *public_key;
	struct stamp private_stamp, public_stamp;
};

/* A file that is named and could not be read: it is looked for when it changes. */
struct lost {
	char *path;
	struct stamp stamp;
};

struct keyring {
	char *project;
	struct held *held;
	unsigned n;
	struct lost lost[2 * KEYRING_KEYS];
	unsigned n_lost;
	struct stamp stamp; /* of ssh-keys.json */
	uint64_t generation, used;
	bool read;
};

struct keyrings {
	const char *json;    /* ssh-keys.json; NULL: none */
	struct store *store; /* NULL: none */
	/* before a store's key is read: is it locked, and can it be opened now? may be NULL */
	void (*unlock)(struct keyrings *rings);
	/* a key's file may not be looked at; may be NULL */
	void (*denied)(struct keyrings *rings, const char *path);
	struct keyring *ring[KEYRINGS_MAX];
	unsigned n;
	uint64_t generation, used;
};

/**
 * keyring_get() - a project's keys as they are now
 * @ret: borrowed, until the next call
 *
 * Return: 0, also if it has none; or a negative errno: nothing can be known of them; with @why.
 */
int keyring_get(struct keyrings *rings, const char *project, struct keyring **ret,
		struct problem *why);

/** keyring_find() - the key with that blob; NULL: it has no such, or its time is over */
struct held *keyring_find(struct keyring *ring, struct span blob);

/** held_is_over() - is its time over? */
bool held_is_over(const struct held *held);

/**
 * held_take() - one signature of this minute's
 *
 * Return: 0; -EBUSY: there is none left now.
 */
int held_take(struct held *held, uint64_t now_ns);

void keyrings_done(struct keyrings *rings);

#endif
