/* SPDX-License-Identifier: Apache-2.0 */
/*
 * advert.h - what http-backend says first, kept for the next who asks the same
 *
 * Every git asks first what the other can do. By protocol 2 that is a list without refs: it
 * depends on git, on the repository's configuration and on the environment, and on nothing that
 * was pushed. So it is kept under all of these, and given as long as none has changed: the
 * environment byte by byte, the files by inode, size and times. It is never made here: what is
 * given is what http-backend said. Not kept: what includes other files, what is not 200, a list
 * with a session's id, and what was asked while a file was so new that it could change unseen.
 *
 * Owns: what it keeps, ADVERT_MAX of it. Called by: server.c. Threads: none.
 */
#ifndef GATE_ADVERT_H
#define GATE_ADVERT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include "cgi.h"

#define ADVERT_MAX    32
#define ADVERT_SIZE   (32 << 10) /* bytes of one reply */
#define ADVERT_HEADER 8          /* headers of one */

/* A file as it was. */
struct advert_stamp {
	uint64_t dev, ino, size, mode, mtime_ns, ctime_ns;
};

enum {
	ADVERT_CONFIG,
	ADVERT_HEAD,
	ADVERT_OBJECTS,
	ADVERT_REFS,
	ADVERT_BACKEND,
	ADVERT_GIT,
	ADVERT_FILES
};

struct advert_key {
	char *env;             /* all of it, and in listing.h what was asked and the refs */
	size_t env_size, said; /* of which so much is no refs */
	struct advert_stamp file[ADVERT_FILES];
	bool fresh; /* a file is too new: to look up, not to keep */
};

/** advert_stamp_of() - that file; @fresh: set if it is so new that it could change unseen */
struct advert_stamp advert_stamp_of(const struct stat *st, bool *fresh);

/* A reply as it comes. */
struct advert_reply {
	char bytes[ADVERT_SIZE];
	size_t n, head; /* of which the head is so long; "name\0value\0", each */
	unsigned n_headers;
	bool bad; /* it is not one to keep */
};

/* Which replies are kept. */
enum advert_kind {
	ADVERT_LIST, /* what git can do, by protocol 2 */
	ADVERT_REFS_LIST,
};

struct advert {
	struct advert_key key;
	struct advert_reply *reply;
};

struct adverts {
	enum advert_kind kind;
	struct advert kept[ADVERT_MAX];
	unsigned next; /* to be replaced */
};

/**
 * advert_key() - where a reply would be kept
 * @env: NULL-terminated
 * @repository, @backend, @git: paths; @git may be NULL
 *
 * Return: false: nowhere (a file is not there, or configuration includes another).
 */
bool advert_key(const char *const *env, const char *repository, const char *backend,
		const char *git, struct advert_key *ret);

/** advert_stamps() - the same but for its environment */
bool advert_stamps(const char *repository, const char *backend, const char *git,
		   struct advert_key *ret);
void advert_key_done(struct advert_key *key);

/** advert_find() - what was said under that key, borrowed until the next call; NULL: nothing */
const struct advert_reply *advert_find(const struct adverts *adverts, const struct advert_key *key);

/** advert_head() - a reply begins with this head */
void advert_head(struct advert_reply *reply, const struct cgi_head *head);
/** advert_body() - and goes on with these bytes */
void advert_body(struct advert_reply *reply, const char *bytes, size_t n);

/** advert_headers() - those of a reply, into @ret of ADVERT_HEADER; their number */
unsigned advert_headers(const struct advert_reply *reply, struct http_header *ret);

/**
 * advert_keep() - a whole reply; both are the keeper's now, and *key is empty
 *
 * Nothing is kept if files have changed since the key was made: that is asked here.
 */
void advert_keep(struct adverts *adverts, struct advert_key *key, const struct advert_key *now,
		 struct advert_reply *reply);

void adverts_done(struct adverts *adverts);

#endif
