/* SPDX-License-Identifier: Apache-2.0 */
/*
 * listing.h - where the list of refs that a client asks for would be kept
 *
 * By protocol 2 a client asks for refs with a short request of its own, and who only looks whether
 * there is something new asks for nothing else. What git answers depends on that request, on all
 * that advert.h names, and on the refs: so it is kept as those lists are, under a key that has
 * each file and folder of refs in it besides, as they are. Not kept: refs that are more than
 * LISTING_FILES files, that are symbolic links, or that are kept in another way than in files.
 *
 * Called by: server.c. Threads: none.
 */
#ifndef GATE_LISTING_H
#define GATE_LISTING_H

#include "advert.h"

#define LISTING_ASKED 4096 /* bytes of a request; no git asks with more for a list */
#define LISTING_FILES 512

/** listing_may_be() - does a request that begins so ask for a list of refs? */
bool listing_may_be(const char *asked, size_t n);

/**
 * listing_key() - as advert_key(), for @asked
 *
 * Return: false, with nothing in @ret: nowhere.
 */
bool listing_key(const char *const *env, const char *asked, size_t n, const char *repository,
		 const char *backend, const char *git, struct advert_key *ret);

/** listing_again() - the same as it is now, for what @was was made for */
bool listing_again(const struct advert_key *was, const char *repository, const char *backend,
		   const char *git, struct advert_key *ret);

#endif
