// SPDX-License-Identifier: Apache-2.0
/* test_clearance_list.c - tools/clearance_list.c and _tree.c: requests in groups, the cursor on them */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/event.h"
#include "base/suffix.h"
#include "tools/clearance_list.h"

static struct list list;

static int teardown(void **state)
{
	(void)state;
	list_done(&list);
	list = (struct list){};
	return 0;
}

static struct item *comes(const char *id, int64_t guard, const char *domain, const char *dest)
{
	char name[24];
	const struct terok_event event = {
		.type = "request",
		.request_id = id,
		.guard = guard,
		.container = "0123456789ab",
		.name = name,
		.dest = dest,
		.domain = domain,
		.port = 443,
		.proto = 6,
		.count = 1,
		.reason = "default",
		.hook = "",
		.said = "",
		.rule = "",
		.client = "",
		.json = "{}",
		.process = { .comm = "curl", .parent_comm = "", .exe = "", .cmdline = "" },
	};
	bool fresh;

	snprintf(name, sizeof(name), "box%d", (int)guard);
	return list_told(&list, &event, &fresh);
}

/* The rows from the top, groups by their text, requests by their id. */
static void shows(const char *want)
{
	char got[1024] = "";

	for (struct node *node = node_first(&list.root); node; node = node_next(node)) {
		const char *text = node->kind == NODE_ITEM        ? node_item(node)->request_id
				   : node->kind == NODE_CONTAINER ? node_group(node)->name
				   : node_group(node)->kind == GROUP_DOMAIN ? node_group(node)->text
				   : node_group(node)->kind == GROUP_LOCAL  ? "local"
									    : "addresses";

		snprintf(got + strlen(got), sizeof(got) - strlen(got), "%s%.*s%s", *got ? " " : "",
			 node_depth(node), "....", text);
	}
	assert_string_equal(got, want);
	/* the same upwards */
	for (struct node *node = node_last(&list.root), *below = NULL; node;
	     below = node, node = node_previous(node))
		assert_ptr_equal(node_next(node), below);
}

static void requests_are_grouped_by_container_and_registrable_domain(void **state)
{
	(void)state;
	if (!suffix_registrable("www.example.com"))
		skip();
	comes("a", 1, "api.github.com", "192.0.2.1");
	comes("b", 2, "github.com", "192.0.2.1");
	comes("c", 1, "Codeload.GitHub.com.", "192.0.2.2");
	comes("d", 1, "a.example.co.uk", "192.0.2.3");
	comes("e", 1, "b.other.co.uk", "192.0.2.4"); /* of another owner */
	shows("box1 .github.com ..a ..c .d .e box2 .b");
}

static void addresses_without_a_name_stand_together_and_private_ones_apart(void **state)
{
	(void)state;
	comes("a", 1, "", "192.0.2.1");
	comes("b", 1, "", "10.0.0.1");
	comes("c", 1, "", "2001:db8::1");
	comes("d", 1, "", "fe80::1");
	comes("e", 1, "internal.example", "169.254.169.254"); /* a name for the neighbourhood */
	shows("box1 .addresses ..a ..c .local ..b ..d ..e");
}

static void a_name_that_was_refused_is_the_name(void **state)
{
	struct item *item;

	(void)state;
	item = comes("a", 1, "", "www.example.com");
	assert_string_equal(item_name(item), "www.example.com");
	assert_string_equal(item_address(item), "");
	item = comes("b", 1, "www.example.com", "192.0.2.1");
	assert_string_equal(item_name(item), "www.example.com");
	assert_string_equal(item_address(item), "192.0.2.1");
}

static void what_is_told_again_is_the_same_request(void **state)
{
	struct item *item = comes("a", 1, "", "192.0.2.1");

	(void)state;
	comes("b", 1, "", "192.0.2.2");
	assert_ptr_equal(comes("a", 1, "", "192.0.2.1"), item);
	assert_int_equal(item->node.number, 1);
	assert_int_equal(list.open, 2);
	list_set(&list, item, ITEM_DENIED);
	assert_int_equal(list.open, 1);
	assert_int_equal(list.root.open, 1);
	/* and not an answer to it: it waits again */
	assert_ptr_equal(comes("a", 1, "", "192.0.2.1"), item);
	assert_int_equal(item->state, ITEM_OPEN);
	assert_int_equal(list.open, 2);
	shows("box1 .addresses ..a ..b");
}

static void a_name_that_is_learned_later_moves_the_request(void **state)
{
	struct item *item = comes("a", 1, "", "192.0.2.1");

	(void)state;
	comes("b", 1, "", "192.0.2.2");
	comes("c", 1, "x.example.com", "192.0.2.3");
	list.cursor = &item->node;
	comes("a", 1, "y.example.com", "192.0.2.1");
	assert_ptr_equal(list_cursor(&list), &item->node);
	shows("box1 .b .example.com ..a ..c");
}

static void what_is_over_stays_in_sight_for_a_while(void **state)
{
	struct item *a = comes("a", 1, "", "192.0.2.1"), *b = comes("b", 1, "", "192.0.2.2");

	(void)state;
	list_set(&list, a, ITEM_ALLOWED);
	shows("box1 .addresses ..a ..b");
	assert_true(list_fade(&list, a->ended_ns + STAY_NS - 1) == a->ended_ns + STAY_NS);
	shows("box1 .addresses ..a ..b");
	assert_int_equal(list_fade(&list, a->ended_ns + STAY_NS), 0);
	shows("box1 .b");
	assert_ptr_equal(list_find(&list, 1), a); /* its number is known still */
	list_set(&list, b, ITEM_GONE);
	list_fade(&list, b->ended_ns + STAY_NS);
	shows("");
	comes("a", 1, "", "192.0.2.1");
	shows("box1 .a");
}

static void the_cursor_stays_on_what_it_was_on(void **state)
{
	struct item *a = comes("a", 1, "", "192.0.2.1"), *b = comes("b", 1, "", "192.0.2.2"), *c;

	(void)state;
	list.cursor = &b->node;
	comes("d", 0, "", "192.0.2.9");
	list_set(&list, a, ITEM_GONE);
	list_fade(&list, UINT64_MAX / 2);
	assert_ptr_equal(list_cursor(&list), &b->node);
	/* and goes to the row below, else above, when that goes */
	c = comes("c", 1, "", "192.0.2.3");
	list_set(&list, b, ITEM_GONE);
	list_fade(&list, UINT64_MAX / 2);
	assert_ptr_equal(list_cursor(&list), &c->node);
	list.cursor = node_last(&list.root);
	assert_string_equal(node_item(list.cursor)->request_id, "d");
	list_set(&list, list_find_id(&list, "d"), ITEM_GONE);
	list_fade(&list, UINT64_MAX / 2);
	assert_ptr_equal(list_cursor(&list), &c->node);
	list_set(&list, c, ITEM_GONE);
	list_fade(&list, UINT64_MAX / 2);
	assert_null(list_cursor(&list));
}

static void a_filter_shows_what_has_its_text_and_nothing_else(void **state)
{
	(void)state;
	comes("a", 1, "www.example.com", "192.0.2.1");
	comes("b", 1, "www.example.org", "192.0.2.2");
	comes("c", 2, "", "192.0.2.3");
	list_filter(&list, "EXAMPLE");
	shows("box1 .a .b");
	comes("d", 2, "example.net", "192.0.2.4");
	comes("e", 2, "other.net", "192.0.2.4");
	shows("box1 .a .b box2 .d");
	assert_int_equal(list.open, 5); /* they wait all the same */
	list_filter(&list, "box2");
	shows("box2 .c .d .e");
	list_filter(&list, "curl");
	shows("box1 .a .b box2 .c .d .e");
	list_filter(&list, "none of them");
	shows("");
	list_filter(&list, "");
	shows("box1 .a .b box2 .c .d .e");
}

static void what_is_folded_has_no_rows_below_it(void **state)
{
	struct item *a = comes("a", 1, "", "192.0.2.1");

	(void)state;
	comes("b", 1, "", "192.0.2.2");
	comes("c", 2, "", "192.0.2.3");
	list.cursor = &a->node;
	list_fold(&list, a->node.parent, true);
	shows("box1 .addresses box2 .c");
	assert_ptr_equal(list_cursor(&list), a->node.parent);
	list_fold(&list, a->node.parent->parent, true);
	shows("box1 box2 .c");
	assert_ptr_equal(list_cursor(&list), &a->group->container->node);
	comes("d", 1, "", "192.0.2.4");
	shows("box1 box2 .c");
	list_fold(&list, list.cursor, false);
	list_fold(&list, a->node.parent, false);
	shows("box1 .addresses ..a ..b ..d box2 .c");
}

/* ITEMS_MAX and one more: the oldest that is over gives way, else the oldest. */
static void a_list_that_is_full_lets_the_oldest_go(void **state)
{
	char id[16];

	(void)state;
	for (unsigned i = 1; i <= ITEMS_MAX; i++) {
		snprintf(id, sizeof(id), "r%u", i);
		comes(id, 1 + i % 7, "", "192.0.2.1");
	}
	assert_int_equal(list.open, ITEMS_MAX);
	assert_non_null(list_find(&list, 1));
	list_set(&list, list_find(&list, 5), ITEM_DENIED);
	comes("next", 1, "", "192.0.2.1");
	assert_null(list_find(&list, 5));
	assert_non_null(list_find(&list, 1));
	assert_int_equal(list.dropped, 0);
	comes("last", 1, "", "192.0.2.1");
	assert_null(list_find(&list, 1));
	assert_int_equal(list.dropped, 1);
	assert_int_equal(list.open, ITEMS_MAX);
}

static void what_is_over_does_not_fill_the_list(void **state)
{
	char id[16];

	(void)state;
	for (unsigned i = 1; i <= 2 * OVER_MAX; i++) {
		snprintf(id, sizeof(id), "r%u", i);
		list_set(&list, comes(id, 1, "", "192.0.2.1"), ITEM_GONE);
	}
	assert_true(list.over.n <= OVER_MAX + 1);
	assert_int_equal(list.dropped, 0);
}

static void an_id_that_is_too_long_to_be_cited_is_no_request(void **state)
{
	char id[200];

	(void)state;
	memset(id, 'x', sizeof(id));
	id[79] = '\0';
	assert_non_null(comes(id, 1, "", "192.0.2.1"));
	id[79] = 'x';
	id[80] = '\0';
	assert_null(comes(id, 1, "", "192.0.2.1"));
}

/* Chance decides what comes, ends, is folded and looked for; the tree holds together. */
static void whatever_happens_the_rows_hold_together(void **state)
{
	static const char *const domains[] = { "", "a.example.com", "b.example.com",
					       "c.example.org" };
	static const char *const filters[] = { "", "", "example", "box3", "192.0.2.1" };
	unsigned seed = 20, open;

	(void)state;
	for (int i = 0; i < 20000; i++) {
		char id[16], dest[24];
		struct item *item;

		snprintf(id, sizeof(id), "r%d", rand_r(&seed) % 60);
		snprintf(dest, sizeof(dest), "192.0.2.%d", rand_r(&seed) % 30);
		item = list_find_id(&list, id);
		switch (rand_r(&seed) % 12) {
		case 0: list_filter(&list, filters[rand_r(&seed) % 5]); break;
		case 1:
			if (list_cursor(&list))
				list_fold(&list, list.cursor, rand_r(&seed) % 2);
			break;
		case 2: list_fade(&list, now_boot_ns() + rand_r(&seed) % 2 * STAY_NS); break;
		case 3:
		case 4:
		case 5:
			if (item)
				list_set(&list, item, rand_r(&seed) % (ITEM_GONE + 1));
			break;
		case 6:
			if (list_cursor(&list))
				list.cursor = node_next(list.cursor) ?: node_first(&list.root);
			break;
		default: comes(id, rand_r(&seed) % 5, domains[rand_r(&seed) % 4], dest);
		}
		open = 0;
		for (item = list.alive.oldest; item; item = item->newer)
			open += item->state == ITEM_OPEN;
		assert_int_equal(list.open, open);
		assert_int_equal(list_cursor(&list) != NULL, list.root.n != 0);
		open = 0;
		for (item = list.alive.oldest; item; item = item->newer)
			open += item->state == ITEM_OPEN && item->node.parent;
		assert_int_equal(list.root.open, open);
		for (struct node *node = node_last(&list.root), *below = NULL; node;
		     below = node, node = node_previous(node))
			assert_ptr_equal(node_next(node), below);
		if (list.cursor)
			assert_ptr_equal(node_row(list.cursor), list.cursor);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define list_test(t) cmocka_unit_test_teardown(t, teardown)
		list_test(requests_are_grouped_by_container_and_registrable_domain),
		list_test(addresses_without_a_name_stand_together_and_private_ones_apart),
		list_test(a_name_that_was_refused_is_the_name),
		list_test(what_is_told_again_is_the_same_request),
		list_test(a_name_that_is_learned_later_moves_the_request),
		list_test(what_is_over_stays_in_sight_for_a_while),
		list_test(the_cursor_stays_on_what_it_was_on),
		list_test(a_filter_shows_what_has_its_text_and_nothing_else),
		list_test(what_is_folded_has_no_rows_below_it),
		list_test(a_list_that_is_full_lets_the_oldest_go),
		list_test(what_is_over_does_not_fill_the_list),
		list_test(an_id_that_is_too_long_to_be_cited_is_no_request),
		list_test(whatever_happens_the_rows_hold_together),
	};

	return cmocka_run_group_tests_name("clearance/list", tests, NULL, NULL);
}
