/* SPDX-License-Identifier: Apache-2.0 */
/*
 * clearance_past.h - what was granted and holds still, and what has happened
 *
 * Two lists as the hub told them last, to be replaced or added to as a whole.
 * Owns: their memory. Called by: clearance_session.c (fills), clearance_ui.c and clearance_draw.c
 * (show). Threads: none.
 */
#ifndef TOOLS_CLEARANCE_PAST_H
#define TOOLS_CLEARANCE_PAST_H

#include <stddef.h>

#include "clearance_hub.h"

#define GRANTS_MAX  16384
#define HISTORY_MAX 5000

struct grants {
	struct grant *grant;
	size_t n, room;
	bool more; /* the hub has others, too */
};

struct history {
	struct entry *entry; /* newest first */
	size_t n, room;
	bool more; /* the hub has older ones */
};

/** grants_add() - a copy of it; what is beyond GRANTS_MAX is left out */
void grants_add(struct grants *grants, const struct grant *grant);
void grants_done(struct grants *grants);

/** grants_take() - what was listed anew in place of what was; @coming is empty then */
void grants_take(struct grants *grants, struct grants *coming);

/** history_add() - a copy of it, older than those before; HISTORY_MAX as above */
void history_add(struct history *history, const struct entry *entry);
void history_done(struct history *history);

/**
 * history_take() - a page that the hub told goes to what is known; @page is empty then
 * @older: it follows what is known; else it is the newest: what is known beyond it stays if they
 *	   overlap, for without that there may be a gap
 */
void history_take(struct history *history, struct history *page, bool older);

/** entry_is_by() - did a person do it? then uid and client say who */
bool entry_is_by(const struct entry *entry);

/** entry_word() - what happened, in at most ten characters */
const char *entry_word(const struct entry *entry);

/** grant_left() - how long it holds still: "5m left", "container", "ever"; returns @buf */
const char *grant_left(char buf[static 16], const struct grant *grant);

/** grant_format() - as a line, entry_format() - the same; neither is made printable; @buf */
const char *grant_format(char *buf, size_t size, const struct grant *grant);
const char *entry_format(char *buf, size_t size, const struct entry *entry);

/** grant_has() and entry_has() - is @text in anything that is shown of it? either case */
bool grant_has(const struct grant *grant, const char *text);
bool entry_has(const struct entry *entry, const char *text);

#endif
