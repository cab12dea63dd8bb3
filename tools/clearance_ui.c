// SPDX-License-Identifier: Apache-2.0
#include "clearance_ui.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

const struct scope_choice scope_choices[SCOPES] = {
	{ 'o', "once", "once", 0 },
	{ 'm', "15 minutes", "time", 900 },
	{ 'c', "until the container ends", "session", 0 },
	{ 'f', "for ever", "forever", 0 },
};

void ui_note(struct ui *ui, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(ui->note, sizeof(ui->note), fmt, args);
	va_end(args);
}

/* --- answers -------------------------------------------------------------------------- */

static bool is_seen(const struct seen *seen, const struct node *node)
{
	return node && seen->kind == node->kind && seen->number == node->number &&
	       seen->version == node->version;
}

const char *ui_reach_name(const struct ui *ui, const struct item *item)
{
	bool has_name = *item_name(item), has_address = *item_address(item);

	if (ui->ask.reach == UI_REACH_CHILDREN && has_name && !item_is_shared(item))
		return "children";
	if (ui->ask.reach == UI_REACH_ADDRESS && has_address)
		return "address";
	return has_name ? "name" : "address";
}

struct answering {
	struct ui *ui;
	const struct scope_choice *scope;
	const char *until; /* in words */
	struct answer_choice choice;
	unsigned newest, n, failed;
	int error;
	bool plain; /* as the hub has it: no scope of its own, no reach, no ports */
};

static void answer_one(struct item *item, void *user)
{
	struct answering *answering = user;
	struct answer_choice choice = answering->choice;
	int r;

	if (item->state != ITEM_OPEN || item->node.number > answering->newest)
		return;
	if (!answering->scope)
		choice.scope = item_default_scope(item);
	answering->until = answering->scope ? answering->scope->label : scope_words(choice.scope);
	if (!answering->plain && answering->ui->ask.reach != UI_REACH_DEFAULT)
		choice.reach = ui_reach_name(answering->ui, item);
	if (!answering->plain && answering->ui->ask.any_port)
		choice.ports = "any";
	r = answering->ui->actions->answer(item, &choice, answering->ui->user);
	answering->n += !r;
	answering->failed += r != 0;
	answering->error = r ?: answering->error;
}

/* The next request that waits, so that a list is worked off with one key: below, else the first. */
static void cursor_to_open(struct ui *ui)
{
	struct list *list = &ui->session->list;
	struct node *node = list_cursor(list);

	if (!node || (node->kind == NODE_ITEM && node->open))
		return;
	for (int turn = 0; turn < 2; turn++) {
		for (; node; node = node_next(node)) {
			if (!node->open || (node->kind != NODE_ITEM && !node_is_folded(node)))
				continue;
			for (struct node *n = turn ? NULL : list->cursor; n && n != node;
			     n = node_next(n))
				ui->y++;
			list->cursor = node;
			return;
		}
		node = node_first(&list->root);
	}
}

/* @scope NULL: as answers are by default. */
static void answer_node(struct ui *ui, struct node *node, bool allow,
			const struct scope_choice *scope, bool plain, unsigned newest)
{
	struct answering answering = {
		.ui = ui,
		.scope = scope,
		.choice = { .allow = allow },
		.newest = newest,
		.plain = plain,
	};

	if (scope) {
		answering.choice.scope = scope->scope;
		answering.choice.seconds = scope->seconds;
	}
	list_each_below(node, answer_one, &answering);
	if (answering.failed)
		ui_note(ui, "not sent: %s", strerror(-answering.error));
	else if (!answering.n)
		ui_note(ui, "nothing here waits for an answer");
	else if (answering.n > 1)
		ui_note(ui, "%s %u requests, %s", allow ? "allowing" : "denying", answering.n,
			answering.until);
	cursor_to_open(ui);
}

/* The node under the cursor, if it is what the person saw there. */
static struct node *answerable(struct ui *ui, const struct seen *seen)
{
	struct node *node = list_cursor(&ui->session->list);

	if (!node) {
		ui_note(ui, "nothing waits for an answer");
		return NULL;
	}
	if (!is_seen(seen, node)) {
		ui_note(ui, "not answered: it is another than it was");
		return NULL;
	}
	return node;
}

static void answer_default(struct ui *ui)
{
	struct node *node = answerable(ui, &ui->seen);

	if (node)
		answer_node(ui, node, false, NULL, true, ui->seen_newest);
}

static void ask_open(struct ui *ui, bool allow)
{
	struct node *node = answerable(ui, &ui->seen);

	if (!node)
		return;
	if (!node->open) {
		ui_note(ui, "nothing here waits for an answer");
		return;
	}
	ui->ask.allow = allow;
	ui->ask.any_port = false;
	ui->ask.reach = UI_REACH_DEFAULT;
	ui->ask.on = ui->seen;
	ui->ask.newest = ui->seen_newest;
	ui->mode = UI_ANSWER;
}

static void key_answer(struct ui *ui, int key)
{
	struct node *node;

	if (key == 'r') {
		ui->ask.reach = (ui->ask.reach + 1) % UI_REACH_MAX_;
		return;
	}
	if (key == 'p') {
		ui->ask.any_port = !ui->ask.any_port;
		return;
	}
	ui->mode = UI_LIST;
	node = answerable(ui, &ui->ask.on);
	if (!node)
		return;
	if (key == UI_KEY_ENTER) { /* denies, and nothing but what was asked */
		answer_node(ui, node, false, NULL, ui->ask.allow, ui->ask.newest);
		return;
	}
	for (int i = 0; i < SCOPES; i++) {
		if (key != scope_choices[i].key)
			continue;
		answer_node(ui, node, ui->ask.allow, &scope_choices[i], false, ui->ask.newest);
		return;
	}
	ui_note(ui, "not answered");
}

static void ask_revoke(struct ui *ui)
{
	const struct grant *grant = ui_grant(ui);

	if (ui->view != UI_GRANTS || !grant)
		return;
	text_copy(ui->revoke, sizeof(ui->revoke), grant->grant);
	ui->mode = UI_REVOKE;
}

static void key_revoke(struct ui *ui, int key)
{
	const struct grant *grant = ui_grant(ui);
	int r;

	ui->mode = UI_LIST;
	if (key != UI_KEY_ENTER && key != 'x')
		return;
	if (!grant || strcmp(grant->grant, ui->revoke)) {
		ui_note(ui, "not revoked: it has ended");
		return;
	}
	r = ui->actions->revoke(grant, ui->user);
	if (r)
		ui_note(ui, "not revoked: %s", strerror(-r));
}

/* --- moving about --------------------------------------------------------------------- */

static void move_node(struct ui *ui, int by)
{
	struct list *list = &ui->session->list;
	struct node *node = list_cursor(list), *next;

	for (; node && by; by += by > 0 ? -1 : 1) {
		next = by > 0 ? node_next(node) : node_previous(node);
		if (!next)
			break;
		ui->y += by > 0 ? 1 : -1;
		list->cursor = node = next;
	}
	ui->y = ui->y < 0 ? 0 : ui->y;
}

static void move_pick(struct ui *ui, struct pick *pick, int by)
{
	size_t at = pick->at;

	if (by < 0)
		pick->at = at > (size_t)-by ? at + by : 0;
	else
		pick->at = at + by;
	pick_bound(pick);
	pick->y += (int)(pick->at - at);
	pick->y = pick->y < 0 ? 0 : pick->y;
	ui_remember(ui);
	if (pick == &ui->history && pick->at + 1 >= pick->n)
		ui->actions->older(ui->user);
}

static void move(struct ui *ui, int by)
{
	if (ui->view == UI_REQUESTS)
		move_node(ui, by);
	else
		move_pick(ui, ui->view == UI_GRANTS ? &ui->grants : &ui->history, by);
}

static void move_end(struct ui *ui, bool last)
{
	struct list *list = &ui->session->list;

	if (ui->view != UI_REQUESTS) {
		move(ui, last ? GRANTS_MAX : -GRANTS_MAX);
		return;
	}
	list->cursor = last ? node_last(&list->root) : node_first(&list->root);
	ui->y = last ? ui->page : 0;
}

/* A person went there, and saw it before: it may be answered without another drawing. */
static void see_cursor(struct ui *ui)
{
	struct node *node = list_cursor(&ui->session->list);

	if (node && node->frame == ui->frame)
		ui->seen = (struct seen){ node->kind, node->number, node->drawn };
}

/* Left and right, as in every tree: out, and in. */
static void fold(struct ui *ui, bool folded)
{
	struct list *list = &ui->session->list;
	struct node *node = list_cursor(list), *up;

	if (ui->view != UI_REQUESTS || !node)
		return;
	if (!folded) {
		if (node_is_folded(node))
			list_fold(list, node, false);
		else if (node->first)
			move_node(ui, 1);
		return;
	}
	if (node->first && !node_is_folded(node)) {
		list_fold(list, node, true);
		return;
	}
	for (up = node->parent; up && !node_is_row(up) && up->kind != NODE_ROOT;)
		up = up->parent;
	while (up && up->kind != NODE_ROOT && list_cursor(list) != up)
		move_node(ui, -1);
}

static void fold_turn(struct ui *ui)
{
	struct node *node = list_cursor(&ui->session->list);

	if (ui->view == UI_REQUESTS && node && node->first)
		list_fold(&ui->session->list, node, !node_is_folded(node));
}

static void view_set(struct ui *ui, enum ui_view view)
{
	ui->view = view;
	ui->actions->watch(view, ui->user);
	ui_listed(ui);
}

static void filter_set(struct ui *ui)
{
	list_filter(&ui->session->list, ui->filter);
	ui_listed(ui);
}

static void key_filter(struct ui *ui, int key)
{
	size_t n = strlen(ui->filter);

	if (key == UI_KEY_ENTER) {
		ui->mode = UI_LIST;
		return;
	}
	if (key == UI_KEY_ESCAPE) {
		ui->mode = UI_LIST;
		ui->filter[0] = '\0';
	} else if (key == UI_KEY_ERASE && n) {
		ui->filter[n - 1] = '\0';
	} else if (key >= ' ' && key < 0x7f && n < sizeof(ui->filter) - 1) {
		ui->filter[n] = key;
		ui->filter[n + 1] = '\0';
	} else {
		return;
	}
	filter_set(ui);
}

static bool key_moves(struct ui *ui, int key)
{
	int page = ui->page > 1 ? ui->page - 1 : 1;

	switch (key) {
	case UI_KEY_UP:
	case 'k': move(ui, -1); return true;
	case UI_KEY_DOWN:
	case 'j': move(ui, 1); return true;
	case UI_KEY_PAGE_UP: move(ui, -page); return true;
	case UI_KEY_PAGE_DOWN: move(ui, page); return true;
	case UI_KEY_HOME:
	case 'g': move_end(ui, false); return true;
	case UI_KEY_END:
	case 'G': move_end(ui, true); return true;
	case UI_KEY_LEFT: fold(ui, true); return true;
	case UI_KEY_RIGHT: fold(ui, false); return true;
	case ' ': fold_turn(ui); return true;
	case 'n':
		if (ui->view == UI_REQUESTS) {
			move_node(ui, 1);
			cursor_to_open(ui);
		}
		return true;
	}
	return false;
}

static void key_acts(struct ui *ui, int key)
{
	bool requests = ui->view == UI_REQUESTS;

	switch (key) {
	case UI_KEY_ENTER:
	case 'x':
		if (requests)
			answer_default(ui);
		else if (key == 'x')
			ask_revoke(ui);
		break;
	case 'a':
	case 'd':
		if (requests)
			ask_open(ui, key == 'a');
		break;
	case 'i':
		ui->mode = UI_DETAILS;
		ui->scroll = 0;
		break;
	case '?':
	case 'h':
		ui->mode = UI_HELP;
		ui->scroll = 0;
		break;
	case '/': ui->mode = UI_FILTER; break;
	case '1':
	case '2':
	case '3': view_set(ui, key - '1'); break;
	case UI_KEY_TAB: view_set(ui, (ui->view + 1) % UI_VIEWS); break;
	case UI_KEY_ESCAPE:
		ui->filter[0] = '\0';
		filter_set(ui);
		break;
	case 'q': ui->actions->quit(ui->user); break;
	}
}

/* Details and help: up and down scroll, q leaves the program, all else goes back. */
static void key_page(struct ui *ui, int key)
{
	int by = key == UI_KEY_DOWN || key == 'j'        ? 1
		 : key == UI_KEY_UP || key == 'k'        ? -1
		 : key == UI_KEY_PAGE_DOWN || key == ' ' ? ui->page
		 : key == UI_KEY_PAGE_UP                 ? -ui->page
							 : 0;

	if (!by) {
		ui->mode = UI_LIST;
		if (key == 'q')
			ui->actions->quit(ui->user);
		return;
	}
	ui->scroll = ui->scroll + by > 0 ? ui->scroll + by : 0;
}

void ui_key(struct ui *ui, int key)
{
	ui->note[0] = '\0';
	switch (ui->mode) {
	case UI_ANSWER: key_answer(ui, key); break;
	case UI_REVOKE: key_revoke(ui, key); break;
	case UI_FILTER: key_filter(ui, key); break;
	case UI_DETAILS:
	case UI_HELP: key_page(ui, key); break;
	case UI_LIST:
		if (key_moves(ui, key))
			see_cursor(ui);
		else
			key_acts(ui, key);
		break;
	}
}
