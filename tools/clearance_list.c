// SPDX-License-Identifier: Apache-2.0
#include "clearance_list.h"

#include <stdlib.h>
#include <string.h>

#include "base/event.h"

/* --- in order of time ----------------------------------------------------------------- */

static void order_add(struct order *order, struct item *item)
{
	item->older = order->newest;
	item->newer = NULL;
	*(item->older ? &item->older->newer : &order->oldest) = item;
	order->newest = item;
	order->n++;
}

static void order_remove(struct order *order, struct item *item)
{
	*(item->older ? &item->older->newer : &order->oldest) = item->newer;
	*(item->newer ? &item->newer->older : &order->newest) = item->older;
	order->n--;
}

static bool state_is_over(enum item_state state)
{
	return state > ITEM_ANSWERED;
}

static struct order *order_of(struct list *list, const struct item *item)
{
	return state_is_over(item->state) ? &list->over : &list->alive;
}

/* --- found without a search ----------------------------------------------------------- */

static unsigned text_bucket(const char *text, unsigned seed)
{
	unsigned hash = 2166136261u ^ seed;

	for (; *text; text++)
		hash = (hash ^ (unsigned char)*text) * 16777619u;
	return (hash ^ hash >> 16) % LIST_BUCKETS;
}

struct item *list_find(struct list *list, unsigned number)
{
	struct item *item = list->by_number[number % LIST_BUCKETS];

	while (item && item->node.number != number)
		item = item->next_number;
	return item;
}

struct item *list_find_id(struct list *list, const char *id)
{
	struct item *item = list->by_id[text_bucket(id, 0)];

	while (item && strcmp(item->request_id, id))
		item = item->next_id;
	return item;
}

static void item_enter(struct list *list, struct item *item)
{
	struct item **by_id = &list->by_id[text_bucket(item->request_id, 0)];
	struct item **by_number = &list->by_number[item->node.number % LIST_BUCKETS];

	item->next_id = *by_id;
	*by_id = item;
	item->next_number = *by_number;
	*by_number = item;
}

static void item_forget(struct list *list, struct item *item)
{
	struct item **slot = &list->by_id[text_bucket(item->request_id, 0)];

	while (*slot != item)
		slot = &(*slot)->next_id;
	*slot = item->next_id;
	slot = &list->by_number[item->node.number % LIST_BUCKETS];
	while (*slot != item)
		slot = &(*slot)->next_number;
	*slot = item->next_number;
}

/* --- groups --------------------------------------------------------------------------- */

static struct group **group_slot(struct list *list, const struct group *like)
{
	unsigned seed = like->container ? like->container->node.number * 8 + like->kind
					: (unsigned)like->guard * 8;
	struct group **slot = &list->groups[text_bucket(like->text, seed)];

	while (*slot && ((*slot)->kind != like->kind || (*slot)->container != like->container ||
			 (*slot)->guard != like->guard || strcmp((*slot)->text, like->text)))
		slot = &(*slot)->next;
	return slot;
}

/* The group that is like @like, made if there is none; NULL: no memory. */
static struct group *group_get(struct list *list, const struct group *like)
{
	struct group **slot = group_slot(list, like), *group = *slot;

	if (group)
		return group;
	group = calloc(1, sizeof(*group));
	if (!group)
		return NULL;
	*group = *like;
	group->node.kind = like->container ? NODE_DOMAIN : NODE_CONTAINER;
	group->node.number = ++list->group_numbers;
	if (group->container)
		group->container->members++;
	return *slot = group;
}

static void group_put(struct list *list, struct group *group)
{
	struct group *container = group->container, **slot;

	if (group->members && --group->members)
		return;
	slot = group_slot(list, group);
	*slot = group->next;
	free(group);
	if (container)
		group_put(list, container);
}

/* The group where @item belongs, one member more; NULL: no memory. */
static struct group *group_for(struct list *list, const struct item *item)
{
	struct group like = { .kind = GROUP_CONTAINER, .guard = item->guard };
	struct group *container, *group;

	text_copy(like.text, sizeof(like.text), item->container);
	container = group_get(list, &like);
	if (!container)
		return NULL;
	text_copy(container->name, sizeof(container->name), item->name);
	like = (struct group){ .kind = GROUP_ADDRESSES, .container = container };
	if (item_is_local(item)) {
		like.kind = GROUP_LOCAL;
	} else if (*item_name(item)) {
		like.kind = GROUP_DOMAIN;
		item_domain(like.text, item);
	}
	group = group_get(list, &like);
	if (group)
		group->members++;
	else if (!container->members)
		group_put(list, container);
	return group;
}

bool list_held(struct list *list, const struct terok_event *event)
{
	struct group like = { .kind = GROUP_CONTAINER, .guard = event->guard }, *group;
	int64_t before;

	text_copy(like.text, sizeof(like.text), event->container);
	group = *group_slot(list, &like);
	if (!group)
		return false; /* of nothing that we show */
	before = group_held(group);
	group->held = before + event->count;
	group->held_ns = now_boot_ns();
	return !before;
}

int64_t group_held(const struct group *group)
{
	return group->held && now_boot_ns() - group->held_ns < HELD_NS ? group->held : 0;
}

/* --- in sight ------------------------------------------------------------------------- */

static bool item_is_wanted(const struct list *list, const struct item *item)
{
	return !item->faded && (!*list->filter || item_has(item, list->filter));
}

static void item_show(struct list *list, struct item *item)
{
	struct group *group = item->group, *container = group->container;

	if (item->node.parent)
		return;
	if (!container->node.parent)
		node_link(&list->root, &container->node);
	if (!group->node.parent)
		node_link(&container->node, &group->node);
	node_link(&group->node, &item->node);
}

/* Out of the tree, with the groups that have nothing else; the cursor goes to the row below. */
static void item_hide(struct list *list, struct item *item)
{
	struct node *top = &item->node, *below, *above;

	if (!top->parent)
		return;
	while (top->parent->kind != NODE_ROOT && top->parent->n == 1)
		top = top->parent;
	below = node_next(&item->node);
	above = node_previous(top);
	for (struct node *node = &item->node, *parent, *end = top->parent; node != end;
	     node = parent) {
		parent = node->parent;
		if (list->cursor == node)
			list->cursor = below ?: above;
		node_unlink(node);
	}
}

void list_shown(struct list *list, struct item *item)
{
	if (item_is_wanted(list, item))
		item_show(list, item);
	else
		item_hide(list, item);
}

void list_filter(struct list *list, const char *text)
{
	text_copy(list->filter, sizeof(list->filter), text);
	for (struct item *item = list->over.oldest; item; item = item->newer)
		list_shown(list, item);
	for (struct item *item = list->alive.oldest; item; item = item->newer)
		list_shown(list, item);
}

uint64_t list_fade(struct list *list, uint64_t now_ns)
{
	for (; list->fading; list->fading = list->fading->newer) {
		if (list->fading->ended_ns + STAY_NS > now_ns)
			return list->fading->ended_ns + STAY_NS;
		list->fading->faded = true;
		item_hide(list, list->fading);
	}
	return 0;
}

void list_fold(struct list *list, struct node *node, bool folded)
{
	node->folded = folded;
	if (list->cursor)
		list->cursor = node_row(list->cursor);
}

/* Not a group: Enter would answer all of it. */
static struct node *first_request(struct list *list)
{
	struct node *node = node_first(&list->root);

	while (node && node->kind != NODE_ITEM)
		node = node_next(node);
	return node ?: node_first(&list->root);
}

struct node *list_cursor(struct list *list)
{
	list->cursor = list->cursor ? node_row(list->cursor) : first_request(list);
	return list->cursor;
}

void list_each_below(struct node *node, void (*fn)(struct item *item, void *user), void *user)
{
	if (node->kind == NODE_ITEM) {
		fn(node_item(node), user);
		return;
	}
	for (struct node *child = node->first, *next; child; child = next) {
		next = child->next; /* fn() may not remove it, but may end it */
		list_each_below(child, fn, user);
	}
}

/* --- what comes and goes -------------------------------------------------------------- */

static void item_remove(struct list *list, struct item *item)
{
	item_hide(list, item);
	if (list->fading == item)
		list->fading = item->newer;
	if (item->state == ITEM_OPEN)
		list->open--;
	order_remove(order_of(list, item), item);
	item_forget(list, item);
	group_put(list, item->group);
	free(item);
}

/* The oldest that is over gives way, else the oldest at all: it stays answerable by its id. */
static void list_make_room(struct list *list)
{
	if (list->over.n > OVER_MAX)
		item_remove(list, list->over.oldest);
	if (list->alive.n + list->over.n < ITEMS_MAX)
		return;
	list->dropped += !list->over.oldest;
	item_remove(list, list->over.oldest ?: list->alive.oldest);
}

void list_set(struct list *list, struct item *item, enum item_state state)
{
	bool was_over = state_is_over(item->state), is_over = state_is_over(state);
	int open = (state == ITEM_OPEN) - (item->state == ITEM_OPEN);

	if (was_over && is_over && item->state == state)
		return;
	if (list->fading == item)
		list->fading = item->newer;
	order_remove(order_of(list, item), item);
	item->state = state;
	order_add(order_of(list, item), item);
	item->unsure = item->faded = false;
	list->open += open;
	node_open(&item->node, open);
	if (is_over) {
		item->ended_ns = now_boot_ns();
		list->fading = list->fading ?: item;
	}
	list_shown(list, item);
}

static struct item *item_new(struct list *list, const struct terok_event *event)
{
	struct item *item = calloc(1, sizeof(*item));

	if (!item)
		return NULL;
	item_fill(item, event);
	item->group = group_for(list, item);
	if (!item->group) {
		free(item);
		return NULL;
	}
	list->root.kind = NODE_ROOT;
	list_make_room(list);
	item->node.kind = NODE_ITEM;
	item->node.number = ++list->numbers;
	item->node.open = 1;
	list->open++;
	order_add(&list->alive, item);
	item_enter(list, item);
	item_show(list, item);
	list_shown(list, item);
	return item;
}

/* A name may become known later, or be another's by now: then it belongs elsewhere. */
static void item_regroup(struct list *list, struct item *item)
{
	struct group *group = group_for(list, item), *old = item->group;
	bool marked = list->cursor == &item->node;

	if (!group || group == old) {
		if (group)
			group->members--;
		return;
	}
	item_hide(list, item);
	item->group = group;
	group_put(list, old);
	list_shown(list, item);
	if (marked && item->node.parent)
		list->cursor = &item->node;
}

struct item *list_told(struct list *list, const struct terok_event *event, bool *fresh)
{
	struct item *item = list_find_id(list, event->request_id);
	char dest[256], domain[256];

	*fresh = !item;
	if (strnlen(event->request_id, sizeof(item->request_id)) >= sizeof(item->request_id))
		return NULL; /* nobody could answer it by a part of its id */
	if (!item)
		return item_new(list, event);
	memcpy(dest, item->dest, sizeof(dest));
	memcpy(domain, item->domain, sizeof(domain));
	item_fill(item, event);
	if (strcmp(dest, item->dest) || strcmp(domain, item->domain)) {
		item->node.version++;
		item_regroup(list, item);
	}
	item->unsure = false;
	if (state_is_over(item->state)) {
		item->problem[0] = '\0';
		list_set(list, item, ITEM_OPEN);
	} else {
		list_shown(list, item);
	}
	return item;
}

void list_done(struct list *list)
{
	while (list->alive.oldest)
		item_remove(list, list->alive.oldest);
	while (list->over.oldest)
		item_remove(list, list->over.oldest);
}
