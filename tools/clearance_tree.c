// SPDX-License-Identifier: Apache-2.0
#include "clearance_tree.h"

#include <stddef.h>

bool node_is_row(const struct node *node)
{
	return node->kind != NODE_ROOT && !(node->kind == NODE_DOMAIN && node->n == 1);
}

bool node_is_folded(const struct node *node)
{
	return node->folded && node->first && node_is_row(node);
}

static void open_above(struct node *node, int by)
{
	for (; node; node = node->parent)
		node->open += by;
}

void node_open(struct node *node, int by)
{
	open_above(node, by);
}

void node_link(struct node *parent, struct node *node)
{
	struct node *before = parent->last;

	/* nearly always the newest of all */
	while (before && before->number > node->number)
		before = before->previous;
	node->parent = parent;
	node->previous = before;
	node->next = before ? before->next : parent->first;
	*(node->previous ? &node->previous->next : &parent->first) = node;
	*(node->next ? &node->next->previous : &parent->last) = node;
	parent->n++;
	open_above(parent, node->open);
}

void node_unlink(struct node *node)
{
	struct node *parent = node->parent;

	if (!parent)
		return;
	*(node->previous ? &node->previous->next : &parent->first) = node->next;
	*(node->next ? &node->next->previous : &parent->last) = node->previous;
	node->parent = node->previous = node->next = NULL;
	parent->n--;
	open_above(parent, -(int)node->open);
}

/* The node below, a row or not. */
static struct node *below(const struct node *node)
{
	if (node->first && !node_is_folded(node))
		return node->first;
	for (; node; node = node->parent)
		if (node->next)
			return node->next;
	return NULL;
}

/* The lowest in sight in @node, itself if it has nothing. */
static struct node *lowest(struct node *node)
{
	while (node->last && !node_is_folded(node))
		node = node->last;
	return node;
}

struct node *node_next(const struct node *node)
{
	struct node *next = below(node);

	while (next && !node_is_row(next))
		next = below(next);
	return next;
}

struct node *node_previous(const struct node *node)
{
	struct node *before = NULL;

	do
		before = node->previous ? lowest(node->previous) : node->parent;
	while ((node = before) && before->kind != NODE_ROOT && !node_is_row(before));
	return before && before->kind != NODE_ROOT ? before : NULL;
}

struct node *node_first(const struct node *root)
{
	return node_next(root);
}

struct node *node_last(const struct node *root)
{
	struct node *last = lowest((struct node *)root);

	return last->kind == NODE_ROOT ? NULL : last;
}

struct node *node_row(struct node *node)
{
	struct node *row = node;

	if (node->kind == NODE_DOMAIN && node->n == 1)
		row = node->first;
	for (node = row->parent; node; node = node->parent)
		if (node_is_folded(node))
			row = node;
	return row;
}

unsigned node_depth(const struct node *node)
{
	unsigned depth = 0;

	for (node = node->parent; node; node = node->parent)
		depth += node_is_row(node);
	return depth;
}
