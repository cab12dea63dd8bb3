// SPDX-License-Identifier: Apache-2.0
/*
 * clearance_draw.c - the screen, drawn to a canvas from what clearance_ui.c has
 *
 * Only what is in sight is looked at: the rows above and below the cursor. From top to bottom: a
 * bar with the views, the rows, on a screen that is high enough the details of what is marked,
 * a note or a question, a bar with the keys.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "clearance_page.h"
#include "clearance_ui.h"

#define PANE         8   /* rows of details, its line included */
#define PANE_FROM    20  /* rows of a screen that has them */
#define WIDE         64  /* columns from which on a row says who */
#define VERY_WIDE    110 /* what it runs, too */
#define WHY_WIDE     140 /* and why it was refused */
#define QUESTION_MAX 8   /* rows */
#define HELD_COLUMNS 24

/* --- the rows of requests ------------------------------------------------------------- */

static int item_paint(const struct item *item)
{
	switch (item->state) {
	case ITEM_OPEN: return *item->problem ? PAINT_ALARM : PAINT_OPEN;
	case ITEM_ANSWERED: return PAINT_PLAIN;
	case ITEM_ALLOWED: return PAINT_ALLOWED;
	case ITEM_DENIED: return PAINT_DENIED;
	case ITEM_GONE: return PAINT_FAINT;
	}
	return PAINT_PLAIN;
}

static const char *item_word(const struct item *item)
{
	if (item->state == ITEM_OPEN && *item->problem)
		return "FAILED";
	if (item->state == ITEM_OPEN)
		return item->unsure ? "open?" : "open";
	if (item->state == ITEM_ANSWERED)
		return strcmp(item->answer.action, "allow") ? "deny.." : "allow..";
	return item_state_name(item->state);
}

/* What a row says beside its target: who asks, or what became of it. */
static const char *item_aside(char *buf, size_t size, const struct item *item, bool very)
{
	const char *runs = !very ? "" : *item->cmdline ? item->cmdline : item->exe;

	if (*item->problem)
		snprintf(buf, size, "%s", item->problem);
	else if (item->state == ITEM_ALLOWED || item->state == ITEM_DENIED)
		item_answer_brief(buf, size, item);
	else if (item->state == ITEM_GONE)
		snprintf(buf, size, "waits no more");
	else if (item->pid)
		snprintf(buf, size, "%s[%" PRId64 "]  %s", item->comm, item->pid, runs);
	else
		snprintf(buf, size, "%s", item->comm);
	return buf;
}

static void draw_item(struct canvas *canvas, int y, int x, const struct item *item, int marked)
{
	bool wide = canvas->cols >= WIDE, very = canvas->cols >= VERY_WIDE;
	int paint = item_paint(item) | marked, who = canvas->cols / (very ? 3 : 4);
	int why = canvas->cols >= WHY_WIDE ? 25 : 0, ages = canvas->cols >= 30 ? 5 : 0,
	    times = wide ? 7 : 0;
	char where[TARGET_LEN], aside[256], number[32] = "", age[16];
	uint64_t since = now_boot_ns() - item->seen_ns;

	x = canvas_text(canvas, y, x, 8, paint, item_word(item));
	x = canvas_end(canvas, y, x, canvas->cols - x - (wide ? who : 0) - why - times - ages,
		       paint, item_where(where, item));
	if (wide) {
		canvas_text(canvas, y, x, 1, paint, "");
		canvas_text(canvas, y, x + 1, who - 1, paint,
			    item_aside(aside, sizeof(aside), item, very));
		x += who;
	}
	if (why) {
		canvas_text(canvas, y, x, 1, paint, "");
		canvas_text(canvas, y, x + 1, why - 1, paint,
			    *item->rule ? item->rule : item_reason(item));
		x += why;
	}
	if (wide) {
		if (item->count > 1)
			snprintf(number, sizeof(number), "%" PRId64 "x", item->count);
		x = canvas_right(canvas, y, x, times, paint, number);
	}
	canvas_right(canvas, y, x, ages, paint, age_format(age, since));
}

const char *group_label(char *buf, size_t size, const struct group *group)
{
	switch (group->kind) {
	case GROUP_CONTAINER:
		if (!strcmp(group->name, group->text) || !*group->text)
			snprintf(buf, size, "%s", group->name);
		else
			snprintf(buf, size, "%s  %.12s", group->name, group->text);
		break;
	case GROUP_DOMAIN: snprintf(buf, size, "%s", group->text); break;
	case GROUP_ADDRESSES: snprintf(buf, size, "addresses without a name"); break;
	case GROUP_LOCAL: snprintf(buf, size, "private and local addresses"); break;
	}
	return buf;
}

static void draw_group(struct canvas *canvas, int y, int x, struct node *node, int marked)
{
	int room = canvas->cols >= 30 ? 10 : 4;
	int64_t held = group_held(node_group(node));
	char label[300], count[32];

	x = canvas_text(canvas, y, x, 2, PAINT_HEAD | marked, node_is_folded(node) ? "+" : "-");
	group_label(label, sizeof(label), node_group(node));
	x = (node_group(node)->kind == GROUP_DOMAIN ? canvas_end : canvas_text)(
	    canvas, y, x, canvas->cols - x - room, PAINT_HEAD | marked, label);
	if (held && room > 4) {
		snprintf(count, sizeof(count), "%" PRId64 " more not asked ", held);
		canvas_right(canvas, y, x - HELD_COLUMNS, HELD_COLUMNS, PAINT_ALARM | marked,
			     count);
	}
	snprintf(count, sizeof(count), room > 4 ? "%u open" : "%u", node->open);
	canvas_right(canvas, y, x, room, (node->open ? PAINT_OPEN : PAINT_FAINT) | marked, count);
}

static void draw_node(struct canvas *canvas, int y, struct node *node, bool is_marked,
		      unsigned frame)
{
	int marked = is_marked ? PAINT_MARKED : 0, depth = node_depth(node);
	int x = canvas_text(canvas, y, 0, 1 + 2 * depth, marked, is_marked ? ">" : "");

	node->frame = frame;
	node->drawn = node->version;
	if (node->kind == NODE_ITEM)
		draw_item(canvas, y, x, node_item(node), marked);
	else
		draw_group(canvas, y, x, node, marked);
}

/* The uppermost row, so that the cursor stays where it is on the screen and no row is wasted. */
static struct node *requests_top(struct ui *ui, struct node *cursor, int rows)
{
	struct node *top = cursor, *node = cursor;
	int below = 0;

	while (below < rows && (node = node_next(node)))
		below++;
	if (ui->y > rows - 1)
		ui->y = rows - 1;
	if (ui->y + below < rows - 1)
		ui->y = rows - 1 - below;
	for (int y = 0; y < ui->y; y++) {
		struct node *above = node_previous(top);

		if (!above) {
			ui->y = y;
			break;
		}
		top = above;
	}
	return top;
}

static bool draw_requests(struct ui *ui, struct canvas *canvas, int from, int rows)
{
	struct list *list = &ui->session->list;
	bool fresh = !list->cursor;
	struct node *cursor = list_cursor(list), *node;

	ui->y = fresh ? rows : ui->y; /* with what is above it */
	ui->seen = (struct seen){};
	ui->seen_newest = list->numbers;
	ui->frame++;
	if (!cursor || rows <= 0) {
		if (!cursor)
			canvas_text(canvas, from, 2, canvas->cols - 2, PAINT_PLAIN,
				    *ui->filter ? "Nothing that is open has this text."
						: "Nothing waits for an answer.");
		return false;
	}
	node = requests_top(ui, cursor, rows);
	for (int y = 0; node && y < rows; y++, node = node_next(node))
		draw_node(canvas, from + y, node, node == cursor, ui->frame);
	ui->seen = (struct seen){ cursor->kind, cursor->number, cursor->drawn };
	return node;
}

/* --- the rows of grants and history ---------------------------------------------------- */

static void wall_format(char buf[static 24], int64_t wall_ns, bool wide)
{
	time_t seconds = wall_ns / (int64_t)SECOND_NS;
	struct tm tm;

	buf[0] = '\0';
	if (wall_ns && localtime_r(&seconds, &tm))
		strftime(buf, 24, wide ? "%m-%d %H:%M:%S" : "%H:%M", &tm);
}

static void draw_grant(struct canvas *canvas, int y, const struct grant *grant, int marked)
{
	bool wide = canvas->cols >= WIDE, allow = !strcmp(grant->action, "allow");
	int paint = (allow ? PAINT_ALLOWED : PAINT_DENIED) | marked;
	int who = wide ? canvas->cols / 4 : 0, x;
	char where[TARGET_LEN], left[16];

	x = canvas_text(canvas, y, 0, 1, marked, marked ? ">" : "");
	x = canvas_text(canvas, y, x, 7, paint, grant->action);
	x = canvas_end(canvas, y, x, canvas->cols - x - who - 10, paint,
		       target_format(where, grant->dest, grant->port, grant->proto));
	x = canvas_text(canvas, y, x, wide ? 1 : 0, paint, "");
	x = canvas_text(canvas, y, x, wide ? who - 1 : 0, paint, grant->name);
	canvas_right(canvas, y, x, 10, paint, grant_left(left, grant));
}

static void draw_entry(struct canvas *canvas, int y, const struct entry *entry, int marked)
{
	bool wide = canvas->cols >= WIDE, verdict = !strcmp(entry->type, "verdict");
	int paint = !verdict                          ? PAINT_PLAIN
		    : !entry->ok                      ? PAINT_ALARM
		    : !strcmp(entry->action, "allow") ? PAINT_ALLOWED
						      : PAINT_DENIED;
	int who = wide ? canvas->cols / 3 : 0, x;
	char where[TARGET_LEN], wall[24], by[300];

	wall_format(wall, entry->wall_ns, wide);
	if (!*entry->dest) /* its guard is all that it is about, and maybe why */
		snprintf(by, sizeof(by), "%s", entry->process);
	else if (entry_is_by(entry))
		snprintf(by, sizeof(by), "%s  by uid %" PRId64 " %s", entry->name, entry->uid,
			 entry->client);
	else
		snprintf(by, sizeof(by), "%s  %s", entry->name, entry->process);
	paint |= marked;
	x = canvas_text(canvas, y, 0, 1, marked, marked ? ">" : "");
	x = canvas_text(canvas, y, x, wide ? 15 : 6, paint, wall);
	x = canvas_text(canvas, y, x, wide ? 10 : 8, paint, entry_word(entry));
	x = canvas_end(canvas, y, x, canvas->cols - x - who, paint,
		       *entry->dest
			   ? target_format(where, *entry->domain ? entry->domain : entry->dest,
					   entry->port, entry->proto)
			   : entry->name);
	canvas_text(canvas, y, x, wide ? 1 : 0, paint, "");
	canvas_text(canvas, y, x + 1, who - 1, paint, by);
}

static bool draw_pick(struct ui *ui, struct canvas *canvas, int from, int rows)
{
	bool grants = ui->view == UI_GRANTS;
	struct pick *pick = grants ? &ui->grants : &ui->history;
	const char *said = grants ? ui->session->grants_said : ui->session->history_said;
	size_t top, i;

	if (!pick->n)
		canvas_text(canvas, from, 2, canvas->cols - 2, PAINT_PLAIN,
			    *said         ? said
			    : *ui->filter ? "Nothing here has this text."
			    : grants      ? "No answer holds: nothing is granted or denied."
					  : "Nothing has happened yet.");
	if (!pick->n || rows <= 0)
		return false;
	if (pick->y > rows - 1)
		pick->y = rows - 1;
	if (pick->y + (pick->n - 1 - pick->at) < (size_t)rows - 1)
		pick->y = rows - 1 - (pick->n - 1 - pick->at);
	if ((size_t)pick->y > pick->at)
		pick->y = pick->at;
	top = pick->at - pick->y;
	for (i = top; i < pick->n && i < top + rows; i++) {
		int marked = i == pick->at ? PAINT_MARKED : 0;

		if (grants)
			draw_grant(canvas, from + (i - top),
				   &ui->session->grants.grant[pick->row[i]], marked);
		else
			draw_entry(canvas, from + (i - top),
				   &ui->session->history.entry[pick->row[i]], marked);
	}
	return i < pick->n;
}

/* --- bars and questions ---------------------------------------------------------------- */

static void draw_title(const struct ui *ui, struct canvas *canvas)
{
	static const char *const names[UI_VIEWS] = { "Requests", "Grants", "History" };
	const struct unguarded *unguarded = &ui->session->unguarded;
	char text[64], alarm[64] = "";
	bool room = canvas->cols >= 40;
	int x = 0;

	canvas_text(canvas, 0, 0, canvas->cols, PAINT_BAR, "");
	for (int i = 0; i < UI_VIEWS; i++) {
		bool here = i == (int)ui->view;

		if (!room && !here)
			continue;
		if (i == UI_REQUESTS)
			snprintf(text, sizeof(text), here ? "[%d %s %u]" : " %d %s %u ", i + 1,
				 names[i], ui->session->list.open);
		else
			snprintf(text, sizeof(text), here ? "[%d %s]" : " %d %s ", i + 1, names[i]);
		x = canvas_text(canvas, 0, x, strlen(text), PAINT_BAR | (here ? PAINT_MARKED : 0),
				text);
	}
	if (!ui->session->connected)
		snprintf(alarm, sizeof(alarm), " NO HUB ");
	else if (unguarded->n > 1)
		snprintf(alarm, sizeof(alarm), " UNGUARDED: %u containers ",
			 unguarded->n + unguarded->more);
	else if (unguarded->n)
		snprintf(alarm, sizeof(alarm), " UNGUARDED: %.40s ", unguarded->one[0].name);
	else if (ui->view == UI_GRANTS && ui->session->grants.more)
		snprintf(alarm, sizeof(alarm), " there are more ");
	else if (ui->session->lost)
		snprintf(alarm, sizeof(alarm), " %" PRId64 " events missed ", ui->session->lost);
	else if (ui->session->list.dropped)
		snprintf(alarm, sizeof(alarm), " %u more, not shown ", ui->session->list.dropped);
	if (*alarm)
		canvas_right(canvas, 0, x, canvas->cols - x, PAINT_ALARM, alarm);
}

/* Words side by side, in at most @rows; @canvas NULL: only count how many rows they need. */
static int draw_words(struct canvas *canvas, int cols, int y, int rows, const char *const words[])
{
	int x = 1, row = 0;

	for (; *words; words++) {
		int n = strlen(*words);

		if (x > 1 && x + n > cols) {
			x = 1;
			if (++row == rows)
				return row;
		}
		if (canvas)
			canvas_text(canvas, y + row, x, n, PAINT_BAR, *words);
		x += n + 2;
	}
	return row + 1;
}

struct question {
	char title[400], reach[64], ports[32];
	const char *words[12];
	int rows; /* of the words; the title has one */
};

static const char *count_format(char buf[static 340], struct node *node, bool allow)
{
	char where[TARGET_LEN], label[300];

	if (node->kind == NODE_ITEM)
		snprintf(buf, 340, "%s %.250s", allow ? "Allow" : "Deny",
			 item_where(where, node_item(node)));
	else
		snprintf(buf, 340, "%s all %u of %.250s", allow ? "Allow" : "Deny", node->open,
			 group_label(label, sizeof(label), node_group(node)));
	return buf;
}

/* 0: of a hub that knows none, and hands answers to a shield. */
static int64_t node_guard(struct node *node)
{
	const struct group *group;

	if (node->kind == NODE_ITEM)
		return node_item(node)->guard;
	group = node_group(node);
	return group->container ? group->container->guard : group->guard;
}

static void question_answer(const struct ui *ui, struct question *question, int cols)
{
	struct node *node = list_cursor(&ui->session->list);
	const char *reach = "";
	char what[340] = "";
	int n = 0;

	if (!node)
		return;
	if (node->kind == NODE_ITEM)
		reach = ui_reach_name(ui, node_item(node));
	else
		reach = ui->ask.reach == UI_REACH_CHILDREN  ? "children"
			: ui->ask.reach == UI_REACH_ADDRESS ? "address"
							    : "name";
	count_format(what, node, ui->ask.allow);
	snprintf(question->title, sizeof(question->title), "%s%s%s", what,
		 strcmp(reach, "children") ? "" : " and all below it",
		 ui->ask.any_port ? ", any port" : "");
	snprintf(question->reach, sizeof(question->reach), "r reach: %s",
		 strcmp(reach, "children") ? reach : "name with children");
	snprintf(question->ports, sizeof(question->ports), "p ports: %s",
		 ui->ask.any_port ? "any" : "this one");
	if (node_guard(node)) {
		question->words[n++] = "o once";
		question->words[n++] = "m 15 minutes";
		question->words[n++] = "c until the container ends";
	}
	question->words[n++] = "f for ever";
	if (node_guard(node)) {
		question->words[n++] = question->reach;
		question->words[n++] = question->ports;
	}
	question->words[n++] = "Enter denies";
	question->words[n++] = "Esc back";
	question->rows = draw_words(NULL, cols, 0, QUESTION_MAX, question->words);
}

static void question_revoke(const struct ui *ui, struct question *question, int cols)
{
	const struct grant *grant = ui_grant(ui);
	char where[TARGET_LEN];

	if (!grant)
		return;
	snprintf(question->title, sizeof(question->title), "Revoke: %s %s for %s", grant->action,
		 target_format(where, grant->dest, grant->port, grant->proto), grant->name);
	question->words[0] = "Enter revokes";
	question->words[1] = "Esc back";
	question->rows = draw_words(NULL, cols, 0, QUESTION_MAX, question->words);
}

static void question_get(const struct ui *ui, struct question *question, int cols)
{
	static const char *const keys[UI_VIEWS][12] = {
		/* those that do not fit are left out */
		{ "Enter deny", "a allow", "d deny", "? help", "q quit", "Tab views", "/ filter",
		  "i details", "n next" },
		{ "x revoke", "? help", "q quit", "Tab views", "/ filter", "i details" },
		{ "? help", "q quit", "Tab views", "/ filter", "i details" },
	};

	*question = (struct question){};
	if (ui->mode == UI_ANSWER)
		question_answer(ui, question, cols);
	else if (ui->mode == UI_REVOKE)
		question_revoke(ui, question, cols);
	if (question->rows)
		return;
	memcpy(question->words, keys[ui->view], sizeof(keys[0]));
	question->rows = 1;
	if (ui->mode == UI_FILTER)
		snprintf(question->title, sizeof(question->title),
			 "/%s_   (Enter keeps it, Esc ends it)", ui->filter);
	else if (*ui->note)
		snprintf(question->title, sizeof(question->title), "%s", ui->note);
	else if (*ui->filter)
		snprintf(question->title, sizeof(question->title), "filter: %s   (Esc ends it)",
			 ui->filter);
}

static void draw_question(struct canvas *canvas, const struct question *question, bool more)
{
	int y = canvas->rows - question->rows;

	canvas_end(canvas, y - 1, 1, canvas->cols - 1, PAINT_HEAD, question->title);
	if (more && !*question->title)
		canvas_right(canvas, y - 1, 0, canvas->cols, PAINT_FAINT, "more below ");
	for (int row = y; row < canvas->rows; row++)
		canvas_text(canvas, row, 0, canvas->cols, PAINT_BAR, "");
	draw_words(canvas, canvas->cols, y, question->rows, question->words);
}

void ui_draw(struct ui *ui, struct canvas *canvas)
{
	bool pane = canvas->rows >= PANE_FROM, more;
	struct question question;
	int rows;

	canvas_clear(canvas);
	if (ui->mode == UI_DETAILS || ui->mode == UI_HELP) {
		ui->page = canvas->rows - 2;
		page_draw(ui, canvas);
		return;
	}
	question_get(ui, &question, canvas->cols);
	rows = canvas->rows - 2 - question.rows - (pane ? PANE : 0);
	ui->page = rows > 0 ? rows : 0;
	more = (ui->view == UI_REQUESTS ? draw_requests : draw_pick)(ui, canvas, 1, rows);
	if (pane)
		page_pane(ui, canvas, 1 + rows, PANE);
	draw_question(canvas, &question, more);
	draw_title(ui, canvas);
}
