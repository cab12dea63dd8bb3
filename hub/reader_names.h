/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reader_names.h - containers by whatever a reader calls them: one id for each, the rest mapped
 *
 * Who reads packets names a container by the first 12 digits of its id; who takes a shield up or
 * down names it as its user typed it, which is its name, or all 64 digits. What the first say of a
 * container is remembered, so that what the second say ends the right requests.
 *
 * Owned by: hub_reader.c. Bounded: of many containers some are forgotten, and then a name is
 * nothing but itself. Threads: none. No allocation.
 */
#ifndef HUB_READER_NAMES_H
#define HUB_READER_NAMES_H

#include <stdint.h>

#define READER_NAMES_MAX 512 /* containers remembered, at most */

struct reader_names {
	uint64_t turn; /* the later of two containers of one name is meant */
	struct {
		uint64_t turn;
		char id[72], name[136]; /* what is longer is nobody's */
	} slot[READER_NAMES_MAX];
};

/** reader_names_learn() - there is a container @id; @name: called so, NULL: nobody said how */
void reader_names_learn(struct reader_names *names, const char *id, const char *name);

/** reader_names_find() - the id of what is called @text; @text itself if nobody is */
const char *reader_names_find(const struct reader_names *names, const char *text);

/** reader_names_forget() - that container is no more */
void reader_names_forget(struct reader_names *names, const char *id);

#endif
