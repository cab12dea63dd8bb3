/* SPDX-License-Identifier: Apache-2.0 */
/*
 * harvest.h - what was refused, or reached, becomes a proposed profile
 *
 * Wishes are added in any order; the text depends on their set alone. An entry is a name where
 * one is known, else an address, each with port and protocol. Entries come in groups: one for
 * each registrable domain (suffix.h), then addresses without a name, then private and
 * link-local ones, which are comments: nobody should allow those unread. Three names below one
 * registrable domain also offer *.domain, as a comment; a public suffix never does.
 * All that processes or their peers chose is sanitised: no name of theirs begins a line.
 *
 * Owns: the entries. Called by: verbs. Knows no kernel and no files. Threads: none.
 */
#ifndef TEROK_HARVEST_H
#define TEROK_HARVEST_H

#include <json-c/json.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/json.h"
#include "profile.h"

#define HARVEST_NAMES_MIN   3  /* from so many names on all of their domain is offered */
#define HARVEST_PROCESSES   3  /* of one entry that are named; there may be more */
#define HARVEST_PROCESS_LEN 65 /* of one name, NUL included */
#define HARVEST_WHEN_LEN    32

/* Why something that was wished for is no entry. */
enum harvest_left {
	HARVEST_ALLOWED,    /* it is allowed by now */
	HARVEST_DENIED,     /* a rule denies it */
	HARVEST_BLOCKED,    /* it was tried in state block */
	HARVEST_NO_RULE,    /* no rule could let it out: another kind of socket, from outside */
	HARVEST_UNSAYABLE,  /* a name that no profile can say */
	HARVEST_UNREADABLE, /* a line that is none */
	HARVEST_LEFT_MAX_,
};

struct harvest_wish {
	const char *domain;  /* any text; NULL or "": not known */
	struct dest dest;    /* bits 128: that address; 0: none, port and protocol only */
	const char *process; /* any text; NULL or "": not known */
	const char *when;    /* UTC, so that text sorts as time does; NULL or "": not known */
	uint64_t count;
	bool refused;
};

struct harvest_item {
	struct profile_entry entry;
	const char *owner;             /* of a domain, whose it is; by harvest_sort() */
	char name[PROFILE_DOMAIN_LEN]; /* of a private address; the first by alphabet */
	bool local;                    /* private or link-local */
	uint64_t refused, reached;
	char when[HARVEST_WHEN_LEN];                          /* the last time */
	char process[HARVEST_PROCESSES][HARVEST_PROCESS_LEN]; /* by alphabet */
	bool more_processes;
};

struct harvest {
	bool at_least; /* counts are of lines that stand for several */
	uint64_t left[HARVEST_LEFT_MAX_];
	char from[HARVEST_WHEN_LEN], to[HARVEST_WHEN_LEN]; /* first and last time */
	struct profile index;                              /* the items' entries, to find one */
	struct harvest_item *item;                         /* in the order of index */
	const struct harvest_item **sorted;
	size_t n_sorted, room; /* room: of item */
};

void harvest_done(struct harvest *harvest);
#define _cleanup_harvest_ _cleanup_(harvest_done)

/** harvest_domain() - @text as a profile has a domain, without "*."; false: it is none */
bool harvest_domain(const char *text, char ret[static PROFILE_DOMAIN_LEN]);

/** harvest_is_probe() - getaddrinfo() sorts addresses by UDP connects to no port: nothing is sent */
bool harvest_is_probe(const struct dest *dest);

/** harvest_add() - one wish; -ENOMEM */
int harvest_add(struct harvest *harvest, const struct harvest_wish *wish);

/**
 * harvest_line() - what a line of an audit file says was refused
 * @ret: borrows from @line
 * @left: set if nothing is to be proposed of it
 *
 * Return: 1: @ret is filled; 0: no refusal, or @left says why not (else HARVEST_LEFT_MAX_).
 */
int harvest_line(struct json_object *line, struct harvest_wish *ret, enum harvest_left *left);

/* Entries that belong together; zero: before the first. */
struct harvest_group {
	const char *domain; /* registrable, or a name alone; NULL: addresses */
	bool local;
	size_t from, n;             /* of sorted */
	unsigned names;             /* that differ */
	char all[PROFILE_TEXT_LEN]; /* *.domain in their place; "": not offered */
};

/** harvest_sort() - no more wishes: put them in order; -ENOMEM */
int harvest_sort(struct harvest *harvest);

/** harvest_next() - the next group, after harvest_sort(); false: that was the last */
bool harvest_next(const struct harvest *harvest, struct harvest_group *group);

/**
 * harvest_print() - the text of a profile
 * @title: of the first line, behind "# "
 */
void harvest_print(const struct harvest *harvest, const char *title, FILE *to);

/** harvest_json() - the same as members of an object that the caller opened */
void harvest_json(const struct harvest *harvest, struct json *json);

#endif
