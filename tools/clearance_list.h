/* SPDX-License-Identifier: Apache-2.0 */
/*
 * clearance_list.h - the requests that one person looks at, grouped by container and domain
 *
 * Found by id and by number without a search, shown in a tree (clearance_tree.h). What is over
 * stays in sight for a while, so that people see what became of it. Whatever comes or goes, the
 * cursor stays on what it was on while that is there.
 * Owns: items and groups; both bounded. Knows no hub and no screen.
 * Called by: clearance_session.c, the faces. Threads: none.
 */
#ifndef TOOLS_CLEARANCE_LIST_H
#define TOOLS_CLEARANCE_LIST_H

#include "clearance_item.h"

#define ITEMS_MAX    4096 /* four times what a hub has open; then the oldest give way */
#define OVER_MAX     512  /* of them, that are over */
#define LIST_BUCKETS 4096
#define STAY_NS      (30 * UINT64_C(1000000000)) /* how long what is over stays in sight */
#define FILTER_LEN   64
#define HELD_NS      (60 * UINT64_C(1000000000)) /* so long it is said that some are not asked about */

enum group_kind {
	GROUP_CONTAINER,
	GROUP_DOMAIN,    /* names of one owner (base/suffix.h) */
	GROUP_ADDRESSES, /* that no name is known for */
	GROUP_LOCAL,     /* private and link-local ones: the host's own neighbourhood */
};

struct group {
	struct node node;
	enum group_kind kind;
	struct group *next;      /* in its bucket */
	struct group *container; /* whose; NULL: it is one */
	unsigned members;        /* that name it, in sight or not */
	int64_t guard;
	char text[256]; /* GROUP_DOMAIN: the domain; GROUP_CONTAINER: its id */
	char name[72];  /* of the container */
	int64_t held;   /* of it: refusals that nobody is asked about, as so many wait */
	uint64_t held_ns;
};

struct order { /* by time, of telling or of ending */
	struct item *oldest, *newest;
	unsigned n;
};

struct list {
	struct node root;
	struct node *cursor; /* NULL: on nothing */
	struct item *by_id[LIST_BUCKETS], *by_number[LIST_BUCKETS];
	struct group *groups[LIST_BUCKETS];
	struct order alive, over;
	struct item *fading; /* the first of over that is in sight still */
	unsigned open;       /* that wait for an answer, in sight or not */
	unsigned numbers, group_numbers;
	unsigned dropped; /* open ones that were too many to be shown; the hub has them still */
	char filter[FILTER_LEN];
};

void list_done(struct list *list);

/**
 * list_told() - a request, new or told again: the same item, whatever has become of it meanwhile
 * @fresh: it was not there before
 *
 * Return: it; NULL: no memory, or its id is none.
 */
struct item *list_told(struct list *list, const struct terok_event *event, bool *fresh);

/**
 * list_held() - nobody is asked about @count refusals more of a container
 *
 * Return: is that news, as it has not been so of late?
 */
bool list_held(struct list *list, const struct terok_event *event);

/** group_held() - how many of those there were of late; 0: none, or it is no container */
int64_t group_held(const struct group *group);

/** list_find() - by number, list_find_id() - by request id; NULL */
struct item *list_find(struct list *list, unsigned number);
struct item *list_find_id(struct list *list, const char *id);

/** list_set() - what has become of it */
void list_set(struct list *list, struct item *item, enum item_state state);

/** list_shown() - sees anew whether it is to be in sight; after a change of its texts */
void list_shown(struct list *list, struct item *item);

/** list_filter() - show what has @text only; "": everything */
void list_filter(struct list *list, const char *text);

/** list_fade() - what was over for long enough goes out of sight; the next time, 0: none */
uint64_t list_fade(struct list *list, uint64_t now_ns);

/** list_fold() - hide or show what is below a group */
void list_fold(struct list *list, struct node *node, bool folded);

/** list_cursor() - the row that is marked; the first request when there was none; NULL: no rows */
struct node *list_cursor(struct list *list);

/** list_each_below() - every item below @node, oldest first, itself if it is one */
void list_each_below(struct node *node, void (*fn)(struct item *item, void *user), void *user);

/** node_item(), node_group() - what a node stands for */
static inline struct item *node_item(struct node *node)
{
	return (struct item *)node; /* its first member */
}

static inline struct group *node_group(struct node *node)
{
	return (struct group *)node;
}

#endif
