/* SPDX-License-Identifier: Apache-2.0 */
/*
 * clearance_tree.h - what people see as a tree: containers, their domains, requests
 *
 * A node is a member of what it stands for. Children are in the order of their numbers, the
 * order in which they came. Rows are nodes from top to bottom: all but the root, what is folded
 * away, and a domain with a single request, which is shown as that request alone. From one row
 * to the next is a step, however many there are.
 * Called by: clearance_list.c, clearance_ui.c, clearance_draw.c. Threads: none.
 */
#ifndef TOOLS_CLEARANCE_TREE_H
#define TOOLS_CLEARANCE_TREE_H

#include <stdbool.h>

enum node_kind { NODE_ROOT, NODE_CONTAINER, NODE_DOMAIN, NODE_ITEM };

struct node {
	enum node_kind kind;
	bool folded;
	unsigned number;         /* among its siblings; an item's is what a person types */
	unsigned n;              /* children */
	unsigned frame;          /* the last drawing that had it on the screen */
	unsigned version, drawn; /* of what it is about: how often that changed; as it was drawn */
	unsigned open;           /* requests that wait for an answer: it, or those below it */
	struct node *parent, *previous, *next, *first, *last; /* parent NULL: not in the tree */
};

/** node_link() - into @parent, by number; its open ones count there and above */
void node_link(struct node *parent, struct node *node);

/** node_unlink() - out of the tree; fine when it is not there */
void node_unlink(struct node *node);

/** node_open() - so many more, or fewer, open ones in a node without children */
void node_open(struct node *node, int by);

/** node_is_row() - is it shown as a row, if nothing above it is folded? */
bool node_is_row(const struct node *node);

/** node_is_folded() - are there rows below it that are hidden? */
bool node_is_folded(const struct node *node);

/** node_row() - the row that stands for @node: it, what it is folded into, or its only request */
struct node *node_row(struct node *node);

/** node_next() - the row below @node, node_previous() - above it; NULL: none */
struct node *node_next(const struct node *node);
struct node *node_previous(const struct node *node);

/** node_first() - the uppermost row of a root, node_last() - the lowest; NULL: it is empty */
struct node *node_first(const struct node *root);
struct node *node_last(const struct node *root);

/** node_depth() - 0 for a container, also where a domain has no row of its own */
unsigned node_depth(const struct node *node);

#endif
